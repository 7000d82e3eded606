/* SPDX-License-Identifier: Apache-2.0 */
#include "state/cache.h"
#include "unit.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>

static struct cache *c;
static struct cache_change total;

static void begin(uint64_t bytes_max, uint32_t entries_max)
{
	const struct cache_options o = {bytes_max, bytes_max, entries_max};
	total = (struct cache_change){0};
	c = cache_new(&o);
}

static void end(void)
{
	cache_remove_prefix(c, STR_EMPTY, &total);
	ck_assert_int_eq(total.bytes, 0);
	ck_assert_int_eq(total.entries, 0);
	cache_free(c);
}

static struct cache_body *body_of(const char *text)
{
	struct cache_body *b = cache_body_new();
	ck_assert_int_eq(cache_body_add(b, str_of(text), UINT64_MAX), RC_OK);
	return b;
}

static enum rc put_of(const char *key, const char *group, const char *text)
{
	struct cache_body *b = body_of(text);
	enum rc rc = cache_put(c, 1000, str_of(key), str_of(group), STR("meta"), b, 5000, &total);
	cache_body_unref(b);
	return rc;
}

static void put(const char *key, const char *text)
{
	ck_assert_int_eq(put_of(key, "", text), RC_OK);
}

static bool has_at(int64_t now_ms, const char *key)
{
	struct cache_entry *e = cache_find(c, now_ms, str_of(key), &total);
	cache_entry_unref(e);
	return e != NULL;
}

static bool has(const char *key)
{
	return has_at(2000, key);
}

START_TEST(what_was_put_is_found_until_it_ends)
{
	begin(1 << 20, 100);
	ck_assert(!has("a"));
	put("a", "alpha");
	struct cache_entry *e = cache_find(c, 2000, STR("a"), &total);
	ck_assert_ptr_nonnull(e);
	assert_str(cache_entry_meta(e), "meta");
	ck_assert_int_eq(e->stored_ms, 1000);
	ck_assert_uint_eq(cache_body_bytes(e->body), 5);
	assert_str(str_n(cache_body_pieces(e->body)->data, 5), "alpha");
	ck_assert(has_at(4999, "a"));
	ck_assert(!has_at(5000, "a"));
	ck_assert(!has_at(2000, "a"));
	/* Who has it keeps it. */
	assert_str(str_n(cache_body_pieces(e->body)->data, 5), "alpha");
	cache_entry_unref(e);
	end();
}
END_TEST

START_TEST(a_newer_one_takes_its_place)
{
	begin(1 << 20, 100);
	put("a", "first");
	struct cache_entry *first = cache_find(c, 2000, STR("a"), &total);
	put("a", "second");
	ck_assert_int_eq(total.entries, 1);
	struct cache_entry *second = cache_find(c, 2000, STR("a"), &total);
	assert_str(str_n(cache_body_pieces(first->body)->data, 5), "first");
	assert_str(str_n(cache_body_pieces(second->body)->data, 6), "second");
	ck_assert_ptr_null(cache_touch(c, first, STR("x"), 9000, &total));
	struct cache_entry *newer = cache_touch(c, second, STR("new"), 9000, &total);
	ck_assert_ptr_nonnull(newer);
	cache_drop(c, second, &total);
	struct cache_entry *third = cache_find(c, 8000, STR("a"), &total);
	ck_assert_ptr_eq(third, newer);
	assert_str(cache_entry_meta(third), "new");
	ck_assert_ptr_eq(third->body, second->body);
	ck_assert_int_eq(third->stored_ms, 1000);
	cache_entry_unref(first);
	cache_entry_unref(second);
	cache_drop(c, third, &total);
	ck_assert(!has("a"));
	cache_entry_unref(third);
	cache_entry_unref(newer);
	end();
}
END_TEST

START_TEST(goes_by_key_by_group_and_by_prefix)
{
	begin(1 << 20, 100);
	ck_assert_int_eq(put_of("/a/1", "red", "x"), RC_OK);
	ck_assert_int_eq(put_of("/a/2", "blue", "x"), RC_OK);
	ck_assert_int_eq(put_of("/b/1", "red", "x"), RC_OK);
	put("/b/2", "x");
	ck_assert(cache_remove(c, STR("/b/2"), &total));
	ck_assert(!cache_remove(c, STR("/b/2"), &total));
	ck_assert_uint_eq(cache_remove_group(c, STR("green"), &total), 0);
	ck_assert_uint_eq(cache_remove_group(c, STR_EMPTY, &total), 0);
	ck_assert_uint_eq(cache_remove_group(c, STR("red"), &total), 2);
	ck_assert(!has("/a/1") && has("/a/2") && !has("/b/1"));
	ck_assert_uint_eq(cache_remove_prefix(c, STR("/a"), &total), 1);
	ck_assert_int_eq(total.entries, 0);
	end();
}
END_TEST

static const char *key_n(const char *what, int n)
{
	static char key[32];
	snprintf(key, sizeof(key), "%s%d", what, n);
	return key;
}

START_TEST(never_exceeds_its_bounds)
{
	char text[3000];
	memset(text, 'x', sizeof(text));
	begin(100000, 50);
	for (int i = 0; i < 1000; i++) {
		text[i * 7 % 2900] = '\0';
		put(key_n("k", i % 90), text);
		text[i * 7 % 2900] = 'x';
		ck_assert_int_le(total.bytes, 100000);
		ck_assert_int_le(total.entries, 50);
	}
	ck_assert_uint_gt(total.evicted, 0);
	const struct cache_options less = {20000, 20000, 5};
	cache_limit(c, &less, &total);
	ck_assert_int_le(total.bytes, 20000);
	ck_assert_int_le(total.entries, 5);
	end();
}
END_TEST

/* What is in use stays, though a thousand keys that nobody asks for again pass through. */
START_TEST(a_scan_leaves_what_is_in_use)
{
	begin(1 << 20, 100);
	for (int i = 0; i < 50; i++) {
		put(key_n("hot", i), "x");
		ck_assert(has(key_n("hot", i)));
	}
	for (int i = 0; i < 1000; i++)
		put(key_n("cold", i), "x");
	int kept = 0;
	for (int i = 0; i < 50; i++)
		kept += has(key_n("hot", i));
	ck_assert_int_eq(kept, 50);
	end();
}
END_TEST

static bool stays_once_it_is_back(void)
{
	begin(1 << 20, 20);
	for (int i = 0; i < 20; i++) {
		put(key_n("hot", i), "x");
		ck_assert(has(key_n("hot", i)));
	}
	put("back", "x");
	for (int i = 0; i < 5; i++)
		put(key_n("cold", i), "x");
	ck_assert(!has("back"));
	put("back", "x");
	for (int i = 0; i < 10; i++)
		put(key_n("colder", i), "x");
	bool stays = has("back");
	end();
	return stays;
}

/* It comes back soon after it had to leave: it was asked for after all. Who left is remembered in a small table by a hash
 * under a key drawn at random: another may stand in its place there, once in seventeen times. */
START_TEST(who_comes_back_stays)
{
	int stays = 0;
	for (int i = 0; i < 40; i++)
		stays += stays_once_it_is_back();
	ck_assert_int_ge(stays, 25);
}
END_TEST

START_TEST(what_is_too_large_is_refused_and_what_it_was_goes)
{
	const struct cache_options o = {100000, 10, 10};
	total = (struct cache_change){0};
	c = cache_new(&o);
	put("a", "small");
	ck_assert_int_eq(put_of("a", "", "larger than ten"), RC_FULL);
	ck_assert(!has("a"));
	struct cache_body *b = cache_body_new();
	ck_assert_int_eq(cache_body_add(b, STR("12345"), 10), RC_OK);
	ck_assert_int_eq(cache_body_add(b, STR("123456"), 10), RC_FULL);
	ck_assert_int_eq(cache_body_add(b, STR("12345"), 10), RC_OK);
	cache_body_unref(b);
	end();
}
END_TEST

START_TEST(a_body_of_many_pieces_is_whole)
{
	static char text[200000];
	struct cache_body *b = cache_body_new();
	size_t at = 0;
	for (size_t i = 0; i < sizeof(text); i++)
		text[i] = (char)('a' + i % 23);
	for (size_t n = 1; at < sizeof(text); n = n * 3 % 9973 + 1) {
		size_t step = n < sizeof(text) - at ? n : sizeof(text) - at;
		ck_assert_int_eq(cache_body_add(b, str_n(text + at, step), UINT64_MAX), RC_OK);
		at += step;
	}
	begin(1 << 20, 10);
	ck_assert_int_eq(cache_put(c, 0, STR("a"), STR_EMPTY, STR_EMPTY, b, 9000, &total), RC_OK);
	cache_body_unref(b);
	struct cache_entry *e = cache_find(c, 1, STR("a"), &total);
	at = 0;
	for (const struct cache_piece *p = cache_body_pieces(e->body); p; p = p->next) {
		ck_assert_mem_eq(p->data, text + at, p->n);
		at += p->n;
	}
	ck_assert_uint_eq(at, sizeof(text));
	cache_entry_unref(e);
	end();
}
END_TEST

static void *hammer(void *arg)
{
	struct cache_change own = {0};
	unsigned seed = (unsigned)(uintptr_t)arg;
	char key[16];
	for (int i = 0; i < 3000; i++) {
		seed = seed * 1103515245 + 12345;
		snprintf(key, sizeof(key), "k%u", seed / 65536 % 40);
		struct cache_entry *e = cache_find(c, 1, str_of(key), &own);
		if (e) {
			ck_assert_uint_eq(cache_body_bytes(e->body), 100);
			cache_entry_unref(e);
			continue;
		}
		char text[101];
		memset(text, key[1], 100);
		text[100] = '\0';
		struct cache_body *b = body_of(text);
		enum rc rc = cache_put(c, 1, str_of(key), STR_EMPTY, STR_EMPTY, b, 99999, &own);
		ck_assert_int_eq(rc, RC_OK);
		cache_body_unref(b);
	}
	struct cache_change *result = malloc(sizeof(own));
	*result = own;
	return result;
}

START_TEST(threads_share_it)
{
	pthread_t threads[4];
	begin(1 << 20, 20);
	for (uintptr_t i = 0; i < 4; i++)
		ck_assert_int_eq(pthread_create(&threads[i], NULL, hammer, (void *)(i + 1)), 0);
	for (int i = 0; i < 4; i++) {
		void *result;
		pthread_join(threads[i], &result);
		const struct cache_change *own = result;
		total.bytes += own->bytes;
		total.entries += own->entries;
		free(result);
	}
	ck_assert_int_le(total.entries, 20);
	end();
}
END_TEST

UNIT_SUITE(cache, what_was_put_is_found_until_it_ends, a_newer_one_takes_its_place,
	goes_by_key_by_group_and_by_prefix, never_exceeds_its_bounds, a_scan_leaves_what_is_in_use,
	who_comes_back_stays, what_is_too_large_is_refused_and_what_it_was_goes,
	a_body_of_many_pieces_is_whole, threads_share_it)
