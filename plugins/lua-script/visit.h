/* SPDX-License-Identifier: Apache-2.0 */
/* lua-script/visit.h - an exchange's callback in the script: its handler runs, waits, ends.
 *
 *   a handler that waits is a coroutine that has yielded. What it asked for are operations of the
 *   exchange; when all of them have ended, and the time that it sleeps is over, it goes on
 *   a handler that passed a bound, or ran out of memory, fails its exchange, and new exchanges get
 * a new state. The old one lasts for the exchanges that hold something in it, unless another
 * follows it
 *
 * What an exchange holds in a state is a `guest`: coroutines that wait, one for each direction, and
 * the table behind the script's global `exchange`.
 *
 * Invariants   V1  a guest counts among the users of its interpreter until `done`.
 *              V2  a worker has at most one current and one retired interpreter with a Lua state.
 * Threads      one worker. */
#pragma once

#include "interpreter.h"

/* Operations of one service, by enum sluice_side; each answer comes to who takes first. */
struct awaited {
	unsigned taken_by_none; /* of a handler that will not go on: to be taken and forgotten */
	unsigned open;          /* of the handler that goes on */
};

struct guest {
	struct interpreter *in;
	struct coroutine waiting[2]; /* by enum sluice_side; L NULL: none */
	int64_t due_ms[2];           /* until when they sleep */
	struct awaited questions[2], calls[2];
	double kept; /* 0: none */
};

/* On the stack of a callback. */
struct visit {
	const struct sluice_call *call;
	struct sluice_exchange *x;
	const struct sluice_body *body; /* NULL: no body callback */
	enum handler handler;
	enum sluice_side side;
	int32_t verdict;     /* with which the script ended it; VISIT_GOES_ON */
	int64_t due_ms;      /* until when it sleeps; 0 */
	unsigned begun;      /* operations that it has not waited for */
	struct guest *guest; /* NULL: the exchange holds nothing yet */
};
#define VISIT_GOES_ON (-1)

/* Of the handler that runs; raises when there is no exchange. */
struct visit *visit_of(lua_State *L);
/* The exchange's guest, made when there is none; raises when its memory is spent. */
struct guest *visit_guest(lua_State *L, struct visit *v);

/* --- callbacks of the policy ------------------------------------------------------------------ */
int32_t visit_worker_start(const struct sluice_call *call, void **worker_data);
void visit_worker_stop(const struct sluice_call *call, void *worker_data);
/* `body` is NULL but in body callbacks. */
int32_t visit_run(const struct sluice_call *call, struct sluice_exchange *x, enum handler handler,
	const struct sluice_body *body);
void visit_done(const struct sluice_call *call, struct sluice_exchange *x);
