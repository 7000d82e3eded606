/* SPDX-License-Identifier: Apache-2.0 */
/* policy/loader.h - opening plugin files: the only place of dlopen.
 *
 * Opened with RTLD_NOW | RTLD_LOCAL from a path that no other version has (package_store), and
 * never closed: code that a thread may still run must not go. */
#pragma once

#include "policy/registry.h"

/* Opens `path`, finds its one symbol, and registers what it describes under `sha256`. A file that
 * is loaded already is given again. On failure `message` gets one sentence. */
MUST_USE enum rc plugin_load(struct registry *r, const char *path, const uint8_t sha256[32],
	struct plugin **out, char *message, size_t message_size);
