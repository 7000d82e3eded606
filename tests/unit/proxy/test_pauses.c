/* SPDX-License-Identifier: Apache-2.0 */
/* Exchanges that wait for a policy, in every callback, and what may come meanwhile. */
#include "policy/support.h"
#include "unit.h"
#include "rig.h"

#include "base/limits.h"
#include "policy/pause.h"
#include "proxy/exchange.h"

/* Pauses for as long as a policy may. */
static int32_t pause_long(
	struct probe *p, struct sluice_exchange *x, const struct sluice_body *body)
{
	if (p->host->resumed(x))
		return SLUICE_CONTINUE;
	p->token = p->host->pause(x, 600000);
	return p->token ? SLUICE_PAUSE : SLUICE_FAIL;
}

static void resume(struct rig *g, struct probe *p)
{
	ck_assert_int_eq(pause_resume(p->token), RC_OK);
	rig_turn(g);
}

/* --- pauses ------------------------------------------------------------------------------------
 */

static const enum callback pausing[] = {CALLBACK_REQUEST_HEAD, CALLBACK_REQUEST_BODY,
	CALLBACK_REQUEST_END, CALLBACK_RESPONSE_HEAD, CALLBACK_RESPONSE_BODY,
	CALLBACK_RESPONSE_END};

static struct probe *pauses_in(struct bench *b, enum callback callback, probe_fn *fn)
{
	struct probe *p = bench_probe(b);
	probe_pass_all(p);
	p->on[callback] = fn;
	return p;
}

/* An exchange with both bodies, as far as it goes without a resume. */
static struct wire *play(struct rig *g)
{
	struct wire *client = rig_upload(g, "PUT /shop/items", 3);
	wire_say(client, "abc", true);
	if (!scripted.latest || client->is_released)
		return client;
	struct wire *up = rig_upstream(g);
	if (up->out_ended && !up->is_released) {
		wire_answer(up, 200, 5);
		wire_say(up, "hello", true);
	}
	return client;
}

START_TEST(goes_on_where_it_paused)
{
	for (size_t i = 0; i < ARRAY_COUNT(pausing); i++) {
		struct bench *b = bench_new();
		struct probe *p = pauses_in(b, pausing[i], pause_long);
		struct rig *g = rig_new(b);
		struct wire *client = play(g);
		ck_assert_msg(!client->is_released, "%s", callback_name(pausing[i]));
		/* No timer but the pause's own: ten minutes. */
		rig_advance(g, 590000);
		ck_assert_msg(!client->is_released, "%s", callback_name(pausing[i]));
		resume(g, p);
		struct wire *up = rig_upstream(g);
		if (!client->is_released) {
			wire_answer(up, 200, 5);
			wire_say(up, "hello", true);
		}
		ck_assert_str_eq(wire_body(up), "abc");
		ck_assert_str_eq(wire_body(client), "hello");
		ck_assert(client->out_ended && client->is_released && !client->was_reset);
		assert_record(g, "reason", "ok");
		rig_free(g);
	}
}
END_TEST

START_TEST(a_client_that_resets_ends_a_pause_anywhere)
{
	for (size_t i = 0; i < ARRAY_COUNT(pausing); i++) {
		struct bench *b = bench_new();
		struct probe *p = pauses_in(b, pausing[i], pause_long);
		struct rig *g = rig_new(b);
		struct wire *client = play(g);
		wire_reset(client, HTTP_RESET_CLOSED);
		ck_assert(client->is_released);
		ck_assert_uint_eq(pause_count(0), 0);
		ck_assert_int_eq(pause_resume(p->token), RC_NOT_FOUND);
		rig_turn(g);
		assert_record(g, "reason", "client_aborted");
		rig_free(g);
	}
}
END_TEST

START_TEST(an_upstream_that_resets_under_a_paused_response_is_told)
{
	struct bench *b = bench_new();
	struct probe *p = pauses_in(b, CALLBACK_RESPONSE_HEAD, pause_long);
	struct rig *g = rig_new(b);
	struct wire *client = rig_ask(g, "GET /shop/items");
	wire_answer(rig_upstream(g), 200, 10);
	wire_reset(rig_upstream(g), HTTP_RESET_CLOSED);
	ck_assert_uint_eq(wire_status(client), 502);
	ck_assert(client->is_released);
	ck_assert_int_eq(pause_resume(p->token), RC_NOT_FOUND);
	rig_free(g);
}
END_TEST

START_TEST(a_policy_that_takes_too_long_denies)
{
	for (enum chain_direction d = CHAIN_REQUEST; d <= CHAIN_RESPONSE; d++) {
		struct bench *b = bench_new();
		pauses_in(b, d == CHAIN_REQUEST ? CALLBACK_REQUEST_HEAD : CALLBACK_RESPONSE_HEAD,
			probe_pause);
		struct rig *g = rig_new(b);
		struct wire *client = play(g);
		rig_advance(g, 1100);
		ck_assert_uint_eq(wire_status(client), 503);
		assert_record(g, "reason", "policy_timeout");
		rig_free(g);
	}
}
END_TEST

/* The whole of an exchange has a bound of its own; nobody but the policy is to blame. */
START_TEST(a_pause_beyond_the_whole_is_the_policys)
{
	for (size_t i = 0; i < ARRAY_COUNT(pausing); i++) {
		if (pausing[i] == CALLBACK_RESPONSE_BODY || pausing[i] == CALLBACK_RESPONSE_END)
			continue; /* the head has been sent */
		struct bench *b = bench_new();
		pauses_in(b, pausing[i], pause_long);
		struct rig *g = rig_new(b);
		rig_api(g, "default/shop")->limits.exchange_ms = 30000;
		struct wire *client = play(g);
		rig_advance(g, 29000);
		ck_assert_msg(!client->head_sent, "%s", callback_name(pausing[i]));
		rig_advance(g, 2000);
		assert_record(g, "reason", "policy_timeout");
		rig_free(g);
	}
}
END_TEST

/* Its own work on the request is not done: what it leaves for its response_head is not there yet.
 */
START_TEST(a_policy_that_waits_in_its_request_head_sees_no_answer)
{
	static const struct {
		enum callback callback;
		const char *trace;
	} rows[] = {
		{CALLBACK_REQUEST_HEAD, "a.request_head b.request_head a.response_head "
					"a.response_body({\"error\": "},
		{CALLBACK_REQUEST_BODY, "a.request_head b.request_head a.request_body(a) "
					"b.request_body(a) b.response_head a.response_head "},
	};
	for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
		struct bench *b = bench_new();
		probe_pass_all(bench_probe(b));
		struct probe *p = pauses_in(b, rows[i].callback, pause_long);
		struct rig *g = rig_new(b);
		rig_api(g, "default/shop")->limits.request_body_bytes = 2;
		struct wire *client = rig_upload(g, "PUT /shop/items", CONTENT_LENGTH_UNKNOWN);
		wire_say(client, "a", false);
		wire_say(client, "bc", false);
		ck_assert_uint_eq(wire_status(client), 413);
		ck_assert(client->is_released);
		ck_assert_int_eq(pause_resume(p->token), RC_NOT_FOUND);
		const char *trace = bench_trace(b);
		ck_assert_msg(
			strncmp(trace, rows[i].trace, strlen(rows[i].trace)) == 0, "%s", trace);
		rig_free(g);
	}
}
END_TEST

/* What comes meanwhile stays with the stream, without credit, and none of it is forgotten. */
START_TEST(a_pause_piles_nothing_up)
{
	for (enum chain_direction d = CHAIN_REQUEST; d <= CHAIN_RESPONSE; d++) {
		struct bench *b = bench_new();
		struct probe *p = pauses_in(b,
			d == CHAIN_REQUEST ? CALLBACK_REQUEST_BODY : CALLBACK_RESPONSE_BODY,
			pause_long);
		struct rig *g = rig_new(b);
		struct wire *client = rig_upload(g, "PUT /shop/items", CONTENT_LENGTH_UNKNOWN);
		struct wire *up = rig_upstream(g);
		struct wire *from = d == CHAIN_REQUEST ? client : up;
		struct wire *to = d == CHAIN_REQUEST ? up : client;
		if (d == CHAIN_RESPONSE) {
			wire_say(client, "", true);
			wire_answer(up, 200, CONTENT_LENGTH_UNKNOWN);
		}
		for (int i = 0; i < 4; i++)
			wire_say_n(from, 30000, i == 3);
		ck_assert_uint_ge(from->uncredited, 60000);
		p->on[d == CHAIN_REQUEST ? CALLBACK_REQUEST_BODY : CALLBACK_RESPONSE_BODY] =
			probe_pass;
		resume(g, p);
		ck_assert_uint_eq(to->body.n, 120000);
		ck_assert(to->out_ended);
		if (d == CHAIN_REQUEST)
			wire_answer(up, 200, 0);
		rig_free(g);
	}
}
END_TEST

/* The one before passes on to it piece by piece, and pauses; nothing goes out that would show it.
 */
START_TEST(a_pause_before_a_buffering_policy_forgets_nothing)
{
	for (enum chain_direction d = CHAIN_REQUEST; d <= CHAIN_RESPONSE; d++) {
		enum callback callback =
			d == CHAIN_REQUEST ? CALLBACK_REQUEST_BODY : CALLBACK_RESPONSE_BODY;
		struct bench *b = bench_new();
		if (d == CHAIN_RESPONSE)
			probe_buffers(b, d, 200000);
		struct probe *p = pauses_in(b, callback, pause_long);
		if (d == CHAIN_REQUEST)
			probe_buffers(b, d, 200000);
		struct rig *g = rig_new(b);
		struct wire *client = rig_upload(g, "PUT /shop/items", CONTENT_LENGTH_UNKNOWN);
		struct wire *from = client;
		if (d == CHAIN_RESPONSE) {
			wire_say(client, "", true);
			from = rig_upstream(g);
			wire_answer(from, 200, CONTENT_LENGTH_UNKNOWN);
		}
		for (int i = 0; i < 4; i++)
			wire_say_n(from, 30000, i == 3);
		p->on[callback] = probe_pass;
		resume(g, p);
		ck_assert_uint_eq((d == CHAIN_REQUEST ? rig_upstream(g) : client)->body.n, 120000);
		if (d == CHAIN_REQUEST)
			wire_answer(rig_upstream(g), 200, 0);
		assert_record(g, "reason", "ok");
		rig_free(g);
	}
}
END_TEST

/* The timer that bounded the body must not end the pause behind it. */
START_TEST(a_buffering_policy_may_think_about_the_body_for_long)
{
	for (enum chain_direction d = CHAIN_REQUEST; d <= CHAIN_RESPONSE; d++) {
		struct bench *b = bench_new();
		struct probe *p = probe_buffers(b, d, 100);
		p->on[d == CHAIN_REQUEST ? CALLBACK_REQUEST_BODY : CALLBACK_RESPONSE_BODY] =
			pause_long;
		struct rig *g = rig_new(b);
		struct wire *client = rig_upload(g, "PUT /shop/items", CONTENT_LENGTH_UNKNOWN);
		wire_say(client, "abc", false);
		wire_say(client, "", true);
		if (d == CHAIN_RESPONSE) {
			wire_answer(rig_upstream(g), 200, CONTENT_LENGTH_UNKNOWN);
			wire_say(rig_upstream(g), "hello", false);
			wire_say(rig_upstream(g), "", true);
		}
		rig_advance(g, 590000);
		ck_assert(!client->head_sent);
		resume(g, p);
		if (d == CHAIN_REQUEST)
			wire_answer(rig_upstream(g), 200, 0);
		ck_assert_uint_eq(wire_status(client), 200);
		assert_record(g, "reason", "ok");
		rig_free(g);
	}
}
END_TEST

START_TEST(a_tunnel_may_begin_while_a_policy_pauses_at_the_requests_end)
{
	struct bench *b = bench_new();
	pauses_in(b, CALLBACK_REQUEST_END, pause_long);
	struct rig *g = rig_new(b);
	struct wire *client = rig_ask(g, "GET /shop/items/ws"), *up = rig_upstream(g);
	wire_switch(up);
	wire_say(client, "ping", true);
	ck_assert_str_eq(wire_body(up), "ping");
	wire_say(up, "", true);
	ck_assert(up->out_ended && up->is_released && !up->was_reset);
	assert_record(g, "status", "101");
	rig_free(g);
}
END_TEST

START_TEST(ending_all_does_not_wait_for_a_pause)
{
	for (size_t i = 0; i < ARRAY_COUNT(pausing); i++) {
		struct bench *b = bench_new();
		pauses_in(b, pausing[i], pause_long);
		struct rig *g = rig_new(b);
		struct wire *client = play(g);
		exchange_end_all(&g->worker);
		/* A response policy that pauses on the answer itself goes with its connection. */
		if (!client->is_released)
			wire_reset(client, HTTP_RESET_CANCELLED);
		ck_assert(client->is_released);
		assert_record(g, "reason", "shutdown");
		rig_free(g);
	}
}
END_TEST

UNIT_SUITE(pauses, goes_on_where_it_paused, a_client_that_resets_ends_a_pause_anywhere,
	an_upstream_that_resets_under_a_paused_response_is_told,
	a_policy_that_takes_too_long_denies, a_pause_beyond_the_whole_is_the_policys,
	a_policy_that_waits_in_its_request_head_sees_no_answer, a_pause_piles_nothing_up,
	a_pause_before_a_buffering_policy_forgets_nothing,
	a_buffering_policy_may_think_about_the_body_for_long,
	a_tunnel_may_begin_while_a_policy_pauses_at_the_requests_end,
	ending_all_does_not_wait_for_a_pause)
