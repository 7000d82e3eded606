/* SPDX-License-Identifier: Apache-2.0 */
#include "unit.h"

#include "rig.h"

#include "base/limits.h"
#include "policy/operation.h"
#include "services/services.h"
#include "sluice/work.h"

#include <pthread.h>
#include <semaphore.h>
#include <stdatomic.h>

/* One job's argument. A job with a gate waits at it, and tells before. */
struct errand {
	sem_t *gate, *reached;
	_Atomic int ran, done, dropped;
	pthread_t thread;
	void *worker_data;
};

static const struct sluice_work_service *service;
static struct sluice_work *work;
static struct errand *tasks; /* what request_head begins */
static int task_count;
static struct errand *at_start; /* what worker_start submits */
static int32_t last_rc, start_rc;
static int taken, released;
static uint32_t jobs_max;
static char own_data;

static void run(const struct sluice_call *call, void *arg)
{
	struct errand *t = arg;
	if (t->reached)
		sem_post(t->reached);
	if (t->gate)
		sem_wait(t->gate);
	t->thread = pthread_self();
	void *p = call->host->instance_alloc(call->instance, 100);
	ck_assert_ptr_nonnull(p);
	call->host->instance_free(call->instance, p);
	ck_assert_int_eq(
		call->host->counter_define(call->instance, SLUICE_STR("x"), SLUICE_STR("")),
		SLUICE_E_WRONG_CALLBACK);
	t->ran++;
}

static void done(const struct sluice_call *call, void *worker_data, void *arg)
{
	struct errand *t = arg;
	t->done++;
	t->worker_data = worker_data;
	call->host->counter_add(call->instance, 0, 1);
}

static void dropped(const struct sluice_call *call, void *arg)
{
	struct errand *t = arg;
	ck_assert_int_eq(released, 0);
	call->host->log(call->instance, NULL, SLUICE_LOG_DEBUG, SLUICE_STR("dropped"));
	t->dropped++;
}

static const struct sluice_job job = {
	.size = sizeof(job), .run = run, .done = done, .dropped = dropped};

static int32_t configure(const struct sluice_call *call, const struct sluice_value *config,
	void *previous, void **state)
{
	service = call->host->service(SLUICE_WORK_SERVICE);
	ck_assert_ptr_null(service->open(call->instance, 0));
	ck_assert_ptr_null(service->open(call->instance, 10001));
	work = service->open(call->instance, jobs_max);
	ck_assert_ptr_nonnull(work);
	call->host->counter_define(call->instance, SLUICE_STR("done"), SLUICE_STR("Done"));
	ck_assert_int_eq(service->submit(call, work, &job, NULL), SLUICE_E_WRONG_CALLBACK);
	*state = &own_data;
	return SLUICE_OK;
}

static void release(const struct sluice_call *call)
{
	released++;
}

static int32_t worker_start(const struct sluice_call *call, void **data)
{
	*data = &own_data;
	if (at_start)
		last_rc = service->submit(call, work, &job, at_start);
	if (start_rc != SLUICE_OK)
		sem_wait(at_start->reached); /* else it is withdrawn before it runs */
	return start_rc;
}

static int32_t request_head(const struct sluice_call *call, struct sluice_exchange *x)
{
	if (call->host->resumed(x)) {
		while (service->take(x, work))
			taken++;
		ck_assert_int_eq(call->host->wait(x, 1000), SLUICE_FAIL); /* nothing is under way */
		return SLUICE_CONTINUE;
	}
	for (int i = 0; i < task_count; i++)
		last_rc = service->begin(x, work, &job, &tasks[i]);
	ck_assert_ptr_null(service->take(x, work));
	return call->host->wait(x, 1000);
}

static int32_t leave_it(const struct sluice_call *call, struct sluice_exchange *x)
{
	if (call->host->resumed(x))
		return SLUICE_CONTINUE;
	service->begin(x, work, &job, &tasks[0]);
	return call->host->wait(x, 1000);
}

static void too_late(const struct sluice_call *call, struct sluice_exchange *x)
{
	ck_assert_int_eq(service->begin(x, work, &job, NULL), SLUICE_E_WRONG_CALLBACK);
	ck_assert_int_eq(service->submit(call, work, &job, NULL), SLUICE_E_WRONG_CALLBACK);
	ck_assert_ptr_null(service->take(x, work));
	ck_assert_int_eq(call->host->wait(x, 1), SLUICE_FAIL);
	ck_assert_ptr_null(service->open(call->instance, 1));
}

typedef int32_t head(const struct sluice_call *call, struct sluice_exchange *x);
static struct sluice_policy policy;
static head *on_response;

static struct visit *begin_with(head *fn, struct errand *list, int count)
{
	policy = (struct sluice_policy){
		.size = sizeof(policy),
		.name = "working",
		.version = "1.0.0",
		.configure = configure,
		.release = release,
		.worker_start = worker_start,
		.request_head = fn,
		.response_head = on_response,
		.done = too_late,
	};
	tasks = list;
	task_count = count;
	last_rc = taken = released = 0;
	struct rig *r = rig_new(1);
	rig_bind(r, rig_policy(r, &policy), "working", "{}");
	/* The chain and the rig hold the instance from here on. */
	struct visit *v = visit_new(r, 0);
	visit_begin(v);
	return v;
}

static void end(struct visit *v)
{
	struct rig *r = v->rig;
	visit_free(v);
	rig_free(r);
	ck_assert_int_eq(released, 1);
	at_start = NULL;
}

static void setup(void)
{
	jobs_max = 100;
	at_start = NULL;
	start_rc = SLUICE_OK;
	on_response = NULL;
}

static void turn_until(struct visit *v, const _Atomic int *what, int value)
{
	for (int i = 0; i < 1000 && *what != value; i++)
		loop_turn(v->loop, 10);
	ck_assert_int_eq(*what, value);
}

static void turn_until_woken(struct visit *v)
{
	for (int i = 0; i < 1000 && !v->wakes; i++)
		loop_turn(v->loop, 10);
	ck_assert_int_eq(v->wakes, 1);
}

START_TEST(an_exchange_waits_for_all_of_its_jobs)
{
	struct errand list[3] = {0};
	setup();
	struct visit *v = begin_with(request_head, list, 3);
	ck_assert_int_eq(chain_step(&v->x, CHAIN_REQUEST), CHAIN_PAUSED);
	turn_until_woken(v);
	ck_assert_int_eq(chain_step(&v->x, CHAIN_REQUEST), CHAIN_MORE);
	ck_assert_int_eq(taken, 3);
	for (int i = 0; i < 3; i++) {
		ck_assert_int_eq(list[i].ran, 1);
		ck_assert_int_eq(list[i].done + list[i].dropped, 0);
		ck_assert(!pthread_equal(list[i].thread, pthread_self()));
	}
	end(v);
}
END_TEST

START_TEST(nothing_to_wait_for_denies)
{
	setup();
	struct visit *v = begin_with(request_head, NULL, 0);
	ck_assert_int_eq(chain_step(&v->x, CHAIN_REQUEST), CHAIN_FAILED);
	end(v);
}
END_TEST

static struct operation ended;
static int operations_left;

static void on_left(struct operation *op)
{
	operations_left++;
}

static int32_t end_at_once(const struct sluice_call *call, struct sluice_exchange *x)
{
	if (!call->host->resumed(x)) {
		operation_begin(&ended, x, on_left);
		operation_end(&ended);
		return call->host->wait(x, 1000);
	}
	taken++;
	/* It knows by now: a second wait for the same would never end. */
	return call->host->wait(x, 1000);
}

/* Such as a request to a service that is known to be down: whoever returns what `wait` gives must
 * not let the exchange by. */
START_TEST(what_has_ended_already_is_waited_for)
{
	setup();
	operations_left = 0;
	struct visit *v = begin_with(end_at_once, NULL, 0);
	ck_assert_int_eq(chain_step(&v->x, CHAIN_REQUEST), CHAIN_FAILED);
	ck_assert_int_eq(taken, 1);
	ck_assert_int_eq(operations_left, 1);
	end(v);
}
END_TEST

START_TEST(a_deadline_fails_the_binding_and_drops_the_job)
{
	sem_t gate, reached;
	sem_init(&gate, 0, 0);
	sem_init(&reached, 0, 0);
	struct errand slow = {.gate = &gate, .reached = &reached};
	setup();
	struct visit *v = begin_with(request_head, &slow, 1);
	ck_assert_int_eq(chain_step(&v->x, CHAIN_REQUEST), CHAIN_PAUSED);
	sem_wait(&reached);
	loop_fake_advance(v->loop, 1100);
	ck_assert_int_eq(chain_step(&v->x, CHAIN_REQUEST), CHAIN_FAILED);
	ck_assert_str_eq(v->x.fault_reason, "policy_timeout");
	ck_assert_int_eq(slow.dropped, 0); /* it has its argument still */
	sem_post(&gate);
	turn_until(v, &slow.dropped, 1);
	ck_assert_int_eq(slow.ran, 1);
	end(v);
}
END_TEST

START_TEST(a_job_outlives_its_exchange_and_holds_the_instance)
{
	sem_t gate, reached;
	sem_init(&gate, 0, 0);
	sem_init(&reached, 0, 0);
	struct errand slow = {.gate = &gate, .reached = &reached};
	setup();
	struct visit *v = begin_with(request_head, &slow, 1);
	struct rig *r = v->rig;
	ck_assert_int_eq(chain_step(&v->x, CHAIN_REQUEST), CHAIN_PAUSED);
	sem_wait(&reached);
	visit_free(v);
	ck_assert_int_eq(slow.dropped, 0);
	sem_post(&gate);
	rig_free(r); /* lets the instance go; waits for the job */
	ck_assert_int_eq(slow.dropped, 1);
	ck_assert_int_eq(released, 1);
}
END_TEST

START_TEST(what_is_queued_when_the_exchange_ends_never_runs)
{
	sem_t gate, reached;
	sem_init(&gate, 0, 0);
	sem_init(&reached, 0, 0);
	struct errand list[LIMIT_JOB_THREADS + 1];
	memset(list, 0, sizeof(list));
	for (int i = 0; i < LIMIT_JOB_THREADS; i++)
		list[i] = (struct errand){.gate = &gate, .reached = &reached};
	struct errand *last = &list[LIMIT_JOB_THREADS];
	setup();
	struct visit *v = begin_with(request_head, list, LIMIT_JOB_THREADS + 1);
	ck_assert_int_eq(chain_step(&v->x, CHAIN_REQUEST), CHAIN_PAUSED);
	for (int i = 0; i < LIMIT_JOB_THREADS; i++)
		sem_wait(&reached);
	visit_end(v);
	ck_assert_int_eq(last->dropped, 1);
	for (int i = 0; i < LIMIT_JOB_THREADS; i++)
		sem_post(&gate);
	for (int i = 0; i < LIMIT_JOB_THREADS; i++)
		turn_until(v, &list[i].dropped, 1);
	ck_assert_int_eq(last->ran, 0);
	end(v);
}
END_TEST

START_TEST(what_nobody_takes_is_dropped_with_the_exchange)
{
	struct errand one = {0};
	setup();
	struct visit *v = begin_with(leave_it, &one, 1);
	ck_assert_int_eq(chain_step(&v->x, CHAIN_REQUEST), CHAIN_PAUSED);
	turn_until_woken(v);
	ck_assert_int_eq(chain_step(&v->x, CHAIN_REQUEST), CHAIN_MORE);
	ck_assert_int_eq(one.dropped, 0);
	visit_end(v);
	ck_assert_int_eq(one.dropped, 1);
	end(v);
}
END_TEST

START_TEST(a_submitted_job_tells_its_worker)
{
	struct errand one = {0};
	setup();
	at_start = &one;
	struct visit *v = begin_with(NULL, NULL, 0);
	ck_assert_int_eq(last_rc, SLUICE_OK);
	turn_until(v, &one.done, 1);
	ck_assert_ptr_eq(one.worker_data, &own_data);
	ck_assert_uint_eq(rig_counter(v->rig, "done", 0), 1);
	ck_assert_int_eq(one.dropped, 0);
	end(v);
}
END_TEST

START_TEST(a_submitted_job_that_runs_at_worker_stop_is_dropped_at_its_end)
{
	sem_t gate, reached;
	sem_init(&gate, 0, 0);
	sem_init(&reached, 0, 0);
	struct errand slow = {.gate = &gate, .reached = &reached};
	setup();
	at_start = &slow;
	struct visit *v = begin_with(NULL, NULL, 0);
	struct rig *r = v->rig;
	sem_wait(&reached);
	visit_free(v);
	ck_assert_int_eq(slow.dropped, 0);
	sem_post(&gate);
	rig_free(r);
	ck_assert_int_eq(slow.dropped, 1);
	ck_assert_int_eq(slow.done, 0);
	ck_assert_int_eq(released, 1);
}
END_TEST

static struct sluice_instance *failing_instance(struct rig *r)
{
	policy = (struct sluice_policy){
		.size = sizeof(policy),
		.name = "working",
		.version = "1.0.0",
		.configure = configure,
		.release = release,
		.worker_start = worker_start,
	};
	start_rc = SLUICE_E_RUNTIME;
	released = 0;
	return rig_bind(r, rig_policy(r, &policy), "working", "{}")->instance;
}

START_TEST(a_job_of_a_worker_start_that_fails_is_dropped)
{
	sem_t gate, reached;
	sem_init(&gate, 0, 0);
	sem_init(&reached, 0, 0);
	struct errand slow = {.gate = &gate, .reached = &reached};
	setup();
	at_start = &slow;
	struct rig *r = rig_new(1);
	struct loop *loop = loop_new(&(struct loop_options){.fake_clock = true});
	struct sluice_instance *i = failing_instance(r);
	services_worker_start(0, loop);
	ck_assert_int_eq(instance_worker_start(i, 0), RC_REFUSED);
	services_worker_stop(0);
	loop_free(loop);
	sem_post(&gate); /* its worker is gone when it ends */
	rig_free(r);
	ck_assert_int_eq(slow.ran, 1);
	ck_assert_int_eq(slow.done, 0);
	ck_assert_int_eq(slow.dropped, 1);
	ck_assert_int_eq(released, 1);
}
END_TEST

static int32_t take_request_jobs(const struct sluice_call *call, struct sluice_exchange *x)
{
	ck_assert_ptr_null(service->take(x, work));
	ck_assert_int_eq(
		call->host->wait(x, 1000), SLUICE_FAIL); /* they are of the other direction */
	return SLUICE_CONTINUE;
}

START_TEST(an_operation_is_of_one_direction)
{
	struct errand one = {0};
	setup();
	on_response = take_request_jobs;
	struct visit *v = begin_with(leave_it, &one, 1);
	ck_assert_int_eq(chain_step(&v->x, CHAIN_REQUEST), CHAIN_PAUSED);
	turn_until_woken(v);
	ck_assert_int_eq(chain_step(&v->x, CHAIN_REQUEST), CHAIN_MORE);
	ck_assert_int_eq(visit_give(v, CHAIN_RESPONSE, "x"), CHAIN_DONE);
	ck_assert_int_eq(one.dropped, 0);
	end(v);
	ck_assert_int_eq(one.dropped, 1);
}
END_TEST

START_TEST(no_more_jobs_than_were_asked_for)
{
	struct errand list[3] = {0};
	setup();
	jobs_max = 2;
	struct visit *v = begin_with(request_head, list, 3);
	ck_assert_int_eq(chain_step(&v->x, CHAIN_REQUEST), CHAIN_PAUSED);
	ck_assert_int_eq(last_rc, SLUICE_E_FULL);
	turn_until_woken(v);
	ck_assert_int_eq(chain_step(&v->x, CHAIN_REQUEST), CHAIN_MORE);
	ck_assert_int_eq(taken, 2);
	end(v);
}
END_TEST

static int32_t misuse(const struct sluice_call *call, struct sluice_exchange *x)
{
	struct sluice_job wrong = job;
	ck_assert_int_eq(service->begin(x, work, NULL, NULL), SLUICE_E_INVALID);
	ck_assert_int_eq(service->begin(x, NULL, &job, NULL), SLUICE_E_WRONG_CALLBACK);
	wrong.done = NULL;
	ck_assert_int_eq(service->submit(call, work, &wrong, NULL), SLUICE_E_INVALID);
	wrong.run = NULL;
	ck_assert_int_eq(service->begin(x, work, &wrong, NULL), SLUICE_E_INVALID);
	wrong = job;
	wrong.size = 8;
	ck_assert_int_eq(service->begin(x, work, &wrong, NULL), SLUICE_E_INVALID);
	return SLUICE_CONTINUE;
}

START_TEST(misuse_is_refused)
{
	setup();
	struct visit *v = begin_with(misuse, NULL, 0);
	ck_assert_int_eq(chain_step(&v->x, CHAIN_REQUEST), CHAIN_MORE);
	end(v);
}
END_TEST

UNIT_SUITE(work, an_exchange_waits_for_all_of_its_jobs, nothing_to_wait_for_denies,
	what_has_ended_already_is_waited_for, a_deadline_fails_the_binding_and_drops_the_job,
	a_job_outlives_its_exchange_and_holds_the_instance,
	what_is_queued_when_the_exchange_ends_never_runs,
	what_nobody_takes_is_dropped_with_the_exchange, a_submitted_job_tells_its_worker,
	a_submitted_job_that_runs_at_worker_stop_is_dropped_at_its_end,
	a_job_of_a_worker_start_that_fails_is_dropped, an_operation_is_of_one_direction,
	no_more_jobs_than_were_asked_for, misuse_is_refused)
