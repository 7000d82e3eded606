/* SPDX-License-Identifier: Apache-2.0 */
/* plan/plan.h - the plan: what composition makes of a folder of YAML, as plain data.
 *
 * A tree of JSON-like nodes in which every node knows its file:line:column, with a binary form
 * (magic, version, checksum, string table, nodes) that decodes without trusting a byte of it.
 * docs/plan.md lists the fields.
 *
 * Invariants   P1  a decoded plan is immutable and may be read by any thread.
 *              P2  object members keep the order in which they were written; keys are unique and
 *                  hold no NUL.
 *              P3  lists nest at most PLAN_DEPTH_MAX deep, so whoever walks a plan may recurse.
 *              P4  numbers are finite.
 * Ownership    a plan owns all its nodes and strings; views die with it.
 */
#pragma once

#include "base/buffer.h"
#include "base/diagnostics.h"
#include "base/str.h"

/* The root stands at depth 1. */
#define PLAN_DEPTH_MAX 128

enum plan_type {
	PLAN_NULL,
	PLAN_BOOL,
	PLAN_INTEGER, /* int64_t */
	PLAN_REAL,    /* double */
	PLAN_STRING,
	PLAN_ARRAY,
	PLAN_OBJECT,
};

struct plan;

struct plan_node {
	enum plan_type type;
	struct position position; /* file borrowed from the plan */
	struct str key;           /* of an object's member; else empty */
	union {
		bool boolean;
		int64_t integer;
		double real;
		struct str string;
		struct {
			const struct plan_node *items; /* contiguous: elements, or members */
			uint32_t count;
		} list;
	} u;
};

/* --- reading --------------------------------------------------------------------------------- */
/* Copies what it needs of `bytes`. RC_INVALID, or RC_UNSUPPORTED for a form that another version
 * wrote: `message` gets one sentence. */
MUST_USE enum rc plan_decode(
	struct str bytes, struct plan **out, char *message, size_t message_size);
/* How many bytes it has to have, by its first ones; 0: too few of them yet, or it is none. */
uint64_t plan_length(struct str bytes);
/* NULL is harmless. */
void plan_free(struct plan *p);
const struct plan_node *plan_root(const struct plan *p);
/* Of the bytes that it was decoded from: tells one plan from another. */
uint64_t plan_digest(const struct plan *p);
/* Appends a subtree's content so that two are the same bytes when, and only when, they mean the same:
 * positions and the order of members do not count, the order of elements does, and the key of `n`
 * itself does not. To be hashed where it has to be known whether a configuration changed. No form
 * begins like another one, so several may follow each other. */
void plan_canonical(const struct plan_node *n, struct buffer *out);
/* Of an object, without the members of these names (NULL at the end); of anything else as above. */
void plan_canonical_without(
	const struct plan_node *n, const char *const *names, struct buffer *out);

/* NULL when `object` is NULL, no object, or has no such member. */
const struct plan_node *plan_get(const struct plan_node *object, const char *key);
const struct plan_node *plan_get_str(const struct plan_node *object, struct str key);
/* Elements or members; NULL beyond the end or for scalars. */
const struct plan_node *plan_at(const struct plan_node *list, size_t i);
size_t plan_count(const struct plan_node *list);
/* With a fallback for absent, null, or another type. A real without a fraction is an integer, too,
 * and an integer is a number. */
struct str plan_string(const struct plan_node *object, const char *key, struct str fallback);
int64_t plan_integer(const struct plan_node *object, const char *key, int64_t fallback);
double plan_number(const struct plan_node *object, const char *key, double fallback);
bool plan_bool(const struct plan_node *object, const char *key, bool fallback);

/* --- writing --------------------------------------------------------------------------------- */
struct plan_writer;
struct plan_writer *plan_writer_new(void);
void plan_writer_free(struct plan_writer *w);
/* Values go into the innermost open list; inside an object each needs its key, elsewhere NULL.
 * There is one root. A position without a file inherits its parent's. Everything is copied. What
 * breaks these rules, or P3 or P4, makes plan_writer_finish fail. */
void plan_write_null(struct plan_writer *w, const char *key, struct position at);
void plan_write_bool(struct plan_writer *w, const char *key, struct position at, bool value);
void plan_write_integer(struct plan_writer *w, const char *key, struct position at, int64_t value);
void plan_write_real(struct plan_writer *w, const char *key, struct position at, double value);
void plan_write_string(
	struct plan_writer *w, const char *key, struct position at, struct str value);
/* A whole subtree of another plan, with its positions. */
void plan_write_copy(struct plan_writer *w, const char *key, const struct plan_node *n);
void plan_open_array(struct plan_writer *w, const char *key, struct position at);
void plan_open_object(struct plan_writer *w, const char *key, struct position at);
void plan_close(struct plan_writer *w);
/* Appends the binary form, the same bytes for the same plan. RC_INVALID when lists are still open,
 * keys repeat or a rule above was broken; RC_FULL above LIMIT_PLAN_BYTES or what `out` may hold. */
MUST_USE enum rc plan_writer_finish(struct plan_writer *w, struct buffer *out);

/* A plan of its own that has a copy of `n` as its root, positions included; NULL: an empty object.
 * The caller owns it. RC_FULL: it takes more than `bytes_max`. */
MUST_USE enum rc plan_copy(const struct plan_node *n, size_t bytes_max, struct plan **out);

/* A readable JSON rendering (positions left out), with a newline at the end. A node for which
 * `hides` is true stands as "<redacted>"; `hides` NULL: nothing is hidden. */
typedef bool plan_hides_fn(void *arg, const struct plan_node *n);
void plan_print_json(
	const struct plan_node *n, plan_hides_fn *hides, void *arg, struct buffer *out);
