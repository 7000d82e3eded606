/* SPDX-License-Identifier: Apache-2.0 */
/* loop/file_watch.h - tells when anything below a folder changes.
 *
 * inotify on every directory below the root, followed as directories come and go; renames,
 * deletions and symlink swaps (Kubernetes' ..data) included. Where inotify is blind (network
 * mounts, too many watches) a poll of names, sizes, inodes and mtimes stands in, and always runs
 * beside it every FILE_WATCH_POLL_MS.
 *
 * The callback comes on the loop's thread once the folder has been quiet for `quiet_ms`, or after
 * ten times that under a steady stream of changes. */
#pragma once

#include "loop/loop.h"

#define FILE_WATCH_POLL_MS 2000

struct file_watch;
typedef void file_watch_fn(void *arg);

/* NULL with errno when the folder cannot be read. */
struct file_watch *file_watch_new(struct loop *loop, const char *folder, int quiet_ms,
	file_watch_fn *fn, void *arg);
/* Also from within the callback. */
void file_watch_free(struct file_watch *f);
