/* SPDX-License-Identifier: Apache-2.0 */
#include "unit.h"

#include "rig.h"

#include "services/services.h"

#include "sluice/state.h"

static enum services_store store_late(void)
{
	return STORE_LATE;
}

/* --- the service ----------------------------------------------------------------------------- */
static const struct sluice_state_service *service;
static struct sluice_state *state;
static struct sluice_str store_name;
static uint32_t entries_max;
static int waited, told, unavailable;
static int64_t counted;

static int32_t configure(const struct sluice_call *call, const struct sluice_value *config,
	void *previous, void **out)
{
	struct sluice_state_options o = {.size = sizeof(o), .entries_max = 100, .bytes_max = 65536};
	service = call->host->service(SLUICE_STATE_SERVICE);
	o.entries_max = 0;
	ck_assert_ptr_null(service->open(call->instance, &o));
	o.entries_max = entries_max;
	o.name = store_name;
	state = service->open(call->instance, &o);
	ck_assert_ptr_nonnull(state);
	return SLUICE_OK;
}

static const struct sluice_question hit = {.size = sizeof(hit),
	.kind = SLUICE_COUNT,
	.key = {"client", 6},
	.delta = 1,
	.for_ms = 60000};

static int32_t count_hit(const struct sluice_call *call, struct sluice_exchange *x)
{
	struct sluice_answer a = {.size = sizeof(a)};
	int32_t rc;
	if (!call->host->resumed(x))
		rc = service->ask(x, state, &hit, &a);
	else
		rc = service->take(x, state, &a);
	if (rc == SLUICE_PENDING) {
		waited++;
		ck_assert_int_eq(service->take(x, state, &a), SLUICE_PENDING);
		return call->host->wait(x, 1000);
	}
	ck_assert_int_eq(rc, SLUICE_OK);
	ck_assert_int_eq(a.result, SLUICE_OK);
	ck_assert_int_eq(service->take(x, state, &a), SLUICE_E_NOT_FOUND);
	counted = a.count;
	return SLUICE_CONTINUE;
}

static void on_answer(
	const struct sluice_call *call, const struct sluice_answer *a, int32_t rc, void *arg)
{
	ck_assert_ptr_eq(arg, &told);
	if (rc == SLUICE_E_UNAVAILABLE) {
		ck_assert_int_eq(service->start(call, state, &hit, on_answer, &told),
			SLUICE_E_UNAVAILABLE); /* or it would never stop */
		unavailable++;
		return;
	}
	told++;
	counted = a->count;
	if (told == 1)
		ck_assert_int_eq(service->start(call, state, &hit, on_answer, &told), SLUICE_OK);
}

static int32_t start_hit(const struct sluice_call *call, struct sluice_exchange *x)
{
	ck_assert_int_eq(service->start(call, state, &hit, on_answer, &told), SLUICE_OK);
	ck_assert_int_eq(told, 0);
	return SLUICE_CONTINUE;
}

static int32_t misuse(const struct sluice_call *call, struct sluice_exchange *x)
{
	struct sluice_question q = hit;
	struct sluice_answer a = {.size = sizeof(a)}, tiny = {.size = 4};
	ck_assert_int_eq(service->ask(x, state, NULL, &a), SLUICE_E_INVALID);
	ck_assert_int_eq(service->ask(x, state, &q, NULL), SLUICE_E_INVALID);
	ck_assert_int_eq(service->ask(x, state, &q, &tiny), SLUICE_E_INVALID);
	ck_assert_int_eq(service->ask(x, NULL, &q, &a), SLUICE_E_WRONG_CALLBACK);
	ck_assert_int_eq(service->start(call, state, &q, NULL, NULL), SLUICE_E_INVALID);
	q.for_ms = 0;
	ck_assert_int_eq(service->ask(x, state, &q, &a), SLUICE_E_INVALID);
	q.for_ms = INT64_MAX;
	ck_assert_int_eq(service->ask(x, state, &q, &a), SLUICE_E_INVALID);
	q = hit;
	q.kind = 6;
	ck_assert_int_eq(service->ask(x, state, &q, &a), SLUICE_E_INVALID);
	q = hit;
	q.key.n = 0;
	ck_assert_int_eq(service->ask(x, state, &q, &a), SLUICE_E_INVALID);
	q.kind = SLUICE_UNLOCK;
	q.version = SLUICE_VERSION_ANY;
	q.key = hit.key;
	ck_assert_int_eq(service->ask(x, state, &q, &a), SLUICE_E_INVALID);
	return SLUICE_CONTINUE;
}

static void too_late(const struct sluice_call *call, struct sluice_exchange *x)
{
	struct sluice_answer a = {.size = sizeof(a)};
	ck_assert_int_eq(service->ask(x, state, &hit, &a), SLUICE_E_WRONG_CALLBACK);
	ck_assert_int_eq(service->take(x, state, &a), SLUICE_E_WRONG_CALLBACK);
	ck_assert_int_eq(
		service->start(call, state, &hit, on_answer, NULL), SLUICE_E_WRONG_CALLBACK);
	ck_assert_ptr_null(service->open(call->instance, NULL));
}

typedef int32_t head(const struct sluice_call *call, struct sluice_exchange *x);
static struct sluice_policy policy;

static struct rig *rig_with(head *fn)
{
	policy = (struct sluice_policy){
		.size = sizeof(policy),
		.name = "counting",
		.version = "1.0.0",
		.configure = configure,
		.request_head = fn,
		.done = too_late,
	};
	waited = told = unavailable = 0;
	counted = 0;
	store_name = SLUICE_STR("");
	entries_max = 100;
	return rig_new(1);
}

static struct visit *begin(struct rig *r)
{
	rig_bind(r, rig_policy(r, &policy), "counting", "{}");
	struct visit *v = visit_new(r, 0);
	visit_begin(v);
	return v;
}

static void end(struct visit *v)
{
	struct rig *r = v->rig;
	services_store_by(NULL);
	visit_free(v);
	rig_free(r);
}

START_TEST(an_answer_at_once)
{
	struct visit *v = begin(rig_with(count_hit));
	for (int i = 1; i <= 3; i++) {
		ck_assert_int_eq(chain_step(&v->x, CHAIN_REQUEST), CHAIN_MORE);
		ck_assert_int_eq(counted, i);
		visit_begin(v);
	}
	ck_assert_int_eq(waited, 0);
	end(v);
}
END_TEST

START_TEST(the_same_policy_waits_for_a_late_answer)
{
	struct visit *v = begin(rig_with(count_hit));
	services_store_by(store_late);
	for (int i = 1; i <= 3; i++) {
		ck_assert_int_eq(chain_step(&v->x, CHAIN_REQUEST), CHAIN_PAUSED);
		loop_turn(v->loop, 0);
		loop_turn(v->loop, 0);
		ck_assert_int_eq(v->wakes, i);
		ck_assert_int_eq(chain_step(&v->x, CHAIN_REQUEST), CHAIN_MORE);
		ck_assert_int_eq(counted, i);
		int wakes = v->wakes;
		visit_begin(v);
		v->wakes = wakes;
	}
	ck_assert_int_eq(waited, 3);
	end(v);
}
END_TEST

START_TEST(an_exchange_that_ends_takes_its_question_with_it)
{
	struct visit *v = begin(rig_with(count_hit));
	services_store_by(store_late);
	ck_assert_int_eq(chain_step(&v->x, CHAIN_REQUEST), CHAIN_PAUSED);
	visit_end(v);
	loop_turn(v->loop, 0);
	ck_assert_int_eq(v->wakes, 0);
	end(v);
}
END_TEST

START_TEST(an_instance_asks_by_itself)
{
	struct visit *v = begin(rig_with(start_hit));
	ck_assert_int_eq(chain_step(&v->x, CHAIN_REQUEST), CHAIN_MORE);
	for (int i = 0; i < 4; i++)
		loop_turn(v->loop, 0);
	ck_assert_int_eq(told, 2);
	ck_assert_int_eq(counted, 2);
	end(v);
	ck_assert_int_eq(unavailable, 0);
}
END_TEST

START_TEST(what_is_asked_at_worker_stop_is_unavailable)
{
	struct visit *v = begin(rig_with(start_hit));
	ck_assert_int_eq(chain_step(&v->x, CHAIN_REQUEST), CHAIN_MORE);
	end(v);
	ck_assert_int_eq(told, 0);
	ck_assert_int_eq(unavailable, 1);
}
END_TEST

START_TEST(a_store_outlives_a_reconfiguration)
{
	struct rig *r = rig_with(count_hit);
	struct plugin *plugin = rig_policy(r, &policy);
	store_name = SLUICE_STR("all");
	/* Another instance holds the store of that name while this one comes and goes. */
	struct sluice_instance *other = rig_try_bind(r, plugin, "counting", "{}");
	struct visit *v = begin(r);
	ck_assert_int_eq(chain_step(&v->x, CHAIN_REQUEST), CHAIN_MORE);
	ck_assert_int_eq(counted, 1);
	struct sluice_state *first = state;
	struct sluice_instance *third = rig_try_bind(r, plugin, "counting", "{}");
	ck_assert_ptr_ne(state, first);
	state = first;
	visit_begin(v);
	ck_assert_int_eq(chain_step(&v->x, CHAIN_REQUEST), CHAIN_MORE);
	ck_assert_int_eq(counted, 2);
	instance_unref(other);
	instance_unref(third);
	end(v);
}
END_TEST

static int32_t put_many(const struct sluice_call *call, struct sluice_exchange *x)
{
	struct sluice_question q = {
		.size = sizeof(q), .kind = SLUICE_PUT, .version = SLUICE_VERSION_ANY};
	struct sluice_answer a = {.size = sizeof(a)};
	static const char keys[] = "0123456789";
	counted = 0;
	for (size_t i = 0; i < 10; i++) {
		q.key = (struct sluice_str){&keys[i], 1};
		ck_assert_int_eq(service->ask(x, state, &q, &a), SLUICE_OK);
		counted += a.result == SLUICE_OK;
	}
	return SLUICE_CONTINUE;
}

START_TEST(who_opened_it_last_sets_the_bounds)
{
	struct rig *r = rig_with(put_many);
	struct plugin *plugin = rig_policy(r, &policy);
	store_name = SLUICE_STR("all");
	entries_max = 3;
	struct visit *v = begin(r);
	struct sluice_state *first = state;
	ck_assert_int_eq(chain_step(&v->x, CHAIN_REQUEST), CHAIN_MORE);
	ck_assert_int_eq(counted, 3);
	entries_max = 5;
	struct sluice_instance *next = rig_try_bind(r, plugin, "counting", "{}");
	state = first;
	visit_begin(v);
	ck_assert_int_eq(chain_step(&v->x, CHAIN_REQUEST), CHAIN_MORE);
	ck_assert_int_eq(counted, 5);
	instance_unref(next); /* as when what it is part of could not be put into service */
	visit_begin(v);
	ck_assert_int_eq(chain_step(&v->x, CHAIN_REQUEST), CHAIN_MORE);
	ck_assert_int_eq(counted, 5); /* replaced; a sixth would have no room */
	end(v);
}
END_TEST

static int32_t fail_start(const struct sluice_call *call, void **data)
{
	ck_assert_int_eq(service->start(call, state, &hit, on_answer, &told), SLUICE_OK);
	return SLUICE_E_RUNTIME;
}

START_TEST(what_a_failing_worker_start_asks_is_unavailable)
{
	struct rig *r = rig_with(NULL);
	policy.worker_start = fail_start;
	struct sluice_instance *i = rig_try_bind(r, rig_policy(r, &policy), "counting", "{}");
	struct loop *loop = loop_new(&(struct loop_options){.fake_clock = true});
	services_worker_start(0, loop);
	ck_assert_int_eq(instance_worker_start(i, 0), RC_REFUSED);
	ck_assert_int_eq(unavailable, 1);
	services_worker_stop(0);
	loop_free(loop);
	instance_unref(i);
	rig_free(r);
	ck_assert_int_eq(told, 0);
}
END_TEST

START_TEST(misuse_is_refused)
{
	struct visit *v = begin(rig_with(misuse));
	ck_assert_int_eq(chain_step(&v->x, CHAIN_REQUEST), CHAIN_MORE);
	end(v);
}
END_TEST

UNIT_SUITE(state, an_answer_at_once, the_same_policy_waits_for_a_late_answer,
	an_exchange_that_ends_takes_its_question_with_it, an_instance_asks_by_itself,
	what_is_asked_at_worker_stop_is_unavailable, a_store_outlives_a_reconfiguration,
	who_opened_it_last_sets_the_bounds, what_a_failing_worker_start_asks_is_unavailable,
	misuse_is_refused)
