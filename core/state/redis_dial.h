/* SPDX-License-Identifier: Apache-2.0 */
/* state/redis_dial.h - an attempt to reach a server that speaks Redis's protocol, and answers: the
 * addresses of its name, one after the other; TLS; AUTH, SELECT; and a question, which is what it was
 * dialled for, or has to be answered as quickly as those that follow.
 *
 * Invariants   D1  exactly one of `answered` and `failed` comes, unless redis_dial_cancel was called:
 *                  then none. None comes from inside redis_dial_new.
 * Ownership    the attempt is gone when either is called, or with redis_dial_cancel. */
#pragma once

#include "net/resolver.h"
#include "state/redis_pipe.h"

/* From the first byte to the last answer but that to the question, of one address. */
#define REDIS_GREETING_MS 1000

struct redis_dial_events {
	/* Of no error, but for one that begins with the target's `bears`. To be handed over
	 * (redis_pipe_hand_over), or closed, before it returns. */
	void (*answered)(void *owner, struct redis_pipe *pipe, const struct redis_reply *reply);
	/* One sentence, which lasts until it returns. */
	void (*failed)(void *owner, const char *why);
};

/* All borrowed until then. */
struct redis_dial_target {
	struct str host;
	uint16_t port;
	struct str username, password; /* STR_EMPTY: none */
	unsigned database;
	struct tls_context *tls; /* NULL: plain */
	int connect_ms;
	struct str question; /* a command */
	int question_ms;
	struct str bears; /* STR_EMPTY: every error is one */
};

struct redis_dial;
struct redis_dial *redis_dial_new(struct stream_group *group, struct resolver *resolver,
	const struct redis_dial_target *target, const struct redis_dial_events *events,
	void *owner);
void redis_dial_cancel(struct redis_dial *d);
