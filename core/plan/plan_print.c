/* SPDX-License-Identifier: Apache-2.0 */
#include "plan/plan.h"

#include <stdio.h>
#include <stdlib.h>

static void add_indent(struct buffer *out, unsigned depth)
{
	for (unsigned i = 0; i < depth; i++)
		buffer_add(out, STR("  "));
}

/* The shortest form that reads back as the same number, and as a real. */
static void add_real(struct buffer *out, double real)
{
	char text[40];
	for (int digits = 15; digits <= 17; digits++) {
		snprintf(text, sizeof(text), "%.*g", digits, real);
		if (strtod(text, NULL) == real)
			break;
	}
	buffer_add(out, str_of(text));
	if (!strpbrk(text, ".e"))
		buffer_add(out, STR(".0"));
}

struct print {
	struct buffer *out;
	plan_hides_fn *hides; /* or NULL */
	void *arg;
};

static void add_node(const struct print *p, const struct plan_node *n, unsigned depth);

static void add_list(const struct print *p, const struct plan_node *n, unsigned depth)
{
	struct buffer *out = p->out;
	bool is_object = n->type == PLAN_OBJECT;
	buffer_add_char(out, is_object ? '{' : '[');
	for (uint32_t i = 0; i < n->u.list.count; i++) {
		const struct plan_node *child = &n->u.list.items[i];
		buffer_add(out, i > 0 ? STR(",\n") : STR("\n"));
		add_indent(out, depth + 1);
		if (is_object) {
			buffer_add_json(out, child->key);
			buffer_add(out, STR(": "));
		}
		add_node(p, child, depth + 1);
	}
	if (n->u.list.count > 0) {
		buffer_add_char(out, '\n');
		add_indent(out, depth);
	}
	buffer_add_char(out, is_object ? '}' : ']');
}

static void add_node(const struct print *p, const struct plan_node *n, unsigned depth)
{
	struct buffer *out = p->out;
	if (p->hides && p->hides(p->arg, n)) {
		buffer_add(out, STR("\"<redacted>\""));
		return;
	}
	switch (n->type) {
	case PLAN_NULL:
		buffer_add(out, STR("null"));
		break;
	case PLAN_BOOL:
		buffer_add(out, n->u.boolean ? STR("true") : STR("false"));
		break;
	case PLAN_INTEGER:
		buffer_add_i64(out, n->u.integer);
		break;
	case PLAN_REAL:
		add_real(out, n->u.real);
		break;
	case PLAN_STRING:
		buffer_add_json(out, n->u.string);
		break;
	case PLAN_ARRAY:
	case PLAN_OBJECT:
		add_list(p, n, depth);
		break;
	}
}

void plan_print_json(const struct plan_node *n, plan_hides_fn *hides, void *arg, struct buffer *out)
{
	struct print p = {out, hides, arg};
	add_node(&p, n, 0);
	buffer_add_char(out, '\n');
}
