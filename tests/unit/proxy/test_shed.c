/* SPDX-License-Identifier: Apache-2.0 */
/* What a worker gives up when memory is short. Idle connections are the integration tests'. */
#include "unit.h"
#include "rig.h"

#include "policy/support.h"

START_TEST(new_requests_are_refused_with_retry_after)
{
	struct rig *g = rig_new(NULL);
	proxy_worker_set_pressure(&g->worker, PRESSURE_REFUSE);
	struct wire *client = rig_ask(g, "GET /shop/items");
	ck_assert_uint_eq(wire_status(client), 503);
	ck_assert_str_eq(wire_field(client, "Retry-After"), "5");
	assert_record(g, "reason", "overloaded");
	ck_assert_uint_eq(scripted.opens, 0);
	ck_assert_uint_eq(g->worker.overloaded_count, 1);
	proxy_worker_set_pressure(&g->worker, PRESSURE_NONE);
	rig_ask(g, "GET /shop/items");
	wire_answer(rig_upstream(g), 200, 0);
	assert_record(g, "reason", "ok");
	rig_free(g);
}
END_TEST

START_TEST(requests_under_way_go_on_while_new_ones_are_refused)
{
	struct rig *g = rig_new(NULL);
	struct wire *client = rig_ask(g, "GET /shop/items");
	struct wire *up = rig_upstream(g);
	proxy_worker_set_pressure(&g->worker, PRESSURE_REFUSE);
	wire_answer(up, 200, 2);
	wire_say(up, "ok", true);
	ck_assert_str_eq(wire_body(client), "ok");
	rig_free(g);
}
END_TEST

START_TEST(upstream_pools_are_trimmed_at_every_look)
{
	struct rig *g = rig_new(NULL);
	unsigned before = scripted.trims;
	proxy_worker_set_pressure(&g->worker, PRESSURE_NONE);
	ck_assert_uint_eq(scripted.trims, before);
	proxy_worker_set_pressure(&g->worker, PRESSURE_TRIM);
	proxy_worker_set_pressure(&g->worker, PRESSURE_TRIM);
	ck_assert_uint_eq(scripted.trims, before + 2);
	rig_free(g);
}
END_TEST

/* Small ones keep what they have: cutting them gains nothing. */
START_TEST(the_exchange_that_holds_most_is_cut)
{
	struct bench *b = bench_new();
	probe_buffers(b, CHAIN_REQUEST, 1000000);
	struct rig *g = rig_new(b);
	struct wire *small = rig_upload(g, "PUT /shop/items", CONTENT_LENGTH_UNKNOWN);
	struct wire *large = rig_upload(g, "PUT /shop/items", CONTENT_LENGTH_UNKNOWN);
	struct wire *medium = rig_upload(g, "PUT /shop/items", CONTENT_LENGTH_UNKNOWN);
	wire_say_n(small, 1000, false);
	for (int i = 0; i < 8; i++)
		wire_say_n(large, 60000, false);
	for (int i = 0; i < 2; i++)
		wire_say_n(medium, 60000, false);
	/* One in eight, but one at least. */
	proxy_worker_set_pressure(&g->worker, PRESSURE_RESET);
	rig_turn(g);
	ck_assert_uint_eq(wire_status(large), 503);
	assert_record(g, "reason", "overloaded");
	ck_assert(!small->head_sent && !medium->head_sent);
	proxy_worker_set_pressure(&g->worker, PRESSURE_RESET);
	rig_turn(g);
	ck_assert_uint_eq(wire_status(medium), 503);
	proxy_worker_set_pressure(&g->worker, PRESSURE_RESET);
	rig_turn(g);
	ck_assert(!small->head_sent);
	rig_free(g);
}
END_TEST

START_TEST(a_response_that_has_begun_is_cut_visibly)
{
	struct rig *g = rig_new(NULL);
	struct wire *client = rig_ask(g, "GET /shop/items");
	struct wire *up = rig_upstream(g);
	wire_answer(up, 200, 400000);
	wire_block(client, true);
	for (int i = 0; i < 4; i++)
		wire_say_n(up, 50000, false);
	proxy_worker_set_pressure(&g->worker, PRESSURE_RESET);
	rig_turn(g);
	ck_assert(client->was_reset && up->was_reset);
	assert_record(g, "reason", "overloaded");
	rig_free(g);
}
END_TEST

/* The response is whole where it came from; what the client does not take is here all the same. */
START_TEST(what_waits_for_a_client_or_an_upstream_counts)
{
	struct rig *g = rig_new(NULL);
	struct wire *reads = rig_ask(g, "GET /shop/items");
	wire_answer(rig_upstream(g), 200, 400000);
	reads->queued = 65536;
	struct wire *sends = rig_upload(g, "PUT /shop/items", CONTENT_LENGTH_UNKNOWN);
	rig_upstream(g)->queued = 100000;
	proxy_worker_set_pressure(&g->worker, PRESSURE_RESET);
	rig_turn(g);
	ck_assert_uint_eq(wire_status(sends), 503);
	ck_assert(!reads->is_released);
	proxy_worker_set_pressure(&g->worker, PRESSURE_RESET);
	rig_turn(g);
	ck_assert(reads->was_reset);
	rig_free(g);
}
END_TEST

/* A hundred streams that hold a little each are a connection that holds much. */
START_TEST(streams_of_a_connection_that_holds_much_are_cut_earlier)
{
	struct rig *g = rig_new(NULL);
	struct wire *alone = rig_ask(g, "GET /shop/items");
	wire_answer(rig_upstream(g), 200, 400000);
	alone->queued = 30000;
	struct wire *shares = rig_ask(g, "GET /shop/items");
	wire_answer(rig_upstream(g), 200, 400000);
	shares->queued = 20000;
	shares->queued_beside = 50000;
	struct wire *small = rig_ask(g, "GET /shop/items");
	wire_answer(rig_upstream(g), 200, 400000);
	small->queued_beside = 70000;
	for (int i = 0; i < 3; i++) {
		proxy_worker_set_pressure(&g->worker, PRESSURE_RESET);
		rig_turn(g);
	}
	ck_assert(shares->was_reset);
	ck_assert(!alone->is_released && !small->is_released);
	rig_free(g);
}
END_TEST

UNIT_SUITE(shed, streams_of_a_connection_that_holds_much_are_cut_earlier,
	new_requests_are_refused_with_retry_after,
	requests_under_way_go_on_while_new_ones_are_refused,
	upstream_pools_are_trimmed_at_every_look, the_exchange_that_holds_most_is_cut,
	a_response_that_has_begun_is_cut_visibly, what_waits_for_a_client_or_an_upstream_counts)
