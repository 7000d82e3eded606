/* SPDX-License-Identifier: Apache-2.0 */
/* util/authorization.h - what the Authorization field says (RFC 9110 section 11.6.2).
 *
 * Threads      pure functions of the exchange at hand.
 */
#pragma once

#include "sluice/sluice.h"

/* What stands behind `scheme` (in lower case) and its spaces in the one Authorization field: a view until
 * the request is changed, not empty. SLUICE_E_NOT_FOUND: there is no field, another scheme, or nothing behind it;
 * SLUICE_E_INVALID: there are two fields, of which another party might read the other. */
int32_t authorization_get(const struct sluice_host *host, struct sluice_exchange *x,
	struct sluice_str scheme, struct sluice_str *credentials);
