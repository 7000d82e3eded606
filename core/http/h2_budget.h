/* SPDX-License-Identifier: Apache-2.0 */
/* http/h2_budget.h - what one connection has cost beyond its requests.
 *
 * Of the lists of HTTP/2's abuses none can be told from traffic by one frame; their rates can. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

/* Tokens, refilled at a rate, in thousandths. */
struct h2_bucket {
	int64_t milli, burst_milli;
	int64_t at_ms;
	uint32_t per_second;
};

void h2_bucket_init(struct h2_bucket *b, uint32_t burst, uint32_t per_second);
/* False: it is empty. */
bool h2_bucket_take(struct h2_bucket *b, int64_t now_ms, uint32_t tokens);
/* Of 100. */
unsigned h2_bucket_used_percent(const struct h2_bucket *b);

/* Streams that ended, and those of them that were reset in their first second: the last ones, since
 * both are halved now and then. */
struct h2_share {
	uint32_t ended, premature;
	uint32_t percent_max, ended_min;
};

/* False: too many of them. */
bool h2_share_note(struct h2_share *s, bool is_premature);
