/* SPDX-License-Identifier: Apache-2.0 */
/* Conditions that a value brings along: 1=1, id=id, ascii(substring(...))>64. */
#include "sql_view.h"

static int same_type(const struct token *a, const struct token *b)
{
	int a_is_number = a->kind == TOKEN_NUMBER, b_is_number = b->kind == TOKEN_NUMBER;
	return a_is_number == b_is_number;
}

/* 1=1, 'a'='a', 1 like 1: two literals of a kind, compared. */
static int compares_literals(const struct view *v, size_t i)
{
	i = skip_openers(v, i);
	const struct token *a = peek(v, i++);
	while (is_kind(v, i, TOKEN_RIGHT))
		i++;
	const struct token *b = peek(v, skip_openers(v, i + 1));
	return is_literal(a) && is_comparison(peek(v, i)) && is_literal(b) && same_type(a, b);
}

/* ascii(substring(x,1,1))>64 */
static int compares_function(const struct view *v, size_t i)
{
	i = skip_openers(v, i);
	const struct token *t = peek(v, i);
	if (t->kind != TOKEN_WORD || !t->is_function || !is_sql_function(t->text))
		return 0;
	size_t behind = skip_group(v, i + 1);
	return behind && (is_comparison(peek(v, behind)) || is_keyword(v, behind, WORD_IN));
}

/* Of an open string that a value leaves behind for the statement's own quote to close. */
static int is_truth(const struct token *t)
{
	if (t->kind == TOKEN_NUMBER || (t->kind == TOKEN_WORD && t->word == WORD_TRUE))
		return 1;
	if (t->kind != TOKEN_OPEN || t->text.n == 0)
		return 0;
	for (size_t i = 0; i < t->text.n; i++)
		if (t->text.p[i] < '0' || t->text.p[i] > '9')
			return 0;
	return 1;
}

/* Out of a quote: any name may be compared, and a literal may stand alone. */
int sql_is_condition(const struct view *v, size_t i)
{
	i = skip_openers(v, i);
	const struct token *t = peek(v, i);
	if (is_keyword(v, i, WORD_EXISTS) || is_keyword(v, i, WORD_SELECT))
		return 1;
	if (is_truth(t) && (is_over(peek(v, i + 1)) || begins_clause(peek(v, i + 1))))
		return 1;
	if (t->kind == TOKEN_WORD && t->is_function)
		i = skip_group(v, i + 1);
	else if (t->kind == TOKEN_WORD)
		i = skip_name(v, i);
	else if (is_literal(t) || t->kind == TOKEN_VARIABLE)
		i++;
	else
		return 0;
	t = peek(v, i);
	return i && (is_comparison(t) || is_keyword(v, i, WORD_IN) ||
			    (is_keyword(v, i, WORD_IS) && (is_keyword(v, i + 1, WORD_NULL) ||
								  is_keyword(v, i + 1, WORD_NOT))));
}

static int same_text(struct sluice_str a, struct sluice_str b)
{
	return a.n == b.n && memcmp(a.p, b.p, a.n) == 0;
}

/* Where a condition may end that was put behind a number. */
static int ends_condition(const struct view *v, size_t i)
{
	const struct token *t = peek(v, i);
	return is_over(t) || is_logical(t) || begins_clause(t);
}

/* 1 or id>0, 1 or id=id, 1 and name is not null, 1 or true: a value that begins with a number goes
 * on as a condition. Unlike prose, one that compares a name with a literal or with itself, and ends
 * there.
 */
static int continues_number(const struct view *v, size_t i)
{
	i = skip_openers(v, i);
	const struct token *name = peek(v, i);
	if (is_keyword(v, i, WORD_TRUE))
		return ends_condition(v, i + 1);
	if (is_keyword(v, i, WORD_EXISTS))
		return is_kind(v, i + 1, TOKEN_LEFT);
	if (name->kind != TOKEN_VARIABLE && !is_plain_word(name))
		return 0;
	i = name->is_function ? skip_group(v, i + 1) : skip_name(v, i);
	if (!i)
		return 0;
	if (is_keyword(v, i, WORD_IS))
		return is_keyword(v, i + 1, WORD_NULL) || is_keyword(v, i + 1, WORD_NOT);
	if (is_keyword(v, i, WORD_NOT))
		i++;
	if (is_keyword(v, i, WORD_IN))
		return is_kind(v, i + 1, TOKEN_LEFT);
	if (!is_comparison(peek(v, i)))
		return 0;
	size_t k = skip_openers(v, i + 1);
	if (is_literal(peek(v, k)))
		return 1;
	if (name->is_function || peek(v, k)->kind != name->kind)
		return 0;
	size_t end = skip_name(v, k);
	return same_text(peek(v, end - 1)->text, peek(v, i - 1)->text) && ends_condition(v, end);
}

/* Nothing that anybody could read. */
static int is_wordless(struct sluice_str s)
{
	for (size_t i = 0; i < s.n; i++) {
		char l = (char)(s.p[i] | 0x20);
		if ((l >= 'a' && l <= 'z') || (s.p[i] >= '0' && s.p[i] <= '9') || s.p[i] & 0x80)
			return 0;
	}
	return 1;
}

/* 1 or 1-- - : a number that is true, and the rest cut off. */
static int is_cut_truth(const struct view *v)
{
	return !v->quote && v->before.kind == TOKEN_NUMBER && is_truth(peek(v, 1)) &&
	       is_kind(v, 2, TOKEN_COMMENT) && is_wordless(peek(v, 2)->text);
}

/* ' or 1 or ' : the statement's own quote closes the last. */
static int is_truth_between(const struct view *v)
{
	return is_truth(peek(v, 1)) && is_logical(peek(v, 2)) && is_kind(v, 3, TOKEN_OPEN);
}

/* '=', '-', ' like '% : between an empty string and one that the statement closes. */
static int is_between_strings(const struct view *v)
{
	const struct token *t = peek(v, 0), *next = peek(v, 1);
	if (!v->is_empty || !v->is_first || next->kind != TOKEN_OPEN || !is_wordless(next->text))
		return 0;
	return is_comparison(t) || t->kind == TOKEN_OPERATOR;
}

const char *sql_find_tautology(const struct view *v)
{
	const struct token *t = peek(v, 0);
	if (is_between_strings(v) || (is_logical(t) && is_cut_truth(v)))
		return "tautology";
	/* 1 < 2 and 2 > 1 is arithmetic. */
	int is_arithmetic = !v->quote && v->before_that.kind == TOKEN_COMPARE;
	if (is_logical(t) && !is_arithmetic && (compares_literals(v, 1) || compares_function(v, 1)))
		return "tautology";
	if (is_logical(t) && v->is_broken && (sql_is_condition(v, 1) || is_truth_between(v)))
		return "tautology";
	if (is_logical(t) && is_behind_number(v) && continues_number(v, 1))
		return "tautology";
	int is_choice = t->kind == TOKEN_WORD && t->is_function &&
			(t->word == WORD_IF || t->word == WORD_IIF);
	if (is_choice && compares_literals(v, 1))
		return "tautology";
	if (is_keyword(v, 0, WORD_CASE) && is_keyword(v, 1, WORD_WHEN) &&
		(compares_literals(v, 2) || compares_function(v, 2)))
		return "tautology";
	return NULL;
}
