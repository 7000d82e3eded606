/* SPDX-License-Identifier: Apache-2.0 */
/* rate-limiting/leases.c - sets of four places; a key has one of its set, and takes it from another one
 * that holds nothing. */
#include "leases.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>

#define WAYS      4
#define SETS      (LEASES_MAX / WAYS)
#define LOCKS     64
#define SIZE_PART 64
/* With less in the shared quota nothing is given ahead: an eighth of it is less than one. */
#define LEFT_MIN 8

struct lease {
	struct bucket_key key; /* zeroes: free */
	int64_t ends_ms;       /* of the window, or somewhat before */
	int64_t next_ms;   /* before it nothing is asked for ahead; INT64_MAX: that is under way */
	int64_t judged_ms; /* when its size was last judged */
	int64_t denied_ms; /* until then nothing is left */
	uint32_t held, size; /* now; what it asks to hold */
	int64_t left;        /* in the shared quota, as was last told */
};

struct lock {
	_Alignas(64) pthread_mutex_t mutex;
};

struct leases {
	_Atomic unsigned refs;
	uint32_t size_max;
	uint64_t limit;
	struct lease *all; /* owned; SETS of WAYS */
	struct lock locks[LOCKS];
};

/* --- life ------------------------------------------------------------------------------------ */
uint64_t leases_size_max(const struct window_limit *limit)
{
	uint64_t size = limit->requests_max / SIZE_PART;
	return size < INT32_MAX ? size : INT32_MAX;
}

struct leases *leases_new(const struct window_limit *limit)
{
	struct leases *l = aligned_alloc(_Alignof(struct lock), sizeof(*l));
	struct lease *all = calloc(LEASES_MAX, sizeof(*all));
	if (!l || !all) {
		free(l);
		free(all);
		return NULL;
	}
	atomic_init(&l->refs, 1);
	l->size_max = (uint32_t)leases_size_max(limit);
	l->limit = limit->requests_max;
	l->all = all;
	for (size_t i = 0; i < LOCKS; i++)
		pthread_mutex_init(&l->locks[i].mutex, NULL);
	return l;
}

struct leases *leases_ref(struct leases *l)
{
	atomic_fetch_add(&l->refs, 1);
	return l;
}

void leases_unref(struct leases *l)
{
	if (!l || atomic_fetch_sub(&l->refs, 1) != 1)
		return;
	for (size_t i = 0; i < LOCKS; i++)
		pthread_mutex_destroy(&l->locks[i].mutex);
	free(l->all);
	free(l);
}

/* --- places ---------------------------------------------------------------------------------- */
static pthread_mutex_t *lock_of(struct leases *l, struct bucket_key key)
{
	return &l->locks[key.a % LOCKS].mutex;
}

static struct lease *set_of(struct leases *l, struct bucket_key key)
{
	return &l->all[key.a % SETS * WAYS];
}

static struct lease *lease_find(struct leases *l, struct bucket_key key)
{
	struct lease *set = set_of(l, key);
	for (size_t i = 0; i < WAYS; i++)
		if (set[i].key.a == key.a && set[i].key.b == key.b)
			return &set[i];
	return NULL;
}

static int is_empty(const struct lease *e, int64_t now_ms)
{
	return (e->held == 0 || now_ms >= e->ends_ms) && e->next_ms != INT64_MAX;
}

/* NULL: there is no room. */
static struct lease *lease_of(struct leases *l, struct bucket_key key, int64_t now_ms)
{
	struct lease *found = lease_find(l, key), *set = set_of(l, key);
	for (size_t i = 0; !found && i < WAYS; i++)
		if ((set[i].key.a == 0 && set[i].key.b == 0) || is_empty(&set[i], now_ms)) {
			set[i] = (struct lease){.key = key,
				.next_ms = INT64_MIN,
				.judged_ms = now_ms,
				.denied_ms = INT64_MIN,
				.ends_ms = INT64_MIN};
			found = &set[i];
		}
	return found;
}

/* --- slices ---------------------------------------------------------------------------------- */
/* By how long the last one lasted: once for each, or a pause would halve it with every request behind it. */
static uint32_t next_size(const struct leases *l, struct lease *e, int64_t now_ms)
{
	int64_t lasted = now_ms - e->judged_ms;
	uint64_t size = e->size;
	e->judged_ms = now_ms;
	if (lasted < LEASE_BRIEF_MS)
		size = size * 2 + 1;
	else if (lasted > LEASE_LONG_MS)
		size /= 2;
	return (uint32_t)(size < l->size_max ? size : l->size_max);
}

/* What is to be asked for ahead now; 0: nothing. */
static int64_t more_of(const struct leases *l, struct lease *e, int64_t now_ms)
{
	int is_little = now_ms < e->ends_ms && e->left < LEFT_MIN;
	if (now_ms < e->next_ms || is_little)
		return 0;
	e->size = next_size(l, e, now_ms);
	if (e->size <= e->held)
		return 0;
	e->next_ms = INT64_MAX;
	return (int64_t)(e->size - e->held);
}

static struct lease_told lease_take(
	const struct leases *l, struct lease *e, int64_t now_ms, uint64_t cost)
{
	struct lease_told told = {.verdict = LEASE_NONE};
	if (now_ms >= e->ends_ms)
		e->held = 0;
	if (cost > e->held) {
		int is_denied = now_ms < e->denied_ms && cost > 0;
		told.verdict = is_denied ? LEASE_DENIED : LEASE_NONE;
		told.more = is_denied ? 0 : more_of(l, e, now_ms);
	} else if (now_ms < e->ends_ms) {
		e->held -= (uint32_t)cost;
		told.verdict = LEASE_HAS;
		if (e->held <= e->size / 2)
			told.more = more_of(l, e, now_ms);
	}
	told.left = (uint64_t)e->left + e->held;
	told.reset_ms = e->ends_ms > now_ms ? e->ends_ms - now_ms : 0;
	return told;
}

struct lease_told leases_take(
	struct leases *l, struct bucket_key key, int64_t now_ms, uint64_t cost)
{
	struct lease_told told = {.verdict = LEASE_NONE};
	pthread_mutex_lock(lock_of(l, key));
	struct lease *e = lease_of(l, key, now_ms);
	if (e)
		told = lease_take(l, e, now_ms, cost);
	pthread_mutex_unlock(lock_of(l, key));
	return told;
}

/* Times are counted from when it was asked for: no slice ends later than its window. */
static void lease_put(struct lease *e, const struct lease_answer *a)
{
	int64_t ends_ms = a->asked_ms + a->reset_ms, denied_ms = a->asked_ms + LEASE_DENIED_MS;
	if (a->asked_ms >= e->ends_ms)
		e->held = 0;
	e->ends_ms = e->held > 0 && e->ends_ms < ends_ms ? e->ends_ms : ends_ms;
	e->left = a->left;
	e->held += (uint32_t)a->ahead;
	if (a->ahead == 0 && a->left == 0)
		e->denied_ms = denied_ms < ends_ms ? denied_ms : ends_ms;
}

void leases_put(struct leases *l, struct bucket_key key, const struct lease_answer *a)
{
	pthread_mutex_lock(lock_of(l, key));
	struct lease *e = lease_find(l, key);
	if (e && a->is_answered)
		lease_put(e, a);
	if (e && a->more > 0)
		e->next_ms = a->is_answered ? INT64_MIN : a->asked_ms + LEASE_RETRY_MS;
	pthread_mutex_unlock(lock_of(l, key));
}
