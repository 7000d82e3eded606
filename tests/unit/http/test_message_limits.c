/* SPDX-License-Identifier: Apache-2.0 */
/* Limits other than the defaults: each at the figure itself and one beyond it. */
#include "support.h"

#include "base/check.h"

#define GET  "GET / HTTP/1.1\r\nhost: h\r\n"
#define POST "POST / HTTP/1.1\r\nhost: h\r\ntransfer-encoding: chunked\r\n\r\n"
#define SAID "POST / at h chunked\n"
#define OK   "HTTP/1.1 200 OK\r\ncontent-length: 0\r\n"

static const struct message_limits small = {
	.target_bytes = 20,
	.head_bytes = 400,
	.fields = 4,
	.field_name_bytes = 20,
	.field_value_bytes = 50,
	.trailer_bytes = 100,
	.trailer_fields = 2,
	.extension_bytes = 9, /* with the CR behind them */
	.interim_responses = 1,
};
static const struct message_limits large = {
	.target_bytes = 20000,
	.head_bytes = 200000,
	.fields = 300,
	.field_name_bytes = 1000,
	.field_value_bytes = 100000,
	.trailer_bytes = 60000,
	.trailer_fields = 200,
	.extension_bytes = 6000,
	.interim_responses = 20,
};

static const struct reading small_request = {.limits = &small};
static const struct reading small_response = {
	.is_response = true, .method = METHOD_GET, .limits = &small};
static const struct reading large_request = {.limits = &large};
static const struct reading large_response = {
	.is_response = true, .method = METHOD_GET, .limits = &large};

START_TEST(small_limits_hold_for_requests)
{
	static const struct reading_case cases[] = {
		{"target of 20", BYTES("GET /123456789012345678? HTTP/1.1\r\nhost: h\r\n\r\n"),
			"GET /123456789012345678? at h\nend keep-alive\n"},
		{"target of 21", BYTES("GET /1234567890123456789? HTTP/1.1\r\nhost: h\r\n\r\n"),
			"414 request target too long\n"},
		{"name of 20", BYTES(GET "n2345678901234567890: v\r\n\r\n"),
			"GET / at h\n  n2345678901234567890: v\nend keep-alive\n"},
		{"name of 21", BYTES(GET "n23456789012345678901: v\r\n\r\n"),
			"431 header section too large\n"},
		{"4 fields", BYTES(GET "a: b\r\na: b\r\na: b\r\na: b\r\n\r\n"),
			"GET / at h\n  a: b\n  a: b\n  a: b\n  a: b\nend keep-alive\n"},
		{"5 fields", BYTES(GET "a: b\r\na: b\r\na: b\r\na: b\r\na: b\r\n\r\n"),
			"431 header section too large\n"},
		{"extensions of 9", BYTES(POST "1;a=b;c=d\r\nx\r\n0\r\n\r\n"),
			SAID "body x\nend keep-alive\n"},
		{"extensions of 12", BYTES(POST "1;a=b;c=d\r\nx\r\n0;e\r\n\r\n"),
			SAID "body x\n400 malformed chunk\n"},
		{"2 trailers", BYTES(POST "0\r\na: b\r\na: b\r\n\r\n"),
			SAID "end keep-alive\n  a: b\n  a: b\n"},
		{"3 trailers", BYTES(POST "0\r\na: b\r\na: b\r\na: b\r\n\r\n"),
			SAID "400 trailer section refused\n"},
	};
	CHECK_READINGS(&small_request, cases);
	const char *v49 = repeated("v", 49).p;
	check_reading(&small_request, "value of 50", joined(GET "n: ", v49, "\r\n\r\n", NULL),
		joined("GET / at h\n  n: ", v49, "\nend keep-alive\n", NULL).p);
	check_reading(&small_request, "value of 51", joined(GET "n: ", v49, "v\r\n\r\n", NULL),
		"431 header section too large\n");
	check_reading(&small_request, "head of more than 400",
		joined(GET, repeated("te: 0123456789\r\n", 40).p, "\r\n", NULL),
		"431 header section too large\n");
	check_reading(&small_request, "trailers of more than 100",
		joined(POST "0\r\na: ", v49, "\r\nb: ", v49, "\r\n\r\n", NULL),
		SAID "400 trailer section refused\n");
}
END_TEST

START_TEST(large_limits_hold_for_requests)
{
	const char *path = joined("/", repeated("p", 19999).p, NULL).p;
	check_reading(&large_request, "target of 20000",
		joined("GET ", path, " HTTP/1.1\r\nhost: h\r\n\r\n", NULL),
		joined("GET ", path, " at h\nend keep-alive\n", NULL).p);
	check_reading(&large_request, "target of 20001",
		joined("GET ", path, "p HTTP/1.1\r\nhost: h\r\n\r\n", NULL),
		"414 request target too long\n");
	check_reading(&large_request, "300 fields",
		joined(GET, repeated("a: b\r\n", 300).p, "\r\n", NULL),
		joined("GET / at h\n", repeated("  a: b\n", 300).p, "end keep-alive\n", NULL).p);
	check_reading(&large_request, "301 fields",
		joined(GET, repeated("a: b\r\n", 301).p, "\r\n", NULL),
		"431 header section too large\n");
	const char *value = repeated("v", 16300).p;
	const char *line = joined("a: ", value, "\r\n", NULL).p;
	const char *said = joined("  a: ", value, "\n", NULL).p;
	check_reading(&large_request, "a head of 196,000 bytes",
		joined(GET, repeated(line, 12).p, "\r\n", NULL),
		joined("GET / at h\n", repeated(said, 12).p, "end keep-alive\n", NULL).p);
	check_reading(&large_request, "a head of 212,000 bytes",
		joined(GET, repeated(line, 13).p, "\r\n", NULL), "431 header section too large\n");
	check_reading(&large_request, "200 trailers",
		joined(POST "0\r\n", repeated("a: b\r\n", 200).p, "\r\n", NULL),
		joined(SAID "end keep-alive\n", repeated("  a: b\n", 200).p, NULL).p);
	check_reading(&large_request, "201 trailers",
		joined(POST "0\r\n", repeated("a: b\r\n", 201).p, "\r\n", NULL),
		SAID "400 trailer section refused\n");
}
END_TEST

START_TEST(both_hold_for_responses)
{
#define INTERIM "HTTP/1.1 103 Early Hints\r\n\r\n"
	check_reading(&small_response, "one interim response", joined(INTERIM OK "\r\n", NULL),
		"103 Early Hints\n200 OK length 0\nend keep-alive\n");
	check_reading(&small_response, "two", joined(INTERIM INTERIM OK "\r\n", NULL),
		"103 Early Hints\n502 too many interim responses\n");
	check_reading(&large_response, "twenty", joined(repeated(INTERIM, 20).p, OK "\r\n", NULL),
		joined(repeated("103 Early Hints\n", 20).p, "200 OK length 0\nend keep-alive\n",
			NULL)
			.p);
	check_reading(&small_response, "a reason of 51",
		joined("HTTP/1.1 200 ", repeated("r", 51).p, "\r\n\r\n", NULL),
		"431 header section too large\n");
	check_reading(&small_response, "5 fields",
		joined(OK, repeated("a: b\r\n", 5).p, "\r\n", NULL),
		"431 header section too large\n");
}
END_TEST

/* The least that may be configured refuses trailers and extensions, not chunked messages. */
START_TEST(none_of_a_part_leaves_the_rest)
{
	struct message_limits none = message_limits_default;
	none.trailer_bytes = none.trailer_fields = none.extension_bytes = 0;
	message_limits_fit(&none);
	const struct reading request = {.limits = &none};
	check_reading(&request, "no part of them", STR(POST "1\r\nx\r\n0\r\n\r\n"),
		SAID "body x\nend keep-alive\n");
	check_reading(&request, "an extension", STR(POST "1;a\r\nx\r\n0\r\n\r\n"),
		SAID "400 malformed chunk\n");
	check_reading(&request, "a trailer", STR(POST "1\r\nx\r\n0\r\na: b\r\n\r\n"),
		SAID "body x\n400 trailer section refused\n");
	none.trailer_bytes = 40;
	check_reading(&request, "a trailer, and no room for one",
		STR(POST "1\r\nx\r\n0\r\na: b\r\n\r\n"),
		SAID "body x\n400 trailer section refused\n");
}
END_TEST

START_TEST(parts_are_fitted_into_the_whole)
{
	struct message_limits l = {
		.target_bytes = 9000,
		.head_bytes = 1 << 20,
		.fields = 5000,
		.field_name_bytes = 600,
		.field_value_bytes = 500,
		.trailer_bytes = 1 << 30,
		.trailer_fields = 5000,
	};
	message_limits_fit(&l);
	ck_assert_uint_eq(l.head_bytes, MESSAGE_HEAD_BYTES_MAX);
	ck_assert_uint_eq(l.trailer_bytes, MESSAGE_HEAD_BYTES_MAX);
	ck_assert_uint_eq(l.target_bytes, 9000);
	ck_assert_uint_eq(l.field_name_bytes, 500);
	ck_assert_uint_eq(l.fields, MESSAGE_FIELDS_MAX);
	l.head_bytes = 400;
	message_limits_fit(&l);
	ck_assert_uint_eq(l.target_bytes, 400);
	ck_assert_uint_eq(l.field_value_bytes, 400);
	struct message_limits same = message_limits_default;
	message_limits_fit(&same);
	ck_assert_mem_eq(&same, &message_limits_default, sizeof(same));
}
END_TEST

UNIT_SUITE(message_limits, small_limits_hold_for_requests, large_limits_hold_for_requests,
	both_hold_for_responses, none_of_a_part_leaves_the_rest, parts_are_fitted_into_the_whole)
