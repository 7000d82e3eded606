/* SPDX-License-Identifier: Apache-2.0 */
/* Who waits, for what, and what a reload does to it. */
#include "unit.h"

#include "bench.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

START_TEST(a_connection_whose_waiter_left_serves_the_next)
{
	struct bench b;
	struct request r;
	bench_init(&b, NULL);
	struct service *s = bench_service(&b, NULL, 8, 8);
	ask_start(&b, s, false, &r);
	upstream_cancel(&r.wait);
	upstream_cancel(&r.wait); /* harmless */
	bench_settle(&b);
	ck_assert(!r.is_told);
	ask_deinit(&r);
	ck_assert_uint_eq(bench_stats(&b, s).idle, 1);
	ask_run(&b, s, true, &r); /* fresh enough: it never served */
	ck_assert(!r.reused);
	ck_assert_uint_le(b.origin.connections, 2);
	ask_run(&b, s, false, &r);
	ck_assert(r.reused);
	service_unref(s);
	bench_deinit(&b);
}
END_TEST

START_TEST(a_fresh_wish_makes_room_among_idle_connections)
{
	struct bench b;
	struct request r;
	bench_init(&b, NULL);
	struct service *s = bench_service(&b, NULL, 1, 8);
	ask_run(&b, s, false, &r);
	ask_run(&b, s, true, &r);
	ck_assert_int_eq(r.rc, RC_OK);
	ck_assert(!r.reused);
	ck_assert_uint_eq(b.origin.connections, 2);
	bench_settle(&b);
	ck_assert_uint_eq(bench_stats(&b, s).connections, 1);
	service_unref(s);
	bench_deinit(&b);
}
END_TEST

START_TEST(the_longest_waiting_is_served_first)
{
	struct bench b;
	struct request r[6];
	bench_init(&b, NULL);
	b.origin.holds = true;
	struct service *s = bench_service(&b, NULL, 1, 8);
	for (int i = 0; i < 6; i++)
		ask_start(&b, s, false, &r[i]);
	bench_turn_until(&b, &r[0].is_told);
	b.origin.holds = false;
	for (int i = 0; i < 6; i++) {
		for (int later = i + 1; later < 6; later++)
			ck_assert(!r[later].is_told);
		ask_finish(&r[i]);
		ask_deinit(&r[i]);
		ck_assert_uint_eq(r[i].status, 200);
	}
	ck_assert_uint_eq(b.origin.connections, 1);
	service_unref(s);
	bench_deinit(&b);
}
END_TEST

START_TEST(a_connection_that_closes_makes_room_for_who_waits)
{
	struct bench b;
	struct request r[3];
	bench_init(&b, NULL);
	b.origin.closes = true;
	struct service *s = bench_service(&b, NULL, 1, 8);
	for (int i = 0; i < 3; i++)
		ask_start(&b, s, false, &r[i]);
	for (int i = 0; i < 3; i++) {
		ask_finish(&r[i]);
		ask_deinit(&r[i]);
		ck_assert_uint_eq(r[i].status, 200);
		ck_assert(!r[i].reused);
	}
	ck_assert_uint_eq(b.origin.connections, 3);
	service_unref(s);
	bench_deinit(&b);
}
END_TEST

START_TEST(everybody_who_waits_hears_of_the_refusal)
{
	struct bench b;
	struct request r[4];
	bench_init(&b, NULL);
	listener_free(b.origin.listener);
	close(b.origin.fd);
	struct service *s = bench_service(&b, NULL, 2, 8);
	for (int i = 0; i < 4; i++)
		ask_start(&b, s, false, &r[i]);
	for (int i = 0; i < 4; i++) {
		bench_turn_until(&b, &r[i].is_told);
		ck_assert_int_eq(r[i].rc, RC_REFUSED);
		ck_assert_ptr_nonnull(strstr(r[i].text, "127.0.0.1:"));
		ask_deinit(&r[i]);
	}
	bench_settle(&b);
	ck_assert_uint_eq(bench_stats(&b, s).connections, 0);
	service_unref(s);
	ck_assert_int_eq(listen_open(&b.origin.address, 1, 16, &b.origin.fd), RC_OK);
	b.origin.listener = NULL;
	bench_deinit(&b);
}
END_TEST

START_TEST(a_changed_service_with_the_same_address_keeps_its_connections)
{
	struct bench b;
	struct request r;
	bench_init(&b, NULL);
	struct service *old = bench_service(&b, NULL, 8, 8), *new = bench_service(&b, NULL, 4, 4);
	ask_run(&b, old, false, &r);
	ask_run(&b, new, false, &r);
	ck_assert(r.reused);
	upstream_forget(b.upstream, old);
	ask_run(&b, old, false, &r); /* an exchange that began before */
	ck_assert(r.reused);
	ask_run(&b, new, false, &r);
	ck_assert(r.reused);
	ck_assert_uint_eq(b.origin.connections, 1);
	service_unref(old);
	service_unref(new);
	bench_deinit(&b);
}
END_TEST

START_TEST(other_tls_settings_are_another_pool)
{
	struct bench b;
	struct request r;
	bench_init(&b, NULL);
	struct service *a = bench_service(&b, NULL, 8, 8);
	struct service_options o = *service_options(a);
	o.tls_identity = STR("other");
	struct service *c = service_new(&o);
	ask_run(&b, a, false, &r);
	ask_run(&b, c, false, &r);
	ck_assert(!r.reused);
	service_unref(a);
	service_unref(c);
	bench_deinit(&b);
}
END_TEST

START_TEST(connects_to_unix_sockets)
{
	struct bench b;
	struct request r;
	char folder[] = P_tmpdir "/sluice-unit-XXXXXX", path[64];
	ck_assert_ptr_nonnull(mkdtemp(folder));
	snprintf(path, sizeof(path), "%s/s", folder);
	bench_init(&b, NULL);
	origin_move(&b, path);
	struct service_options o = {
		.name = STR("default/unix"),
		.scheme = STR("http"),
		.unix_path = str_of(path),
		.connect_timeout_ms = 3000,
		.idle_timeout_ms = 60000,
		.connections_max = 8,
		.waiters_max = 8,
	};
	struct service *s = service_new(&o);
	for (int i = 0; i < 2; i++) {
		ask_run(&b, s, false, &r);
		ck_assert_uint_eq(r.status, 200);
		ck_assert_int_eq(r.reused, i > 0);
	}
	service_unref(s);
	bench_deinit(&b);
	unlink(path);
	rmdir(folder);
}
END_TEST

START_TEST(closing_ends_attempts_under_way)
{
	struct bench b;
	struct request r;
	/* Nobody answers there, nor does anybody take connections. */
	struct resolver_options resolver = {.servers = STR("127.0.0.1:9")};
	bench_init(&b, &resolver);
	struct service *s = bench_service(&b, "name.test", 8, 8);
	struct service *t = bench_service(&b, NULL, 8, 8);
	ask_start(&b, s, false, &r);
	upstream_cancel(&r.wait);
	ask_deinit(&r);
	ask_start(&b, t, false, &r);
	upstream_cancel(&r.wait);
	ask_deinit(&r);
	service_unref(s);
	service_unref(t);
	bench_deinit(&b);
}
END_TEST

UNIT_SUITE(waiting, a_connection_whose_waiter_left_serves_the_next,
	a_fresh_wish_makes_room_among_idle_connections, the_longest_waiting_is_served_first,
	a_connection_that_closes_makes_room_for_who_waits, everybody_who_waits_hears_of_the_refusal,
	a_changed_service_with_the_same_address_keeps_its_connections,
	other_tls_settings_are_another_pool, connects_to_unix_sockets,
	closing_ends_attempts_under_way)
