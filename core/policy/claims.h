/* SPDX-License-Identifier: Apache-2.0 */
/* policy/claims.h - what an authority has said of an exchange's client: names, and values as JSON
 * text.
 *
 * Invariants   C1  every value is JSON; at most CLAIMS_MAX of different names, and names and values
 *                  of CLAIMS_BYTES_MAX in all.
 * Ownership    in the exchange's arena.
 */
#pragma once

#include "base/arena.h"

#define CLAIMS_MAX           128
#define CLAIMS_BYTES_MAX     65536
#define CLAIM_NAME_BYTES_MAX 256

struct sluice_exchange;
struct sluice_instance;

struct claim {
	struct str name, json;
};

struct exchange_claims {
	struct claim *items;
	uint32_t count, capacity;
	size_t bytes;
	/* What expressions have made of them, in the arena; NULL: nothing yet, or not of these. */
	const void *value;
};

/* The claim of that name gets the value, everything copied; an empty name: each member of `json`, an
 * object, is a claim. RC_INVALID: it breaks its contract, and nothing was taken. RC_FULL: C1 or the arena; then
 * some members may have been, if there were claims before. */
MUST_USE enum rc claims_set(struct sluice_exchange *x, struct str name, struct str json);
/* Those of an object, read once for many exchanges; on the instance's account. As claims_set. */
struct sluice_claims {
	uint32_t count;
	size_t bytes;
	struct claim items[]; /* whose texts stand behind them, in this order */
};
MUST_USE enum rc claims_prepare(
	struct sluice_instance *i, struct str json, struct sluice_claims **out);
MUST_USE enum rc claims_set_prepared(struct sluice_exchange *x, const struct sluice_claims *from);
/* Whether it was there. */
bool claims_remove(struct sluice_exchange *x, struct str name);
/* NULL: there is none. */
const struct claim *claims_find(const struct sluice_exchange *x, struct str name);
