/* SPDX-License-Identifier: Apache-2.0 */
/* build/build.h - from a plan to a generation.
 *
 * What did not change is taken over: plugins by their hash, instances by (plugin, binding,
 * configuration), services by address and TLS settings, whole APIs when they, their services, their
 * plugins and the limits that all APIs share are the same. What is wrong is contained: an API whose
 * binding cannot be loaded or configured becomes a stub that answers 503 and is reported; what
 * concerns a listener or the whole is fatal and leaves the former generation in place. Of an
 * incomplete plan (docs/plan.md) nothing is served: the former generation stays, or every API is a
 * stub. Of one that is to be closed no plugin is loaded.
 *
 * Threads      the main thread. */
#pragma once

#include "base/diagnostics.h"
#include "generation/generation.h"
#include "generation/instance_set.h"
#include "policy/registry.h"

struct build_options {
	struct registry *registry;
	struct instance_set *instances;
	const char *state_dir; /* of the plugin store */
	unsigned workers;
	uint64_t number;
	const struct generation *former; /* or NULL */
	struct metrics *metrics;         /* where APIs get their cells */
	struct service_book *services;   /* where services get their rows; NULL: nowhere */
	const struct ticket_ring
		*tickets;   /* of TLS sessions; NULL: each port has keys of its own */
	const char *closed; /* why every API shall answer 503; NULL: as the plan says */
	bool *lacked;       /* set when what could not be had may be had later; may be NULL */
	bool only_checks;   /* nothing will serve: plugins come from where they lie, `strict` is no
			       matter */
};

/* Takes the plan over, also on failure. RC_INVALID: something fatal, which `diagnostics` names.
 * Stubbed APIs are errors in `diagnostics` and still RC_OK. New instances are in
 * options->instances; they have not been started on the workers. */
MUST_USE enum rc build_generation(const struct build_options *options, struct plan *plan,
	struct diagnostics *diagnostics, struct generation **out);
