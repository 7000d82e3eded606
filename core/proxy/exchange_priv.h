/* SPDX-License-Identifier: Apache-2.0 */
/* proxy/exchange_priv.h - what the machines of an exchange share. */
#pragma once

#include "generation/api.h"
#include "policy/chain.h"
#include "proxy/access_record.h"
#include "proxy/exchange.h"
#include "proxy/fault.h"
#include "proxy/grpc.h"
#include "proxy/sweep.h"
#include "proxy/trace.h"
#include "proxy/worker.h"
#include "upstream/upstream.h"

/* X(state, its step, the states that may follow). A step returns whether it moved on; what must
 * hold in each state stands beside it. */
#define S(machine, state) (1u << machine##_##state)

#define REQUEST_STATES(X)                                                                          \
	X(HEAD, request_head, S(REQUEST, ROUTE) | S(REQUEST, DONE)) /* R1: nothing is chosen */    \
	X(ROUTE, request_route, S(REQUEST, POLICIES) | S(REQUEST, DONE)) /* R2: no API pinned */   \
	X(POLICIES, request_policies, S(REQUEST, SELECT) | S(REQUEST, DONE)) /* R3: API pinned */  \
	X(SELECT, request_select, S(REQUEST, BODY) | S(REQUEST, DONE)) /* R4: head accepted */     \
	X(BODY, request_body, S(REQUEST, DONE)) /* R5: a service is chosen, an attempt runs */     \
	X(DONE, exchange_stays,                                                                    \
		S(REQUEST, BODY)) /* R6: nothing more goes upstream, but by a retry */

#define RESPONSE_STATES(X)                                                                         \
	X(WAIT, response_wait,                                                                     \
		S(RESPONSE, POLICIES) | S(RESPONSE, LOCAL) | S(RESPONSE, TUNNEL) |                 \
			S(RESPONSE, DONE)) /* P1: no final head yet */                             \
	X(LOCAL, response_local,                                                                   \
		S(RESPONSE, POLICIES)) /* P2: `x.local` is set, no attempt runs; never at rest */  \
	X(POLICIES, response_policies,                                                             \
		S(RESPONSE, BODY) | S(RESPONSE, LOCAL) |                                           \
			S(RESPONSE, DONE))            /* P3: x.response is set, nothing is sent */ \
	X(BODY, response_body, S(RESPONSE, DONE))     /* P4: the head is sent */                   \
	X(TUNNEL, response_tunnel, S(RESPONSE, DONE)) /* P5: 101 is sent; bytes both ways */       \
	X(DONE, exchange_stays,                                                                    \
		0) /* P6: the last byte is queued, or the client's stream is dead  \
				    */

#define ATTEMPT_STATES(X)                                                                          \
	X(NONE, exchange_stays, S(ATTEMPT, CONNECT)) /* A0: no service is chosen yet */            \
	X(CONNECT, attempt_connect,                                                                \
		S(ATTEMPT, CONNECT) | S(ATTEMPT, SEND) | S(ATTEMPT, PAUSE) |                       \
			S(ATTEMPT, ABANDONED))                           /* A1: waiting */         \
	X(SEND, attempt_send, S(ATTEMPT, AWAIT) | S(ATTEMPT, ABANDONED)) /* A2: nothing is sent */ \
	X(AWAIT, attempt_await,                                                                    \
		S(ATTEMPT, CONNECT) | S(ATTEMPT, PAUSE) | S(ATTEMPT, DONE) |                       \
			S(ATTEMPT, ABANDONED)) /* A3: `up` is there; the head is on its way */     \
	X(PAUSE, exchange_stays,                                                                   \
		S(ATTEMPT, CONNECT) | S(ATTEMPT, ABANDONED)) /* A6: no `up`; it is tried again */  \
	X(DONE, exchange_stays, 0)      /* A4: both messages are whole; the stream is released */  \
	X(ABANDONED, exchange_stays, 0) /* A5: nothing of it may reach the client any more */

enum request_state {
#define X(name, step, next) REQUEST_##name,
	REQUEST_STATES(X)
#undef X
};
enum response_state {
#define X(name, step, next) RESPONSE_##name,
	RESPONSE_STATES(X)
#undef X
};
enum attempt_state {
#define X(name, step, next) ATTEMPT_##name,
	ATTEMPT_STATES(X)
#undef X
};

/* What callbacks record. */
enum {
	FACT_CLIENT_RESET = 1 << 0,   /* the client's stream is dead */
	FACT_UPSTREAM_OPEN = 1 << 1,  /* attempt.up is there */
	FACT_UPSTREAM_NONE = 1 << 2,  /* no stream could be had: attempt.open_rc tells */
	FACT_UPSTREAM_HEAD = 1 << 3,  /* the final response's head is whole */
	FACT_UPSTREAM_RESET = 1 << 4, /* the upstream's stream is dead: attempt.reset_why tells */
	FACT_TIMER = 1 << 5,          /* the wait that `timer` bounds took too long */
	FACT_SHUTDOWN = 1 << 6,       /* the worker ends every exchange */
	FACT_BODY_EXCESS = 1 << 7,    /* more of the request's body came than the API accepts */
	FACT_SLOW_BODY = 1 << 8,      /* it comes too slowly */
	FACT_SLOW_READER = 1 << 9,    /* the client takes the response too slowly */
	FACT_UPSTREAM_SILENT = 1 << 10,
	FACT_TOO_LONG = 1 << 11, /* the exchange as a whole */
	FACT_DEADLINE = 1 << 15, /* the caller has given up by now */
	FACTS_OF_UPSTREAM =
		FACT_UPSTREAM_OPEN | FACT_UPSTREAM_NONE | FACT_UPSTREAM_HEAD | FACT_UPSTREAM_RESET,
	FACTS_OF_SWEEP = FACT_SLOW_BODY | FACT_SLOW_READER | FACT_UPSTREAM_SILENT | FACT_TOO_LONG |
			 FACT_DEADLINE,
	FACT_OVERLOAD = 1 << 12,       /* memory is short, and this one is to give its own back */
	FACT_ANSWER_ABORTED = 1 << 13, /* a policy gave up the answer that it wrote */
	FACT_DRAIN = 1 << 14,          /* a WebSocket is older than what is served */
	FACTS_THAT_END = FACT_CLIENT_RESET | FACT_SHUTDOWN | FACT_OVERLOAD | FACT_BODY_EXCESS |
			 FACT_TIMER | FACTS_OF_SWEEP | FACT_ANSWER_ABORTED | FACT_DRAIN,
};

struct attempt {
	enum attempt_state state;
	struct upstream_wait wait;
	struct http_stream *up; /* owned from SEND until released; NULL else */
	enum rc open_rc;
	enum http_reset reset_why;
	const char *detail; /* in the arena: why there is no stream, or why it died */
	bool on_reused;     /* the connection had served before: its end may be the idle race */
	bool is_retry;
	bool is_kept; /* the endpoint is the one that the client's cookie names */
	uint8_t retry_count;
	uint8_t places;            /* taken of the service's breaker, by 1 << enum breaker_kind */
	struct endpoint *endpoint; /* taken; NULL: the service has one address */
	uint64_t tried;            /* endpoints, by endpoint_bit */
	struct retrier *retrier;   /* owned; NULL: the service has no `retries` */
	bool is_request_sent;      /* the last byte was handed to the stream, which is in AWAIT */
	bool body_was_taken;       /* bytes went upstream that cannot be sent again */
	int64_t started_us;
	struct service_row *row; /* where the service counts it; NULL: nowhere */
	int64_t head_us;         /* when the response's head came; 0: not yet */
};

struct exchange {
	struct sluice_exchange x; /* what policies see; first, so that it is the exchange */

	enum request_state request_state;
	enum response_state response_state;
	struct attempt attempt;
	uint32_t facts;
	enum fault fault;
	enum http_reset client_why; /* with FACT_CLIENT_RESET */
	const char *client_detail;  /* likewise; in the arena */
	const char *fault_detail; /* static or in the arena; for the record, never for the client */
	bool is_running;
	bool is_woken;     /* while running */
	bool is_head_sent; /* the final head went to the client */
	bool is_swept;
	bool continue_is_due;  /* 100 (Continue) was asked for and not yet sent */
	bool is_proxied;       /* a believed proxy told who the client is */
	enum grpc_kind grpc;   /* what the client speaks, by its content type */
	int64_t deadline_ms;   /* of a call; 0: it has none */
	bool tunnel_closed[2]; /* towards the upstream, towards the client: FIN was passed on */
	uint16_t status;       /* what the client was told; 0: nothing */

	struct api *api;                 /* pinned; NULL before ROUTE */
	struct str path_received;        /* canonical, before any rewriting; for the record */
	struct str authority_received;   /* likewise */
	struct str path_rest;            /* the path without the base path */
	struct service *service;         /* borrowed from the API */
	const struct route_terms *terms; /* borrowed from the API; NULL: the route has none */
	bool rewrites_host;              /* Host becomes the service's */
	struct tunnel *tunnel;           /* of a WebSocket, behind its 101; tunnel.h */
	struct mirror *mirror;           /* owned until it is sent; NULL: there is no copy */
	struct trace *trace;             /* owned; NULL: nobody follows it */
	struct str allowed_methods;      /* for Allow, when the method failed */

	/* From here on nothing is zeroed at the start: it is filled then, or by who uses it. */
	struct proxy_worker *worker;
	struct proxy_listener *listener; /* borrowed; outlives its connections */
	struct http_stream *down;        /* the client's; owned until released */
	struct link link;                /* in worker->exchanges */
	struct task task;
	struct timer timer;            /* bounds the wait at hand: the answer, or the next bytes */
	struct chunk_queue local_body; /* of a local answer */
	struct local_response spent_local; /* when the arena cannot hold an answer */
	char request_id[UUID_BYTES];
	char client_text[ADDRESS_TEXT_BYTES];
	struct address upstream_address; /* n 0: none; for the record */
	struct sweep_notes sweep;        /* once is_swept */
	struct str grpc_type;            /* with `grpc`: the content type that the client sent */
	struct grpc_frames grpc_frames;  /* likewise: of the upstream's answer */
};

/* --- exchange.c --- */
void exchange_wake(struct exchange *e);
void exchange_note(struct exchange *e, uint32_t fact);
/* A copy of what a callback was told, for the record; NULL for NULL, or without memory. */
const char *exchange_keep_text(struct exchange *e, const char *text);
void request_go(struct exchange *e, enum request_state next);
void response_go(struct exchange *e, enum response_state next);
void attempt_go(struct exchange *e, enum attempt_state next);
/* The first fault wins. `detail` may be NULL. Decides what the client gets: an answer when no head
 * was sent, else a reset. */
void exchange_fail(struct exchange *e, enum fault fault, const char *detail);
/* 413, behind which the connection closes: what is left of the body is not waited for. True. */
bool exchange_refuse_body(struct exchange *e);
/* Bounds the wait for the next bytes of either body. */
void exchange_await_bytes(struct exchange *e);
/* Bounds the wait for a connection, and, from the moment that the request is whole, for the
 * response's head. */
void exchange_await_response(struct exchange *e);
/* Steps a chain with the body that stands in q (of `from`, which gets the credit; NULL: nobody's).
 * While it pauses it is given nothing more: a body must not pile up in it. */
enum chain_result exchange_step_chain(struct exchange *e, enum chain_direction d,
	struct chunk_queue *q, bool ended, struct http_stream *from);
/* What has come behind the content is the exchange's; once. */
static inline void exchange_take_trailers(
	struct exchange *e, enum chain_direction d, const struct fields *received)
{
	if (!e->x.trailers[d])
		e->x.trailers[d] = received;
}
/* What goes out behind the content; NULL: nothing. */
static inline const struct fields *exchange_trailers(
	const struct exchange *e, enum chain_direction d)
{
	const struct fields *f = e->x.trailers[d];
	return UNLIKELY(f != NULL) && f->count > 0 ? f : NULL;
}
/* The client gets `local`, whatever was at hand; not after a head was sent. */
void exchange_answer(struct exchange *e, struct local_response *local);
/* Does what follows from a step that ended the direction. */
void exchange_end_chain(struct exchange *e, enum chain_direction d, enum chain_result result);
/* Whether it did. */
static inline bool exchange_chain_stopped(
	struct exchange *e, enum chain_direction d, enum chain_result result)
{
	if (LIKELY(result < CHAIN_RESPONDED))
		return false;
	exchange_end_chain(e, d, result);
	return true;
}
/* The bindings of this one are watched by the clock. */
void exchange_sample(struct exchange *e);
const char *request_state_name(enum request_state s);
const char *response_state_name(enum response_state s);
const char *attempt_state_name(enum attempt_state s);

/* --- request.c, response.c, attempt.c: the steps --- */
static inline bool exchange_stays(struct exchange *e)
{
	return false;
}
bool request_head(struct exchange *e);
bool request_route(struct exchange *e);
bool request_policies(struct exchange *e);
bool request_select(struct exchange *e);
bool request_body(struct exchange *e);
bool response_wait(struct exchange *e);
/* x.response goes to the client; `end`: nothing follows. */
void response_send_head(struct exchange *e, bool end);
bool response_local(struct exchange *e);
bool response_policies(struct exchange *e);
bool response_body(struct exchange *e);
bool response_tunnel(struct exchange *e);
bool attempt_connect(struct exchange *e);
bool attempt_send(struct exchange *e);
bool attempt_await(struct exchange *e);

/* The path behind the base path, as the policies left it; a path that left the base path is taken
 * whole. */
static inline struct str exchange_path_rest(const struct exchange *e)
{
	struct str path = e->down->request->path;
	if (path.p == e->path_received.p)
		return e->path_rest;
	size_t base = e->path_received.n - e->path_rest.n;
	struct str base_path = str_slice(e->path_received, 0, base);
	bool is_inside = str_starts(path, base_path) && (path.n == base || path.p[base] == '/');
	return is_inside ? str_from(path, base) : path;
}

/* Starts the first attempt at e->service. */
void attempt_begin(struct exchange *e);
/* The next one, of a request that is sent again. */
void attempt_open(struct exchange *e);
void attempt_count_retry(struct attempt *a);
/* Whose connection it is to be, where the service has a PROXY header; copied when it is asked for. */
void attempt_tell_client(struct exchange *e, struct upstream_wait *w);
/* A stream on which the request was sent is the attempt's from now on; it has none. */
void attempt_adopt(struct exchange *e, struct http_stream *up);
/* False: all places of that kind are taken. */
bool attempt_take_place(struct exchange *e, enum breaker_kind kind);
/* Ends it: a stream whose messages are both whole goes back to its pool, another is reset. Harmless
 * when it has ended. */
void attempt_end(struct exchange *e);

/* --- forward.c: what the gateway changes in heads --- */
/* RC_FULL: the request has no room for the gateway's own fields; RC_INVALID: it has taken away who
 * its client is. */
MUST_USE enum rc forward_prepare_request(struct exchange *e);
MUST_USE enum rc forward_address_service(struct exchange *e);
/* Of the service's endpoints it is this one that the request goes to. */
void forward_address_endpoint(struct exchange *e, struct service *endpoint);
/* Takes out of an upstream's response what only the gateway says. */
void forward_clean_response(struct fields *f);
/* The last change of a final head, when the edge asks for one. */
void forward_finish_response(struct exchange *e, struct http_response *r, bool is_local);

/* --- local_answer.c --- */
/* x.local becomes the JSON error of the exchange's fault. */
void local_answer_of_fault(struct exchange *e);
/* An error gets the body that the operator worded for its status, if any. */
void local_answer_word(struct exchange *e, struct local_response *local);
