/* SPDX-License-Identifier: Apache-2.0 */
/* What becomes of a request before it goes upstream, and what the gateway answers by itself. */
#include "policy/support.h"
#include "unit.h"
#include "rig.h"

#include "base/limits.h"
#include "proxy/access_record.h"
#include "proxy/exchange.h"
#include "proxy/local_answer.h"

#include <stdio.h>

/* --- routing -----------------------------------------------------------------------------------
 */

START_TEST(refuses_what_leads_nowhere)
{
	static const struct {
		const char *line;
		unsigned status;
		const char *reason, *api;
	} cases[] = {
		{"GET /nowhere", 404, "no_api", ""},
		{"GET /shopping", 404, "no_api", ""},
		{"CONNECT /shop/items", 405, "method_not_allowed", ""},
		{"GET /shop/other", 404, "no_route", "default/shop"},
		{"GET /shop/only", 405, "method_not_allowed", "default/shop"},
		{"GET /bad/x", 503, "api_unavailable", "default/bad"},
	};
	for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
		struct rig *g = rig_new(NULL);
		struct wire *client = rig_ask(g, cases[i].line);
		ck_assert_uint_eq(wire_status(client), cases[i].status);
		ck_assert(client->out_ended && !client->was_reset);
		ck_assert_uint_eq(scripted.opens, 0);
		assert_record(g, "reason", cases[i].reason);
		assert_record(g, "api", cases[i].api);
		rig_free(g);
	}
}
END_TEST

START_TEST(names_the_methods_that_would_be_allowed)
{
	struct rig *g = rig_new(NULL);
	struct wire *client = rig_ask(g, "GET /shop/only");
	ck_assert_str_eq(wire_field(client, "Allow"), "PUT, DELETE");
	rig_free(g);
}
END_TEST

START_TEST(why_an_api_is_unavailable_is_for_the_operator_alone)
{
	struct rig *g = rig_new(NULL);
	struct wire *client = rig_ask(g, "GET /bad/x");
	assert_record(g, "detail", "policy x: no plugin provides it");
	ck_assert_ptr_null(strstr(wire_body(client), "plugin"));
	rig_free(g);
}
END_TEST

/* --- local answers -----------------------------------------------------------------------------
 */

START_TEST(a_local_answer_is_json_with_the_id_of_the_request)
{
	struct rig *g = rig_new(NULL);
	struct wire *client = rig_ask(g, "GET /nowhere");
	char expected[200];
	snprintf(expected, sizeof(expected),
		"{\"error\": \"no API is served at this path\", \"requestId\": \"%s\"}\n",
		wire_field(client, "X-Request-ID"));
	ck_assert_str_eq(wire_body(client), expected);
	ck_assert_str_eq(wire_field(client, "Content-Type"), "application/json; charset=UTF-8");
	ck_assert_int_eq(client->declared, (int64_t)strlen(expected));
	assert_record(g, "requestId", wire_field(client, "X-Request-ID"));
	rig_free(g);
}
END_TEST

START_TEST(a_local_answer_to_head_declares_what_it_leaves_out)
{
	struct rig *g = rig_new(NULL);
	struct wire *client = rig_ask(g, "HEAD /nowhere");
	ck_assert_uint_eq(wire_status(client), 404);
	ck_assert(client->head_ended);
	ck_assert_int_gt(client->declared, 0);
	ck_assert_uint_eq(client->body.n, 0);
	rig_free(g);
}
END_TEST

START_TEST(a_local_answer_to_an_upload_takes_none_of_it)
{
	struct rig *g = rig_new(NULL);
	struct wire *client = rig_upload(g, "POST /nowhere", 1000);
	ck_assert_uint_eq(wire_status(client), 404);
	ck_assert(client->is_released);
	rig_free(g);
}
END_TEST

START_TEST(a_body_without_an_id_says_only_what_went_wrong)
{
	struct rig *g = rig_new(NULL);
	struct arena arena;
	arena_init(&arena, loop_pool(g->loop), 4096);
	assert_str(local_answer_body(&arena, STR("no"), STR_EMPTY), "{\"error\": \"no\"}\n");
	arena_reset(&arena);
	rig_free(g);
}
END_TEST

/* --- what is forwarded -------------------------------------------------------------------------
 */

static void add(struct wire *w, const char *name, const char *value)
{
	ck_assert_int_eq(fields_add(&w->request.fields, str_of(name), str_of(value)), RC_OK);
}

START_TEST(replaces_what_clients_say_about_themselves)
{
	static const char *const forged[] = {"X-Forwarded-For", "x-forwarded-proto",
		"X-Forwarded-Host", "X-Forwarded-Port", "X-Real-IP", "Forwarded", "X-Request-Id"};
	struct rig *g = rig_new(NULL);
	struct wire *client = rig_prepare(g, "GET /shop/items", CONTENT_LENGTH_NONE);
	add(client, "Accept", "text/plain");
	for (size_t i = 0; i < ARRAY_COUNT(forged); i++)
		add(client, forged[i], "forged");
	add(client, "User-Agent", "test");
	rig_begin(g, client);
	struct wire *up = rig_upstream(g);
	ck_assert_ptr_null(strstr(wire_head(up), "forged"));
	ck_assert_str_eq(wire_field(up, "Accept"), "text/plain");
	ck_assert_str_eq(wire_field(up, "User-Agent"), "test");
	ck_assert_str_eq(wire_field(up, "X-Forwarded-For"), "192.0.2.7");
	ck_assert_str_eq(wire_field(up, "X-Forwarded-Proto"), "http");
	ck_assert_str_eq(wire_field(up, "X-Forwarded-Host"), "api.example");
	ck_assert_str_eq(wire_field(up, "Via"), "1.1 sluice");
	rig_free(g);
}
END_TEST

START_TEST(one_id_stands_in_the_request_the_response_and_the_record)
{
	struct rig *g = rig_new(NULL);
	struct wire *client = rig_ask(g, "GET /shop/items");
	struct wire *up = rig_upstream(g);
	char id[64];
	snprintf(id, sizeof(id), "%s", wire_field(up, "X-Request-ID"));
	ck_assert_uint_eq(strlen(id), 36);
	wire_answer_with(up, 200, 0, "X-Request-ID", "the upstream's own");
	ck_assert_str_eq(wire_field(client, "X-Request-ID"), id);
	ck_assert_ptr_null(strstr(wire_head(client), "own"));
	assert_record(g, "requestId", id);
	rig_ask(g, "GET /shop/items");
	ck_assert_str_ne(wire_field(rig_upstream(g), "X-Request-ID"), id);
	rig_free(g);
}
END_TEST

static struct wire *ask_with_fields(struct rig *g, unsigned count)
{
	struct wire *client = rig_prepare(g, "GET /shop/items", CONTENT_LENGTH_NONE);
	for (unsigned i = 0; i < count; i++)
		add(client, "x-many", "1");
	return rig_begin(g, client);
}

/* Five are the gateway's own. */
START_TEST(a_request_without_room_for_the_gateways_fields_is_431)
{
	for (unsigned count = LIMIT_FIELDS - 6; count <= LIMIT_FIELDS; count++) {
		struct rig *g = rig_new(NULL);
		struct wire *client = ask_with_fields(g, count);
		bool fits = count + 5 <= LIMIT_FIELDS;
		ck_assert_uint_eq(scripted.opens, fits);
		if (!fits) {
			ck_assert_uint_eq(wire_status(client), 431);
			assert_record(g, "reason", "too_many_fields");
		}
		rig_free(g);
	}
}
END_TEST

/* --- memory ------------------------------------------------------------------------------------
 */

static void spend(struct arena *arena)
{
	arena_alloc(arena, LIMIT_EXCHANGE_ARENA_BYTES + 1);
	ck_assert(arena->failed);
}

START_TEST(a_request_that_has_spent_its_memory_is_500)
{
	struct rig *g = rig_new(NULL);
	struct wire *client = rig_prepare(g, "GET /shop/items", CONTENT_LENGTH_NONE);
	spend(&client->arena);
	rig_begin(g, client);
	ck_assert_uint_eq(wire_status(client), 500);
	ck_assert_str_eq(wire_body(client), "{\"error\": \"exchange memory exhausted\"}\n");
	ck_assert_uint_eq(scripted.opens, 0);
	assert_record(g, "reason", "exchange_memory");
	rig_free(g);
}
END_TEST

static int32_t spend_and_go_on(
	struct probe *p, struct sluice_exchange *x, const struct sluice_body *body)
{
	spend(x->arena);
	return SLUICE_CONTINUE;
}

START_TEST(memory_that_a_policy_has_spent_is_found_before_anything_is_sent)
{
	struct bench *b = bench_new();
	bench_probe(b)->on[CALLBACK_REQUEST_HEAD] = spend_and_go_on;
	struct rig *g = rig_new(b);
	struct wire *client = rig_ask(g, "GET /shop/items");
	ck_assert_uint_eq(wire_status(client), 500);
	ck_assert_uint_eq(scripted.opens, 0);
	assert_record(g, "reason", "exchange_memory");
	rig_free(g);
}
END_TEST

/* The codec could not write the head, closed, and tells so. */
START_TEST(a_response_that_could_not_be_written_for_want_of_memory_is_told)
{
	struct rig *g = rig_new(NULL);
	struct wire *client = rig_ask(g, "GET /shop/items");
	wire_answer(rig_upstream(g), 200, 10);
	spend(&client->arena);
	wire_reset(client, HTTP_RESET_CANCELLED);
	assert_record(g, "reason", "exchange_memory");
	rig_free(g);
}
END_TEST

START_TEST(a_response_that_cannot_be_read_for_want_of_memory_is_500)
{
	struct rig *g = rig_new(NULL);
	struct wire *client = rig_ask(g, "GET /shop/items");
	spend(&client->arena);
	wire_reset(rig_upstream(g), HTTP_RESET_PROTOCOL);
	ck_assert_uint_eq(wire_status(client), 500);
	assert_record(g, "reason", "exchange_memory");
	rig_free(g);
}
END_TEST

/* --- records -----------------------------------------------------------------------------------
 */

START_TEST(a_record_tells_everything_about_an_exchange)
{
	struct rig *g = rig_new(NULL);
	struct wire *client = rig_upload(g, "PUT /shop/items/7", 3);
	client->s.bytes_received = 100;
	wire_say(client, "abc", true);
	rig_advance(g, 20);
	wire_answer(rig_upstream(g), 201, 5);
	rig_advance(g, 30);
	wire_say(rig_upstream(g), "hello", true);
	assert_record(g, "api", "default/shop");
	assert_record(g, "method", "PUT");
	assert_record(g, "target", "/shop/items/7");
	assert_record(g, "path", "/shop/items/7");
	assert_record(g, "host", "api.example");
	assert_record(g, "protocol", "HTTP/1.1");
	assert_record(g, "tls", "");
	assert_record(g, "client", "192.0.2.7");
	assert_record(g, "status", "201");
	assert_record(g, "reason", "ok");
	assert_record(g, "detail", "");
	assert_record(g, "service", "default/up");
	assert_record(g, "upstream", "192.0.2.7:4711");
	assert_record(g, "retries", "");
	assert_record(g, "bytesIn", "103");
	assert_record(g, "durationMs", "50.0");
	assert_record(g, "upstreamMs", "20.0");
	char bytes_out[24];
	snprintf(bytes_out, sizeof(bytes_out), "%zu", client->head.n + 5);
	assert_record(g, "bytesOut", bytes_out);
	ck_assert_uint_eq(rig_record_count(g), 1);
	rig_free(g);
}
END_TEST

START_TEST(a_record_without_an_api_names_none)
{
	struct rig *g = rig_new(NULL);
	rig_ask(g, "GET /nowhere");
	assert_record(g, "service", "");
	assert_record(g, "upstream", "");
	assert_record(g, "upstreamMs", "");
	rig_free(g);
}
END_TEST

START_TEST(exchanges_count_by_the_class_of_their_status)
{
	struct rig *g = rig_new(NULL);
	struct api *api = rig_api(g, "default/shop");
	rig_ask(g, "GET /shop/items");
	wire_answer(rig_upstream(g), 200, 0);
	rig_ask(g, "GET /shop/other");
	wire_reset(rig_ask(g, "GET /shop/items"), HTTP_RESET_CLOSED);
	ck_assert_uint_eq(metric_series_value(api->requests[2]), 1);
	ck_assert_uint_eq(metric_series_value(api->requests[4]), 2);
	ck_assert_uint_eq(metric_series_value(api->duration), 3);
	rig_free(g);
}
END_TEST

START_TEST(refused_heads_leave_records_too)
{
	static const struct {
		uint16_t status;
		const char *reason;
	} cases[] = {{400, "bad_request"}, {431, "bad_request"}, {408, "client_timeout"}};
	struct rig *g = rig_new(NULL);
	for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
		char status[8];
		struct http_stream s = {
			.peer = &g->peer, .bytes_received = 30, .bytes_sent = 99, .started_us = 1};
		access_record_refused(&g->worker, &s, cases[i].status, "why");
		snprintf(status, sizeof(status), "%u", cases[i].status);
		assert_record(g, "status", status);
		assert_record(g, "reason", cases[i].reason);
		assert_record(g, "detail", "why");
		assert_record(g, "client", "192.0.2.7");
		assert_record(g, "bytesIn", "30");
		assert_record(g, "bytesOut", "99");
	}
	ck_assert_uint_eq(g->worker.refused_count, ARRAY_COUNT(cases));
	struct http_stream s = {.peer = &g->peer};
	access_record_handshake_failed(&g->worker, &s, "why");
	assert_record(g, "status", "0");
	assert_record(g, "reason", "tls_handshake_failed");
	assert_record(g, "detail", "why");
	ck_assert_uint_eq(g->worker.refused_count, ARRAY_COUNT(cases)); /* it is no head */
	ck_assert_uint_eq(g->worker.handshake_failed_count, 1);
	rig_free(g);
}
END_TEST

UNIT_SUITE(request, refuses_what_leads_nowhere, names_the_methods_that_would_be_allowed,
	why_an_api_is_unavailable_is_for_the_operator_alone,
	a_local_answer_is_json_with_the_id_of_the_request,
	a_local_answer_to_head_declares_what_it_leaves_out,
	a_local_answer_to_an_upload_takes_none_of_it,
	a_body_without_an_id_says_only_what_went_wrong, replaces_what_clients_say_about_themselves,
	one_id_stands_in_the_request_the_response_and_the_record,
	a_request_without_room_for_the_gateways_fields_is_431,
	a_request_that_has_spent_its_memory_is_500,
	memory_that_a_policy_has_spent_is_found_before_anything_is_sent,
	a_response_that_could_not_be_written_for_want_of_memory_is_told,
	a_response_that_cannot_be_read_for_want_of_memory_is_500,
	a_record_tells_everything_about_an_exchange, a_record_without_an_api_names_none,
	exchanges_count_by_the_class_of_their_status, refused_heads_leave_records_too)
