/* SPDX-License-Identifier: Apache-2.0 */
#include "services/far_cache.h"

#include "base/buffer.h"
#include "base/memory.h"
#include "state/cache_record.h"
#include "services/services_priv.h"

#include <stdatomic.h>
#include <stdlib.h>

/* Shorter than any other, all of which have a generation in front. */
#define GENERATION_KEY STR("g")
#define ARENA_BYTES    (2 * CACHE_RECORD_BYTES_MAX)

static int64_t now(void)
{
	return loop_now_ms(services_thread.loop);
}

static struct far_cache *far_of(const struct sluice_cache *c)
{
	return named_cache_far(c->named);
}

bool far_cache_is_there(const struct sluice_cache *c)
{
	return c->is_shared && services_thread.storage;
}

bool far_cache_trusts(const struct sluice_cache *c, const struct cache_entry *e, int64_t now_ms)
{
	const struct far_cache *far = far_of(c);
	int64_t checked_ms = atomic_load_explicit(&e->checked_ms, memory_order_relaxed);
	return now_ms - checked_ms < FAR_TRUST_MS && !atomic_load(&far->owes) &&
	       e->generation == atomic_load(&far->generation);
}

uint64_t far_cache_version(const struct cache_entry *e)
{
	uint64_t version = atomic_load_explicit(&e->version, memory_order_relaxed);
	return version ? version : SLUICE_VERSION_ANY;
}

static struct sluice_question question(uint32_t kind, struct str key, uint64_t version)
{
	return (struct sluice_question){.size = sizeof(struct sluice_question),
		.kind = kind,
		.key = str_out(key),
		.value = {"", 0},
		.version = version};
}

static struct str key_in(struct arena *arena, uint64_t generation, struct str key)
{
	return arena_concat(arena, str_n((const char *)&generation, sizeof(generation)), key);
}

static bool ask(
	const struct sluice_cache *c, struct redis_asked *a, const struct sluice_question *q)
{
	return redis_home_ask(services_thread.storage, a, far_of(c)->scope, q);
}

/* The generation that stands there; or a new one, when one is owed. Either answer has its version. */
static struct sluice_question ask_generation(struct far_cache *far)
{
	bool owes = atomic_load(&far->owes);
	return question(
		owes ? SLUICE_PUT : SLUICE_GET, GENERATION_KEY, owes ? SLUICE_VERSION_ANY : 0);
}

static bool is_told(const struct redis_asked *a)
{
	return a->rc == RC_OK &&
	       (a->answer.result == SLUICE_OK || a->answer.result == SLUICE_E_NOT_FOUND);
}

static uint64_t generation_take(struct far_cache *far, const struct redis_asked *a)
{
	if (a->question.kind == SLUICE_PUT)
		atomic_store(&far->owes, false);
	atomic_store(&far->generation, a->answer.version);
	return a->answer.version;
}

/* --- looking --------------------------------------------------------------------------------- */
struct far_look {
	struct redis_asked generation, entry;
	struct arena arena;
	const struct sluice_cache *cache; /* its instance is held */
	struct cache_entry *here;         /* ref; or NULL */
	struct str key;                   /* in the arena */
	uint64_t asked_generation;
	unsigned waits_for;
	bool is_again;
	far_look_fn *fn;
	void *owner;
};

static void look_free(struct far_look *l)
{
	struct sluice_instance *i = l->cache->instance;
	cache_entry_unref(l->here);
	arena_reset(&l->arena);
	free(l);
	policy_let_go(i);
}

void far_look_cancel(struct far_look *l)
{
	redis_home_cancel(&l->generation);
	redis_home_cancel(&l->entry);
	look_free(l);
}

static void look_end(struct far_look *l, struct cache_entry *e, uint64_t seen)
{
	l->fn(l->owner, e, seen);
	look_free(l);
}

static struct cache_entry *here_take(struct far_look *l)
{
	struct cache_entry *e = l->here;
	l->here = NULL;
	return e;
}

static void look_not_told(struct far_look *l)
{
	named_cache_count_far(l->cache->named, false);
	look_end(l, here_take(l), SLUICE_VERSION_ANY);
}

/* Nothing, or a mark: it was removed. */
static void look_nothing(struct far_look *l, uint64_t seen)
{
	if (l->here)
		named_cache_drop(l->cache->named, l->here);
	look_end(l, NULL, seen);
}

static void look_other(struct far_look *l, const struct sluice_answer *a)
{
	struct cache_entry *e = cache_record_read(str_in(a->value), l->key, now(), a->remaining_ms);
	if (!e) {
		look_nothing(l, a->version);
		return;
	}
	e->generation = l->asked_generation;
	atomic_store_explicit(&e->version, a->version, memory_order_relaxed);
	atomic_store_explicit(&e->checked_ms, now(), memory_order_relaxed);
	named_cache_take_in(l->cache->named, e);
	named_cache_count_far(l->cache->named, true);
	look_end(l, e, a->version);
}

static bool is_same(const struct far_look *l, const struct sluice_answer *a)
{
	return l->here && l->here->generation == l->asked_generation &&
	       atomic_load_explicit(&l->here->version, memory_order_relaxed) == a->version;
}

static void look_judge(struct far_look *l)
{
	const struct sluice_answer *a = &l->entry.answer;
	if (a->result == SLUICE_OK && is_same(l, a)) {
		atomic_store_explicit(&l->here->checked_ms, now(), memory_order_relaxed);
		look_end(l, here_take(l), a->version);
	} else if (a->result == SLUICE_OK && a->value.n > 0) {
		look_other(l, a);
	} else {
		look_nothing(l, a->result == SLUICE_OK ? a->version : 0);
	}
}

static bool look_ask_entry(struct far_look *l, uint64_t generation)
{
	bool is_known = l->here && l->here->generation == generation;
	uint64_t version =
		is_known ? atomic_load_explicit(&l->here->version, memory_order_relaxed) : 0;
	struct sluice_question q =
		question(SLUICE_GET, key_in(&l->arena, generation, l->key), version);
	l->asked_generation = generation;
	return !l->arena.failed && ask(l->cache, &l->entry, &q);
}

static void look_answered(struct far_look *l)
{
	if (--l->waits_for > 0)
		return;
	if (!is_told(&l->generation) || !is_told(&l->entry)) {
		look_not_told(l);
		return;
	}
	uint64_t generation = l->is_again ? l->asked_generation
					  : generation_take(far_of(l->cache), &l->generation);
	if (generation == l->asked_generation) {
		look_judge(l);
		return;
	}
	l->is_again = true;
	l->waits_for = 1;
	if (!look_ask_entry(l, generation))
		look_not_told(l);
}

static void on_generation(struct redis_asked *a)
{
	look_answered(CONTAINER_OF(a, struct far_look, generation));
}

static void on_entry(struct redis_asked *a)
{
	look_answered(CONTAINER_OF(a, struct far_look, entry));
}

static bool look_ask(struct far_look *l)
{
	struct far_cache *far = far_of(l->cache);
	struct sluice_question q = ask_generation(far);
	if (!ask(l->cache, &l->generation, &q))
		return false;
	if (look_ask_entry(l, atomic_load(&far->generation)))
		return true;
	redis_home_cancel(&l->generation);
	return false;
}

struct far_look *far_look_begin(const struct sluice_cache *c, struct str key,
	struct cache_entry *here, far_look_fn *fn, void *owner)
{
	struct far_look *l = heap_zalloc(sizeof(*l));
	arena_init(&l->arena, loop_pool(services_thread.loop), ARENA_BYTES);
	l->generation = (struct redis_asked){.arena = &l->arena, .ended = on_generation};
	l->entry = (struct redis_asked){.arena = &l->arena, .ended = on_entry};
	l->cache = c;
	l->key = arena_copy(&l->arena, key);
	l->waits_for = 2;
	l->here = here;
	l->fn = fn;
	l->owner = owner;
	policy_hold(c->instance);
	if (look_ask(l))
		return l;
	named_cache_count_far(c->named, false);
	l->here = NULL;
	look_free(l);
	return NULL;
}

/* --- changing -------------------------------------------------------------------------------- */
struct change {
	struct redis_asked asked;
	struct arena arena;
	const struct sluice_cache *cache; /* its instance is held */
	struct cache_entry *entry;        /* ref; of a put */
};

static void change_free(struct change *ch)
{
	struct sluice_instance *i = ch->cache->instance;
	cache_entry_unref(ch->entry);
	arena_reset(&ch->arena);
	free(ch);
	policy_let_go(i);
}

static struct change *change_new(const struct sluice_cache *c, void (*ended)(struct redis_asked *a))
{
	struct change *ch = heap_zalloc(sizeof(*ch));
	arena_init(&ch->arena, loop_pool(services_thread.loop), ARENA_BYTES);
	ch->asked = (struct redis_asked){.arena = &ch->arena, .ended = ended};
	ch->cache = c;
	policy_hold(c->instance);
	return ch;
}

/* What stands there by now is somebody else's: what was to be stored is older, or was removed. */
static void on_put(struct redis_asked *a)
{
	struct change *ch = CONTAINER_OF(a, struct change, asked);
	struct named_cache *n = ch->cache->named;
	bool is_answered = a->rc == RC_OK;
	if (is_answered && a->answer.result == SLUICE_OK)
		atomic_store_explicit(&ch->entry->version, a->answer.version, memory_order_relaxed);
	else if (is_answered && a->answer.result == SLUICE_E_CONFLICT)
		named_cache_drop(n, ch->entry);
	else
		named_cache_count_far(n, false);
	change_free(ch);
}

void far_cache_put(const struct sluice_cache *c, struct cache_entry *e, uint64_t seen)
{
	struct buffer value;
	struct change *ch = change_new(c, on_put);
	struct sluice_question q =
		question(SLUICE_PUT, key_in(&ch->arena, e->generation, cache_entry_key(e)), seen);
	q.for_ms = e->ends_ms - now();
	buffer_init(&value, SIZE_MAX);
	if (q.for_ms > 0)
		cache_record_write(&value, e, now(), q.for_ms);
	q.value = str_out(buffer_str(&value));
	ch->entry = cache_entry_ref(e);
	bool is_asked = value.n > 0 && value.n <= CACHE_RECORD_BYTES_MAX && ask(c, &ch->asked, &q);
	buffer_deinit(&value);
	if (is_asked)
		return;
	named_cache_count_far(c->named, false);
	change_free(ch);
}

static void on_removed(struct redis_asked *a)
{
	struct change *ch = CONTAINER_OF(a, struct change, asked);
	if (a->rc != RC_OK || a->answer.result != SLUICE_OK) {
		atomic_store(&far_of(ch->cache)->owes, true);
		named_cache_count_far(ch->cache->named, false);
	}
	change_free(ch);
}

void far_cache_remove(const struct sluice_cache *c, struct str key)
{
	struct far_cache *far = far_of(c);
	struct change *ch = change_new(c, on_removed);
	uint64_t generation = atomic_load(&far->generation);
	struct sluice_question q =
		question(SLUICE_PUT, key_in(&ch->arena, generation, key), SLUICE_VERSION_ANY);
	q.for_ms = FAR_MARK_MS;
	if (ask(c, &ch->asked, &q))
		return;
	ch->asked.rc = RC_CLOSED;
	on_removed(&ch->asked);
}

static void on_emptied(struct redis_asked *a)
{
	struct change *ch = CONTAINER_OF(a, struct change, asked);
	if (a->rc == RC_OK && a->answer.result == SLUICE_OK)
		generation_take(far_of(ch->cache), a);
	else
		named_cache_count_far(ch->cache->named, false);
	change_free(ch);
}

void far_cache_empty(const struct sluice_cache *c)
{
	struct far_cache *far = far_of(c);
	atomic_store(&far->owes, true);
	struct change *ch = change_new(c, on_emptied);
	struct sluice_question q = ask_generation(far);
	if (!ask(c, &ch->asked, &q))
		change_free(ch);
}
