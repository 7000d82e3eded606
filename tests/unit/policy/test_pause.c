/* SPDX-License-Identifier: Apache-2.0 */
#include "unit.h"

#include "base/check.h"
#include "policy/pause.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>

/* --- one thread ------------------------------------------------------------------------------ */
struct waiter {
	int resumed, timed_out;
	unsigned tag;
};

static void on_pause(void *owner, unsigned tag, bool timed_out)
{
	struct waiter *w = owner;
	w->tag = tag;
	*(timed_out ? &w->timed_out : &w->resumed) += 1;
}

static struct loop *begin(void)
{
	const struct loop_options fake = {.fake_clock = true};
	struct loop *loop = loop_new(&fake);
	pause_worker_start(3, loop);
	return loop;
}

static void end(struct loop *loop)
{
	ck_assert_uint_eq(pause_count(3), 0);
	pause_worker_stop(3);
	loop_free(loop);
}

START_TEST(a_resume_comes_by_way_of_the_loop_once)
{
	struct loop *loop = begin();
	struct waiter w = {0};
	uint64_t token = pause_arm(3, 1000, on_pause, &w, 7);
	ck_assert_uint_ne(token, 0);
	ck_assert_int_eq(pause_resume(token), RC_OK);
	ck_assert_int_eq(pause_resume(token), RC_NOT_FOUND);
	ck_assert_int_eq(w.resumed, 0);
	loop_turn(loop, 0);
	ck_assert_int_eq(w.resumed, 1);
	ck_assert_uint_eq(w.tag, 7);
	ck_assert_int_eq(pause_resume(token), RC_NOT_FOUND);
	loop_fake_advance(loop, 5000);
	ck_assert_int_eq(w.timed_out, 0);
	end(loop);
}
END_TEST

START_TEST(a_deadline_wins_over_a_late_resume)
{
	struct loop *loop = begin();
	struct waiter w = {0};
	uint64_t token = pause_arm(3, 1000, on_pause, &w, 0);
	loop_fake_advance(loop, 1100);
	ck_assert_int_eq(w.timed_out, 1);
	ck_assert_int_eq(pause_resume(token), RC_NOT_FOUND);
	loop_turn(loop, 0);
	ck_assert_int_eq(w.resumed, 0);
	end(loop);
}
END_TEST

START_TEST(a_resume_wins_over_a_later_deadline)
{
	struct loop *loop = begin();
	struct waiter w = {0};
	uint64_t token = pause_arm(3, 1000, on_pause, &w, 0);
	ck_assert_int_eq(pause_resume(token), RC_OK);
	loop_fake_advance(loop, 1100); /* the deadline passes while the post is under way */
	loop_turn(loop, 0);
	ck_assert_int_eq(w.resumed + w.timed_out, 1);
	ck_assert_int_eq(w.resumed, 1);
	end(loop);
}
END_TEST

START_TEST(a_used_slot_gives_another_token)
{
	struct loop *loop = begin();
	struct waiter w = {0};
	uint64_t first = pause_arm(3, 1000, on_pause, &w, 0);
	ck_assert(!pause_cancel(first));
	uint64_t second = pause_arm(3, 1000, on_pause, &w, 0);
	ck_assert_uint_ne(first, second);
	ck_assert_int_eq(pause_resume(first), RC_NOT_FOUND);
	ck_assert_int_eq(pause_resume(second), RC_OK);
	loop_turn(loop, 0);
	ck_assert_int_eq(w.resumed, 1);
	end(loop);
}
END_TEST

START_TEST(a_resume_under_way_can_be_taken_back_or_taken_early)
{
	struct loop *loop = begin();
	struct waiter w = {0};
	uint64_t token = pause_arm(3, 1000, on_pause, &w, 0);
	ck_assert(!pause_take_early(token));
	ck_assert_int_eq(pause_resume(token), RC_OK);
	ck_assert(pause_take_early(token));
	ck_assert(!pause_take_early(token));
	token = pause_arm(3, 1000, on_pause, &w, 0);
	ck_assert_int_eq(pause_resume(token), RC_OK);
	ck_assert(pause_cancel(token));
	loop_turn(loop, 0);
	ck_assert_int_eq(w.resumed, 0);
	end(loop);
}
END_TEST

START_TEST(no_number_is_taken_for_a_token)
{
	struct loop *loop = begin();
	struct waiter w = {0};
	uint64_t token = pause_arm(3, 1000, on_pause, &w, 0);
	const uint64_t wrong[] = {0, 1, UINT64_MAX, token + 1, token ^ (uint64_t)1 << 33,
		token ^ (uint64_t)1 << 60, (uint64_t)3 << 56 | (uint64_t)0xffffff << 32 | 1};
	for (size_t i = 0; i < ARRAY_COUNT(wrong); i++)
		ck_assert_int_eq(pause_resume(wrong[i]), RC_NOT_FOUND);
	ck_assert(!pause_cancel(token));
	end(loop);
}
END_TEST

START_TEST(many_may_be_out)
{
	enum { MANY = 3000 };
	struct loop *loop = begin();
	struct waiter w = {0};
	static uint64_t tokens[MANY];
	for (int i = 0; i < MANY; i++)
		tokens[i] = pause_arm(3, 1000, on_pause, &w, 0);
	ck_assert_uint_eq(pause_count(3), MANY);
	for (int i = 0; i < MANY; i += 2)
		ck_assert_int_eq(pause_resume(tokens[i]), RC_OK);
	loop_turn(loop, 0);
	loop_fake_advance(loop, 2000);
	ck_assert_int_eq(w.resumed, MANY / 2);
	ck_assert_int_eq(w.timed_out, MANY / 2);
	end(loop);
}
END_TEST

/* --- many threads ---------------------------------------------------------------------------- */
enum { ROUNDS = 1000, RESUMERS = 3, OUT = 16 };

/* Workers arm; three strangers resume every token, each, as it appears; some are cancelled or run
 * into their deadline meanwhile. Each arming ends exactly once. */
struct arena_of_tokens {
	_Atomic uint64_t tokens[OUT];
	_Atomic bool done;
	_Atomic int wins;
};

struct owner {
	struct arena_of_tokens *shared;
	int place;
	int ended;
	int outstanding;
};

static void on_end(void *arg, unsigned tag, bool timed_out)
{
	struct owner *o = arg;
	o->ended++;
	o->outstanding--;
}

static void *resumer(void *arg)
{
	struct arena_of_tokens *a = arg;
	while (!atomic_load(&a->done))
		for (int i = 0; i < OUT; i++)
			if (pause_resume(atomic_load(&a->tokens[i])) == RC_OK)
				atomic_fetch_add(&a->wins, 1);
	return NULL;
}

struct worker_run {
	struct arena_of_tokens *shared;
	uint32_t worker;
	int armed, ended, cancelled, cancelled_late;
};

static void *worker(void *arg)
{
	struct worker_run *run = arg;
	struct loop *loop = loop_new(NULL);
	pause_worker_start(run->worker, loop);
	struct owner o = {.shared = run->shared};
	for (int i = 0; i < ROUNDS; i++) {
		int place = (int)run->worker * OUT / 2 + i % (OUT / 2);
		uint64_t token = pause_arm(run->worker, i % 3 ? 1 : 20, on_end, &o, 0);
		o.outstanding++;
		run->armed++;
		atomic_store(&run->shared->tokens[place], token);
		if (i % 5 == 0) {
			*(pause_cancel(token) ? &run->cancelled_late : &run->cancelled) += 1;
			o.outstanding--;
			continue;
		}
		while (o.outstanding > OUT / 2 - 1)
			loop_turn(loop, 1);
	}
	while (o.outstanding)
		loop_turn(loop, 1);
	run->ended = o.ended;
	pause_worker_stop(run->worker);
	ck_assert_uint_eq(pause_count(run->worker), 0);
	loop_free(loop);
	return NULL;
}

START_TEST(exactly_one_of_resume_cancel_and_deadline_wins)
{
	struct arena_of_tokens shared = {0};
	struct worker_run runs[2] = {
		{.shared = &shared, .worker = 0}, {.shared = &shared, .worker = 1}};
	pthread_t workers[2], strangers[RESUMERS];
	for (int i = 0; i < RESUMERS; i++)
		ck_assert_int_eq(pthread_create(&strangers[i], NULL, resumer, &shared), 0);
	for (int i = 0; i < 2; i++)
		ck_assert_int_eq(pthread_create(&workers[i], NULL, worker, &runs[i]), 0);
	for (int i = 0; i < 2; i++)
		pthread_join(workers[i], NULL);
	atomic_store(&shared.done, true);
	for (int i = 0; i < RESUMERS; i++)
		pthread_join(strangers[i], NULL);
	int late = 0;
	for (int i = 0; i < 2; i++) {
		ck_assert_int_eq(
			runs[i].armed, runs[i].ended + runs[i].cancelled + runs[i].cancelled_late);
		late += runs[i].cancelled_late;
	}
	ck_assert_int_gt(atomic_load(&shared.wins), late);
}
END_TEST

UNIT_SUITE(pause, a_resume_comes_by_way_of_the_loop_once, a_deadline_wins_over_a_late_resume,
	a_resume_wins_over_a_later_deadline, a_used_slot_gives_another_token,
	a_resume_under_way_can_be_taken_back_or_taken_early, no_number_is_taken_for_a_token,
	many_may_be_out, exactly_one_of_resume_cancel_and_deadline_wins)
