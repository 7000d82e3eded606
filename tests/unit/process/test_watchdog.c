/* SPDX-License-Identifier: Apache-2.0 */
#include "unit.h"

#include "policy/breadcrumb.h"
#include "process/watchdog.h"

#define LOOK_US 250000

static uint64_t word_of(uint32_t sequence, enum callback c)
{
	return (uint64_t)sequence << 32 | 3 << 8 | (uint64_t)(c + 1);
}

/* So many looks at one sample whose processor time grows by cpu_us each; how many until it barks,
 * or `looks` + 1. */
static unsigned looks_until_bark(
	struct watch_sample s, int64_t cpu_us, int64_t elapsed_us, unsigned looks)
{
	struct watch_account a = {0};
	for (unsigned i = 1; i <= looks; i++) {
		if (watch_account_add(&a, &s, elapsed_us))
			return i;
		s.cpu_us += cpu_us;
	}
	return looks + 1;
}

START_TEST(a_call_that_computes_gets_two_seconds)
{
	struct watch_sample s = {.word = word_of(1, CALLBACK_REQUEST_HEAD), .turns = 4};
	ck_assert_uint_eq(looks_until_bark(s, LOOK_US, LOOK_US, 100), 10);
}
END_TEST

START_TEST(a_call_that_sleeps_gets_five_seconds)
{
	struct watch_sample s = {
		.word = word_of(1, CALLBACK_RESPONSE_BODY), .turns = 4, .is_asleep = true};
	ck_assert_uint_eq(looks_until_bark(s, 0, LOOK_US, 100), 22);
}
END_TEST

START_TEST(a_call_that_is_not_let_run_gets_all_the_time)
{
	struct watch_sample s = {.word = word_of(1, CALLBACK_REQUEST_HEAD), .turns = 4};
	ck_assert_uint_eq(looks_until_bark(s, 1000, LOOK_US, 1000), 1001);
}
END_TEST

START_TEST(a_look_that_comes_late_counts_little)
{
	struct watch_account a = {0};
	struct watch_sample s = {
		.word = word_of(1, CALLBACK_REQUEST_HEAD), .turns = 4, .is_asleep = true};
	for (int i = 0; i < 9; i++)
		ck_assert(!watch_account_add(&a, &s, 3600 * (int64_t)1000000));
}
END_TEST

START_TEST(other_calls_begin_anew)
{
	struct watch_account a = {0};
	for (uint32_t i = 0; i < 1000; i++) {
		struct watch_sample s = {
			.word = word_of(i, CALLBACK_LOG),
			.turns = i / 10,
			.cpu_us = (int64_t)i * LOOK_US,
		};
		ck_assert(!watch_account_add(&a, &s, LOOK_US));
	}
}
END_TEST

START_TEST(configuring_gets_more)
{
	struct watch_sample s = {.word = word_of(1, CALLBACK_CONFIGURE), .turns = UINT64_MAX};
	ck_assert_uint_eq(looks_until_bark(s, LOOK_US, LOOK_US, 100), 42);
	s.is_asleep = true;
	ck_assert_uint_eq(looks_until_bark(s, 0, LOOK_US, 1000), 122);
}
END_TEST

START_TEST(a_turn_without_a_call_gets_ten_seconds)
{
	struct watch_sample s = {.word = 0, .turns = 4};
	ck_assert_uint_eq(looks_until_bark(s, LOOK_US, LOOK_US, 100), 42);
	s.turns = UINT64_MAX; /* the main thread builds */
	ck_assert_uint_eq(looks_until_bark(s, LOOK_US, LOOK_US, 100), 101);
	s = (struct watch_sample){.word = 0, .turns = 4, .is_asleep = true}; /* waits for events */
	ck_assert_uint_eq(looks_until_bark(s, 0, LOOK_US, 1000), 1001);
}
END_TEST

UNIT_SUITE(watchdog, a_call_that_computes_gets_two_seconds, a_call_that_sleeps_gets_five_seconds,
	a_call_that_is_not_let_run_gets_all_the_time, a_look_that_comes_late_counts_little,
	other_calls_begin_anew, configuring_gets_more, a_turn_without_a_call_gets_ten_seconds)
