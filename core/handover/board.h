/* SPDX-License-Identifier: Apache-2.0 */
/* handover/board.h - what the supervisor tells its gateways: one shared memory that they only read.
 *
 * Which bindings are quarantined, what happened (starts, crashes, exchanges lost), and the keys of
 * TLS sessions. It outlives every gateway, and the supervisor's own replacement.
 *
 * Threads      written by the supervisor alone; a reader sees a whole entry once its key, or the
 *              count, says so.
 */
#pragma once

#include "handover/tickets.h"
#include "handover/trail.h"

#define BOARD_QUARANTINE_MAX 64
/* Beyond so many bindings of one plugin it is the plugin that is at fault. */
#define BOARD_OF_PLUGIN_MAX  8
#define BOARD_CRASHES_MAX    16
#define BOARD_TEXT_BYTES     200

struct board_quarantine {
	_Atomic uint64_t key; /* 0: free */
	int64_t since_wall_us;
	char label[TRAIL_LABEL_BYTES];
	char callback[16];
	uint64_t plugin_key; /* 0: unknown, or it is a plugin's */
	char plugin[TRAIL_LABEL_BYTES];
};

struct board_crash {
	int64_t wall_us;
	int32_t pid;
	int32_t signal;                /* 0: it ended with an exit code */
	uint32_t end;                  /* enum trail_end */
	uint32_t lost;                 /* exchanges */
	char label[TRAIL_LABEL_BYTES]; /* "": no suspect */
	char callback[16];
};

struct board {
	uint64_t magic;
	int32_t supervisor_pid;
	int64_t started_wall_us;
	_Atomic uint32_t quarantined; /* entries in use */
	struct board_quarantine quarantine[BOARD_QUARANTINE_MAX];
	_Atomic uint64_t restarts, crashes, lost, upgrades;
	struct board_crash last[BOARD_CRASHES_MAX]; /* [crashes % MAX] is written next */
	char upgrade_error[BOARD_TEXT_BYTES];       /* of the last upgrade; "": it went well */
	struct ticket_ring tickets;
};

/* A new one, as a descriptor (close-on-exec) and mapped to write; NULL with errno. */
struct board *board_create(int *fd);
/* Maps one that somebody made; NULL when it is none. */
struct board *board_map(int fd, bool to_write);
void board_unmap(const struct board *b);

/* Whether that key is quarantined; 0 never is. */
bool board_holds(const struct board *b, uint64_t key);
/* Whether one of both is. */
bool board_holds_either(const struct board *b, uint64_t key, uint64_t other);

/* --- the supervisor -------------------------------------------------------------------------- */
/* What was put into quarantine: the binding; its plugin as a whole, instead of one binding too many
 * of it; or nothing, for want of room. */
enum board_held { BOARD_HOLDS_BINDING, BOARD_HOLDS_PLUGIN, BOARD_IS_FULL };
/* One that is there stays. */
enum board_held board_quarantine_add(
	struct board *b, const struct trail_suspect *suspect, int64_t wall_us);
/* The suspect's plugin as a whole, in the place of what there is of it. false: no room. */
bool board_quarantine_plugin(struct board *b, const struct trail_suspect *suspect, int64_t wall_us);
/* Makes room: the plugin with the most bindings, two at least, goes into quarantine in their place.
 * Its label (board's), or NULL: there is none. */
const char *board_quarantine_merge(struct board *b, int64_t wall_us);
/* Lifts every entry of that label; how many. */
size_t board_quarantine_lift(struct board *b, struct str label);
void board_crash_add(struct board *b, const struct board_crash *crash);
