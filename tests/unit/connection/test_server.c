/* SPDX-License-Identifier: Apache-2.0 */
/* Messages: what a server connection makes of requests, and how it writes answers. */
#include "unit.h"

#include "base/limits.h"
#include "support.h"

#include <stdio.h>

#define GET "GET /x?q HTTP/1.1\r\nHost: h\r\n\r\n"

START_TEST(answers_with_length_and_date_and_keeps_the_connection)
{
	struct rig *g = rig_new();
	rig_serve(g);
	for (unsigned i = 0; i < 3; i++) {
		rig_send(g, GET);
		struct probe *p = rig_taken(g, i);
		assert_str(p->stream->request->path, "/x");
		assert_str(p->stream->request->scheme, "http");
		ck_assert(p->stream->in_ended);
		ck_assert_uint_eq(p->stream->bytes_received, sizeof(GET) - 1);
		probe_answer(p, 200, "hello");
		ck_assert_str_eq(rig_text(g),
			"HTTP/1.1 200 OK\r\nDate: Sun, 06 Nov 1994 08:49:37 GMT\r\n"
			"Content-Length: 5\r\n\r\nhello");
		rig_forget(g);
	}
	rig_free(g);
}
END_TEST

static void check_echo(struct rig *g)
{
	struct probe *p = rig_taken(g, 0);
	rig_turn(g);
	ck_assert(p->stream->in_ended);
	assert_str(buffer_str(&p->body), "abc0123456789");
	ck_assert_ptr_nonnull(p->stream->trailers);
	assert_str(fields_get(p->stream->trailers, STR("x-sum"))->value, "7");
	probe_answer(p, 200, "ok");
	rig_expect(g, "200 OK");
}

static const char chunked[] = "POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n"
			      "3;ext=1\r\nabc\r\n00a\r\n0123456789\r\n0\r\nx-sum: 7\r\n\r\n";

START_TEST(takes_chunks_and_trailers_split_at_each_byte)
{
	for (size_t at = 1; at < sizeof(chunked) - 1; at++) {
		struct rig *g = rig_new();
		rig_serve(g);
		rig_send_n(g, chunked, at);
		rig_send_n(g, chunked + at, sizeof(chunked) - 1 - at);
		check_echo(g);
		rig_free(g);
	}
}
END_TEST

START_TEST(takes_a_request_byte_by_byte)
{
	struct rig *g = rig_new();
	rig_serve(g);
	for (size_t at = 0; at < sizeof(chunked) - 1; at++)
		rig_send_n(g, chunked + at, 1);
	check_echo(g);
	rig_free(g);
}
END_TEST

START_TEST(looks_at_a_pipelined_request_only_after_the_answer_before)
{
	struct rig *g = rig_new();
	rig_serve(g);
	rig_send(g, GET "POST /2 HTTP/1.1\r\nHost: h\r\nContent-Length: 2\r\n\r\nhi" GET);
	ck_assert_uint_eq(g->taken, 1);
	probe_answer(rig_taken(g, 0), 200, "one");
	rig_turn(g);
	ck_assert_uint_eq(g->taken, 2);
	assert_str(buffer_str(&g->probes[1].body), "hi");
	probe_answer(rig_taken(g, 1), 200, "two");
	probe_answer(rig_taken(g, 2), 200, "three");
	const char *text = rig_text(g);
	ck_assert(strstr(text, "one") < strstr(text, "two"));
	ck_assert(strstr(text, "two") < strstr(text, "three"));
	ck_assert(!g->has_ended);
	rig_free(g);
}
END_TEST

START_TEST(streams_an_answer_of_unknown_length_in_chunks)
{
	struct rig *g = rig_new();
	rig_serve(g);
	rig_send(g, GET);
	struct probe *p = rig_taken(g, 0);
	probe_send_head(p, 200, CONTENT_LENGTH_UNKNOWN, false);
	probe_send(p, "hello", false);
	rig_expect(g, "Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n");
	probe_send(p, "world!", false);
	probe_send_trailer(p, "x-sum", "9");
	rig_expect(g, "6\r\nworld!\r\n0\r\nx-sum: 9\r\n\r\n");
	probe_release(p);
	rig_send(g, GET);
	p = rig_taken(g, 1);
	probe_send_head(p, 200, CONTENT_LENGTH_UNKNOWN, false);
	rig_forget(g);
	probe_send(p, "x", true);
	ck_assert_str_eq(rig_text(g), "1\r\nx\r\n0\r\n\r\n");
	probe_release(p);
	rig_free(g);
}
END_TEST

START_TEST(answers_http_1_0_without_chunks_and_closes)
{
	struct rig *g = rig_new();
	rig_serve(g);
	rig_send(g, "GET / HTTP/1.0\r\n\r\n");
	struct probe *p = rig_taken(g, 0);
	probe_send_head(p, 103, CONTENT_LENGTH_NONE, false);
	probe_send_head(p, 200, CONTENT_LENGTH_UNKNOWN, false);
	probe_send(p, "abc", true);
	probe_release(p);
	rig_expect(g, "Connection: close\r\n\r\nabc");
	rig_expect_not(g, "chunked");
	rig_expect_not(g, "103");
	rig_expect_closed(g);
	rig_free(g);
}
END_TEST

START_TEST(keeps_http_1_0_alive_when_asked)
{
	struct rig *g = rig_new();
	rig_serve(g);
	rig_send(g, "GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n");
	probe_answer(rig_taken(g, 0), 200, "abc");
	rig_expect(g, "Connection: keep-alive\r\n");
	rig_send(g, GET);
	probe_answer(rig_taken(g, 1), 200, "def");
	rig_expect(g, "def");
	rig_free(g);
}
END_TEST

START_TEST(sends_no_content_where_none_may_be)
{
	static const struct {
		const char *method;
		uint16_t status;
		const char *length; /* NULL: none is declared */
	} rows[] = {
		{"HEAD", 200, "Content-Length: 9\r\n"},
		{"GET", 304, "Content-Length: 9\r\n"},
		{"GET", 204, NULL},
	};
	struct rig *g = rig_new();
	rig_serve(g);
	for (unsigned i = 0; i < 3; i++) {
		char head[64];
		snprintf(head, sizeof(head), "%s / HTTP/1.1\r\nHost: h\r\n\r\n", rows[i].method);
		rig_send(g, head);
		struct probe *p = rig_taken(g, i);
		probe_send_head(p, rows[i].status, 9, i == 0);
		if (i > 0)
			probe_send(p, "forbidden", true);
		probe_release(p);
		if (rows[i].length)
			rig_expect(g, rows[i].length);
		else
			rig_expect_not(g, "Content-Length");
		rig_expect_not(g, "forbidden");
		ck_assert(!g->has_ended);
		rig_forget(g);
	}
	rig_free(g);
}
END_TEST

START_TEST(says_that_nothing_follows_when_nothing_follows)
{
	struct rig *g = rig_new();
	rig_serve(g);
	rig_send(g, GET);
	struct probe *p = rig_taken(g, 0);
	probe_send_head(p, 200, CONTENT_LENGTH_UNKNOWN, true);
	probe_release(p);
	rig_expect(g, "Content-Length: 0\r\n\r\n");
	rig_free(g);
}
END_TEST

START_TEST(sends_interim_responses_before_the_answer)
{
	struct rig *g = rig_new();
	rig_serve(g);
	rig_send(g, "POST / HTTP/1.1\r\nHost: h\r\nExpect: 100-continue\r\n"
		    "Content-Length: 4\r\n\r\n");
	struct probe *p = rig_taken(g, 0);
	ck_assert(p->stream->request->expects_continue && !p->stream->in_ended);
	probe_send_head(p, 100, CONTENT_LENGTH_NONE, false);
	ck_assert_str_eq(rig_text(g), "HTTP/1.1 100 Continue\r\n\r\n");
	rig_send(g, "body");
	ck_assert(p->stream->in_ended);
	probe_answer(p, 200, "thanks");
	rig_expect(g, "thanks");
	rig_expect_not(g, "close");
	rig_send(g, GET);
	probe_answer(rig_taken(g, 1), 200, "next");
	rig_expect(g, "next");
	rig_free(g);
}
END_TEST

START_TEST(writes_heads_larger_than_a_block)
{
	struct rig *g = rig_new();
	rig_serve(g);
	rig_send(g, GET);
	struct probe *p = rig_taken(g, 0);
	struct http_response r;
	http_response_init(&r, p->stream->arena);
	r.status = 200;
	r.reason = STR("OK");
	char value[8000];
	memset(value, 'v', sizeof(value));
	for (int i = 0; i < 7; i++)
		ck_assert_int_eq(
			fields_add(&r.fields, STR("x-long"), str_n(value, sizeof(value))), RC_OK);
	http_stream_send_response(p->stream, &r, true);
	probe_release(p);
	ck_assert_uint_gt(strlen(rig_text(g)), 7 * sizeof(value));
	ck_assert_uint_eq(rig_count(g, "x-long: v"), 7);
	rig_free(g);
}
END_TEST

START_TEST(tunnels_after_101_in_both_directions)
{
	struct rig *g = rig_new();
	rig_serve(g);
	/* Bytes behind the head wait for the 101. */
	rig_send(g, "GET /ws HTTP/1.1\r\nHost: h\r\nConnection: upgrade\r\nUpgrade: echo\r\n\r\n"
		    "early");
	struct probe *p = rig_taken(g, 0);
	assert_str(p->stream->request->upgrade, "echo");
	ck_assert_uint_eq(p->body.n, 0);
	probe_send_head(p, 101, CONTENT_LENGTH_NONE, false);
	rig_expect(g, "HTTP/1.1 101 Switching Protocols\r\n");
	rig_expect(g, "Connection: upgrade\r\nUpgrade: echo\r\n");
	ck_assert(p->stream->upgraded && !p->stream->in_ended);
	rig_send(g, "\r\n0\r\n\r\n late");
	assert_str(buffer_str(&p->body), "early\r\n0\r\n\r\n late");
	rig_forget(g);
	probe_send(p, "raw", false);
	ck_assert_str_eq(rig_text(g), "raw");
	rig_half_close(g);
	ck_assert(p->stream->in_ended);
	probe_send(p, "last", true);
	ck_assert_str_eq(rig_text(g), "rawlast");
	rig_expect_closed(g);
	probe_release(p);
	rig_advance(g, LIMIT_FLUSH_IDLE_MS);
	ck_assert_ptr_null(g->server);
	rig_free(g);
}
END_TEST

START_TEST(treats_what_follows_a_refused_upgrade_as_http)
{
	struct rig *g = rig_new();
	rig_serve(g);
	rig_send(g,
		"GET /ws HTTP/1.1\r\nHost: h\r\nConnection: upgrade\r\nUpgrade: echo\r\n\r\n" GET);
	probe_answer(rig_taken(g, 0), 200, "plain");
	probe_answer(rig_taken(g, 1), 200, "next");
	rig_expect(g, "next");
	rig_free(g);
}
END_TEST

UNIT_SUITE(server, answers_with_length_and_date_and_keeps_the_connection,
	takes_chunks_and_trailers_split_at_each_byte, takes_a_request_byte_by_byte,
	looks_at_a_pipelined_request_only_after_the_answer_before,
	streams_an_answer_of_unknown_length_in_chunks, answers_http_1_0_without_chunks_and_closes,
	keeps_http_1_0_alive_when_asked, sends_no_content_where_none_may_be,
	says_that_nothing_follows_when_nothing_follows, sends_interim_responses_before_the_answer,
	writes_heads_larger_than_a_block, tunnels_after_101_in_both_directions,
	treats_what_follows_a_refused_upgrade_as_http)
