/* SPDX-License-Identifier: Apache-2.0 */
/* package/tar.h - the few tar files that packs are (POSIX.1-1988, "ustar").
 *
 * Regular files alone, with relative names of [A-Za-z0-9._-] and '/', in the order of their names,
 * owner 0, mode 644 or 755 for names that end in ".so", time 0: the same files are the same bytes.
 * Reading takes nothing else, and trusts no byte.
 */
#pragma once

#include "base/buffer.h"

#define TAR_NAME_BYTES_MAX 100u
#define TAR_FILES_MAX      64u

struct tar_file {
	struct str name;
	struct str bytes;
};

/* `files` are sorted here. RC_INVALID: a name that tar_read would refuse, or one twice;
 * `out->failed` when they are more than it takes. */
MUST_USE enum rc tar_write(struct tar_file *files, size_t count, struct buffer *out, char *message,
	size_t message_size);
/* Views into `tar`, at most TAR_FILES_MAX of them. RC_INVALID with one sentence. */
MUST_USE enum rc tar_read(struct str tar, struct tar_file files[TAR_FILES_MAX], size_t *count,
	char *message, size_t message_size);
