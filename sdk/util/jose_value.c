/* SPDX-License-Identifier: Apache-2.0 */
#include "util/jose_value.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

/* The library recurses, down to a depth of its own that is too large for a worker's stack. */
static int is_deep(struct sluice_str text)
{
	size_t depth = 0;
	int in_text = 0;
	for (size_t i = 0; i < text.n; i++) {
		char c = text.p[i];
		if (in_text && c == '\\')
			i++;
		else if (c == '"')
			in_text = !in_text;
		else if (!in_text && (c == '{' || c == '[') && ++depth > JOSE_DEPTH_MAX)
			return 1;
		else if (!in_text && (c == '}' || c == ']') && depth)
			depth--;
	}
	return 0;
}

static const json_t *inside(const struct jose_value *v)
{
	return (const json_t *)(const void *)v;
}

static struct jose_value *outside(json_t *v)
{
	return (struct jose_value *)(void *)v;
}

int32_t jose_object_read(struct sluice_str text, struct jose_value **object)
{
	json_error_t error;
	/* The library passes over a NUL behind a number. */
	if (text.n == 0 || memchr(text.p, 0, text.n) || is_deep(text))
		return SLUICE_E_INVALID;
	json_t *v = json_loadb(text.p, text.n, JSON_REJECT_DUPLICATES, &error);
	if (json_is_object(v)) {
		*object = outside(v);
		return SLUICE_OK;
	}
	json_decref(v);
	return SLUICE_E_INVALID;
}

void jose_object_free(struct jose_value *object)
{
	json_decref((json_t *)(void *)object);
}

enum jose_type jose_type_of(const struct jose_value *v)
{
	static const enum jose_type types[] = {[JSON_OBJECT] = JOSE_OBJECT,
		[JSON_ARRAY] = JOSE_LIST,
		[JSON_STRING] = JOSE_TEXT,
		[JSON_INTEGER] = JOSE_NUMBER,
		[JSON_REAL] = JOSE_NUMBER,
		[JSON_TRUE] = JOSE_BOOLEAN,
		[JSON_FALSE] = JOSE_BOOLEAN,
		[JSON_NULL] = JOSE_NULL};
	return v ? types[json_typeof(inside(v))] : JOSE_NOTHING;
}

const struct jose_value *jose_get(const struct jose_value *object, const char *name)
{
	return outside(json_object_get(inside(object), name));
}

int jose_next(const struct jose_value *object, void **at, struct sluice_str *name,
	const struct jose_value **v)
{
	json_t *o = (json_t *)(uintptr_t)object;
	*at = *at ? json_object_iter_next(o, *at) : json_object_iter(o);
	if (!*at)
		return 0;
	const char *key = json_object_iter_key(*at); /* a name has no NUL: that was refused */
	*name = (struct sluice_str){key, strlen(key)};
	*v = outside(json_object_iter_value(*at));
	return 1;
}

size_t jose_count(const struct jose_value *list)
{
	return json_array_size(inside(list));
}

const struct jose_value *jose_at(const struct jose_value *list, size_t i)
{
	return outside(json_array_get(inside(list), i));
}

struct sluice_str jose_text(const struct jose_value *v)
{
	return (struct sluice_str){json_string_value(inside(v)), json_string_length(inside(v))};
}

int jose_is_true(const struct jose_value *v)
{
	return json_is_true(inside(v));
}

double jose_number(const struct jose_value *v)
{
	return json_number_value(inside(v));
}

char *jose_write(const struct jose_value *v)
{
	const char *text = json_string_value(inside(v));
	return text ? strdup(text) : json_dumps(inside(v), JSON_COMPACT | JSON_ENCODE_ANY);
}
