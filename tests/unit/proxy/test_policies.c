/* SPDX-License-Identifier: Apache-2.0 */
/* Exchanges through policies: answers, failures, pauses and bodies, in both directions. */
#include "policy/support.h"
#include "unit.h"
#include "rig.h"

#include "base/limits.h"
#include "proxy/exchange.h"

/* --- answers -----------------------------------------------------------------------------------
 */

START_TEST(a_policys_answer_walks_back_through_those_before_it)
{
	struct bench *b = bench_new();
	probe_heads(b);
	probe_heads(b)->on[CALLBACK_REQUEST_HEAD] = probe_answer;
	probe_heads(b);
	struct rig *g = rig_new(b);
	struct wire *client = rig_ask(g, "GET /shop/items");
	ck_assert_str_eq(bench_trace(b),
		"a.request_head b.request_head b.response_head a.response_head "
		"a.log b.log a.done b.done ");
	ck_assert_uint_eq(wire_status(client), 418);
	ck_assert_str_eq(wire_body(client), "short and stout");
	ck_assert_uint_eq(scripted.opens, 0);
	assert_record(g, "reason", "teapot");
	assert_record(g, "binding", "b");
	assert_record(g, "status", "418");
	rig_free(g);
}
END_TEST

START_TEST(a_fault_is_answered_through_the_response_policies)
{
	struct bench *b = bench_new();
	probe_heads(b);
	struct rig *g = rig_new(b);
	scripted.rc = RC_REFUSED;
	struct wire *client = rig_ask(g, "GET /shop/items");
	ck_assert_str_eq(bench_trace(b), "a.request_head a.response_head a.log a.done ");
	ck_assert_uint_eq(wire_status(client), 503);
	rig_free(g);
}
END_TEST

START_TEST(a_policy_that_fails_denies)
{
	struct bench *b = bench_new();
	probe_heads(b)->on[CALLBACK_REQUEST_HEAD] = probe_fail;
	struct rig *g = rig_new(b);
	struct wire *client = rig_ask(g, "GET /shop/items");
	ck_assert_uint_eq(wire_status(client), 503);
	ck_assert_uint_eq(scripted.opens, 0);
	assert_record(g, "reason", "policy_failed");
	assert_record(g, "binding", "a");
	rig_free(g);
}
END_TEST

START_TEST(a_response_policy_that_fails_denies_and_keeps_the_connection)
{
	struct bench *b = bench_new();
	probe_heads(b)->on[CALLBACK_RESPONSE_HEAD] = probe_fail;
	struct rig *g = rig_new(b);
	struct wire *client = rig_ask(g, "GET /shop/items");
	struct wire *up = rig_upstream(g);
	wire_answer(up, 200, 0);
	ck_assert_uint_eq(wire_status(client), 503);
	ck_assert(up->is_released && !up->was_reset);
	assert_record(g, "reason", "policy_failed");
	rig_free(g);
}
END_TEST

/* The request is not whole, so that its machine still runs when the attempt is given up. */
START_TEST(a_response_policy_may_answer_while_the_client_uploads)
{
	struct bench *b = bench_new();
	probe_heads(b)->on[CALLBACK_RESPONSE_HEAD] = probe_answer;
	struct rig *g = rig_new(b);
	struct wire *client = rig_upload(g, "POST /shop/items", 1000);
	struct wire *up = rig_upstream(g);
	wire_say(client, "abc", false);
	wire_answer(up, 200, 10);
	ck_assert_uint_eq(wire_status(client), 418);
	ck_assert(client->out_ended && up->was_reset && up->is_released);
	rig_free(g);
}
END_TEST

static int32_t answer_at_the_end(
	struct probe *p, struct sluice_exchange *x, const struct sluice_body *body)
{
	return body->end ? probe_answer(p, x, body) : SLUICE_CONTINUE;
}

static struct probe *answers_behind_the_body(struct bench *b)
{
	struct probe *p = probe_heads(b);
	p->on[CALLBACK_REQUEST_BODY] = answer_at_the_end;
	p->body[CHAIN_REQUEST].mode = BODY_OBSERVE;
	return p;
}

START_TEST(a_request_policy_may_answer_during_the_upload)
{
	struct bench *b = bench_new();
	answers_behind_the_body(b);
	struct rig *g = rig_new(b);
	struct wire *client = rig_upload(g, "POST /shop/items", 6);
	struct wire *up = rig_upstream(g);
	wire_say(client, "abc", false);
	ck_assert_str_eq(wire_body(up), "abc");
	wire_say(client, "def", true);
	ck_assert_uint_eq(wire_status(client), 418);
	ck_assert(up->was_reset && !up->out_ended);
	rig_free(g);
}
END_TEST

/* Nothing of the response has gone out: the policy's answer replaces it. */
START_TEST(a_request_policy_may_answer_while_the_response_is_held_back)
{
	struct bench *b = bench_new();
	struct probe *a = probe_heads(b);
	a->on[CALLBACK_RESPONSE_BODY] = probe_pass;
	a->body[CHAIN_RESPONSE].mode = BODY_BUFFER;
	answers_behind_the_body(b);
	struct rig *g = rig_new(b);
	struct wire *client = rig_upload(g, "POST /shop/items", 6);
	struct wire *up = rig_upstream(g);
	wire_answer(up, 200, 10);
	wire_say(up, "half", false);
	ck_assert(!client->head_sent);
	wire_say(client, "abcdef", true);
	ck_assert_uint_eq(wire_status(client), 418);
	ck_assert_str_eq(wire_body(client), "short and stout");
	ck_assert(up->was_reset && up->is_released);
	assert_record(g, "reason", "teapot");
	rig_free(g);
}
END_TEST

START_TEST(a_policy_that_fails_behind_the_head_cuts_the_response)
{
	struct bench *b = bench_new();
	struct probe *a = probe_heads(b);
	a->on[CALLBACK_RESPONSE_BODY] = probe_fail;
	a->body[CHAIN_RESPONSE].mode = BODY_OBSERVE;
	struct rig *g = rig_new(b);
	struct wire *client = rig_ask(g, "GET /shop/items");
	struct wire *up = rig_upstream(g);
	wire_answer(up, 200, 10);
	ck_assert(client->head_sent);
	wire_say(up, "half", false);
	ck_assert(client->was_reset && !client->out_ended && up->was_reset);
	assert_record(g, "reason", "policy_failed");
	assert_record(g, "status", "200");
	rig_free(g);
}
END_TEST

/* --- bodies ------------------------------------------------------------------------------------
 */

START_TEST(a_body_beyond_what_is_buffered_is_413_or_502)
{
	for (enum chain_direction d = CHAIN_REQUEST; d <= CHAIN_RESPONSE; d++) {
		struct bench *b = bench_new();
		probe_buffers(b, d, 4);
		struct rig *g = rig_new(b);
		struct wire *client;
		if (d == CHAIN_REQUEST) {
			client = rig_upload(g, "POST /shop/items", CONTENT_LENGTH_UNKNOWN);
			wire_say(client, "12345", false);
		} else {
			client = rig_ask(g, "GET /shop/items");
			wire_answer(rig_upstream(g), 200, CONTENT_LENGTH_UNKNOWN);
			wire_say(rig_upstream(g), "12345", false);
		}
		ck_assert_uint_eq(wire_status(client), d == CHAIN_REQUEST ? 413 : 502);
		assert_record(
			g, "reason", d == CHAIN_REQUEST ? "body_too_large" : "response_too_large");
		rig_free(g);
	}
}
END_TEST

START_TEST(a_buffering_policy_holds_the_head_back)
{
	struct bench *b = bench_new();
	probe_buffers(b, CHAIN_REQUEST, 100);
	struct rig *g = rig_new(b);
	struct wire *client = rig_upload(g, "POST /shop/items", CONTENT_LENGTH_UNKNOWN);
	wire_say(client, "abc", false);
	ck_assert_uint_eq(scripted.opens, 0);
	wire_say(client, "def", true);
	struct wire *up = rig_upstream(g);
	ck_assert_int_eq(up->declared, 6);
	ck_assert_str_eq(wire_body(up), "abcdef");
	ck_assert(up->out_ended);
	wire_answer(up, 200, 0);
	rig_free(g);
}
END_TEST

START_TEST(a_client_that_stops_in_a_buffered_body_is_408)
{
	struct bench *b = bench_new();
	probe_buffers(b, CHAIN_REQUEST, 100);
	struct rig *g = rig_new(b);
	struct wire *client = rig_upload(g, "POST /shop/items", 10);
	rig_advance(g, 50000);
	wire_say(client, "abc", false);
	rig_advance(g, 50000);
	ck_assert(!client->head_sent);
	rig_advance(g, 11000);
	ck_assert_uint_eq(wire_status(client), 408);
	assert_record(g, "reason", "client_timeout");
	rig_free(g);
}
END_TEST

START_TEST(an_upstream_that_stops_in_a_buffered_body_is_504)
{
	struct bench *b = bench_new();
	probe_buffers(b, CHAIN_RESPONSE, 100);
	struct rig *g = rig_new(b);
	struct wire *client = rig_ask(g, "GET /shop/items");
	wire_answer(rig_upstream(g), 200, 10);
	for (int i = 0; i < 3; i++) {
		rig_advance(g, 50000);
		wire_say(rig_upstream(g), "x", false);
	}
	ck_assert(!client->head_sent);
	rig_advance(g, 61000);
	ck_assert_uint_eq(wire_status(client), 504);
	assert_record(g, "reason", "upstream_idle");
	rig_free(g);
}
END_TEST

START_TEST(a_reset_while_the_response_is_held_back_is_502)
{
	struct bench *b = bench_new();
	probe_buffers(b, CHAIN_RESPONSE, 100);
	probe_heads(b);
	struct rig *g = rig_new(b);
	struct wire *client = rig_ask(g, "GET /shop/items");
	wire_answer(rig_upstream(g), 200, 10);
	wire_say(rig_upstream(g), "half", false);
	wire_reset(rig_upstream(g), HTTP_RESET_CLOSED);
	ck_assert_uint_eq(wire_status(client), 502);
	ck_assert_ptr_null(strstr(wire_body(client), "half"));
	assert_record(g, "reason", "upstream_reset");
	rig_free(g);
}
END_TEST

/* --- Expect: 100-continue ----------------------------------------------------------------------
 */

static struct wire *expect(struct rig *g)
{
	struct wire *client = rig_prepare(g, "POST /shop/items", 3);
	client->request.expects_continue = true;
	return rig_begin(g, client);
}

START_TEST(says_continue_once_an_upstream_took_the_head)
{
	struct rig *g = rig_new(NULL);
	scripted.holds = true;
	struct wire *client = expect(g);
	ck_assert_uint_eq(client->continues, 0);
	upstream_serve(g);
	ck_assert_uint_eq(client->continues, 1);
	wire_say(client, "abc", true);
	wire_answer(rig_upstream(g), 200, 0);
	ck_assert_uint_eq(client->continues, 1);
	ck_assert_uint_eq(wire_status(client), 200);
	rig_free(g);
}
END_TEST

START_TEST(says_continue_when_a_policy_waits_for_the_body)
{
	struct bench *b = bench_new();
	probe_buffers(b, CHAIN_REQUEST, 100);
	struct rig *g = rig_new(b);
	struct wire *client = expect(g);
	ck_assert_uint_eq(client->continues, 1);
	wire_say(client, "abc", true);
	ck_assert_str_eq(wire_body(rig_upstream(g)), "abc");
	wire_answer(rig_upstream(g), 200, 0);
	rig_free(g);
}
END_TEST

START_TEST(never_says_continue_to_what_is_refused)
{
	struct bench *b = bench_new();
	probe_heads(b)->on[CALLBACK_REQUEST_HEAD] = probe_answer;
	probe_buffers(b, CHAIN_REQUEST, 100);
	struct rig *g = rig_new(b);
	struct wire *client = expect(g);
	ck_assert_uint_eq(client->continues, 0);
	ck_assert_uint_eq(wire_status(client), 418);
	rig_free(g);
}
END_TEST

/* --- what a policy may tell and change ------------------------------------------------------- */
static int32_t ask_with_put(
	struct probe *p, struct sluice_exchange *x, const struct sluice_body *body)
{
	ck_assert_int_eq(p->host->method_set(x, SLUICE_STR("PUT")), SLUICE_OK);
	return SLUICE_CONTINUE;
}

START_TEST(a_route_is_chosen_by_the_method_that_a_policy_set)
{
	struct bench *b = bench_new();
	probe_heads(b)->on[CALLBACK_REQUEST_HEAD] = ask_with_put;
	struct rig *g = rig_new(b);
	struct wire *client = rig_ask(g, "GET /shop/only");
	struct wire *up = rig_upstream(g);
	ck_assert_msg(strncmp(wire_head(up), "PUT /only", 9) == 0, "%s", wire_head(up));
	wire_answer(up, 204, CONTENT_LENGTH_NONE);
	ck_assert_uint_eq(wire_status(client), 204);
	assert_record(g, "method", "GET");
	rig_free(g);
}
END_TEST

static int32_t break_a_rule(
	struct probe *p, struct sluice_exchange *x, const struct sluice_body *body)
{
	ck_assert_int_eq(p->host->violation(x, SLUICE_STR("too_often"), SLUICE_STR("app-7"),
				 SLUICE_STR("Till")),
		SLUICE_OK);
	return SLUICE_CONTINUE;
}

START_TEST(a_violation_stands_in_the_record_whether_or_not_it_is_refused)
{
	struct bench *b = bench_new();
	probe_heads(b)->on[CALLBACK_REQUEST_HEAD] = break_a_rule;
	probe_heads(b)->on[CALLBACK_REQUEST_HEAD] = probe_answer;
	struct rig *g = rig_new(b);
	rig_ask(g, "GET /shop/items");
	assert_record(g, "violation", "too_often");
	assert_record(g, "violatedBinding", "a");
	assert_record(g, "violatedPolicy", "a");
	assert_record(g, "violatorId", "app-7");
	assert_record(g, "violatorName", "Till");
	assert_record(g, "binding", "b");
	rig_free(g);
}
END_TEST

static int32_t tell_claims(
	struct probe *p, struct sluice_exchange *x, const struct sluice_body *body)
{
	ck_assert_int_eq(p->host->claim_set(x, SLUICE_STR(""),
				 SLUICE_STR("{\"sub\": \"u1\", \"n\": [1], \"secret\": 1}")),
		SLUICE_OK);
	return SLUICE_CONTINUE;
}

START_TEST(claims_stand_in_the_record_where_they_are_asked_for)
{
	static struct str names[] = {{"sub", 3}, {"none", 4}, {"n", 1}};
	for (size_t count = 0; count <= ARRAY_COUNT(names); count += ARRAY_COUNT(names)) {
		struct bench *b = bench_new();
		probe_heads(b)->on[CALLBACK_REQUEST_HEAD] = tell_claims;
		struct rig *g = rig_new(b);
		g->generation->edge.record_claims = count ? names : NULL;
		g->generation->edge.record_claim_count = count;
		rig_ask(g, "GET /shop/items");
		wire_answer(rig_upstream(g), 204, CONTENT_LENGTH_NONE);
		assert_record(g, "claims", count ? "{\"sub\":\"u1\",\"n\":[1]}" : "");
		g->generation->edge.record_claims = NULL;
		rig_free(g);
	}
}
END_TEST

#define AS_LONG_AS_CAN_BE 4000

/* Everything that a policy may say, as long as it is shown, of characters that JSON escapes. */
static int32_t tell_all(struct probe *p, struct sluice_exchange *x, const struct sluice_body *body)
{
	static char text[AS_LONG_AS_CAN_BE], claim[AS_LONG_AS_CAN_BE + 2];
	memset(text, 1, sizeof(text));
	memset(claim, '"', sizeof(claim));
	for (size_t i = 1; i + 2 < sizeof(claim); i += 2)
		claim[i] = '\\';
	claim[sizeof(claim) - 1] = '"';
	const struct sluice_str s = {text, sizeof(text)}, json = {claim, sizeof(claim)};
	ck_assert_int_eq(p->host->authenticate(x, s, s, s), SLUICE_OK);
	ck_assert_int_eq(p->host->violation(x, s, s, s), SLUICE_OK);
	for (char c = 'a'; c < 'a' + 8; c++) {
		char name[64];
		memset(name, '"', sizeof(name));
		name[0] = c;
		ck_assert_int_eq(
			p->host->claim_set(x, (struct sluice_str){name, sizeof(name)}, json),
			SLUICE_OK);
	}
	return SLUICE_CONTINUE;
}

START_TEST(the_longest_of_everything_fits_into_one_record)
{
	static char names[8][64];
	static struct str claims[8];
	char line[AS_LONG_AS_CAN_BE];
	memset(names, '"', sizeof(names));
	for (size_t i = 0; i < ARRAY_COUNT(claims); i++) {
		names[i][0] = (char)('a' + i);
		claims[i] = str_n(names[i], sizeof(names[i]));
	}
	memset(line, '"', sizeof(line));
	memcpy(line, "GET /shop/items", strlen("GET /shop/items"));
	line[sizeof(line) - 1] = '\0';
	struct bench *b = bench_new();
	probe_heads(b)->on[CALLBACK_REQUEST_HEAD] = tell_all;
	struct rig *g = rig_new(b);
	g->generation->edge.record_claims = claims;
	g->generation->edge.record_claim_count = ARRAY_COUNT(claims);
	rig_ask(g, line);
	wire_answer(rig_upstream(g), 204, CONTENT_LENGTH_NONE);
	assert_record(g, "status", "204");
	g->generation->edge.record_claims = NULL;
	rig_free(g);
}
END_TEST

/* --- trailers -------------------------------------------------------------------------------- */
static int32_t sign_request(
	struct probe *p, struct sluice_exchange *x, const struct sluice_body *body)
{
	if (body->end)
		ck_assert_int_eq(p->host->field_add(x, SLUICE_REQUEST_TRAILERS,
					 SLUICE_STR("x-signed"), SLUICE_STR("1")),
			SLUICE_OK);
	return SLUICE_CONTINUE;
}

static int32_t sign_response(
	struct probe *p, struct sluice_exchange *x, const struct sluice_body *body)
{
	const enum sluice_side side = SLUICE_RESPONSE_TRAILERS;
	p->host->field_remove(x, side, SLUICE_STR("x-sum"));
	ck_assert_int_eq(
		p->host->field_add(x, side, SLUICE_STR("x-signed"), SLUICE_STR("2")), SLUICE_OK);
	return SLUICE_CONTINUE;
}

START_TEST(policies_put_trailers_behind_messages_that_had_none)
{
	struct bench *b = bench_new();
	struct probe *p = probe_heads(b);
	p->on[CALLBACK_REQUEST_BODY] = sign_request;
	p->body[CHAIN_REQUEST].mode = BODY_OBSERVE;
	p->on[CALLBACK_RESPONSE_END] = sign_response;
	struct rig *g = rig_new(b);
	struct wire *client = rig_upload(g, "POST /shop/items", CONTENT_LENGTH_UNKNOWN);
	struct wire *up = rig_upstream(g);
	wire_say(client, "x", false);
	wire_say(client, "y", true);
	ck_assert_str_eq(wire_body(up), "xy");
	ck_assert_str_eq(up->trailers.p, "x-signed: 1\n");
	wire_answer(up, 200, CONTENT_LENGTH_UNKNOWN);
	wire_say(up, "z", false);
	wire_end_with_trailer(up, "x-sum", "2");
	ck_assert_uint_eq(client->trailers.n, strlen("x-signed: 2\n"));
	ck_assert(client->out_ended && client->is_released);
	rig_free(g);
}
END_TEST

START_TEST(a_body_that_was_collected_keeps_its_trailers)
{
	struct bench *b = bench_new();
	probe_buffers(b, CHAIN_REQUEST, 100);
	struct rig *g = rig_new(b);
	struct wire *client = rig_upload(g, "POST /shop/items", CONTENT_LENGTH_UNKNOWN);
	wire_say(client, "x", false);
	wire_end_with_trailer(client, "x-sum", "1");
	struct wire *up = rig_upstream(g);
	ck_assert_int_eq(up->declared, CONTENT_LENGTH_UNKNOWN);
	ck_assert_str_eq(wire_body(up), "x");
	ck_assert_str_eq(up->trailers.p, "x-sum: 1\n");
	rig_free(g);
}
END_TEST

static struct str seen_trailer;
static int32_t log_trailer(
	struct probe *p, struct sluice_exchange *x, const struct sluice_body *body)
{
	static char text[16];
	struct sluice_str value = {0};
	p->host->field_get(x, SLUICE_RESPONSE_TRAILERS, SLUICE_STR("grpc-status"), &value);
	ck_assert_uint_lt(value.n, sizeof(text));
	memcpy(text, value.p, value.n);
	seen_trailer = str_n(text, value.n);
	return SLUICE_CONTINUE;
}

START_TEST(log_sees_trailers_also_where_no_policy_sees_the_body)
{
	struct bench *b = bench_new();
	probe_heads(b)->on[CALLBACK_LOG] = log_trailer;
	struct rig *g = rig_new(b);
	rig_ask(g, "GET /shop/items");
	struct wire *up = rig_upstream(g);
	wire_answer(up, 200, CONTENT_LENGTH_UNKNOWN);
	wire_end_with_trailer(up, "grpc-status", "13");
	assert_str(seen_trailer, "13");
	rig_free(g);
}
END_TEST

UNIT_SUITE(policies, claims_stand_in_the_record_where_they_are_asked_for,
	a_route_is_chosen_by_the_method_that_a_policy_set,
	a_violation_stands_in_the_record_whether_or_not_it_is_refused,
	the_longest_of_everything_fits_into_one_record,
	policies_put_trailers_behind_messages_that_had_none,
	a_body_that_was_collected_keeps_its_trailers,
	log_sees_trailers_also_where_no_policy_sees_the_body,
	a_policys_answer_walks_back_through_those_before_it,
	a_fault_is_answered_through_the_response_policies, a_policy_that_fails_denies,
	a_response_policy_that_fails_denies_and_keeps_the_connection,
	a_response_policy_may_answer_while_the_client_uploads,
	a_request_policy_may_answer_during_the_upload,
	a_request_policy_may_answer_while_the_response_is_held_back,
	a_policy_that_fails_behind_the_head_cuts_the_response,
	a_body_beyond_what_is_buffered_is_413_or_502, a_buffering_policy_holds_the_head_back,
	a_client_that_stops_in_a_buffered_body_is_408,
	an_upstream_that_stops_in_a_buffered_body_is_504,
	a_reset_while_the_response_is_held_back_is_502,
	says_continue_once_an_upstream_took_the_head,
	says_continue_when_a_policy_waits_for_the_body, never_says_continue_to_what_is_refused)
