/* SPDX-License-Identifier: Apache-2.0 */
#include "base/check.h"
#include "base/limits.h"
#include "base/prng.h"
#include "support.h"

static void add(struct fields *f, const char *name, const char *value)
{
	ck_assert_int_eq(fields_add(f, str_of(name), str_of(value)), RC_OK);
}

START_TEST(keeps_order_and_repeated_names)
{
	struct fields f;
	fields_init(&f, test_arena());
	add(&f, "X-A", "1");
	add(&f, "x-b", "2");
	add(&f, "x-a", "3");
	uint32_t at = 0;
	assert_str(fields_next(&f, STR("x-A"), &at)->value, "1");
	assert_str(fields_next(&f, STR("x-A"), &at)->value, "3");
	ck_assert_ptr_null(fields_next(&f, STR("x-A"), &at));
	assert_str(fields_get(&f, STR("X-B"))->value, "2");
	ck_assert_ptr_null(fields_get(&f, STR("x-c")));
}
END_TEST

START_TEST(set_replaces_all_at_the_first_place)
{
	struct fields f;
	fields_init(&f, test_arena());
	add(&f, "x-a", "1");
	add(&f, "x-b", "2");
	add(&f, "x-a", "3");
	ck_assert_int_eq(fields_set(&f, STR("X-A"), STR("9")), RC_OK);
	ck_assert_uint_eq(f.count, 2);
	assert_str(f.items[0].value, "9");
	assert_str(f.items[1].name, "x-b");
	ck_assert_int_eq(fields_set(&f, STR("Origin"), STR("o")), RC_OK);
	ck_assert_int_eq(f.items[2].id, FIELD_ORIGIN);
}
END_TEST

START_TEST(puts_what_is_new_where_there_is_room)
{
	struct field a = {STR("x-a"), STR("1"), FIELD_OTHER};
	struct field b = {STR("x-b"), STR("2"), FIELD_OTHER};
	struct field origin = {STR("origin"), STR("o"), FIELD_ORIGIN};
	struct fields f;
	fields_init(&f, test_arena());
	ck_assert(!fields_put_new(&f, &a)); /* no room */
	ck_assert_uint_eq(f.count, 0);
	fields_reserve(&f, 2);
	ck_assert(fields_put_new(&f, &a));
	ck_assert(!fields_put_new(&f, &a));
	ck_assert(fields_put_new(&f, &origin));
	ck_assert(!fields_put_new(&f, &b)); /* no more room */
	ck_assert_uint_eq(f.count, 2);
	assert_str(fields_get(&f, STR("X-A"))->value, "1");
	assert_str(fields_get_id(&f, FIELD_ORIGIN)->value, "o");
}
END_TEST

START_TEST(removes_by_name_and_by_id)
{
	struct fields f;
	fields_init(&f, test_arena());
	add(&f, "Cookie", "1");
	add(&f, "x-b", "2");
	add(&f, "cookie", "3");
	ck_assert_ptr_nonnull(fields_get_id(&f, FIELD_COOKIE));
	ck_assert_uint_eq(fields_remove_id(&f, FIELD_COOKIE), 2);
	ck_assert_uint_eq(fields_remove(&f, STR("X-B")), 1);
	ck_assert_uint_eq(fields_remove(&f, STR("X-B")), 0);
	ck_assert_uint_eq(f.count, 0);
}
END_TEST

START_TEST(setters_own_what_they_take)
{
	struct fields f;
	fields_init(&f, test_arena());
	char name[] = "x-a", value[] = "one";
	ck_assert_int_eq(fields_add(&f, str_of(name), str_of(value)), RC_OK);
	memset(name, 'z', 3);
	memset(value, 'z', 3);
	assert_str(f.items[0].name, "x-a");
	assert_str(f.items[0].value, "one");
}
END_TEST

START_TEST(setters_refuse_what_could_split_a_head)
{
	static const char *const names[] = {"", " x", "x ", "x:", "x\r", "x y", "x\n", "\x80"};
	static const char *const values[] = {
		"a\r\nb", "a\n", "a\rb", " a", "a ", "\ta", "a\x01", "a\x7f"};
	struct fields f;
	fields_init(&f, test_arena());
	for (size_t i = 0; i < ARRAY_COUNT(names); i++)
		ck_assert_int_eq(fields_add(&f, str_of(names[i]), STR("v")), RC_INVALID);
	for (size_t i = 0; i < ARRAY_COUNT(values); i++) {
		ck_assert_int_eq(fields_add(&f, STR("n"), str_of(values[i])), RC_INVALID);
		ck_assert_int_eq(fields_set(&f, STR("n"), str_of(values[i])), RC_INVALID);
	}
	ck_assert_int_eq(fields_add(&f, STR("n"), STR("a\0b")), RC_INVALID);
	ck_assert_int_eq(fields_add(&f, repeated("n", 257), STR("v")), RC_INVALID);
	ck_assert_int_eq(fields_add(&f, STR("n"), repeated("v", 16385)), RC_INVALID);
	ck_assert_uint_eq(f.count, 0);
	ck_assert_int_eq(fields_add(&f, STR("n"), STR("a\t b\xff")), RC_OK);
	ck_assert_int_eq(fields_add(&f, STR("n"), STR_EMPTY), RC_OK);
}
END_TEST

START_TEST(refuses_more_fields_than_the_limit)
{
	struct fields f;
	fields_init(&f, test_arena());
	for (int i = 0; i < LIMIT_FIELDS; i++)
		add(&f, "x", "y");
	ck_assert_int_eq(fields_add(&f, STR("x"), STR("y")), RC_FULL);
	ck_assert_uint_eq(f.count, LIMIT_FIELDS);
}
END_TEST

START_TEST(a_spent_arena_is_an_error_and_no_more)
{
	struct pool *pool = pool_new();
	struct arena small;
	arena_init(&small, pool, 1000);
	struct fields f;
	fields_init(&f, &small);
	enum rc rc = RC_OK;
	for (int i = 0; i < 100 && rc == RC_OK; i++)
		rc = fields_add(&f, STR("name"), STR("value"));
	ck_assert_int_eq(rc, RC_FULL);
	ck_assert_uint_gt(f.count, 0);
	ck_assert_uint_lt(f.count, 100);
	arena_reset(&small);
	pool_free(pool);
}
END_TEST

/* --- what may be among them ------------------------------------------------------------------ */

static const char *const spellings[] = {"Cookie", "cOOKIE", "x-in-0", "X-In-0", "x-in-1", "x-on-0",
	"X-Forwarded-For", "x-forwarded-for", "date", "Dat", "dAT", "0-ni-x", "a", "A", "~", "^"};

/* By looking at each. */
static const struct field *look_for(const struct fields *f, struct str name)
{
	for (uint32_t i = 0; i < f->count; i++)
		if (str_eq_nocase(f->items[i].name, name))
			return &f->items[i];
	return NULL;
}

static void put_new(struct fields *f, struct str name)
{
	struct field field = {name, STR("p"), field_id_of(name)};
	bool was_there = look_for(f, name) != NULL;
	bool was_put = fields_put_new(f, &field);
	ck_assert(!was_put || !was_there);
}

static void change(struct fields *f, uint64_t random)
{
	struct str name = str_of(spellings[random % ARRAY_COUNT(spellings)]);
	uint64_t how = random >> 32 & 7;
	if (f->count > 12 || how == 0)
		fields_remove(f, name);
	else if (how == 1)
		fields_remove_id(f, field_id_of(name));
	else if (how < 4)
		ck_assert_int_eq(fields_set(f, name, STR("s")), RC_OK);
	else if (how == 4)
		put_new(f, name);
	else
		ck_assert_int_eq(fields_add(f, name, STR("a")), RC_OK);
}

START_TEST(whatever_is_there_is_found_in_any_spelling)
{
	struct prng random = {.s = {1, 2, 3, 4}};
	struct fields f;
	fields_init(&f, test_arena());
	for (int i = 0; i < 2000; i++) {
		change(&f, prng_next(&random));
		for (size_t k = 0; k < ARRAY_COUNT(spellings); k++) {
			struct str name = str_of(spellings[k]);
			enum field_id id = field_id_of(name);
			const struct field *found = look_for(&f, name);
			uint32_t at = 0;
			ck_assert_ptr_eq(fields_get(&f, name), found);
			ck_assert_ptr_eq(fields_next_id(&f, id, name, &at), found);
			if (id != FIELD_OTHER)
				ck_assert_ptr_eq(fields_get_id(&f, id), found);
		}
	}
}
END_TEST

START_TEST(knows_methods_exactly)
{
	ck_assert_int_eq(http_method_of(STR("GET")), METHOD_GET);
	ck_assert_int_eq(http_method_of(STR("PATCH")), METHOD_PATCH);
	ck_assert_int_eq(http_method_of(STR("OPTIONS")), METHOD_OPTIONS);
	ck_assert_int_eq(http_method_of(STR("get")), METHOD_OTHER);
	ck_assert_int_eq(http_method_of(STR("GETS")), METHOD_OTHER);
	ck_assert_int_eq(http_method_of(STR_EMPTY), METHOD_OTHER);
	ck_assert(http_method_is_idempotent(METHOD_DELETE));
	ck_assert(!http_method_is_idempotent(METHOD_POST));
	ck_assert(!http_method_is_idempotent(METHOD_OTHER));
}
END_TEST

START_TEST(knows_reasons)
{
	assert_str(http_reason(200), "OK");
	assert_str(http_reason(431), "Request Header Fields Too Large");
	assert_str(http_reason(299), "Unknown");
}
END_TEST

UNIT_SUITE(message, keeps_order_and_repeated_names, set_replaces_all_at_the_first_place,
	puts_what_is_new_where_there_is_room, removes_by_name_and_by_id, setters_own_what_they_take,
	setters_refuse_what_could_split_a_head, refuses_more_fields_than_the_limit,
	a_spent_arena_is_an_error_and_no_more, whatever_is_there_is_found_in_any_spelling,
	knows_methods_exactly, knows_reasons)
