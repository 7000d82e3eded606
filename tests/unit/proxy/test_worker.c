/* SPDX-License-Identifier: Apache-2.0 */
/* Generations on a worker: pins, swaps, and APIs that retire. */
#include "unit.h"
#include "rig.h"

#include "proxy/listener.h"

/* A generation of nothing: the former one's APIs and ports are gone. */
static struct generation nothing;

static void swap_to_nothing(struct rig *g)
{
	nothing = (struct generation){.number = 2,
		.dropped_apis = g->generation->apis,
		.dropped_api_count = g->generation->api_count};
	proxy_worker_swap(&g->worker, &nothing);
	rig_turn(g);
}

static bool has_retired(const struct rig *g, const struct api *api)
{
	for (unsigned i = 0; i < g->retired_count; i++)
		if (g->retired[i] == api)
			return true;
	return false;
}

START_TEST(pins_are_balanced_whatever_becomes_of_an_exchange)
{
	struct rig *g = rig_new(NULL);
	struct api *shop = rig_api(g, "default/shop"), *bad = rig_api(g, "default/bad");
	rig_ask(g, "GET /shop/items");
	ck_assert_uint_eq(shop->workers[0].pins, 1);
	wire_answer(rig_upstream(g), 200, 0);
	ck_assert_uint_eq(shop->workers[0].pins, 0);
	rig_ask(g, "GET /shop/nothing");
	rig_ask(g, "GET /bad/x");
	wire_reset(rig_ask(g, "GET /shop/items"), HTTP_RESET_CLOSED);
	rig_ask(g, "GET /shop/items");
	wire_reset(rig_upstream(g), HTTP_RESET_CLOSED);
	ck_assert_uint_eq(shop->workers[0].pins, 0);
	ck_assert_uint_eq(bad->workers[0].pins, 0);
	ck_assert_uint_eq(g->retired_count, 0);
	rig_free(g);
}
END_TEST

START_TEST(an_api_retires_with_its_last_exchange)
{
	struct rig *g = rig_new(NULL);
	struct api *shop = rig_api(g, "default/shop"), *own = rig_api(g, "default/own");
	struct wire *one = rig_ask(g, "GET /shop/items/1");
	struct wire *up = rig_upstream(g);
	struct wire *two = rig_ask(g, "GET /shop/items/2");
	swap_to_nothing(g);
	ck_assert(has_retired(g, own) && !has_retired(g, shop));
	wire_reset(two, HTTP_RESET_CLOSED);
	ck_assert(!has_retired(g, shop));
	/* What was pinned serves to the end. */
	wire_answer(up, 200, 2);
	wire_say(up, "ok", true);
	ck_assert_str_eq(wire_body(one), "ok");
	ck_assert(has_retired(g, shop));
	ck_assert_uint_eq(g->retired_count, 4);
	rig_free(g);
}
END_TEST

START_TEST(the_next_request_sees_the_new_generation)
{
	struct rig *g = rig_new(NULL);
	struct generation_listener moved = g->generation->listeners[0];
	struct api *swapped[] = {
		rig_api(g, "default/bad"), rig_api(g, "default/own"), rig_api(g, "default/shop")};
	struct generation next = {.number = 2, .listeners = &moved, .listener_count = 1};
	struct proxy_listener *before = rig_listener(g);
	moved.apis = swapped;
	proxy_worker_swap(&g->worker, &next);
	ck_assert_ptr_eq(rig_listener(g), before);
	struct wire *client = rig_ask(g, "GET /shop/items");
	ck_assert_uint_eq(wire_status(client), 503);
	assert_record(g, "api", "default/bad");
	/* Both generations have these. */
	ck_assert_uint_eq(g->retired_count, 0);
	rig_free(g);
}
END_TEST

START_TEST(a_port_that_is_gone_stops_accepting)
{
	struct rig *g = rig_new(NULL);
	ck_assert(!list_is_empty(&g->worker.listeners));
	swap_to_nothing(g);
	ck_assert(list_is_empty(&g->worker.listeners));
	rig_free(g);
}
END_TEST

START_TEST(closing_ends_exchanges_with_an_answer)
{
	struct rig *g = rig_new(NULL);
	struct wire *client = rig_ask(g, "GET /shop/items");
	proxy_worker_close(&g->worker);
	ck_assert_uint_eq(wire_status(client), 503);
	ck_assert(proxy_worker_is_idle(&g->worker));
	assert_record(g, "reason", "shutdown");
	assert_record(g, "status", "503");
	rig_free(g);
}
END_TEST

UNIT_SUITE(worker, pins_are_balanced_whatever_becomes_of_an_exchange,
	an_api_retires_with_its_last_exchange, the_next_request_sees_the_new_generation,
	a_port_that_is_gone_stops_accepting, closing_ends_exchanges_with_an_answer)
