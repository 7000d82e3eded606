/* SPDX-License-Identifier: Apache-2.0 */
/* state/redis_pipe.h - one connection to a Redis server: commands go out, replies come in their order.
 *
 * Invariants   P1  on_closed is the last callback and comes once, unless redis_pipe_close was called:
 *                  then none comes any more.
 *              P2  no callback comes from inside redis_pipe_dial, _send or _close.
 *              P3  what is no RESP 2, or a reply beyond REDIS_REPLY_BYTES_MAX, ends the connection.
 * Ownership    the pipe frees itself behind its last callback.
 * Threads      its loop's. */
#pragma once

#include "net/stream.h"
#include "state/redis_reply.h"

/* A value of 1 MiB, and what stands around it. */
#define REDIS_REPLY_BYTES_MAX (2u << 20)

struct redis_pipe_events {
	void (*on_open)(void *owner);
	/* `reply` lasts until it returns; it may close the pipe. */
	void (*on_reply)(void *owner, const struct redis_reply *reply);
	/* `why` is one sentence, which lasts until it returns. */
	void (*on_closed)(void *owner, const char *why);
};

struct redis_pipe;
struct redis_pipe_target {
	struct address address;
	int connect_ms;
	struct tls_context *tls; /* NULL: plain */
	struct str server_name;  /* for TLS */
};

struct redis_pipe *redis_pipe_dial(struct stream_group *group,
	const struct redis_pipe_target *target, const struct redis_pipe_events *events,
	void *owner);
/* Whole commands (redis_command_add); they wait until it is open. */
void redis_pipe_send(struct redis_pipe *p, struct str commands);
/* Bytes that wait to be sent. */
size_t redis_pipe_unsent(const struct redis_pipe *p);
/* Somebody else's from here on. */
void redis_pipe_hand_over(
	struct redis_pipe *p, const struct redis_pipe_events *events, void *owner);
void redis_pipe_close(struct redis_pipe *p);
