/* SPDX-License-Identifier: Apache-2.0 */
#include "unit.h"

#include "bench.h"

#include "base/limits.h"

#include <stdio.h>

static uint64_t value_of(const struct metric_cell *c)
{
	return atomic_load_explicit(&c->value, memory_order_relaxed);
}

START_TEST(a_name_has_one_row_for_good)
{
	struct metrics *m = metrics_new(2);
	struct service_book *book = service_book_new(m);
	struct service_row *a = service_book_rows(book, STR("default/a"));
	struct service_row *b = service_book_rows(book, STR("default/b"));
	ck_assert_ptr_ne(a, b);
	ck_assert_ptr_eq(service_book_rows(book, STR("default/a")), a);
	ck_assert_ptr_ne(a[0].active, a[1].active);
	service_book_free(book);
	metrics_free(m);
}
END_TEST

START_TEST(those_that_come_late_share_a_row)
{
	struct metrics *m = metrics_new(1);
	struct service_book *book = service_book_new(m);
	struct service_row *first = service_book_rows(book, STR("0"));
	char name[16];
	for (int i = 1; i < LIMIT_SERVICES_MEASURED; i++) {
		snprintf(name, sizeof(name), "%d", i);
		ck_assert_ptr_ne(service_book_rows(book, str_of(name)), first);
	}
	struct service_row *late = service_book_rows(book, STR("late"));
	ck_assert_ptr_eq(service_book_rows(book, STR("later")), late);
	ck_assert_ptr_eq(service_book_rows(book, STR("0")), first);
	ck_assert_ptr_ne(late, first);
	service_book_free(book);
	metrics_free(m);
}
END_TEST

START_TEST(a_pool_tells_its_rows)
{
	struct bench b;
	struct request r;
	struct metrics *m = metrics_new(2);
	struct service_book *book = service_book_new(m);
	bench_init(&b, NULL);
	upstream_set_worker(b.upstream, 1);
	struct service *plain = bench_service(&b, NULL, 8, 8);
	struct service_options options = *service_options(plain);
	options.rows = service_book_rows(book, options.name);
	const struct service_row *row = &options.rows[1];
	struct service *s = service_new(&options);
	ask_run(&b, s, false, &r);
	ask_run(&b, s, false, &r);
	ck_assert_uint_eq(value_of(row->connects), 1);
	ck_assert_uint_eq(metric_observations(row->connect_time), 1);
	ck_assert_uint_eq(value_of(row->connections), 0);
	upstream_tell(b.upstream);
	ck_assert_uint_eq(value_of(row->connections), 1);
	ck_assert_uint_eq(value_of(row->idle), 1);
	ck_assert_uint_eq(value_of(options.rows[0].connects), 0);
	/* A pool that goes leaves no gauge behind. */
	upstream_forget(b.upstream, s);
	bench_settle(&b);
	ck_assert_uint_eq(value_of(row->connections), 0);
	ck_assert_uint_eq(value_of(row->idle), 0);
	ck_assert_uint_eq(value_of(row->connects), 1);
	service_unref(s);
	service_unref(plain);
	bench_deinit(&b);
	service_book_free(book);
	metrics_free(m);
}
END_TEST

UNIT_SUITE(service_metrics, a_name_has_one_row_for_good, those_that_come_late_share_a_row,
	a_pool_tells_its_rows)
