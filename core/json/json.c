/* SPDX-License-Identifier: Apache-2.0 */
/* jansson checks the grammar; its tree is then copied into one that lies close together and is
 * freed as one. jansson recurses for every level, as deep as its own bound of 2048, so nesting is
 * counted before.
 */
#include "json/json_priv.h"

#include "base/memory.h"

#include <stdio.h>
#include <stdlib.h>

#include "json/jansson_names.h"

/* jansson counts in ints. */
#define TEXT_BYTES_MAX INT32_MAX

struct json_document {
	struct json_builder *builder; /* owned */
	struct json_value root;
};

/* --- errors ---------------------------------------------------------------------------------- */
static void set_place(struct json_error *error, struct str text, size_t offset)
{
	error->offset = offset < text.n ? offset : text.n;
	error->line = 1;
	error->column = 1;
	for (size_t i = 0; i < error->offset; i++) {
		unsigned char c = (unsigned char)text.p[i];
		if (c == '\n') {
			error->line++;
			error->column = 1;
		} else if (c < 0x80 || c >= 0xc0) {
			error->column++;
		}
	}
}

static const char *message_of(const json_error_t *e)
{
	switch (json_error_code(e)) {
	case json_error_duplicate_key:
		return "duplicate key";
	case json_error_null_character:
	case json_error_null_byte_in_key:
		return "a NUL character in a string";
	case json_error_premature_end_of_input:
		return "the text ends too early";
	case json_error_end_of_input_expected:
		return "more text after the value";
	case json_error_invalid_utf8:
		return "invalid UTF-8";
	case json_error_numeric_overflow:
		return "a number that does not fit";
	default:
		return e->text;
	}
}

/* jansson's position is behind the token that it names, where it names one, in "... near 'token'".
 */
static size_t offset_of(const json_error_t *e)
{
	struct str message = str_of(e->text);
	size_t offset = e->position > 0 ? (size_t)e->position : 0;
	size_t named = str_find(message, STR(" near '")) + strlen(" near '");
	size_t token = named < message.n ? message.n - 1 - named : 0;
	return token < offset ? offset - token : 0;
}

static void set_error(struct json_error *error, struct str text, const json_error_t *e)
{
	set_place(error, text, offset_of(e));
	snprintf(error->message, sizeof(error->message), "%s", message_of(e));
}

/* --- nesting --------------------------------------------------------------------------------- */
/* Behind the string that starts at `at`; s.n when it does not end. */
static size_t skip_string(struct str s, size_t at)
{
	for (at++; at < s.n && s.p[at] != '"'; at++)
		if (s.p[at] == '\\')
			at++;
	return at < s.n ? at + 1 : s.n;
}

/* Where nesting goes beyond JSON_DEPTH_MAX; s.n when it does not. */
static size_t find_too_deep(struct str s)
{
	unsigned depth = 0;
	for (size_t at = 0; at < s.n;) {
		char c = s.p[at];
		if (c == '"') {
			at = skip_string(s, at);
			continue;
		}
		if ((c == '[' || c == '{') && ++depth > JSON_DEPTH_MAX)
			return at;
		if ((c == ']' || c == '}') && depth > 0)
			depth--;
		at++;
	}
	return s.n;
}

/* --- jansson's tree to ours ------------------------------------------------------------------ */
static void take(struct json_builder *b, json_t *from, struct json_value *to);

static void take_array(struct json_builder *b, json_t *from, struct json_value *to)
{
	size_t count = json_array_size(from);
	struct json_value *items = json_builder_alloc(b, count * sizeof(*items));
	for (size_t i = 0; i < count; i++)
		take(b, json_array_get(from, i), &items[i]);
	to->type = JSON_ARRAY;
	to->u.array.items = items;
	to->u.array.count = (uint32_t)count;
}

static void take_object(struct json_builder *b, json_t *from, struct json_value *to)
{
	size_t count = json_object_size(from), at = 0;
	struct json_member *members = json_builder_alloc(b, count * sizeof(*members));
	for (void *it = json_object_iter(from); it; it = json_object_iter_next(from, it)) {
		struct str key = {json_object_iter_key(it), json_object_iter_key_len(it)};
		struct json_member *m = &members[at++];
		*m = (struct json_member){.key = json_builder_copy(b, key)};
		take(b, json_object_iter_value(it), &m->value);
	}
	to->type = JSON_OBJECT;
	to->u.object.members = members;
	to->u.object.count = (uint32_t)count;
}

static void take(struct json_builder *b, json_t *from, struct json_value *to)
{
	*to = (struct json_value){.type = JSON_NULL};
	switch (json_typeof(from)) {
	case JANSSON_OBJECT:
		take_object(b, from, to);
		break;
	case JANSSON_ARRAY:
		take_array(b, from, to);
		break;
	case JANSSON_STRING:
		to->type = JSON_STRING;
		to->u.string = json_builder_copy(
			b, str_n(json_string_value(from), json_string_length(from)));
		break;
	case JANSSON_INTEGER:
		to->type = JSON_INTEGER;
		to->u.integer = json_integer_value(from);
		break;
	case JANSSON_REAL:
		to->type = JSON_REAL;
		to->u.real = json_real_value(from);
		break;
	case JANSSON_TRUE:
	case JANSSON_FALSE:
		to->type = JSON_BOOL;
		to->u.boolean = json_typeof(from) == JANSSON_TRUE;
		break;
	case JANSSON_NULL:
		break;
	}
}

/* --- documents ------------------------------------------------------------------------------- */
/* What jansson does not see as we want it: to it, a NUL byte behind the value is the end. */
static const char *find_fault(struct str text, size_t *at)
{
	*at = 0;
	if (text.n > TEXT_BYTES_MAX)
		return "too long";
	*at = str_index(text, '\0');
	if (*at < text.n)
		return "a NUL byte";
	*at = find_too_deep(text);
	return *at < text.n ? "nested too deeply" : NULL;
}

enum rc json_parse(struct str text, struct json_document **out, struct json_error *error)
{
	json_error_t e;
	size_t at;
	const char *fault = find_fault(text, &at);
	if (fault) {
		set_place(error, text, at);
		snprintf(error->message, sizeof(error->message), "%s", fault);
		return RC_INVALID;
	}
	json_t *tree = json_loadb(
		text.n ? text.p : "", text.n, JSON_REJECT_DUPLICATES | JSON_DECODE_ANY, &e);
	if (!tree) {
		set_error(error, text, &e);
		return RC_INVALID;
	}
	struct json_document *d = heap_alloc(sizeof(*d));
	d->builder = json_builder_new();
	take(d->builder, tree, &d->root);
	json_decref(tree);
	*out = d;
	return RC_OK;
}

const struct json_value *json_root(const struct json_document *d)
{
	return &d->root;
}

void json_free(struct json_document *d)
{
	if (!d)
		return;
	json_builder_free(d->builder);
	free(d);
}
