/* SPDX-License-Identifier: Apache-2.0 */
/* route/path_options.h - how an API takes paths that servers read differently (spec.paths). */
#pragma once

#include "plan/plan.h"

enum path_options {
	PATHS_KEEP_SLASH = 1, /* %2F stands; else 400 */
	PATHS_REJECT_PARAMETERS = 2,
	PATHS_STRIP_PARAMETERS = 4,
	PATHS_LOWER = 8, /* rules, policies, records and the upstream see lower case */
};

/* Of an API of the plan. */
static inline uint8_t path_options_of(const struct plan_node *api)
{
	const struct plan_node *paths = plan_get(api, "paths");
	struct str parameters = plan_string(paths, "parameters", STR_EMPTY);
	bool keeps = str_eq(plan_string(paths, "encodedSlash", STR_EMPTY), STR("keep"));
	bool lowers = str_eq(plan_string(paths, "case", STR_EMPTY), STR("lower"));
	return (keeps ? PATHS_KEEP_SLASH : 0) | (lowers ? PATHS_LOWER : 0) |
	       (str_eq(parameters, STR("reject")) ? PATHS_REJECT_PARAMETERS : 0) |
	       (str_eq(parameters, STR("strip")) ? PATHS_STRIP_PARAMETERS : 0);
}
