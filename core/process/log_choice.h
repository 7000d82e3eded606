/* SPDX-License-Identifier: Apache-2.0 */
/* process/log_choice.h - which level the log has: what was asked at run time, else the configured
 * one.
 *
 * The configured level is that of the command line, else the plan's. A level asked at run time
 * stands above both until it is taken back or its time is over, through reloads too; it ends with
 * the process.
 *
 * Invariants   L1  the level of observe/log is always log_choice_level.
 * Threads      the main thread. */
#pragma once

#include "base/buffer.h"
#include "loop/loop.h"
#include "observe/log.h"

/* A day: what is asked for longer belongs into the configuration. */
#define LOG_CHOICE_SECONDS_MAX 86400

struct log_choice {
	struct loop *loop; /* borrowed */
	bool is_pinned;    /* by the command line: the plan has no say */
	enum log_level configured;
	bool is_asked;
	enum log_level asked;
	int64_t until_ms; /* of the loop's clock; 0: no end */
	int64_t until_wall_us;
	struct timer timer; /* looks whether the end has come */
};

/* `option`: of the command line, or NULL. */
void log_choice_init(struct log_choice *c, struct loop *loop, const char *option);
void log_choice_stop(struct log_choice *c);
/* The plan's level. */
void log_choice_configure(struct log_choice *c, enum log_level level);
/* seconds 0: no end; at most LOG_CHOICE_SECONDS_MAX. Replaces what was asked before. */
void log_choice_ask(struct log_choice *c, enum log_level level, unsigned seconds);
/* Back to the configured one. */
void log_choice_take_back(struct log_choice *c);
enum log_level log_choice_level(const struct log_choice *c);
/* `"level":"debug","configured":"info","until":"..."`. */
void log_choice_print(const struct log_choice *c, struct buffer *out);

/* "level=debug&seconds=300" of a request's query; the level "configured" takes back. RC_INVALID
 * with one sentence. */
MUST_USE enum rc log_choice_obey(struct log_choice *c, struct str query, const char **why);
