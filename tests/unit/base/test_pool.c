/* SPDX-License-Identifier: Apache-2.0 */
#include "unit.h"

#include "base/pool.h"

START_TEST(counts_what_is_out)
{
	struct pool *p = pool_new();
	void *page = pool_page_get(p), *object = pool_get(p, 65),
	     *large = pool_large_get(p, POOL_LARGE_64K);
	ck_assert_uint_eq(
		pool_bytes_used(p), POOL_PAGE_BYTES + 80 + 65536 + POOL_LARGE_HEADER_BYTES);
	pool_page_put(p, page);
	pool_put(p, object, 65);
	pool_large_put(p, large, POOL_LARGE_64K);
	ck_assert_uint_eq(pool_bytes_used(p), 0);
	pool_free(p);
}
END_TEST

START_TEST(objects_of_every_size_are_writable_to_the_last_byte)
{
	struct pool *p = pool_new();
	for (size_t size = 1; size <= POOL_OBJECT_BYTES_MAX; size++) {
		char *a = pool_get(p, size), *b = pool_get(p, size);
		ck_assert_ptr_ne(a, b);
		memset(a, 1, size);
		memset(b, 2, size);
		ck_assert_int_eq(a[size - 1], 1);
		pool_put(p, a, size);
		pool_put(p, b, size);
	}
	pool_free(p);
}
END_TEST

#ifndef SLUICE_SANITIZE
START_TEST(hands_out_again_what_came_back)
{
	struct pool *p = pool_new();
	void *a = pool_get(p, 100);
	pool_put(p, a, 100);
	ck_assert_ptr_eq(pool_get(p, 112), a); /* of the same class */
	void *page = pool_page_get(p);
	pool_page_put(p, page);
	ck_assert_ptr_eq(pool_page_get(p), page);
	pool_put(p, a, 112);
	pool_page_put(p, page);
	pool_free(p);
}
END_TEST

START_TEST(keeps_a_bounded_amount)
{
	enum { COUNT = POOL_IDLE_BYTES_MAX / 65536 + 100 };
	static void *blocks[COUNT];
	struct pool *p = pool_new();
	for (int i = 0; i < COUNT; i++)
		blocks[i] = pool_large_get(p, POOL_LARGE_64K);
	for (int i = 0; i < COUNT; i++)
		pool_large_put(p, blocks[i], POOL_LARGE_64K);
	ck_assert_uint_eq(pool_bytes_used(p), 0);
	pool_free(p); /* what it did not keep is freed already: a leak or double free shows here */
}
END_TEST

START_TEST(gives_up_what_is_idle_when_memory_is_short)
{
	struct pool *p = pool_new();
	void *page = pool_page_get(p), *kept = pool_get(p, 100);
	pool_page_put(p, page);
	pool_large_put(p, pool_large_get(p, POOL_LARGE_16K), POOL_LARGE_16K);
	ck_assert_uint_gt(pool_bytes_idle(p), POOL_PAGE_BYTES + 16384);
	pool_trim(p);
	ck_assert_uint_eq(pool_bytes_idle(p), 0);
	ck_assert_uint_eq(pool_bytes_used(p), 112);
	pool_page_put(p, pool_page_get(p));
	pool_put(p, kept, 100);
	ck_assert_uint_eq(pool_bytes_idle(p), POOL_PAGE_BYTES + 112);
	pool_free(p);
}
END_TEST

enum { OBJECTS = 200 };

static void give_pages(struct pool *p, void **pages, int count)
{
	for (int i = 0; i < count; i++)
		pool_page_put(p, pages[i]);
}

static void take_pages(struct pool *p, void **pages, int count)
{
	for (int i = 0; i < count; i++)
		pages[i] = pool_page_get(p);
}

START_TEST(what_nobody_took_between_two_looks_is_freed)
{
	void *pages[OBJECTS];
	struct pool *p = pool_new();
	take_pages(p, pages, OBJECTS);
	give_pages(p, pages, OBJECTS);
	ck_assert_uint_eq(pool_age(p), 0); /* the first look */
	take_pages(p, pages, 100);
	give_pages(p, pages, 100);
	ck_assert_uint_eq(pool_age(p), 100 * POOL_PAGE_BYTES);
	ck_assert_uint_eq(pool_bytes_idle(p), 100 * POOL_PAGE_BYTES);
	take_pages(p, pages, 100); /* those that were wanted are there still */
	ck_assert_uint_eq(pool_bytes_idle(p), 0);
	give_pages(p, pages, 100);
	pool_free(p);
}
END_TEST

START_TEST(ageing_leaves_a_little_whatever_happens)
{
	void *pages[OBJECTS];
	struct pool *p = pool_new();
	take_pages(p, pages, OBJECTS);
	give_pages(p, pages, OBJECTS);
	pool_put(p, pool_get(p, 100), 100);
	pool_large_put(p, pool_large_get(p, POOL_LARGE_64K), POOL_LARGE_64K);
	size_t others = pool_bytes_idle(p) - OBJECTS * POOL_PAGE_BYTES;
	for (int i = 0; i < 5; i++)
		pool_age(p);
	ck_assert_uint_eq(pool_bytes_idle(p), POOL_KEPT_OBJECTS * POOL_PAGE_BYTES + others);
	void *one = pool_page_get(p); /* of those, and wanted again */
	pool_page_put(p, one);
	pool_age(p);
	ck_assert_uint_eq(pool_bytes_idle(p), POOL_PAGE_BYTES + others);
	ck_assert_ptr_eq(pool_page_get(p), one);
	pool_page_put(p, one);
	pool_trim(p); /* frees both what is new and what has waited */
	ck_assert_uint_eq(pool_bytes_idle(p), 0);
	pool_free(p);
}
END_TEST

START_TEST(one_look_frees_a_bounded_number)
{
	enum { COUNT = POOL_AGE_OBJECTS + 200, BYTES = 2048 };
	static void *objects[COUNT];
	struct pool *p = pool_new();
	for (int i = 0; i < COUNT; i++)
		objects[i] = pool_get(p, BYTES);
	for (int i = 0; i < COUNT; i++)
		pool_put(p, objects[i], BYTES);
	ck_assert_uint_eq(pool_age(p), 0);
	ck_assert_uint_eq(pool_age(p), (size_t)POOL_AGE_OBJECTS * BYTES);
	ck_assert_uint_eq(pool_age(p), (200 - POOL_KEPT_OBJECTS) * BYTES);
	ck_assert_uint_eq(pool_bytes_idle(p), POOL_KEPT_OBJECTS * BYTES);
	pool_free(p);
}
END_TEST

enum { SIZES = 24, EACH = 1000 };

/* How many pages of memory those that wait lie on. */
static size_t count_pages(struct pool *p)
{
	static void *objects[SIZES][POOL_KEPT_OBJECTS];
	uintptr_t seen[SIZES * POOL_KEPT_OBJECTS];
	size_t count = 0;
	for (int i = 0; i < SIZES; i++)
		for (int k = 0; k < POOL_KEPT_OBJECTS; k++)
			objects[i][k] = pool_get(p, 100 + i * 16);
	ck_assert_uint_eq(pool_bytes_idle(p), 0);
	for (int i = 0; i < SIZES; i++)
		for (int k = 0; k < POOL_KEPT_OBJECTS; k++) {
			uintptr_t page = (uintptr_t)objects[i][k] / 4096;
			size_t at = 0;
			while (at < count && seen[at] != page)
				at++;
			seen[at] = page;
			count = at == count ? count + 1 : count;
			pool_put(p, objects[i][k], 100 + i * 16);
		}
	return count;
}

START_TEST(what_is_left_can_be_gathered)
{
	static void *objects[EACH][SIZES];
	struct pool *p = pool_new();
	for (int k = 0; k < EACH; k++)
		for (int i = 0; i < SIZES; i++)
			objects[k][i] = pool_get(p, 100 + i * 16);
	for (int i = 0; i < SIZES; i++) /* neighbours in no order */
		for (int k = 0; k < EACH; k++)
			pool_put(p, objects[(k * 67 + i * 31) % EACH][i], 100 + i * 16);
	for (int i = 0; i < 30; i++)
		pool_age(p);
	size_t scattered = count_pages(p), idle = pool_bytes_idle(p);
	for (int i = 0; i < 2; i++)
		pool_age(p);
	pool_gather(p);
	ck_assert_uint_eq(pool_bytes_idle(p), idle);
	ck_assert_uint_lt(count_pages(p), scattered * 3 / 4); /* 44 of 96 */
	pool_free(p);
}
END_TEST

/* What waits and may be wanted again at once is more than a look may take the time for. */
START_TEST(what_has_not_aged_is_not_gathered)
{
	static void *objects[EACH];
	struct pool *p = pool_new();
	for (int i = 0; i < EACH; i++)
		objects[i] = pool_get(p, 512);
	for (int i = 0; i < EACH; i++) /* neighbours in no order */
		pool_put(p, objects[i * 67 % EACH], 512);
	pool_gather(p);
	ck_assert_uint_eq(pool_age(p), 0);
	pool_gather(p);
	for (int i = EACH - 1; i >= 0; i--)
		ck_assert_ptr_eq(pool_get(p, 512), objects[i * 67 % EACH]);
	for (int i = 0; i < EACH; i++)
		pool_put(p, objects[i], 512);
	pool_free(p);
}
END_TEST

UNIT_SUITE(pool, counts_what_is_out, objects_of_every_size_are_writable_to_the_last_byte,
	hands_out_again_what_came_back, keeps_a_bounded_amount,
	gives_up_what_is_idle_when_memory_is_short, what_nobody_took_between_two_looks_is_freed,
	ageing_leaves_a_little_whatever_happens, one_look_frees_a_bounded_number,
	what_is_left_can_be_gathered, what_has_not_aged_is_not_gathered)
#else
UNIT_SUITE(pool, counts_what_is_out, objects_of_every_size_are_writable_to_the_last_byte)
#endif
