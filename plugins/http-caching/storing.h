/* SPDX-License-Identifier: Apache-2.0 */
/* http-caching/storing.h - what becomes of the origin's answers: kept, used to renew what is kept, or passed by.
 *
 * Threads      the worker of the exchange.
 */
#pragma once

#include "visit.h"

/* The head has come. The verdict of the callback. */
int32_t storing_head(const struct sluice_call *call, struct sluice_exchange *x, struct visit *v);
/* An answer is stored: it goes again, if its target was changed since it was asked for. */
void storing_check(const struct sluice_call *call, const struct visit *v);
/* Whoever waits for this exchange goes on. */
void storing_land(
	const struct sluice_call *call, struct sluice_exchange *x, struct visit *v, int is_shared);
