/* SPDX-License-Identifier: Apache-2.0 */
#include "policy.h"

static struct visit *listed(const char *policy, const char *config)
{
	return visit_policy("ip-lists", policy, config);
}

/* What the policy says to a client of that address. */
static enum sluice_test_outcome ask(struct visit *v, const char *address)
{
	visit_begin(v, "GET", "/");
	sluice_test_client(v->x, address);
	return visit_send(v, NULL);
}

static void assert_denied(struct visit *v, const char *reason)
{
	visit_assert_answer(v, 403, reason);
	ck_assert_str_eq(visit_answered(v, "content-type"), "application/json; charset=UTF-8");
}

struct row {
	const char *entry, *inside[4], *outside[4];
};

/* Both policies, and both ways of writing an address of a client. */
START_TEST(an_entry_holds_what_it_says_and_nothing_else)
{
	static const struct row rows[] = {
		{"192.0.2.7", {"192.0.2.7", "::ffff:192.0.2.7"},
			{"192.0.2.6", "192.0.2.8", "::192.0.2.7", "192.0.2.70"}},
		{"10.0.0.0/8", {"10.0.0.0", "10.255.255.255", "[::ffff:a00:1]:80"},
			{"9.255.255.255", "11.0.0.0", "::a00:1"}},
		{"10.1.2.3/31", {"10.1.2.2", "10.1.2.3"}, {"10.1.2.1", "10.1.2.4"}},
		{"0.0.0.0/0", {"0.0.0.0", "255.255.255.255"}, {"::", "2001:db8::1"}},
		{"192.168", {"192.168.0.0", "192.168.255.255"}, {"192.167.255.255", "192.169.0.0"}},
		{"192.168.", {"192.168.3.4"}, {"19.2.16.8"}},
		{"10", {"10.9.8.7"}, {"0.0.0.10", "100.0.0.0"}},
		{"1.2.3", {"1.2.3.0", "1.2.3.255"}, {"1.2.2.255", "1.2.4.0"}},
		{"10.0.0.5-10.0.1.2", {"10.0.0.5", "10.0.1.2"}, {"10.0.0.4", "10.0.1.3"}},
		{"2001:db8::/32", {"2001:db8::", "2001:db8:ffff:ffff:ffff:ffff:ffff:ffff"},
			{"2001:db7:ffff:ffff:ffff:ffff:ffff:ffff", "2001:db9::"}},
		{"2001:db8::/64", {"2001:0db8::ffff:ffff:ffff:ffff"}, {"2001:db8:0:1::"}},
		{"2001:db8::/96", {"2001:db8::ffff:ffff"}, {"2001:db8::1:0:0"}},
		{"::1", {"::1", "[::1]", "[::1]:443"}, {"::", "::2", "0.0.0.1", "127.0.0.1"}},
		{"fe80::1-fe80::1:0:0", {"fe80::1", "fe80::1:0:0"}, {"fe80::", "fe80::1:0:1"}},
		{"::/0", {"::", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"},
			{"1.2.3.4", "::ffff:1.2.3.4"}},
		{"::ffff:10.0.0.0/104", {"10.1.1.1"}, {"11.1.1.1"}},
		{"::ffff:10.0.0.1", {"10.0.0.1"}, {"10.0.0.2"}},
		{"# all\\n10.0.0.1, 10.0.0.3\\r\\n\\t::5 #10.0.0.2",
			{"10.0.0.1", "10.0.0.3", "::5"}, {"10.0.0.2"}},
	};
	for (size_t i = 0; i < 2 * COUNT(rows); i++) {
		const struct row *row = &rows[i / 2];
		bool is_allow = i % 2;
		char config[200];
		snprintf(config, sizeof(config), "{\"ips\":[\"%s\"]}", row->entry);
		struct visit *v = listed(is_allow ? "ip-allowlist" : "ip-blocklist", config);
		for (size_t k = 0; k < 4; k++) {
			if (row->inside[k])
				ck_assert_msg(
					(ask(v, row->inside[k]) == SLUICE_TEST_PASSED) == is_allow,
					"%s, %s", row->entry, row->inside[k]);
			if (row->outside[k])
				ck_assert_msg(
					(ask(v, row->outside[k]) == SLUICE_TEST_PASSED) != is_allow,
					"%s, %s", row->entry, row->outside[k]);
		}
		visit_leave(v);
	}
}
END_TEST

START_TEST(says_why_it_refuses)
{
	static const struct {
		const char *policy, *address, *reason;
	} rows[] = {
		{"ip-allowlist", "10.0.0.2", "ip_not_allowed"},
		{"ip-blocklist", "10.0.0.1", "ip_blocked"},
		{"ip-allowlist", "", "ip_unknown"},
		{"ip-blocklist", "", "ip_unknown"},
	};
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct visit *v = listed(rows[i].policy, "{\"ips\":[\"10.0.0.1\"]}");
		ck_assert_int_eq(ask(v, rows[i].address), SLUICE_TEST_ANSWERED);
		assert_denied(v, rows[i].reason);
		ck_assert_uint_eq(sluice_test_counter(v->t, 0, "ip_refused"), 1);
		visit_leave(v);
	}
}
END_TEST

START_TEST(what_is_no_address_is_denied_by_both)
{
	static const char *const texts[] = {"", "unknown", "unix:/run/a", "10.0.0", "10.0.0.1.",
		"10.0.0.01", "10.0.0.256", "10.0.0.1:", "10.0.0.1:x", "10.0.0.1:123456", "::1%eth0",
		"[::1", "[::1]x", "[10.0.0.1]", "1::2::3", "10.0.0.1,", ",10.0.0.1", "0x0a000001",
		"167772161", "10.0.0.1 10.0.0.1", "::1:80:", "example.com"};
	for (int k = 0; k < 2; k++) {
		struct visit *v = listed(k ? "ip-allowlist" : "ip-blocklist",
			k ? "{\"ips\":[\"0.0.0.0/0\",\"::/0\"],\"ipExpression\":\"#[attributes."
			    "headers['x-a']]\"}"
			  : "{\"ips\":[\"255.255.255.255\"],\"ipExpression\":\"#[attributes."
			    "headers["
			    "'x-a']]\"}");
		for (size_t i = 0; i < COUNT(texts); i++) {
			visit_begin(v, "GET", "/");
			visit_field(v, REQ, "X-A", texts[i]);
			ck_assert_msg(visit_send(v, NULL) == SLUICE_TEST_ANSWERED, "%s", texts[i]);
			assert_denied(v, "ip_unknown");
		}
		visit_begin(v, "GET", "/"); /* no such field */
		ck_assert_int_eq(visit_send(v, NULL), SLUICE_TEST_ANSWERED);
		visit_leave(v);
	}
}
END_TEST

/* A client can write the first entries of a list that proxies append to. */
START_TEST(every_entry_of_a_list_counts)
{
	static const struct {
		const char *policy, *list;
		bool passes;
	} rows[] = {
		{"ip-allowlist", "10.0.0.1, 10.0.0.2", true},
		{"ip-allowlist", "10.0.0.1, 203.0.113.5", false},
		{"ip-allowlist", "203.0.113.5, 10.0.0.1", false},
		{"ip-allowlist", "10.0.0.1, unknown", false},
		{"ip-blocklist", "192.0.2.1, 192.0.2.2:443", true},
		{"ip-blocklist", "192.0.2.1,10.0.0.1", false},
		{"ip-blocklist", "10.0.0.1,192.0.2.1", false},
		{"ip-blocklist", "192.0.2.1,unknown", false},
	};
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct visit *v = listed(rows[i].policy,
			"{\"ips\":[\"10.\"],\"ipExpression\":\"#[attributes.headers['x-a']]\"}");
		visit_begin(v, "GET", "/");
		visit_field(v, REQ, "x-a", rows[i].list);
		ck_assert_msg((visit_send(v, NULL) == SLUICE_TEST_PASSED) == rows[i].passes,
			"%s: %s", rows[i].policy, rows[i].list);
		visit_leave(v);
	}
}
END_TEST

/* The field is a list behind a trusted proxy; what the gateway knows is one address. */
START_TEST(the_default_is_what_the_gateway_knows)
{
	struct visit *v = listed("ip-allowlist",
		"{\"ips\":[\"192.0.2.1\"],\"ipExpression\":\"#[attributes.headers["
		"'x-forwarded-for']]\"}");
	visit_begin(v, "GET", "/");
	visit_field(v, REQ, "X-Forwarded-For", "6.6.6.6, 192.0.2.1, 10.0.0.1");
	ck_assert_int_eq(visit_send(v, NULL), SLUICE_TEST_PASSED);
	visit_begin(v, "GET", "/");
	sluice_test_client(v->x, "6.6.6.6");
	visit_field(v, REQ, "X-Forwarded-For", "192.0.2.1");
	ck_assert_int_eq(visit_send(v, NULL), SLUICE_TEST_ANSWERED);
	visit_leave(v);
}
END_TEST

START_TEST(an_expression_that_fails_fails_the_policy)
{
	struct visit *v = listed("ip-blocklist",
		"{\"ips\":[\"10.0.0.1\"],\"ipExpression\":\"#[attributes.headers]\"}");
	visit_begin(v, "GET", "/");
	ck_assert_int_eq(visit_send(v, NULL), SLUICE_TEST_DENIED);
	visit_leave(v);
}
END_TEST

START_TEST(refuses_what_is_no_range)
{
	static const char *const entries[] = {"10.0.0/8", "10.0.0.0/33", "10.0.0.0/", "/8", "-",
		"10.0.0.2-10.0.0.1", "10.0.0.1-::1", "10.-11.", "::/129", "::ffff:10.0.0.0/95",
		"10..1", "256", "10.0.0.256", "010.0.0.1", "1.2.3.4.5", "1.2.3.4.", "host", "::1%1",
		"[::1]", "10.0.0.1:80", "10.*.*.*", "10.0.0.1/255.0.0.0", "10.0.0.1,x"};
	char config[100];
	for (size_t i = 0; i < COUNT(entries); i++) {
		snprintf(config, sizeof(config), "{\"ips\":[\"::1\",\"%s\"]}", entries[i]);
		assert_refused("ip-lists", "ip-blocklist", config, "config.ips[1]", NULL);
	}
	assert_refused("ip-lists", "ip-allowlist", "{\"ips\":[]}", "config.ips", NULL);
	assert_refused("ip-lists", "ip-allowlist",
		"{\"ips\":[\"::1\"],\"ipExpression\":\"#[payload]\"}", "config.ipExpression", NULL);
	assert_refused("ip-lists", "ip-blocklist", "{\"ips\":[\"\"]}", "config.ips[0]", NULL);
	assert_refused("ip-lists", "ip-blocklist", "{\"ips\":[\"::1\",\" # \\n\"]}",
		"config.ips[1]", "at least one address or range");
}
END_TEST

/* --- many ------------------------------------------------------------------------------------ */
#define MANY 100000

static uint32_t from[MANY], to[MANY];

/* Marsaglia's xorshift. */
static uint32_t random_number(void)
{
	static uint32_t x = 2463534242;
	x ^= x << 13;
	x ^= x >> 17;
	return x ^= x << 5;
}

/* Slow and plain. */
static bool is_in_any(uint32_t address)
{
	for (size_t i = 0; i < MANY; i++)
		if (address >= from[i] && address <= to[i])
			return true;
	return false;
}

static size_t put_address(char *out, size_t size, uint32_t a)
{
	return (size_t)snprintf(
		out, size, "%u.%u.%u.%u", a >> 24, a >> 16 & 255, a >> 8 & 255, a & 255);
}

/* Heap. */
static char *config_of_many(void)
{
	size_t size = 40 * MANY + 100, n = 0;
	char *config = malloc(size);
	ck_assert_ptr_nonnull(config);
	n += (size_t)snprintf(config, size, "{\"ips\":[\"");
	for (size_t i = 0; i < MANY; i++) {
		from[i] = random_number();
		to[i] = from[i] | (random_number() & 0x3fff);
		n += put_address(config + n, size - n, from[i]);
		config[n++] = '-';
		n += put_address(config + n, size - n, to[i]);
		config[n++] = ' ';
	}
	snprintf(config + n, size - n, "\"]}");
	return config;
}

START_TEST(holds_a_hundred_thousand_ranges)
{
	char *config = config_of_many(), text[20];
	struct visit *v = listed("ip-blocklist", config);
	size_t refused = 0;
	for (size_t i = 0; i < 600; i++) {
		uint32_t a = random_number();
		if (i % 3 == 0)
			a = i % 2 ? from[i] - 1 : to[i] + 1; /* beside a range */
		put_address(text, sizeof(text), a);
		bool is_refused = ask(v, text) == SLUICE_TEST_ANSWERED;
		ck_assert_msg(is_refused == is_in_any(a), "%s", text);
		refused += is_refused;
	}
	ck_assert_uint_gt(refused, 20);
	ck_assert_uint_lt(refused, 580);
	visit_leave(v);
	free(config);
}
END_TEST

/* Who is on the list never passes. */
static void scenario(void *arg)
{
	(void)arg;
	struct visit *v = visit_try("ip-lists", "ip-blocklist",
		"{ips: [10.0.0.0/8, \"::1\"], ipExpression: \"#[attributes.headers['x-a']]\"}");
	if (!sluice_test_problems(v->t)[0]) {
		visit_begin(v, "GET", "/");
		visit_field(v, REQ, "x-a", "192.0.2.1, 10.1.2.3");
		ck_assert_int_ne(visit_send(v, NULL), PASSED);
	}
	visit_leave(v);
}

START_TEST(never_fails_open)
{
	assert_faults(scenario, NULL);
}
END_TEST

UNIT_SUITE(ip_lists, an_entry_holds_what_it_says_and_nothing_else, says_why_it_refuses,
	what_is_no_address_is_denied_by_both, every_entry_of_a_list_counts,
	the_default_is_what_the_gateway_knows, an_expression_that_fails_fails_the_policy,
	refuses_what_is_no_range, holds_a_hundred_thousand_ranges, never_fails_open)
