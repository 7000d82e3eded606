/* SPDX-License-Identifier: Apache-2.0 */
/* The plan as JSON for `sluicectl dump`: private keys, pass phrases, passwords, and what the policies' schemas
 * mark as secret never leave the process. */
#include "process/gateway_priv.h"

#include "base/memory.h"

/* The nodes that are held back. */
struct secrets {
	const struct plan_node **nodes; /* owned */
	size_t count, capacity;
};

static void hold_back(struct secrets *s, const struct plan_node *node)
{
	if (!node)
		return;
	if (s->count == s->capacity) {
		s->capacity = s->capacity ? s->capacity * 2 : 64;
		s->nodes = heap_realloc(s->nodes, s->capacity * sizeof(struct plan_node *));
	}
	s->nodes[s->count++] = node;
}

/* The node at "a.b[0].c" below `node`; NULL when the path leads nowhere. */
static const struct plan_node *resolve(const struct plan_node *node, struct str path)
{
	while (node && path.n > 0) {
		if (path.p[0] == '[') {
			size_t end = str_index(path, ']');
			uint64_t i;
			if (str_to_u64(str_slice(path, 1, end - 1), UINT32_MAX, &i) != RC_OK)
				return NULL;
			node = plan_at(node, i);
			path = str_from(path, end + 1);
		} else {
			size_t dot = str_index(path, '.'), bracket = str_index(path, '[');
			size_t end = dot < bracket ? dot : bracket;
			node = plan_get_str(node, str_slice(path, 0, end));
			path = str_from(path, end);
		}
		if (path.n > 0 && path.p[0] == '.')
			path = str_from(path, 1);
	}
	return node;
}

/* A secret that cannot be found hides the whole configuration. */
static void hold_back_of_entry(
	struct secrets *s, const struct plan_node *config, const struct plan_node *paths)
{
	for (size_t i = 0; i < plan_count(paths); i++) {
		const struct plan_node *path = plan_at(paths, i);
		const struct plan_node *found =
			path->type == PLAN_STRING ? resolve(config, path->u.string) : NULL;
		hold_back(s, found ? found : config);
	}
}

static bool is_secret_key(struct str key)
{
	return str_eq(key, STR("key")) || str_eq(key, STR("passphrase")) ||
	       str_eq(key, STR("secretDigest")) || str_eq(key, STR("password"));
}

static void collect(struct secrets *s, const struct plan_node *node)
{
	const struct plan_node *config = plan_get(node, "config");
	if (config)
		hold_back_of_entry(s, config, plan_get(node, "secrets"));
	if (config && plan_get(node, "secrets"))
		hold_back(s, plan_get(node, "targets")); /* texts of the configuration, once more */
	for (size_t i = 0; i < plan_count(node); i++) {
		const struct plan_node *child = plan_at(node, i);
		if (child == config)
			continue; /* its "key" is a policy's own word */
		if (child->type == PLAN_STRING && is_secret_key(child->key))
			hold_back(s, child);
		collect(s, child);
	}
}

static int compare(const void *a, const void *b)
{
	uintptr_t x = (uintptr_t) * (const struct plan_node *const *)a;
	uintptr_t y = (uintptr_t) * (const struct plan_node *const *)b;
	return x < y ? -1 : x > y;
}

static bool is_held_back(void *arg, const struct plan_node *node)
{
	const struct secrets *s = arg;
	return s->count > 0 && bsearch(&node, s->nodes, s->count, sizeof(node), compare);
}

void dump_plan(const struct plan_node *root, struct buffer *out)
{
	struct secrets s = {0};
	collect(&s, root);
	if (s.count > 0)
		qsort(s.nodes, s.count, sizeof(struct plan_node *), compare);
	plan_print_json(root, is_held_back, &s, out);
	free(s.nodes);
}
