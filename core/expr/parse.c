/* SPDX-License-Identifier: Apache-2.0 */
/* expr/parse.c - the grammar of docs/expressions.md, from the loosest operator to the tightest.
 *
 * The order is DataWeave's, surprises included: `++`, `--`, `default` and functions between their
 * arguments bind less tightly than comparisons and `and`. Where that would give a meaning that
 * nobody expects ("a contains 'x' and b") parentheses are asked for. */
#include "expr/lexer.h"

struct parser {
	struct builder *b;
	struct lexer lex;
	unsigned depth; /* of what is in one another */
	/* Whose right operand is being read, up to the next parenthesis; NULL: none that minds. */
	const struct token *infix;
};

static struct node *parse_expression(struct parser *p);
static struct node *parse_simple(struct parser *p);

static bool enter(struct parser *p)
{
	if (++p->depth <= EXPR_DEPTH_MAX)
		return true;
	error_set(p->b->error, p->lex.token.at, "more than %d operations in one another",
		EXPR_DEPTH_MAX);
	return false;
}

/* --- literals -------------------------------------------------------------------------------- */
static struct node *parse_string(struct parser *p)
{
	struct node *n = build_constant(p->b, p->lex.token.at, value_string(p->lex.token.text));
	return lexer_next(&p->lex) ? n : NULL;
}

static struct node *parse_number(struct parser *p)
{
	struct node *n = build_constant(p->b, p->lex.token.at, value_number(p->lex.token.number));
	return lexer_next(&p->lex) ? n : NULL;
}

/* Expressions between commas, up to `close`. */
static bool parse_list(struct parser *p, const char *close, struct node ***list, uint32_t *n)
{
	while (!lexer_sees(&p->lex, close)) {
		struct node *item = parse_expression(p);
		if (!item)
			return false;
		node_list_add(p->b->expr, list, n, item);
		if (!lexer_sees(&p->lex, ","))
			break;
		if (!lexer_next(&p->lex))
			return false;
	}
	return lexer_expect(&p->lex, close);
}

static struct node *parse_array(struct parser *p)
{
	struct node **items = NULL;
	uint32_t n = 0;
	size_t at = p->lex.token.at;
	if (!lexer_next(&p->lex) || !parse_list(p, "]", &items, &n))
		return NULL;
	return build_array(p->b, at, items, n);
}

struct members {
	struct str *keys;
	struct node **items;
	uint32_t key_count, count;
};

static bool add_key(struct parser *p, struct members *m)
{
	const struct token *t = &p->lex.token;
	if (t->kind != TOKEN_NAME && t->kind != TOKEN_STRING) {
		lexer_fail(&p->lex, "a key or \"}\"");
		return false;
	}
	for (uint32_t i = 0; i < m->key_count; i++) {
		if (str_eq(m->keys[i], t->text)) {
			error_set(p->b->error, t->at, "the key stands twice in the object");
			return false;
		}
	}
	if ((m->key_count & (m->key_count - 1)) == 0) {
		size_t room = m->key_count ? m->key_count * 2 : 1;
		struct str *grown = expr_alloc(p->b->expr, room * sizeof(*grown));
		if (m->key_count)
			memcpy(grown, m->keys, m->key_count * sizeof(*grown));
		m->keys = grown;
	}
	m->keys[m->key_count++] = t->text;
	return lexer_next(&p->lex);
}

static struct node *parse_object(struct parser *p)
{
	struct members m = {0};
	size_t at = p->lex.token.at;
	if (!lexer_next(&p->lex))
		return NULL;
	while (!lexer_sees(&p->lex, "}")) {
		struct node *item = NULL;
		if (add_key(p, &m) && lexer_expect(&p->lex, ":"))
			item = parse_expression(p);
		if (!item)
			return NULL;
		node_list_add(p->b->expr, &m.items, &m.count, item);
		if (!lexer_sees(&p->lex, ","))
			break;
		if (!lexer_next(&p->lex))
			return NULL;
	}
	if (!lexer_expect(&p->lex, "}"))
		return NULL;
	return build_object(p->b, at, m.keys, m.items, m.count);
}

static struct node *parse_pattern(struct parser *p)
{
	struct str pattern;
	size_t at = p->lex.token.at;
	if (!lexer_read_pattern(&p->lex, &pattern))
		return NULL;
	return build_pattern(p->b, at, pattern);
}

/* --- names ----------------------------------------------------------------------------------- */
static struct node *parse_if(struct parser *p)
{
	struct node *parts[3];
	size_t at = p->lex.token.at;
	if (!lexer_next(&p->lex) || !lexer_expect(&p->lex, "(") ||
		!(parts[0] = parse_expression(p)) || !lexer_expect(&p->lex, ")") ||
		!(parts[1] = parse_expression(p)) || !lexer_expect(&p->lex, "else") ||
		!(parts[2] = parse_expression(p)))
		return NULL;
	return build_if(p->b, at, parts);
}

static bool fail_bare(struct parser *p, const struct token *name)
{
	error_set(p->b->error, name->at,
		"\"%.*s\" binds less tightly than comparisons, and, or, not: write parentheses",
		name->text.n > 40 ? 40 : (int)name->text.n, name->text.p);
	return false;
}

/* A right operand, in which comparisons and the like need parentheses. */
static struct node *parse_operand(struct parser *p, const struct token *name)
{
	const struct token *saved = p->infix;
	p->infix = name;
	struct node *n = parse_simple(p);
	p->infix = saved;
	return n && n->is_bare && !fail_bare(p, name) ? NULL : n;
}

/* text replace what with by */
static struct node *parse_replacement(
	struct parser *p, const struct token *name, struct node *left, struct node *right)
{
	if (!lexer_expect(&p->lex, "with"))
		return NULL;
	struct node *args[] = {left, right, parse_operand(p, name)};
	return args[2] ? build_call(p->b, left->offset, name->text, name->at, args, 3) : NULL;
}

static struct node *parse_call(struct parser *p, const struct token *name)
{
	struct node **args = NULL;
	uint32_t n = 0;
	const struct function *f = function_find(name->text, name->at, p->b->error);
	if (!f || !lexer_next(&p->lex) || !parse_list(p, ")", &args, &n))
		return NULL;
	if (n == 2 && lexer_sees(&p->lex, "with") && str_eq(name->text, STR("replace")))
		return parse_replacement(p, name, args[0], args[1]);
	return build_call(p->b, name->at, name->text, name->at, args, n);
}

static void fail_unknown_name(struct parser *p, const struct token *t)
{
	static const char *const known[] = {"attributes", "authentication", "payload", "vars",
		"true", "false", "null", "not", "if"};
	const char *source = p->b->source.p;
	if (t->at > 1 && source[t->at - 1] == '-' && source[t->at - 2] > ' ')
		error_set(p->b->error, t->at,
			"unknown name \"%.*s\"; a name with \"-\" is selected as [\"a-b\"]",
			t->text.n > 64 ? 64 : (int)t->text.n, t->text.p);
	else if (function_is_known(t->text))
		error_set(p->b->error, t->at, "expected \"(\" behind the function %.*s",
			STR_ARG(t->text));
	else
		error_set_unknown(p->b->error, t->at, "name", t->text, known, ARRAY_COUNT(known));
}

static struct node *parse_word(struct parser *p, const struct token *t)
{
	static const char *const roots[EXPR_ROOT_COUNT] = {
		"attributes", "authentication", "payload", "vars"};
	for (unsigned i = 0; i < EXPR_ROOT_COUNT; i++)
		if (str_eq(t->text, str_of(roots[i])))
			return build_root(p->b, t->at, (enum expr_root)i);
	if (str_eq(t->text, STR("null")))
		return build_constant(p->b, t->at, value_null());
	if (str_eq(t->text, STR("true")) || str_eq(t->text, STR("false")))
		return build_constant(p->b, t->at, value_bool(t->text.n == 4));
	fail_unknown_name(p, t);
	return NULL;
}

static struct node *parse_name(struct parser *p)
{
	struct token t = p->lex.token;
	if (str_eq(t.text, STR("if")))
		return parse_if(p);
	if (!lexer_next(&p->lex))
		return NULL;
	if (lexer_sees(&p->lex, "("))
		return parse_call(p, &t);
	return parse_word(p, &t);
}

/* --- primaries and selectors ----------------------------------------------------------------- */
static struct node *parse_parentheses(struct parser *p)
{
	if (!lexer_next(&p->lex))
		return NULL;
	struct node *n = parse_expression(p);
	if (!n || !lexer_expect(&p->lex, ")"))
		return NULL;
	n->is_bare = false;
	return n;
}

static struct node *parse_primary(struct parser *p)
{
	switch (p->lex.token.kind) {
	case TOKEN_STRING:
		return parse_string(p);
	case TOKEN_NUMBER:
		return parse_number(p);
	case TOKEN_NAME:
		return parse_name(p);
	default:
		break;
	}
	if (lexer_sees(&p->lex, "("))
		return parse_parentheses(p);
	if (lexer_sees(&p->lex, "["))
		return parse_array(p);
	if (lexer_sees(&p->lex, "{"))
		return parse_object(p);
	if (lexer_sees(&p->lex, "/"))
		return parse_pattern(p);
	lexer_fail(&p->lex, "a value");
	return NULL;
}

static struct node *parse_dot(struct parser *p, struct node *base, size_t at)
{
	const struct token *t = &p->lex.token;
	if (t->kind != TOKEN_NAME && t->kind != TOKEN_STRING) {
		lexer_fail(&p->lex, "the name of a member");
		return NULL;
	}
	struct node *key = parse_string(p);
	return key ? build_select(p->b, at, base, key, NULL) : NULL;
}

static struct node *parse_bracket(struct parser *p, struct node *base, size_t at)
{
	struct node *key = parse_expression(p), *to = NULL;
	if (!key)
		return NULL;
	if (lexer_sees(&p->lex, "to") && (!lexer_next(&p->lex) || !(to = parse_expression(p))))
		return NULL;
	if (!lexer_expect(&p->lex, "]"))
		return NULL;
	return build_select(p->b, at, base, key, to);
}

static struct node *parse_selectors(struct parser *p)
{
	struct node *n = parse_primary(p);
	while (n && (lexer_sees(&p->lex, ".") || lexer_sees(&p->lex, "["))) {
		bool is_dot = lexer_sees(&p->lex, ".");
		size_t at = p->lex.token.at;
		if (!lexer_next(&p->lex))
			return NULL;
		n = is_dot ? parse_dot(p, n, at) : parse_bracket(p, n, at);
	}
	return n;
}

/* --- operators ------------------------------------------------------------------------------- */
static struct node *parse_unary(struct parser *p)
{
	static const char *const names[] = {"-", "!", "not"};
	struct node *n = NULL;
	size_t at = p->lex.token.at;
	if (!enter(p))
		return NULL;
	const char *name = NULL;
	for (size_t i = 0; i < ARRAY_COUNT(names) && !name; i++)
		if (lexer_sees(&p->lex, names[i]))
			name = names[i];
	if (!name)
		n = parse_selectors(p);
	else if (lexer_next(&p->lex))
		/* `not` takes all that follows, `-` and `!` the next value. */
		n = strcmp(name, "not") == 0 ? parse_simple(p) : parse_unary(p);
	p->depth--;
	return n && name ? build_unary(p->b, at, name, n) : n;
}

/* ... as Number */
static struct node *parse_coercion(struct parser *p)
{
	static const char *const known[] = {"as Number", "as String", "as Boolean"};
	struct node *n = parse_unary(p);
	while (n && lexer_sees(&p->lex, "as")) {
		if (!lexer_next(&p->lex))
			return NULL;
		const char *name = NULL;
		for (size_t i = 0; i < ARRAY_COUNT(known) && !name; i++)
			if (lexer_sees(&p->lex, known[i] + 3))
				name = known[i];
		if (!name) {
			lexer_fail(&p->lex, "Number, String or Boolean");
			return NULL;
		}
		if (!lexer_next(&p->lex))
			return NULL;
		n = build_unary(p->b, n->offset, name, n);
	}
	return n;
}

/* From the loosest to the tightest; all of one level are read from left to right. */
#define LEVELS      6
#define BARE_LEVELS 4
static const char *const levels[LEVELS][5] = {
	{"or"},
	{"and"},
	{"==", "!="},
	{"<=", ">=", "<", ">"},
	{"+", "-"},
	{"*", "/"},
};

static const char *level_operator(const struct parser *p, unsigned level)
{
	for (size_t i = 0; levels[level][i]; i++)
		if (lexer_sees(&p->lex, levels[level][i]))
			return levels[level][i];
	return NULL;
}

static struct node *parse_level(struct parser *p, unsigned level)
{
	const char *name;
	if (level == LEVELS)
		return parse_coercion(p);
	struct node *n = parse_level(p, level + 1);
	while (n && (name = level_operator(p, level))) {
		size_t at = p->lex.token.at;
		if (level < BARE_LEVELS && p->infix && !fail_bare(p, p->infix))
			return NULL;
		if (!lexer_next(&p->lex))
			return NULL;
		struct node *right = parse_level(p, level + 1);
		n = right ? build_binary(p->b, at, name, n, right) : NULL;
	}
	return n;
}

static struct node *parse_simple(struct parser *p)
{
	return parse_level(p, 0);
}

static struct node *parse_infix(struct parser *p, struct node *left)
{
	struct token name = p->lex.token;
	bool is_default = str_eq(name.text, STR("default"));
	bool is_symbol = name.kind == TOKEN_SYMBOL;
	if (!is_default && !is_symbol && !function_find(name.text, name.at, p->b->error))
		return NULL;
	if (!lexer_next(&p->lex))
		return NULL;
	if (!is_default && left->is_bare && !fail_bare(p, &name))
		return NULL;
	struct node *right = is_default ? parse_simple(p) : parse_operand(p, &name);
	if (!right)
		return NULL;
	if (is_default)
		return build_binary(p->b, name.at, "default", left, right);
	if (is_symbol)
		return build_binary(
			p->b, name.at, name.text.p[0] == '+' ? "++" : "--", left, right);
	if (str_eq(name.text, STR("replace")))
		return parse_replacement(p, &name, left, right);
	struct node *args[] = {left, right};
	return build_call(p->b, left->offset, name.text, name.at, args, 2);
}

static bool sees_infix(const struct parser *p)
{
	const struct lexer *l = &p->lex;
	if (l->token.kind != TOKEN_NAME)
		return lexer_sees(l, "++") || lexer_sees(l, "--");
	return !lexer_sees(l, "else") && !lexer_sees(l, "to") && !lexer_sees(l, "with");
}

static struct node *parse_expression(struct parser *p)
{
	const struct token *saved = p->infix;
	p->infix = NULL;
	struct node *n = parse_simple(p);
	while (n && sees_infix(p))
		n = parse_infix(p, n);
	p->infix = saved;
	return n;
}

struct node *parse_source(struct builder *b)
{
	struct parser p = {.b = b};
	if (!lexer_init(&p.lex, b))
		return NULL;
	struct node *n = parse_expression(&p);
	if (!n || !build_check_value(b, n))
		return NULL;
	if (p.lex.token.kind == TOKEN_END)
		return n;
	lexer_fail(&p.lex, "an operator or the end");
	return NULL;
}
