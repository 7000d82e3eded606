/* SPDX-License-Identifier: Apache-2.0 */
/* util/config_complain.h - a mistake of a configuration, told where it stands.
 *
 * Threads      the one that configures.
 */
#pragma once

#include "sluice/sluice.h"

/* To be returned by `configure`, maybe behind other mistakes: SLUICE_E_INVALID. */
static inline int32_t config_complain(
	const struct sluice_call *call, const struct sluice_value *at, struct sluice_str message)
{
	call->host->config_error(call->instance, at, message);
	return SLUICE_E_INVALID;
}
