/* SPDX-License-Identifier: Apache-2.0 */
/* What the origin's later answers do to what is stored; and who asks it. */
#include "caching.h"

START_TEST(the_origin_is_asked_by_what_is_stored)
{
	struct visit *v = visit_policy(NAME, NAME, PLAIN);
	fetch(v, "/a",
		TAGGED MON "\nCache-Control: max-age=10\nX-A: 1\nX-B: 1\nContent-Type: text/plain",
		"hello");
	sluice_test_advance(v->t, 10000);
	ck_assert_int_eq(
		ask(v, "GET", "/a", "If-None-Match: \"mine\"\nRange: bytes=0-1\nIf-Range: \"a\""),
		PASSED);
	ck_assert_str_eq(visit_sent(v, "if-none-match"), "\"a\""); /* 9111 4.3.1 */
	ck_assert_str_eq(visit_sent(v, "if-modified-since"), "Mon, 13 Nov 2023 22:13:20 GMT");
	ck_assert_str_eq(visit_sent(v, "range"), "");
	ck_assert_str_eq(visit_sent(v, "if-range"), "");
	add_fields(
		v, RSP, "ETag: \"a\"\nX-A: 2\nCache-Control: max-age=20\nContent-Type: text/html");
	ck_assert_int_eq(sluice_test_answer(v->x, 304, NULL), ANSWERED);
	ck_assert_int_eq(
		sluice_test_status(v->x), 206); /* the client's own range of what is stored */
	ck_assert_str_eq(sluice_test_body(v->x, RSP), "he");
	ck_assert_str_eq(visit_answered(v, "x-a"), "2"); /* 4.3.4, 3.2 */
	ck_assert_str_eq(visit_answered(v, "x-b"), "1");
	ck_assert_str_eq(visit_answered(v, "content-type"), "text/plain");
	ck_assert_str_eq(visit_answered(v, "cache-status"),
		"sluice; fwd=stale; fwd-status=304; ttl=20; stored");
	sluice_test_advance(v->t, 19000);
	assert_fate(v, "/a", "", HIT);
	ck_assert_str_eq(visit_answered(v, "x-a"), "2");
	ck_assert_str_eq(visit_answered(v, "age"), "19");
	ck_assert_uint_eq(sluice_test_counter(v->t, 0, "cache_validated"), 1);
	visit_leave(v);
}
END_TEST

START_TEST(a_changed_answer_takes_the_place_of_the_former)
{
	struct visit *v = visit_policy(NAME, NAME, PLAIN);
	fetch(v, "/a", TAGGED "Cache-Control: max-age=10", "old");
	sluice_test_advance(v->t, 10000);
	assert_fate(v, "/a", "", VALIDATED);
	answer(v, 200, "ETag: \"b\"\n" HOUR, "new"); /* 4.3.3 */
	assert_fate(v, "/a", "", HIT);
	ck_assert_str_eq(sluice_test_body(v->x, RSP), "new");
	visit_leave(v);
}
END_TEST

START_TEST(a_changed_answer_that_is_not_stored_drops_the_former)
{
	struct visit *v = visit_policy(NAME, NAME, PLAIN);
	fetch(v, "/a", TAGGED HOUR, "old");
	assert_fate(v, "/a", "Cache-Control: no-cache", VALIDATED);
	answer(v, 200, "Cache-Control: no-store", "new");
	assert_fate(v, "/a", "", MISS);
	visit_leave(v);
}
END_TEST

START_TEST(a_304_that_forbids_to_store_is_answered_once)
{
	struct visit *v = visit_policy(NAME, NAME, PLAIN);
	fetch(v, "/a", TAGGED HOUR, "old");
	assert_fate(v, "/a", "Cache-Control: no-cache", VALIDATED);
	add_fields(v, RSP, "Cache-Control: no-store");
	ck_assert_int_eq(sluice_test_answer(v->x, 304, NULL), ANSWERED);
	ck_assert_str_eq(sluice_test_body(v->x, RSP), "old");
	assert_fate(v, "/a", "", MISS);
	visit_leave(v);
}
END_TEST

START_TEST(errors_do_not_drop_what_is_stored)
{
	struct visit *v = visit_policy(NAME, NAME, PLAIN);
	fetch(v, "/a", TAGGED HOUR, "old");
	assert_fate(v, "/a", "Cache-Control: no-cache", VALIDATED);
	answer(v, 503, "", "no"); /* 4.3.3 */
	ck_assert_int_eq(sluice_test_status(v->x), 503);
	assert_fate(v, "/a", "", HIT);
	visit_leave(v);
}
END_TEST

START_TEST(a_stale_head_is_validated_too)
{
	struct visit *v = visit_policy(NAME, NAME, PLAIN);
	fetch(v, "/a", TAGGED "Cache-Control: max-age=10", "old");
	sluice_test_advance(v->t, 10000);
	ck_assert_int_eq(ask(v, "HEAD", "/a", ""), PASSED);
	ck_assert_str_eq(visit_sent(v, "if-none-match"), "\"a\"");
	ck_assert_int_eq(sluice_test_answer(v->x, 304, NULL), ANSWERED);
	ck_assert_int_eq(sluice_test_status(v->x), 200);
	ck_assert_uint_eq(sluice_test_body_bytes(v->x, RSP), 0);
	assert_fate(v, "/a", "", HIT);
	visit_leave(v);
}
END_TEST

/* 9111 4.3.5 */
START_TEST(an_answer_to_head_of_another_length_is_of_another_content)
{
	for (int is_same = 0; is_same < 2; is_same++) {
		struct visit *v = visit_policy(NAME, NAME, PLAIN);
		fetch(v, "/a", TAGGED "Cache-Control: max-age=10", "old");
		sluice_test_advance(v->t, 20000);
		ck_assert_int_eq(ask(v, "HEAD", "/a", ""), PASSED);
		answer(v, 200, TAGGED HOUR, is_same ? "new" : "newer");
		ck_assert_int_eq(fate_of(v, ask(v, "GET", "/a", "")), is_same ? HIT : MISS);
		visit_leave(v);
	}
}
END_TEST

static const struct {
	const char *section, *config, *answer, *second;
	int later_s, status, is_covered;
} errors[] = {
	{"5861 4 until", PLAIN, "Cache-Control: max-age=10, stale-if-error=60", "", 69, 503, 1},
	{"5861 4 not at", PLAIN, "Cache-Control: max-age=10, stale-if-error=60", "", 70, 503, 0},
	{"5861 4 500", PLAIN, "Cache-Control: max-age=10, stale-if-error=60", "", 20, 500, 1},
	{"5861 4 502", PLAIN, "Cache-Control: max-age=10, stale-if-error=60", "", 20, 502, 1},
	{"5861 4 504", PLAIN, "Cache-Control: max-age=10, stale-if-error=60", "", 20, 504, 1},
	{"5861 4 501 is none", PLAIN, "Cache-Control: max-age=10, stale-if-error=60", "", 20, 501,
		0},
	{"5861 4 404 is none", PLAIN, "Cache-Control: max-age=10, stale-if-error=60", "", 20, 404,
		0},
	{"5.2.2.2 must-revalidate forbids it", PLAIN,
		"Cache-Control: max-age=10, stale-if-error=60, must-revalidate", "", 20, 503, 0},
	{"5861 4 nobody says it", PLAIN, "Cache-Control: max-age=10", "", 20, 503, 0},
	{"5861 4 the request says it", PLAIN, "Cache-Control: max-age=10",
		"Cache-Control: stale-if-error=60", 20, 503, 1},
	{"4.2.4 the operator says it", "{staleIfErrorSeconds: 30}", "Cache-Control: max-age=10", "",
		39, 503, 1},
	{"4.2.4 the operator, not at", "{staleIfErrorSeconds: 30}", "Cache-Control: max-age=10", "",
		40, 503, 0},
	{"5.2.1.4 not for no-cache", "{staleIfErrorSeconds: 30}", "Cache-Control: max-age=10",
		"Cache-Control: no-cache", 20, 503, 0},
	{"5.2.2.10 not for s-maxage", "{staleIfErrorSeconds: 30}", "Cache-Control: s-maxage=10", "",
		20, 503, 0},
};

START_TEST(what_is_stale_stands_for_errors_where_it_may)
{
	for (size_t i = 0; i < COUNT(errors); i++) {
		struct visit *v = visit_policy(NAME, NAME, errors[i].config);
		fetch(v, "/a", errors[i].answer, "old");
		sluice_test_advance(v->t, errors[i].later_s * 1000);
		assert_fate(v, "/a", errors[i].second, MISS);
		int outcome = sluice_test_answer(v->x, errors[i].status, "no");
		ck_assert_msg(outcome == (errors[i].is_covered ? ANSWERED : PASSED), "%s",
			errors[i].section);
		ck_assert_str_eq(sluice_test_body(v->x, RSP), errors[i].is_covered ? "old" : "no");
		visit_leave(v);
	}
}
END_TEST

/* What is stored is stale by then; `fate` is that of a GET behind the HEAD. */
static const struct {
	const char *section, *stored, *head;
	int status;
	enum fate fate;
} heads[] = {
	{"4.3.5 the same tag", "ETag: \"a\"", "ETag: \"a\"\n" HOUR, 200, HIT},
	{"4.3.5 another tag", "ETag: \"a\"", "ETag: \"b\"\n" HOUR, 200, MISS},
	{"4.3.5 a weak tag is another", "ETag: \"a\"", "ETag: W/\"a\"\n" HOUR, 200, MISS},
	{"4.3.5 the same date", MON, MON "\n" HOUR, 200, HIT},
	{"4.3.5 another date", MON, "Last-Modified: Tue, 14 Nov 2023 22:13:20 GMT\n" HOUR, 200,
		MISS},
	{"4.3.5 tag and date", "ETag: \"a\"\n" MON, "ETag: \"a\"\n" MON "\n" HOUR, 200, HIT},
	{"4.3.5 one of both is another", "ETag: \"a\"\n" MON,
		"ETag: \"a\"\nLast-Modified: Tue, 14 Nov 2023 22:13:20 GMT\n" HOUR, 200, MISS},
	{"4.3.5 only what is said is compared", "ETag: \"a\"\n" MON, "ETag: \"a\"\n" HOUR, 200,
		HIT},
	{"4.3.5 a tag that was not there", MON, "ETag: \"a\"\n" MON "\n" HOUR, 200, MISS},
	{"4.3.5 nothing to compare", "ETag: \"a\"", HOUR, 200, MISS},
	{"4.3.5 it may be stored no more", "ETag: \"a\"", "ETag: \"a\"\nCache-Control: no-store",
		200, MISS},
	{"4.3.5 its lifetime is over at once", "ETag: \"a\"",
		"ETag: \"a\"\nCache-Control: max-age=0", 200, VALIDATED},
	{"4.3.5 of 200 alone: 404", "ETag: \"a\"", "ETag: \"b\"\n" HOUR, 404, VALIDATED},
	{"4.3.5 of 200 alone: 503", "ETag: \"a\"", HOUR, 503, VALIDATED},
};

START_TEST(an_answer_to_head_tells_of_what_is_stored)
{
	for (size_t i = 0; i < COUNT(heads); i++) {
		struct visit *v = visit_policy(NAME, NAME, PLAIN);
		char fields[200];
		snprintf(fields, sizeof(fields), "Cache-Control: max-age=10\nX-A: 1\n%s",
			heads[i].stored);
		fetch(v, "/a", fields, "old");
		sluice_test_advance(v->t, 20000);
		ck_assert_int_eq(ask(v, "HEAD", "/a", ""), PASSED);
		snprintf(fields, sizeof(fields), "X-A: 2\n%s", heads[i].head);
		answer(v, heads[i].status, fields, NULL);
		ck_assert_int_eq(sluice_test_status(v->x), heads[i].status);
		enum fate fate = fate_of(v, ask(v, "GET", "/a", ""));
		ck_assert_msg(fate == heads[i].fate, "%s: %d", heads[i].section, (int)fate);
		if (fate == HIT) { /* 3.2 */
			ck_assert_str_eq(sluice_test_body(v->x, RSP), "old");
			ck_assert_str_eq(visit_answered(v, "x-a"), "2");
		}
		visit_leave(v);
	}
}
END_TEST

START_TEST(unsafe_methods_drop_their_target)
{
	static const struct {
		const char *section, *method;
		int status;
		enum fate fate;
	} rows[] = {{"4.4 POST", "POST", 200, MISS}, {"4.4 PUT", "PUT", 204, MISS},
		{"4.4 DELETE", "DELETE", 200, MISS}, {"4.4 PATCH", "PATCH", 200, MISS},
		{"4.4 what nobody knows", "M-SEARCH", 200, MISS},
		{"4.4 a redirection", "POST", 303, MISS}, {"4.4 not by an error", "POST", 400, HIT},
		{"4.4 not by the origin's error", "POST", 500, HIT},
		{"4.4 OPTIONS is safe", "OPTIONS", 200, HIT},
		{"4.4 HEAD is safe", "HEAD", 200, HIT}};
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct visit *v = visit_policy(NAME, NAME, PLAIN);
		fetch(v, "/a?b", HOUR, "old");
		fetch(v, "/other", HOUR, "old");
		int outcome = ask(v, rows[i].method, "/a?b", "");
		if (outcome == PASSED)
			answer(v, rows[i].status, "", NULL);
		enum fate fate = fate_of(v, ask(v, "GET", "/a?b", ""));
		ck_assert_msg(fate == rows[i].fate, "%s", rows[i].section);
		assert_fate(v, "/other", "", HIT);
		visit_leave(v);
	}
}
END_TEST

START_TEST(unsafe_methods_drop_what_their_answer_names)
{
	static const struct {
		const char *section, *fields;
		enum fate fate;
	} rows[] = {{"4.4 location", "Location: /b", MISS},
		{"4.4 content-location", "Content-Location: /b", MISS},
		{"4.4 the same origin", "Location: http://api.example/b", MISS},
		{"4.4 the same origin in another case", "Location: HTTP://API.example/b#x", MISS},
		{"4.4 another host", "Location: http://other.example/b", HIT},
		{"4.4 another scheme", "Location: https://api.example/b", HIT},
		{"4.4 no scheme", "Location: //api.example/b", HIT},
		{"4.4 a relative name", "Location: b", HIT},
		{"4.4 another query", "Location: /b?c", HIT},
		{"4.4 another path", "Location: /", HIT}};
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct visit *v = visit_policy(NAME, NAME, PLAIN);
		fetch(v, "/b", HOUR, "old");
		ck_assert_int_eq(ask(v, "POST", "/a", ""), PASSED);
		answer(v, 201, rows[i].fields, NULL);
		enum fate fate = fate_of(v, ask(v, "GET", "/b", ""));
		ck_assert_msg(fate == rows[i].fate, "%s", rows[i].section);
		visit_leave(v);
	}
}
END_TEST

START_TEST(all_variants_go_with_their_target)
{
	struct visit *v = visit_policy(NAME, NAME, PLAIN);
	for (int i = 0; i < 2; i++) {
		const char *fields = i ? "Accept: b" : "Accept: a";
		assert_fate(v, "/a", fields, MISS);
		answer(v, 200, HOUR "\nVary: Accept", "x");
		assert_fate(v, "/a", fields, HIT);
	}
	ck_assert_int_eq(ask(v, "POST", "/a", ""), PASSED);
	answer(v, 200, "", NULL);
	assert_fate(v, "/a", "Accept: a", MISS);
	answer(v, 200, HOUR "\nVary: Accept", "x");
	assert_fate(v, "/a", "Accept: b", MISS); /* the new index finds none of the old */
	visit_leave(v);
}
END_TEST

START_TEST(a_field_of_the_operators_drops_one_or_all)
{
	struct visit *v = visit_policy(
		NAME, NAME, "{collapseTimeoutInMilliseconds: 0, invalidationHeader: x-drop}");
	fetch(v, "/a", HOUR, "1");
	fetch(v, "/b", HOUR, "1");
	assert_fate(v, "/a", "X-Drop: something", HIT);
	assert_fate(v, "/a", "X-Drop: invalidate", MISS);
	assert_fate(v, "/b", "", HIT);
	assert_fate(v, "/a", "X-Drop: invalidate-all", MISS);
	assert_fate(v, "/b", "", MISS);
	ck_assert_uint_eq(sluice_test_counter(v->t, 0, "cache_invalidated"), 2);
	visit_leave(v);
}
END_TEST

static struct sluice_test_exchange *sent(struct visit *v, const char *target)
{
	struct sluice_test_exchange *x = sluice_test_request(v->t, "GET", target);
	sluice_test_send(x, NULL);
	return x;
}

START_TEST(others_wait_for_the_one_that_fetches)
{
	struct visit *v = visit_policy(NAME, NAME, "{}");
	struct sluice_test_exchange *leader = sent(v, "/a"), *others[3];
	ck_assert_int_eq(sluice_test_outcome(leader), PASSED);
	for (size_t i = 0; i < COUNT(others); i++) {
		others[i] = sent(v, "/a");
		ck_assert_int_eq(sluice_test_outcome(others[i]), SLUICE_TEST_PAUSED);
	}
	sluice_test_add(leader, RSP, "Cache-Control", "max-age=60");
	ck_assert_int_eq(sluice_test_answer(leader, 200, "x"), PASSED);
	sluice_test_advance(v->t, 0);
	for (size_t i = 0; i < COUNT(others); i++) {
		ck_assert_int_eq(sluice_test_outcome(others[i]), ANSWERED);
		ck_assert_str_eq(sluice_test_body(others[i], RSP), "x");
		sluice_test_end(others[i]);
	}
	sluice_test_end(leader);
	ck_assert_uint_eq(sluice_test_counter(v->t, 0, "cache_waited"), 3);
	visit_leave(v);
}
END_TEST

START_TEST(nobody_waits_for_what_is_not_stored)
{
	struct visit *v = visit_policy(NAME, NAME, "{}");
	struct sluice_test_exchange *leader = sent(v, "/a"), *other = sent(v, "/a");
	ck_assert_int_eq(sluice_test_outcome(other), SLUICE_TEST_PAUSED);
	ck_assert_int_eq(sluice_test_answer(leader, 200, "x"), PASSED);
	sluice_test_advance(v->t, 0);
	ck_assert_int_eq(sluice_test_outcome(other), PASSED);
	struct sluice_test_exchange *third = sent(v, "/a"); /* it is known by now */
	ck_assert_int_eq(sluice_test_outcome(third), PASSED);
	sluice_test_end(third);
	sluice_test_end(other);
	sluice_test_end(leader);
	visit_leave(v);
}
END_TEST

START_TEST(what_was_asked_for_before_a_change_is_not_stored_behind_it)
{
	static const char *const answers[] = {HOUR, HOUR "\nVary: Accept"};
	for (size_t i = 0; i < COUNT(answers); i++) {
		struct visit *v = visit_policy(NAME, NAME, "{invalidationHeader: x-drop}");
		struct sluice_test_exchange *slow = sent(v, "/a");
		if (i)
			ck_assert_int_eq(ask(v, "GET", "/b", "X-Drop: invalidate-all"), PASSED);
		else
			ck_assert_int_eq(ask(v, "POST", "/a", ""), PASSED);
		answer(v, 200, "", NULL);
		struct visit late = {.t = v->t, .x = slow};
		answer(&late, 200, answers[i], "old");
		sluice_test_end(slow);
		assert_fate(v, "/a", "", MISS);
		answer(v, 200, answers[i], "new");
		assert_fate(v, "/a", "", HIT);
		visit_leave(v);
	}
}
END_TEST

START_TEST(who_has_waited_in_vain_was_the_last)
{
	struct visit *v = visit_policy(NAME, NAME, "{collapseTimeoutInMilliseconds: 400}");
	struct sluice_test_exchange *leader = sent(v, "/a"), *other = sent(v, "/a");
	sluice_test_advance(v->t, 400);
	ck_assert_int_eq(sluice_test_outcome(other), PASSED);
	assert_fate(v, "/a", "", MISS); /* it does not wait */
	sluice_test_end(other);
	sluice_test_end(leader);
	visit_leave(v);
}
END_TEST

START_TEST(nobody_waits_longer_than_it_may)
{
	struct visit *v = visit_policy(NAME, NAME, "{collapseTimeoutInMilliseconds: 400}");
	struct sluice_test_exchange *leader = sent(v, "/a"), *other = sent(v, "/a");
	sluice_test_advance(v->t, 399);
	ck_assert_int_eq(sluice_test_outcome(other), SLUICE_TEST_PAUSED);
	sluice_test_advance(v->t, 1);
	ck_assert_int_eq(sluice_test_outcome(other), PASSED);
	sluice_test_end(other);
	sluice_test_end(leader);
	visit_leave(v);
}
END_TEST

START_TEST(one_that_goes_away_holds_up_nobody)
{
	struct visit *v = visit_policy(NAME, NAME, "{}");
	struct sluice_test_exchange *leader = sent(v, "/a"), *other = sent(v, "/a"),
				    *third = sent(v, "/a");
	sluice_test_cancel(other);
	sluice_test_end(other);
	sluice_test_cancel(leader);
	sluice_test_end(leader);
	sluice_test_advance(v->t, 0);
	ck_assert_int_eq(sluice_test_outcome(third), PASSED);
	sluice_test_end(third);
	visit_leave(v);
}
END_TEST

START_TEST(credentials_and_conditions_do_not_wait)
{
	static const char *const fields[] = {"Authorization: Basic x", "Cookie: a=b",
		"Range: bytes=0-1", "If-None-Match: \"a\"", "Cache-Control: no-cache"};
	struct visit *v = visit_policy(NAME, NAME, "{}");
	struct sluice_test_exchange *leader = sent(v, "/a");
	for (size_t i = 0; i < COUNT(fields); i++)
		ck_assert_int_eq(ask(v, "GET", "/a", fields[i]), PASSED);
	sluice_test_end(leader);
	visit_leave(v);
}
END_TEST

START_TEST(what_is_stale_is_given_while_one_validates)
{
	struct visit *v = visit_policy(NAME, NAME, "{}");
	fetch(v, "/a", TAGGED "Cache-Control: max-age=10, stale-while-revalidate=30", "old");
	sluice_test_advance(v->t, 20000);
	struct sluice_test_exchange *leader = sent(v, "/a");
	ck_assert_int_eq(sluice_test_outcome(leader), PASSED);
	assert_fate(v, "/a", "", STALE); /* 5861 3 */
	ck_assert_int_eq(sluice_test_answer(leader, 304, NULL), ANSWERED);
	sluice_test_end(leader);
	assert_fate(v, "/a", "", HIT);
	visit_leave(v);
}
END_TEST

UNIT_SUITE(http_caching_origin, the_origin_is_asked_by_what_is_stored,
	a_changed_answer_takes_the_place_of_the_former,
	a_changed_answer_that_is_not_stored_drops_the_former,
	a_304_that_forbids_to_store_is_answered_once, errors_do_not_drop_what_is_stored,
	a_stale_head_is_validated_too, an_answer_to_head_of_another_length_is_of_another_content,
	an_answer_to_head_tells_of_what_is_stored, what_is_stale_stands_for_errors_where_it_may,
	unsafe_methods_drop_their_target, unsafe_methods_drop_what_their_answer_names,
	all_variants_go_with_their_target, a_field_of_the_operators_drops_one_or_all,
	others_wait_for_the_one_that_fetches, nobody_waits_for_what_is_not_stored,
	what_was_asked_for_before_a_change_is_not_stored_behind_it,
	who_has_waited_in_vain_was_the_last, nobody_waits_longer_than_it_may,
	one_that_goes_away_holds_up_nobody, credentials_and_conditions_do_not_wait,
	what_is_stale_is_given_while_one_validates)
