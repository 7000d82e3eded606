/* SPDX-License-Identifier: Apache-2.0 */
#include "unit.h"

#include "support.h"

#include "base/limits.h"
#include "policy/pause.h"

#include <stdio.h>
#include <stdlib.h>

#define REQ CHAIN_REQUEST
#define RSP CHAIN_RESPONSE

static struct bench *two_passing(void)
{
	struct bench *b = bench_new();
	probe_pass_all(bench_probe(b));
	probe_pass_all(bench_probe(b));
	return b;
}

/* --- order ----------------------------------------------------------------------------------- */
START_TEST(empty_chain_passes_everything)
{
	struct bench *b = bench_new();
	bench_start(b);
	ck_assert(!chain_wants_body(b->chain, REQ));
	ck_assert_int_eq(bench_step(b, REQ), CHAIN_MORE);
	ck_assert(b->x.run[REQ].head_done);
	ck_assert_int_eq(bench_give(b, REQ, "hello"), CHAIN_DONE);
	ck_assert_str_eq(bench_out(b, REQ), "hello");
	ck_assert_int_eq(bench_give(b, RSP, "world"), CHAIN_DONE);
	ck_assert_str_eq(bench_out(b, RSP), "world");
	bench_free(b);
}
END_TEST

START_TEST(no_chain_at_all_is_an_empty_one)
{
	struct bench *b = bench_new();
	bench_start(b);
	chain_begin(&b->x, NULL, UINT64_MAX);
	ck_assert_int_eq(bench_give(b, REQ, "x"), CHAIN_DONE);
	bench_free(b);
}
END_TEST

START_TEST(requests_run_in_order_and_responses_in_reverse)
{
	struct bench *b = two_passing();
	bench_start(b);
	ck_assert(chain_wants_body(b->chain, REQ));
	ck_assert_int_eq(bench_give(b, REQ, "hi"), CHAIN_DONE);
	ck_assert_str_eq(bench_trace(b), "a.request_head b.request_head a.request_body(hi$) "
					 "b.request_body(hi$) a.request_end b.request_end ");
	ck_assert_int_eq(bench_give(b, RSP, "yo"), CHAIN_DONE);
	ck_assert_str_eq(bench_trace(b), "b.response_head a.response_head b.response_body(yo$) "
					 "a.response_body(yo$) b.response_end a.response_end ");
	bench_finish(b);
	ck_assert_str_eq(bench_trace(b), "a.log b.log a.done b.done ");
	bench_free(b);
}
END_TEST

START_TEST(inactive_bindings_never_run)
{
	struct bench *b = two_passing();
	b->active = 2;
	bench_start(b);
	ck_assert_int_eq(bench_give(b, REQ, ""), CHAIN_DONE);
	ck_assert_int_eq(bench_give(b, RSP, ""), CHAIN_DONE);
	bench_finish(b);
	ck_assert_str_eq(bench_trace(b),
		"b.request_head b.request_body($) b.request_end b.response_head b.response_body($) "
		"b.response_end b.log b.done ");
	bench_free(b);
}
END_TEST

START_TEST(absent_callbacks_are_no_steps)
{
	struct bench *b = bench_new();
	struct probe *a = bench_probe(b);
	a->on[CALLBACK_LOG] = probe_pass;
	bench_start(b);
	ck_assert(!chain_wants_body(b->chain, REQ));
	ck_assert_int_eq(bench_give(b, REQ, "x"), CHAIN_DONE);
	bench_finish(b);
	ck_assert_str_eq(bench_trace(b), "a.log ");
	bench_free(b);
}
END_TEST

START_TEST(head_is_done_before_any_body_comes)
{
	struct bench *b = two_passing();
	bench_start(b);
	ck_assert_int_eq(bench_step(b, REQ), CHAIN_MORE);
	ck_assert(b->x.run[REQ].head_done);
	ck_assert_str_eq(bench_trace(b), "a.request_head b.request_head ");
	bench_free(b);
}
END_TEST

START_TEST(sixty_four_bindings_fit_and_one_more_does_not)
{
	struct bench *b = bench_new();
	probe_pass_all(bench_probe(b));
	bench_start(b);
	struct chain_binding_options options[LIMIT_BINDINGS_PER_CHAIN + 1];
	for (size_t i = 0; i < ARRAY_COUNT(options); i++)
		options[i] = (struct chain_binding_options){.instance = b->probes[0].instance};
	struct chain *chain;
	ck_assert_int_eq(chain_new(options, ARRAY_COUNT(options), &chain), RC_FULL);
	ck_assert_int_eq(chain_new(options, LIMIT_BINDINGS_PER_CHAIN, &chain), RC_OK);
	chain_begin(&b->x, chain, UINT64_MAX);
	ck_assert_int_eq(bench_give(b, REQ, ""), CHAIN_DONE);
	ck_assert_int_eq(b->probes[0].calls, 64 * 2);
	ck_assert_int_eq(bench_give(b, RSP, ""), CHAIN_DONE);
	bench_finish(b);
	ck_assert_int_eq(b->probes[0].calls, 64 * 6);
	chain_free(chain);
	bench_free(b);
}
END_TEST

/* --- verdicts: a passes, b does it, c must not be reached ------------------------------------- */
struct verdict_case {
	enum callback callback;
	probe_fn *does;
	enum chain_result result;
	const char *reason;
};

static const struct verdict_case verdict_cases[] = {
	{CALLBACK_REQUEST_HEAD, probe_fail, CHAIN_FAILED, "policy_failed"},
	{CALLBACK_REQUEST_HEAD, probe_nonsense, CHAIN_FAILED, "policy_failed"},
	{CALLBACK_REQUEST_HEAD, probe_answer, CHAIN_RESPONDED, NULL},
	{CALLBACK_REQUEST_BODY, probe_fail, CHAIN_FAILED, "policy_failed"},
	{CALLBACK_REQUEST_BODY, probe_nonsense, CHAIN_FAILED, "policy_failed"},
	{CALLBACK_REQUEST_BODY, probe_answer, CHAIN_RESPONDED, NULL},
	{CALLBACK_REQUEST_END, probe_fail, CHAIN_FAILED, "policy_failed"},
	{CALLBACK_REQUEST_END, probe_nonsense, CHAIN_FAILED, "policy_failed"},
	{CALLBACK_REQUEST_END, probe_answer, CHAIN_RESPONDED, NULL},
	{CALLBACK_RESPONSE_HEAD, probe_fail, CHAIN_FAILED, "policy_failed"},
	{CALLBACK_RESPONSE_HEAD, probe_nonsense, CHAIN_FAILED, "policy_failed"},
	{CALLBACK_RESPONSE_HEAD, probe_answer, CHAIN_RESPONDED, NULL},
	{CALLBACK_RESPONSE_BODY, probe_fail, CHAIN_FAILED, "policy_failed"},
	{CALLBACK_RESPONSE_BODY, probe_nonsense, CHAIN_FAILED, "policy_failed"},
	{CALLBACK_RESPONSE_BODY, probe_answer, CHAIN_RESPONDED, NULL},
	{CALLBACK_RESPONSE_END, probe_fail, CHAIN_FAILED, "policy_failed"},
	{CALLBACK_RESPONSE_END, probe_nonsense, CHAIN_FAILED, "policy_failed"},
	{CALLBACK_RESPONSE_END, probe_answer, CHAIN_RESPONDED, NULL},
};

/* Whether the same callback of the binding that comes next was called. */
static bool was_called(const char *trace, const char *name, enum callback c)
{
	char text[40];
	snprintf(text, sizeof(text), "%s.%s", name, callback_name(c));
	return strstr(trace, text) != NULL;
}

START_TEST(every_verdict_of_every_callback_stops_the_walk)
{
	for (size_t i = 0; i < ARRAY_COUNT(verdict_cases); i++) {
		const struct verdict_case *v = &verdict_cases[i];
		struct bench *b = bench_new();
		for (int n = 0; n < 3; n++)
			probe_pass_all(bench_probe(b));
		b->probes[1].on[v->callback] = v->does;
		bench_start(b);
		bool response = v->callback >= CALLBACK_RESPONSE_HEAD;
		enum chain_result r = bench_give(b, REQ, "q");
		if (response) {
			ck_assert_int_eq(r, CHAIN_DONE);
			r = bench_give(b, RSP, "s");
		}
		ck_assert_msg(r == v->result, "case %zu: %d", i, r);
		const char *trace = bench_trace(b);
		ck_assert(was_called(trace, response ? "c" : "a", v->callback));
		ck_assert(!was_called(trace, response ? "a" : "c", v->callback));
		if (v->reason) {
			ck_assert_str_eq(b->x.fault_reason, v->reason);
			assert_str(chain_binding_id(b->x.fault_binding), "b");
		} else {
			ck_assert_int_eq(b->x.local->head.status, 418);
			assert_str(b->x.local->body, "short and stout");
			assert_str(b->x.local->reason, "teapot");
		}
		bench_finish(b);
		trace = bench_trace(b);
		ck_assert(was_called(trace, "b", CALLBACK_LOG));
		ck_assert(was_called(trace, "b", CALLBACK_DONE));
		bench_free(b);
	}
}
END_TEST

START_TEST(a_stopped_request_stays_stopped)
{
	struct bench *b = bench_new();
	bench_probe(b)->on[CALLBACK_REQUEST_HEAD] = probe_fail;
	bench_start(b);
	ck_assert_int_eq(bench_step(b, REQ), CHAIN_FAILED);
	ck_assert_int_eq(bench_give(b, REQ, "more"), CHAIN_FAILED);
	ck_assert_int_eq(b->probes[0].calls, 1);
	bench_free(b);
}
END_TEST

/* Does what the proxy does with a local answer. */
static enum chain_result give_answer(struct bench *b)
{
	b->x.response = &b->x.local->head;
	chunk_queue_add_copy(&b->x.run[RSP].in, b->x.local->body);
	b->x.run[RSP].in_ended = true;
	return bench_step(b, RSP);
}

START_TEST(a_local_answer_walks_back_from_who_answered)
{
	struct bench *b = bench_new();
	for (int n = 0; n < 3; n++)
		probe_pass_all(bench_probe(b));
	b->probes[1].on[CALLBACK_REQUEST_HEAD] = probe_answer;
	bench_start(b);
	ck_assert_int_eq(bench_step(b, REQ), CHAIN_RESPONDED);
	ck_assert_str_eq(bench_trace(b), "a.request_head b.request_head ");
	ck_assert_int_eq(give_answer(b), CHAIN_DONE);
	ck_assert_str_eq(bench_trace(b),
		"b.response_head a.response_head b.response_body(short and stout$) "
		"a.response_body(short and stout$) b.response_end a.response_end ");
	ck_assert_str_eq(bench_out(b, RSP), "short and stout");
	bench_finish(b);
	ck_assert_str_eq(bench_trace(b), "a.log b.log a.done b.done ");
	bench_free(b);
}
END_TEST

START_TEST(an_answer_from_a_response_head_goes_on_towards_the_client)
{
	struct bench *b = bench_new();
	for (int n = 0; n < 3; n++)
		probe_pass_all(bench_probe(b));
	b->probes[1].on[CALLBACK_RESPONSE_HEAD] = probe_answer;
	bench_start(b);
	ck_assert_int_eq(bench_give(b, REQ, ""), CHAIN_DONE);
	bench_trace(b);
	bench_feed(b, RSP, "the upstream's");
	ck_assert_int_eq(bench_step(b, RSP), CHAIN_RESPONDED);
	ck_assert_str_eq(bench_trace(b), "c.response_head b.response_head ");
	ck_assert_int_eq(give_answer(b), CHAIN_DONE);
	ck_assert_str_eq(bench_trace(b),
		"a.response_head a.response_body(short and stout$) a.response_end ");
	ck_assert_str_eq(bench_out(b, RSP), "short and stout");
	bench_free(b);
}
END_TEST

START_TEST(a_failed_binding_does_not_see_the_answer)
{
	struct bench *b = two_passing();
	b->probes[1].on[CALLBACK_REQUEST_HEAD] = probe_fail;
	bench_start(b);
	ck_assert_int_eq(bench_step(b, REQ), CHAIN_FAILED);
	bench_trace(b);
	b->response.status = 503;
	ck_assert_int_eq(bench_give(b, RSP, ""), CHAIN_DONE);
	ck_assert_str_eq(bench_trace(b), "a.response_head a.response_body($) a.response_end ");
	bench_free(b);
}
END_TEST

START_TEST(a_restarted_response_is_seen_by_those_it_had_not_reached)
{
	struct bench *b = two_passing();
	b->probes[1].body[RSP].mode = BODY_BUFFER;
	bench_start(b);
	ck_assert_int_eq(bench_give(b, REQ, ""), CHAIN_DONE);
	bench_feed(b, RSP, "half of");
	ck_assert_int_eq(bench_step(b, RSP), CHAIN_MORE);
	ck_assert(!b->x.run[RSP].head_done);
	bench_trace(b);
	chain_restart_response(&b->x);
	b->response.status = 502;
	ck_assert_int_eq(bench_give(b, RSP, "sorry"), CHAIN_DONE);
	ck_assert_str_eq(bench_trace(b), "a.response_head a.response_body(sorry$) a.response_end ");
	ck_assert_str_eq(bench_out(b, RSP), "sorry");
	bench_free(b);
}
END_TEST

static int32_t answer_but_continue(
	struct probe *p, struct sluice_exchange *x, const struct sluice_body *body)
{
	probe_answer(p, x, body);
	return SLUICE_CONTINUE;
}

static int32_t respond_without_answer(
	struct probe *p, struct sluice_exchange *x, const struct sluice_body *body)
{
	return SLUICE_RESPONDED;
}

START_TEST(an_answer_counts_only_with_its_verdict)
{
	struct bench *b = bench_new();
	bench_probe(b)->on[CALLBACK_REQUEST_HEAD] = answer_but_continue;
	bench_probe(b)->on[CALLBACK_REQUEST_HEAD] = respond_without_answer;
	bench_start(b);
	ck_assert_int_eq(bench_step(b, REQ), CHAIN_FAILED);
	assert_str(chain_binding_id(b->x.fault_binding), "b");
	ck_assert_ptr_null(b->x.local);
	bench_free(b);
}
END_TEST

START_TEST(on_error_skip_goes_on_without_the_binding)
{
	struct bench *b = bench_new();
	for (int n = 0; n < 3; n++)
		probe_pass_all(bench_probe(b));
	b->probes[1].on[CALLBACK_REQUEST_HEAD] = probe_fail;
	b->probes[1].skip_on_error = true;
	bench_start(b);
	ck_assert_int_eq(bench_give(b, REQ, ""), CHAIN_DONE);
	ck_assert_int_eq(bench_give(b, RSP, ""), CHAIN_DONE);
	ck_assert_uint_eq(b->x.skipped, 2);
	const char *trace = bench_trace(b);
	ck_assert(strstr(trace, "b.request_head"));
	ck_assert(!strstr(trace, "b.request_body"));
	ck_assert(!strstr(trace, "b.response_head"));
	ck_assert(strstr(trace, "c.request_head"));
	bench_finish(b);
	ck_assert_str_eq(bench_trace(b), "a.log b.log c.log a.done b.done c.done ");
	bench_free(b);
}
END_TEST

/* --- pauses, in every callback --------------------------------------------------------------- */
START_TEST(every_live_callback_may_pause_and_is_called_again_once)
{
	for (int c = CALLBACK_REQUEST_HEAD; c <= CALLBACK_RESPONSE_END; c++) {
		struct bench *b = two_passing();
		b->probes[0].on[c] = probe_pause;
		b->probes[1].body[REQ].mode = BODY_BUFFER;
		bench_start(b);
		bool response = c >= CALLBACK_RESPONSE_HEAD;
		enum chain_direction d = response ? RSP : REQ;
		enum chain_result r = bench_give(b, REQ, "q");
		if (response) {
			ck_assert_int_eq(r, CHAIN_DONE);
			r = bench_give(b, RSP, "s");
		}
		ck_assert_msg(r == CHAIN_PAUSED, "callback %d: %d", c, r);
		ck_assert_int_eq(bench_step(b, d), CHAIN_PAUSED);
		ck_assert_int_eq(b->probes[0].host->resume(b->probes[0].token), SLUICE_OK);
		ck_assert_int_eq(b->probes[0].host->resume(b->probes[0].token), SLUICE_E_STALE);
		ck_assert_int_eq(b->wakes, 0);
		loop_turn(b->loop, 0);
		ck_assert_int_eq(b->wakes, 1);
		bench_trace(b);
		ck_assert_int_eq(bench_step(b, d), CHAIN_DONE);
		char expected[40];
		snprintf(expected, sizeof(expected), "a.%s", callback_name((enum callback)c));
		const char *trace = bench_trace(b);
		ck_assert_msg(strncmp(trace, expected, strlen(expected)) == 0, "%s", trace);
		ck_assert_ptr_null(strstr(trace + 1, expected));
		ck_assert_str_eq(bench_out(b, d), response ? "s" : "q");
		ck_assert_uint_eq(pause_count(0), 0);
		bench_free(b);
	}
}
END_TEST

static int32_t pause_and_resume(
	struct probe *p, struct sluice_exchange *x, const struct sluice_body *body)
{
	if (p->host->resumed(x))
		return SLUICE_CONTINUE;
	p->token = p->host->pause(x, 1000);
	ck_assert_int_eq(p->host->resume(p->token), SLUICE_OK);
	ck_assert_int_eq(p->host->resume(p->token), SLUICE_E_STALE);
	return SLUICE_PAUSE;
}

START_TEST(an_early_resume_goes_on_at_once)
{
	struct bench *b = bench_new();
	struct probe *a = bench_probe(b);
	a->on[CALLBACK_REQUEST_HEAD] = pause_and_resume;
	bench_start(b);
	ck_assert_int_eq(bench_give(b, REQ, ""), CHAIN_DONE);
	ck_assert_int_eq(a->calls, 2);
	loop_turn(b->loop, 0);
	ck_assert_int_eq(b->wakes, 0);
	ck_assert_uint_eq(pause_count(0), 0);
	bench_free(b);
}
END_TEST

static int32_t pause_and_resume_always(
	struct probe *p, struct sluice_exchange *x, const struct sluice_body *body)
{
	p->token = p->host->pause(x, 1000);
	p->host->resume(p->token);
	return SLUICE_PAUSE;
}

START_TEST(whoever_resumes_itself_for_ever_lets_the_loop_run)
{
	struct bench *b = bench_new();
	bench_probe(b)->on[CALLBACK_REQUEST_HEAD] = pause_and_resume_always;
	bench_start(b);
	ck_assert_int_eq(bench_step(b, REQ), CHAIN_PAUSED);
	ck_assert_int_lt(b->probes[0].calls, 20);
	loop_turn(b->loop, 0);
	ck_assert_int_eq(b->wakes, 1);
	bench_free(b);
}
END_TEST

START_TEST(a_deadline_fails_the_binding)
{
	struct bench *b = bench_new();
	struct probe *a = bench_probe(b);
	a->on[CALLBACK_REQUEST_HEAD] = probe_pause;
	bench_start(b);
	ck_assert_int_eq(bench_step(b, REQ), CHAIN_PAUSED);
	loop_fake_advance(b->loop, 999);
	ck_assert_int_eq(b->wakes, 0);
	loop_fake_advance(b->loop, 100);
	ck_assert_int_eq(b->wakes, 1);
	ck_assert_int_eq(a->host->resume(a->token), SLUICE_E_STALE);
	ck_assert_int_eq(bench_step(b, REQ), CHAIN_FAILED);
	ck_assert_str_eq(b->x.fault_reason, "policy_timeout");
	ck_assert_int_eq(a->calls, 1);
	bench_free(b);
}
END_TEST

START_TEST(a_deadline_skips_the_binding_if_it_may_be)
{
	struct bench *b = two_passing();
	b->probes[0].on[CALLBACK_REQUEST_BODY] = probe_pause;
	b->probes[0].skip_on_error = true;
	bench_start(b);
	ck_assert_int_eq(bench_give(b, REQ, "q"), CHAIN_PAUSED);
	loop_fake_advance(b->loop, 2000);
	ck_assert_int_eq(bench_step(b, REQ), CHAIN_DONE);
	ck_assert_str_eq(bench_out(b, REQ), "q");
	bench_free(b);
}
END_TEST

START_TEST(an_exchange_that_ends_cancels_its_pause)
{
	struct bench *b = bench_new();
	struct probe *a = bench_probe(b);
	probe_pass_all(a);
	a->on[CALLBACK_REQUEST_HEAD] = probe_pause;
	bench_start(b);
	ck_assert_int_eq(bench_step(b, REQ), CHAIN_PAUSED);
	bench_finish(b);
	ck_assert_str_eq(bench_trace(b), "a.request_head a.log a.done ");
	ck_assert_int_eq(a->host->resume(a->token), SLUICE_E_STALE);
	loop_turn(b->loop, 0);
	ck_assert_int_eq(b->wakes, 0);
	ck_assert_uint_eq(pause_count(0), 0);
	bench_free(b);
}
END_TEST

START_TEST(a_resume_under_way_when_the_exchange_ends_wakes_nobody)
{
	struct bench *b = bench_new();
	struct probe *a = bench_probe(b);
	a->on[CALLBACK_REQUEST_HEAD] = probe_pause;
	bench_start(b);
	ck_assert_int_eq(bench_step(b, REQ), CHAIN_PAUSED);
	ck_assert_int_eq(a->host->resume(a->token), SLUICE_OK);
	bench_finish(b);
	loop_turn(b->loop, 0);
	ck_assert_int_eq(b->wakes, 0);
	ck_assert_uint_eq(pause_count(0), 0);
	bench_free(b);
}
END_TEST

static int32_t pause_without_token(
	struct probe *p, struct sluice_exchange *x, const struct sluice_body *body)
{
	return SLUICE_PAUSE;
}

static int32_t token_without_pause(
	struct probe *p, struct sluice_exchange *x, const struct sluice_body *body)
{
	p->token = p->host->pause(x, 1000);
	ck_assert_uint_ne(p->token, 0);
	ck_assert_uint_eq(p->host->pause(x, 1000), 0);
	return SLUICE_CONTINUE;
}

START_TEST(a_pause_needs_a_token)
{
	struct bench *b = bench_new();
	bench_probe(b)->on[CALLBACK_REQUEST_HEAD] = pause_without_token;
	bench_start(b);
	ck_assert_int_eq(bench_step(b, REQ), CHAIN_FAILED);
	bench_free(b);
}
END_TEST

START_TEST(a_token_that_was_not_waited_for_is_stale)
{
	struct bench *b = bench_new();
	struct probe *a = bench_probe(b);
	a->on[CALLBACK_REQUEST_HEAD] = token_without_pause;
	bench_start(b);
	ck_assert_int_eq(bench_give(b, REQ, ""), CHAIN_DONE);
	ck_assert_int_eq(a->host->resume(a->token), SLUICE_E_STALE);
	ck_assert_uint_eq(pause_count(0), 0);
	bench_free(b);
}
END_TEST

START_TEST(both_directions_may_be_paused)
{
	struct bench *b = two_passing();
	b->probes[0].on[CALLBACK_REQUEST_BODY] = probe_pause;
	b->probes[1].on[CALLBACK_RESPONSE_HEAD] = probe_pause;
	bench_start(b);
	bench_feed(b, REQ, "q");
	ck_assert_int_eq(bench_step(b, REQ), CHAIN_PAUSED);
	ck_assert_int_eq(bench_give(b, RSP, "s"), CHAIN_PAUSED);
	ck_assert_int_eq(b->probes[1].host->resume(b->probes[1].token), SLUICE_OK);
	loop_turn(b->loop, 0);
	ck_assert_int_eq(bench_step(b, REQ), CHAIN_PAUSED);
	ck_assert_int_eq(bench_step(b, RSP), CHAIN_DONE);
	ck_assert_int_eq(b->probes[0].host->resume(b->probes[0].token), SLUICE_OK);
	loop_turn(b->loop, 0);
	ck_assert_int_eq(bench_step(b, REQ), CHAIN_MORE);
	bench_free(b);
}
END_TEST

UNIT_SUITE(chain, empty_chain_passes_everything, no_chain_at_all_is_an_empty_one,
	requests_run_in_order_and_responses_in_reverse, inactive_bindings_never_run,
	absent_callbacks_are_no_steps, head_is_done_before_any_body_comes,
	sixty_four_bindings_fit_and_one_more_does_not,
	every_verdict_of_every_callback_stops_the_walk, a_stopped_request_stays_stopped,
	a_local_answer_walks_back_from_who_answered,
	an_answer_from_a_response_head_goes_on_towards_the_client,
	a_failed_binding_does_not_see_the_answer,
	a_restarted_response_is_seen_by_those_it_had_not_reached,
	an_answer_counts_only_with_its_verdict, on_error_skip_goes_on_without_the_binding,
	every_live_callback_may_pause_and_is_called_again_once, an_early_resume_goes_on_at_once,
	whoever_resumes_itself_for_ever_lets_the_loop_run, a_deadline_fails_the_binding,
	a_deadline_skips_the_binding_if_it_may_be, an_exchange_that_ends_cancels_its_pause,
	a_resume_under_way_when_the_exchange_ends_wakes_nobody, a_pause_needs_a_token,
	a_token_that_was_not_waited_for_is_stale, both_directions_may_be_paused)
