/* SPDX-License-Identifier: Apache-2.0 */
/* sinks/output.h - one file that lines go to.
 *
 * Lines that cannot be written are lost and counted: never waited for. A regular file that was
 * renamed or removed is opened anew by its name. */
#pragma once

#include "base/buffer.h"

#include <sys/types.h>

struct output {
	char *path; /* owned; NULL: the descriptor is somebody else's */
	int fd;
	dev_t device;
	ino_t inode;
	uint64_t lost; /* lines */
};

/* "-" is standard output. RC_IO with errno. */
MUST_USE enum rc output_open(struct output *o, const char *path);
/* Borrows a descriptor. */
void output_borrow(struct output *o, int fd);
void output_close(struct output *o);
/* Writes whole lines, with as few writes as the file takes. */
void output_write(struct output *o, struct str lines);
/* Opens the file anew where the path no longer names it (or `always`). Keeps the old one when the
 * new one cannot be had. */
void output_reopen(struct output *o, bool always);
