/* SPDX-License-Identifier: Apache-2.0 */
/* Numbers of a plan that are out of their ranges. */
#include "unit.h"

#include "bench.h"

static void assert_stub(struct bench *b, int64_t port, const char *why)
{
	struct generation *g = bench_build_simple(b, port, NULL);
	ck_assert_ptr_nonnull(g->apis[0]->error);
	ck_assert_msg(strstr(g->apis[0]->error, why), "%s", g->apis[0]->error);
	ck_assert_uint_eq(b->diagnostics.errors, 1);
	ck_assert_uint_eq(b->diagnostics.items[0].position.line, 3);
	generation_free(g);
	bench_deinit(b);
}

START_TEST(a_port_out_of_range_makes_a_stub_of_who_uses_the_service)
{
	struct bench b = {0};
	bench_init(&b);
	assert_stub(&b, 65536 + 9090, "its service: port is no number from 0 to 65535");
}
END_TEST

START_TEST(a_time_out_of_range_makes_a_stub)
{
	const int64_t times[] = {((int64_t)1 << 32) + 5, -5, (int64_t)1 << 31};
	for (size_t i = 0; i < ARRAY_COUNT(times); i++) {
		struct bench b = {.timeout_ms = times[i]};
		bench_init(&b);
		assert_stub(&b, 9090, "responseTimeoutMs is no number from 0 to 2147483647");
	}
}
END_TEST

START_TEST(a_status_out_of_range_makes_a_stub)
{
	struct bench b = {.redirect_status = 65536 + 308};
	bench_init(&b);
	assert_stub(&b, 9090, "status is no number");
}
END_TEST

/* Who is believed is nothing to guess. */
START_TEST(hops_out_of_range_are_fatal)
{
	struct bench b = {0};
	struct generation *g = NULL;
	bench_init(&b);
	bench_begin(&b);
	plan_open_object(b.w, "settings", bench_at);
	plan_open_object(b.w, "edge", bench_at);
	plan_open_object(b.w, "clientAddress", bench_at);
	bench_number(&b, "hops", ((int64_t)1 << 32) + 1);
	plan_close(b.w);
	plan_close(b.w);
	plan_close(b.w);
	ck_assert_int_eq(bench_build(&b, NULL, &g), RC_INVALID);
	bench_deinit(&b);
}
END_TEST

static void assert_fatal_setting(const char *object, const char *key, int64_t value)
{
	struct bench b = {0};
	struct generation *g = NULL;
	bench_init(&b);
	bench_begin(&b);
	plan_open_object(b.w, "settings", bench_at);
	plan_open_object(b.w, object, bench_at);
	bench_number(&b, key, value);
	plan_close(b.w);
	plan_close(b.w);
	ck_assert_int_eq(bench_build(&b, NULL, &g), RC_INVALID);
	bench_deinit(&b);
}

START_TEST(a_setting_out_of_range_is_fatal)
{
	const int64_t beyond = (int64_t)1 << 32;
	assert_fatal_setting("admission", "connections", -1);
	assert_fatal_setting("admission", "connections", beyond);
	assert_fatal_setting("admission", "connectionsPerListener", beyond + 1);
	assert_fatal_setting("admission", "connectionsPerAddress", beyond + 1);
	assert_fatal_setting("overload", "memoryBytes", -1);
	assert_fatal_setting("probe", "port", 65536 + 3000);
	assert_fatal_setting("metrics", "port", 65536 + 9090);
}
END_TEST

START_TEST(an_error_page_of_no_status_is_fatal)
{
	struct bench b = {0};
	struct generation *g = NULL;
	bench_init(&b);
	bench_begin(&b);
	plan_open_object(b.w, "settings", bench_at);
	plan_open_object(b.w, "edge", bench_at);
	plan_open_array(b.w, "errors", bench_at);
	plan_open_object(b.w, NULL, bench_at);
	bench_number(&b, "low", ((int64_t)1 << 32) + 400);
	bench_number(&b, "high", 499);
	for (int i = 0; i < 4; i++)
		plan_close(b.w);
	ck_assert_int_eq(bench_build(&b, NULL, &g), RC_INVALID);
	bench_deinit(&b);
}
END_TEST

UNIT_SUITE(build_numbers, a_setting_out_of_range_is_fatal, an_error_page_of_no_status_is_fatal,
	a_port_out_of_range_makes_a_stub_of_who_uses_the_service, a_time_out_of_range_makes_a_stub,
	a_status_out_of_range_makes_a_stub, hops_out_of_range_are_fatal)
