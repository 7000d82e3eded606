/* SPDX-License-Identifier: Apache-2.0 */
/* proxy/local_answer.h - the gateway's JSON error body: {"error": ..., "requestId": ...}. */
#pragma once

#include "generation/edge.h"

/* `message` is ours: plain ASCII without quotes. In the arena; empty when it is spent. */
struct str local_answer_body(struct arena *arena, struct str message, struct str request_id);
/* The same for a head that was refused before it became a request, or in the operator's words; what
 * belongs to it goes into `fields`. */
struct str local_answer_of_refusal(const struct edge *edge, uint16_t status, const char *text,
	struct arena *arena, struct fields *fields);
