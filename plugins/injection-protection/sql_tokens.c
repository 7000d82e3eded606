/* SPDX-License-Identifier: Apache-2.0 */
#include "sql_tokens.h"

#include <stdlib.h>
#include <string.h>

#define WORD_BYTES_MAX 20
/* Of a quoted name: databases allow no more, and looking further for each would be quadratic. */
#define NAME_BYTES_MAX 128

static char upper(char c)
{
	return c >= 'a' && c <= 'z' ? (char)(c & ~0x20) : c;
}

static int is_digit(char c)
{
	return c >= '0' && c <= '9';
}

static int is_word(char c)
{
	char u = upper(c);
	return (u >= 'A' && u <= 'Z') || is_digit(c) || c == '_' || c == '$' || (c & 0x80);
}

static int is_space(char c)
{
	return c == ' ' || (c >= '\t' && c <= '\r') || c == '\0';
}

/* --- words ----------------------------------------------------------------------------------- */
static int compare_names(const void *key, const void *entry)
{
	return strcmp(key, *(const char *const *)entry);
}

/* In capitals and NUL-terminated; 0: too long for any that counts. */
static int capitals(struct sluice_str s, char out[WORD_BYTES_MAX + 1])
{
	if (s.n > WORD_BYTES_MAX)
		return 0;
	for (size_t i = 0; i < s.n; i++)
		out[i] = upper(s.p[i]);
	out[s.n] = '\0';
	return 1;
}

static enum sql_word word_of(struct sluice_str s)
{
	static const char *const names[] = {
#define X(name) #name,
		SQL_WORDS(X)
#undef X
	};
	char name[WORD_BYTES_MAX + 1];
	if (!capitals(s, name))
		return WORD_PLAIN;
	const char *const *found = bsearch(
		name, names, sizeof(names) / sizeof(names[0]), sizeof(names[0]), compare_names);
	return found ? (enum sql_word)(found - names + 1) : WORD_PLAIN;
}

int is_sql_function(struct sluice_str s)
{
	static const char *const names[] = {"ASCII", "BIN", "BIT_LENGTH", "CAST", "CHAR",
		"CHAR_LENGTH", "CHR", "COALESCE", "CONCAT", "CONCAT_WS", "CONVERT", "COUNT",
		"CURRENT_USER", "DATABASE", "EXISTS", "EXP", "EXTRACTVALUE", "FLOOR",
		"GROUP_CONCAT", "HEX", "IF", "IFNULL", "ISNULL", "LEFT", "LEN", "LENGTH", "LOWER",
		"MD5", "MID", "NVL", "OBJECT_ID", "ORD", "POSITION", "RAND", "RIGHT", "ROW", "SHA1",
		"SLEEP", "STRCMP", "SUBSTR", "SUBSTRING", "SYSTEM_USER", "UNHEX", "UNICODE",
		"UPDATEXML", "UPPER", "USER", "VERSION"};
	char name[WORD_BYTES_MAX + 1];
	return capitals(s, name) && bsearch(name, names, sizeof(names) / sizeof(names[0]),
					    sizeof(names[0]), compare_names);
}

/* --- tokens ---------------------------------------------------------------------------------- */
static char at(const struct sql_lexer *l, size_t i)
{
	return (size_t)(l->end - l->p) > i ? l->p[i] : '\0';
}

static struct token make(struct sql_lexer *l, enum token_kind kind, size_t n)
{
	struct token t = {.kind = kind, .text = {l->p, n}};
	l->p += n;
	return t;
}

static struct token make_string(struct sql_lexer *l, char quote)
{
	const char *from = l->p + 1, *p = from;
	for (; p < l->end; p++) {
		if (*p == '\\' && p + 1 < l->end) {
			p++;
			continue;
		}
		if (*p != quote)
			continue;
		if (p + 1 < l->end && p[1] == quote) {
			p++;
			continue;
		}
		l->p = p + 1;
		return (struct token){.kind = TOKEN_STRING, .text = {from, (size_t)(p - from)}};
	}
	l->p = l->end;
	return (struct token){.kind = TOKEN_OPEN, .text = {from, (size_t)(l->end - from)}};
}

static struct token make_comment(struct sql_lexer *l, size_t mark)
{
	const char *from = l->p + mark;
	const char *to = memchr(from, '\n', (size_t)(l->end - from));
	l->p = to ? to : l->end;
	return (struct token){.kind = TOKEN_COMMENT, .text = {from, (size_t)(l->p - from)}};
}

/* 12, 1.5, .5, 1e3, 0x1f; with letters behind it (90s) it is a word, unless it has a dot or an
 * exponent: 1.union and 1e0union are two tokens to databases. */
static struct token make_number(struct sql_lexer *l)
{
	size_t n = 0;
	int is_hex = at(l, 0) == '0' && upper(at(l, 1)) == 'X', is_closed = 0;
	for (; is_digit(at(l, n)) || at(l, n) == '.' || (is_hex && is_word(at(l, n))); n++)
		is_closed |= at(l, n) == '.';
	if (!is_hex && upper(at(l, n)) == 'E' && is_digit(at(l, n + 1)))
		for (n += 2, is_closed = 1; is_digit(at(l, n)); n++)
			;
	if (is_closed || !is_word(at(l, n)))
		return make(l, TOKEN_NUMBER, n);
	while (is_word(at(l, n)))
		n++;
	return make(l, TOKEN_WORD, n);
}

static struct token make_word(struct sql_lexer *l)
{
	size_t n = 1;
	while (is_word(at(l, n)))
		n++;
	struct token t = make(l, TOKEN_WORD, n);
	t.word = word_of(t.text);
	const char *p = l->p;
	while (p < l->end && is_space(*p))
		p++;
	t.is_function = p < l->end && *p == '(';
	return t;
}

static struct token make_quoted_name(struct sql_lexer *l, char quote)
{
	size_t left = (size_t)(l->end - l->p - 1);
	const char *to = memchr(l->p + 1, quote, left < NAME_BYTES_MAX ? left : NAME_BYTES_MAX);
	if (!to)
		return make(l, TOKEN_OTHER, 1);
	return make(l, TOKEN_WORD, (size_t)(to + 1 - l->p));
}

static struct token make_operator(struct sql_lexer *l)
{
	char c = at(l, 0), d = at(l, 1);
	size_t n = 1;
	if ((c == '<' || c == '>' || c == '!' || c == '=') && (d == '=' || d == '>'))
		n = c == '<' && d == '=' && at(l, 2) == '>' ? 3 : 2;
	if (c == '=' || c == '<' || c == '>' || (c == '!' && n > 1))
		return make(l, TOKEN_COMPARE, n);
	struct token t;
	if ((c == '|' || c == '&') && d == c) {
		t = make(l, TOKEN_OPERATOR, 2);
		t.word = c == '|' ? WORD_OR : WORD_AND;
		return t;
	}
	return make(l, TOKEN_OPERATOR, 1);
}

/* Behind a block comment, which is space; 0 when it does not end. */
static int skip_block(struct sql_lexer *l)
{
	const char *to = memmem(l->p + 2, (size_t)(l->end - l->p - 2), "*/", 2);
	if (to)
		l->p = to + 2;
	return to != NULL;
}

/* One that does not end takes all the rest. */
static struct token make_open_block(struct sql_lexer *l)
{
	struct token t = {.kind = TOKEN_COMMENT, .text = {l->p + 2, (size_t)(l->end - l->p - 2)}};
	l->p = l->end;
	return t;
}

static struct token make_mark(struct sql_lexer *l, char c)
{
	switch (c) {
	case '(':
		return make(l, TOKEN_LEFT, 1);
	case ')':
		return make(l, TOKEN_RIGHT, 1);
	case ',':
		return make(l, TOKEN_COMMA, 1);
	case '.':
		return is_digit(at(l, 1)) ? make_number(l) : make(l, TOKEN_DOT, 1);
	case ';':
		return make(l, TOKEN_SEMICOLON, 1);
	case '`':
		return make_quoted_name(l, '`');
	case '[':
		return make_quoted_name(l, ']');
	case '#':
		return make_comment(l, 1);
	case '-':
		return at(l, 1) == '-' ? make_comment(l, 2) : make(l, TOKEN_OPERATOR, 1);
	case '@': {
		size_t n = 1;
		while (at(l, n) == '@' || is_word(at(l, n)))
			n++;
		return make(l, n > 1 ? TOKEN_VARIABLE : TOKEN_OTHER, n);
	}
	default:
		return strchr("=<>!|&+*/%^~", c) ? make_operator(l) : make(l, TOKEN_OTHER, 1);
	}
}

struct token sql_next(struct sql_lexer *l)
{
	for (;;) {
		while (l->p < l->end && is_space(*l->p))
			l->p++;
		if (at(l, 0) != '/' || at(l, 1) != '*' || l->p == l->end)
			break;
		if (at(l, 2) == '!' && is_digit(at(l, 3)))
			return make(l, TOKEN_VERSIONED, 3);
		if (!skip_block(l))
			return make_open_block(l);
	}
	if (l->p == l->end)
		return (struct token){.kind = TOKEN_END};
	char c = *l->p;
	if (c == '\'' || c == '"')
		return make_string(l, c);
	if (is_digit(c))
		return make_number(l);
	return is_word(c) ? make_word(l) : make_mark(l, c);
}
