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
	uint64_t prove_due; /* generation; 0: none */
	bool is_stopping;
	struct plan_store_stats stats;

	/* The thread's own. */
	uint64_t written_generation; /* 0: none */
	uint8_t written[SHA256_BYTES];
	struct plan_slot_known known[PLAN_SLOTS];
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

static void save(struct plan_store *s, uint64_t generation, const struct plan_bytes *bytes)
{
	bool ok = plan_slot_write(s->dir, generation, clock_wall_us(), bytes, s->written,
			  s->known) == RC_OK;
	s->written_generation = ok ? generation : 0;
	if (ok)
		count(s, generation, true);
	else
		cannot_save(s, generation);
}

static void prove(struct plan_store *s, uint64_t generation)
{
	if (generation == 0 || generation != s->written_generation)
		return;
	if (plan_slot_prove(s->dir, s->written) != RC_OK) {
		log_write(LOG_ERROR,
			"that generation %llu has proved itself cannot be kept in %s: %s",
			(unsigned long long)generation, s->dir, strerror(errno));
		return;
	}
	pthread_mutex_lock(&s->lock);
	s->stats.proven = generation;
	pthread_mutex_unlock(&s->lock);
}

struct job {
	struct plan_bytes bytes; /* to save; none: nothing */
	uint64_t generation;     /* of it */
	uint64_t proven;         /* a generation that has proved itself; 0: none */
};

/* Takes what waits; false: stop. */
static bool take(struct plan_store *s, struct job *job)
{
	pthread_mutex_lock(&s->lock);
	while (!s->waiting.p && s->prove_due == 0 && !s->is_stopping)
		pthread_cond_wait(&s->wake, &s->lock);
	*job = (struct job){
		.bytes = s->waiting,
		.generation = s->waiting_generation,
		.proven = s->prove_due,
	};
	s->waiting = (struct plan_bytes){0};
	s->prove_due = 0;
	pthread_mutex_unlock(&s->lock);
	return job->bytes.p || job->proven != 0;
}

static void *run(void *arg)
{
	struct plan_store *s = arg;
	struct job job;
	pthread_setname_np(pthread_self(), "plan-store");
	while (take(s, &job)) {
		prove(s, job.proven); /* it was said of what was written before */
		if (job.bytes.p)
			save(s, job.generation, &job.bytes);
		plan_bytes_free(&job.bytes);
		prove(s, job.proven);
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

void plan_store_prove(struct plan_store *s, uint64_t generation)
{
	if (!s->has_thread)
		return; /* nothing of it was saved */
	pthread_mutex_lock(&s->lock);
	s->prove_due = generation;
	pthread_cond_signal(&s->wake);
	pthread_mutex_unlock(&s->lock);
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
	unsigned slot;
	struct plan_store_info info;
};

static void complain(const char *dir, unsigned slot, const char *message)
{
	log_write(LOG_ERROR, "the saved plan %s/%u is skipped: %s", dir, slot, message);
}

static bool comes_before(const struct found *a, const struct found *b, enum plan_order order)
{
	if (order == PLAN_PROVEN_FIRST && a->info.has_proved != b->info.has_proved)
		return a->info.has_proved;
	return a->info.sequence > b->info.sequence;
}

/* By their headers; how many. */
static size_t look(const char *dir, enum plan_order order, struct found found[PLAN_SLOTS])
{
	size_t n = 0;
	for (unsigned slot = 0; slot < PLAN_SLOTS; slot++) {
		const char *message = "";
		struct found f = {.slot = slot};
		enum rc rc = plan_slot_read(dir, slot, NULL, &f.info, &message);
		if (rc != RC_OK && rc != RC_NOT_FOUND)
			complain(dir, slot, message);
		if (rc != RC_OK)
			continue;
		size_t at = n++;
		for (; at > 0 && comes_before(&f, &found[at - 1], order); at--)
			found[at] = found[at - 1];
		found[at] = f;
	}
	return n;
}

/* Those before it are read, too: whether they are whole, only that shows. */
enum rc plan_store_load(const char *dir, enum plan_order order, unsigned nth, struct buffer *bytes,
	struct plan_store_info *info)
{
	struct found found[PLAN_SLOTS];
	size_t n = look(dir, order, found), before = bytes->n;
	for (size_t i = 0; i < n; i++) {
		const char *message = "";
		struct plan_store_info read;
		bytes->n = before;
		if (plan_slot_read(dir, found[i].slot, bytes, &read, &message) != RC_OK) {
			complain(dir, found[i].slot, message);
		} else if (nth-- == 0) {
			if (info)
				*info = read;
			return RC_OK;
		}
	}
	bytes->n = before;
	return RC_NOT_FOUND;
}
