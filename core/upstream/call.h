/* SPDX-License-Identifier: Apache-2.0 */
/* upstream/call.h - one request of the gateway's own to a service, and its response as a whole.
 *
 *   call_init -> the caller fills request and body -> call_begin -> ... -> ended, once
 *                                                 \-> call_cancel: ended does not come
 *   call_deinit
 *
 * Through the worker's pools, with the service's breaker, timeouts, TLS and metrics. Interim
 * responses are passed over. Sent again at most once, and only where the connection was an idle one
 * that the service had closed meanwhile (proxy/attempt.c has the same rule).
 *
 * Invariants   L1  `ended` never comes from inside of call_begin.
 *              L2  after `ended` or call_cancel there is no stream, no timer and no place of the
 *                  breaker; what came is there until call_deinit.
 * Ownership    embedded in its owner; requests and responses are in its arena.
 * Threads      the worker's.
 */
#pragma once

#include "upstream/upstream.h"

struct upstream_call;

/* Who carries calls: the worker's pools, or what a test has in their place. `ended` is to come from
 * the loop, once, unless `cancel` comes before. */
struct upstream_carrier {
	void (*begin)(struct upstream_carrier *carrier, struct upstream_call *c);
	void (*cancel)(struct upstream_call *c);
};

enum upstream_call_result {
	CALL_PENDING,
	CALL_OK,          /* `response` and `content` are there */
	CALL_UNAVAILABLE, /* there is no (whole) response: `message` says why */
	CALL_TIMEOUT,     /* nor was there one in time */
	CALL_TOO_LARGE,   /* its content is more than was wanted */
};

struct upstream_call {
	/* what is asked */
	struct service *service; /* ref */
	struct arena arena;
	struct http_request request; /* in the arena; content_length is that of `body` */
	struct str body;             /* likewise */
	int timeout_ms;              /* for all of it */
	size_t response_bytes_max;   /* of the content */
	void (*ended)(struct upstream_call *c);
	/* How many bytes of content were received, before they are kept; false: they are too many
	 * for somebody. NULL: nobody counts. */
	bool (*takes)(struct upstream_call *c, size_t n);
	struct address *peer; /* zeroed: becomes who was asked, if anybody; NULL: nobody wants it */

	/* what came */
	enum upstream_call_result result;
	const struct http_response *response; /* in the arena */
	struct str content;                   /* likewise */
	const char *message;                  /* static or in the arena; "" */

	/* while it is under way */
	struct upstream_carrier *carrier; /* borrowed */
	struct loop *loop;                /* borrowed */
	struct upstream *upstream;        /* borrowed; of the pools */
	struct task task;
	struct timer timer;
	struct upstream_wait wait;
	struct http_stream *stream; /* owned */
	struct endpoint *endpoint;  /* taken; NULL: the service has one address */
	uint64_t tried;             /* endpoints, by endpoint_bit */
	struct str authority;       /* of whom the service would have asked */
	struct chunk_queue held;    /* content so far */
	const struct service_row *row;
	int64_t started_us, head_us;
	uint8_t facts, places; /* by 1 << enum breaker_kind */
	uint8_t reset_why;     /* enum http_reset */
	uint8_t open_rc;       /* enum rc */
	bool is_retry, on_reused;
	/* Set before it begins: nobody waits for what comes of it. Its content is dropped as it
	 * comes, up to response_bytes_max, and it is not sent again. */
	bool is_copy;
	bool is_probe; /* set before it begins: no metrics, no place of the breaker for requests */
	const char *detail; /* in the arena */
};

/* A reference to the service is taken. arena_bytes_max: for all but the content. */
void call_init(
	struct upstream_call *c, struct loop *loop, struct service *s, size_t arena_bytes_max);
void call_begin(struct upstream_carrier *carrier, struct upstream_call *c);
/* Harmless when it has ended, or was cancelled. */
void call_cancel(struct upstream_call *c);
void call_deinit(struct upstream_call *c);
/* For carriers: takes what `held` has as the content, or says that it is too large. */
void call_take_content(struct upstream_call *c);

/* The worker's pools as a carrier. */
struct upstream_calls {
	struct upstream_carrier carrier;
	struct upstream *upstream; /* borrowed */
};
void upstream_calls_init(struct upstream_calls *u, struct upstream *upstream);
