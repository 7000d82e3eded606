/* SPDX-License-Identifier: Apache-2.0 */
#include "plan/plan_priv.h"

static bool is_list(const struct plan_node *n)
{
	return n && (n->type == PLAN_ARRAY || n->type == PLAN_OBJECT);
}

const struct plan_node *plan_get_str(const struct plan_node *object, struct str key)
{
	if (!object || object->type != PLAN_OBJECT)
		return NULL;
	for (uint32_t i = 0; i < object->u.list.count; i++)
		if (str_eq(object->u.list.items[i].key, key))
			return &object->u.list.items[i];
	return NULL;
}

const struct plan_node *plan_get(const struct plan_node *object, const char *key)
{
	return plan_get_str(object, str_of(key));
}

const struct plan_node *plan_at(const struct plan_node *list, size_t i)
{
	return i < plan_count(list) ? &list->u.list.items[i] : NULL;
}

size_t plan_count(const struct plan_node *list)
{
	return is_list(list) ? list->u.list.count : 0;
}

struct str plan_string(const struct plan_node *object, const char *key, struct str fallback)
{
	const struct plan_node *n = plan_get(object, key);
	return n && n->type == PLAN_STRING ? n->u.string : fallback;
}

/* The range is that of the doubles that int64_t holds without loss of the integer part. */
static bool is_whole(double real)
{
	return real >= -0x1p63 && real < 0x1p63 && real == (double)(int64_t)real;
}

int64_t plan_integer(const struct plan_node *object, const char *key, int64_t fallback)
{
	const struct plan_node *n = plan_get(object, key);
	if (n && n->type == PLAN_INTEGER)
		return n->u.integer;
	if (n && n->type == PLAN_REAL && is_whole(n->u.real))
		return (int64_t)n->u.real;
	return fallback;
}

double plan_number(const struct plan_node *object, const char *key, double fallback)
{
	const struct plan_node *n = plan_get(object, key);
	if (n && n->type == PLAN_REAL)
		return n->u.real;
	return n && n->type == PLAN_INTEGER ? (double)n->u.integer : fallback;
}

bool plan_bool(const struct plan_node *object, const char *key, bool fallback)
{
	const struct plan_node *n = plan_get(object, key);
	return n && n->type == PLAN_BOOL ? n->u.boolean : fallback;
}
