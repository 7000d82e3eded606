/* SPDX-License-Identifier: Apache-2.0 */
/* policy/host_value.c - the configuration tree as plugins read it: plan nodes, seen from outside.
 */
#include "policy/host_priv.h"
#include "plan/plan.h"

#include <math.h>
#include <stdio.h>

_Static_assert((int)SLUICE_NULL == PLAN_NULL && (int)SLUICE_BOOL == PLAN_BOOL &&
		       (int)SLUICE_INTEGER == PLAN_INTEGER && (int)SLUICE_REAL == PLAN_REAL &&
		       (int)SLUICE_STRING == PLAN_STRING && (int)SLUICE_ARRAY == PLAN_ARRAY &&
		       (int)SLUICE_OBJECT == PLAN_OBJECT,
	"a sluice_value is a plan_node");

static const struct plan_node *node_of(const struct sluice_value *v)
{
	return (const struct plan_node *)(const void *)v;
}

static const struct sluice_value *value_of(const struct plan_node *n)
{
	return (const struct sluice_value *)(const void *)n;
}

enum sluice_value_type host_value_type(const struct sluice_value *v)
{
	return v ? (enum sluice_value_type)node_of(v)->type : SLUICE_NULL;
}

const struct sluice_value *host_value_get(const struct sluice_value *v, struct sluice_str key)
{
	return value_of(plan_get_str(node_of(v), str_in(key)));
}

const struct sluice_value *host_value_at(
	const struct sluice_value *v, size_t i, struct sluice_str *key)
{
	const struct plan_node *n = v ? plan_at(node_of(v), i) : NULL;
	if (n && key)
		*key = str_out(n->key);
	return value_of(n);
}

size_t host_value_count(const struct sluice_value *v)
{
	return v ? plan_count(node_of(v)) : 0;
}

int32_t host_value_bool(const struct sluice_value *v, int32_t fallback)
{
	return host_value_type(v) == SLUICE_BOOL ? node_of(v)->u.boolean : fallback;
}

/* A real without a fraction counts: 1e3 is how some write a thousand. */
int64_t host_value_integer(const struct sluice_value *v, int64_t fallback)
{
	if (host_value_type(v) == SLUICE_INTEGER)
		return node_of(v)->u.integer;
	if (host_value_type(v) != SLUICE_REAL)
		return fallback;
	double real = node_of(v)->u.real;
	bool fits = real >= -9007199254740992.0 && real <= 9007199254740992.0;
	return fits && floor(real) == real ? (int64_t)real : fallback;
}

double host_value_real(const struct sluice_value *v, double fallback)
{
	if (host_value_type(v) == SLUICE_REAL)
		return node_of(v)->u.real;
	return host_value_type(v) == SLUICE_INTEGER ? (double)node_of(v)->u.integer : fallback;
}

struct sluice_str host_value_string(const struct sluice_value *v, struct sluice_str fallback)
{
	return host_value_type(v) == SLUICE_STRING ? str_out(node_of(v)->u.string) : fallback;
}

/* The tree is the instance's own copy, read by nobody else while it is configured. */
int32_t host_value_wipe(struct sluice_instance *i, const struct sluice_value *v)
{
	if (!host_allows_instance(i, HOST_value_wipe))
		return host_refuse(HOST_value_wipe);
	struct str text = host_value_type(v) == SLUICE_STRING ? node_of(v)->u.string : STR_EMPTY;
	if (text.n)
		explicit_bzero((char *)(uintptr_t)text.p, text.n);
	return host_value_type(v) == SLUICE_STRING ? SLUICE_OK : SLUICE_E_INVALID;
}

/* --- errors ---------------------------------------------------------------------------------- */
/* Appends the path from `from` down to `target`; false when it does not lie there. */
static bool path_find(
	const struct plan_node *from, const struct plan_node *target, struct buffer *path)
{
	if (from == target)
		return true;
	size_t before = path->n;
	for (size_t i = 0; i < plan_count(from); i++) {
		const struct plan_node *n = plan_at(from, i);
		if (from->type == PLAN_ARRAY)
			buffer_addf(path, "[%zu]", i);
		else
			buffer_addf(path, "%s%.*s", path->n ? "." : "", STR_ARG(n->key));
		if (path_find(n, target, path))
			return true;
		path->n = before;
	}
	return false;
}

void host_config_error(
	struct sluice_instance *i, const struct sluice_value *at, struct sluice_str message)
{
	if (!host_allows_instance(i, HOST_config_error)) {
		host_refuse(HOST_config_error);
		return;
	}
	const struct plan_node *root = plan_root(i->plan);
	const struct plan_node *node = at ? node_of(at) : root;
	struct buffer text;
	buffer_init(&text, 8192);
	buffer_add(&text, str_of(i->config_path));
	if (!path_find(root, node, &text)) {
		node = root;
		buffer_reset(&text);
		buffer_add(&text, str_of(i->config_path));
	}
	buffer_add_char(&text, '\0');
	size_t message_at = text.n;
	buffer_add(&text, str_in(message));
	buffer_add_char(&text, '\0');
	i->config_errors++;
	if (!text.failed)
		diagnostics_add_for(i->diagnostics, i->subject, SEVERITY_ERROR, node->position,
			text.p, text.p + message_at);
	else
		diagnostics_add_for(i->diagnostics, i->subject, SEVERITY_ERROR, node->position,
			i->config_path, "the policy refuses its configuration");
	buffer_deinit(&text);
}
