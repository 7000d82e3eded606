/* SPDX-License-Identifier: Apache-2.0 */
#include "unit.h"

#include "base/map.h"
#include "base/prng.h"

#include <stdio.h>

START_TEST(finds_replaces_and_removes)
{
	struct map m;
	int a, b;
	map_init(&m);
	ck_assert_ptr_null(map_get(&m, STR("x")));
	ck_assert_ptr_null(map_remove(&m, STR("x")));
	ck_assert_ptr_null(map_put(&m, STR("x"), &a));
	ck_assert_ptr_eq(map_put(&m, STR("x"), &b), &a);
	ck_assert_uint_eq(m.count, 1);
	ck_assert_ptr_eq(map_get(&m, STR("x")), &b);
	ck_assert_ptr_null(map_get(&m, STR("X")));
	ck_assert_ptr_eq(map_remove(&m, STR("x")), &b);
	ck_assert_ptr_null(map_get(&m, STR("x")));
	map_deinit(&m);
}
END_TEST

START_TEST(keys_are_bytes_and_are_copied)
{
	struct map m;
	int a, b, c;
	char key[] = "k1";
	map_init(&m);
	map_put(&m, str_of(key), &a);
	key[1] = '2';
	ck_assert_ptr_eq(map_get(&m, STR("k1")), &a);
	map_put(&m, STR_EMPTY, &b);
	map_put(&m, STR("k\0z"), &c);
	ck_assert_ptr_eq(map_get(&m, STR("")), &b);
	ck_assert_ptr_eq(map_get(&m, STR("k\0z")), &c);
	ck_assert_ptr_null(map_get(&m, STR("k\0y")));
	map_deinit(&m);
}
END_TEST

/* Removal shifts clusters: every key that is left must still be found. */
START_TEST(agrees_with_a_plain_array_over_many_operations)
{
	enum { KEYS = 200 };
	static char model[KEYS];
	struct map m;
	struct prng r = {{5, 6, 7, 8}};
	map_init(&m);
	for (int step = 0; step < 20000; step++) {
		char key[8];
		size_t i = prng_next(&r) % KEYS;
		snprintf(key, sizeof(key), "%zu", i);
		if (prng_next(&r) % 2) {
			ck_assert_ptr_eq(
				map_put(&m, str_of(key), &model[i]), model[i] ? &model[i] : NULL);
			model[i] = 1;
		} else {
			ck_assert_ptr_eq(map_remove(&m, str_of(key)), model[i] ? &model[i] : NULL);
			model[i] = 0;
		}
		if (step % 50 == 0)
			for (size_t k = 0; k < KEYS; k++) {
				snprintf(key, sizeof(key), "%zu", k);
				ck_assert_ptr_eq(
					map_get(&m, str_of(key)), model[k] ? &model[k] : NULL);
			}
	}
	map_deinit(&m);
}
END_TEST

/* As full as a table gets, so that clusters run over its end. */
START_TEST(removal_keeps_what_runs_over_the_end_of_the_table)
{
	enum { KEYS = 12 };
	static int values[KEYS];
	for (int set = 0; set < 500; set++) {
		struct map m;
		char keys[KEYS][16];
		map_init(&m);
		for (int i = 0; i < KEYS; i++) {
			snprintf(keys[i], sizeof(keys[i]), "%d.%d", set, i);
			map_put(&m, str_of(keys[i]), &values[i]);
		}
		for (int gone = 0; gone < KEYS; gone++) {
			ck_assert_ptr_eq(map_remove(&m, str_of(keys[gone])), &values[gone]);
			for (int i = 0; i < KEYS; i++)
				ck_assert_ptr_eq(
					map_get(&m, str_of(keys[i])), i > gone ? &values[i] : NULL);
		}
		map_deinit(&m);
	}
}
END_TEST

START_TEST(iterates_over_each_entry_once)
{
	struct map m;
	static int values[100];
	map_init(&m);
	size_t at = 0, seen = 0;
	ck_assert_ptr_null(map_next(&m, &at));
	for (int i = 0; i < 100; i++) {
		char key[8];
		snprintf(key, sizeof(key), "%d", i);
		map_put(&m, str_of(key), &values[i]);
	}
	const struct map_entry *e;
	for (at = 0; (e = map_next(&m, &at)); seen++)
		++*(int *)e->value;
	ck_assert_uint_eq(seen, 100);
	for (int i = 0; i < 100; i++)
		ck_assert_int_eq(values[i], 1);
	map_deinit(&m);
}
END_TEST

UNIT_SUITE(map, finds_replaces_and_removes, keys_are_bytes_and_are_copied,
	agrees_with_a_plain_array_over_many_operations,
	removal_keeps_what_runs_over_the_end_of_the_table, iterates_over_each_entry_once)
