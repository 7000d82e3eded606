/* SPDX-License-Identifier: Apache-2.0 */
/* Response heads: which content follows, and what is refused (SM25). */
#include "base/check.h"
#include "base/limits.h"
#include "http/h1.h"
#include "support.h"

#define OK "HTTP/1.1 200 OK\r\n"

#define SYNTAX    "400 malformed message\n"
#define FRAMING   "400 ambiguous framing\n"
#define VERSION   "505 HTTP version not supported\n"
#define CODING    "501 transfer coding not supported\n"
#define TOO_LARGE "431 header section too large\n"

static const struct reading a_head_response = {.is_response = true, .method = METHOD_HEAD};
static const struct reading a_connect_response = {.is_response = true, .method = METHOD_CONNECT};
static const struct reading an_upgrade_response = {
	.is_response = true, .method = METHOD_GET, .upgrade_asked = true};

START_TEST(takes_ordinary_responses)
{
	static const struct reading_case cases[] = {
		{"with a length", BYTES(OK "Content-Length: 5\r\nServer: x\r\n\r\nhello"),
			"200 OK length 5 content\n  Server: x\nbody hello\nend keep-alive\n"},
		{"empty", BYTES(OK "content-length: 0\r\n\r\n"),
			"200 OK length 0\nend keep-alive\n"},
		{"chunked", BYTES(OK "transfer-encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n"),
			"200 OK unknown content\nbody hello\nend keep-alive\n"},
		{"close", BYTES(OK "content-length: 0\r\nconnection: close\r\n\r\n"),
			"200 OK length 0\nend close\n"},
		{"1.0", BYTES("HTTP/1.0 404 Not Found\r\ncontent-length: 0\r\n\r\n"),
			"404 Not Found 1.0 length 0\nend close\n"},
		{"1.0 stays",
			BYTES("HTTP/1.0 200 OK\r\ncontent-length: 0\r\nconnection: "
			      "keep-alive\r\n\r\n"),
			"200 OK 1.0 length 0\nend keep-alive\n"},
		{"no reason", BYTES("HTTP/1.1 200 \r\ncontent-length: 0\r\n\r\n"),
			"200  length 0\nend keep-alive\n"},
		{"no reason and no space", BYTES("HTTP/1.1 200\r\ncontent-length: 0\r\n\r\n"),
			"200  length 0\nend keep-alive\n"},
		{"obs-text in the reason",
			BYTES("HTTP/1.1 599 \xe9t\xe9 \t!\r\ncontent-length: 0\r\n\r\n"),
			"599 \xe9t\xe9 \t! length 0\nend keep-alive\n"},
		{"what a request may not repeat",
			BYTES(OK "content-type: a\r\ncontent-type: b\r\nset-cookie: "
				 "a\r\nset-cookie: b\r\n"
				 "content-length: 0\r\n\r\n"),
			"200 OK length 0\n  content-type: a\n  content-type: b\n  set-cookie: a\n"
			"  set-cookie: b\nend keep-alive\n"},
		{"hop-by-hop fields",
			BYTES(OK "connection: x-mine\r\nkeep-alive: 5\r\nx-mine: 1\r\n"
				 "te: gzip\r\nproxy-connection: x\r\ncontent-length: 0\r\n\r\n"),
			"200 OK length 0\nend keep-alive\n"},
	};
	CHECK_READINGS(&a_response, cases);
}
END_TEST

START_TEST(reads_until_close_without_a_length)
{
	static const struct reading_case cases[] = {
		{"1.1", BYTES(OK "\r\nhello\r\n"),
			"200 OK unknown content\nbody hello\r\n\nend close\n"},
		{"1.0", BYTES("HTTP/1.0 200 OK\r\nconnection: keep-alive\r\n\r\nhello"),
			"200 OK 1.0 unknown content\nbody hello\nend close\n"},
		{"nothing", BYTES(OK "\r\n"), "200 OK unknown content\nend close\n"},
	};
	CHECK_READINGS(&an_ended_response, cases);
	static const struct reading_case unfinished[] = {
		{"length", BYTES(OK "content-length: 10\r\n\r\nhi"),
			"200 OK length 10 content\nbody hi\n400 ended inside a message\n"},
		{"chunk", BYTES(OK "transfer-encoding: chunked\r\n\r\n5\r\nhi"),
			"200 OK unknown content\nbody hi\n400 ended inside a message\n"},
		{"last chunk", BYTES(OK "transfer-encoding: chunked\r\n\r\n2\r\nhi\r\n"),
			"200 OK unknown content\nbody hi\n400 ended inside a message\n"},
		{"head", BYTES("HTTP/1.1 200 OK\r\ncontent-le"), "400 ended inside a message\n"},
		{"behind an interim response", BYTES("HTTP/1.1 100 Continue\r\n\r\n"),
			"100 Continue\n400 ended inside a message\n"},
	};
	CHECK_READINGS(&an_ended_response, unfinished);
}
END_TEST

START_TEST(knows_which_responses_have_no_content)
{
	static const struct reading_case cases[] = {
		{"204", BYTES("HTTP/1.1 204 No Content\r\n\r\n"),
			"204 No Content\nend keep-alive\n"},
		{"204 with a length of 0",
			BYTES("HTTP/1.1 204 No Content\r\ncontent-length: 0\r\n\r\n"),
			"204 No Content\nend keep-alive\n"},
		{"304", BYTES("HTTP/1.1 304 Not Modified\r\netag: x\r\n\r\n"),
			"304 Not Modified unknown\n  etag: x\nend keep-alive\n"},
		{"304 with a length",
			BYTES("HTTP/1.1 304 Not Modified\r\ncontent-length: 9\r\n\r\n"),
			"304 Not Modified length 9\nend keep-alive\n"},
		{"304 chunked", BYTES("HTTP/1.1 304 X\r\ntransfer-encoding: chunked\r\n\r\n"),
			"304 X unknown\nend keep-alive\n"},
		{"204 with a length", BYTES("HTTP/1.1 204 X\r\ncontent-length: 2\r\n\r\nhi"),
			FRAMING},
		{"204 chunked",
			BYTES("HTTP/1.1 204 X\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n"),
			FRAMING},
	};
	CHECK_READINGS(&a_response, cases);
	static const struct reading_case heads[] = {
		{"HEAD", BYTES(OK "content-length: 1234\r\n\r\n"),
			"200 OK length 1234\nend keep-alive\n"},
		{"HEAD without a length", BYTES(OK "\r\n"), "200 OK unknown\nend keep-alive\n"},
		{"HEAD, chunked", BYTES(OK "transfer-encoding: chunked\r\n\r\n"),
			"200 OK unknown\nend keep-alive\n"},
		{"HEAD with CL and TE",
			BYTES(OK "content-length: 1\r\ntransfer-encoding: chunked\r\n\r\n"),
			FRAMING},
	};
	CHECK_READINGS(&a_head_response, heads);
}
END_TEST

START_TEST(takes_interim_responses_up_to_a_limit)
{
	static const struct reading_case cases[] = {
		{"100 and 103",
			BYTES("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nlink: a\r\n"
			      "\r\n" OK "content-length: 2\r\n\r\nhi"),
			"100 Continue\n103 Early Hints\n  link: a\n200 OK length 2 content\nbody "
			"hi\n"
			"end keep-alive\n"},
		{"length of 0",
			BYTES("HTTP/1.1 100 Continue\r\ncontent-length: 0\r\n\r\n" OK
			      "content-length: 0\r\n\r\n"),
			"100 Continue\n200 OK length 0\nend keep-alive\n"},
		{"length", BYTES("HTTP/1.1 100 Continue\r\ncontent-length: 1\r\n\r\nx"), FRAMING},
		{"chunked", BYTES("HTTP/1.1 103 X\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n"),
			FRAMING},
		{"close is the final one's",
			BYTES("HTTP/1.1 100 Continue\r\nconnection: close\r\n\r\n" OK
			      "content-length: 0\r\n\r\n"),
			"100 Continue\n200 OK length 0\nend keep-alive\n"},
	};
	CHECK_READINGS(&a_response, cases);
	struct str eight = repeated("HTTP/1.1 100 Continue\r\n\r\n", LIMIT_INTERIM_RESPONSES);
	const char *said = repeated("100 Continue\n", LIMIT_INTERIM_RESPONSES).p;
	check_reading(&a_response, "eight", joined(eight.p, OK "content-length: 0\r\n\r\n", NULL),
		joined(said, "200 OK length 0\nend keep-alive\n", NULL).p);
	check_reading(&a_response, "nine", joined(eight.p, "HTTP/1.1 100 Continue\r\n\r\n", NULL),
		joined(said, "502 too many interim responses\n", NULL).p);
}
END_TEST

START_TEST(switches_only_when_asked)
{
#define SWITCH "HTTP/1.1 101 Switching Protocols\r\n"
	static const struct reading_case asked[] = {
		{"asked",
			BYTES(SWITCH "connection: upgrade\r\nupgrade: websocket\r\nx: "
				     "y\r\n\r\n\x81\x01"),
			"101 Switching Protocols upgrade websocket\n  x: y\nupgraded\n"},
		{"without Connection", BYTES(SWITCH "upgrade: websocket\r\n\r\n"), FRAMING},
		{"without Upgrade", BYTES(SWITCH "connection: upgrade\r\n\r\n"), FRAMING},
		{"1.0", BYTES("HTTP/1.0 101 X\r\nconnection: upgrade\r\nupgrade: x\r\n\r\n"),
			FRAMING},
		{"with a length",
			BYTES(SWITCH
				"connection: upgrade\r\nupgrade: x\r\ncontent-length: 1\r\n\r\n"),
			FRAMING},
		{"not switched",
			BYTES(OK "connection: upgrade\r\nupgrade: h2c\r\ncontent-length: 2\r\n\r\n"
				 "hi"),
			"200 OK length 2 content upgrade h2c\nbody hi\nend keep-alive\n"},
	};
	CHECK_READINGS(&an_upgrade_response, asked);
	static const struct reading_case unasked[] = {
		{"unasked", BYTES(SWITCH "connection: upgrade\r\nupgrade: websocket\r\n\r\n"),
			FRAMING},
	};
	CHECK_READINGS(&a_response, unasked);
	static const struct reading_case tunnels[] = {
		{"CONNECT 200", BYTES("HTTP/1.1 200 Established\r\n\r\nbytes"),
			"200 Established\nupgraded\n"},
		{"CONNECT with a length", BYTES("HTTP/1.1 200 X\r\ncontent-length: 1\r\n\r\nx"),
			FRAMING},
		{"CONNECT refused", BYTES("HTTP/1.1 403 X\r\ncontent-length: 2\r\n\r\nno"),
			"403 X length 2 content\nbody no\nend keep-alive\n"},
	};
	CHECK_READINGS(&a_connect_response, tunnels);
}
END_TEST

START_TEST(refuses_malformed_responses)
{
	static const struct reading_case cases[] = {
		{"CL and TE",
			BYTES(OK
				"content-length: 2\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n"),
			FRAMING},
		{"two CL", BYTES(OK "content-length: 2\r\ncontent-length: 3\r\n\r\nhi"), FRAMING},
		{"two equal CL", BYTES(OK "content-length: 2\r\ncontent-length: 2\r\n\r\nhi"),
			FRAMING},
		{"bad CL", BYTES(OK "content-length: +2\r\n\r\nhi"), FRAMING},
		{"huge CL", BYTES(OK "content-length: 99999999999999999999\r\n\r\nhi"), FRAMING},
		{"TE gzip, chunked", BYTES(OK "transfer-encoding: gzip, chunked\r\n\r\n0\r\n\r\n"),
			CODING},
		{"TE gzip", BYTES(OK "transfer-encoding: gzip\r\n\r\nxx"), CODING},
		{"TE chunked, gzip", BYTES(OK "transfer-encoding: chunked, gzip\r\n\r\nxx"),
			FRAMING},
		{"TE in 1.0",
			BYTES("HTTP/1.0 200 OK\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n"),
			FRAMING},
		{"folded field", BYTES(OK "x: a\r\n b\r\ncontent-length: 0\r\n\r\n"), SYNTAX},
		{"NUL in a value", BYTES(OK "x: a\0b\r\ncontent-length: 0\r\n\r\n"), SYNTAX},
		{"bare CR", BYTES(OK "x: a\rset-cookie: b\r\ncontent-length: 0\r\n\r\n"), SYNTAX},
		{"bare LF", BYTES("HTTP/1.1 200 OK\nx: a\ncontent-length: 0\n\n"), SYNTAX},
		{"CR in the reason", BYTES("HTTP/1.1 200 O\rK\r\n\r\n"), SYNTAX},
		{"NUL in the reason", BYTES("HTTP/1.1 200 O\0K\r\n\r\n"), SYNTAX},
		{"HTTP/0.9", BYTES("<html>hello</html>"), SYNTAX},
		{"leading CRLF", BYTES("\r\n" OK "\r\n"), SYNTAX},
		{"status of two digits", BYTES("HTTP/1.1 20 OK\r\ncontent-length: 0\r\n\r\n"),
			SYNTAX},
		{"status of four digits", BYTES("HTTP/1.1 2000 OK\r\ncontent-length: 0\r\n\r\n"),
			SYNTAX},
		{"status 099", BYTES("HTTP/1.1 099 X\r\ncontent-length: 0\r\n\r\n"), SYNTAX},
		{"status 600", BYTES("HTTP/1.1 600 X\r\ncontent-length: 0\r\n\r\n"), SYNTAX},
		{"two spaces", BYTES("HTTP/1.1  200 X\r\ncontent-length: 0\r\n\r\n"), SYNTAX},
		{"version 2", BYTES("HTTP/2.0 200 OK\r\ncontent-length: 0\r\n\r\n"), VERSION},
		{"version 1.2", BYTES("HTTP/1.2 200 OK\r\ncontent-length: 0\r\n\r\n"), VERSION},
		{"ICY", BYTES("ICY 200 OK\r\n\r\n"), SYNTAX},
		{"no colon", BYTES(OK "foo\r\ncontent-length: 0\r\n\r\n"), SYNTAX},
		{"space before the colon", BYTES(OK "foo : a\r\ncontent-length: 0\r\n\r\n"),
			SYNTAX},
		{"empty name", BYTES(OK ": a\r\ncontent-length: 0\r\n\r\n"), SYNTAX},
		{"twin of CL", BYTES(OK "content_length: 0\r\n\r\n"), SYNTAX},
		{"protected field named",
			BYTES(OK "connection: set-cookie\r\nset-cookie: a\r\n\r\n"),
			"400 Connection nominates a protected field\n"},
	};
	CHECK_READINGS(&a_response, cases);
	check_reading(&a_response, "too many fields",
		joined(OK, repeated("a: b\r\n", 200).p, "\r\n", NULL), TOO_LARGE);
	const char *v9k = joined("a: ", repeated("b", 9000).p, "\r\n", NULL).p;
	check_reading(&a_response, "too large a head", joined(OK, repeated(v9k, 9).p, "\r\n", NULL),
		TOO_LARGE);
	check_reading(&a_response, "too long a reason",
		joined("HTTP/1.1 200 ", repeated("r", 16385).p, "\r\n\r\n", NULL), TOO_LARGE);
}
END_TEST

START_TEST(refuses_bytes_behind_a_response)
{
	struct pool *pool = pool_new();
	struct arena arena;
	arena_init(&arena, pool, LIMIT_EXCHANGE_ARENA_BYTES);
	struct h1_parser *p = h1_parser_new(pool, true);
	struct http_response r;
	size_t used;
	struct str raw = STR(OK "content-length: 2\r\n\r\nokHTTP/1.1 200 OK\r\n");
	h1_parser_begin_response(p, &arena, &r, METHOD_GET, false);
	ck_assert_int_eq(h1_parser_feed(p, raw, &used), H1_HEAD);
	raw = str_from(raw, used);
	ck_assert_int_eq(h1_parser_feed(p, raw, &used), H1_BODY);
	assert_str(h1_parser_body(p), "ok");
	ck_assert_uint_eq(used, 2);
	raw = str_from(raw, used);
	ck_assert_int_eq(h1_parser_feed(p, raw, &used), H1_END);
	ck_assert_uint_eq(used, 0);
	ck_assert_int_eq(h1_parser_feed(p, raw, &used), H1_ERROR);
	h1_parser_free(p);
	arena_reset(&arena);
	pool_free(pool);
}
END_TEST

UNIT_SUITE(h1_response, takes_ordinary_responses, reads_until_close_without_a_length,
	knows_which_responses_have_no_content, takes_interim_responses_up_to_a_limit,
	switches_only_when_asked, refuses_malformed_responses, refuses_bytes_behind_a_response)
