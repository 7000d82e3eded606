/* SPDX-License-Identifier: Apache-2.0 */
/* sql_view.h - the tokens that a rule sees, and what several rules ask of them.
 *
 * Threads      pure. */
#pragma once

#include "sql_tokens.h"

#include <string.h>

/* Tokens that a rule may look ahead. */
#define AHEAD      32
#define TOKENS_MAX (4 * (size_t)AHEAD)

struct view {
	struct sql_lexer lexer;
	struct token tokens[4 * AHEAD]; /* a window that moves on; the rules look at `at` */
	size_t at;
	struct token before, before_that;
	int is_broken;  /* a quote was broken out of, and an operator came behind it */
	int is_first;   /* nothing but parentheses came since the break or the beginning */
	int is_empty;   /* the string that was broken out of */
	int is_numeric; /* no quote, and nothing but numbers and what is between numbers until here
			 */
	char quote;     /* 0: where a number stands */
};

static inline const struct token *peek(const struct view *v, size_t i)
{
	static const struct token end = {.kind = TOKEN_END};
	return i < AHEAD ? &v->tokens[v->at + i] : &end;
}

static inline int is_kind(const struct view *v, size_t i, enum token_kind kind)
{
	return peek(v, i)->kind == kind;
}

static inline int is_keyword(const struct view *v, size_t i, enum sql_word word)
{
	return peek(v, i)->word == word && peek(v, i)->kind == TOKEN_WORD;
}

static inline int is_plain_word(const struct token *t)
{
	return t->kind == TOKEN_WORD && t->word == WORD_PLAIN;
}

static inline int is_logical(const struct token *t)
{
	return t->word == WORD_OR || t->word == WORD_AND || t->word == WORD_XOR;
}

static inline int is_comparison(const struct token *t)
{
	if (t->kind == TOKEN_COMPARE)
		return 1;
	if (t->kind != TOKEN_WORD)
		return 0;
	return t->word == WORD_LIKE || t->word == WORD_RLIKE || t->word == WORD_REGEXP ||
	       t->word == WORD_BETWEEN;
}

static inline int is_literal(const struct token *t)
{
	return t->kind == TOKEN_NUMBER || t->kind == TOKEN_STRING || t->kind == TOKEN_OPEN;
}

/* Where a statement, or this part of it, is over. */
static inline int is_over(const struct token *t)
{
	return t->kind == TOKEN_END || t->kind == TOKEN_COMMENT || t->kind == TOKEN_SEMICOLON ||
	       t->kind == TOKEN_RIGHT;
}

static inline int begins_clause(const struct token *t)
{
	return t->kind == TOKEN_WORD && (t->word == WORD_LIMIT || t->word == WORD_ORDER ||
						t->word == WORD_GROUP || t->word == WORD_UNION);
}

static inline size_t skip_openers(const struct view *v, size_t i)
{
	while (is_kind(v, i, TOKEN_LEFT) || is_keyword(v, i, WORD_NOT) ||
		(is_kind(v, i, TOKEN_OPERATOR) && peek(v, i)->text.n == 1 &&
			strchr("!-~+", peek(v, i)->text.p[0])))
		i++;
	return i;
}

/* Behind the parenthesis that closes the one at i; 0 when that is out of sight. */
static inline size_t skip_group(const struct view *v, size_t i)
{
	int depth = 0;
	for (; i < AHEAD; i++) {
		if (is_kind(v, i, TOKEN_LEFT))
			depth++;
		else if (is_kind(v, i, TOKEN_RIGHT) && --depth == 0)
			return i + 1;
		else if (is_kind(v, i, TOKEN_END))
			return 0;
	}
	return 0;
}

/* Behind a (dotted) name at i. */
static inline size_t skip_name(const struct view *v, size_t i)
{
	i++;
	while (is_kind(v, i, TOKEN_DOT))
		i += is_kind(v, i + 1, TOKEN_WORD) ? 2 : 1;
	return i;
}

/* Of a value that is a number until here, or several. */
static inline int is_behind_number(const struct view *v)
{
	return v->is_numeric && v->before.kind != TOKEN_END;
}

/* sql_condition.c: out of a quote, whether a condition stands at i. */
int sql_is_condition(const struct view *v, size_t i);
/* What makes a condition true, or lets its answer be asked bit by bit: "tautology"; NULL. */
const char *sql_find_tautology(const struct view *v);
