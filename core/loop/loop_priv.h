/* SPDX-License-Identifier: Apache-2.0 */
/* loop/loop_priv.h - the loop's insides, shared by loop.c and timer.c. */
#pragma once

#include "base/clock.h"
#include "loop/loop.h"

#include <pthread.h>
#include <stdatomic.h>

struct event;
struct event_base;

struct loop_posted {
	void (*fn)(void *arg);
	void *arg;
};

/* All timers of one duration, in order of deadline because they were started in order. */
struct timer_class {
	int64_t duration_ms;
	struct link timers;
};

struct loop {
	struct event_base *base;
	struct event *wake;  /* of wake_fd */
	struct event *alarm; /* the earliest deadline */
	struct event *nap;   /* the longest wait of one loop_turn */
	int wake_fd;
	int64_t alarm_ms; /* when it goes off; INT64_MAX: not armed; 0: it did */
	bool is_fake;
	bool is_clock_stale;
	bool has_posts;
	_Atomic bool is_stopped;
	int64_t now_us;
	int64_t wall_us;
	int64_t wall_offset_us;
	int64_t wall_refresh_us;
	struct pool *pool;
	struct link ready, next, turn_end, deferred;

	pthread_mutex_t posts_lock;
	struct loop_posted *posts; /* owned; guarded by posts_lock, as are the counts */
	size_t post_count, post_capacity;

	struct timer_class **classes; /* owned; in order of first use */
	size_t class_count;

	int64_t date_second;
	char date[CLOCK_HTTP_DATE_BYTES];
};

void loop_refresh_clock(struct loop *loop);
void loop_run_list(struct link *list);
/* False when there were none. */
bool loop_run_posts(struct loop *loop);
void loop_run_timers(struct loop *loop);
/* The earliest deadline; INT64_MAX: no timer runs. */
int64_t loop_earliest_ms(const struct loop *loop);
/* No timer runs. */
void loop_free_classes(struct loop *loop);
/* The alarm goes off at `deadline_ms` at the latest. */
void loop_arm(struct loop *loop, int64_t deadline_ms);
