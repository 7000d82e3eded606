/* SPDX-License-Identifier: Apache-2.0 */
/* fuzz: links http base */
/* Any bytes as operations on a list of fields. After each of them the list is what a plain model of
 * it is: the order, every value, and what is found by a name in any case. */
#include "base/check.h"
#include "base/limits.h"
#include "http/message.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n);

#define MODEL_MAX (LIMIT_FIELDS + 1)

struct model {
	struct {
		char name[8], value[8];
	} items[MODEL_MAX];
	size_t count;
};

static const char *const names[] = {
	"host", "Host", "x-a", "X-A", "cookie", "Range", "range", "x", "", "a b", "x:", "a\n"};
static const char *const values[] = {"1", "22", "", " a", "a ", "\r\n", "b\tc", "\x80", "\0"};

static bool is_same(const char *a, const char *b)
{
	return str_eq_nocase(str_of(a), str_of(b));
}

static void model_add(struct model *m, const char *name, const char *value)
{
	CHECK(m->count < MODEL_MAX);
	memcpy(m->items[m->count].name, name, strlen(name) + 1);
	memcpy(m->items[m->count++].value, value, strlen(value) + 1);
}

static size_t model_remove(struct model *m, const char *name, size_t from)
{
	size_t kept = from, removed;
	for (size_t i = from; i < m->count; i++)
		if (!is_same(m->items[i].name, name))
			m->items[kept++] = m->items[i];
	removed = m->count - kept;
	m->count = kept;
	return removed;
}

static void model_set(struct model *m, const char *name, const char *value)
{
	for (size_t i = 0; i < m->count; i++) {
		if (!is_same(m->items[i].name, name))
			continue;
		memcpy(m->items[i].value, value, strlen(value) + 1);
		model_remove(m, name, i + 1);
		return;
	}
	model_add(m, name, value);
}

static bool is_valid(const char *name, const char *value)
{
	if (*name == '\0' || strpbrk(name, " :\n\r"))
		return false;
	size_t n = strlen(value);
	bool is_trimmed = n == 0 || (value[0] != ' ' && value[n - 1] != ' ');
	return is_trimmed && !strpbrk(value, "\r\n");
}

static void compare(const struct fields *f, const struct model *m)
{
	CHECK(f->count == m->count);
	for (size_t i = 0; i < m->count; i++) {
		const struct field *field = &f->items[i];
		CHECK(str_eq(field->name, str_of(m->items[i].name)));
		CHECK(str_eq(field->value, str_of(m->items[i].value)));
		CHECK(field->id == field_id_of(field->name));
	}
}

/* The values of a name, one after the other. */
static void compare_found(const struct fields *f, const struct model *m, const char *name)
{
	uint32_t at = 0;
	const struct field *first = fields_get(f, str_of(name));
	bool is_first = true;
	for (size_t i = 0; i < m->count; i++) {
		if (!is_same(m->items[i].name, name))
			continue;
		const struct field *found = fields_next(f, str_of(name), &at);
		CHECK(found == &f->items[i] && (!is_first || found == first));
		is_first = false;
	}
	CHECK(!fields_next(f, str_of(name), &at) && (!is_first || !first));
	enum field_id id = field_id_of(str_of(name));
	CHECK(id == FIELD_OTHER || fields_get_id(f, id) == first);
}

static void step(struct fields *f, struct model *m, uint8_t operation, uint8_t which)
{
	const char *name = names[which % ARRAY_COUNT(names)];
	const char *value = values[which / ARRAY_COUNT(names) % ARRAY_COUNT(values)];
	bool has_room = f->count < LIMIT_FIELDS;
	bool has_name = fields_get(f, str_of(name)) != NULL;
	enum rc rc;
	switch (operation % 4) {
	case 0:
		rc = fields_add(f, str_of(name), str_of(value));
		CHECK((rc == RC_OK) == (is_valid(name, value) && has_room));
		if (rc == RC_OK)
			model_add(m, name, value);
		break;
	case 1:
		rc = fields_set(f, str_of(name), str_of(value));
		CHECK((rc == RC_OK) == (is_valid(name, value) && (has_room || has_name)));
		if (rc == RC_OK)
			model_set(m, name, value);
		break;
	case 2:
		CHECK(fields_remove(f, str_of(name)) == model_remove(m, name, 0));
		break;
	default:
		compare_found(f, m, name);
		break;
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
	struct pool *pool = pool_new();
	struct arena arena;
	struct fields fields;
	struct model model = {.count = 0};
	arena_init(&arena, pool, LIMIT_EXCHANGE_ARENA_BYTES);
	fields_init(&fields, &arena);
	if (n > 4096)
		n = 4096;
	for (size_t i = 0; i + 1 < n; i += 2) {
		step(&fields, &model, bytes[i], bytes[i + 1]);
		compare(&fields, &model);
	}
	arena_reset(&arena);
	pool_free(pool);
	return 0;
}
