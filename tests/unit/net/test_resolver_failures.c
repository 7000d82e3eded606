/* SPDX-License-Identifier: Apache-2.0 */
/* What the resolver does when name servers fail, are silent, or are others from now on. */
#include "name_server.h"

#include <stdio.h>

/* --- failures
 * ------------------------------------------------------------------------------------- */

START_TEST(a_missing_name_is_remembered_for_a_second)
{
	names_open();
	struct asked a = resolved("none.test");
	assert_failed(&a, RC_NOT_FOUND);
	int before = names.questions;
	a = asked("none.test");
	assert_failed(&a, RC_NOT_FOUND);
	ck_assert_int_eq(names.questions, before);
	loop_fake_advance(names.loop, RESOLVER_RETRY_MS);
	names.rows[0] = (struct name_row){.name = "none.test", .v4 = "127.0.0.3", .ttl = 60};
	a = resolved("none.test");
	assert_first(&a, "127.0.0.3");
	names_close();
}
END_TEST

START_TEST(a_silent_server_ends_in_a_timeout_and_a_late_answer_still_counts)
{
	names_open();
	names.rows[0] = (struct name_row){.name = "shop.test", .v4 = "127.0.0.3", .ttl = 60};
	struct asked a = {0}, b;
	ask(&a, "shop.test");
	loop_fake_advance(names.loop, RESOLVER_TIMEOUT_MS - 1);
	loop_turn(names.loop, 0);
	ck_assert_int_eq(a.calls, 0);
	loop_fake_advance(names.loop, 1);
	loop_turn(names.loop, 0);
	assert_failed(&a, RC_TIMEOUT);
	b = asked("shop.test"); /* remembered */
	assert_failed(&b, RC_TIMEOUT);
	names_serve(); /* now it speaks */
	b = asked("shop.test");
	assert_first(&b, "127.0.0.3");
	ck_assert_int_eq(names.questions, 2);
	names_close();
}
END_TEST

START_TEST(a_failing_server_leaves_the_old_answer_standing)
{
	names_open();
	names.rows[0] = (struct name_row){.name = "shop.test", .v4 = "127.0.0.3", .ttl = 10};
	struct asked a = resolved("shop.test");
	names.rows[0].rcode = SERVFAIL;
	loop_fake_advance(names.loop, 10000);
	a = asked("shop.test");
	ck_assert_int_eq(a.calls, 0); /* waits for the failure */
	resolver_cancel(a.query);
	a = resolved("shop.test");
	assert_first(&a, "127.0.0.3");
	int before = names.questions;
	a = asked("shop.test"); /* nobody waits any more */
	assert_first(&a, "127.0.0.3");
	names_serve();
	ck_assert_int_eq(names.questions, before);
	loop_fake_advance(names.loop, RESOLVER_RETRY_MS);
	a = asked("shop.test");
	assert_first(&a, "127.0.0.3");
	names_serve();
	ck_assert_int_gt(names.questions, before); /* asked behind their backs */
	names.rows[0].rcode = NOERROR;
	names.rows[0].v4 = "127.0.0.4";
	loop_fake_advance(names.loop, RESOLVER_RETRY_MS);
	a = asked("shop.test");
	assert_first(&a, "127.0.0.3");
	names_serve();
	a = asked("shop.test");
	assert_first(&a, "127.0.0.4");
	names_close();
}
END_TEST

START_TEST(an_old_answer_does_not_stand_for_ever)
{
	names_open();
	names.rows[0] = (struct name_row){.name = "shop.test", .v4 = "127.0.0.3", .ttl = 10};
	struct asked a = resolved("shop.test");
	names.rows[0].rcode = SERVFAIL;
	loop_fake_advance(names.loop, 10000 + RESOLVER_STALE_MS - 1);
	a = resolved("shop.test");
	assert_first(&a, "127.0.0.3");
	loop_fake_advance(names.loop, RESOLVER_RETRY_MS);
	a = resolved("shop.test");
	assert_failed(&a, RC_IO);
	names_close();
}
END_TEST

START_TEST(a_silent_server_leaves_the_old_answer_standing)
{
	names_open();
	names.rows[0] = (struct name_row){.name = "shop.test", .v4 = "127.0.0.3", .ttl = 10};
	struct asked a = resolved("shop.test");
	names.rows[0].is_silent = true;
	loop_fake_advance(names.loop, 10000);
	a = (struct asked){0};
	ask(&a, "shop.test");
	loop_fake_advance(names.loop, RESOLVER_TIMEOUT_MS);
	loop_turn(names.loop, 0);
	assert_first(&a, "127.0.0.3");
	names_close();
}
END_TEST

START_TEST(a_name_that_is_gone_is_gone)
{
	names_open();
	names.rows[0] = (struct name_row){.name = "shop.test", .v4 = "127.0.0.3", .ttl = 10};
	struct asked a = resolved("shop.test");
	names.rows[0].rcode = NXDOMAIN;
	loop_fake_advance(names.loop, 10000);
	a = resolved("shop.test");
	assert_failed(&a, RC_NOT_FOUND);
	names_close();
}
END_TEST

START_TEST(freeing_ends_questions_under_way)
{
	names_open();
	struct asked a = {0}, b = {0}, c = {0};
	b.cancels = &c;
	ask(&a, "a.test");
	ask(&b, "b.test");
	ask(&c, "b.test");
	resolver_free(names.resolver);
	names.resolver = NULL;
	assert_failed(&a, RC_CLOSED);
	assert_failed(&b, RC_CLOSED);
	ck_assert_int_eq(c.calls, 0);
	loop_turn(names.loop, 0);
	names_close();
}
END_TEST

START_TEST(the_memory_of_names_is_bounded)
{
	names_open();
	names.rows[0] = (struct name_row){.name = "kept.test", .v4 = "127.0.0.3", .ttl = 3600};
	struct asked a = resolved("kept.test");
	for (int i = 0; i < RESOLVER_NAMES_MAX + 10; i++) {
		char name[32];
		snprintf(name, sizeof(name), "n%d.test", i);
		a = resolved(name);
		if (i % 1000 == 0) { /* used, so it is not the one that goes */
			a = asked("kept.test");
			assert_first(&a, "127.0.0.3");
		}
	}
	int before = names.questions;
	a = asked("kept.test");
	assert_first(&a, "127.0.0.3");
	ck_assert_int_eq(names.questions, before);
	names_close();
}
END_TEST

/* --- other servers ---------------------------------------------------------------------------- */

START_TEST(what_is_set_as_it_was_asks_nobody_again)
{
	char servers[32];
	names_open();
	names.rows[0] = (struct name_row){.name = "shop.test", .v4 = "127.0.0.3", .ttl = 60};
	struct asked a = resolved("shop.test");
	struct resolver_options o = options_now(servers);
	resolver_set(names.resolver, &o);
	a = asked("shop.test");
	assert_first(&a, "127.0.0.3");
	ck_assert_int_eq(names.questions, 2);
	names_close();
}
END_TEST

START_TEST(a_question_under_way_goes_to_the_new_servers)
{
	char servers[32];
	struct asked a = {0};
	names_open();
	names.rows[0] = (struct name_row){.name = "shop.test", .v4 = "127.0.0.3", .ttl = 60};
	struct resolver_options mute = {.servers = STR("127.0.0.1:9")}, o = options_now(servers);
	resolver_set(names.resolver, &mute);
	ask(&a, "shop.test");
	resolver_set(names.resolver, &o);
	ck_assert_int_eq(a.calls, 0);
	names_serve();
	assert_first(&a, "127.0.0.3");
	names_close();
}
END_TEST

START_TEST(times_may_be_others)
{
	char servers[32];
	names_open();
	names.rows[0] = (struct name_row){.name = "shop.test", .v4 = "127.0.0.3", .ttl = 60};
	struct asked a = resolved("shop.test");
	struct resolver_options o = options_now(servers);
	o.times = (struct resolver_times){.timeout_ms = 500, .retry_ms = 5000, .ttl_max_ms = 2000};
	resolver_set(names.resolver, &o);
	names.rows[0].v4 = "127.0.0.4";
	a = resolved("shop.test"); /* others may know better */
	assert_first(&a, "127.0.0.4");
	loop_fake_advance(names.loop, 2000);
	names.rows[0].rcode = SERVFAIL;
	a = resolved("shop.test"); /* nothing stands after its time */
	assert_failed(&a, RC_IO);
	names.rows[0].rcode = NOERROR;
	loop_fake_advance(names.loop, 4999);
	a = asked("shop.test");
	assert_failed(&a, RC_IO);
	names_close();
}
END_TEST

UNIT_SUITE(resolver_failures, a_missing_name_is_remembered_for_a_second,
	a_silent_server_ends_in_a_timeout_and_a_late_answer_still_counts,
	a_failing_server_leaves_the_old_answer_standing, an_old_answer_does_not_stand_for_ever,
	a_silent_server_leaves_the_old_answer_standing, a_name_that_is_gone_is_gone,
	freeing_ends_questions_under_way, the_memory_of_names_is_bounded,
	what_is_set_as_it_was_asks_nobody_again, a_question_under_way_goes_to_the_new_servers,
	times_may_be_others)
