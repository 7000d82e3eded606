/* SPDX-License-Identifier: Apache-2.0 */
/* A shared cache as RFC 9111 has it: rows of an answer that is stored, and of a request that comes later. Each names the
 * section it is about. */
#include "caching.h"

struct row {
	const char *section;
	const char *first;  /* fields of the request that is answered by the origin; lines */
	const char *answer; /* of that answer */
	int later_s;
	const char *second; /* of the request that follows */
	enum fate fate;
};

static void assert_rows(const struct row *rows, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		const struct row *r = &rows[i];
		struct visit *v = visit_policy(NAME, NAME, PLAIN);
		ck_assert_int_eq(ask(v, "GET", "/a", r->first), PASSED);
		answer(v, 200, r->answer, "hello");
		sluice_test_advance(v->t, r->later_s * 1000);
		enum fate fate = fate_of(v, ask(v, "GET", "/a", r->second));
		ck_assert_msg(fate == r->fate, "%s: '%s' '%s', after %d s '%s': %d instead of %d",
			r->section, r->first, r->answer, r->later_s, r->second, (int)fate,
			(int)r->fate);
		if (fate == HIT || fate == STALE)
			ck_assert_str_eq(sluice_test_body(v->x, RSP), "hello");
		visit_leave(v);
	}
}

START_TEST(answers_are_stored_where_they_may_be)
{
	static const struct row rows[] = {
		{"3 explicit lifetime", "", HOUR, 0, "", HIT},
		{"3 nothing said", "", "", 0, "", MISS},
		{"3 a validator alone", "", TAGGED, 0, "", VALIDATED},
		{"5.2.2.5 no-store", "", "Cache-Control: no-store, max-age=60", 0, "", MISS},
		{"5.2.2.5 no-store in a second field", "", HOUR "\nCache-Control: no-store", 0, "",
			MISS},
		{"5.2.2.5 any case", "", "cache-control: NO-STORE, max-age=60", 0, "", MISS},
		{"5.2.1.5 the request's no-store", "Cache-Control: no-store", HOUR, 0, "", MISS},
		{"5.2.2.7 private", "", "Cache-Control: private, max-age=60", 0, "", MISS},
		{"5.2.2.7 private with fields", "",
			"Cache-Control: max-age=60, private=\"x-a\"\nX-A: 1", 0, "", HIT},
		{"5.2.2.7 private with nothing", "", "Cache-Control: max-age=60, private=\"\"", 0,
			"", MISS},
		{"5.2.2.3 must-understand over no-store", "",
			"Cache-Control: must-understand, no-store, max-age=60", 0, "", HIT},
		{"3.5 authorization", "Authorization: Basic x", HOUR, 0, "", MISS},
		{"3.5 public opens it", "Authorization: Basic x",
			"Cache-Control: public, max-age=60", 0, "", HIT},
		{"3.5 s-maxage opens it", "Authorization: Basic x", "Cache-Control: s-maxage=60", 0,
			"", HIT},
		{"3.5 must-revalidate opens it", "Authorization: Basic x",
			"Cache-Control: must-revalidate, max-age=60", 0, "", HIT},
		{"3.5 a cookie is a credential", "Cookie: a=b", HOUR, 0, "", MISS},
		{"3.5 a cookie, and public", "Cookie: a=b", "Cache-Control: public, max-age=60", 0,
			"", HIT},
		{"3.5 a cookie that chooses", "Cookie: a=b", HOUR "\nVary: Cookie", 0,
			"Cookie: a=b", HIT},
		{"3.5 another cookie", "Cookie: a=b", HOUR "\nVary: Cookie", 0, "Cookie: a=c",
			MISS},
		{"7.3 set-cookie", "", HOUR "\nSet-Cookie: a=b", 0, "", MISS},
		{"7.3 set-cookie, and public", "",
			"Cache-Control: public, max-age=60\nSet-Cookie: a=b", 0, "", HIT},
		{"7.3 set-cookie that is withheld", "",
			"Cache-Control: max-age=60, no-cache=\"set-cookie\"\nSet-Cookie: a=b", 0,
			"", HIT},
		{"9213 2 targeted no-store", "", HOUR "\nCDN-Cache-Control: no-store", 0, "", MISS},
		{"9213 2 targeted lifetime", "",
			"Cache-Control: no-store\nCDN-Cache-Control: max-age=60", 0, "", HIT},
		{"9213 2.1 a broken one is ignored", "", HOUR "\nCDN-Cache-Control: max-age=60,,",
			0, "", HIT},
		{"9213 2.1 two fields are one list", "",
			"CDN-Cache-Control: max-age=60\nCDN-Cache-Control: no-store", 0, "", MISS},
		{"4.1 vary on all", "", HOUR "\nVary: *", 0, "", MISS},
		{"4.1 vary on all among others", "", HOUR "\nVary: Accept, *", 0, "", MISS},
	};
	assert_rows(rows, COUNT(rows));
}
END_TEST

START_TEST(lifetimes_end)
{
	static const struct row rows[] = {
		{"4.2 fresh until", "", "Cache-Control: max-age=60", 59, "", HIT},
		{"4.2 not at", "", "Cache-Control: max-age=60", 60, "", MISS},
		{"4.2 max-age=0", "", TAGGED "Cache-Control: max-age=0", 0, "", VALIDATED},
		{"4.2.1 s-maxage first", "", "Cache-Control: max-age=1, s-maxage=60", 59, "", HIT},
		{"4.2.1 s-maxage first, shorter", "", "Cache-Control: max-age=60, s-maxage=1", 2,
			"", MISS},
		{"4.2.1 the smaller of two", "", "Cache-Control: max-age=60, max-age=1", 2, "",
			MISS},
		{"4.2.1 no number is stale", "", TAGGED "Cache-Control: max-age=x", 0, "",
			VALIDATED},
		{"5.2 a quoted number", "", "Cache-Control: max-age=\"60\"", 59, "", HIT},
		{"1.2.2 overflow", "", "Cache-Control: max-age=99999999999999999999", 599, "", HIT},
		{"the time to live caps it", "", "Cache-Control: max-age=3600", 600, "", MISS},
		{"5.3 expires", "", NOW "\nExpires: Tue, 14 Nov 2023 22:14:20 GMT", 59, "", HIT},
		{"5.3 expired", "", NOW "\nExpires: Tue, 14 Nov 2023 22:14:20 GMT", 60, "", MISS},
		{"5.3 expires against date", "",
			"Date: Tue, 14 Nov 2023 22:13:00 GMT\nExpires: Tue, 14 Nov 2023 22:14:00 "
			"GMT",
			39, "", HIT},
		{"5.3 what is no date is past", "", TAGGED "Expires: 0", 0, "", VALIDATED},
		{"5.3 max-age over expires", "", HOUR "\nExpires: 0", 10, "", HIT},
		{"5.3 max-age over expires, shorter", "",
			"Cache-Control: max-age=1\nExpires: Tue, 14 Nov 2023 23:13:20 GMT", 2, "",
			MISS},
		{"4.2.3 age counts", "", "Cache-Control: max-age=60\nAge: 50", 9, "", HIT},
		{"4.2.3 age counts to the end", "", "Cache-Control: max-age=60\nAge: 50", 10, "",
			MISS},
		{"4.2.3 older than its lifetime", "", TAGGED "Cache-Control: max-age=60\nAge: 60",
			0, "", VALIDATED},
		{"5.1 age that is no number", "", "Cache-Control: max-age=60\nAge: x", 59, "", HIT},
		{"4.2.3 an old date", "",
			"Cache-Control: max-age=60\nDate: Tue, 14 Nov 2023 22:13:00 GMT", 39, "",
			HIT},
		{"4.2.3 an old date to the end", "",
			"Cache-Control: max-age=60\nDate: Tue, 14 Nov 2023 22:13:00 GMT", 40, "",
			MISS},
		{"4.2.3 a date to come", "",
			"Cache-Control: max-age=60\nDate: Tue, 14 Nov 2023 23:13:00 GMT", 60, "",
			MISS},
		{"4.2.2 a tenth since its change", "", MON, 599, "", HIT},
		{"4.2.2 not beyond it", "", "Last-Modified: Tue, 14 Nov 2023 22:11:40 GMT", 10, "",
			VALIDATED},
		{"4.2.2 within it", "", "Last-Modified: Tue, 14 Nov 2023 22:11:40 GMT", 9, "", HIT},
		{"9213 2.1 the targeted one alone counts", "",
			"Cache-Control: max-age=1\nCDN-Cache-Control: max-age=60", 59, "", HIT},
		{"8246 immutable ends, too", "", "Cache-Control: max-age=1, immutable", 2, "",
			MISS},
	};
	assert_rows(rows, COUNT(rows));
}
END_TEST

START_TEST(requests_say_what_they_take)
{
	static const struct row rows[] = {
		{"5.2.1.4 no-cache", "", TAGGED HOUR, 0, "Cache-Control: no-cache", VALIDATED},
		{"5.4 pragma", "", TAGGED HOUR, 0, "Pragma: no-cache", VALIDATED},
		{"5.4 pragma beside cache-control", "", TAGGED HOUR, 0,
			"Pragma: no-cache\nCache-Control: max-age=60", HIT},
		{"5.2.1.1 max-age=0", "", TAGGED HOUR, 0, "Cache-Control: max-age=0", VALIDATED},
		{"5.2.1.1 max-age, young enough", "", TAGGED HOUR, 10, "Cache-Control: max-age=10",
			HIT},
		{"5.2.1.1 max-age, too old", "", TAGGED HOUR, 11, "Cache-Control: max-age=10",
			VALIDATED},
		{"5.2.1.3 min-fresh", "", "Cache-Control: max-age=60", 10,
			"Cache-Control: min-fresh=49", HIT},
		{"5.2.1.3 min-fresh, not enough", "", "Cache-Control: max-age=60", 10,
			"Cache-Control: min-fresh=50", MISS},
		{"5.2.1.2 max-stale", "", "Cache-Control: max-age=60", 70,
			"Cache-Control: max-stale=10", STALE},
		{"5.2.1.2 max-stale, too stale", "", "Cache-Control: max-age=60", 71,
			"Cache-Control: max-stale=10", MISS},
		{"5.2.1.2 any", "", "Cache-Control: max-age=60", 3600, "Cache-Control: max-stale",
			STALE},
		{"5.2.2.2 must-revalidate forbids it", "",
			"Cache-Control: max-age=60, must-revalidate", 70,
			"Cache-Control: max-stale", MISS},
		{"5.2.2.8 proxy-revalidate, too", "", "Cache-Control: max-age=60, proxy-revalidate",
			70, "Cache-Control: max-stale", MISS},
		{"5.2.2.10 s-maxage, too", "", "Cache-Control: s-maxage=60", 70,
			"Cache-Control: max-stale", MISS},
		{"5.2.1.7 only-if-cached", "", HOUR, 0, "Cache-Control: only-if-cached", HIT},
		{"5.2.1.7 only-if-cached, stale", "", "Cache-Control: max-age=60", 60,
			"Cache-Control: only-if-cached", NOTHING},
		{"5.2.1.7 only-if-cached, nothing", "", "", 0, "Cache-Control: only-if-cached",
			NOTHING},
		{"5.2.1.5 no-store does not unstore", "", HOUR, 0, "Cache-Control: no-store", HIT},
		{"5.2.2.4 no-cache of the answer", "", TAGGED "Cache-Control: no-cache, max-age=60",
			0, "", VALIDATED},
		{"5.2.2.4 no-cache with fields", "",
			"Cache-Control: max-age=60, no-cache=\"x-a\"\nX-A: 1", 0, "", HIT},
		{"9110 13.1.1 if-match is the origin's", "", TAGGED HOUR, 0, "If-Match: \"b\"",
			MISS},
		{"9110 13.1.4 if-unmodified-since, too", "", HOUR, 0,
			"If-Unmodified-Since: Mon, 13 Nov 2023 22:13:20 GMT", MISS},
		{"7.1 what overrides the target", "", HOUR, 0, "X-Original-URL: /b", MISS},
		{"9110 7.8 another protocol", "", HOUR, 0, "Sec-WebSocket-Key: x", MISS},
		{"7.1 what overrides the method", "X-HTTP-Method-Override: PUT", HOUR, 0, "", MISS},
		{"5861 3 while another validates", "",
			"Cache-Control: max-age=60, stale-while-revalidate=30", 70, "", MISS},
	};
	assert_rows(rows, COUNT(rows));
}
END_TEST

START_TEST(fields_choose_answers)
{
	static const struct row rows[] = {
		{"4.1 the same", "Accept: a", HOUR "\nVary: Accept", 0, "Accept: a", HIT},
		{"4.1 another", "Accept: a", HOUR "\nVary: Accept", 0, "Accept: b", MISS},
		{"4.1 missing", "Accept: a", HOUR "\nVary: Accept", 0, "", MISS},
		{"4.1 missing in both", "", HOUR "\nVary: Accept", 0, "", HIT},
		{"4.1 there, not before", "", HOUR "\nVary: Accept", 0, "Accept: a", MISS},
		{"4.1 empty is not missing", "X-A: ", HOUR "\nVary: X-A", 0, "", MISS},
		{"4.1 any case of the name", "accept: a", HOUR "\nVary: ACCEPT", 0, "Accept: a",
			HIT},
		{"4.1 two names", "Accept: a\nX-B: 1", HOUR "\nVary: Accept, X-B", 0,
			"X-B: 1\nAccept: a", HIT},
		{"4.1 one of two", "Accept: a\nX-B: 1", HOUR "\nVary: Accept, X-B", 0,
			"Accept: a\nX-B: 2", MISS},
		{"4.1 two fields", "Accept: a\nX-B: 1", HOUR "\nVary: Accept\nVary: X-B", 0,
			"Accept: a\nX-B: 2", MISS},
		{"4.1 values do not slide", "X-A: 1\nX-B: ", HOUR "\nVary: X-A, X-B", 0,
			"X-A: \nX-B: 1", MISS},
		{"4.1 lists, however spaced", "Accept: a,b", HOUR "\nVary: Accept", 0,
			"Accept: a ,  b", HIT},
		{"4.1 lists in several lines", "Accept: a, b", HOUR "\nVary: Accept", 0,
			"Accept: a\nAccept: b", HIT},
		{"4.1 their order counts", "Accept: a, b", HOUR "\nVary: Accept", 0, "Accept: b, a",
			MISS},
		{"4.1 other fields are not lists", "X-A: a,b", HOUR "\nVary: X-A", 0, "X-A: a, b",
			MISS},
		{"4.1 what is not named does not choose", "X-A: 1", HOUR "\nVary: Accept", 0,
			"X-A: 2", HIT},
	};
	assert_rows(rows, COUNT(rows));
}
END_TEST

START_TEST(statuses_are_stored_where_they_are_understood)
{
	static const struct {
		int status;
		const char *fields;
		int is_stored;
	} rows[] = {{200, MON, 1}, {203, MON, 1}, {204, MON, 1}, {301, MON, 1}, {308, MON, 1},
		{404, MON, 1}, {410, MON, 1}, {414, MON, 1}, {501, MON, 1}, {302, MON, 0},
		{500, MON, 0}, {503, MON, 0}, {403, MON, 0}, {302, HOUR, 1}, {500, HOUR, 1},
		{404, HOUR, 1}, {599, HOUR, 1}, {206, HOUR, 0}, {304, HOUR, 0}};
	for (size_t i = 0; i < COUNT(rows); i++) { /* 9110 15.1, 9111 3 */
		struct visit *v = visit_policy(NAME, NAME, PLAIN);
		ck_assert_int_eq(ask(v, "GET", "/a", ""), PASSED);
		int has_content = rows[i].status != 204 && rows[i].status != 304;
		answer(v, rows[i].status, rows[i].fields, has_content ? "x" : NULL);
		int outcome = ask(v, "GET", "/a", "");
		ck_assert_msg((outcome == ANSWERED) == rows[i].is_stored, "%d %s", rows[i].status,
			rows[i].fields);
		if (rows[i].is_stored)
			ck_assert_int_eq(sluice_test_status(v->x), rows[i].status);
		visit_leave(v);
	}
}
END_TEST

UNIT_SUITE(http_caching, answers_are_stored_where_they_may_be, lifetimes_end,
	requests_say_what_they_take, fields_choose_answers,
	statuses_are_stored_where_they_are_understood)
