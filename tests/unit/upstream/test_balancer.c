/* SPDX-License-Identifier: Apache-2.0 */
#include "unit.h"

#include "upstream/upstream.h"

#define ENDPOINTS_MAX 8

static struct service *service;
static struct balancer *balancer;

/* With the weights given, up to the first 0. */
static void begin(enum balance_algorithm algorithm, const unsigned *weights)
{
	struct endpoint_options endpoints[ENDPOINTS_MAX];
	unsigned count = 0;
	for (; weights[count] > 0; count++)
		endpoints[count] = (struct endpoint_options){.host = STR("127.0.0.1"),
			.port = (uint16_t)(9000 + count),
			.weight = weights[count]};
	struct service_options o = {
		.name = STR("default/several"),
		.scheme = STR("http"),
		.host = STR("127.0.0.1"),
		.port = 9000,
		.connections_max = 8,
		.endpoints = endpoints,
		.endpoint_count = count,
		.balancing.algorithm = algorithm,
	};
	service = service_new(&o);
	balancer = service_balancer(service);
	ck_assert_uint_eq(balancer->count, count);
}

static struct endpoint *take(unsigned worker, uint64_t random, uint64_t tried)
{
	struct balance_wish wish = {.worker = worker, .random = random, .tried = tried};
	return balancer_take(balancer, &wish);
}

/* The order in which worker 0 is given them: "aabaaca". */
static const char *order(unsigned count)
{
	static char text[64];
	for (unsigned i = 0; i < count; i++) {
		struct endpoint *e = take(0, 0, 0);
		text[i] = (char)('a' + e->index);
		balancer_leave(e);
	}
	text[count] = '\0';
	return text;
}

START_TEST(takes_turns_by_weight_and_smoothly)
{
	begin(BALANCE_ROUND_ROBIN, (const unsigned[]){5, 1, 1, 0});
	ck_assert_str_eq(order(14), "aabaacaaabaaca");
	service_unref(service);
	begin(BALANCE_ROUND_ROBIN, (const unsigned[]){1, 1, 1, 0});
	ck_assert_str_eq(order(6), "abcabc");
	service_unref(service);
}
END_TEST

START_TEST(each_worker_takes_turns_and_begins_elsewhere)
{
	begin(BALANCE_ROUND_ROBIN, (const unsigned[]){1, 1, 0});
	ck_assert_uint_eq(take(0, 0, 0)->index, 0);
	ck_assert_uint_eq(take(1, 0, 0)->index, 1);
	ck_assert_uint_eq(take(1, 0, 0)->index, 0);
	ck_assert_uint_eq(take(0, 0, 0)->index, 1);
	for (unsigned i = 0; i < 4; i++)
		balancer_leave(&balancer->endpoints[i % 2]);
	service_unref(service);
}
END_TEST

START_TEST(chance_follows_the_weights)
{
	unsigned counts[3] = {0};
	begin(BALANCE_RANDOM, (const unsigned[]){1, 2, 5, 0});
	for (uint64_t i = 0; i < 800; i++) {
		struct endpoint *e = take(0, i, 0);
		counts[e->index]++;
		balancer_leave(e);
	}
	ck_assert_uint_eq(counts[0], 100);
	ck_assert_uint_eq(counts[1], 200);
	ck_assert_uint_eq(counts[2], 500);
	service_unref(service);
}
END_TEST

START_TEST(of_two_the_one_with_less_to_do_is_taken)
{
	begin(BALANCE_LEAST_REQUEST, (const unsigned[]){1, 1, 0});
	struct endpoint *busy = take(0, 0, 0);
	for (uint64_t i = 0; i < 16; i++) {
		struct endpoint *e = take(0, i << 32 | i, 0);
		ck_assert_ptr_ne(e, busy);
		balancer_leave(e);
	}
	balancer_leave(busy);
	service_unref(service);
}
END_TEST

START_TEST(a_heavier_one_may_have_more_to_do)
{
	unsigned counts[2] = {0};
	begin(BALANCE_LEAST_REQUEST, (const unsigned[]){3, 1, 0});
	for (uint64_t i = 0; i < 40; i++)
		counts[take(0, i, 0)->index]++;
	ck_assert_uint_ge(counts[0], 29);
	ck_assert_uint_le(counts[0], 31);
	for (unsigned i = 0; i < 40; i++)
		balancer_leave(&balancer->endpoints[i >= counts[0]]);
	service_unref(service);
}
END_TEST

START_TEST(who_was_tried_comes_last)
{
	for (enum balance_algorithm a = 0; a < BALANCE_ALGORITHM_COUNT; a++) {
		begin(a, (const unsigned[]){1, 9, 1, 0});
		uint64_t tried = 0;
		for (unsigned i = 0; i < 3; i++) {
			struct endpoint *e = take(0, 12345, tried);
			ck_assert(!(tried & endpoint_bit(e)));
			tried |= endpoint_bit(e);
			balancer_leave(e);
		}
		struct endpoint *again = take(0, 12345, tried);
		ck_assert_ptr_nonnull(again);
		balancer_leave(again);
		service_unref(service);
	}
}
END_TEST

START_TEST(an_endpoint_is_a_service_that_lives_as_long_as_its_owner)
{
	begin(BALANCE_ROUND_ROBIN, (const unsigned[]){1, 1, 0});
	struct service *second = balancer->endpoints[1].service;
	assert_str(service_authority(second), "127.0.0.1:9001");
	assert_str(service_options(second)->name, "default/several");
	ck_assert_ptr_eq(service_breaker(second), service_breaker(service));
	ck_assert_ptr_null(service_balancer(second));
	service_ref(second);
	service_unref(service);
	ck_assert_uint_eq(service_options(second)->port, 9001);
	service_unref(second);
}
END_TEST

START_TEST(names_of_algorithms_go_both_ways)
{
	for (enum balance_algorithm a = 0; a < BALANCE_ALGORITHM_COUNT; a++)
		ck_assert_int_eq(balance_algorithm_of(str_of(balance_algorithm_name(a))), (int)a);
	ck_assert_int_eq(balance_algorithm_of(STR("roundrobin")), BALANCE_ALGORITHM_COUNT);
}
END_TEST

UNIT_SUITE(balancer, takes_turns_by_weight_and_smoothly,
	each_worker_takes_turns_and_begins_elsewhere, chance_follows_the_weights,
	of_two_the_one_with_less_to_do_is_taken, a_heavier_one_may_have_more_to_do,
	who_was_tried_comes_last, an_endpoint_is_a_service_that_lives_as_long_as_its_owner,
	names_of_algorithms_go_both_ways)
