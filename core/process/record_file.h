/* SPDX-License-Identifier: Apache-2.0 */
/* process/record_file.h - where the compiler leaves what the next composition can build on.
 *
 * A file of the state folder that only the compiler reads and writes: it is opened here, written under
 * another name, and takes its place once the compiler is done. What is in it is the compiler's affair,
 * and so is whether it is of any use: without it everything is composed anew.
 *
 * Threads      the main thread. */
#pragma once

#include <stdbool.h>

struct record_file {
	char *path;  /* owned; NULL: there are no records */
	char *fresh; /* owned: the name under which one is written */
	int in;      /* -1: none */
	int out;     /* -1: none */
};

/* `state_dir` NULL: there are no records. */
void record_file_init(struct record_file *f, const char *state_dir);
void record_file_deinit(struct record_file *f);
/* Opens both for a composition; each may fail, and then is -1. Above `lowest`, close-on-exec. */
void record_file_open(struct record_file *f, int lowest);
/* `is_good`: the compiler ended well. A file that holds nothing takes no place. */
void record_file_close(struct record_file *f, bool is_good);
