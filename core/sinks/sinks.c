/* SPDX-License-Identifier: Apache-2.0 */
#include "sinks/sinks.h"

#include "base/check.h"
#include "base/clock.h"
#include "base/memory.h"
#include "base/thread_start.h"
#include "sinks/output.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <time.h>

#define BATCH_BYTES (256u << 10)
/* Of which so much stays when a burst is over. */
#define BATCH_KEPT_BYTES (16u << 10)
#define LOG_QUEUE_BYTES  (4u << 20)
#define LOOK_MS          1000

struct sinks {
	struct record_ring *const *rings; /* borrowed */
	size_t ring_count;
	struct output records, log;
	bool has_records;
	struct buffer batch;
	int64_t looked_ms; /* when the file's name was looked at */
	pthread_t thread;
	_Atomic uint64_t lost; /* lines, as the thread last counted */

	pthread_mutex_t lock; /* guards what follows */
	pthread_cond_t wake;
	bool log_waits;
	bool reopen_asked;
	bool is_stopping;
};

static void notify(void *arg)
{
	struct sinks *s = arg;
	pthread_mutex_lock(&s->lock);
	s->log_waits = true;
	pthread_cond_signal(&s->wake);
	pthread_mutex_unlock(&s->lock);
}

static void write_batch(struct sinks *s, struct output *to)
{
	output_write(to, buffer_str(&s->batch));
	buffer_reset(&s->batch);
}

static void init_batch(struct sinks *s)
{
	buffer_init(&s->batch, LOG_QUEUE_BYTES + BATCH_BYTES);
}

/* False: there were none. */
static bool write_records(struct sinks *s)
{
	bool are_there = false;
	for (size_t i = 0; i < s->ring_count; i++)
		while (record_ring_read(s->rings[i], &s->batch) > 0) {
			are_there = true;
			if (s->batch.n > BATCH_BYTES / 2)
				write_batch(s, &s->records);
		}
	if (s->batch.n > 0)
		write_batch(s, &s->records);
	return are_there;
}

static void end_burst(struct sinks *s)
{
	if (s->batch.capacity <= BATCH_KEPT_BYTES)
		return;
	buffer_deinit(&s->batch);
	init_batch(s);
}

static void write_log(struct sinks *s)
{
	while (log_take(&s->batch) > 0)
		write_batch(s, &s->log);
}

static void look_at_files(struct sinks *s, bool always)
{
	int64_t now = clock_monotonic_ns() / 1000000;
	if (!always && now - s->looked_ms < LOOK_MS)
		return;
	s->looked_ms = now;
	output_reopen(&s->records, always);
	output_reopen(&s->log, always);
}

/* With an access log the rings are looked at every tick; without one the log alone wakes the
 * thread. */
static void wait(struct sinks *s)
{
	struct timespec until;
	clock_gettime(CLOCK_MONOTONIC, &until);
	until.tv_nsec += SINKS_TICK_MS * 1000000L;
	until.tv_sec += until.tv_nsec / 1000000000L;
	until.tv_nsec %= 1000000000L;
	if (s->log_waits || s->reopen_asked || s->is_stopping)
		return;
	if (s->has_records)
		pthread_cond_timedwait(&s->wake, &s->lock, &until);
	else
		pthread_cond_wait(&s->wake, &s->lock);
}

static void *run(void *arg)
{
	struct sinks *s = arg;
	bool is_stopping = false;
	pthread_setname_np(pthread_self(), "sinks");
	while (!is_stopping) {
		pthread_mutex_lock(&s->lock);
		wait(s);
		bool reopen = s->reopen_asked;
		is_stopping = s->is_stopping;
		s->reopen_asked = s->log_waits = false;
		pthread_mutex_unlock(&s->lock);
		look_at_files(s, reopen);
		bool are_records_there = write_records(s);
		write_log(s);
		if (!are_records_there)
			end_burst(s);
		atomic_store_explicit(
			&s->lost, s->records.lost + s->log.lost, memory_order_relaxed);
	}
	return NULL;
}

static void init_wait(struct sinks *s)
{
	pthread_condattr_t attributes;
	pthread_mutex_init(&s->lock, NULL);
	pthread_condattr_init(&attributes);
	pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
	pthread_cond_init(&s->wake, &attributes);
	pthread_condattr_destroy(&attributes);
}

static bool open_or_await(struct output *out, const char *path, const struct sinks_options *o)
{
	if (output_open(out, path) == RC_OK)
		return true;
	if (!o->serves_without)
		return false;
	log_write(LOG_ERROR,
		"cannot write %s: %s; what belongs there is lost until it can be opened", path,
		strerror(errno));
	output_await(out, path);
	return true;
}

/* NULL, or the name of the file that cannot be opened, with errno. */
static const char *open_files(struct sinks *s, const struct sinks_options *o)
{
	if (!o->log_file)
		output_borrow(&s->log, o->log_fd);
	else if (!open_or_await(&s->log, o->log_file, o))
		return o->log_file;
	s->has_records = o->access_log != NULL;
	if (!s->has_records || open_or_await(&s->records, o->access_log, o))
		return NULL;
	int error = errno;
	output_close(&s->log);
	errno = error;
	return o->access_log;
}

static void free_without_thread(struct sinks *s)
{
	output_close(&s->records);
	output_close(&s->log);
	buffer_deinit(&s->batch);
	pthread_cond_destroy(&s->wake);
	pthread_mutex_destroy(&s->lock);
	free(s);
}

enum rc sinks_new(const struct sinks_options *options, struct sinks **out, const char **failed)
{
	struct sinks *s = heap_zalloc(sizeof(*s));
	*failed = open_files(s, options);
	if (*failed) {
		int error = errno;
		free(s);
		errno = error;
		return RC_IO;
	}
	if (s->has_records) {
		s->rings = options->rings;
		s->ring_count = options->ring_count;
	}
	init_batch(s);
	init_wait(s);
	log_start_queue(LOG_QUEUE_BYTES, notify, s);
	if (thread_try_start(&s->thread, run, s)) {
		*out = s;
		return RC_OK;
	}
	int error = errno;
	*failed = "the log, for want of a thread";
	log_stop_queue();
	free_without_thread(s);
	errno = error;
	return RC_IO;
}

static void ask(struct sinks *s, bool *what)
{
	pthread_mutex_lock(&s->lock);
	*what = true;
	pthread_cond_signal(&s->wake);
	pthread_mutex_unlock(&s->lock);
}

void sinks_free(struct sinks *s)
{
	ask(s, &s->is_stopping);
	pthread_join(s->thread, NULL);
	log_stop_queue();
	free_without_thread(s);
}

void sinks_reopen(struct sinks *s)
{
	ask(s, &s->reopen_asked);
}

uint64_t sinks_lost(const struct sinks *s)
{
	uint64_t lost = atomic_load_explicit(&s->lost, memory_order_relaxed);
	for (size_t i = 0; i < s->ring_count; i++)
		lost += record_ring_dropped(s->rings[i]);
	return lost;
}
