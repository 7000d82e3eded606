/* SPDX-License-Identifier: Apache-2.0 */
/* process/gateway_priv.h - what the files of `sluice run` share.
 *
 *   gateway.c   start, signals, draining, the end
 *   reload.c    folder -> composer -> activation, and what came of it
 *   retry.c     reading the folder again after what may pass
 *   last_good.c what of it is kept on disk, and served when the folder gives nothing
 *   log_choice.c the log's level, as configured or as asked at run time
 *   report.c    the answers of the admin socket
 *   dump.c      the plan that serves, without its secrets
 *   trace_session.c  requests that somebody follows
 *   pulse.c     once a second: are the workers alive, what do they carry
 *   give_back.c freed memory goes back to the system
 *
 * Threads      the main thread; workers are spoken to by posts. */
#pragma once

#include "admin/admin.h"
#include "base/diagnostics.h"
#include "loop/file_list.h"
#include "loop/file_watch.h"
#include "observe/metrics.h"
#include "process/activation.h"
#include "process/composer.h"
#include "process/gateway.h"
#include "process/last_good.h"
#include "process/log_choice.h"
#include "process/options.h"
#include "process/overload.h"
#include "process/plan_file.h"
#include "process/pulse.h"
#include "process/retry.h"
#include "process/stale_series.h"
#include "process/supervision.h"
#include "process/trace_session.h"
#include "process/plugin_watch.h"
#include "process/watchdog.h"
#include "sinks/sinks.h"

enum gateway_state { GATEWAY_STARTING, GATEWAY_SERVING, GATEWAY_DRAINING, GATEWAY_STOPPING };

/* How the folder fared when it was last read. */
struct reload_outcome {
	int64_t wall_us;       /* 0: not yet */
	int64_t began_wall_us; /* the folder was read from then on */
	bool is_accepted;
	char *error; /* owned: why there is no plan; NULL */
};

struct gateway {
	const struct run_options *options;
	enum gateway_state state;
	struct loop *loop;
	int64_t started_wall_us;

	char *state_dir;          /* owned */
	char *admin_path;         /* owned */
	const char **plugin_dirs; /* owned array of borrowed names */
	size_t plugin_dir_count;
	char *default_plugin_dir; /* owned */

	struct supervision *supervision;
	unsigned accepting_due; /* workers that have yet to accept, when activated */

	struct log_choice log_choice;
	struct metrics *metrics;
	struct service_book *services;
	struct stale_series stale_series;
	struct record_ring **rings; /* owned; NULL: no access log */
	struct sinks *sinks;
	struct registry *registry;
	struct ports ports;
	struct worker_thread **threads;
	unsigned workers;
	unsigned workers_running;
	struct activation *activation;
	struct give_back give_back;
	struct pulse *pulse;
	struct watchdog *watchdog;
	struct overload *overload;
	struct trace_session *trace; /* NULL: nobody follows requests */
	struct stream_group *admin_group;
	struct admin *admin;
	bool is_admin_open; /* the socket is ours */

	int signal_fd;
	struct watch signals;
	struct timer drain_timer; /* the end of patience */
	struct timer idle_timer;  /* looks whether all is drained */

	struct composer_options composer_options;
	struct composer *composer;
	struct file_watch *watch;
	struct file_list *includes;           /* files that the newest plan refers to */
	int64_t reading_wall_us;              /* when the composition under way was begun */
	struct plugin_watch **plugin_watches; /* owned; of each folder, NULL where none can be */
	struct last_good *last_good;
	struct offer pending;           /* came while an activation ran */
	struct offer activating;        /* its plan is the activation's */
	struct plan_file *current_file; /* owned: of the plan that serves; or NULL */
	bool is_strict;                 /* what was activated last wants no errors */
	bool has_given_up;
	bool serves_saved;  /* what serves comes from the last good plans, not from the folder */
	bool serves_closed; /* nothing serves: every API answers 503, as the saved plan wants it */
	const char *fallback_why;     /* while one of both: why */
	struct plan_store_info saved; /* then: which */
	struct timer prove_timer;     /* until what serves has proved itself */
	struct retry retry;
	struct address probes[ADMIN_TCP_MAX]; /* where the newest plan wants them */
	size_t probe_count;
	struct reload_outcome outcome;
	struct diagnostics problems;    /* of the last reading */
	struct metric_cell *reloads[2]; /* refused, accepted */
};

/* --- reload.c --- */
MUST_USE bool reload_start(struct gateway *g);
/* Reads the folder (again). */
void reload_now(struct gateway *g);
void reload_stop(struct gateway *g);
/* Opens, moves or closes the probe listener as the newest plan says. */
void reload_open_probe(struct gateway *g);

/* --- report.c --- */
extern const struct admin_source gateway_reports;

/* --- report_supervision.c --- */
/* `,"supervisor":{...}`. */
void report_supervision(const struct gateway *g, struct buffer *b);
void report_lift(void *owner, struct admin_answer *a);
void report_supervision_metrics(const struct gateway *g, struct buffer *b);

/* --- report_caches.c --- */
void report_caches(void *owner, struct admin_answer *a);
void report_purge(void *owner, struct admin_answer *a);

/* --- gateway.c --- */
const char *gateway_state_name(enum gateway_state s);
/* An activation has ended: a stop may have waited for it. */
void gateway_settled(struct gateway *g);
/* Ends a gateway (arg) that has nothing to serve and was told to serve nothing less; exit code 1. */
void gateway_give_up(void *arg);

/* --- dump.c --- */
/* JSON of a plan; every secret is "<redacted>". */
void dump_plan(const struct plan_node *root, struct buffer *out);
