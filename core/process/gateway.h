/* SPDX-License-Identifier: Apache-2.0 */
/* process/gateway.h - `sluice run`: a gateway, from its command line to its exit code. */
#pragma once

#include "process/options.h"

/* Serves until SIGTERM or SIGINT, then drains. 0: stopped as asked; 1: it could not start, and said
 * why on standard error. */
int gateway_run(const struct run_options *options);
