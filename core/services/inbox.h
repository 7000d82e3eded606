/* SPDX-License-Identifier: Apache-2.0 */
/* services/inbox.h - letters to an instance on one of its workers, from any thread.
 *
 *   inbox_send -> deliver, on the worker, from its loop, in order of sending
 *             \-> drop, on any thread, when the instance has stopped there (or never starts)
 *
 * A worker's box opens when the instance has started there; what comes earlier waits for that.
 *
 * Invariants   N1  of each letter exactly one of deliver and drop happens; both give up the letter.
 *              N2  no loop is posted to once its box has closed.
 *
 * Ownership    counted. The instance's own reference goes with its release; whoever holds another
 *              may send to the end of days, and has everything dropped.
 * Threads      inbox_of: main. All else: any.
 */
#pragma once

#include "base/str.h"

#include <stdint.h>

struct inbox;
struct letter;
struct sluice_instance;

struct letter {
	struct letter *next;
	/* May call into the plugin. */
	void (*deliver)(struct letter *l, struct sluice_instance *i, uint32_t worker);
	void (*drop)(struct letter *l);
};

/* The instance's, made if there is none yet. In `configure` only. */
struct inbox *inbox_of(struct sluice_instance *i);
/* NULL when inbox_of was never called. Any thread that may touch the instance. */
struct inbox *inbox_find(const struct sluice_instance *i);
struct inbox *inbox_ref(struct inbox *b);
void inbox_unref(struct inbox *b);
uint32_t inbox_workers(const struct inbox *b);
/* Whether fewer letters wait there than LIMIT_INBOX_LETTERS. */
bool inbox_has_room(struct inbox *b, uint32_t worker);
/* Takes the letter. A worker that does not exist drops it. */
void inbox_send(struct inbox *b, uint32_t worker, struct letter *l);
