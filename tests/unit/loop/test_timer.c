/* SPDX-License-Identifier: Apache-2.0 */
#include "unit.h"

#include "base/clock.h"
#include "loop/loop.h"

#include <stdio.h>

static struct loop *loop;
static char trace[256];

struct probe {
	struct timer timer;
	char name;
	int64_t again_ms; /* -1: not */
	struct timer *stops;
};

static void on_timer(struct timer *t)
{
	struct probe *p = CONTAINER_OF(t, struct probe, timer);
	size_t n = strlen(trace);
	if (n + 1 < sizeof(trace))
		trace[n] = p->name;
	if (p->again_ms >= 0)
		timer_start(loop, t, p->again_ms);
	if (p->stops)
		timer_stop(p->stops);
}

static struct probe probe(char name)
{
	return (struct probe){.name = name, .again_ms = -1};
}

static void begin(void)
{
	memset(trace, 0, sizeof(trace));
	loop = loop_new(&(struct loop_options){.fake_clock = true, .fake_wall_us = 1000000});
}

static void start(struct probe *p, int64_t after_ms)
{
	if (!p->timer.fn)
		timer_init(&p->timer, on_timer);
	timer_start(loop, &p->timer, after_ms);
}

START_TEST(fires_once_and_never_early)
{
	begin();
	struct probe a = probe('a');
	start(&a, 100);
	loop_fake_advance(loop, 99);
	ck_assert_str_eq(trace, "");
	ck_assert(timer_is_running(&a.timer));
	loop_fake_advance(loop, 1);
	ck_assert_str_eq(trace, "a");
	ck_assert(!timer_is_running(&a.timer));
	loop_fake_advance(loop, 1000);
	ck_assert_str_eq(trace, "a");
	loop_free(loop);
}
END_TEST

START_TEST(fires_in_order_of_deadline)
{
	begin();
	struct probe a = probe('a'), b = probe('b'), c = probe('c');
	start(&a, 300);
	start(&b, 100);
	start(&c, 200);
	loop_fake_advance(loop, 1000);
	ck_assert_str_eq(trace, "bca");
	loop_free(loop);
}
END_TEST

START_TEST(restarting_moves_the_deadline)
{
	begin();
	struct probe a = probe('a');
	start(&a, 100);
	loop_fake_advance(loop, 60);
	start(&a, 100);
	loop_fake_advance(loop, 99);
	ck_assert_str_eq(trace, "");
	start(&a, 5);
	loop_fake_advance(loop, 5);
	ck_assert_str_eq(trace, "a");
	loop_free(loop);
}
END_TEST

START_TEST(stopping_twice_is_harmless)
{
	begin();
	struct probe a = probe('a');
	start(&a, 10);
	timer_stop(&a.timer);
	timer_stop(&a.timer);
	loop_fake_advance(loop, 100);
	ck_assert_str_eq(trace, "");
	loop_free(loop);
}
END_TEST

START_TEST(one_that_starts_itself_fires_each_time)
{
	begin();
	struct probe a = probe('a'), b = probe('b');
	a.again_ms = 30;
	start(&a, 30);
	start(&b, 70);
	loop_fake_advance(loop, 100);
	ck_assert_str_eq(trace, "aaba");
	timer_stop(&a.timer);
	loop_free(loop);
}
END_TEST

START_TEST(one_that_starts_itself_at_once_does_not_hold_the_loop)
{
	begin();
	struct probe a = probe('a');
	a.again_ms = 0;
	start(&a, 0);
	loop_turn(loop, 0);
	ck_assert_str_eq(trace, "a");
	loop_turn(loop, 0);
	ck_assert_str_eq(trace, "aa");
	timer_stop(&a.timer);
	loop_free(loop);
}
END_TEST

START_TEST(may_stop_another_that_is_due_too)
{
	begin();
	struct probe a = probe('a'), b = probe('b'), c = probe('c');
	a.stops = &b.timer;
	start(&a, 10);
	start(&b, 10);
	start(&c, 10);
	loop_fake_advance(loop, 10);
	ck_assert_str_eq(trace, "ac");
	loop_free(loop);
}
END_TEST

/* More durations than classes: rounded up, never early. */
START_TEST(more_durations_than_classes_are_rounded_up)
{
	enum { MORE = 50 };
	static struct probe probes[LOOP_TIMER_CLASSES + MORE];
	begin();
	int64_t begun = loop_now_ms(loop);
	for (int i = 0; i < LOOP_TIMER_CLASSES; i++) { /* 1100 and up, in no order */
		probes[i] = probe('x');
		start(&probes[i], 1100 + i * 7 % LOOP_TIMER_CLASSES);
		ck_assert_int_eq(
			probes[i].timer.deadline_ms, begun + 1100 + i * 7 % LOOP_TIMER_CLASSES);
	}
	for (int i = LOOP_TIMER_CLASSES; i < LOOP_TIMER_CLASSES + MORE; i++) {
		probes[i] = probe('x');
		start(&probes[i], 1000 + i - LOOP_TIMER_CLASSES);
		ck_assert_int_eq(probes[i].timer.deadline_ms, begun + 1100);
	}
	struct probe longest = probe('l');
	start(&longest, 5000000);
	ck_assert_int_ge(longest.timer.deadline_ms, begun + 5000000);
	for (int i = 0; i < LOOP_TIMER_CLASSES + MORE; i++)
		timer_stop(&probes[i].timer);
	timer_stop(&longest.timer);
	loop_free(loop);
}
END_TEST

START_TEST(the_real_clock_is_never_early_either)
{
	static const int64_t durations[] = {0, 1, 7, 10, 25, 60};
	memset(trace, 0, sizeof(trace));
	loop = loop_new(NULL);
	for (size_t i = 0; i < sizeof(durations) / sizeof(durations[0]); i++) {
		struct probe a = probe('a');
		loop_turn(loop, 0);
		int64_t begun_us = loop_now_us(loop);
		start(&a, durations[i]);
		ck_assert_int_ge(a.timer.deadline_ms * 1000, begun_us + durations[i] * 1000);
		while (timer_is_running(&a.timer))
			loop_turn(loop, -1);
		ck_assert_int_ge(loop_now_us(loop) - begun_us, durations[i] * 1000);
		ck_assert_int_ge(clock_monotonic_ns() / 1000 - begun_us, durations[i] * 1000);
	}
	ck_assert_str_eq(trace, "aaaaaa");
	loop_free(loop);
}
END_TEST

START_TEST(an_earlier_one_moves_the_alarm)
{
	memset(trace, 0, sizeof(trace));
	loop = loop_new(NULL);
	struct probe slow = probe('s'), fast = probe('f');
	start(&slow, 3600000);
	loop_turn(loop, 0);
	start(&fast, 20);
	while (timer_is_running(&fast.timer))
		loop_turn(loop, -1);
	ck_assert_str_eq(trace, "f");
	timer_stop(&slow.timer);
	loop_free(loop);
}
END_TEST

UNIT_SUITE(timer, fires_once_and_never_early, fires_in_order_of_deadline,
	restarting_moves_the_deadline, stopping_twice_is_harmless,
	one_that_starts_itself_fires_each_time,
	one_that_starts_itself_at_once_does_not_hold_the_loop, may_stop_another_that_is_due_too,
	more_durations_than_classes_are_rounded_up, the_real_clock_is_never_early_either,
	an_earlier_one_moves_the_alarm)
