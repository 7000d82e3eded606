/* SPDX-License-Identifier: Apache-2.0 */
#include "services/job_pool.h"

#include "base/check.h"
#include "base/limits.h"
#include "base/thread_start.h"

#include <stddef.h>
#include <stdio.h>

static struct {
	pthread_mutex_t lock;
	pthread_cond_t wake;
	struct pool_job *first, **last;
	unsigned threads, idle, queued;
	bool is_stopping;
	pthread_t ids[LIMIT_JOB_THREADS];
	struct job_pool_hooks hooks;
} pool = {.lock = PTHREAD_MUTEX_INITIALIZER, .wake = PTHREAD_COND_INITIALIZER, .last = &pool.first};

/* The lock is held. NULL: the pool stops. */
static struct pool_job *wait_for_job(void)
{
	pool.idle++;
	while (!pool.first && !pool.is_stopping)
		pthread_cond_wait(&pool.wake, &pool.lock);
	pool.idle--;
	struct pool_job *j = pool.first;
	if (!j)
		return NULL;
	pool.first = j->next;
	if (!pool.first)
		pool.last = &pool.first;
	pool.queued--;
	j->is_queued = false;
	return j;
}

static void *run(void *arg)
{
	unsigned number = (unsigned)((pthread_t *)arg - pool.ids);
	char name[16];
	snprintf(name, sizeof(name), "job-%u", number);
	pthread_setname_np(pthread_self(), name);
	if (pool.hooks.enter)
		pool.hooks.enter(pool.hooks.arg, number);
	pthread_mutex_lock(&pool.lock);
	for (struct pool_job *j; (j = wait_for_job());) {
		pthread_mutex_unlock(&pool.lock);
		j->run(j);
		j->ended(j);
		pthread_mutex_lock(&pool.lock);
	}
	pthread_mutex_unlock(&pool.lock);
	if (pool.hooks.leave)
		pool.hooks.leave(pool.hooks.arg);
	return NULL;
}

/* The lock is held. */
static void add_thread(void)
{
	pthread_t *id = &pool.ids[pool.threads++];
	thread_start(id, run, id);
}

void job_pool_set_hooks(const struct job_pool_hooks *hooks)
{
	pool.hooks = hooks ? *hooks : (struct job_pool_hooks){0};
}

void job_pool_start(void)
{
	pthread_mutex_lock(&pool.lock);
	if (pool.threads == 0)
		add_thread();
	pthread_mutex_unlock(&pool.lock);
}

void job_pool_stop(void)
{
	pthread_mutex_lock(&pool.lock);
	CHECK(!pool.first);
	pool.is_stopping = true;
	pthread_cond_broadcast(&pool.wake);
	pthread_mutex_unlock(&pool.lock);
	for (unsigned i = 0; i < pool.threads; i++)
		pthread_join(pool.ids[i], NULL);
	pool.threads = 0;
	pool.is_stopping = false;
}

void job_pool_add(struct pool_job *j)
{
	j->next = NULL;
	j->is_queued = true;
	pthread_mutex_lock(&pool.lock);
	*pool.last = j;
	pool.last = &j->next;
	pool.queued++;
	if (pool.queued > pool.idle && pool.threads < LIMIT_JOB_THREADS)
		add_thread();
	pthread_cond_signal(&pool.wake);
	pthread_mutex_unlock(&pool.lock);
}

bool job_pool_withdraw(struct pool_job *j)
{
	pthread_mutex_lock(&pool.lock);
	bool is_queued = j->is_queued;
	if (is_queued) {
		struct pool_job **at = &pool.first;
		while (*at != j)
			at = &(*at)->next;
		*at = j->next;
		if (!*at)
			pool.last = at;
		j->is_queued = false;
		pool.queued--;
	}
	pthread_mutex_unlock(&pool.lock);
	return is_queued;
}
