/* SPDX-License-Identifier: Apache-2.0 */
/* proxy/trace_priv.h - a story while it is told: its beginning and end (trace.c), what is told
 * (trace_events.c), and how it is written (trace_write.c). */
#pragma once

#include "policy/chain_watch.h"
#include "proxy/exchange_priv.h"
#include "proxy/trace.h"

/* Fields as they were when they were looked at last. Views into the exchange's memory. */
struct seen_fields {
	struct field *items; /* owned */
	uint32_t count, capacity;
};

struct trace {
	struct chain_watch watch; /* first, so that it is the trace */
	struct tracer *tracer;    /* ref */
	struct buffer text;
	bool is_admitted;
	bool is_cut;
	bool has_events;
	int64_t before_us; /* from the first byte until it was begun */
	int64_t begun_ns;
	int64_t try_ns; /* when the attempt began to look for a connection */
	struct seen_fields request, response;
	/* what has been told */
	enum request_state request_state;
	enum attempt_state attempt_state;
	unsigned tries;
	enum fault fault;
	const struct local_response *local;
	bool told_route, told_choice, told_head, told_clean, told_sent, told_violation;
	struct str method; /* as it was when it was looked at last */
	struct buffer choice; /* of a route, as it was made */
};

/* --- writing --------------------------------------------------------------------------------- */
/* Where the event begins, for trace_event_end. */
size_t trace_event_begin(struct trace *t, const char *event);
/* What finds no room is left out, and all that comes after it. */
void trace_event_end(struct trace *t, size_t at);
void trace_add_key(struct trace *t, const char *key);
/* Nothing, when it is empty. */
void trace_add_text(struct trace *t, const char *key, struct str value);
void trace_add_number(struct trace *t, const char *key, uint64_t value);
/* From now on these are what was seen. */
void trace_remember(struct seen_fields *s, const struct fields *f);
/* What became of the fields since they were seen, if anything. `r` may be NULL. */
void trace_add_request_changes(struct trace *t, const struct http_request *r);
void trace_add_response_changes(struct trace *t, const struct http_response *r);

/* --- events ---------------------------------------------------------------------------------- */
/* For chain_watch. */
void trace_on_ran(struct chain_watch *w, struct sluice_exchange *x, const struct chain_ran *ran);
void trace_on_asked(
	struct chain_watch *w, struct sluice_exchange *x, const struct chain_request *r);
void trace_look_at_head(struct exchange *e, struct trace *t);
/* Tells what has changed since the last look. */
void trace_look_at_news(struct exchange *e, struct trace *t);
