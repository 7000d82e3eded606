/* SPDX-License-Identifier: Apache-2.0 */
#include "services/inbox.h"

#include "base/check.h"
#include "base/limits.h"
#include "base/memory.h"
#include "policy/run.h"
#include "services/services_priv.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>

/* Each is a call into the plugin, and exchanges wait meanwhile. */
#define LETTERS_A_TURN 64

enum box_state { BOX_NEW, BOX_OPEN, BOX_CLOSED };

struct box {
	struct inbox *inbox;
	uint32_t worker;
	/* guarded by inbox->lock */
	enum box_state state;
	bool is_posted; /* its loop will look */
	struct letter *first, **last;
	size_t count;
	struct loop *loop; /* borrowed; while open */
};

struct inbox {
	struct policy_companion companion;
	struct sluice_instance *instance; /* borrowed; good in a box that is open */
	atomic_uint refs;
	pthread_mutex_t lock;
	uint32_t workers;
	struct box boxes[];
};

static const char kind;

/* --- letters --------------------------------------------------------------------------------- */
/* The first `max` of them. The lock is held. */
static struct letter *take(struct box *b, size_t max)
{
	struct letter *first = b->first, **end = &b->first;
	for (; *end && max > 0; max--) {
		end = &(*end)->next;
		b->count--;
	}
	if (end == &b->first)
		return NULL;
	b->first = *end;
	*end = NULL;
	if (!b->first)
		b->last = &b->first;
	return first;
}

/* The instance is there still. */
static void drop_all(struct box *b, struct letter *l)
{
	while (l) {
		struct letter *next = l->next;
		policy_call_enter(b->inbox->instance, CALLBACK_DROPPED, b->worker);
		l->drop(l);
		policy_call_leave();
		l = next;
	}
}

static void deliver_all(struct box *b, struct letter *l)
{
	while (l) {
		struct letter *next = l->next;
		l->deliver(l, b->inbox->instance, b->worker);
		l = next;
	}
}

static void look(void *arg);

/* The lock is held. */
static void post_look(struct box *b)
{
	if (b->is_posted || b->state != BOX_OPEN || !b->first)
		return;
	b->is_posted = true;
	inbox_ref(b->inbox);
	loop_post(b->loop, look, b);
}

/* On the worker; has a reference of its own. What is beyond a turn's share waits for the next. */
static void look(void *arg)
{
	struct box *b = arg;
	struct inbox *inbox = b->inbox;
	pthread_mutex_lock(&inbox->lock);
	b->is_posted = false;
	bool is_open = b->state == BOX_OPEN;
	struct letter *l = is_open ? take(b, LETTERS_A_TURN) : NULL; /* closed: there are none */
	post_look(b);
	pthread_mutex_unlock(&inbox->lock);
	deliver_all(b, l);
	inbox_unref(inbox);
}

void inbox_send(struct inbox *inbox, uint32_t worker, struct letter *l)
{
	struct box *b = worker < inbox->workers ? &inbox->boxes[worker] : NULL;
	l->next = NULL;
	pthread_mutex_lock(&inbox->lock);
	bool is_taken = b && b->state != BOX_CLOSED;
	if (is_taken) {
		*b->last = l;
		b->last = &l->next;
		b->count++;
		post_look(b);
	}
	pthread_mutex_unlock(&inbox->lock);
	if (!is_taken)
		l->drop(l);
}

bool inbox_has_room(struct inbox *inbox, uint32_t worker)
{
	pthread_mutex_lock(&inbox->lock);
	bool has_room = inbox->boxes[worker].count < LIMIT_INBOX_LETTERS;
	pthread_mutex_unlock(&inbox->lock);
	return has_room;
}

/* --- life ------------------------------------------------------------------------------------ */
static void on_worker_start(struct policy_companion *c, uint32_t worker)
{
	struct inbox *inbox = CONTAINER_OF(c, struct inbox, companion);
	struct box *b = &inbox->boxes[worker];
	pthread_mutex_lock(&inbox->lock);
	b->state = BOX_OPEN;
	b->loop = services_thread.loop;
	post_look(b);
	pthread_mutex_unlock(&inbox->lock);
}

static void box_close(struct box *b)
{
	pthread_mutex_lock(&b->inbox->lock);
	b->state = BOX_CLOSED;
	b->loop = NULL;
	struct letter *l = take(b, SIZE_MAX);
	pthread_mutex_unlock(&b->inbox->lock);
	drop_all(b, l);
}

static void on_worker_stop(struct policy_companion *c, uint32_t worker)
{
	box_close(&CONTAINER_OF(c, struct inbox, companion)->boxes[worker]);
}

static void on_release(struct policy_companion *c)
{
	struct inbox *inbox = CONTAINER_OF(c, struct inbox, companion);
	for (uint32_t w = 0; w < inbox->workers; w++)
		box_close(&inbox->boxes[w]);
	inbox_unref(inbox);
}

struct inbox *inbox_find(const struct sluice_instance *i)
{
	struct policy_companion *c = policy_companion(i, &kind);
	return c ? CONTAINER_OF(c, struct inbox, companion) : NULL;
}

struct inbox *inbox_of(struct sluice_instance *i)
{
	struct inbox *inbox = inbox_find(i);
	if (inbox)
		return inbox;
	uint32_t workers = policy_workers(i);
	inbox = heap_zalloc(sizeof(*inbox) + workers * sizeof(inbox->boxes[0]));
	inbox->companion = (struct policy_companion){.kind = &kind,
		.worker_start = on_worker_start,
		.worker_stop = on_worker_stop,
		.release = on_release};
	inbox->instance = i;
	inbox->workers = workers;
	atomic_init(&inbox->refs, 1);
	CHECK(pthread_mutex_init(&inbox->lock, NULL) == 0);
	for (uint32_t w = 0; w < workers; w++) {
		struct box *b = &inbox->boxes[w];
		*b = (struct box){.inbox = inbox, .worker = w, .last = &b->first};
	}
	policy_accompany(i, &inbox->companion);
	return inbox;
}

struct inbox *inbox_ref(struct inbox *b)
{
	atomic_fetch_add_explicit(&b->refs, 1, memory_order_relaxed);
	return b;
}

void inbox_unref(struct inbox *b)
{
	if (!b || atomic_fetch_sub_explicit(&b->refs, 1, memory_order_acq_rel) != 1)
		return;
	pthread_mutex_destroy(&b->lock);
	free(b);
}

uint32_t inbox_workers(const struct inbox *b)
{
	return b->workers;
}
