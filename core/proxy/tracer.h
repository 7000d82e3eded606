/* SPDX-License-Identifier: Apache-2.0 */
/* proxy/tracer.h - which requests somebody wants to follow, and where their stories go.
 *
 * A tracer is made on the main thread, given to every worker, and taken from them when it ends. A
 * worker that has none pays one test per exchange.
 *
 * Bounds       count stories in all; TRACE_ACTIVE_MAX under way at once; TRACE_PER_SECOND begun in
 *              a second: what matches beyond that is counted in `missed`, and goes on untraced.
 * Ownership    counted: the main thread's session, each worker, each story.
 * Threads      the filter is immutable; the numbers are atomic.
 */
#pragma once

#include "expr/regex.h"
#include "loop/loop.h"
#include "net/cidr.h"

#include <stdatomic.h>

#define TRACE_ACTIVE_MAX 32
#define TRACE_PER_SECOND 100

/* All owned; what is NULL (or empty) asks for nothing. */
struct trace_filter {
	char *api;          /* "name" or "namespace/name" */
	struct regex *path; /* the whole of the path, or of what is behind the base path */
	struct cidr_set clients;
	char *header; /* a field's name */
	char *value;  /* and its value */
};

struct tracer {
	atomic_uint refs;
	struct trace_filter filter;
	atomic_int left; /* stories that may still begin */
	atomic_uint active;
	atomic_uint missed;
	_Atomic int64_t second; /* of the window */
	atomic_uint in_second;
	/* The main loop gets each story that has ended: the callee frees it (trace_free). */
	struct loop *main_loop; /* borrowed */
	void (*deliver)(void *story);
	void *owner;
};

/* Takes the filter over. One reference. */
struct tracer *tracer_new(const struct trace_filter *filter, unsigned count, struct loop *main_loop,
	void (*deliver)(void *story), void *owner);
struct tracer *tracer_ref(struct tracer *t);
/* NULL is harmless. */
void tracer_unref(struct tracer *t);
void trace_filter_deinit(struct trace_filter *f);
/* Whether "namespace/name" is the API that is meant. */
bool trace_filter_means(const struct trace_filter *f, struct str api);
/* A place for one more story; false: none is left, or none for now (missed). */
bool tracer_admit(struct tracer *t, int64_t now_ms);
/* It has ended. */
void tracer_leave(struct tracer *t);
