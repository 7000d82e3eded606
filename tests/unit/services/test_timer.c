/* SPDX-License-Identifier: Apache-2.0 */
#include "unit.h"

#include "rig.h"

#include "policy/pause.h"
#include "sluice/timer.h"

static const struct sluice_timer_service *timers;
static int fired, again;
static struct sluice_timer *running;

static void on_timer(const struct sluice_call *call, void *arg)
{
	ck_assert_ptr_eq(arg, &fired);
	ck_assert_ptr_eq(call->state, &again);
	fired++;
	call->host->counter_add(call->instance, 0, 1);
	if (again-- > 0)
		ck_assert_ptr_nonnull(timers->start(call, 100, on_timer, arg));
}

static int32_t configure(const struct sluice_call *call, const struct sluice_value *config,
	void *previous, void **state)
{
	timers = call->host->service(SLUICE_TIMER_SERVICE);
	*state = &again;
	call->host->counter_define(call->instance, SLUICE_STR("ticks"), SLUICE_STR("Ticks"));
	ck_assert_ptr_null(timers->start(call, 1, on_timer, &fired)); /* no worker, no timer */
	return SLUICE_OK;
}

static int32_t worker_start(const struct sluice_call *call, void **data)
{
	struct sluice_call copy = *call; /* may be gone when the timer fires */
	running = timers->start(&copy, 1000, on_timer, &fired);
	ck_assert_ptr_nonnull(running);
	ck_assert_ptr_null(timers->start(call, 86400001, on_timer, &fired));
	ck_assert_ptr_null(timers->start(call, 1, NULL, NULL));
	return SLUICE_OK;
}

static int32_t cancel_in_head(const struct sluice_call *call, struct sluice_exchange *x)
{
	timers->cancel(running);
	timers->cancel(NULL);
	return SLUICE_CONTINUE;
}

static int32_t wait_in_head(const struct sluice_call *call, struct sluice_exchange *x)
{
	if (call->host->resumed(x))
		return SLUICE_CONTINUE;
	sluice_token token = call->host->pause(x, 5000);
	ck_assert_int_eq(timers->resume_after(x, token, 300), SLUICE_OK);
	ck_assert_int_eq(timers->resume_after(x, token + 1, 300), SLUICE_E_STALE);
	ck_assert_int_eq(timers->resume_after(x, 0, 300), SLUICE_E_STALE);
	ck_assert_int_eq(timers->resume_after(x, token, 86400001), SLUICE_E_INVALID);
	ck_assert_int_eq(timers->resume_after(NULL, token, 1), SLUICE_E_WRONG_CALLBACK);
	return SLUICE_PAUSE;
}

static void start_in_done(const struct sluice_call *call, struct sluice_exchange *x)
{
	ck_assert_ptr_null(timers->start(call, 1, on_timer, &fired));
	ck_assert_int_eq(timers->resume_after(x, 1, 1), SLUICE_E_WRONG_CALLBACK);
}

static struct sluice_policy policy;

static struct visit *begin(int32_t (*head)(const struct sluice_call *, struct sluice_exchange *))
{
	policy = (struct sluice_policy){
		.size = sizeof(policy),
		.name = "ticking",
		.version = "1.0.0",
		.configure = configure,
		.worker_start = worker_start,
		.request_head = head,
		.done = start_in_done,
	};
	fired = again = 0;
	struct rig *r = rig_new(1);
	rig_bind(r, rig_policy(r, &policy), "ticking", "{}");
	struct visit *v = visit_new(r, 0);
	visit_begin(v);
	return v;
}

static void end(struct visit *v)
{
	struct rig *r = v->rig;
	struct sluice_instance *i = r->bindings[0].instance;
	visit_free(v);
	ck_assert_uint_eq(instance_bytes_used(i), 0);
	rig_free(r);
}

START_TEST(fires_once_on_its_worker)
{
	struct visit *v = begin(NULL);
	loop_fake_advance(v->loop, 990);
	ck_assert_int_eq(fired, 0);
	loop_fake_advance(v->loop, 100);
	ck_assert_int_eq(fired, 1);
	loop_fake_advance(v->loop, 5000);
	ck_assert_int_eq(fired, 1);
	ck_assert_uint_eq(rig_counter(v->rig, "ticks", 0), 1);
	end(v);
}
END_TEST

START_TEST(may_start_itself_again)
{
	struct visit *v = begin(NULL);
	again = 3;
	for (int i = 0; i < 30; i++)
		loop_fake_advance(v->loop, 100);
	ck_assert_int_eq(fired, 4);
	end(v);
}
END_TEST

START_TEST(a_cancelled_timer_does_not_come)
{
	struct visit *v = begin(cancel_in_head);
	ck_assert_int_eq(chain_step(&v->x, CHAIN_REQUEST), CHAIN_MORE);
	loop_fake_advance(v->loop, 5000);
	ck_assert_int_eq(fired, 0);
	end(v);
}
END_TEST

START_TEST(what_runs_at_worker_stop_is_dropped)
{
	struct visit *v = begin(NULL);
	end(v); /* the loop would complain of a timer that is left */
	ck_assert_int_eq(fired, 0);
}
END_TEST

START_TEST(resumes_a_token_later)
{
	struct visit *v = begin(wait_in_head);
	ck_assert_int_eq(chain_step(&v->x, CHAIN_REQUEST), CHAIN_PAUSED);
	loop_fake_advance(v->loop, 290);
	loop_turn(v->loop, 0);
	ck_assert_int_eq(v->wakes, 0);
	loop_fake_advance(v->loop, 30);
	loop_turn(v->loop, 0);
	ck_assert_int_eq(v->wakes, 1);
	ck_assert_int_eq(chain_step(&v->x, CHAIN_REQUEST), CHAIN_MORE);
	end(v);
}
END_TEST

START_TEST(a_token_whose_exchange_is_gone_is_let_go)
{
	struct visit *v = begin(wait_in_head);
	ck_assert_int_eq(chain_step(&v->x, CHAIN_REQUEST), CHAIN_PAUSED);
	visit_end(v);
	loop_fake_advance(v->loop, 500);
	loop_turn(v->loop, 0);
	ck_assert_int_eq(v->wakes, 0);
	ck_assert_uint_eq(pause_count(0), 0);
	end(v);
}
END_TEST

UNIT_SUITE(timer, fires_once_on_its_worker, may_start_itself_again, a_cancelled_timer_does_not_come,
	what_runs_at_worker_stop_is_dropped, resumes_a_token_later,
	a_token_whose_exchange_is_gone_is_let_go)
