/* SPDX-License-Identifier: Apache-2.0 */
#include "unit.h"

#include "bench.h"

START_TEST(keeps_a_connection_and_uses_it_again)
{
	struct bench b;
	struct request r;
	bench_init(&b, NULL);
	struct service *s = bench_service(&b, NULL, 8, 8);
	for (int i = 0; i < 3; i++) {
		ask_run(&b, s, false, &r);
		ck_assert_int_eq(r.rc, RC_OK);
		ck_assert_uint_eq(r.status, 200);
		ck_assert_int_eq(r.reused, i > 0);
	}
	ck_assert_uint_eq(b.origin.connections, 1);
	struct upstream_stats stats = bench_stats(&b, s);
	ck_assert_uint_eq(stats.connects, 1);
	ck_assert_uint_eq(stats.reuses, 2);
	ck_assert_uint_eq(stats.idle, 1);
	service_unref(s);
	bench_deinit(&b);
}
END_TEST

START_TEST(a_fresh_wish_gets_a_new_connection)
{
	struct bench b;
	struct request r;
	bench_init(&b, NULL);
	struct service *s = bench_service(&b, NULL, 8, 8);
	ask_run(&b, s, false, &r);
	ask_run(&b, s, true, &r);
	ck_assert_int_eq(r.rc, RC_OK);
	ck_assert(!r.reused);
	ck_assert_uint_eq(b.origin.connections, 2);
	service_unref(s);
	bench_deinit(&b);
}
END_TEST

START_TEST(makes_no_more_connections_than_allowed_and_serves_in_order)
{
	struct bench b;
	struct request r[4];
	bench_init(&b, NULL);
	b.origin.holds = true;
	struct service *s = bench_service(&b, NULL, 2, 2);
	for (int i = 0; i < 4; i++)
		ask_start(&b, s, false, &r[i]);
	bench_turn_until(&b, &r[1].is_told);
	bench_settle(&b);
	ck_assert(r[0].is_told && !r[2].is_told && !r[3].is_told);
	ck_assert_uint_eq(b.origin.connections, 2);
	ck_assert_uint_eq(bench_stats(&b, s).waiting, 2);
	b.origin.holds = false;
	ask_finish(&r[0]);
	bench_turn_until(&b, &r[2].is_told);
	ck_assert(r[2].reused);
	for (int i = 1; i < 4; i++)
		ask_finish(&r[i]);
	ck_assert_uint_eq(r[3].status, 200);
	ck_assert_uint_eq(b.origin.connections, 2);
	for (int i = 0; i < 4; i++)
		ask_deinit(&r[i]);
	service_unref(s);
	bench_deinit(&b);
}
END_TEST

START_TEST(refuses_who_would_wait_behind_too_many)
{
	struct bench b;
	struct request r[3];
	bench_init(&b, NULL);
	b.origin.holds = true;
	struct service *s = bench_service(&b, NULL, 1, 1);
	ask_start(&b, s, false, &r[0]);
	bench_turn_until(&b, &r[0].is_told);
	ask_start(&b, s, false, &r[1]);
	ask_start(&b, s, false, &r[2]);
	ck_assert(r[2].is_told && !r[1].is_told);
	ck_assert_int_eq(r[2].rc, RC_FULL);
	upstream_cancel(&r[1].wait);
	b.origin.holds = false;
	ask_finish(&r[0]);
	bench_settle(&b);
	ck_assert(!r[1].is_told);
	for (int i = 0; i < 3; i++)
		ask_deinit(&r[i]);
	service_unref(s);
	bench_deinit(&b);
}
END_TEST

START_TEST(closes_idle_connections_in_time)
{
	struct bench b;
	struct request r;
	bench_init(&b, NULL);
	struct service *s = bench_service(&b, NULL, 8, 8);
	ask_run(&b, s, false, &r);
	loop_fake_advance(b.loop, 30000);
	ask_run(&b, s, false, &r);
	ck_assert(r.reused);
	loop_fake_advance(b.loop, 59000);
	bench_settle(&b);
	ck_assert_uint_eq(bench_stats(&b, s).idle, 1);
	loop_fake_advance(b.loop, 2000);
	bench_settle(&b);
	ck_assert_uint_eq(bench_stats(&b, s).connections, 0);
	service_unref(s);
	bench_deinit(&b);
}
END_TEST

START_TEST(a_dropped_service_closes_what_is_idle_and_still_serves)
{
	struct bench b;
	struct request r;
	bench_init(&b, NULL);
	struct service *s = bench_service(&b, NULL, 8, 8);
	ask_run(&b, s, false, &r);
	upstream_forget(b.upstream, s);
	bench_settle(&b);
	struct upstream_stats stats = bench_stats(&b, s);
	ck_assert_uint_eq(stats.connections, 0);
	ck_assert_uint_eq(stats.connects, 1);
	ask_run(&b, s, false, &r);
	ck_assert_uint_eq(r.status, 200);
	bench_settle(&b);
	ck_assert_uint_eq(bench_stats(&b, s).connections, 0);
	service_unref(s);
	bench_deinit(&b);
}
END_TEST

static struct service *proxied_service(const struct bench *b)
{
	struct service_options o = {
		.name = STR("default/origin"),
		.scheme = STR("http"),
		.host = STR("up.test"),
		.port = 8080,
		.via_host = STR("127.0.0.1"),
		.via_port = address_port(&b->origin.address),
		.via_absolute = true,
		.connect_timeout_ms = 3000,
		.idle_timeout_ms = 60000,
		.connections_max = 8,
		.waiters_max = 8,
	};
	return service_new(&o);
}

/* What it is asked in is the former service's as long as the connection is there. */
START_TEST(a_connection_through_a_proxy_outlives_the_service_that_made_it)
{
	struct bench b;
	struct request r[2];
	bench_init(&b, NULL);
	b.origin.holds = true;
	struct service *former = proxied_service(&b), *s = proxied_service(&b);
	ask_start(&b, former, false, &r[0]);
	bench_settle(&b);
	upstream_forget(b.upstream, former);
	ask_start(&b, s, false, &r[1]);
	b.origin.holds = false;
	for (int i = 0; i < 2; i++) {
		ask_finish(&r[i]);
		ask_deinit(&r[i]);
	}
	service_unref(former);
	for (int i = 0; i < 2; i++)
		ask_start(&b, s, false, &r[i]);
	for (int i = 0; i < 2; i++) {
		ask_finish(&r[i]);
		ck_assert(r[i].reused);
		ck_assert_uint_eq(r[i].status, 200);
		ask_deinit(&r[i]);
	}
	service_unref(s);
	bench_deinit(&b);
}
END_TEST

static void count_pool(void *arg, struct str service, const struct upstream_stats *stats)
{
	unsigned *count = arg;
	*count += service.n > 0;
}

/* Nobody would come to free it. */
START_TEST(asking_whether_a_dropped_service_is_crowded_makes_no_pool)
{
	struct bench b;
	unsigned count = 0;
	bench_init(&b, NULL);
	struct service *s = bench_service(&b, NULL, 8, 8);
	upstream_forget(b.upstream, s);
	ck_assert(!upstream_is_crowded(b.upstream, s));
	upstream_each(b.upstream, count_pool, &count);
	ck_assert_uint_eq(count, 0);
	service_unref(s);
	bench_deinit(&b);
}
END_TEST

UNIT_SUITE(pool, keeps_a_connection_and_uses_it_again, a_fresh_wish_gets_a_new_connection,
	makes_no_more_connections_than_allowed_and_serves_in_order,
	refuses_who_would_wait_behind_too_many, closes_idle_connections_in_time,
	a_dropped_service_closes_what_is_idle_and_still_serves,
	asking_whether_a_dropped_service_is_crowded_makes_no_pool,
	a_connection_through_a_proxy_outlives_the_service_that_made_it)
