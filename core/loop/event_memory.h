/* SPDX-License-Identifier: Apache-2.0 */
/* loop/event_memory.h - what libevent keeps of descriptors lies together.
 *
 * Of each number that a descriptor ever had it keeps 16 bytes of their own for good. From the allocator
 * they lay between what lives for a moment, wherever the descriptors of a storm had left them, and each
 * kept a page from the system: those of 2,400 descriptors held 700 pages of each worker.
 *
 * Ownership    of the process, until it ends; a loop that is freed leaves its slots to others.
 * Threads      all: a lock is taken where a loop watches a number for the first time. */
#pragma once

/* Before all else that is asked of libevent; once or more often. */
void event_memory_begin(void);
