/* SPDX-License-Identifier: Apache-2.0 */
#include "expr/regex_priv.h"

#include "base/memory.h"

#include <stdlib.h>

/* --- recognising ----------------------------------------------------------------------------- */
struct reader {
	struct str rest;
	char *text; /* where literals are written */
};

static bool is_meta(char c)
{
	return c == '\0' || strchr(".*+?()[]{}^$|\\", c) != NULL;
}

static bool is_alphanumeric(char c)
{
	char lower = ascii_lower(c);
	return (lower >= 'a' && lower <= 'z') || (c >= '0' && c <= '9');
}

static bool is_quantifier(char c)
{
	return c == '*' || c == '+' || c == '?' || c == '{';
}

/* How many bytes of the pattern the next byte of a literal takes; 0: there is none. */
static size_t literal_step(struct str rest)
{
	size_t n = 1;
	if (rest.n == 0)
		return 0;
	if (rest.p[0] == '\\') {
		/* An escaped letter has a meaning; an escaped byte above ASCII is left to the
		 * engine. */
		if (rest.n < 2 || is_alphanumeric(rest.p[1]) || (unsigned char)rest.p[1] >= 0x80 ||
			(unsigned char)rest.p[1] < 0x20)
			return 0;
		n = 2;
	} else if (is_meta(rest.p[0])) {
		return 0;
	}
	/* A quantifier would take this byte away from the literal. */
	return rest.n > n && is_quantifier(rest.p[n]) ? 0 : n;
}

static struct str read_literal(struct reader *r)
{
	struct str literal = {r->text, 0};
	for (size_t n; (n = literal_step(r->rest)) > 0; r->rest = str_from(r->rest, n))
		r->text[literal.n++] = r->rest.p[n - 1];
	r->text += literal.n;
	return literal;
}

static bool skip(struct reader *r, struct str token)
{
	if (!str_starts(r->rest, token))
		return false;
	r->rest = str_from(r->rest, token.n);
	return true;
}

static enum plain_tail read_tail(struct reader *r)
{
	if (skip(r, STR(".*")))
		return TAIL_ANY;
	return skip(r, STR(".+")) ? TAIL_SOME : TAIL_NONE;
}

static bool read_words(struct plain *p, struct reader r)
{
	do {
		if (p->word_count == PLAIN_WORDS_MAX)
			return false;
		p->words[p->word_count++] = read_literal(&r);
	} while (skip(&r, STR("|")));
	return r.rest.n == 0;
}

static bool read_prefix(struct plain *p, struct reader r)
{
	p->prefix = read_literal(&r);
	p->group_at = p->prefix.n;
	p->has_group = skip(&r, STR("("));
	if (p->has_group)
		p->prefix.n += read_literal(&r).n;
	p->tail = read_tail(&r);
	if (p->has_group && !skip(&r, STR(")")))
		return false;
	p->is_optional = p->has_group && skip(&r, STR("?"));
	return r.rest.n == 0;
}

void plain_init(struct plain *p, struct str pattern, bool ignores_case)
{
	*p = (struct plain){.text = heap_alloc(pattern.n + 1), .ignores_case = ignores_case};
	struct reader r = {pattern, p->text};
	if (read_words(p, r))
		p->kind = PLAIN_WORDS;
	else if (read_prefix(p, r))
		p->kind = PLAIN_PREFIX;
}

void plain_deinit(struct plain *p)
{
	free(p->text);
}

bool plain_is_literal(const struct plain *p)
{
	return p->kind == PLAIN_WORDS && p->word_count == 1 && !p->ignores_case;
}

/* --- matching -------------------------------------------------------------------------------- */
static bool is_same(const struct plain *p, struct str a, struct str b)
{
	return p->ignores_case ? str_eq_nocase(a, b) : str_eq(a, b);
}

static enum rc match_words(const struct plain *p, struct str subject)
{
	for (unsigned i = 0; i < p->word_count; i++)
		if (is_same(p, p->words[i], subject))
			return RC_OK;
	return RC_NOT_FOUND;
}

enum rc plain_match(const struct plain *p, struct str subject, struct str *group)
{
	if (p->kind == PLAIN_WORDS)
		return match_words(p, subject);
	if (subject.n >= p->prefix.n && is_same(p, str_slice(subject, 0, p->prefix.n), p->prefix)) {
		size_t behind = subject.n - p->prefix.n;
		if (behind > 0 && p->tail != TAIL_NONE &&
			memchr(subject.p + p->prefix.n, '\n', behind))
			return RC_AGAIN;
		bool fits = p->tail == TAIL_ANY || (behind > 0) == (p->tail == TAIL_SOME);
		if (fits && group && p->has_group)
			*group = str_from(subject, p->group_at);
		if (fits)
			return RC_OK;
	}
	if (!p->is_optional || !is_same(p, subject, str_slice(p->prefix, 0, p->group_at)))
		return RC_NOT_FOUND;
	if (group)
		*group = STR_EMPTY;
	return RC_OK;
}
