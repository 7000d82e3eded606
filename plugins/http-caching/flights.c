/* SPDX-License-Identifier: Apache-2.0 */
#include "flights.h"

#include "sluice/text.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <time.h>

#define SLOTS    256
#define ALONE    1024
#define ALONE_MS 10000
/* What was dropped lately, by parts of the hash: a part forgets the oldest of more than it has room for, but not when that
 * was. */
#define DROP_PARTS 512
#define DROPS      4

struct drop {
	uint64_t hash, number;
};

struct flights {
	_Atomic unsigned refs;
	_Atomic uint64_t number;
	pthread_mutex_t lock; /* for what follows */
	uint64_t drop_of_all; /* the number of the last */
	struct {
		struct drop last[DROPS];
		uint64_t forgotten; /* the newest that is not among them */
	} drops[DROP_PARTS];
	struct flight *slots[SLOTS];
	/* Targets whose answers are not shared: by a part of the hash, the newer in the place of the older. */
	struct {
		uint64_t hash;
		int64_t until_ms;
	} alone[ALONE];
};

struct flights *flights_new(void)
{
	struct flights *f = calloc(1, sizeof(*f));
	if (!f)
		return NULL;
	/* Stores may outlive a table: its numbers begin where no earlier one has been. */
	struct timespec now;
	clock_gettime(CLOCK_REALTIME, &now);
	atomic_init(&f->refs, 1);
	atomic_init(&f->number, (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec);
	pthread_mutex_init(&f->lock, NULL);
	return f;
}

struct flights *flights_ref(struct flights *f)
{
	atomic_fetch_add(&f->refs, 1);
	return f;
}

void flights_unref(struct flights *f)
{
	if (!f || atomic_fetch_sub(&f->refs, 1) != 1)
		return;
	pthread_mutex_destroy(&f->lock);
	free(f);
}

uint64_t flights_number(struct flights *f)
{
	return atomic_fetch_add(&f->number, 1);
}

uint64_t flights_mark(struct flights *f)
{
	return atomic_load(&f->number);
}

/* The one of that hash, else the oldest of its part. */
static struct drop *drop_of(struct flights *f, uint64_t hash)
{
	struct drop *last = f->drops[hash % DROP_PARTS].last, *oldest = last;
	for (size_t i = 0; i < DROPS; i++) {
		if (last[i].hash == hash)
			return &last[i];
		if (last[i].number < oldest->number)
			oldest = &last[i];
	}
	return oldest;
}

void flights_drop(struct flights *f, struct sluice_str key)
{
	uint64_t hash = key.p ? text_hash(key) : 0;
	pthread_mutex_lock(&f->lock);
	if (!key.p) {
		f->drop_of_all = flights_number(f);
	} else {
		struct drop *drop = drop_of(f, hash);
		if (drop->hash != hash)
			f->drops[hash % DROP_PARTS].forgotten = drop->number;
		*drop = (struct drop){hash, flights_number(f)};
	}
	pthread_mutex_unlock(&f->lock);
}

int flights_is_dropped(struct flights *f, struct sluice_str key, uint64_t mark)
{
	uint64_t hash = text_hash(key);
	pthread_mutex_lock(&f->lock);
	const struct drop *drop = drop_of(f, hash);
	int is_dropped = f->drop_of_all >= mark || f->drops[hash % DROP_PARTS].forgotten >= mark ||
			 (drop->hash == hash && drop->number >= mark);
	pthread_mutex_unlock(&f->lock);
	return is_dropped;
}

/* FNV-1a: nothing depends on nobody finding two texts of one hash. */
uint64_t text_hash(struct sluice_str text)
{
	uint64_t hash = UINT64_C(14695981039346656037);
	for (size_t i = 0; i < text.n; i++)
		hash = (hash ^ (unsigned char)text.p[i]) * UINT64_C(1099511628211);
	return hash;
}

/* Where the leader of that key hangs; *at NULL: there is none. */
static struct flight **find(struct flights *f, const struct flight *like)
{
	struct flight **at = &f->slots[like->hash % SLOTS];
	while (*at && !((*at)->hash == like->hash && sluice_equal((*at)->key, like->key)))
		at = &(*at)->next;
	return at;
}

static enum flight_role join(struct flights *f, struct flight *flight, int64_t now_ms)
{
	struct flight **at = find(f, flight);
	if (f->alone[flight->hash % ALONE].hash == flight->hash &&
		f->alone[flight->hash % ALONE].until_ms > now_ms)
		return FLIGHT_ALONE;
	if (!*at) {
		*at = flight;
		return FLIGHT_LEADS;
	}
	flight->leader = *at;
	flight->next = (*at)->waiting;
	(*at)->waiting = flight;
	return FLIGHT_WAITS;
}

enum flight_role flights_join(
	struct flights *f, struct flight *flight, struct sluice_str key, int64_t now_ms)
{
	*flight = (struct flight){.key = key, .hash = text_hash(key)};
	pthread_mutex_lock(&f->lock);
	flight->role = join(f, flight, now_ms);
	pthread_mutex_unlock(&f->lock);
	return flight->role;
}

int flights_arm(struct flights *f, struct flight *flight, sluice_token token)
{
	pthread_mutex_lock(&f->lock);
	int is_waiting = flight->leader != NULL;
	flight->token = token;
	pthread_mutex_unlock(&f->lock);
	return is_waiting;
}

/* The lock is held: who waits cannot leave, so the flights are there. A token that is stale by now is refused. */
static void wake(struct flight *leader, int32_t (*resume)(sluice_token token))
{
	while (leader->waiting) {
		struct flight *each = leader->waiting;
		leader->waiting = each->next;
		each->leader = NULL;
		if (each->token)
			resume(each->token);
	}
}

static void unlink_from(struct flight **at, const struct flight *flight)
{
	while (*at && *at != flight)
		at = &(*at)->next;
	if (*at)
		*at = flight->next;
}

static void set_alone(struct flights *f, const struct flight *flight, int64_t now_ms)
{
	f->alone[flight->hash % ALONE].hash = flight->hash;
	f->alone[flight->hash % ALONE].until_ms = now_ms + ALONE_MS;
}

void flights_land(struct flights *f, struct flight *flight, int is_shared, int64_t now_ms,
	int32_t (*resume)(sluice_token token))
{
	if (flight->role != FLIGHT_LEADS)
		return;
	flight->role = FLIGHT_NONE;
	pthread_mutex_lock(&f->lock);
	unlink_from(&f->slots[flight->hash % SLOTS], flight);
	if (!is_shared)
		set_alone(f, flight, now_ms);
	wake(flight, resume);
	pthread_mutex_unlock(&f->lock);
}

/* Whether the leader is still away. */
static int leave(struct flight *flight)
{
	int is_away = flight->leader != NULL;
	if (is_away)
		unlink_from(&flight->leader->waiting, flight);
	flight->leader = NULL;
	return is_away;
}

void flights_leave(struct flights *f, struct flight *flight)
{
	if (flight->role != FLIGHT_WAITS)
		return;
	flight->role = FLIGHT_NONE;
	pthread_mutex_lock(&f->lock);
	leave(flight);
	pthread_mutex_unlock(&f->lock);
}

void flights_give_up(struct flights *f, struct flight *flight, int64_t now_ms)
{
	if (flight->role != FLIGHT_WAITS)
		return;
	flight->role = FLIGHT_NONE;
	pthread_mutex_lock(&f->lock);
	if (leave(flight))
		set_alone(f, flight, now_ms);
	pthread_mutex_unlock(&f->lock);
}
