/* SPDX-License-Identifier: Apache-2.0 */
/* Whole exchanges: how they pass, how they fail, how they end. */
#include "policy/support.h"
#include "unit.h"
#include "rig.h"

#include "base/limits.h"
#include "policy/pause.h"
#include "proxy/exchange.h"

/* --- passing -----------------------------------------------------------------------------------
 */

START_TEST(passes_a_request_and_its_response)
{
	struct rig *g = rig_new(NULL);
	struct wire *client = rig_ask(g, "GET /shop/items/7");
	struct wire *up = rig_upstream(g);
	ck_assert_ptr_nonnull(strstr(wire_head(up), "GET /items/7 up.example:8000\n"));
	ck_assert(up->head_ended);
	wire_answer_with(up, 200, 5, "X-From", "origin");
	wire_say(up, "hello", true);
	ck_assert_uint_eq(wire_status(client), 200);
	ck_assert_str_eq(wire_field(client, "X-From"), "origin");
	ck_assert_str_eq(wire_body(client), "hello");
	ck_assert(client->out_ended && client->is_released && up->is_released);
	ck_assert(!client->was_reset && !up->was_reset);
	ck_assert_uint_eq(g->worker.exchanges_active, 0);
	rig_free(g);
}
END_TEST

START_TEST(passes_both_bodies_at_once)
{
	struct rig *g = rig_new(NULL);
	struct wire *client = rig_upload(g, "POST /shop/items", CONTENT_LENGTH_UNKNOWN);
	struct wire *up = rig_upstream(g);
	wire_say(client, "one ", false);
	wire_answer(up, 200, CONTENT_LENGTH_UNKNOWN);
	wire_say(up, "eins ", false);
	wire_say(client, "two", false);
	ck_assert_str_eq(wire_body(up), "one two");
	ck_assert_str_eq(wire_body(client), "eins ");
	wire_say(client, "", true);
	ck_assert(up->out_ended && !client->out_ended);
	wire_say(up, "zwei", true);
	ck_assert_str_eq(wire_body(client), "eins zwei");
	ck_assert(client->out_ended && !up->was_reset);
	rig_free(g);
}
END_TEST

START_TEST(passes_trailers_both_ways)
{
	struct rig *g = rig_new(NULL);
	struct wire *client = rig_upload(g, "POST /shop/items", CONTENT_LENGTH_UNKNOWN);
	struct wire *up = rig_upstream(g);
	wire_say(client, "x", false);
	wire_end_with_trailer(client, "x-sum", "1");
	ck_assert_str_eq(up->trailers.p, "x-sum: 1\n");
	wire_answer(up, 200, CONTENT_LENGTH_UNKNOWN);
	wire_say(up, "y", false);
	wire_end_with_trailer(up, "x-sum", "2");
	ck_assert_uint_eq(client->trailers.n, strlen("x-sum: 2\n"));
	ck_assert(client->out_ended && client->is_released);
	rig_free(g);
}
END_TEST

START_TEST(a_response_without_content_ends_with_its_head)
{
	static const struct {
		const char *line;
		uint16_t status;
		int64_t length;
	} cases[] = {{"HEAD /shop/items", 200, 100}, {"GET /shop/items", 204, CONTENT_LENGTH_NONE},
		{"GET /shop/items", 304, 100}, {"GET /shop/items", 200, 0}};
	for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
		struct rig *g = rig_new(NULL);
		struct wire *client = rig_ask(g, cases[i].line);
		struct wire *up = rig_upstream(g);
		/* Nothing is to be sent: a client that does not read holds nothing up. */
		wire_block(client, true);
		wire_answer(up, cases[i].status, cases[i].length);
		ck_assert_uint_eq(wire_status(client), cases[i].status);
		ck_assert(client->head_ended && client->is_released && !up->was_reset);
		ck_assert_int_eq(client->declared, cases[i].length);
		rig_free(g);
	}
}
END_TEST

START_TEST(passes_interim_responses_but_100)
{
	struct rig *g = rig_new(NULL);
	struct wire *client = rig_ask(g, "GET /shop/items");
	struct wire *up = rig_upstream(g);
	wire_interim(up, 100);
	ck_assert_uint_eq(client->interims, 0);
	wire_interim(up, 103);
	ck_assert_uint_eq(client->interims, 1);
	wire_answer(up, 200, 0);
	ck_assert_uint_eq(wire_status(client), 200);
	rig_free(g);
}
END_TEST

START_TEST(an_early_response_ends_the_upload)
{
	struct rig *g = rig_new(NULL);
	struct wire *client = rig_upload(g, "POST /shop/items", 1000);
	struct wire *up = rig_upstream(g);
	wire_say(client, "abc", false);
	wire_answer(up, 413, 2);
	wire_say(up, "no", true);
	ck_assert_uint_eq(wire_status(client), 413);
	ck_assert_str_eq(wire_body(client), "no");
	ck_assert(client->out_ended && client->is_released && !client->was_reset);
	/* Its request is not whole: it can serve nobody any more. */
	ck_assert(up->was_reset && up->is_released);
	assert_record(g, "reason", "ok");
	rig_free(g);
}
END_TEST

START_TEST(a_whole_early_response_survives_the_reset_behind_it)
{
	struct rig *g = rig_new(NULL);
	struct wire *client = rig_upload(g, "POST /shop/items", 1000);
	struct wire *up = rig_upstream(g);
	wire_block(client, true);
	wire_answer(up, 413, 2);
	wire_say(up, "no", true);
	wire_reset(up, HTTP_RESET_CLOSED);
	ck_assert_uint_eq(wire_status(client), 413);
	wire_say(client, "goes nowhere", false);
	wire_block(client, false);
	ck_assert_str_eq(wire_body(client), "no");
	ck_assert(client->out_ended && !client->was_reset && !up->was_reset);
	assert_record(g, "reason", "ok");
	assert_record(g, "detail", "");
	rig_free(g);
}
END_TEST

/* --- back-pressure -----------------------------------------------------------------------------
 */

START_TEST(a_slow_client_is_not_sent_more_and_the_upstream_gets_no_credit)
{
	struct rig *g = rig_new(NULL);
	struct wire *client = rig_ask(g, "GET /shop/items");
	struct wire *up = rig_upstream(g);
	wire_answer(up, 200, CONTENT_LENGTH_UNKNOWN);
	wire_block(client, true);
	wire_say_n(up, 50000, false);
	wire_say_n(up, 50000, false);
	ck_assert_uint_eq(client->body.n, 0);
	ck_assert_uint_eq(up->uncredited, 100000);
	wire_block(client, false);
	ck_assert_uint_eq(client->body.n, 100000);
	ck_assert_uint_eq(up->uncredited, 0);
	wire_say(up, "", true);
	ck_assert(client->out_ended);
	rig_free(g);
}
END_TEST

START_TEST(a_slow_upstream_is_not_sent_more_and_the_client_gets_no_credit)
{
	struct rig *g = rig_new(NULL);
	struct wire *client = rig_upload(g, "PUT /shop/items", 60000);
	struct wire *up = rig_upstream(g);
	wire_block(up, true);
	wire_say_n(client, 60000, true);
	ck_assert_uint_eq(up->body.n, 0);
	ck_assert_uint_eq(client->uncredited, 60000);
	wire_block(up, false);
	ck_assert_uint_eq(up->body.n, 60000);
	ck_assert(up->out_ended);
	ck_assert_uint_eq(client->uncredited, 0);
	wire_answer(up, 200, 0);
	rig_free(g);
}
END_TEST

/* --- ends --------------------------------------------------------------------------------------
 */

START_TEST(a_client_that_resets_while_it_waits_ends_everything)
{
	struct rig *g = rig_new(NULL);
	struct wire *client = rig_ask(g, "GET /shop/items");
	struct wire *up = rig_upstream(g);
	wire_reset(client, HTTP_RESET_CLOSED);
	ck_assert(up->was_reset && up->is_released && client->is_released);
	assert_record(g, "reason", "client_aborted");
	assert_record(g, "status", "499");
	assert_record(g, "detail", "it went away");
	rig_free(g);
}
END_TEST

START_TEST(a_client_that_resets_in_the_response_has_got_its_status)
{
	struct rig *g = rig_new(NULL);
	struct wire *client = rig_ask(g, "GET /shop/items");
	struct wire *up = rig_upstream(g);
	wire_answer(up, 200, 100);
	wire_reset(client, HTTP_RESET_CLOSED);
	ck_assert(up->was_reset && up->is_released && client->is_released);
	assert_record(g, "reason", "client_aborted");
	assert_record(g, "status", "200");
	rig_free(g);
}
END_TEST

START_TEST(a_client_that_resets_while_an_upstream_is_dialled_takes_the_wish_back)
{
	struct rig *g = rig_new(NULL);
	scripted.holds = true;
	struct wire *client = rig_ask(g, "GET /shop/items");
	wire_reset(client, HTTP_RESET_CLOSED);
	ck_assert_uint_eq(scripted.cancels, 1);
	ck_assert(client->is_released);
	rig_free(g);
}
END_TEST

START_TEST(a_client_that_resets_before_the_first_run_is_recorded)
{
	struct rig *g = rig_new(NULL);
	struct wire *client = rig_prepare(g, "GET /shop/items", CONTENT_LENGTH_UNKNOWN);
	exchange_begin(rig_listener(g), &client->s);
	wire_reset(client, HTTP_RESET_IO);
	ck_assert(client->is_released);
	ck_assert_uint_eq(scripted.opens, 0);
	assert_record(g, "reason", "client_aborted");
	rig_free(g);
}
END_TEST

/* The codec has told the client already. */
START_TEST(a_body_that_breaks_off_malformed_is_recorded_as_the_codec_answered_it)
{
	struct rig *g = rig_new(NULL);
	struct wire *client = rig_upload(g, "POST /shop/items", CONTENT_LENGTH_UNKNOWN);
	struct wire *up = rig_upstream(g);
	wire_reset(client, HTTP_RESET_PROTOCOL);
	ck_assert(!client->head_sent);
	ck_assert(up->was_reset && !up->out_ended);
	assert_record(g, "reason", "bad_request");
	assert_record(g, "status", "400");
	rig_free(g);
}
END_TEST

START_TEST(ending_all_answers_503_or_cuts)
{
	struct rig *g = rig_new(NULL);
	struct wire *waiting = rig_ask(g, "GET /shop/items/1");
	struct wire *streaming = rig_ask(g, "GET /shop/items/2");
	wire_answer(rig_upstream(g), 200, 100);
	exchange_end_all(&g->worker);
	ck_assert_uint_eq(g->worker.exchanges_active, 0);
	ck_assert_uint_eq(wire_status(waiting), 503);
	ck_assert(waiting->out_ended && !waiting->was_reset);
	ck_assert_uint_eq(wire_status(streaming), 200);
	ck_assert(streaming->was_reset && !streaming->out_ended);
	assert_record(g, "reason", "shutdown");
	rig_free(g);
}
END_TEST

/* --- tunnels -----------------------------------------------------------------------------------
 */

static struct wire *tunnel(struct rig *g)
{
	struct wire *client = rig_ask(g, "GET /shop/items/ws");
	wire_switch(rig_upstream(g));
	ck_assert_uint_eq(wire_status(client), 101);
	return client;
}

START_TEST(a_tunnel_passes_bytes_and_ends_in_both_directions)
{
	struct rig *g = rig_new(NULL);
	struct wire *client = tunnel(g), *up = rig_upstream(g);
	ck_assert_str_ne(wire_field(client, "X-Request-ID"), "");
	wire_say(client, "ping", false);
	ck_assert_str_eq(wire_body(up), "ping");
	wire_say(up, "pong", false);
	ck_assert_str_eq(wire_body(client), "pong");
	wire_say(client, "", true);
	ck_assert(up->out_ended && !client->is_released);
	wire_say(up, "!", true);
	ck_assert_str_eq(wire_body(client), "pong!");
	ck_assert(client->out_ended && client->is_released && up->is_released);
	ck_assert(!client->was_reset && !up->was_reset);
	assert_record(g, "status", "101");
	assert_record(g, "reason", "ok");
	rig_free(g);
}
END_TEST

/* It closed its socket, and answered what the client still sent with a reset. */
START_TEST(a_tunnel_ends_when_the_upstream_takes_no_more)
{
	struct rig *g = rig_new(NULL);
	struct wire *client = tunnel(g), *up = rig_upstream(g);
	wire_block(client, true);
	wire_say(up, "bye", true);
	wire_say(client, "still there?", false);
	wire_reset(up, HTTP_RESET_CLOSED);
	ck_assert(!client->is_released);
	wire_block(client, false);
	ck_assert_str_eq(wire_body(client), "bye");
	ck_assert(client->out_ended && client->is_released && up->is_released);
	assert_record(g, "reason", "ok");
	rig_free(g);
}
END_TEST

START_TEST(a_tunnel_that_breaks_is_cut_on_the_other_side)
{
	for (int side = 0; side < 2; side++) {
		struct rig *g = rig_new(NULL);
		struct wire *client = tunnel(g), *up = rig_upstream(g);
		wire_reset(side ? client : up, HTTP_RESET_CLOSED);
		ck_assert((side ? up : client)->was_reset);
		ck_assert(client->is_released && up->is_released);
		assert_record(g, "reason", side ? "client_aborted" : "upstream_reset");
		assert_record(g, "status", "101");
		rig_free(g);
	}
}
END_TEST

START_TEST(a_silent_tunnel_is_cut_after_the_idle_timeout)
{
	struct rig *g = rig_new(NULL);
	struct wire *client = tunnel(g), *up = rig_upstream(g);
	rig_advance(g, 59000);
	wire_say(client, "x", false);
	rig_advance(g, 59000);
	ck_assert(!client->was_reset);
	rig_advance(g, 2000);
	ck_assert(client->was_reset && up->was_reset);
	assert_record(g, "reason", "upstream_idle");
	rig_free(g);
}
END_TEST

UNIT_SUITE(exchange, passes_a_request_and_its_response, passes_both_bodies_at_once,
	passes_trailers_both_ways, a_response_without_content_ends_with_its_head,
	passes_interim_responses_but_100, an_early_response_ends_the_upload,
	a_whole_early_response_survives_the_reset_behind_it,
	a_slow_client_is_not_sent_more_and_the_upstream_gets_no_credit,
	a_slow_upstream_is_not_sent_more_and_the_client_gets_no_credit,
	a_client_that_resets_while_it_waits_ends_everything,
	a_client_that_resets_in_the_response_has_got_its_status,
	a_client_that_resets_while_an_upstream_is_dialled_takes_the_wish_back,
	a_client_that_resets_before_the_first_run_is_recorded,
	a_body_that_breaks_off_malformed_is_recorded_as_the_codec_answered_it,
	ending_all_answers_503_or_cuts, a_tunnel_passes_bytes_and_ends_in_both_directions,
	a_tunnel_ends_when_the_upstream_takes_no_more,
	a_tunnel_that_breaks_is_cut_on_the_other_side,
	a_silent_tunnel_is_cut_after_the_idle_timeout)
