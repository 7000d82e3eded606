/* SPDX-License-Identifier: Apache-2.0 */
/* http-caching/settings.h - the configuration of one binding, and what it holds.
 *
 * Ownership    the instance's state, from configure to release; flights are counted, since exchanges of several
 *              configurations of a binding meet there.
 * Threads      read by all workers.
 */
#pragma once

#include "flights.h"

#include "sluice/cache.h"
#include "sluice/crypto.h"
#include "sluice/expr.h"
#include "sluice/timer.h"

struct settings {
	const struct sluice_cache_service *store;
	const struct sluice_expr_service *expr;
	const struct sluice_timer_service *timer;
	const struct sluice_crypto_service *crypto;
	struct sluice_cache *cache;
	struct flights *flights;                      /* counted */
	struct sluice_expr *key, *request, *response; /* NULL: as HTTP has it */
	struct sluice_str invalidation;               /* the name of a field; empty: none */
	int64_t ttl_s, stale_if_error_s;
	uint64_t entry_bytes_max;
	uint32_t wait_ms; /* for another that fetches the same */
	int heeds_fields, tells_status;
	int32_t hits, validated, stale, waited, invalidated; /* counters */
};

/* SLUICE_OK, or why not, told to the host. What was taken is let go of by settings_free in either case. */
int32_t settings_init(struct settings *s, const struct settings *previous,
	const struct sluice_call *call, const struct sluice_value *config);
void settings_free(struct settings *s, const struct sluice_call *call);
