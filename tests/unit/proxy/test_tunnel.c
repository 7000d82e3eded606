/* SPDX-License-Identifier: Apache-2.0 */
/* WebSockets between two wires: where a frame of the gateway's own may stand, and how both ways of
 * asking for one become each other. */
#include "rig.h"
#include "unit.h"

#include "base/limits.h"
#include "http/ws_frame.h"
#include "proxy/exchange_priv.h"

/* RFC 6455 1.3 */
#define KEY    "dGhlIHNhbXBsZSBub25jZQ=="
#define ACCEPT "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="

static void add(struct fields *f, const char *name, const char *value)
{
	ck_assert_int_eq(fields_add(f, str_of(name), str_of(value)), RC_OK);
}

static struct wire *ask(struct rig *g, bool by_connect)
{
	struct wire *w = rig_prepare(g, "GET /shop/items/ws", CONTENT_LENGTH_NONE);
	w->request.upgrade = STR("websocket");
	w->request.is_connect = by_connect;
	if (by_connect)
		w->request.version_major = 2;
	else
		add(&w->request.fields, "sec-websocket-key", KEY);
	add(&w->request.fields, "sec-websocket-version", "13");
	return rig_begin(g, w);
}

static void accept_with(struct rig *g, const char *accept)
{
	struct wire *up = rig_upstream(g);
	struct http_response *r = up->s.response;
	http_response_init(r, up->s.arena);
	r->status = 101;
	r->content_length = CONTENT_LENGTH_NONE;
	r->version_major = accept ? 1 : 2;
	r->upgrade = accept ? STR("websocket") : STR_EMPTY;
	if (accept)
		add(&r->fields, "sec-websocket-accept", accept);
	up->s.upgraded = true;
	up->out_ended = false;
	up->s.events->on_head(&up->s);
	rig_turn(g);
}

static struct wire *open_websocket(struct rig *g)
{
	struct wire *client = ask(g, false);
	accept_with(g, ACCEPT);
	ck_assert_uint_eq(wire_status(client), 101);
	return client;
}

/* A frame of one who sends from that side; at most 200 bytes of payload. Static until the next. */
static struct str frame(const struct wire *from, uint8_t opcode, const char *payload, size_t n)
{
	static char bytes[256];
	struct ws_head h = {.length = n, .opcode = opcode, .is_final = true, .mask = {1, 2, 3, 4}};
	h.is_masked = from->s.role == HTTP_ROLE_SERVER;
	size_t head = ws_head_write(&h, bytes);
	if (!h.is_masked)
		memset(h.mask, 0, sizeof(h.mask));
	ws_mask(bytes + head, str_n(payload, n), h.mask, 0);
	return str_n(bytes, head + n);
}

static void say_close(struct wire *from, const char *status)
{
	wire_say_bytes(from, frame(from, 8, status, 2));
}

/* The status of the CLOSE with which what was sent to it ends, behind `before` bytes; 0: none. */
static unsigned close_behind(const struct wire *to, size_t before)
{
	struct ws_head h;
	char status[2];
	struct str in = str_from(str_n(to->body.p, to->body.n), before);
	size_t n = ws_head_parse(in, &h);
	if (n == 0 || h.opcode != 8 || in.n != n + 2)
		return 0;
	ck_assert(h.is_masked == (to->s.role == HTTP_ROLE_CLIENT));
	ws_mask(status, str_from(in, n), h.mask, 0);
	return (unsigned)(uint8_t)status[0] << 8 | (uint8_t)status[1];
}

static void retire(struct rig *g)
{
	rig_api(g, "default/shop")->workers[0].is_retired = true;
	rig_advance(g, 1000);
}

START_TEST(frames_pass_and_are_counted)
{
	struct rig *g = rig_new(NULL);
	struct wire *client = open_websocket(g), *up = rig_upstream(g);
	struct str sent = frame(client, 1, "hello", 5);
	wire_say_bytes(client, sent);
	ck_assert_uint_eq(up->body.n, sent.n);
	ck_assert_mem_eq(up->body.p, sent.p, sent.n);
	wire_say_bytes(up, frame(up, 2, "x", 1));
	say_close(client, "\x03\xe8");
	say_close(up, "\x03\xe8");
	wire_say(up, "", true);
	wire_say(client, "", true);
	ck_assert(client->is_released && up->is_released && !client->was_reset && !up->was_reset);
	assert_record(g, "reason", "ok");
	assert_record(g, "messagesIn", "1");
	assert_record(g, "messagesOut", "1");
	assert_record(g, "closedBy", "client");
	assert_record(g, "closeStatus", "1000");
	rig_free(g);
}
END_TEST

/* Else there might be no place for a frame of the gateway's own. */
START_TEST(a_head_passes_when_it_is_whole)
{
	struct rig *g = rig_new(NULL);
	struct wire *client = open_websocket(g), *up = rig_upstream(g);
	char payload[150];
	memset(payload, 'x', sizeof(payload));
	struct str sent = frame(client, 2, payload, sizeof(payload));
	for (size_t i = 0; i < sent.n; i++) {
		wire_say_bytes(client, str_slice(sent, i, 1));
		ck_assert_uint_eq(up->body.n, i + 1 < 8 ? 0 : i + 1);
	}
	rig_free(g);
}
END_TEST

START_TEST(what_is_replaced_closes_behind_the_frame_at_hand)
{
	struct rig *g = rig_new(NULL);
	struct wire *client = open_websocket(g), *up = rig_upstream(g);
	struct str sent = frame(client, 1, "hello", 5);
	wire_say_bytes(client, str_slice(sent, 0, 8));
	retire(g);
	ck_assert_uint_eq(close_behind(client, 0), 1012);
	ck_assert_uint_eq(up->body.n, 8);
	wire_say_bytes(client, str_from(sent, 8));
	ck_assert_uint_eq(close_behind(up, sent.n), 1012);
	wire_say_bytes(client, frame(client, 1, "late", 4));
	ck_assert_uint_eq(close_behind(up, sent.n), 1012);
	say_close(client, "\x03\xf4");
	say_close(up, "\x03\xf4");
	ck_assert(client->out_ended && up->out_ended && !client->is_released);
	wire_say(client, "", true);
	ck_assert(client->is_released && up->is_released);
	assert_record(g, "reason", "websocket_drained");
	assert_record(g, "closedBy", "gateway");
	rig_free(g);
}
END_TEST

/* The eighth of those that were silent longest at each look; at the steps below, none. */
START_TEST(the_longest_silent_are_told_to_try_later)
{
	struct rig *g = rig_new(NULL);
	struct wire *silent = open_websocket(g), *silent_up = rig_upstream(g);
	rig_advance(g, 2000);
	struct wire *other = open_websocket(g);
	rig_advance(g, 4500);
	proxy_worker_set_pressure(&g->worker, PRESSURE_CLOSE);
	rig_turn(g);
	ck_assert_uint_eq(close_behind(silent, 0), 0);
	proxy_worker_set_pressure(&g->worker, PRESSURE_REFUSE);
	rig_turn(g);
	ck_assert_uint_eq(close_behind(silent, 0), 1013);
	ck_assert_uint_eq(close_behind(silent_up, 0), 1013);
	ck_assert_uint_eq(close_behind(other, 0), 0);
	say_close(silent, "\x03\xf5");
	say_close(silent_up, "\x03\xf5");
	wire_say(silent, "", true);
	assert_record(g, "reason", "websocket_overloaded");
	proxy_worker_set_pressure(&g->worker, PRESSURE_REFUSE);
	rig_turn(g);
	ck_assert_uint_eq(close_behind(other, 0), 0);
	ck_assert_uint_eq(g->worker.overloaded_count, 1);
	rig_free(g);
}
END_TEST

START_TEST(who_goes_at_a_close_has_not_aborted)
{
	struct rig *g = rig_new(NULL);
	struct wire *client = open_websocket(g), *up = rig_upstream(g);
	retire(g);
	ck_assert_uint_eq(close_behind(client, 0), 1012);
	ck_assert_uint_eq(close_behind(up, 0), 1012);
	wire_reset(client, HTTP_RESET_CLOSED);
	wire_say_bytes(up, frame(up, 1, "late", 4));
	ck_assert(!up->is_released);
	say_close(up, "\x03\xf4");
	ck_assert(client->is_released && up->is_released);
	assert_record(g, "reason", "websocket_drained");
	rig_free(g);
}
END_TEST

START_TEST(who_does_not_answer_a_close_is_cut)
{
	struct rig *g = rig_new(NULL);
	struct wire *client = open_websocket(g), *up = rig_upstream(g);
	retire(g);
	ck_assert_uint_eq(close_behind(up, 0), 1012);
	say_close(up, "\x03\xf4");
	ck_assert(!client->is_released);
	rig_advance(g, LIMIT_LINGER_MS + 1000);
	ck_assert(client->is_released && up->is_released);
	rig_free(g);
}
END_TEST

START_TEST(a_close_waits_for_a_peers_window)
{
	struct rig *g = rig_new(NULL);
	struct wire *client = open_websocket(g), *up = rig_upstream(g);
	wire_block(up, true);
	retire(g);
	ck_assert_uint_eq(close_behind(client, 0), 1012);
	ck_assert_uint_eq(up->body.n, 0);
	wire_block(up, false);
	ck_assert_uint_eq(close_behind(up, 0), 1012);
	rig_free(g);
}
END_TEST

START_TEST(what_is_no_frame_passes_unless_a_limit_judges)
{
	struct rig *g = rig_new(NULL);
	struct wire *client = open_websocket(g), *up = rig_upstream(g);
	wire_say(client, "\x81\x01x and more", false);
	ck_assert_str_eq(wire_body(up), "\x81\x01x and more");
	wire_say(client, "", true);
	wire_say(up, "", true);
	ck_assert(client->is_released);
	rig_api(g, "default/shop")->limits.websocket.frame_bytes = 4;
	client = open_websocket(g);
	up = rig_upstream(g);
	wire_say(client, "\x81\x01x and more", false);
	ck_assert_uint_eq(close_behind(client, 0), 1002);
	ck_assert_uint_eq(close_behind(up, 0), 1002);
	rig_free(g);
}
END_TEST

START_TEST(a_frame_beyond_the_limit_goes_nowhere)
{
	struct rig *g = rig_new(NULL);
	rig_api(g, "default/shop")->limits.websocket.frame_bytes = 4;
	struct wire *client = open_websocket(g), *up = rig_upstream(g);
	struct str sent = frame(client, 1, "four", 4);
	wire_say_bytes(client, sent);
	ck_assert_uint_eq(up->body.n, sent.n);
	wire_say_bytes(client, frame(client, 1, "fiver", 5));
	ck_assert_uint_eq(close_behind(up, sent.n), 1009);
	ck_assert_uint_eq(close_behind(client, 0), 1009);
	rig_free(g);
}
END_TEST

/* --- how it is asked for --------------------------------------------------------------------- */

START_TEST(an_extended_connect_gets_a_key_of_the_gateways)
{
	struct rig *g = rig_new(NULL);
	struct wire *client = ask(g, true), *up = rig_upstream(g);
	ck_assert_uint_eq(strlen(wire_field(up, "sec-websocket-key")), 24);
	accept_with(g, ACCEPT);
	ck_assert_uint_eq(wire_status(client), 502);
	assert_record(g, "detail", "Sec-WebSocket-Accept does not answer the key");
	rig_free(g);
}
END_TEST

START_TEST(an_upstream_without_a_key_is_answered_for)
{
	struct rig *g = rig_new(NULL);
	struct wire *client = ask(g, false);
	accept_with(g, NULL);
	ck_assert_uint_eq(wire_status(client), 101);
	ck_assert_str_eq(wire_field(client, "sec-websocket-accept"), ACCEPT);
	client = ask(g, true);
	accept_with(g, NULL);
	ck_assert_uint_eq(wire_status(client), 101);
	ck_assert_str_eq(wire_field(client, "sec-websocket-accept"), "");
	rig_free(g);
}
END_TEST

START_TEST(a_plain_2xx_answers_no_extended_connect)
{
	static const struct {
		bool by_connect;
		uint16_t given, told;
	} rows[] = {{true, 200, 502}, {true, 404, 404}, {false, 200, 200}};
	for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
		struct rig *g = rig_new(NULL);
		struct wire *client = ask(g, rows[i].by_connect);
		wire_answer(rig_upstream(g), rows[i].given, 0);
		ck_assert_uint_eq(wire_status(client), rows[i].told);
		rig_free(g);
	}
}
END_TEST

UNIT_SUITE(tunnel, frames_pass_and_are_counted, a_head_passes_when_it_is_whole,
	what_is_replaced_closes_behind_the_frame_at_hand, the_longest_silent_are_told_to_try_later,
	who_goes_at_a_close_has_not_aborted, who_does_not_answer_a_close_is_cut,
	a_close_waits_for_a_peers_window, what_is_no_frame_passes_unless_a_limit_judges,
	a_frame_beyond_the_limit_goes_nowhere, an_extended_connect_gets_a_key_of_the_gateways,
	an_upstream_without_a_key_is_answered_for, a_plain_2xx_answers_no_extended_connect)
