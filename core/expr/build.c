/* SPDX-License-Identifier: Apache-2.0 */
/* expr/build.c - nodes, with their types checked and constants folded.
 *
 * A node whose operands are constants is evaluated at once: what fails then would fail always, and
 * is reported where it stands. */
#include <stdlib.h>

#include "base/memory.h"
#include "base/nearest.h"
#include "expr/expr_priv.h"

/* --- making ---------------------------------------------------------------------------------- */
void node_list_add(struct expr *e, struct node ***list, uint32_t *n, struct node *added)
{
	if ((*n & (*n - 1)) == 0) {
		struct node **grown = expr_alloc(e, (*n ? *n * 2 : 1) * sizeof(*grown));
		if (*n)
			memcpy(grown, *list, *n * sizeof(*grown));
		*list = grown;
	}
	(*list)[(*n)++] = added;
}

struct node *build_node(struct builder *b, size_t offset, size_t at, eval_fn *eval)
{
	struct node *n = expr_alloc(b->expr, sizeof(*n));
	*n = (struct node){.eval = eval,
		.offset = (uint16_t)offset,
		.at = (uint16_t)at,
		.types = ANY,
		.depth = 1};
	return n;
}

bool build_check_value(struct builder *b, const struct node *n)
{
	static const char *const examples[EXPR_ROOT_COUNT] = {
		"attributes.method", "authentication.clientId", "payload", "vars.name"};
	if (n->kind == NODE_PATTERN)
		error_set(b->error, n->offset,
			"a regular expression is no value: it stands as an argument of contains, "
			"matches, replace or splitBy");
	else if (n->kind == NODE_ROOT && n->u.member.root != EXPR_PAYLOAD)
		error_set(b->error, n->offset,
			"this is no value: name one of its members, as in %s",
			examples[n->u.member.root]);
	else
		return true;
	return false;
}

bool build_add_operand(struct builder *b, struct node *n, struct node *operand)
{
	if (operand->kind != NODE_PATTERN && !build_check_value(b, operand))
		return false;
	if (operand->depth >= EXPR_DEPTH_MAX) {
		error_set(b->error, operand->offset, "more than %d operations in one another",
			EXPR_DEPTH_MAX);
		return false;
	}
	if (operand->depth >= n->depth)
		n->depth = operand->depth + 1;
	node_list_add(b->expr, &n->args, &n->count, operand);
	return true;
}

/* --- folding --------------------------------------------------------------------------------- */
static struct expr_value copy_value(struct expr *e, struct expr_value v)
{
	if (v.type == EXPR_STRING) {
		v.u.string = expr_copy(e, v.u.string);
	} else if (v.type == EXPR_ARRAY) {
		struct expr_value *items = expr_alloc(e, v.u.array.count * sizeof(*items));
		for (uint32_t i = 0; i < v.u.array.count; i++)
			items[i] = copy_value(e, v.u.array.items[i]);
		v.u.array.items = items;
	} else if (v.type == EXPR_OBJECT) {
		struct expr_member *members = expr_alloc(e, v.u.object.count * sizeof(*members));
		for (uint32_t i = 0; i < v.u.object.count; i++) {
			members[i].key = expr_copy(e, v.u.object.members[i].key);
			members[i].value = copy_value(e, v.u.object.members[i].value);
		}
		v.u.object.members = members;
	}
	return v;
}

static bool is_foldable(const struct node *n)
{
	for (uint32_t i = 0; i < n->count; i++)
		if (n->args[i]->kind != NODE_CONSTANT && n->args[i]->kind != NODE_PATTERN)
			return false;
	return true;
}

struct node *build_fold(struct builder *b, struct node *n, size_t join_bytes_max)
{
	struct expr_value value;
	struct eval v = {.arena = &b->scratch,
		.error = b->error,
		.steps = EXPR_STEPS_MAX,
		.bytes = EXPR_BYTES_MAX};
	if (!is_foldable(n))
		return n;
	bool ok = eval_node(&v, n, &value);
	bool is_kept = n->kind == NODE_JOIN && EXPR_BYTES_MAX - v.bytes > join_bytes_max;
	if (ok && !is_kept) {
		bool is_bare = n->is_bare;
		n = build_constant(b, n->offset, copy_value(b->expr, value));
		n->is_bare = is_bare;
	}
	arena_reset(&b->scratch);
	return ok ? n : NULL;
}

/* --- leaves ---------------------------------------------------------------------------------- */
struct node *build_constant(struct builder *b, size_t offset, struct expr_value value)
{
	struct node *n = build_node(b, offset, offset, eval_constant);
	n->kind = NODE_CONSTANT;
	n->types = (uint8_t)(1u << value.type);
	n->u.value = value;
	return n;
}

struct node *build_pattern(struct builder *b, size_t offset, struct str pattern)
{
	struct node *n = build_constant(b, offset, value_string(pattern));
	n->kind = NODE_PATTERN;
	n->types = PATTERN;
	return n;
}

struct node *build_root(struct builder *b, size_t offset, enum expr_root root)
{
	struct node *n = build_node(b, offset, offset, eval_payload);
	n->kind = NODE_ROOT;
	n->u.member.root = root;
	return n;
}

struct node *build_array(struct builder *b, size_t offset, struct node **items, uint32_t count)
{
	struct node *n = build_node(b, offset, offset, eval_array);
	n->types = ARR;
	for (uint32_t i = 0; i < count; i++)
		if (!build_check_value(b, items[i]) || !build_add_operand(b, n, items[i]))
			return NULL;
	return build_fold(b, n, FOLDED_JOIN_BYTES_MAX);
}

struct node *build_object(
	struct builder *b, size_t offset, struct str *keys, struct node **items, uint32_t count)
{
	struct node *n = build_node(b, offset, offset, eval_object);
	n->types = OBJ;
	n->u.keys = keys;
	for (uint32_t i = 0; i < count; i++)
		if (!build_check_value(b, items[i]) || !build_add_operand(b, n, items[i]))
			return NULL;
	return build_fold(b, n, FOLDED_JOIN_BYTES_MAX);
}

/* --- calls ----------------------------------------------------------------------------------- */
/* Where the pattern's byte `at` is in the source, as far as a string with escapes tells. */
static size_t pattern_offset(const struct builder *b, const struct node *arg, size_t at)
{
	struct str text = arg->u.value.u.string;
	bool is_verbatim = str_eq(str_slice(b->source, arg->offset + 1u, text.n), text);
	return is_verbatim ? arg->offset + 1u + at : arg->offset;
}

static bool compile_pattern(struct builder *b, struct node *call, struct node *arg)
{
	size_t at;
	struct expr *e = b->expr;
	unsigned flags = call->u.function->is_anchored ? REGEX_WHOLE : 0;
	enum rc rc = regex_new(arg->u.value.u.string, flags, &call->regex, &at, b->error->message,
		sizeof(b->error->message));
	if (rc != RC_OK) {
		b->error->offset = pattern_offset(b, arg, at);
		return false;
	}
	arg->kind = NODE_PATTERN;
	e->regexes = heap_realloc(e->regexes, (e->regex_count + 1) * sizeof(struct regex *));
	e->regexes[e->regex_count++] = call->regex;
	return true;
}

static bool check_argument(struct builder *b, struct node *call, struct node *arg, uint32_t i)
{
	const struct function *f = call->u.function;
	unsigned takes = f->takes[i];
	if (takes == PATTERN && !(arg->types & PATTERN) &&
		!(arg->kind == NODE_CONSTANT && arg->types == TEXT)) {
		error_set(b->error, arg->offset,
			"%s expects a regular expression as argument %u: /.../ or a constant "
			"string",
			f->name, i + 1);
		return false;
	}
	if (takes == PATTERN || (arg->kind == NODE_PATTERN && (takes & PATTERN)))
		return compile_pattern(b, call, arg);
	if (arg->types & takes)
		return true;
	error_set_type(b->error, arg->offset, f->name, OPERAND_ARGUMENT + i, takes, arg->types);
	return false;
}

static bool check_arity(struct builder *b, const struct function *f, size_t at, uint32_t count)
{
	if (f->arg_count == count)
		return true;
	error_set(b->error, at, "%s takes %u argument%s, found %u", f->name, f->arg_count,
		f->arg_count == 1 ? "" : "s", count);
	return false;
}

struct node *build_call(struct builder *b, size_t offset, struct str name, size_t name_at,
	struct node **args, uint32_t count)
{
	const struct function *f = function_find(name, name_at, b->error);
	if (!f || !check_arity(b, f, name_at, count))
		return NULL;
	struct node *n = build_node(b, offset, name_at, eval_call);
	n->u.function = f;
	n->types = f->gives;
	for (uint32_t i = 0; i < count; i++)
		if (!build_add_operand(b, n, args[i]) || !check_argument(b, n, args[i], i))
			return NULL;
	if (f->on_null == NULL_GIVES_NULL && !(args[0]->types & NUL))
		n->types &= (uint8_t)~NUL;
	return f->is_volatile ? n : build_fold(b, n, FOLDED_JOIN_BYTES_MAX);
}

/* --- operators ------------------------------------------------------------------------------- */
static const struct operation binaries[] = {
	{"or", eval_or, NODE_JOIN, 0, BOOL, BOOL, true},
	{"and", eval_and, NODE_JOIN, 0, BOOL, BOOL, true},
	{"==", eval_equality, NODE_PLAIN, true, ANY, BOOL, true},
	{"!=", eval_equality, NODE_PLAIN, false, ANY, BOOL, true},
	{"<", eval_comparison, NODE_PLAIN, IS_LESS, NUM | TEXT, BOOL, true},
	{"<=", eval_comparison, NODE_PLAIN, IS_LESS_OR_EQUAL, NUM | TEXT, BOOL, true},
	{">", eval_comparison, NODE_PLAIN, IS_GREATER, NUM | TEXT, BOOL, true},
	{">=", eval_comparison, NODE_PLAIN, IS_GREATER_OR_EQUAL, NUM | TEXT, BOOL, true},
	{"+", eval_arithmetic, NODE_PLAIN, '+', NUM, NUM, false},
	{"-", eval_arithmetic, NODE_PLAIN, '-', NUM, NUM, false},
	{"*", eval_arithmetic, NODE_PLAIN, '*', NUM, NUM, false},
	{"/", eval_arithmetic, NODE_PLAIN, '/', NUM, NUM, false},
	{"++", eval_concat, NODE_JOIN, 0, SCALAR | ARR | OBJ, ANY, false},
	{"--", eval_remove, NODE_PLAIN, 0, NUL | ARR | OBJ, NUL | ARR | OBJ, false},
	{"default", eval_default, NODE_PLAIN, 0, ANY, ANY, false},
};

static const struct operation unaries[] = {
	{"-", eval_negate, NODE_PLAIN, 0, NUM, NUM, false},
	{"!", eval_not, NODE_PLAIN, 0, BOOL, BOOL, false},
	{"not", eval_not, NODE_PLAIN, 0, BOOL, BOOL, true},
	{"as Number", eval_coercion, NODE_PLAIN, EXPR_NUMBER, NUL | NUM | TEXT, NUL | NUM, false},
	{"as String", eval_coercion, NODE_PLAIN, EXPR_STRING, NUL | SCALAR, NUL | TEXT, false},
	{"as Boolean", eval_coercion, NODE_PLAIN, EXPR_BOOL, NUL | BOOL | TEXT, NUL | BOOL, false},
};

static const struct operation *operation_find(
	const struct operation *from, size_t n, const char *name)
{
	for (size_t i = 0; i < n; i++)
		if (strcmp(from[i].name, name) == 0)
			return &from[i];
	return NULL;
}

struct node *build_unary(struct builder *b, size_t offset, const char *name, struct node *operand)
{
	const struct operation *o = operation_find(unaries, ARRAY_COUNT(unaries), name);
	struct node *n = build_node(b, offset, offset, o->eval);
	n->u.operation = o;
	n->is_bare = o->is_bare;
	if (!build_check_value(b, operand) || !build_add_operand(b, n, operand))
		return NULL;
	if (!(operand->types & o->takes)) {
		error_set_type(
			b->error, operand->offset, name, OPERAND_ONLY, o->takes, operand->types);
		return NULL;
	}
	n->types = o->gives;
	if (!(operand->types & NUL))
		n->types &= (uint8_t)~NUL;
	return build_fold(b, n, FOLDED_JOIN_BYTES_MAX);
}

/* What ++ makes of a value of these types. */
static unsigned joined(unsigned types)
{
	return (types & SCALAR ? TEXT : 0) | (types & (ARR | OBJ));
}

/* What has to stand on the right of an operator, given its left. */
static unsigned right_of(const struct operation *o, unsigned left)
{
	if (o->eval == eval_concat)
		return (joined(left) & TEXT ? SCALAR : 0) | (left & (ARR | OBJ));
	if (o->eval == eval_comparison)
		return left & (NUM | TEXT);
	if (o->eval == eval_remove)
		return left & NUL ? ANY : left & OBJ ? ARR | OBJ : ARR;
	return o->takes;
}

static unsigned types_of(const struct operation *o, unsigned left, unsigned right)
{
	if (o->eval == eval_concat)
		return joined(left) & joined(right);
	if (o->eval == eval_default)
		return (left & ~NUL) | right;
	return o->eval == eval_remove ? left & o->gives : o->gives;
}

static bool check_binary(struct builder *b, const struct operation *o, const struct node *left,
	const struct node *right)
{
	if (!build_check_value(b, left) || !build_check_value(b, right))
		return false;
	if (!(left->types & o->takes)) {
		error_set_type(
			b->error, left->offset, o->name, OPERAND_LEFT, o->takes, left->types);
		return false;
	}
	unsigned right_takes = right_of(o, left->types & o->takes);
	if (right->types & right_takes)
		return true;
	error_set_type(b->error, right->offset, o->name, OPERAND_RIGHT, right_takes, right->types);
	return false;
}

/* a ++ b ++ c is one node: it copies once, and does not nest. */
static struct node *extend_join(struct builder *b, struct node *join, struct node *right)
{
	join->types = (uint8_t)types_of(join->u.operation, join->types, right->types);
	join->is_bare = join->u.operation->is_bare;
	return build_add_operand(b, join, right) ? join : NULL;
}

struct node *build_binary(
	struct builder *b, size_t at, const char *name, struct node *left, struct node *right)
{
	const struct operation *o = operation_find(binaries, ARRAY_COUNT(binaries), name);
	if (!check_binary(b, o, left, right))
		return NULL;
	if (o->eval == eval_default && left->kind == NODE_CONSTANT)
		return left->types == NUL ? right : left;
	if (left->kind == NODE_JOIN && left->u.operation == o)
		return extend_join(b, left, right);
	struct node *n = build_node(b, left->offset, at, o->eval);
	n->kind = o->kind;
	n->is_bare = o->is_bare;
	n->u.operation = o;
	n->types = (uint8_t)types_of(o, left->types, right->types);
	if (!build_add_operand(b, n, left) || !build_add_operand(b, n, right))
		return NULL;
	return build_fold(b, n, FOLDED_JOIN_BYTES_MAX);
}

struct node *build_if(struct builder *b, size_t offset, struct node *parts[3])
{
	struct node *n = build_node(b, offset, offset, eval_if);
	for (size_t i = 0; i < 3; i++)
		if (!build_check_value(b, parts[i]) || !build_add_operand(b, n, parts[i]))
			return NULL;
	if (!(parts[0]->types & BOOL)) {
		error_set_type(
			b->error, parts[0]->offset, "if", OPERAND_ONLY, BOOL, parts[0]->types);
		return NULL;
	}
	if (parts[0]->kind == NODE_CONSTANT)
		return parts[parts[0]->u.value.u.boolean ? 1 : 2];
	n->types = parts[1]->types | parts[2]->types;
	return n;
}
