/* SPDX-License-Identifier: Apache-2.0 */
/* compression.h - the policies of this plugin. */
#pragma once

#include "sluice/sluice.h"

extern const struct sluice_policy compression_policy;
extern const struct sluice_policy decompression_policy;
