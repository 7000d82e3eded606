/* SPDX-License-Identifier: Apache-2.0 */
/* Requests of policies: what goes out is checked and bounded, what comes back is taken in order.
 * The carrier is the test's; real connections are in tests/unit/upstream/test_call.c. */
#include "unit.h"

#include "rig.h"

#include "base/memory.h"
#include "policy/chain_watch.h"
#include "policy/target.h"
#include "services/services.h"
#include "upstream/call.h"

#include "sluice/http.h"

#include <stdio.h>
#include <stdlib.h>

/* --- a carrier that a test answers by hand -----------------------------------------------------
 */
#define CALLS_MAX 24
static struct upstream_call *carried[CALLS_MAX];
static size_t carried_count, cancelled;

static void carry(struct upstream_carrier *carrier, struct upstream_call *c)
{
	ck_assert_uint_lt(carried_count, CALLS_MAX);
	carried[carried_count++] = c;
}

static void cancel(struct upstream_call *c)
{
	cancelled++;
}

static struct upstream_carrier carrier = {carry, cancel};

static void answer(size_t i, uint16_t status, const char *body)
{
	struct upstream_call *c = carried[i];
	struct http_response *head = arena_alloc(&c->arena, sizeof(*head));
	http_response_init(head, &c->arena);
	head->status = status;
	ck_assert_int_eq(fields_add(&head->fields, STR("X-Kind"), STR("a")), RC_OK);
	ck_assert_int_eq(fields_add(&head->fields, STR("x-kind"), STR("b")), RC_OK);
	ck_assert(c->takes(c, strlen(body)));
	chunk_queue_add_copy(&c->held, str_of(body));
	c->response = head;
	c->result = CALL_OK;
	call_take_content(c);
	c->ended(c);
}

static void lose(size_t i, enum upstream_call_result result, const char *message)
{
	carried[i]->result = result;
	carried[i]->message = message;
	carried[i]->ended(carried[i]);
}

/* --- a policy whose head callback is the test's ------------------------------------------------
 */
static const struct sluice_http_service *http;
static const struct sluice_target *target, *foreign;
static int32_t (*in_head)(const struct sluice_call *call, struct sluice_exchange *x);
static size_t stopped;

static int32_t configure(const struct sluice_call *call, const struct sluice_value *config,
	void *previous, void **state)
{
	http = call->host->service(SLUICE_HTTP_SERVICE);
	foreign = target;
	target = call->host->target(
		call->instance, call->host->value_get(config, SLUICE_STR("auth")));
	return target ? SLUICE_OK : SLUICE_E_INVALID;
}

static int32_t request_head(const struct sluice_call *call, struct sluice_exchange *x)
{
	return in_head ? in_head(call, x) : SLUICE_CONTINUE;
}

static void worker_stop(const struct sluice_call *call, void *data)
{
	stopped++;
}

static const struct sluice_policy policy = {.size = sizeof(policy),
	.name = "asks",
	.version = "1.0.0",
	.configure = configure,
	.worker_stop = worker_stop,
	.request_head = request_head};

static struct rig *rig;
static struct visit *visit;
static struct service *service;

static void bind_one(struct plugin *plugin)
{
	static const uint8_t digest[32] = {1};
	const struct target_options to = {.text = STR("auth"),
		.path = STR("/v1"),
		.service = service,
		.rewrites_host = true,
		.sha256 = digest};
	struct plan *plan;
	char binding[] = "default/0";
	binding[8] = (char)('0' + rig->binding_count);
	struct plan_writer *w = plan_writer_new();
	struct buffer bytes;
	char message[100];
	buffer_init(&bytes, 1 << 16);
	plan_open_object(w, NULL, (struct position){0});
	plan_write_string(w, "auth", (struct position){0}, STR("auth"));
	plan_close(w);
	ck_assert_int_eq(plan_writer_finish(w, &bytes), RC_OK);
	ck_assert_int_eq(plan_decode(buffer_str(&bytes), &plan, message, sizeof(message)), RC_OK);
	buffer_deinit(&bytes);
	plan_writer_free(w);
	struct instance_options options = {.plugin = plugin,
		.policy = STR("asks"),
		.binding = str_of(binding),
		.config = plan_root(plan),
		.config_path = STR("config"),
		.subject = STR("default/a"),
		.workers = 1,
		.targets = &to,
		.target_count = 1};
	struct sluice_instance *i;
	ck_assert_int_eq(instance_new(&options, NULL, &rig->diagnostics, &i), RC_OK);
	plan_free(plan);
	rig->bindings[rig->binding_count++] = (struct chain_binding_options){.instance = i};
}

static void begin(size_t bindings)
{
	const struct service_options options = {.name = STR("default/auth"),
		.scheme = STR("http"),
		.host = STR("auth.example"),
		.port = 80};
	carried_count = cancelled = stopped = 0;
	service = service_new(&options);
	rig = rig_new(1);
	struct plugin *plugin = rig_policy(rig, &policy);
	for (size_t i = 0; i < bindings; i++)
		bind_one(plugin);
	/* Before worker_start, as in a worker's thread. */
	struct rig *r = rig;
	visit = visit_new(r, 0);
	services_worker_carry(&carrier);
	visit_begin(visit);
}

static void end(void)
{
	visit_free(visit);
	rig_free(rig);
	service_unref(service);
	in_head = NULL;
}

/* --- requests ----------------------------------------------------------------------------------
 */
static int32_t ask(struct sluice_exchange *x, const char *method, const char *path,
	const char *name, const char *body)
{
	const struct sluice_str fields[] = {{name, strlen(name)}, SLUICE_STR("v")};
	const struct sluice_http_request r = {.size = sizeof(r),
		.method = {method, strlen(method)},
		.path = {path, strlen(path)},
		.fields = fields,
		.field_count = name[0] ? 1 : 0,
		.body = {body, strlen(body)}};
	return http->begin(x, target, &r);
}

static int32_t ask_well(const struct sluice_call *call, struct sluice_exchange *x)
{
	ck_assert_int_eq(ask(x, "", "", "", ""), SLUICE_OK);
	ck_assert_int_eq(ask(x, "POST", "/a/./b//c?q=1", "x-a", "body"), SLUICE_OK);
	ck_assert_int_eq(ask(x, "PUT", "?q", "", ""), SLUICE_OK);
	return SLUICE_CONTINUE;
}

START_TEST(a_request_is_made_of_the_target_and_what_is_asked)
{
	begin(1);
	in_head = ask_well;
	ck_assert_int_eq(visit_give(visit, CHAIN_REQUEST, ""), CHAIN_DONE);
	const struct http_request *plain = &carried[0]->request, *post = &carried[1]->request,
				  *put = &carried[2]->request;
	assert_str(plain->method_name, "GET");
	assert_str(plain->path, "/v1");
	assert_str(plain->authority, "auth.example");
	ck_assert_int_eq(plain->content_length, CONTENT_LENGTH_NONE);
	ck_assert_int_eq(carried[0]->timeout_ms, 10000);
	ck_assert_uint_eq(carried[0]->response_bytes_max, 1 << 20);
	assert_str(post->path, "/v1/a/b/c");
	assert_str(post->query, "q=1");
	assert_str(fields_get(&post->fields, STR("X-A"))->value, "v");
	ck_assert_int_eq(post->content_length, 4);
	assert_str(carried[1]->body, "body");
	assert_str(put->path, "/v1");
	ck_assert(put->has_query);
	/* What has no content says so (RFC 9110 8.6). */
	ck_assert_int_eq(put->content_length, 0);
	end();
}
END_TEST

static int32_t ask_badly(const struct sluice_call *call, struct sluice_exchange *x)
{
	static const char *const names[] = {"host", "Connection", "content-length",
		"transfer-encoding", "TE", "trailer", "upgrade", "expect", "keep-alive", "a b"};
	static const char *const paths[] = {
		"/../x", "x", "/a\\b", "/a b", "/%zz", "http://x/", "/a#b"};
	for (size_t i = 0; i < ARRAY_COUNT(names); i++)
		ck_assert_int_eq(ask(x, "GET", "/", names[i], ""), SLUICE_E_INVALID);
	for (size_t i = 0; i < ARRAY_COUNT(paths); i++)
		ck_assert_int_eq(ask(x, "GET", paths[i], "", ""), SLUICE_E_INVALID);
	ck_assert_int_eq(ask(x, "CONNECT", "/", "", ""), SLUICE_E_INVALID);
	ck_assert_int_eq(ask(x, "GE T", "/", "", ""), SLUICE_E_INVALID);
	ck_assert_int_eq(http->begin(x, target, NULL), SLUICE_E_INVALID);
	const struct sluice_http_request late = {.size = sizeof(late), .timeout_ms = 600001};
	ck_assert_int_eq(http->begin(x, target, &late), SLUICE_E_INVALID);
	const struct sluice_http_request large = {
		.size = sizeof(large), .response_bytes_max = (32 << 20) + 1};
	ck_assert_int_eq(http->begin(x, target, &large), SLUICE_E_INVALID);
	struct sluice_http_response r = {.size = sizeof(r)};
	ck_assert_int_eq(http->take(x, &r), SLUICE_E_NOT_FOUND);
	return SLUICE_CONTINUE;
}

START_TEST(what_no_client_may_send_is_refused)
{
	begin(1);
	in_head = ask_badly;
	ck_assert_int_eq(visit_give(visit, CHAIN_REQUEST, ""), CHAIN_DONE);
	ck_assert_uint_eq(carried_count, 0);
	end();
}
END_TEST

static int32_t ask_for_another(const struct sluice_call *call, struct sluice_exchange *x)
{
	const struct sluice_http_request r = {.size = sizeof(r)};
	bool is_mine = target->instance == call->instance;
	int32_t rc = http->begin(x, is_mine ? foreign : target, &r);
	ck_assert_int_eq(rc, SLUICE_E_WRONG_CALLBACK);
	return SLUICE_CONTINUE;
}

START_TEST(anothers_target_is_refused)
{
	begin(2);
	in_head = ask_for_another;
	ck_assert_int_eq(visit_give(visit, CHAIN_REQUEST, ""), CHAIN_DONE);
	ck_assert_uint_eq(carried_count, 0);
	end();
}
END_TEST

static int32_t ask_for_much(const struct sluice_call *call, struct sluice_exchange *x)
{
	const struct sluice_http_request large = {
		.size = sizeof(large), .response_bytes_max = 32 << 20};
	ck_assert_int_eq(http->begin(x, target, &large), SLUICE_OK);
	ck_assert_int_eq(ask(x, "", "", "", ""), SLUICE_E_FULL);
	lose(0, CALL_UNAVAILABLE, "no");
	for (int i = 0; i < SLUICE_HTTP_EXCHANGE_MAX; i++)
		ck_assert_int_eq(ask(x, "", "", "", ""), SLUICE_OK);
	ck_assert_int_eq(ask(x, "", "", "", ""), SLUICE_E_FULL);
	return SLUICE_CONTINUE;
}

START_TEST(an_exchange_has_bounds)
{
	begin(1);
	in_head = ask_for_much;
	ck_assert_int_eq(visit_give(visit, CHAIN_REQUEST, ""), CHAIN_DONE);
	ck_assert_uint_eq(carried_count, SLUICE_HTTP_EXCHANGE_MAX + 1);
	visit_end(visit);
	ck_assert_uint_eq(cancelled, SLUICE_HTTP_EXCHANGE_MAX);
	end();
}
END_TEST

#define LARGE_BYTES SLUICE_HTTP_BODY_BYTES_MAX

/* What has been sent is held until the exchange ends. */
static int32_t send_much_by_and_by(const struct sluice_call *call, struct sluice_exchange *x)
{
	char *body = heap_zalloc(LARGE_BYTES);
	const struct sluice_http_request r = {.size = sizeof(r),
		.method = SLUICE_STR("POST"),
		.body = {body, LARGE_BYTES},
		.response_bytes_max = 1};
	for (size_t i = 0; i < SLUICE_HTTP_EXCHANGE_BYTES_MAX / LARGE_BYTES - 1; i++) {
		ck_assert_int_eq(http->begin(x, target, &r), SLUICE_OK);
		lose(i, CALL_UNAVAILABLE, "no");
	}
	ck_assert_int_eq(http->begin(x, target, &r), SLUICE_E_FULL);
	free(body);
	return SLUICE_CONTINUE;
}

START_TEST(bodies_that_were_sent_count_as_long_as_they_are_held)
{
	begin(1);
	in_head = send_much_by_and_by;
	ck_assert_int_eq(visit_give(visit, CHAIN_REQUEST, ""), CHAIN_DONE);
	visit_end(visit);
	end();
}
END_TEST

/* --- traces ------------------------------------------------------------------------------------
 */
#define PARENT "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
#define OTHER  "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"

static int32_t ask_with_traces(const struct sluice_call *call, struct sluice_exchange *x)
{
	const struct sluice_str own[] = {SLUICE_STR("Traceparent"), SLUICE_STR(OTHER)};
	const struct sluice_http_request r = {.size = sizeof(r), .fields = own, .field_count = 1};
	ck_assert_int_eq(ask(x, "", "", "", ""), SLUICE_OK);
	ck_assert_int_eq(http->begin(x, target, &r), SLUICE_OK);
	return SLUICE_CONTINUE;
}

static struct str sent(size_t i, const char *name)
{
	const struct field *f = fields_get(&carried[i]->request.fields, str_of(name));
	return f ? f->value : STR_EMPTY;
}

START_TEST(a_request_goes_on_with_the_trace_of_its_exchange)
{
	begin(1);
	in_head = ask_with_traces;
	visit_field(visit, CHAIN_REQUEST, "traceparent", PARENT);
	visit_field(visit, CHAIN_REQUEST, "tracestate", "a=1");
	ck_assert_int_eq(visit_give(visit, CHAIN_REQUEST, ""), CHAIN_DONE);
	assert_str(sent(0, "traceparent"), PARENT);
	assert_str(sent(0, "tracestate"), "a=1");
	assert_str(sent(1, "traceparent"), OTHER);
	assert_str(sent(1, "tracestate"), "");
	ck_assert_uint_eq(carried[1]->request.fields.count, 1);
	end();
}
END_TEST

START_TEST(what_is_no_trace_is_not_passed_on)
{
	begin(1);
	in_head = ask_with_traces;
	visit_field(visit, CHAIN_REQUEST, "traceparent", "00-00");
	visit_field(visit, CHAIN_REQUEST, "tracestate", "a=1");
	ck_assert_int_eq(visit_give(visit, CHAIN_REQUEST, ""), CHAIN_DONE);
	ck_assert_uint_eq(carried[0]->request.fields.count, 0);
	end();
}
END_TEST

/* What was told of the requests of an exchange, a line each. */
static char story[1000];

static void on_asked(
	struct chain_watch *w, struct sluice_exchange *x, const struct chain_request *r)
{
	size_t n = strlen(story);
	snprintf(story + n, sizeof(story) - n, "%u %.*s %.*s%s %u %s %.*s\n", r->number,
		STR_ARG(r->method), STR_ARG(r->service), r->has_ended ? " ended" : "", r->status,
		r->because ? r->because : "-", STR_ARG(r->detail));
}

START_TEST(who_follows_an_exchange_is_told_of_its_requests)
{
	struct chain_watch watch = {.asked = on_asked};
	story[0] = '\0';
	begin(1);
	in_head = ask_well;
	visit->x.watch = &watch;
	ck_assert_int_eq(visit_give(visit, CHAIN_REQUEST, ""), CHAIN_DONE);
	answer(1, 404, "no");
	lose(0, CALL_TIMEOUT, "too late");
	visit_end(visit);
	ck_assert_str_eq(story, "1 GET default/auth 0 - \n"
			       "2 POST default/auth 0 - \n"
			       "3 PUT default/auth 0 - \n"
			       "2 POST default/auth ended 404 - \n"
			       "1 GET default/auth ended 0 timeout too late\n"
			       "3 PUT default/auth ended 0 cancelled \n");
	ck_assert_uint_eq(cancelled, 1);
	end();
}
END_TEST

/* --- responses ---------------------------------------------------------------------------------
 */
static int32_t take_two(const struct sluice_call *call, struct sluice_exchange *x)
{
	struct sluice_http_response r = {.size = sizeof(r)};
	struct sluice_str value;
	uint32_t at = 0;
	if (!call->host->resumed(x)) {
		ck_assert_int_eq(ask(x, "", "/1", "", ""), SLUICE_OK);
		ck_assert_int_eq(ask(x, "", "/2", "", ""), SLUICE_OK);
		ck_assert_int_eq(http->take(x, &r), SLUICE_PENDING);
		return call->host->wait(x, 1000);
	}
	ck_assert_int_eq(http->take(x, &r), SLUICE_OK);
	ck_assert_int_eq(r.result, SLUICE_OK);
	ck_assert_int_eq(r.status, 201);
	assert_str(str_n(r.body.p, r.body.n), "one");
	ck_assert_uint_eq(r.message.n, 0);
	ck_assert_int_eq(http->field_get(&r, SLUICE_STR("x-KIND"), &value), SLUICE_OK);
	assert_str(str_n(value.p, value.n), "a");
	ck_assert_int_eq(http->field_next(&r, SLUICE_STR("x-kind"), &at, NULL, &value), SLUICE_OK);
	ck_assert_int_eq(http->field_next(&r, SLUICE_STR("x-kind"), &at, NULL, &value), SLUICE_OK);
	assert_str(str_n(value.p, value.n), "b");
	ck_assert_int_eq(
		http->field_next(&r, SLUICE_STR("x-kind"), &at, NULL, &value), SLUICE_E_NOT_FOUND);
	struct sluice_http_response first = r;
	ck_assert_int_eq(http->take(x, &r), SLUICE_OK);
	ck_assert_int_eq(r.result, SLUICE_E_TIMEOUT);
	ck_assert_int_eq(r.status, 0);
	assert_str(str_n(r.message.p, r.message.n), "service default/auth: too slow");
	ck_assert_int_eq(http->field_get(&r, SLUICE_STR("x-kind"), &value), SLUICE_E_NOT_FOUND);
	ck_assert_int_eq(http->take(x, &r), SLUICE_E_NOT_FOUND);
	/* Still there. */
	assert_str(str_n(first.body.p, first.body.n), "one");
	return SLUICE_CONTINUE;
}

START_TEST(answers_are_taken_in_the_order_of_asking)
{
	begin(1);
	in_head = take_two;
	ck_assert_int_eq(visit_give(visit, CHAIN_REQUEST, ""), CHAIN_PAUSED);
	lose(1, CALL_TIMEOUT, "too slow");
	ck_assert_int_eq(visit->wakes, 0);
	answer(0, 201, "one");
	ck_assert_int_eq(visit->wakes, 1);
	ck_assert_int_eq(chain_step(&visit->x, CHAIN_REQUEST), CHAIN_DONE);
	visit_end(visit);
	ck_assert_uint_eq(cancelled, 0);
	end();
}
END_TEST

START_TEST(an_exchange_that_ends_takes_its_calls_along)
{
	begin(1);
	in_head = take_two;
	ck_assert_int_eq(visit_give(visit, CHAIN_REQUEST, ""), CHAIN_PAUSED);
	answer(0, 200, "one");
	visit_end(visit);
	ck_assert_uint_eq(cancelled, 1);
	end();
}
END_TEST

/* --- of an instance ----------------------------------------------------------------------------
 */
static struct {
	size_t count, stopped_before;
	int32_t result, again; /* what a policy gets that tries once more at once */
	char body[16];
} told;

static void on_answer(
	const struct sluice_call *call, const struct sluice_http_response *r, void *arg)
{
	const struct sluice_http_request again = {.size = sizeof(again)};
	ck_assert_ptr_eq(arg, &told);
	told.count++;
	told.stopped_before = stopped;
	told.result = r->result;
	if (r->result != SLUICE_OK)
		told.again = http->start(call, target, &again, on_answer, arg);
	snprintf(told.body, sizeof(told.body), "%.*s", (int)r->body.n, r->body.p);
}

static int32_t start_one(const struct sluice_call *call, struct sluice_exchange *x)
{
	const struct sluice_http_request r = {.size = sizeof(r)};
	ck_assert_int_eq(http->start(call, target, &r, NULL, NULL), SLUICE_E_INVALID);
	ck_assert_int_eq(http->start(call, target, &r, on_answer, &told), SLUICE_OK);
	return SLUICE_CONTINUE;
}

static int32_t start_much(const struct sluice_call *call, struct sluice_exchange *x)
{
	struct sluice_http_request r = {.size = sizeof(r), .body = SLUICE_STR("12345678901")};
	told.again = http->start(call, target, &r, on_answer, &told);
	ck_assert_int_eq(http->begin(x, target, &r), SLUICE_E_FULL);
	r.body.n--;
	ck_assert_int_eq(http->start(call, target, &r, on_answer, &told), SLUICE_OK);
	return SLUICE_CONTINUE;
}

START_TEST(what_an_instance_sends_counts_as_what_it_gets)
{
	memset(&told, 0, sizeof(told));
	begin(1);
	in_head = start_one;
	ck_assert_int_eq(visit_give(visit, CHAIN_REQUEST, ""), CHAIN_DONE);
	visit_end(visit);
	ck_assert(carried[0]->takes(carried[0], SLUICE_HTTP_INSTANCE_BYTES_MAX - 10));
	visit_begin(visit);
	in_head = start_much;
	ck_assert_int_eq(visit_give(visit, CHAIN_REQUEST, ""), CHAIN_DONE);
	ck_assert_int_eq(told.again, SLUICE_E_FULL);
	ck_assert_uint_eq(carried_count, 2);
	answer(0, 200, "");
	lose(1, CALL_UNAVAILABLE, "no");
	end();
}
END_TEST

START_TEST(an_instance_gets_one_answer)
{
	memset(&told, 0, sizeof(told));
	begin(1);
	in_head = start_one;
	ck_assert_int_eq(visit_give(visit, CHAIN_REQUEST, ""), CHAIN_DONE);
	visit_end(visit);
	ck_assert_uint_eq(cancelled, 0);
	answer(0, 200, "keys");
	ck_assert_uint_eq(told.count, 1);
	ck_assert_int_eq(told.result, SLUICE_OK);
	ck_assert_str_eq(told.body, "keys");
	end();
	ck_assert_uint_eq(told.count, 1);
}
END_TEST

START_TEST(what_is_under_way_ends_before_the_worker_stops)
{
	memset(&told, 0, sizeof(told));
	begin(1);
	in_head = start_one;
	ck_assert_int_eq(visit_give(visit, CHAIN_REQUEST, ""), CHAIN_DONE);
	end();
	ck_assert_uint_eq(cancelled, 1);
	ck_assert_uint_eq(told.count, 1);
	ck_assert_int_eq(told.result, SLUICE_E_UNAVAILABLE);
	ck_assert_int_eq(told.again, SLUICE_E_UNAVAILABLE);
	ck_assert_uint_eq(told.stopped_before, 0);
	ck_assert_uint_eq(stopped, 1);
}
END_TEST

static int32_t ask_nobody(const struct sluice_call *call, struct sluice_exchange *x)
{
	services_worker_carry(NULL);
	ck_assert_int_eq(ask(x, "", "", "", ""), SLUICE_E_UNAVAILABLE);
	return SLUICE_CONTINUE;
}

START_TEST(where_nothing_is_carried_nothing_goes_out)
{
	begin(1);
	in_head = ask_nobody;
	ck_assert_int_eq(visit_give(visit, CHAIN_REQUEST, ""), CHAIN_DONE);
	end();
}
END_TEST

UNIT_SUITE(http, a_request_is_made_of_the_target_and_what_is_asked,
	what_no_client_may_send_is_refused, anothers_target_is_refused, an_exchange_has_bounds,
	bodies_that_were_sent_count_as_long_as_they_are_held,
	a_request_goes_on_with_the_trace_of_its_exchange, what_is_no_trace_is_not_passed_on,
	who_follows_an_exchange_is_told_of_its_requests, answers_are_taken_in_the_order_of_asking,
	an_exchange_that_ends_takes_its_calls_along, what_an_instance_sends_counts_as_what_it_gets,
	an_instance_gets_one_answer, what_is_under_way_ends_before_the_worker_stops,
	where_nothing_is_carried_nothing_goes_out)
