/* SPDX-License-Identifier: Apache-2.0 */
#include "policy/chain_watch.h"

#include "base/clock.h"
#include "policy/chain_priv.h"

void chain_watch_mark(struct chain_watch *w)
{
	w->mark_ns = clock_monotonic_ns();
}

/* Whoever is told takes time of its own, which is no binding's. */
static void tell(struct chain_watch *w, struct sluice_exchange *x, const struct chain_ran *ran)
{
	w->ns[ran->binding->index] += ran->ns;
	if (w->ran)
		w->ran(w, x, ran);
	if (w->ran)
		chain_watch_mark(w);
}

/* In the middle of a callback, perhaps: whoever is told takes no time of the binding's. */
void chain_watch_asked(struct sluice_exchange *x, const struct chain_request *r)
{
	struct chain_watch *w = x->watch;
	int64_t before_ns = clock_monotonic_ns();
	w->asked(w, x, r);
	w->mark_ns += clock_monotonic_ns() - before_ns;
}

void chain_watch_called(struct sluice_exchange *x, enum chain_direction d, enum callback callback,
	const struct chain_binding *b, enum chain_result result)
{
	struct chain_watch *w = x->watch;
	int64_t now_ns = clock_monotonic_ns();
	struct chain_ran ran = {
		.binding = b,
		.direction = d,
		.callback = callback,
		.result = result,
		.was_skipped = x->skipped & b->bit,
		.ns = (uint64_t)(now_ns - w->mark_ns),
	};
	w->mark_ns = now_ns;
	if (result == CHAIN_PAUSED) {
		w->paused_ns[d] = now_ns;
		w->paused_in[d] = callback;
	}
	tell(w, x, &ran);
}

void chain_watch_resumed(struct sluice_exchange *x, enum chain_direction d)
{
	struct chain_watch *w = x->watch;
	if (w->paused_ns[d] == 0)
		return;
	struct chain_ran ran = {
		.binding = x->run[d].paused,
		.direction = d,
		.callback = w->paused_in[d],
		.was_pause = true,
		.ns = (uint64_t)(clock_monotonic_ns() - w->paused_ns[d]),
	};
	w->paused_ns[d] = 0;
	tell(w, x, &ran);
}
