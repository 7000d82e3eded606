/* SPDX-License-Identifier: Apache-2.0 */
#include "process/give_back.h"

#include <malloc.h>

/* Of what pools freed: with less, little else was freed, OpenSSL's buffers among it. */
#define WORTH_BYTES (64u << 10)
/* What belongs together is freed within this time. */
#define SETTLE_MS 200

static void on_timer(struct timer *t)
{
	struct give_back *g = CONTAINER_OF(t, struct give_back, timer);
	g->bytes = 0;
	malloc_trim(0);
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
		timer_start(g->loop, &g->timer, SETTLE_MS);
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
