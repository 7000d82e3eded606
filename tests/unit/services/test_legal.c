/* SPDX-License-Identifier: Apache-2.0 */
/* What services tell a plugin that calls them where it must not. */
#include "unit.h"

#include "rig.h"

#include "base/buffer.h"
#include "base/check.h"
#include "base/memory.h"
#include "observe/log.h"
#include "policy/observer.h"

#include "sluice/cache.h"
#include "sluice/contracts.h"
#include "sluice/expr.h"
#include "sluice/http.h"
#include "sluice/keep.h"
#include "sluice/metrics.h"
#include "sluice/post.h"
#include "sluice/regex.h"
#include "sluice/request.h"
#include "sluice/schema.h"
#include "sluice/shared.h"
#include "sluice/state.h"
#include "sluice/stream.h"
#include "sluice/timer.h"
#include "sluice/tls.h"
#include "sluice/work.h"

#include <stdlib.h>

/* The configuration's services ask for a callback with an exchange, and the other way round. */
typedef void wrong_fn(const void *table, const struct sluice_call *call, struct sluice_exchange *x);

static struct sluice_str text;
static uint32_t at;

#define WRONG(name, type, expression)                                                              \
	static void wrong_##name(                                                                  \
		const void *table, const struct sluice_call *c, struct sluice_exchange *x)         \
	{                                                                                          \
		const struct type *s = table;                                                      \
		(void)c;                                                                           \
		(void)x;                                                                           \
		(void)(expression);                                                                \
	}
WRONG(work_open, sluice_work_service, s->open(c->instance, 1))
WRONG(work_submit, sluice_work_service, s->submit(c, NULL, NULL, NULL))
WRONG(work_begin, sluice_work_service, s->begin(x, NULL, NULL, NULL))
WRONG(work_take, sluice_work_service, s->take(x, NULL))
WRONG(state_open, sluice_state_service, s->open(c->instance, NULL))
WRONG(state_ask, sluice_state_service, s->ask(x, NULL, NULL, NULL))
WRONG(state_take, sluice_state_service, s->take(x, NULL, NULL))
WRONG(state_start, sluice_state_service, s->start(c, NULL, NULL, NULL, NULL))
WRONG(stream_begin, sluice_stream_service, s->begin(x, 200, NULL, 0, NULL, NULL))
WRONG(stream_write, sluice_stream_service, s->write((uint64_t)1 << 56, text, 0))
WRONG(contracts_find, sluice_contracts_service, s->find(x, text, NULL))
WRONG(contracts_matches, sluice_contracts_service, s->secret_matches(x, text, text))
WRONG(cache_open, sluice_cache_service, s->open(c->instance, NULL))
WRONG(cache_find, sluice_cache_service, s->find(x, NULL, text, NULL))
WRONG(cache_respond, sluice_cache_service, s->respond(x, NULL, NULL))
WRONG(cache_begin, sluice_cache_service, s->store_begin(x, NULL, NULL))
WRONG(cache_piece, sluice_cache_service, s->store_piece(x, NULL, NULL))
WRONG(cache_put, sluice_cache_service, s->put(c, NULL, NULL, text))
WRONG(http_begin, sluice_http_service, s->begin(x, NULL, NULL))
WRONG(http_take, sluice_http_service, s->take(x, NULL))
WRONG(http_start, sluice_http_service, s->start(c, NULL, NULL, NULL, NULL))
WRONG(timer_start, sluice_timer_service, s->start(NULL, 1, NULL, NULL))
WRONG(timer_resume, sluice_timer_service, s->resume_after(x, 1, 1))
WRONG(tls_certificate, sluice_tls_service, s->client_certificate(x, NULL))
WRONG(tls_name, sluice_tls_service, s->client_name_next(x, &at, NULL, &text))
WRONG(tls_der, sluice_tls_service, s->client_certificate_der(x, &text))
WRONG(shared_hold, sluice_shared_service, s->hold(c->instance, NULL, text, NULL, NULL))
WRONG(keep_write, sluice_keep_service, s->write(c, text, text))
WRONG(post_open, sluice_post_service, s->open(c->instance))
WRONG(post_worker, sluice_post_service, s->worker(NULL))
WRONG(post_send, sluice_post_service, s->send(NULL, 0, NULL, NULL))
WRONG(metrics_define, sluice_metrics_service, s->define(c->instance, NULL))
WRONG(regex_compile, sluice_regex_service, s->compile(c->instance, text, 0, NULL))
WRONG(expr_compile, sluice_expr_service, s->compile(c->instance, NULL))
WRONG(expr_string, sluice_expr_service, s->to_string(NULL, x, NULL, &text))
WRONG(query_next, sluice_request_service, s->query_next(x, text, &at, NULL, &text))
WRONG(query_remove, sluice_request_service, s->query_remove(x, text))
WRONG(cookie_next, sluice_request_service, s->cookie_next(x, text, &at, NULL, &text))
WRONG(secret_define, sluice_request_service, s->secret_define(c->instance, 1, text))
WRONG(document_new, sluice_schema_service, s->document_new(c->instance, text, NULL))
WRONG(schema_check, sluice_schema_service, s->check(NULL, x, text, NULL))

#define LIVE                                                                                       \
	"request_head request_body request_end response_head response_body response_end"
#define WORKER \
	"request_head request_body request_end response_head response_body response_end "          \
	"worker_start timer post job_done answer stream"

static const struct row {
	const char *service, *call;
	wrong_fn *wrong;
	const char *legal; /* which does not hold `configure`, or is that alone */
} rows[] = {
	{SLUICE_WORK_SERVICE, "open", wrong_work_open, "configure"},
	{SLUICE_WORK_SERVICE, "submit", wrong_work_submit, WORKER},
	{SLUICE_WORK_SERVICE, "begin", wrong_work_begin, LIVE},
	{SLUICE_WORK_SERVICE, "take", wrong_work_take, LIVE},
	{SLUICE_STATE_SERVICE, "open", wrong_state_open, "configure"},
	{SLUICE_STATE_SERVICE, "ask", wrong_state_ask, LIVE},
	{SLUICE_STATE_SERVICE, "take", wrong_state_take, LIVE},
	{SLUICE_STATE_SERVICE, "start", wrong_state_start, WORKER},
	{SLUICE_STREAM_SERVICE, "begin", wrong_stream_begin, LIVE},
	{SLUICE_STREAM_SERVICE, "write", wrong_stream_write, WORKER},
	{SLUICE_CONTRACTS_SERVICE, "find", wrong_contracts_find, LIVE " log done frame"},
	{SLUICE_CONTRACTS_SERVICE, "secret_matches", wrong_contracts_matches, LIVE " log done frame"},
	{SLUICE_CACHE_SERVICE, "open", wrong_cache_open, "configure"},
	{SLUICE_CACHE_SERVICE, "find", wrong_cache_find, LIVE},
	{SLUICE_CACHE_SERVICE, "respond", wrong_cache_respond, LIVE},
	{SLUICE_CACHE_SERVICE, "store_begin", wrong_cache_begin, "response_head response_body"},
	{SLUICE_CACHE_SERVICE, "store_piece", wrong_cache_piece, "response_body"},
	{SLUICE_CACHE_SERVICE, "put", wrong_cache_put, WORKER},
	{SLUICE_HTTP_SERVICE, "begin", wrong_http_begin, LIVE},
	{SLUICE_HTTP_SERVICE, "take", wrong_http_take, LIVE},
	{SLUICE_HTTP_SERVICE, "start", wrong_http_start, WORKER},
	{SLUICE_KEEP_SERVICE, "write", wrong_keep_write, "job"},
	{SLUICE_TIMER_SERVICE, "start", wrong_timer_start, WORKER},
	{SLUICE_TIMER_SERVICE, "resume_after", wrong_timer_resume, LIVE},
	{SLUICE_TLS_SERVICE, "client_certificate", wrong_tls_certificate, LIVE " log done frame"},
	{SLUICE_TLS_SERVICE, "client_name_next", wrong_tls_name, LIVE " log done frame"},
	{SLUICE_TLS_SERVICE, "client_certificate_der", wrong_tls_der, LIVE " log done frame"},
	{SLUICE_SHARED_SERVICE, "hold", wrong_shared_hold, "configure"},
	{SLUICE_POST_SERVICE, "open", wrong_post_open, "configure"},
	{SLUICE_POST_SERVICE, "worker", wrong_post_worker, WORKER " frame"},
	{SLUICE_POST_SERVICE, "send", wrong_post_send,
		LIVE " worker_start timer post job job_done answer stream frame"},
	{SLUICE_METRICS_SERVICE, "define", wrong_metrics_define, "configure"},
	{SLUICE_REGEX_SERVICE, "compile", wrong_regex_compile, "configure"},
	{SLUICE_EXPR_SERVICE, "compile", wrong_expr_compile, "configure"},
	{SLUICE_EXPR_SERVICE, "to_string", wrong_expr_string, LIVE " log done frame"},
	{SLUICE_REQUEST_SERVICE, "query_next", wrong_query_next, LIVE " log done frame"},
	{SLUICE_REQUEST_SERVICE, "query_remove", wrong_query_remove, "request_head"},
	{SLUICE_REQUEST_SERVICE, "cookie_next", wrong_cookie_next, LIVE " log done frame"},
	{SLUICE_REQUEST_SERVICE, "secret_define", wrong_secret_define, "configure"},
	{SLUICE_SCHEMA_SERVICE, "document_new", wrong_document_new, "configure"},
	{SLUICE_SCHEMA_SERVICE, "check", wrong_schema_check, LIVE},
};

static struct buffer told;
static const char *callback;

static void note(void *arg, struct str message)
{
	(void)arg;
	buffer_add(&told, message);
	buffer_add_char(&told, '\n');
}

/* Each call of the table that is not legal here is told, with its place and where it is. */
static void make_wrong_calls(
	const struct sluice_call *call, struct sluice_exchange *x, const char *here)
{
	for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
		const struct row *r = &rows[i];
		bool is_for_configure = strcmp(r->legal, "configure") == 0;
		if (is_for_configure == (strcmp(here, "configure") == 0))
			continue;
		buffer_reset(&told);
		r->wrong(call->host->service(r->service), call, x);
		char *expected = heap_printf("%s %s is not legal in %s for this handle; it is in: %s\n",
			r->service, r->call, here, r->legal);
		ck_assert_msg(str_eq(buffer_str(&told), str_of(expected)), "%.*s instead of %s",
			(int)told.n, told.p, expected);
		free(expected);
	}
	callback = here;
}

static int32_t configure(const struct sluice_call *call, const struct sluice_value *config,
	void *previous, void **state)
{
	(void)config;
	(void)previous;
	(void)state;
	make_wrong_calls(call, NULL, "configure");
	return SLUICE_OK;
}

static int32_t request_head(const struct sluice_call *call, struct sluice_exchange *x)
{
	(void)x;
	/* Nobody's exchange: so that those for exchanges are wrong here, too. */
	make_wrong_calls(call, NULL, "request_head");
	return SLUICE_CONTINUE;
}

static const struct sluice_policy wrong_policy = {.size = sizeof(wrong_policy),
	.name = "wrong",
	.version = "1.0.0",
	.configure = configure,
	.request_head = request_head};

START_TEST(each_wrong_call_is_explained)
{
	static const struct policy_observer observer = {.complaint = note};
	log_start_queue(1 << 20, NULL, NULL);
	buffer_init(&told, 1 << 16);
	policy_observe(&observer);
	struct rig *r = rig_new(1);
	rig_bind(r, rig_policy(r, &wrong_policy), "wrong", "{}");
	ck_assert_str_eq(callback, "configure");
	struct visit *v = visit_new(r, 0);
	visit_begin(v);
	ck_assert_int_eq(visit_give(v, CHAIN_REQUEST, ""), CHAIN_DONE);
	ck_assert_str_eq(callback, "request_head");
	visit_free(v);
	rig_free(r);
	policy_observe(NULL);
	buffer_deinit(&told);
	log_stop_queue();
}
END_TEST

UNIT_SUITE(legal, each_wrong_call_is_explained)
