/* SPDX-License-Identifier: Apache-2.0 */
#include "unit.h"

#include "rig.h"

#include <pthread.h>

#define REQ  CHAIN_REQUEST
#define NAME "rate-limiting"

static struct rig *limited(const char *config, uint32_t workers)
{
	struct rig *r = rig_new(workers);
	rig_bind(r, rig_plugin(r, PLUGINS "/rate-limiting.so"), NAME, config);
	return r;
}

/* One request; whether it passed. */
static bool passes(struct visit *v, const char *tenant)
{
	visit_begin(v);
	if (tenant)
		visit_field(v, REQ, "x-tenant", tenant);
	enum chain_result r = chain_step(&v->x, REQ);
	ck_assert(r == CHAIN_MORE || r == CHAIN_RESPONDED);
	return r == CHAIN_MORE;
}

START_TEST(answers_429_beyond_the_quota)
{
	struct rig *r = limited("{\"rateLimits\":[{\"maximumRequests\":2,"
				"\"timePeriodInMilliseconds\":2500}]}",
		1);
	struct visit *v = visit_new(r, 0);
	ck_assert(passes(v, NULL));
	ck_assert_int_eq(visit_give(v, CHAIN_RESPONSE, "ok"), CHAIN_DONE);
	ck_assert_uint_eq(visit_answered(v, "x-ratelimit-limit").n, 0);
	ck_assert(passes(v, NULL));
	ck_assert(!passes(v, NULL));
	ck_assert_uint_eq(v->x.local->head.status, 429);
	assert_str(v->x.local->reason, "rate_limited");
	assert_str(v->x.local->body, "{\"error\":\"Quota has been exceeded\"}");
	ck_assert_int_eq(visit_answer(v), CHAIN_DONE);
	assert_str(visit_answered(v, "retry-after"), "3");
	ck_assert_uint_eq(visit_answered(v, "x-ratelimit-limit").n, 0);
	ck_assert_uint_eq(rig_counter(r, "rate_limited", 0), 1);
	loop_fake_advance(v->loop, 2500);
	ck_assert(passes(v, NULL));
	visit_free(v);
	rig_free(r);
}
END_TEST

START_TEST(tells_the_client_what_is_left)
{
	struct rig *r = limited("{\"rateLimits\":[{\"maximumRequests\":1,"
				"\"timePeriodInMilliseconds\":60000}],\"exposeHeaders\":true}",
		1);
	struct visit *v = visit_new(r, 0);
	for (int i = 0; i < 2; i++) {
		ck_assert_int_eq(passes(v, NULL), i == 0);
		enum chain_result result =
			i == 0 ? visit_give(v, CHAIN_RESPONSE, "ok") : visit_answer(v);
		ck_assert_int_eq(result, CHAIN_DONE);
		assert_str(visit_answered(v, "x-ratelimit-limit"), "1");
		assert_str(visit_answered(v, "x-ratelimit-remaining"), "0");
		assert_str(visit_answered(v, "x-ratelimit-reset"), "60000");
	}
	visit_free(v);
	rig_free(r);
}
END_TEST

START_TEST(a_key_is_case_sensitive_and_may_be_missing)
{
	struct rig *r = limited("{\"rateLimits\":[{\"maximumRequests\":1,"
				"\"timePeriodInMilliseconds\":60000}],"
				"\"keySelector\":\"#[attributes.headers['x-tenant']]\"}",
		1);
	struct visit *v = visit_new(r, 0);
	static const struct {
		const char *tenant;
		bool passes;
	} rows[] = {{"a", true}, {"b", true}, {"a", false}, {"A", true}, {NULL, true},
		{NULL, false}, {"", false}};
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		ck_assert_msg(passes(v, rows[i].tenant) == rows[i].passes, "row %zu", i);
	visit_free(v);
	rig_free(r);
}
END_TEST

START_TEST(a_key_that_cannot_be_had_fails_closed)
{
	struct rig *r = limited("{\"rateLimits\":[{\"maximumRequests\":9,"
				"\"timePeriodInMilliseconds\":60000}],"
				"\"keySelector\":\"#[attributes.headers]\"}",
		1);
	struct visit *v = visit_new(r, 0);
	visit_begin(v);
	ck_assert_int_eq(chain_step(&v->x, REQ), CHAIN_FAILED);
	visit_free(v);
	rig_free(r);
}
END_TEST

START_TEST(refuses_what_cannot_be_counted)
{
	static const struct {
		const char *config, *path;
	} rows[] = {
		{"{}", "config"},
		{"{\"rateLimits\":[]}", "config.rateLimits"},
		{"{\"rateLimits\":[{\"maximumRequests\":0,\"timePeriodInMilliseconds\":1}]}",
			"config.rateLimits[0].maximumRequests"},
		{"{\"rateLimits\":[{\"maximumRequests\":1,\"timePeriodInMilliseconds\":0}]}",
			"config.rateLimits[0].timePeriodInMilliseconds"},
		{"{\"rateLimits\":[{\"maximumRequests\":1,\"timePeriodInMilliseconds\":1}],"
		 "\"keySelector\":\"#[payload]\"}",
			"config.keySelector"},
		{"{\"rateLimits\":[{\"maximumRequests\":1,\"timePeriodInMilliseconds\":1}],"
		 "\"keySelector\":\"#[1 +]\"}",
			"config.keySelector"},
	};
	struct rig *r = rig_new(1);
	struct plugin *p = rig_plugin(r, PLUGINS "/rate-limiting.so");
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		ck_assert_ptr_null(rig_try_bind(r, p, NAME, rows[i].config));
		ck_assert_uint_eq(r->diagnostics.count, i + 1);
		ck_assert_str_eq(r->diagnostics.items[i].path, rows[i].path);
	}
	rig_free(r);
}
END_TEST

/* --- threads --------------------------------------------------------------------------------- */
enum { WORKERS = 4, REQUESTS = 2000, QUOTA = 1500 };

struct caller {
	struct rig *rig;
	uint32_t worker;
	int passed;
};

static void *call(void *arg)
{
	struct caller *c = arg;
	struct visit *v = visit_new(c->rig, c->worker);
	for (int i = 0; i < REQUESTS; i++)
		c->passed += passes(v, "a");
	visit_free(v);
	return NULL;
}

START_TEST(workers_together_get_one_quota)
{
	struct rig *r = limited("{\"rateLimits\":[{\"maximumRequests\":1500,"
				"\"timePeriodInMilliseconds\":60000}],"
				"\"keySelector\":\"#[attributes.headers['x-tenant']]\"}",
		WORKERS);
	enum rc rc = chain_new(r->bindings, r->binding_count, &r->chain);
	ck_assert_int_eq(rc, RC_OK);
	struct caller callers[WORKERS];
	pthread_t threads[WORKERS];
	int passed = 0;
	for (uint32_t i = 0; i < WORKERS; i++) {
		callers[i] = (struct caller){.rig = r, .worker = i};
		ck_assert_int_eq(pthread_create(&threads[i], NULL, call, &callers[i]), 0);
	}
	for (int i = 0; i < WORKERS; i++) {
		pthread_join(threads[i], NULL);
		passed += callers[i].passed;
	}
	ck_assert_int_eq(passed, QUOTA);
	ck_assert_uint_eq(rig_counter(r, "rate_limited", 0), WORKERS * REQUESTS - QUOTA);
	rig_free(r);
}
END_TEST

UNIT_SUITE(rate_limiting, answers_429_beyond_the_quota, tells_the_client_what_is_left,
	a_key_is_case_sensitive_and_may_be_missing, a_key_that_cannot_be_had_fails_closed,
	refuses_what_cannot_be_counted, workers_together_get_one_quota)
