/* SPDX-License-Identifier: Apache-2.0 */
/* json/json.h - JSON values: strict reading (RFC 8259), plain trees, writing.
 *
 * Refused: duplicate keys, bytes after the value, invalid UTF-8, NUL in strings, numbers that do not
 * fit, nesting beyond JSON_DEPTH_MAX. jansson does the grammar; its types stay in this folder.
 *
 * Invariants   J1  no tree is nested beyond JSON_DEPTH_MAX; who builds one keeps to that, too: what
 *                  walks trees recurses.
 * Ownership    a document owns its values; views die with it.
 * Threads      a document and a built tree are immutable: any. A builder: one.
 */
#pragma once

#include "base/buffer.h"

#define JSON_DEPTH_MAX 128

enum json_type {
	JSON_NULL,
	JSON_BOOL,
	JSON_INTEGER, /* int64_t: written without fraction and exponent */
	JSON_REAL,    /* double, finite */
	JSON_STRING,
	JSON_ARRAY,
	JSON_OBJECT,
};

struct json_member;
struct json_value {
	enum json_type type;
	union {
		bool boolean;
		int64_t integer;
		double real;
		struct str string;
		struct {
			const struct json_value *items;
			uint32_t count;
		} array;
		struct {
			const struct json_member *members; /* in the order written, unique */
			uint32_t count;
		} object;
	} u;
	const void *origin; /* whoever built the tree: where it came from; NULL when parsed */
};
struct json_member {
	struct str key;
	struct json_value value;
	const void *key_origin;
};

struct json_error {
	size_t offset; /* bytes into the text */
	uint32_t line, column;
	char message[160];
};

struct json_document;
MUST_USE enum rc json_parse(struct str text, struct json_document **out, struct json_error *error);
const struct json_value *json_root(const struct json_document *d);
void json_free(struct json_document *d);

/* NULL when v is no object or has no such member. */
const struct json_value *json_get(const struct json_value *v, struct str key);
/* Deep equality: 1 == 1.0, the order of members does not matter. */
bool json_is_equal(const struct json_value *a, const struct json_value *b);
/* Compact; keys in the order of the tree; reals with the fewest digits that read back the same. */
void json_write(const struct json_value *v, struct buffer *out);

/* --- building: for trees that come from elsewhere (YAML) ------------------------------------- */
/* Memory of a tree; freed as one. */
struct json_builder;
struct json_builder *json_builder_new(void);
void json_builder_free(struct json_builder *b);
/* Aligned to 16, not zeroed. */
void *json_builder_alloc(struct json_builder *b, size_t size);
/* A NUL stands behind the copy. */
struct str json_builder_copy(struct json_builder *b, struct str s);
