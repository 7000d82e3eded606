/* SPDX-License-Identifier: Apache-2.0 */
/* Who asks about a token, who waits for what another asked, and what each of them reads. */
#include "oauth2-token-introspection/inquiry.h"

#include "unit.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

static _Atomic size_t resumed, pieces;
static _Atomic size_t refused_bytes; /* what takes as much is refused; 0: nothing */

static int32_t resume(sluice_token token)
{
	resumed++;
	return token ? SLUICE_OK : SLUICE_E_STALE;
}

static void *take(struct sluice_instance *instance, size_t size)
{
	(void)instance;
	if (refused_bytes && size == refused_bytes)
		return NULL;
	pieces++;
	return malloc(size);
}

static void give(struct sluice_instance *instance, void *p)
{
	(void)instance;
	pieces -= p != NULL;
	free(p);
}

static const struct sluice_host host = {
	.size = sizeof(host), .resume = resume, .instance_alloc = take, .instance_free = give};
static const struct sluice_call call = {.size = sizeof(call), .host = &host};

static const uint8_t *digest_of(uint8_t n)
{
	static uint8_t digest[32]; /* all in one row */
	digest[31] = n;
	return digest;
}

static struct inquiries *open_all(void)
{
	resumed = pieces = refused_bytes = 0;
	struct inquiries *all = inquiries_new(&call);
	ck_assert_ptr_nonnull(all);
	return all;
}

static void close_all(struct inquiries *all)
{
	inquiries_free(&call, all);
	ck_assert_uint_eq(pieces, 0);
}

static void assert_reads(
	struct inquiry *q, enum inquiry_result result, const char *answer, int was_first)
{
	struct sluice_str text;
	int is_first;
	ck_assert_int_eq(inquiry_read(q, &text, &is_first), result);
	ck_assert_uint_eq(text.n, strlen(answer));
	ck_assert_int_eq(memcmp(text.p, answer, text.n), 0);
	ck_assert_int_eq(is_first, was_first);
}

START_TEST(one_asks_and_all_read_it)
{
	struct inquiries *all = open_all();
	int asks;
	struct inquiry *q = inquiry_join(all, digest_of(1), 1, &asks);
	ck_assert_int_eq(asks, 1);
	ck_assert_int_eq(inquiry_await(q, 7), 1);
	for (int i = 0; i < 9; i++) {
		ck_assert_ptr_eq(inquiry_join(all, digest_of(1), 1, &asks), q);
		ck_assert_int_eq(asks, 0);
		ck_assert_int_eq(inquiry_await(q, 8), 1);
	}
	assert_reads(q, INQUIRY_OPEN, "", 0);
	inquiry_settle(q, INQUIRY_ANSWERED, SLUICE_STR("yes"));
	ck_assert_uint_eq(resumed, 10);
	ck_assert_int_eq(inquiry_await(q, 9), 0);
	for (int i = 0; i < 10; i++) {
		assert_reads(q, INQUIRY_ANSWERED, "yes", i == 0);
		inquiry_leave(q);
	}
	close_all(all);
}
END_TEST

START_TEST(what_is_settled_is_asked_again_and_another_token_apart)
{
	struct inquiries *all = open_all();
	struct inquiry *q[3];
	int asks;
	for (uint8_t i = 0; i < 3; i++) {
		q[i] = inquiry_join(all, digest_of(i), 1, &asks);
		ck_assert_int_eq(asks, 1);
	}
	inquiry_settle(q[1], INQUIRY_UNAVAILABLE, SLUICE_STR(""));
	struct inquiry *again = inquiry_join(all, digest_of(1), 1, &asks);
	ck_assert_int_eq(asks, 1);
	ck_assert_ptr_ne(again, q[1]);
	assert_reads(q[1], INQUIRY_UNAVAILABLE, "", 1);
	inquiry_settle(again, INQUIRY_UNUSABLE, SLUICE_STR(""));
	inquiry_leave(again);
	for (int i = 0; i < 3; i++)
		inquiry_leave(q[i]); /* before the answer, too */
	inquiry_settle(q[0], INQUIRY_ANSWERED, SLUICE_STR("late"));
	inquiry_settle(q[2], INQUIRY_ANSWERED, SLUICE_STR("late"));
	close_all(all);
}
END_TEST

START_TEST(what_is_not_shared_is_joined_by_nobody)
{
	struct inquiries *all = open_all();
	struct inquiry *q[2];
	int asks;
	for (int i = 0; i < 2; i++) {
		q[i] = inquiry_join(all, digest_of(1), 0, &asks);
		ck_assert_int_eq(asks, 1);
	}
	ck_assert_ptr_ne(q[0], q[1]);
	for (int i = 0; i < 2; i++) {
		inquiry_settle(q[i], INQUIRY_ANSWERED, SLUICE_STR("x"));
		inquiry_leave(q[i]);
	}
	close_all(all);
}
END_TEST

START_TEST(a_bounded_number_waits)
{
	struct inquiries *all = open_all();
	int asks;
	struct inquiry *q = inquiry_join(all, digest_of(1), 1, &asks);
	for (int i = 0; i < INQUIRY_WAITERS_MAX; i++)
		ck_assert_int_eq(inquiry_await(q, 7), 1);
	ck_assert_int_eq(inquiry_await(q, 7), SLUICE_E_FULL);
	inquiry_leave(q);
	inquiry_settle(q, INQUIRY_ANSWERED, SLUICE_STR("x"));
	ck_assert_uint_eq(resumed, INQUIRY_WAITERS_MAX);
	close_all(all);
}
END_TEST

START_TEST(without_memory_it_says_so)
{
	struct inquiries *all = open_all();
	int asks;
	struct inquiry *q = inquiry_join(all, digest_of(1), 1, &asks);
	refused_bytes = 4 * sizeof(sluice_token);
	ck_assert_int_eq(inquiry_await(q, 7), SLUICE_E_FULL);
	refused_bytes = 5;
	inquiry_settle(q, INQUIRY_ANSWERED, SLUICE_STR("12345"));
	assert_reads(q, INQUIRY_UNAVAILABLE, "", 1);
	inquiry_leave(q);
	close_all(all);
}
END_TEST

/* Of four threads each round has one that asks, and everybody reads what it was told. */
static void *visit_often(void *arg)
{
	struct inquiries *all = arg;
	struct sluice_str answer;
	int asks, is_first;
	for (int i = 0; i < 5000; i++) {
		uint8_t digest[32] = {(uint8_t)(i % 3)};
		struct inquiry *q = inquiry_join(all, digest, 1, &asks);
		if (asks)
			inquiry_settle(q, INQUIRY_ANSWERED, (struct sluice_str){"answer", 6});
		int32_t rc = inquiry_await(q, 1);
		if (rc == 0 && inquiry_read(q, &answer, &is_first) == INQUIRY_ANSWERED)
			ck_assert_int_eq(memcmp(answer.p, "answer", 6), 0);
		ck_assert_int_ge(rc, 0);
		inquiry_leave(q);
	}
	return NULL;
}

START_TEST(workers_share_them)
{
	struct inquiries *all = open_all();
	pthread_t threads[4];
	for (size_t i = 0; i < 4; i++)
		ck_assert_int_eq(pthread_create(&threads[i], NULL, visit_often, all), 0);
	for (size_t i = 0; i < 4; i++)
		pthread_join(threads[i], NULL);
	close_all(all);
}
END_TEST

UNIT_SUITE(inquiry, one_asks_and_all_read_it,
	what_is_settled_is_asked_again_and_another_token_apart,
	what_is_not_shared_is_joined_by_nobody, a_bounded_number_waits, without_memory_it_says_so,
	workers_share_them)
