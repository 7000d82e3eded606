/* SPDX-License-Identifier: Apache-2.0 */
#include "bench.h"
#include "unit.h"

#include "upstream/breaker.h"

#include <pthread.h>

#define THREADS 4
#define ROUNDS  20000

static struct breaker shared;
static atomic_uint inside, most, refused;

static void *take_and_leave(void *arg)
{
	for (int i = 0; i < ROUNDS; i++) {
		if (!breaker_take(&shared, BREAKER_REQUESTS)) {
			atomic_fetch_add(&refused, 1);
			continue;
		}
		unsigned now = atomic_fetch_add(&inside, 1) + 1, before = atomic_load(&most);
		while (now > before && !atomic_compare_exchange_weak(&most, &before, now))
			;
		atomic_fetch_sub(&inside, 1);
		breaker_leave(&shared, BREAKER_REQUESTS);
	}
	return NULL;
}

START_TEST(gives_no_place_twice_whoever_asks)
{
	pthread_t threads[THREADS];
	shared.limits.max[BREAKER_REQUESTS] = 2;
	for (int i = 0; i < THREADS; i++)
		ck_assert_int_eq(pthread_create(&threads[i], NULL, take_and_leave, NULL), 0);
	for (int i = 0; i < THREADS; i++)
		pthread_join(threads[i], NULL);
	ck_assert_uint_le(most, 2);
	ck_assert_uint_eq(shared.taken[BREAKER_REQUESTS], 0);
	ck_assert(breaker_take(&shared, BREAKER_REQUESTS));
	ck_assert(breaker_take(&shared, BREAKER_REQUESTS));
	ck_assert(!breaker_take(&shared, BREAKER_REQUESTS));
}
END_TEST

START_TEST(without_a_threshold_everything_has_a_place)
{
	struct breaker b = {0};
	ck_assert(!breaker_bounds(&b, BREAKER_RETRIES));
	for (int i = 0; i < 100; i++)
		ck_assert(breaker_take(&b, BREAKER_RETRIES));
	ck_assert_uint_eq(b.taken[BREAKER_RETRIES], 100);
	ck_assert_str_eq(breaker_name(BREAKER_PENDING), "maxPendingRequests");
}
END_TEST

/* Two workers, here two benches, have one service with one connection and one who may wait. */
START_TEST(workers_share_the_places_of_a_service)
{
	struct bench a, b;
	struct request r[4], other[2];
	bench_init(&a, NULL);
	bench_init(&b, NULL);
	a.origin.holds = b.origin.holds = true;
	struct service *s = bench_service(&a, NULL, 1024, 1024);
	struct breaker *breaker = service_breaker(s);
	breaker->limits.max[BREAKER_CONNECTIONS] = 2;
	breaker->limits.max[BREAKER_PENDING] = 1;
	for (int i = 0; i < 3; i++)
		ask_start(&a, s, false, &r[i]);
	ck_assert_uint_eq(breaker->taken[BREAKER_CONNECTIONS], 2);
	ck_assert_uint_eq(breaker->taken[BREAKER_PENDING], 1);
	ask_start(&a, s, false, &r[3]);
	ck_assert(r[3].is_told);
	ck_assert_int_eq(r[3].rc, RC_FULL);
	/* The other worker may have one all the same, but nobody behind it. */
	ask_start(&b, s, false, &other[0]);
	ck_assert_uint_eq(breaker->taken[BREAKER_CONNECTIONS], 3);
	ask_start(&b, s, false, &other[1]);
	ck_assert(other[1].is_told);
	ck_assert_int_eq(other[1].rc, RC_FULL);
	bench_turn_until(&b, &other[0].is_told);
	bench_turn_until(&a, &r[1].is_told);
	a.origin.holds = b.origin.holds = false;
	ask_finish(&r[0]);
	bench_turn_until(&a, &r[2].is_told);
	ck_assert_uint_eq(breaker->taken[BREAKER_PENDING], 0);
	ask_finish(&r[1]);
	ask_finish(&r[2]);
	ask_finish(&other[0]);
	for (int i = 0; i < 4; i++)
		ask_deinit(&r[i]);
	for (int i = 0; i < 2; i++)
		ask_deinit(&other[i]);
	bench_deinit(&a);
	bench_deinit(&b);
	ck_assert_uint_eq(breaker->taken[BREAKER_CONNECTIONS], 0);
	service_unref(s);
}
END_TEST

UNIT_SUITE(breaker, gives_no_place_twice_whoever_asks, without_a_threshold_everything_has_a_place,
	workers_share_the_places_of_a_service)
