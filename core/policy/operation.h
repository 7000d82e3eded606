/* SPDX-License-Identifier: Apache-2.0 */
/* policy/operation.h - what a binding has begun for one exchange: requests of its own, jobs,
 * questions to a store.
 *
 *   operation_begin (in a callback): pending -> operation_end (on the worker; at once is possible)
 *   pending or ended -> operation_take, by the binding that wants what came of it
 *                    \-> leave, when the exchange ends or the binding has failed
 *
 * A callback that pauses with the host's `wait` goes on when none of its binding and direction is
 * pending any more.
 *
 * Invariants   O1  of each operation exactly one of operation_take and `leave` happens.
 *              O2  `leave` comes before `log` and `done` of the binding, and before any memory of
 *                  the exchange goes; afterwards nothing of the exchange may be touched.
 *
 * Ownership    embedded in what a service keeps of it.
 * Threads      the worker of the exchange.
 */
#pragma once

#include "policy/chain.h"

struct operation {
	struct operation *next; /* in the exchange's list: the newest first */
	struct sluice_exchange *exchange;
	const struct chain_binding *binding;
	uint8_t direction; /* enum chain_direction */
	bool is_pending;
	bool was_awaited; /* a wait has been over it: the binding knows that it has ended */
	/* The exchange has no use for it, whether it is pending or not; it is off the list. */
	void (*leave)(struct operation *op);
};

/* For the binding whose callback runs: only where policy_runs_exchange(x) (policy/run.h). */
void operation_begin(
	struct operation *op, struct sluice_exchange *x, void (*leave)(struct operation *op));
void operation_end(struct operation *op);
/* Off the list, ended. */
void operation_take(struct operation *op);
/* The binding whose callback runs has begun it in this exchange, in the same direction. */
bool operation_is_own(const struct operation *op, const struct sluice_exchange *x);

/* --- for the walk ---------------------------------------------------------------------------- */
/* Whether any of the binding is pending in that direction. */
bool operations_pending(
	const struct sluice_exchange *x, const struct chain_binding *b, enum chain_direction d);
/* Whether the binding whose callback runs has anything to wait for: what is pending, or ended
 * before it could wait. A wait that begins now counts for all of them. */
bool operations_await(struct sluice_exchange *x);
/* Those of that binding, or with NULL all, are left. */
void operations_leave(struct sluice_exchange *x, const struct chain_binding *b);
