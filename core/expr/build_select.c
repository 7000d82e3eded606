/* SPDX-License-Identifier: Apache-2.0 */
/* expr/build_select.c - nodes of selectors: of roots, whose members are known, and of values. */
#include "expr/expr_priv.h"

static const char *const attribute_names[] = {"headers", "method", "queryParams", "queryString",
	"requestPath", "requestUri", "localAddress", "remoteAddress", "scheme", "version",
	"statusCode"};
static const char *const authentication_names[] = {
	"clientId", "clientName", "principal", "properties"};

static bool is_one_of(struct str name, const char *const *names, size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (str_eq(name, str_of(names[i])))
			return true;
	return false;
}

static bool check_member(struct builder *b, enum expr_root root, struct str name, size_t offset)
{
	bool is_attribute = root == EXPR_ATTRIBUTES;
	const char *const *names = is_attribute ? attribute_names : authentication_names;
	size_t count =
		is_attribute ? ARRAY_COUNT(attribute_names) : ARRAY_COUNT(authentication_names);
	if (root == EXPR_VARS || is_one_of(name, names, count))
		return true;
	error_set_unknown(b->error, offset,
		is_attribute ? "member of attributes" : "member of authentication", name, names,
		count);
	return false;
}

static uint8_t types_of_member(enum expr_root root, struct str name)
{
	if (root == EXPR_VARS || str_eq(name, STR("properties")) || str_eq(name, STR("principal")))
		return ANY;
	if (str_eq(name, STR("headers")) || str_eq(name, STR("queryParams")))
		return NUL | OBJ;
	return str_eq(name, STR("statusCode")) ? NUL | NUM : NUL | TEXT;
}

static struct node *select_member(
	struct builder *b, size_t at, const struct node *base, struct node *key)
{
	enum expr_root root = base->u.member.root;
	bool is_constant = key->kind == NODE_CONSTANT && key->types == TEXT;
	if (!is_constant && (root != EXPR_VARS || !(key->types & TEXT))) {
		error_set(b->error, key->offset,
			"expected the name of a member, as a constant string");
		return NULL;
	}
	struct node *n =
		build_node(b, base->offset, at, is_constant ? eval_member : eval_vars_named);
	n->kind = NODE_MEMBER;
	n->u.member.root = root;
	if (!is_constant)
		return build_check_value(b, key) && build_add_operand(b, n, key) ? n : NULL;
	n->u.member.name = key->u.value.u.string;
	n->types = types_of_member(root, n->u.member.name);
	return check_member(b, root, n->u.member.name, key->offset) ? n : NULL;
}

static struct str lowered(struct expr *e, struct str s)
{
	char *p = expr_alloc(e, s.n);
	for (size_t i = 0; i < s.n; i++)
		p[i] = ascii_lower(s.p[i]);
	return str_n(p, s.n);
}

/* A header or a parameter is asked for alone: the others are never made into values. */
static struct node *select_field(
	struct builder *b, size_t at, const struct node *base, struct node *key)
{
	bool is_constant = key->kind == NODE_CONSTANT;
	struct node *n =
		build_node(b, base->offset, at, is_constant ? eval_field : eval_field_named);
	n->kind = NODE_MEMBER;
	n->types = NUL | TEXT;
	n->u.member.root = EXPR_ATTRIBUTES;
	n->u.member.is_query = str_eq(base->u.member.name, STR("queryParams"));
	if (!is_constant)
		return build_check_value(b, key) && build_add_operand(b, n, key) ? n : NULL;
	struct str name = key->u.value.u.string;
	n->u.member.name = n->u.member.is_query ? name : lowered(b->expr, name);
	return n;
}

static bool has_fields(const struct node *n)
{
	return n->eval == eval_member && n->u.member.root == EXPR_ATTRIBUTES &&
	       (n->types & OBJ) != 0;
}

static bool check_select(
	struct builder *b, const struct node *base, const struct node *key, const struct node *to)
{
	unsigned takes = NUL | ARR | (to ? TEXT : OBJ);
	if (!build_check_value(b, base) || !build_check_value(b, key) ||
		(to && !build_check_value(b, to)))
		return false;
	if (!(key->types & (to ? NUM : NUM | TEXT))) {
		error_set_type(b->error, key->offset, "a selector", OPERAND_ONLY,
			to ? NUM : NUM | TEXT, key->types);
		return false;
	}
	if (to && !(to->types & NUM)) {
		error_set_type(b->error, to->offset, "a selector", OPERAND_ONLY, NUM, to->types);
		return false;
	}
	if (key->types & NUM)
		takes |= TEXT;
	if (base->types & takes)
		return true;
	error_set_type(b->error, base->offset, "a selector", OPERAND_LEFT, takes, base->types);
	return false;
}

struct node *build_select(
	struct builder *b, size_t at, struct node *base, struct node *key, struct node *to)
{
	if (base->kind == NODE_ROOT && base->u.member.root != EXPR_PAYLOAD && !to)
		return select_member(b, at, base, key);
	if (!to && has_fields(base) && (key->types & TEXT))
		return select_field(b, at, base, key);
	if (!check_select(b, base, key, to))
		return NULL;
	struct node *n = build_node(b, base->offset, at, to ? eval_range : eval_select);
	n->types = base->types == NUL ? NUL : to ? NUL | ARR | TEXT : ANY;
	if (!build_add_operand(b, n, base) || !build_add_operand(b, n, key) ||
		(to && !build_add_operand(b, n, to)))
		return NULL;
	return build_fold(b, n, FOLDED_JOIN_BYTES_MAX);
}
