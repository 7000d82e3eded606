/* SPDX-License-Identifier: Apache-2.0 */
/* util/jose_value.h - JSON of tokens and key sets, read strictly.
 *
 * One object, and nothing behind it. Refused: a member that comes twice, bytes that are not UTF-8, escapes of NUL and
 * of half a character, numbers that do not fit, nesting beyond JOSE_DEPTH_MAX.
 *
 * Ownership    who read an object frees it; values and views live as long.
 * Threads      immutable: any.
 */
#pragma once

#include "sluice/sluice.h"

#define JOSE_DEPTH_MAX 32

/* Of a library whose types stay in one file. */
struct jose_value;

enum jose_type {
	JOSE_NOTHING, /* of NULL: there is no such member */
	JOSE_NULL,
	JOSE_BOOLEAN,
	JOSE_NUMBER,
	JOSE_TEXT,
	JOSE_LIST,
	JOSE_OBJECT
};

/* SLUICE_E_INVALID: not such an object (or no memory for it). */
int32_t jose_object_read(struct sluice_str text, struct jose_value **object);
void jose_object_free(struct jose_value *object); /* NULL: nothing */

/* All of them take NULL, which has no members and no items. */
enum jose_type jose_type_of(const struct jose_value *v);
const struct jose_value *jose_get(const struct jose_value *object, const char *name);
/* Name and value of one member after the other: start with *at = NULL; 0 at the end. */
int jose_next(const struct jose_value *object, void **at, struct sluice_str *name,
	const struct jose_value **v);
size_t jose_count(const struct jose_value *list);
const struct jose_value *jose_at(const struct jose_value *list, size_t i);
/* Of a text; else of no bytes, with p NULL. */
struct sluice_str jose_text(const struct jose_value *v);
int jose_is_true(const struct jose_value *v); /* the boolean */
double jose_number(const struct jose_value *v); /* 0 unless it is one */
/* A text as it is, anything else as JSON; NULL: no memory. To be freed. */
char *jose_write(const struct jose_value *v);
