/* SPDX-License-Identifier: Apache-2.0 */
#include "name_server.h"

#include <stdio.h>
#include <unistd.h>

/* --- without a server ------------------------------------------------------------------------ */

START_TEST(literals_and_localhost_are_answered_at_once)
{
	static const struct {
		const char *name, *ip;
		size_t count;
	} known[] = {{"192.0.2.1", "192.0.2.1", 1}, {"::1", "::1", 1},
		{"[2001:db8::1]", "2001:db8::1", 1}, {"localhost", "127.0.0.1", 2},
		{"LOCALHOST.", "127.0.0.1", 2}, {"shop.localhost", "127.0.0.1", 2}};
	names_open();
	for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
		struct asked a = asked(known[i].name);
		assert_first(&a, known[i].ip);
		ck_assert_uint_eq(a.count, known[i].count);
	}
	ck_assert_int_eq(names.questions, 0);
	names_close();
}
END_TEST

START_TEST(what_cannot_be_a_name_is_not_found_at_once)
{
	char longest[256];
	memset(longest, 'x', sizeof(longest));
	const struct str wrong[] = {
		STR_EMPTY, STR("a b"), STR("a\0b"), STR("a\n"), str_n(longest, 255)};
	names_open();
	for (size_t i = 0; i < ARRAY_COUNT(wrong); i++) {
		struct asked a = {0};
		resolver_ask(names.resolver, wrong[i], on_addresses, &a, &a.query);
		assert_failed(&a, RC_NOT_FOUND);
	}
	names_close();
}
END_TEST

START_TEST(the_hosts_file_comes_first)
{
	names_open();
	names_write_hosts("# comment\n"
			  "192.0.2.7\tshop.test  Shop # and more\n"
			  "nonsense ignored.test\n"
			  "\n"
			  "  2001:db8::7 shop.test\r\n"
			  "192.0.2.8 last.test");
	struct asked a = asked("shop.test");
	assert_first(&a, "192.0.2.7");
	ck_assert_uint_eq(a.count, 2);
	a = asked("SHOP");
	assert_first(&a, "192.0.2.7");
	a = asked("last.test.");
	assert_first(&a, "192.0.2.8");
	ck_assert_int_eq(names.questions, 0);
	a = resolved("ignored.test");
	assert_failed(&a, RC_NOT_FOUND);
	names_close();
}
END_TEST

START_TEST(the_hosts_file_may_change)
{
	names_open();
	names_write_hosts("192.0.2.7 shop.test localhost\n");
	struct asked a = asked("shop.test");
	assert_first(&a, "192.0.2.7");
	a = asked("localhost");
	assert_first(&a, "192.0.2.7");
	names_write_hosts("192.0.2.77 shop.test\n");
	loop_fake_advance(names.loop, 5000);
	a = asked("shop.test");
	assert_first(&a, "192.0.2.77");
	a = asked("localhost");
	assert_first(&a, "127.0.0.1");
	unlink(names.hosts_path);
	loop_fake_advance(names.loop, 5000);
	names.rows[0] = (struct name_row){.name = "shop.test", .v4 = "192.0.2.9", .ttl = 60};
	a = resolved("shop.test");
	assert_first(&a, "192.0.2.9");
	names_close();
}
END_TEST

/* --- answers ------------------------------------------------------------------------------------
 */

START_TEST(asks_for_both_families_and_keeps_the_answer_for_its_time)
{
	names_open();
	names.rows[0] = (struct name_row){
		.name = "shop.test", .v4 = "127.0.0.3 127.0.0.4", .v6 = "2001:db8::3", .ttl = 60};
	struct asked a = resolved("shop.test");
	ck_assert_int_eq(a.rc, RC_OK);
	ck_assert_uint_eq(a.count, 3);
	ck_assert_int_eq(names.questions, 2);
	loop_fake_advance(names.loop, 59999);
	a = asked("Shop.Test");
	ck_assert_uint_eq(a.count, 3);
	ck_assert_int_eq(names.questions, 2);
	loop_fake_advance(names.loop, 1);
	names.rows[0].v4 = "127.0.0.5";
	names.rows[0].v6 = NULL;
	a = resolved("shop.test");
	assert_first(&a, "127.0.0.5");
	ck_assert_uint_eq(a.count, 1);
	ck_assert_int_eq(names.questions, 4);
	names_close();
}
END_TEST

START_TEST(times_are_kept_between_a_second_and_an_hour)
{
	names_open();
	names.rows[0] = (struct name_row){.name = "short.test", .v4 = "127.0.0.3", .ttl = 0};
	names.rows[1] = (struct name_row){.name = "long.test", .v4 = "127.0.0.4", .ttl = 1000000};
	struct asked a = resolved("short.test");
	a = resolved("long.test");
	ck_assert_int_eq(names.questions, 4);
	loop_fake_advance(names.loop, 999);
	a = asked("short.test");
	assert_first(&a, "127.0.0.3");
	loop_fake_advance(names.loop, 1);
	a = resolved("short.test");
	ck_assert_int_eq(names.questions, 6);
	loop_fake_advance(names.loop, 3600000 - 1001);
	a = asked("long.test");
	assert_first(&a, "127.0.0.4");
	loop_fake_advance(names.loop, 1);
	a = resolved("long.test");
	ck_assert_int_eq(names.questions, 8);
	names_close();
}
END_TEST

START_TEST(one_question_addressess_all_who_ask)
{
	names_open();
	names.rows[0] = (struct name_row){.name = "shop.test", .v4 = "127.0.0.3", .ttl = 60};
	struct asked a = {0}, b = {0}, c = {0};
	ask(&a, "shop.test");
	ask(&b, "SHOP.test");
	ask(&c, "shop.test");
	resolver_cancel(b.query);
	names_serve();
	assert_first(&a, "127.0.0.3");
	assert_first(&c, "127.0.0.3");
	ck_assert_int_eq(b.calls, 0);
	ck_assert_int_eq(names.questions, 2);
	names_close();
}
END_TEST

START_TEST(a_question_that_nobody_waits_for_still_fills_the_cache)
{
	names_open();
	names.rows[0] = (struct name_row){.name = "shop.test", .v4 = "127.0.0.3", .ttl = 60};
	struct asked a = asked("shop.test");
	resolver_cancel(a.query);
	names_serve();
	a = asked("shop.test");
	assert_first(&a, "127.0.0.3");
	names_close();
}
END_TEST

START_TEST(whoever_is_answered_may_cancel_and_ask)
{
	names_open();
	names.rows[0] = (struct name_row){.name = "shop.test", .v4 = "127.0.0.3", .ttl = 60};
	names.rows[1] = (struct name_row){.name = "more.test", .v4 = "127.0.0.4", .ttl = 60};
	struct asked a = {0}, b = {0}, c = {0};
	a.cancels = &b;
	a.asks = &c;
	a.asks_for = "more.test";
	ask(&a, "shop.test");
	ask(&b, "shop.test");
	names_serve();
	assert_first(&a, "127.0.0.3");
	ck_assert_int_eq(b.calls, 0);
	assert_first(&c, "127.0.0.4");
	names_close();
}
END_TEST

START_TEST(a_truncated_answer_is_asked_for_again_over_tcp)
{
	static char many[2048];
	size_t n = 0;
	for (int i = 0; i < 40; i++)
		n += (size_t)snprintf(
			many + n, sizeof(many) - n, "%s127.0.1.%d", i ? " " : "", i + 1);
	names_open();
	names.rows[0] =
		(struct name_row){.name = "many.test", .v4 = many, .ttl = 60, .is_truncated = true};
	struct asked a = resolved("many.test");
	ck_assert_int_eq(a.rc, RC_OK);
	ck_assert_uint_eq(a.count, RESOLVER_ADDRESSES_MAX);
	ck_assert_int_ge(names.tcp_questions, 1);
	names_close();
}
END_TEST

START_TEST(a_name_without_addresses_is_not_found)
{
	names_open();
	names.rows[0] = (struct name_row){.name = "empty.test", .ttl = 60};
	struct asked a = resolved("empty.test");
	assert_failed(&a, RC_NOT_FOUND);
	names_close();
}
END_TEST

START_TEST(of_too_many_addresses_the_same_ones_stay)
{
	static char forth[2048], back[2048];
	size_t n = 0, m = 0;
	for (int i = 0; i < 40; i++) {
		n += (size_t)snprintf(forth + n, sizeof(forth) - n, "127.0.1.%d ", i + 1);
		m += (size_t)snprintf(back + m, sizeof(back) - m, "127.0.1.%d ", 40 - i);
	}
	names_open();
	names.rows[0] = (struct name_row){.name = "many.test", .v4 = forth, .ttl = 1};
	struct asked first = resolved("many.test");
	loop_fake_advance(names.loop, 1000);
	names.rows[0].v4 = back;
	struct asked second = resolved("many.test");
	ck_assert_uint_eq(first.count, RESOLVER_ADDRESSES_MAX);
	ck_assert_uint_eq(second.count, RESOLVER_ADDRESSES_MAX);
	for (size_t i = 0; i < first.count; i++) {
		size_t same = 0;
		for (size_t j = 0; j < second.count; j++)
			same += address_eq(&first.addresses[i], &second.addresses[j]);
		ck_assert_uint_eq(same, 1);
	}
	names_close();
}
END_TEST

UNIT_SUITE(resolver, literals_and_localhost_are_answered_at_once,
	what_cannot_be_a_name_is_not_found_at_once, the_hosts_file_comes_first,
	the_hosts_file_may_change, asks_for_both_families_and_keeps_the_answer_for_its_time,
	times_are_kept_between_a_second_and_an_hour, one_question_addressess_all_who_ask,
	a_question_that_nobody_waits_for_still_fills_the_cache,
	whoever_is_answered_may_cancel_and_ask, a_truncated_answer_is_asked_for_again_over_tcp,
	a_name_without_addresses_is_not_found, of_too_many_addresses_the_same_ones_stay)
