/* SPDX-License-Identifier: Apache-2.0 */
/* process/give_back.h - memory that was freed goes back to the system.
 *
 * The allocator gives back what lies at the end of its heaps alone, and what is freed after a storm or
 * a reload lies in between. Looking for it costs half a millisecond for each 20 MiB, and holds up whoever
 * allocates meanwhile, so it is done when it is worth that, once for what is freed one soon after the
 * other, and for a hundredth of the time at most.
 *
 * Threads      the main thread. */
#pragma once

#include "loop/loop.h"

#include <stddef.h>

struct give_back {
	struct loop *loop; /* borrowed; NULL once stopped */
	struct timer timer;
	int64_t rest_ms; /* since it takes long, and workers may have to wait meanwhile */
	size_t bytes;    /* freed since it was last done */
};

void give_back_init(struct give_back *g, struct loop *loop);
/* `bytes` were freed. */
void give_back_add(struct give_back *g, size_t bytes);
/* How much was freed nobody knows, but it is a lot: what was built for a configuration. */
void give_back_soon(struct give_back *g);
/* What is told from here on counts for nothing: the process ends. */
void give_back_stop(struct give_back *g);
