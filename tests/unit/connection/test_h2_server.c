/* SPDX-License-Identifier: Apache-2.0 */
/* A server connection of HTTP/2: when its frames leave, how it drains, and whose memory is whose. */
#include "unit.h"

#include "support.h"

#include <stdio.h>

#define PREFACE "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
/* "GET http://h/" in HPACK's static table. */
#define A_GET "\x82\x84\x86\x41\x01h"

enum { DATA, HEADERS, RST_STREAM = 3, SETTINGS, PING = 6, GOAWAY, WINDOW_UPDATE };

static void send_frame(
	struct rig *g, uint8_t type, uint8_t flags, uint8_t id, const char *p, size_t n)
{
	char bytes[64] = {0, 0, (char)n, (char)type, (char)flags, 0, 0, 0, (char)id};
	ck_assert_uint_lt(n, sizeof(bytes) - 9);
	memcpy(bytes + 9, p, n);
	rig_send_n(g, bytes, 9 + n);
}

static void ask(struct rig *g, uint8_t id)
{
	send_frame(g, HEADERS, 5, id, A_GET, sizeof(A_GET) - 1);
}

static struct rig *greet(void)
{
	struct rig *g = rig_new();
	g->options.http2 = (struct server_http2){
		.enabled = true,
		.settings = {.streams_max = 4,
			.stream_window_bytes = 65535,
			.connection_window_bytes = 1u << 20},
		.budgets = H2_BUDGETS_DEFAULT,
	};
	rig_serve(g);
	rig_send(g, PREFACE);
	send_frame(g, SETTINGS, 0, 0, "", 0);
	rig_forget(g);
	return g;
}

/* The frames that came since then, "1:1 0:1 " by type and stream. */
static const char *frames(struct rig *g)
{
	static char text[256];
	const char *p = rig_text(g), *end = p + g->received.n;
	size_t n = 0;
	text[0] = 0;
	while (end - p >= 9 && n < sizeof(text) - 16) {
		size_t length = (size_t)(uint8_t)p[1] << 8 | (uint8_t)p[2];
		n += (size_t)snprintf(text + n, sizeof(text) - n, "%d:%d ", p[3], p[8]);
		p += 9 + length;
	}
	return text;
}

/* Two answers of a turn, heads in the order in which they were given, in one flush at its end. */
START_TEST(frames_leave_at_the_end_of_the_turn)
{
	struct rig *g = greet();
	ask(g, 1);
	ask(g, 3);
	ck_assert_uint_eq(g->taken, 2);
	probe_answer(rig_taken(g, 1), 200, "three");
	probe_answer(rig_taken(g, 0), 200, "one");
	ck_assert_uint_eq(g->received.n, 0);
	rig_turn(g);
	ck_assert_uint_eq(strlen(frames(g)), strlen("1:3 1:1 0:1 0:3 "));
	ck_assert_int_eq(strncmp(frames(g), "1:3 1:1 0:", 10), 0);
	ck_assert_ptr_nonnull(memmem(g->received.p, g->received.n, "three", 5));
	rig_free(g);
}
END_TEST

START_TEST(streams_beyond_those_allowed_are_refused_until_work_has_ended)
{
	struct rig *g = greet();
	for (uint8_t id = 1; id <= 7; id += 2)
		ask(g, id);
	send_frame(g, RST_STREAM, 0, 7, "\0\0\0\x08", 4);
	ck_assert(rig_taken(g, 3)->is_reset);
	ask(g, 9); /* its owner still works for the one that was reset */
	ck_assert_uint_eq(g->taken, 4);
	ck_assert_str_eq(frames(g), "3:9 ");
	probe_release(rig_taken(g, 3));
	ask(g, 11);
	ck_assert_uint_eq(g->taken, 5);
	rig_free(g);
}
END_TEST

START_TEST(a_drain_asks_whether_its_goaway_was_read)
{
	struct rig *g = greet();
	ask(g, 1);
	http_server_drain(g->server, 2000);
	rig_turn(g);
	ck_assert_str_eq(frames(g), "7:0 6:0 ");
	rig_forget(g);
	ask(g, 3); /* on its way when the client heard of it */
	send_frame(g, PING, 1, 0, "\0\0\0\0\0\0\0\0", 8);
	ck_assert_str_eq(frames(g), "7:0 ");
	ck_assert_uint_eq(g->taken, 2);
	probe_answer(rig_taken(g, 0), 200, "one");
	probe_answer(rig_taken(g, 1), 200, "three");
	rig_turn(g);
	rig_expect_closed(g);
	rig_free(g);
}
END_TEST

START_TEST(who_answers_no_ping_is_given_its_time)
{
	struct rig *g = greet();
	ask(g, 1);
	probe_answer(rig_taken(g, 0), 200, "one");
	rig_turn(g);
	http_server_drain(g->server, 2000);
	rig_advance(g, 1900);
	ck_assert(!g->has_ended);
	rig_advance(g, 200);
	rig_expect_closed(g);
	rig_free(g);
}
END_TEST

/* What is under way is lost and nobody else's; its owner may still hold the stream. */
START_TEST(requests_outlive_their_connection)
{
	struct rig *g = greet();
	ask(g, 1);
	ask(g, 3);
	http_server_abort(g->server);
	rig_turn(g);
	ck_assert(rig_taken(g, 0)->is_reset && rig_taken(g, 1)->is_reset);
	ck_assert_ptr_nonnull(g->server);
	probe_answer(rig_taken(g, 0), 200, "too late");
	probe_release(rig_taken(g, 1));
	rig_turn(g);
	ck_assert_ptr_null(g->server);
	rig_free(g);
}
END_TEST

UNIT_SUITE(h2_server, frames_leave_at_the_end_of_the_turn,
	streams_beyond_those_allowed_are_refused_until_work_has_ended,
	a_drain_asks_whether_its_goaway_was_read, who_answers_no_ping_is_given_its_time,
	requests_outlive_their_connection)
