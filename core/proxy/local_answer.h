/* SPDX-License-Identifier: Apache-2.0 */
/* proxy/local_answer.h - the gateway's JSON error body: {"error": ..., "requestId": ...}. */
#pragma once

#include "base/arena.h"

/* `message` is ours: plain ASCII without quotes. In the arena; empty when it is spent. */
struct str local_answer_body(struct arena *arena, struct str message, struct str request_id);
