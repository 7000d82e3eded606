/* SPDX-License-Identifier: Apache-2.0 */
#include "unit.h"

#include "net/admission.h"

#include <pthread.h>
#include <stdio.h>

static struct admission *begin(unsigned connections, unsigned per_listener, unsigned per_address)
{
	struct admission *a = admission_new(1000);
	struct admission_limits limits = {connections, per_listener, per_address};
	admission_set_limits(a, &limits);
	return a;
}

static struct address ip(const char *text)
{
	struct address a;
	ck_assert_int_eq(address_from_ip(str_of(text), 4711, &a), RC_OK);
	return a;
}

START_TEST(bounds_connections_in_all_and_on_each_listener)
{
	struct admission *a = begin(5, 3, 0);
	struct admission_port *p = admission_port_ref(a, STR("one:80"));
	struct admission_port *q = admission_port_ref(a, STR("two:80"));
	ck_assert_ptr_ne(p, q);
	for (int i = 0; i < 3; i++)
		ck_assert_int_eq(admission_enter(a, p, 10), ADMISSION_OK);
	ck_assert_int_eq(admission_enter(a, p, 10), ADMISSION_LISTENER);
	ck_assert_int_eq(admission_enter(a, q, 10), ADMISSION_OK);
	ck_assert_int_eq(admission_enter(a, q, 10), ADMISSION_OK);
	ck_assert_int_eq(admission_enter(a, q, 10), ADMISSION_CONNECTIONS);
	admission_leave(a, p);
	ck_assert_int_eq(admission_enter(a, q, 10), ADMISSION_OK);
	ck_assert_uint_eq(admission_connections(a), 5);
	ck_assert_uint_eq(admission_refused(a, ADMISSION_LISTENER), 1);
	ck_assert_uint_eq(admission_refused(a, ADMISSION_CONNECTIONS), 1);
	for (int i = 0; i < 2; i++)
		admission_leave(a, p);
	for (int i = 0; i < 3; i++)
		admission_leave(a, q);
	ck_assert_uint_eq(admission_connections(a), 0);
	admission_port_unref(a, p);
	admission_port_unref(a, q);
	admission_free(a);
}
END_TEST

START_TEST(workers_share_a_listener_by_its_name)
{
	struct admission *a = begin(5, 3, 0);
	struct admission_port *p = admission_port_ref(a, STR("one:80"));
	ck_assert_ptr_eq(admission_port_ref(a, STR("one:80")), p);
	admission_port_unref(a, p);
	ck_assert_int_eq(admission_enter(a, p, 10), ADMISSION_OK);
	admission_leave(a, p);
	admission_port_unref(a, p);
	admission_free(a);
}
END_TEST

START_TEST(zero_is_no_limit)
{
	struct admission *a = begin(1000000, 0, 0);
	struct admission_port *p = admission_port_ref(a, STR("one:80"));
	struct address peer = ip("192.0.2.1");
	for (int i = 0; i < 5000; i++) {
		admission_ticket ticket;
		ck_assert_int_eq(admission_enter(a, p, 10), ADMISSION_OK);
		ck_assert_int_eq(admission_enter_address(a, &peer, &ticket), ADMISSION_OK);
	}
	for (int i = 0; i < 5000; i++)
		admission_leave(a, p);
	admission_port_unref(a, p);
	admission_free(a);
}
END_TEST

START_TEST(keeps_the_last_descriptors_free)
{
	struct admission *a = begin(5000, 0, 0);
	struct admission_port *p = admission_port_ref(a, STR("one:80"));
	ck_assert_int_eq(admission_enter(a, p, 1000 - ADMISSION_RESERVE - 1), ADMISSION_OK);
	ck_assert_int_eq(
		admission_enter(a, p, 1000 - ADMISSION_RESERVE), ADMISSION_DESCRIPTORS);
	ck_assert_int_gt(admission_upstream_descriptors(a), 1000 - ADMISSION_RESERVE);
	ck_assert_int_lt(admission_upstream_descriptors(a), 1000);
	admission_leave(a, p);
	admission_port_unref(a, p);
	admission_free(a);
}
END_TEST

START_TEST(closed_lets_nobody_in)
{
	struct admission *a = begin(5, 0, 0);
	struct admission_port *p = admission_port_ref(a, STR("one:80"));
	admission_set_closed(a, true);
	ck_assert_int_eq(admission_enter(a, p, 10), ADMISSION_MEMORY);
	admission_set_closed(a, false);
	ck_assert_int_eq(admission_enter(a, p, 10), ADMISSION_OK);
	admission_leave(a, p);
	admission_port_unref(a, p);
	admission_free(a);
}
END_TEST

START_TEST(asks_for_room_above_nine_tenths)
{
	struct admission *a = begin(100, 0, 0);
	struct admission_port *p = admission_port_ref(a, STR("one:80"));
	for (int i = 0; i < 90; i++)
		ck_assert_int_eq(admission_enter(a, p, 10), ADMISSION_OK);
	ck_assert_uint_eq(admission_excess(a, 10), 0);
	ck_assert_int_eq(admission_enter(a, p, 10), ADMISSION_OK);
	ck_assert_uint_eq(admission_excess(a, 10), 7); /* 91 - 85, and one to spare */
	for (int i = 0; i < 91; i++)
		admission_leave(a, p);
	/* Of 1000 descriptors 936 are for clients. */
	ck_assert_uint_eq(admission_excess(a, 842), 0);
	ck_assert_uint_gt(admission_excess(a, 850), 0);
	admission_port_unref(a, p);
	admission_free(a);
}
END_TEST

/* --- addresses ------------------------------------------------------------------------------- */
static enum admission_verdict enter(struct admission *a, const char *text)
{
	struct address peer = ip(text);
	admission_ticket ticket;
	return admission_enter_address(a, &peer, &ticket);
}

START_TEST(bounds_each_address)
{
	struct admission *a = begin(100, 0, 2);
	struct address peer = ip("192.0.2.1");
	admission_ticket tickets[3];
	ck_assert_int_eq(admission_enter_address(a, &peer, &tickets[0]), ADMISSION_OK);
	ck_assert_int_eq(admission_enter_address(a, &peer, &tickets[1]), ADMISSION_OK);
	ck_assert_int_eq(admission_enter_address(a, &peer, &tickets[2]), ADMISSION_ADDRESS);
	ck_assert_uint_eq(tickets[2], 0);
	ck_assert_int_eq(enter(a, "192.0.2.2"), ADMISSION_OK);
	admission_leave_address(a, tickets[0]);
	ck_assert_int_eq(admission_enter_address(a, &peer, &tickets[0]), ADMISSION_OK);
	ck_assert_uint_eq(admission_refused(a, ADMISSION_ADDRESS), 1);
	admission_free(a);
}
END_TEST

START_TEST(an_ipv6_network_of_64_bits_counts_as_one)
{
	struct admission *a = begin(100, 0, 2);
	ck_assert_int_eq(enter(a, "2001:db8::1"), ADMISSION_OK);
	ck_assert_int_eq(enter(a, "2001:db8::ffff:1"), ADMISSION_OK);
	ck_assert_int_eq(enter(a, "2001:db8::2"), ADMISSION_ADDRESS);
	ck_assert_int_eq(enter(a, "2001:db8:0:1::2"), ADMISSION_OK);
	/* As an IPv4 client is seen through an IPv6 socket. */
	ck_assert_int_eq(enter(a, "192.0.2.1"), ADMISSION_OK);
	ck_assert_int_eq(enter(a, "::ffff:192.0.2.1"), ADMISSION_OK);
	ck_assert_int_eq(enter(a, "::ffff:192.0.2.1"), ADMISSION_ADDRESS);
	admission_free(a);
}
END_TEST

START_TEST(unix_peers_have_no_address)
{
	struct admission *a = begin(100, 0, 1);
	struct address peer = {.n = sizeof(sa_family_t)};
	peer.u.sa.sa_family = AF_UNIX;
	for (int i = 0; i < 3; i++) {
		admission_ticket ticket = 1;
		ck_assert_int_eq(admission_enter_address(a, &peer, &ticket), ADMISSION_OK);
		ck_assert_uint_eq(ticket, 0);
		admission_leave_address(a, ticket);
	}
	admission_free(a);
}
END_TEST

/* Two rows make it as good as certain: with one alone, 3 of 200,000 would be out in every run. */
START_TEST(a_flooding_address_keeps_no_other_out)
{
	struct admission *a = begin(1000000, 0, 100);
	while (enter(a, "198.51.100.1") == ADMISSION_OK)
		;
	for (unsigned i = 0; i < 200000; i++) {
		char text[32];
		admission_ticket ticket;
		snprintf(text, sizeof(text), "10.%u.%u.%u", i >> 16, (i >> 8) & 255, i & 255);
		struct address peer = ip(text);
		ck_assert_int_eq(admission_enter_address(a, &peer, &ticket), ADMISSION_OK);
		admission_leave_address(a, ticket);
	}
	ck_assert_int_eq(enter(a, "198.51.100.1"), ADMISSION_ADDRESS);
	admission_free(a);
}
END_TEST

/* --- threads --------------------------------------------------------------------------------- */
struct flood {
	struct admission *a;
	struct admission_port *p;
};

static void *flood(void *arg)
{
	struct flood *f = arg;
	struct address peer = ip("192.0.2.9");
	for (int i = 0; i < 20000; i++) {
		admission_ticket ticket;
		if (admission_enter(f->a, f->p, 10) != ADMISSION_OK)
			continue;
		if (admission_enter_address(f->a, &peer, &ticket) == ADMISSION_OK)
			admission_leave_address(f->a, ticket);
		admission_leave(f->a, f->p);
	}
	return NULL;
}

START_TEST(counts_are_right_after_many_threads)
{
	struct admission *a = begin(2, 2, 1);
	struct admission_port *p = admission_port_ref(a, STR("one:80"));
	struct flood floods[4];
	pthread_t threads[4];
	for (int i = 0; i < 4; i++) {
		floods[i] = (struct flood){.a = a, .p = p};
		ck_assert_int_eq(pthread_create(&threads[i], NULL, flood, &floods[i]), 0);
	}
	for (int i = 0; i < 4; i++)
		pthread_join(threads[i], NULL);
	ck_assert_uint_eq(admission_connections(a), 0);
	ck_assert_int_eq(enter(a, "192.0.2.9"), ADMISSION_OK);
	ck_assert_int_eq(enter(a, "192.0.2.9"), ADMISSION_ADDRESS);
	admission_port_unref(a, p);
	admission_free(a);
}
END_TEST

UNIT_SUITE(admission, bounds_connections_in_all_and_on_each_listener,
	workers_share_a_listener_by_its_name, zero_is_no_limit, keeps_the_last_descriptors_free,
	closed_lets_nobody_in, asks_for_room_above_nine_tenths, bounds_each_address,
	an_ipv6_network_of_64_bits_counts_as_one, unix_peers_have_no_address,
	a_flooding_address_keeps_no_other_out, counts_are_right_after_many_threads)
