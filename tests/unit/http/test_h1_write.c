/* SPDX-License-Identifier: Apache-2.0 */
/* The bytes that are written; that they read as what was written is in every test of reading. */
#include "base/check.h"
#include "http/h1.h"
#include "support.h"

#include <stdio.h>
#include <stdlib.h>

static const struct h1_write_options stays = {.keep_alive = true};

static void add(struct fields *f, const char *name, const char *value)
{
	ck_assert_int_eq(fields_add(f, str_of(name), str_of(value)), RC_OK);
}

static struct http_request a_get(void)
{
	struct http_request r;
	http_request_init(&r, test_arena());
	r.method = METHOD_GET;
	r.method_name = STR("GET");
	r.path = STR("/a");
	r.authority = STR("h:80");
	return r;
}

static struct http_response an_answer(uint16_t status)
{
	struct http_response r;
	http_response_init(&r, test_arena());
	r.status = status;
	r.reason = http_reason(status);
	return r;
}

static void check_request(
	const struct http_request *r, const struct h1_write_options *o, const char *expected)
{
	size_t most = h1_request_bytes(r, o->proxy);
	char *to = malloc(most);
	size_t n = h1_write_request(r, o, to);
	ck_assert_uint_le(n, most);
	ck_assert_msg(str_eq(str_n(to, n), str_of(expected)), "got\n%.*s\nexpected\n%s", (int)n, to,
		expected);
	free(to);
}

static void check_response(
	const struct http_response *r, const struct h1_write_options *o, const char *expected)
{
	size_t most = h1_response_bytes(r);
	char *to = malloc(most);
	struct str date = o->date;
	size_t n = h1_write_response(r, o, to);
	ck_assert_uint_le(n, most + date.n);
	ck_assert_msg(str_eq(str_n(to, n), str_of(expected)), "got\n%.*s\nexpected\n%s", (int)n, to,
		expected);
	free(to);
}

/* The longest authorities and fields are in the bound, and "*" is no path. */
START_TEST(writes_absolute_forms_for_proxies)
{
	static char name[301];
	memset(name, 'n', 300);
	struct h1_proxy proxy = {STR("up:81"), STR_EMPTY};
	struct h1_write_options o = {.keep_alive = true, .proxy = &proxy};
	struct http_request r = a_get();
	r.has_query = true;
	r.query = STR("b");
	check_request(&r, &o, "GET http://up:81/a?b HTTP/1.1\r\nHost: up:81\r\n\r\n");
	proxy.fields = STR("Proxy-Authorization: Basic eA==\r\n");
	r = a_get();
	r.path = STR("*");
	check_request(&r, &o,
		"GET http://up:81 HTTP/1.1\r\nHost: up:81\r\nProxy-Authorization: Basic "
		"eA==\r\n\r\n");
	char expected[700];
	snprintf(expected, sizeof(expected), "GET http://%s/a HTTP/1.1\r\nHost: %s\r\n\r\n", name,
		name);
	proxy = (struct h1_proxy){str_of(name), STR_EMPTY};
	r = a_get();
	check_request(&r, &o, expected);
}
END_TEST

START_TEST(writes_requests)
{
	struct http_request r = a_get();
	check_request(&r, &stays, "GET /a HTTP/1.1\r\nHost: h:80\r\n\r\n");
	r.has_query = true;
	check_request(&r, &stays, "GET /a? HTTP/1.1\r\nHost: h:80\r\n\r\n");
	r.query = STR("b=c");
	add(&r.fields, "X-A", "1");
	add(&r.fields, "x-empty", "");
	check_request(
		&r, &stays, "GET /a?b=c HTTP/1.1\r\nHost: h:80\r\nX-A: 1\r\nx-empty: \r\n\r\n");
	struct h1_write_options closes = {0};
	r.content_length = 0;
	check_request(&r, &closes,
		"GET /a?b=c HTTP/1.1\r\nHost: h:80\r\nX-A: 1\r\nx-empty: \r\nContent-Length: 0\r\n"
		"Connection: close\r\n\r\n");
}
END_TEST

START_TEST(writes_framing_from_the_length_and_the_options)
{
	struct http_request r = a_get();
	r.content_length = INT64_MAX;
	check_request(&r, &stays,
		"GET /a HTTP/1.1\r\nHost: h:80\r\nContent-Length: 9223372036854775807\r\n\r\n");
	struct h1_write_options chunked = {.keep_alive = true, .chunked = true};
	check_request(&r, &chunked,
		"GET /a HTTP/1.1\r\nHost: h:80\r\nTransfer-Encoding: chunked\r\n\r\n");
	struct h1_write_options upgrade = {.upgrade = true};
	r.content_length = CONTENT_LENGTH_NONE;
	r.upgrade = STR("websocket");
	check_request(&r, &upgrade,
		"GET /a HTTP/1.1\r\nHost: h:80\r\nConnection: upgrade\r\nUpgrade: "
		"websocket\r\n\r\n");
}
END_TEST

START_TEST(writes_responses)
{
	struct http_response r = an_answer(200);
	check_response(&r, &stays, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
	r.content_length = 12;
	add(&r.fields, "Server", "x");
	struct h1_write_options dated = {.date = STR("now")};
	check_response(&r, &dated,
		"HTTP/1.1 200 OK\r\nServer: x\r\nDate: now\r\nContent-Length: 12\r\n"
		"Connection: close\r\n\r\n");
	add(&r.fields, "date", "then");
	check_response(&r, &dated,
		"HTTP/1.1 200 OK\r\nServer: x\r\ndate: then\r\nContent-Length: 12\r\n"
		"Connection: close\r\n\r\n");
	struct http_response bare = an_answer(404);
	bare.reason = STR_EMPTY;
	bare.content_length = CONTENT_LENGTH_UNKNOWN;
	struct h1_write_options closes = {0}, chunked = {.keep_alive = true, .chunked = true};
	check_response(&bare, &closes, "HTTP/1.1 404 \r\nConnection: close\r\n\r\n");
	check_response(&bare, &chunked, "HTTP/1.1 404 \r\nTransfer-Encoding: chunked\r\n\r\n");
}
END_TEST

START_TEST(says_to_an_old_client_what_it_needs)
{
	struct http_response r = an_answer(200);
	r.content_length = 1;
	struct h1_write_options old = {.keep_alive = true, .http10_peer = true};
	check_response(
		&r, &old, "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nConnection: keep-alive\r\n\r\n");
	r.content_length = CONTENT_LENGTH_UNKNOWN;
	struct h1_write_options unknown = {.chunked = true, .http10_peer = true};
	check_response(&r, &unknown, "HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n");
}
END_TEST

START_TEST(writes_no_framing_where_there_can_be_no_content)
{
	struct h1_write_options o = {.keep_alive = true, .date = STR("now")};
	struct http_response r = an_answer(204);
	check_response(&r, &o, "HTTP/1.1 204 No Content\r\nDate: now\r\n\r\n");
	r.content_length = 0;
	check_response(&r, &stays, "HTTP/1.1 204 No Content\r\n\r\n");
	r = an_answer(304);
	check_response(&r, &stays, "HTTP/1.1 304 Not Modified\r\n\r\n");
	r.content_length = 7;
	check_response(&r, &stays, "HTTP/1.1 304 Not Modified\r\nContent-Length: 7\r\n\r\n");
	r = an_answer(100);
	struct h1_write_options closes = {.date = STR("now")};
	check_response(&r, &closes, "HTTP/1.1 100 Continue\r\n\r\n");
	r = an_answer(103);
	add(&r.fields, "Link", "a");
	check_response(&r, &closes, "HTTP/1.1 103 Early Hints\r\nLink: a\r\n\r\n");
	r = an_answer(101);
	r.upgrade = STR("websocket");
	struct h1_write_options upgrade = {.upgrade = true};
	check_response(&r, &upgrade,
		"HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: "
		"websocket\r\n\r\n");
}
END_TEST

START_TEST(writes_chunk_framing)
{
	static const struct {
		size_t n;
		const char *line;
	} rows[] = {{1, "1\r\n"}, {15, "f\r\n"}, {16, "10\r\n"}, {500, "1f4\r\n"},
		{65536, "10000\r\n"}, {(size_t)INT64_MAX, "7fffffffffffffff\r\n"},
		{SIZE_MAX, "ffffffffffffffff\r\n"}};
	for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
		char to[18];
		size_t n = h1_write_chunk_size(rows[i].n, to);
		ck_assert_msg(str_eq(str_n(to, n), str_of(rows[i].line)), "%.*s", (int)n, to);
	}
	char to[64];
	struct fields trailers;
	fields_init(&trailers, test_arena());
	ck_assert_uint_eq(h1_write_last_chunk(NULL, to), h1_last_chunk_bytes(NULL));
	ck_assert_uint_eq(h1_write_last_chunk(&trailers, to), 5);
	add(&trailers, "X-Sum", "5");
	size_t n = h1_write_last_chunk(&trailers, to);
	ck_assert_uint_eq(n, h1_last_chunk_bytes(&trailers));
	assert_str(str_n(to, n), "0\r\nX-Sum: 5\r\n\r\n");
}
END_TEST

/* Copies of every length go by another way: the bytes around them stay. */
START_TEST(writes_parts_of_every_length)
{
	for (size_t name = 1; name < 40; name++)
		for (size_t value = 0; value < 40; value++) {
			struct http_response r = an_answer(200);
			struct str n = repeated("n", name), v = repeated("v", value);
			add(&r.fields, n.p, v.p);
			check_response(&r, &stays,
				joined("HTTP/1.1 200 OK\r\n", n.p, ": ", v.p,
					"\r\nContent-Length: 0\r\n\r\n", NULL)
					.p);
		}
}
END_TEST

UNIT_SUITE(h1_write, writes_requests, writes_absolute_forms_for_proxies,
	writes_framing_from_the_length_and_the_options, writes_responses,
	says_to_an_old_client_what_it_needs, writes_no_framing_where_there_can_be_no_content,
	writes_chunk_framing, writes_parts_of_every_length)
