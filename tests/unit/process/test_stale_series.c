/* SPDX-License-Identifier: Apache-2.0 */
#include "unit.h"

#include "base/limits.h"
#include "process/stale_series.h"

struct bench {
	struct loop *loop;
	struct metrics *metrics;
	struct metric_family *family;
	struct stale_series stale;
};

static void bench_init(struct bench *b)
{
	struct loop_options options = {.fake_clock = true};
	b->loop = loop_new(&options);
	b->metrics = metrics_new(1);
	b->family = metrics_family(b->metrics, "things_total", "", METRIC_COUNTER, NULL, 0);
	stale_series_start(&b->stale, b->loop, b->metrics);
}

static void bench_deinit(struct bench *b)
{
	stale_series_stop(&b->stale);
	metrics_free(b->metrics);
	loop_free(b->loop);
}

static struct metric_series *series_of(struct bench *b, const char *api)
{
	struct metric_label label = {STR("api"), str_of(api)};
	return metrics_series(b->family, &label, 1);
}

static bool is_printed(struct bench *b, const char *line)
{
	struct buffer out;
	buffer_init(&out, 4096);
	metrics_print(b->metrics, &out);
	bool found = str_find(buffer_str(&out), str_of(line)) < out.n;
	buffer_deinit(&out);
	return found;
}

START_TEST(what_is_gone_can_be_scraped_for_a_while)
{
	struct bench b = {0};
	bench_init(&b);
	struct metric_series *gone = series_of(&b, "gone"), *kept = series_of(&b, "kept");
	metric_add(metric_series_cell(gone, 0), 3);
	metric_add(metric_series_cell(kept, 0), 4);
	loop_fake_advance(b.loop, LIMIT_STALE_SERIES_MS - 1);
	metric_series_unref(gone);
	loop_fake_advance(b.loop, LIMIT_STALE_SERIES_MS);
	ck_assert(is_printed(&b, "things_total{api=\"gone\"} 3\n"));
	loop_fake_advance(b.loop, 1);
	ck_assert(!is_printed(&b, "gone"));
	loop_fake_advance(b.loop, 4 * LIMIT_STALE_SERIES_MS);
	ck_assert(is_printed(&b, "things_total{api=\"kept\"} 4\n"));
	bench_deinit(&b);
}
END_TEST

START_TEST(what_comes_back_goes_on_from_where_it_was)
{
	struct bench b = {0};
	bench_init(&b);
	metric_add(metric_series_cell(series_of(&b, "shop"), 0), 3);
	for (int i = 0; i < 5; i++) {
		metric_series_unref(series_of(&b, "shop"));
		loop_fake_advance(b.loop, LIMIT_STALE_SERIES_MS);
	}
	ck_assert(is_printed(&b, "things_total{api=\"shop\"} 3\n"));
	bench_deinit(&b);
}
END_TEST

UNIT_SUITE(stale_series, what_is_gone_can_be_scraped_for_a_while,
	what_comes_back_goes_on_from_where_it_was)
