/* SPDX-License-Identifier: Apache-2.0 */
/* services/handles.h - handles that plugins may keep for too long.
 *
 * A handle is worker (8 bits), slot (24) and generation (32), never a pointer: one that is over
 * finds another generation in its slot, and nothing behind it.
 *
 * Ownership    the object is whoever's made the handle, and is let go before it goes.
 * Threads      each worker has its own slots; all calls are for the worker whose handle it is.
 */
#pragma once

#include "base/str.h"

struct handle_slot;

/* Zero to begin with. Slots are never given back: a late handle has to be known as late. */
struct handles {
	struct handle_slot *slots; /* owned */
	uint32_t capacity;
	uint32_t free; /* index + 1 of the first free slot; 0: none */
};

/* 0: sixteen million are out. */
uint64_t handle_new(struct handles *h, unsigned worker, void *object);
/* NULL: it is over, or never was. */
void *handle_object(const struct handles *h, uint64_t handle);
void handle_let_go(struct handles *h, uint64_t handle);
static inline unsigned handle_worker(uint64_t handle)
{
	return (unsigned)(handle >> 56);
}
