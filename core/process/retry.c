/* SPDX-License-Identifier: Apache-2.0 */
#include "process/retry.h"

static void on_timer(struct timer *t)
{
	struct retry *r = CONTAINER_OF(t, struct retry, timer);
	r->tried++;
	r->fn(r->arg);
}

void retry_init(struct retry *r, struct loop *loop, void (*fn)(void *arg), void *arg)
{
	*r = (struct retry){.loop = loop, .fn = fn, .arg = arg};
	timer_init(&r->timer, on_timer);
}

int64_t retry_later(struct retry *r)
{
	unsigned doublings = r->failures < 10 ? r->failures : 10;
	int64_t wait_ms = (int64_t)RETRY_FIRST_MS << doublings;
	if (wait_ms > RETRY_MAX_MS)
		wait_ms = RETRY_MAX_MS;
	r->failures++;
	r->due_wall_us = loop_wall_us(r->loop) + wait_ms * 1000;
	timer_start(r->loop, &r->timer, wait_ms);
	return wait_ms;
}

void retry_settle(struct retry *r)
{
	timer_stop(&r->timer);
	r->failures = 0;
}

bool retry_is_due(const struct retry *r)
{
	return timer_is_running(&r->timer);
}
