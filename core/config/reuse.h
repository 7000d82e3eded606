/* SPDX-License-Identifier: Apache-2.0 */
/* config/reuse.h - what of the former composition stands, and what this one leaves to the next.
 *
 * Use: reuse_begin, sources_read with `record`, reuse_parts, composing, reuse_end. */
#pragma once

#include "config/config.h"
#include "config/plugins.h"
#include "config/record.h"

struct reuse {
	const struct record *record; /* or NULL: nothing stands */
	struct record opened;
	struct lookups lookups; /* of this composition, and of what stands */
	uint8_t program[SHA256_BYTES];
	uint8_t shared[SHA256_BYTES];
	bool has_program;
};

void reuse_begin(struct reuse *u, const struct config_options *options);
/* Opens the parts of known sources; what has none is no longer known. `parts`: of the sources. */
void reuse_parts(struct reuse *u, const struct config_options *options,
	struct sources *sources, const struct plugin_files *plugins, struct part *parts);
/* The record, where the options want one. */
void reuse_end(struct reuse *u, const struct config_options *options,
	const struct sources *sources, const struct part *parts);
void reuse_deinit(struct reuse *u);
