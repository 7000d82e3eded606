/* SPDX-License-Identifier: Apache-2.0 */
#include "unit.h"

#include "rig.h"

#include "base/limits.h"
#include "sluice/post.h"
#include "sluice/work.h"

#include <pthread.h>
#include <stdatomic.h>

static const struct sluice_post_service *service;
static struct sluice_post_box *box;
static const struct sluice_work_service *work_service;
static struct sluice_work *work;
static _Atomic int received[2], dropped_count;
static char order[16];
static uint32_t send_to;
static int send_count;
static char data_of[2];

static void on_received(const struct sluice_call *call, void *worker_data, void *arg)
{
	int32_t w = service->worker(box);
	ck_assert_int_ge(w, 0);
	ck_assert_ptr_eq(worker_data, &data_of[w]);
	call->host->counter_add(call->instance, 0, 1);
	if (arg)
		order[received[w]] = *(const char *)arg;
	received[w]++;
}

static void on_dropped(void *arg)
{
	dropped_count++;
}

static const struct sluice_message message = {
	.size = sizeof(message), .received = on_received, .dropped = on_dropped};

static int32_t configure(const struct sluice_call *call, const struct sluice_value *config,
	void *previous, void **state)
{
	service = call->host->service(SLUICE_POST_SERVICE);
	box = service->open(call->instance);
	ck_assert_ptr_nonnull(box);
	work_service = call->host->service(SLUICE_WORK_SERVICE);
	work = work_service->open(call->instance, 1);
	ck_assert_ptr_eq(service->open(call->instance), box);
	ck_assert_int_eq(service->send(box, 0, &message, NULL), SLUICE_E_WRONG_CALLBACK);
	ck_assert_int_eq(service->worker(box), SLUICE_E_WRONG_CALLBACK);
	call->host->counter_define(call->instance, SLUICE_STR("got"), SLUICE_STR("Got"));
	return SLUICE_OK;
}

static int32_t worker_start(const struct sluice_call *call, void **data)
{
	*data = &data_of[service->worker(box)];
	return SLUICE_OK;
}

static int32_t request_head(const struct sluice_call *call, struct sluice_exchange *x)
{
	static const char letters[] = "abcdefgh";
	for (int i = 0; i < send_count; i++) {
		int32_t rc =
			service->send(box, send_to, &message, (void *)(uintptr_t)&letters[i % 8]);
		ck_assert_int_eq(rc, SLUICE_OK);
	}
	ck_assert_int_eq(received[0], 0); /* not before the sender has returned */
	return SLUICE_CONTINUE;
}

static int32_t misuse(const struct sluice_call *call, struct sluice_exchange *x)
{
	struct sluice_message wrong = message;
	ck_assert_ptr_null(service->open(call->instance));
	ck_assert_int_eq(service->send(NULL, 0, &message, NULL), SLUICE_E_WRONG_CALLBACK);
	ck_assert_int_eq(service->send(box, 2, &message, NULL), SLUICE_E_INVALID);
	ck_assert_int_eq(service->send(box, 0, NULL, NULL), SLUICE_E_INVALID);
	wrong.received = NULL;
	ck_assert_int_eq(service->send(box, 0, &wrong, NULL), SLUICE_E_INVALID);
	wrong = message;
	wrong.size = 8;
	ck_assert_int_eq(service->send(box, 0, &wrong, NULL), SLUICE_E_INVALID);
	return SLUICE_CONTINUE;
}

static int32_t request_head_many(const struct sluice_call *call, struct sluice_exchange *x)
{
	for (int i = 0; i < send_count; i++)
		ck_assert_int_eq(service->send(box, send_to, &message, NULL), SLUICE_OK);
	return SLUICE_CONTINUE;
}

static void write_in_job(const struct sluice_call *call, void *arg)
{
	ck_assert_int_eq(service->worker(box), SLUICE_E_WRONG_CALLBACK);
	ck_assert_int_eq(service->send(box, 0, &message, NULL), SLUICE_OK);
}

static void job_done(const struct sluice_call *call, void *worker_data, void *arg)
{
	ck_assert_int_eq(received[0], 1); /* it was sent before */
}

static int32_t begin_job(const struct sluice_call *call, struct sluice_exchange *x)
{
	static const struct sluice_job job = {
		.size = sizeof(job), .run = write_in_job, .done = job_done};
	ck_assert_int_eq(work_service->submit(call, work, &job, NULL), SLUICE_OK);
	return SLUICE_CONTINUE;
}

static int32_t flood(const struct sluice_call *call, struct sluice_exchange *x)
{
	for (int i = 0; i < LIMIT_INBOX_LETTERS; i++)
		ck_assert_int_eq(service->send(box, 1, &message, NULL), SLUICE_OK);
	ck_assert_int_eq(service->send(box, 1, &message, NULL), SLUICE_E_FULL);
	ck_assert_int_eq(service->send(box, SLUICE_POST_ALL, &message, NULL), SLUICE_E_FULL);
	return SLUICE_CONTINUE;
}

typedef int32_t head(const struct sluice_call *call, struct sluice_exchange *x);
static struct sluice_policy policy;

static struct visit *begin(head *fn)
{
	policy = (struct sluice_policy){
		.size = sizeof(policy),
		.name = "posting",
		.version = "1.0.0",
		.configure = configure,
		.worker_start = worker_start,
		.request_head = fn,
	};
	received[0] = received[1] = dropped_count = 0;
	memset(order, 0, sizeof(order));
	struct rig *r = rig_new(2);
	rig_bind(r, rig_policy(r, &policy), "posting", "{}");
	ck_assert_uint_eq(service->worker_count(box), 2);
	struct visit *v = visit_new(r, 0);
	visit_begin(v);
	return v;
}

static void end(struct visit *v)
{
	struct rig *r = v->rig;
	visit_free(v);
	rig_free(r);
}

START_TEST(a_worker_may_write_to_itself_in_order)
{
	send_to = 0;
	send_count = 8;
	struct visit *v = begin(request_head);
	ck_assert_int_eq(chain_step(&v->x, CHAIN_REQUEST), CHAIN_MORE);
	loop_turn(v->loop, 0);
	ck_assert_int_eq(received[0], 8);
	ck_assert_str_eq(order, "abcdefgh");
	ck_assert_uint_eq(rig_counter(v->rig, "got", 0), 8);
	end(v);
	ck_assert_int_eq(dropped_count, 0);
}
END_TEST

START_TEST(what_nobody_receives_any_more_is_dropped)
{
	send_to = 0;
	send_count = 3;
	struct visit *v = begin(request_head);
	ck_assert_int_eq(chain_step(&v->x, CHAIN_REQUEST), CHAIN_MORE);
	end(v); /* the loop has not turned */
	ck_assert_int_eq(received[0], 0);
	ck_assert_int_eq(dropped_count, 3);
}
END_TEST

START_TEST(a_worker_that_never_starts_drops_what_waits_for_it)
{
	send_to = SLUICE_POST_ALL;
	send_count = 2;
	struct visit *v = begin(request_head);
	ck_assert_int_eq(chain_step(&v->x, CHAIN_REQUEST), CHAIN_MORE);
	loop_turn(v->loop, 0);
	ck_assert_int_eq(received[0], 2);
	ck_assert_int_eq(dropped_count, 0);
	end(v);
	ck_assert_int_eq(dropped_count, 2);
}
END_TEST

/* Starts late: what was sent before waits for it. */
static void *other_worker(void *arg)
{
	struct visit *v = visit_new(arg, 1);
	for (int i = 0; i < 1000 && received[1] < 4; i++)
		loop_turn(v->loop, 10);
	visit_free(v);
	return NULL;
}

START_TEST(workers_write_to_each_other)
{
	pthread_t other;
	send_to = SLUICE_POST_ALL;
	send_count = 4;
	struct visit *v = begin(request_head);
	ck_assert_int_eq(chain_step(&v->x, CHAIN_REQUEST), CHAIN_MORE);
	ck_assert_int_eq(pthread_create(&other, NULL, other_worker, v->rig), 0);
	pthread_join(other, NULL);
	loop_turn(v->loop, 0);
	ck_assert_int_eq(received[0], 4);
	ck_assert_int_eq(received[1], 4);
	end(v);
	ck_assert_int_eq(dropped_count, 0);
}
END_TEST

START_TEST(a_job_writes_to_workers)
{
	struct visit *v = begin(begin_job);
	ck_assert_int_eq(chain_step(&v->x, CHAIN_REQUEST), CHAIN_MORE);
	for (int i = 0; i < 1000 && !received[0]; i++)
		loop_turn(v->loop, 10);
	ck_assert_int_eq(received[0], 1);
	end(v);
}
END_TEST

START_TEST(many_messages_do_not_hold_up_a_turn)
{
	send_to = 0;
	send_count = 1000;
	struct visit *v = begin(request_head_many);
	ck_assert_int_eq(chain_step(&v->x, CHAIN_REQUEST), CHAIN_MORE);
	int turns = 0;
	for (; received[0] < 1000; turns++) {
		int before = received[0];
		loop_turn(v->loop, 0);
		ck_assert_int_gt(received[0], before);
	}
	ck_assert_int_ge(turns, 10);
	end(v);
	ck_assert_int_eq(dropped_count, 0);
}
END_TEST

START_TEST(a_box_is_bounded)
{
	struct visit *v = begin(flood);
	ck_assert_int_eq(chain_step(&v->x, CHAIN_REQUEST), CHAIN_MORE);
	end(v);
	ck_assert_int_eq(dropped_count, LIMIT_INBOX_LETTERS);
}
END_TEST

START_TEST(misuse_is_refused)
{
	struct visit *v = begin(misuse);
	ck_assert_int_eq(chain_step(&v->x, CHAIN_REQUEST), CHAIN_MORE);
	end(v);
	ck_assert_int_eq(dropped_count, 0);
}
END_TEST

UNIT_SUITE(post, a_worker_may_write_to_itself_in_order, what_nobody_receives_any_more_is_dropped,
	a_worker_that_never_starts_drops_what_waits_for_it, workers_write_to_each_other,
	a_job_writes_to_workers, many_messages_do_not_hold_up_a_turn, a_box_is_bounded, misuse_is_refused)
