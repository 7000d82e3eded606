/* SPDX-License-Identifier: Apache-2.0 */
/* services/cache.c - stores of bodies as policies use them.
 *
 * What an exchange has found, and what it stores, are operations of it, so that they are given up
 * at its end at the latest. A body that is sent is a local answer that is written already: slices
 * of foreign blocks, from where the store has it.
 *
 * Invariants   C1  of each entry that an exchange has found it holds one reference until it ends,
 * or the binding has failed. */
#include "sluice/cache.h"

#include "base/buffer.h"
#include "base/check.h"
#include "base/map.h"
#include "base/memory.h"
#include "observe/metrics.h"
#include "policy/instance.h"
#include "policy/legal.h"
#include "policy/local_stream.h"
#include "policy/operation.h"
#include "policy/run.h"
#include "services/caches.h"
#include "services/services_priv.h"
#include "state/cache.h"

#include <stdatomic.h>
#include <stdlib.h>

#define NAME_BYTES_MAX  64
#define KEY_BYTES_MAX   8192
#define GROUP_BYTES_MAX 256
#define META_BYTES_MAX  65536
#define FOR_MS_MAX      31536000000
#define ENTRIES_MAX     10000000
#define STORE_BYTES_MIN (64ull << 10)
#define STORE_BYTES_MAX (64ull << 30)

enum {
	OPEN,
	FIND,
	TAKE,
	RESPOND,
	READ,
	TOUCH,
	STORE_BEGIN,
	STORE_PIECE,
	STORE_ABANDON,
	PUT,
	REMOVE,
	REMOVE_GROUP,
	REMOVE_PREFIX
};
static const struct policy_call calls[] = {
	[OPEN] = {"sluice.cache/1 open", IN(CONFIGURE)},
	[FIND] = {"sluice.cache/1 find", IN_LIVE},
	[TAKE] = {"sluice.cache/1 take", IN_LIVE},
	[RESPOND] = {"sluice.cache/1 respond", IN_LIVE},
	[READ] = {"sluice.cache/1 read", IN_LIVE},
	[TOUCH] = {"sluice.cache/1 touch", IN_LIVE},
	[STORE_BEGIN] = {"sluice.cache/1 store_begin", IN(RESPONSE_HEAD) | IN(RESPONSE_BODY)},
	[STORE_PIECE] = {"sluice.cache/1 store_piece", IN(RESPONSE_BODY)},
	[STORE_ABANDON] = {"sluice.cache/1 store_abandon", IN_LIVE},
	[PUT] = {"sluice.cache/1 put", IN_WORKER},
	[REMOVE] = {"sluice.cache/1 remove", IN_WORKER},
	[REMOVE_GROUP] = {"sluice.cache/1 remove_group", IN_WORKER},
	[REMOVE_PREFIX] = {"sluice.cache/1 remove_prefix", IN_WORKER},
};

#define COUNTS(X)                                                                                  \
	X(HITS, "sluice_cache_hits_total", "Look-ups that found something.", METRIC_COUNTER)       \
	X(MISSES, "sluice_cache_misses_total", "Look-ups that found nothing.", METRIC_COUNTER)     \
	X(STORES, "sluice_cache_stores_total", "Bodies that were stored.", METRIC_COUNTER)         \
	X(EVICTIONS, "sluice_cache_evictions_total", "Entries dropped for want of room.",          \
		METRIC_COUNTER)                                                                    \
	X(BYTES, "sluice_cache_bytes", "What the store holds.", METRIC_GAUGE)                      \
	X(ENTRIES, "sluice_cache_entries", "How many entries it holds.", METRIC_GAUGE)

enum count {
#define X(name, metric, help, kind) COUNT_##name,
	COUNTS(X)
#undef X
		COUNT_COUNT,
};

struct named_cache {
	struct str key;          /* owned */
	struct str policy, name; /* views of it */
	struct link holders;     /* the newest first, whose limits count */
	struct cache *store;
	_Atomic uint64_t bytes_to_come; /* of bodies that exchanges have begun to store */
	_Atomic uint64_t purges;        /* what was begun before the last of them is not stored */
	unsigned workers;
	struct metric_series *series[COUNT_COUNT]; /* refs; NULL: nobody counts */
};

struct sluice_cache {
	struct policy_companion companion;
	struct sluice_instance *instance; /* borrowed: it goes with it */
	struct named_cache *named;
	struct link holder; /* in named->holders */
	struct cache_options options;
};

static struct map caches; /* by key; main thread */

/* --- counting -------------------------------------------------------------------------------- */
/* On a worker, or on the main thread, which has the cell behind theirs. */
static void count(const struct named_cache *n, enum count which, uint64_t by)
{
	const struct services_thread *here = &services_thread;
	if (by && n->series[which])
		metric_add(metric_series_cell(
				   n->series[which], here->loop ? here->worker : n->workers),
			by);
}

static void count_change(const struct named_cache *n, const struct cache_change *change)
{
	count(n, COUNT_EVICTIONS, change->evicted);
	count(n, COUNT_BYTES, (uint64_t)change->bytes);
	count(n, COUNT_ENTRIES, (uint64_t)change->entries);
}

/* --- what was found -------------------------------------------------------------------------- */
/* The SDK's entry; in the exchange's arena. */
struct sluice_cache_entry {
	struct operation operation;
	struct task task; /* ends it, when its answer is told to be late */
	const struct sluice_cache *cache;
	struct cache_entry *entry; /* ref; NULL: there is none */
	bool is_given;
};

static void found_leave(struct operation *op)
{
	struct sluice_cache_entry *f = CONTAINER_OF(op, struct sluice_cache_entry, operation);
	task_cancel(&f->task);
	cache_entry_unref(f->entry);
	f->entry = NULL;
}

static void found_late(struct task *t)
{
	operation_end(&CONTAINER_OF(t, struct sluice_cache_entry, task)->operation);
}

static bool is_own(const struct policy_call *call, const struct sluice_cache *c)
{
	if (c && c->instance == policy_current())
		return true;
	policy_refuse(call);
	return false;
}

static bool may_ask(const struct policy_call *call, const struct sluice_exchange *x,
	const struct sluice_cache *c)
{
	return policy_allows_exchange(call, x) && is_own(call, c);
}

/* Each worker's clock is as old as its turn, so that of another may be ahead; and an entry may end
 * while its answer is on the way. */
static int64_t at_least_none(int64_t ms)
{
	return ms > 0 ? ms : 0;
}

static int32_t give(struct sluice_cache_entry *f, struct sluice_cached *to)
{
	f->is_given = true;
	const struct cache_entry *e = f->entry;
	if (!e)
		return SLUICE_E_NOT_FOUND;
	int64_t now_ms = loop_now_ms(f->operation.exchange->loop);
	*to = (struct sluice_cached){
		.size = to->size,
		.entry = f,
		.meta = str_out(cache_entry_meta(e)),
		.length = cache_body_bytes(e->body),
		.age_ms = at_least_none(now_ms - e->stored_ms),
		.remaining_ms = at_least_none(e->ends_ms - now_ms),
	};
	return SLUICE_OK;
}

static bool is_cached_whole(const struct sluice_cached *c)
{
	return c && c->size >= sizeof(*c);
}

static int32_t find(struct sluice_exchange *x, struct sluice_cache *cache, struct sluice_str key,
	struct sluice_cached *cached)
{
	struct cache_change change = {0};
	if (!may_ask(&calls[FIND], x, cache))
		return SLUICE_E_WRONG_CALLBACK;
	if (!is_cached_whole(cached) || key.n < 1 || key.n > KEY_BYTES_MAX)
		return SLUICE_E_INVALID;
	enum services_store how = services_store_now();
	if (how == STORE_UNAVAILABLE)
		return SLUICE_E_UNAVAILABLE;
	struct sluice_cache_entry *f = arena_zalloc(x->arena, sizeof(*f));
	if (!f)
		return SLUICE_E_FULL;
	const struct named_cache *named = cache->named;
	f->cache = cache;
	f->entry = cache_find(named->store, loop_now_ms(x->loop), str_in(key), &change);
	count_change(named, &change);
	count(named, f->entry ? COUNT_HITS : COUNT_MISSES, 1);
	task_init(&f->task, found_late);
	operation_begin(&f->operation, x, found_leave);
	if (how == STORE_LATE) {
		loop_ready_next(x->loop, &f->task);
		return SLUICE_PENDING;
	}
	operation_end(&f->operation);
	return give(f, cached);
}

static struct sluice_cache_entry *found_of(struct operation *op)
{
	return op->leave == found_leave ? CONTAINER_OF(op, struct sluice_cache_entry, operation)
					: NULL;
}

static int32_t take(
	struct sluice_exchange *x, struct sluice_cache *cache, struct sluice_cached *cached)
{
	struct sluice_cache_entry *oldest = NULL;
	if (!may_ask(&calls[TAKE], x, cache))
		return SLUICE_E_WRONG_CALLBACK;
	if (!is_cached_whole(cached))
		return SLUICE_E_INVALID;
	for (struct operation *op = x->operations; op; op = op->next) {
		struct sluice_cache_entry *f = found_of(op);
		if (f && operation_is_own(op, x) && f->cache == cache && !f->is_given)
			oldest = f;
	}
	if (!oldest)
		return SLUICE_E_NOT_FOUND;
	return oldest->operation.is_pending ? SLUICE_PENDING : give(oldest, cached);
}

/* What the plugin gave as an entry, if this binding has found it in this exchange: in whichever
 * direction. Nothing of it is read before. */
static struct sluice_cache_entry *entry_of(const struct policy_call *call,
	struct sluice_exchange *x, const struct sluice_cache_entry *given)
{
	for (struct operation *op = x->operations; op; op = op->next) {
		struct sluice_cache_entry *f = found_of(op);
		if (f && f == given && op->binding == x->current && f->entry)
			return f;
	}
	policy_refuse(call);
	return NULL;
}

static int32_t read_body(struct sluice_exchange *x, struct sluice_cache_entry *entry,
	uint64_t offset, struct sluice_str *bytes)
{
	if (!policy_allows_exchange(&calls[READ], x))
		return SLUICE_E_WRONG_CALLBACK;
	const struct sluice_cache_entry *f = entry_of(&calls[READ], x, entry);
	if (!f || !bytes)
		return SLUICE_E_INVALID;
	const struct cache_piece *p = cache_body_pieces(f->entry->body);
	for (; p && offset >= p->n; p = p->next)
		offset -= p->n;
	*bytes = p ? (struct sluice_str){p->data + offset, p->n - offset}
		   : (struct sluice_str){"", 0};
	return SLUICE_OK;
}

/* --- answering ------------------------------------------------------------------------------- */
/* In the exchange's arena. */
struct answer {
	struct operation operation;
	struct local_stream body;
};

static void answer_leave(struct operation *op)
{
	chunk_queue_clear(&CONTAINER_OF(op, struct answer, operation)->body.queue);
}

/* All of it was written before it was given. */
static void nothing_changed(struct local_stream *s)
{
}

static void let_go_of_body(void *owner)
{
	cache_body_unref(owner);
}

static void add_slices(
	struct chunk_queue *q, struct cache_body *body, uint64_t offset, uint64_t length)
{
	struct block *block = block_new_foreign(q->pool, let_go_of_body, cache_body_ref(body));
	for (const struct cache_piece *p = cache_body_pieces(body); p && length > 0; p = p->next) {
		if (offset >= p->n) {
			offset -= p->n;
			continue;
		}
		size_t n = p->n - (size_t)offset;
		n = n < length ? n : (size_t)length;
		chunk_queue_add_slice(q, block, p->data + offset, n);
		offset = 0;
		length -= n;
	}
	block_unref(block);
}

static bool answer_is_valid(const struct sluice_cache_answer *a, uint64_t bytes)
{
	return a && a->size >= sizeof(*a) && a->offset <= bytes;
}

static int32_t respond(struct sluice_exchange *x, struct sluice_cache_entry *entry,
	const struct sluice_cache_answer *a)
{
	struct local_response *local;
	if (!policy_allows_exchange(&calls[RESPOND], x))
		return SLUICE_E_WRONG_CALLBACK;
	if (x->response_sent)
		return policy_refuse_late(&calls[RESPOND], "the response has been sent");
	const struct sluice_cache_entry *f = entry_of(&calls[RESPOND], x, entry);
	if (!f || !answer_is_valid(a, cache_body_bytes(f->entry->body)))
		return SLUICE_E_INVALID;
	uint64_t rest = cache_body_bytes(f->entry->body) - a->offset;
	uint64_t length = a->length > 0 && a->length < rest ? a->length : rest;
	struct answer *made = arena_zalloc(x->arena, sizeof(*made));
	if (!made)
		return SLUICE_E_FULL;
	made->body.length = length;
	made->body.changed = nothing_changed;
	made->body.lies_elsewhere = true;
	int32_t rc = local_stream_answer(
		x, a->status, a->fields, a->field_count, str_in(a->reason), &made->body, &local);
	if (rc != SLUICE_OK)
		return rc;
	if (local->head.has_content)
		local->head.content_length = (int64_t)length;
	if (!made->body.discards)
		add_slices(&made->body.queue, f->entry->body, a->offset, length);
	made->body.written = length;
	made->body.ended = true;
	operation_begin(&made->operation, x, answer_leave);
	operation_end(&made->operation);
	return SLUICE_OK;
}

/* --- storing --------------------------------------------------------------------------------- */
/* In the exchange's arena. */
struct capture {
	struct operation operation;
	const struct sluice_cache *cache;
	struct cache_body *body; /* owned */
	struct str key, group, meta;
	int64_t for_ms;
	uint64_t purges; /* when it was begun */
};

static void capture_leave(struct operation *op)
{
	struct capture *c = CONTAINER_OF(op, struct capture, operation);
	atomic_fetch_sub_explicit(&c->cache->named->bytes_to_come, cache_body_bytes(c->body),
		memory_order_relaxed);
	cache_body_unref(c->body);
}

/* What is begun is bounded as what is stored is: slow responses must not hold more than the store may. */
static int32_t capture_add(struct capture *c, struct str bytes)
{
	const struct cache_options *o = &c->cache->options;
	_Atomic uint64_t *to_come = &c->cache->named->bytes_to_come;
	uint64_t before = atomic_fetch_add_explicit(to_come, bytes.n, memory_order_relaxed);
	if (before + bytes.n <= o->bytes_max &&
		cache_body_add(c->body, bytes, o->entry_bytes_max) == RC_OK)
		return SLUICE_OK;
	atomic_fetch_sub_explicit(to_come, bytes.n, memory_order_relaxed);
	return SLUICE_E_FULL;
}

static struct capture *capture_of(struct sluice_exchange *x, const struct sluice_cache *cache)
{
	for (struct operation *op = x->operations; op; op = op->next) {
		struct capture *c = CONTAINER_OF(op, struct capture, operation);
		if (op->leave == capture_leave && op->binding == x->current && c->cache == cache)
			return c;
	}
	return NULL;
}

static void capture_end(struct capture *c)
{
	operation_take(&c->operation);
	capture_leave(&c->operation);
}

static bool item_take(const struct sluice_cache_item *given, struct sluice_cache_item *item)
{
	if (!given || given->size < sizeof(*given))
		return false;
	*item = *given;
	return item->key.n >= 1 && item->key.n <= KEY_BYTES_MAX &&
	       item->group.n <= GROUP_BYTES_MAX && item->meta.n <= META_BYTES_MAX &&
	       item->for_ms >= 1 && item->for_ms <= FOR_MS_MAX;
}

static int32_t store(const struct sluice_cache *cache, int64_t now_ms,
	const struct sluice_cache_item *item, struct cache_body *body)
{
	struct cache_change change = {0};
	enum rc rc = cache_put(cache->named->store, now_ms, str_in(item->key), str_in(item->group),
		str_in(item->meta), body, now_ms + item->for_ms, &change);
	count_change(cache->named, &change);
	if (rc != RC_OK)
		return SLUICE_E_FULL;
	count(cache->named, COUNT_STORES, 1);
	return SLUICE_OK;
}

static int32_t store_begin(struct sluice_exchange *x, struct sluice_cache *cache,
	const struct sluice_cache_item *given)
{
	struct sluice_cache_item item;
	if (!may_ask(&calls[STORE_BEGIN], x, cache))
		return SLUICE_E_WRONG_CALLBACK;
	if (!item_take(given, &item))
		return SLUICE_E_INVALID;
	if (capture_of(x, cache))
		return SLUICE_E_CONFLICT;
	struct capture *c = arena_zalloc(x->arena, sizeof(*c));
	struct str key = arena_copy(x->arena, str_in(item.key));
	struct str group = arena_copy(x->arena, str_in(item.group));
	struct str meta = arena_copy(x->arena, str_in(item.meta));
	if (!c || x->arena->failed)
		return SLUICE_E_FULL;
	c->cache = cache;
	c->body = cache_body_new();
	c->key = key;
	c->group = group;
	c->meta = meta;
	c->for_ms = item.for_ms;
	c->purges = atomic_load_explicit(&cache->named->purges, memory_order_seq_cst);
	operation_begin(&c->operation, x, capture_leave);
	operation_end(&c->operation);
	return SLUICE_OK;
}

/* A purge counts before it removes: whichever comes first, what was begun before it does not stay. */
static int32_t capture_store(const struct capture *c, int64_t now_ms)
{
	struct named_cache *n = c->cache->named;
	const struct sluice_cache_item item = {.key = str_out(c->key),
		.group = str_out(c->group),
		.meta = str_out(c->meta),
		.for_ms = c->for_ms};
	struct cache_change change = {0};
	int32_t result = store(c->cache, now_ms, &item, c->body);
	if (c->purges == atomic_load_explicit(&n->purges, memory_order_seq_cst))
		return result;
	cache_remove(n->store, c->key, &change);
	count_change(n, &change);
	return SLUICE_E_CONFLICT;
}

static int32_t store_piece(
	struct sluice_exchange *x, struct sluice_cache *cache, const struct sluice_body *piece)
{
	if (!may_ask(&calls[STORE_PIECE], x, cache))
		return SLUICE_E_WRONG_CALLBACK;
	if (!piece || piece->size < sizeof(*piece))
		return SLUICE_E_INVALID;
	struct capture *c = capture_of(x, cache);
	if (!c)
		return SLUICE_E_NOT_FOUND;
	int32_t result = capture_add(c, str_in(piece->bytes));
	if (result == SLUICE_OK && piece->end)
		result = capture_store(c, loop_now_ms(x->loop));
	if (result != SLUICE_OK || piece->end)
		capture_end(c);
	return result;
}

static int32_t store_abandon(struct sluice_exchange *x, struct sluice_cache *cache)
{
	if (!may_ask(&calls[STORE_ABANDON], x, cache))
		return SLUICE_E_WRONG_CALLBACK;
	struct capture *c = capture_of(x, cache);
	if (!c)
		return SLUICE_E_NOT_FOUND;
	capture_end(c);
	return SLUICE_OK;
}

static int32_t touch(struct sluice_exchange *x, struct sluice_cache_entry *entry,
	struct sluice_str meta, int64_t for_ms)
{
	struct cache_change change = {0};
	if (!policy_allows_exchange(&calls[TOUCH], x))
		return SLUICE_E_WRONG_CALLBACK;
	const struct sluice_cache_entry *f = entry_of(&calls[TOUCH], x, entry);
	if (!f || meta.n > META_BYTES_MAX || for_ms < 1 || for_ms > FOR_MS_MAX)
		return SLUICE_E_INVALID;
	const struct named_cache *named = f->cache->named;
	enum rc rc = cache_touch(
		named->store, f->entry, str_in(meta), loop_now_ms(x->loop) + for_ms, &change);
	count_change(named, &change);
	return rc == RC_OK ? SLUICE_OK : SLUICE_E_CONFLICT;
}

/* --- without an exchange --------------------------------------------------------------------- */
static bool may_change(const struct policy_call *what, const struct sluice_call *call,
	const struct sluice_cache *cache)
{
	return policy_allows(what, call ? call->instance : NULL) && is_own(what, cache) &&
	       services_thread.loop;
}

static int32_t put(const struct sluice_call *call, struct sluice_cache *cache,
	const struct sluice_cache_item *given, struct sluice_str bytes)
{
	struct sluice_cache_item item;
	if (!may_change(&calls[PUT], call, cache))
		return SLUICE_E_WRONG_CALLBACK;
	if (!item_take(given, &item))
		return SLUICE_E_INVALID;
	struct cache_body *body = cache_body_new();
	int32_t result = SLUICE_E_FULL;
	if (cache_body_add(body, str_in(bytes), cache->options.entry_bytes_max) == RC_OK)
		result = store(cache, loop_now_ms(services_thread.loop), &item, body);
	cache_body_unref(body);
	return result;
}

static int32_t remove_one(
	const struct sluice_call *call, struct sluice_cache *cache, struct sluice_str key)
{
	struct cache_change change = {0};
	if (!may_change(&calls[REMOVE], call, cache))
		return SLUICE_E_WRONG_CALLBACK;
	bool was_there = cache_remove(cache->named->store, str_in(key), &change);
	count_change(cache->named, &change);
	return was_there ? SLUICE_OK : SLUICE_E_NOT_FOUND;
}

static int64_t remove_group(
	const struct sluice_call *call, struct sluice_cache *cache, struct sluice_str group)
{
	struct cache_change change = {0};
	if (!may_change(&calls[REMOVE_GROUP], call, cache))
		return SLUICE_E_WRONG_CALLBACK;
	if (group.n == 0)
		return SLUICE_E_INVALID;
	size_t n = cache_remove_group(cache->named->store, str_in(group), &change);
	count_change(cache->named, &change);
	return (int64_t)n;
}

static int64_t remove_prefix(
	const struct sluice_call *call, struct sluice_cache *cache, struct sluice_str prefix)
{
	struct cache_change change = {0};
	if (!may_change(&calls[REMOVE_PREFIX], call, cache))
		return SLUICE_E_WRONG_CALLBACK;
	size_t n = cache_remove_prefix(cache->named->store, str_in(prefix), &change);
	count_change(cache->named, &change);
	return (int64_t)n;
}

/* --- life ------------------------------------------------------------------------------------ */
static void named_apply_limits(struct named_cache *n)
{
	struct cache_change change = {0};
	const struct sluice_cache *newest =
		CONTAINER_OF(n->holders.next, struct sluice_cache, holder);
	cache_limit(n->store, &newest->options, &change);
	count_change(n, &change);
}

static void named_free(struct named_cache *n)
{
	struct cache_change change = {0};
	cache_remove_prefix(n->store, STR_EMPTY, &change);
	count_change(n, &change);
	map_remove(&caches, n->key);
	if (caches.count == 0)
		map_deinit(&caches);
	cache_free(n->store);
	for (int i = 0; i < COUNT_COUNT; i++)
		if (n->series[i])
			metric_series_unref(n->series[i]);
	free((char *)(uintptr_t)n->key.p);
	free(n);
}

static void on_release(struct policy_companion *companion)
{
	struct sluice_cache *c = CONTAINER_OF(companion, struct sluice_cache, companion);
	list_remove(&c->holder);
	if (list_is_empty(&c->named->holders))
		named_free(c->named);
	else
		named_apply_limits(c->named);
	free(c);
}

static void count_in(struct named_cache *n, struct sluice_instance *i, struct str own)
{
	static const struct {
		const char *name, *help;
		enum metric_kind kind;
	} rows[] = {
#define X(name, metric, help, kind) {metric, help, kind},
		COUNTS(X)
#undef X
	};
	struct metrics *m = policy_metrics(i);
	const struct metric_label labels[] = {
		{STR("policy"), instance_policy(i)}, {STR("cache"), own}};
	n->workers = policy_workers(i);
	for (int k = 0; m && k < COUNT_COUNT; k++) {
		struct metric_family *f =
			metrics_family(m, rows[k].name, rows[k].help, rows[k].kind, NULL, 0);
		n->series[k] = f ? metrics_series(f, labels, ARRAY_COUNT(labels)) : NULL;
	}
}

static struct named_cache *named_of(
	struct sluice_instance *i, struct str name, const struct cache_options *o)
{
	struct buffer b;
	buffer_init(&b, SIZE_MAX);
	struct str policy = instance_policy(i);
	struct str own = name.n ? name : instance_binding(i);
	buffer_addf(&b, "%.*s%c%.*s", STR_ARG(policy), name.n ? '@' : ' ', STR_ARG(own));
	struct named_cache *n = map_get(&caches, buffer_str(&b));
	if (!n) {
		n = heap_zalloc(sizeof(*n));
		n->key = str_n(heap_strndup(buffer_str(&b)), buffer_str(&b).n);
		n->policy = str_slice(n->key, 0, policy.n);
		n->name = str_from(n->key, policy.n + 1);
		n->store = cache_new(o);
		list_init(&n->holders);
		count_in(n, i, own);
		map_put(&caches, n->key, n);
	}
	buffer_deinit(&b);
	return n;
}

static bool options_take(const struct sluice_cache_options *given, struct sluice_cache_options *o)
{
	if (!given || given->size < sizeof(*given))
		return false;
	*o = *given;
	return o->name.n <= NAME_BYTES_MAX && o->entries_max >= 1 &&
	       o->entries_max <= ENTRIES_MAX && o->bytes_max >= STORE_BYTES_MIN &&
	       o->bytes_max <= STORE_BYTES_MAX && o->entry_bytes_max >= 1 &&
	       o->entry_bytes_max <= o->bytes_max;
}

static struct sluice_cache *open_cache(
	struct sluice_instance *i, const struct sluice_cache_options *given)
{
	struct sluice_cache_options o;
	if (!policy_allows(&calls[OPEN], i))
		return NULL;
	if (!options_take(given, &o)) {
		policy_log_line(i, NULL, SLUICE_LOG_ERROR,
			STR("a cache's options are out of their ranges (sluice/cache.h)"));
		return NULL;
	}
	struct sluice_cache *c = heap_zalloc(sizeof(*c));
	c->companion.release = on_release;
	c->instance = i;
	c->options = (struct cache_options){.bytes_max = o.bytes_max,
		.entry_bytes_max = o.entry_bytes_max,
		.entries_max = o.entries_max};
	c->named = named_of(i, str_in(o.name), &c->options);
	list_prepend(&c->named->holders, &c->holder);
	named_apply_limits(c->named);
	policy_accompany(i, &c->companion);
	return c;
}

/* --- for whoever runs the gateway ------------------------------------------------------------ */
void services_caches(cache_account_fn *fn, void *arg)
{
	const struct map_entry *each;
	for (size_t at = 0; (each = map_next(&caches, &at));) {
		const struct named_cache *n = each->value;
		struct cache_usage u = cache_usage(n->store);
		const struct cache_account account = {n->policy, n->name, u.entries,
			u.options.entries_max, u.bytes, u.options.bytes_max};
		fn(&account, arg);
	}
}

int64_t services_cache_purge(struct str name)
{
	const struct map_entry *each;
	int64_t entries = -1;
	for (size_t at = 0; (each = map_next(&caches, &at));) {
		struct named_cache *n = each->value;
		struct cache_change change = {0};
		if (!str_eq(n->name, name))
			continue;
		atomic_fetch_add_explicit(&n->purges, 1, memory_order_seq_cst);
		int64_t dropped = (int64_t)cache_remove_prefix(n->store, STR_EMPTY, &change);
		count_change(n, &change);
		entries = entries < 0 ? dropped : entries + dropped;
	}
	return entries;
}

const void *services_cache_table(void)
{
	static const struct sluice_cache_service table = {
		.size = sizeof(table),
		.open = open_cache,
		.find = find,
		.take = take,
		.respond = respond,
		.read = read_body,
		.touch = touch,
		.store_begin = store_begin,
		.store_piece = store_piece,
		.store_abandon = store_abandon,
		.put = put,
		.remove = remove_one,
		.remove_group = remove_group,
		.remove_prefix = remove_prefix,
	};
	return &table;
}
