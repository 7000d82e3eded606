/* SPDX-License-Identifier: Apache-2.0 */
#include "state/store.h"

#include "base/check.h"
#include "base/memory.h"
#include "crypto/crypto.h"
#include "state/quota.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>

#define SHARDS         16
#define SLOTS_AT_LEAST 16
/* What one more entry costs beside its key and value: the entry, its slot, the allocator's own. */
#define ENTRY_BYTES 100
/* Slots that every question looks through for what has expired; and of each shard, when a new key
 * finds no room. All, of a store of a thousand entries; who fills a large one with keys that he
 * invents costs some 10 us for each. */
#define SWEEP_SLOTS      2
#define SWEEP_SLOTS_FULL 64

enum sort { SORT_COUNTER, SORT_VALUE, SORT_LOCK, SORT_QUOTA };

struct entry {
	struct entry *next; /* in its slot */
	uint64_t hash;
	uint64_t version; /* of a quota: its kind */
	int64_t count;
	int64_t ends_ms; /* INT64_MAX: never */
	uint32_t key_n, value_n;
	uint8_t sort;
	char bytes[]; /* key, value; of a quota, its accounts */
};

struct shard {
	_Alignas(64) pthread_mutex_t lock;
	struct entry **slots; /* owned; a power of two of them */
	size_t slot_count, count;
	size_t swept; /* the next slot to be looked through */
};

struct state_store {
	uint8_t key[16];
	_Atomic uint64_t entries_max, bytes_max;
	_Atomic uint64_t entries, bytes, version;
	struct shard shards[SHARDS];
};

/* --- entries --------------------------------------------------------------------------------- */
static size_t bytes_of(size_t key_n, size_t value_n)
{
	return ENTRY_BYTES + key_n + value_n;
}

static bool has_ended(const struct entry *e, int64_t now_ms)
{
	return e->ends_ms <= now_ms;
}

static bool has_key(const struct entry *e, uint64_t hash, struct sluice_str key)
{
	return e->hash == hash && e->key_n == key.n && memcmp(e->bytes, key.p, key.n) == 0;
}

static struct entry **slot_of(const struct shard *h, uint64_t hash)
{
	return &h->slots[(hash >> 8) & (h->slot_count - 1)];
}

/* Takes *at out of its list. */
static void entry_remove(struct state_store *s, struct shard *h, struct entry **at)
{
	struct entry *e = *at;
	*at = e->next;
	h->count--;
	atomic_fetch_sub_explicit(&s->entries, 1, memory_order_relaxed);
	atomic_fetch_sub_explicit(&s->bytes, bytes_of(e->key_n, e->value_n), memory_order_relaxed);
	free(e);
}

/* Where the key's entry hangs, or NULL. One that has ended is gone. */
static struct entry **entry_find(struct state_store *s, struct shard *h, uint64_t hash,
	struct sluice_str key, int64_t now_ms)
{
	struct entry **at = h->slots ? slot_of(h, hash) : NULL;
	if (!at)
		return NULL;
	while (*at && !has_key(*at, hash, key))
		at = &(*at)->next;
	if (!*at)
		return NULL;
	if (!has_ended(*at, now_ms))
		return at;
	entry_remove(s, h, at);
	return NULL;
}

static void slot_sweep(struct state_store *s, struct shard *h, size_t slot, int64_t now_ms)
{
	struct entry **at = &h->slots[slot];
	while (*at) {
		if (has_ended(*at, now_ms))
			entry_remove(s, h, at);
		else
			at = &(*at)->next;
	}
}

static void sweep(struct state_store *s, struct shard *h, size_t slots, int64_t now_ms)
{
	for (size_t i = 0; i < slots && i < h->slot_count; i++) {
		h->swept = (h->swept + 1) & (h->slot_count - 1);
		slot_sweep(s, h, h->swept, now_ms);
	}
}

static void shard_grow(struct shard *h)
{
	size_t former = h->slot_count;
	struct entry **slots = h->slots;
	h->slot_count = former ? former * 2 : SLOTS_AT_LEAST;
	h->slots = heap_zalloc(h->slot_count * sizeof(*h->slots));
	for (size_t i = 0; i < former; i++)
		for (struct entry *e = slots[i], *next; e; e = next) {
			next = e->next;
			struct entry **slot = slot_of(h, e->hash);
			e->next = *slot;
			*slot = e;
		}
	free(slots);
}

/* --- room ------------------------------------------------------------------------------------ */
/* For one more entry; or for none and `bytes` more than there were, when it takes another's place. */
static bool room_take(struct state_store *s, uint64_t entries, size_t bytes)
{
	uint64_t entries_before =
		atomic_fetch_add_explicit(&s->entries, entries, memory_order_relaxed);
	uint64_t bytes_before = atomic_fetch_add_explicit(&s->bytes, bytes, memory_order_relaxed);
	uint64_t entries_max = atomic_load_explicit(&s->entries_max, memory_order_relaxed);
	uint64_t bytes_max = atomic_load_explicit(&s->bytes_max, memory_order_relaxed);
	if ((entries == 0 || entries_before < entries_max) &&
		(bytes == 0 || bytes_before + bytes <= bytes_max))
		return true;
	atomic_fetch_sub_explicit(&s->entries, entries, memory_order_relaxed);
	atomic_fetch_sub_explicit(&s->bytes, bytes, memory_order_relaxed);
	return false;
}

/* A part of each shard; of those that others are in at the moment, nothing. */
static void room_make(struct state_store *s, struct shard *own, int64_t now_ms)
{
	for (unsigned i = 0; i < SHARDS; i++) {
		struct shard *h = &s->shards[i];
		if (h != own && pthread_mutex_trylock(&h->lock) != 0)
			continue;
		sweep(s, h, SWEEP_SLOTS_FULL, now_ms);
		if (h != own)
			pthread_mutex_unlock(&h->lock);
	}
}

static bool room_get(
	struct state_store *s, struct shard *own, uint64_t entries, size_t bytes, int64_t now_ms)
{
	if (room_take(s, entries, bytes))
		return true;
	room_make(s, own, now_ms);
	return room_take(s, entries, bytes);
}

static void entry_insert(struct shard *h, struct entry *e)
{
	if (h->count >= h->slot_count)
		shard_grow(h);
	struct entry **slot = slot_of(h, e->hash);
	e->next = *slot;
	*slot = e;
	h->count++;
}

static size_t value_bytes(const struct sluice_question *q, enum sort sort)
{
	return sort == SORT_VALUE || sort == SORT_QUOTA ? q->value.n : 0;
}

static struct entry *entry_new(
	uint64_t hash, const struct sluice_question *q, enum sort sort, int64_t now_ms)
{
	size_t value_n = value_bytes(q, sort);
	struct entry *e = heap_zalloc(sizeof(*e) + q->key.n + value_n);
	e->hash = hash;
	e->sort = (uint8_t)sort;
	e->key_n = (uint32_t)q->key.n;
	e->value_n = (uint32_t)value_n;
	memcpy(e->bytes, q->key.p, q->key.n);
	if (value_n)
		memcpy(e->bytes + q->key.n, q->value.p, value_n);
	e->ends_ms = q->for_ms ? now_ms + q->for_ms : INT64_MAX;
	return e;
}

/* A new one, on its slot; NULL: there is no room. */
static struct entry *entry_add(struct state_store *s, struct shard *h, uint64_t hash,
	const struct sluice_question *q, enum sort sort, int64_t now_ms)
{
	size_t value_n = value_bytes(q, sort);
	if (!room_get(s, h, 1, bytes_of(q->key.n, value_n), now_ms))
		return NULL;
	struct entry *e = entry_new(hash, q, sort, now_ms);
	entry_insert(h, e);
	return e;
}

/* In the place of the one that stands there; NULL: there is no room, and it stands there still. */
static struct entry *entry_replace(struct state_store *s, struct shard *h, uint64_t hash,
	const struct sluice_question *q, int64_t now_ms)
{
	struct entry **at = entry_find(s, h, hash, q->key, now_ms), *former = *at;
	size_t more = q->value.n > former->value_n ? q->value.n - former->value_n : 0;
	if (!room_get(s, h, 0, more, now_ms))
		return NULL;
	struct entry *e = entry_new(hash, q, SORT_VALUE, now_ms);
	at = entry_find(s, h, hash, q->key, now_ms); /* its neighbours may have gone */
	e->next = former->next;
	*at = e;
	if (former->value_n > e->value_n)
		atomic_fetch_sub_explicit(
			&s->bytes, former->value_n - e->value_n, memory_order_relaxed);
	free(former);
	return e;
}

/* --- questions ------------------------------------------------------------------------------- */
struct look_up {
	struct state_store *store;
	struct shard *shard;
	uint64_t hash;
	int64_t now_ms;
	struct entry **at; /* NULL: there is none */
};

static uint64_t next_version(struct state_store *s)
{
	return atomic_fetch_add_explicit(&s->version, 1, memory_order_relaxed) + 1;
}

static int64_t remaining(const struct entry *e, int64_t now_ms)
{
	return e->ends_ms == INT64_MAX ? 0 : e->ends_ms - now_ms;
}

static void describe(const struct entry *e, int64_t now_ms, struct sluice_answer *a)
{
	a->version = e->version;
	a->count = e->count;
	a->remaining_ms = remaining(e, now_ms);
}

/* Who has that version already needs no copy. */
static int32_t answer_get(struct look_up *l, const struct sluice_question *q, struct arena *arena,
	struct sluice_answer *a)
{
	if (!l->at)
		return SLUICE_E_NOT_FOUND;
	const struct entry *e = *l->at;
	size_t n = q->version == e->version ? 0 : e->value_n;
	struct str value = arena_copy(arena, str_n(e->bytes + e->key_n, n));
	if (value.n != n)
		return SLUICE_E_FULL;
	a->value = (struct sluice_str){value.n ? value.p : "", value.n};
	describe(e, l->now_ms, a);
	return SLUICE_OK;
}

static bool is_expected(const struct look_up *l, uint64_t version)
{
	return version == SLUICE_VERSION_ANY || version == (l->at ? (*l->at)->version : 0);
}

static int32_t answer_put(
	struct look_up *l, const struct sluice_question *q, struct sluice_answer *a)
{
	if (!is_expected(l, q->version)) {
		if (l->at)
			describe(*l->at, l->now_ms, a);
		return SLUICE_E_CONFLICT;
	}
	struct entry *e = l->at ? entry_replace(l->store, l->shard, l->hash, q, l->now_ms)
				: entry_add(l->store, l->shard, l->hash, q, SORT_VALUE, l->now_ms);
	if (!e)
		return SLUICE_E_FULL;
	e->version = next_version(l->store);
	describe(e, l->now_ms, a);
	return SLUICE_OK;
}

static int32_t answer_remove(
	struct look_up *l, const struct sluice_question *q, struct sluice_answer *a)
{
	if (!l->at)
		return SLUICE_E_NOT_FOUND;
	bool is_expected_version = is_expected(l, q->version);
	/* A lock's version is the key to it: only who has it is told. */
	if (is_expected_version || (*l->at)->sort != SORT_LOCK)
		describe(*l->at, l->now_ms, a);
	if (!is_expected_version)
		return SLUICE_E_CONFLICT;
	entry_remove(l->store, l->shard, l->at);
	return SLUICE_OK;
}

static int32_t answer_count(
	struct look_up *l, const struct sluice_question *q, struct sluice_answer *a)
{
	int64_t count = l->at ? (*l->at)->count : 0, after;
	if (__builtin_add_overflow(count, q->delta, &after) || after > SLUICE_COUNT_MAX)
		after = SLUICE_COUNT_MAX;
	if (after < 0)
		after = 0;
	a->count = count;
	a->remaining_ms = l->at ? remaining(*l->at, l->now_ms) : q->for_ms;
	if (q->delta > 0 && q->limit > 0 && after > q->limit)
		return SLUICE_E_CONFLICT;
	if (!l->at && q->delta <= 0)
		return SLUICE_OK;
	struct entry *e =
		l->at ? *l->at : entry_add(l->store, l->shard, l->hash, q, SORT_COUNTER, l->now_ms);
	if (!e)
		return SLUICE_E_FULL;
	e->count = after;
	describe(e, l->now_ms, a);
	return SLUICE_OK;
}

static int32_t answer_lock(
	struct look_up *l, const struct sluice_question *q, struct sluice_answer *a)
{
	if (l->at) {
		a->remaining_ms = remaining(*l->at, l->now_ms);
		return SLUICE_E_CONFLICT;
	}
	struct entry *e = entry_add(l->store, l->shard, l->hash, q, SORT_LOCK, l->now_ms);
	if (!e)
		return SLUICE_E_FULL;
	e->version = next_version(l->store);
	describe(e, l->now_ms, a);
	return SLUICE_OK;
}

/* What has no room was not spent. */
static int32_t quota_keep(struct look_up *l, const struct sluice_question *q,
	const struct quota_accounts *accounts, size_t n)
{
	struct sluice_question kept = *q;
	kept.value = (struct sluice_str){(const char *)accounts->words, n};
	kept.for_ms = 0;
	struct entry *e =
		l->at ? *l->at
		      : entry_add(l->store, l->shard, l->hash, &kept, SORT_QUOTA, l->now_ms);
	if (!e)
		return SLUICE_E_FULL;
	memcpy(e->bytes + e->key_n, accounts->words, n);
	e->version = q->quota;
	e->ends_ms = quota_end_ms(q, accounts);
	return SLUICE_OK;
}

static int32_t answer_spend(
	struct look_up *l, const struct sluice_question *q, struct sluice_answer *a)
{
	struct quota_accounts accounts;
	size_t n = quota_bytes(q);
	if (!l->at)
		quota_open(q, &accounts, l->now_ms);
	else if ((*l->at)->value_n != n || (*l->at)->version != q->quota)
		return SLUICE_E_INVALID;
	else
		memcpy(accounts.words, (*l->at)->bytes + (*l->at)->key_n, n);
	if (!quota_spend(q, &accounts, l->now_ms, a))
		return SLUICE_E_CONFLICT;
	return a->spent > 0 ? quota_keep(l, q, &accounts, n) : SLUICE_OK;
}

static int32_t answer(struct look_up *l, const struct sluice_question *q, struct arena *arena,
	struct sluice_answer *a)
{
	static const uint8_t sorts[] = {[SLUICE_GET] = SORT_VALUE,
		[SLUICE_PUT] = SORT_VALUE,
		[SLUICE_REMOVE] = SORT_VALUE,
		[SLUICE_COUNT] = SORT_COUNTER,
		[SLUICE_LOCK] = SORT_LOCK,
		[SLUICE_UNLOCK] = SORT_LOCK,
		[SLUICE_SPEND] = SORT_QUOTA};
	enum sort sort = l->at ? (*l->at)->sort : sorts[q->kind];
	bool is_removable = q->kind == SLUICE_REMOVE && sort == SORT_COUNTER;
	if (sort != sorts[q->kind] && !is_removable)
		return SLUICE_E_INVALID;
	switch ((enum sluice_question_kind)q->kind) {
	case SLUICE_GET:
		return answer_get(l, q, arena, a);
	case SLUICE_PUT:
		return answer_put(l, q, a);
	case SLUICE_COUNT:
		return answer_count(l, q, a);
	case SLUICE_LOCK:
		return answer_lock(l, q, a);
	case SLUICE_SPEND:
		return answer_spend(l, q, a);
	case SLUICE_REMOVE:
	case SLUICE_UNLOCK:
		break;
	}
	return answer_remove(l, q, a);
}

void state_store_ask(struct state_store *s, int64_t now_ms, const struct sluice_question *q,
	struct arena *arena, struct sluice_answer *a)
{
	struct look_up l = {.store = s, .now_ms = now_ms};
	l.hash = keyed_hash(s->key, str_n(q->key.p, q->key.n));
	l.shard = &s->shards[l.hash % SHARDS];
	pthread_mutex_lock(&l.shard->lock);
	sweep(s, l.shard, SWEEP_SLOTS, now_ms);
	l.at = entry_find(s, l.shard, l.hash, q->key, now_ms);
	a->result = answer(&l, q, arena, a);
	pthread_mutex_unlock(&l.shard->lock);
}

/* --- life ------------------------------------------------------------------------------------ */
void state_store_limit(struct state_store *s, uint32_t entries_max, uint64_t bytes_max)
{
	atomic_store_explicit(&s->entries_max, entries_max, memory_order_relaxed);
	atomic_store_explicit(&s->bytes_max, bytes_max, memory_order_relaxed);
}

struct state_store *state_store_new(uint32_t entries_max, uint64_t bytes_max)
{
	struct state_store *s = heap_zalloc(sizeof(*s));
	enum rc rc = random_bytes(s->key, sizeof(s->key));
	CHECK(rc == RC_OK);
	state_store_limit(s, entries_max, bytes_max);
	for (unsigned i = 0; i < SHARDS; i++)
		CHECK(pthread_mutex_init(&s->shards[i].lock, NULL) == 0);
	return s;
}

void state_store_free(struct state_store *s)
{
	if (!s)
		return;
	for (unsigned i = 0; i < SHARDS; i++) {
		struct shard *h = &s->shards[i];
		sweep(s, h, h->slot_count, INT64_MAX);
		free(h->slots);
		pthread_mutex_destroy(&h->lock);
	}
	free(s);
}

size_t state_store_count(const struct state_store *s)
{
	return atomic_load_explicit(&s->entries, memory_order_relaxed);
}
