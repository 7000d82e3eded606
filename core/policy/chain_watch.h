/* SPDX-License-Identifier: Apache-2.0 */
/* policy/chain_watch.h - how long the bindings of one exchange took, and what became of each call.
 *
 * Most exchanges are not watched: then the walk is the one without a clock. A watch belongs to one
 * exchange, hangs in x->watch before chain_begin, and outlives chain_finish. The callbacks log and
 * done are not in it: they hold up nobody's request.
 *
 * Threads      the worker of its exchange. */
#pragma once

#include "base/limits.h"
#include "policy/breadcrumb.h"
#include "policy/chain.h"

/* One call of a callback, or a pause that is over. */
struct chain_ran {
	const struct chain_binding *binding;
	enum chain_direction direction;
	enum callback callback;
	/* CHAIN_MORE: it lets the exchange go on. */
	enum chain_result result;
	bool was_pause;
	bool was_skipped; /* it failed, and is passed over */
	uint64_t ns;
};

/* A request of a binding's own to a service: it begins, or it has ended. */
struct chain_request {
	const struct chain_binding *binding;
	struct str service, method;
	unsigned number; /* of the exchange's, from 1 */
	bool has_ended;
	/* At its end. */
	unsigned status;            /* 0: there is no response */
	const char *because;        /* why there is none (whole): one word; NULL: there is */
	struct str detail;          /* the same in a sentence; may be empty */
	const struct address *peer; /* who was asked; NULL: nobody */
	bool on_reused, is_retry;
	uint64_t ns;
};

struct chain_watch {
	uint64_t ns[LIMIT_BINDINGS_PER_CHAIN]; /* by binding: its calls and its pauses */
	int64_t mark_ns;                       /* when what runs now began */
	int64_t paused_ns[2];                  /* when that direction was paused; 0: it is not */
	enum callback paused_in[2];
	/* Called behind each; NULL: nobody asks. */
	void (*ran)(struct chain_watch *w, struct sluice_exchange *x, const struct chain_ran *ran);
	/* Likewise of the requests of bindings. */
	void (*asked)(
		struct chain_watch *w, struct sluice_exchange *x, const struct chain_request *r);
	unsigned requests; /* so many have begun */
};

/* --- for the services ------------------------------------------------------------------------ */
/* Whether anybody wants to know what the bindings of this exchange ask. */
static inline bool chain_watch_wants_requests(const struct sluice_exchange *x)
{
	return UNLIKELY(x->watch != NULL) && x->watch->asked;
}
void chain_watch_asked(struct sluice_exchange *x, const struct chain_request *r);

/* --- for the walk ---------------------------------------------------------------------------- */
void chain_watch_mark(struct chain_watch *w);
/* A callback that began at the mark has returned; sets the mark anew. */
void chain_watch_called(struct sluice_exchange *x, enum chain_direction d, enum callback callback,
	const struct chain_binding *b, enum chain_result result);
/* The pause of direction d is over. */
void chain_watch_resumed(struct sluice_exchange *x, enum chain_direction d);
