/* SPDX-License-Identifier: Apache-2.0 */
/* How a server connection ends: refusals, time limits, early answers, draining, resets. */
#include "unit.h"

#include "base/limits.h"
#include "support.h"

#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

#define GET "GET / HTTP/1.1\r\nHost: h\r\n\r\n"

START_TEST(refuses_a_malformed_head_with_its_status_and_closes)
{
	static const struct {
		const char *head;
		uint16_t status;
	} rows[] = {
		{"GET / HTTP/1.1\r\n\r\n", 400},
		{"GET / HTTP/2.0\r\nHost: h\r\n\r\n", 505},
		{"POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: gzip\r\n\r\n", 501},
		{"POST / HTTP/1.1\r\nHost: h\r\nExpect: x\r\n\r\n", 417},
	};
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct rig *g = rig_new();
		rig_serve(g);
		rig_send(g, rows[i].head);
		ck_assert_uint_eq(g->refused, 1);
		ck_assert_uint_eq(g->refused_status, rows[i].status);
		ck_assert_uint_eq(g->taken, 0);
		rig_expect(g, "Content-Type: application/json");
		rig_expect(g, "Connection: close\r\n");
		rig_expect(g, "{\"error\": \"");
		rig_expect_closed(g);
		ck_assert_ptr_nonnull(g->server); /* it lingers */
		rig_send(g, "what was on its way");
		rig_half_close(g);
		ck_assert_ptr_null(g->server);
		rig_free(g);
	}
}
END_TEST

START_TEST(refuses_before_anybody_sees_a_request_whose_body_is_bad_at_once)
{
	struct rig *g = rig_new();
	rig_serve(g);
	rig_send(g, "POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n");
	ck_assert_uint_eq(g->taken, 0);
	ck_assert_uint_eq(g->refused_status, 400);
	ck_assert_uint_eq(rig_count(g, "HTTP/1.1 "), 1);
	rig_free(g);
}
END_TEST

START_TEST(answers_400_when_a_body_turns_out_bad_later)
{
	struct rig *g = rig_new();
	rig_serve(g);
	rig_send(g, "POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n");
	struct probe *p = rig_taken(g, 0);
	rig_send(g, "zz\r\n");
	ck_assert(p->is_reset);
	ck_assert_int_eq(p->why, HTTP_RESET_PROTOCOL);
	ck_assert_uint_eq(g->refused, 0); /* its owner tells of it */
	rig_expect(g, "HTTP/1.1 400 ");
	rig_expect_closed(g);
	assert_str(buffer_str(&p->body), "a");
	probe_answer(p, 200, "too late");
	rig_expect_not(g, "too late");
	rig_half_close(g);
	ck_assert_ptr_null(g->server);
	rig_free(g);
}
END_TEST

START_TEST(a_bad_second_request_does_not_spoil_the_first)
{
	struct rig *g = rig_new();
	rig_serve(g);
	rig_send(g, GET "GET / HTTP/1.1\r\nbad\r\n\r\n" GET);
	ck_assert_uint_eq(g->refused, 0);
	probe_answer(rig_taken(g, 0), 200, "one");
	rig_turn(g);
	ck_assert_uint_eq(g->refused_status, 400);
	ck_assert_uint_eq(g->taken, 1);
	rig_expect(g, "one");
	rig_expect(g, "HTTP/1.1 400 ");
	rig_free(g);
}
END_TEST

START_TEST(ends_a_head_that_drips_absolutely_after_its_first_byte)
{
	struct rig *g = rig_new();
	rig_serve(g);
	rig_advance(g, 30000);
	rig_send(g, "GET / HTTP/1.1\r\n");
	for (int i = 0; i < 9; i++) {
		rig_advance(g, 1000);
		rig_send(g, "X: y\r\n");
	}
	ck_assert_uint_eq(g->refused, 0);
	rig_advance(g, 1020);
	ck_assert_uint_eq(g->refused_status, 408);
	rig_expect(g, "HTTP/1.1 408 ");
	rig_expect_closed(g);
	rig_free(g);
}
END_TEST

START_TEST(closes_an_idle_connection_without_a_word)
{
	struct rig *g = rig_new();
	rig_serve(g);
	rig_advance(g, 50000);
	rig_send(g, GET);
	ck_assert_int_eq(http_server_idle_since_ms(g->server), -1);
	rig_advance(g, 100000); /* the exchange's time is not the connection's */
	probe_answer(rig_taken(g, 0), 200, "x");
	int64_t now_ms = loop_now_ms(g->loop);
	ck_assert_int_eq(http_server_idle_since_ms(g->server), now_ms);
	rig_advance(g, 59000);
	rig_forget(g);
	ck_assert(!g->has_ended);
	rig_advance(g, 10000); /* looked at in eighths */
	rig_expect_closed(g);
	ck_assert_str_eq(rig_text(g), "");
	ck_assert_uint_eq(g->refused, 0);
	rig_free(g);
}
END_TEST

START_TEST(says_close_with_the_last_request_it_serves)
{
	struct rig *g = rig_new();
	g->options.requests_max = 2;
	rig_serve(g);
	rig_send(g, GET GET GET);
	probe_answer(rig_taken(g, 0), 200, "1");
	rig_expect_not(g, "close");
	probe_answer(rig_taken(g, 1), 200, "2");
	rig_expect(g, "Connection: close");
	rig_expect_closed(g);
	ck_assert_uint_eq(g->taken, 2);
	rig_free(g);
}
END_TEST

START_TEST(closes_when_asked)
{
	struct rig *g = rig_new();
	rig_serve(g);
	rig_send(g, "GET / HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n");
	probe_answer(rig_taken(g, 0), 200, "1");
	rig_expect(g, "Connection: close");
	rig_expect_closed(g);
	rig_free(g);
}
END_TEST

START_TEST(answers_a_client_that_half_closed_after_its_request)
{
	struct rig *g = rig_new();
	rig_serve(g);
	rig_send(g, GET GET);
	rig_half_close(g);
	probe_answer(rig_taken(g, 0), 200, "one");
	rig_turn(g);
	probe_answer(rig_taken(g, 1), 200, "two");
	rig_expect(g, "two");
	rig_expect_closed(g);
	ck_assert_ptr_null(g->server);
	rig_free(g);
}
END_TEST

static int is_probed(int fd, int *seconds)
{
	int on = 0;
	socklen_t n = sizeof(on), m = sizeof(*seconds);
	ck_assert_int_eq(getsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &on, &n), 0);
	ck_assert_int_eq(getsockopt(fd, IPPROTO_TCP, TCP_KEEPINTVL, seconds, &m), 0);
	return on;
}

START_TEST(asks_whether_a_client_that_half_closed_is_still_there)
{
	int seconds;
	struct rig *g = rig_new_tcp();
	rig_serve(g);
	rig_send(g, GET);
	struct probe *p = rig_taken(g, 0);
	probe_send_head(p, 200, CONTENT_LENGTH_UNKNOWN, false);
	rig_turn(g);
	ck_assert(!is_probed(g->served_fd, &seconds));
	rig_half_close(g);
	ck_assert(is_probed(g->served_fd, &seconds));
	ck_assert_int_eq(seconds, LIMIT_PEER_PROBE_S);
	probe_send(p, "late", true);
	probe_release(p);
	rig_expect(g, "late");
	rig_expect_closed(g);
	ck_assert(!p->is_reset);
	rig_free(g);
}
END_TEST

START_TEST(tells_of_an_end_inside_a_head_and_inside_a_body)
{
	struct rig *g = rig_new();
	rig_serve(g);
	rig_send(g, "GET / HT");
	rig_half_close(g);
	ck_assert_uint_eq(g->refused_status, 400);
	rig_expect(g, "HTTP/1.1 400");
	rig_free(g);

	g = rig_new();
	rig_serve(g);
	rig_send(g, "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 9\r\n\r\nabc");
	struct probe *p = rig_taken(g, 0);
	rig_half_close(g);
	ck_assert(p->is_reset && !p->stream->in_ended);
	ck_assert_int_eq(p->why, HTTP_RESET_CLOSED);
	rig_free(g);

	g = rig_new();
	rig_serve(g);
	rig_half_close(g);
	ck_assert_ptr_null(g->server);
	ck_assert_uint_eq(g->refused, 0);
	rig_free(g);
}
END_TEST

START_TEST(tells_the_owner_when_the_client_resets)
{
	struct rig *g = rig_new_tcp();
	rig_serve(g);
	rig_send(g, GET);
	struct probe *p = rig_taken(g, 0);
	rig_reset(g);
	for (int i = 0; i < 2000 && !p->is_reset; i++)
		rig_turn(g);
	ck_assert(p->is_reset);
	ck_assert_int_eq(p->why, HTTP_RESET_CLOSED);
	/* Still there for the record, until it is released. */
	ck_assert_int_eq(p->stream->peer->u.sa.sa_family, AF_INET);
	assert_str(p->stream->request->path, "/");
	ck_assert_ptr_nonnull(g->server);
	probe_answer(p, 200, "nobody hears");
	rig_turn(g);
	ck_assert_ptr_null(g->server);
	rig_free(g);
}
END_TEST

START_TEST(closes_after_an_early_answer_that_the_client_can_read)
{
	struct rig *g = rig_new_tcp();
	rig_serve(g);
	rig_send(g, "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 1000000\r\n\r\nabc");
	probe_answer(rig_taken(g, 0), 403, "no");
	rig_expect(g, "Connection: close");
	rig_send(g, "more of the body that nobody wants");
	rig_expect(g, "\r\n\r\nno");
	rig_expect_closed(g);
	ck_assert(!g->was_reset);
	rig_free(g);
}
END_TEST

START_TEST(reads_a_short_rest_and_goes_on_after_an_early_answer)
{
	struct rig *g = rig_new();
	rig_serve(g);
	rig_send(g, "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 10\r\n\r\nabc");
	probe_answer(rig_taken(g, 0), 403, "no");
	rig_expect_not(g, "close");
	rig_send(g, "defg");
	rig_send(g, "hij" GET);
	probe_answer(rig_taken(g, 1), 200, "next");
	rig_expect(g, "next");
	/* But not for long. */
	rig_send(g, "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 10\r\n\r\nabc");
	probe_answer(rig_taken(g, 2), 403, "no");
	rig_advance(g, LIMIT_LINGER_MS + 10);
	rig_expect_closed(g);
	rig_free(g);
}
END_TEST

START_TEST(does_not_wait_for_a_body_that_was_never_asked_for)
{
	struct rig *g = rig_new();
	rig_serve(g);
	rig_send(g, "POST / HTTP/1.1\r\nHost: h\r\nExpect: 100-continue\r\n"
		    "Content-Length: 10\r\n\r\n");
	probe_answer(rig_taken(g, 0), 401, "no");
	rig_expect(g, "Connection: close");
	rig_expect_closed(g);
	rig_free(g);
}
END_TEST

START_TEST(a_draining_connection_serves_one_more_request)
{
	struct rig *g = rig_new();
	rig_serve(g);
	rig_send(g, GET);
	probe_answer(rig_taken(g, 0), 200, "before");
	http_server_drain(g->server, 2000);
	rig_advance(g, 1900);
	rig_send(g, GET);
	probe_answer(rig_taken(g, 1), 200, "after");
	rig_expect(g, "Connection: close\r\n\r\nafter");
	rig_expect_closed(g);
	rig_free(g);

	g = rig_new();
	rig_serve(g);
	http_server_drain(g->server, 2000);
	rig_advance(g, 2010);
	rig_expect_closed(g);
	ck_assert_str_eq(rig_text(g), "");
	rig_free(g);
}
END_TEST

START_TEST(a_busy_connection_drains_after_its_answer)
{
	struct rig *g = rig_new();
	rig_serve(g);
	rig_send(g, GET GET);
	struct probe *p = rig_taken(g, 0);
	probe_send_head(p, 200, 2, false);
	http_server_drain(g->server, 2000);
	probe_send(p, "ok", true);
	probe_release(p);
	/* Its head had promised to go on. */
	probe_answer(rig_taken(g, 1), 200, "last");
	rig_expect(g, "Connection: close\r\n\r\nlast");
	rig_expect_closed(g);
	rig_free(g);
}
END_TEST

START_TEST(an_aborted_connection_tells_its_owner_and_waits_for_the_release)
{
	struct rig *g = rig_new();
	rig_serve(g);
	rig_send(g, GET);
	struct probe *p = rig_taken(g, 0);
	http_server_abort(g->server);
	rig_turn(g);
	ck_assert(p->is_reset);
	rig_expect_closed(g);
	ck_assert_ptr_nonnull(g->server);
	probe_release(p);
	rig_turn(g);
	ck_assert_ptr_null(g->server);
	rig_free(g);
}
END_TEST

#define LARGE 16000000 /* more than sockets hold */

/* To us it is idle once the answer is queued. */
START_TEST(who_still_reads_the_last_answer_is_evicted_behind_it)
{
	struct rig *g = rig_new_tcp();
	rig_serve(g);
	rig_send(g, GET);
	struct probe *p = rig_taken(g, 0);
	probe_send_head(p, 200, LARGE, false);
	probe_send_n(p, LARGE, true);
	probe_release(p);
	rig_turn(g);
	ck_assert_int_ge(http_server_idle_since_ms(g->server), 0);
	ck_assert(http_server_evict(g->server));
	ck_assert_int_eq(http_server_idle_since_ms(g->server), -1);
	ck_assert(!http_server_evict(g->server));
	rig_expect_closed(g);
	ck_assert(!g->was_reset);
	ck_assert_uint_gt(g->received.n, LARGE);
	close(g->fd);
	g->fd = -1;
	rig_turn(g);
	ck_assert_ptr_null(g->server);
	rig_free(g);
}
END_TEST

START_TEST(who_is_silent_is_evicted_at_once_and_not_reset)
{
	for (int i = 0; i < 2; i++) {
		struct rig *g = i == 0 ? rig_new() : rig_new_tcp();
		rig_serve(g);
		rig_send(g, GET);
		probe_answer(rig_taken(g, 0), 200, "done");
		rig_expect(g, "done");
		ck_assert(http_server_evict(g->server));
		rig_turn(g);
		ck_assert_ptr_null(g->server); /* whatever the client does */
		rig_expect_closed(g);
		ck_assert(!g->was_reset);
		rig_free(g);
	}
}
END_TEST

/* Closing would answer it with a reset. */
START_TEST(whose_request_waits_to_be_read_is_not_evicted)
{
	struct rig *g = rig_new_tcp();
	rig_serve(g);
	rig_send(g, GET);
	probe_answer(rig_taken(g, 0), 200, "first");
	rig_expect(g, "first");
	ck_assert_int_eq(send(g->fd, GET, strlen(GET), MSG_NOSIGNAL), (ssize_t)strlen(GET));
	ck_assert_int_ge(http_server_idle_since_ms(g->server), 0);
	ck_assert(!http_server_evict(g->server));
	rig_turn(g);
	ck_assert(!http_server_evict(g->server));
	probe_answer(rig_taken(g, 1), 200, "second");
	rig_expect(g, "second");
	rig_free(g);
}
END_TEST

/* What ends early must not look whole, however it was framed. */
START_TEST(a_cut_answer_is_a_reset_for_the_client)
{
	static const struct {
		const char *request;
		int64_t length;
	} rows[] = {
		{GET, 10},
		{GET, CONTENT_LENGTH_UNKNOWN},
		{"GET / HTTP/1.0\r\n\r\n", CONTENT_LENGTH_UNKNOWN},
	};
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		for (int how = 0; how < 2; how++) {
			struct rig *g = rig_new_tcp();
			rig_serve(g);
			rig_send(g, rows[i].request);
			struct probe *p = rig_taken(g, 0);
			probe_send_head(p, 200, rows[i].length, false);
			probe_send(p, "part", false);
			rig_expect(g, "part");
			if (how == 0)
				http_stream_reset(p->stream, HTTP_RESET_CLOSED);
			probe_release(p);
			rig_expect_closed(g);
			ck_assert(g->was_reset);
			ck_assert(!p->is_reset);
			rig_free(g);
		}
}
END_TEST

START_TEST(an_answer_of_another_length_than_declared_is_cut)
{
	for (int i = 0; i < 2; i++) {
		struct rig *g = rig_new_tcp();
		rig_serve(g);
		rig_send(g, GET);
		struct probe *p = rig_taken(g, 0);
		probe_send_head(p, 200, 5, false);
		probe_send(p, i == 0 ? "abc" : "abcdefg", true);
		rig_expect_closed(g);
		ck_assert(g->was_reset);
		ck_assert(p->is_reset);
		rig_free(g);
	}
}
END_TEST

UNIT_SUITE(server_ends, refuses_a_malformed_head_with_its_status_and_closes,
	refuses_before_anybody_sees_a_request_whose_body_is_bad_at_once,
	answers_400_when_a_body_turns_out_bad_later, a_bad_second_request_does_not_spoil_the_first,
	ends_a_head_that_drips_absolutely_after_its_first_byte,
	closes_an_idle_connection_without_a_word, says_close_with_the_last_request_it_serves,
	closes_when_asked, answers_a_client_that_half_closed_after_its_request,
	asks_whether_a_client_that_half_closed_is_still_there,
	tells_of_an_end_inside_a_head_and_inside_a_body, tells_the_owner_when_the_client_resets,
	closes_after_an_early_answer_that_the_client_can_read,
	reads_a_short_rest_and_goes_on_after_an_early_answer,
	does_not_wait_for_a_body_that_was_never_asked_for,
	a_draining_connection_serves_one_more_request, a_busy_connection_drains_after_its_answer,
	an_aborted_connection_tells_its_owner_and_waits_for_the_release,
	who_still_reads_the_last_answer_is_evicted_behind_it,
	who_is_silent_is_evicted_at_once_and_not_reset,
	whose_request_waits_to_be_read_is_not_evicted, a_cut_answer_is_a_reset_for_the_client,
	an_answer_of_another_length_than_declared_is_cut)
