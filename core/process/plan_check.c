/* SPDX-License-Identifier: Apache-2.0 */
#include "process/plan_check.h"

#include "base/check.h"
#include "base/file.h"
#include "base/limits.h"
#include "base/memory.h"
#include "build/build.h"
#include "handover/trail.h"
#include "observe/log.h"
#include "plan/plan_diagnostics.h"
#include "policy/breadcrumb.h"
#include "sandbox/sandbox.h"
#include "services/services.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

#define MEMORY_BYTES_MAX ((rlim_t)2 << 30)
#define LABELS           LIMIT_BINDINGS_NAMED
#define PROCESSOR_SECONDS_MAX (2 * LIMIT_PLAN_CHECK_SECONDS)

/* --- an end that plugin code brings ---------------------------------------------------------- */
static struct trail_label labels[LABELS];
static breadcrumb_word crumb;
static int answer_fd = -1;

/* Only what is safe in a signal's handler. */
static void on_deadly(int number)
{
	struct breadcrumb b = breadcrumb_read(&crumb);
	const char *who = b.is_inside && b.binding < LABELS ? labels[b.binding].text : "";
	char text[1 + TRAIL_LABEL_BYTES] = {number == SIGALRM ? '?' : '!'};
	size_t n = 1;
	for (; n < sizeof(text) && who[n - 1]; n++)
		text[n] = who[n - 1];
	_exit(write(answer_fd, text, n) < 0 ? 3 : 2);
}

static void catch_deadly(void)
{
	static const int deadly[] = {
		SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT, SIGTRAP, SIGSYS, SIGALRM};
	static char stack[65536]; /* a stack that has overflowed takes no handler */
	stack_t own = {.ss_sp = stack, .ss_size = sizeof(stack)};
	struct sigaction action = {.sa_handler = on_deadly, .sa_flags = SA_ONSTACK | SA_NODEFER};
	sigemptyset(&action.sa_mask);
	sigaltstack(&own, NULL);
	for (size_t i = 0; i < ARRAY_COUNT(deadly); i++)
		sigaction(deadly[i], &action, NULL);
	breadcrumb_set_labels(labels, LABELS);
	breadcrumb_set_word(&crumb);
}

/* --- fences ---------------------------------------------------------------------------------- */
static void limit(int resource, rlim_t value)
{
	struct rlimit l = {value, value};
	setrlimit(resource, &l);
}

/* Plugins may print: that is no part of the answer. */
static bool keep_answer_apart(void)
{
	answer_fd = fcntl(STDOUT_FILENO, F_DUPFD_CLOEXEC, STDERR_FILENO + 1);
	return answer_fd >= 0 && dup2(STDERR_FILENO, STDOUT_FILENO) >= 0;
}

static bool fence_in(void)
{
	prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
	alarm(LIMIT_PLAN_CHECK_SECONDS);
	limit(RLIMIT_CPU, PROCESSOR_SECONDS_MAX); /* of who takes no alarm */
	limit(RLIMIT_CORE, 0);
#ifndef SLUICE_SANITIZE /* sanitizers reserve terabytes of addresses, start threads and trace */
	struct sandbox_report report;
	enum sandbox_mode mode = SANDBOX_ON;
	const char *chosen = getenv("SLUICE_SANDBOX");
	limit(RLIMIT_AS, MEMORY_BYTES_MAX);
	if (chosen && sandbox_mode_parse(chosen, &mode) != RC_OK)
		return false;
	return sandbox_enter_compile(mode, &report) == RC_OK;
#else
	return true;
#endif
}

/* --- one plan -------------------------------------------------------------------------------- */
static bool read_plan(struct buffer *to)
{
	for (;;) {
		char *room = buffer_reserve(to, 65536);
		ssize_t n = room ? read(STDIN_FILENO, room, 65536) : -1;
		if (n < 0 && room && errno == EINTR)
			continue;
		if (n <= 0)
			return n == 0;
		buffer_commit(to, (size_t)n);
	}
}

static void release(void *arg, struct sluice_instance *unused)
{
	instance_unref(unused);
}

/* What could not be read is told already, and closes everything. */
static void try_plan(struct plan *plan, struct diagnostics *found)
{
	struct metrics *metrics = metrics_new(1);
	struct instance_set instances;
	struct registry *registry = registry_new();
	struct service_book *services = service_book_new(metrics);
	struct generation *generation = NULL;
	instance_set_init(&instances);
	registry_set_metrics(registry, metrics);
	services_register(registry);
	struct build_options options = {
		.registry = registry,
		.instances = &instances,
		.workers = 1,
		.number = 1,
		.metrics = metrics,
		.services = services,
		.only_checks = true,
	};
	if (build_generation(&options, plan, found, &generation) == RC_OK)
		generation_free(generation);
	instance_set_sweep(&instances, release, NULL);
	instance_set_deinit(&instances);
	registry_free(registry);
	service_book_free(services);
	metrics_free(metrics);
}

static bool answer(const struct diagnostics *found)
{
	struct plan_writer *w = plan_writer_new();
	struct buffer bytes;
	buffer_init(&bytes, LIMIT_PLAN_BYTES);
	plan_open_object(w, NULL, (struct position){0});
	plan_write_diagnostics(w, found);
	plan_close(w);
	bool ok = plan_writer_finish(w, &bytes) == RC_OK &&
		  file_write_all(answer_fd, buffer_str(&bytes));
	buffer_deinit(&bytes);
	plan_writer_free(w);
	return ok;
}

static bool judge(struct str bytes)
{
	char message[200];
	struct plan *plan = NULL;
	struct diagnostics found;
	if (plan_decode(bytes, &plan, message, sizeof(message)) != RC_OK)
		return false;
	diagnostics_init(&found);
	catch_deadly();
	if (plan_bool(plan_root(plan), "incomplete", false))
		plan_free(plan);
	else
		try_plan(plan, &found);
	bool ok = answer(&found);
	diagnostics_deinit(&found);
	return ok;
}

int plan_check_run(void)
{
	struct buffer bytes;
	prctl(PR_SET_PDEATHSIG, SIGKILL); /* nobody would hear the answer */
	log_set_level(LOG_ERROR);
	buffer_init(&bytes, LIMIT_PLAN_BYTES + 65536);
	/* The time counts from here: until then, composing takes what it takes. */
	bool ok = keep_answer_apart() && read_plan(&bytes);
	if (ok && !fence_in()) {
		fprintf(stderr, "sluice check: the sandbox cannot be entered: %s\n", strerror(errno));
		ok = false;
	}
	ok = ok && judge(buffer_str(&bytes));
	buffer_deinit(&bytes);
	return ok ? 0 : 2;
}
