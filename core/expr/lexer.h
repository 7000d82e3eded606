/* SPDX-License-Identifier: Apache-2.0 */
/* expr/lexer.h - the words of an expression, one ahead. */
#pragma once

#include "expr/expr_priv.h"

enum token_kind {
	TOKEN_END,
	TOKEN_NAME,
	TOKEN_NUMBER,
	TOKEN_STRING, /* `text` without quotes and escapes */
	TOKEN_SYMBOL,
};

struct token {
	enum token_kind kind;
	size_t at;
	struct str text; /* as written, but for strings */
	double number;
};

struct lexer {
	struct builder *b; /* borrowed */
	size_t at;         /* behind the token */
	struct token token;
};

/* Reads the first token. All of these return false with the error set. */
bool lexer_init(struct lexer *l, struct builder *b);
bool lexer_next(struct lexer *l);
/* The token is a "/" that begins a regular expression: reads it, and the token behind it. */
bool lexer_read_pattern(struct lexer *l, struct str *pattern);

/* Whether the token is this name or symbol. */
bool lexer_sees(const struct lexer *l, const char *word);
/* Takes the token when it is; an error when it is not. */
bool lexer_expect(struct lexer *l, const char *word);
/* "expected ..., found ...". */
void lexer_fail(const struct lexer *l, const char *expected);
