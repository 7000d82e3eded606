/* SPDX-License-Identifier: Apache-2.0 */
/* services/work.c - jobs of policies, on the threads of the pool.
 *
 *   submit/begin -> pool -> run -> letter to the worker -> done, or the end of an operation
 *
 * A job holds its instance, so that whatever becomes of it, its memory and its code are there. When
 * nobody waits for it any more it is withdrawn from the pool, or, when it runs already, dropped at
 * its end.
 *
 * Invariants   K1  of a job's `arg` the plugin gets exactly one of done, dropped, and take.
 * Threads      a job is its worker's, but for run and what follows from it up to the letter. */
#include "sluice/work.h"

#include "base/list.h"
#include "base/memory.h"
#include "policy/legal.h"
#include "policy/operation.h"
#include "policy/run.h"
#include "services/inbox.h"
#include "services/job_pool.h"
#include "services/services_priv.h"

#include <stdatomic.h>
#include <stdlib.h>

#define JOBS_MAX 10000

enum { OPEN, SUBMIT, BEGIN, TAKE };
static const struct policy_call calls[] = {
	[OPEN] = {"sluice.work/1 open", IN(CONFIGURE)},
	[SUBMIT] = {"sluice.work/1 submit", IN_WORKER},
	[BEGIN] = {"sluice.work/1 begin", IN_LIVE},
	[TAKE] = {"sluice.work/1 take", IN_LIVE},
};

struct sluice_work {
	struct policy_companion companion;
	struct sluice_instance *instance; /* borrowed: it goes with it */
	struct inbox *inbox;              /* the instance's */
	uint32_t jobs_max;
	_Atomic uint32_t jobs;
	uint32_t workers;
	struct link submitted[]; /* by worker: those in the pool */
};

struct job {
	struct pool_job pool;
	struct letter letter;
	struct operation operation; /* of one begun for an exchange */
	struct link link;           /* of one submitted: in its worker's list */
	struct sluice_work *work;
	struct sluice_job given; /* zero beyond what the plugin gave */
	void *arg;
	uint32_t worker;
	bool is_of_exchange;
	bool is_left; /* by its exchange */
};

static const char kind;

static struct job *job_of(struct operation *op)
{
	return CONTAINER_OF(op, struct job, operation);
}

/* --- ends ------------------------------------------------------------------------------------ */
static void job_free(struct job *j)
{
	struct sluice_work *work = j->work;
	struct sluice_instance *i = work->instance;
	atomic_fetch_sub_explicit(&work->jobs, 1, memory_order_relaxed);
	policy_free(i, j);
	policy_let_go(i);
}

static void job_drop(struct job *j)
{
	struct sluice_instance *i = j->work->instance;
	if (j->given.dropped) {
		policy_call_enter(i, CALLBACK_DROPPED, j->worker);
		j->given.dropped(policy_call_of(i), j->arg);
		policy_call_leave();
	}
	job_free(j);
}

static void drop(struct letter *l)
{
	job_drop(CONTAINER_OF(l, struct job, letter));
}

static void deliver(struct letter *l, struct sluice_instance *i, uint32_t worker)
{
	struct job *j = CONTAINER_OF(l, struct job, letter);
	if (j->is_left) {
		job_drop(j);
	} else if (j->is_of_exchange) {
		operation_end(&j->operation);
	} else {
		list_remove(&j->link);
		policy_call_enter(i, CALLBACK_JOB_DONE, worker);
		j->given.done(policy_call_of(i), policy_worker_data(i, worker), j->arg);
		policy_call_leave();
		job_free(j);
	}
}

/* --- on the pool's threads ------------------------------------------------------------------- */
static void run(struct pool_job *p)
{
	struct job *j = CONTAINER_OF(p, struct job, pool);
	struct sluice_instance *i = j->work->instance;
	policy_call_enter(i, CALLBACK_JOB, j->worker);
	j->given.run(policy_call_of(i), j->arg);
	policy_call_leave();
}

static void ended(struct pool_job *p)
{
	struct job *j = CONTAINER_OF(p, struct job, pool);
	inbox_send(j->work->inbox, j->worker, &j->letter);
}

/* --- beginnings ------------------------------------------------------------------------------ */
static bool take_place(struct sluice_work *work)
{
	if (atomic_fetch_add_explicit(&work->jobs, 1, memory_order_relaxed) < work->jobs_max)
		return true;
	atomic_fetch_sub_explicit(&work->jobs, 1, memory_order_relaxed);
	return false;
}

static bool is_whole(const struct sluice_job *given, bool is_of_exchange)
{
	return given && given->size >= offsetof(struct sluice_job, dropped) && given->run &&
	       (is_of_exchange || given->done);
}

static struct job *job_new(struct sluice_work *work, const struct sluice_job *given, void *arg)
{
	if (!take_place(work))
		return NULL;
	struct job *j = policy_alloc(work->instance, sizeof(*j));
	if (!j) {
		atomic_fetch_sub_explicit(&work->jobs, 1, memory_order_relaxed);
		return NULL;
	}
	*j = (struct job){.pool = {.run = run, .ended = ended},
		.letter = {.deliver = deliver, .drop = drop},
		.work = work,
		.arg = arg,
		.worker = services_thread.worker};
	take_sized(&j->given, sizeof(j->given), given, given->size);
	policy_hold(work->instance);
	return j;
}

static bool is_own(const struct policy_call *call, const struct sluice_work *work)
{
	if (work && work->instance == policy_current())
		return true;
	policy_refuse(call);
	return false;
}

static int32_t submit(const struct sluice_call *call, struct sluice_work *work,
	const struct sluice_job *given, void *arg)
{
	if (!policy_allows(&calls[SUBMIT], call ? call->instance : NULL) ||
		!is_own(&calls[SUBMIT], work))
		return SLUICE_E_WRONG_CALLBACK;
	if (!is_whole(given, false))
		return SLUICE_E_INVALID;
	struct job *j = job_new(work, given, arg);
	if (!j)
		return SLUICE_E_FULL;
	list_append(&work->submitted[j->worker], &j->link);
	job_pool_add(&j->pool);
	return SLUICE_OK;
}

/* Its exchange has no use for it. */
static void on_leave(struct operation *op)
{
	struct job *j = job_of(op);
	if (!op->is_pending || job_pool_withdraw(&j->pool))
		job_drop(j);
	else
		j->is_left = true;
}

static int32_t begin(struct sluice_exchange *x, struct sluice_work *work,
	const struct sluice_job *given, void *arg)
{
	if (!policy_allows_exchange(&calls[BEGIN], x) || !is_own(&calls[BEGIN], work))
		return SLUICE_E_WRONG_CALLBACK;
	if (!is_whole(given, true))
		return SLUICE_E_INVALID;
	struct job *j = job_new(work, given, arg);
	if (!j)
		return SLUICE_E_FULL;
	j->is_of_exchange = true;
	operation_begin(&j->operation, x, on_leave);
	job_pool_add(&j->pool);
	return SLUICE_OK;
}

static void *take(struct sluice_exchange *x, struct sluice_work *work)
{
	struct job *first = NULL;
	if (!policy_allows_exchange(&calls[TAKE], x) || !is_own(&calls[TAKE], work))
		return NULL;
	for (struct operation *op = x->operations; op; op = op->next) {
		bool is_it = op->leave == on_leave && operation_is_own(op, x) && !op->is_pending &&
			     job_of(op)->work == work;
		if (is_it)
			first = job_of(op);
	}
	if (!first)
		return NULL;
	void *arg = first->arg;
	operation_take(&first->operation);
	job_free(first);
	return arg;
}

/* --- life ------------------------------------------------------------------------------------ */
static void on_worker_start(struct policy_companion *c, uint32_t worker)
{
	job_pool_start();
}

/* What was submitted there and does not run yet never will; what runs finds the box closed. */
static void on_worker_stop(struct policy_companion *c, uint32_t worker)
{
	struct sluice_work *work = CONTAINER_OF(c, struct sluice_work, companion);
	for (struct link *l; (l = list_pop(&work->submitted[worker]));) {
		struct job *j = CONTAINER_OF(l, struct job, link);
		if (job_pool_withdraw(&j->pool))
			job_drop(j);
	}
}

static void on_release(struct policy_companion *c)
{
	free(CONTAINER_OF(c, struct sluice_work, companion));
}

static struct sluice_work *open_work(struct sluice_instance *i, uint32_t jobs_max)
{
	if (!policy_allows(&calls[OPEN], i) || jobs_max < 1 || jobs_max > JOBS_MAX)
		return NULL;
	struct inbox *inbox = inbox_of(i);
	uint32_t workers = policy_workers(i);
	struct sluice_work *work =
		heap_zalloc(sizeof(*work) + workers * sizeof(work->submitted[0]));
	work->companion = (struct policy_companion){.kind = &kind,
		.worker_start = on_worker_start,
		.worker_stop = on_worker_stop,
		.release = on_release};
	work->instance = i;
	work->inbox = inbox;
	work->jobs_max = jobs_max;
	work->workers = workers;
	for (uint32_t w = 0; w < workers; w++)
		list_init(&work->submitted[w]);
	policy_accompany(i, &work->companion);
	return work;
}

const void *services_work_table(void)
{
	static const struct sluice_work_service table = {
		.size = sizeof(table),
		.open = open_work,
		.submit = submit,
		.begin = begin,
		.take = take,
	};
	return &table;
}
