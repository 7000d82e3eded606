/* SPDX-License-Identifier: Apache-2.0 */
/* What a subtree means, as bytes: a type, then 8 bytes of a scalar, or a length and the bytes of a
 * string, or a count and the children; members in ascending order of their keys. */
#include "plan/plan_priv.h"

#include "base/memory.h"

#include <stdlib.h>

static void put64(struct buffer *out, uint64_t value)
{
	char bytes[8];
	plan_store64(bytes, value);
	buffer_add(out, str_n(bytes, sizeof(bytes)));
}

static void put_string(struct buffer *out, struct str s)
{
	put64(out, s.n);
	buffer_add(out, s);
}

static uint64_t scalar_of(const struct plan_node *n)
{
	uint64_t bits = 0;
	switch (n->type) {
	case PLAN_BOOL:
		return n->u.boolean;
	case PLAN_INTEGER:
		return (uint64_t)n->u.integer;
	case PLAN_REAL:
		memcpy(&bits, &n->u.real, sizeof(bits));
		return bits;
	default:
		return 0;
	}
}

static int by_key(const void *x, const void *y)
{
	const struct plan_node *const *a = x, *const *b = y;
	return str_compare((*a)->key, (*b)->key);
}

static bool is_among(struct str key, const char *const *names)
{
	for (; names && *names; names++)
		if (str_eq(key, str_of(*names)))
			return true;
	return false;
}

static void put_members(const struct plan_node *n, const char *const *without, struct buffer *out)
{
	const struct plan_node **members = heap_alloc(n->u.list.count * sizeof(*members));
	size_t count = 0;
	for (uint32_t i = 0; i < n->u.list.count; i++)
		if (!is_among(n->u.list.items[i].key, without))
			members[count++] = &n->u.list.items[i];
	qsort(members, count, sizeof(*members), by_key);
	put64(out, count);
	for (size_t i = 0; i < count; i++) {
		put_string(out, members[i]->key);
		plan_canonical(members[i], out);
	}
	free(members);
}

void plan_canonical_without(const struct plan_node *n, const char *const *names, struct buffer *out)
{
	buffer_add_char(out, (char)n->type);
	switch (n->type) {
	case PLAN_STRING:
		put_string(out, n->u.string);
		break;
	case PLAN_ARRAY:
		put64(out, n->u.list.count);
		for (uint32_t i = 0; i < n->u.list.count; i++)
			plan_canonical(&n->u.list.items[i], out);
		break;
	case PLAN_OBJECT:
		put_members(n, names, out);
		break;
	default:
		put64(out, scalar_of(n));
	}
}

void plan_canonical(const struct plan_node *n, struct buffer *out)
{
	plan_canonical_without(n, NULL, out);
}
