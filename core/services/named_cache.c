/* SPDX-License-Identifier: Apache-2.0 */
#include "services/named_cache.h"

#include "base/buffer.h"
#include "base/map.h"
#include "base/memory.h"
#include "observe/metrics.h"
#include "services/caches.h"
#include "services/far_cache.h"
#include "services/inbox.h"
#include "services/services_priv.h"
#include "state/cache_folder.h"

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

#define COUNTS(X)                                                                                  \
	X(HITS, "sluice_cache_hits_total", "Look-ups that found something.", METRIC_COUNTER)       \
	X(MISSES, "sluice_cache_misses_total", "Look-ups that found nothing.", METRIC_COUNTER)     \
	X(STORES, "sluice_cache_stores_total", "Bodies that were stored.", METRIC_COUNTER)         \
	X(EVICTIONS, "sluice_cache_evictions_total", "Entries dropped for want of room.",          \
		METRIC_COUNTER)                                                                    \
	X(BYTES, "sluice_cache_bytes", "What the store holds.", METRIC_GAUGE)                      \
	X(ENTRIES, "sluice_cache_entries", "How many entries it holds.", METRIC_GAUGE)             \
	X(RESTORED, "sluice_cache_restored_total", "Entries that came back from disk.",            \
		METRIC_COUNTER)                                                                    \
	X(UNKEPT, "sluice_cache_disk_failures_total",                                              \
		"Files that could not be written or deleted.", METRIC_COUNTER)                     \
	X(FAR_HITS, "sluice_cache_shared_hits_total", "Entries that another replica has stored.",  \
		METRIC_COUNTER)                                                                    \
	X(FAR_FAILURES, "sluice_cache_shared_failures_total",                                      \
		"Questions to the shared storage that were not answered.", METRIC_COUNTER)

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
	struct cache_folder *folder;    /* owned; its copy on disk; NULL: none */
	_Atomic uint64_t bytes_to_come; /* of bodies that exchanges have begun to store */
	_Atomic uint64_t purges;        /* what was begun before the last of them is not stored */
	struct far_cache far;
	_Atomic bool has_served; /* some worker has had it */
	unsigned workers;
	struct metric_series *series[COUNT_COUNT]; /* refs; NULL: nobody counts */
};

/* Main thread. */
static struct map caches;     /* by key */
static const char *state_dir; /* borrowed; NULL: nothing outlasts the process */
static bool is_ending;

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
	count(n, COUNT_RESTORED, change->restored);
	count(n, COUNT_UNKEPT, change->unkept);
}

/* --- what is asked of it --------------------------------------------------------------------- */
bool cache_is_own(const struct policy_call *call, const struct sluice_cache *c)
{
	if (c && c->instance == policy_current())
		return true;
	policy_refuse(call);
	return false;
}

bool cache_may_ask(const struct policy_call *call, const struct sluice_exchange *x,
	const struct sluice_cache *c)
{
	return policy_allows_exchange(call, x) && cache_is_own(call, c);
}

bool cache_key_is_valid(struct sluice_str key)
{
	return key.n >= 1 && key.n <= KEY_BYTES_MAX;
}

bool cache_terms_are_valid(struct sluice_str meta, int64_t for_ms)
{
	return meta.n <= META_BYTES_MAX && for_ms >= 1 && for_ms <= FOR_MS_MAX;
}

bool cache_item_take(const struct sluice_cache_item *given, struct sluice_cache_item *item)
{
	if (!given || given->size < sizeof(*given))
		return false;
	*item = *given;
	return cache_key_is_valid(item->key) && item->group.n <= GROUP_BYTES_MAX &&
	       cache_terms_are_valid(item->meta, item->for_ms);
}

struct cache_entry *named_cache_look(struct named_cache *n, int64_t now_ms, struct str key)
{
	struct cache_change change = {0};
	struct cache_entry *e = cache_find(n->store, now_ms, key, &change);
	count_change(n, &change);
	return e;
}

void named_cache_count_found(struct named_cache *n, bool is_found)
{
	count(n, is_found ? COUNT_HITS : COUNT_MISSES, 1);
}

static enum rc put_here(struct named_cache *n, struct cache_entry *e)
{
	struct cache_change change = {0};
	enum rc rc = cache_put_entry(n->store, e, &change);
	count_change(n, &change);
	return rc;
}

int32_t named_cache_put(const struct sluice_cache *c, int64_t begun_ms,
	const struct sluice_cache_item *item, struct cache_body *body, uint64_t seen)
{
	struct named_cache *n = c->named;
	cache_body_settle(body);
	struct cache_entry *e =
		cache_entry_new(str_in(item->key), str_in(item->group), str_in(item->meta), body);
	e->stored_ms = begun_ms;
	e->ends_ms = begun_ms + item->for_ms;
	e->generation = atomic_load_explicit(&n->far.generation, memory_order_relaxed);
	atomic_init(&e->checked_ms, loop_now_ms(services_thread.loop));
	enum rc rc = put_here(n, e);
	if (rc == RC_OK && far_cache_is_there(c))
		far_cache_put(c, e, seen);
	cache_entry_unref(e);
	count(n, COUNT_STORES, rc == RC_OK);
	return rc == RC_OK ? SLUICE_OK : SLUICE_E_FULL;
}

int32_t named_cache_touch(
	const struct sluice_cache *c, const struct cache_entry *e, struct str meta, int64_t ends_ms)
{
	struct cache_change change = {0};
	struct cache_entry *newer = cache_touch(c->named->store, e, meta, ends_ms, &change);
	count_change(c->named, &change);
	if (!newer)
		return SLUICE_E_CONFLICT;
	if (far_cache_is_there(c)) {
		atomic_store(&newer->checked_ms, loop_now_ms(services_thread.loop));
		far_cache_put(c, newer, far_cache_version(e));
	}
	cache_entry_unref(newer);
	return SLUICE_OK;
}

bool named_cache_remove(const struct sluice_cache *c, struct str key)
{
	struct cache_change change = {0};
	bool was_there = cache_remove(c->named->store, key, &change);
	count_change(c->named, &change);
	if (far_cache_is_there(c))
		far_cache_remove(c, key);
	return was_there;
}

size_t named_cache_remove_group(const struct sluice_cache *c, struct str group)
{
	struct cache_change change = {0};
	size_t dropped = cache_remove_group(c->named->store, group, &change);
	count_change(c->named, &change);
	if (far_cache_is_there(c))
		far_cache_empty(c);
	return dropped;
}

static size_t remove_prefix_here(struct named_cache *n, struct str prefix)
{
	struct cache_change change = {0};
	size_t dropped = cache_remove_prefix(n->store, prefix, &change);
	count_change(n, &change);
	return dropped;
}

size_t named_cache_remove_prefix(const struct sluice_cache *c, struct str prefix)
{
	if (far_cache_is_there(c))
		far_cache_empty(c);
	return remove_prefix_here(c->named, prefix);
}

struct far_cache *named_cache_far(struct named_cache *n)
{
	return &n->far;
}

void named_cache_take_in(struct named_cache *n, struct cache_entry *e)
{
	count(n, COUNT_STORES, put_here(n, e) == RC_OK);
}

void named_cache_drop(struct named_cache *n, const struct cache_entry *e)
{
	struct cache_change change = {0};
	cache_drop(n->store, e, &change);
	count_change(n, &change);
}

void named_cache_count_far(struct named_cache *n, bool is_hit)
{
	count(n, is_hit ? COUNT_FAR_HITS : COUNT_FAR_FAILURES, 1);
}

bool named_cache_expect(struct named_cache *n, uint64_t bytes, uint64_t bytes_max)
{
	uint64_t before = atomic_fetch_add_explicit(&n->bytes_to_come, bytes, memory_order_relaxed);
	if (before + bytes <= bytes_max)
		return true;
	named_cache_expect_no_more(n, bytes);
	return false;
}

void named_cache_expect_no_more(struct named_cache *n, uint64_t bytes)
{
	atomic_fetch_sub_explicit(&n->bytes_to_come, bytes, memory_order_relaxed);
}

uint64_t named_cache_purges(const struct named_cache *n)
{
	return atomic_load_explicit(&n->purges, memory_order_seq_cst);
}

/* --- life ------------------------------------------------------------------------------------ */
/* What a plan that never served lets go of stands there for the next one. */
static void folder_close(struct named_cache *n)
{
	if (n->folder)
		cache_folder_close(n->folder, is_ending || !atomic_load(&n->has_served));
	n->folder = NULL;
}

/* Who opened it last chooses. */
static void named_apply_options(struct named_cache *n)
{
	struct cache_change change = {0};
	const struct sluice_cache *newest =
		CONTAINER_OF(n->holders.next, struct sluice_cache, holder);
	cache_limit(n->store, &newest->options, &change);
	count_change(n, &change);
	if (!newest->persists)
		folder_close(n);
	else if (!n->folder && state_dir)
		n->folder = cache_folder_open(state_dir, n->key, n->store);
}

static void named_free(struct named_cache *n)
{
	folder_close(n);
	remove_prefix_here(n, STR_EMPTY);
	map_remove(&caches, n->key);
	if (caches.count == 0)
		map_deinit(&caches);
	cache_free(n->store);
	for (int i = 0; i < COUNT_COUNT; i++)
		if (n->series[i])
			metric_series_unref(n->series[i]);
	free((char *)(uintptr_t)n->far.scope.p);
	free((char *)(uintptr_t)n->key.p);
	free(n);
}

static void on_worker_start(struct policy_companion *companion, uint32_t worker)
{
	const struct sluice_cache *c = CONTAINER_OF(companion, struct sluice_cache, companion);
	atomic_store(&c->named->has_served, true);
}

static void on_release(struct policy_companion *companion)
{
	struct sluice_cache *c = CONTAINER_OF(companion, struct sluice_cache, companion);
	list_remove(&c->holder);
	if (list_is_empty(&c->named->holders))
		named_free(c->named);
	else
		named_apply_options(c->named);
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

/* Beside the stores of sluice.state/1, which may have the same names. */
static struct str scope_of(struct str key)
{
	return str_of(heap_printf("cache %.*s", STR_ARG(key)));
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
		n->far.scope = scope_of(n->key);
		n->store = cache_new(o);
		list_init(&n->holders);
		count_in(n, i, own);
		map_put(&caches, n->key, n);
	}
	buffer_deinit(&b);
	return n;
}

bool named_cache_options_take(
	const struct sluice_cache_options *given, struct sluice_cache_options *o)
{
	if (!given || given->size < offsetof(struct sluice_cache_options, persists))
		return false;
	take_sized(o, sizeof(*o), given, given->size);
	return o->name.n <= NAME_BYTES_MAX && o->entries_max >= 1 &&
	       o->entries_max <= ENTRIES_MAX && o->bytes_max >= STORE_BYTES_MIN &&
	       o->bytes_max <= STORE_BYTES_MAX && o->entry_bytes_max >= 1 &&
	       o->entry_bytes_max <= o->bytes_max;
}

struct sluice_cache *named_cache_open(
	struct sluice_instance *i, const struct sluice_cache_options *given)
{
	struct sluice_cache *c = heap_zalloc(sizeof(*c));
	c->companion.worker_start = on_worker_start;
	c->companion.release = on_release;
	c->instance = i;
	c->options = (struct cache_options){.bytes_max = given->bytes_max,
		.entry_bytes_max = given->entry_bytes_max,
		.entries_max = given->entries_max};
	c->persists = given->persists != 0;
	c->is_shared = given->shared != 0;
	if (c->is_shared && c->options.entry_bytes_max > SLUICE_CACHE_SHARED_BYTES_MAX)
		c->options.entry_bytes_max = SLUICE_CACHE_SHARED_BYTES_MAX;
	if (c->is_shared)
		inbox_of(i); /* for a purge */
	c->named = named_of(i, str_in(given->name), &c->options);
	list_prepend(&c->named->holders, &c->holder);
	named_apply_options(c->named);
	policy_accompany(i, &c->companion);
	return c;
}

/* --- for whoever runs the gateway ------------------------------------------------------------ */
void named_caches_keep_in(const char *dir)
{
	state_dir = dir;
	is_ending = false;
}

void services_caches_sweep(void)
{
	if (state_dir)
		cache_folders_sweep(state_dir);
}

void services_caches_end(void)
{
	is_ending = true;
}

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

/* The main thread has no way to the shared storage. */
struct purge {
	struct letter letter;
	const struct sluice_cache *cache; /* the instance's */
};

static void purge_deliver(struct letter *l, struct sluice_instance *i, uint32_t worker)
{
	struct purge *p = CONTAINER_OF(l, struct purge, letter);
	if (far_cache_is_there(p->cache))
		far_cache_empty(p->cache);
	free(p);
}

static void purge_drop(struct letter *l)
{
	free(CONTAINER_OF(l, struct purge, letter));
}

/* It is owed from now on, whoever can ask first. */
static void purge_far(struct named_cache *n)
{
	const struct sluice_cache *newest =
		CONTAINER_OF(n->holders.next, struct sluice_cache, holder);
	if (!newest->is_shared)
		return;
	struct purge *p = heap_zalloc(sizeof(*p));
	p->letter = (struct letter){.deliver = purge_deliver, .drop = purge_drop};
	p->cache = newest;
	atomic_store(&n->far.owes, true);
	inbox_send(inbox_find(newest->instance), 0, &p->letter);
}

int64_t services_cache_purge(struct str name)
{
	const struct map_entry *each;
	int64_t entries = -1;
	for (size_t at = 0; (each = map_next(&caches, &at));) {
		struct named_cache *n = each->value;
		if (!str_eq(n->name, name))
			continue;
		atomic_fetch_add_explicit(&n->purges, 1, memory_order_seq_cst);
		purge_far(n);
		int64_t dropped = (int64_t)remove_prefix_here(n, STR_EMPTY);
		entries = entries < 0 ? dropped : entries + dropped;
	}
	return entries;
}
