/* SPDX-License-Identifier: Apache-2.0 */
#include "unit.h"

#include "base/arena.h"

static struct pool *pool;
static struct arena arena;

static void begin(size_t bytes_max)
{
	pool = pool_new();
	arena_init(&arena, pool, bytes_max);
}

static void end(void)
{
	arena_reset(&arena);
	ck_assert_uint_eq(pool_bytes_used(pool), 0);
	pool_free(pool);
}

START_TEST(allocates_nothing_until_asked)
{
	begin(1000);
	ck_assert_uint_eq(pool_bytes_used(pool), 0);
	ck_assert_uint_eq(arena.bytes_used, 0);
	end();
}
END_TEST

START_TEST(gives_aligned_memory_that_does_not_overlap)
{
	static const size_t sizes[] = {1, 15, 16, 17, 100, 2048, 4000, 4080, 4096, 70000, 3, 0, 1};
	char *at[sizeof(sizes) / sizeof(sizes[0])];
	begin(1 << 20);
	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		at[i] = arena_alloc(&arena, sizes[i]);
		ck_assert_ptr_nonnull(at[i]);
		ck_assert_uint_eq((uintptr_t)at[i] % 16, 0);
		memset(at[i], (int)i, sizes[i]);
	}
	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++)
		for (size_t j = 0; j < sizes[i]; j++)
			ck_assert_int_eq(at[i][j], (char)i);
	end();
}
END_TEST

START_TEST(spends_its_budget_to_the_byte_and_not_beyond)
{
	begin(64);
	ck_assert_ptr_nonnull(arena_alloc(&arena, 48));
	ck_assert_ptr_nonnull(arena_alloc(&arena, 16));
	ck_assert(!arena.failed);
	ck_assert_ptr_null(arena_alloc(&arena, 1));
	ck_assert(arena.failed);
	ck_assert_uint_le(arena.bytes_used, arena.bytes_max);
	end();
}
END_TEST

START_TEST(stays_failed_until_reset)
{
	begin(64);
	ck_assert_ptr_null(arena_alloc(&arena, 65));
	ck_assert_ptr_null(arena_alloc(&arena, 1));
	arena_reset(&arena);
	ck_assert(!arena.failed);
	ck_assert_ptr_nonnull(arena_alloc(&arena, 64));
	end();
}
END_TEST

START_TEST(refuses_sizes_that_would_overflow)
{
	static const size_t sizes[] = {
		SIZE_MAX, SIZE_MAX - 1, SIZE_MAX - 15, SIZE_MAX - 16, SIZE_MAX / 2};
	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		begin(SIZE_MAX / 4);
		void *p = arena_alloc(&arena, 16);
		ck_assert_ptr_nonnull(p);
		ck_assert_ptr_null(arena_realloc(&arena, p, 16, sizes[i]));
		ck_assert(arena.failed);
		end();
	}
}
END_TEST

START_TEST(zeroes_when_asked)
{
	begin(10000);
	memset(arena_alloc(&arena, 512), 0xff, 512);
	arena_reset(&arena);
	const char *p = arena_zalloc(&arena, 512);
	for (int i = 0; i < 512; i++)
		ck_assert_int_eq(p[i], 0);
	end();
}
END_TEST

START_TEST(grows_keeping_the_contents)
{
	begin(1 << 20);
	char *p = arena_realloc(&arena, NULL, 0, 10);
	memcpy(p, "0123456789", 10);
	size_t size = 10;
	while (size < 20000) {
		char *q = arena_realloc(&arena, p, size, size * 2);
		ck_assert_ptr_nonnull(q);
		ck_assert_mem_eq(q, "0123456789", 10);
		p = q;
		size *= 2;
	}
	ck_assert_ptr_eq(arena_realloc(&arena, p, size, 5), p); /* shrinking stays */
	end();
}
END_TEST

START_TEST(a_failed_growth_leaves_the_old_memory_valid)
{
	begin(64);
	char *p = arena_alloc(&arena, 32);
	memcpy(p, "kept", 4);
	ck_assert_ptr_null(arena_realloc(&arena, p, 32, 65));
	ck_assert_mem_eq(p, "kept", 4);
	end();
}
END_TEST

START_TEST(copies_concatenates_and_prints)
{
	begin(1 << 16);
	assert_str(arena_copy(&arena, STR("abc")), "abc");
	ck_assert_uint_eq(arena_copy(&arena, STR_EMPTY).n, 0);
	assert_str(arena_concat(&arena, STR("ab"), STR("cd")), "abcd");
	assert_str(arena_concat(&arena, STR_EMPTY, STR("cd")), "cd");
	assert_str(arena_concat(&arena, STR("ab"), STR_EMPTY), "ab");
	ck_assert_uint_eq(arena_concat(&arena, STR_EMPTY, STR_EMPTY).n, 0);
	assert_str(arena_printf(&arena, "%s=%d", "x", 7), "x=7");
	struct str longer = arena_printf(&arena, "%0900d", 5);
	ck_assert_uint_eq(longer.n, 900);
	ck_assert_int_eq(longer.p[899], '5');
	ck_assert(!arena.failed);
	end();
}
END_TEST

START_TEST(texts_beyond_the_budget_are_empty_and_failed)
{
	begin(16);
	ck_assert_uint_eq(arena_copy(&arena, STR("12345678901234567")).n, 0);
	ck_assert(arena.failed);
	ck_assert_uint_eq(arena_concat(&arena, STR("a"), STR("b")).n, 0);
	ck_assert_uint_eq(arena_printf(&arena, "x").n, 0);
	end();
}
END_TEST

UNIT_SUITE(arena, allocates_nothing_until_asked, gives_aligned_memory_that_does_not_overlap,
	spends_its_budget_to_the_byte_and_not_beyond, stays_failed_until_reset,
	refuses_sizes_that_would_overflow, zeroes_when_asked, grows_keeping_the_contents,
	a_failed_growth_leaves_the_old_memory_valid, copies_concatenates_and_prints,
	texts_beyond_the_budget_are_empty_and_failed)
