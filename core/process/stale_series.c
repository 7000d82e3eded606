/* SPDX-License-Identifier: Apache-2.0 */
#include "process/stale_series.h"

#include "base/check.h"
#include "base/limits.h"

static void on_timer(struct timer *t)
{
	struct stale_series *s = CONTAINER_OF(t, struct stale_series, timer);
	metrics_sweep(s->metrics);
	timer_start(s->loop, t, LIMIT_STALE_SERIES_MS);
}

void stale_series_start(struct stale_series *s, struct loop *loop, struct metrics *metrics)
{
	s->loop = loop;
	s->metrics = metrics;
	timer_init(&s->timer, on_timer);
	timer_start(loop, &s->timer, LIMIT_STALE_SERIES_MS);
}

void stale_series_stop(struct stale_series *s)
{
	if (s->loop)
		timer_stop(&s->timer);
}
