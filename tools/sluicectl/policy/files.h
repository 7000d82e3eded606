/* SPDX-License-Identifier: Apache-2.0 */
/* sluicectl/policy/files.h - whole files. False: a message was printed. */
#pragma once

#include "base/buffer.h"

/* `out` is initialised here, and needs buffer_deinit in any case. */
MUST_USE bool whole_file_read(const char *path, size_t bytes_max, struct buffer *out);
/* By a new file that takes the place of one that is there when `force` says so. `mode` as in
 * open(2). */
MUST_USE bool whole_file_write(const char *path, struct str bytes, unsigned mode, bool force);
