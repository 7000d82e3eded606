/* SPDX-License-Identifier: Apache-2.0 */
/* policy/chain_priv.h - what chain.c (the walk) and chain_body.c (its bodies) share. */
#pragma once

#include "policy/chain.h"
#include "policy/policy_priv.h"

static inline bool takes_part(const struct chain_run *run, const struct chain_binding *b)
{
	return run->mask & b->bit;
}

/* The same as to the body: a head callback may let it pass unseen. */
static inline bool takes_body(const struct chain_run *run, const struct chain_binding *b)
{
	return run->mask & ~run->let_by & b->bit;
}

/* --- chain.c --- */
/* b could not do its work: CHAIN_MORE when it may be skipped over, else the direction ends. */
enum chain_result chain_fail(struct sluice_exchange *x, enum chain_direction d,
	const struct chain_binding *b, const char *reason, enum chain_result result);
/* The arena or the heap is spent: nothing to be skipped over. */
enum chain_result chain_fail_memory(
	struct sluice_exchange *x, enum chain_direction d, const struct chain_binding *b);
/* One body callback; CHAIN_MORE: it goes on. */
enum chain_result chain_call_body(struct sluice_exchange *x, enum chain_direction d,
	const struct chain_binding *b, const struct sluice_body *piece);

/* The operations that direction d waits for have ended. */
void chain_wait_over(struct sluice_exchange *x, enum chain_direction d);

/* --- chain_body.c --- */
/* CHAIN_MORE: everything at hand has passed; segment_ended tells whether that was all. */
enum chain_result chain_segment_run(struct sluice_exchange *x, enum chain_direction d);
/* From here on b collects the body, if it may. */
enum chain_result chain_frontier_open(
	struct sluice_exchange *x, enum chain_direction d, const struct chain_binding *b);
/* The whole body has come: the frontier decides. CHAIN_MORE: the next segment begins. */
enum chain_result chain_frontier_decide(struct sluice_exchange *x, enum chain_direction d);
/* The heads are through: a body that somebody may still change has no known length. */
void chain_stream_length(struct sluice_exchange *x, enum chain_direction d);
void chain_body_clear(struct chain_body *body);
