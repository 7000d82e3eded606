/* SPDX-License-Identifier: Apache-2.0 */
#include "http/message.h"

#include "base/check.h"
#include "base/limits.h"
#include "http/field_id.h"
#include "http/put.h"
#include "http/scan.h"

bool field_name_is_valid(struct str name)
{
	if (name.n == 0 || name.n > LIMIT_FIELD_NAME_BYTES)
		return false;
	return LIKELY(scan_is_word(name.p, name.n)) ||
	       scan_token(name.p, name.p + name.n) == name.p + name.n;
}

static inline bool is_space(char c)
{
	return c == ' ' || c == '\t';
}

bool field_value_is_valid(struct str value)
{
	if (value.n == 0)
		return true;
	return value.n <= LIMIT_FIELD_VALUE_BYTES && !is_space(value.p[0]) &&
	       !is_space(value.p[value.n - 1]) &&
	       (LIKELY(scan_is_plain(value.p, value.n)) ||
		       scan_text(value.p, value.p + value.n) == value.p + value.n);
}

/* --- fields ---------------------------------------------------------------------------------- */

void fields_init(struct fields *f, struct arena *arena)
{
	*f = (struct fields){.max = LIMIT_FIELDS, .arena = arena};
}

/* Capacity never exceeds `max`, so that whoever fills up to it keeps to both. */
static bool grow(struct fields *f, uint32_t capacity)
{
	if (capacity > f->max)
		capacity = f->max;
	struct field *items = arena_realloc(f->arena, f->items, f->capacity * sizeof(struct field),
		capacity * sizeof(struct field));
	if (!items)
		return false;
	f->items = items;
	f->capacity = capacity;
	return true;
}

void fields_reserve(struct fields *f, uint32_t n)
{
	if (n > f->capacity)
		grow(f, n);
}

__attribute__((noinline)) enum rc fields_grow(struct fields *f)
{
	if (f->count >= f->max || !grow(f, f->capacity ? f->capacity * 2 : 16))
		return RC_FULL;
	return RC_OK;
}

/* Copies of both in one allocation. */
static inline enum rc own(struct fields *f, int id, struct str *name, struct str *value)
{
	if (id < 0 || !field_value_is_valid(*value))
		return RC_INVALID;
	char *p = arena_alloc(f->arena, name->n + value->n);
	if (!p)
		return RC_FULL;
	char *second = put(p, *name);
	put(second, *value);
	*name = str_n(p, name->n);
	*value = str_n(second, value->n);
	return RC_OK;
}

int field_id_check(struct str name)
{
	return field_name_is_valid(name) ? (int)field_id_find(name) : -1;
}

enum rc fields_add_id(struct fields *f, int id, struct str name, struct str value)
{
	enum rc rc = own(f, id, &name, &value);
	return rc == RC_OK ? fields_append(f, name, (enum field_id)id, value) : rc;
}

enum rc fields_add(struct fields *f, struct str name, struct str value)
{
	return fields_add_id(f, field_id_check(name), name, value);
}

static inline bool has_name(const struct field *field, struct str name)
{
	struct str own = field->name;
	return own.n == name.n && own.n > 0 &&
	       ascii_lower(own.p[own.n - 1]) == ascii_lower(name.p[name.n - 1]) &&
	       str_eq_nocase(own, name);
}

/* Removes from index `from` on. */
static size_t remove_from(struct fields *f, struct str name, uint32_t from)
{
	uint32_t kept = from;
	for (uint32_t i = from; i < f->count; i++)
		if (!has_name(&f->items[i], name))
			f->items[kept++] = f->items[i];
	size_t removed = f->count - kept;
	f->count = kept;
	return removed;
}

__attribute__((noinline)) enum rc fields_replace(struct fields *f, const struct field *field)
{
	for (uint32_t i = 0; i < f->count; i++)
		if (f->items[i].id == field->id && has_name(&f->items[i], field->name)) {
			f->items[i].value = field->value;
			remove_from(f, field->name, i + 1);
			return RC_OK;
		}
	return fields_append(f, field->name, field->id, field->value);
}

enum rc fields_set_id(struct fields *f, int id, struct str name, struct str value)
{
	enum rc rc = own(f, id, &name, &value);
	if (rc != RC_OK)
		return rc;
	struct field field = {name, value, (enum field_id)id};
	return fields_put(f, &field);
}

enum rc fields_set(struct fields *f, struct str name, struct str value)
{
	return fields_set_id(f, field_id_check(name), name, value);
}

size_t fields_remove(struct fields *f, struct str name)
{
	return remove_from(f, name, 0);
}

size_t fields_remove_id(struct fields *f, enum field_id id)
{
	uint32_t kept = 0;
	if (!(f->known >> id & 1))
		return 0;
	for (uint32_t i = 0; i < f->count; i++)
		if (f->items[i].id != id)
			f->items[kept++] = f->items[i];
	size_t removed = f->count - kept;
	f->count = kept;
	f->known &= ~((uint64_t)1 << id);
	return removed;
}

const struct field *fields_get(const struct fields *f, struct str name)
{
	uint32_t at = 0;
	return fields_next(f, name, &at);
}

const struct field *fields_get_id(const struct fields *f, enum field_id id)
{
	if (!(f->known >> id & 1))
		return NULL;
	for (uint32_t i = 0; i < f->count; i++)
		if (f->items[i].id == id)
			return &f->items[i];
	return NULL;
}

static const struct field *next_known(const struct fields *f, enum field_id id, uint32_t *at)
{
	uint32_t end = f->known >> id & 1 ? f->count : 0;
	for (uint32_t i = *at; i < end; i++)
		if (f->items[i].id == id) {
			*at = i + 1;
			return &f->items[i];
		}
	*at = f->count > *at ? f->count : *at;
	return NULL;
}

static __attribute__((noinline)) const struct field *next_other(
	const struct fields *f, struct str name, uint32_t *at)
{
	uint32_t end = f->others & field_bit_of(name) ? f->count : 0;
	for (uint32_t i = *at; i < end; i++)
		if (f->items[i].id == FIELD_OTHER && has_name(&f->items[i], name)) {
			*at = i + 1;
			return &f->items[i];
		}
	*at = f->count > *at ? f->count : *at;
	return NULL;
}

const struct field *fields_next_id(
	const struct fields *f, enum field_id id, struct str name, uint32_t *at)
{
	return id != FIELD_OTHER ? next_known(f, id, at) : next_other(f, name, at);
}

const struct field *fields_next(const struct fields *f, struct str name, uint32_t *at)
{
	return fields_next_id(f, field_id_of(name), name, at);
}

/* --- messages -------------------------------------------------------------------------------- */

void http_request_init(struct http_request *r, struct arena *arena)
{
	memset(r, 0, sizeof(*r));
	r->content_length = CONTENT_LENGTH_NONE;
	fields_init(&r->fields, arena);
}

void http_response_init(struct http_response *r, struct arena *arena)
{
	memset(r, 0, sizeof(*r));
	r->version_major = 1;
	r->version_minor = 1;
	r->content_length = CONTENT_LENGTH_NONE;
	fields_init(&r->fields, arena);
}

enum http_method http_method_of(struct str name)
{
	/* The length leaves at most three to compare with. */
#define X(m)                                                                                       \
	if (name.n == sizeof(#m) - 1 && memcmp(name.p, #m, sizeof(#m) - 1) == 0)                   \
		return METHOD_##m;
	HTTP_METHODS(X)
#undef X
	return METHOD_OTHER;
}

bool http_method_is_idempotent(enum http_method m)
{
	switch (m) {
	case METHOD_GET:
	case METHOD_HEAD:
	case METHOD_PUT:
	case METHOD_DELETE:
	case METHOD_OPTIONS:
	case METHOD_TRACE:
		return true;
	default:
		return false;
	}
}
