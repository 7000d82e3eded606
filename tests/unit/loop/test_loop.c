/* SPDX-License-Identifier: Apache-2.0 */
#include "unit.h"

#include "loop/loop.h"

#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <sys/socket.h>
#include <unistd.h>

static struct loop *loop;
static char trace[64];

struct probe {
	struct task task;
	char name;
	struct task *then;
	void (*queue)(struct loop *loop, struct task *t); /* where `then` goes */
};

static void note(char c)
{
	size_t n = strlen(trace);
	ck_assert_uint_lt(n + 1, sizeof(trace));
	trace[n] = c;
}

static void on_task(struct task *t)
{
	struct probe *p = CONTAINER_OF(t, struct probe, task);
	note(p->name);
	if (p->then)
		p->queue(loop, p->then);
}

static struct probe *probe(struct probe *p, char name)
{
	*p = (struct probe){.name = name};
	task_init(&p->task, on_task);
	return p;
}

static void begin(void)
{
	memset(trace, 0, sizeof(trace));
	loop = loop_new(&(struct loop_options){.fake_clock = true});
}

/* --- tasks --------------------------------------------------------------------------------- */

START_TEST(runs_ready_then_turn_end_then_deferred)
{
	struct probe a, b, c;
	begin();
	loop_defer(loop, &probe(&a, 'd')->task);
	loop_at_turn_end(loop, &probe(&b, 'e')->task);
	loop_ready(loop, &probe(&c, 'r')->task);
	loop_turn(loop, -1); /* does not wait */
	ck_assert_str_eq(trace, "red");
	loop_turn(loop, 0);
	ck_assert_str_eq(trace, "red");
	loop_free(loop);
}
END_TEST

START_TEST(queueing_twice_is_the_same_as_once)
{
	struct probe a;
	begin();
	loop_ready(loop, &probe(&a, 'a')->task);
	loop_ready(loop, &a.task);
	loop_defer(loop, &a.task); /* is on a list already */
	loop_turn(loop, 0);
	ck_assert_str_eq(trace, "a");
	loop_free(loop);
}
END_TEST

START_TEST(cancelled_tasks_do_not_run)
{
	struct probe a, b, c;
	begin();
	loop_ready(loop, &probe(&a, 'a')->task);
	loop_at_turn_end(loop, &probe(&b, 'b')->task);
	loop_defer(loop, &probe(&c, 'c')->task);
	task_cancel(&a.task);
	task_cancel(&b.task);
	task_cancel(&c.task);
	task_cancel(&c.task);
	loop_turn(loop, 0);
	ck_assert_str_eq(trace, "");
	loop_free(loop);
}
END_TEST

static void cancel(struct loop *l, struct task *t)
{
	task_cancel(t);
}

START_TEST(one_may_cancel_another_of_the_same_round)
{
	struct probe a, b, c;
	begin();
	probe(&a, 'a')->then = &probe(&b, 'b')->task;
	a.queue = cancel;
	loop_ready(loop, &a.task);
	loop_ready(loop, &b.task);
	loop_ready(loop, &probe(&c, 'c')->task);
	loop_turn(loop, 0);
	ck_assert_str_eq(trace, "ac");
	loop_free(loop);
}
END_TEST

START_TEST(ready_tasks_wake_others_in_the_same_turn)
{
	struct probe a, b, c;
	begin();
	probe(&a, 'a')->then = &probe(&b, 'b')->task;
	a.queue = loop_ready;
	b.then = &probe(&c, 'c')->task;
	b.queue = loop_at_turn_end;
	loop_ready(loop, &a.task);
	loop_turn(loop, 0);
	ck_assert_str_eq(trace, "abc");
	loop_free(loop);
}
END_TEST

START_TEST(a_task_that_wakes_itself_does_not_hold_the_turn)
{
	struct probe a;
	begin();
	probe(&a, 'a')->then = &a.task;
	a.queue = loop_ready;
	loop_ready(loop, &a.task);
	loop_turn(loop, 0);
	size_t ran = strlen(trace);
	ck_assert_uint_ge(ran, 1);
	ck_assert_uint_le(ran, 16);
	loop_turn(loop, -1); /* goes on without waiting */
	ck_assert_uint_gt(strlen(trace), ran);
	task_cancel(&a.task);
	loop_free(loop);
}
END_TEST

START_TEST(what_asks_for_the_next_turn_runs_once_a_turn)
{
	struct probe a;
	begin();
	probe(&a, 'a')->then = &a.task;
	a.queue = loop_ready_next;
	loop_ready(loop, &a.task); /* as an event would, before the list of this turn */
	loop_turn(loop, 0);
	ck_assert_str_eq(trace, "a");
	loop_turn(loop, -1);
	ck_assert_str_eq(trace, "aa");
	task_cancel(&a.task);
	loop_free(loop);
}
END_TEST

START_TEST(freeing_runs_what_was_deferred)
{
	struct probe a, b;
	begin();
	probe(&a, 'a')->then = &probe(&b, 'b')->task;
	a.queue = loop_defer;
	loop_defer(loop, &a.task);
	loop_free(loop);
	ck_assert_str_eq(trace, "ab");
}
END_TEST

/* --- posts --------------------------------------------------------------------------------- */

static void post_note(void *arg)
{
	note(*(char *)arg);
}

static void post_again(void *arg)
{
	note('p');
	loop_post(loop, post_note, arg);
}

START_TEST(posts_run_in_order_and_wake_the_loop)
{
	static char names[] = "xyz";
	begin();
	for (int i = 0; i < 3; i++)
		loop_post(loop, post_note, &names[i]);
	loop_turn(loop, -1);
	ck_assert_str_eq(trace, "xyz");
	loop_turn(loop, 0);
	ck_assert_str_eq(trace, "xyz");
	loop_free(loop);
}
END_TEST

START_TEST(a_post_may_post)
{
	static char name = 'x';
	begin();
	loop_post(loop, post_again, &name);
	loop_turn(loop, -1);
	loop_turn(loop, -1);
	ck_assert_str_eq(trace, "px");
	loop_free(loop);
}
END_TEST

START_TEST(freeing_runs_posts_and_what_they_post)
{
	static char name = 'x';
	begin();
	loop_post(loop, post_again, &name);
	loop_free(loop);
	ck_assert_str_eq(trace, "px");
}
END_TEST

enum { THREADS = 4, POSTS = 5000 };

struct poster {
	pthread_t thread;
	int sent;
	int received; /* touched by the loop's thread alone */
	bool in_order;
};

struct numbered {
	struct poster *poster;
	int number;
};

static struct numbered numbered[THREADS][POSTS];
static int received;

static void take(void *arg)
{
	struct numbered *n = arg;
	if (n->number != n->poster->received++)
		n->poster->in_order = false;
	if (++received == THREADS * POSTS)
		loop_stop(loop);
}

static void *post_many(void *arg)
{
	struct poster *p = arg;
	for (int i = 0; i < POSTS; i++)
		loop_post(loop, take, &numbered[p->sent][i]);
	return NULL;
}

START_TEST(many_threads_post_without_loss_and_in_their_order)
{
	static struct poster posters[THREADS];
	loop = loop_new(NULL);
	for (int t = 0; t < THREADS; t++) {
		posters[t] = (struct poster){.sent = t, .in_order = true};
		for (int i = 0; i < POSTS; i++)
			numbered[t][i] = (struct numbered){&posters[t], i};
		ck_assert_int_eq(
			pthread_create(&posters[t].thread, NULL, post_many, &posters[t]), 0);
	}
	loop_run(loop);
	for (int t = 0; t < THREADS; t++) {
		pthread_join(posters[t].thread, NULL);
		ck_assert_int_eq(posters[t].received, POSTS);
		ck_assert(posters[t].in_order);
	}
	loop_free(loop);
}
END_TEST

static void *stop_it(void *arg)
{
	loop_stop(loop);
	return NULL;
}

START_TEST(another_thread_stops_a_waiting_loop)
{
	pthread_t thread;
	loop = loop_new(NULL);
	ck_assert_int_eq(pthread_create(&thread, NULL, stop_it, NULL), 0);
	loop_run(loop);
	pthread_join(thread, NULL);
	loop_stop(loop);
	loop_run(loop); /* stopped before it ran: returns, too */
	loop_free(loop);
}
END_TEST

static void *run_loop(void *arg)
{
	loop_run(arg);
	loop_free(arg);
	return NULL;
}

static void stop_from_within(void *arg)
{
	loop_stop(arg);
}

/* The post that ends a loop may still be on its poster's stack when the loop is freed. */
START_TEST(a_post_may_end_the_loop_it_goes_to)
{
	for (int i = 0; i < 200; i++) {
		struct loop *other = loop_new(NULL);
		pthread_t thread;
		ck_assert_int_eq(pthread_create(&thread, NULL, run_loop, other), 0);
		loop_post(other, stop_from_within, other);
		pthread_join(thread, NULL);
	}
}
END_TEST

/* --- the clock ------------------------------------------------------------------------------- */

START_TEST(a_fake_clock_moves_when_told_alone)
{
	loop = loop_new(
		&(struct loop_options){.fake_clock = true, .fake_wall_us = 784111777000000});
	int64_t begun = loop_now_ms(loop);
	assert_str(loop_http_date(loop), "Sun, 06 Nov 1994 08:49:37 GMT");
	loop_turn(loop, 0);
	ck_assert_int_eq(loop_now_ms(loop), begun);
	loop_fake_advance(loop, 1500);
	ck_assert_int_eq(loop_now_ms(loop), begun + 1500);
	ck_assert_int_eq(loop_now_us(loop), (begun + 1500) * 1000);
	ck_assert_int_eq(loop_wall_us(loop), 784111778500000);
	assert_str(loop_http_date(loop), "Sun, 06 Nov 1994 08:49:38 GMT");
	loop_free(loop);
}
END_TEST

START_TEST(has_a_date_at_the_epoch)
{
	loop = loop_new(&(struct loop_options){.fake_clock = true});
	assert_str(loop_http_date(loop), "Thu, 01 Jan 1970 00:00:00 GMT");
	loop_free(loop);
}
END_TEST

START_TEST(the_real_clock_is_read_once_a_turn)
{
	loop = loop_new(NULL);
	loop_turn(loop, 0);
	int64_t then = loop_now_us(loop);
	usleep(2000);
	ck_assert_int_eq(loop_now_us(loop), then);
	loop_turn(loop, 0);
	ck_assert_int_ge(loop_now_us(loop), then + 2000);
	ck_assert_int_gt(loop_wall_us(loop), 1700000000000000);
	loop_free(loop);
}
END_TEST

START_TEST(a_bounded_wait_ends_by_itself)
{
	loop = loop_new(NULL);
	loop_turn(loop, 0);
	int64_t then = loop_now_ms(loop);
	loop_turn(loop, 30);
	ck_assert_int_ge(loop_now_ms(loop), then + 20);
	loop_free(loop);
}
END_TEST

/* --- descriptors -------------------------------------------------------------------------------
 */

static int watched[2];
static struct watch watch;
static int ready_seen, events;

static void on_watch(struct watch *w, int ready)
{
	ready_seen |= ready;
	events++;
}

static void open_pair(void)
{
	begin();
	ready_seen = events = 0;
	ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, watched), 0);
}

static void close_pair(void)
{
	watch_stop(&watch);
	close(watched[0]);
	close(watched[1]);
	loop_free(loop);
}

START_TEST(an_edge_comes_once)
{
	open_pair();
	ck_assert(watch_start(&watch, loop, watched[0], on_watch));
	loop_turn(loop, 0);
	ck_assert_int_eq(ready_seen, WATCH_WRITE);
	ready_seen = events = 0;
	loop_turn(loop, 0);
	ck_assert_int_eq(events, 0);
	ck_assert_int_eq(write(watched[1], "x", 1), 1);
	loop_turn(loop, -1);
	ck_assert(ready_seen & WATCH_READ);
	ready_seen = events = 0;
	loop_turn(loop, 0); /* unread, but no new edge */
	ck_assert_int_eq(events, 0);
	close_pair();
}
END_TEST

START_TEST(a_level_comes_until_it_is_read)
{
	char c;
	open_pair();
	ck_assert(watch_start_level(&watch, loop, watched[0], on_watch));
	loop_turn(loop, 0);
	ck_assert_int_eq(events, 0);
	ck_assert_int_eq(write(watched[1], "x", 1), 1);
	loop_turn(loop, -1);
	loop_turn(loop, -1);
	ck_assert_int_eq(events, 2);
	ck_assert_int_eq(read(watched[0], &c, 1), 1);
	loop_turn(loop, 0);
	ck_assert_int_eq(events, 2);
	close_pair();
}
END_TEST

static struct probe later;

static void ask_for_next_turn(struct watch *w, int ready)
{
	events++;
	loop_ready_next(loop, &later.task);
}

START_TEST(what_an_event_puts_off_waits_for_the_next_turn)
{
	open_pair();
	probe(&later, 'n');
	ck_assert(watch_start(&watch, loop, watched[0], ask_for_next_turn));
	loop_turn(loop, 0);
	ck_assert_int_eq(events, 1);
	ck_assert_str_eq(trace, "");
	loop_turn(loop, -1); /* does not wait for another event */
	ck_assert_str_eq(trace, "n");
	close_pair();
}
END_TEST

static void read_and_provoke(struct watch *w, int ready)
{
	char c;
	if (read(watched[0], &c, 1) == 1)
		ck_assert_int_eq(write(watched[1], "x", 1), 1);
	events++;
}

START_TEST(a_turn_takes_one_round_of_events)
{
	open_pair();
	ck_assert(watch_start(&watch, loop, watched[0], read_and_provoke));
	ck_assert_int_eq(write(watched[1], "x", 1), 1);
	loop_turn(loop, 0);
	ck_assert_int_eq(events, 1);
	loop_turn(loop, 0);
	ck_assert_int_eq(events, 2);
	close_pair();
}
END_TEST

START_TEST(the_end_of_the_peer_is_told_with_its_last_bytes)
{
	open_pair();
	ck_assert(watch_start(&watch, loop, watched[0], on_watch));
	loop_turn(loop, 0);
	ready_seen = 0;
	ck_assert_int_eq(write(watched[1], "x", 1), 1);
	shutdown(watched[1], SHUT_WR);
	loop_turn(loop, -1);
	ck_assert(ready_seen & WATCH_READ);
	ck_assert(ready_seen & WATCH_CLOSED);
	close_pair();
}
END_TEST

static void stop_within(struct watch *w, int ready)
{
	events++;
	watch_stop(w);
}

START_TEST(may_stop_within_its_callback_and_start_again)
{
	open_pair();
	ck_assert(watch_start(&watch, loop, watched[0], stop_within));
	loop_turn(loop, 0);
	ck_assert_int_eq(write(watched[1], "x", 1), 1);
	loop_turn(loop, 0);
	ck_assert_int_eq(events, 1);
	ck_assert(watch_start(&watch, loop, watched[0], on_watch));
	loop_turn(loop, 0);
	ck_assert(ready_seen & WATCH_READ);
	close_pair();
}
END_TEST

UNIT_SUITE(loop, runs_ready_then_turn_end_then_deferred, queueing_twice_is_the_same_as_once,
	cancelled_tasks_do_not_run, one_may_cancel_another_of_the_same_round,
	ready_tasks_wake_others_in_the_same_turn, a_task_that_wakes_itself_does_not_hold_the_turn,
	what_asks_for_the_next_turn_runs_once_a_turn, freeing_runs_what_was_deferred,
	posts_run_in_order_and_wake_the_loop, a_post_may_post,
	freeing_runs_posts_and_what_they_post, many_threads_post_without_loss_and_in_their_order,
	another_thread_stops_a_waiting_loop, a_post_may_end_the_loop_it_goes_to,
	a_fake_clock_moves_when_told_alone, has_a_date_at_the_epoch,
	the_real_clock_is_read_once_a_turn, a_bounded_wait_ends_by_itself, an_edge_comes_once,
	what_an_event_puts_off_waits_for_the_next_turn, a_turn_takes_one_round_of_events,
	a_level_comes_until_it_is_read, the_end_of_the_peer_is_told_with_its_last_bytes,
	may_stop_within_its_callback_and_start_again)
