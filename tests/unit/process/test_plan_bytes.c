/* SPDX-License-Identifier: Apache-2.0 */
#include "unit.h"

#include "base/file.h"
#include "base/limits.h"
#include "base/memory.h"
#include "process/plan_bytes.h"

#include <errno.h>
#include <sys/mman.h>
#include <unistd.h>

START_TEST(what_is_mapped_cannot_be_changed)
{
	struct plan_bytes b = {0};
	int fd = plan_bytes_open_file();
	ck_assert_int_ge(fd, 0);
	ck_assert(file_write_all(fd, STR("a plan")));
	ck_assert(plan_bytes_map(&b, fd));
	assert_str(plan_bytes_str(&b), "a plan");
	ck_assert(!file_write_all(fd, STR("more")));
	ck_assert_int_eq(errno, EPERM);
	ck_assert_int_eq(pwrite(fd, "x", 1, 0), -1);
	ck_assert_int_ne(ftruncate(fd, 0), 0);
	ck_assert_int_ne(ftruncate(fd, 100), 0);
	ck_assert_ptr_eq(mmap(NULL, 6, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0), MAP_FAILED);
	close(fd);
	plan_bytes_rest(&b);
	assert_str(plan_bytes_str(&b), "a plan");
	plan_bytes_free(&b);
	ck_assert_ptr_null(b.p);
}
END_TEST

START_TEST(what_somebody_can_write_through_a_mapping_is_refused)
{
	struct plan_bytes b = {0};
	int fd = plan_bytes_open_file();
	ck_assert(file_write_all(fd, STR("a plan")));
	void *p = mmap(NULL, 6, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	ck_assert_ptr_ne(p, MAP_FAILED);
	ck_assert(!plan_bytes_map(&b, fd));
	ck_assert_int_eq(errno, EBUSY);
	ck_assert_ptr_null(b.p);
	munmap(p, 6);
	close(fd);
}
END_TEST

START_TEST(nothing_and_too_much_are_no_plan)
{
	struct plan_bytes b = {0};
	int fd = plan_bytes_open_file();
	ck_assert(!plan_bytes_map(&b, fd));
	ck_assert_int_eq(errno, ENODATA);
	close(fd);
	fd = plan_bytes_open_file();
	ck_assert_int_eq(ftruncate(fd, (off_t)LIMIT_PLAN_BYTES + 1), 0);
	ck_assert(!plan_bytes_map(&b, fd));
	ck_assert_int_eq(errno, EFBIG);
	close(fd);
	ck_assert(!plan_bytes_map(&b, STDIN_FILENO));
	ck_assert_ptr_null(b.p);
}
END_TEST

START_TEST(is_read_piece_by_piece)
{
	struct plan_bytes b = {0};
	size_t n = 2 * PLAN_PIECE_BYTES + 10, at = 0;
	char *bytes = heap_alloc(n);
	for (size_t i = 0; i < n; i++)
		bytes[i] = (char)(i % 251);
	int fd = plan_bytes_open_file();
	ck_assert(file_write_all(fd, str_n(bytes, n)));
	ck_assert(plan_bytes_map(&b, fd));
	close(fd);
	for (int times = 0; times < 2; times++) {
		for (at = 0; plan_bytes_piece(&b, at).n > 0; at += PLAN_PIECE_BYTES)
			ck_assert_int_eq(
				memcmp(b.p + at, bytes + at, plan_bytes_piece(&b, at).n), 0);
		ck_assert_uint_eq(at, 3 * PLAN_PIECE_BYTES);
	}
	ck_assert(str_eq(plan_bytes_str(&b), str_n(bytes, n)));
	plan_bytes_free(&b);
	free(bytes);
}
END_TEST

START_TEST(takes_a_buffer)
{
	struct plan_bytes b;
	struct buffer from;
	buffer_init(&from, 100);
	buffer_add(&from, STR("a plan"));
	plan_bytes_take(&b, &from);
	ck_assert_uint_eq(from.n, 0);
	assert_str(plan_bytes_str(&b), "a plan");
	plan_bytes_rest(&b);
	assert_str(plan_bytes_str(&b), "a plan");
	plan_bytes_free(&b);
	buffer_deinit(&from);
}
END_TEST

UNIT_SUITE(plan_bytes, what_is_mapped_cannot_be_changed,
	what_somebody_can_write_through_a_mapping_is_refused, nothing_and_too_much_are_no_plan,
	is_read_piece_by_piece, takes_a_buffer)
