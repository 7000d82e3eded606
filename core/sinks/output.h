/* SPDX-License-Identifier: Apache-2.0 */
/* sinks/output.h - one file that lines go to.
 *
 * Lines that cannot be written are lost and counted. A file that was renamed or removed is opened
 * anew by its name. What is no regular file (a pipe, a terminal) is waited for, but not for ever.
 *
 * Invariants   O1  a line stands whole in the file, or, when the disk filled up inside of it, cut,
 * and the next one begins on a line of its own. */
#pragma once

#include "base/buffer.h"

#include <sys/types.h>

struct output {
	char *path; /* owned; NULL: the descriptor is somebody else's */
	int fd;
	dev_t device;
	ino_t inode;
	bool is_regular;
	bool is_cut;   /* the last write ended inside of a line */
	uint64_t lost; /* lines */
};

/* "-" is standard output. RC_IO with errno. */
MUST_USE enum rc output_open(struct output *o, const char *path);
/* The same, and without the file for now: what is written is lost, until output_reopen finds it
 * and the sandbox lets it be opened. */
void output_await(struct output *o, const char *path);
/* Borrows a descriptor. */
void output_borrow(struct output *o, int fd);
void output_close(struct output *o);
/* Writes whole lines, with as few writes as the file takes. */
void output_write(struct output *o, struct str lines);
/* Opens the file anew where the path no longer names it (or `always`). Keeps the old one when the
 * new one cannot be had. */
void output_reopen(struct output *o, bool always);
