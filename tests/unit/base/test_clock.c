/* SPDX-License-Identifier: Apache-2.0 */
#include "unit.h"

#include "base/clock.h"

START_TEST(writes_http_dates_and_rfc3339)
{
	static const struct {
		int64_t wall_us;
		const char *http, *rfc3339;
	} rows[] = {
		{0, "Thu, 01 Jan 1970 00:00:00 GMT", "1970-01-01T00:00:00.000Z"},
		{784111777000000, "Sun, 06 Nov 1994 08:49:37 GMT", "1994-11-06T08:49:37.000Z"},
		{951782399999999, "Mon, 28 Feb 2000 23:59:59 GMT", "2000-02-28T23:59:59.999Z"},
		{951782400000000, "Tue, 29 Feb 2000 00:00:00 GMT", "2000-02-29T00:00:00.000Z"},
		{1767225599000999, "Wed, 31 Dec 2025 23:59:59 GMT", "2025-12-31T23:59:59.000Z"},
		{1767225599123000, "Wed, 31 Dec 2025 23:59:59 GMT", "2025-12-31T23:59:59.123Z"},
		{253402300799999999, "Fri, 31 Dec 9999 23:59:59 GMT", "9999-12-31T23:59:59.999Z"},
		{-1, "Wed, 31 Dec 1969 23:59:59 GMT", "1969-12-31T23:59:59.999Z"},
		{-1000000, "Wed, 31 Dec 1969 23:59:59 GMT", "1969-12-31T23:59:59.000Z"},
	};
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		char http[CLOCK_HTTP_DATE_BYTES], rfc3339[CLOCK_RFC3339_BYTES];
		clock_http_date(rows[i].wall_us, http);
		clock_rfc3339(rows[i].wall_us, rfc3339);
		ck_assert_msg(str_eq(str_n(http, sizeof(http)), str_of(rows[i].http)),
			"row %zu: %.29s", i, http);
		ck_assert_msg(str_eq(str_n(rfc3339, sizeof(rfc3339)), str_of(rows[i].rfc3339)),
			"row %zu: %.24s", i, rfc3339);
	}
}
END_TEST

START_TEST(goes_forward)
{
	int64_t before = clock_monotonic_ns();
	ck_assert_int_ge(clock_monotonic_ns(), before);
	ck_assert_int_gt(clock_wall_us(), 1700000000000000);
}
END_TEST

UNIT_SUITE(clock, writes_http_dates_and_rfc3339, goes_forward)
