/* SPDX-License-Identifier: Apache-2.0 */
#include "process/plan_store.h"

#include "base/check.h"
#include "base/clock.h"
#include "base/limits.h"
#include "base/memory.h"
#include "base/thread_start.h"
#include "observe/log.h"
#include "process/plan_slot.h"

#include <errno.h>
#include <pthread.h>

struct plan_store {
	char *dir; /* owned */
	pthread_t thread;
	bool has_thread;

	pthread_mutex_t lock; /* guards what follows; never held while the disk works */
	pthread_cond_t wake;
	struct plan_bytes waiting; /* none: nothing to save */
	uint64_t waiting_generation;
	bool is_stopping;
	struct plan_store_stats stats;
};

/* --- the thread ------------------------------------------------------------------------------ */
static void count(struct plan_store *s, uint64_t generation, bool ok)
{
	pthread_mutex_lock(&s->lock);
	s->stats.is_failing = !ok;
	if (ok) {
		s->stats.saved++;
		s->stats.generation = generation;
	} else {
		s->stats.failed++;
	}
	pthread_mutex_unlock(&s->lock);
}

/* With errno. */
static void cannot_save(struct plan_store *s, uint64_t generation)
{
	log_write(LOG_ERROR, "generation %llu cannot be saved in %s as the last good one: %s",
		(unsigned long long)generation, s->dir, strerror(errno));
	count(s, generation, false);
}

static void save(struct plan_store *s, uint64_t generation, struct str bytes)
{
	enum rc rc = plan_slot_write(s->dir, generation, clock_wall_us(), bytes);
	if (rc != RC_OK)
		log_write(LOG_ERROR,
			"generation %llu cannot be saved in %s as the last good one: %s",
			(unsigned long long)generation, s->dir, strerror(errno));
	count(s, generation, rc == RC_OK);
}

/* Takes what waits; false: stop. */
static bool take(struct plan_store *s, uint64_t *generation, struct plan_bytes *bytes)
{
	pthread_mutex_lock(&s->lock);
	while (!s->waiting.p && !s->is_stopping)
		pthread_cond_wait(&s->wake, &s->lock);
	*bytes = s->waiting;
	*generation = s->waiting_generation;
	s->waiting = (struct plan_bytes){0};
	pthread_mutex_unlock(&s->lock);
	return bytes->p != NULL;
}

static void *run(void *arg)
{
	struct plan_store *s = arg;
	uint64_t generation;
	struct plan_bytes bytes;
	pthread_setname_np(pthread_self(), "plan-store");
	while (take(s, &generation, &bytes)) {
		save(s, generation, plan_bytes_str(&bytes));
		plan_bytes_free(&bytes);
	}
	return NULL;
}

/* --- for the main thread --------------------------------------------------------------------- */
struct plan_store *plan_store_new(const char *dir)
{
	struct plan_store *s = heap_zalloc(sizeof(*s));
	s->dir = heap_strdup(dir);
	pthread_mutex_init(&s->lock, NULL);
	pthread_cond_init(&s->wake, NULL);
	return s;
}

void plan_store_free(struct plan_store *s)
{
	if (!s)
		return;
	pthread_mutex_lock(&s->lock);
	s->is_stopping = true;
	pthread_cond_signal(&s->wake);
	pthread_mutex_unlock(&s->lock);
	if (s->has_thread)
		pthread_join(s->thread, NULL);
	pthread_cond_destroy(&s->wake);
	pthread_mutex_destroy(&s->lock);
	free(s->dir);
	free(s);
}

void plan_store_save(struct plan_store *s, uint64_t generation, struct plan_bytes bytes)
{
	if (!s->has_thread)
		s->has_thread = thread_try_start(&s->thread, run, s);
	if (!s->has_thread) {
		cannot_save(s, generation);
		plan_bytes_free(&bytes);
		return;
	}
	pthread_mutex_lock(&s->lock);
	struct plan_bytes former = s->waiting;
	s->waiting = bytes;
	s->waiting_generation = generation;
	pthread_cond_signal(&s->wake);
	pthread_mutex_unlock(&s->lock);
	plan_bytes_free(&former);
}

struct plan_store_stats plan_store_stats(struct plan_store *s)
{
	pthread_mutex_lock(&s->lock);
	struct plan_store_stats stats = s->stats;
	pthread_mutex_unlock(&s->lock);
	return stats;
}

/* --- loading --------------------------------------------------------------------------------- */
struct found {
	struct buffer bytes;
	struct plan_store_info info;
	bool is_whole;
};

static void look(const char *dir, unsigned slot, struct found *f)
{
	const char *message = "";
	buffer_init(&f->bytes, LIMIT_PLAN_BYTES);
	enum rc rc = plan_slot_read(dir, slot, &f->bytes, &f->info, &message);
	f->is_whole = rc == RC_OK;
	if (rc != RC_OK && rc != RC_NOT_FOUND)
		log_write(LOG_ERROR, "the saved plan %s/%u is skipped: %s", dir, slot, message);
}

enum rc plan_store_load(
	const char *dir, unsigned nth_newest, struct buffer *bytes, struct plan_store_info *info)
{
	struct found found[PLAN_SLOTS];
	struct found *order[PLAN_SLOTS];
	size_t n = 0;
	for (unsigned i = 0; i < PLAN_SLOTS; i++) {
		look(dir, i, &found[i]);
		if (found[i].is_whole)
			order[n++] = &found[i];
	}
	if (n == 2 && order[0]->info.sequence < order[1]->info.sequence) {
		order[0] = &found[1];
		order[1] = &found[0];
	}
	enum rc rc = nth_newest < n ? RC_OK : RC_NOT_FOUND;
	if (rc == RC_OK) {
		buffer_add(bytes, buffer_str(&order[nth_newest]->bytes));
		rc = bytes->failed ? RC_FULL : RC_OK;
	}
	if (rc == RC_OK && info)
		*info = order[nth_newest]->info;
	for (unsigned i = 0; i < PLAN_SLOTS; i++)
		buffer_deinit(&found[i].bytes);
	return rc;
}
