/* SPDX-License-Identifier: Apache-2.0 */
/* process/activation.h - putting a generation into service, and the former one to rest.
 *
 *   build -> open ports -> start new instances on every worker -> swap every worker -> retire
 *
 * A failure before the swap takes everything back and the former generation goes on. After the
 * swap each worker lets the former generation's APIs go when their last exchange has ended; then
 * their chains are freed, and instances that no chain holds any more are stopped on every worker
 * and released.
 *
 * Threads      the main loop. One activation at a time. */
#pragma once

#include "build/build.h"
#include "process/give_back.h"
#include "process/ports.h"
#include "process/thread.h"

struct activation;

struct activation_options {
	struct loop *loop;
	struct worker_thread **threads; /* borrowed */
	unsigned workers;
	struct ports *ports;
	struct registry *registry;
	struct metrics *metrics;
	struct service_book *services;
	const char *state_dir;
	const struct ticket_ring *tickets;
	struct give_back *give_back; /* borrowed */
};

/* `generation` NULL: refused, `diagnostics` tells why and the former one serves on. */
typedef void activation_fn(
	void *owner, const struct generation *generation, const struct diagnostics *diagnostics);

struct activation *activation_new(
	const struct activation_options *options, activation_fn *fn, void *owner);
/* The workers are about to end: from here on nothing is put into service, and nothing stopped, but
 * by the next two. Not while it is busy. */
void activation_close(struct activation *a);
/* On a worker whose last exchange has ended, after that: stops all instances there. */
void activation_stop_worker(const struct activation *a, unsigned worker);
/* Every worker has ended: frees the generation that served and all instances. */
void activation_free(struct activation *a);
bool activation_is_busy(const struct activation *a);
/* Takes the plan over. fn comes later, or before returning when the build fails. `closed` (a text
 * that stays, or NULL): why every API of it shall answer 503. */
void activation_start(struct activation *a, struct plan *plan, const char *closed);
/* Whether the last one failed, in part or as a whole, for something that may be had later: a port,
 * descriptors, memory. */
bool activation_lacked(const struct activation *a);
/* What serves; NULL before the first. */
const struct generation *activation_current(const struct activation *a);
/* Generations swapped out whose APIs are still pinned: APIs left. */
size_t activation_retiring(const struct activation *a);
/* For the worker's events: worker `index` has let `api` go; called on the worker. */
void activation_api_retired(struct activation *a, unsigned worker, struct api *api);
