/* SPDX-License-Identifier: Apache-2.0 */
/* rate-limiting-sla-based/windows.h - counting a request in all windows of a contract, or in none.
 *
 * Threads      of an exchange: its worker.
 */
#pragma once

#include "sluice/contracts.h"
#include "sluice/crypto.h"
#include "sluice/state.h"
#include "util/quota_answer.h"

#define WINDOWS_MAX 16

struct windows_store {
	const struct sluice_crypto_service *crypto;
	const struct sluice_state_service *state;
	struct sluice_state *counters; /* the instance's */
};

/* The questions of one request. */
struct windows;

/* Asks; lives as long as the exchange. SLUICE_OK, SLUICE_PENDING (then host->wait and windows_take), SLUICE_E_FULL:
 * no memory, or more than WINDOWS_MAX windows; SLUICE_E_UNAVAILABLE. */
int32_t windows_ask(const struct windows_store *store, const struct sluice_call *call,
	struct sluice_exchange *x, const struct sluice_contract *contract, struct windows **out);
/* SLUICE_OK, or why there is no answer. */
int32_t windows_take(
	const struct windows_store *store, struct sluice_exchange *x, struct windows *w);
/* Once all is answered: SLUICE_OK, and `quota` of the window that is nearest to its limit, of those that refuse the one that does longest;
 * then nothing was counted. Without windows all is allowed, and quota->limit 0. Else why it cannot be told. */
int32_t windows_judge(const struct windows_store *store, const struct sluice_call *call,
	const struct windows *w, struct quota *quota);
