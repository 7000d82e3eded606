/* SPDX-License-Identifier: Apache-2.0 */
#include "key_source.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define RETRY_MS     1000
#define RETRY_MS_MAX 64000

struct key_source {
	const struct sluice_host *host;
	_Atomic uint64_t generation; /* of the set; 0: there is none */
	_Atomic int64_t fetched_ms;
	_Atomic int is_restored; /* the set is a former process's */
	pthread_mutex_t lock;    /* of what follows */
	struct key_set *set;     /* ref; NULL: none has come yet */
	int is_fetching;
	uint32_t failures;  /* since the last set, as far as they count */
	int was_broken_off; /* since then, or failed */
	int64_t retry_ms;   /* not before */
	int64_t unknown_ms; /* no other fetch for a key that nobody knows before */
	size_t waiting_count;
	sluice_token waiting[KEY_WAITERS_MAX];
};

/* --- sets ------------------------------------------------------------------------------------ */
static struct key_set *key_set_new(struct jose_keys *keys)
{
	static _Atomic uint64_t generations;
	struct key_set *set = malloc(sizeof(*set));
	if (!set) {
		jose_keys_deinit(keys);
		return NULL;
	}
	set->keys = *keys;
	set->generation = atomic_fetch_add(&generations, 1) + 1;
	atomic_init(&set->users, 1);
	return set;
}

void key_set_let_go(struct key_set *set)
{
	if (!set || atomic_fetch_sub(&set->users, 1) != 1)
		return;
	jose_keys_deinit(&set->keys);
	free(set);
}

struct key_set *key_source_get(struct key_source *s)
{
	pthread_mutex_lock(&s->lock);
	struct key_set *set = s->set;
	if (set)
		atomic_fetch_add(&set->users, 1);
	pthread_mutex_unlock(&s->lock);
	return set;
}

/* --- time ------------------------------------------------------------------------------------ */
int64_t key_clock_ms(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC_COARSE, &t);
	return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

uint64_t key_source_generation(struct key_source *s, int64_t now_ms, int64_t ttl_ms)
{
	uint64_t generation = atomic_load(&s->generation);
	int64_t age_ms = now_ms - atomic_load(&s->fetched_ms);
	return age_ms <= ttl_ms + KEY_STALE_MS ? generation : 0;
}

static int is_due(struct key_source *s, int64_t now_ms, int64_t ttl_ms)
{
	return atomic_load(&s->generation) == 0 || atomic_load(&s->is_restored) ||
	       now_ms - atomic_load(&s->fetched_ms) >= ttl_ms;
}

int key_source_claim(struct key_source *s, int64_t now_ms, int64_t ttl_ms, int is_unknown)
{
	if (!is_unknown && !is_due(s, now_ms, ttl_ms))
		return 0;
	pthread_mutex_lock(&s->lock);
	int is_old = is_due(s, now_ms, ttl_ms);
	int is_wanted = is_old || now_ms >= s->unknown_ms;
	int is_given = is_wanted && !s->is_fetching && now_ms >= s->retry_ms;
	if (is_given)
		s->is_fetching = 1;
	if (is_given && !is_old)
		s->unknown_ms = now_ms + KEY_UNKNOWN_MS;
	pthread_mutex_unlock(&s->lock);
	return is_given;
}

/* --- what came ------------------------------------------------------------------------------- */
static void put(struct key_source *s, int64_t fetched_ms, struct key_set *set, int is_restored)
{
	s->set = set;
	atomic_store(&s->fetched_ms, fetched_ms);
	atomic_store(&s->is_restored, is_restored);
	atomic_store(&s->generation, set->generation);
}

static struct key_set *replace(struct key_source *s, int64_t now_ms, struct key_set *set)
{
	struct key_set *old = s->set;
	s->failures = 0;
	s->was_broken_off = 0;
	s->retry_ms = now_ms;
	put(s, now_ms, set, 0);
	return old;
}

int key_source_has_set(struct key_source *s)
{
	return atomic_load(&s->generation) != 0;
}

void key_source_restore(struct key_source *s, int64_t fetched_ms, struct jose_keys *keys)
{
	struct key_set *set = key_set_new(keys);
	if (!set)
		return;
	pthread_mutex_lock(&s->lock);
	if (!s->set) {
		put(s, fetched_ms, set, 1);
		set = NULL;
	}
	pthread_mutex_unlock(&s->lock);
	key_set_let_go(set);
}

/* Each failure in a row doubles the time to the next fetch. */
static void fail(struct key_source *s, int64_t now_ms, enum key_fetch how)
{
	int64_t pause_ms = RETRY_MS_MAX;
	if (how == KEYS_BROKEN_OFF && !s->was_broken_off)
		pause_ms = 0;
	else if (s->failures < 6)
		pause_ms = (int64_t)RETRY_MS << s->failures++;
	s->was_broken_off = 1;
	s->retry_ms = now_ms + pause_ms;
}

void key_source_settle(
	struct key_source *s, int64_t now_ms, enum key_fetch how, struct jose_keys *keys)
{
	struct key_set *set = how == KEYS_CAME ? key_set_new(keys) : NULL, *old = NULL;
	sluice_token waiting[KEY_WAITERS_MAX];
	pthread_mutex_lock(&s->lock);
	size_t n = s->waiting_count;
	memcpy(waiting, s->waiting, n * sizeof(*waiting));
	s->waiting_count = 0;
	s->is_fetching = 0;
	if (set)
		old = replace(s, now_ms, set);
	else
		fail(s, now_ms, how);
	pthread_mutex_unlock(&s->lock);
	for (size_t i = 0; i < n; i++)
		s->host->resume(waiting[i]);
	key_set_let_go(old);
}

int32_t key_source_await(struct key_source *s, sluice_token token)
{
	int32_t rc = 0;
	pthread_mutex_lock(&s->lock);
	if (s->is_fetching && s->waiting_count == KEY_WAITERS_MAX) {
		rc = SLUICE_E_FULL;
	} else if (s->is_fetching) {
		s->waiting[s->waiting_count++] = token;
		rc = 1;
	}
	pthread_mutex_unlock(&s->lock);
	return rc;
}

int key_source_is_fetching(struct key_source *s)
{
	pthread_mutex_lock(&s->lock);
	int is_fetching = s->is_fetching;
	pthread_mutex_unlock(&s->lock);
	return is_fetching;
}

/* --- the shared object ----------------------------------------------------------------------- */
static int32_t source_make(
	const struct sluice_call *call, struct sluice_str name, void *arg, void **object)
{
	struct key_source *s = calloc(1, sizeof(*s));
	(void)name;
	(void)arg;
	if (!s)
		return SLUICE_E_FULL;
	s->host = call->host;
	pthread_mutex_init(&s->lock, NULL);
	*object = s;
	return SLUICE_OK;
}

static void source_free(void *object)
{
	struct key_source *s = object;
	key_set_let_go(s->set);
	pthread_mutex_destroy(&s->lock);
	free(s);
}

int32_t key_source_hold(
	const struct sluice_call *call, struct sluice_str name, struct key_source **source)
{
	static const struct sluice_shared_type type = {
		.size = sizeof(type), .name = "keys", .make = source_make, .free = source_free};
	const struct sluice_shared_service *shared = call->host->service(SLUICE_SHARED_SERVICE);
	void *object;
	int32_t rc = shared->hold(call->instance, &type, name, NULL, &object);
	if (rc == SLUICE_OK)
		*source = object;
	return rc;
}
