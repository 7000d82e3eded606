/* SPDX-License-Identifier: Apache-2.0 */
/* Chunked content: sizes, extensions, data, trailers. */
#include "base/check.h"
#include "base/limits.h"
#include "support.h"

#define HEAD     "POST / HTTP/1.1\r\nhost: h\r\ntransfer-encoding: chunked\r\n\r\n"
#define SAID     "POST / at h chunked\n"
#define CHUNK    SAID "400 malformed chunk\n"
#define HI_CHUNK SAID "body hi\n400 malformed chunk\n"
#define SYNTAX   SAID "400 malformed message\n"
#define TRAILERS SAID "400 trailer section refused\n"

START_TEST(takes_well_formed_chunks)
{
	static const struct reading_case cases[] = {
		{"one", BYTES(HEAD "5\r\nhello\r\n0\r\n\r\n"), SAID "body hello\nend keep-alive\n"},
		{"none", BYTES(HEAD "0\r\n\r\n"), SAID "end keep-alive\n"},
		{"several, digits in both cases",
			BYTES(HEAD
				"2\r\nhi\r\nA\r\n0123456789\r\n00b\r\nabcdefghijk\r\n000\r\n\r\n"),
			SAID "body hi0123456789abcdefghijk\nend keep-alive\n"},
		{"data that looks like framing", BYTES(HEAD "9\r\n\r\n0\r\n\r\n0\r\r\n0\r\n\r\n"),
			SAID "body \r\n0\r\n\r\n0\r\nend keep-alive\n"},
		{"16 digits", BYTES(HEAD "0000000000000001\r\na\r\n0000000000000000\r\n\r\n"),
			SAID "body a\nend keep-alive\n"},
		{"the next request behind it",
			BYTES(HEAD "1\r\na\r\n0\r\n\r\nGET /2 HTTP/1.1\r\nhost: h\r\n\r\n"),
			SAID "body a\nend keep-alive\nGET /2 at h\nend keep-alive\n"},
	};
	CHECK_READINGS(&a_request, cases);
}
END_TEST

START_TEST(refuses_malformed_sizes) /* SM12 */
{
	static const char *const sizes[] = {"0x1", "+1", "-1", "1_0", "1 ", " 1", "1\t", "", "g",
		"11111111111111111", "fffffffffffffffff", "10000000000000001", "1,",
		"ffffffffffffffff", "8000000000000000", "00000000000000001", "1\x01", "\x81",
		"1\x0b"};
	for (size_t i = 0; i < ARRAY_COUNT(sizes); i++)
		check_reading(&a_request, sizes[i],
			joined(HEAD, sizes[i], "\r\na\r\n0\r\n\r\n", NULL), CHUNK);
	check_reading(&a_request, "NUL", STR(HEAD "1\0\r\na\r\n0\r\n\r\n"), CHUNK);
}
END_TEST

START_TEST(refuses_wrong_ends_of_lines) /* SM13, SM15 */
{
	static const struct reading_case cases[] = {
		{"size line ends with LF", BYTES(HEAD "2\nhi\r\n0\r\n\r\n"), CHUNK},
		{"size line ends with CR", BYTES(HEAD "2\rhi\r\n0\r\n\r\n"), CHUNK},
		{"size line ends with CR X", BYTES(HEAD "2\rXhi\r\n0\r\n\r\n"), CHUNK},
		{"data ends with LF", BYTES(HEAD "2\r\nhi\n0\r\n\r\n"), HI_CHUNK},
		{"data ends with CR X", BYTES(HEAD "2\r\nhi\rX0\r\n\r\n"), HI_CHUNK},
		{"data longer than its size", BYTES(HEAD "2\r\nhiX\r\n0\r\n\r\n"), HI_CHUNK},
		{"data without CRLF", BYTES(HEAD "2\r\nhi0\r\n\r\n"), HI_CHUNK},
		{"junk for CRLF", BYTES(HEAD "2\r\nhiXX0\r\n\r\n"), HI_CHUNK},
		{"last chunk ends with LF", BYTES(HEAD "0\n\n"), CHUNK},
		{"end with LF", BYTES(HEAD "0\r\n\n"), SYNTAX},
		{"end with CR X", BYTES(HEAD "0\r\n\rX"), SYNTAX},
		{"no end", BYTES(HEAD "0\r\nGET / HTTP/1.1\r\n"), SYNTAX},
	};
	CHECK_READINGS(&a_request, cases);
}
END_TEST

START_TEST(ignores_good_extensions_and_refuses_bad_ones) /* SM14 */
{
	static const struct reading_case cases[] = {
		{"names and values",
			BYTES(HEAD "1;a=b;c=\"d;\\\"\\\\ e\xff\";f\r\na\r\n0;e\r\n\r\n"),
			SAID "body a\nend keep-alive\n"},
		{"LF", BYTES(HEAD "1;a\nb\r\na\r\n0\r\n\r\n"), CHUNK},
		{"CR", BYTES(HEAD "1;a\rb\r\na\r\n0\r\n\r\n"), CHUNK},
		{"NUL", BYTES(HEAD "1;a\0b\r\na\r\n0\r\n\r\n"), CHUNK},
		{"NUL in quotes", BYTES(HEAD "1;a=\"\0\"\r\na\r\n0\r\n\r\n"), CHUNK},
		{"CR in quotes", BYTES(HEAD "1;a=\"\r\n\"\r\na\r\n0\r\n\r\n"), CHUNK},
		{"escaped LF in quotes", BYTES(HEAD "1;a=\"\\\n\"\r\na\r\n0\r\n\r\n"), CHUNK},
		{"quote without end", BYTES(HEAD "1;a=\"b\r\na\r\n0\r\n\r\n"), CHUNK},
		{"junk behind quotes", BYTES(HEAD "1;a=\"b\"c\r\na\r\n0\r\n\r\n"), CHUNK},
		{"quote in a token", BYTES(HEAD "1;a=b\"c\"\r\na\r\n0\r\n\r\n"), CHUNK},
		{"no name", BYTES(HEAD "1;\r\na\r\n0\r\n\r\n"), CHUNK},
		{"no value", BYTES(HEAD "1;a=\r\na\r\n0\r\n\r\n"), CHUNK},
		{"white space", BYTES(HEAD "1 ;a\r\na\r\n0\r\n\r\n"), CHUNK},
		{"white space behind", BYTES(HEAD "1; a\r\na\r\n0\r\n\r\n"), CHUNK},
	};
	CHECK_READINGS(&a_request, cases);
	check_reading(&a_request, "too long",
		joined(HEAD "1;", repeated("a", 5000).p, "\r\na\r\n0\r\n\r\n", NULL), CHUNK);
	check_reading(&a_request, "endless", joined(HEAD "1;", repeated("a", 5000).p, NULL), CHUNK);
	const char *chunk = joined("1;", repeated("a", 100).p, "\r\na\r\n", NULL).p;
	check_reading(&a_request, "too long in sum", joined(HEAD, repeated(chunk, 60).p, NULL),
		joined(SAID "body ", repeated("a", 40).p, "\n400 malformed chunk\n", NULL).p);
	check_reading(&a_request, "within the limit",
		joined(HEAD, repeated(chunk, 40).p, "0\r\n\r\n", NULL),
		joined(SAID "body ", repeated("a", 40).p, "\nend keep-alive\n", NULL).p);
}
END_TEST

START_TEST(takes_allowed_trailers)
{
	static const struct reading_case cases[] = {
		{"one", BYTES(HEAD "2\r\nhi\r\n0\r\nX-Sum: \t5 \r\n\r\n"),
			SAID "body hi\nend keep-alive\n  X-Sum: 5\n"},
		{"gRPC", BYTES(HEAD "0\r\ngrpc-status: 0\r\ngrpc-message:\r\nx_y: z\r\n\r\n"),
			SAID "end keep-alive\n  grpc-status: 0\n  grpc-message: \n  x_y: z\n"},
		{"the next request behind them",
			BYTES(HEAD "0\r\na: b\r\n\r\nGET / HTTP/1.1\r\nhost: h\r\n\r\n"),
			SAID "end keep-alive\n  a: b\nGET / at h\nend keep-alive\n"},
	};
	CHECK_READINGS(&a_request, cases);
}
END_TEST

START_TEST(refuses_trailers_that_could_become_headers) /* SM16 */
{
	static const char *const names[] = {"content-length", "Transfer-Encoding", "host",
		"Authorization", "content-type", "content-encoding", "content-range", "cookie",
		"set-cookie", "connection", "trailer", "te", "upgrade", "expect", "x-forwarded-for",
		"forwarded", "via", "x-request-id", "cache-control", "range", "if-match", "vary",
		"pragma", "max-forwards", "content_length", "x_forwarded_for", "www-authenticate",
		"location", "age"};
	for (size_t i = 0; i < ARRAY_COUNT(names); i++)
		check_reading(&a_request, names[i],
			joined(HEAD "0\r\nx: y\r\n", names[i], ": 1\r\n\r\n", NULL), TRAILERS);
}
END_TEST

START_TEST(refuses_malformed_and_large_trailers)
{
	static const struct reading_case cases[] = {
		{"folded", BYTES(HEAD "0\r\na: b\r\n c\r\n\r\n"), SYNTAX},
		{"no colon", BYTES(HEAD "0\r\nfoo\r\n\r\n"), SYNTAX},
		{"pseudo-field", BYTES(HEAD "0\r\n:path: /\r\n\r\n"), SYNTAX},
		{"LF", BYTES(HEAD "0\r\na: b\n\r\n"), SYNTAX},
		{"NUL", BYTES(HEAD "0\r\na: \0\r\n\r\n"), SYNTAX},
	};
	CHECK_READINGS(&a_request, cases);
	check_reading(&a_request, "33 fields",
		joined(HEAD "0\r\n", repeated("a: b\r\n", 33).p, "\r\n", NULL), TRAILERS);
	check_reading(&a_request, "32 fields",
		joined(HEAD "0\r\n", repeated("a: b\r\n", 32).p, "\r\n", NULL),
		joined(SAID "end keep-alive\n", repeated("  a: b\n", 32).p, NULL).p);
	check_reading(&a_request, "8 KiB in one",
		joined(HEAD "0\r\na: ", repeated("v", 8200).p, "\r\n\r\n", NULL), TRAILERS);
	check_reading(&a_request, "endless", joined(HEAD "0\r\na: ", repeated("v", 9000).p, NULL),
		TRAILERS);
}
END_TEST

UNIT_SUITE(h1_chunked, takes_well_formed_chunks, refuses_malformed_sizes,
	refuses_wrong_ends_of_lines, ignores_good_extensions_and_refuses_bad_ones,
	takes_allowed_trailers, refuses_trailers_that_could_become_headers,
	refuses_malformed_and_large_trailers)
