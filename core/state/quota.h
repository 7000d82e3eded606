/* SPDX-License-Identifier: Apache-2.0 */
/* state/quota.h - quotas of sluice/state.h as this process's memory keeps them: an account for each
 * limit, one behind the other, as bytes of an entry of a store.
 *
 * Threads      pure functions; who calls them holds the entry's lock. */
#pragma once

#include "sluice/state.h"

#include <stdbool.h>
#include <stdint.h>

/* The accounts of one key, in memory that is aligned for them. */
struct quota_accounts {
	int64_t words[SLUICE_QUOTA_LIMITS_MAX * 12];
};

/* Whether the question's limits are what sluice/state.h says. */
bool quota_is_valid(const struct sluice_question *q);
size_t quota_bytes(const struct sluice_question *q);
void quota_open(const struct sluice_question *q, struct quota_accounts *to, int64_t now_ms);
/* Fills the answer; false: a limit has less, and nothing was spent. */
bool quota_spend(const struct sluice_question *q, struct quota_accounts *accounts, int64_t now_ms,
	struct sluice_answer *a);
/* From then on they are as new ones. */
int64_t quota_end_ms(const struct sluice_question *q, const struct quota_accounts *accounts);
