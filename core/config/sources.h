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
/* Clocks of file systems tick in up to two seconds: what changed just now may change again and look the
 * same. */
#define SOURCE_SETTLED_S        3
#define INCLUDED_FILE_BYTES_MAX (1u << 20) /* by ${file:...} */

/* What changes with a file's content, as far as a file system tells. */
struct file_identity {
	uint64_t device, inode, size;
	int64_t mtime_s, mtime_ns, ctime_s, ctime_ns;
};

struct source {
	char *name;  /* owned: below its folder, or as given; this is what messages say */
	char *path;  /* owned: to open */
	char *bytes; /* owned; NULL: see is_known */
	size_t size;
	struct file_identity identity;
	bool is_settled; /* a change from now on will show in the identity */
	bool is_known;   /* the record has it, and it has not changed: it need not be read */
	bool is_script;
	bool is_apart; /* seems to hold nothing but ApiInstances (config/lua_priv.h) */
	uint8_t sha256[SHA256_BYTES];
};

struct sources {
	struct source *items; /* owned */
	size_t count;
	size_t capacity;
	size_t bytes;    /* of all */
	bool incomplete; /* something could not be read */
};

struct record;

/* With a record, what it holds a part of and what has not changed since is known, and not read.
 * RC_NOT_FOUND: one of the paths does not exist; RC_IO: a folder given cannot be read. Both are
 * told in the diagnostics, as are files that cannot be read. */
MUST_USE enum rc sources_read(struct sources *out, const char *const *paths, size_t path_count,
	const struct record *record, int settled_s, struct diagnostics *diagnostics);
/* The bytes of one that was not read, being known. False: it cannot be read any more, which is told. */
bool source_read(struct source *s, struct diagnostics *diagnostics);
void sources_deinit(struct sources *s);

/* Reads a regular file whole. RC_FULL: more than `bytes_max`; RC_IO: errno; RC_UNSUPPORTED: no
 * regular file. `bytes` is heap memory. */
MUST_USE enum rc file_read(const char *path, size_t bytes_max, char **bytes, size_t *size);
/* What went wrong with it, as one part of a sentence. */
const char *file_read_reason(enum rc rc, size_t bytes_max, char *text, size_t text_size);
