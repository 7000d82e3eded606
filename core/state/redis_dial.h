/* SPDX-License-Identifier: Apache-2.0 */
/* state/redis_dial.h - an attempt to reach a Redis server that answers: the addresses of its name, one
 * after the other; TLS; AUTH, SELECT; and a probe, which has to be answered as quickly as a question.
 *
 * Invariants   D1  exactly one of `reached` and `failed` comes, unless redis_dial_cancel was called:
 *                  then none. None comes from inside redis_dial_new.
 * Ownership    the attempt is gone when either is called, or with redis_dial_cancel. */
#pragma once

#include "net/resolver.h"
#include "state/redis_pipe.h"
#include "state/redis_settings.h"

/* From the first byte to the last answer but the probe's, of one address. */
#define REDIS_GREETING_MS 1000

struct redis_dial_events {
	/* To be handed over (redis_pipe_hand_over) before it returns. */
	void (*reached)(void *owner, struct redis_pipe *pipe);
	/* One sentence, which lasts until it returns. */
	void (*failed)(void *owner, const char *why);
};

struct redis_dial;
struct redis_dial *redis_dial_new(struct stream_group *group, struct resolver *resolver,
	const struct redis_settings *settings, const struct redis_dial_events *events, void *owner);
void redis_dial_cancel(struct redis_dial *d);
