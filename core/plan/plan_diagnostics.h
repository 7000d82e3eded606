/* SPDX-License-Identifier: Apache-2.0 */
/* plan/plan_diagnostics.h - what is wrong with a configuration, as a part of its plan: the list
 * `diagnostics` of the root. */
#pragma once

#include "base/diagnostics.h"
#include "plan/plan.h"

/* Into the innermost open object. */
void plan_write_diagnostics(struct plan_writer *w, const struct diagnostics *d);
/* Adds what the plan says; everything is copied. */
void plan_read_diagnostics(const struct plan_node *root, struct diagnostics *d);
