/* SPDX-License-Identifier: Apache-2.0 */
/* HTTP/2 to an upstream that is a bare socket: its frames are written by hand. */
#include "unit.h"

#include "base/limits.h"
#include "support.h"

#include <sys/socket.h>
#include <unistd.h>

enum { DATA, HEADERS, PRIORITY, RST_STREAM, SETTINGS, PUSH_PROMISE, PING, GOAWAY, WINDOW_UPDATE };
enum { END_STREAM = 1, ACK = 1, END_HEADERS = 4 };

#define FRAME_HEAD_BYTES 9
#define PREFACE_BYTES    24
/* ":status: 200" and ":status: 204" in HPACK's static table. */
#define OK_200         STR("\x88")
#define NO_CONTENT_204 STR("\x89")
#define NOTHING        STR("")

static void put_frame(
	struct buffer *b, unsigned type, unsigned flags, unsigned id, struct str payload)
{
	const char head[FRAME_HEAD_BYTES] = {(char)(payload.n >> 16), (char)(payload.n >> 8),
		(char)payload.n, (char)type, (char)flags, (char)(id >> 24), (char)(id >> 16),
		(char)(id >> 8), (char)id};
	buffer_add(b, str_n(head, sizeof(head)));
	buffer_add(b, payload);
}

static void say(struct rig *g, unsigned type, unsigned flags, unsigned id, struct str payload)
{
	struct buffer b;
	buffer_init(&b, 1u << 20);
	put_frame(&b, type, flags, id, payload);
	rig_send_n(g, b.p, b.n);
	buffer_deinit(&b);
}

/* A payload of one number of 32 bits. */
static void say_u32(struct rig *g, unsigned type, unsigned id, uint32_t value)
{
	const char payload[4] = {
		(char)(value >> 24), (char)(value >> 16), (char)(value >> 8), (char)value};
	say(g, type, 0, id, str_n(payload, sizeof(payload)));
}

static void say_goaway(struct rig *g, unsigned last)
{
	const char payload[8] = {0, 0, 0, (char)last, 0, 0, 0, 0};
	say(g, GOAWAY, 0, 0, str_n(payload, sizeof(payload)));
}

/* The nth frame (from 0) of that type and stream that we sent since the last rig_forget; or -1. Its
 * payload's length. */
static int heard(struct rig *g, unsigned type, unsigned id)
{
	rig_text(g);
	struct str all = buffer_str(&g->received);
	if (str_starts(all, STR("PRI * HTTP/2.0")))
		all = str_from(all, PREFACE_BYTES);
	while (all.n >= FRAME_HEAD_BYTES) {
		const unsigned char *p = (const unsigned char *)all.p;
		size_t n = (size_t)p[0] << 16 | (size_t)p[1] << 8 | p[2];
		unsigned stream = (unsigned)p[7] << 8 | p[8];
		if (p[3] == type && stream == id)
			return (int)n;
		all = str_from(all, FRAME_HEAD_BYTES + n);
	}
	return -1;
}

static struct rig *begin_asking(int ping_ms)
{
	struct rig *g = rig_new();
	g->protocol = HTTP_CLIENT_2;
	g->http2 = (struct http2_options){
		.streams_max = 8,
		.stream_window_bytes = LIMIT_H2_STREAM_WINDOW_BYTES,
		.connection_window_bytes = LIMIT_H2_CONNECTION_WINDOW_BYTES,
		.ping_ms = ping_ms,
	};
	rig_try_to_dial(g);
	rig_turn(g);
	g->fd = accept4(g->listen_fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
	ck_assert_int_ge(g->fd, 0);
	rig_turn(g);
	return g;
}

static struct rig *begin(void)
{
	return begin_asking(0);
}

#define PING_MS 1000

static struct rig *begin_with_pings(void)
{
	struct rig *g = begin_asking(PING_MS);
	say(g, SETTINGS, 0, 0, NOTHING);
	return g;
}

static struct rig *begin_open(void)
{
	struct rig *g = begin();
	say(g, SETTINGS, 0, 0, NOTHING);
	ck_assert(g->is_open);
	return g;
}

static struct probe *ask(struct rig *g)
{
	struct probe *p = rig_open(g);
	probe_ask(p, METHOD_GET, "/x", CONTENT_LENGTH_NONE, true);
	rig_turn(g);
	return p;
}

START_TEST(is_open_when_the_settings_came)
{
	struct rig *g = begin();
	rig_expect(g, "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n");
	ck_assert(!g->is_open);
	/* MAX_CONCURRENT_STREAMS = 3 */
	say(g, SETTINGS, 0, 0, STR("\0\3\0\0\0\3"));
	ck_assert(g->is_open);
	ck_assert(http_client_is_multiplexed(g->client));
	ck_assert_uint_eq(http_client_capacity(g->client), 3);
	ask(g);
	rig_open(g); /* without a request yet */
	ck_assert_uint_eq(http_client_capacity(g->client), 1);
	/* It may change. */
	say(g, SETTINGS, 0, 0, STR("\0\3\0\0\0\7"));
	ck_assert_uint_eq(g->idles, 1);
	ck_assert_uint_eq(http_client_capacity(g->client), 5);
	rig_free(g);
}
END_TEST

START_TEST(who_says_no_settings_is_given_up)
{
	struct rig *g = begin();
	rig_advance(g, 1100);
	ck_assert_ptr_null(g->client);
	ck_assert_int_eq(g->closed_rc, RC_TIMEOUT);
	rig_free(g);
	static const char *const texts[] = {"HTTP/1.1 400 Bad Request\r\n\r\n", "220 mail\r\n"};
	for (size_t i = 0; i < ARRAY_COUNT(texts); i++) {
		g = begin();
		rig_send(g, texts[i]);
		close(g->fd);
		g->fd = -1;
		rig_turn(g);
		ck_assert_ptr_null(g->client);
		ck_assert_int_eq(g->closed_rc, RC_UNSUPPORTED);
		rig_free(g);
	}
	g = begin();
	rig_half_close(g);
	ck_assert_int_eq(g->closed_rc, RC_UNSUPPORTED);
	rig_free(g);
}
END_TEST

START_TEST(carries_many_streams)
{
	struct rig *g = begin_open();
	struct probe *p[3];
	for (int i = 0; i < 3; i++)
		p[i] = ask(g);
	static const unsigned ids[] = {5, 3, 1};
	for (size_t i = 0; i < ARRAY_COUNT(ids); i++) {
		unsigned id = ids[i];
		ck_assert_int_ge(heard(g, HEADERS, id), 1);
		say(g, HEADERS, END_HEADERS, id, OK_200);
		say(g, DATA, END_STREAM, id, id == 3 ? STR("three") : STR("odd"));
	}
	for (int i = 0; i < 3; i++) {
		ck_assert(p[i]->has_head && p[i]->stream->in_ended && !p[i]->is_reset);
		struct str body = buffer_str(&p[i]->body);
		ck_assert(str_eq(body, i == 1 ? STR("three") : STR("odd")));
		probe_release(p[i]);
	}
	ck_assert_uint_eq(g->idles, 3);
	ck_assert(http_client_is_idle(g->client));
	ck_assert_uint_eq(http_client_capacity(g->client), 8);
	rig_free(g);
}
END_TEST

START_TEST(a_reset_is_of_one_stream)
{
	static const struct {
		uint32_t code;
		enum http_reset why;
	} rows[] = {{7, HTTP_RESET_REFUSED}, {8, HTTP_RESET_CANCELLED}, {2, HTTP_RESET_CANCELLED}};
	struct rig *g = begin_open();
	struct probe *other = ask(g);
	for (unsigned i = 0; i < ARRAY_COUNT(rows); i++) {
		struct probe *p = ask(g);
		say_u32(g, RST_STREAM, 3 + 2 * i, rows[i].code);
		ck_assert(p->is_reset && !p->has_head);
		ck_assert_int_eq(p->why, rows[i].why);
		probe_release(p);
	}
	say(g, HEADERS, END_HEADERS | END_STREAM, 1, NO_CONTENT_204);
	ck_assert(other->stream->in_ended && !other->is_reset);
	rig_free(g);
}
END_TEST

START_TEST(what_a_goaway_leaves_out_was_not_processed)
{
	struct rig *g = begin_open();
	struct probe *first = ask(g), *second = ask(g);
	say_goaway(g, 1);
	ck_assert(second->is_reset && !first->is_reset);
	ck_assert_int_eq(second->why, HTTP_RESET_REFUSED);
	ck_assert_uint_eq(http_client_capacity(g->client), 0);
	probe_release(second);
	say(g, HEADERS, END_HEADERS | END_STREAM, 1, NO_CONTENT_204);
	ck_assert(first->stream->in_ended);
	ck_assert_ptr_nonnull(g->client);
	probe_release(first);
	rig_turn(g);
	ck_assert_ptr_null(g->client);
	rig_free(g);
}
END_TEST

START_TEST(every_stream_hears_of_the_end)
{
	for (int i = 0; i < 3; i++) {
		struct rig *g = begin_open();
		struct probe *p[2] = {ask(g), ask(g)};
		if (i == 0)
			rig_half_close(g);
		else if (i == 1)
			say(g, DATA, 0, 99, STR("of a stream that never was"));
		else
			http_client_close(g->client);
		rig_turn(g);
		for (int k = 0; k < 2; k++)
			ck_assert(p[k]->is_reset);
		ck_assert_int_eq(p[0]->why, i == 0   ? HTTP_RESET_CLOSED
					    : i == 1 ? HTTP_RESET_PROTOCOL
						     : HTTP_RESET_CANCELLED);
		if (i == 1)
			ck_assert_int_ge(heard(g, GOAWAY, 0), 8);
		probe_release(p[0]);
		probe_release(p[1]);
		rig_turn(g);
		if (i == 1)
			rig_half_close(g);
		ck_assert_ptr_null(g->client);
		rig_free(g);
	}
}
END_TEST

START_TEST(the_peers_window_bounds_what_is_sent)
{
	struct rig *g = begin_open();
	struct probe *p = rig_open(g);
	probe_ask(p, METHOD_POST, "/", CONTENT_LENGTH_UNKNOWN, false);
	probe_send_n(p, 200000, false);
	ck_assert(!http_stream_can_send(p->stream));
	rig_turn(g);
	ck_assert_uint_eq(p->writable_events, 0);
	say_u32(g, WINDOW_UPDATE, 0, 1000000);
	say_u32(g, WINDOW_UPDATE, 1, 1000000);
	rig_turn(g);
	ck_assert_uint_ge(p->writable_events, 1);
	ck_assert(http_stream_can_send(p->stream));
	probe_send_trailer(p, "x-sum", "1");
	rig_turn(g);
	say(g, HEADERS, END_HEADERS | END_STREAM, 1, NO_CONTENT_204);
	ck_assert(p->stream->in_ended && !p->is_reset);
	rig_free(g);
}
END_TEST

START_TEST(a_slow_owner_keeps_the_peers_window_shut)
{
	static const char kib16[16384];
	struct rig *g = begin_open();
	struct probe *p = ask(g);
	p->is_lazy = true;
	say(g, HEADERS, END_HEADERS, 1, OK_200);
	for (int i = 0; i < 3; i++)
		say(g, DATA, 0, 1, str_n(kib16, sizeof(kib16)));
	rig_forget(g);
	ck_assert_int_eq(heard(g, WINDOW_UPDATE, 1), -1);
	probe_take(p);
	rig_turn(g);
	ck_assert_int_eq(heard(g, WINDOW_UPDATE, 1), 4);
	rig_free(g);
}
END_TEST

/* Its end was given, and is not out yet. */
START_TEST(what_was_given_whole_still_leaves_after_the_release)
{
	struct rig *g = begin_open();
	struct probe *p = rig_open(g);
	probe_ask(p, METHOD_POST, "/", CONTENT_LENGTH_UNKNOWN, false);
	probe_send_n(p, 70000, true);
	rig_turn(g);
	say(g, HEADERS, END_HEADERS | END_STREAM, 1, NO_CONTENT_204);
	ck_assert(p->stream->in_ended);
	probe_release(p);
	ck_assert_uint_eq(g->idles, 1);
	rig_forget(g);
	say_u32(g, WINDOW_UPDATE, 1, 100000);
	say_u32(g, WINDOW_UPDATE, 0, 100000);
	ck_assert_int_eq(heard(g, DATA, 1), 70000 - 65535);
	rig_free(g);
}
END_TEST

START_TEST(an_owner_that_gives_up_resets)
{
	struct rig *g = begin_open();
	struct probe *p = ask(g);
	rig_forget(g);
	http_stream_reset(p->stream, HTTP_RESET_CANCELLED);
	probe_release(p);
	ck_assert_int_eq(heard(g, RST_STREAM, 1), 4);
	/* What comes for it now is nobody's. */
	say(g, HEADERS, END_HEADERS, 1, OK_200);
	say(g, DATA, END_STREAM, 1, STR("late"));
	ck_assert_ptr_nonnull(g->client);
	p = ask(g);
	say(g, HEADERS, END_HEADERS | END_STREAM, 3, NO_CONTENT_204);
	ck_assert(p->stream->in_ended);
	rig_free(g);
}
END_TEST

START_TEST(a_promise_of_length_is_kept_or_the_stream_dies)
{
	struct rig *g = begin_open();
	struct probe *p = rig_open(g);
	probe_ask(p, METHOD_POST, "/", 3, false);
	probe_send(p, "too long", true);
	ck_assert(!p->is_reset);
	rig_turn(g);
	ck_assert(p->is_reset);
	probe_release(p);
	ck_assert_uint_eq(http_client_capacity(g->client), 8);
	rig_free(g);
}
END_TEST

START_TEST(a_silent_peer_is_asked_and_given_up)
{
	struct rig *g = begin_with_pings();
	struct probe *p = ask(g);
	rig_forget(g);
	rig_advance(g, PING_MS + 100);
	ck_assert_int_eq(heard(g, PING, 0), 8);
	say(g, PING, ACK, 0, STR("\0\0\0\0\0\0\0\0"));
	rig_advance(g, PING_MS + 100);
	ck_assert(!p->is_reset);
	rig_advance(g, 2 * (PING_MS + 100));
	ck_assert(p->is_reset);
	ck_assert_int_eq(p->why, HTTP_RESET_IO);
	rig_free(g);
}
END_TEST

START_TEST(a_flood_ends_the_connection)
{
	struct rig *g = begin_open();
	struct probe *p = ask(g);
	struct buffer flood;
	buffer_init(&flood, 1u << 20);
	for (int i = 0; i < 1200; i++)
		put_frame(&flood, PRIORITY, 0, 1, STR("\0\0\0\0\x10"));
	rig_send_n(g, flood.p, flood.n);
	buffer_deinit(&flood);
	rig_turn(g);
	ck_assert(p->is_reset);
	ck_assert_int_eq(p->why, HTTP_RESET_PROTOCOL);
	ck_assert_int_ge(heard(g, GOAWAY, 0), 8);
	rig_free(g);
}
END_TEST

/* The owner has not taken the answer when the connection ends, and its clock goes on. */
START_TEST(what_nobody_has_taken_outlives_its_connection)
{
	struct rig *g = begin_with_pings();
	struct probe *p = ask(g);
	p->is_lazy = true;
	say(g, HEADERS, END_HEADERS, 1, OK_200);
	say(g, DATA, END_STREAM, 1, STR("whole"));
	rig_half_close(g);
	for (int i = 0; i < 4; i++)
		rig_advance(g, PING_MS + 100);
	ck_assert(p->stream->in_ended && !p->is_reset);
	probe_take(p);
	ck_assert(str_eq(buffer_str(&p->body), STR("whole")));
	probe_release(p);
	rig_turn(g);
	ck_assert_ptr_null(g->client);
	rig_free(g);
}
END_TEST

START_TEST(who_has_not_asked_yet_hears_of_the_end)
{
	struct rig *g = begin_open();
	struct probe *first = rig_open(g), *asked = ask(g), *last = rig_open(g);
	probe_release(first);
	rig_half_close(g);
	ck_assert(asked->is_reset && last->is_reset);
	ck_assert_int_eq(asked->why, HTTP_RESET_CLOSED);
	ck_assert_int_eq(last->why, HTTP_RESET_REFUSED);
	ck_assert_int_eq(last->stream->peer->u.sa.sa_family, AF_UNIX);
	probe_ask(last, METHOD_GET, "/", CONTENT_LENGTH_NONE, true);
	rig_turn(g);
	probe_release(asked);
	probe_release(last);
	rig_turn(g);
	ck_assert_ptr_null(g->client);
	rig_free(g);
}
END_TEST

START_TEST(who_hears_of_the_end_may_release_others_that_have_not_asked)
{
	for (int i = 1; i <= 2; i++) {
		struct rig *g = begin_open();
		struct probe *p[3] = {rig_open(g), rig_open(g), rig_open(g)};
		p[0]->also = p[i];
		rig_half_close(g);
		ck_assert(p[0]->is_reset && !p[0]->stream);
		ck_assert(!p[i]->is_reset && !p[i]->stream);
		ck_assert(p[3 - i]->is_reset);
		probe_release(p[3 - i]);
		rig_turn(g);
		ck_assert_ptr_null(g->client);
		rig_free(g);
	}
}
END_TEST

/* To the peer that stream is idle: a reset of it would break the connection for all others. */
START_TEST(a_request_that_never_left_is_not_reset)
{
	struct rig *g = begin_open();
	struct probe *first = ask(g), *late = rig_open(g);
	rig_forget(g);
	probe_ask(late, METHOD_GET, "/", CONTENT_LENGTH_NONE, true);
	say_goaway(g, 1);
	ck_assert(late->is_reset && !first->is_reset);
	ck_assert_int_eq(late->why, HTTP_RESET_REFUSED);
	ck_assert_int_eq(heard(g, HEADERS, 3), -1);
	ck_assert_int_eq(heard(g, RST_STREAM, 3), -1);
	rig_free(g);
}
END_TEST

UNIT_SUITE(h2_client, is_open_when_the_settings_came, who_says_no_settings_is_given_up,
	carries_many_streams, a_reset_is_of_one_stream, what_a_goaway_leaves_out_was_not_processed,
	every_stream_hears_of_the_end, the_peers_window_bounds_what_is_sent,
	a_slow_owner_keeps_the_peers_window_shut,
	what_was_given_whole_still_leaves_after_the_release, an_owner_that_gives_up_resets,
	a_promise_of_length_is_kept_or_the_stream_dies, a_silent_peer_is_asked_and_given_up,
	a_flood_ends_the_connection, what_nobody_has_taken_outlives_its_connection,
	who_has_not_asked_yet_hears_of_the_end,
	who_hears_of_the_end_may_release_others_that_have_not_asked,
	a_request_that_never_left_is_not_reset)
