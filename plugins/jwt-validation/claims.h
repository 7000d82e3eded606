/* SPDX-License-Identifier: Apache-2.0 */
/* claims.h - what the configuration asks of claims beyond the registered ones, and which go to the upstream.
 *
 * A claim is named as it is, or by a path with points into objects; the name as it is counts first.
 *
 * Ownership    of the instance.
 * Threads      _init and _deinit on the main thread; the rest in exchange callbacks of any worker.
 */
#pragma once

#include "util/jose_value.h"

#include "sluice/expr.h"

struct claim_path {
	char *whole; /* owned */
	char *steps; /* owned: the same, with NUL in the place of each point */
	size_t step_count;
};

struct claim_rule {
	struct claim_path path;
	struct sluice_expr *expr; /* owned */
	int is_constant, is_mandatory;
};

struct claim_header {
	struct claim_path path;
	struct sluice_str name; /* of the field */
};

/* NULL: there is none. */
const struct jose_value *claim_find(const struct jose_value *claims, const struct claim_path *path);

/* Members `key` and `value` of `item`; told at its place when it cannot be. */
int32_t claim_rule_init(struct claim_rule *rule, const struct sluice_call *call,
	const struct sluice_value *item, int is_mandatory);
void claim_rule_deinit(struct claim_rule *rule, const struct sluice_call *call);
/* NULL: it holds. Else what is wrong, in a few words. The claims are the exchange's already. */
const char *claim_rule_problem(const struct claim_rule *rule, const struct sluice_call *call,
	struct sluice_exchange *x, const struct jose_value *claims);

/* Members `claim` and `header`. */
int32_t claim_header_init(struct claim_header *header, const struct sluice_call *call,
	const struct sluice_value *item);
void claim_header_deinit(struct claim_header *header, const struct sluice_call *call);
/* Takes the field out where there is no claim. SLUICE_E_INVALID: a claim that is no value of a field. */
int32_t claim_header_set(const struct claim_header *header, const struct sluice_call *call,
	struct sluice_exchange *x, const struct jose_value *claims);
