/* SPDX-License-Identifier: Apache-2.0 */
/* http-caching/invalidation.h - what is dropped: by methods that change something (RFC 9111 4.4), and on request.
 *
 * Threads      the worker of the exchange.
 */
#pragma once

#include "visit.h"

/* The answer to an unsafe method has come: its target goes, and what its Location and Content-Location name, where
 * they are of the same origin. */
void invalidate_by_answer(
	const struct sluice_call *call, struct sluice_exchange *x, struct visit *v);
/* By the field that the configuration names, if the request has it. 1: it said so. */
int invalidate_on_request(const struct sluice_call *call, const struct visit *v);
