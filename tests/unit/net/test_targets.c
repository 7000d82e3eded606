/* SPDX-License-Identifier: Apache-2.0 */
#include "name_server.h"

#include "net/targets.h"

#include <stdio.h>

#define RECORDS "_http._tcp.shop.test"

/* What came back. */
struct found {
	struct targets_query *query;
	int calls;
	enum rc rc;
	size_t count;
	struct target all[TARGETS_MAX];
	int fresh_ms;
};

static void on_targets(
	void *owner, enum rc rc, const struct target *all, size_t count, int fresh_ms)
{
	struct found *f = owner;
	f->calls++;
	f->rc = rc;
	f->count = count;
	f->fresh_ms = fresh_ms;
	ck_assert_int_eq(rc == RC_OK, count > 0);
	memcpy(f->all, all, count * sizeof(*all));
}

static void find(struct found *f)
{
	*f = (struct found){0};
	targets_ask(names.resolver, STR(RECORDS), on_targets, f, &f->query);
	ck_assert_int_eq(f->query == NULL, f->calls > 0);
	if (f->calls == 0)
		names_serve();
	ck_assert_int_eq(f->calls, 1);
}

static void assert_target(
	const struct found *f, size_t i, const char *at, unsigned priority, unsigned weight)
{
	char text[ADDRESS_TEXT_BYTES];
	ck_assert_uint_lt(i, f->count);
	struct str got = address_text(&f->all[i].address, text);
	ck_assert_msg(str_eq(got, str_of(at)), "%.*s is not %s", STR_ARG(got), at);
	ck_assert_uint_eq(f->all[i].priority, priority);
	ck_assert_uint_eq(f->all[i].weight, weight);
}

static void has(const struct name_service *services, uint32_t ttl)
{
	names.rows[0] = (struct name_row){.name = RECORDS, .services = services, .ttl = ttl};
}

static void has_address(int row, const char *name, const char *v4, uint32_t ttl)
{
	names.rows[row] = (struct name_row){.name = name, .v4 = v4, .ttl = ttl};
}

START_TEST(tells_ports_priorities_and_shares)
{
	static const struct name_service services[] = {{20, 7, 82, "c.test"}, {10, 1, 81, "b.test"},
		{10, 4, 80, "a.test"}, {10, 0, 83, "d.test"}, {0}};
	struct found f;
	names_open();
	has(services, 60);
	has_address(1, "a.test", "127.0.0.1 127.0.0.2", 60);
	has_address(2, "b.test", "127.0.0.3", 60);
	has_address(3, "c.test", "127.0.0.4", 60);
	has_address(4, "d.test", "127.0.0.5", 60);
	find(&f);
	ck_assert_uint_eq(f.count, 5);
	assert_target(
		&f, 0, "127.0.0.1:80", 10, 500); /* two have the heaviest one's in equal parts */
	assert_target(&f, 1, "127.0.0.2:80", 10, 500);
	assert_target(&f, 2, "127.0.0.3:81", 10, 250);
	assert_target(&f, 3, "127.0.0.5:83", 10, 1); /* no weight is a small one */
	assert_target(&f, 4, "127.0.0.4:82", 20, 1000);
	names_close();
}
END_TEST

START_TEST(an_address_is_told_once)
{
	static const struct name_service services[] = {
		{1, 1, 80, "a.test"}, {2, 1, 80, "b.test"}, {2, 1, 81, "b.test"}, {0}};
	struct found f;
	names_open();
	has(services, 60);
	has_address(1, "a.test", "127.0.0.1", 60);
	has_address(2, "b.test", "127.0.0.1", 60);
	find(&f);
	ck_assert_uint_eq(f.count, 2);
	assert_target(&f, 0, "127.0.0.1:80", 1, 1000);
	assert_target(&f, 1, "127.0.0.1:81", 2, 1000); /* another port is another one */
	names_close();
}
END_TEST

START_TEST(a_target_without_an_address_is_passed_over)
{
	static const struct name_service services[] = {
		{1, 1, 80, "gone.test"}, {2, 1, 80, "b.test"}, {0}};
	struct found f;
	names_open();
	has(services, 60);
	has_address(1, "b.test", "127.0.0.2", 60);
	find(&f);
	ck_assert_uint_eq(f.count, 1);
	assert_target(&f, 0, "127.0.0.2:80", 2, 1000);
	names.rows[1].name = NULL;
	loop_fake_advance(names.loop, 60000);
	find(&f);
	ck_assert_int_eq(f.rc, RC_NOT_FOUND);
	names_close();
}
END_TEST

START_TEST(the_shortest_time_counts)
{
	static const struct name_service services[] = {
		{1, 1, 80, "a.test"}, {1, 1, 80, "b.test"}, {0}};
	struct found f;
	names_open();
	has(services, 60);
	has_address(1, "a.test", "127.0.0.1", 30);
	has_address(2, "b.test", "127.0.0.2", 90);
	find(&f);
	ck_assert_int_eq(f.fresh_ms, 30000);
	loop_fake_advance(names.loop, 10000);
	int before = names.questions;
	find(&f);
	ck_assert_int_eq(f.fresh_ms, 20000);
	ck_assert_int_eq(names.questions, before);
	loop_fake_advance(names.loop, 20000);
	find(&f); /* of that target alone */
	ck_assert_int_eq(names.questions, before + 2);
	ck_assert_int_eq(f.fresh_ms, 30000);
	names_close();
}
END_TEST

START_TEST(nobody_serves)
{
	static const struct name_service nobody[] = {{0, 0, 0, ""}, {0}};
	struct found f;
	names_open();
	has(nobody, 60);
	find(&f);
	ck_assert_int_eq(f.rc, RC_NOT_FOUND);
	names_close();
}
END_TEST

/* The names of their targets are "t00.test" to "t31.test", of 3 addresses each. */
START_TEST(of_too_many_the_same_ones_stay)
{
	static char texts[SRV_RECORDS_MAX][16], hosts[8192];
	static struct name_service forth[SRV_RECORDS_MAX + 1], back[SRV_RECORDS_MAX + 1];
	size_t n = 0;
	for (int i = 0; i < SRV_RECORDS_MAX; i++) {
		snprintf(texts[i], sizeof(texts[i]), "t%02d.test", i);
		forth[i] = back[SRV_RECORDS_MAX - 1 - i] =
			(struct name_service){1, 1, 80, texts[i]};
		for (int j = 0; j < 3; j++)
			n += (size_t)snprintf(hosts + n, sizeof(hosts) - n, "192.0.%d.%d %s\n", i,
				j + 1, texts[i]);
	}
	struct found first, second;
	names_open();
	names_write_hosts(hosts);
	has(forth, 1);
	names.rows[0].is_truncated = true;
	find(&first);
	has(back, 1);
	names.rows[0].is_truncated = true;
	loop_fake_advance(names.loop, 1000);
	find(&second);
	ck_assert_uint_eq(first.count, TARGETS_MAX);
	ck_assert_uint_eq(second.count, TARGETS_MAX);
	for (size_t i = 0; i < TARGETS_MAX; i++)
		ck_assert(address_eq(&first.all[i].address, &second.all[i].address));
	names_close();
}
END_TEST

START_TEST(whoever_cancels_is_told_nothing)
{
	static const struct name_service services[] = {{1, 1, 80, "a.test"}, {0}};
	struct found f = {0};
	names_open();
	has(services, 60);
	targets_ask(names.resolver, STR(RECORDS), on_targets, &f, &f.query);
	targets_cancel(f.query); /* while the records are asked for */
	names_serve();
	names.rows[1] = (struct name_row){.name = "a.test", .is_silent = true};
	targets_ask(names.resolver, STR(RECORDS), on_targets, &f, &f.query);
	ck_assert_ptr_nonnull(f.query);
	targets_cancel(f.query); /* while its target is */
	ck_assert_int_eq(f.calls, 0);
	names_close();
}
END_TEST

START_TEST(a_resolver_that_ends_ends_it)
{
	static const struct name_service services[] = {{1, 1, 80, "a.test"}, {0}};
	struct found f = {0};
	names_open();
	has(services, 60);
	targets_ask(names.resolver, STR(RECORDS), on_targets, &f, &f.query);
	resolver_free(names.resolver);
	names.resolver = NULL;
	ck_assert_int_eq(f.calls, 1);
	ck_assert_int_eq(f.rc, RC_CLOSED);
	names_close();
}
END_TEST

UNIT_SUITE(targets, tells_ports_priorities_and_shares, an_address_is_told_once,
	a_target_without_an_address_is_passed_over, the_shortest_time_counts, nobody_serves,
	of_too_many_the_same_ones_stay, whoever_cancels_is_told_nothing,
	a_resolver_that_ends_ends_it)
