/* SPDX-License-Identifier: Apache-2.0 */
#include "policy/operation.h"

#include "base/check.h"
#include "policy/chain_priv.h"

void operation_begin(
	struct operation *op, struct sluice_exchange *x, void (*leave)(struct operation *op))
{
	*op = (struct operation){.next = x->operations,
		.exchange = x,
		.binding = x->current,
		.direction = x->direction,
		.is_pending = true,
		.leave = leave};
	x->operations = op;
}

void operation_end(struct operation *op)
{
	struct sluice_exchange *x = op->exchange;
	enum chain_direction d = op->direction;
	const struct chain_run *run = &x->run[d];
	CHECK(op->is_pending);
	op->is_pending = false;
	if (run->waits && run->pause == CHAIN_PAUSE_WAITING && run->paused == op->binding &&
		!operations_pending(x, op->binding, d))
		chain_wait_over(x, d);
}

void operation_take(struct operation *op)
{
	struct operation **at = &op->exchange->operations;
	CHECK(!op->is_pending);
	while (*at != op) {
		CHECK(*at);
		at = &(*at)->next;
	}
	*at = op->next;
}

bool operation_is_own(const struct operation *op, const struct sluice_exchange *x)
{
	return op->exchange == x && op->binding == x->current && op->direction == x->direction;
}

bool operations_pending(
	const struct sluice_exchange *x, const struct chain_binding *b, enum chain_direction d)
{
	const struct operation *op = x->operations;
	while (op && !(op->is_pending && op->binding == b && op->direction == d))
		op = op->next;
	return op != NULL;
}

bool operations_await(struct sluice_exchange *x)
{
	bool any = false;
	for (struct operation *op = x->operations; op; op = op->next) {
		if (!operation_is_own(op, x))
			continue;
		any |= op->is_pending || !op->was_awaited;
		op->was_awaited = true;
	}
	return any;
}

void operations_leave(struct sluice_exchange *x, const struct chain_binding *b)
{
	/* What is left may call into its plugin: the walk goes on as it was. */
	const struct policy_thread before = policy_thread;
	struct operation **at = &x->operations;
	while (*at) {
		struct operation *op = *at;
		if (b && op->binding != b) {
			at = &op->next;
			continue;
		}
		*at = op->next;
		op->leave(op);
	}
	policy_thread.exchange = before.exchange;
	policy_thread.instance = before.instance;
	policy_thread.callback = before.callback;
}
