/* SPDX-License-Identifier: Apache-2.0 */
/* Requests of the gateway's own over real sockets; what answers is a bare socket in the test's
 * hand. */
#include "unit.h"

#include "bench.h"

#include "base/limits.h"
#include "upstream/call.h"

#include <netinet/tcp.h>
#include <poll.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

#define TURNS_MAX   2000
#define REPLY_BYTES 2000

/* One call, and the service's end of its connection. */
static struct bench bench;
static struct upstream_calls calls;
static struct service *service;
static int listen_fd, fd = -1;
static struct address served;
static struct upstream_call call;
static struct address peer;
static unsigned ended;
static bool takes_none, is_beginning;
static char received[4096];
static size_t received_n;

static void on_ended(struct upstream_call *c)
{
	ck_assert_ptr_eq(c, &call);
	ck_assert(!is_beginning);
	ended++;
}

static bool takes(struct upstream_call *c, size_t n)
{
	return !takes_none && n > 0;
}

static void begin_at(const struct breaker_limits *limits)
{
	bench_init(&bench, NULL);
	upstream_calls_init(&calls, bench.upstream);
	ck_assert_int_eq(address_from_ip(STR("127.0.0.1"), 0, &served), RC_OK);
	ck_assert_int_eq(listen_open(&served, 1, 16, &listen_fd), RC_OK);
	ck_assert_int_eq(getsockname(listen_fd, &served.u.sa, &served.n), 0);
	const struct service_options options = {
		.name = STR("default/auth"),
		.scheme = STR("http"),
		.host = STR("127.0.0.1"),
		.port = address_port(&served),
		.connect_timeout_ms = 3000,
		.idle_timeout_ms = 60000,
		.connections_max = 8,
		.waiters_max = 8,
		.breaker = limits ? *limits : (struct breaker_limits){{0}},
	};
	service = service_new(&options);
	takes_none = false;
}

static void begin(void)
{
	begin_at(NULL);
}

static void hang_up(void)
{
	if (fd >= 0)
		close(fd);
	fd = -1;
}

static void end(void)
{
	hang_up();
	if (listen_fd >= 0)
		close(listen_fd);
	service_unref(service);
	bench_deinit(&bench);
}

/* --- the call -------------------------------------------------------------------------------- */
static void ask(enum http_method method, const char *name, const char *body)
{
	struct http_request *r = &call.request;
	call_init(&call, bench.loop, service, LIMIT_CALL_HEAD_BYTES);
	r->method = method;
	r->method_name = str_of(name);
	r->path = r->target = STR("/check");
	r->authority = service_authority(service);
	r->scheme = STR("http");
	r->version_major = r->version_minor = 1;
	call.body = str_of(body);
	if (call.body.n > 0)
		r->content_length = (int64_t)call.body.n;
	call.timeout_ms = 1000;
	call.response_bytes_max = REPLY_BYTES;
	call.ended = on_ended;
	call.takes = takes;
	peer = (struct address){0};
	call.peer = &peer;
	ended = 0;
	received_n = 0;
	is_beginning = true;
	call_begin(&calls.carrier, &call);
	is_beginning = false;
}

static void get(void)
{
	ask(METHOD_GET, "GET", "");
}

/* What was sent over the loopback is there at once. */
static void settle(void)
{
	for (int i = 0; i < 10; i++)
		loop_turn(bench.loop, 0);
}

static void finish(enum upstream_call_result result)
{
	for (int i = 0; i < TURNS_MAX && ended == 0; i++)
		loop_turn(bench.loop, 5);
	ck_assert_uint_eq(ended, 1);
	ck_assert_msg(call.result == result, "result %d: %s", call.result, call.message);
	settle();
	ck_assert_uint_eq(ended, 1);
	ck_assert_ptr_null(call.stream);
	ck_assert(!timer_is_running(&call.timer));
}

static void assert_message(const char *part)
{
	ck_assert_msg(strstr(call.message, part), "no \"%s\" in \"%s\"", part, call.message);
}

/* --- the service's end ----------------------------------------------------------------------- */
static bool is_ready(int at)
{
	struct pollfd p = {.fd = at, .events = POLLIN};
	for (int i = 0; i < TURNS_MAX && poll(&p, 1, 0) == 0; i++)
		loop_turn(bench.loop, 1);
	return p.revents != 0;
}

static void accept_one(void)
{
	ck_assert(is_ready(listen_fd));
	hang_up();
	int on = 1;
	fd = accept(listen_fd, NULL, NULL);
	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on)), 0);
}

/* Until `part` has come. */
static void read_until(const char *part)
{
	received[received_n] = '\0';
	while (!strstr(received, part)) {
		ck_assert_msg(is_ready(fd), "no %s in %s", part, received);
		ssize_t n = recv(fd, received + received_n, sizeof(received) - 1 - received_n, 0);
		ck_assert_int_gt(n, 0);
		received_n += (size_t)n;
		received[received_n] = '\0';
	}
}

static void accept_request(void)
{
	accept_one();
	read_until("\r\n\r\n");
}

/* And lets it arrive, as a piece of its own. */
static void reply(const char *text)
{
	size_t n = strlen(text);
	ck_assert_int_eq(send(fd, text, n, MSG_NOSIGNAL), (ssize_t)n);
	settle();
}

static void reset(void)
{
	struct linger zero = {.l_onoff = 1};
	ck_assert_int_eq(setsockopt(fd, SOL_SOCKET, SO_LINGER, &zero, sizeof(zero)), 0);
	hang_up();
}

/* FIN or RST came from the caller. */
static void expect_closed(void)
{
	char c;
	ck_assert(is_ready(fd));
	ck_assert_int_le(recv(fd, &c, 1, 0), 0);
}

/* --- answers --------------------------------------------------------------------------------- */
START_TEST(an_answer_is_given_as_a_whole)
{
	begin();
	ask(METHOD_POST, "POST", "who is it?");
	accept_request();
	read_until("who is it?");
	ck_assert_ptr_nonnull(strstr(received, "POST /check HTTP/1.1\r\n"));
	ck_assert_ptr_nonnull(strstr(received, "\r\nContent-Length: 10\r\n"));
	reply("HTTP/1.1 403 No\r\nX-Kind: a\r\nContent-Length: 11\r\n\r\nhello");
	ck_assert_uint_eq(ended, 0);
	reply(" world");
	finish(CALL_OK);
	ck_assert_uint_eq(call.response->status, 403);
	assert_str(fields_get(&call.response->fields, STR("x-kind"))->value, "a");
	assert_str(call.content, "hello world");
	ck_assert_str_eq(call.message, "");
	ck_assert_uint_eq(address_port(&peer), address_port(&served));
	ck_assert(!call.on_reused);
	call_deinit(&call);
	end();
}
END_TEST

START_TEST(a_chunked_answer_comes_in_any_pieces)
{
	static const char answer[] = "HTTP/1.1 103 Early Hints\r\nLink: <x>\r\n\r\n"
				     "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
				     "5\r\nhello\r\n6;x=y\r\n world\r\n0\r\nX-End: 1\r\n\r\n";
	begin();
	for (size_t cut = 1; cut < sizeof(answer) - 1; cut++) {
		char first[sizeof(answer)] = "";
		get();
		if (fd < 0)
			accept_one();
		read_until("\r\n\r\n");
		memcpy(first, answer, cut);
		reply(first);
		ck_assert_uint_eq(ended, 0);
		reply(answer + cut);
		finish(CALL_OK);
		ck_assert_uint_eq(call.response->status, 200);
		assert_str(call.content, "hello world");
		ck_assert_uint_eq(call.on_reused, cut > 1);
		call_deinit(&call);
	}
	end();
}
END_TEST

START_TEST(an_answer_without_a_length_ends_with_the_connection)
{
	begin();
	get();
	accept_request();
	reply("HTTP/1.0 200 OK\r\n\r\nall of it");
	ck_assert_uint_eq(ended, 0);
	hang_up();
	finish(CALL_OK);
	assert_str(call.content, "all of it");
	call_deinit(&call);
	end();
}
END_TEST

START_TEST(an_answer_may_come_before_the_body_was_taken)
{
	static char body[4 << 20];
	memset(body, 'x', sizeof(body) - 1);
	begin();
	ask(METHOD_POST, "POST", body);
	accept_request();
	reply("HTTP/1.1 413 No\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
	finish(CALL_OK);
	ck_assert_uint_eq(call.response->status, 413);
	ck_assert_uint_eq(bench_stats(&bench, service).idle, 0);
	call_deinit(&call);
	end();
}
END_TEST

/* --- no answer ------------------------------------------------------------------------------- */
START_TEST(half_an_answer_is_none)
{
	for (int is_reset = 0; is_reset < 2; is_reset++) {
		begin();
		get();
		accept_request();
		reply("HTTP/1.1 200 OK\r\nContent-Length: 11\r\n\r\nhello");
		if (is_reset)
			reset();
		else
			hang_up();
		finish(CALL_UNAVAILABLE);
		ck_assert(call.message[0]);
		ck_assert_uint_eq(call.content.n, 0);
		call_deinit(&call);
		end();
	}
}
END_TEST

START_TEST(a_reset_instead_of_an_answer_is_told_and_tried_once)
{
	begin();
	get();
	accept_request();
	reset();
	finish(CALL_UNAVAILABLE);
	ck_assert_ptr_null(call.response);
	ck_assert(!call.is_retry); /* the connection was new */
	ck_assert_uint_eq(address_port(&peer), address_port(&served));
	call_deinit(&call);
	end();
}
END_TEST

START_TEST(what_is_no_answer_is_refused)
{
	static const char *const rows[] = {
		"SSH-2.0-OpenSSH\r\n\r\n",
		"HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: Upgrade\r\n\r\n",
		"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nx",
	};
	for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
		begin();
		get();
		accept_request();
		reply(rows[i]);
		finish(CALL_UNAVAILABLE);
		ck_assert(call.message[0]);
		call_deinit(&call);
		end();
	}
}
END_TEST

START_TEST(who_refuses_the_connection_is_told_later)
{
	begin();
	close(listen_fd);
	listen_fd = -1;
	get();
	ck_assert_uint_eq(ended, 0);
	finish(CALL_UNAVAILABLE);
	assert_message("refused");
	ck_assert_uint_eq(peer.n, 0);
	call_deinit(&call);
	end();
}
END_TEST

START_TEST(where_the_breaker_has_no_place_nothing_goes_out)
{
	begin_at(&(struct breaker_limits){{[BREAKER_REQUESTS] = 1}});
	ck_assert(breaker_take(service_breaker(service), BREAKER_REQUESTS));
	get();
	ck_assert_uint_eq(ended, 0);
	finish(CALL_UNAVAILABLE);
	assert_message("circuit breaker");
	ck_assert_uint_eq(bench_stats(&bench, service).connects, 0);
	breaker_leave(service_breaker(service), BREAKER_REQUESTS);
	call_deinit(&call);

	get();
	accept_request();
	ck_assert_uint_eq(service_breaker(service)->taken[BREAKER_REQUESTS], 1);
	reply("HTTP/1.1 204 OK\r\n\r\n");
	finish(CALL_OK);
	ck_assert_uint_eq(service_breaker(service)->taken[BREAKER_REQUESTS], 0);
	call_deinit(&call);
	end();
}
END_TEST

/* --- bounds ---------------------------------------------------------------------------------- */
START_TEST(its_time_is_for_all_of_it)
{
	static const char *const said[] = {
		"", "HTTP/1.1 200", "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf"};
	for (size_t i = 0; i < ARRAY_COUNT(said); i++) {
		begin();
		get();
		accept_request();
		loop_fake_advance(bench.loop, 600);
		reply(said[i]);
		loop_fake_advance(bench.loop, 399);
		settle();
		ck_assert_uint_eq(ended, 0);
		loop_fake_advance(bench.loop, 2);
		finish(CALL_TIMEOUT);
		assert_message("in time");
		expect_closed();
		call_deinit(&call);
		end();
	}
}
END_TEST

static void reply_n(size_t n, size_t declared)
{
	char head[100], body[REPLY_BYTES + 2];
	snprintf(head, sizeof(head), "HTTP/1.1 200 OK\r\nContent-Length: %zu\r\n\r\n", declared);
	memset(body, 'x', n);
	body[n] = '\0';
	reply(head);
	reply(body);
}

START_TEST(a_content_has_a_bound)
{
	begin();
	get();
	accept_request();
	reply_n(REPLY_BYTES, REPLY_BYTES);
	finish(CALL_OK);
	ck_assert_uint_eq(call.content.n, REPLY_BYTES);
	call_deinit(&call);

	get();
	read_until("\r\n\r\n");
	reply_n(REPLY_BYTES + 1, 1 << 30); /* the rest is not waited for */
	finish(CALL_TOO_LARGE);
	ck_assert_uint_eq(call.content.n, 0);
	expect_closed();
	call_deinit(&call);

	takes_none = true;
	get();
	accept_request();
	reply_n(1, 1);
	finish(CALL_TOO_LARGE);
	call_deinit(&call);
	end();
}
END_TEST

START_TEST(a_head_has_a_bound)
{
	static char field[3000];
	snprintf(field, sizeof(field), "X-Long: %02900d\r\n", 0);
	begin();
	get();
	call.arena.bytes_max = 4096;
	accept_request();
	reply("HTTP/1.1 200 OK\r\n");
	for (int i = 0; i < 8; i++)
		if (ended == 0)
			reply(field);
	finish(CALL_TOO_LARGE);
	assert_message("head");
	ck_assert_ptr_null(call.response);
	call_deinit(&call);
	end();
}
END_TEST

/* --- cancelling ------------------------------------------------------------------------------ */
START_TEST(what_is_cancelled_never_ends)
{
	begin();
	get(); /* not connected yet */
	call_cancel(&call);
	call_cancel(&call);
	settle();
	call_deinit(&call);

	get();
	accept_request();
	reply("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf");
	call_cancel(&call);
	expect_closed();
	settle();
	ck_assert_uint_eq(ended, 0);
	ck_assert_int_eq(call.result, CALL_PENDING);
	ck_assert_ptr_null(call.stream);
	ck_assert_uint_eq(call.held.bytes, 0);
	ck_assert_uint_eq(address_port(&peer), address_port(&served));
	call_deinit(&call);
	end();
}
END_TEST

/* --- connections ----------------------------------------------------------------------------- */
static void answer_one(void)
{
	get();
	accept_request();
	reply("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
	finish(CALL_OK);
	call_deinit(&call);
	ck_assert_uint_eq(bench_stats(&bench, service).idle, 1);
}

START_TEST(a_connection_is_used_again)
{
	begin();
	answer_one();
	get();
	read_until("\r\n\r\n");
	reply("HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\ntwo");
	finish(CALL_OK);
	assert_str(call.content, "two");
	ck_assert(call.on_reused);
	ck_assert_uint_eq(bench_stats(&bench, service).connects, 1);
	call_deinit(&call);
	end();
}
END_TEST

/* The service closes an idle connection while the request is on its way. */
START_TEST(the_idle_race_is_run_once_more_where_that_is_safe)
{
	begin();
	answer_one();
	get();
	hang_up();
	accept_request();
	reply("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nagain");
	finish(CALL_OK);
	assert_str(call.content, "again");
	ck_assert(call.is_retry);
	call_deinit(&call);
	end();
}
END_TEST

START_TEST(the_idle_race_is_lost_where_that_is_not_safe)
{
	begin();
	answer_one();
	ask(METHOD_POST, "POST", "once");
	read_until("once");
	reset();
	finish(CALL_UNAVAILABLE);
	ck_assert(!call.is_retry);
	ck_assert_uint_eq(bench_stats(&bench, service).connects, 1);
	call_deinit(&call);
	end();
}
END_TEST

UNIT_SUITE(call, an_answer_is_given_as_a_whole, a_chunked_answer_comes_in_any_pieces,
	an_answer_without_a_length_ends_with_the_connection,
	an_answer_may_come_before_the_body_was_taken, half_an_answer_is_none,
	a_reset_instead_of_an_answer_is_told_and_tried_once, what_is_no_answer_is_refused,
	who_refuses_the_connection_is_told_later, where_the_breaker_has_no_place_nothing_goes_out,
	its_time_is_for_all_of_it, a_content_has_a_bound, a_head_has_a_bound,
	what_is_cancelled_never_ends, a_connection_is_used_again,
	the_idle_race_is_run_once_more_where_that_is_safe,
	the_idle_race_is_lost_where_that_is_not_safe)
