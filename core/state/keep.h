/* SPDX-License-Identifier: Apache-2.0 */
/* state/keep.h - small texts that outlive the process: a file each, in a folder of the state folder.
 *
 * A file is replaced by a rename, holds a digest of all that is in it, and says whose it is and when it was written: what
 * a crash or a disk has torn is as if it were not there. Beyond LIMIT_KEPT_FILES what was written longest ago goes.
 *
 *   magic 8, SHA-256 of what follows 32, microseconds since 1970 8, sizes of owner 2, name 2 and text 4, these three
 *
 * Threads      any; they block.
 */
#pragma once

#include "base/buffer.h"
#include "base/limits.h"

/* With room for the largest file. */
#define KEEP_FILE_BYTES (56 + 2 * 65536 + LIMIT_KEPT_BYTES)

/* RC_NOT_FOUND: there is none, RC_INVALID: it is damaged, or is another's; RC_IO: errno tells. `text` is appended to. */
MUST_USE enum rc keep_read(
	const char *dir, struct str owner, struct str name, struct buffer *text, int64_t *saved_us);
/* The folder is made if need be. RC_IO: what was there stays. RC_FULL: larger than LIMIT_KEPT_BYTES. */
MUST_USE enum rc keep_write(
	const char *dir, struct str owner, struct str name, struct str text, int64_t now_us);
/* RC_NOT_FOUND: there was none. */
MUST_USE enum rc keep_remove(const char *dir, struct str owner, struct str name);

/* The text of a file's bytes, a view; RC_INVALID as above. */
MUST_USE enum rc keep_parse(
	struct str file, struct str owner, struct str name, struct str *text, int64_t *saved_us);
