/* SPDX-License-Identifier: Apache-2.0 */
/* admin/admin.h - what a gateway tells about itself, and the few things it can be told to do.
 *
 *   GET  /status            JSON: generation, APIs, listeners, services, workers, problems
 *   GET  /dump              JSON: the plan that serves, secrets replaced by "<redacted>"
 *   GET  /metrics           Prometheus text 0.0.4
 *   GET  /probes/readiness  200 or 503: at least one API serves, none is initialising
 *   GET  /probes/liveness   200 or 503: every worker has turned within ADMIN_STALL_MS
 *   POST /reload            202: reads the folder again, once more when it is being read
 *   POST /quarantine/lift?binding=NAME   202: a binding that is quarantined may run again
 *   GET  /caches            JSON: the stores of bodies, and what they hold
 *   POST /caches/purge?cache=NAME        200: what it held is dropped; JSON: how many entries
 *   GET  /log-level         JSON: the log's level, the configured one, until when
 *   PUT  /log-level?level=LEVEL[&seconds=N]   the same, changed
 *   POST /trace?...         JSON lines: the stories of requests, as they end, until the client goes
 *
 * Everything stands on the UNIX socket <state>/admin.sock (mode 0600; SO_PEERCRED says who: the
 * same user, or root). An optional TCP listener offers metrics and probes alone, read-only. Both
 * run on the main thread, over the gateway's own HTTP/1 codec, so they answer while every worker is
 * busy. Errors are {"error": ...}.
 *
 * Threads      the main loop.
 */
#pragma once

#include "admin/stream.h"
#include "base/buffer.h"
#include "connection/server.h"

#define ADMIN_STALL_MS        5000
#define ADMIN_CONNECTIONS_MAX 64

struct admin;

struct admin_answer {
	uint16_t status;
	const char *content_type; /* static */
	struct str query;         /* of the request, raw; borrowed */
	struct buffer body;       /* initialised by admin, up to 64 MiB */
	struct admin_stream *stream; /* borrowed: for admin_stream_take */
};

/* What admin asks of `process`. Each fills the body; called on the main thread. */
struct admin_source {
	void (*status)(void *owner, struct admin_answer *a);
	void (*dump)(void *owner, struct admin_answer *a);
	void (*metrics)(void *owner, struct admin_answer *a);
	void (*readiness)(void *owner, struct admin_answer *a);
	void (*liveness)(void *owner, struct admin_answer *a);
	void (*reload)(void *owner, struct admin_answer *a);
	void (*lift)(void *owner, struct admin_answer *a);
	void (*caches)(void *owner, struct admin_answer *a);
	void (*purge)(void *owner, struct admin_answer *a);
	void (*log_level)(void *owner, struct admin_answer *a);
	void (*set_log_level)(void *owner, struct admin_answer *a);
	void (*trace)(void *owner, struct admin_answer *a); /* may take its stream */
	/* Sockets of the TCP listener: RC_IO with errno. NULL: admin opens and closes them itself.
	 */
	enum rc (*listen)(void *owner, const struct address *at, int *fd);
	void (*released)(void *owner, const struct address *at);
};

struct admin *admin_new(struct stream_group *group, const struct admin_source *source, void *owner);
void admin_free(struct admin *a);
/* The UNIX socket; an old one that nobody listens on is replaced. RC_EXISTS: somebody does. RC_IO
 * with errno; what is no socket stays. */
MUST_USE enum rc admin_listen_unix(struct admin *a, const char *path);
/* The same, in the place of whoever listens there now: who asks next is heard here. */
MUST_USE enum rc admin_take_unix(struct admin *a, const char *path);
/* Removes the socket from its folder, unless another process has taken the place. */
void admin_unlink_unix(struct admin *a, const char *path);
#define ADMIN_TCP_MAX 2
/* The read-only TCP listeners, at these addresses and no others; the same one twice is one. RC_IO with
 * errno: one of them could not be opened. */
MUST_USE enum rc admin_listen_tcp(struct admin *a, const struct address *at, size_t count);
