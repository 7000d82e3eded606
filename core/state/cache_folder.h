/* SPDX-License-Identifier: Apache-2.0 */
/* state/cache_folder.h - a copy of a store's entries on disk, a file for each, which outlasts the process.
 *
 *   open -> what is there comes back into the store -> what comes into it is written, what goes is deleted
 *
 * One thread does this for all folders, in order of coming; nobody waits for it but the last close.
 * Processes that follow each other may have the same folder: a file is put in place whole, under the
 * name that its key gives it.
 *
 * Invariants   D1  what is not whole, or not what its name says, is deleted, never believed.
 *              D2  where an entry cannot be written no older one of its key stays.
 *              D3  at most CACHE_FOLDER_PENDING_BYTES wait to be written, and CACHE_FOLDER_PENDING_MAX
 *                  files to be changed: what is beyond the first is not kept, beyond the second the
 *                  folder is emptied.
 *              D4  an entry whose age cannot be told, since the clock stands before its time, is not
 *                  restored.
 * Ownership    whoever opened it; the store outlasts the close.
 * Threads      main. */
#pragma once

#include "state/cache.h"

#define CACHE_FOLDER_PENDING_BYTES (32ull << 20)
#define CACHE_FOLDER_PENDING_MAX   65536u

struct cache_folder;

/* The mirror of `c` from here on. Each name has a folder of its own in `dir`, both made when needed. */
struct cache_folder *cache_folder_open(const char *dir, struct str name, struct cache *c);
/* `stays`: the files; else they go. Closing the last one waits until all of it is done. */
void cache_folder_close(struct cache_folder *f, bool stays);
/* Deletes in `dir` what is no open folder's: of names that nobody has any more. */
void cache_folders_sweep(const char *dir);
