/* SPDX-License-Identifier: Apache-2.0 */
/* settings.h - the configuration of one binding, read and compiled.
 *
 * Threads      _new and _free on the main thread; else immutable: any.
 */
#pragma once

#include "claims.h"
#include "keyring.h"
#include "util/client_contract.h"
#include "util/jose_claims.h"

enum key_origin { KEYS_OF_TEXT, KEYS_OF_SITES, KEYS_OF_EXPRESSION };

struct settings {
	const struct sluice_crypto_service *crypto;
	const struct sluice_expr_service *expr;
	struct sluice_expr *token, *key; /* owned; NULL: the Authorization field; another origin */
	size_t token_bytes_max, cache_entries;

	uint32_t algorithms; /* 1 << enum sluice_algorithm */
	int is_secret;       /* they are HS */
	int is_unsigned;     /* signatures are not looked at */
	enum key_origin origin;
	struct jose_keys keys; /* of text */
	struct key_site sites[KEY_SITES_MAX];
	size_t site_count;
	int64_t ttl_ms;

	struct jose_claims_rules registered;
	struct sluice_str *audiences, *issuers; /* owned */
	struct claim_rule *rules;               /* owned */
	size_t rule_count;
	struct claim_header *headers; /* owned */
	size_t header_count;
	struct client_contract client;
	int is_client_free;  /* no contract is asked for */
	int is_client_claim; /* the client's id is the claim client_id */

	int32_t refused, remembered; /* counters */
};

/* SLUICE_E_INVALID: told, each mistake at its place. */
int32_t settings_new(
	const struct sluice_call *call, const struct sluice_value *config, struct settings **out);
/* Also of one that was not read to its end. */
void settings_free(const struct sluice_call *call, struct settings *s);
