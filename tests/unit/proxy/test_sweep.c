/* SPDX-License-Identifier: Apache-2.0 */
/* Exchanges that last: the API at /paced may take 30 s, its upstream may be silent for 20 s, and
 * both of its sides keep 512 bytes a second after 10 s. */
#include "rig.h"
#include "unit.h"

#include "base/limits.h"
#include "proxy/exchange_priv.h"

static struct wire *answer(struct rig *g, const char *type)
{
	struct wire *up = rig_upstream(g);
	wire_answer_with(up, 200, CONTENT_LENGTH_UNKNOWN, type ? "Content-Type" : NULL, type);
	return up;
}

START_TEST(a_body_that_drips_is_408_after_the_grace)
{
	struct rig *g = rig_new(NULL);
	struct wire *client = rig_upload(g, "POST /paced/x", CONTENT_LENGTH_UNKNOWN);
	struct wire *up = rig_upstream(g);
	for (int i = 0; i < 9; i++) {
		wire_say(client, "x", false);
		rig_advance(g, 1000);
	}
	ck_assert(!client->is_released && !up->is_released);
	rig_advance(g, 1500);
	ck_assert_uint_eq(wire_status(client), 408);
	ck_assert(client->is_released && client->was_last && up->was_reset);
	assert_record(g, "reason", "client_timeout");
	assert_record(g, "detail", "the body came slower than requestBodyBytesPerSecond");
	rig_free(g);
}
END_TEST

START_TEST(a_body_that_keeps_the_rate_may_take_longer_than_the_whole)
{
	struct rig *g = rig_new(NULL);
	struct wire *client = rig_upload(g, "POST /paced/x", CONTENT_LENGTH_UNKNOWN);
	for (int i = 0; i < 40; i++) {
		wire_say_n(client, 1200, false);
		rig_advance(g, 2000);
	}
	ck_assert(!client->is_released);
	wire_say(client, "", true);
	wire_answer(rig_upstream(g), 204, CONTENT_LENGTH_NONE);
	rig_free(g);
}
END_TEST

START_TEST(time_that_the_upstream_takes_is_not_the_clients)
{
	struct rig *g = rig_new(NULL);
	struct wire *client = rig_upload(g, "POST /shop/items", CONTENT_LENGTH_UNKNOWN);
	rig_api(g, "default/shop")->limits.request_body.bytes_per_second = 512;
	wire_block(rig_upstream(g), true);
	wire_say(client, "it waits for the upstream", false);
	rig_advance(g, 50000);
	ck_assert(!client->is_released);
	wire_reset(client, HTTP_RESET_CLOSED);
	rig_turn(g);
	rig_free(g);
}
END_TEST

START_TEST(a_client_that_takes_nothing_is_cut)
{
	struct rig *g = rig_new(NULL);
	struct wire *client = rig_ask(g, "GET /paced/x");
	struct wire *up = answer(g, NULL);
	wire_say_n(up, 10000, false);
	client->outstanding = 9000;
	rig_advance(g, 9500);
	ck_assert(!client->is_released);
	rig_advance(g, 1500);
	ck_assert(client->was_reset && client->is_released && up->was_reset);
	assert_record(g, "status", "200");
	assert_record(g, "reason", "client_timeout");
	rig_free(g);
}
END_TEST

START_TEST(a_client_that_reads_slowly_but_fast_enough_is_served)
{
	struct rig *g = rig_new(NULL);
	struct wire *client = rig_ask(g, "GET /paced/x");
	struct wire *up = answer(g, NULL);
	wire_say_n(up, 60000, false);
	client->outstanding = 59000;
	wire_block(client, true);
	for (int i = 0; i < 15; i++) { /* in lumps, as a window opens */
		rig_advance(g, 5000);
		client->outstanding -= 3000;
	}
	ck_assert(!client->is_released);
	wire_block(client, false);
	wire_say(up, "", true);
	assert_record(g, "reason", "ok");
	rig_free(g);
}
END_TEST

/* It is far away: something is always on its way, and never the same. */
START_TEST(a_client_that_takes_what_comes_is_not_slow_where_the_upstream_is)
{
	struct rig *g = rig_new(NULL);
	struct wire *client = rig_ask(g, "GET /paced/x");
	struct wire *up = answer(g, NULL);
	wire_say(up, "began", false);
	for (int i = 0; i < 115; i++) {
		client->outstanding = 2;
		wire_say(up, "x", false);
		rig_advance(g, 250);
	}
	ck_assert(!client->is_released);
	client->outstanding = 0;
	wire_say(up, "", true);
	assert_record(g, "reason", "ok");
	rig_free(g);
}
END_TEST

/* The same, but what is on its way is as old as the look before the look before. */
START_TEST(a_client_that_takes_late_what_comes_is_slow)
{
	struct rig *g = rig_new(NULL);
	struct wire *client = rig_ask(g, "GET /paced/x");
	struct wire *up = answer(g, NULL);
	wire_say_n(up, 3000, false);
	client->outstanding = 3000;
	for (int i = 0; i < 90; i++) {
		wire_say_n(up, 50, false);
		rig_advance(g, 250);
		if (client->is_released)
			break;
	}
	ck_assert(client->is_released);
	assert_record(g, "reason", "client_timeout");
	rig_free(g);
}
END_TEST

START_TEST(what_an_earlier_response_took_earns_nothing)
{
	struct rig *g = rig_new(NULL);
	struct wire *client = rig_ask(g, "GET /paced/x");
	client->earlier = 50000000;
	rig_advance(g, 1000);
	struct wire *up = answer(g, NULL);
	wire_say_n(up, 10000, false);
	client->outstanding = 9000;
	rig_advance(g, 10500);
	ck_assert(client->was_reset && client->is_released);
	assert_record(g, "reason", "client_timeout");
	rig_free(g);
}
END_TEST

/* The stream cannot be written to for two minutes, but its peer takes some every 50 s. */
START_TEST(a_short_idle_timeout_does_not_cut_a_client_that_reads)
{
	struct rig *g = rig_new(NULL);
	rig_api(g, "default/shop")->limits.response.stall_ms = 600000;
	struct wire *client = rig_ask(g, "GET /shop/items");
	struct wire *up = answer(g, NULL);
	wire_say_n(up, 60000, false);
	client->outstanding = 59000;
	wire_block(client, true);
	for (int i = 0; i < 3; i++) {
		rig_advance(g, 50000);
		client->outstanding -= 1000;
	}
	ck_assert(!client->is_released);
	rig_advance(g, 75000);
	ck_assert(client->was_reset && client->is_released);
	assert_record(g, "detail", "the client takes no more of the response");
	rig_free(g);
}
END_TEST

START_TEST(an_upstream_that_falls_silent_is_given_up)
{
	struct rig *g = rig_new(NULL);
	struct wire *client = rig_ask(g, "GET /paced/x");
	struct wire *up = answer(g, NULL);
	rig_advance(g, 8000);
	wire_say(up, "x", false);
	rig_advance(g, 19000);
	/* Its last byte was noticed at the next look. */
	ck_assert(!client->is_released);
	rig_advance(g, 1500);
	ck_assert(client->was_reset && up->was_reset);
	assert_record(g, "reason", "upstream_idle");
	rig_free(g);
}
END_TEST

START_TEST(streams_may_be_silent_and_last)
{
	static const char *const types[] = {"text/event-stream", "application/grpc+proto"};
	for (size_t i = 0; i < 2; i++) {
		struct rig *g = rig_new(NULL);
		struct wire *client = rig_ask(g, "GET /paced/x");
		struct wire *up = answer(g, types[i]);
		wire_say(up, "data", false);
		rig_advance(g, 200000);
		ck_assert(!client->is_released);
		wire_say(up, "", true);
		ck_assert_str_eq(wire_body(client), "data");
		rig_free(g);
	}
}
END_TEST

START_TEST(a_stream_that_nobody_reads_is_cut)
{
	struct rig *g = rig_new(NULL);
	struct wire *client = rig_ask(g, "GET /paced/x");
	struct wire *up = answer(g, "text/event-stream");
	wire_say_n(up, 10000, false);
	client->outstanding = 9000;
	rig_advance(g, 58000);
	ck_assert(!client->is_released);
	rig_advance(g, 4000);
	ck_assert(client->was_reset);
	rig_free(g);
}
END_TEST

START_TEST(an_exchange_as_a_whole_is_bounded)
{
	struct rig *g = rig_new(NULL);
	struct wire *silent = rig_ask(g, "GET /paced/x");
	rig_advance(g, 29500);
	ck_assert(!silent->is_released);
	rig_advance(g, 1000);
	ck_assert_uint_eq(wire_status(silent), 504);
	assert_record(g, "reason", "upstream_timeout");
	assert_record(g, "detail", "longer than requestSeconds");
	rig_free(g);
}
END_TEST

START_TEST(a_response_that_drips_is_cut_with_the_whole)
{
	struct rig *g = rig_new(NULL);
	struct wire *client = rig_ask(g, "GET /paced/x");
	struct wire *up = answer(g, NULL);
	for (int i = 0; i < 29; i++) {
		wire_say(up, "x", false);
		rig_advance(g, 1000);
	}
	ck_assert(!client->is_released);
	rig_advance(g, 1500);
	ck_assert(client->was_reset && up->was_reset);
	assert_record(g, "reason", "upstream_idle");
	assert_record(g, "detail", "longer than requestSeconds");
	rig_free(g);
}
END_TEST

/* For 25 s the upstream thought about it. */
START_TEST(a_late_response_that_keeps_the_rate_may_take_longer_than_the_whole)
{
	struct rig *g = rig_new(NULL);
	struct wire *client = rig_ask(g, "GET /paced/x");
	rig_advance(g, 25000);
	struct wire *up = answer(g, NULL);
	for (int i = 0; i < 40; i++) {
		wire_say_n(up, 600, false);
		rig_advance(g, 1000);
	}
	ck_assert(!client->is_released);
	wire_say(up, "", true);
	assert_record(g, "reason", "ok");
	rig_free(g);
}
END_TEST

START_TEST(a_late_response_that_drips_is_cut_soon)
{
	struct rig *g = rig_new(NULL);
	struct wire *client = rig_ask(g, "GET /paced/x");
	rig_advance(g, 29900);
	struct wire *up = answer(g, NULL);
	wire_say_n(up, 600, false);
	for (int i = 0; i < 9; i++) {
		wire_say(up, "x", false);
		rig_advance(g, 1000);
	}
	ck_assert(!client->is_released);
	wire_say(up, "x", false);
	rig_advance(g, 2500);
	ck_assert(client->was_reset && up->was_reset);
	assert_record(g, "reason", "upstream_idle");
	assert_record(g, "detail", "longer than requestSeconds");
	rig_free(g);
}
END_TEST

START_TEST(a_body_beyond_the_limit_is_413_when_it_grows)
{
	struct rig *g = rig_new(NULL);
	struct wire *client = rig_upload(g, "POST /own/x", CONTENT_LENGTH_UNKNOWN);
	struct wire *up = rig_upstream(g);
	wire_say_n(client, 1000, false);
	ck_assert_uint_eq(up->body.n, 1000);
	wire_say_n(client, 1, false);
	ck_assert_uint_eq(wire_status(client), 413);
	ck_assert(client->was_last && up->was_reset);
	ck_assert_uint_eq(up->body.n, 1000);
	assert_record(g, "reason", "body_too_large");
	rig_free(g);
}
END_TEST

START_TEST(a_body_that_declares_too_much_asks_no_upstream)
{
	struct rig *g = rig_new(NULL);
	struct wire *client = rig_upload(g, "POST /own/x", 1001);
	ck_assert_uint_eq(wire_status(client), 413);
	ck_assert_uint_eq(scripted.opens, 0);
	rig_free(g);
}
END_TEST

START_TEST(a_crowded_service_is_asked_with_a_body_at_hand)
{
	struct rig *g = rig_new(NULL);
	scripted.is_crowded = true;
	struct wire *client = rig_upload(g, "POST /paced/x", 100);
	wire_say_n(client, 99, false);
	ck_assert_uint_eq(scripted.opens, 0);
	wire_say_n(client, 1, true);
	ck_assert_uint_eq(scripted.opens, 1);
	ck_assert_uint_eq(rig_upstream(g)->body.n, 100);
	wire_answer(rig_upstream(g), 204, CONTENT_LENGTH_NONE);
	struct wire *large = rig_upload(g, "POST /paced/x", 1 << 20);
	wire_say_n(large, LIMIT_GATHERED_BODY_BYTES - 1, false);
	ck_assert_uint_eq(scripted.opens, 1);
	wire_say_n(large, 1, false);
	ck_assert_uint_eq(scripted.opens, 2);
	wire_reset(large, HTTP_RESET_CLOSED);
	struct wire *drips = rig_upload(g, "POST /paced/x", 100);
	wire_say_n(drips, 1, false);
	rig_advance(g, 11000);
	ck_assert_uint_eq(wire_status(drips), 408);
	ck_assert_uint_eq(scripted.opens, 2);
	rig_free(g);
}
END_TEST

START_TEST(a_blocked_api_is_403)
{
	struct rig *g = rig_new(NULL);
	rig_api(g, "default/own")->is_blocked = true;
	struct wire *client = rig_ask(g, "GET /own/x");
	ck_assert_uint_eq(wire_status(client), 403);
	ck_assert_uint_eq(scripted.opens, 0);
	assert_record(g, "reason", "access_blocked");
	rig_free(g);
}
END_TEST

static struct breaker *breaker_of(struct rig *g)
{
	return service_breaker(rig_api(g, "default/shop")->services[0].service);
}

START_TEST(requests_beyond_the_breaker_are_503)
{
	struct rig *g = rig_new(NULL);
	struct breaker *b = breaker_of(g);
	b->limits.max[BREAKER_REQUESTS] = 1;
	struct wire *first = rig_ask(g, "GET /shop/items");
	struct wire *up = rig_upstream(g);
	struct wire *second = rig_ask(g, "GET /shop/items");
	ck_assert_uint_eq(wire_status(second), 503);
	assert_record(g, "reason", "circuit_breaker");
	assert_record(g, "detail", "maxRequests");
	wire_answer(up, 204, CONTENT_LENGTH_NONE);
	ck_assert(first->is_released);
	ck_assert_uint_eq(b->taken[BREAKER_REQUESTS], 0);
	struct wire *third = rig_ask(g, "GET /shop/items");
	wire_answer(rig_upstream(g), 204, CONTENT_LENGTH_NONE);
	ck_assert_uint_eq(wire_status(third), 204);
	rig_free(g);
}
END_TEST

START_TEST(waiting_beyond_the_breaker_has_its_reason)
{
	struct rig *g = rig_new(NULL);
	breaker_of(g)->limits.max[BREAKER_PENDING] = 1;
	scripted.rc = RC_FULL;
	scripted.text = "full";
	struct wire *client = rig_ask(g, "GET /shop/items");
	ck_assert_uint_eq(wire_status(client), 503);
	assert_record(g, "reason", "circuit_breaker");
	assert_record(g, "detail", "maxPendingRequests");
	rig_free(g);
}
END_TEST

START_TEST(retries_beyond_the_breaker_are_not_made)
{
	struct rig *g = rig_new(NULL);
	struct breaker *b = breaker_of(g);
	b->limits.max[BREAKER_RETRIES] = 1;
	ck_assert(breaker_take(b, BREAKER_RETRIES)); /* somebody else's */
	scripted.reused = true;
	struct wire *client = rig_ask(g, "GET /shop/items");
	wire_reset(rig_upstream(g), HTTP_RESET_CLOSED);
	ck_assert_uint_eq(wire_status(client), 502);
	ck_assert_uint_eq(scripted.opens, 1);
	breaker_leave(b, BREAKER_RETRIES);
	client = rig_ask(g, "GET /shop/items");
	wire_reset(rig_upstream(g), HTTP_RESET_CLOSED);
	ck_assert_uint_eq(b->taken[BREAKER_RETRIES], 1);
	wire_answer(rig_upstream(g), 204, CONTENT_LENGTH_NONE);
	ck_assert_uint_eq(wire_status(client), 204);
	ck_assert_uint_eq(b->taken[BREAKER_RETRIES], 0);
	rig_free(g);
}
END_TEST

UNIT_SUITE(sweep, a_body_that_drips_is_408_after_the_grace,
	a_body_that_keeps_the_rate_may_take_longer_than_the_whole,
	time_that_the_upstream_takes_is_not_the_clients, a_client_that_takes_nothing_is_cut,
	a_client_that_reads_slowly_but_fast_enough_is_served,
	a_client_that_takes_what_comes_is_not_slow_where_the_upstream_is,
	a_client_that_takes_late_what_comes_is_slow, what_an_earlier_response_took_earns_nothing,
	a_short_idle_timeout_does_not_cut_a_client_that_reads,
	an_upstream_that_falls_silent_is_given_up, streams_may_be_silent_and_last,
	a_stream_that_nobody_reads_is_cut, an_exchange_as_a_whole_is_bounded,
	a_response_that_drips_is_cut_with_the_whole,
	a_late_response_that_keeps_the_rate_may_take_longer_than_the_whole,
	a_late_response_that_drips_is_cut_soon, a_body_beyond_the_limit_is_413_when_it_grows,
	a_body_that_declares_too_much_asks_no_upstream,
	a_crowded_service_is_asked_with_a_body_at_hand, a_blocked_api_is_403,
	requests_beyond_the_breaker_are_503, waiting_beyond_the_breaker_has_its_reason,
	retries_beyond_the_breaker_are_not_made)
