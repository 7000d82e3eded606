/* SPDX-License-Identifier: Apache-2.0 */
/* What is sent of what is stored, and what the configuration changes. */
#include "caching.h"

START_TEST(a_hit_has_the_fields_and_the_age)
{
	struct visit *v = visit_policy(NAME, NAME, PLAIN);
	fetch(v, "/a?b",
		"Cache-Control: max-age=60, private=\"x-private\"\nX-A: 1\nX-A: 2\nX-Private: "
		"p\nAge: 7\n"
		"Proxy-Authenticate: Basic",
		"hello");
	ck_assert_str_eq(visit_answered(v, "cache-status"), "sluice; fwd=uri-miss; stored");
	ck_assert_str_eq(visit_answered(v, "x-private"), "p");
	sluice_test_advance(v->t, 5000);
	assert_fate(v, "/a?b", "", HIT);
	ck_assert_int_eq(sluice_test_status(v->x), 200);
	ck_assert_str_eq(visit_answered(v, "age"), "12"); /* 5.1, 4.2.3 */
	ck_assert_uint_eq(sluice_test_field_count(v->x, RSP, "age"), 1);
	ck_assert_str_eq(sluice_test_field_at(v->x, RSP, "x-a", 1), "2");
	ck_assert_str_eq(visit_answered(v, "x-private"), "");                       /* 5.2.2.7 */
	ck_assert_str_eq(visit_answered(v, "proxy-authenticate"), "");              /* 3.1 */
	ck_assert_str_eq(visit_answered(v, "cache-status"), "sluice; hit; ttl=48"); /* 9211 */
	ck_assert_str_eq(sluice_test_reason(v->x), "cached");
	ck_assert_uint_eq(sluice_test_counter(v->t, 0, "cache_hits"), 1);
	visit_leave(v);
}
END_TEST

START_TEST(keys_have_path_and_query)
{
	static const char *const others[] = {"/A", "/a/", "/a?", "/a?c", "/a?b=1&c", "/b"};
	struct visit *v = visit_policy(NAME, NAME, PLAIN);
	fetch(v, "/a?b=1", HOUR, "1");
	for (size_t i = 0; i < COUNT(others); i++)
		assert_fate(v, others[i], "", MISS);
	assert_fate(v, "/a?b=1", "", HIT);
	visit_leave(v);
}
END_TEST

START_TEST(head_is_answered_from_get_and_stores_nothing)
{
	struct visit *v = visit_policy(NAME, NAME, PLAIN);
	ck_assert_int_eq(ask(v, "HEAD", "/a", ""), PASSED);
	answer(v, 200, HOUR, NULL);
	assert_fate(v, "/a", "", MISS);
	answer(v, 200, HOUR, "hello");
	ck_assert_int_eq(ask(v, "HEAD", "/a", ""), ANSWERED); /* 9111 4 */
	ck_assert_int_eq(sluice_test_status(v->x), 200);
	ck_assert_uint_eq(sluice_test_body_bytes(v->x, RSP), 0);
	visit_leave(v);
}
END_TEST

START_TEST(clients_learn_that_nothing_has_changed)
{
	static const struct {
		const char *section, *fields;
		int status;
	} rows[] = {
		{"9110 13.1.2 its tag", "If-None-Match: \"a\"", 304},
		{"9110 13.1.2 compared weakly", "If-None-Match: W/\"a\"", 304},
		{"9110 13.1.2 one of a list", "If-None-Match: \"b\", \"a\"", 304},
		{"9110 13.1.2 one of two fields", "If-None-Match: \"b\"\nIf-None-Match: \"a\"",
			304},
		{"9110 13.1.2 any", "If-None-Match: *", 304},
		{"9110 13.1.2 another", "If-None-Match: \"b\"", 200},
		{"9110 13.1.2 no tag at all", "If-None-Match: a", 200},
		{"9110 13.1.3 its date", "If-Modified-Since: Mon, 13 Nov 2023 22:13:20 GMT", 304},
		{"9110 13.1.3 before it", "If-Modified-Since: Mon, 13 Nov 2023 22:13:19 GMT", 200},
		{"9110 13.1.3 behind it", "If-Modified-Since: Tue, 14 Nov 2023 22:13:20 GMT", 304},
		{"9110 13.1.3 no date at all", "If-Modified-Since: x", 200},
		{"9110 13.2.2 the tag counts alone",
			"If-None-Match: \"b\"\nIf-Modified-Since: Tue, 14 Nov 2023 22:13:20 GMT",
			200},
		{"9110 13.2.2 the tag counts alone, too",
			"If-None-Match: \"a\"\nIf-Modified-Since: Mon, 13 Nov 2023 22:13:19 GMT",
			304},
	};
	struct visit *v = visit_policy(NAME, NAME, PLAIN);
	fetch(v, "/a",
		TAGGED MON "\n" HOUR "\nContent-Type: text/plain\nVary: X\nContent-Location: /c",
		"hello");
	for (size_t i = 0; i < COUNT(rows); i++) {
		ck_assert_int_eq(ask(v, "GET", "/a", rows[i].fields), ANSWERED);
		ck_assert_msg(sluice_test_status(v->x) == rows[i].status, "%s", rows[i].section);
		ck_assert_str_eq(sluice_test_body(v->x, RSP), rows[i].status == 304 ? "" : "hello");
		ck_assert_str_eq(visit_answered(v, "etag"), "\"a\""); /* 15.4.5 */
		ck_assert_str_eq(visit_answered(v, "vary"), "X");
		ck_assert_str_eq(visit_answered(v, "content-location"), "/c");
		ck_assert_str_eq(visit_answered(v, "content-type"),
			rows[i].status == 304 ? "" : "text/plain");
	}
	visit_leave(v);
}
END_TEST

START_TEST(conditions_pass_where_nothing_is_stored)
{
	struct visit *v = visit_policy(NAME, NAME, PLAIN);
	ck_assert_int_eq(ask(v, "GET", "/a", "If-None-Match: \"x\""), PASSED);
	ck_assert_str_eq(visit_sent(v, "if-none-match"), "\"x\"");
	answer(v, 304, "ETag: \"x\"\n" HOUR, NULL);
	ck_assert_int_eq(sluice_test_status(v->x), 304);
	assert_fate(v, "/a", "", MISS); /* 9111 3: a 304 is not stored by itself */
	visit_leave(v);
}
END_TEST

START_TEST(parts_come_from_whole_answers)
{
	static const struct {
		const char *section, *fields;
		int status;
		const char *body, *range;
	} rows[] = {
		{"9110 14.1.2 from to", "Range: bytes=0-1", 206, "he", "bytes 0-1/5"},
		{"9110 14.1.2 from", "Range: bytes=1-", 206, "ello", "bytes 1-4/5"},
		{"9110 14.1.2 the last", "Range: bytes=-2", 206, "lo", "bytes 3-4/5"},
		{"9110 14.1.2 one byte", "Range: bytes=0-0", 206, "h", "bytes 0-0/5"},
		{"9110 14.1.2 beyond the end", "Range: bytes=4-99", 206, "o", "bytes 4-4/5"},
		{"9110 14.1.2 more than there is", "Range: bytes=-99", 206, "hello", "bytes 0-4/5"},
		{"9110 15.5.17 behind the end", "Range: bytes=5-", 416, "", "bytes */5"},
		{"9110 15.5.17 the last none", "Range: bytes=-0", 416, "", "bytes */5"},
		{"9110 14.2 several", "Range: bytes=0-1,3-4", 200, "hello", ""},
		{"9110 14.2 another unit", "Range: lines=0-1", 200, "hello", ""},
		{"9110 14.1.1 backwards", "Range: bytes=2-1", 200, "hello", ""},
		{"9110 13.1.5 its tag", "Range: bytes=0-1\nIf-Range: \"a\"", 206, "he",
			"bytes 0-1/5"},
		{"9110 13.1.5 another", "Range: bytes=0-1\nIf-Range: \"b\"", 200, "hello", ""},
		{"9110 13.1.5 a weak one", "Range: bytes=0-1\nIf-Range: W/\"a\"", 200, "hello", ""},
		{"9110 13.1.5 its date",
			"Range: bytes=0-1\nIf-Range: Mon, 13 Nov 2023 22:13:20 GMT", 206, "he",
			"bytes 0-1/5"},
		{"9110 13.1.5 another date",
			"Range: bytes=0-1\nIf-Range: Mon, 13 Nov 2023 22:13:21 GMT", 200, "hello",
			""},
		{"9110 13.2.2 the tag first", "Range: bytes=0-1\nIf-None-Match: \"a\"", 304, "",
			""},
	};
	struct visit *v = visit_policy(NAME, NAME, PLAIN);
	fetch(v, "/a", TAGGED MON "\n" NOW "\n" HOUR, "hello");
	for (size_t i = 0; i < COUNT(rows); i++) {
		ck_assert_int_eq(ask(v, "GET", "/a", rows[i].fields), ANSWERED);
		ck_assert_msg(sluice_test_status(v->x) == rows[i].status, "%s: %d", rows[i].section,
			sluice_test_status(v->x));
		ck_assert_str_eq(sluice_test_body(v->x, RSP), rows[i].body);
		ck_assert_str_eq(visit_answered(v, "content-range"), rows[i].range);
	}
	ck_assert_int_eq(ask(v, "HEAD", "/a", "Range: bytes=0-1"), ANSWERED);
	ck_assert_int_eq(sluice_test_status(v->x), 200); /* 14.2: of GET alone */
	visit_leave(v);
}
END_TEST

START_TEST(parts_of_the_origin_are_passed_and_not_stored)
{
	struct visit *v = visit_policy(NAME, NAME, PLAIN);
	ck_assert_int_eq(ask(v, "GET", "/a", "Range: bytes=0-1"), PASSED);
	ck_assert_str_eq(visit_sent(v, "range"), "bytes=0-1");
	answer(v, 206, HOUR "\nContent-Range: bytes 0-1/5", "he");
	assert_fate(v, "/a", "", MISS);
	visit_leave(v);
}
END_TEST

START_TEST(variants_stand_side_by_side_up_to_a_bound)
{
	char fields[40];
	int found = 0;
	struct visit *v = visit_policy(NAME, NAME, PLAIN);
	for (int i = 0; i < 100; i++) {
		snprintf(fields, sizeof(fields), "X-A: %d", i);
		assert_fate(v, "/a", fields, MISS);
		answer(v, 200, HOUR "\nVary: X-A", "x");
		assert_fate(v, "/a", fields, HIT);
	}
	for (int i = 0; i < 100; i++) {
		snprintf(fields, sizeof(fields), "X-A: %d", i);
		found += ask(v, "GET", "/a", fields) == ANSWERED;
	}
	ck_assert_int_le(found, 32);
	ck_assert_int_ge(found, 24);
	visit_leave(v);
}
END_TEST

START_TEST(answers_that_vary_less_or_more_go_together)
{
	struct visit *v = visit_policy(NAME, NAME, PLAIN);
	assert_fate(v, "/a", "Accept: a\nX-A: 1", MISS);
	answer(v, 200, HOUR "\nVary: Accept", "a");
	assert_fate(v, "/a", "Accept: b\nX-A: 1", MISS);
	answer(v, 404, HOUR, "none"); /* without Vary: the index stays */
	assert_fate(v, "/a", "Accept: a\nX-A: 1", HIT);
	assert_fate(v, "/a", "Accept: c\nX-A: 1", MISS);
	answer(v, 200, HOUR "\nVary: X-A", "c"); /* both choose from here on */
	assert_fate(v, "/a", "Accept: c\nX-A: 2", MISS);
	assert_fate(v, "/a", "Accept: d\nX-A: 1", MISS);
	assert_fate(v, "/a", "Accept: c\nX-A: 1", HIT);
	visit_leave(v);
}
END_TEST

START_TEST(a_key_of_the_operators_is_the_key)
{
	struct visit *v = visit_policy(NAME, NAME,
		"{httpCachingKey: \"#[attributes.requestPath]\", collapseTimeoutInMilliseconds: "
		"0}");
	fetch(v, "/a?b", HOUR, "1");
	assert_fate(v, "/a?c", "", HIT);
	assert_fate(v, "/b?b", "", MISS);
	visit_leave(v);
}
END_TEST

START_TEST(a_key_that_fails_passes_by)
{
	struct visit *v =
		visit_policy(NAME, NAME, "{httpCachingKey: \"#[attributes.headers['x-key']]\"}");
	for (int i = 0; i < 2; i++) {
		fetch(v, "/a", HOUR, "1");
		ck_assert_str_eq(visit_answered(v, "cache-status"), "");
	}
	assert_fate(v, "/a", "X-Key: k", MISS);
	answer(v, 200, HOUR, "1");
	assert_fate(v, "/b", "X-Key: k", HIT);
	visit_leave(v);
}
END_TEST

START_TEST(expressions_choose_requests_and_answers)
{
	struct visit *v = visit_policy(NAME, NAME,
		"{requestExpression: \"#[attributes.requestPath == '/a']\", responseExpression: "
		"\"#[attributes.statusCode == 200]\", collapseTimeoutInMilliseconds: 0}");
	fetch(v, "/b", HOUR, "1");
	assert_fate(v, "/b", "", MISS);
	assert_fate(v, "/a", "", MISS);
	answer(v, 404, HOUR, "1");
	assert_fate(v, "/a", "", MISS);
	answer(v, 200, HOUR, "1");
	assert_fate(v, "/a", "", HIT);
	visit_leave(v);
}
END_TEST

START_TEST(without_http_the_time_to_live_counts)
{
	static const struct {
		const char *first, *answer, *second;
		int later_s;
		enum fate fate;
	} rows[] = {{"", "", "", 29, HIT}, {"", "", "", 30, MISS},
		{"", "Cache-Control: max-age=1", "", 29, HIT},
		{"", "Cache-Control: max-age=3600", "", 30, MISS}, {"", "Age: 1000", "", 29, HIT},
		{"", "Expires: 0", "", 29, HIT}, {"", "", "Cache-Control: no-cache", 0, HIT},
		{"Cache-Control: no-store", "", "", 0, HIT},
		{"", "Cache-Control: no-store", "", 0, MISS},
		{"", "Cache-Control: private", "", 0, MISS}, {"", "Set-Cookie: a=b", "", 0, MISS},
		{"Authorization: Basic x", "", "", 0, MISS}, {"Cookie: a=b", "", "", 0, MISS},
		{"", "Vary: *", "", 0, MISS}, {"Accept: a", "Vary: Accept", "Accept: b", 0, MISS}};
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct visit *v = visit_policy(NAME, NAME,
			"{useHttpCacheHeaders: false, ttl: 30, collapseTimeoutInMilliseconds: 0}");
		assert_fate(v, "/a", rows[i].first, MISS);
		answer(v, 200, rows[i].answer, "x");
		sluice_test_advance(v->t, rows[i].later_s * 1000);
		enum fate fate = fate_of(v, ask(v, "GET", "/a", rows[i].second));
		ck_assert_msg(fate == rows[i].fate, "row %zu", i);
		visit_leave(v);
	}
}
END_TEST

START_TEST(without_http_refusals_and_errors_are_not_stored)
{
	static const struct {
		int status, is_stored;
	} rows[] = {{200, 1}, {203, 1}, {301, 1}, {404, 1}, {410, 1}, {501, 1}, {302, 0}, {401, 0},
		{403, 0}, {429, 0}, {500, 0}, {502, 0}, {503, 0}};
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct visit *v = visit_policy(NAME, NAME,
			"{useHttpCacheHeaders: false, collapseTimeoutInMilliseconds: 0}");
		assert_fate(v, "/a", "", MISS);
		answer(v, rows[i].status, MON, "x");
		ck_assert_msg((ask(v, "GET", "/a", "") == ANSWERED) == rows[i].is_stored, "%d",
			rows[i].status);
		visit_leave(v);
	}
}
END_TEST

START_TEST(an_answer_of_any_status_that_is_asked_for_is_stored)
{
	struct visit *v = visit_policy(NAME, NAME,
		"{useHttpCacheHeaders: false, collapseTimeoutInMilliseconds: 0, "
		"responseExpression: true}");
	assert_fate(v, "/a", "", MISS);
	answer(v, 503, "", "x");
	assert_fate(v, "/a", "", HIT);
	visit_leave(v);
}
END_TEST

START_TEST(bounds_hold)
{
	struct visit *v = visit_policy(NAME, NAME,
		"{maxCacheEntries: 1, maxEntrySize: 4B, collapseTimeoutInMilliseconds: 0}");
	fetch(v, "/a", HOUR, "12345");
	ck_assert_str_eq(
		visit_answered(v, "cache-status"), "sluice; fwd=uri-miss; detail=\"no-room\"");
	assert_fate(v, "/a", "", MISS);
	answer(v, 200, HOUR, "1234");
	assert_fate(v, "/a", "", HIT);
	fetch(v, "/b", HOUR, "1");
	fetch(v, "/c", HOUR, "1");
	int found = (ask(v, "GET", "/a", "") == ANSWERED) + (ask(v, "GET", "/b", "") == ANSWERED) +
		    (ask(v, "GET", "/c", "") == ANSWERED);
	ck_assert_int_eq(found, 1);
	visit_leave(v);
}
END_TEST

START_TEST(content_that_turns_out_too_large_is_not_stored)
{
	struct visit *v = visit_policy(NAME, NAME, "{maxEntrySize: 100B}");
	sluice_test_split(v->t, 30);
	char body[201];
	memset(body, 'x', 200);
	body[200] = '\0';
	fetch(v, "/a", HOUR, body);
	assert_fate(v, "/a", "", MISS);
	answer(v, 200, HOUR,
		"in pieces of thirty bytes, which are put together again, all of them");
	assert_fate(v, "/a", "", HIT);
	ck_assert_str_eq(sluice_test_body(v->x, RSP),
		"in pieces of thirty bytes, which are put together again, all of them");
	visit_leave(v);
}
END_TEST

START_TEST(a_save_keeps_what_is_stored)
{
	struct visit *v = visit_policy(NAME, NAME, PLAIN);
	fetch(v, "/a", HOUR "\nVary: Accept", "1");
	ck_assert_str_eq(sluice_test_rebind(v->t, 0, "{ttl: 60, cacheStatus: false}"), "");
	ck_assert_int_eq(ask(v, "GET", "/a", ""), ANSWERED);
	ck_assert_str_eq(visit_answered(v, "cache-status"), "");
	visit_leave(v);
}
END_TEST

START_TEST(content_of_a_get_passes_by)
{
	struct visit *v = visit_policy(NAME, NAME, PLAIN);
	fetch(v, "/a", HOUR, "1");
	visit_begin(v, "GET", "/a");
	ck_assert_int_eq(visit_send(v, "body"), PASSED);
	visit_leave(v);
}
END_TEST

START_TEST(refuses_what_it_cannot_do)
{
	assert_refused(NAME, NAME, "ttl: 0", "config.ttl", NULL);
	assert_refused(NAME, NAME, "maxCacheSize: 1KiB", "config.maxCacheSize", "64KiB");
	assert_refused(NAME, NAME, "{maxCacheSize: 64KiB, maxEntrySize: 65KiB}",
		"config.maxEntrySize", NULL);
	assert_refused(NAME, NAME, "invalidationHeader: a b", "config.invalidationHeader", "name");
	assert_refused(
		NAME, NAME, "httpCachingKey: \"#[payload]\"", "config.httpCachingKey", "payload");
}
END_TEST

START_TEST(a_store_that_answers_late_is_waited_for)
{
	struct visit *v = visit_policy(NAME, NAME, PLAIN);
	assert_fate(v, "/a", "Accept: a", MISS);
	answer(v, 200, HOUR "\nVary: Accept", "x");
	sluice_test_store(v->t, SLUICE_TEST_STORE_LATE);
	ck_assert_int_eq(ask(v, "GET", "/a", "Accept: a"), SLUICE_TEST_PAUSED);
	for (int i = 0; i < 9 && sluice_test_outcome(v->x) == SLUICE_TEST_PAUSED; i++)
		sluice_test_advance(v->t, 0);
	ck_assert_int_eq(sluice_test_outcome(v->x), ANSWERED);
	ck_assert_str_eq(sluice_test_body(v->x, RSP), "x");
	sluice_test_store(v->t, SLUICE_TEST_STORE_GONE);
	ck_assert_int_eq(ask(v, "GET", "/a", "Accept: a"), PASSED);
	visit_leave(v);
}
END_TEST

/* Whatever fails, nobody gets what is not right: an answer from here is the stored one. */
static void scenario(void *arg)
{
	(void)arg;
	struct visit *v = visit_try(NAME, NAME, "{}");
	if (!sluice_test_problems(v->t)[0]) {
		for (int i = 0; i < 3; i++) {
			struct sluice_test_exchange *x = sluice_test_request(v->t, "GET", "/a");
			sluice_test_add(x, REQ, "Accept", i == 2 ? "b" : "a");
			int outcome = sluice_test_send(x, NULL);
			ck_assert(outcome != ANSWERED || i == 1);
			if (outcome == ANSWERED)
				ck_assert_str_eq(sluice_test_body(x, RSP), "x");
			if (outcome == PASSED) {
				sluice_test_add(x, RSP, "Vary", "accept");
				sluice_test_add(x, RSP, "Cache-Control", "max-age=60");
				sluice_test_answer(x, 200, "x");
			}
			sluice_test_end(x);
		}
	}
	visit_leave(v);
}

START_TEST(faults_do_no_harm)
{
	assert_faults(scenario, NULL);
}
END_TEST

UNIT_SUITE(http_caching_answers, a_hit_has_the_fields_and_the_age, keys_have_path_and_query,
	head_is_answered_from_get_and_stores_nothing, clients_learn_that_nothing_has_changed,
	conditions_pass_where_nothing_is_stored, parts_come_from_whole_answers,
	parts_of_the_origin_are_passed_and_not_stored, variants_stand_side_by_side_up_to_a_bound,
	answers_that_vary_less_or_more_go_together, a_key_of_the_operators_is_the_key,
	a_key_that_fails_passes_by, expressions_choose_requests_and_answers,
	without_http_the_time_to_live_counts, without_http_refusals_and_errors_are_not_stored,
	an_answer_of_any_status_that_is_asked_for_is_stored, bounds_hold,
	content_that_turns_out_too_large_is_not_stored, a_save_keeps_what_is_stored,
	content_of_a_get_passes_by, refuses_what_it_cannot_do,
	a_store_that_answers_late_is_waited_for, faults_do_no_harm)
