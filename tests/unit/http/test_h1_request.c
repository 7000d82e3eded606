/* SPDX-License-Identifier: Apache-2.0 */
/* Request heads: what is taken, and everything that two parsers could see differently. */
#include "base/check.h"
#include "base/limits.h"
#include "http/h1.h"
#include "support.h"

#define GET  "GET / HTTP/1.1\r\nhost: h\r\n"
#define POST "POST / HTTP/1.1\r\nhost: h\r\n"

#define SYNTAX      "400 malformed message\n"
#define NOT_HTTP    "400 not a request of HTTP\n"
#define FRAMING     "400 ambiguous framing\n"
#define HOST        "400 missing, repeated or malformed Host\n"
#define TARGET      "400 malformed or ambiguous request target\n"
#define HOP         "400 Connection nominates a protected field\n"
#define VERSION     "505 HTTP version not supported\n"
#define CODING      "501 transfer coding not supported\n"
#define EXPECTATION "417 expectation not supported\n"
#define TOO_LARGE   "431 header section too large\n"

START_TEST(takes_ordinary_requests)
{
	static const struct reading_case cases[] = {
		{"GET",
			BYTES("GET /a/b?c=d HTTP/1.1\r\nHost: Example.com:80\r\nAccept: */*\r\n"
			      "X-Empty:\r\nX-Space: \t a b \t \r\n\r\n"),
			"GET /a/b?c=d at example.com:80\n  Accept: */*\n  X-Empty: \n  X-Space: a "
			"b\n"
			"end keep-alive\n"},
		{"no fields in 1.0", BYTES("GET / HTTP/1.0\r\n\r\n"), "GET / at  1.0\nend close\n"},
		{"1.0 asks to stay", BYTES("GET / HTTP/1.0\r\nConnection: Keep-Alive\r\n\r\n"),
			"GET / at  1.0\nend keep-alive\n"},
		{"close", BYTES(GET "Connection: close\r\n\r\n"), "GET / at h\nend close\n"},
		{"close wins", BYTES(GET "Connection: keep-alive, CLOSE\r\n\r\n"),
			"GET / at h\nend close\n"},
		{"with a length", BYTES(POST "Content-Length: 5\r\n\r\nhello"),
			"POST / at h length 5\nbody hello\nend keep-alive\n"},
		{"with a length of 0", BYTES(POST "content-length: 000\r\n\r\n"),
			"POST / at h length 0\nend keep-alive\n"},
		{"white space around a length", BYTES(POST "content-length: \t 2 \t\r\n\r\nhi"),
			"POST / at h length 2\nbody hi\nend keep-alive\n"},
		{"GET with a body",
			BYTES("GET /b HTTP/1.1\r\nhost: h\r\ncontent-length: 18\r\n\r\nGET /x "
			      "HTTP/1.1\r\n"
			      "\n"),
			"GET /b at h length 18\nbody GET /x HTTP/1.1\r\n\n\nend keep-alive\n"},
		{"obs-text and HTAB in a value", BYTES(GET "x: \xc3\xa9\ta\r\n\r\n"),
			"GET / at h\n  x: \xc3\xa9\ta\nend keep-alive\n"},
		{"every token character", BYTES(GET "!#$%&'*+-.^_`|~09azAZ: v\r\n\r\n"),
			"GET / at h\n  !#$%&'*+-.^_`|~09azAZ: v\nend keep-alive\n"},
		{"one-letter name at the end", BYTES(GET "a:b\r\n\r\n"),
			"GET / at h\n  a: b\nend keep-alive\n"},
		{"an unknown method",
			BYTES("PURGE-all / HTTP/1.1\r\nhost: h\r\ncontent-length: 1\r\n\r\n."),
			"PURGE-all / at h length 1\nbody .\nend keep-alive\n"},
		{"canonical path", BYTES("GET /x/%2e%2e//%61?q=%2e HTTP/1.1\r\nhost: h\r\n\r\n"),
			"GET /a?q=%2e at h\nend keep-alive\n"},
		{"continue", BYTES(POST "expect: 100-Continue\r\ncontent-length: 1\r\n\r\nx"),
			"POST / at h length 1 continue\nbody x\nend keep-alive\n"},
		{"continue without content", BYTES(GET "expect: 100-continue\r\n\r\n"),
			"GET / at h\nend keep-alive\n"},
		{"continue in 1.0",
			BYTES("POST / HTTP/1.0\r\nexpect: 100-continue\r\ncontent-length: "
			      "1\r\n\r\nx"),
			"POST / at  1.0 length 1\nbody x\nend close\n"},
		{"repeated fields keep their order", BYTES(GET "a: 1\r\nb: 2\r\na: 3\r\n\r\n"),
			"GET / at h\n  a: 1\n  b: 2\n  a: 3\nend keep-alive\n"},
		{"names with underscores", BYTES(GET "client_id: c\r\nx_y: z\r\n\r\n"),
			"GET / at h\n  client_id: c\n  x_y: z\nend keep-alive\n"},
	};
	CHECK_READINGS(&a_request, cases);
}
END_TEST

START_TEST(takes_pipelined_requests_one_by_one)
{
	static const struct reading_case cases[] = {
		{"three",
			BYTES("GET /1 HTTP/1.1\r\nhost: h\r\n\r\n"
			      "POST /2 HTTP/1.1\r\nhost: h\r\ncontent-length: 2\r\n\r\nhi"
			      "GET /3 HTTP/1.1\r\nhost: h\r\n\r\n"),
			"GET /1 at h\nend keep-alive\nPOST /2 at h length 2\nbody hi\nend "
			"keep-alive\n"
			"GET /3 at h\nend keep-alive\n"},
		{"an empty line between them", BYTES(GET "\r\n\r\n" GET "\r\n"),
			"GET / at h\nend keep-alive\nGET / at h\nend keep-alive\n"},
		{"a bad second one", BYTES(GET "\r\nGET / HTTP/1.1\r\nhost: h\r\nbad\r\n\r\n"),
			"GET / at h\nend keep-alive\n" SYNTAX},
	};
	CHECK_READINGS(&a_request, cases);
}
END_TEST

START_TEST(tolerates_one_empty_line_before_a_request)
{
	static const struct reading_case cases[] = {
		{"one", BYTES("\r\n" GET "\r\n"), "GET / at h\nend keep-alive\n"},
		{"two", BYTES("\r\n\r\n" GET "\r\n"), SYNTAX},
		{"LF", BYTES("\n" GET "\r\n"), SYNTAX},
		{"CR", BYTES("\r" GET "\r\n"), SYNTAX},
		{"nothing else", BYTES("\r\n"), ""},
	};
	CHECK_READINGS(&a_request, cases);
}
END_TEST

START_TEST(takes_every_form_of_target)
{
	static const struct reading_case cases[] = {
		{"absolute", BYTES("GET http://h/a?b HTTP/1.1\r\nhost: h\r\n\r\n"),
			"GET /a?b at h target http://h/a?b\nend keep-alive\n"},
		{"absolute, other case", BYTES("GET HTTPS://H:80/ HTTP/1.1\r\nhost: h:80\r\n\r\n"),
			"GET / at h:80 target HTTPS://H:80/\nend keep-alive\n"},
		{"absolute without path", BYTES("GET http://h HTTP/1.1\r\nhost: h\r\n\r\n"),
			"GET / at h target http://h\nend keep-alive\n"},
		{"absolute without path, with query",
			BYTES("GET http://h?a HTTP/1.1\r\nhost: h\r\n\r\n"),
			"GET /?a at h target http://h?a\nend keep-alive\n"},
		{"absolute in 1.0 without Host", BYTES("GET http://h/ HTTP/1.0\r\n\r\n"),
			"GET / at h target http://h/ 1.0\nend close\n"},
		{"OPTIONS *", BYTES("OPTIONS * HTTP/1.1\r\nhost: h\r\n\r\n"),
			"OPTIONS * at h target *\nend keep-alive\n"},
		{"OPTIONS of a whole server", BYTES("OPTIONS http://h HTTP/1.1\r\nhost: h\r\n\r\n"),
			"OPTIONS * at h target http://h\nend keep-alive\n"},
		{"CONNECT", BYTES("CONNECT h:443 HTTP/1.1\r\nhost: h:443\r\n\r\n"),
			"CONNECT  at h:443 target h:443\nend close\n"},
		{"absolute, other host", BYTES("GET http://a/ HTTP/1.1\r\nhost: b\r\n\r\n"), HOST},
		{"absolute, other port", BYTES("GET http://a:81/ HTTP/1.1\r\nhost: a\r\n\r\n"),
			HOST},
		{"absolute, no Host", BYTES("GET http://a/ HTTP/1.1\r\n\r\n"), HOST},
		{"absolute, userinfo", BYTES("GET http://u@a/ HTTP/1.1\r\nhost: a\r\n\r\n"),
			TARGET},
		{"absolute, no host", BYTES("GET http:///x HTTP/1.1\r\nhost: a\r\n\r\n"), TARGET},
		{"absolute, nothing", BYTES("GET http:// HTTP/1.1\r\nhost: a\r\n\r\n"), TARGET},
		{"absolute, other scheme", BYTES("GET ftp://a/ HTTP/1.1\r\nhost: a\r\n\r\n"),
			TARGET},
		{"absolute, fragment", BYTES("GET http://a#b HTTP/1.1\r\nhost: a\r\n\r\n"), TARGET},
		{"CONNECT without port", BYTES("CONNECT h HTTP/1.1\r\nhost: h\r\n\r\n"), TARGET},
		{"CONNECT with a path", BYTES("CONNECT /x HTTP/1.1\r\nhost: h\r\n\r\n"), TARGET},
		{"CONNECT with a length",
			BYTES("CONNECT h:1 HTTP/1.1\r\nhost: h:1\r\ncontent-length: 1\r\n\r\nx"),
			FRAMING},
		{"GET *", BYTES("GET * HTTP/1.1\r\nhost: h\r\n\r\n"), TARGET},
	};
	CHECK_READINGS(&a_request, cases);
}
END_TEST

START_TEST(refuses_bad_targets) /* SM22 */
{
	static const struct reading_case cases[] = {
		{"space", BYTES("GET /a b HTTP/1.1\r\nhost: h\r\n\r\n"), SYNTAX},
		{"tab", BYTES("GET /a\tb HTTP/1.1\r\nhost: h\r\n\r\n"), TARGET},
		{"byte 128", BYTES("GET /\x80 HTTP/1.1\r\nhost: h\r\n\r\n"), TARGET},
		{"UTF-8", BYTES("GET /\xc3\xa9 HTTP/1.1\r\nhost: h\r\n\r\n"), TARGET},
		{"fragment", BYTES("GET /a#frag HTTP/1.1\r\nhost: h\r\n\r\n"), TARGET},
		{"fragment in the query", BYTES("GET /a?b#frag HTTP/1.1\r\nhost: h\r\n\r\n"),
			TARGET},
		{"backslash", BYTES("GET /a\\b HTTP/1.1\r\nhost: h\r\n\r\n"), TARGET},
		{"DEL", BYTES("GET /a\x7f HTTP/1.1\r\nhost: h\r\n\r\n"), TARGET},
		{"control", BYTES("GET /\x01 HTTP/1.1\r\nhost: h\r\n\r\n"), TARGET},
		{"NUL", BYTES("GET /\0 HTTP/1.1\r\nhost: h\r\n\r\n"), TARGET},
		{"relative", BYTES("GET a/b HTTP/1.1\r\nhost: h\r\n\r\n"), TARGET},
		{"authority", BYTES("GET h:80 HTTP/1.1\r\nhost: h\r\n\r\n"), TARGET},
		{"query alone", BYTES("GET ?a HTTP/1.1\r\nhost: h\r\n\r\n"), TARGET},
		{"none", BYTES("GET  HTTP/1.1\r\nhost: h\r\n\r\n"), TARGET},
		{"two spaces", BYTES("GET  / HTTP/1.1\r\nhost: h\r\n\r\n"), TARGET},
		{"two spaces behind", BYTES("GET /  HTTP/1.1\r\nhost: h\r\n\r\n"), SYNTAX},
		{"above the root", BYTES("GET /../x HTTP/1.1\r\nhost: h\r\n\r\n"), TARGET},
		{"encoded backslash", BYTES("GET /a%5cb HTTP/1.1\r\nhost: h\r\n\r\n"), TARGET},
	};
	CHECK_READINGS(&a_request, cases);
}
END_TEST

START_TEST(refuses_other_versions) /* SM20 */
{
	static const struct reading_case cases[] = {
		{"1.2", BYTES("GET / HTTP/1.2\r\nhost: h\r\n\r\n"), VERSION},
		{"2.0", BYTES("GET / HTTP/2.0\r\nhost: h\r\n\r\n"), VERSION},
		{"9.9", BYTES("GET / HTTP/9.9\r\nhost: h\r\n\r\n"), VERSION},
		{"0.9", BYTES("GET / HTTP/0.9\r\nhost: h\r\n\r\n"), VERSION},
		{"2.1", BYTES("GET / HTTP/2.1\r\nhost: h\r\n\r\n"), VERSION},
		{"junk behind", BYTES("GET / HTTP/1.1x\r\nhost: h\r\n\r\n"), SYNTAX},
		{"lower case", BYTES("GET / http/1.1\r\nhost: h\r\n\r\n"), SYNTAX},
		{"leading zero", BYTES("GET / HTTP/01.1\r\nhost: h\r\n\r\n"), SYNTAX},
		{"two digits", BYTES("GET / HTTP/1.10\r\nhost: h\r\n\r\n"), SYNTAX},
		{"no minor", BYTES("GET / HTTP/1\r\nhost: h\r\n\r\n"), SYNTAX},
		{"RTSP", BYTES("OPTIONS / RTSP/1.0\r\nhost: h\r\n\r\n"), SYNTAX},
		{"ICE", BYTES("SOURCE / ICE/1.0\r\nhost: h\r\n\r\n"), NOT_HTTP},
		{"neither a method nor a version", BYTES("INVALID CONNECTION PREFACE\r\n\r\n"),
			NOT_HTTP},
		{"a version of HTTP", BYTES("INVALID CONNECTION HTTP/x\r\n\r\n"), SYNTAX},
		{"a method", BYTES("PROPFIND CONNECTION PREFACE\r\n\r\n"), NOT_HTTP},
		{"none", BYTES("GET /\r\nhost: h\r\n\r\n"), SYNTAX},
		{"HTTP/2 preface", BYTES("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"), VERSION},
	};
	CHECK_READINGS(&a_request, cases);
}
END_TEST

START_TEST(refuses_bad_methods) /* SM21 */
{
	static const struct reading_case cases[] = {
		{"at sign", BYTES("G@T / HTTP/1.1\r\nhost: h\r\n\r\n"), SYNTAX},
		{"quotes", BYTES("\"GET\" / HTTP/1.1\r\nhost: h\r\n\r\n"), SYNTAX},
		{"none", BYTES(" / HTTP/1.1\r\nhost: h\r\n\r\n"), SYNTAX},
		{"leading space", BYTES(" GET / HTTP/1.1\r\nhost: h\r\n\r\n"), SYNTAX},
		{"tab behind", BYTES("GET\t / HTTP/1.1\r\nhost: h\r\n\r\n"), SYNTAX},
		{"33 letters",
			BYTES("AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA / HTTP/1.1\r\nhost: h\r\n\r\n"),
			SYNTAX},
		{"NUL", BYTES("GE\0T / HTTP/1.1\r\nhost: h\r\n\r\n"), SYNTAX},
		{"lower case is another method", BYTES("get / HTTP/1.1\r\nhost: h\r\n\r\n"),
			"get / at h\nend keep-alive\n"},
		{"32 letters",
			BYTES("AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA / HTTP/1.1\r\nhost: h\r\n\r\n"),
			"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA / at h\nend keep-alive\n"},
	};
	CHECK_READINGS(&a_request, cases);
}
END_TEST

START_TEST(refuses_doubtful_hosts) /* SM19 */
{
	static const struct reading_case cases[] = {
		{"none", BYTES("GET / HTTP/1.1\r\n\r\n"), HOST},
		{"two", BYTES(GET "host: h\r\n\r\n"), HOST},
		{"two in 1.0", BYTES("GET / HTTP/1.0\r\nhost: h\r\nHOST: i\r\n\r\n"), HOST},
		{"list", BYTES("GET / HTTP/1.1\r\nhost: a, b\r\n\r\n"), HOST},
		{"comma", BYTES("GET / HTTP/1.1\r\nhost: a,b\r\n\r\n"), HOST},
		{"empty", BYTES("GET / HTTP/1.1\r\nhost:\r\n\r\n"), HOST},
		{"userinfo", BYTES("GET / HTTP/1.1\r\nhost: u@h\r\n\r\n"), HOST},
		{"bad port", BYTES("GET / HTTP/1.1\r\nhost: h:99999\r\n\r\n"), HOST},
		{"letters in the port", BYTES("GET / HTTP/1.1\r\nhost: h:8a\r\n\r\n"), HOST},
		{"space", BYTES("GET / HTTP/1.1\r\nhost: a b\r\n\r\n"), HOST},
		{"path", BYTES("GET / HTTP/1.1\r\nhost: a/b\r\n\r\n"), HOST},
		{"byte 128", BYTES("GET / HTTP/1.1\r\nhost: \x80\r\n\r\n"), HOST},
	};
	CHECK_READINGS(&a_request, cases);
}
END_TEST

START_TEST(refuses_two_ways_of_framing) /* SM1, SM2 */
{
	static const struct reading_case cases[] = {
		{"CL.TE",
			BYTES(POST "content-length: 6\r\ntransfer-encoding: "
				   "chunked\r\n\r\n0\r\n\r\nG"),
			FRAMING},
		{"TE.CL",
			BYTES(POST "transfer-encoding: chunked\r\ncontent-length: 4\r\n\r\n5c\r\n"),
			FRAMING},
		{"CL 0 and TE",
			BYTES(POST
				"content-length: 0\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n"),
			FRAMING},
		{"CL and an unknown coding",
			BYTES(POST "content-length: 1\r\ntransfer-encoding: gzip\r\n\r\nx"),
			FRAMING},
		{"equal lengths", BYTES(POST "content-length: 2\r\ncontent-length: 2\r\n\r\nhi"),
			FRAMING},
		{"two lengths", BYTES(POST "content-length: 2\r\nCONTENT-LENGTH: 3\r\n\r\nhi"),
			FRAMING},
		{"list", BYTES(POST "content-length: 2, 2\r\n\r\nhi"), FRAMING},
		{"open list", BYTES(POST "content-length: 2,\r\n\r\nhi"), FRAMING},
		{"TE in 1.0",
			BYTES("POST / HTTP/1.0\r\nhost: h\r\ntransfer-encoding: "
			      "chunked\r\n\r\n0\r\n\r\n"),
			FRAMING},
		{"TE twice",
			BYTES(POST "transfer-encoding: chunked\r\ntransfer-encoding: "
				   "chunked\r\n\r\n0\r\n\r\n"),
			FRAMING},
	};
	CHECK_READINGS(&a_request, cases);
}
END_TEST

START_TEST(refuses_lengths_that_are_no_numbers) /* SM3 */
{
	static const char *const values[] = {"+2", "0x2", "", "-0", "-1", "1 2", "2 ,",
		"18446744073709551618", "9223372036854775808", "0000000000000000000000000000002",
		"1_0", "2.0", "two", "\xc2\xb2", "2;", "1e1", "99999999999999999999"};
	for (size_t i = 0; i < ARRAY_COUNT(values); i++)
		check_reading(&a_request, values[i],
			joined(POST "content-length: ", values[i], "\r\n\r\nhi", NULL), FRAMING);
	check_reading(&a_request, "the largest",
		STR(POST "content-length: 9223372036854775807\r\n\r\n"),
		"POST / at h length 9223372036854775807\n");
}
END_TEST

START_TEST(refuses_codings_other_than_chunked) /* SM5 */
{
	static const struct {
		const char *value, *expected;
	} rows[] = {{"xchunked", CODING}, {"identity", CODING}, {"gzip, chunked", CODING},
		{"gzip", CODING}, {"gzip, deflate", CODING}, {"chunked, identity", FRAMING},
		{"chunked, chunked", FRAMING}, {",chunked", FRAMING}, {"chunked,", FRAMING},
		{"chun\xe2\x84\xaa"
		 "ed",
			FRAMING},
		{"chunked;x=1", FRAMING}, {"chunked ,", FRAMING}, {"\"chunked\"", FRAMING},
		{"", FRAMING}, {"chunked chunked", FRAMING},
		{"\x0b"
		 "chunked",
			SYNTAX},
		{"chunked\x01", SYNTAX}};
	for (size_t i = 0; i < ARRAY_COUNT(rows); i++)
		check_reading(&a_request, rows[i].value,
			joined(POST "transfer-encoding: ", rows[i].value, "\r\n\r\n0\r\n\r\n",
				NULL),
			rows[i].expected);
	check_reading(&a_request, "NUL", STR(POST "transfer-encoding: chunked\0\r\n\r\n0\r\n\r\n"),
		SYNTAX);
	check_reading(&a_request, "case", STR(POST "Transfer-Encoding: CHUNKED\r\n\r\n0\r\n\r\n"),
		"POST / at h chunked\nend keep-alive\n");
}
END_TEST

START_TEST(refuses_disguised_fields) /* SM4, SM7 */
{
	static const struct reading_case cases[] = {
		{"space before the colon", BYTES(POST "content-length : 2\r\n\r\nhi"), SYNTAX},
		{"tab before the colon", BYTES(POST "transfer-encoding\t: chunked\r\n\r\n"),
			SYNTAX},
		{"folded CL", BYTES(POST "content-length:\r\n 2\r\n\r\nhi"), FRAMING},
		{"folded TE", BYTES(POST "transfer-encoding:\r\n chunked\r\n\r\n"), FRAMING},
		{"CL in the fold of another field",
			BYTES(POST "x: a\r\n content-length: 2\r\n\r\nhi"), SYNTAX},
		{"CL in the fold of Host",
			BYTES("POST / HTTP/1.1\r\nhost: h\r\n content-length: 5\r\n\r\nhello"),
			SYNTAX},
		{"tab fold", BYTES(POST "x: a\r\n\tb\r\n\r\n"), SYNTAX},
		{"bare CR as a separator", BYTES(POST "x: a\rcontent-length: 2\r\n\r\nhi"), SYNTAX},
		{"content_length", BYTES(POST "content_length: 2\r\n\r\n"), SYNTAX},
		{"Transfer_Encoding", BYTES(POST "Transfer_Encoding: chunked\r\n\r\n"), SYNTAX},
		{"proxy_connection", BYTES(GET "proxy_connection: x\r\n\r\n"), SYNTAX},
		{"x_forwarded-for", BYTES(GET "x_forwarded-for: x\r\n\r\n"), SYNTAX},
		{"keep_alive", BYTES(GET "keep_alive: x\r\n\r\n"), SYNTAX},
	};
	CHECK_READINGS(&a_request, cases);
}
END_TEST

START_TEST(refuses_bytes_that_no_head_has) /* SM17, SM18 */
{
	static const struct reading_case cases[] = {
		{"CR in a value", BYTES(GET "x: a\rb\r\n\r\n"), SYNTAX},
		{"NUL in a value", BYTES(GET "x: a\0b\r\n\r\n"), SYNTAX},
		{"control byte",
			BYTES(GET "x: a\x01"
				  "b\r\n\r\n"),
			SYNTAX},
		{"DEL",
			BYTES(GET "x: a\x7f"
				  "b\r\n\r\n"),
			SYNTAX},
		{"vertical tab",
			BYTES(GET "x: a\x0b"
				  "b\r\n\r\n"),
			SYNTAX},
		{"control byte far in",
			BYTES(GET "x: 0123456789012345678901234567890123456789\x1f\r\n\r\n"),
			SYNTAX},
		{"LF line", BYTES("GET / HTTP/1.1\r\nhost: h\nx: y\r\n\r\n"), SYNTAX},
		{"LF head", BYTES("GET / HTTP/1.1\nhost: h\n\n"), SYNTAX},
		{"CRLF LF end", BYTES(GET "\n"), SYNTAX},
		{"CR X end", BYTES(GET "\rX"), SYNTAX},
		{"CR CR LF", BYTES(GET "x: y\r\r\n\r\n"), SYNTAX},
		{"space in a name", BYTES(GET "x y: a\r\n\r\n"), SYNTAX},
		{"empty name", BYTES(GET ": a\r\n\r\n"), SYNTAX},
		{"no colon", BYTES(GET "foo\r\n\r\n"), SYNTAX},
		{"leading space", BYTES(GET " x: a\r\n\r\n"), SYNTAX},
		{"tab as a name", BYTES(GET "\t: a\r\n\r\n"), SYNTAX},
		{"byte 128 in a name", BYTES(GET "\x80: a\r\n\r\n"), SYNTAX},
		{"NUL in a name", BYTES(GET "a\0b: a\r\n\r\n"), SYNTAX},
		{"quote in a name", BYTES(GET "\"x\": a\r\n\r\n"), SYNTAX},
		{"space behind the request line", BYTES("GET / HTTP/1.1\r\n host: h\r\n\r\n"),
			SYNTAX},
		{"space behind the version", BYTES("GET / HTTP/1.1 \r\nhost: h\r\n\r\n"), SYNTAX},
	};
	CHECK_READINGS(&a_request, cases);
}
END_TEST

START_TEST(refuses_every_control_byte_wherever_it_stands)
{
	for (unsigned c = 0; c < 256; c++) {
		bool is_control = (c < 0x20 && c != '\t') || c == 0x7f;
		if (!is_control || c == '\r' || c == '\n')
			continue;
		for (size_t at = 0; at < 40; at += 3) {
			char raw[] = GET "x: 0123456789012345678901234567890123456789\r\n\r\n";
			raw[sizeof(GET) - 1 + 3 + at] = (char)c;
			check_reading(
				&a_request, "a control byte", str_n(raw, sizeof(raw) - 1), SYNTAX);
		}
	}
}
END_TEST

START_TEST(removes_what_belongs_to_one_hop) /* HD1 */
{
	static const struct reading_case cases[] = {
		{"the known ones",
			BYTES(GET
				"keep-alive: 5\r\nproxy-connection: x\r\nte: trailers\r\ntrailer: "
				"x\r\n"
				"proxy-authorization: x\r\nproxy-authenticate: y\r\nx: y\r\n\r\n"),
			"GET / at h\n  x: y\nend keep-alive\n"},
		{"nominated, before and behind",
			BYTES(GET "x-mine: 1\r\nconnection: X-Mine, keep-alive\r\nx-mine: 2\r\ny: "
				  "z\r\n\r\n"),
			"GET / at h\n  y: z\nend keep-alive\n"},
		{"nominated by two",
			BYTES(GET "connection: a\r\nconnection: b, close\r\na: 1\r\nb: 2\r\n"
				  "c: 3\r\n\r\n"),
			"GET / at h\n  c: 3\nend close\n"},
		{"empty elements", BYTES(GET "connection: , ,a,\r\na: 1\r\n\r\n"),
			"GET / at h\nend keep-alive\n"},
		{"hop-by-hop ones may be named",
			BYTES(GET "connection: TE, Keep-Alive, Trailer\r\nte: x\r\n\r\n"),
			"GET / at h\nend keep-alive\n"},
		{"h2c",
			BYTES(GET "upgrade: h2c\r\nhttp2-settings: AAMA\r\n"
				  "connection: upgrade, http2-settings\r\n\r\n"),
			"GET / at h upgrade h2c\nend keep-alive\n"},
		{"upgrade without Connection", BYTES(GET "upgrade: websocket\r\n\r\n"),
			"GET / at h\nend keep-alive\n"},
		{"upgrade", BYTES(GET "connection: Upgrade\r\nupgrade: websocket\r\n\r\n"),
			"GET / at h upgrade websocket\nend keep-alive\n"},
		{"upgrade in 1.0",
			BYTES("GET / HTTP/1.0\r\nconnection: upgrade\r\nupgrade: "
			      "websocket\r\n\r\n"),
			"GET / at  1.0\nend close\n"},
		{"two upgrades", BYTES(GET "upgrade: a\r\nupgrade: b\r\n\r\n"), SYNTAX},
		{"no token", BYTES(GET "connection: a b\r\n\r\n"), SYNTAX},
	};
	CHECK_READINGS(&a_request, cases);
	static const char *const protected_names[] = {"Host", "content-length", "Transfer-Encoding",
		"authorization", "Cookie", "X-Forwarded-For", "x-forwarded-prefix", "Forwarded",
		"x-real-ip", "connection", "via", "origin", "expect", "x-request-id",
		"content-type"};
	for (size_t i = 0; i < ARRAY_COUNT(protected_names); i++)
		check_reading(&a_request, protected_names[i],
			joined(GET "connection: close, ", protected_names[i], "\r\n\r\n", NULL),
			HOP);
	struct str many = joined(GET "connection: a", repeated(",b", 32).p, "\r\n\r\n", NULL);
	check_reading(&a_request, "too many", many, HOP);
}
END_TEST

START_TEST(refuses_second_values_of_single_fields) /* HD4 */
{
	static const struct reading_case cases[] = {
		{"Authorization", BYTES(GET "authorization: a\r\nAuthorization: b\r\n\r\n"),
			SYNTAX},
		{"Content-Type", BYTES(GET "content-type: a\r\ncontent-type: a\r\n\r\n"), SYNTAX},
		{"Origin", BYTES(GET "origin: a\r\norigin: b\r\n\r\n"), SYNTAX},
		{"Cookie may come twice", BYTES(GET "cookie: a\r\ncookie: b\r\n\r\n"),
			"GET / at h\n  cookie: a\n  cookie: b\nend keep-alive\n"},
	};
	CHECK_READINGS(&a_request, cases);
}
END_TEST

START_TEST(refuses_other_expectations) /* SM11 */
{
	static const char *const values[] = {
		"y100-continue", "100-continue\t.", "100", "", "100-continue, x", "200-ok"};
	for (size_t i = 0; i < ARRAY_COUNT(values); i++)
		check_reading(&a_request, values[i],
			joined(POST "expect: ", values[i], "\r\ncontent-length: 2\r\n\r\nhi", NULL),
			EXPECTATION);
	check_reading(&a_request, "twice",
		STR(POST "expect: 100-continue\r\nexpect: 100-continue\r\ncontent-length: "
			 "2\r\n\r\nhi"),
		EXPECTATION);
}
END_TEST

START_TEST(refuses_what_is_too_large_and_takes_what_is_not)
{
	const char *a8192 = repeated("a", 8191).p;
	check_reading(&a_request, "target of 8192",
		joined("GET /", a8192, " HTTP/1.1\r\nhost: h\r\n\r\n", NULL),
		joined("GET /", a8192, " at h\nend keep-alive\n", NULL).p);
	check_reading(&a_request, "target of 8193",
		joined("GET /a", a8192, " HTTP/1.1\r\nhost: h\r\n\r\n", NULL),
		"414 request target too long\n");
	check_reading(&a_request, "endless target", joined("GET /", repeated("a", 9000).p, NULL),
		"414 request target too long\n");
	const char *n256 = repeated("n", 256).p;
	check_reading(&a_request, "name of 256", joined(GET, n256, ": x\r\n\r\n", NULL),
		joined("GET / at h\n  ", n256, ": x\nend keep-alive\n", NULL).p);
	check_reading(
		&a_request, "name of 257", joined(GET, "n", n256, ": x\r\n\r\n", NULL), TOO_LARGE);
	check_reading(&a_request, "endless name", joined(GET, n256, n256, NULL), TOO_LARGE);
	const char *v16k = repeated("v", 16383).p;
	check_reading(&a_request, "value of 16383", joined(GET "n: ", v16k, "\r\n\r\n", NULL),
		joined("GET / at h\n  n: ", v16k, "\nend keep-alive\n", NULL).p);
	check_reading(&a_request, "value of 16385", joined(GET "n:", v16k, "vv\r\n\r\n", NULL),
		TOO_LARGE);
	check_reading(&a_request, "endless value", joined(GET "n: ", v16k, v16k, NULL), TOO_LARGE);
	check_reading(&a_request, "a bad byte behind the limit",
		joined(GET "n: ", v16k, "vv\x01\r\n\r\n", NULL), TOO_LARGE);
	check_reading(&a_request, "200 fields",
		joined(GET, repeated("a: b\r\n", 200).p, "\r\n", NULL), TOO_LARGE);
	check_reading(&a_request, "129 fields",
		joined(GET, repeated("a: b\r\n", 129).p, "\r\n", NULL), TOO_LARGE);
	check_reading(&a_request, "128 fields",
		joined(GET, repeated("a: b\r\n", 128).p, "\r\n", NULL),
		joined("GET / at h\n", repeated("  a: b\n", 128).p, "end keep-alive\n", NULL).p);
	const char *v8k = joined("x: ", repeated("v", 8000).p, "\r\n", NULL).p;
	check_reading(&a_request, "80 KB of head", joined(GET, repeated(v8k, 10).p, "\r\n", NULL),
		TOO_LARGE);
	check_reading(&a_request, "64 KB of dropped fields",
		joined(GET, repeated("te: x\r\n", 10000).p, "\r\n", NULL), TOO_LARGE);
	/* Each field counts for 32 bytes more than it has: 100 of 650 are above. */
	const char *v618 = joined("x: ", repeated("v", 645).p, "\r\n", NULL).p;
	check_reading(&a_request, "65,000 bytes in 100 fields",
		joined(GET, repeated(v618, 100).p, "\r\n", NULL), TOO_LARGE);
}
END_TEST

START_TEST(counts_as_idle_only_between_messages)
{
	struct pool *pool = pool_new();
	struct arena arena;
	arena_init(&arena, pool, LIMIT_EXCHANGE_ARENA_BYTES);
	struct h1_parser *p = h1_parser_new(pool, false);
	struct http_request r;
	size_t used;
	ck_assert(h1_parser_is_between_messages(p));
	h1_parser_begin_request(p, &arena, &r);
	ck_assert(h1_parser_is_between_messages(p));
	ck_assert_int_eq(h1_parser_feed(p, STR("\r"), &used), H1_MORE);
	ck_assert(!h1_parser_is_between_messages(p));
	ck_assert_int_eq(h1_parser_feed(p, STR("\n"), &used), H1_MORE);
	ck_assert(h1_parser_is_between_messages(p));
	ck_assert_int_eq(h1_parser_end_of_input(p), H1_MORE);
	ck_assert_int_eq(h1_parser_feed(p, STR("G"), &used), H1_MORE);
	ck_assert(!h1_parser_is_between_messages(p));
	ck_assert_int_eq(
		h1_parser_feed(p, STR("ET / HTTP/1.1\r\nhost: h\r\n\r\n"), &used), H1_HEAD);
	ck_assert(!h1_parser_is_between_messages(p));
	ck_assert_int_eq(h1_parser_feed(p, STR_EMPTY, &used), H1_END);
	ck_assert(h1_parser_is_between_messages(p));
	ck_assert_int_eq(h1_parser_feed(p, STR_EMPTY, &used), H1_MORE);
	ck_assert_int_eq(h1_parser_end_of_input(p), H1_MORE);
	/* Bytes without a message begun belong to nothing. */
	ck_assert_int_eq(h1_parser_feed(p, STR("x"), &used), H1_ERROR);
	ck_assert_int_eq(h1_parser_feed(p, STR("x"), &used), H1_ERROR);
	ck_assert(!h1_parser_keep_alive(p));
	h1_parser_free(p);
	arena_reset(&arena);
	pool_free(pool);
}
END_TEST

START_TEST(an_end_inside_a_message_is_an_error)
{
	static const struct reading ended = {.ends = true};
	static const struct reading_case cases[] = {
		{"in the request line", BYTES("GET /"), "400 ended inside a message\n"},
		{"in the head", BYTES(GET), "400 ended inside a message\n"},
		{"in the body", BYTES(POST "content-length: 5\r\n\r\nhi"),
			"POST / at h length 5\nbody hi\n400 ended inside a message\n"},
		{"in a chunk", BYTES(POST "transfer-encoding: chunked\r\n\r\n5\r\nhi"),
			"POST / at h chunked\nbody hi\n400 ended inside a message\n"},
		{"behind it", BYTES(GET "\r\n"), "GET / at h\nend keep-alive\n"},
	};
	CHECK_READINGS(&ended, cases);
}
END_TEST

START_TEST(a_spent_arena_is_answered)
{
	for (size_t budget = 0; budget < 3000; budget += 16) {
		struct pool *pool = pool_new();
		struct arena arena;
		arena_init(&arena, pool, budget);
		struct h1_parser *p = h1_parser_new(pool, false);
		struct http_request r;
		struct str raw = STR(POST "a: b\r\nc: d\r\ntransfer-encoding: chunked\r\n\r\n0\r\n"
					  "e: f\r\n\r\n");
		size_t at = 0, used;
		enum h1_event event;
		h1_parser_begin_request(p, &arena, &r);
		do {
			event = h1_parser_feed(p, str_slice(raw, at, 5), &used);
			at += used;
		} while ((event == H1_MORE || event == H1_HEAD) && at < raw.n);
		if (event == H1_ERROR)
			ck_assert_int_eq(h1_parser_error(p), H1_ERROR_MEMORY);
		else
			ck_assert(event == H1_END && budget > 500);
		h1_parser_free(p);
		arena_reset(&arena);
		pool_free(pool);
	}
}
END_TEST

UNIT_SUITE(h1_request, takes_ordinary_requests, takes_pipelined_requests_one_by_one,
	tolerates_one_empty_line_before_a_request, takes_every_form_of_target, refuses_bad_targets,
	refuses_other_versions, refuses_bad_methods, refuses_doubtful_hosts,
	refuses_two_ways_of_framing, refuses_lengths_that_are_no_numbers,
	refuses_codings_other_than_chunked, refuses_disguised_fields,
	refuses_bytes_that_no_head_has, refuses_every_control_byte_wherever_it_stands,
	removes_what_belongs_to_one_hop, refuses_second_values_of_single_fields,
	refuses_other_expectations, refuses_what_is_too_large_and_takes_what_is_not,
	counts_as_idle_only_between_messages, an_end_inside_a_message_is_an_error,
	a_spent_arena_is_answered)
