/* SPDX-License-Identifier: Apache-2.0 */
#include "expr/expr_json.h"

#include "json/json.h"

static bool copy(const struct json_value *from, struct arena *a, struct expr_value *to);

static bool copy_text(struct str s, struct arena *a, struct str *to)
{
	*to = arena_copy(a, s);
	return to->n == s.n;
}

static bool copy_array(const struct json_value *from, struct arena *a, struct expr_value *to)
{
	uint32_t n = from->u.array.count;
	struct expr_value *items = n ? arena_alloc(a, n * sizeof(*items)) : NULL;
	*to = (struct expr_value){.type = EXPR_ARRAY, .u.array = {items, n}};
	for (uint32_t i = 0; i < n; i++)
		if (!items || !copy(&from->u.array.items[i], a, &items[i]))
			return false;
	return true;
}

static bool copy_object(const struct json_value *from, struct arena *a, struct expr_value *to)
{
	uint32_t n = from->u.object.count;
	struct expr_member *members = n ? arena_alloc(a, n * sizeof(*members)) : NULL;
	*to = (struct expr_value){.type = EXPR_OBJECT, .u.object = {members, n}};
	for (uint32_t i = 0; i < n; i++) {
		const struct json_member *m = &from->u.object.members[i];
		if (!members || !copy_text(m->key, a, &members[i].key) ||
			!copy(&m->value, a, &members[i].value))
			return false;
	}
	return true;
}

/* As deep as JSON_DEPTH_MAX at the most. */
static bool copy(const struct json_value *from, struct arena *a, struct expr_value *to)
{
	*to = (struct expr_value){.type = EXPR_NULL};
	switch (from->type) {
	case JSON_NULL:
		return true;
	case JSON_BOOL:
		*to = (struct expr_value){.type = EXPR_BOOL, .u.boolean = from->u.boolean};
		return true;
	case JSON_INTEGER:
		*to = (struct expr_value){.type = EXPR_NUMBER, .u.number = (double)from->u.integer};
		return true;
	case JSON_REAL:
		*to = (struct expr_value){.type = EXPR_NUMBER, .u.number = from->u.real};
		return true;
	case JSON_STRING:
		to->type = EXPR_STRING;
		return copy_text(from->u.string, a, &to->u.string);
	case JSON_ARRAY:
		return copy_array(from, a, to);
	case JSON_OBJECT:
		return copy_object(from, a, to);
	}
	return false;
}

/* --- what needs no parser -------------------------------------------------------------------- */
/* Longer ones may not be exact. */
#define DIGITS_MAX 15

static bool is_quoted_plainly(struct str s)
{
	if (s.n < 2 || s.p[0] != '"' || s.p[s.n - 1] != '"')
		return false;
	for (size_t i = 1; i < s.n - 1; i++)
		if (s.p[i] < ' ' || s.p[i] > '~' || s.p[i] == '"' || s.p[i] == '\\')
			return false;
	return true;
}

static bool read_digits(struct str s, double *number)
{
	int64_t n = 0;
	if (s.n == 0 || s.n > DIGITS_MAX || (s.p[0] == '0' && s.n > 1))
		return false;
	for (size_t i = 0; i < s.n; i++) {
		if (s.p[i] < '0' || s.p[i] > '9')
			return false;
		n = n * 10 + (s.p[i] - '0');
	}
	*number = (double)n;
	return true;
}

/* Texts without escapes and whole numbers, which nearly all claims are: RC_INVALID for anything else. */
static enum rc read_plain(struct str text, struct arena *a, struct expr_value *out)
{
	struct expr_value v = {.type = EXPR_NUMBER};
	if (is_quoted_plainly(text)) {
		v.type = EXPR_STRING;
		if (!copy_text(str_slice(text, 1, text.n - 2), a, &v.u.string))
			return RC_FULL;
	} else if (!read_digits(text, &v.u.number)) {
		return RC_INVALID;
	}
	*out = v;
	return RC_OK;
}

enum rc expr_from_json(struct str text, struct arena *arena, struct expr_value *out)
{
	struct json_document *document;
	struct json_error error;
	struct expr_value value;
	enum rc rc = read_plain(text, arena, out);
	if (rc != RC_INVALID)
		return rc;
	rc = json_parse(text, &document, &error);
	if (rc != RC_OK)
		return rc;
	bool ok = copy(json_root(document), arena, &value);
	json_free(document);
	if (!ok)
		return RC_FULL;
	*out = value;
	return RC_OK;
}
