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
	struct link jobs;
	unsigned threads, idle, queued;
	bool is_stopping;
	pthread_t ids[LIMIT_JOB_THREADS];
	struct job_pool_hooks hooks;
} pool = {.lock = PTHREAD_MUTEX_INITIALIZER, .wake = PTHREAD_COND_INITIALIZER, .jobs = {&pool.jobs, &pool.jobs}};

/* The lock is held. NULL: the pool stops. */
static struct pool_job *wait_for_job(void)
{
	pool.idle++;
	while (list_is_empty(&pool.jobs) && !pool.is_stopping)
		pthread_cond_wait(&pool.wake, &pool.lock);
	pool.idle--;
	struct link *l = list_pop(&pool.jobs);
	if (!l)
		return NULL;
	pool.queued--;
	return CONTAINER_OF(l, struct pool_job, link);
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

/* The lock is held. With one thread the jobs are done as well, if later. */
static void add_thread(void)
{
	pthread_t *id = &pool.ids[pool.threads];
	if (pool.threads == 0)
		thread_start(id, run, id);
	else if (!thread_try_start(id, run, id))
		return;
	pool.threads++;
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
	CHECK(list_is_empty(&pool.jobs));
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
	pthread_mutex_lock(&pool.lock);
	list_append(&pool.jobs, &j->link);
	pool.queued++;
	if (pool.queued > pool.idle && pool.threads < LIMIT_JOB_THREADS)
		add_thread();
	pthread_cond_signal(&pool.wake);
	pthread_mutex_unlock(&pool.lock);
}

bool job_pool_withdraw(struct pool_job *j)
{
	pthread_mutex_lock(&pool.lock);
	bool is_queued = !list_is_empty(&j->link);
	if (is_queued) {
		list_remove(&j->link);
		pool.queued--;
	}
	pthread_mutex_unlock(&pool.lock);
	return is_queued;
}
