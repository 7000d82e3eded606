/* SPDX-License-Identifier: Apache-2.0 */
/* proxy/sweep.h - what exchanges that last are held to.
 *
 * A few times a second each exchange that is still there is looked at: whether it has lasted too
 * long as a whole, whether a client sends its body or takes its answer fast enough, whether the
 * upstream has fallen silent inside its response. An exchange that is over by then has paid nothing
 * for it. What is found is recorded as a fact, which exchange_run acts upon.
 *
 * Threads      the worker's. */
#pragma once

#include "base/pace.h"

#include <stdbool.h>
#include <stddef.h>

struct exchange;
struct proxy_worker;

/* Of an exchange that was looked at once. */
struct sweep_notes {
	struct pace in;     /* the request's body, from the client */
	struct pace out;    /* the response, to the client */
	bool has_begun_out; /* the head of the response was seen to be sent */
	int64_t due_ms;     /* when it has lasted too long, unless a body moves; 0: never */
	int64_t in_began_ms, out_began_ms; /* of the times in which these moved: */
	uint64_t in_bytes, out_bytes;
	/* When a byte was last noticed: of the response from the upstream, and of what the client
	 * and the upstream took of what was queued for them. */
	int64_t upstream_moved_ms, taken_ms[2];
	uint64_t upstream_bytes, taken[2];
	size_t outstanding; /* for the client */
	uint64_t mark;      /* all that was queued for the client at mark_ms */
	int64_t mark_ms;
};

void sweep_init(struct proxy_worker *w);
void sweep_deinit(struct proxy_worker *w);
/* When the peer that does not read fast enough last took something; 0: none is that slow. */
int64_t sweep_taken_ms(struct exchange *e);
/* Does what follows from the facts that were found (FACTS_OF_SWEEP). */
void sweep_act(struct exchange *e, uint32_t facts);
/* An exchange has begun: somebody looks. */
void sweep_start(struct proxy_worker *w);
