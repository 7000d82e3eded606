/* SPDX-License-Identifier: Apache-2.0 */
#include "state/cache.h"

#include "base/check.h"
#include "base/list.h"
#include "base/memory.h"
#include "crypto/crypto.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>

/* What one entry costs beside its bytes and pieces: itself, its node, its slot, the allocator. */
#define ENTRY_BYTES    200
#define PIECE_BYTES    (sizeof(struct cache_piece) + 16)
#define PIECE_MAX      65536
#define SLOTS_AT_LEAST 64
/* One part in so many of all bytes is the small queue's. */
#define SMALL_SHARE 10
#define USES_MAX    3
/* Fingerprints of what has left: a power of two; 8 bytes each. */
#define GHOSTS_MAX 65536

/* --- bodies ---------------------------------------------------------------------------------- */
struct cache_body {
	_Atomic uint32_t refs;
	uint64_t bytes;
	size_t pieces;
	struct cache_piece *first, **last;
	size_t room; /* behind the last piece's bytes */
};

struct cache_body *cache_body_new(void)
{
	struct cache_body *b = heap_zalloc(sizeof(*b));
	atomic_init(&b->refs, 1);
	b->last = &b->first;
	return b;
}

static struct cache_piece *last_piece(struct cache_body *b)
{
	return (struct cache_piece *)(void *)((char *)b->last - offsetof(struct cache_piece, next));
}

static void piece_add(struct cache_body *b, size_t wanted)
{
	size_t room = b->bytes < 4096 ? 4096 : PIECE_MAX;
	if (room < wanted)
		room = wanted < PIECE_MAX ? wanted : PIECE_MAX;
	struct cache_piece *p = heap_alloc(sizeof(*p) + room);
	*p = (struct cache_piece){0};
	*b->last = p;
	b->last = &p->next;
	b->room = room;
	b->pieces++;
}

enum rc cache_body_add(struct cache_body *b, struct str bytes, uint64_t bytes_max)
{
	if (bytes.n > bytes_max || b->bytes > bytes_max - bytes.n)
		return RC_FULL;
	while (bytes.n > 0) {
		if (b->room == 0)
			piece_add(b, bytes.n);
		struct cache_piece *p = last_piece(b);
		size_t n = bytes.n < b->room ? bytes.n : b->room;
		memcpy(p->data + p->n, bytes.p, n);
		p->n += n;
		b->room -= n;
		b->bytes += n;
		bytes = str_from(bytes, n);
	}
	return RC_OK;
}

/* It grows no more: what the last piece has too much goes back. */
static void body_settle(struct cache_body *b)
{
	if (b->room < 1024)
		return;
	struct cache_piece **at = &b->first;
	while ((*at)->next)
		at = &(*at)->next;
	*at = heap_realloc(*at, sizeof(**at) + (*at)->n);
	b->last = &(*at)->next;
	b->room = 0;
}

uint64_t cache_body_bytes(const struct cache_body *b)
{
	return b->bytes;
}

const struct cache_piece *cache_body_pieces(const struct cache_body *b)
{
	return b->first;
}

struct cache_body *cache_body_ref(struct cache_body *b)
{
	atomic_fetch_add_explicit(&b->refs, 1, memory_order_relaxed);
	return b;
}

void cache_body_unref(struct cache_body *b)
{
	if (!b || atomic_fetch_sub_explicit(&b->refs, 1, memory_order_acq_rel) != 1)
		return;
	while (b->first) {
		struct cache_piece *next = b->first->next;
		free(b->first);
		b->first = next;
	}
	free(b);
}

/* --- entries --------------------------------------------------------------------------------- */
static struct cache_entry *entry_new(struct str key, struct str group, struct str meta)
{
	struct cache_entry *e = heap_alloc(sizeof(*e) + key.n + group.n + meta.n);
	*e = (struct cache_entry){.key_n = (uint32_t)key.n,
		.group_n = (uint32_t)group.n,
		.meta_n = (uint32_t)meta.n};
	atomic_init(&e->refs, 1);
	char *at = e->bytes;
	const struct str parts[] = {key, group, meta};
	for (size_t i = 0; i < ARRAY_COUNT(parts); i++) {
		if (parts[i].n)
			memcpy(at, parts[i].p, parts[i].n);
		at += parts[i].n;
	}
	return e;
}

static struct cache_entry *entry_ref(struct cache_entry *e)
{
	atomic_fetch_add_explicit(&e->refs, 1, memory_order_relaxed);
	return e;
}

void cache_entry_unref(struct cache_entry *e)
{
	if (!e || atomic_fetch_sub_explicit(&e->refs, 1, memory_order_acq_rel) != 1)
		return;
	cache_body_unref(e->body);
	free(e);
}

static struct str key_of(const struct cache_entry *e)
{
	return str_n(e->bytes, e->key_n);
}

static struct str group_of(const struct cache_entry *e)
{
	return str_n(e->bytes + e->key_n, e->group_n);
}

struct str cache_entry_meta(const struct cache_entry *e)
{
	return str_n(e->bytes + e->key_n + e->group_n, e->meta_n);
}

static uint64_t cost_of(const struct cache_entry *e)
{
	return ENTRY_BYTES + e->key_n + e->group_n + e->meta_n + e->body->bytes +
	       e->body->pieces * PIECE_BYTES;
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
	struct link queues[2];   /* small, main */
	uint64_t queue_bytes[2], queue_entries[2];
	uint64_t entries, evicted;
	struct ghost *ghosts; /* owned */
	uint32_t ghost_count, left;
};

static struct node **slot_of(const struct cache *c, uint64_t hash)
{
	return &c->slots[hash & (c->slot_count - 1)];
}

/* Where the node of that key hangs; *at NULL: there is none. */
static struct node **find(const struct cache *c, uint64_t hash, struct str key)
{
	struct node **at = slot_of(c, hash);
	while (*at && !((*at)->hash == hash && str_eq(key_of((*at)->entry), key)))
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
	bool is_it = g->fingerprint == ((uint32_t)(hash >> 32) | 1) && c->left - g->left <= c->entries;
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

static void leave(struct cache *c, struct cache_change *change)
{
	tally(c, change, 1);
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
		found = entry_ref((*at)->entry);
	}
	leave(c, change);
	return found;
}

/* The lock is held. */
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
	make_room(c);
}

/* Its place and its uses stay: it is the same thing, newer. */
static void replace(struct cache *c, struct node *n, struct cache_entry *e, uint64_t cost)
{
	cache_entry_unref(n->entry);
	n->entry = e;
	c->queue_bytes[n->is_main] += cost - n->cost;
	n->cost = cost;
	make_room(c);
}

enum rc cache_put(struct cache *c, int64_t now_ms, struct str key, struct str group, struct str meta,
	struct cache_body *body, int64_t ends_ms, struct cache_change *change)
{
	uint64_t hash = keyed_hash(c->key, key);
	struct cache_entry *e = entry_new(key, group, meta);
	body_settle(body);
	e->body = cache_body_ref(body);
	e->stored_ms = now_ms;
	e->ends_ms = ends_ms;
	uint64_t cost = cost_of(e);
	enter(c, change);
	bool fits = body->bytes <= c->options.entry_bytes_max && cost <= c->options.bytes_max;
	struct node **at = find(c, hash, key);
	if (*at && !fits)
		node_drop(c, at);
	else if (*at)
		replace(c, *at, e, cost);
	else if (fits)
		insert(c, hash, e, cost);
	leave(c, change);
	if (!fits)
		cache_entry_unref(e);
	return fits ? RC_OK : RC_FULL;
}

enum rc cache_touch(struct cache *c, const struct cache_entry *e, struct str meta, int64_t ends_ms,
	struct cache_change *change)
{
	uint64_t hash = keyed_hash(c->key, key_of(e));
	struct cache_entry *newer = entry_new(key_of(e), group_of(e), meta);
	newer->body = cache_body_ref(e->body);
	newer->stored_ms = e->stored_ms;
	newer->ends_ms = ends_ms;
	enter(c, change);
	struct node *n = *find(c, hash, key_of(e));
	bool is_it = n && n->entry == e;
	if (is_it)
		replace(c, n, newer, cost_of(newer));
	leave(c, change);
	if (!is_it)
		cache_entry_unref(newer);
	return is_it ? RC_OK : RC_NOT_FOUND;
}

bool cache_remove(struct cache *c, struct str key, struct cache_change *change)
{
	enter(c, change);
	struct node **at = find(c, keyed_hash(c->key, key), key);
	bool was_there = *at != NULL;
	if (was_there)
		node_drop(c, at);
	leave(c, change);
	return was_there;
}

static bool is_of_group(const struct cache_entry *e, struct str group)
{
	return group.n > 0 && str_eq(group_of(e), group);
}

static bool has_prefix(const struct cache_entry *e, struct str prefix)
{
	return str_starts(key_of(e), prefix);
}

typedef bool is_meant_fn(const struct cache_entry *e, struct str what);

static size_t remove_all(
	struct cache *c, is_meant_fn *is_meant, struct str what, struct cache_change *change)
{
	size_t count = 0;
	enter(c, change);
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
