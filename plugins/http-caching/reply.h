/* SPDX-License-Identifier: Apache-2.0 */
/* http-caching/reply.h - answers from what is stored: whole, a part, or that nothing has changed.
 *
 * Threads      the worker of the exchange.
 */
#pragma once

#include "visit.h"

/* With what is found and `kept` says of it; `status`' time to live is filled in. The verdict of the callback. */
int32_t reply_stored(const struct sluice_call *call, struct sluice_exchange *x, struct visit *v,
	const struct kept *kept, struct cache_status *status);
/* 504: only what is stored was wanted. */
int32_t reply_nothing(const struct sluice_call *call, struct sluice_exchange *x);
