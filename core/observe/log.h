/* SPDX-License-Identifier: Apache-2.0 */
/* observe/log.h - the runtime log: what the gateway and its policies have to say.
 *
 * One JSON object a line: {"time":...,"level":"warn","message":...,<fields>}. Any thread may write;
 * a line waits in a bounded queue until the sink takes it; beyond that lines are dropped and counted.
 * Until log_start_queue (and in tools) lines go to standard error at once; one that it does not take
 * within a tenth of a second is dropped, too.
 *
 * Threads      any; one lock, held for the copy of a line. Nothing on the request path logs at the
 *              default level.
 */
#pragma once

#include "base/buffer.h"

enum log_level { LOG_DEBUG, LOG_INFO, LOG_WARN, LOG_ERROR };

/* "debug", "info", "warn", "error"; RC_INVALID. */
MUST_USE enum rc log_level_parse(struct str name, enum log_level *level);
const char *log_level_name(enum log_level level);
void log_set_level(enum log_level level);
bool log_is_on(enum log_level level);

struct log_field {
	const char *name;  /* plain ASCII */
	struct str value;  /* escaped here; empty: left out */
};

void log_write(enum log_level level, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* A message from elsewhere, with fields. */
void log_write_fields(
	enum log_level level, struct str message, const struct log_field *fields, size_t count);

/* From now on lines queue, at most bytes_max; `notify` (may be NULL) is called on the writer's thread
 * when the queue stops being empty. log_stop_queue writes what is left to standard error. */
void log_start_queue(size_t bytes_max, void (*notify)(void *arg), void *arg);
void log_stop_queue(void);
/* Moves the queued lines to `out`; how many. */
size_t log_take(struct buffer *out);
uint64_t log_dropped(void);
