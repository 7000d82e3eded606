/* SPDX-License-Identifier: Apache-2.0 */
/* config/plugins.h - the plugin files and the policy definitions in their ELF notes; none is
 * loaded. */
#pragma once

#include "config/document.h"
#include "package/package.h"

struct plugin_file {
	struct package package;
	char *shown; /* owned: what messages call its definition, "cors.so" */
	struct document_set documents;
};

struct plugin_files {
	struct plugin_file *items; /* owned */
	size_t count;
	size_t capacity;
};

/* All *.so of the folders, each folder in bytewise order. What cannot be read is a warning: only
 * the APIs that need it are concerned, and they will say so. */
void plugin_files_read(struct plugin_files *out, const char *const *dirs, size_t dir_count,
	struct diagnostics *diagnostics);
/* As if there were one plugin with these definitions. RC_INVALID: they are no YAML, or there is
 * none; that is told. `out` needs plugin_files_deinit in any case. */
MUST_USE enum rc plugin_files_of_text(struct plugin_files *out, const char *file, struct str yaml,
	struct diagnostics *diagnostics);
void plugin_files_deinit(struct plugin_files *p);
