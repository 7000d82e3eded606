/* SPDX-License-Identifier: Apache-2.0 */
/* lua-script/settings.h - a binding's configuration, and what its script has declared.
 *
 * A script's chunk runs once in `configure`, where it declares what only `configure` can make
 * (metrics), and then on each worker, where it finds that by its name.
 *
 * Ownership    on the account of the instance; texts are borrowed from the configuration.
 * Threads      written in `configure`, then only read. */
#pragma once

#include "sluice/crypto.h"
#include "sluice/expr.h"
#include "sluice/http.h"
#include "sluice/metrics.h"
#include "sluice/request.h"
#include "sluice/sluice.h"
#include "sluice/state.h"
#include "sluice/timer.h"

struct expression {
	struct sluice_str name;
	struct sluice_expr *compiled; /* owned */
};

struct named_target {
	struct sluice_str name;
	const struct sluice_target *target; /* lives until `release` */
};

/* A metric that the script has declared. */
struct declared {
	struct declared *next;
	struct sluice_metric *metric;
	char name[64];
};

struct settings {
	const struct sluice_host *host;
	const struct sluice_crypto_service *crypto;
	const struct sluice_expr_service *expr;
	const struct sluice_http_service *http; /* NULL: there is none */
	const struct sluice_metrics_service *metrics;
	const struct sluice_request_service *request;
	const struct sluice_state_service *state;
	const struct sluice_timer_service *timer;

	struct sluice_str script;
	const struct sluice_value *config;
	struct expression *expressions; /* owned */
	size_t expression_count;
	struct named_target *targets; /* owned */
	size_t target_count;
	struct sluice_state *store;
	struct declared *declared; /* owned; the newest first */
	uint64_t instructions;
	size_t memory_bytes;
	uint32_t wait_ms;
	uint32_t handlers;     /* bits of enum handler: those that the script has */
	uint8_t shows_body[2]; /* by enum sluice_side: the configuration's mode is not none */
};

/* `configure` and `release` of the policy. */
int32_t settings_new(
	const struct sluice_call *call, const struct sluice_value *config, struct settings **out);
void settings_free(const struct sluice_call *call, struct settings *s);
