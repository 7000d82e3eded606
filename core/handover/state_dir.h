/* SPDX-License-Identifier: Apache-2.0 */
/* handover/state_dir.h - the folder of sockets and of the plugin store. */
#pragma once

/* `given`, or where it stands by default: /var/lib/sluice for root, else ~/.local/state/sluice.
 * Heap. */
char *state_dir_name(const char *given);
/* Makes it (and what is above it) with mode 0700. 0, or -1 with errno; ENOTDIR, EACCES, and EPERM
 * when others could write to it. */
int state_dir_make(const char *path);
