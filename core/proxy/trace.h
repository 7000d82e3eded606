/* SPDX-License-Identifier: Apache-2.0 */
/* proxy/trace.h - the story of one exchange, for whoever asked for it.
 *
 * Told from outside: between two steps of the machines it is looked at what has changed, so that
 * the machines know nothing of it. One JSON object:
 *
 *   {"events":[{"us":12,"event":"route",...},...],"record":{...}}
 *
 * docs/observability.md lists the events. Of fields there are names, never values; of a query the
 * names of its parameters.
 *
 * Invariants   T1  a story has at most TRACE_BYTES_MAX bytes; then "cut" is true, and the record is
 *                  there all the same.
 * Ownership    the exchange's until it ends, then the main loop's.
 * Threads      the worker; afterwards the main thread. */
#pragma once

#include "base/str.h"

#define TRACE_BYTES_MAX 49152

struct exchange;
struct proxy_worker;
struct trace;
struct tracer;

/* The exchange begins: it has a story (e->trace) when the worker's tracer asks for one like it. */
void trace_begin(struct exchange *e);
/* Before the first step of a run, and behind each. May give the story up. */
void trace_look(struct exchange *e);
/* Ends it and hands it over. Not before the record could be written. */
void trace_end(struct exchange *e);

/* From now on, in the place of the former one; NULL: nobody traces. Takes a reference. Stories
 * under way for the former are handed over as far as they are. */
void trace_set(struct proxy_worker *w, struct tracer *t);

/* --- the main thread's ----------------------------------------------------------------------- */
struct tracer *trace_tracer(const struct trace *t);
/* A line, with its end. */
struct str trace_text(const struct trace *t);
void trace_free(struct trace *t);
