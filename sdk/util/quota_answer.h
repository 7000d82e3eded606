/* SPDX-License-Identifier: Apache-2.0 */
/* util/quota_answer.h - what a client is told of its quota.
 *
 * Threads      pure functions of the exchange at hand.
 */
#pragma once

#include "sluice/sluice.h"

/* What the window that is nearest to its limit says. */
struct quota {
	int allowed;
	uint32_t index; /* which of the limits says it, where there are several */
	uint64_t limit;
	uint64_t remaining;
	int64_t reset_ms; /* until there is more; 0 or more */
};

/* 429 with Retry-After, to be returned by the callback. `reason` is also the word of the violation. */
int32_t quota_refuse(const struct sluice_call *call, struct sluice_exchange *x,
	const struct quota *quota, struct sluice_str reason);
/* x-ratelimit-limit, x-ratelimit-remaining and x-ratelimit-reset of the response. */
void quota_expose(
	const struct sluice_call *call, struct sluice_exchange *x, const struct quota *quota);
/* RateLimit of the response (draft-ietf-httpapi-ratelimit-headers-10): the policy is named by
 * `index`, counted from 1. RateLimit-Policy beside it is `policies`, which names them all. */
void quota_expose_fields(const struct sluice_call *call, struct sluice_exchange *x,
	const struct quota *quota, struct sluice_str policies);
