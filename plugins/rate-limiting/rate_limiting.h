/* SPDX-License-Identifier: Apache-2.0 */
/* rate-limiting/rate_limiting.h - what the policy's sources have together: an instance, and a request. */
#ifndef RATE_LIMITING_RATE_LIMITING_H
#define RATE_LIMITING_RATE_LIMITING_H

#include "elsewhere.h"

#include "sluice/expr.h"

#define KEY_BYTES 32 /* two keys of the keyed hash */

struct state {
	const struct sluice_crypto_service *crypto;
	const struct sluice_expr_service *expr;
	struct sluice_expr *selector; /* NULL: one bucket for all */
	struct sluice_expr *cost;     /* NULL: 1 */
	struct buckets *buckets;      /* counted */
	char *policies;               /* owned: RateLimit-Policy; NULL: not told */
	size_t policies_bytes;
	uint8_t hash_key[KEY_BYTES];
	struct elsewhere elsewhere;
	int32_t expose;
	int32_t report_only;
	int32_t refused, reported, undecided;
};

/* Of a request that somebody is told of, or that is counted elsewhere. */
struct visit {
	struct quota quota; /* a limit of 0: there is none to tell */
	struct sluice_str text;
	struct bucket_key key;
	uint64_t cost;
	int64_t asked_ms;
	struct quota_windows *windows;
};

/* What the client is told of it is kept, and what is over the limit is judged; the callback's result. */
int32_t request_settle(
	const struct sluice_call *call, struct sluice_exchange *x, const struct quota *quota);
/* Of what is over the limit. */
int32_t request_judge(
	const struct sluice_call *call, struct sluice_exchange *x, const struct quota *quota);

#endif
