/* SPDX-License-Identifier: Apache-2.0 */
/* spike-control/window.c - a ring of the times of what was granted, the oldest first. */
#include "window.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>

struct window {
	_Atomic unsigned refs;
	_Atomic size_t waiting;
	size_t requests_max;
	int64_t period_ms;
	pthread_mutex_t lock; /* for what follows */
	size_t first, count;
	int64_t granted_ms[];
};

struct window *window_new(size_t requests_max, int64_t period_ms)
{
	struct window *w = malloc(sizeof(*w) + requests_max * sizeof(w->granted_ms[0]));
	if (!w)
		return NULL;
	atomic_init(&w->refs, 1);
	atomic_init(&w->waiting, 0);
	w->requests_max = requests_max;
	w->period_ms = period_ms;
	w->first = w->count = 0;
	pthread_mutex_init(&w->lock, NULL);
	return w;
}

struct window *window_ref(struct window *w)
{
	atomic_fetch_add(&w->refs, 1);
	return w;
}

void window_unref(struct window *w)
{
	if (!w || atomic_fetch_sub(&w->refs, 1) != 1)
		return;
	pthread_mutex_destroy(&w->lock);
	free(w);
}

int window_is(const struct window *w, size_t requests_max, int64_t period_ms)
{
	return w->requests_max == requests_max && w->period_ms == period_ms;
}

static size_t at(const struct window *w, size_t i)
{
	size_t sum = w->first + i;
	return sum < w->requests_max ? sum : sum - w->requests_max;
}

static void drop_old(struct window *w, int64_t now_ms)
{
	while (w->count > 0 && now_ms - w->granted_ms[w->first] >= w->period_ms) {
		w->first = at(w, 1);
		w->count--;
	}
}

/* A worker's clock may stand a little behind another's: a later entry is never older. */
static void add(struct window *w, int64_t now_ms)
{
	if (w->count > 0 && w->granted_ms[at(w, w->count - 1)] > now_ms)
		now_ms = w->granted_ms[at(w, w->count - 1)];
	w->granted_ms[at(w, w->count)] = now_ms;
	w->count++;
}

struct quota window_take(struct window *w, int64_t now_ms)
{
	struct quota quota = {.limit = w->requests_max};
	pthread_mutex_lock(&w->lock);
	drop_old(w, now_ms);
	quota.allowed = w->count < w->requests_max;
	if (quota.allowed)
		add(w, now_ms);
	quota.remaining = w->requests_max - w->count;
	if (quota.remaining == 0)
		quota.reset_ms = w->granted_ms[w->first] + w->period_ms - now_ms;
	pthread_mutex_unlock(&w->lock);
	return quota;
}

int window_queue_join(struct window *w, size_t waiting_max)
{
	size_t waiting = atomic_load(&w->waiting);
	while (waiting < waiting_max)
		if (atomic_compare_exchange_weak(&w->waiting, &waiting, waiting + 1))
			return 1;
	return 0;
}

void window_queue_leave(struct window *w)
{
	atomic_fetch_sub(&w->waiting, 1);
}
