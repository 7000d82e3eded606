/* SPDX-License-Identifier: Apache-2.0 */
/* services/timer.c - timers of instances.
 *
 * A timer belongs to one instance on one worker: memory on the instance's account, attached to it,
 * so that what still runs when the instance stops there is dropped. A resume holds its token and
 * nothing of the exchange, which may be gone when it fires. */
#include "sluice/timer.h"

#include "base/check.h"
#include "policy/chain.h"
#include "policy/legal.h"
#include "policy/pause.h"
#include "policy/run.h"
#include "services/services_priv.h"

#define AFTER_MS_MAX 86400000

enum { START, CANCEL, RESUME_AFTER };
static const struct policy_call calls[] = {
	[START] = {"sluice.timer/1 start", IN_WORKER},
	[CANCEL] = {"sluice.timer/1 cancel", IN_WORKER | IN_EXCHANGE | IN(WORKER_STOP)},
	[RESUME_AFTER] = {"sluice.timer/1 resume_after", IN_LIVE},
};

struct sluice_timer {
	struct policy_attachment attachment;
	struct timer timer;
	struct sluice_instance *instance; /* borrowed: it drops the timer before it goes */
	unsigned worker;
	sluice_timer_fn *fn; /* NULL: resumes `token` */
	void *arg;
	sluice_token token;
};

static void timer_free(struct sluice_timer *t)
{
	list_remove(&t->attachment.link);
	timer_stop(&t->timer);
	policy_free(t->instance, t);
}

static void dropped(struct policy_attachment *a)
{
	timer_free(CONTAINER_OF(a, struct sluice_timer, attachment));
}

static void fired(struct timer *timer)
{
	struct sluice_timer *t = CONTAINER_OF(timer, struct sluice_timer, timer);
	const struct sluice_timer was = *t;
	timer_free(t);
	if (!was.fn) {
		pause_resume(was.token); /* stale: somebody else was first */
		return;
	}
	policy_call_enter(was.instance, CALLBACK_TIMER, was.worker);
	was.fn(policy_call_of(was.instance), was.arg);
	policy_call_leave();
}

static struct sluice_timer *timer_make(struct sluice_instance *i, uint32_t after_ms)
{
	struct services_thread *here = &services_thread;
	if (!here->loop || after_ms > AFTER_MS_MAX)
		return NULL;
	struct sluice_timer *t = policy_alloc(i, sizeof(*t));
	if (!t)
		return NULL;
	*t = (struct sluice_timer){
		.attachment.drop = dropped, .instance = i, .worker = here->worker};
	policy_attach(i, here->worker, &t->attachment);
	timer_init(&t->timer, fired);
	timer_start(here->loop, &t->timer, after_ms);
	return t;
}

static struct sluice_timer *start(
	const struct sluice_call *call, uint32_t after_ms, sluice_timer_fn *fn, void *arg)
{
	if (!policy_allows(&calls[START], call ? call->instance : NULL) || !fn)
		return NULL;
	struct sluice_timer *t = timer_make(call->instance, after_ms);
	if (t) {
		t->fn = fn;
		t->arg = arg;
	}
	return t;
}

static void cancel(struct sluice_timer *t)
{
	if (!t || !policy_allows(&calls[CANCEL], t->instance))
		return;
	if (t->worker == services_thread.worker)
		timer_free(t);
	else
		policy_refuse(&calls[CANCEL]);
}

static int32_t resume_after(struct sluice_exchange *x, sluice_token token, uint32_t after_ms)
{
	if (!policy_allows_exchange(&calls[RESUME_AFTER], x))
		return SLUICE_E_WRONG_CALLBACK;
	if (after_ms > AFTER_MS_MAX)
		return SLUICE_E_INVALID;
	if (!token || (token != x->run[CHAIN_REQUEST].pause_token &&
			      token != x->run[CHAIN_RESPONSE].pause_token))
		return SLUICE_E_STALE;
	struct sluice_timer *t = timer_make(policy_current(), after_ms);
	if (!t)
		return SLUICE_E_FULL;
	t->token = token;
	return SLUICE_OK;
}

const void *services_timer_table(void)
{
	static const struct sluice_timer_service table = {
		.size = sizeof(table),
		.start = start,
		.cancel = cancel,
		.resume_after = resume_after,
	};
	return &table;
}
