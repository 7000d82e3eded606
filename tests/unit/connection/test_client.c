/* SPDX-License-Identifier: Apache-2.0 */
/* Our connection to an upstream: what it sends, what it makes of answers, when it serves again. */
#include "unit.h"

#include "support.h"

static struct probe *ask(struct rig *g)
{
	struct probe *p = rig_open(g);
	probe_ask(p, METHOD_GET, "/x", CONTENT_LENGTH_NONE, true);
	rig_turn(g);
	return p;
}

START_TEST(serves_again_after_a_whole_exchange)
{
	struct rig *g = rig_new();
	rig_dial(g);
	for (unsigned i = 0; i < 3; i++) {
		ck_assert_int_eq(http_client_was_used(g->client), i > 0);
		struct probe *p = ask(g);
		ck_assert_str_eq(rig_text(g), "GET /x HTTP/1.1\r\nHost: origin\r\n\r\n");
		rig_forget(g);
		ck_assert_uint_eq(http_client_capacity(g->client), 0);
		rig_send(g, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi");
		ck_assert(p->has_head && p->stream->in_ended);
		ck_assert_uint_eq(p->stream->response->status, 200);
		assert_str(buffer_str(&p->body), "hi");
		probe_release(p);
		ck_assert_uint_eq(g->idles, i + 1);
	}
	rig_free(g);
}
END_TEST

/* The response outlives its stream: it is the owner's memory. */
START_TEST(leaves_the_response_with_its_owner)
{
	struct rig *g = rig_new();
	rig_dial(g);
	struct probe *p = ask(g);
	rig_send(g, "HTTP/1.1 201 Made\r\nContent-Length: 0\r\nX-A: b\r\n\r\n");
	struct http_response *r = p->stream->response;
	probe_release(p);
	ck_assert_uint_eq(r->status, 201);
	assert_str(fields_get(&r->fields, STR("x-a"))->value, "b");
	rig_free(g);
}
END_TEST

static const char chunked[] = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
			      "5\r\nhello\r\n0\r\nx-sum: 5\r\n\r\n";

START_TEST(takes_a_response_split_at_each_byte)
{
	struct rig *g = rig_new();
	rig_dial(g);
	for (size_t at = 1; at < sizeof(chunked) - 1 && at < PROBES_MAX; at++) {
		struct probe *p = ask(g);
		rig_send_n(g, chunked, at);
		rig_send_n(g, chunked + at, sizeof(chunked) - 1 - at);
		ck_assert(p->stream->in_ended);
		assert_str(buffer_str(&p->body), "hello");
		assert_str(fields_get(p->stream->trailers, STR("x-sum"))->value, "5");
		ck_assert_uint_eq(p->stream->bytes_received, sizeof(chunked) - 1);
		probe_release(p);
		rig_turn(g);
	}
	struct probe *p = ask(g);
	for (size_t at = 0; at < sizeof(chunked) - 1; at++)
		rig_send_n(g, chunked + at, 1);
	ck_assert(p->stream->in_ended);
	rig_free(g);
}
END_TEST

START_TEST(sends_bodies_by_length_and_in_chunks)
{
	struct rig *g = rig_new();
	rig_dial(g);
	struct probe *p = rig_open(g);
	probe_ask(p, METHOD_POST, "/", 5, false);
	probe_send(p, "hel", false);
	probe_send(p, "lo", true);
	ck_assert_str_eq(rig_text(g), "POST / HTTP/1.1\r\nHost: origin\r\nContent-Length: 5\r\n\r\n"
				      "hello");
	rig_send(g, "HTTP/1.1 204 No Content\r\n\r\n");
	probe_release(p);
	rig_forget(g);
	p = rig_open(g);
	probe_ask(p, METHOD_POST, "/", CONTENT_LENGTH_UNKNOWN, false);
	probe_send(p, "hello", false);
	probe_send_trailer(p, "x-sum", "5");
	ck_assert_str_eq(rig_text(g),
		"POST / HTTP/1.1\r\nHost: origin\r\nTransfer-Encoding: chunked\r\n\r\n"
		"5\r\nhello\r\n0\r\nx-sum: 5\r\n\r\n");
	rig_send(g, "HTTP/1.1 204 No Content\r\n\r\n");
	ck_assert(p->stream->in_ended);
	probe_release(p);
	ck_assert_uint_eq(g->idles, 2);
	rig_free(g);
}
END_TEST

START_TEST(never_serves_again_where_anything_is_in_doubt)
{
	static const struct {
		const char *response;
		bool ends; /* with a FIN */
	} rows[] = {
		{"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nhi", false},
		{"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi"
		 "surplus",
			false},
		{"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi"
		 "HTTP/1.1 200 OK\r\n",
			false},
		{"HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nhi", false},
		{"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi", true},
		{"HTTP/1.1 200 OK\r\n\r\nhi", true},
	};
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct rig *g = rig_new();
		rig_dial(g);
		struct probe *p = ask(g);
		rig_send(g, rows[i].response);
		if (rows[i].ends)
			rig_half_close(g);
		ck_assert(p->stream->in_ended && !p->is_reset);
		assert_str(buffer_str(&p->body), "hi");
		probe_release(p);
		rig_turn(g);
		ck_assert_uint_eq(g->idles, 0);
		ck_assert_ptr_null(g->client);
		rig_free(g);
	}
}
END_TEST

START_TEST(never_serves_again_after_an_early_response)
{
	struct rig *g = rig_new();
	rig_dial(g);
	struct probe *p = rig_open(g);
	probe_ask(p, METHOD_POST, "/", 10, false);
	probe_send(p, "hello", false);
	rig_turn(g);
	rig_send(g, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi");
	ck_assert(p->stream->in_ended);
	/* Even if the request becomes whole afterwards. */
	probe_send(p, "world", true);
	rig_turn(g);
	probe_release(p);
	rig_turn(g);
	ck_assert_uint_eq(g->idles, 0);
	ck_assert_ptr_null(g->client);
	rig_free(g);
}
END_TEST

START_TEST(closes_when_bytes_or_an_end_come_while_idle)
{
	for (int i = 0; i < 2; i++) {
		struct rig *g = rig_new();
		rig_dial(g);
		struct probe *p = ask(g);
		rig_send(g, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
		probe_release(p);
		ck_assert_uint_eq(g->idles, 1);
		if (i == 0)
			rig_send(g, "HTTP/1.1 408 Request Timeout\r\n\r\n");
		else
			rig_half_close(g);
		ck_assert_ptr_null(g->client);
		rig_free(g);
	}
}
END_TEST

START_TEST(what_came_before_the_request_left_is_no_answer)
{
	for (int i = 0; i < 3; i++) {
		struct rig *g = rig_new();
		rig_dial(g);
		struct probe *p = rig_open(g);
		if (i > 0)
			probe_ask(p, METHOD_POST, "/", CONTENT_LENGTH_NONE, true);
		/* Nothing was flushed when these are received. */
		if (i < 2)
			rig_send(g, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
		else
			rig_half_close(g);
		ck_assert(p->is_reset && !p->has_head);
		ck_assert_int_eq(p->why, HTTP_RESET_REFUSED);
		rig_free(g);
	}
}
END_TEST

START_TEST(tells_the_ends_apart)
{
	static const struct {
		const char *response;
		enum http_reset why;
		bool has_head;
	} rows[] = {
		{"", HTTP_RESET_CLOSED, false},
		{"HTTP/1.1 2", HTTP_RESET_CLOSED, false},
		{"HTTP/1.1 100 Continue\r\n\r\n", HTTP_RESET_CLOSED, false},
		{"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhi", HTTP_RESET_CLOSED, true},
		{"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n",
			HTTP_RESET_CLOSED, true},
		{"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhi\r\nzz\r\n",
			HTTP_RESET_PROTOCOL, true},
		{"<html>", HTTP_RESET_PROTOCOL, false},
		{"HTTP/1.1 101 Switching\r\nConnection: upgrade\r\nUpgrade: x\r\n\r\n",
			HTTP_RESET_PROTOCOL, false},
	};
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct rig *g = rig_new();
		rig_dial(g);
		struct probe *p = ask(g);
		/* In two parts, so that a head is told before its body goes wrong. */
		const char *body = strstr(rows[i].response, "\r\n\r\n");
		size_t head = rows[i].has_head ? (size_t)(body + 4 - rows[i].response) : 0;
		if (head > 0)
			rig_send_n(g, rows[i].response, head);
		if (rows[i].response[head])
			rig_send(g, rows[i].response + head);
		if (g->client)
			rig_half_close(g);
		ck_assert_msg(p->is_reset, "row %zu: no reset", i);
		ck_assert_msg(p->why == rows[i].why, "row %zu: %d", i, p->why);
		ck_assert_int_eq(p->has_head, rows[i].has_head);
		ck_assert(!p->stream->in_ended);
		ck_assert_uint_eq(p->stream->bytes_received > 0, rows[i].response[0] != 0);
		probe_release(p);
		rig_turn(g);
		ck_assert_ptr_null(g->client);
		rig_free(g);
	}
}
END_TEST

START_TEST(tells_of_a_reset)
{
	struct rig *g = rig_new_tcp();
	rig_dial(g);
	struct probe *p = ask(g);
	rig_expect(g, "GET /x");
	rig_reset(g);
	for (int i = 0; i < 2000 && !p->is_reset; i++)
		rig_turn(g);
	ck_assert_int_eq(p->why, HTTP_RESET_CLOSED);
	ck_assert_uint_eq(p->stream->bytes_received, 0);
	rig_free(g);
}
END_TEST

START_TEST(passes_interim_responses_and_bounds_them)
{
	struct rig *g = rig_new();
	rig_dial(g);
	struct probe *p = ask(g);
	rig_send(g, "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: a\r\n\r\n");
	ck_assert(!p->has_head);
	rig_send(g, "HTTP/1.1 103 Early Hints\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
	ck_assert(p->has_head);
	assert_str(buffer_str(&p->interims), "100 103 103 ");
	ck_assert_uint_eq(p->stream->response->status, 200);
	probe_release(p);
	ck_assert_uint_eq(g->idles, 1);
	p = ask(g);
	for (int i = 0; i < 12 && !p->is_reset; i++)
		rig_send(g, "HTTP/1.1 100 Continue\r\n\r\n");
	ck_assert(p->is_reset);
	ck_assert_int_eq(p->why, HTTP_RESET_PROTOCOL);
	rig_free(g);
}
END_TEST

START_TEST(tunnels_after_a_101_that_was_asked_for)
{
	struct rig *g = rig_new();
	rig_dial(g);
	struct probe *p = rig_open(g);
	probe_ask(p, METHOD_GET, "/upgrade", CONTENT_LENGTH_NONE, true);
	rig_expect(g, "Connection: upgrade\r\nUpgrade: echo\r\n");
	rig_send(
		g, "HTTP/1.1 101 Switching\r\nConnection: upgrade\r\nUpgrade: echo\r\n\r\nraw\r\n");
	ck_assert(p->has_head && p->stream->upgraded && !p->stream->in_ended);
	ck_assert_uint_eq(p->stream->response->status, 101);
	assert_str(buffer_str(&p->body), "raw\r\n");
	rig_forget(g);
	probe_send(p, "HTTP/1.1", true);
	ck_assert_str_eq(rig_text(g), "HTTP/1.1");
	rig_expect_closed(g);
	rig_half_close(g);
	ck_assert(p->stream->in_ended && !p->is_reset);
	probe_release(p);
	rig_turn(g);
	ck_assert_uint_eq(g->idles, 0);
	rig_free(g);
}
END_TEST

START_TEST(never_asks_for_http_2_in_clear_text)
{
	struct rig *g = rig_new();
	rig_dial(g);
	struct probe *p = rig_open(g);
	probe_ask(p, METHOD_GET, "/h2c", CONTENT_LENGTH_NONE, true);
	rig_expect_not(g, "pgrade");
	rig_free(g);
}
END_TEST

START_TEST(a_cancelled_request_is_a_reset_for_the_upstream)
{
	for (int i = 0; i < 2; i++) {
		struct rig *g = rig_new_tcp();
		rig_dial(g);
		struct probe *p = rig_open(g);
		probe_ask(p, METHOD_POST, "/", CONTENT_LENGTH_UNKNOWN, false);
		probe_send(p, "part", false);
		rig_expect(g, "part");
		if (i == 0)
			http_stream_reset(p->stream, HTTP_RESET_CANCELLED);
		probe_release(p);
		rig_expect_closed(g);
		ck_assert(g->was_reset);
		ck_assert(!p->is_reset);
		ck_assert_uint_eq(g->idles, 0);
		rig_free(g);
	}
}
END_TEST

START_TEST(knows_that_answers_to_head_have_no_content)
{
	struct rig *g = rig_new();
	rig_dial(g);
	struct probe *p = rig_open(g);
	probe_ask(p, METHOD_HEAD, "/", CONTENT_LENGTH_NONE, true);
	rig_turn(g);
	rig_send(g, "HTTP/1.1 200 OK\r\nContent-Length: 1234\r\n\r\n");
	ck_assert(p->stream->in_ended && !p->stream->response->has_content);
	ck_assert_int_eq(p->stream->response->content_length, 1234);
	probe_release(p);
	ck_assert_uint_eq(g->idles, 1);
	rig_free(g);
}
END_TEST

START_TEST(tells_why_it_never_opened)
{
	struct rig *g = rig_new();
	char *path = g->address.u.un.sun_path;
	path[strlen(path) - 1] = 'x'; /* nobody listens there */
	rig_try_to_dial(g);
	rig_turn(g);
	ck_assert_ptr_null(g->client);
	ck_assert_int_eq(g->closed_rc, RC_REFUSED);
	ck_assert(!g->is_open);
	rig_free(g);
}
END_TEST

START_TEST(closes_at_once_when_told_to)
{
	struct rig *g = rig_new();
	rig_dial(g);
	struct probe *p = ask(g);
	http_client_close(g->client);
	rig_turn(g);
	ck_assert(p->is_reset);
	ck_assert_ptr_nonnull(g->client); /* until its stream is released */
	probe_release(p);
	rig_turn(g);
	ck_assert_ptr_null(g->client);
	rig_free(g);
}
END_TEST

UNIT_SUITE(client, serves_again_after_a_whole_exchange, leaves_the_response_with_its_owner,
	takes_a_response_split_at_each_byte, sends_bodies_by_length_and_in_chunks,
	never_serves_again_where_anything_is_in_doubt, never_serves_again_after_an_early_response,
	closes_when_bytes_or_an_end_come_while_idle, what_came_before_the_request_left_is_no_answer,
	tells_the_ends_apart, tells_of_a_reset, passes_interim_responses_and_bounds_them,
	tunnels_after_a_101_that_was_asked_for, never_asks_for_http_2_in_clear_text,
	a_cancelled_request_is_a_reset_for_the_upstream, knows_that_answers_to_head_have_no_content,
	tells_why_it_never_opened, closes_at_once_when_told_to)
