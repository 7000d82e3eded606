/* SPDX-License-Identifier: Apache-2.0 */
#include "unit.h"

#include "state/store.h"

#include <pthread.h>
#include <stdio.h>

static struct arena arena;
static struct pool *pool;
static struct state_store *store;
static int64_t now_ms;

static void store_begin(uint32_t entries, uint64_t bytes)
{
	pool = pool_new();
	arena_init(&arena, pool, 4 << 20);
	store = state_store_new(entries, bytes);
	now_ms = 1000;
}

static void store_end(void)
{
	state_store_free(store);
	arena_reset(&arena);
	pool_free(pool);
}

static struct sluice_answer ask_store(struct sluice_question q)
{
	struct sluice_answer a = {.size = sizeof(a)};
	q.size = sizeof(q);
	state_store_ask(store, now_ms, &q, &arena, &a);
	return a;
}

#define KEY(text) .key = {(text), strlen(text)}

static struct sluice_answer count(const char *key, int64_t delta, int64_t limit)
{
	return ask_store((struct sluice_question){
		.kind = SLUICE_COUNT, KEY(key), .delta = delta, .limit = limit, .for_ms = 100});
}

static struct sluice_answer put(const char *key, const char *value, uint64_t version, int64_t ms)
{
	return ask_store((struct sluice_question){.kind = SLUICE_PUT,
		KEY(key),
		.value = {value, strlen(value)},
		.version = version,
		.for_ms = ms});
}

static struct sluice_answer get(const char *key)
{
	return ask_store((struct sluice_question){.kind = SLUICE_GET, KEY(key)});
}

static struct sluice_answer drop(const char *key, uint64_t version)
{
	return ask_store(
		(struct sluice_question){.kind = SLUICE_REMOVE, KEY(key), .version = version});
}

START_TEST(a_counter_counts_in_windows)
{
	store_begin(100, 1 << 20);
	struct sluice_answer a = count("k", 3, 0);
	ck_assert_int_eq(a.result, SLUICE_OK);
	ck_assert_int_eq(a.count, 3);
	ck_assert_int_eq(a.remaining_ms, 100);
	now_ms += 60;
	a = count("k", 4, 7);
	ck_assert_int_eq(a.result, SLUICE_OK);
	ck_assert_int_eq(a.count, 7);
	ck_assert_int_eq(a.remaining_ms, 40);
	a = count("k", 1, 7);
	ck_assert_int_eq(a.result, SLUICE_E_CONFLICT);
	ck_assert_int_eq(a.count, 7);
	ck_assert_int_eq(count("k", 0, 7).count, 7);
	ck_assert_int_eq(count("k", -20, 7).count, 0);
	now_ms += 40;
	ck_assert_int_eq(count("k", 0, 0).count, 0);
	ck_assert_uint_eq(state_store_count(store), 0); /* looking makes nothing */
	ck_assert_int_eq(count("k", INT64_MAX, 0).count, SLUICE_COUNT_MAX);
	ck_assert_int_eq(count("k", 1, 0).count, SLUICE_COUNT_MAX);
	store_end();
}
END_TEST

START_TEST(a_value_has_a_version_and_an_end)
{
	store_begin(100, 1 << 20);
	ck_assert_int_eq(get("k").result, SLUICE_E_NOT_FOUND);
	struct sluice_answer first = put("k", "one", 0, 50);
	ck_assert_int_eq(first.result, SLUICE_OK);
	ck_assert_uint_ne(first.version, 0);
	ck_assert_int_eq(put("k", "two", 0, 50).result, SLUICE_E_CONFLICT);
	struct sluice_answer a = put("k", "two", first.version, 50);
	ck_assert_int_eq(a.result, SLUICE_OK);
	ck_assert_uint_gt(a.version, first.version);
	a = put("k", "three", first.version, 50);
	ck_assert_int_eq(a.result, SLUICE_E_CONFLICT);
	a = get("k");
	ck_assert_int_eq(a.result, SLUICE_OK);
	ck_assert_uint_eq(a.value.n, 3);
	ck_assert_mem_eq(a.value.p, "two", 3);
	ck_assert_int_eq(a.remaining_ms, 50);
	ck_assert_uint_eq(state_store_count(store), 1);
	now_ms += 50;
	ck_assert_int_eq(get("k").result, SLUICE_E_NOT_FOUND);
	ck_assert_int_eq(put("k", "", SLUICE_VERSION_ANY, 0).result, SLUICE_OK);
	now_ms += 1000000;
	a = get("k");
	ck_assert_int_eq(a.result, SLUICE_OK);
	ck_assert_uint_eq(a.value.n, 0);
	ck_assert_int_eq(a.remaining_ms, 0);
	ck_assert_int_eq(drop("k", a.version + 1).result, SLUICE_E_CONFLICT);
	ck_assert_int_eq(drop("k", a.version).result, SLUICE_OK);
	ck_assert_int_eq(drop("k", SLUICE_VERSION_ANY).result, SLUICE_E_NOT_FOUND);
	store_end();
}
END_TEST

START_TEST(a_lock_is_one_holders)
{
	struct sluice_question lock = {.kind = SLUICE_LOCK, KEY("k"), .for_ms = 100};
	struct sluice_question unlock = {.kind = SLUICE_UNLOCK, KEY("k")};
	store_begin(100, 1 << 20);
	struct sluice_answer a = ask_store(lock);
	ck_assert_int_eq(a.result, SLUICE_OK);
	now_ms += 30;
	struct sluice_answer other = ask_store(lock);
	ck_assert_int_eq(other.result, SLUICE_E_CONFLICT);
	ck_assert_int_eq(other.remaining_ms, 70);
	ck_assert_uint_eq(other.version, 0); /* the key is not given away */
	unlock.version = a.version + 1;
	struct sluice_answer wrong = ask_store(unlock);
	ck_assert_int_eq(wrong.result, SLUICE_E_CONFLICT);
	ck_assert_uint_eq(wrong.version, 0);
	unlock.version = a.version;
	ck_assert_int_eq(ask_store(unlock).result, SLUICE_OK);
	ck_assert_int_eq(ask_store(unlock).result, SLUICE_E_NOT_FOUND);
	ck_assert_int_eq(ask_store(lock).result, SLUICE_OK);
	now_ms += 100;
	ck_assert_int_eq(ask_store(lock).result, SLUICE_OK);
	ck_assert_int_eq(drop("k", SLUICE_VERSION_ANY).result, SLUICE_E_INVALID);
	store_end();
}
END_TEST

START_TEST(a_key_holds_one_sort)
{
	store_begin(100, 1 << 20);
	count("counter", 1, 0);
	put("value", "v", 0, 0);
	ck_assert_int_eq(get("counter").result, SLUICE_E_INVALID);
	ck_assert_int_eq(put("counter", "v", 0, 0).result, SLUICE_E_INVALID);
	ck_assert_int_eq(count("value", 1, 0).result, SLUICE_E_INVALID);
	ck_assert_int_eq(drop("counter", SLUICE_VERSION_ANY).result, SLUICE_OK);
	ck_assert_int_eq(put("counter", "v", 0, 0).result, SLUICE_OK);
	store_end();
}
END_TEST

static void fill(int from, int to, int64_t ms, int32_t result)
{
	char key[16];
	for (int i = from; i < to; i++) {
		snprintf(key, sizeof(key), "%d", i);
		ck_assert_int_eq(put(key, "x", 0, ms).result, result);
	}
}

START_TEST(a_full_store_drops_nothing_that_lasts)
{
	store_begin(1000, 1 << 20);
	fill(0, 1000, 5000, SLUICE_OK);
	fill(1000, 1010, 50, SLUICE_E_FULL);
	ck_assert_int_eq(put("7", "y", SLUICE_VERSION_ANY, 9000).result, SLUICE_OK);
	ck_assert_uint_eq(state_store_count(store), 1000);
	now_ms += 5000; /* all but that one have ended */
	fill(2000, 2050, 50, SLUICE_OK);
	ck_assert_mem_eq(get("7").value.p, "y", 1);
	store_end();
	store_begin(1000, 1024);
	fill(0, 10, 0, SLUICE_OK);
	fill(10, 11, 0, SLUICE_E_FULL);
	store_end();
}
END_TEST

START_TEST(a_value_is_replaced_within_the_same_bounds)
{
	static char large[600];
	memset(large, 'l', sizeof(large) - 1);
	store_begin(1, 1024);
	ck_assert_int_eq(put("k", "small", 0, 50).result, SLUICE_OK);
	for (int i = 0; i < 10; i++) {
		struct sluice_answer a = put("k", large, SLUICE_VERSION_ANY, 50);
		ck_assert_int_eq(a.result, SLUICE_OK);
		ck_assert_uint_eq(get("k").value.n, sizeof(large) - 1);
		ck_assert_int_eq(put("k", "small", a.version, 50).result, SLUICE_OK);
	}
	ck_assert_int_eq(put("other", "", 0, 50).result, SLUICE_E_FULL);
	state_store_limit(store, 2, 300);
	ck_assert_int_eq(put("k", large, SLUICE_VERSION_ANY, 50).result, SLUICE_E_FULL);
	ck_assert_uint_eq(get("k").value.n, 5);
	ck_assert_int_eq(put("other", "", 0, 50).result, SLUICE_OK);
	ck_assert_int_eq(put("third", "", 0, 50).result, SLUICE_E_FULL);
	now_ms += 50; /* wherever they lie, they make room */
	ck_assert_int_eq(put("third", "", 0, 50).result, SLUICE_OK);
	ck_assert_int_eq(put("fourth", "", 0, 50).result, SLUICE_OK);
	ck_assert_uint_eq(state_store_count(store), 2);
	store_end();
}
END_TEST

static void *count_many(void *arg)
{
	struct sluice_question q = {
		.size = sizeof(q), .kind = SLUICE_COUNT, .delta = 1, .for_ms = 1};
	struct sluice_answer a;
	char key[16];
	q.for_ms = 60000;
	for (int i = 0; i < 20000; i++) {
		q.key.n = (size_t)snprintf(key, sizeof(key), "%d", i % 50);
		q.key.p = key;
		state_store_ask(store, 1000, &q, NULL, &a);
	}
	return NULL;
}

START_TEST(threads_lose_no_count)
{
	pthread_t threads[4];
	store_begin(100, 1 << 20);
	for (int i = 0; i < 4; i++)
		ck_assert_int_eq(pthread_create(&threads[i], NULL, count_many, NULL), 0);
	for (int i = 0; i < 4; i++)
		pthread_join(threads[i], NULL);
	int64_t sum = 0;
	char key[16];
	for (int i = 0; i < 50; i++) {
		snprintf(key, sizeof(key), "%d", i);
		sum += count(key, 0, 0).count;
	}
	ck_assert_int_eq(sum, 80000);
	ck_assert_uint_eq(state_store_count(store), 50);
	store_end();
}
END_TEST

UNIT_SUITE(store, a_counter_counts_in_windows, a_value_has_a_version_and_an_end,
	a_lock_is_one_holders, a_key_holds_one_sort, a_full_store_drops_nothing_that_lasts,
	a_value_is_replaced_within_the_same_bounds, threads_lose_no_count)
