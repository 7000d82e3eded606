/* SPDX-License-Identifier: Apache-2.0 */
/* process/plan_check.h - `sluice-gateway --check-plan`: what only a gateway finds in a plan, found without
 * serving it.
 *
 * Loads the plan's plugins from where composition saw them, configures every binding, makes every TLS
 * context, and opens nothing: no port, no file to write, no connection, which the compiler's fences
 * deny besides. What it finds goes back as a plan with `diagnostics`.
 *
 *   standard input    a plan, to its end
 *   standard output   a plan; or, when plugin code ends the program, '!' and whose it was; or, when
 *                     its time is over, '?' and whose. What plugins print goes to standard error.
 */
#pragma once

/* The exit code: 0 when there is an answer. */
int plan_check_run(void);
