/* SPDX-License-Identifier: Apache-2.0 */
/* http/accept.h - what a client would rather have (RFC 9110 12.5.1). */
#pragma once

#include "http/message.h"

/* From 0 (not acceptable) to 1000 for "type/subtype", by the most specific range of the Accept
 * fields; 1000 when there is none. What is no range is passed over; one with parameters counts where
 * there is none without. */
unsigned accept_weight(const struct fields *f, struct str media_type);
