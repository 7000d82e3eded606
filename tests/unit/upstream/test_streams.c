/* SPDX-License-Identifier: Apache-2.0 */
/* Pools whose connections carry many streams. */
#include "unit.h"

#include "bench.h"

/* An origin of HTTP/2 that allows so many streams on a connection, and holds its answers. */
static struct service *many(struct bench *b, unsigned streams, unsigned connections_max)
{
	bench_init(b, NULL);
	b->origin.holds = true;
	b->origin.options.http2 = (struct server_http2){
		.enabled = true,
		.settings = {.streams_max = streams,
			.stream_window_bytes = 65535,
			.connection_window_bytes = 65535},
		.budgets = H2_BUDGETS_DEFAULT,
		.stall_ms = 60000,
	};
	struct service_options o = {
		.name = STR("default/origin"),
		.scheme = STR("http"),
		.host = STR("127.0.0.1"),
		.port = address_port(&b->origin.address),
		.connect_timeout_ms = 3000,
		.idle_timeout_ms = 60000,
		.connections_max = connections_max,
		.waiters_max = BENCH_REQUESTS_MAX,
		.protocol = HTTP_CLIENT_2,
		.http2 = {.streams_max = 100,
			.stream_window_bytes = 65535,
			.connection_window_bytes = 65535},
	};
	return service_new(&o);
}

static void leave(struct bench *b, struct service *s)
{
	service_unref(s);
	bench_deinit(b);
}

static void start(struct bench *b, struct service *s, struct request *r, unsigned n)
{
	for (unsigned i = 0; i < n; i++)
		ask_start(b, s, false, &r[i]);
	bench_settle(b);
}

static void finish(struct bench *b, struct request *r, unsigned n)
{
	b->origin.holds = false;
	for (unsigned i = 0; i < n; i++) {
		ask_finish(&r[i]);
		ask_deinit(&r[i]);
		ck_assert_uint_eq(r[i].status, 200);
	}
}

START_TEST(a_connection_is_filled_before_the_next)
{
	struct bench b;
	struct request r[7];
	struct service *s = many(&b, 3, 8);
	start(&b, s, r, 7);
	ck_assert_uint_eq(b.origin.held_count, 7);
	ck_assert_uint_eq(b.origin.connections, 3);
	ck_assert_uint_eq(bench_stats(&b, s).idle, 0);
	finish(&b, r, 7);
	bench_settle(&b);
	ck_assert_uint_eq(bench_stats(&b, s).idle, 3);
	leave(&b, s);
}
END_TEST

START_TEST(who_waits_gets_the_stream_that_is_free_first)
{
	struct bench b;
	struct request r[5];
	struct service *s = many(&b, 2, 1);
	start(&b, s, r, 5);
	ck_assert_uint_eq(b.origin.held_count, 2);
	ck_assert_uint_eq(bench_stats(&b, s).waiting, 3);
	origin_answer(&b.origin);
	ask_finish(&r[0]);
	ask_deinit(&r[0]);
	bench_settle(&b);
	ck_assert(r[2].is_told);
	ck_assert(!r[3].is_told);
	ck_assert_uint_eq(b.origin.held_count, 2);
	finish(&b, r + 1, 4);
	ck_assert_uint_eq(b.origin.connections, 1);
	leave(&b, s);
}
END_TEST

START_TEST(a_connection_with_streams_is_fresh_enough)
{
	struct bench b;
	struct request r[2];
	struct service *s = many(&b, 3, 8);
	start(&b, s, r, 1);
	ask_start(&b, s, true, &r[1]);
	ck_assert(r[1].is_told);
	bench_settle(&b);
	finish(&b, r, 2);
	ck_assert_uint_eq(b.origin.connections, 1);
	leave(&b, s);
}
END_TEST

START_TEST(who_leaves_gives_the_stream_to_the_next)
{
	struct bench b;
	struct request r[3];
	struct service *s = many(&b, 1, 1);
	start(&b, s, r, 3);
	ck_assert_uint_eq(b.origin.held_count, 1);
	upstream_cancel(&r[1].wait);
	ask_deinit(&r[1]);
	finish(&b, r, 1);
	finish(&b, r + 2, 1);
	ck_assert_uint_eq(b.origin.connections, 1);
	leave(&b, s);
}
END_TEST

/* It makes no difference how many connections may be there. */
START_TEST(a_peer_that_allows_no_stream_is_not_dialled_on_and_on)
{
	struct bench b;
	struct request r[10];
	struct service *s = many(&b, 0, 64);
	start(&b, s, r, 10);
	ck_assert_uint_eq(b.origin.connections, 2);
	ck_assert_uint_eq(bench_stats(&b, s).connections, 0);
	ck_assert_uint_eq(bench_stats(&b, s).waiting, 0);
	for (unsigned i = 0; i < 10; i++) {
		ck_assert(r[i].is_told);
		ck_assert_int_eq(r[i].rc, RC_REFUSED);
		ck_assert_str_eq(r[i].text, "the service allows no request on its connections");
		ask_deinit(&r[i]);
	}
	leave(&b, s);
}
END_TEST

/* From then on: the next request finds one that allows some. */
START_TEST(one_that_allows_streams_later_is_used)
{
	struct bench b;
	struct request r[3];
	struct service *s = many(&b, 0, 64);
	start(&b, s, r, 2);
	ask_deinit(&r[0]);
	ask_deinit(&r[1]);
	b.origin.options.http2.settings.streams_max = 4;
	start(&b, s, r, 3);
	finish(&b, r, 3);
	ck_assert_uint_eq(b.origin.connections, 3);
	leave(&b, s);
}
END_TEST

/* Its connection was expected to carry all of them. */
START_TEST(who_waits_for_what_a_connection_does_not_carry_counts_as_pending)
{
	struct bench b;
	struct request r[8];
	struct service *plain = many(&b, 2, 1);
	struct service_options o = *service_options(plain);
	for (unsigned bounds_waiters = 0; bounds_waiters < 2; bounds_waiters++) {
		o.breaker.max[BREAKER_PENDING] = bounds_waiters ? 0 : 3;
		o.waiters_max = bounds_waiters ? 3 : 100;
		o.name = bounds_waiters ? STR("default/b") : STR("default/a");
		struct service *s = service_new(&o);
		b.origin.holds = true;
		start(&b, s, r, 8);
		ck_assert_uint_eq(bench_stats(&b, s).waiting, 3);
		for (unsigned i = 0; i < 8; i++)
			ck_assert_int_eq(r[i].is_told, i < 2 || i >= 5);
		for (unsigned i = 5; i < 8; i++) {
			ck_assert_int_eq(r[i].rc, RC_FULL);
			ask_deinit(&r[i]);
		}
		for (unsigned i = 0; i < BENCH_REQUESTS_MAX && b.origin.held_count > 0; i++)
			origin_answer(&b.origin);
		finish(&b, r, 5);
		service_unref(s);
	}
	leave(&b, plain);
}
END_TEST

UNIT_SUITE(streams, a_connection_is_filled_before_the_next,
	who_waits_gets_the_stream_that_is_free_first, a_connection_with_streams_is_fresh_enough,
	who_leaves_gives_the_stream_to_the_next,
	a_peer_that_allows_no_stream_is_not_dialled_on_and_on,
	one_that_allows_streams_later_is_used,
	who_waits_for_what_a_connection_does_not_carry_counts_as_pending)
