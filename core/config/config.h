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

struct config_options {
	const char *const *paths; /* folders (recursive) and files */
	size_t path_count;
	const char *const
		*plugin_dirs; /* searched for *.so; their ELF notes are read, not executed */
	size_t plugin_dir_count;
	bool strict; /* the plan is marked so: one error refuses all of it */
	/* Environment and file look-ups for $NAME and ${file:...}; NULL: the process's own. */
	const char *(*getenv)(const char *name);
};

/* Compiles. `plan` gets the binary plan (also when there are errors: what is wrong is stubbed);
 * diagnostics are in the plan too, under "diagnostics". RC_NOT_FOUND, RC_IO: a path cannot be read;
 * RC_FULL: composing or the plan exceeded its limits. Then there is no plan, and the diagnostics
 * say why. */
MUST_USE enum rc config_compile(
	const struct config_options *options, struct buffer *plan, struct diagnostics *diagnostics);

/* The JSON Schema (draft-07) of a kind, of a policy's configuration, or with "sluice" of any document,
 * as a plan to be printed; with NULL the list of all names. RC_NOT_FOUND: there is none of that name,
 * which the diagnostics say. */
MUST_USE enum rc config_schema(const struct config_options *options, const char *name,
	struct buffer *plan, struct diagnostics *diagnostics);
