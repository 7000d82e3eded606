/* SPDX-License-Identifier: Apache-2.0 */
/* sinks/sinks.h - the thread that writes what others have to tell: access records and the runtime
 * log.
 *
 * It drains the workers' record rings every SINKS_TICK_MS, the log's queue as soon as a line stands
 * in it, and writes each batch with as few writes as it can. Without an access log an idle gateway
 * does not wake it. A file that cannot be written (disk full) loses lines, counts them, and is
 * tried again; a file that was renamed or removed is reopened (looked at once a second);
 * sinks_reopen does it at once.
 *
 * Threads      one of its own. All calls: the main thread.
 */
#pragma once

#include "observe/log.h"
#include "observe/record.h"

/* A worker that writes 40,000 records of 400 bytes a second fills a ring of 1 MiB in 65 ms; a
 * longer tick when idle would lose records of the burst that ends it. */
#define SINKS_TICK_MS 50

struct sinks;

struct sinks_options {
	const char *access_log; /* NULL: off; "-": standard output; else appended to, mode 0640 */
	struct record_ring *const *rings; /* one per worker; borrowed until sinks_free */
	size_t ring_count;
	int log_fd; /* where the runtime log goes: 2; borrowed */
	const char
		*log_file;   /* there instead; opened, looked at and reopened like the access log */
	bool serves_without; /* files that cannot be opened are told, and tried again */
};

/* RC_IO with errno when a file cannot be opened that has to be, whose name *failed is then. Starts
 * the thread and takes over the log's queue. */
MUST_USE enum rc sinks_new(
	const struct sinks_options *options, struct sinks **out, const char **failed);
/* Writes what is left and ends the thread; what is logged from then on goes to standard error. */
void sinks_free(struct sinks *s);
void sinks_reopen(struct sinks *s);
/* Lines that could not be written, and records that found no room in their ring; log_dropped has
 * the lines that found none in the log's queue. Any thread. */
uint64_t sinks_lost(const struct sinks *s);
