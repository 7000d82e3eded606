/* SPDX-License-Identifier: Apache-2.0 */
#include "process/watchdog.h"

#include "base/check.h"
#include "base/memory.h"
#include "base/thread_start.h"
#include "policy/breadcrumb.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

#define LOOK_MS 250
/* A look that comes later has been kept from coming. */
#define LATE_US (2 * LOOK_MS * 1000)
/* What a thread gets to die of SIGABRT in. */
#define DEATH_MS 1000

#define SECOND 1000000

struct watched {
	struct trail_thread *trail;
	pthread_t id;
	clockid_t clock;
	int stat_fd; /* of /proc; -1: not opened, or it cannot be, and it never counts as asleep */
	bool was_opened;
	bool has_turns;
	struct watch_account account;
};

struct watchdog {
	pthread_t id;
	int stop_fd;
	struct trail *trail;
	struct watched *rows; /* owned */
	unsigned count;
};

/* --- the account ----------------------------------------------------------------------------- */
static bool is_call_too_long(const struct watch_account *a, uint64_t word)
{
	enum callback c = breadcrumb_callback(word);
	bool is_patient = c == CALLBACK_CONFIGURE || c == CALLBACK_RELEASE || c == CALLBACK_LOAD;
	return a->call_cpu_us > (is_patient ? 10 : 2) * SECOND ||
	       a->call_asleep_us > (is_patient ? 30 : 5) * SECOND;
}

bool watch_account_add(struct watch_account *a, const struct watch_sample *s, int64_t elapsed_us)
{
	int64_t cpu_us = s->cpu_us - a->last.cpu_us;
	bool is_same_call = s->word != 0 && s->word == a->last.word;
	bool is_same_turn = s->turns != UINT64_MAX && s->turns == a->last.turns;
	a->call_cpu_us = is_same_call ? a->call_cpu_us + cpu_us : 0;
	if (!is_same_call)
		a->call_asleep_us = 0;
	else if (s->is_asleep)
		a->call_asleep_us += elapsed_us < LATE_US ? elapsed_us : LATE_US;
	a->turn_cpu_us = is_same_turn ? a->turn_cpu_us + cpu_us : 0;
	a->last = *s;
	return (is_same_call && is_call_too_long(a, s->word)) || a->turn_cpu_us > 10 * SECOND;
}

/* --- looking --------------------------------------------------------------------------------- */
static int64_t clock_us(clockid_t clock)
{
	struct timespec t;
	if (clock_gettime(clock, &t) != 0)
		return 0;
	return (int64_t)t.tv_sec * SECOND + t.tv_nsec / 1000;
}

/* Opened when it is needed the first time: hardly ever. */
static void open_stat(struct watched *w)
{
	char path[64];
	snprintf(path, sizeof(path), "/proc/self/task/%d/stat", (int)atomic_load(&w->trail->tid));
	w->stat_fd = open(path, O_RDONLY | O_CLOEXEC);
	w->was_opened = true;
}

/* The state behind the name, which stands in parentheses and may hold any: proc(5). */
static bool is_asleep(struct watched *w)
{
	char text[128];
	if (!w->was_opened)
		open_stat(w);
	ssize_t n = w->stat_fd >= 0 ? pread(w->stat_fd, text, sizeof(text) - 1, 0) : 0;
	if (n <= 0)
		return false;
	text[n] = '\0';
	const char *end = strrchr(text, ')');
	return end && end[1] == ' ' && (end[2] == 'S' || end[2] == 'D');
}

static bool hangs(struct watched *w, int64_t elapsed_us)
{
	struct watch_sample s = {
		.word = atomic_load_explicit(&w->trail->word, memory_order_relaxed),
		.turns = w->has_turns ? atomic_load_explicit(&w->trail->turns, memory_order_relaxed)
				      : UINT64_MAX,
		.cpu_us = clock_us(w->clock),
	};
	s.is_asleep = s.word != 0 && s.word == w->account.last.word && is_asleep(w);
	return watch_account_add(&w->account, &s, elapsed_us);
}

static void end_process(struct watchdog *w, unsigned row)
{
	atomic_store(&w->trail->fatal_thread, row + 1);
	atomic_store(&w->trail->fatal_end, TRAIL_END_HANG);
	pthread_kill(w->rows[row].id, SIGABRT);
	poll(NULL, 0, DEATH_MS);
	abort(); /* it sleeps where no signal reaches it */
}

static void *run(void *arg)
{
	struct watchdog *w = arg;
	struct pollfd stop = {.fd = w->stop_fd, .events = POLLIN};
	int64_t last_us = clock_us(CLOCK_MONOTONIC);
	pthread_setname_np(pthread_self(), "watchdog");
	for (;;) {
		int n = poll(&stop, 1, LOOK_MS);
		if (n > 0)
			return NULL;
		int64_t now_us = clock_us(CLOCK_MONOTONIC);
		for (unsigned i = 0; i < w->count; i++)
			if (hangs(&w->rows[i], now_us - last_us))
				end_process(w, i);
		last_us = now_us;
	}
}

/* --- life ------------------------------------------------------------------------------------ */
static void watch(struct watchdog *w, unsigned row, pthread_t id)
{
	struct watched *to = &w->rows[row];
	to->trail = &w->trail->threads[row];
	to->id = id;
	to->has_turns = row > 0;
	to->stat_fd = -1;
	CHECK(pthread_getcpuclockid(id, &to->clock) == 0);
}

static void watchdog_free(struct watchdog *w)
{
	for (unsigned i = 0; i < w->count; i++)
		if (w->rows[i].stat_fd >= 0)
			close(w->rows[i].stat_fd);
	if (w->stop_fd >= 0)
		close(w->stop_fd);
	free(w->rows);
	free(w);
}

struct watchdog *watchdog_start(
	struct trail *trail, struct worker_thread *const *threads, unsigned workers)
{
	struct watchdog *w = heap_zalloc(sizeof(*w));
	w->trail = trail;
	w->count = workers + 1;
	w->rows = heap_zalloc(w->count * sizeof(*w->rows));
	w->stop_fd = eventfd(0, EFD_CLOEXEC);
	watch(w, 0, pthread_self());
	for (unsigned i = 0; i < workers; i++)
		watch(w, i + 1, threads[i]->id);
	if (w->stop_fd >= 0 && thread_try_start(&w->id, run, w))
		return w;
	int error = errno;
	watchdog_free(w);
	errno = error;
	return NULL;
}

void watchdog_stop(struct watchdog *w)
{
	uint64_t one = 1;
	if (!w)
		return;
	CHECK(write(w->stop_fd, &one, sizeof(one)) == sizeof(one));
	pthread_join(w->id, NULL);
	watchdog_free(w);
}
