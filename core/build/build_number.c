/* SPDX-License-Identifier: Apache-2.0 */
/* Numbers of a plan. Composition has checked them, but a plan comes from a file as well: one of
 * another version, or one that somebody has changed. Cutting a number down to what fits would make
 * another port or another time of it. */
#include "build/build_priv.h"

#include <stdio.h>

int64_t build_number(struct build_numbers *n, const char *key, int64_t fallback, int64_t most)
{
	const struct plan_node *at = plan_get(n->object, key);
	int64_t value = plan_integer(n->object, key, at ? -1 : fallback);
	if (value >= 0 && value <= most)
		return value;
	if (!n->at) {
		n->at = at ? at : n->object;
		snprintf(n->message, sizeof(n->message), "%s is no number from 0 to %lld", key,
			(long long)most);
	}
	return fallback;
}

int build_ms(struct build_numbers *n, const char *key, int fallback)
{
	return (int)build_number(n, key, fallback, INT32_MAX);
}
