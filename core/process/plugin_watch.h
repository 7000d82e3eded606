/* SPDX-License-Identifier: Apache-2.0 */
/* process/plugin_watch.h - tells when a plugin of a folder comes, goes, or becomes another.
 *
 * The rest of such a folder, which may be one that a compiler works in, is nobody's business. A
 * plugin is bigger than a document and may come over a slow way, so the folder has to be quiet for
 * longer than that of the configuration.
 *
 * Threads      the loop's.
 */
#pragma once

#include "loop/file_watch.h"

struct plugin_watch;

/* `folder` is borrowed. NULL with errno when it cannot be read. */
struct plugin_watch *plugin_watch_new(
	struct loop *loop, const char *folder, file_watch_fn *fn, void *arg);
void plugin_watch_free(struct plugin_watch *w);
