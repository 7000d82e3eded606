/* SPDX-License-Identifier: Apache-2.0 */
/* policy/pause.c - the token tables.
 *
 * One table per worker, in segments that are never freed, so that a resuming thread may follow any
 * token without a lock: an index beyond what was ever made is stale by itself. Only the word of a
 * slot is shared; owner, timer and free list are the worker's. */
#include "policy/pause.h"

#include "base/check.h"
#include "base/limits.h"
#include "base/memory.h"

#include <stdatomic.h>

#define SEGMENT_SLOTS 256
#define SEGMENTS_MAX  4096 /* a million exchanges of one worker paused at once */

enum slot_state { SLOT_FREE, SLOT_ARMED, SLOT_RESUMED };

struct pause_table;

struct pause_slot {
	_Atomic uint64_t word; /* generation << 2 | state */
	struct pause_table *table;
	struct pause_slot *next_free;
	struct timer timer;
	uint32_t index;
	unsigned tag;
	pause_fn *fn; /* NULL: nobody waits any more */
	void *owner;
};

struct pause_table {
	struct loop *loop; /* borrowed; constant while a token is out */
	struct pause_slot *free;
	uint32_t worker;
	uint32_t segment_count;
	size_t busy;
	struct pause_slot *_Atomic segments[SEGMENTS_MAX];
};

static struct pause_table *_Atomic tables[LIMIT_WORKERS];

static uint64_t word_of(uint32_t generation, enum slot_state state)
{
	return (uint64_t)generation << 2 | state;
}

static uint32_t generation_of(const struct pause_slot *s)
{
	return (uint32_t)(atomic_load_explicit(&s->word, memory_order_relaxed) >> 2);
}

/* The slot that a token speaks of, whatever became of it; NULL when there never was one. */
static struct pause_slot *slot_of(uint64_t token)
{
	uint32_t worker = token >> 56, index = (token >> 32) & 0xffffff;
	struct pause_table *t = atomic_load_explicit(&tables[worker], memory_order_acquire);
	if (!t || index / SEGMENT_SLOTS >= SEGMENTS_MAX)
		return NULL;
	struct pause_slot *segment =
		atomic_load_explicit(&t->segments[index / SEGMENT_SLOTS], memory_order_acquire);
	return segment ? &segment[index % SEGMENT_SLOTS] : NULL;
}

static bool slot_move(
	struct pause_slot *s, uint32_t generation, enum slot_state from, enum slot_state to)
{
	uint64_t expected = word_of(generation, from);
	/* 0 is left out, so that no token is 0. A generation comes round again after four thousand
	 * million pauses of one slot. */
	uint32_t next = generation + 1 ? generation + 1 : 1;
	uint64_t wanted = word_of(to == SLOT_FREE ? next : generation, to);
	return atomic_compare_exchange_strong_explicit(
		&s->word, &expected, wanted, memory_order_acq_rel, memory_order_relaxed);
}

static void slot_release(struct pause_slot *s)
{
	s->fn = NULL;
	s->owner = NULL;
	s->next_free = s->table->free;
	s->table->free = s;
	s->table->busy--;
}

static void slot_deadline(struct timer *timer)
{
	struct pause_slot *s = CONTAINER_OF(timer, struct pause_slot, timer);
	if (!slot_move(s, generation_of(s), SLOT_ARMED, SLOT_FREE))
		return; /* resumed: its post is under way */
	pause_fn *fn = s->fn;
	void *owner = s->owner;
	unsigned tag = s->tag;
	slot_release(s);
	fn(owner, tag, true);
}

/* The post of a resume. */
static void slot_resumed(void *arg)
{
	struct pause_slot *s = arg;
	pause_fn *fn = s->fn;
	void *owner = s->owner;
	unsigned tag = s->tag;
	timer_stop(&s->timer);
	bool moved = slot_move(s, generation_of(s), SLOT_RESUMED, SLOT_FREE);
	CHECK(moved);
	slot_release(s);
	if (fn)
		fn(owner, tag, false);
}

static bool table_grow(struct pause_table *t)
{
	if (t->segment_count == SEGMENTS_MAX)
		return false;
	struct pause_slot *slots = heap_zalloc(SEGMENT_SLOTS * sizeof(*slots));
	uint32_t first = t->segment_count * SEGMENT_SLOTS;
	for (uint32_t i = SEGMENT_SLOTS; i-- > 0;) {
		slots[i].table = t;
		slots[i].index = first + i;
		timer_init(&slots[i].timer, slot_deadline);
		atomic_init(&slots[i].word, word_of(1, SLOT_FREE));
		slots[i].next_free = t->free;
		t->free = &slots[i];
	}
	atomic_store_explicit(&t->segments[t->segment_count++], slots, memory_order_release);
	return true;
}

static struct pause_table *table_of(uint32_t worker)
{
	CHECK(worker < LIMIT_WORKERS);
	return atomic_load_explicit(&tables[worker], memory_order_relaxed);
}

void pause_worker_start(uint32_t worker, struct loop *loop)
{
	struct pause_table *t = table_of(worker);
	if (!t) {
		t = heap_zalloc(sizeof(*t));
		t->worker = worker;
		atomic_store_explicit(&tables[worker], t, memory_order_release);
	}
	CHECK(!t->loop && t->busy == 0);
	t->loop = loop;
}

void pause_worker_stop(uint32_t worker)
{
	struct pause_table *t = table_of(worker);
	if (!t || !t->loop)
		return;
	/* What is still busy was resumed: its thread stands between the CAS and the post. */
	while (t->busy)
		loop_turn(t->loop, 1);
	t->loop = NULL;
}

uint64_t pause_arm(uint32_t worker, uint32_t deadline_ms, pause_fn *fn, void *owner, unsigned tag)
{
	struct pause_table *t = table_of(worker);
	CHECK(t && t->loop);
	if (!t->free && !table_grow(t))
		return 0;
	struct pause_slot *s = t->free;
	t->free = s->next_free;
	t->busy++;
	s->fn = fn;
	s->owner = owner;
	s->tag = tag;
	timer_start(t->loop, &s->timer, deadline_ms);
	uint32_t generation = generation_of(s);
	atomic_store_explicit(&s->word, word_of(generation, SLOT_ARMED), memory_order_release);
	return (uint64_t)worker << 56 | (uint64_t)s->index << 32 | generation;
}

enum rc pause_resume(uint64_t token)
{
	struct pause_slot *s = slot_of(token);
	if (!s || !slot_move(s, (uint32_t)token, SLOT_ARMED, SLOT_RESUMED))
		return RC_NOT_FOUND;
	loop_post(s->table->loop, slot_resumed, s);
	return RC_OK;
}

bool pause_cancel(uint64_t token)
{
	struct pause_slot *s = slot_of(token);
	CHECK(s);
	if (slot_move(s, (uint32_t)token, SLOT_ARMED, SLOT_FREE)) {
		timer_stop(&s->timer);
		slot_release(s);
		return false;
	}
	return pause_take_early(token);
}

bool pause_take_early(uint64_t token)
{
	struct pause_slot *s = slot_of(token);
	CHECK(s);
	uint64_t word = atomic_load_explicit(&s->word, memory_order_acquire);
	if (word != word_of((uint32_t)token, SLOT_RESUMED) || !s->fn)
		return false;
	s->fn = NULL; /* the post frees the slot and calls nobody */
	return true;
}

size_t pause_count(uint32_t worker)
{
	struct pause_table *t = table_of(worker);
	return t ? t->busy : 0;
}
