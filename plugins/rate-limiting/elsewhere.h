/* SPDX-License-Identifier: Apache-2.0 */
/* rate-limiting/elsewhere.h - requests that are counted in the gateway's shared storage: each by a
 * question (exact), or against slices that are taken ahead (leased).
 *
 * Ownership    part of an instance.
 * Threads      that of a request. */
#ifndef RATE_LIMITING_ELSEWHERE_H
#define RATE_LIMITING_ELSEWHERE_H

#include "fallback.h"
#include "leases.h"
#include "sluice/sluice.h"
#include "util/quota_windows.h"

struct elsewhere {
	struct quota_store store; /* no counters: every replica counts for itself */
	enum quota_unknown unknown;
	struct leases *leases; /* counted; NULL: every request asks */
	struct fallback fallback;
	enum sluice_quota_kind kind;
	size_t limit_count;                /* 0: nothing is shared */
	struct sluice_quota_limit *limits; /* owned */
};

/* `e` is zeroed. SLUICE_E_INVALID: what is wrong was told at its place. */
int32_t elsewhere_init(struct elsewhere *e, const struct sluice_call *call,
	const struct sluice_value *config, const struct limits *limits);
/* Of an instance that counts the same limits by the same keys: what it has taken ahead goes on. */
void elsewhere_continue(struct elsewhere *e, const struct elsewhere *previous);
void elsewhere_deinit(struct elsewhere *e, const struct sluice_call *call);
/* Whether questions go to other machines now. */
static inline int elsewhere_is_shared(const struct elsewhere *e)
{
	return quota_store_is_shared(&e->store);
}

/* The result of request_head. */
int32_t elsewhere_count(const struct sluice_call *call, struct sluice_exchange *x,
	struct sluice_str text, struct bucket_key key, uint64_t cost);
int32_t elsewhere_resume(const struct sluice_call *call, struct sluice_exchange *x);

#endif
