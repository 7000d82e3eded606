/* SPDX-License-Identifier: Apache-2.0 */
#include "plan/plan_limits.h"

static const struct plan_limit_row rows[PLAN_LIMIT_COUNT] = {
#define X(id, member, fallback, name, excess) [PLAN_LIMIT_##id] = {member, fallback, name, excess},
	PLAN_CONNECTION_LIMITS(X) PLAN_API_LIMITS(X)
#undef X
};

const struct plan_limit_row *plan_limit_row(enum plan_limit id)
{
	return &rows[id];
}

int64_t plan_limit_get(const struct plan_node *limits, enum plan_limit id)
{
	return plan_integer(limits, rows[id].member, rows[id].fallback);
}
