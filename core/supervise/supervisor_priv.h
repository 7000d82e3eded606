/* SPDX-License-Identifier: Apache-2.0 */
/* supervise/supervisor_priv.h - what the files of the supervisor share.
 *
 *   supervisor.c  its loop: signals, time, the end
 *   seats.c       gateway processes: starting, hearing, burying
 *   succession.c  who serves next: after a crash, and in an upgrade
 *   upgrade.c     executing the program anew, with everything that it holds
 *
 *   WARMING -> WARM -> ACTIVE -> DRAINING -> gone
 *
 * A gateway starts as ACTIVE when nobody serves, or else warms up; one that has warmed up is told
 * to accept (it is `is_activating` until it says that it does).
 *
 * Invariants   S1  at most one seat is ACTIVE, and at most one other is activating, in an upgrade.
 *              S2  at most one other warms or is warm: the standby, or an upgrade's successor.
 *              S3  a DRAINING gateway is left alone until it ends, or is late.
 *              S4  whoever has started, or was told to accept or to end, has said what it serves,
 * or done so, by its deadline, or is killed.
 *              S5  nobody is started for an upgrade or to stand by while GATEWAYS_MAX live.
 */
#pragma once

#include "handover/board.h"
#include "supervise/crashes.h"
#include "supervise/groups.h"
#include "supervise/options.h"

#include <sys/types.h>

/* The one that serves, the one that follows, and one that drains. */
#define GATEWAYS_MAX 3
/* More than GATEWAYS_MAX, for those that follow gateways that die while others drain. */
#define SEATS_MAX 9
/* A successor that does not serve by then has failed. */
#define SUCCESSOR_MS 60000
/* What a gateway may take to accept connections once it is told to. */
#define ACTIVATION_MS 30000
/* What it may take beyond its drain to end. */
#define STOP_GRACE_MS 10000

enum seat_state { SEAT_FREE, SEAT_WARMING, SEAT_WARM, SEAT_ACTIVE, SEAT_DRAINING };

struct seat {
	enum seat_state state;
	bool is_activating;
	bool is_successor; /* of an upgrade */
	bool has_served;
	pid_t pid;
	int socket;   /* -1: it has hung up */
	int trail_fd; /* owned */
	struct trail *trail;
	struct wire_serving serving; /* what it said last */
	uint64_t avoids;             /* the first plan that its orders name */
	int64_t started_ms;
	int64_t deadline_ms; /* of its start, and of what it was told to do; 0: nothing */
};

struct supervisor {
	struct supervise_options options;
	int argc;
	char **argv;           /* of the gateway: all words of `run` */
	char *program;         /* owned: this one's path */
	char *gateway_program; /* owned */
	struct board *board;
	int board_fd;
	int lock_fd; /* holds the state folder */
	int signal_fd;
	struct seat seats[SEATS_MAX];
	struct groups groups;
	struct crash_log crashes;
	struct trail_orders orders; /* of the next gateway: what to avoid, the newest first */
	uint64_t resume_plan;       /* likewise */
	bool has_served;            /* some gateway, ever */
	bool is_stopping;
	bool is_upgrading;
	bool upgrade_is_due; /* as soon as somebody serves, and there is room */
	bool upgrade_waits;  /* for room, and said so */
	int exit_code;
	int64_t restart_at_ms; /* not before */
	int64_t standby_at_ms; /* not before */
	int64_t upgrade_until_ms;
	unsigned quick_deaths; /* in a row */
	int64_t watchdog_ms;   /* of systemd; 0: none */
	int64_t watchdog_at_ms;
};

int64_t supervisor_now_ms(void);
int64_t supervisor_wall_us(void);

/* --- seats.c --- */
/* NULL: it could not be started, and said why. */
struct seat *seat_start(struct supervisor *s, enum trail_role role);
void seat_hear(struct supervisor *s, struct seat *seat);
void seat_signal(const struct seat *seat, int number);
bool seat_tell(const struct seat *seat, enum wire_kind kind);
/* Frees what is left of one that has ended. */
void seat_clear(struct seat *seat);
/* Tells it to end. */
void seat_end(const struct supervisor *s, struct seat *seat);
/* The one that accepts, else the one that is about to. */
struct seat *seat_active(struct supervisor *s);
/* Warming or warm. */
struct seat *seat_waiting(struct supervisor *s);
unsigned seats_alive(const struct supervisor *s);

/* --- succession.c --- */
/* What the gateways said and did makes these due. */
void succession_served(struct supervisor *s, struct seat *seat);
void succession_refused(struct supervisor *s, struct seat *seat, const char *why);
void succession_took_over(struct supervisor *s, struct seat *seat);
void succession_ended(struct supervisor *s, struct seat *seat, int status);
/* Starts what should run; again after everything that happens. */
void succession_settle(struct supervisor *s);
/* When it wants to be asked again; INT64_MAX: not by the clock. */
int64_t succession_next_ms(const struct supervisor *s);

/* --- upgrade.c --- */
/* Executes the program anew; returns only when that failed, and said why. */
void upgrade_execute(struct supervisor *s);
/* In the new one: takes over what the former held. false: there is nothing to take over. */
bool upgrade_resume(struct supervisor *s);
/* Whether this program can take over from one of that form; for the one that asks before. */
bool upgrade_is_possible(const char *form);
void upgrade_failed(struct supervisor *s, const char *why);
