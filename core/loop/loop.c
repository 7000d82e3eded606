/* SPDX-License-Identifier: Apache-2.0 */
/* libevent does the waiting and nothing else: descriptors once, one timer for the earliest
 * deadline, an eventfd for other threads. */
#include "loop/loop.h"

#include "base/check.h"
#include "base/clock.h"
#include "base/exit_code.h"
#include "base/memory.h"
#include "loop/event_memory.h"
#include "loop/loop_priv.h"
#include "observe/log.h"

#include <event2/event.h>
#include <event2/event_struct.h>

#include <errno.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

_Static_assert(sizeof(struct event) <= sizeof(((struct watch *)0)->event), "event fits a watch");

static struct event *event_of(struct watch *w)
{
	return (struct event *)(void *)w->event;
}

static void read_clock(struct loop *loop)
{
	if (loop->is_fake)
		return;
	loop->now_us = clock_monotonic_ns() / 1000;
	loop->wall_us = loop->now_us + loop->wall_offset_us;
}

/* The wall clock is read once a second and interpolated between: a step of it shows within that. */
static void refresh_wall(struct loop *loop)
{
	if (loop->is_fake || loop->now_us < loop->wall_refresh_us)
		return;
	loop->wall_refresh_us = loop->now_us + 1000000;
	loop->wall_offset_us = clock_wall_us() - loop->now_us;
	loop->wall_us = loop->now_us + loop->wall_offset_us;
}

static void on_wake(evutil_socket_t fd, short what, void *arg)
{
	struct loop *loop = arg;
	uint64_t count;
	ssize_t n = read(fd, &count, sizeof(count));
	(void)n; /* it was only a wake-up */
	loop->has_posts = true;
}

static void on_alarm(evutil_socket_t fd, short what, void *arg)
{
	struct loop *loop = arg;
	loop->alarm_ms = 0; /* due, whatever its clock says: it may be a little ahead of ours */
}

static void on_nap_end(evutil_socket_t fd, short what, void *arg)
{
}

/* What libevent ends a process with that cannot have its pipe for signals, which is not used here.
 * All else is a mistake in the program. */
#define NO_PIPE 1

static void on_fatal(int error)
{
	if (error != NO_PIPE)
		abort();
	_exit(EXIT_LACKS);
}

static void on_message(int severity, const char *text)
{
	/* Not to the log's queue, which may not be written any more. */
	if (severity == EVENT_LOG_ERR)
		fprintf(stderr, "sluice: cannot start or go on with an event loop: %s\n", text);
	else if (severity == EVENT_LOG_WARN)
		log_write(LOG_WARN, "libevent: %s", text);
}

static bool open_base(struct loop *loop)
{
	event_memory_begin();
	event_set_fatal_callback(on_fatal);
	event_set_log_callback(on_message);
	struct event_config *config = event_config_new();
	if (!config)
		return false;
	event_config_set_flag(config, EVENT_BASE_FLAG_NOLOCK | EVENT_BASE_FLAG_IGNORE_ENV);
	event_config_require_features(config, EV_FEATURE_ET | EV_FEATURE_EARLY_CLOSE);
	loop->base = event_base_new_with_config(config);
	event_config_free(config);
	return loop->base != NULL;
}

static bool open_events(struct loop *loop)
{
	if (!open_base(loop) || (loop->wake_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC)) < 0)
		return false;
	loop->wake = event_new(loop->base, loop->wake_fd, EV_READ | EV_PERSIST, on_wake, loop);
	loop->alarm = event_new(loop->base, -1, 0, on_alarm, loop);
	loop->nap = event_new(loop->base, -1, 0, on_nap_end, NULL);
	return loop->wake && loop->alarm && loop->nap && event_add(loop->wake, NULL) == 0;
}

static void close_events(struct loop *loop)
{
	struct event *const events[] = {loop->wake, loop->alarm, loop->nap};
	for (size_t i = 0; i < ARRAY_COUNT(events); i++)
		if (events[i])
			event_free(events[i]);
	if (loop->wake_fd >= 0)
		close(loop->wake_fd);
	if (loop->base)
		event_base_free(loop->base);
}

static struct loop *open_loop(const struct loop_options *options)
{
	struct loop *loop = heap_zalloc(sizeof(*loop));
	loop->wake_fd = -1;
	if (!open_events(loop)) {
		int error = errno;
		close_events(loop);
		free(loop);
		errno = error;
		return NULL;
	}
	loop->date_second = -1;
	loop->is_fake = options && options->fake_clock;
	loop->now_us = 1000000000;
	loop->wall_us = options && options->fake_wall_us ? options->fake_wall_us : 0;
	loop->alarm_ms = INT64_MAX;
	loop->pool = pool_new();
	list_init(&loop->ready);
	list_init(&loop->next);
	list_init(&loop->turn_end);
	list_init(&loop->deferred);
	pthread_mutex_init(&loop->posts_lock, NULL);
	read_clock(loop);
	refresh_wall(loop);
	return loop;
}

struct loop *loop_new(const struct loop_options *options)
{
	struct loop *loop = open_loop(options);
	CHECK(loop);
	return loop;
}

struct loop *loop_try_new(void)
{
	return open_loop(NULL);
}

void loop_free(struct loop *loop)
{
	while (loop_run_posts(loop) || !list_is_empty(&loop->deferred))
		loop_run_list(&loop->deferred);
	CHECK(list_is_empty(&loop->ready) && list_is_empty(&loop->next) &&
		list_is_empty(&loop->turn_end));
	loop_free_classes(loop);
	close_events(loop);
	pthread_mutex_destroy(&loop->posts_lock);
	free(loop->posts);
	pool_free(loop->pool);
	free(loop);
}

/* Runs what is on the list now; what is added meanwhile waits for the next call. */
void loop_run_list(struct link *list)
{
	struct link now;
	list_init(&now);
	list_move_all(&now, list);
	struct link *l;
	while ((l = list_pop(&now))) {
		struct task *t = CONTAINER_OF(l, struct task, link);
		t->fn(t);
	}
}

/* libevent's own timer for the earliest deadline. It is moved only when a deadline comes before it;
 * one that was stopped costs a wake-up at most once. */
void loop_arm(struct loop *loop, int64_t deadline_ms)
{
	if (loop->is_fake || deadline_ms >= loop->alarm_ms)
		return;
	int64_t wait_ms = deadline_ms - loop->now_us / 1000;
	if (wait_ms < LOOP_TICK_MS)
		wait_ms = LOOP_TICK_MS;
	struct timeval tv = {wait_ms / 1000, wait_ms % 1000 * 1000};
	loop->alarm_ms = loop->now_us / 1000 + wait_ms;
	event_add(loop->alarm, &tv);
}

static void wait_for_events(struct loop *loop, int wait_ms)
{
	bool has_work = !list_is_empty(&loop->ready) || !list_is_empty(&loop->turn_end) ||
			!list_is_empty(&loop->deferred) || loop->has_posts;
	if (has_work || wait_ms == 0) {
		/* Without ONCE it would wait again and again, as long as anything comes. */
		event_base_loop(loop->base, EVLOOP_ONCE | EVLOOP_NONBLOCK);
		return;
	}
	if (wait_ms > 0) {
		struct timeval tv = {wait_ms / 1000, wait_ms % 1000 * 1000};
		event_add(loop->nap, &tv);
	}
	event_base_loop(loop->base, EVLOOP_ONCE);
	event_del(loop->nap);
}

/* What wakes others in the same turn is taken along, a bounded number of times. */
static void run_ready(struct loop *loop)
{
	for (int round = 0; round < 8 && !list_is_empty(&loop->ready); round++)
		loop_run_list(&loop->ready);
}

/* Callbacks of the wait see the clock of the turn before unless it is read when the first comes:
 * watch callbacks ask loop_now after this. */
void loop_turn(struct loop *loop, int wait_ms)
{
	struct link resumed; /* of the turn before; what asks during this one comes in the next */
	list_init(&resumed);
	list_move_all(&resumed, &loop->next);
	loop->is_clock_stale = true;
	wait_for_events(loop, list_is_empty(&resumed) ? wait_ms : 0);
	loop_refresh_clock(loop);
	refresh_wall(loop);
	list_move_all(&loop->ready, &resumed);
	run_ready(loop);
	loop_run_timers(loop);
	if (loop->has_posts)
		loop_run_posts(loop);
	run_ready(loop);
	loop_run_list(&loop->turn_end);
	loop_run_list(&loop->deferred);
}

void loop_refresh_clock(struct loop *loop)
{
	if (!loop->is_clock_stale)
		return;
	loop->is_clock_stale = false;
	read_clock(loop);
}

void loop_run(struct loop *loop)
{
	while (!atomic_load_explicit(&loop->is_stopped, memory_order_acquire))
		loop_turn(loop, -1);
	atomic_store(&loop->is_stopped, false);
}

static void wake_up(struct loop *loop)
{
	uint64_t one = 1;
	ssize_t n = write(loop->wake_fd, &one, sizeof(one));
	(void)n; /* full means that a wake-up is pending already */
}

void loop_stop(struct loop *loop)
{
	atomic_store_explicit(&loop->is_stopped, true, memory_order_release);
	wake_up(loop);
}

struct pool *loop_pool(struct loop *loop)
{
	return loop->pool;
}

int64_t loop_now_ms(const struct loop *loop)
{
	return loop->now_us / 1000;
}

int64_t loop_now_us(const struct loop *loop)
{
	return loop->now_us;
}

int64_t loop_wall_us(const struct loop *loop)
{
	return loop->wall_us;
}

struct str loop_http_date(struct loop *loop)
{
	int64_t second = loop->wall_us / 1000000;
	if (second != loop->date_second) {
		clock_http_date(loop->wall_us, loop->date);
		loop->date_second = second;
	}
	return str_n(loop->date, sizeof(loop->date));
}

/* From deadline to deadline, so that a timer which starts itself again fires as often as it would.
 */
void loop_fake_advance(struct loop *loop, int64_t ms)
{
	CHECK(loop->is_fake && ms >= 0);
	int64_t end_us = loop->now_us + ms * 1000;
	for (;;) {
		loop_run_timers(loop);
		int64_t next_us = loop_earliest_ms(loop) > end_us / 1000
					  ? end_us
					  : loop_earliest_ms(loop) * 1000;
		if (loop->now_us == end_us)
			return;
		if (next_us <= loop->now_us) /* started for now: no earlier than a tick later */
			next_us = loop->now_us + 1000 < end_us ? loop->now_us + 1000 : end_us;
		loop->wall_us += next_us - loop->now_us;
		loop->now_us = next_us;
	}
}

/* --- descriptors ------------------------------------------------------------------------- */

static int ready_of(short what)
{
	return (what & EV_READ ? WATCH_READ : 0) | (what & EV_WRITE ? WATCH_WRITE : 0) |
	       (what & EV_CLOSED ? WATCH_CLOSED : 0);
}

static void on_event(evutil_socket_t fd, short what, void *arg)
{
	struct watch *w = arg;
	loop_refresh_clock(w->loop);
	w->fn(w, ready_of(what));
}

static bool start(struct watch *w, struct loop *loop, int fd, watch_fn *fn, short what)
{
	w->loop = loop;
	w->fn = fn;
	CHECK(event_assign(event_of(w), loop->base, fd, what, on_event, w) == 0);
	return event_add(event_of(w), NULL) == 0;
}

bool watch_start(struct watch *w, struct loop *loop, int fd, watch_fn *fn)
{
	return start(w, loop, fd, fn, EV_READ | EV_WRITE | EV_CLOSED | EV_ET | EV_PERSIST);
}

bool watch_start_level(struct watch *w, struct loop *loop, int fd, watch_fn *fn)
{
	return start(w, loop, fd, fn, EV_READ | EV_PERSIST);
}

void watch_stop(struct watch *w)
{
	event_del(event_of(w));
}

/* --- tasks ------------------------------------------------------------------------------- */

void task_init(struct task *t, task_fn *fn)
{
	list_init(&t->link);
	t->fn = fn;
}

static void queue_task(struct link *list, struct task *t)
{
	if (list_is_empty(&t->link))
		list_append(list, &t->link);
}

void loop_ready(struct loop *loop, struct task *t)
{
	queue_task(&loop->ready, t);
}

void loop_ready_next(struct loop *loop, struct task *t)
{
	queue_task(&loop->next, t);
}

void loop_at_turn_end(struct loop *loop, struct task *t)
{
	queue_task(&loop->turn_end, t);
}

void loop_defer(struct loop *loop, struct task *t)
{
	queue_task(&loop->deferred, t);
}

void task_cancel(struct task *t)
{
	list_remove(&t->link);
}

/* --- posts ------------------------------------------------------------------------------- */

void loop_post(struct loop *loop, void (*fn)(void *arg), void *arg)
{
	pthread_mutex_lock(&loop->posts_lock);
	if (loop->post_count == loop->post_capacity) {
		loop->post_capacity = loop->post_capacity ? loop->post_capacity * 2 : 16;
		loop->posts =
			heap_realloc(loop->posts, loop->post_capacity * sizeof(struct loop_posted));
	}
	bool was_empty = loop->post_count == 0;
	loop->posts[loop->post_count++] = (struct loop_posted){fn, arg};
	if (was_empty)
		wake_up(loop); /* within the lock: what was posted may end the loop */
	pthread_mutex_unlock(&loop->posts_lock);
}

bool loop_run_posts(struct loop *loop)
{
	loop->has_posts = false;
	pthread_mutex_lock(&loop->posts_lock);
	struct loop_posted *posts = loop->posts;
	size_t count = loop->post_count;
	loop->posts = NULL;
	loop->post_count = loop->post_capacity = 0;
	pthread_mutex_unlock(&loop->posts_lock);
	for (size_t i = 0; i < count; i++)
		posts[i].fn(posts[i].arg);
	free(posts);
	return count > 0;
}
