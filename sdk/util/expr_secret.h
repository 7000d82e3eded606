/* SPDX-License-Identifier: Apache-2.0 */
/* util/expr_secret.h - keeps what an expression reads out of records.
 *
 * Threads      `configure` only.
 */
#pragma once

#include "sluice/sluice.h"

/* Of the expression at `at`: the fields and query parameters that it reads by a name that is written down are secret.
 * SLUICE_E_INVALID: told. The plugin requires the service request. */
int32_t expr_secret_hide(const struct sluice_call *call, const struct sluice_value *at);
