/* SPDX-License-Identifier: Apache-2.0 */
/* package/package_priv.h - what reading and storing share. */
#pragma once

#include "package/package.h"

struct package_message {
	char *text; /* borrowed from the caller */
	size_t size;
};

/* Writes the sentence and returns rc. */
enum rc package_fail(struct package_message m, enum rc rc, const char *format, ...)
	__attribute__((format(printf, 3, 4)));
/* All bytes of a regular file of at most PACKAGE_FILE_BYTES_MAX; `flags` are more of open(2). `out`
 * is initialised here, and the caller's to deinit after RC_OK alone. */
MUST_USE enum rc package_read_bytes(
	const char *path, int flags, struct buffer *out, struct package_message m);
