/* SPDX-License-Identifier: Apache-2.0 */
#include "unit.h"

#include "base/check.h"
#include "observe/log.h"
#include "observe/metrics.h"

#include <pthread.h>
#include <stdio.h>

#define LABEL(n, v) ((struct metric_label){STR(n), STR(v)})

static void assert_prints(struct metrics *m, const char *expected)
{
	struct buffer out;
	buffer_init(&out, 1u << 20);
	metrics_print(m, &out);
	ck_assert(!out.failed);
	buffer_add_char(&out, '\0');
	ck_assert_str_eq(out.p, expected);
	buffer_deinit(&out);
}

static void assert_has(struct metrics *m, const char *expected)
{
	struct buffer out;
	buffer_init(&out, 1u << 20);
	metrics_print(m, &out);
	ck_assert_msg(str_find(buffer_str(&out), str_of(expected)) < out.n, "%s in %.*s", expected,
		(int)out.n, out.p);
	buffer_deinit(&out);
}

/* A sum, the family, and the buckets. */
static size_t cell_bytes(size_t bounds)
{
	return 16 + (bounds + 1) * 8;
}

static char number_text[16];

static struct metric_label numbered_label(unsigned i)
{
	int n = snprintf(number_text, sizeof(number_text), "%u", i);
	return (struct metric_label){STR("api"), str_n(number_text, (size_t)n)};
}

static struct metric_family *counter(struct metrics *m)
{
	return metrics_family(m, "sluice_things_total", "Things", METRIC_COUNTER, NULL, 0);
}

START_TEST(a_series_is_the_sum_of_its_cells)
{
	struct metrics *m = metrics_new(2);
	struct metric_label label = LABEL("api", "shop");
	struct metric_series *s = metrics_series(counter(m), &label, 1);
	ck_assert_uint_eq(metrics_workers(m), 2);
	metric_add(metric_series_cell(s, 0), 1);
	metric_add(metric_series_cell(s, 1), 20);
	metric_add(metric_series_cell(s, 2), 300);
	ck_assert_uint_eq(metric_series_value(s), 321);
	assert_prints(m, "# HELP sluice_things_total Things\n"
			 "# TYPE sluice_things_total counter\n"
			 "sluice_things_total{api=\"shop\"} 321\n");
	metric_series_unref(s);
	metrics_free(m);
}
END_TEST

START_TEST(the_same_labels_are_the_same_series)
{
	struct metrics *m = metrics_new(1);
	struct metric_label a[] = {LABEL("x", "1"), LABEL("y", "2")};
	struct metric_label b[] = {LABEL("x", "1"), LABEL("y", "3")};
	/* Would be equal if names and values were only strung together. */
	struct metric_label c[] = {LABEL("x", "1y"), LABEL("", "2")};
	struct metric_series *s = metrics_series(counter(m), a, 2);
	ck_assert_ptr_eq(metrics_series(counter(m), a, 2), s);
	ck_assert_ptr_ne(metrics_series(counter(m), b, 2), s);
	ck_assert_ptr_ne(metrics_series(counter(m), c, 2), s);
	ck_assert_ptr_ne(metrics_series(counter(m), a, 1), s);
	ck_assert_ptr_eq(metrics_series(counter(m), NULL, 0), metrics_series(counter(m), NULL, 0));
	metrics_free(m);
}
END_TEST

START_TEST(a_family_has_one_kind_and_a_proper_name)
{
	struct metrics *m = metrics_new(1);
	double falling[] = {1, 0.5};
	struct metric_family *f = counter(m);
	ck_assert_ptr_nonnull(f);
	ck_assert_ptr_eq(counter(m), f);
	ck_assert_ptr_null(metrics_family(m, "sluice_things_total", "", METRIC_GAUGE, NULL, 0));
	ck_assert_ptr_null(metrics_family(m, "", "", METRIC_GAUGE, NULL, 0));
	ck_assert_ptr_null(metrics_family(m, "9a", "", METRIC_GAUGE, NULL, 0));
	ck_assert_ptr_null(metrics_family(m, "a b", "", METRIC_GAUGE, NULL, 0));
	ck_assert_ptr_null(metrics_family(m, "h", "", METRIC_HISTOGRAM, falling, 2));
	ck_assert_ptr_null(metrics_family(m, "c", "", METRIC_COUNTER, falling, 2));
	metrics_free(m);
}
END_TEST

START_TEST(families_are_printed_in_order_of_name_and_empty_ones_not)
{
	struct metrics *m = metrics_new(1);
	const char *const names[] = {"c", "a", "d", "b"};
	for (size_t i = 0; i < 4; i++) {
		struct metric_family *f = metrics_family(m, names[i], "", METRIC_GAUGE, NULL, 0);
		if (*names[i] != 'd')
			metric_set(metric_series_cell(metrics_series(f, NULL, 0), 0), i);
	}
	assert_prints(m, "# HELP a \n# TYPE a gauge\na 1\n"
			 "# HELP b \n# TYPE b gauge\nb 3\n"
			 "# HELP c \n# TYPE c gauge\nc 0\n");
	metrics_free(m);
}
END_TEST

START_TEST(help_and_label_values_are_escaped)
{
	struct metrics *m = metrics_new(1);
	struct metric_family *f = metrics_family(m, "a", "say \"hi\"\n\\", METRIC_GAUGE, NULL, 0);
	struct metric_label label = LABEL("l", "q\" b\\ n\n \xc3\xa9 \xff.");
	metrics_series(f, &label, 1);
	assert_prints(m, "# HELP a say \"hi\"\\n\\\\\n# TYPE a gauge\n"
			 "a{l=\"q\\\" b\\\\ n\\n \xc3\xa9 \xef\xbf\xbd.\"} 0\n");
	metrics_free(m);
}
END_TEST

START_TEST(a_gauge_may_be_raised_here_and_lowered_there)
{
	struct metrics *m = metrics_new(2);
	struct metric_family *f = metrics_family(m, "g", "", METRIC_GAUGE, NULL, 0);
	struct metric_series *s = metrics_series(f, NULL, 0);
	metric_add(metric_series_cell(s, 0), 2);
	metric_add(metric_series_cell(s, 1), (uint64_t)-3);
	assert_prints(m, "# HELP g \n# TYPE g gauge\ng -1\n");
	metric_add(metric_series_cell(s, 1), 4);
	assert_prints(m, "# HELP g \n# TYPE g gauge\ng 3\n");
	metrics_free(m);
}
END_TEST

START_TEST(a_histogram_is_cumulative_and_its_bounds_are_inclusive)
{
	struct metrics *m = metrics_new(2);
	double bounds[] = {0.005, 0.1, 2.5};
	struct metric_family *f = metrics_family(m, "h_seconds", "H", METRIC_HISTOGRAM, bounds, 3);
	struct metric_label label = LABEL("api", "a");
	struct metric_series *s = metrics_series(f, &label, 1);
	metric_observe(metric_series_cell(s, 0), 5000);
	metric_observe(metric_series_cell(s, 0), 5001);
	metric_observe(metric_series_cell(s, 1), 100000);
	metric_observe(metric_series_cell(s, 1), 2500000);
	metric_observe(metric_series_cell(s, 2), 99000000);
	ck_assert_uint_eq(metric_series_value(s), 5);
	assert_prints(m, "# HELP h_seconds H\n# TYPE h_seconds histogram\n"
			 "h_seconds_bucket{api=\"a\",le=\"0.005\"} 1\n"
			 "h_seconds_bucket{api=\"a\",le=\"0.1\"} 3\n"
			 "h_seconds_bucket{api=\"a\",le=\"2.5\"} 4\n"
			 "h_seconds_bucket{api=\"a\",le=\"+Inf\"} 5\n"
			 "h_seconds_sum{api=\"a\"} 101.610001\n"
			 "h_seconds_count{api=\"a\"} 5\n");
	metrics_free(m);
}
END_TEST

START_TEST(a_histogram_without_labels_has_whole_seconds_without_a_point)
{
	struct metrics *m = metrics_new(1);
	double bounds[] = {1};
	struct metric_series *s =
		metrics_series(metrics_family(m, "h", "", METRIC_HISTOGRAM, bounds, 1), NULL, 0);
	metric_observe(metric_series_cell(s, 0), 3000000);
	assert_prints(m, "# HELP h \n# TYPE h histogram\nh_bucket{le=\"1\"} 0\n"
			 "h_bucket{le=\"+Inf\"} 1\nh_sum 3\nh_count 1\n");
	metrics_free(m);
}
END_TEST

START_TEST(workers_do_not_share_cache_lines)
{
	struct metrics *m = metrics_new(3);
	double bounds[METRIC_BUCKETS_MAX];
	for (size_t i = 0; i < METRIC_BUCKETS_MAX; i++)
		bounds[i] = (double)i;
	for (size_t count = 0; count <= METRIC_BUCKETS_MAX; count++) {
		char name[8];
		snprintf(name, sizeof(name), "h%zu", count);
		struct metric_family *f =
			metrics_family(m, name, "", METRIC_HISTOGRAM, bounds, count);
		struct metric_series *s = metrics_series(f, NULL, 0);
		for (unsigned i = 0; i < 3; i++) {
			uintptr_t c = (uintptr_t)metric_series_cell(s, i);
			uintptr_t next = (uintptr_t)metric_series_cell(s, i + 1);
			ck_assert_uint_gt(next / 64, (c + cell_bytes(count) - 1) / 64);
		}
	}
	metrics_free(m);
}
END_TEST

START_TEST(cells_of_one_worker_do_not_overlap)
{
	struct metrics *m = metrics_new(1);
	double bounds[METRIC_BUCKETS_MAX];
	struct metric_series *series[400];
	for (size_t i = 0; i < METRIC_BUCKETS_MAX; i++)
		bounds[i] = (double)(i + 1);
	struct metric_family *h =
		metrics_family(m, "h", "", METRIC_HISTOGRAM, bounds, METRIC_BUCKETS_MAX);
	for (unsigned i = 0; i < 400; i++) {
		struct metric_label label = numbered_label(i);
		series[i] = metrics_series(i % 2 ? h : counter(m), &label, 1);
	}
	for (unsigned i = 0; i < 400; i++)
		if (i % 2)
			for (unsigned k = 0; k <= METRIC_BUCKETS_MAX; k++)
				metric_observe(metric_series_cell(series[i], 0), k * 1000000 + 1);
		else
			metric_add(metric_series_cell(series[i], 0), i);
	for (unsigned i = 0; i < 400; i++)
		ck_assert_uint_eq(
			metric_series_value(series[i]), i % 2 ? METRIC_BUCKETS_MAX + 1 : i);
	metrics_free(m);
}
END_TEST

START_TEST(an_observation_is_below_its_bound_to_the_millionth)
{
	static const double bounds[] = {-1, 0, 0.000001, 0.0005, 0.1, 0.3, 1, 60, 1e6, 1e13};
	static const uint64_t last[] = {0, 0, 1, 500, 100000, 300000, 1000000, 60000000,
		UINT64_C(1000000000000), UINT64_C(1000000000001)};
	for (size_t i = 1; i < ARRAY_COUNT(bounds); i++) {
		char expected[400];
		struct metrics *m = metrics_new(1);
		struct metric_family *f =
			metrics_family(m, "h", "", METRIC_HISTOGRAM, &bounds[i], 1);
		struct metric_cell *c = metric_series_cell(metrics_series(f, NULL, 0), 0);
		metric_observe(c, last[i]);
		snprintf(expected, sizeof(expected), "h_bucket{le=\"%.15g\"} 1\n", bounds[i]);
		assert_has(m, expected);
		bool is_last = i + 1 == ARRAY_COUNT(bounds);
		metric_observe(c, last[i] + 1);
		snprintf(expected, sizeof(expected), "h_bucket{le=\"%.15g\"} %d\n", bounds[i],
			is_last ? 2 : 1);
		assert_has(m, expected);
		metrics_free(m);
	}
}
END_TEST

static struct metric_series *numbered(struct metric_family *f, unsigned i)
{
	char text[16];
	int n = snprintf(text, sizeof(text), "%u", i);
	struct metric_label labels[] = {
		{STR("api"), str_n(text, (size_t)n)}, {STR("policy"), str_n(text, (size_t)n)}};
	return metrics_series(f, labels, 2);
}

START_TEST(beyond_the_bound_everything_is_other)
{
	struct metrics *m = metrics_new(1);
	struct metric_family *f = counter(m);
	for (unsigned i = 0; i < METRICS_SERIES_MAX - 1; i++)
		metric_add(metric_series_cell(numbered(f, i), 0), 1);
	struct buffer said;
	buffer_init(&said, 4096);
	log_start_queue(4096, NULL, NULL);
	ck_assert_uint_eq(log_take(&said), 0);
	struct metric_series *other = numbered(f, METRICS_SERIES_MAX);
	ck_assert_ptr_eq(numbered(f, METRICS_SERIES_MAX + 1), other);
	ck_assert_uint_eq(log_take(&said), 1);
	ck_assert_uint_lt(
		str_find(buffer_str(&said), STR("sluice_things_total has its 10000")), said.n);
	log_stop_queue();
	buffer_deinit(&said);
	ck_assert_uint_eq(metric_series_value(other), 0);
	metric_add(metric_series_cell(other, 0), 7);
	ck_assert_uint_eq(metric_series_value(numbered(f, 5)), 1);
	struct buffer out;
	buffer_init(&out, 4u << 20);
	metrics_print(m, &out);
	struct str text = buffer_str(&out);
	size_t lines = 0;
	ck_assert_uint_lt(
		str_find(text, STR("sluice_things_total{api=\"other\",policy=\"other\"} 7\n")),
		text.n);
	while (text.n > 0) {
		str_cut(&text, '\n');
		lines++;
	}
	ck_assert_uint_eq(lines, METRICS_SERIES_MAX + 2);
	buffer_deinit(&out);
	metrics_free(m);
}
END_TEST

START_TEST(a_swept_place_is_free_for_another)
{
	struct metrics *m = metrics_new(1);
	struct metric_family *f = counter(m);
	struct metric_series *first = numbered(f, 0);
	for (unsigned i = 1; i < METRICS_SERIES_MAX - 1; i++)
		numbered(f, i);
	struct metric_series *other = numbered(f, METRICS_SERIES_MAX);
	metric_add(metric_series_cell(first, 0), 5);
	metric_add(metric_series_cell(first, 1), 5);
	metric_series_unref(first);
	metric_series_unref(other);
	metrics_sweep(m);
	metrics_sweep(m);
	struct metric_series *late = numbered(f, METRICS_SERIES_MAX + 1);
	ck_assert_uint_eq(metric_series_value(late), 0);
	metric_add(metric_series_cell(late, 0), 1);
	ck_assert_ptr_eq(numbered(f, METRICS_SERIES_MAX + 1), late);
	ck_assert_ptr_ne(numbered(f, METRICS_SERIES_MAX + 2), late);
	ck_assert_uint_eq(metric_series_value(numbered(f, METRICS_SERIES_MAX + 2)), 0);
	metrics_free(m);
}
END_TEST

START_TEST(a_series_comes_back_within_a_sweep_with_its_values)
{
	struct metrics *m = metrics_new(1);
	struct metric_series *s = metrics_series(counter(m), NULL, 0);
	metric_add(metric_series_cell(s, 0), 5);
	metrics_sweep(m);
	metrics_sweep(m);
	metric_series_unref(s);
	metrics_sweep(m);
	s = metrics_series(counter(m), NULL, 0);
	ck_assert_uint_eq(metric_series_value(s), 5);
	metric_series_unref(s);
	metrics_sweep(m);
	assert_prints(m, "# HELP sluice_things_total Things\n# TYPE sluice_things_total counter\n"
			 "sluice_things_total 5\n");
	metrics_sweep(m);
	assert_prints(m, "");
	ck_assert_uint_eq(metric_series_value(metrics_series(counter(m), NULL, 0)), 0);
	metrics_free(m);
}
END_TEST

/* --- threads --------------------------------------------------------------------------------- */
#define THREADS 3
#define ROUNDS  20000

static void *count_up(void *arg)
{
	struct metric_cell **cells = arg;
	for (unsigned i = 0; i < ROUNDS; i++) {
		metric_add(cells[0], 1);
		metric_observe(cells[1], i);
	}
	return NULL;
}

START_TEST(workers_count_while_the_main_thread_prints)
{
	struct metrics *m = metrics_new(THREADS);
	double bounds[] = {0.001, 0.01};
	struct metric_series *s = metrics_series(counter(m), NULL, 0);
	struct metric_series *h =
		metrics_series(metrics_family(m, "h", "", METRIC_HISTOGRAM, bounds, 2), NULL, 0);
	struct metric_cell *cells[THREADS][2];
	pthread_t threads[THREADS];
	struct buffer out;
	buffer_init(&out, 1u << 16);
	for (unsigned i = 0; i < THREADS; i++) {
		cells[i][0] = metric_series_cell(s, i);
		cells[i][1] = metric_series_cell(h, i);
		ck_assert_int_eq(pthread_create(&threads[i], NULL, count_up, cells[i]), 0);
	}
	while (metric_series_value(s) < THREADS * ROUNDS) {
		buffer_reset(&out);
		metrics_print(m, &out);
	}
	for (unsigned i = 0; i < THREADS; i++)
		pthread_join(threads[i], NULL);
	ck_assert_uint_eq(metric_series_value(s), THREADS * ROUNDS);
	ck_assert_uint_eq(metric_series_value(h), THREADS * ROUNDS);
	buffer_deinit(&out);
	metrics_free(m);
}
END_TEST

UNIT_SUITE(metrics, a_series_is_the_sum_of_its_cells, the_same_labels_are_the_same_series,
	a_family_has_one_kind_and_a_proper_name,
	families_are_printed_in_order_of_name_and_empty_ones_not, help_and_label_values_are_escaped,
	a_gauge_may_be_raised_here_and_lowered_there,
	a_histogram_is_cumulative_and_its_bounds_are_inclusive,
	a_histogram_without_labels_has_whole_seconds_without_a_point,
	workers_do_not_share_cache_lines, cells_of_one_worker_do_not_overlap,
	an_observation_is_below_its_bound_to_the_millionth, beyond_the_bound_everything_is_other,
	a_swept_place_is_free_for_another, a_series_comes_back_within_a_sweep_with_its_values,
	workers_count_while_the_main_thread_prints)
