/* SPDX-License-Identifier: Apache-2.0 */
/* policy/breadcrumb.h - which plugin code a thread is running, for whoever survives a crash.
 *
 * One word per thread, written around each callback: sequence (32 bits), binding (24 bits),
 * callback (8 bits, never 0 inside). 0 means no plugin code runs. The word lies where the thread
 * says, normally in a page shared with the supervisor; before that in the thread's own memory. A
 * watchdog that reads the same word twice has seen one and the same call last that long.
 *
 * Threads      written by its thread, read by any, relaxed.
 */
#pragma once

#include "base/str.h"

#include <stdatomic.h>

/* What runs. The order is that of the arrays in a chain. */
#define CALLBACKS(X)                                                                               \
	X(REQUEST_HEAD, "request_head")                                                            \
	X(REQUEST_BODY, "request_body")                                                            \
	X(REQUEST_END, "request_end")                                                              \
	X(RESPONSE_HEAD, "response_head")                                                          \
	X(RESPONSE_BODY, "response_body")                                                          \
	X(RESPONSE_END, "response_end")                                                            \
	X(LOG, "log")                                                                              \
	X(DONE, "done")                                                                            \
	X(CONFIGURE, "configure")                                                                  \
	X(RELEASE, "release")                                                                      \
	X(WORKER_START, "worker_start")                                                            \
	X(WORKER_STOP, "worker_stop")                                                              \
	X(LOAD, "load")                                                                            \
	X(TIMER, "timer")                                                                          \
	X(POST, "post")                                                                            \
	X(JOB, "job")                                                                              \
	X(JOB_DONE, "job_done")                                                                    \
	X(ANSWER, "answer")                                                                        \
	X(DROPPED, "dropped")                                                                      \
	X(STREAM, "stream")                                                                        \
	X(FRAME, "frame")

enum callback {
#define X(name, text) CALLBACK_##name,
	CALLBACKS(X)
#undef X
		CALLBACK_COUNT,
};
const char *callback_name(enum callback c);

typedef _Atomic uint64_t breadcrumb_word;

/* Where the calling thread writes from now on; NULL: its own memory. */
void breadcrumb_set_word(breadcrumb_word *word);

/* Numbers for breadcrumbs, each with a label that tells a reader in another process who that is.
 * Without labels, and when all are taken, the number is 0: nobody. `plugin` is the number of the
 * plugin that it belongs to; 0: none. Main thread. */
struct trail_label; /* handover/trail.h */
void breadcrumb_set_labels(struct trail_label *labels, uint32_t count);
uint32_t breadcrumb_take(uint64_t key, uint32_t plugin, struct str text);
/* 0 is harmless. */
void breadcrumb_give_back(uint32_t number);

struct breadcrumb {
	uint32_t binding;
	bool is_inside;
	enum callback callback;
	uint32_t sequence;
};
/* Of a word's value; CALLBACK_COUNT: none. */
enum callback breadcrumb_callback(uint64_t value);
struct breadcrumb breadcrumb_read(const breadcrumb_word *word);
