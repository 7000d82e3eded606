/* SPDX-License-Identifier: Apache-2.0 */
/* Answers that a policy writes while they are sent. */
#include "policy/local_stream.h"
#include "policy/support.h"
#include "rig.h"
#include "unit.h"

#include "base/limits.h"

static struct local_stream written;
static int changes;

static void on_changed(struct local_stream *s)
{
	changes++;
}

/* Begins one in the callback. */
static int32_t answer(struct probe *p, struct sluice_exchange *x, const struct sluice_body *body)
{
	struct local_response *local;
	written = (struct local_stream){.changed = on_changed};
	changes = 0;
	int32_t rc = local_stream_answer(x, 200, NULL, 0, STR("written"), &written, &local);
	ck_assert_int_eq(rc, SLUICE_OK);
	return SLUICE_RESPONDED;
}

static int32_t answer_events(
	struct probe *p, struct sluice_exchange *x, const struct sluice_body *body)
{
	int32_t verdict = answer(p, x, body);
	enum rc rc = fields_add(
		&x->answer->head.fields, STR("Content-Type"), STR("text/event-stream"));
	ck_assert_int_eq(rc, RC_OK);
	return verdict;
}

static int32_t answer_and_give_up(
	struct probe *p, struct sluice_exchange *x, const struct sluice_body *body)
{
	int32_t verdict = answer(p, x, body);
	written.aborted = true;
	return verdict;
}

static struct sluice_exchange *exchange;

static int32_t keep(struct probe *p, struct sluice_exchange *x, const struct sluice_body *body)
{
	exchange = x;
	return SLUICE_CONTINUE;
}

/* What the policy does between callbacks. */
static void say(struct rig *g, const char *text)
{
	ck_assert_uint_eq(local_stream_write(&written, str_of(text)), strlen(text));
	exchange->wake(exchange);
	rig_turn(g);
}

static void say_end(struct rig *g)
{
	written.ended = true;
	exchange->wake(exchange);
	rig_turn(g);
}

static struct rig *rig_with(probe_fn *fn, struct probe **first)
{
	struct bench *b = bench_new();
	*first = probe_heads(b);
	(*first)->on[CALLBACK_REQUEST_HEAD] = keep;
	probe_heads(b)->on[CALLBACK_REQUEST_HEAD] = fn;
	exchange = NULL;
	return rig_new(b);
}

static void let_go(struct rig *g)
{
	chunk_queue_clear(&written.queue);
	rig_free(g);
}

START_TEST(goes_out_as_it_is_written)
{
	struct probe *first;
	struct rig *g = rig_with(answer, &first);
	struct wire *client = rig_ask(g, "GET /shop/items");
	ck_assert_uint_eq(wire_status(client), 200);
	ck_assert_int_eq(client->declared, CONTENT_LENGTH_UNKNOWN);
	ck_assert(!client->head_ended && !client->out_ended);
	ck_assert_str_eq(wire_body(client), "");
	say(g, "one ");
	ck_assert_str_eq(wire_body(client), "one ");
	ck_assert_int_gt(changes, 0);
	say(g, "two");
	ck_assert_str_eq(wire_body(client), "one two");
	ck_assert(!client->out_ended);
	say_end(g);
	ck_assert(client->out_ended && client->is_released && !client->was_reset);
	ck_assert_uint_eq(written.loss, LOCAL_STREAM_KEPT);
	assert_record(g, "reason", "written");
	assert_record(g, "binding", "b");
	assert_record(g, "status", "200");
	let_go(g);
}
END_TEST

START_TEST(a_client_that_does_not_read_stops_it)
{
	struct probe *first;
	struct rig *g = rig_with(answer, &first);
	struct wire *client = rig_ask(g, "GET /shop/items");
	wire_block(client, true);
	int before = changes;
	say(g, "held");
	ck_assert_str_eq(wire_body(client), "");
	ck_assert_uint_eq(written.queue.bytes, 4);
	ck_assert_int_eq(changes, before);
	wire_block(client, false);
	rig_turn(g);
	ck_assert_str_eq(wire_body(client), "held");
	ck_assert_int_gt(changes, before);
	let_go(g);
}
END_TEST

START_TEST(a_head_request_gets_the_head)
{
	struct probe *first;
	struct rig *g = rig_with(answer, &first);
	struct wire *client = rig_ask(g, "HEAD /shop/items");
	ck_assert_uint_eq(wire_status(client), 200);
	ck_assert(client->head_ended && client->is_released);
	ck_assert_uint_eq(written.loss, LOCAL_STREAM_KEPT);
	let_go(g);
}
END_TEST

START_TEST(walks_through_the_bodies_of_the_policies_in_front)
{
	struct bench *b = bench_new();
	struct probe *first = probe_heads(b);
	first->on[CALLBACK_REQUEST_HEAD] = keep;
	first->on[CALLBACK_RESPONSE_BODY] = probe_upper;
	first->body[CHAIN_RESPONSE].mode = BODY_STREAM;
	probe_heads(b)->on[CALLBACK_REQUEST_HEAD] = answer;
	struct rig *g = rig_new(b);
	struct wire *client = rig_ask(g, "GET /shop/items");
	say(g, "one ");
	ck_assert_str_eq(wire_body(client), "ONE ");
	say(g, "two");
	say_end(g);
	ck_assert_str_eq(wire_body(client), "ONE TWO");
	ck_assert(client->out_ended);
	let_go(g);
}
END_TEST

START_TEST(is_collected_by_a_policy_that_buffers)
{
	struct probe *first;
	struct bench *b = bench_new();
	first = probe_heads(b);
	first->on[CALLBACK_REQUEST_HEAD] = keep;
	first->on[CALLBACK_RESPONSE_BODY] = probe_upper;
	first->body[CHAIN_RESPONSE] = (struct body_contract){.mode = BODY_BUFFER, .bytes_max = 100};
	probe_heads(b)->on[CALLBACK_REQUEST_HEAD] = answer;
	struct rig *g = rig_new(b);
	struct wire *client = rig_ask(g, "GET /shop/items");
	say(g, "one ");
	ck_assert(!client->head_sent);
	say(g, "two");
	say_end(g);
	ck_assert_int_eq(client->declared, 7);
	ck_assert_str_eq(wire_body(client), "ONE TWO");
	let_go(g);
}
END_TEST

START_TEST(events_are_not_collected)
{
	struct bench *b = bench_new();
	struct probe *first = probe_heads(b);
	first->on[CALLBACK_RESPONSE_BODY] = probe_pass;
	first->body[CHAIN_RESPONSE] = (struct body_contract){.mode = BODY_BUFFER, .bytes_max = 100};
	probe_heads(b)->on[CALLBACK_REQUEST_HEAD] = answer_events;
	struct rig *g = rig_new(b);
	struct wire *client = rig_ask(g, "GET /shop/items");
	ck_assert_uint_eq(wire_status(client), 503);
	ck_assert_uint_eq(written.loss, LOCAL_STREAM_CUT);
	assert_record(g, "binding", "a");
	let_go(g);
}
END_TEST

START_TEST(what_is_given_up_cuts_the_client)
{
	struct probe *first;
	struct rig *g = rig_with(answer, &first);
	struct wire *client = rig_ask(g, "GET /shop/items");
	say(g, "half");
	written.aborted = true;
	exchange->wake(exchange);
	rig_turn(g);
	ck_assert(client->was_reset && !client->out_ended);
	assert_record(g, "reason", "policy_failed");
	assert_record(g, "binding", "b");
	let_go(g);
}
END_TEST

START_TEST(what_is_given_up_before_its_head_is_a_503)
{
	struct probe *first;
	struct rig *g = rig_with(answer_and_give_up, &first);
	struct wire *client = rig_ask(g, "GET /shop/items");
	ck_assert_uint_eq(wire_status(client), 503);
	assert_record(g, "reason", "policy_failed");
	assert_record(g, "binding", "b");
	let_go(g);
}
END_TEST

START_TEST(a_client_that_goes_away_is_told_to_the_policy)
{
	struct probe *first;
	struct rig *g = rig_with(answer, &first);
	struct wire *client = rig_ask(g, "GET /shop/items");
	wire_reset(client, HTTP_RESET_CANCELLED);
	rig_turn(g);
	ck_assert_uint_eq(written.loss, LOCAL_STREAM_CLIENT_GONE);
	ck_assert(client->is_released);
	let_go(g);
}
END_TEST

/* Of the API: streamIdleTimeoutMs is a minute. */
START_TEST(silence_has_a_bound)
{
	struct probe *first;
	struct rig *g = rig_with(answer, &first);
	struct wire *client = rig_ask(g, "GET /shop/items");
	rig_advance(g, 59000);
	say(g, "still here");
	rig_advance(g, 59000);
	ck_assert(!client->was_reset);
	rig_advance(g, 2000);
	ck_assert(client->was_reset);
	ck_assert_uint_eq(written.loss, LOCAL_STREAM_CUT);
	assert_record(g, "reason", "policy_timeout");
	let_go(g);
}
END_TEST

START_TEST(another_answer_takes_its_place)
{
	struct probe *first;
	struct bench *b = bench_new();
	first = probe_heads(b);
	first->on[CALLBACK_RESPONSE_HEAD] = probe_answer;
	probe_heads(b)->on[CALLBACK_REQUEST_HEAD] = answer;
	struct rig *g = rig_new(b);
	struct wire *client = rig_ask(g, "GET /shop/items");
	ck_assert_uint_eq(wire_status(client), 418);
	ck_assert_str_eq(wire_body(client), "short and stout");
	ck_assert_uint_eq(written.loss, LOCAL_STREAM_REPLACED);
	let_go(g);
}
END_TEST

/* The upstream's answer is not needed any more. */
START_TEST(may_replace_an_upstreams_answer)
{
	struct bench *b = bench_new();
	struct probe *p = probe_heads(b);
	p->on[CALLBACK_REQUEST_HEAD] = keep;
	p->on[CALLBACK_RESPONSE_HEAD] = answer;
	struct rig *g = rig_new(b);
	struct wire *client = rig_ask(g, "GET /shop/items");
	wire_answer(rig_upstream(g), 200, 10);
	say(g, "instead");
	say_end(g);
	ck_assert_str_eq(wire_body(client), "instead");
	ck_assert(client->out_ended);
	let_go(g);
}
END_TEST

START_TEST(trailers_follow_it)
{
	struct probe *first;
	struct rig *g = rig_with(answer, &first);
	struct wire *client = rig_ask(g, "GET /shop/items");
	struct fields trailers;
	fields_init(&trailers, exchange->arena);
	ck_assert_int_eq(fields_add(&trailers, STR("X-Sum"), STR("7")), RC_OK);
	say(g, "body");
	written.trailers = &trailers;
	say_end(g);
	ck_assert(client->out_ended);
	ck_assert(client->trailers.n > 0);
	let_go(g);
}
END_TEST

/* As a body from a store: all of it stands there, and the client is given it as it takes it. */
static int32_t answer_large(
	struct probe *p, struct sluice_exchange *x, const struct sluice_body *body)
{
	static char large[400000];
	int32_t verdict = answer(p, x, body);
	memset(large, 'x', sizeof(large));
	chunk_queue_add_static(&written.queue, str_n(large, sizeof(large)));
	written.ended = true;
	return verdict;
}

START_TEST(a_large_one_that_is_written_already_waits_for_its_reader)
{
	struct probe *first;
	struct rig *g = rig_with(answer_large, &first);
	struct wire *client = rig_prepare(g, "GET /shop/items", CONTENT_LENGTH_NONE);
	wire_block(client, true);
	rig_begin(g, client);
	ck_assert_uint_eq(wire_status(client), 200);
	ck_assert(!client->out_ended);
	ck_assert_uint_eq(client->body.n, 0);
	wire_block(client, false);
	rig_turn(g);
	ck_assert_uint_eq(client->body.n, 400000);
	ck_assert(client->out_ended && client->is_released);
	let_go(g);
}
END_TEST

static int32_t answer_from_elsewhere(
	struct probe *p, struct sluice_exchange *x, const struct sluice_body *body)
{
	int32_t verdict = answer_large(p, x, body);
	written.lies_elsewhere = true;
	return verdict;
}

/* Cutting it would free nothing. */
START_TEST(one_that_lies_elsewhere_is_not_cut_for_its_memory)
{
	for (int elsewhere = 0; elsewhere < 2; elsewhere++) {
		struct probe *first;
		struct rig *g = rig_with(elsewhere ? answer_from_elsewhere : answer_large, &first);
		struct wire *client = rig_prepare(g, "GET /shop/items", CONTENT_LENGTH_NONE);
		wire_block(client, true);
		rig_begin(g, client);
		proxy_worker_set_pressure(&g->worker, PRESSURE_RESET);
		rig_turn(g);
		ck_assert_int_eq(client->was_reset, !elsewhere);
		let_go(g);
	}
}
END_TEST

START_TEST(a_large_one_is_collected_whole)
{
	struct bench *b = bench_new();
	struct probe *first = probe_heads(b);
	first->on[CALLBACK_RESPONSE_BODY] = probe_pass;
	first->body[CHAIN_RESPONSE] =
		(struct body_contract){.mode = BODY_BUFFER, .bytes_max = 500000};
	probe_heads(b)->on[CALLBACK_REQUEST_HEAD] = answer_large;
	struct rig *g = rig_new(b);
	struct wire *client = rig_ask(g, "GET /shop/items");
	ck_assert_int_eq(client->declared, 400000);
	ck_assert_uint_eq(client->body.n, 400000);
	let_go(g);
}
END_TEST

UNIT_SUITE(local_stream, a_large_one_that_is_written_already_waits_for_its_reader,
	one_that_lies_elsewhere_is_not_cut_for_its_memory, a_large_one_is_collected_whole, goes_out_as_it_is_written, a_client_that_does_not_read_stops_it,
	a_head_request_gets_the_head, walks_through_the_bodies_of_the_policies_in_front,
	is_collected_by_a_policy_that_buffers, events_are_not_collected,
	what_is_given_up_cuts_the_client, what_is_given_up_before_its_head_is_a_503,
	a_client_that_goes_away_is_told_to_the_policy, silence_has_a_bound,
	another_answer_takes_its_place, may_replace_an_upstreams_answer, trailers_follow_it)
