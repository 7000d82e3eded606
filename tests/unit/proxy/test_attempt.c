/* SPDX-License-Identifier: Apache-2.0 */
/* Attempts: connections that cannot be had, streams that die, the one retry, the waits. */
#include "unit.h"
#include "rig.h"

#include <stdlib.h>

/* --- no connection -----------------------------------------------------------------------------
 */

START_TEST(each_way_not_to_have_a_connection_has_its_reason)
{
	static const struct {
		enum rc rc;
		const char *status, *reason;
	} cases[] = {
		{RC_REFUSED, "503", "upstream_refused"},
		{RC_IO, "503", "upstream_refused"},
		{RC_NOT_FOUND, "503", "upstream_unresolved"},
		{RC_TIMEOUT, "503", "upstream_connect_timeout"},
		{RC_INVALID, "502", "upstream_tls"},
		{RC_FULL, "503", "upstream_busy"},
	};
	for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
		for (int later = 0; later < 2; later++) {
			struct rig *g = rig_new(NULL);
			scripted.holds = later;
			scripted.rc = cases[i].rc;
			scripted.text = "192.0.2.9:80: as it was";
			struct wire *client = rig_ask(g, "GET /shop/items");
			if (later)
				upstream_refuse(g, cases[i].rc, "192.0.2.9:80: as it was");
			assert_record(g, "status", cases[i].status);
			assert_record(g, "reason", cases[i].reason);
			assert_record(g, "detail", "192.0.2.9:80: as it was");
			ck_assert_uint_eq(wire_status(client), strtoul(cases[i].status, NULL, 10));
			ck_assert_ptr_null(strstr(wire_body(client), "192.0.2.9"));
			ck_assert(client->out_ended);
			rig_free(g);
		}
	}
}
END_TEST

START_TEST(waiting_for_a_connection_is_bounded)
{
	struct rig *g = rig_new(NULL);
	scripted.holds = true;
	struct wire *client = rig_ask(g, "GET /shop/items");
	rig_advance(g, 14900);
	ck_assert(!client->head_sent);
	rig_advance(g, 200);
	ck_assert_uint_eq(wire_status(client), 503);
	ck_assert_uint_eq(scripted.cancels, 1);
	assert_record(g, "reason", "upstream_connect_timeout");
	rig_free(g);
}
END_TEST

START_TEST(the_response_timeout_runs_anew_once_the_request_is_sent)
{
	struct rig *g = rig_new(NULL);
	scripted.holds = true;
	struct wire *client = rig_ask(g, "GET /shop/items");
	rig_advance(g, 10000);
	upstream_serve(g);
	rig_advance(g, 14900);
	ck_assert(!client->head_sent);
	rig_advance(g, 200);
	ck_assert_uint_eq(wire_status(client), 504);
	assert_record(g, "reason", "upstream_timeout");
	rig_free(g);
}
END_TEST

/* --- dying streams -----------------------------------------------------------------------------
 */

START_TEST(each_reset_before_the_head_has_its_reason)
{
	static const struct {
		enum http_reset why;
		unsigned status;
		const char *reason;
	} cases[] = {
		{HTTP_RESET_CLOSED, 502, "upstream_reset"},
		{HTTP_RESET_IO, 502, "upstream_reset"},
		{HTTP_RESET_CANCELLED, 502, "upstream_reset"},
		{HTTP_RESET_PROTOCOL, 502, "upstream_protocol"},
		{HTTP_RESET_TIMEOUT, 504, "upstream_timeout"},
	};
	for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
		struct rig *g = rig_new(NULL);
		struct wire *client = rig_ask(g, "GET /shop/items");
		struct wire *up = rig_upstream(g);
		wire_reset(up, cases[i].why);
		ck_assert_uint_eq(wire_status(client), cases[i].status);
		ck_assert(up->is_released && !up->was_reset);
		assert_record(g, "reason", cases[i].reason);
		assert_record(g, "detail", "it went away");
		rig_free(g);
	}
}
END_TEST

START_TEST(a_reset_inside_the_response_cuts_the_clients)
{
	struct rig *g = rig_new(NULL);
	struct wire *client = rig_ask(g, "GET /shop/items");
	struct wire *up = rig_upstream(g);
	wire_answer(up, 200, CONTENT_LENGTH_UNKNOWN);
	wire_say(up, "half", false);
	wire_reset(up, HTTP_RESET_CLOSED);
	ck_assert_str_eq(wire_body(client), "half");
	ck_assert(client->was_reset && !client->out_ended);
	assert_record(g, "status", "200");
	assert_record(g, "reason", "upstream_reset");
	rig_free(g);
}
END_TEST

/* Head and reset are found in one turn. */
START_TEST(a_reset_right_behind_the_head_is_never_lost)
{
	struct rig *g = rig_new(NULL);
	struct wire *client = rig_ask(g, "GET /shop/items");
	struct wire *up = rig_upstream(g);
	struct http_response *r = up->s.response;
	http_response_init(r, up->s.arena);
	r->status = 200;
	r->content_length = 10;
	r->has_content = true;
	up->s.events->on_head(&up->s);
	wire_reset(up, HTTP_RESET_CLOSED);
	ck_assert_uint_eq(wire_status(client), 502);
	ck_assert(client->out_ended && up->is_released);
	rig_free(g);
}
END_TEST

/* --- the retry ---------------------------------------------------------------------------------
 */

struct race {
	const char *line;
	bool reused;
	enum body_kind { NO_BODY, BODY_WAITS, BODY_TAKEN } body;
	enum http_reset why;
	bool some_came; /* of a response */
	bool again;
};

static const struct race races[] = {
	/* the idle race */
	{"GET /shop/items", true, NO_BODY, HTTP_RESET_CLOSED, false, true},
	{"GET /shop/items", true, NO_BODY, HTTP_RESET_IO, false, true},
	{"HEAD /shop/items", true, NO_BODY, HTTP_RESET_CLOSED, false, true},
	{"OPTIONS /shop/items", true, NO_BODY, HTTP_RESET_CLOSED, false, true},
	{"DELETE /shop/items", true, NO_BODY, HTTP_RESET_CLOSED, false, true},
	{"PUT /shop/items", true, BODY_WAITS, HTTP_RESET_CLOSED, false, true},
	/* not idempotent */
	{"POST /shop/items", true, NO_BODY, HTTP_RESET_CLOSED, false, false},
	{"PATCH /shop/items", true, NO_BODY, HTTP_RESET_CLOSED, false, false},
	{"BREW /shop/items", true, NO_BODY, HTTP_RESET_IO, false, false},
	/* but provably not processed */
	{"POST /shop/items", true, NO_BODY, HTTP_RESET_REFUSED, false, true},
	{"POST /shop/items", true, BODY_WAITS, HTTP_RESET_REFUSED, false, true},
	{"POST /shop/items", false, NO_BODY, HTTP_RESET_REFUSED, false, true},
	/* a fresh connection has no idle race */
	{"GET /shop/items", false, NO_BODY, HTTP_RESET_CLOSED, false, false},
	/* its body is gone */
	{"PUT /shop/items", true, BODY_TAKEN, HTTP_RESET_CLOSED, false, false},
	{"POST /shop/items", true, BODY_TAKEN, HTTP_RESET_REFUSED, false, false},
	/* it had begun to answer, or was no race */
	{"GET /shop/items", true, NO_BODY, HTTP_RESET_CLOSED, true, false},
	{"GET /shop/items", true, NO_BODY, HTTP_RESET_PROTOCOL, false, false},
	{"GET /shop/items", true, NO_BODY, HTTP_RESET_TIMEOUT, false, false},
	{"GET /shop/items", true, NO_BODY, HTTP_RESET_CANCELLED, false, false},
};

static struct wire *ask_race(struct rig *g, const struct race *r)
{
	if (r->body == NO_BODY)
		return rig_ask(g, r->line);
	struct wire *client = rig_upload(g, r->line, 3);
	if (r->body == BODY_TAKEN)
		wire_say(client, "abc", true);
	return client;
}

START_TEST(sends_again_only_what_can_do_no_harm)
{
	for (size_t i = 0; i < ARRAY_COUNT(races); i++) {
		const struct race *r = &races[i];
		struct rig *g = rig_new(NULL);
		scripted.reused = r->reused;
		struct wire *client = ask_race(g, r);
		struct wire *first = rig_upstream(g);
		if (r->some_came)
			first->s.bytes_received = 1;
		wire_reset(first, r->why);
		ck_assert_msg(scripted.opens == (r->again ? 2 : 1), "row %zu", i);
		ck_assert_uint_eq(scripted.fresh_opens, r->again);
		ck_assert_msg(client->head_sent == !r->again, "row %zu", i);
		rig_free(g);
	}
}
END_TEST

START_TEST(the_second_attempt_carries_the_whole_request)
{
	struct rig *g = rig_new(NULL);
	scripted.reused = true;
	struct wire *client = rig_upload(g, "PUT /shop/items", 3);
	struct wire *first = rig_upstream(g);
	wire_reset(first, HTTP_RESET_CLOSED);
	struct wire *second = rig_upstream(g);
	ck_assert_ptr_ne(first, second);
	ck_assert_str_eq(wire_head(second), wire_head(first));
	wire_say(client, "abc", true);
	ck_assert_str_eq(wire_body(second), "abc");
	wire_answer(second, 200, 0);
	ck_assert_uint_eq(wire_status(client), 200);
	assert_record(g, "retries", "1");
	assert_record(g, "reason", "ok");
	assert_record(g, "detail", "");
	rig_free(g);
}
END_TEST

START_TEST(there_is_no_third_attempt)
{
	struct rig *g = rig_new(NULL);
	scripted.reused = true;
	struct wire *client = rig_ask(g, "GET /shop/items");
	wire_reset(rig_upstream(g), HTTP_RESET_CLOSED);
	wire_reset(rig_upstream(g), HTTP_RESET_CLOSED);
	ck_assert_uint_eq(scripted.opens, 2);
	ck_assert_uint_eq(wire_status(client), 502);
	assert_record(g, "retries", "1");
	rig_free(g);
}
END_TEST

START_TEST(a_retry_that_waits_is_bounded_and_ends_with_its_client)
{
	for (int aborts = 0; aborts < 2; aborts++) {
		struct rig *g = rig_new(NULL);
		scripted.reused = true;
		struct wire *client = rig_ask(g, "GET /shop/items");
		scripted.holds = true;
		wire_reset(rig_upstream(g), HTTP_RESET_CLOSED);
		if (aborts)
			wire_reset(client, HTTP_RESET_CLOSED);
		else
			rig_advance(g, 15100);
		ck_assert_uint_eq(scripted.cancels, 1);
		ck_assert(client->is_released);
		assert_record(g, "reason", aborts ? "client_aborted" : "upstream_connect_timeout");
		rig_free(g);
	}
}
END_TEST

/* --- waits -------------------------------------------------------------------------------------
 */

START_TEST(an_apis_own_response_timeout_counts)
{
	struct rig *g = rig_new(NULL);
	struct wire *client = rig_ask(g, "GET /own/x");
	rig_advance(g, 690);
	ck_assert(!client->head_sent);
	rig_advance(g, 30);
	ck_assert_uint_eq(wire_status(client), 504);
	ck_assert(rig_upstream(g)->was_reset);
	rig_free(g);
}
END_TEST

START_TEST(silence_is_blamed_on_who_was_to_speak)
{
	enum { CLIENT_SENDS, UPSTREAM_TAKES_NOTHING, UPSTREAM_SENDS, CLIENT_TAKES_NOTHING };
	static const char *const reasons[] = {
		"client_timeout", "upstream_timeout", "upstream_idle", "client_timeout"};
	static const char *const statuses[] = {"408", "504", "200", "200"};
	for (int who = CLIENT_SENDS; who <= CLIENT_TAKES_NOTHING; who++) {
		struct rig *g = rig_new(NULL);
		struct wire *client = rig_upload(g, "PUT /shop/items", 10);
		struct wire *up = rig_upstream(g);
		if (who == UPSTREAM_TAKES_NOTHING)
			wire_block(up, true);
		if (who >= UPSTREAM_SENDS) {
			wire_say(client, "0123456789", true);
			wire_answer(up, 200, CONTENT_LENGTH_UNKNOWN);
			wire_block(client, who == CLIENT_TAKES_NOTHING);
			wire_say(up, "x", false);
		}
		rig_advance(g, 59900);
		ck_assert(!client->is_released);
		rig_advance(g, 200);
		ck_assert(client->is_released && up->is_released && up->was_reset);
		ck_assert(client->was_reset == (who >= UPSTREAM_SENDS));
		assert_record(g, "reason", reasons[who]);
		assert_record(g, "status", statuses[who]);
		rig_free(g);
	}
}
END_TEST

START_TEST(progress_of_either_body_keeps_an_exchange_alive)
{
	struct rig *g = rig_new(NULL);
	struct wire *client = rig_upload(g, "POST /shop/items", CONTENT_LENGTH_UNKNOWN);
	struct wire *up = rig_upstream(g);
	for (int i = 0; i < 3; i++) {
		rig_advance(g, 50000);
		wire_say(client, "x", false);
	}
	wire_answer(up, 200, CONTENT_LENGTH_UNKNOWN);
	for (int i = 0; i < 3; i++) {
		rig_advance(g, 50000);
		wire_say(client, "x", false);
	}
	for (int i = 0; i < 3; i++) {
		rig_advance(g, 50000);
		wire_say(up, "x", false);
	}
	ck_assert_str_eq(wire_body(client), "xxx");
	ck_assert_str_eq(wire_body(up), "xxxxxx");
	wire_say(client, "", true);
	wire_say(up, "", true);
	assert_record(g, "reason", "ok");
	rig_free(g);
}
END_TEST

/* What was answered before it on the connection still fills the client's window. */
START_TEST(a_client_that_never_reads_its_answer_is_given_up)
{
	struct rig *g = rig_new(NULL);
	struct wire *client = rig_prepare(g, "GET /nowhere", CONTENT_LENGTH_NONE);
	client->is_blocked = true;
	rig_begin(g, client);
	ck_assert(client->head_sent && !client->is_released);
	rig_advance(g, 300100);
	ck_assert(client->was_reset && client->is_released);
	assert_record(g, "status", "404");
	rig_free(g);
}
END_TEST

UNIT_SUITE(attempt, each_way_not_to_have_a_connection_has_its_reason,
	waiting_for_a_connection_is_bounded,
	the_response_timeout_runs_anew_once_the_request_is_sent,
	each_reset_before_the_head_has_its_reason, a_reset_inside_the_response_cuts_the_clients,
	a_reset_right_behind_the_head_is_never_lost, sends_again_only_what_can_do_no_harm,
	the_second_attempt_carries_the_whole_request, there_is_no_third_attempt,
	a_retry_that_waits_is_bounded_and_ends_with_its_client, an_apis_own_response_timeout_counts,
	silence_is_blamed_on_who_was_to_speak, progress_of_either_body_keeps_an_exchange_alive,
	a_client_that_never_reads_its_answer_is_given_up)
