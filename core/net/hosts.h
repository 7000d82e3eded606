/* SPDX-License-Identifier: Apache-2.0 */
/* net/hosts.h - the hosts file: names that need no name server.
 *
 * Read whole, at most HOSTS_BYTES_MAX of it, and again when the file has changed; that is looked
 * at once every HOSTS_CHECK_MS. A file that cannot be read is an empty one. */
#pragma once

#include "net/address.h"

#define HOSTS_CHECK_MS  5000
#define HOSTS_BYTES_MAX (1u << 20)

struct hosts;
struct hosts *hosts_new(const char *path);
void hosts_free(struct hosts *h);

/* The addresses (ports 0) of all lines with that name, in their order, at most `max`; 0: none.
 * `name` is in lower case. */
size_t hosts_find(
	struct hosts *h, int64_t now_ms, struct str name, struct address *out, size_t max);
