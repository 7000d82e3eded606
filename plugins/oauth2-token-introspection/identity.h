/* SPDX-License-Identifier: Apache-2.0 */
/* identity.h - what the server says of a token's client: whether it may, and who learns of it.
 *
 * Threads      exchange callbacks of any worker.
 */
#pragma once

#include "settings.h"

#include "util/jose_value.h"

/* Whether the scopes of the answer, a text with spaces or a list, are what is asked for. */
int identity_has_scopes(const struct settings *s, const struct jose_value *claims);
/* The client application's id; empty: it is not told. */
struct sluice_str identity_client(const struct settings *s, const struct jose_value *claims);
/* Later policies, expressions and the record: the principal is `sub`, else `username`. */
int32_t identity_tell(const struct sluice_call *call, struct sluice_exchange *x,
	const struct jose_value *claims, struct sluice_str answer, struct sluice_str client_id,
	struct sluice_str client_name);
/* The upstream, by fields x-agw-NAME: nothing of the client's is left of these. SLUICE_E_INVALID: no field can have what
 * the server says. */
int32_t identity_tell_upstream(
	const struct sluice_call *call, struct sluice_exchange *x, const struct jose_value *claims);
