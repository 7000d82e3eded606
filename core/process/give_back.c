/* SPDX-License-Identifier: Apache-2.0 */
#include "process/give_back.h"

#include "base/clock.h"

#include <malloc.h>

/* Of what pools freed: with less, little else was freed, OpenSSL's buffers among it. */
#define WORTH_BYTES (64u << 10)
/* What belongs together is freed within this time. */
#define SETTLE_MS 200
/* After a look that took long, the next one waits so many times as long, within reason. */
#define REST_TIMES  100
#define REST_MS_MAX 10000

static void on_timer(struct timer *t)
{
	struct give_back *g = CONTAINER_OF(t, struct give_back, timer);
	int64_t began_ns = clock_monotonic_ns();
	g->bytes = 0;
	malloc_trim(0);
	int64_t rest_ms = (clock_monotonic_ns() - began_ns) * REST_TIMES / 1000000;
	g->rest_ms = rest_ms < REST_MS_MAX ? rest_ms : REST_MS_MAX;
}

void give_back_init(struct give_back *g, struct loop *loop)
{
	*g = (struct give_back){.loop = loop};
	timer_init(&g->timer, on_timer);
}

void give_back_add(struct give_back *g, size_t bytes)
{
	g->bytes += bytes;
	if (g->bytes >= WORTH_BYTES && g->loop && !timer_is_running(&g->timer))
		timer_start(g->loop, &g->timer, SETTLE_MS + g->rest_ms);
}

void give_back_soon(struct give_back *g)
{
	give_back_add(g, WORTH_BYTES);
}

void give_back_stop(struct give_back *g)
{
	timer_stop(&g->timer);
	g->loop = NULL;
}
