/* SPDX-License-Identifier: Apache-2.0 */
#include "json/json_priv.h"

#include "base/memory.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

/* Objects with more members are compared through sorted indices, so that the cost stays n log n. */
#define PAIRWISE_MAX 16

const struct json_value *json_get(const struct json_value *v, struct str key)
{
	if (!v || v->type != JSON_OBJECT)
		return NULL;
	for (uint32_t i = 0; i < v->u.object.count; i++)
		if (str_eq(v->u.object.members[i].key, key))
			return &v->u.object.members[i].value;
	return NULL;
}

/* --- comparing ------------------------------------------------------------------------------- */
int json_compare_numbers(const struct json_value *a, const struct json_value *b)
{
	if (a->type == JSON_INTEGER && b->type == JSON_INTEGER)
		return a->u.integer < b->u.integer ? -1 : a->u.integer > b->u.integer;
	/* A long double holds every int64_t and every double. */
	long double x = a->type == JSON_INTEGER ? (long double)a->u.integer : a->u.real;
	long double y = b->type == JSON_INTEGER ? (long double)b->u.integer : b->u.real;
	return x < y ? -1 : x > y;
}

static int compare_keys(const void *a, const void *b)
{
	const struct json_member *const *x = a, *const *y = b;
	return str_compare((*x)->key, (*y)->key);
}

static const struct json_member **sorted_members(const struct json_value *v)
{
	uint32_t count = v->u.object.count;
	const struct json_member **sorted = heap_alloc(count * sizeof(struct json_member *));
	for (uint32_t i = 0; i < count; i++)
		sorted[i] = &v->u.object.members[i];
	qsort(sorted, count, sizeof(struct json_member *), compare_keys);
	return sorted;
}

static bool large_objects_equal(const struct json_value *a, const struct json_value *b)
{
	const struct json_member **x = sorted_members(a), **y = sorted_members(b);
	uint32_t i = 0;
	while (i < a->u.object.count && str_eq(x[i]->key, y[i]->key) &&
		json_is_equal(&x[i]->value, &y[i]->value))
		i++;
	free(x);
	free(y);
	return i == a->u.object.count;
}

static bool objects_equal(const struct json_value *a, const struct json_value *b)
{
	if (a->u.object.count != b->u.object.count)
		return false;
	if (a->u.object.count > PAIRWISE_MAX)
		return large_objects_equal(a, b);
	for (uint32_t i = 0; i < a->u.object.count; i++) {
		const struct json_member *m = &a->u.object.members[i];
		const struct json_value *other = json_get(b, m->key);
		if (!other || !json_is_equal(&m->value, other))
			return false;
	}
	return true;
}

static bool arrays_equal(const struct json_value *a, const struct json_value *b)
{
	if (a->u.array.count != b->u.array.count)
		return false;
	for (uint32_t i = 0; i < a->u.array.count; i++)
		if (!json_is_equal(&a->u.array.items[i], &b->u.array.items[i]))
			return false;
	return true;
}

bool json_is_equal(const struct json_value *a, const struct json_value *b)
{
	if (json_is_number(a) && json_is_number(b))
		return json_compare_numbers(a, b) == 0;
	if (a->type != b->type)
		return false;
	switch (a->type) {
	case JSON_BOOL:
		return a->u.boolean == b->u.boolean;
	case JSON_STRING:
		return str_eq(a->u.string, b->u.string);
	case JSON_ARRAY:
		return arrays_equal(a, b);
	case JSON_OBJECT:
		return objects_equal(a, b);
	default:
		return true;
	}
}

/* --- hashing --------------------------------------------------------------------------------- */
static uint64_t mix(uint64_t h)
{
	h ^= h >> 33;
	h *= 0xff51afd7ed558ccd;
	h ^= h >> 33;
	h *= 0xc4ceb9fe1a85ec53;
	return h ^ h >> 33;
}

/* An integer in whichever way it was written has the hash of an integer. */
static uint64_t hash_real(double real)
{
	uint64_t bits;
	if (real >= -0x1p63 && real < 0x1p63 && real == floor(real))
		return mix((uint64_t)(int64_t)real);
	memcpy(&bits, &real, sizeof(bits));
	return mix(bits + 1);
}

static uint64_t hash_members(const struct json_value *v)
{
	uint64_t sum = v->u.object.count;
	for (uint32_t i = 0; i < v->u.object.count; i++) {
		const struct json_member *m = &v->u.object.members[i];
		sum += mix(str_hash(m->key) ^ mix(json_hash(&m->value)));
	}
	return mix(sum ^ JSON_OBJECT);
}

uint64_t json_hash(const struct json_value *v)
{
	uint64_t h = v->type;
	switch (v->type) {
	case JSON_BOOL:
		return mix(v->u.boolean + 11);
	case JSON_INTEGER:
		return mix((uint64_t)v->u.integer);
	case JSON_REAL:
		return hash_real(v->u.real);
	case JSON_STRING:
		return mix(str_hash(v->u.string));
	case JSON_ARRAY:
		for (uint32_t i = 0; i < v->u.array.count; i++)
			h = mix(h ^ json_hash(&v->u.array.items[i])) + 1;
		return h;
	case JSON_OBJECT:
		return hash_members(v);
	default:
		return mix(7);
	}
}

/* --- writing --------------------------------------------------------------------------------- */
/* The shortest decimal that reads back as the same double; it stays a real when read again. */
static void write_real(double real, struct buffer *out)
{
	char text[40];
	int n = 0;
	for (int digits = 15; digits <= 17; digits++) {
		n = snprintf(text, sizeof(text), "%.*g", digits, real);
		if (strtod(text, NULL) == real)
			break;
	}
	struct str s = str_n(text, (size_t)n);
	buffer_add(out, s);
	if (str_index(s, '.') == s.n && str_index(s, 'e') == s.n)
		buffer_add(out, STR(".0"));
}

static void write_array(const struct json_value *v, struct buffer *out)
{
	buffer_add_char(out, '[');
	for (uint32_t i = 0; i < v->u.array.count; i++) {
		if (i > 0)
			buffer_add_char(out, ',');
		json_write(&v->u.array.items[i], out);
	}
	buffer_add_char(out, ']');
}

static void write_object(const struct json_value *v, struct buffer *out)
{
	buffer_add_char(out, '{');
	for (uint32_t i = 0; i < v->u.object.count; i++) {
		if (i > 0)
			buffer_add_char(out, ',');
		buffer_add_json(out, v->u.object.members[i].key);
		buffer_add_char(out, ':');
		json_write(&v->u.object.members[i].value, out);
	}
	buffer_add_char(out, '}');
}

void json_write(const struct json_value *v, struct buffer *out)
{
	switch (v->type) {
	case JSON_NULL:
		buffer_add(out, STR("null"));
		break;
	case JSON_BOOL:
		buffer_add(out, v->u.boolean ? STR("true") : STR("false"));
		break;
	case JSON_INTEGER:
		buffer_add_i64(out, v->u.integer);
		break;
	case JSON_REAL:
		write_real(v->u.real, out);
		break;
	case JSON_STRING:
		buffer_add_json(out, v->u.string);
		break;
	case JSON_ARRAY:
		write_array(v, out);
		break;
	case JSON_OBJECT:
		write_object(v, out);
		break;
	}
}
