/* SPDX-License-Identifier: Apache-2.0 */
/* base/file.h - what the calls on descriptors leave to be done.
 *
 * Threads      any. They may block. */
#pragma once

#include "base/str.h"

#include <stdbool.h>

/* All of it, in as many calls as it takes. False with errno: part of it may be written. */
bool file_write_all(int fd, struct str bytes);
/* The same of many, in their order. */
bool file_write_pieces(int fd, const struct str *pieces, size_t count);
/* Makes the names in a folder lasting: after a rename, or a new file. False with errno. */
bool file_sync_folder(const char *path);
