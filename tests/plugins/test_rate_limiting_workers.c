/* SPDX-License-Identifier: Apache-2.0 */
/* One quota, and several workers; the harness has one. The rest:
 * tests/policies/test_rate_limiting.c. */
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

UNIT_SUITE(rate_limiting_workers, workers_together_get_one_quota)
