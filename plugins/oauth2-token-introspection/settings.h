/* SPDX-License-Identifier: Apache-2.0 */
/* settings.h - the configuration of one binding; of both policies, which differ in names and defaults.
 *
 * Threads      _new and _free on the main thread; else immutable: any.
 */
#pragma once

#include "inquiry.h"

#include "sluice/cache.h"
#include "sluice/contracts.h"
#include "sluice/crypto.h"
#include "sluice/http.h"

struct settings {
	const struct sluice_crypto_service *crypto;
	const struct sluice_http_service *http;
	const struct sluice_cache_service *caches;
	const struct sluice_contracts_service *contracts;
	const struct sluice_target *server;
	struct sluice_cache *cache;  /* NULL: nothing is remembered */
	struct inquiries *inquiries; /* owned */
	struct sluice_str authorization;
	uint8_t asked
		[32]; /* digest of whom it asks, and as whom: what another said counts no more */
	uint32_t timeout_ms;
	int64_t remember_ms, remember_endless_ms; /* at most; of a token without an end */
	struct sluice_str *scopes;                /* owned */
	size_t scope_count;
	int is_any_scope; /* one of them will do */
	int tells_upstream, is_client_free, is_by_username;
	int32_t refused, remembered; /* counters */
};

int32_t settings_new(
	const struct sluice_call *call, const struct sluice_value *config, struct settings **out);
void settings_free(const struct sluice_call *call, struct settings *s);
