/* SPDX-License-Identifier: Apache-2.0 */
#include "unit.h"

#include "base/check.h"
#include "base/limits.h"
#include "net/proxy_protocol.h"

#include <stdlib.h>

#define SIGNATURE "\r\n\r\n\0\r\nQUIT\n"

/* A literal with its NULs. */
#define ROW(literal) literal, sizeof(literal) - 1

static enum proxy_header_event parse(const void *bytes, size_t n, struct proxy_header *h)
{
	/* A heap block of its own, so that a read behind it shows. */
	char *copy = malloc(n ? n : 1);
	memcpy(copy, bytes, n);
	enum proxy_header_event event = proxy_header_parse(str_n(copy, n), h);
	free(copy);
	return event;
}

static const char *text_of(const struct address *a, char out[ADDRESS_TEXT_BYTES])
{
	struct str text = a->n > 0 ? address_text(a, out) : STR_EMPTY;
	out[text.n] = '\0';
	return out;
}

/* Whole, with bytes behind it, and cut at each byte, where it always wants more. */
static void assert_valid(const char *bytes, size_t n, const char *source, const char *destination)
{
	struct proxy_header h;
	char more[LIMIT_PROXY_HEADER_BYTES + 8], text[ADDRESS_TEXT_BYTES];
	for (size_t i = 0; i < n; i++)
		ck_assert_msg(parse(bytes, i, &h) == PROXY_HEADER_MORE, "cut at %zu", i);
	memcpy(more, bytes, n);
	memcpy(more + n, "GET /", 5);
	for (size_t k = 0; k <= 5; k++) {
		ck_assert_int_eq(parse(more, n + k, &h), PROXY_HEADER_DONE);
		ck_assert_uint_eq(h.bytes, n);
	}
	ck_assert_str_eq(text_of(&h.source, text), source);
	ck_assert_str_eq(text_of(&h.destination, text), destination);
}

START_TEST(reads_lines)
{
	assert_valid(ROW("PROXY TCP4 192.0.2.7 198.51.100.9 56324 443\r\n"), "192.0.2.7:56324",
		"198.51.100.9:443");
	assert_valid(ROW("PROXY TCP6 2001:db8::7 2001:db8::9 0 65535\r\n"), "[2001:db8::7]:0",
		"[2001:db8::9]:65535");
	assert_valid(ROW("PROXY UNKNOWN\r\n"), "", "");
	assert_valid(ROW("PROXY UNKNOWN ffff:f...f:ffff anything at all\r\n"), "", "");
}
END_TEST

START_TEST(refuses_other_lines)
{
	static const struct {
		const char *bytes;
		size_t n;
	} rows[] = {
		{ROW("GET / HTTP/1.1\r\n")},
		{ROW("proxy TCP4 1.1.1.1 2.2.2.2 1 2\r\n")},
		{ROW("PROXY  TCP4 1.1.1.1 2.2.2.2 1 2\r\n")},
		{ROW("PROXY TCP4 1.1.1.1 2.2.2.2 1 2 \r\n")},
		{ROW("PROXY TCP4 1.1.1.1 2.2.2.2 1 2 3\r\n")},
		{ROW("PROXY TCP4 1.1.1.1 2.2.2.2 1\r\n")},
		{ROW("PROXY TCP4 1.1.1.1 2.2.2.2\r\n")},
		{ROW("PROXY TCP4\r\n")},
		{ROW("PROXY \r\n")},
		{ROW("PROXY TCP5 1.1.1.1 2.2.2.2 1 2\r\n")},
		{ROW("PROXY TCP4 ::1 ::1 1 2\r\n")},
		{ROW("PROXY TCP6 1.1.1.1 2.2.2.2 1 2\r\n")},
		{ROW("PROXY TCP6 [::1] [::1] 1 2\r\n")},
		{ROW("PROXY TCP4 1.1.1.256 2.2.2.2 1 2\r\n")},
		{ROW("PROXY TCP4 01.1.1.1 2.2.2.2 1 2\r\n")},
		{ROW("PROXY TCP4 1.1.1.1 2.2.2.2 01 2\r\n")},
		{ROW("PROXY TCP4 1.1.1.1 2.2.2.2 65536 2\r\n")},
		{ROW("PROXY TCP4 1.1.1.1 2.2.2.2 -1 2\r\n")},
		{ROW("PROXY TCP4 1.1.1.1 2.2.2.2 1 2\n")},
		{ROW("PROXY TCP4 1.1.1.1 2.2.2.2 1 2\rx")},
		{ROW("PROXY TCP4 1.1.1.1\t2.2.2.2 1 2\r\n")},
		{ROW("PROXY UNKNOWN \0\r\n")},
		{ROW("PROXY UNKNOWN \x80\r\n")},
		{ROW("PROXY UNKNOWNX\r\n")},
	};
	for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
		struct proxy_header h;
		ck_assert_msg(parse(rows[i].bytes, rows[i].n, &h) == PROXY_HEADER_INVALID, "%s",
			rows[i].bytes);
	}
}
END_TEST

START_TEST(lines_have_107_bytes_at_most)
{
	char line[200] = "PROXY UNKNOWN ";
	struct proxy_header h;
	memset(line + 14, 'x', sizeof(line) - 14);
	ck_assert_int_eq(parse(line, 106, &h), PROXY_HEADER_MORE);
	ck_assert_int_eq(parse(line, 107, &h), PROXY_HEADER_INVALID);
	memcpy(line + 105, "\r\n", 2);
	assert_valid(line, 107, "", "");
	memcpy(line + 105, "x\r\n", 3);
	ck_assert_int_eq(parse(line, 107, &h), PROXY_HEADER_INVALID);
	ck_assert_int_eq(parse(line, 108, &h), PROXY_HEADER_INVALID);
}
END_TEST

#define V4 "\xc0\x00\x02\x07\xc6\x33\x64\x09\xdc\x04\x01\xbb"
#define V6                                                                                         \
	"\x20\x01\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\x07"                                               \
	"\x20\x01\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\x09\x00\x01\x01\xbb"

START_TEST(reads_binary_headers)
{
	assert_valid(
		ROW(SIGNATURE "\x21\x11\x00\x0c" V4), "192.0.2.7:56324", "198.51.100.9:443");
	assert_valid(ROW(SIGNATURE "\x21\x21\x00\x24" V6), "[2001:db8::7]:1", "[2001:db8::9]:443");
	/* What else it may tell: skipped, by its lengths. */
	assert_valid(ROW(SIGNATURE "\x21\x11\x00\x18" V4 "\xee\x00\x03"
				   "abc"
				   "\x04\x00\x03\0\0\0"),
		"192.0.2.7:56324", "198.51.100.9:443");
	/* Nobody told of, whatever stands there. */
	assert_valid(ROW(SIGNATURE "\x20\x00\x00\x00"), "", "");
	assert_valid(ROW(SIGNATURE "\x20\x11\x00\x0c" V4), "", "");
	assert_valid(ROW(SIGNATURE "\x20\xff\x00\x02xx"), "", "");
	assert_valid(ROW(SIGNATURE "\x21\x00\x00\x03xyz"), "", "");
}
END_TEST

START_TEST(reads_addresses_of_sockets_without_one)
{
	char header[16 + 216] = SIGNATURE;
	memcpy(header + 12, "\x21\x31\x00\xd8", 4);
	memset(header + 16, 'x', 216);
	assert_valid(header, sizeof(header), "", "");
}
END_TEST

START_TEST(refuses_other_binary_headers)
{
	static const struct {
		const char *bytes;
		size_t n;
	} rows[] = {
		{ROW("\r\n\r\n\0\r\nQUIX")},
		{ROW(SIGNATURE "\x11")},                             /* version 1 */
		{ROW(SIGNATURE "\x22")},                             /* no such command */
		{ROW(SIGNATURE "\x21\x11\x00\x0b" V4)},              /* shorter than its addresses */
		{ROW(SIGNATURE "\x21\x21\x00\x0c" V4)},              /* IPv6 in 12 bytes */
		{ROW(SIGNATURE "\x21\x12\x00\x0c" V4)},              /* datagrams */
		{ROW(SIGNATURE "\x21\x41\x00\x0c" V4)},              /* no such family */
		{ROW(SIGNATURE "\x21\x31\x00\x0c" V4)},              /* a UNIX socket in 12 bytes */
		{ROW(SIGNATURE "\x21\x11\x00\x0d" V4 "\x01")},       /* half a record */
		{ROW(SIGNATURE "\x21\x11\x00\x0f" V4 "\x01\x00\x01")}, /* one that ends behind */
		{ROW(SIGNATURE "\x21\x11\x00\x12" V4 "\x01\xff\xff"
			       "abc")},
		{ROW(SIGNATURE "\x21\x11\x0f\xf1")}, /* 4097 bytes */
		{ROW(SIGNATURE "\x20\x00\xff\xff")},
	};
	for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
		struct proxy_header h;
		ck_assert_msg(parse(rows[i].bytes, rows[i].n, &h) == PROXY_HEADER_INVALID,
			"row %zu", i);
	}
}
END_TEST

START_TEST(takes_headers_up_to_the_limit)
{
	static char header[LIMIT_PROXY_HEADER_BYTES] = SIGNATURE "\x21\x11\x0f\xf0" V4 "\xee\x0f\xe1";
	struct proxy_header h;
	ck_assert_int_eq(parse(header, sizeof(header), &h), PROXY_HEADER_DONE);
	ck_assert_uint_eq(h.bytes, sizeof(header));
	ck_assert_int_eq(parse(header, sizeof(header) - 1, &h), PROXY_HEADER_MORE);
}
END_TEST

UNIT_SUITE(proxy_protocol, reads_lines, refuses_other_lines, lines_have_107_bytes_at_most,
	reads_binary_headers, reads_addresses_of_sockets_without_one, refuses_other_binary_headers,
	takes_headers_up_to_the_limit)
