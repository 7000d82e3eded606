/* SPDX-License-Identifier: Apache-2.0 */
#include "expr/lexer.h"

static bool is_space(char c)
{
	return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

static bool is_name_start(char c)
{
	char lower = ascii_lower(c);
	return (lower >= 'a' && lower <= 'z') || c == '_';
}

static bool is_name_char(char c)
{
	return is_name_start(c) || is_digit(c);
}

/* NUL behind the end. */
static char peek(const struct lexer *l, size_t ahead)
{
	struct str source = l->b->source;
	return l->at + ahead < source.n ? source.p[l->at + ahead] : '\0';
}

/* --- numbers --------------------------------------------------------------------------------- */
static void skip_digits(struct lexer *l)
{
	while (is_digit(peek(l, 0)))
		l->at++;
}

static bool read_number(struct lexer *l, struct token *t)
{
	skip_digits(l);
	if (peek(l, 0) == '.' && is_digit(peek(l, 1))) {
		l->at++;
		skip_digits(l);
	}
	size_t sign = peek(l, 1) == '+' || peek(l, 1) == '-';
	if (ascii_lower(peek(l, 0)) == 'e' && is_digit(peek(l, 1 + sign))) {
		l->at += 1 + sign;
		skip_digits(l);
	}
	t->kind = TOKEN_NUMBER;
	t->text = str_slice(l->b->source, t->at, l->at - t->at);
	if (is_name_start(peek(l, 0))) {
		error_set(l->b->error, l->at,
			"a number ends here: expected an operator, found \"%c\"", peek(l, 0));
		return false;
	}
	if (number_read(t->text, &t->number) == RC_OK)
		return true;
	error_set(l->b->error, t->at, "the number is too large or has too many digits");
	return false;
}

/* --- strings --------------------------------------------------------------------------------- */
static int hex_digit(char c)
{
	if (is_digit(c))
		return c - '0';
	c = ascii_lower(c);
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* Four digits behind "\u". */
static bool read_code_unit(struct lexer *l, unsigned *unit)
{
	*unit = 0;
	for (size_t i = 0; i < 4; i++) {
		int digit = hex_digit(peek(l, i));
		if (digit < 0) {
			error_set(l->b->error, l->at + i, "\\u needs four hexadecimal digits");
			return false;
		}
		*unit = *unit * 16 + (unsigned)digit;
	}
	l->at += 4;
	return true;
}

static size_t write_utf8(unsigned c, char *out)
{
	if (c < 0x80) {
		out[0] = (char)c;
		return 1;
	}
	size_t n = c < 0x800 ? 2 : c < 0x10000 ? 3 : 4;
	for (size_t i = n - 1; i > 0; i--, c >>= 6)
		out[i] = (char)(0x80 | (c & 0x3f));
	out[0] = (char)(((0xf00u >> n) & 0xffu) | c);
	return n;
}

static bool read_unicode(struct lexer *l, char *out, size_t *n)
{
	size_t start = l->at;
	unsigned c, low;
	if (!read_code_unit(l, &c))
		return false;
	if (c >= 0xd800 && c < 0xdc00 && peek(l, 0) == '\\' && peek(l, 1) == 'u') {
		l->at += 2;
		if (!read_code_unit(l, &low))
			return false;
		c = low >= 0xdc00 && low < 0xe000 ? 0x10000 + ((c - 0xd800) << 10) + (low - 0xdc00)
						  : c;
	}
	if (c >= 0xd800 && c < 0xe000) {
		error_set(l->b->error, start, "\\u%04x is half of a surrogate pair", c);
		return false;
	}
	*n = write_utf8(c, out);
	return true;
}

static bool read_escape(struct lexer *l, char *out, size_t *n)
{
	static const char names[] = "nrtbf\\'\"/$", values[] = "\n\r\t\b\f\\'\"/$";
	char c = peek(l, 0);
	const char *found = c ? strchr(names, c) : NULL;
	if (c == 'u') {
		l->at++;
		return read_unicode(l, out, n);
	}
	if (!found) {
		error_set(l->b->error, l->at - 1,
			"unknown escape: expected one of \\n \\r \\t \\b \\f \\\\ \\' \\\" \\/ \\$ "
			"\\uXXXX");
		return false;
	}
	l->at++;
	out[0] = values[found - names];
	*n = 1;
	return true;
}

/* Where the string that was opened before l->at is closed; the end of the source if nowhere. */
static size_t find_close(const struct lexer *l, char quote)
{
	struct str source = l->b->source;
	size_t at = l->at;
	while (at < source.n && source.p[at] != quote)
		at += source.p[at] == '\\' ? 2 : 1;
	return at < source.n ? at : source.n;
}

static bool read_string(struct lexer *l, struct token *t)
{
	char quote = l->b->source.p[t->at];
	l->at = t->at + 1;
	size_t close = find_close(l, quote), n = 0;
	if (close == l->b->source.n) {
		error_set(l->b->error, t->at, "the string does not end: expected %c", quote);
		return false;
	}
	/* Escapes only shrink. */
	char *p = expr_alloc(l->b->expr, close - l->at + 1);
	while (l->at < close) {
		size_t added = 1;
		char c = peek(l, 0);
		if (c == '$' && peek(l, 1) == '(') {
			error_set(l->b->error, l->at,
				"$(...) in a string is not supported: join with ++, or write \\$ "
				"for a dollar");
			return false;
		}
		l->at++;
		if (c != '\\')
			p[n] = c;
		else if (!read_escape(l, p + n, &added))
			return false;
		n += added;
	}
	l->at++;
	t->kind = TOKEN_STRING;
	t->text = str_n(p, n);
	return true;
}

/* --- tokens ---------------------------------------------------------------------------------- */
static bool read_symbol(struct lexer *l, struct token *t)
{
	static const char *const symbols[] = {"++", "--", "==", "!=", "<=", ">=", "<", ">", "+",
		"-", "*", "/", "(", ")", "[", "]", "{", "}", ",", ":", ".", "!"};
	struct str rest = str_from(l->b->source, t->at);
	for (size_t i = 0; i < ARRAY_COUNT(symbols); i++) {
		struct str symbol = str_of(symbols[i]);
		if (!str_starts(rest, symbol))
			continue;
		t->kind = TOKEN_SYMBOL;
		t->text = str_slice(rest, 0, symbol.n);
		l->at += symbol.n;
		return true;
	}
	unsigned char c = (unsigned char)rest.p[0];
	if (c > 0x20 && c < 0x7f)
		error_set(l->b->error, t->at, "unexpected \"%c\"", c);
	else
		error_set(l->b->error, t->at, "unexpected byte 0x%02x", c);
	return false;
}

bool lexer_next(struct lexer *l)
{
	while (l->at < l->b->source.n && is_space(peek(l, 0)))
		l->at++;
	struct token *t = &l->token;
	*t = (struct token){.kind = TOKEN_END, .at = l->at};
	if (l->at >= l->b->source.n)
		return true;
	char c = peek(l, 0);
	if (is_digit(c))
		return read_number(l, t);
	if (c == '"' || c == '\'')
		return read_string(l, t);
	if (!is_name_start(c))
		return read_symbol(l, t);
	while (is_name_char(peek(l, 0)))
		l->at++;
	t->kind = TOKEN_NAME;
	t->text = str_slice(l->b->source, t->at, l->at - t->at);
	return true;
}

bool lexer_init(struct lexer *l, struct builder *b)
{
	*l = (struct lexer){.b = b};
	return lexer_next(l);
}

bool lexer_read_pattern(struct lexer *l, struct str *pattern)
{
	size_t start = l->token.at + 1, end = l->b->source.n;
	for (l->at = start; l->at < end && peek(l, 0) != '/'; l->at++)
		if (peek(l, 0) == '\\')
			l->at++;
	if (l->at >= end) {
		error_set(l->b->error, l->token.at,
			"the regular expression does not end: expected /");
		return false;
	}
	*pattern = str_slice(l->b->source, start, l->at - start);
	l->at++;
	return lexer_next(l);
}

bool lexer_sees(const struct lexer *l, const char *word)
{
	bool is_word = l->token.kind == TOKEN_NAME || l->token.kind == TOKEN_SYMBOL;
	return is_word && str_eq(l->token.text, str_of(word));
}

void lexer_fail(const struct lexer *l, const char *expected)
{
	const struct token *t = &l->token;
	int shown = t->text.n > 40 ? 40 : (int)t->text.n;
	if (t->kind == TOKEN_END)
		error_set(l->b->error, t->at, "expected %s, found the end", expected);
	else if (t->kind == TOKEN_STRING)
		error_set(l->b->error, t->at, "expected %s, found a string", expected);
	else
		error_set(l->b->error, t->at, "expected %s, found \"%.*s\"", expected, shown,
			t->text.p);
}

bool lexer_expect(struct lexer *l, const char *word)
{
	char quoted[16] = {'"'};
	if (lexer_sees(l, word))
		return lexer_next(l);
	size_t n = strlen(word);
	memcpy(quoted + 1, word, n);
	quoted[n + 1] = '"';
	lexer_fail(l, quoted);
	return false;
}
