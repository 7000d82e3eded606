/* SPDX-License-Identifier: Apache-2.0 */
#include "unit.h"

#include "upstream/slots.h"
#include "upstream/upstream.h"

#include <pthread.h>
#include <stdio.h>

static struct service *service;
static struct balancer *balancer;

static void begin(enum balance_algorithm algorithm)
{
	struct service_options o = {
		.name = STR("default/found"),
		.scheme = STR("http"),
		.host = STR("up.test"),
		.port = 9000,
		.connections_max = 8,
		.finds_endpoints = true,
		.balancing = {.algorithm = algorithm,
			.slow_start_ms = 1000,
			.outlier = {.consecutive_failures = 1,
				.interval_ms = 1000,
				.base_ms = 5000,
				.max_ms = 5000,
				.percent_max = 100}},
	};
	service = service_new(&o);
	balancer = service_balancer(service);
}

/* 192.0.2.N of each N, up to the first 0. */
static bool set_at(const unsigned *hosts, int64_t now_ms)
{
	static char texts[100][16];
	struct slot_wish wishes[100];
	unsigned count = 0;
	for (; hosts[count] > 0; count++) {
		int n = snprintf(texts[count], sizeof(texts[0]), "192.0.2.%u", hosts[count]);
		wishes[count] = (struct slot_wish){str_n(texts[count], (size_t)n), 9000, 1, 0};
	}
	return slots_set(service, wishes, count, now_ms);
}

#define set(...) set_at((const unsigned[]){__VA_ARGS__, 0}, 0)

static struct endpoint *of(unsigned host)
{
	char name[32];
	snprintf(name, sizeof(name), "192.0.2.%u:9000", host);
	for (unsigned i = 0; i < balancer->count; i++) {
		struct endpoint *e = &balancer->endpoints[i];
		if (endpoint_is_present(e) && str_eq(e->name, str_of(name)))
			return e;
	}
	return NULL;
}

static struct endpoint *take(uint64_t hash)
{
	struct balance_wish wish = {.now_ms = 1, .hash = hash, .has_hash = true};
	balancer_enter(balancer, 0);
	struct endpoint *e = balancer_take(balancer, &wish);
	balancer_exit(balancer, 0);
	return e;
}

START_TEST(nobody_is_known_until_the_name_is)
{
	begin(BALANCE_ROUND_ROBIN);
	ck_assert(!balancer_is_known(balancer));
	ck_assert_ptr_null(take(0));
	ck_assert(set(1, 2));
	ck_assert(balancer_is_known(balancer));
	ck_assert_uint_eq(balancer_size(balancer), 2);
	slots_forget(service);
	ck_assert(!balancer_is_known(balancer));
	ck_assert_ptr_null(take(0));
	service_unref(service);
}
END_TEST

START_TEST(an_address_is_dialled_and_the_name_is_told)
{
	begin(BALANCE_ROUND_ROBIN);
	set(7);
	const struct service *s = of(7)->service;
	assert_str(service_options(s)->at, "192.0.2.7");
	assert_str(service_options(s)->host, "up.test");
	assert_str(service_authority(s), "up.test:9000");
	service_unref(service);
}
END_TEST

START_TEST(who_stays_keeps_its_slot_and_its_state)
{
	begin(BALANCE_ROUND_ROBIN);
	set(1, 2, 3);
	struct endpoint *one = of(1);
	ck_assert(outlier_note(balancer, one, OUTCOME_FAILURE, 1));
	set(4, 3, 1);
	ck_assert_ptr_eq(of(1), one);
	ck_assert(!endpoint_is_available(one, 2));
	ck_assert_ptr_null(of(2));
	ck_assert_uint_eq(balancer_size(balancer), 3);
	service_unref(service);
}
END_TEST

START_TEST(who_comes_back_finds_its_slot_and_begins_slowly)
{
	begin(BALANCE_ROUND_ROBIN);
	set(1, 2);
	struct endpoint *one = of(1);
	ck_assert_int_eq(atomic_load(&one->well_since_ms), 0);
	set_at((const unsigned[]){2, 0}, 10);
	ck_assert_ptr_null(of(1));
	set_at((const unsigned[]){2, 1, 0}, 20);
	ck_assert_ptr_eq(of(1), one);
	ck_assert_int_eq(atomic_load(&one->well_since_ms), 20);
	service_unref(service);
}
END_TEST

START_TEST(an_endpoint_that_is_gone_lives_as_long_as_it_is_held)
{
	begin(BALANCE_ROUND_ROBIN);
	set(1);
	struct service *held = service_ref(of(1)->service);
	for (unsigned i = 2; i < 2 + 2 * SLOTS_MAX; i++)
		ck_assert(set(i));
	assert_str(service_options(held)->at, "192.0.2.1");
	service_unref(service);
	assert_str(service_authority(held), "up.test:9000");
	service_unref(held);
}
END_TEST

START_TEST(a_slot_that_is_taken_or_looked_at_is_nobody_elses)
{
	begin(BALANCE_ROUND_ROBIN);
	set(1);
	struct endpoint *taken = take(0);
	for (unsigned i = 2; i <= SLOTS_MAX; i++)
		ck_assert(set(i));
	/* All slots are used once; each but the taken one may change hands. */
	for (unsigned i = 100; i < 100 + 2 * SLOTS_MAX; i++)
		ck_assert(set(i));
	assert_str(taken->name, "192.0.2.1:9000");
	balancer_enter(balancer, 3);
	ck_assert(!set(250));
	balancer_exit(balancer, 3);
	ck_assert(set(250));
	ck_assert_ptr_nonnull(of(250));
	balancer_leave(taken);
	service_unref(service);
}
END_TEST

/* Who looks at the slots one after the other may be past those that came. */
START_TEST(nobody_goes_while_somebody_looks)
{
	begin(BALANCE_ROUND_ROBIN);
	ck_assert(set(1));
	balancer_enter(balancer, 0);
	ck_assert(!set(2));
	ck_assert_ptr_nonnull(of(1));
	ck_assert_ptr_nonnull(of(2));
	balancer_exit(balancer, 0);
	ck_assert(set(2));
	ck_assert_ptr_null(of(1));
	service_unref(service);
}
END_TEST

START_TEST(the_last_one_waits_until_another_has_found_room)
{
	unsigned first[SLOTS_MAX + 1] = {0}, next[] = {101, 102, 0};
	struct endpoint *held[SLOTS_MAX];
	begin(BALANCE_ROUND_ROBIN);
	for (unsigned i = 0; i < SLOTS_MAX; i++)
		first[i] = i + 1;
	ck_assert(set_at(first, 0));
	for (unsigned i = 0; i < SLOTS_MAX; i++)
		held[i] = take(0);
	ck_assert(!set_at(next, 0)); /* all slots are in use */
	ck_assert_uint_eq(balancer_size(balancer), 1);
	for (unsigned i = 0; i < SLOTS_MAX; i++)
		balancer_leave(held[i]);
	for (int tries = 0; !set_at(next, 0); tries++)
		ck_assert_int_lt(tries, 3);
	ck_assert_uint_eq(balancer_size(balancer), 2);
	ck_assert_ptr_nonnull(of(101));
	service_unref(service);
}
END_TEST

START_TEST(more_than_there_are_slots_are_left_out)
{
	unsigned hosts[81] = {0};
	begin(BALANCE_RANDOM);
	for (unsigned i = 0; i < 80; i++)
		hosts[i] = i + 1;
	ck_assert(set_at(hosts, 0));
	ck_assert_uint_eq(balancer_size(balancer), SLOTS_MAX);
	service_unref(service);
}
END_TEST

START_TEST(keys_agree_whatever_came_first)
{
	unsigned hosts[40];
	begin(BALANCE_MAGLEV);
	set(1, 2, 3, 4);
	for (unsigned i = 0; i < ARRAY_COUNT(hosts); i++) {
		struct endpoint *e = take(ring_hash(str_n((const char *)&i, sizeof(i))));
		hosts[i] = (unsigned)(e->name.p[8] - '0');
		balancer_leave(e);
	}
	service_unref(service);
	begin(BALANCE_MAGLEV);
	set(9);
	set(4, 3);
	ck_assert(set(4, 2, 3, 1));
	for (unsigned i = 0; i < ARRAY_COUNT(hosts); i++) {
		struct endpoint *e = take(ring_hash(str_n((const char *)&i, sizeof(i))));
		ck_assert_uint_eq(hosts[i], (unsigned)(e->name.p[8] - '0'));
		balancer_leave(e);
	}
	service_unref(service);
}
END_TEST

/* Host 1 and 2 before 3 before 4. */
static void set_priorities(void)
{
	static const unsigned priorities[] = {7, 7, 9, 30};
	static char texts[ARRAY_COUNT(priorities)][16];
	struct slot_wish wishes[ARRAY_COUNT(priorities)];
	for (unsigned i = 0; i < ARRAY_COUNT(priorities); i++) {
		int n = snprintf(texts[i], sizeof(texts[0]), "192.0.2.%u", i + 1);
		wishes[i] = (struct slot_wish){str_n(texts[i], (size_t)n), 9000, 1, priorities[i]};
	}
	ck_assert(slots_set(service, wishes, ARRAY_COUNT(priorities), 0));
}

/* Who is taken in eight turns, as bits. */
static unsigned taken(uint64_t tried)
{
	unsigned hosts = 0;
	for (uint64_t i = 0; i < 8; i++) {
		struct balance_wish wish = {.now_ms = 1,
			.hash = i * UINT64_C(0x123456789abcdef1),
			.random = i * UINT64_C(0x123456789abcdef1),
			.has_hash = true,
			.tried = tried};
		struct endpoint *e = balancer_take(balancer, &wish);
		hosts |= 1u << (e->name.p[8] - '0');
		balancer_leave(e);
	}
	return hosts;
}

static void set_unhealthy(unsigned host)
{
	atomic_store(&of(host)->is_unhealthy, true);
	atomic_fetch_add(&balancer->unhealthy, 1);
}

static void assert_priorities(enum balance_algorithm algorithm)
{
	begin(algorithm);
	set_priorities();
	ck_assert_uint_eq(taken(0), 1 << 1 | 1 << 2);
	ck_assert_uint_eq(taken(endpoint_bit(of(1))), 1 << 2);
	ck_assert_uint_eq(taken(endpoint_bit(of(1)) | endpoint_bit(of(2))), 1 << 3);
	set_unhealthy(1);
	ck_assert_uint_eq(taken(0), 1 << 2);
	set_unhealthy(2);
	ck_assert_uint_eq(taken(0), 1 << 3);
	set_unhealthy(3);
	ck_assert_uint_eq(taken(0), 1 << 4);
	service_unref(service);
}

START_TEST(a_priority_is_asked_when_nobody_of_a_lower_one_may_be)
{
	for (enum balance_algorithm a = 0; a < BALANCE_ALGORITHM_COUNT; a++)
		assert_priorities(a);
}
END_TEST

/* --- with workers ---------------------------------------------------------------------------- */

#define WORKERS 3
#define ROUNDS  1000

static atomic_bool is_over;

/* Takes and leaves; there is always one, and it has to be one thing as long as it is taken. */
static void *work(void *arg)
{
	unsigned worker = (unsigned)(uintptr_t)arg;
	for (uint64_t i = worker; !atomic_load(&is_over); i++) {
		struct balance_wish wish = {
			.worker = worker, .now_ms = 1, .hash = i * 977, .has_hash = true};
		balancer_enter(balancer, worker);
		struct endpoint *e = balancer_take(balancer, &wish);
		balancer_exit(balancer, worker);
		ck_assert_ptr_nonnull(e);
		struct service *s = service_ref(e->service);
		ck_assert(str_starts(e->name, service_options(s)->at));
		balancer_leave(e);
		service_unref(s);
	}
	return NULL;
}

START_TEST(slots_change_hands_while_workers_choose)
{
	pthread_t threads[WORKERS];
	begin(BALANCE_RING_HASH);
	atomic_store(&is_over, false);
	set(1, 2);
	for (uintptr_t i = 0; i < WORKERS; i++)
		pthread_create(&threads[i], NULL, work, (void *)i);
	for (unsigned i = 0; i < ROUNDS; i++)
		set(1 + i % 250, 1 + (i + 1) % 250, 1 + (i + 2) % 250);
	atomic_store(&is_over, true);
	for (unsigned i = 0; i < WORKERS; i++)
		pthread_join(threads[i], NULL);
	for (unsigned i = 0; i < balancer->count; i++)
		ck_assert_uint_eq(balancer->endpoints[i].active, 0);
	service_unref(service);
}
END_TEST

UNIT_SUITE(slots, nobody_is_known_until_the_name_is, an_address_is_dialled_and_the_name_is_told,
	who_stays_keeps_its_slot_and_its_state, who_comes_back_finds_its_slot_and_begins_slowly,
	an_endpoint_that_is_gone_lives_as_long_as_it_is_held,
	a_slot_that_is_taken_or_looked_at_is_nobody_elses, nobody_goes_while_somebody_looks,
	the_last_one_waits_until_another_has_found_room, more_than_there_are_slots_are_left_out,
	keys_agree_whatever_came_first, a_priority_is_asked_when_nobody_of_a_lower_one_may_be,
	slots_change_hands_while_workers_choose)
