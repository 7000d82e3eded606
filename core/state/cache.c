/* SPDX-License-Identifier: Apache-2.0 */
#include "state/cache.h"

#include "base/check.h"
#include "base/list.h"
#include "base/memory.h"
#include "crypto/crypto.h"
#include "state/cache_removals.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>

/* What one entry costs beside its bytes and pieces: its node, its slot, the allocator. */
#define ENTRY_BYTES    112
#define SLOTS_AT_LEAST 64
/* One part in so many of all bytes is the small queue's. */
#define SMALL_SHARE 10
#define USES_MAX    3
/* Fingerprints of what has left: a power of two; 8 bytes each. */
#define GHOSTS_MAX 65536

/* --- entries --------------------------------------------------------------------------------- */
static uint64_t cost_of(const struct cache_entry *e)
{
	return ENTRY_BYTES + cache_entry_bytes(e) + cache_body_cost(e->body);
}

/* --- the store ------------------------------------------------------------------------------- */
struct node {
	struct link link;  /* in its queue: the oldest first */
	struct node *next; /* in its slot */
	uint64_t hash;
	uint64_t cost;
	struct cache_entry *entry; /* ref */
	uint8_t uses;              /* since it came into its queue, up to USES_MAX */
	bool is_main;
};

struct ghost {
	uint32_t fingerprint, left; /* when: by the count of those that left */
};

struct cache {
	pthread_mutex_t lock;
	uint8_t key[16];
	struct cache_options options;
	struct node **slots; /* owned; a power of two of them */
	size_t slot_count;
	struct link queues[2]; /* small, main */
	uint64_t queue_bytes[2], queue_entries[2];
	uint64_t entries, evicted;
	struct ghost *ghosts; /* owned */
	uint32_t ghost_count, left;
	struct cache_mirror *mirror; /* borrowed; NULL: none */
	struct cache_change untold;  /* to nobody yet */
	bool has_untold;
	struct cache_removals removals;
};

static struct node **slot_of(const struct cache *c, uint64_t hash)
{
	return &c->slots[hash & (c->slot_count - 1)];
}

/* Where the node of that key hangs; *at NULL: there is none. */
static struct node **find(const struct cache *c, uint64_t hash, struct str key)
{
	struct node **at = slot_of(c, hash);
	while (*at && !((*at)->hash == hash && str_eq(cache_entry_key((*at)->entry), key)))
		at = &(*at)->next;
	return at;
}

static void unqueue(struct cache *c, struct node *n)
{
	list_remove(&n->link);
	c->queue_bytes[n->is_main] -= n->cost;
	c->queue_entries[n->is_main]--;
}

static void node_drop(struct cache *c, struct node **at)
{
	struct node *n = *at;
	*at = n->next;
	unqueue(c, n);
	c->entries--;
	if (c->mirror)
		c->mirror->is_gone(c->mirror, n->entry);
	cache_entry_unref(n->entry);
	free(n);
}

static void node_drop_it(struct cache *c, struct node *n)
{
	struct node **at = slot_of(c, n->hash);
	while (*at != n)
		at = &(*at)->next;
	node_drop(c, at);
}

static void enqueue(struct cache *c, struct node *n, bool is_main)
{
	n->is_main = is_main;
	n->uses = 0;
	list_append(&c->queues[is_main], &n->link);
	c->queue_bytes[is_main] += n->cost;
	c->queue_entries[is_main]++;
}

static void requeue(struct cache *c, struct node *n)
{
	unqueue(c, n);
	enqueue(c, n, true);
}

static void grow(struct cache *c)
{
	struct node **former = c->slots;
	size_t count = c->slot_count;
	c->slot_count = count ? count * 2 : SLOTS_AT_LEAST;
	c->slots = heap_zalloc(c->slot_count * sizeof(c->slots[0]));
	for (size_t i = 0; i < count; i++) {
		while (former[i]) {
			struct node *n = former[i], **to = slot_of(c, n->hash);
			former[i] = n->next;
			n->next = *to;
			*to = n;
		}
	}
	free(former);
}

/* --- what has left --------------------------------------------------------------------------- */
static struct ghost *ghost_of(struct cache *c, uint64_t hash)
{
	return &c->ghosts[(hash >> 20) & (c->ghost_count - 1)];
}

static void ghost_add(struct cache *c, uint64_t hash)
{
	*ghost_of(c, hash) = (struct ghost){(uint32_t)(hash >> 32) | 1, ++c->left};
}

/* It left among the last that were as many as there are entries. */
static bool ghost_take(struct cache *c, uint64_t hash)
{
	struct ghost *g = ghost_of(c, hash);
	bool is_it =
		g->fingerprint == ((uint32_t)(hash >> 32) | 1) && c->left - g->left <= c->entries;
	if (is_it)
		*g = (struct ghost){0};
	return is_it;
}

/* --- making room ----------------------------------------------------------------------------- */
static struct node *oldest(const struct cache *c, bool is_main)
{
	struct link *first = c->queues[is_main].next;
	return first == &c->queues[is_main] ? NULL : CONTAINER_OF(first, struct node, link);
}

static void evict_small(struct cache *c, struct node *n)
{
	if (n->uses > 0) {
		requeue(c, n);
		return;
	}
	ghost_add(c, n->hash);
	c->evicted++;
	node_drop_it(c, n);
}

/* Each round takes one use from somebody, so it ends. */
static void evict_main(struct cache *c, struct node *n)
{
	if (n->uses > 0) {
		uint8_t uses = n->uses;
		requeue(c, n);
		n->uses = (uint8_t)(uses - 1);
		return;
	}
	c->evicted++;
	node_drop_it(c, n);
}

static bool is_over(const struct cache *c)
{
	return c->entries > c->options.entries_max ||
	       c->queue_bytes[0] + c->queue_bytes[1] > c->options.bytes_max;
}

/* Of whichever bound is the nearer. */
static bool is_small_full(const struct cache *c)
{
	return c->queue_bytes[0] * SMALL_SHARE >= c->options.bytes_max ||
	       c->queue_entries[0] * SMALL_SHARE >= c->options.entries_max;
}

static void make_room(struct cache *c)
{
	while (is_over(c)) {
		struct node *small = oldest(c, false), *main = oldest(c, true);
		if (small && (!main || is_small_full(c)))
			evict_small(c, small);
		else
			evict_main(c, main);
	}
}

/* --- the lock -------------------------------------------------------------------------------- */
static void tally(const struct cache *c, struct cache_change *change, int sign)
{
	change->bytes += sign * (int64_t)(c->queue_bytes[0] + c->queue_bytes[1]);
	change->entries += sign * (int64_t)c->entries;
	change->evicted += (uint64_t)sign * c->evicted;
}

static void enter(struct cache *c, struct cache_change *change)
{
	pthread_mutex_lock(&c->lock);
	tally(c, change, -1);
}

static void tell_untold(struct cache *c, struct cache_change *change)
{
	change->bytes += c->untold.bytes;
	change->entries += c->untold.entries;
	change->evicted += c->untold.evicted;
	change->restored += c->untold.restored;
	change->unkept += c->untold.unkept;
	c->untold = (struct cache_change){0};
	c->has_untold = false;
}

static void leave(struct cache *c, struct cache_change *change)
{
	tally(c, change, 1);
	if (c->has_untold)
		tell_untold(c, change);
	pthread_mutex_unlock(&c->lock);
}

/* --- life ------------------------------------------------------------------------------------ */
static uint32_t ghosts_for(uint32_t entries_max)
{
	uint32_t count = 64;
	while (count < entries_max && count < GHOSTS_MAX)
		count *= 2;
	return count;
}

struct cache *cache_new(const struct cache_options *o)
{
	struct cache *c = heap_zalloc(sizeof(*c));
	CHECK(pthread_mutex_init(&c->lock, NULL) == 0);
	CHECK(random_bytes(c->key, sizeof(c->key)) == RC_OK);
	c->options = *o;
	list_init(&c->queues[0]);
	list_init(&c->queues[1]);
	c->ghost_count = ghosts_for(o->entries_max);
	c->ghosts = heap_zalloc(c->ghost_count * sizeof(c->ghosts[0]));
	grow(c);
	return c;
}

void cache_free(struct cache *c)
{
	for (int main = 0; main < 2; main++)
		for (struct node *n; (n = oldest(c, main));)
			node_drop_it(c, n);
	pthread_mutex_destroy(&c->lock);
	free(c->slots);
	free(c->ghosts);
	cache_removals_end(&c->removals);
	free(c);
}

void cache_limit(struct cache *c, const struct cache_options *o, struct cache_change *change)
{
	enter(c, change);
	c->options = *o;
	make_room(c);
	leave(c, change);
}

struct cache_usage cache_usage(struct cache *c)
{
	pthread_mutex_lock(&c->lock);
	struct cache_usage u = {c->queue_bytes[0] + c->queue_bytes[1], c->entries, c->options};
	pthread_mutex_unlock(&c->lock);
	return u;
}

/* --- calls ----------------------------------------------------------------------------------- */
struct cache_entry *cache_find(
	struct cache *c, int64_t now_ms, struct str key, struct cache_change *change)
{
	struct cache_entry *found = NULL;
	uint64_t hash = keyed_hash(c->key, key);
	enter(c, change);
	struct node **at = find(c, hash, key);
	if (*at && (*at)->entry->ends_ms <= now_ms) {
		node_drop(c, at);
	} else if (*at) {
		(*at)->uses += (*at)->uses < USES_MAX;
		found = cache_entry_ref((*at)->entry);
	}
	leave(c, change);
	return found;
}

/* The lock is held, as in what follows. */
static void insert(struct cache *c, uint64_t hash, struct cache_entry *e, uint64_t cost)
{
	struct node *n = heap_zalloc(sizeof(*n));
	n->hash = hash;
	n->entry = e;
	n->cost = cost;
	if (++c->entries > c->slot_count)
		grow(c);
	struct node **slot = slot_of(c, hash);
	n->next = *slot;
	*slot = n;
	enqueue(c, n, ghost_take(c, hash));
}

static void stand(struct cache *c, struct cache_entry *e)
{
	if (c->mirror)
		c->mirror->stands(c->mirror, e);
	make_room(c);
}

/* Its place and its uses stay: it is the same thing, newer. */
static void replace(struct cache *c, struct node *n, struct cache_entry *e, uint64_t cost)
{
	cache_entry_unref(n->entry);
	n->entry = e;
	c->queue_bytes[n->is_main] += cost - n->cost;
	n->cost = cost;
	stand(c, e);
}

static void put_new(struct cache *c, uint64_t hash, struct cache_entry *e, uint64_t cost)
{
	insert(c, hash, e, cost);
	stand(c, e);
}

enum rc cache_put_entry(struct cache *c, struct cache_entry *e, struct cache_change *change)
{
	struct str key = cache_entry_key(e);
	uint64_t hash = keyed_hash(c->key, key), cost = cost_of(e);
	enter(c, change);
	bool fits = cache_body_bytes(e->body) <= c->options.entry_bytes_max &&
		    cost <= c->options.bytes_max;
	struct node **at = find(c, hash, key);
	if (*at && !fits)
		node_drop(c, at);
	else if (*at)
		replace(c, *at, cache_entry_ref(e), cost);
	else if (fits)
		put_new(c, hash, cache_entry_ref(e), cost);
	else
		cache_removals_note(&c->removals, hash);
	leave(c, change);
	return fits ? RC_OK : RC_FULL;
}

enum rc cache_put(struct cache *c, int64_t now_ms, struct str key, struct str group,
	struct str meta, struct cache_body *body, int64_t ends_ms, struct cache_change *change)
{
	cache_body_settle(body);
	struct cache_entry *e = cache_entry_new(key, group, meta, body);
	e->stored_ms = now_ms;
	e->ends_ms = ends_ms;
	enum rc rc = cache_put_entry(c, e, change);
	cache_entry_unref(e);
	return rc;
}

struct cache_entry *cache_touch(struct cache *c, const struct cache_entry *e, struct str meta,
	int64_t ends_ms, struct cache_change *change)
{
	uint64_t hash = keyed_hash(c->key, cache_entry_key(e));
	struct cache_entry *newer =
		cache_entry_new(cache_entry_key(e), cache_entry_group(e), meta, e->body);
	newer->stored_ms = e->stored_ms;
	newer->ends_ms = ends_ms;
	newer->generation = e->generation;
	enter(c, change);
	struct node *n = *find(c, hash, cache_entry_key(e));
	bool is_it = n && n->entry == e;
	if (is_it)
		replace(c, n, cache_entry_ref(newer), cost_of(newer));
	leave(c, change);
	if (is_it)
		return newer;
	cache_entry_unref(newer);
	return NULL;
}

void cache_drop(struct cache *c, const struct cache_entry *e, struct cache_change *change)
{
	struct str key = cache_entry_key(e);
	enter(c, change);
	struct node **at = find(c, keyed_hash(c->key, key), key);
	if (*at && (*at)->entry == e)
		node_drop(c, at);
	leave(c, change);
}

bool cache_remove(struct cache *c, struct str key, struct cache_change *change)
{
	uint64_t hash = keyed_hash(c->key, key);
	enter(c, change);
	struct node **at = find(c, hash, key);
	bool was_there = *at != NULL;
	if (was_there)
		node_drop(c, at);
	cache_removals_note(&c->removals, hash);
	leave(c, change);
	return was_there;
}

static bool is_of_group(const struct cache_entry *e, struct str group)
{
	return group.n > 0 && str_eq(cache_entry_group(e), group);
}

static bool has_prefix(const struct cache_entry *e, struct str prefix)
{
	return str_starts(cache_entry_key(e), prefix);
}

typedef bool is_meant_fn(const struct cache_entry *e, struct str what);

static size_t remove_all(
	struct cache *c, is_meant_fn *is_meant, struct str what, struct cache_change *change)
{
	size_t count = 0;
	enter(c, change);
	cache_removals_note_all(&c->removals);
	for (size_t i = 0; i < c->slot_count; i++) {
		struct node **at = &c->slots[i];
		while (*at) {
			if (!is_meant((*at)->entry, what)) {
				at = &(*at)->next;
				continue;
			}
			node_drop(c, at);
			count++;
		}
	}
	leave(c, change);
	return count;
}

size_t cache_remove_group(struct cache *c, struct str group, struct cache_change *change)
{
	return remove_all(c, is_of_group, group, change);
}

size_t cache_remove_prefix(struct cache *c, struct str prefix, struct cache_change *change)
{
	return remove_all(c, has_prefix, prefix, change);
}

/* --- a copy of it ---------------------------------------------------------------------------- */
void cache_set_mirror(struct cache *c, struct cache_mirror *m)
{
	pthread_mutex_lock(&c->lock);
	c->mirror = m;
	cache_removals_end(&c->removals);
	c->removals.is_on = m != NULL;
	for (size_t i = 0; m && i < c->slot_count; i++)
		for (const struct node *n = c->slots[i]; n; n = n->next)
			m->stands(m, n->entry);
	pthread_mutex_unlock(&c->lock);
}

static enum rc restore(struct cache *c, int64_t now_ms, uint64_t hash, struct cache_entry *e)
{
	uint64_t cost = cost_of(e);
	if (*find(c, hash, cache_entry_key(e)))
		return RC_EXISTS;
	if (!c->removals.is_on || e->ends_ms <= now_ms || cache_removals_has(&c->removals, hash))
		return RC_REFUSED;
	if (cache_body_bytes(e->body) > c->options.entry_bytes_max || cost > c->options.bytes_max)
		return RC_FULL;
	insert(c, hash, cache_entry_ref(e), cost);
	make_room(c);
	c->untold.restored++;
	return RC_OK;
}

enum rc cache_restore(struct cache *c, int64_t now_ms, struct cache_entry *e)
{
	uint64_t hash = keyed_hash(c->key, cache_entry_key(e));
	enter(c, &c->untold);
	enum rc rc = restore(c, now_ms, hash, e);
	tally(c, &c->untold, 1);
	c->has_untold = true;
	pthread_mutex_unlock(&c->lock);
	return rc;
}

void cache_is_restored(struct cache *c)
{
	pthread_mutex_lock(&c->lock);
	cache_removals_end(&c->removals);
	pthread_mutex_unlock(&c->lock);
}

void cache_tell_unkept(struct cache *c)
{
	pthread_mutex_lock(&c->lock);
	c->untold.unkept++;
	c->has_untold = true;
	pthread_mutex_unlock(&c->lock);
}
