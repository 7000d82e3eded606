/* SPDX-License-Identifier: Apache-2.0 */
#include "unit.h"

#include "support.h"

#define REQ CHAIN_REQUEST
#define RSP CHAIN_RESPONSE

/* a streams in upper case, b collects, c observes. */
static struct bench *stream_buffer_observe(size_t bytes_max)
{
	struct bench *b = bench_new();
	struct probe *a = bench_probe(b), *collects = bench_probe(b), *c = bench_probe(b);
	a->on[CALLBACK_REQUEST_HEAD] = probe_pass;
	a->on[CALLBACK_REQUEST_BODY] = probe_upper;
	a->body[REQ].mode = BODY_STREAM;
	collects->on[CALLBACK_REQUEST_HEAD] = probe_pass;
	collects->on[CALLBACK_REQUEST_BODY] = probe_pass;
	collects->body[REQ] = (struct body_contract){BODY_BUFFER, bytes_max};
	c->on[CALLBACK_REQUEST_HEAD] = probe_pass;
	c->on[CALLBACK_REQUEST_BODY] = probe_pass;
	c->body[REQ].mode = BODY_OBSERVE;
	return b;
}

START_TEST(heads_behind_a_buffering_binding_wait_for_its_decision)
{
	struct bench *b = stream_buffer_observe(0);
	bench_start(b);
	bench_feed(b, REQ, "one ");
	ck_assert_int_eq(bench_step(b, REQ), CHAIN_MORE);
	ck_assert(!b->x.run[REQ].head_done);
	bench_feed(b, REQ, "two");
	ck_assert_int_eq(bench_step(b, REQ), CHAIN_MORE);
	ck_assert_str_eq(bench_out(b, REQ), "");
	ck_assert_str_eq(bench_trace(b), "a.request_head b.request_head a.request_body(one ) "
					 "a.request_body(two) ");
	bench_end(b, REQ);
	ck_assert_int_eq(bench_step(b, REQ), CHAIN_DONE);
	ck_assert(b->x.run[REQ].head_done);
	ck_assert_str_eq(bench_trace(b), "a.request_body($) b.request_body(ONE TWO$) "
					 "c.request_head c.request_body(ONE TWO$) ");
	ck_assert_str_eq(bench_out(b, REQ), "ONE TWO");
	ck_assert_int_eq(b->request.content_length, 7);
	bench_free(b);
}
END_TEST

START_TEST(what_stands_behind_never_sees_what_a_buffering_binding_refuses)
{
	struct bench *b = stream_buffer_observe(0);
	b->probes[1].on[CALLBACK_REQUEST_BODY] = probe_answer;
	b->probes[2].on[CALLBACK_LOG] = probe_pass;
	bench_start(b);
	ck_assert_int_eq(bench_give(b, REQ, "bad"), CHAIN_RESPONDED);
	bench_finish(b);
	ck_assert_ptr_null(strstr(bench_trace(b), "c."));
	bench_free(b);
}
END_TEST

START_TEST(two_buffering_bindings_decide_one_after_the_other)
{
	struct bench *b = bench_new();
	for (int i = 0; i < 2; i++) {
		struct probe *p = bench_probe(b);
		p->on[CALLBACK_REQUEST_HEAD] = probe_pass;
		p->on[CALLBACK_REQUEST_BODY] = i == 0 ? probe_upper : probe_pass;
		p->body[REQ].mode = BODY_BUFFER;
	}
	bench_start(b);
	bench_feed(b, REQ, "ab");
	bench_feed(b, REQ, "cd");
	ck_assert_int_eq(bench_give(b, REQ, "ef"), CHAIN_DONE);
	ck_assert_str_eq(bench_trace(b),
		"a.request_head a.request_body(abcdef$) b.request_head b.request_body(ABCDEF$) ");
	ck_assert_str_eq(bench_out(b, REQ), "ABCDEF");
	bench_free(b);
}
END_TEST

START_TEST(buffering_without_a_head_callback_still_holds_the_head)
{
	struct bench *b = bench_new();
	struct probe *a = bench_probe(b);
	a->on[CALLBACK_REQUEST_BODY] = probe_pass;
	a->body[REQ].mode = BODY_BUFFER;
	bench_start(b);
	ck_assert_int_eq(bench_step(b, REQ), CHAIN_MORE);
	ck_assert(!b->x.run[REQ].head_done);
	ck_assert_int_eq(bench_give(b, REQ, ""), CHAIN_DONE);
	ck_assert_str_eq(bench_trace(b), "a.request_body($) ");
	bench_free(b);
}
END_TEST

START_TEST(a_body_beyond_the_contract_is_too_large)
{
	for (int declared = 0; declared < 2; declared++) {
		struct bench *b = bench_new();
		struct probe *a = bench_probe(b);
		a->on[CALLBACK_REQUEST_BODY] = probe_pass;
		a->body[REQ] = (struct body_contract){BODY_BUFFER, 4};
		bench_start(b);
		if (declared)
			b->request.content_length = 5;
		else
			bench_feed(b, REQ, "12345");
		ck_assert_int_eq(bench_step(b, REQ), CHAIN_TOO_LARGE);
		ck_assert_str_eq(b->x.fault_reason, "body_too_large");
		ck_assert_str_eq(bench_trace(b), "");
		bench_free(b);
	}
}
END_TEST

START_TEST(a_body_of_exactly_the_contract_passes)
{
	struct bench *b = bench_new();
	struct probe *a = bench_probe(b);
	a->on[CALLBACK_REQUEST_BODY] = probe_pass;
	a->body[REQ] = (struct body_contract){BODY_BUFFER, 4};
	bench_start(b);
	bench_feed(b, REQ, "12");
	ck_assert_int_eq(bench_give(b, REQ, "34"), CHAIN_DONE);
	ck_assert_str_eq(bench_out(b, REQ), "1234");
	bench_free(b);
}
END_TEST

START_TEST(a_buffered_event_stream_is_a_failure)
{
	struct bench *b = bench_new();
	struct probe *a = bench_probe(b);
	a->on[CALLBACK_RESPONSE_BODY] = probe_pass;
	a->body[RSP].mode = BODY_BUFFER;
	bench_start(b);
	ck_assert_int_eq(fields_add(&b->response.fields, STR("Content-Type"),
				 STR("Text/Event-Stream; charset=utf-8")),
		RC_OK);
	ck_assert_int_eq(bench_give(b, REQ, ""), CHAIN_DONE);
	ck_assert_int_eq(bench_step(b, RSP), CHAIN_FAILED);
	ck_assert_str_eq(b->x.fault_reason, "policy_buffers_stream");
	bench_free(b);
}
END_TEST

START_TEST(a_streamed_body_has_an_unknown_length)
{
	struct bench *b = bench_new();
	struct probe *a = bench_probe(b);
	a->on[CALLBACK_RESPONSE_BODY] = probe_upper;
	a->body[RSP].mode = BODY_STREAM;
	bench_start(b);
	b->response.content_length = 3;
	ck_assert_int_eq(bench_give(b, REQ, ""), CHAIN_DONE);
	ck_assert_int_eq(bench_step(b, RSP), CHAIN_MORE);
	ck_assert_int_eq(b->response.content_length, CONTENT_LENGTH_UNKNOWN);
	ck_assert_int_eq(bench_give(b, RSP, "abc"), CHAIN_DONE);
	ck_assert_str_eq(bench_out(b, RSP), "ABC");
	bench_free(b);
}
END_TEST

static int32_t replace_nothing(
	struct probe *p, struct sluice_exchange *x, const struct sluice_body *body)
{
	int32_t rc = p->host->body_replace(x, SLUICE_STR(""));
	return rc == SLUICE_OK ? SLUICE_CONTINUE : SLUICE_FAIL;
}

START_TEST(a_body_may_be_replaced_by_nothing)
{
	struct bench *b = bench_new();
	struct probe *a = bench_probe(b), *next = bench_probe(b);
	a->on[CALLBACK_REQUEST_BODY] = replace_nothing;
	a->body[REQ].mode = BODY_STREAM;
	next->on[CALLBACK_REQUEST_BODY] = probe_pass;
	next->body[REQ].mode = BODY_OBSERVE;
	bench_start(b);
	bench_feed(b, REQ, "ab");
	ck_assert_int_eq(bench_step(b, REQ), CHAIN_MORE);
	ck_assert_int_eq(bench_give(b, REQ, "cd"), CHAIN_DONE);
	ck_assert_str_eq(bench_out(b, REQ), "");
	ck_assert_str_eq(
		bench_trace(b), "a.request_body(ab) a.request_body(cd$) b.request_body($) ");
	bench_free(b);
}
END_TEST

START_TEST(an_observer_cannot_replace)
{
	struct bench *b = bench_new();
	struct probe *a = bench_probe(b);
	a->on[CALLBACK_REQUEST_BODY] = replace_nothing;
	a->body[REQ].mode = BODY_OBSERVE;
	bench_start(b);
	ck_assert_int_eq(bench_give(b, REQ, "x"), CHAIN_FAILED);
	bench_free(b);
}
END_TEST

START_TEST(a_response_without_content_gets_none)
{
	struct bench *b = bench_new();
	struct probe *a = bench_probe(b);
	a->on[CALLBACK_RESPONSE_BODY] = replace_nothing;
	a->body[RSP].mode = BODY_BUFFER;
	a->skip_on_error = true;
	bench_start(b);
	b->response.has_content = false;
	b->response.content_length = 1234567890;
	ck_assert_int_eq(bench_give(b, REQ, ""), CHAIN_DONE);
	ck_assert_int_eq(bench_give(b, RSP, ""), CHAIN_DONE);
	ck_assert_uint_eq(b->x.skipped, 1);
	ck_assert_int_eq(b->response.content_length, 1234567890);
	bench_free(b);
}
END_TEST

/* Pauses once per piece, replacing before and after. */
static int32_t replace_around_a_pause(
	struct probe *p, struct sluice_exchange *x, const struct sluice_body *body)
{
	if (p->host->resumed(x)) {
		p->host->body_replace(x, SLUICE_STR(">"));
		return SLUICE_CONTINUE;
	}
	p->host->body_replace(x, SLUICE_STR("<"));
	p->token = p->host->pause(x, 1000);
	return SLUICE_PAUSE;
}

START_TEST(replacements_survive_a_pause)
{
	struct bench *b = bench_new();
	struct probe *a = bench_probe(b);
	a->on[CALLBACK_REQUEST_BODY] = replace_around_a_pause;
	a->body[REQ].mode = BODY_STREAM;
	bench_start(b);
	bench_feed(b, REQ, "a");
	bench_feed(b, REQ, "b");
	bench_end(b, REQ);
	int pauses = 0;
	while (bench_step(b, REQ) == CHAIN_PAUSED) {
		pauses++;
		ck_assert_int_eq(a->host->resume(a->token), SLUICE_OK);
		loop_turn(b->loop, 0);
	}
	ck_assert_int_eq(pauses, 2);
	ck_assert_str_eq(bench_out(b, REQ), "<><>");
	bench_free(b);
}
END_TEST

START_TEST(input_that_comes_during_a_pause_waits)
{
	struct bench *b = bench_new();
	struct probe *a = bench_probe(b);
	a->on[CALLBACK_REQUEST_BODY] = probe_pause;
	a->body[REQ].mode = BODY_OBSERVE;
	bench_start(b);
	bench_feed(b, REQ, "a");
	ck_assert_int_eq(bench_step(b, REQ), CHAIN_PAUSED);
	bench_feed(b, REQ, "b");
	bench_end(b, REQ);
	ck_assert_int_eq(bench_step(b, REQ), CHAIN_PAUSED);
	ck_assert_str_eq(bench_trace(b), "a.request_body(a) ");
	ck_assert_int_eq(a->host->resume(a->token), SLUICE_OK);
	loop_turn(b->loop, 0);
	ck_assert_int_eq(bench_step(b, REQ), CHAIN_PAUSED);
	ck_assert_str_eq(bench_trace(b), "a.request_body(a) a.request_body(b$) ");
	ck_assert_int_eq(a->host->resume(a->token), SLUICE_OK);
	loop_turn(b->loop, 0);
	ck_assert_int_eq(bench_step(b, REQ), CHAIN_DONE);
	ck_assert_str_eq(bench_out(b, REQ), "ab");
	bench_free(b);
}
END_TEST

START_TEST(a_binding_that_is_skipped_half_way_loses_nothing)
{
	struct bench *b = bench_new();
	struct probe *a = bench_probe(b);
	a->on[CALLBACK_REQUEST_BODY] = probe_fail;
	a->body[REQ].mode = BODY_OBSERVE;
	a->skip_on_error = true;
	bench_start(b);
	ck_assert(chain_run_wants_body(&b->x, REQ));
	bench_feed(b, REQ, "one ");
	ck_assert_int_eq(bench_step(b, REQ), CHAIN_MORE);
	ck_assert_uint_eq(b->x.skipped, 1);
	/* The proxy goes on by way of the chain. */
	ck_assert(chain_run_wants_body(&b->x, REQ));
	ck_assert_int_eq(bench_give(b, REQ, "two"), CHAIN_DONE);
	ck_assert_str_eq(bench_out(b, REQ), "one two");
	ck_assert_int_eq(a->calls, 1);
	bench_free(b);
}
END_TEST

static int32_t let_pass(struct probe *p, struct sluice_exchange *x, const struct sluice_body *body)
{
	return p->host->body_pass(x) == SLUICE_OK ? SLUICE_CONTINUE : SLUICE_FAIL;
}

START_TEST(a_body_that_is_let_pass_is_neither_shown_nor_collected_nor_too_large)
{
	struct bench *b = stream_buffer_observe(4);
	b->probes[1].on[CALLBACK_REQUEST_HEAD] = let_pass;
	bench_start(b);
	bench_feed(b, REQ, "one ");
	ck_assert_int_eq(bench_step(b, REQ), CHAIN_MORE);
	ck_assert(b->x.run[REQ].head_done);
	ck_assert_str_eq(bench_out(b, REQ), "ONE ");
	ck_assert_int_eq(bench_give(b, REQ, "two"), CHAIN_DONE);
	ck_assert_str_eq(bench_out(b, REQ), "TWO");
	ck_assert_str_eq(bench_trace(b),
		"a.request_head b.request_head c.request_head a.request_body(one ) "
		"c.request_body(ONE ) a.request_body(two$) c.request_body(TWO$) ");
	bench_free(b);
}
END_TEST

START_TEST(a_streaming_binding_that_lets_the_body_pass_keeps_its_length)
{
	struct bench *b = bench_new();
	struct probe *a = bench_probe(b), *collects = bench_probe(b);
	a->on[CALLBACK_REQUEST_HEAD] = let_pass;
	a->on[CALLBACK_REQUEST_BODY] = probe_upper;
	a->body[REQ].mode = BODY_STREAM;
	collects->on[CALLBACK_REQUEST_BODY] = probe_pass;
	collects->body[REQ].mode = BODY_BUFFER;
	bench_start(b);
	b->request.content_length = 3;
	ck_assert_int_eq(bench_give(b, REQ, "abc"), CHAIN_DONE);
	ck_assert_int_eq(b->request.content_length, 3);
	ck_assert_str_eq(bench_out(b, REQ), "abc");
	ck_assert_str_eq(bench_trace(b), "a.request_head b.request_body(abc$) ");
	bench_free(b);
}
END_TEST

START_TEST(letting_the_request_pass_says_nothing_about_the_response)
{
	struct bench *b = bench_new();
	struct probe *a = bench_probe(b);
	a->on[CALLBACK_REQUEST_HEAD] = let_pass;
	a->on[CALLBACK_REQUEST_BODY] = a->on[CALLBACK_RESPONSE_BODY] = probe_pass;
	a->body[REQ].mode = a->body[RSP].mode = BODY_BUFFER;
	bench_start(b);
	ck_assert_int_eq(bench_give(b, REQ, "abc"), CHAIN_DONE);
	ck_assert_int_eq(bench_give(b, RSP, "def"), CHAIN_DONE);
	ck_assert_str_eq(bench_trace(b), "a.request_head a.response_body(def$) ");
	bench_free(b);
}
END_TEST

static int32_t let_response_pass(
	struct probe *p, struct sluice_exchange *x, const struct sluice_body *body)
{
	return p->host->response_pass(x) == SLUICE_OK ? SLUICE_CONTINUE : SLUICE_FAIL;
}

START_TEST(a_response_that_is_let_pass_is_seen_by_the_others)
{
	struct bench *b = bench_new();
	struct probe *first = bench_probe(b), *second = bench_probe(b);
	first->on[CALLBACK_RESPONSE_HEAD] = first->on[CALLBACK_RESPONSE_BODY] = probe_pass;
	first->body[RSP].mode = BODY_OBSERVE;
	second->on[CALLBACK_REQUEST_HEAD] = let_response_pass;
	second->on[CALLBACK_RESPONSE_HEAD] = second->on[CALLBACK_RESPONSE_BODY] = probe_pass;
	second->on[CALLBACK_DONE] = probe_pass;
	bench_start(b);
	ck_assert_int_eq(bench_give(b, REQ, "abc"), CHAIN_DONE);
	ck_assert_int_eq(bench_give(b, RSP, "def"), CHAIN_DONE);
	ck_assert_str_eq(bench_out(b, RSP), "def");
	bench_finish(b);
	ck_assert_str_eq(
		bench_trace(b), "b.request_head a.response_head a.response_body(def$) b.done ");
	bench_free(b);
}
END_TEST

START_TEST(a_response_that_all_let_pass_stays_where_it_is)
{
	struct bench *b = bench_new();
	struct probe *a = bench_probe(b);
	a->on[CALLBACK_REQUEST_HEAD] = let_response_pass;
	a->on[CALLBACK_RESPONSE_HEAD] = a->on[CALLBACK_RESPONSE_BODY] = probe_pass;
	bench_start(b);
	ck_assert_int_eq(bench_give(b, REQ, "abc"), CHAIN_DONE);
	ck_assert(!chain_run_wants_body(&b->x, RSP));
	ck_assert_int_eq(bench_step(b, RSP), CHAIN_MORE);
	ck_assert(b->x.run[RSP].head_done);
	ck_assert_str_eq(bench_trace(b), "a.request_head ");
	bench_free(b);
}
END_TEST

/* However the body is cut, what comes out is the same. */
START_TEST(pieces_of_any_size_give_the_same_body)
{
	static const char body[] = "the quick brown fox";
	for (size_t cut = 0; cut < sizeof(body); cut++) {
		for (size_t second = cut; second < sizeof(body); second++) {
			struct bench *b = stream_buffer_observe(0);
			bench_start(b);
			char text[sizeof(body)];
			size_t ends[] = {cut, second, sizeof(body) - 1}, from = 0;
			for (int i = 0; i < 3; i++) {
				memcpy(text, body + from, ends[i] - from);
				text[ends[i] - from] = '\0';
				from = ends[i];
				bench_feed(b, REQ, text);
				ck_assert_int_eq(bench_step(b, REQ), CHAIN_MORE);
			}
			bench_end(b, REQ);
			ck_assert_int_eq(bench_step(b, REQ), CHAIN_DONE);
			ck_assert_str_eq(bench_out(b, REQ), "THE QUICK BROWN FOX");
			bench_free(b);
		}
	}
}
END_TEST

UNIT_SUITE(bodies, heads_behind_a_buffering_binding_wait_for_its_decision,
	what_stands_behind_never_sees_what_a_buffering_binding_refuses,
	two_buffering_bindings_decide_one_after_the_other,
	buffering_without_a_head_callback_still_holds_the_head,
	a_body_beyond_the_contract_is_too_large, a_body_of_exactly_the_contract_passes,
	a_buffered_event_stream_is_a_failure, a_streamed_body_has_an_unknown_length,
	a_body_may_be_replaced_by_nothing, an_observer_cannot_replace,
	a_response_without_content_gets_none, replacements_survive_a_pause,
	input_that_comes_during_a_pause_waits, a_binding_that_is_skipped_half_way_loses_nothing,
	a_body_that_is_let_pass_is_neither_shown_nor_collected_nor_too_large,
	a_streaming_binding_that_lets_the_body_pass_keeps_its_length,
	letting_the_request_pass_says_nothing_about_the_response,
	a_response_that_is_let_pass_is_seen_by_the_others,
	a_response_that_all_let_pass_stays_where_it_is, pieces_of_any_size_give_the_same_body)
