/* SPDX-License-Identifier: Apache-2.0 */
/* config/config.h - a folder of YAML (and the schemas of the plugins) to a plan.
 *
 * The only place where libyaml and Lua run; linked into sluice-compile and never into the gateway.
 * Everything an operator can get wrong becomes a diagnostic; only what makes reading impossible
 * (the folder is missing, memory) is an error code.
 */
#pragma once

#include "base/buffer.h"
#include "base/diagnostics.h"

struct config_work {
	size_t files;
	size_t apart;     /* of them composed apart, now or before */
	size_t reused;    /* of these, before */
	bool is_surveyed; /* nothing was to be said across APIs (survey.h) */
};

struct config_options {
	const char *const *paths; /* folders (recursive) and files */
	size_t path_count;
	const char *const
		*plugin_dirs; /* searched for *.so; their ELF notes are read, not executed */
	size_t plugin_dir_count;
	bool strict; /* the plan is marked so: one error refuses all of it */
	/* With so many files that seem to hold nothing but ApiInstances, those are composed one by
	 * one, which takes less memory and gives the same plan. 0: the default; SIZE_MAX: never. */
	size_t apart_min;
	/* What is composed apart stands apart in the plan (plan/plan_parts.h). */
	bool takes_parts;
	/* What the former composition left, so that files that have not changed need not be read;
	 * of whatever is wrong with it, it is as if it were not there. */
	struct str record;
	/* Gets that of this one, empty where there is none; or NULL. */
	struct buffer *record_out;
	/* How many seconds a file has to be unchanged before its times and inode alone tell that it
	 * has not changed. 0: the default, SOURCE_SETTLED_S; below: at once, for tests. */
	int settled_s;
	/* Takes the plan in pieces as soon as it is there, before the record is made; then `plan`
	 * stays empty. False: it cannot be taken, and config_compile fails with RC_IO. NULL: into
	 * `plan`. */
	bool (*hand_over)(void *arg, const struct str *pieces, size_t count);
	void *hand_over_arg;
	struct config_work *work; /* gets what was done; or NULL */
	/* Environment and file look-ups for $NAME and ${file:...}; NULL: the process's own. */
	const char *(*getenv)(const char *name);
};

/* Compiles. `plan` gets the binary plan (also when there are errors: what is wrong is stubbed);
 * diagnostics are in the plan too, under "diagnostics". RC_NOT_FOUND, RC_IO: a path cannot be read;
 * RC_FULL: composing or the plan exceeded its limits. Then there is no plan, and the diagnostics
 * say why. */
MUST_USE enum rc config_compile(
	const struct config_options *options, struct buffer *plan, struct diagnostics *diagnostics);

/* The JSON Schema (draft-07) of a kind, of a policy's configuration, or with "sluice" of any
 * document, as a plan to be printed; with NULL the list of all names. RC_NOT_FOUND: there is none
 * of that name, which the diagnostics say. */
MUST_USE enum rc config_schema(const struct config_options *options, const char *name,
	struct buffer *plan, struct diagnostics *diagnostics);

/* The definitions of one plugin, `yaml`, which messages call `file`, by themselves: what
 * composition says of them, and what would never be looked at. RC_INVALID: something is wrong, as
 * the diagnostics say. */
MUST_USE enum rc config_judge_definitions(
	const char *file, struct str yaml, struct diagnostics *diagnostics);
