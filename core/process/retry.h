/* SPDX-License-Identifier: Apache-2.0 */
/* process/retry.h - trying again what failed for something that may pass: a process that could not
 * be started, descriptors, memory, a port, a file that cannot be read.
 *
 * After 1 s, then twice as long each time, up to a minute, until it goes well or something else
 * makes the waiting needless.
 *
 * Threads      that of the loop. */
#pragma once

#include "loop/loop.h"

#define RETRY_FIRST_MS 1000
#define RETRY_MAX_MS   60000

struct retry {
	struct loop *loop; /* borrowed */
	struct timer timer;
	void (*fn)(void *arg);
	void *arg;
	unsigned failures;   /* in a row; 0: nothing is to be tried again */
	int64_t due_wall_us; /* when, while it waits */
	uint64_t tried;      /* ever */
};

void retry_init(struct retry *r, struct loop *loop, void (*fn)(void *arg), void *arg);
/* It has failed: fn comes later. How long that is, in ms. */
int64_t retry_later(struct retry *r);
/* It went well, or a change makes what failed before a thing of the past. Also ends it. */
void retry_settle(struct retry *r);
bool retry_is_due(const struct retry *r);
