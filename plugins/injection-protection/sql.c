/* SPDX-License-Identifier: Apache-2.0 */
#include "sql.h"

#include "sql_view.h"

/* --- statements ------------------------------------------------------------------------------ */
/* Whether what follows SELECT is a list of columns, and no prose. */
static int is_select_list(const struct view *v, size_t i)
{
	while (is_keyword(v, i, WORD_DISTINCT) || is_keyword(v, i, WORD_ALL) ||
		is_kind(v, i, TOKEN_LEFT))
		i++;
	const struct token *t = peek(v, i), *next = peek(v, i + 1);
	if (t->kind == TOKEN_VARIABLE || (t->kind == TOKEN_OPERATOR && t->text.p[0] == '*'))
		return 1;
	if (t->kind == TOKEN_WORD &&
		(t->is_function || t->word == WORD_CASE || t->word == WORD_SELECT))
		return 1;
	if (!is_literal(t) && t->kind != TOKEN_WORD)
		return 0;
	if (is_plain_word(t) && (next->kind == TOKEN_END || next->kind == TOKEN_RIGHT))
		return 0;
	return t->word == WORD_NULL || next->kind == TOKEN_COMMA || is_over(next) ||
	       next->kind == TOKEN_DOT || next->kind == TOKEN_OPERATOR ||
	       next->kind == TOKEN_OPEN || is_keyword(v, i + 1, WORD_FROM);
}

static const char *find_union(const struct view *v)
{
	size_t i = 1;
	if (!is_keyword(v, 0, WORD_UNION))
		return NULL;
	while (is_keyword(v, i, WORD_ALL) || is_keyword(v, i, WORD_DISTINCT) ||
		is_kind(v, i, TOKEN_LEFT))
		i++;
	return is_keyword(v, i, WORD_SELECT) && (is_behind_number(v) || is_select_list(v, i + 1))
		       ? "union"
		       : NULL;
}

static int has_from(const struct view *v, size_t i)
{
	for (; i < AHEAD && !is_kind(v, i, TOKEN_END) && !is_kind(v, i, TOKEN_SEMICOLON); i++)
		if (is_keyword(v, i, WORD_FROM))
			return is_kind(v, i + 1, TOKEN_WORD) || is_kind(v, i + 1, TOKEN_LEFT);
	return 0;
}

/* *, count(...), @@version: what prose does not select. */
static int selects_what_prose_does_not(const struct view *v, size_t i)
{
	const struct token *t = peek(v, i);
	return t->kind == TOKEN_VARIABLE || (t->kind == TOKEN_OPERATOR && t->text.p[0] == '*') ||
	       (t->kind == TOKEN_WORD && t->is_function && is_sql_function(t->text));
}

static int expects_value(const struct token *t)
{
	if (t->kind == TOKEN_WORD)
		return is_logical(t) || t->word == WORD_NOT || t->word == WORD_IN ||
		       t->word == WORD_EXISTS || t->word == WORD_LIKE || t->word == WORD_BETWEEN ||
		       t->word == WORD_SELECT || t->word == WORD_VALUES || t->word == WORD_FROM;
	return t->kind == TOKEN_COMPARE || t->kind == TOKEN_OPERATOR;
}

/* (SELECT ... FROM ...) where a value is expected, or of what prose does not select. */
static const char *find_subquery(const struct view *v)
{
	size_t i = 1;
	if (!is_kind(v, 0, TOKEN_LEFT))
		return NULL;
	while (is_kind(v, i, TOKEN_LEFT))
		i++;
	if (!is_keyword(v, i, WORD_SELECT))
		return NULL;
	if (selects_what_prose_does_not(v, i + 1) ||
		(is_kind(v, i + 1, TOKEN_LEFT) && has_from(v, i + 2)))
		return "subquery";
	int is_expected =
		expects_value(&v->before) || (v->is_numeric && v->before.kind == TOKEN_COMMA);
	return is_expected && (has_from(v, i + 1) || is_literal(peek(v, i + 1))) ? "subquery"
										 : NULL;
}

/* A whole query as a value. */
static const char *find_query(const struct view *v)
{
	if (!v->is_first || !is_keyword(v, 0, WORD_SELECT))
		return NULL;
	return selects_what_prose_does_not(v, 1) && has_from(v, 2) ? "query" : NULL;
}

/* Whether the name of a table at i ends as it does in a statement, and not as in a sentence. */
static int is_table(const struct view *v, size_t i)
{
	if (!is_kind(v, i, TOKEN_WORD))
		return 0;
	i = skip_name(v, i);
	const struct token *t = peek(v, i);
	return is_over(t) || t->kind == TOKEN_COMMA || t->kind == TOKEN_OPEN ||
	       t->kind == TOKEN_LEFT || is_keyword(v, i, WORD_WHERE) ||
	       is_keyword(v, i, WORD_SET) || is_keyword(v, i, WORD_VALUES) ||
	       is_keyword(v, i, WORD_SELECT);
}

static int is_text(const struct view *v, size_t i, const char *word)
{
	struct sluice_str text = peek(v, i)->text;
	if (!is_kind(v, i, TOKEN_WORD) || text.n != strlen(word))
		return 0;
	for (size_t k = 0; k < text.n; k++)
		if ((text.p[k] | 0x20) != word[k])
			return 0;
	return 1;
}

/* call a(), and not: call me (please) */
static int is_call(const struct view *v, size_t i)
{
	if (!is_text(v, i, "call") || !is_plain_word(peek(v, i + 1)))
		return 0;
	size_t end = skip_name(v, i + 1);
	const struct token *name = peek(v, end - 1), *left = peek(v, end);
	return left->kind == TOKEN_LEFT && left->text.p == name->text.p + name->text.n;
}

/* ;drop schema a, ;truncate a, ;copy a from program 'x', ;call a(): statements that read like prose
 * elsewhere. */
static int is_bare_statement(const struct view *v)
{
	static const char *const objects[] = {"schema", "index", "function", "procedure", "trigger",
		"role", "sequence", "login", "type", "extension"};
	switch (peek(v, 1)->word) {
	case WORD_DROP:
	case WORD_ALTER:
	case WORD_CREATE:
		for (size_t i = 0; i < sizeof(objects) / sizeof(objects[0]); i++)
			if (is_text(v, 2, objects[i]) && is_kind(v, 3, TOKEN_WORD))
				return 1;
		return is_keyword(v, 2, WORD_TABLE) || is_keyword(v, 2, WORD_DATABASE);
	case WORD_TRUNCATE:
		return is_table(v, 2);
	case WORD_PLAIN:
		if (is_text(v, 1, "copy"))
			return is_kind(v, 2, TOKEN_WORD) &&
			       (is_keyword(v, 3, WORD_FROM) || is_text(v, 3, "to"));
		return is_call(v, 1);
	default:
		return 0;
	}
}

static const char *find_stacked(const struct view *v)
{
	if (!is_kind(v, 0, TOKEN_SEMICOLON) || !is_kind(v, 1, TOKEN_WORD))
		return NULL;
	int is_statement = 0;
	switch (peek(v, 1)->word) {
	case WORD_DROP:
	case WORD_ALTER:
	case WORD_CREATE:
	case WORD_TRUNCATE:
		is_statement =
			(is_keyword(v, 2, WORD_TABLE) || is_keyword(v, 2, WORD_DATABASE) ||
				is_keyword(v, 2, WORD_USER) || is_keyword(v, 2, WORD_VIEW)) &&
			is_kind(v, 3, TOKEN_WORD);
		break;
	case WORD_DELETE:
		is_statement = is_keyword(v, 2, WORD_FROM) && is_table(v, 3);
		break;
	case WORD_INSERT:
		is_statement = is_keyword(v, 2, WORD_INTO) && is_table(v, 3);
		break;
	case WORD_UPDATE:
		is_statement =
			is_kind(v, 2, TOKEN_WORD) && is_keyword(v, skip_name(v, 2), WORD_SET);
		break;
	case WORD_SELECT:
		is_statement = is_select_list(v, 2) && !is_plain_word(peek(v, 2));
		break;
	case WORD_EXEC:
	case WORD_EXECUTE:
		is_statement = is_kind(v, 2, TOKEN_LEFT) || is_kind(v, 2, TOKEN_VARIABLE) ||
			       peek(v, 2)->word != WORD_PLAIN || is_kind(v, 3, TOKEN_DOT);
		break;
	case WORD_DECLARE:
		is_statement = is_kind(v, 2, TOKEN_VARIABLE);
		break;
	case WORD_SHUTDOWN:
		is_statement = is_over(peek(v, 2));
		break;
	case WORD_GRANT:
		is_statement = is_keyword(v, 2, WORD_ALL) || is_keyword(v, 2, WORD_SELECT);
		break;
	default:
		break;
	}
	int may_follow = is_behind_number(v) || (v->quote && v->is_first);
	return is_statement || (may_follow && is_bare_statement(v)) ? "statement" : NULL;
}

/* --- functions that nobody calls in a value -------------------------------------------------- */
static const char *find_function(const struct view *v)
{
	const struct token *t = peek(v, 0);
	if (t->kind == TOKEN_VERSIONED)
		return "comment";
	if (t->kind != TOKEN_WORD || t->word == WORD_PLAIN)
		return NULL;
	int is_called = t->is_function && !is_plain_word(&v->before);
	switch (t->word) {
	case WORD_SLEEP:
	case WORD_PG_SLEEP:
		return is_called && is_literal(peek(v, 2)) && is_kind(v, 3, TOKEN_RIGHT)
			       ? "function"
			       : NULL;
	case WORD_BENCHMARK:
		return is_called && is_kind(v, 2, TOKEN_NUMBER) && is_kind(v, 3, TOKEN_COMMA)
			       ? "function"
			       : NULL;
	case WORD_LOAD_FILE:
	case WORD_EXTRACTVALUE:
	case WORD_UPDATEXML:
	case WORD_OPENROWSET:
		return is_called ? "function" : NULL;
	case WORD_UTL_HTTP:
	case WORD_UTL_INADDR:
	case WORD_DBMS_PIPE:
	case WORD_DBMS_LOCK:
		return is_kind(v, 1, TOKEN_DOT) && peek(v, 2)->is_function ? "function" : NULL;
	case WORD_XP_CMDSHELL:
	case WORD_XP_DIRTREE:
	case WORD_XP_REGREAD:
	case WORD_SP_EXECUTESQL:
	case WORD_SP_OACREATE:
		return is_plain_word(&v->before) ? NULL : "function";
	case WORD_WAITFOR:
		return (is_keyword(v, 1, WORD_DELAY) || is_keyword(v, 1, WORD_TIME)) &&
				       is_literal(peek(v, 2))
			       ? "function"
			       : NULL;
	case WORD_INTO:
		return (is_keyword(v, 1, WORD_OUTFILE) || is_keyword(v, 1, WORD_DUMPFILE)) &&
				       is_literal(peek(v, 2))
			       ? "file"
			       : NULL;
	case WORD_INFORMATION_SCHEMA:
		return is_kind(v, 1, TOKEN_DOT) && v->before.word == WORD_FROM ? "schema" : NULL;
	default:
		return NULL;
	}
}

/* --- what comes first ------------------------------------------------------------------------ */
/* Two words or more: a dash in a sentence has some. */
static int is_prose(struct sluice_str comment)
{
	int words = 0, in_word = 0;
	for (size_t i = 0; i < comment.n; i++) {
		char c = comment.p[i];
		int is_letter = ((c | 0x20) >= 'a' && (c | 0x20) <= 'z') || (c >= '0' && c <= '9');
		words += is_letter && !in_word;
		in_word = is_letter;
	}
	return words >= 2;
}

/* ' -- : the rest of the statement is cut off. */
static const char *find_cut(const struct view *v)
{
	const struct token *t = peek(v, 0);
	if (!v->quote || !v->is_first || t->kind != TOKEN_COMMENT)
		return NULL;
	char mark = t->text.p[-1];
	const char *quote_end = t->text.p - (mark == '#' ? 1 : 2) - 1;
	int is_adjacent = *quote_end == v->quote || *quote_end == ')';
	if (mark == '#') /* which is a number's sign, too: the boys' #1 */
		return is_prose(t->text) ||
				       (t->text.n && t->text.p[0] >= '0' && t->text.p[0] <= '9')
			       ? NULL
			       : "cut";
	return is_adjacent || !is_prose(t->text) ? "cut" : NULL;
}

/* ' order by 3, ' having 1=1, 1 order by 3 -- */
static const char *find_clause(const struct view *v)
{
	int may_follow = v->quote ? v->is_first
				  : v->before.kind == TOKEN_NUMBER || v->before.kind == TOKEN_RIGHT;
	if (!may_follow)
		return NULL;
	if ((is_keyword(v, 0, WORD_ORDER) || is_keyword(v, 0, WORD_GROUP)) &&
		is_keyword(v, 1, WORD_BY) && is_kind(v, 2, TOKEN_NUMBER) &&
		(is_over(peek(v, 3)) || is_kind(v, 3, TOKEN_COMMA) ||
			is_keyword(v, 3, WORD_HAVING)))
		return "clause";
	if (is_keyword(v, 0, WORD_HAVING) && sql_is_condition(v, 1))
		return "clause";
	return is_keyword(v, 0, WORD_PROCEDURE) && peek(v, 1)->is_function ? "clause" : NULL;
}

/* '||'x, '||user||' : the value is put together by the database. */
static const char *find_concatenation(const struct view *v)
{
	const struct token *t = peek(v, 0), *next = peek(v, 1);
	if (!v->quote || !v->is_first || t->kind != TOKEN_OPERATOR)
		return NULL;
	if (next->kind == TOKEN_WORD && next->is_function && is_sql_function(next->text))
		return "concatenation";
	if (t->word != WORD_OR)
		return NULL;
	if (next->kind == TOKEN_WORD)
		next = peek(v, 2)->word == WORD_OR ? peek(v, 3) : peek(v, 2);
	return next->kind == TOKEN_STRING || next->kind == TOKEN_OPEN ? "concatenation" : NULL;
}

/* --- the walk -------------------------------------------------------------------------------- */
/* What may stand between a string and a condition: then AND and OR are SQL's. */
static int continues_expression(const struct token *t)
{
	if (t->kind != TOKEN_WORD)
		return t->kind == TOKEN_COMPARE || t->kind == TOKEN_OPERATOR;
	return is_logical(t) || t->word == WORD_LIKE || t->word == WORD_IS || t->word == WORD_IN ||
	       t->word == WORD_BETWEEN || t->word == WORD_COLLATE || t->word == WORD_REGEXP ||
	       t->word == WORD_RLIKE || t->word == WORD_NOT || t->word == WORD_DIV ||
	       t->word == WORD_MOD;
}

/* What a list of numbers, or a sum of them, consists of. */
static int is_number_part(const struct token *t)
{
	switch (t->kind) {
	case TOKEN_NUMBER:
	case TOKEN_LEFT:
	case TOKEN_RIGHT:
	case TOKEN_COMMA:
		return 1;
	case TOKEN_OPERATOR:
		return t->word == WORD_PLAIN;
	default:
		return t->kind == TOKEN_WORD && t->word == WORD_NULL;
	}
}

static void advance(struct view *v)
{
	v->before_that = v->before;
	v->before = v->tokens[v->at++];
	v->is_numeric &= is_number_part(&v->before);
	if (v->before.kind != TOKEN_RIGHT)
		v->is_first = 0;
	if (v->at + AHEAD > TOKENS_MAX) {
		memmove(v->tokens, v->tokens + v->at, (AHEAD - 1) * sizeof(v->tokens[0]));
		v->at = 0;
	}
	v->tokens[v->at + AHEAD - 1] = sql_next(&v->lexer);
}

static const char *find(struct view *v)
{
	typedef const char *rule_fn(const struct view *v);
	static rule_fn *const rules[] = {sql_find_tautology, find_union, find_subquery, find_query,
		find_stacked, find_function, find_cut, find_clause, find_concatenation};
	for (size_t i = 0; i < AHEAD; i++)
		v->tokens[i] = sql_next(&v->lexer);
	for (v->is_first = 1; !is_kind(v, 0, TOKEN_END); advance(v)) {
		if (v->quote && v->is_first && continues_expression(peek(v, 0)))
			v->is_broken = 1;
		for (size_t i = 0; i < sizeof(rules) / sizeof(rules[0]); i++) {
			const char *shape = rules[i](v);
			if (shape)
				return shape;
		}
	}
	return NULL;
}

/* Behind the first quote that ends the string in which the value stands; NULL: it never does. */
static const char *break_out(struct sluice_str value, char quote)
{
	const char *end = value.p + value.n, *p = value.p;
	while ((p = memchr(p, quote, (size_t)(end - p)))) {
		if (p + 1 == end || p[1] != quote)
			return p + 1;
		p += 2;
	}
	return NULL;
}

/* Letters, digits and the like, without a space: nothing that any statement would notice. */
static int is_harmless(struct sluice_str value)
{
	for (size_t i = 0; i < value.n; i++) {
		char c = value.p[i], l = (char)(c | 0x20);
		if (!(l >= 'a' && l <= 'z') && !(c >= '0' && c <= '9') && c != '_' && c != '.' &&
			c != '-' && c != ':' && c != '/')
			return 0;
		if (c == '-' && i + 1 < value.n && value.p[i + 1] == '-')
			return 0;
	}
	return 1;
}

const char *sql_injection(struct sluice_str value)
{
	static const char quotes[] = {'\0', '\'', '"'};
	if (is_harmless(value))
		return NULL;
	for (size_t i = 0; i < sizeof(quotes); i++) {
		const char *from = quotes[i] ? break_out(value, quotes[i]) : value.p;
		if (!from)
			continue;
		struct view v = {.lexer = {from, value.p + value.n},
			.is_empty = from == value.p + 1,
			.is_numeric = !quotes[i],
			.quote = quotes[i]};
		const char *shape = find(&v);
		if (shape)
			return shape;
	}
	return NULL;
}
