/* SPDX-License-Identifier: Apache-2.0 */
/* expr/expr.h - the expression language of #[...], compiled once, evaluated per exchange.
 *
 * docs/expressions.md has the grammar and every function. Types: null, boolean, string, number (a
 * double), array, object. Compilation folds constants, finds type errors that need no data, and
 * bounds depth; evaluation takes memory from the given arena alone and is bounded by
 * EXPR_STEPS_MAX and EXPR_BYTES_MAX, so that its cost does not depend on what the client sent.
 *
 * Threads      a compiled expression is immutable; an evaluation belongs to its caller's thread.
 */
#pragma once

#include "base/arena.h"
#include "base/diagnostics.h"

#define EXPR_SOURCE_BYTES_MAX 16384
#define EXPR_DEPTH_MAX        64
#define EXPR_STEPS_MAX        100000
#define EXPR_BYTES_MAX        (256u << 10)

enum expr_type { EXPR_NULL, EXPR_BOOL, EXPR_NUMBER, EXPR_STRING, EXPR_ARRAY, EXPR_OBJECT };
const char *expr_type_name(enum expr_type t);

struct expr_member;
struct expr_value {
	enum expr_type type;
	union {
		bool boolean;
		double number;
		struct str string; /* UTF-8 not guaranteed: it may come from the wire */
		struct {
			const struct expr_value *items;
			uint32_t count;
		} array;
		struct {
			const struct expr_member *members; /* unique keys, in order */
			uint32_t count;
		} object;
	} u;
};
struct expr_member {
	struct str key;
	struct expr_value value;
};

/* The roots that an expression can name. */
enum expr_root { EXPR_ATTRIBUTES, EXPR_AUTHENTICATION, EXPR_PAYLOAD, EXPR_VARS, EXPR_ROOT_COUNT };

/* What an evaluation looks at. Members are fetched one by one, when the expression names them. */
struct expr_scope {
	/* attributes.<name>, authentication.<name>, vars.<name>: false when there is none (null).
	 * attributes.headers and .queryParams are asked for member by member through `field`, and
	 * whole only when the expression uses them as a value. */
	bool (*member)(const struct expr_scope *s, enum expr_root root, struct str name,
		struct arena *arena, struct expr_value *out);
	/* One header (lower-case name) or one query parameter (decoded). Several values of a header
	 * are joined by ", "; the first of a parameter counts. */
	bool (*field)(const struct expr_scope *s, bool is_query, struct str name,
		struct arena *arena, struct expr_value *out);
	/* The body, parsed as JSON where its content type says so, else as a string; false: absent.
	 */
	bool (*payload)(const struct expr_scope *s, struct arena *arena, struct expr_value *out);
	int64_t now_ms;                /* since 1970, for now() */
	uint64_t (*random)(void *arg); /* for uuid() */
	void *random_arg;
	void *arg; /* the implementation's */
};

struct expr;

/* What is wrong with a source, and where: byte offset in it, 0-based. */
struct expr_error {
	size_t offset;
	char message[200];
};

/* Whether a string of the configuration is an expression at all: "#[" ... "]". */
bool expr_is_expression(struct str text);
/* `source` is what stands between "#[" and "]". `want` is a set of bits 1 << expr_type that the
 * result may have; 0: any. RC_INVALID with the error. */
MUST_USE enum rc expr_compile(
	struct str source, unsigned want, struct expr **out, struct expr_error *error);
/* NULL is harmless. */
void expr_free(struct expr *e);
/* Roots that it names, as bits 1 << expr_root. 0 and no now() or uuid(): constant. */
unsigned expr_uses(const struct expr *e);
bool expr_is_constant(const struct expr *e);
/* RC_OK; RC_INVALID: a type error or the like, RC_FULL: a bound or the arena; `error` tells. The
 * result has views of the expression, of what the scope gave, and of the arena. `scope` is not
 * looked at when the expression is constant. */
MUST_USE enum rc expr_eval(const struct expr *e, const struct expr_scope *scope,
	struct arena *arena, struct expr_value *out, struct expr_error *error);

/* A scalar as text: strings as they are, numbers shortest form ("3", "0.1"), booleans; null is
 * RC_NOT_FOUND, arrays and objects RC_INVALID. */
MUST_USE enum rc expr_to_text(const struct expr_value *v, struct arena *arena, struct str *out);
/* Deep equality as == has it; the order of members does not matter. Without bound: for values of
 * one's own. */
bool expr_value_equal(const struct expr_value *a, const struct expr_value *b);
