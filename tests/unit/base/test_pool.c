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
UNIT_SUITE(pool, counts_what_is_out, objects_of_every_size_are_writable_to_the_last_byte,
	hands_out_again_what_came_back, keeps_a_bounded_amount,
	gives_up_what_is_idle_when_memory_is_short)
#else
UNIT_SUITE(pool, counts_what_is_out, objects_of_every_size_are_writable_to_the_last_byte)
#endif
