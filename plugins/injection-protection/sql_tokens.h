/* SPDX-License-Identifier: Apache-2.0 */
/* sql_tokens.h - a text as the tokens that a database would see. */
#pragma once

#include "sluice/sluice.h"

enum token_kind {
	TOKEN_END,
	TOKEN_NUMBER,
	TOKEN_STRING,  /* '...' or "..." */
	TOKEN_OPEN,    /* one that does not end */
	TOKEN_WORD,    /* a name, or a keyword */
	TOKEN_COMMENT, /* -- or # to the end of the line; one of slash and star that does not end */
	TOKEN_COMPARE, /* = < > <> != <= >= <=> */
	TOKEN_OPERATOR,
	TOKEN_VARIABLE,
	TOKEN_LEFT,
	TOKEN_RIGHT,
	TOKEN_COMMA,
	TOKEN_DOT,
	TOKEN_SEMICOLON,
	TOKEN_VERSIONED, /* what MySQL executes although it looks like a comment */
	TOKEN_OTHER
};

#define SQL_WORDS(X)                                                                               \
	X(ALL)                                                                                     \
	X(ALTER)                                                                                   \
	X(AND) X(AS) X(BENCHMARK) X(BETWEEN) X(BY) X(CASE) X(COLLATE) X(CREATE) X(DATABASE) X(     \
		DBMS_LOCK) X(DBMS_PIPE) X(DECLARE) X(DELAY) X(DELETE) X(DISTINCT) X(DIV) X(DROP)   \
		X(DUMPFILE) X(EXEC) X(EXECUTE) X(EXISTS) X(EXTRACTVALUE) X(FROM) X(GRANT) X(       \
			GROUP) X(HAVING) X(IF) X(IIF) X(IN) X(INFORMATION_SCHEMA) X(INSERT)        \
			X(INTO) X(IS) X(JOIN) X(LIKE) X(LIMIT) X(LOAD_FILE) X(MOD) X(NOT) X(       \
				NULL) X(OPENROWSET) X(OR) X(ORDER) X(OUTFILE) X(PG_SLEEP)          \
				X(PROCEDURE) X(REGEXP) X(RLIKE) X(SELECT) X(SET) X(SHUTDOWN) X(    \
					SLEEP) X(SP_EXECUTESQL) X(SP_OACREATE) X(TABLE) X(TIME)    \
					X(TRUE) X(TRUNCATE) X(UNION) X(UPDATE) X(UPDATEXML)        \
						X(USER) X(UTL_HTTP) X(UTL_INADDR) X(VALUES)        \
							X(VIEW) X(WAITFOR) X(WHEN) X(WHERE) X(XOR) \
								X(XP_CMDSHELL) X(XP_DIRTREE)       \
									X(XP_REGREAD)

enum sql_word {
	WORD_PLAIN,
#define X(name) WORD_##name,
	SQL_WORDS(X)
#undef X
		WORD_COUNT
};

struct token {
	enum token_kind kind;
	enum sql_word word;
	struct sluice_str text; /* of a string: between its quotes; of a comment: behind its mark */
	int is_function;        /* a word with a parenthesis behind it */
};

struct sql_lexer {
	const char *p, *end;
};

/* The next token; block comments are space. TOKEN_END for ever after. */
struct token sql_next(struct sql_lexer *l);
/* Whether that word names a function that conditions of injections use. */
int is_sql_function(struct sluice_str name);
