/* SPDX-License-Identifier: Apache-2.0 */
/* state/cache_file.h - an entry of a store as a file: lengths, times of day, a digest over all of it, the
 * entry's bytes.
 *
 * Files are of this machine: numbers stand as its processor has them. Times are those of the clock on
 * the wall, since the one that does not jump begins anew with the machine.
 *
 * Threads      any; they block. */
#pragma once

#include "state/cache.h"

/* 64 digits and a NUL. */
#define CACHE_FILE_NAME_BYTES 65
void cache_file_name(struct str key, char out[CACHE_FILE_NAME_BYTES]);

/* Into the folder `dir`, in the place of what has that name, whole or not at all. False with errno. */
MUST_USE bool cache_file_write(int dir, const struct cache_entry *e);
/* The name of one that is not in its place yet. */
bool cache_file_is_fresh(const char *name);
/* RC_OK: an entry with a reference. RC_INVALID: it is not whole, not what the name says, or of a time to
 * come. RC_IO. */
MUST_USE enum rc cache_file_read(int dir, const char *name, struct cache_entry **e);
