/* SPDX-License-Identifier: Apache-2.0 */
#include "unit.h"

#include "rig.h"

#include "services/services.h"
#include "services/state_store.h"

#include "sluice/state.h"

#include <pthread.h>
#include <stdio.h>

/* --- the store ------------------------------------------------------------------------------- */
static struct arena arena;
static struct pool *pool;
static struct state_store *store;
static int64_t now_ms;

static void store_begin(uint32_t entries, uint64_t bytes)
{
	pool = pool_new();
	arena_init(&arena, pool, 4 << 20);
	store = state_store_new(entries, bytes);
	now_ms = 1000;
}

static void store_end(void)
{
	state_store_free(store);
	arena_reset(&arena);
	pool_free(pool);
}

static struct sluice_answer ask_store(struct sluice_question q)
{
	struct sluice_answer a = {.size = sizeof(a)};
	q.size = sizeof(q);
	state_store_ask(store, now_ms, &q, &arena, &a);
	return a;
}

#define KEY(text) .key = {(text), strlen(text)}

static struct sluice_answer count(const char *key, int64_t delta, int64_t limit)
{
	return ask_store((struct sluice_question){
		.kind = SLUICE_COUNT, KEY(key), .delta = delta, .limit = limit, .for_ms = 100});
}

static struct sluice_answer put(const char *key, const char *value, uint64_t version, int64_t ms)
{
	return ask_store((struct sluice_question){.kind = SLUICE_PUT,
		KEY(key),
		.value = {value, strlen(value)},
		.version = version,
		.for_ms = ms});
}

static struct sluice_answer get(const char *key)
{
	return ask_store((struct sluice_question){.kind = SLUICE_GET, KEY(key)});
}

static struct sluice_answer drop(const char *key, uint64_t version)
{
	return ask_store(
		(struct sluice_question){.kind = SLUICE_REMOVE, KEY(key), .version = version});
}

START_TEST(a_counter_counts_in_windows)
{
	store_begin(100, 1 << 20);
	struct sluice_answer a = count("k", 3, 0);
	ck_assert_int_eq(a.result, SLUICE_OK);
	ck_assert_int_eq(a.count, 3);
	ck_assert_int_eq(a.remaining_ms, 100);
	now_ms += 60;
	a = count("k", 4, 7);
	ck_assert_int_eq(a.result, SLUICE_OK);
	ck_assert_int_eq(a.count, 7);
	ck_assert_int_eq(a.remaining_ms, 40);
	a = count("k", 1, 7);
	ck_assert_int_eq(a.result, SLUICE_E_CONFLICT);
	ck_assert_int_eq(a.count, 7);
	ck_assert_int_eq(count("k", 0, 7).count, 7);
	ck_assert_int_eq(count("k", -20, 7).count, 0);
	now_ms += 40;
	ck_assert_int_eq(count("k", 0, 0).count, 0);
	ck_assert_uint_eq(state_store_count(store), 0); /* looking makes nothing */
	ck_assert_int_eq(count("k", INT64_MAX, 0).count, INT64_MAX);
	ck_assert_int_eq(count("k", 1, 0).count, INT64_MAX);
	store_end();
}
END_TEST

START_TEST(a_value_has_a_version_and_an_end)
{
	store_begin(100, 1 << 20);
	ck_assert_int_eq(get("k").result, SLUICE_E_NOT_FOUND);
	struct sluice_answer first = put("k", "one", 0, 50);
	ck_assert_int_eq(first.result, SLUICE_OK);
	ck_assert_uint_ne(first.version, 0);
	ck_assert_int_eq(put("k", "two", 0, 50).result, SLUICE_E_CONFLICT);
	struct sluice_answer a = put("k", "two", first.version, 50);
	ck_assert_int_eq(a.result, SLUICE_OK);
	ck_assert_uint_gt(a.version, first.version);
	a = put("k", "three", first.version, 50);
	ck_assert_int_eq(a.result, SLUICE_E_CONFLICT);
	a = get("k");
	ck_assert_int_eq(a.result, SLUICE_OK);
	ck_assert_uint_eq(a.value.n, 3);
	ck_assert_mem_eq(a.value.p, "two", 3);
	ck_assert_int_eq(a.remaining_ms, 50);
	ck_assert_uint_eq(state_store_count(store), 1);
	now_ms += 50;
	ck_assert_int_eq(get("k").result, SLUICE_E_NOT_FOUND);
	ck_assert_int_eq(put("k", "", SLUICE_VERSION_ANY, 0).result, SLUICE_OK);
	now_ms += 1000000;
	a = get("k");
	ck_assert_int_eq(a.result, SLUICE_OK);
	ck_assert_uint_eq(a.value.n, 0);
	ck_assert_int_eq(a.remaining_ms, 0);
	ck_assert_int_eq(drop("k", a.version + 1).result, SLUICE_E_CONFLICT);
	ck_assert_int_eq(drop("k", a.version).result, SLUICE_OK);
	ck_assert_int_eq(drop("k", SLUICE_VERSION_ANY).result, SLUICE_E_NOT_FOUND);
	store_end();
}
END_TEST

START_TEST(a_lock_is_one_holders)
{
	struct sluice_question lock = {.kind = SLUICE_LOCK, KEY("k"), .for_ms = 100};
	struct sluice_question unlock = {.kind = SLUICE_UNLOCK, KEY("k")};
	store_begin(100, 1 << 20);
	struct sluice_answer a = ask_store(lock);
	ck_assert_int_eq(a.result, SLUICE_OK);
	now_ms += 30;
	struct sluice_answer other = ask_store(lock);
	ck_assert_int_eq(other.result, SLUICE_E_CONFLICT);
	ck_assert_int_eq(other.remaining_ms, 70);
	ck_assert_uint_eq(other.version, 0); /* the key is not given away */
	unlock.version = a.version + 1;
	struct sluice_answer wrong = ask_store(unlock);
	ck_assert_int_eq(wrong.result, SLUICE_E_CONFLICT);
	ck_assert_uint_eq(wrong.version, 0);
	unlock.version = a.version;
	ck_assert_int_eq(ask_store(unlock).result, SLUICE_OK);
	ck_assert_int_eq(ask_store(unlock).result, SLUICE_E_NOT_FOUND);
	ck_assert_int_eq(ask_store(lock).result, SLUICE_OK);
	now_ms += 100;
	ck_assert_int_eq(ask_store(lock).result, SLUICE_OK);
	ck_assert_int_eq(drop("k", SLUICE_VERSION_ANY).result, SLUICE_E_INVALID);
	store_end();
}
END_TEST

START_TEST(a_key_holds_one_sort)
{
	store_begin(100, 1 << 20);
	count("counter", 1, 0);
	put("value", "v", 0, 0);
	ck_assert_int_eq(get("counter").result, SLUICE_E_INVALID);
	ck_assert_int_eq(put("counter", "v", 0, 0).result, SLUICE_E_INVALID);
	ck_assert_int_eq(count("value", 1, 0).result, SLUICE_E_INVALID);
	ck_assert_int_eq(drop("counter", SLUICE_VERSION_ANY).result, SLUICE_OK);
	ck_assert_int_eq(put("counter", "v", 0, 0).result, SLUICE_OK);
	store_end();
}
END_TEST

static void fill(int from, int to, int64_t ms, int32_t result)
{
	char key[16];
	for (int i = from; i < to; i++) {
		snprintf(key, sizeof(key), "%d", i);
		ck_assert_int_eq(put(key, "x", 0, ms).result, result);
	}
}

START_TEST(a_full_store_drops_nothing_that_lasts)
{
	store_begin(1000, 1 << 20);
	fill(0, 1000, 5000, SLUICE_OK);
	fill(1000, 1010, 50, SLUICE_E_FULL);
	ck_assert_int_eq(put("7", "y", SLUICE_VERSION_ANY, 9000).result, SLUICE_E_FULL);
	ck_assert_mem_eq(get("7").value.p, "x", 1);
	ck_assert_int_eq(drop("7", SLUICE_VERSION_ANY).result, SLUICE_OK);
	ck_assert_int_eq(put("7", "y", SLUICE_VERSION_ANY, 9000).result, SLUICE_OK);
	now_ms += 5000; /* all but that one have ended: room is found in any shard that is asked */
	fill(2000, 2050, 50, SLUICE_OK);
	ck_assert_mem_eq(get("7").value.p, "y", 1);
	store_end();
	store_begin(1000, 1024);
	fill(0, 10, 0, SLUICE_OK);
	fill(10, 11, 0, SLUICE_E_FULL);
	store_end();
}
END_TEST

static void *count_many(void *arg)
{
	struct sluice_question q = {
		.size = sizeof(q), .kind = SLUICE_COUNT, .delta = 1, .for_ms = 1};
	struct sluice_answer a;
	char key[16];
	q.for_ms = 60000;
	for (int i = 0; i < 20000; i++) {
		q.key.n = (size_t)snprintf(key, sizeof(key), "%d", i % 50);
		q.key.p = key;
		state_store_ask(store, 1000, &q, NULL, &a);
	}
	return NULL;
}

START_TEST(threads_lose_no_count)
{
	pthread_t threads[4];
	store_begin(100, 1 << 20);
	for (int i = 0; i < 4; i++)
		ck_assert_int_eq(pthread_create(&threads[i], NULL, count_many, NULL), 0);
	for (int i = 0; i < 4; i++)
		pthread_join(threads[i], NULL);
	int64_t sum = 0;
	char key[16];
	for (int i = 0; i < 50; i++) {
		snprintf(key, sizeof(key), "%d", i);
		sum += count(key, 0, 0).count;
	}
	ck_assert_int_eq(sum, 80000);
	ck_assert_uint_eq(state_store_count(store), 50);
	store_end();
}
END_TEST

/* --- the service ----------------------------------------------------------------------------- */
static const struct sluice_state_service *service;
static struct sluice_state *state;
static struct sluice_str store_name;
static int waited, told, unavailable;
static int64_t counted;

static int32_t configure(const struct sluice_call *call, const struct sluice_value *config,
	void *previous, void **out)
{
	struct sluice_state_options o = {.size = sizeof(o), .entries_max = 100, .bytes_max = 65536};
	service = call->host->service(SLUICE_STATE_SERVICE);
	o.entries_max = 0;
	ck_assert_ptr_null(service->open(call->instance, &o));
	o.entries_max = 100;
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
	services_answer_late(false);
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
	services_answer_late(true);
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
	services_answer_late(true);
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

START_TEST(misuse_is_refused)
{
	struct visit *v = begin(rig_with(misuse));
	ck_assert_int_eq(chain_step(&v->x, CHAIN_REQUEST), CHAIN_MORE);
	end(v);
}
END_TEST

UNIT_SUITE(state, a_counter_counts_in_windows, a_value_has_a_version_and_an_end,
	a_lock_is_one_holders, a_key_holds_one_sort, a_full_store_drops_nothing_that_lasts,
	threads_lose_no_count, an_answer_at_once, the_same_policy_waits_for_a_late_answer,
	an_exchange_that_ends_takes_its_question_with_it, an_instance_asks_by_itself,
	what_is_asked_at_worker_stop_is_unavailable, a_store_outlives_a_reconfiguration,
	misuse_is_refused)
