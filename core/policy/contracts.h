/* SPDX-License-Identifier: Apache-2.0 */
/* policy/contracts.h - which clients have a contract with which API.
 *
 * One table for all APIs, immutable: an exchange looks its client up by API and client id. It is the
 * generation's, beside the APIs and no part of them, so that a contract that comes or goes makes no
 * instance anew, and counts at once for exchanges that are under way.
 *
 * Ownership    all of it is one block and its text; views live as long as it does.
 * Threads      made and freed on the main thread, read by all.
 */
#pragma once

#include "base/str.h"

struct plan_node;

struct contract_limit {
	int64_t requests_max;
	int64_t period_ms;
};

struct contract {
	struct str api; /* "namespace/name" */
	struct str name;
	struct str client_id, client_name;
	struct str tier_id, tier_name;
	const struct contract_limit *limits;
	size_t limit_count;
	bool has_secret;
	uint8_t secret[32]; /* crypto/secret_digest.h: of `api` and `client_id` */
};

struct contracts;

/* Of the plan's `contracts`; NULL: none. RC_INVALID: *at (which may be NULL) is no contract, or
 * another one of its client. */
MUST_USE enum rc contracts_new(
	const struct plan_node *list, struct contracts **out, const struct plan_node **at);
void contracts_free(struct contracts *c);
size_t contracts_count(const struct contracts *c);
/* NULL: none. `c` NULL has none. */
const struct contract *contracts_find(
	const struct contracts *c, struct str api, struct str client_id);
/* In a time that does not depend on the secrets; the same for a client that has no contract (NULL), or
 * one without a secret. */
bool contract_secret_matches(
	const struct contract *c, struct str api, struct str client_id, struct str secret);
