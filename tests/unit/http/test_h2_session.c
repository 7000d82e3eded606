/* SPDX-License-Identifier: Apache-2.0 */
/* The two roles talk to each other: what one sends is what the other is told. */
#include "base/check.h"
#include "base/memory.h"
#include "h2_rig.h"

#define NO_FIELDS ((const char *const[]){NULL})

static struct rig_stream *served(struct rig *r, unsigned i)
{
	ck_assert_uint_lt(i, r->server.stream_count);
	return &r->server.streams[i];
}

START_TEST(a_request_and_its_answer_arrive_as_they_were)
{
	struct rig *r = rig_new();
	const char *const fields[] = {"X-A", "1", "Cookie", "a=b", NULL};
	rig_ask(r, "GET", "/p", CONTENT_LENGTH_NONE, fields);
	rig_run(r);
	assert_told(&r->server, "1: GET https://example.org/p -1 x-a=1 cookie=a=b.\n");
	rig_answer(served(r, 0), 200, "hello");
	rig_run(r);
	assert_told(&r->client, "1: 200 5+\n1: hello.\n1: closed\n");
	assert_told(&r->server, "1: closed\n");
	ck_assert(h2_session_is_idle(r->server.session));
	rig_free(r);
}
END_TEST

START_TEST(content_and_trailers_go_both_ways)
{
	struct rig *r = rig_new();
	struct rig_stream *s = rig_ask(r, "POST", "/p", CONTENT_LENGTH_UNKNOWN, NO_FIELDS);
	rig_send(r, s, STR("abc"), false);
	struct fields trailers;
	fields_init(&trailers, &s->arena);
	ck_assert_int_eq(fields_add(&trailers, STR("grpc-status"), STR("0")), RC_OK);
	ck_assert_int_eq(fields_add(&trailers, STR("content-type"), STR("late")), RC_OK);
	ck_assert(h2_stream_send_trailers(&s->h, &trailers));
	rig_run(r);
	assert_told(&r->server, "1: POST https://example.org/p -2\n1: abc | grpc-status=0.\n");
	rig_answer(served(r, 0), 200, NULL);
	rig_send(r, served(r, 0), STR("xyz"), false);
	ck_assert(h2_stream_send_trailers(&served(r, 0)->h, &trailers));
	rig_run(r);
	assert_told(&r->client, "1: 200 -2+\n1: xyz | grpc-status=0.\n1: closed\n");
	rig_free(r);
}
END_TEST

START_TEST(interim_answers_come_before_the_final_one)
{
	struct rig *r = rig_new();
	rig_ask(r, "GET", "/", CONTENT_LENGTH_NONE, NO_FIELDS);
	rig_run(r);
	struct http_response a;
	http_response_init(&a, &served(r, 0)->arena);
	a.status = 103;
	ck_assert(h2_stream_respond(&served(r, 0)->h, &a, STR_EMPTY, false));
	rig_answer(served(r, 0), 404, "");
	rig_run(r);
	assert_told(&r->client, "1: 103 -1\n1: 404 0+\n1:.\n1: closed\n");
	rig_free(r);
}
END_TEST

START_TEST(an_answer_to_head_declares_and_sends_nothing)
{
	struct rig *r = rig_new();
	rig_ask(r, "HEAD", "/", CONTENT_LENGTH_NONE, NO_FIELDS);
	rig_run(r);
	rig_answer(served(r, 0), 200, "hello");
	rig_run(r);
	assert_told(&r->client, "1: 200 5.\n1: closed\n");
	rig_free(r);
}
END_TEST

START_TEST(content_beyond_the_declared_length_resets)
{
	struct rig *r = rig_new();
	rig_ask(r, "GET", "/", CONTENT_LENGTH_NONE, NO_FIELDS);
	rig_run(r);
	struct http_response a;
	http_response_init(&a, &served(r, 0)->arena);
	a.status = 200;
	a.content_length = 2;
	ck_assert(h2_stream_respond(&served(r, 0)->h, &a, STR_EMPTY, false));
	struct chunk_queue q;
	chunk_queue_init(&q, r->pool);
	chunk_queue_add_copy(&q, STR("abc"));
	ck_assert(!h2_stream_send_data(&served(r, 0)->h, &q, true));
	rig_run(r);
	assert_told(&r->client, "1: reset 2 by peer\n");
	rig_free(r);
}
END_TEST

START_TEST(an_early_answer_ends_the_request)
{
	struct rig *r = rig_new();
	struct rig_stream *s = rig_ask(r, "POST", "/", CONTENT_LENGTH_UNKNOWN, NO_FIELDS);
	rig_send(r, s, STR("abc"), false);
	rig_run(r);
	rig_answer(served(r, 0), 413, "no");
	h2_stream_finish(&served(r, 0)->h);
	rig_run(r);
	rig_told(&r->server);
	assert_told(&r->client, "1: 413 2+\n1: no.\n1: closed\n");
	ck_assert(h2_session_is_idle(r->client.session));
	ck_assert(h2_session_is_idle(r->server.session));
	rig_free(r);
}
END_TEST

/* The DATA that ends it has a head and nothing else: to the library it is whole with its head. */
START_TEST(an_empty_end_behind_ours_is_in_order)
{
	struct rig *r = rig_new();
	struct rig_stream *s = rig_ask(r, "POST", "/", CONTENT_LENGTH_UNKNOWN, NO_FIELDS);
	rig_send(r, s, STR("abc"), false);
	rig_run(r);
	rig_answer(served(r, 0), 200, "hello");
	rig_run(r);
	rig_told(&r->server);
	rig_send(r, s, STR_EMPTY, true);
	rig_run(r);
	assert_told(&r->server, "1: abc.\n1: closed\n");
	ck_assert_int_eq(h2_session_ending(r->server.session), H2_ENDING_NONE);
	rig_free(r);
}
END_TEST

/* Nothing is credited: the window is all that is sent. */
START_TEST(content_waits_for_credit)
{
	struct rig *r = rig_new();
	struct rig_stream *s = rig_ask(r, "POST", "/", CONTENT_LENGTH_UNKNOWN, NO_FIELDS);
	char *large = heap_zalloc(60000);
	rig_send(r, s, str_n(large, 60000), false);
	ck_assert(h2_stream_can_send(&s->h));
	rig_send(r, s, str_n(large, 60000), true);
	ck_assert(!h2_stream_can_send(&s->h));
	rig_run(r);
	struct rig_stream *t = served(r, 0);
	ck_assert_uint_eq(t->in.bytes, 65535);
	ck_assert_uint_eq(t->h.uncredited, 65535);
	h2_stream_credit(&t->h, 65535);
	rig_run(r);
	ck_assert(t->h.in_ended);
	rig_told(&r->client);
	assert_told(&r->server, "1: POST https://example.org/ -2\n1: (120000).\n");
	free(large);
	rig_free(r);
}
END_TEST

/* One after the other, each gets a part of what is left; whoever has something waiting waits for that. */
START_TEST(room_is_shared_and_comes_back)
{
	struct rig *r = rig_new();
	struct rig_stream *s[3];
	for (int i = 0; i < 3; i++)
		s[i] = rig_ask(r, "POST", "/", CONTENT_LENGTH_UNKNOWN, NO_FIELDS);
	rig_run(r);
	size_t all = LIMIT_H2_OUT_BYTES, whole = LIMIT_H2_STREAM_OUT_BYTES;
	ck_assert_uint_eq(h2_stream_ask_room(&s[0]->h, 0), whole);
	ck_assert_uint_eq(h2_stream_ask_room(&s[1]->h, all - whole - 40000), 20000);
	/* Nobody stands still: there is more at the end of the turn. */
	ck_assert_uint_eq(h2_stream_ask_room(&s[2]->h, all), 0);
	rig_told(&r->client);
	rig_run(r);
	assert_told(&r->client, "5: writable\n");
	ck_assert_uint_eq(h2_stream_ask_room(&s[2]->h, 0), whole);
	char *large = heap_zalloc(100000);
	rig_send(r, s[2], str_n(large, 100000), false);
	ck_assert_uint_eq(h2_stream_ask_room(&s[2]->h, 0), 0);
	rig_run(r); /* as far as the window goes */
	assert_told(&r->client, "");
	h2_stream_credit(&served(r, 2)->h, 65535);
	rig_run(r);
	assert_told(&r->client, "5: writable\n");
	free(large);
	rig_free(r);
}
END_TEST

/* What stands still takes the room of the others, but for a little. */
START_TEST(a_little_room_is_always_left)
{
	struct rig *r = rig_new();
	char *large = heap_zalloc(100000);
	for (int i = 0; i < 20; i++) {
		struct rig_stream *s = rig_ask(r, "POST", "/", CONTENT_LENGTH_UNKNOWN, NO_FIELDS);
		rig_send(r, s, str_n(large, 100000), false);
	}
	struct rig_stream *last = rig_ask(r, "POST", "/", CONTENT_LENGTH_UNKNOWN, NO_FIELDS);
	rig_run(r);
	ck_assert_uint_gt(h2_session_out_bytes(r->client.session), LIMIT_H2_OUT_BYTES);
	ck_assert_uint_eq(h2_stream_ask_room(&last->h, 0), H2_ROOM_LITTLE);
	ck_assert(h2_stream_can_send(&last->h));
	free(large);
	rig_free(r);
}
END_TEST

START_TEST(a_sender_is_told_of_room)
{
	struct rig *r = rig_new();
	struct rig_stream *s = rig_ask(r, "POST", "/", CONTENT_LENGTH_UNKNOWN, NO_FIELDS);
	char *large = heap_zalloc(100000);
	rig_send(r, s, str_n(large, 60000), false);
	rig_send(r, s, str_n(large, 60000), false);
	rig_run(r);
	assert_told(&r->client, "");
	h2_stream_credit(&served(r, 0)->h, 65535);
	rig_run(r);
	assert_told(&r->client, "1: writable\n");
	ck_assert_uint_eq(h2_session_out_bytes(r->client.session), 0);
	free(large);
	rig_free(r);
}
END_TEST

START_TEST(a_refused_stream_may_be_sent_again)
{
	struct rig *r = rig_new();
	r->server.refuses = true;
	rig_ask(r, "GET", "/", CONTENT_LENGTH_NONE, NO_FIELDS);
	rig_run(r);
	assert_told(&r->client, "1: reset 7 by peer unprocessed\n");
	rig_free(r);
}
END_TEST

START_TEST(a_reset_is_told_to_the_other_side)
{
	struct rig *r = rig_new();
	struct rig_stream *s = rig_ask(r, "POST", "/", CONTENT_LENGTH_UNKNOWN, NO_FIELDS);
	rig_run(r);
	rig_told(&r->server);
	h2_stream_abandon(&s->h, H2_CANCEL);
	rig_run(r);
	assert_told(&r->server, "1: reset 8 by peer\n");
	assert_told(&r->client, "");
	rig_free(r);
}
END_TEST

/* One that was opened before it knew is served; later ones are not sent at all. */
START_TEST(draining_serves_what_was_open)
{
	struct rig *r = rig_new();
	rig_run(r);
	rig_ask(r, "GET", "/1", CONTENT_LENGTH_NONE, NO_FIELDS);
	h2_session_drain(r->server.session);
	rig_run(r);
	assert_told(&r->server, "1: GET https://example.org/1 -1.\n");
	assert_told(&r->client, "goaway 0\ngoaway 0\n");
	ck_assert_uint_eq(h2_session_capacity(r->client.session, 100), 0);
	ck_assert(!h2_session_is_done(r->server.session));
	rig_answer(served(r, 0), 204, "");
	rig_run(r);
	assert_told(&r->client, "1: 204 -1.\n1: closed\n");
	ck_assert(h2_session_is_done(r->server.session));
	ck_assert(h2_session_is_done(r->client.session));
	rig_free(r);
}
END_TEST

START_TEST(a_client_learns_how_many_streams_it_may_open)
{
	struct rig *r = rig_new();
	ck_assert_uint_eq(h2_session_capacity(r->client.session, 200), 1);
	rig_run(r);
	ck_assert_uint_eq(h2_session_capacity(r->client.session, 200), 100);
	ck_assert_uint_eq(h2_session_capacity(r->client.session, 7), 7);
	rig_ask(r, "GET", "/", CONTENT_LENGTH_NONE, NO_FIELDS);
	ck_assert_uint_eq(h2_session_capacity(r->client.session, 7), 6);
	rig_free(r);
}
END_TEST

/* RFC 8441 looks like an Upgrade to both sides. */
START_TEST(an_extended_connect_is_a_switch)
{
	struct rig *r = rig_new();
	rig_run(r);
	ck_assert(h2_session_takes_connect_protocol(r->client.session));
	const char *const fields[] = {":protocol", "websocket", NULL};
	struct rig_stream *s = rig_ask(r, "GET", "/ws", CONTENT_LENGTH_NONE, fields);
	rig_run(r);
	assert_told(&r->server, "1: GET https://example.org/ws upgrade:websocket -1\n");
	rig_answer(served(r, 0), 101, NULL);
	rig_run(r);
	assert_told(&r->client, "1: 101 -1\n");
	rig_send(r, s, STR("ping"), false);
	rig_send(r, served(r, 0), STR("pong"), true);
	rig_run(r);
	ck_assert_uint_eq(served(r, 0)->in.bytes, 4);
	assert_told(&r->client, "1: pong.\n");
	rig_send(r, s, STR("!"), true);
	rig_run(r);
	assert_told(&r->server, "1: ping!.\n1: closed\n");
	rig_free(r);
}
END_TEST

/* What is no switch must not look like one. */
START_TEST(only_a_switch_answers_an_extended_connect_with_2xx)
{
	struct rig *r = rig_new();
	rig_run(r);
	const char *const fields[] = {":protocol", "websocket", NULL};
	rig_ask(r, "GET", "/ws", CONTENT_LENGTH_NONE, fields);
	rig_run(r);
	struct http_response a;
	http_response_init(&a, served(r, 0)->h.arena);
	a.status = 200;
	a.content_length = 0;
	ck_assert(!h2_stream_respond(&served(r, 0)->h, &a, STR_EMPTY, true));
	rig_run(r);
	assert_told(&r->client, "1: reset 10 by peer\n");
	rig_free(r);
}
END_TEST

START_TEST(cookie_crumbs_are_joined)
{
	struct rig *r = rig_new();
	const char *const fields[] = {"cookie", "a=1", "x-b", "2", "cookie", "c=3", NULL};
	rig_ask(r, "GET", "/", CONTENT_LENGTH_NONE, fields);
	rig_run(r);
	assert_told(&r->server, "1: GET https://example.org/ -1 x-b=2 cookie=a=1; c=3.\n");
	rig_free(r);
}
END_TEST

UNIT_SUITE(h2_session, a_request_and_its_answer_arrive_as_they_were,
	content_and_trailers_go_both_ways, interim_answers_come_before_the_final_one,
	an_answer_to_head_declares_and_sends_nothing, content_beyond_the_declared_length_resets,
	an_early_answer_ends_the_request, an_empty_end_behind_ours_is_in_order,
	content_waits_for_credit, a_sender_is_told_of_room, room_is_shared_and_comes_back,
	a_little_room_is_always_left, a_refused_stream_may_be_sent_again,
	a_reset_is_told_to_the_other_side, draining_serves_what_was_open,
	a_client_learns_how_many_streams_it_may_open, an_extended_connect_is_a_switch,
	only_a_switch_answers_an_extended_connect_with_2xx, cookie_crumbs_are_joined)
