/* SPDX-License-Identifier: Apache-2.0 */
#include "unit.h"

#include "rig.h"

#include "base/buffer.h"
#include "base/check.h"
#include "base/prng.h"

#include <stdio.h>
#include <stdlib.h>

#define REQ CHAIN_REQUEST

static struct rig *listed(const char *policy, const char *config)
{
	struct rig *r = rig_new(1);
	rig_bind(r, rig_plugin(r, PLUGINS "/ip-lists.so"), policy, config);
	return r;
}

/* What the policy says to a client of that address. */
static enum chain_result ask(struct visit *v, const char *address)
{
	visit_begin(v);
	v->x.client_address = str_of(address);
	return chain_step(&v->x, REQ);
}

static void assert_refused(struct visit *v, const char *reason)
{
	ck_assert_uint_eq(v->x.local->head.status, 403);
	ck_assert_msg(
		str_eq(v->x.local->reason, str_of(reason)), "%.*s", STR_ARG(v->x.local->reason));
	ck_assert_int_eq(visit_answer(v), CHAIN_DONE);
	assert_str(visit_answered(v, "content-type"), "application/json; charset=UTF-8");
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
	for (size_t i = 0; i < 2 * ARRAY_COUNT(rows); i++) {
		const struct row *row = &rows[i / 2];
		bool is_allow = i % 2;
		char config[200];
		snprintf(config, sizeof(config), "{\"ips\":[\"%s\"]}", row->entry);
		struct rig *r = listed(is_allow ? "ip-allowlist" : "ip-blocklist", config);
		struct visit *v = visit_new(r, 0);
		for (size_t k = 0; k < 4; k++) {
			if (row->inside[k])
				ck_assert_msg((ask(v, row->inside[k]) == CHAIN_MORE) == is_allow,
					"%s, %s", row->entry, row->inside[k]);
			if (row->outside[k])
				ck_assert_msg((ask(v, row->outside[k]) == CHAIN_MORE) != is_allow,
					"%s, %s", row->entry, row->outside[k]);
		}
		visit_free(v);
		rig_free(r);
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
	for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
		struct rig *r = listed(rows[i].policy, "{\"ips\":[\"10.0.0.1\"]}");
		struct visit *v = visit_new(r, 0);
		ck_assert_int_eq(ask(v, rows[i].address), CHAIN_RESPONDED);
		assert_refused(v, rows[i].reason);
		ck_assert_uint_eq(rig_counter(r, "ip_refused", 0), 1);
		visit_free(v);
		rig_free(r);
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
		struct rig *r = listed(k ? "ip-allowlist" : "ip-blocklist",
			k ? "{\"ips\":[\"0.0.0.0/0\",\"::/0\"],\"ipExpression\":\"#[attributes."
			    "headers['x-a']]\"}"
			  : "{\"ips\":[\"255.255.255.255\"],\"ipExpression\":\"#[attributes."
			    "headers["
			    "'x-a']]\"}");
		struct visit *v = visit_new(r, 0);
		for (size_t i = 0; i < ARRAY_COUNT(texts); i++) {
			visit_begin(v);
			visit_field(v, REQ, "X-A", texts[i]);
			ck_assert_msg(chain_step(&v->x, REQ) == CHAIN_RESPONDED, "%s", texts[i]);
			assert_refused(v, "ip_unknown");
		}
		visit_begin(v); /* no such field */
		ck_assert_int_eq(chain_step(&v->x, REQ), CHAIN_RESPONDED);
		visit_free(v);
		rig_free(r);
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
	for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
		struct rig *r = listed(rows[i].policy,
			"{\"ips\":[\"10.\"],\"ipExpression\":\"#[attributes.headers['x-a']]\"}");
		struct visit *v = visit_new(r, 0);
		visit_begin(v);
		visit_field(v, REQ, "x-a", rows[i].list);
		ck_assert_msg((chain_step(&v->x, REQ) == CHAIN_MORE) == rows[i].passes, "%s: %s",
			rows[i].policy, rows[i].list);
		visit_free(v);
		rig_free(r);
	}
}
END_TEST

/* The field is a list behind a trusted proxy; what the gateway knows is one address. */
START_TEST(the_default_is_what_the_gateway_knows)
{
	struct rig *r = listed("ip-allowlist",
		"{\"ips\":[\"192.0.2.1\"],\"ipExpression\":\"#[attributes.headers["
		"'x-forwarded-for']]\"}");
	struct visit *v = visit_new(r, 0);
	visit_begin(v);
	visit_field(v, REQ, "X-Forwarded-For", "6.6.6.6, 192.0.2.1, 10.0.0.1");
	ck_assert_int_eq(chain_step(&v->x, REQ), CHAIN_MORE);
	visit_begin(v);
	v->x.client_address = STR("6.6.6.6");
	visit_field(v, REQ, "X-Forwarded-For", "192.0.2.1");
	ck_assert_int_eq(chain_step(&v->x, REQ), CHAIN_RESPONDED);
	visit_free(v);
	rig_free(r);
}
END_TEST

START_TEST(an_expression_that_fails_fails_the_policy)
{
	struct rig *r = listed("ip-blocklist",
		"{\"ips\":[\"10.0.0.1\"],\"ipExpression\":\"#[attributes.headers]\"}");
	struct visit *v = visit_new(r, 0);
	visit_begin(v);
	ck_assert_int_eq(chain_step(&v->x, REQ), CHAIN_FAILED);
	visit_free(v);
	rig_free(r);
}
END_TEST

START_TEST(refuses_what_is_no_range)
{
	static const char *const entries[] = {"10.0.0/8", "10.0.0.0/33", "10.0.0.0/", "/8", "-",
		"10.0.0.2-10.0.0.1", "10.0.0.1-::1", "10.-11.", "::/129", "::ffff:10.0.0.0/95",
		"10..1", "256", "10.0.0.256", "010.0.0.1", "1.2.3.4.5", "1.2.3.4.", "host", "::1%1",
		"[::1]", "10.0.0.1:80", "10.*.*.*", "10.0.0.1/255.0.0.0", "10.0.0.1,x"};
	struct rig *r = rig_new(1);
	struct plugin *p = rig_plugin(r, PLUGINS "/ip-lists.so");
	char config[100];
	size_t i = 0;
	for (; i < ARRAY_COUNT(entries); i++) {
		snprintf(config, sizeof(config), "{\"ips\":[\"::1\",\"%s\"]}", entries[i]);
		ck_assert_msg(!rig_try_bind(r, p, "ip-blocklist", config), "%s", entries[i]);
		ck_assert_uint_eq(r->diagnostics.count, i + 1);
		ck_assert_str_eq(r->diagnostics.items[i].path, "config.ips[1]");
	}
	ck_assert_str_eq(r->diagnostics.items[i - 1].message,
		"entry 2 is no address, CIDR block, range or leading octets (192.168.)");
	ck_assert_ptr_null(rig_try_bind(r, p, "ip-allowlist", "{\"ips\":[]}"));
	ck_assert_ptr_null(rig_try_bind(
		r, p, "ip-allowlist", "{\"ips\":[\"::1\"],\"ipExpression\":\"#[payload]\"}"));
	ck_assert_str_eq(r->diagnostics.items[i + 1].path, "config.ipExpression");
	ck_assert_ptr_null(rig_try_bind(r, p, "ip-blocklist", "{\"ips\":[\"\"]}"));
	ck_assert_ptr_null(rig_try_bind(r, p, "ip-blocklist", "{\"ips\":[\"::1\",\" # \\n\"]}"));
	ck_assert_str_eq(r->diagnostics.items[i + 3].message, "there is no address in it");
	rig_free(r);
}
END_TEST

/* --- many ------------------------------------------------------------------------------------ */
#define MANY 100000

static uint32_t from[MANY], to[MANY];

/* Slow and plain. */
static bool is_in_any(uint32_t address)
{
	for (size_t i = 0; i < MANY; i++)
		if (address >= from[i] && address <= to[i])
			return true;
	return false;
}

static void put_address(struct buffer *b, uint32_t a)
{
	buffer_addf(b, "%u.%u.%u.%u", a >> 24, a >> 16 & 255, a >> 8 & 255, a & 255);
}

START_TEST(holds_a_hundred_thousand_ranges)
{
	struct prng random = {{1, 2, 3, 4}};
	struct buffer config;
	buffer_init(&config, 8 << 20);
	buffer_add(&config, STR("{\"ips\":[\""));
	for (size_t i = 0; i < MANY; i++) {
		from[i] = (uint32_t)prng_next(&random);
		to[i] = from[i] | (uint32_t)(prng_next(&random) & 0x3fff);
		put_address(&config, from[i]);
		buffer_add_char(&config, '-');
		put_address(&config, to[i]);
		buffer_add_char(&config, ' ');
	}
	buffer_add(&config, STR("\"]}"));
	buffer_add_char(&config, '\0');
	ck_assert(!config.failed);
	struct rig *r = listed("ip-blocklist", config.p);
	struct visit *v = visit_new(r, 0);
	struct buffer text;
	buffer_init(&text, 64);
	size_t refused = 0;
	for (size_t i = 0; i < 600; i++) {
		uint32_t a = (uint32_t)prng_next(&random);
		if (i % 3 == 0)
			a = i % 2 ? from[i] - 1 : to[i] + 1; /* beside a range */
		buffer_reset(&text);
		put_address(&text, a);
		buffer_add_char(&text, '\0');
		bool is_refused = ask(v, text.p) == CHAIN_RESPONDED;
		ck_assert_msg(is_refused == is_in_any(a), "%s", text.p);
		refused += is_refused;
	}
	ck_assert_uint_gt(refused, 20);
	ck_assert_uint_lt(refused, 580);
	visit_free(v);
	rig_free(r);
	buffer_deinit(&text);
	buffer_deinit(&config);
}
END_TEST

UNIT_SUITE(ip_lists, an_entry_holds_what_it_says_and_nothing_else, says_why_it_refuses,
	what_is_no_address_is_denied_by_both, every_entry_of_a_list_counts,
	the_default_is_what_the_gateway_knows, an_expression_that_fails_fails_the_policy,
	refuses_what_is_no_range, holds_a_hundred_thousand_ranges)
