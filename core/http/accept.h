/* SPDX-License-Identifier: Apache-2.0 */
/* http/accept.h - what a client would rather have (RFC 9110 12.5.1). */
#pragma once

#include "http/message.h"

/* From 0 (not acceptable) to 1000 for "type/subtype", by the most specific range of the Accept
 * fields; 1000 when there is none. Parameters of a range but its weight do not count, and what is
 * no range is passed over. */
unsigned accept_weight(const struct fields *f, struct str media_type);
