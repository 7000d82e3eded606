/* SPDX-License-Identifier: Apache-2.0 */
/* policy/chain.h - running the bindings of one API over one exchange.
 *
 * A chain is immutable: for each callback one array of the bindings that have it, in order for the
 * request and in exact reverse for the response. A run walks a direction:
 *
 *   head callbacks in order -> body chunks through the body callbacks in order -> end callbacks
 *
 * A binding that buffers a body stops the walk of heads behind it: its body callback decides on the
 * whole body before the next binding sees the head, so that a refused request never reaches what
 * stands behind. The proxy may send a head on only when `head_done` is set; until then it goes on
 * feeding the body (and answers Expect: 100-continue), since a binding may be waiting for it. When
 * head_done is set, content_length of the head is right again: exact behind a buffering binding,
 * unknown behind a streaming one.
 *
 * A body callback sees exactly one piece with `end` set, also when the message has no content.
 *
 * Invariants   C1  bindings whose rules did not match at the start of the exchange never run for
 * it. C2  log and done run for every binding whose request_head was reached, also when a later one
 * answered, in order; done exactly once. C3  after a verdict other than CONTINUE no further
 * callback of that direction runs; a local answer's response walk begins at the binding that
 * answered and runs back towards the client. It leaves out a binding that failed, one whose
 *                  request_head still waits, and one whose response_head was called before: nobody
 *                  sees two response heads.
 *              C4  an exchange that lost its client or upstream cancels its pause tokens before any
 *                  memory of it goes.
 * Threads      one worker per run; a chain is shared.
 */
#pragma once

#include "base/chunk.h"
#include "http/message.h"
#include "loop/loop.h"

struct chain;         /* policy/chain_build.h */
struct chain_binding; /* one binding in it */
struct chain_watch;   /* policy/chain_watch.h */
struct local_stream;  /* policy/local_stream.h */
struct sluice_target;
struct sluice_exchange;

enum chain_direction { CHAIN_REQUEST, CHAIN_RESPONSE };

/* The last three end the direction (stepping it again gives the same), and give up what the
 * response walk had collected: the proxy sets x->response to its answer, feeds run[CHAIN_RESPONSE]
 * with the body, and steps the response. */
enum chain_result {
	CHAIN_MORE,      /* everything given was processed: more input is needed */
	CHAIN_DONE,      /* the whole message has passed */
	CHAIN_PAUSED,    /* a token is out: `wake` will be called */
	CHAIN_RESPONDED, /* `local` holds an answer */
	CHAIN_FAILED,    /* `fault_reason` and `fault_binding` tell; deny with 503 unless already
			    answered */
	CHAIN_TOO_LARGE, /* a body grew beyond what a binding may buffer: 413, or 502 for a response
			  */
};

/* An answer that a policy (or the gateway) gives instead of the upstream. In the arena. */
struct local_response {
	struct http_response head; /* content_length is set */
	struct str body;
	struct str reason; /* short word for log and metrics */
	struct str
		message; /* of an error, for the client: its body may be worded anew; else empty */
	struct local_stream *stream; /* in the place of `body`; NULL: that is the whole */
};

enum chain_pause {
	CHAIN_PAUSE_NONE,
	CHAIN_PAUSE_WAITING,
	CHAIN_PAUSE_RESUMED,
	CHAIN_PAUSE_TIMED_OUT
};

/* One direction of one run. The proxy gives `in` and in_ended, takes `out`, reads head_done and
 * body_done; the rest is the walk's. */
struct chain_run {
	uint16_t head_at; /* next entry of the walk's heads */
	uint16_t body_at; /* first entry of the walk's bodies in the segment that is being run */
	uint16_t end_at;  /* next entry of the walk's ends */
	bool head_done;   /* all head callbacks (and buffering decisions) are through */
	bool in_ended;    /* the proxy gave the last byte */
	bool body_done;   /* the last byte went to `out` */
	bool ended;       /* end callbacks have run */
	bool started;
	bool head_called;   /* of the binding at head_at, which waits for its body */
	bool segment_ended; /* the last byte passed the segment that is being run */
	uint8_t pause;      /* enum chain_pause */
	uint8_t stopped;    /* the enum chain_result that ended the direction; 0 while it runs */
	bool waits;         /* the pause is over when its binding's operations are */
	uint64_t mask;      /* bindings that take part */
	uint64_t let_by;    /* of them: those that let the body pass unseen (body_pass) */
	uint64_t pause_token;
	const struct chain_binding *paused;   /* whose callback waits */
	const struct chain_binding *frontier; /* collects the body in `held`; NULL: none */
	struct chain_body *body;              /* in the arena; made when a body callback runs */
	struct chunk_queue in;                /* given by the proxy, not processed */
	struct chunk_queue held;              /* collected for the frontier */
	struct chunk_queue out;               /* processed: the proxy takes it from here */
};

/* What a client has done that a policy forbids. */
struct exchange_violation {
	const struct chain_binding *binding;
	struct str what, client_id, client_name;
};

/* Where a policy has the request go; what is NULL or empty, the routes say. */
struct exchange_way {
	const struct chain_binding *binding; /* that said so last */
	const struct sluice_target *target;  /* policy/target.h */
	struct str path;                     /* canonical */
	struct str host;
};

/* The exchange as policies see it. The proxy embeds it, fills the first part, and zeroes what stands
 * behind `run`. */
struct sluice_exchange {
	/* set by the proxy before chain_begin; borrowed */
	struct loop *loop;
	struct arena *arena;
	struct http_request *request;
	struct str client_address, local_address;
	struct str request_id;
	const char *tls_version;
	struct str tls_server_name;
	struct str tls_certificate; /* the client's, as DER; else empty */
	/* Called on the worker when a pause ended: step the direction again. */
	void (*wake)(struct sluice_exchange *x);
	uint32_t worker; /* index */

	struct chain_run run[2]; /* kept by policy; made by chain_begin */

	/* zeroed before; likewise the proxy's */
	struct http_response *response; /* set before the response walk */
	struct str trace_id;            /* of a valid traceparent; else empty */
	struct str api;                 /* "namespace/name" */
	struct chain_watch *watch;      /* NULL: nobody asks how long the bindings take */

	/* the run; kept by policy */
	const struct chain *chain; /* NULL: it has not begun */
	uint64_t active;           /* bit per binding: its rules matched */
	uint64_t takes
		[2]; /* by direction: of those that were active at first, who has to do with it */
	uint64_t begun;                      /* bit per binding: its request_head was reached */
	const struct chain_binding *current; /* inside a callback; else NULL */
	uint8_t callback;                    /* which */
	bool is_resumed;
	bool request_sent, response_sent;  /* set by the proxy: heads can no longer be changed */
	uint8_t direction;                 /* of the callback that runs */
	uint16_t response_from;            /* bindings below it take part in a response walk */
	void **data;                       /* per binding; in the arena, made on first use */
	struct chain_property *properties; /* list in the arena */
	const struct certificate_facts *certificate; /* in the arena; NULL: nobody has asked */
	struct exchange_secrets *secrets; /* in the arena; NULL: none; policy/secrets.h */
	struct operation *operations; /* list: what bindings have under way; policy/operation.h */
	struct str principal, client_id, client_name;
	struct exchange_claims *claims;       /* in the arena; NULL: none; policy/claims.h */
	struct exchange_violation *violation; /* in the arena; NULL: none */
	struct frames *frames;    /* of a WebSocket; NULL: nobody looks; policy/frames.h */
	struct exchange_way *way; /* in the arena; NULL: as the routes say */
	/* Behind the content, by direction; NULL: none. The proxy gives what came with the message,
	 * before the chain gets its last piece; a policy that changes them has them copied. */
	const struct fields *trailers[2];
	uint8_t own_trailers;          /* 1 << direction: they are the exchange's own */
	bool is_last_piece;            /* a body callback runs, and sees the end */
	struct local_response *answer; /* given in the callback that runs */
	struct str body_at_hand;       /* during a body callback: expressions' `payload` */

	/* outcome */
	struct local_response *local;
	const struct chain_binding *local_binding; /* whose answer that is; NULL: the gateway's */
	uint64_t skipped; /* bit per binding that failed and was passed over (onError: skip) */
	const struct chain_binding *fault_binding;
	const char *fault_reason; /* static: "policy_failed", "policy_timeout",
				     "policy_buffers_stream", "body_too_large", "memory" */
};

/* Whether any binding has something to do with the body, or its end: if not, the proxy passes it
 * by, and steps the direction once, for the heads. The second form looks at what was active when
 * the exchange began: its answer never changes, so that no byte goes round the chain half-way. */
bool chain_wants_body(const struct chain *chain, enum chain_direction d);
bool chain_run_wants_body(const struct sluice_exchange *x, enum chain_direction d);
size_t chain_binding_count(const struct chain *chain);

/* Once for each exchange. `active`: which bindings' rules match. Nothing runs yet. `chain` NULL is an
 * empty one. */
void chain_begin(struct sluice_exchange *x, const struct chain *chain, uint64_t active);
/* Walks as far as it can. Feed by moving chunks into run[d].in and setting in_ended first. For the
 * response walk of a local answer the proxy sets x->response to local->head and feeds the body. */
enum chain_result chain_step(struct sluice_exchange *x, enum chain_direction d);
/* Gives up a response walk whose head has not been sent on, because the gateway answers something
 * else (the upstream broke while a binding collected its body): then set x->response, feed and step
 * as for a local answer. */
void chain_restart_response(struct sluice_exchange *x);
/* Runs log and done of everything begun; cancels a pause. The last call. */
void chain_finish(struct sluice_exchange *x);
/* The id of a binding, "namespace/name", and its policy's name, for records. */
struct str chain_binding_id(const struct chain_binding *b);
struct str chain_binding_policy(const struct chain_binding *b);
/* Its place, in request order. */
unsigned chain_binding_index(const struct chain_binding *b);
