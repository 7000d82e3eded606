/* SPDX-License-Identifier: Apache-2.0 */
/* Starting, draining and stopping a gateway.
 *
 *   STARTING -> SERVING -> DRAINING -> STOPPING -> exit
 *
 * SIGTERM or SIGINT drains: no new connection, `Connection: close` on every answer, idle
 * connections may send one more request; after --drain-seconds, or at a second signal, what is left
 * is ended. So does the end of the supervisor. SIGHUP reads the folder again; SIGUSR1 reopens the
 * logs.
 *
 * A gateway that stands by is started like any other, but accepts nothing and leaves the admin
 * socket alone until its supervisor activates it. */
#include "process/gateway_priv.h"

#include "base/exit_code.h"
#include "base/memory.h"
#include "handover/state_dir.h"
#include "policy/breadcrumb.h"
#include "policy/quarantine.h"
#include "process/confine.h"
#include "process/crash.h"
#include "services/caches.h"
#include "services/job_pool.h"
#include "services/services.h"

#include <errno.h>
#include <malloc.h>
#include <signal.h>
#include <stdio.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <unistd.h>

#define IDLE_LOOK_MS 20
/* Fewer descriptors than this leave no room for a busy day. */
#define DESCRIPTORS_WANTED 4096
#define RECORD_RING_BYTES  (1u << 20)
#define LOG_QUEUE_BYTES    (4u << 20)

static const char *const state_names[] = {"starting", "serving", "draining", "stopping"};

const char *gateway_state_name(enum gateway_state s)
{
	return state_names[s];
}

/* Threads or descriptors may be there later: the supervisor tries again. Nothing is served yet, so
 * there is nothing to end but the log. */
static _Noreturn void lack(struct gateway *g, const char *what)
{
	log_write(LOG_ERROR, "cannot start %s: %s", what, strerror(errno));
	if (g->sinks)
		sinks_free(g->sinks);
	_exit(EXIT_LACKS);
}

/* --- ending ---------------------------------------------------------------------------------- */
static void on_worker_stopped(void *arg)
{
	struct worker_thread *t = arg;
	struct gateway *g = t->owner;
	worker_thread_join(t);
	if (--g->workers_running == 0)
		loop_stop(g->loop);
}

static void stop_workers(struct gateway *g)
{
	if (g->state == GATEWAY_STOPPING || activation_is_busy(g->activation))
		return;
	g->state = GATEWAY_STOPPING;
	timer_stop(&g->drain_timer);
	timer_stop(&g->idle_timer);
	pulse_stop(g->pulse);
	give_back_stop(&g->give_back);
	watchdog_stop(g->watchdog);
	overload_stop(g->overload);
	trace_session_stop(g->trace);
	activation_close(g->activation);
	for (unsigned i = 0; i < g->workers; i++)
		worker_thread_stop(g->threads[i]);
}

static bool is_late(const struct gateway *g)
{
	return g->state == GATEWAY_DRAINING && !timer_is_running(&g->drain_timer);
}

void gateway_settled(struct gateway *g)
{
	if (is_late(g))
		stop_workers(g);
}

static void on_drain_timer(struct timer *t)
{
	struct gateway *g = CONTAINER_OF(t, struct gateway, drain_timer);
	log_write(LOG_WARN, "not all connections ended within %u s: they are closed",
		g->options->drain_seconds);
	stop_workers(g);
}

static void drain_on_worker(void *arg)
{
	struct worker_thread *t = arg;
	proxy_worker_drain(&t->proxy);
	atomic_store(&t->has_drained, true);
}

static bool has_drained(const struct gateway *g)
{
	for (unsigned i = 0; i < g->workers; i++)
		if (!atomic_load(&g->threads[i]->has_drained))
			return false;
	return true;
}

/* The sockets are closed as soon as no worker accepts on them, so that a balancer is refused at
 * once and asks elsewhere. */
static void on_idle_timer(struct timer *t)
{
	struct gateway *g = CONTAINER_OF(t, struct gateway, idle_timer);
	if (has_drained(g) && !activation_is_busy(g->activation)) {
		ports_close_all(&g->ports);
		bool is_idle = true;
		for (unsigned i = 0; i < g->workers; i++)
			is_idle &= atomic_load(&g->threads[i]->is_idle);
		if (is_idle) {
			stop_workers(g);
			return;
		}
	}
	timer_start(g->loop, t, IDLE_LOOK_MS);
}

static void drain(struct gateway *g)
{
	if (g->state >= GATEWAY_DRAINING) {
		timer_stop(&g->drain_timer);
		stop_workers(g);
		return;
	}
	log_write(LOG_INFO, "draining");
	g->state = GATEWAY_DRAINING;
	services_caches_end(); /* what goes from now on is let go of, not given up */
	reload_stop(g);
	for (unsigned i = 0; i < g->workers; i++)
		worker_thread_post(g->threads[i], drain_on_worker, g->threads[i]);
	timer_start(g->loop, &g->drain_timer, (int)g->options->drain_seconds * 1000);
	timer_start(g->loop, &g->idle_timer, IDLE_LOOK_MS);
}

void gateway_give_up(void *arg)
{
	struct gateway *g = arg;
	if (g->state != GATEWAY_STARTING || activation_current(g->activation))
		return;
	log_write(LOG_ERROR, "strict: nothing is served with errors, and nothing else is there");
	g->has_given_up = true;
	drain(g);
}

/* --- signals --------------------------------------------------------------------------------- */
static void on_signal(struct watch *w, int ready)
{
	struct gateway *g = CONTAINER_OF(w, struct gateway, signals);
	struct signalfd_siginfo info;
	while (read(g->signal_fd, &info, sizeof(info)) == sizeof(info)) {
		switch (info.ssi_signo) {
		case SIGHUP:
			reload_now(g);
			break;
		case SIGUSR1:
			sinks_reopen(g->sinks);
			break;
		case SIGUSR2:
			log_write(LOG_WARN, "SIGUSR2 is for the supervisor, which upgrades: "
					    "nothing is done");
			break;
		default:
			drain(g);
		}
	}
}

/* Before any thread is made, so that all of them have these blocked. */
static void take_signals(struct gateway *g)
{
	sigset_t set;
	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGHUP);
	sigaddset(&set, SIGUSR1);
	sigaddset(&set, SIGUSR2);
	sigprocmask(SIG_BLOCK, &set, NULL);
	signal(SIGPIPE, SIG_IGN);
	signal(SIGXFSZ, SIG_IGN); /* a file that may not grow is an error of its write */
	g->signal_fd = signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC);
	if (g->signal_fd < 0 || !watch_start_level(&g->signals, g->loop, g->signal_fd, on_signal))
		lack(g, "the gateway, which could not hear signals");
}

/* --- starting -------------------------------------------------------------------------------- */
static bool refuse(const char *what, const char *name)
{
	fprintf(stderr, "sluice run: %s %s: %s\n", what, name, strerror(errno));
	return false;
}

static void raise_descriptors(void)
{
	struct rlimit limit;
	if (getrlimit(RLIMIT_NOFILE, &limit) != 0)
		return;
	limit.rlim_cur = limit.rlim_max;
	if (setrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur < DESCRIPTORS_WANTED)
		log_write(LOG_WARN,
			"only %llu files may be open, each connection is one: raise `ulimit -n` to "
			"at least %d",
			(unsigned long long)limit.rlim_cur, DESCRIPTORS_WANTED);
}

static unsigned descriptors_max(void)
{
	struct rlimit limit;
	CHECK(getrlimit(RLIMIT_NOFILE, &limit) == 0);
	return limit.rlim_cur < UINT32_MAX / 2 ? (unsigned)limit.rlim_cur : UINT32_MAX / 2;
}

static bool check_config_dir(const char *dir)
{
	struct stat st;
	if (stat(dir, &st) != 0)
		return refuse("cannot read", dir);
	errno = ENOTDIR;
	return S_ISDIR(st.st_mode) || refuse("cannot read", dir);
}

static bool make_state_dir(struct gateway *g)
{
	g->state_dir = state_dir_name(g->options->state_dir);
	g->admin_path = heap_printf("%s/admin.sock", g->state_dir);
	if (!confine_identity(g->options, g->state_dir))
		return false;
	return state_dir_make(g->state_dir) == 0 ||
	       refuse("cannot use the state folder", g->state_dir);
}

static void choose_plugin_dirs(struct gateway *g)
{
	g->plugin_dirs = heap_zalloc((OPTION_PATHS_MAX + 1) * sizeof(char *));
	for (; g->plugin_dir_count < g->options->plugin_dir_count; g->plugin_dir_count++)
		g->plugin_dirs[g->plugin_dir_count] = g->options->plugin_dirs[g->plugin_dir_count];
	if (g->plugin_dir_count > 0)
		return;
	g->default_plugin_dir = heap_printf("%s/../lib/sluice/plugins", g->options->program_dir);
	g->plugin_dirs[g->plugin_dir_count++] = g->default_plugin_dir;
}

/* Another one served before: what is wrong by now with logs or the admin socket is no reason not
 * to. */
static bool follows(const struct gateway *g)
{
	return supervision_trail(g->supervision)->orders.resume_plan != 0;
}

static bool start_sinks(struct gateway *g)
{
	const char *access_log = g->options->access_log;
	if (strcmp(access_log, "off") == 0)
		access_log = NULL;
	if (access_log) {
		g->rings = heap_zalloc(g->workers * sizeof(struct record_ring *));
		for (unsigned i = 0; i < g->workers; i++)
			g->rings[i] = record_ring_new(RECORD_RING_BYTES);
	}
	struct sinks_options options = {
		.access_log = access_log,
		.rings = g->rings,
		.ring_count = g->rings ? g->workers : 0,
		.log_fd = STDERR_FILENO,
		.log_file = g->options->log_file,
		.serves_without = follows(g),
	};
	const char *failed;
	return sinks_new(&options, &g->sinks, &failed) == RC_OK || refuse("cannot write", failed);
}

static void on_api_retired(void *owner, unsigned worker, struct api *api)
{
	struct gateway *g = owner;
	activation_api_retired(g->activation, worker, api);
}

static void on_worker_ending(void *owner, unsigned worker)
{
	struct gateway *g = owner;
	activation_stop_worker(g->activation, worker);
}

static const struct proxy_worker_events worker_events = {.api_retired = on_api_retired};

static void start_workers(struct gateway *g)
{
	static const struct resolver_options resolver;
	g->threads = heap_zalloc(g->workers * sizeof(struct worker_thread *));
	for (unsigned i = 0; i < g->workers; i++) {
		struct worker_options options = {
			.index = i,
			.main_loop = g->loop,
			.trail = supervision_trail(g->supervision),
			.stands_by = supervision_stands_by(g->supervision),
			.records = g->rings ? g->rings[i] : NULL,
			.resolver = &resolver,
			.admission = overload_admission(g->overload),
			.events = &worker_events,
			.owner = g,
			.ending = on_worker_ending,
			.stopped = on_worker_stopped,
		};
		g->threads[i] = worker_thread_start(&options);
		if (!g->threads[i])
			lack(g, "a worker");
		g->workers_running++;
	}
}

/* Two gateways of one supervisor follow each other; two of two are a mistake. */
static bool open_admin(struct gateway *g)
{
	bool is_ours = supervision_board(g->supervision) != NULL;
	enum rc rc = is_ours ? admin_take_unix(g->admin, g->admin_path)
			     : admin_listen_unix(g->admin, g->admin_path);
	if (rc == RC_EXISTS)
		errno = EADDRINUSE;
	g->is_admin_open = rc == RC_OK;
	return g->is_admin_open || refuse("cannot listen on", g->admin_path);
}

static bool start_admin(struct gateway *g)
{
	g->admin_group = stream_group_new(g->loop);
	g->admin = admin_new(g->admin_group, &gateway_reports, g);
	return supervision_stands_by(g->supervision) || open_admin(g) || follows(g);
}

/* --- taking over ----------------------------------------------------------------------------- */
static void on_accepting(void *arg)
{
	struct gateway *g = arg;
	if (--g->accepting_due > 0)
		return;
	supervision_active(g->supervision);
	log_write(LOG_INFO, "accepting connections, after standing by");
}

static void accept_on_worker(void *arg)
{
	struct worker_thread *t = arg;
	proxy_worker_accept(&t->proxy);
	loop_post(t->main_loop, on_accepting, t->owner);
}

static void on_activate(void *owner)
{
	struct gateway *g = owner;
	if (g->state >= GATEWAY_DRAINING)
		return;
	open_admin(g);
	reload_open_probe(g);
	g->accepting_due = g->workers;
	for (unsigned i = 0; i < g->workers; i++)
		worker_thread_post(g->threads[i], accept_on_worker, g->threads[i]);
}

static void on_orphaned(void *owner)
{
	struct gateway *g = owner;
	if (g->state >= GATEWAY_DRAINING)
		return;
	log_write(LOG_ERROR, "the supervisor is gone");
	drain(g);
}

static const struct supervision_events supervision_events = {
	.activate = on_activate,
	.orphaned = on_orphaned,
};

static bool find_supervisor(struct gateway *g)
{
	if (supervision_new(g->loop, g->options->is_supervised, &supervision_events, g,
		    &g->supervision) != RC_OK) {
		fputs("sluice-gateway: --supervised is for `sluice run` alone, and of the same build\n", stderr);
		return false;
	}
	struct trail *trail = supervision_trail(g->supervision);
	crash_init(trail);
	crash_thread_enter(trail, 0);
	breadcrumb_set_labels(trail->labels, TRAIL_LABELS);
	quarantine_set_board(supervision_board(g->supervision));
	return true;
}

/* A plan and its bytes are large and short-lived: each has pages of its own, which go back to the
 * system with it. The allocator's default raises this threshold to the largest that it has seen. */
static void return_large_blocks(void)
{
	mallopt(M_MMAP_THRESHOLD, 1 << 20);
}

/* What can fail before there are threads. */
static bool prepare(struct gateway *g)
{
	if (!find_supervisor(g) || !check_config_dir(g->options->config_dir) || !make_state_dir(g))
		return false;
	choose_plugin_dirs(g);
	return_large_blocks();
	raise_descriptors();
	take_signals(g);
	g->metrics = metrics_new(g->workers);
	g->services = service_book_new(g->metrics);
	return start_admin(g) &&
	       confine_process(g->options, g->state_dir, g->composer_options.program) &&
	       start_sinks(g);
}

_Static_assert(TRAIL_JOBS + LIMIT_JOB_THREADS <= TRAIL_THREADS, "each thread for jobs has a row");

static void enter_job_thread(void *arg, unsigned thread)
{
	crash_thread_enter(arg, TRAIL_JOBS + thread);
}

static void leave_job_thread(void *arg)
{
	crash_thread_leave();
}

static void prepare_job_threads(struct gateway *g)
{
	const struct job_pool_hooks hooks = {
		enter_job_thread, leave_job_thread, supervision_trail(g->supervision)};
	job_pool_set_hooks(&hooks);
}

static bool serve(struct gateway *g)
{
	g->registry = registry_new();
	registry_set_metrics(g->registry, g->metrics);
	registry_set_loop(g->registry, g->loop);
	services_register(g->registry);
	services_keep_in(g->state_dir);
	prepare_job_threads(g);
	ports_init(&g->ports, g->workers, g->supervision);
	g->overload = overload_new(g->loop, descriptors_max());
	start_workers(g);
	g->watchdog = watchdog_start(supervision_trail(g->supervision), g->threads, g->workers);
	if (!g->watchdog)
		lack(g, "the watchdog");
	overload_start(g->overload, g->threads, g->workers);
	give_back_init(&g->give_back, g->loop);
	g->pulse = pulse_new(g->loop, g->metrics, g->threads, g->workers, &g->give_back);
	stale_series_start(&g->stale_series, g->loop, g->metrics);
	log_write(LOG_INFO, "sluice %s serves %s with %u workers", SLUICE_VERSION,
		g->options->config_dir, g->workers);
	bool is_started = reload_start(g);
	if (!is_started)
		drain(g);
	loop_run(g->loop);
	log_write(LOG_INFO, "stopped");
	/* What the workers posted last: APIs that they let go. */
	loop_turn(g->loop, 0);
	reload_stop(g);
	activation_free(g->activation);
	/* Jobs that still run hold the instances that they are of. */
	job_pool_stop();
	loop_turn(g->loop, 0);
	offer_deinit(&g->activating);
	last_good_free(g->last_good);
	pulse_free(g->pulse);
	overload_free(g->overload);
	ports_deinit(&g->ports);
	registry_free(g->registry);
	return is_started && !g->has_given_up;
}

static void gateway_deinit(struct gateway *g)
{
	if (g->admin) {
		if (g->is_admin_open)
			admin_unlink_unix(g->admin, g->admin_path);
		admin_free(g->admin);
		/* Its connections end with a turn. */
		loop_turn(g->loop, 0);
	}
	if (g->admin_group)
		stream_group_free(g->admin_group);
	if (g->sinks)
		sinks_free(g->sinks);
	for (unsigned i = 0; g->rings && i < g->workers; i++)
		record_ring_free(g->rings[i]);
	free(g->rings);
	if (g->signal_fd >= 0) {
		watch_stop(&g->signals);
		close(g->signal_fd);
	}
	stale_series_stop(&g->stale_series);
	service_book_free(g->services);
	if (g->metrics)
		metrics_free(g->metrics);
	supervision_free(g->supervision);
	log_choice_stop(&g->log_choice);
	loop_free(g->loop);
	diagnostics_deinit(&g->problems);
	free(g->threads);
	free(g->outcome.error);
	free(g->default_plugin_dir);
	free(g->plugin_dirs);
	free(g->admin_path);
	free(g->state_dir);
}

int gateway_run(const struct run_options *options)
{
	struct gateway g = {.options = options, .workers = options->workers, .signal_fd = -1};
	g.loop = loop_try_new();
	if (!g.loop)
		lack(&g, "the gateway's loop");
	g.started_wall_us = loop_wall_us(g.loop);
	char *compiler = heap_printf("%s/sluice-compile", options->program_dir);
	g.composer_options.program = compiler;
	log_choice_init(&g.log_choice, g.loop, options->log_level);
	timer_init(&g.drain_timer, on_drain_timer);
	timer_init(&g.idle_timer, on_idle_timer);
	diagnostics_init(&g.problems);
	bool is_well = prepare(&g) && serve(&g);
	gateway_deinit(&g);
	free(compiler);
	return is_well ? 0 : 1;
}
