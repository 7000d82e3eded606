/* SPDX-License-Identifier: Apache-2.0 */
/* config/sources.h - which files make up a configuration, and their bytes.
 *
 * Of folders, recursively: documents (*.yaml, *.yml, *.json) and scripts (*.lua), in the bytewise
 * order of their paths below the folder; hidden entries (Kubernetes' ..data among them) and what editors leave behind are passed
 * over. Symbolic links are followed. A file that cannot be read costs that file alone.
 */
#pragma once

#include "base/diagnostics.h"
#include "crypto/crypto.h"

#define SOURCES_MAX             20000
#define SOURCES_BYTES_MAX       (64u << 20)
#define SOURCE_FOLDER_DEPTH_MAX 32

struct source {
	char *name;  /* owned: below its folder, or as given; this is what messages say */
	char *path;  /* owned: to open */
	char *bytes; /* owned */
	size_t size;
	bool is_script;
	uint8_t sha256[SHA256_BYTES];
};

struct sources {
	struct source *items; /* owned */
	size_t count;
	size_t capacity;
	size_t bytes;    /* of all */
	bool incomplete; /* something could not be read */
};

/* RC_NOT_FOUND: one of the paths does not exist; RC_IO: a folder given cannot be read. Both are
 * told in the diagnostics, as are files that cannot be read. */
MUST_USE enum rc sources_read(struct sources *out, const char *const *paths, size_t path_count,
	struct diagnostics *diagnostics);
void sources_deinit(struct sources *s);

/* Reads a regular file whole. RC_FULL: more than `bytes_max`; RC_IO: errno; RC_UNSUPPORTED: no
 * regular file. `bytes` is heap memory. */
MUST_USE enum rc file_read(const char *path, size_t bytes_max, char **bytes, size_t *size);
/* What went wrong with it, as one part of a sentence. */
const char *file_read_reason(enum rc rc, size_t bytes_max, char *text, size_t text_size);
