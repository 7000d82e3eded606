/* SPDX-License-Identifier: Apache-2.0 */
#include "state/cache_record.h"
#include "unit.h"

static struct buffer value;

static struct cache_entry *read_at(const char *key, int64_t now_ms, int64_t remaining_ms)
{
	return cache_record_read(buffer_str(&value), str_of(key), now_ms, remaining_ms);
}

/* 500 ms old, to last for a minute more. */
static void write_one(void)
{
	struct cache_body *body = cache_body_new();
	ck_assert_int_eq(cache_body_add(body, STR("some text"), 100), RC_OK);
	struct cache_entry *e = cache_entry_new(STR("key"), STR("group"), STR("meta"), body);
	e->stored_ms = 1000;
	buffer_init(&value, SIZE_MAX);
	cache_record_write(&value, e, 1500, 60000);
	cache_entry_unref(e);
	cache_body_unref(body);
}

START_TEST(what_was_written_is_read_by_another_clock)
{
	write_one();
	struct cache_entry *e = read_at("key", 90000, 50000);
	ck_assert_ptr_nonnull(e);
	assert_str(cache_entry_key(e), "key");
	assert_str(cache_entry_group(e), "group");
	assert_str(cache_entry_meta(e), "meta");
	assert_str(str_n(cache_body_pieces(e->body)->data, 9), "some text");
	/* It has lain there for 10 s. */
	ck_assert_int_eq(e->stored_ms, 90000 - 500 - 10000);
	ck_assert_int_eq(e->ends_ms, 140000);
	cache_entry_unref(e);
	/* A storage that says more than was asked for makes nothing younger. */
	e = read_at("key", 90000, 70000);
	ck_assert_int_eq(e->stored_ms, 90000 - 500);
	cache_entry_unref(e);
	buffer_deinit(&value);
}
END_TEST

START_TEST(what_is_none_is_refused)
{
	write_one();
	ck_assert_ptr_null(read_at("kez", 0, 1));
	ck_assert_ptr_null(read_at("ke", 0, 1));
	ck_assert_ptr_null(read_at("keyg", 0, 1));
	for (size_t n = 0; n < 32 + 12; n++)
		ck_assert_ptr_null(cache_record_read(str_n(value.p, n), STR("key"), 0, 1));
	value.p[0] ^= 1;
	ck_assert_ptr_null(read_at("key", 0, 1));
	value.p[0] ^= 1;
	value.p[23] ^= 0x40; /* of its age */
	ck_assert_ptr_null(read_at("key", 0, 1));
	buffer_deinit(&value);
}
END_TEST

UNIT_SUITE(cache_record, what_was_written_is_read_by_another_clock, what_is_none_is_refused)
