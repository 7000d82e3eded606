/* SPDX-License-Identifier: Apache-2.0 */
#include "process/overload.h"

#include "base/memory.h"
#include "observe/log.h"
#include "process/memory_limit.h"

#include <fcntl.h>
#include <malloc.h>
#include <unistd.h>

#define CONNECTIONS_DEFAULT  50000
#define PER_LISTENER_DEFAULT 10000
#define PER_ADDRESS_DEFAULT  1024
/* Percent of the descriptors that clients get unless it is configured: an upstream connection for
 * each of them, and some. */
#define DESCRIPTORS_SHARE 40
/* Refused connections are told of so often at most. */
#define TELL_MS 10000
/* Giving free memory back to the system costs the workers some milliseconds. */
#define TRIM_MS 5000

static const struct {
	const char *name, *what;
	unsigned percent;
} steps[] = {
	[PRESSURE_NONE] = {"none", "all is as usual", 0},
	[PRESSURE_TRIM] = {"trim", "idle connections close early", 80},
	[PRESSURE_CLOSE] = {"close", "connections close after each answer", 90},
	[PRESSURE_REFUSE] = {"refuse", "new requests get 503", 95},
	[PRESSURE_RESET] = {"reset",
		"new connections are refused and the largest requests are cut", 98},
};
#define STEP_BACK 3

struct told_worker {
	struct overload *overload;
	struct worker_thread *thread;
	bool is_told; /* and has not answered yet */
	enum pressure pressure;
};

struct overload {
	struct loop *loop; /* borrowed */
	struct admission *admission;
	struct timer timer;
	struct told_worker *workers; /* owned */
	unsigned worker_count;
	unsigned descriptors;
	int statm_fd;
	uint64_t system_bytes; /* the control group's limit, or the machine's memory; 0: unknown */
	uint64_t memory_max, memory_now;
	enum pressure pressure;
	uint64_t changes;
	int64_t trimmed_ms;
	uint64_t refused_told[ADMISSION_VERDICTS];
	int64_t refused_told_ms[ADMISSION_VERDICTS];
};

const char *pressure_name(enum pressure p)
{
	return steps[p].name;
}

enum pressure pressure_step(enum pressure now, uint64_t used, uint64_t max)
{
	enum pressure step = PRESSURE_NONE;
	if (max == 0)
		return step;
	for (enum pressure p = PRESSURE_TRIM; p <= PRESSURE_RESET; p++) {
		unsigned percent = p <= now ? steps[p].percent - STEP_BACK : steps[p].percent;
		if (used / 100.0 >= max / 10000.0 * percent)
			step = p;
	}
	return step;
}

/* --- the ladder ------------------------------------------------------------------------------ */
static void answered(void *arg)
{
	struct told_worker *w = arg;
	w->is_told = false;
}

static void set_on_worker(void *arg)
{
	struct told_worker *w = arg;
	proxy_worker_set_pressure(&w->thread->proxy, w->pressure);
	loop_post(w->overload->loop, answered, w);
}

/* A worker that has not answered yet hears of it at the next look. */
static void tell_workers(struct overload *o)
{
	for (unsigned i = 0; i < o->worker_count; i++) {
		struct told_worker *w = &o->workers[i];
		bool is_due = w->pressure != o->pressure || o->pressure != PRESSURE_NONE;
		if (w->is_told || !is_due)
			continue;
		w->is_told = true;
		w->pressure = o->pressure;
		worker_thread_post(w->thread, set_on_worker, w);
	}
}

static void change(struct overload *o, enum pressure next)
{
	enum log_level level = next > o->pressure ? LOG_WARN : LOG_INFO;
	o->pressure = next;
	o->changes++;
	admission_set_closed(o->admission, next >= PRESSURE_RESET);
	log_write(level, "memory: %llu of %llu MiB, step \"%s\": %s",
		(unsigned long long)o->memory_now >> 20, (unsigned long long)o->memory_max >> 20,
		steps[next].name, steps[next].what);
}

static void look_at_memory(struct overload *o)
{
	int64_t now_ms = loop_now_ms(o->loop);
	o->memory_now = memory_resident(o->statm_fd);
	enum pressure next = pressure_step(o->pressure, o->memory_now, o->memory_max);
	if (next != o->pressure)
		change(o, next);
	tell_workers(o);
	if (o->pressure != PRESSURE_NONE && now_ms - o->trimmed_ms >= TRIM_MS) {
		o->trimmed_ms = now_ms;
		malloc_trim(0);
	}
}

static const char *const limit_names[ADMISSION_VERDICTS] = {
	[ADMISSION_CONNECTIONS] = "limits.connections is reached",
	[ADMISSION_LISTENER] = "limits.connectionsPerListener is reached",
	[ADMISSION_ADDRESS] = "limits.connectionsPerAddress is reached",
	[ADMISSION_DESCRIPTORS] = "no more files may be open (`ulimit -n`)",
	[ADMISSION_MEMORY] = "memory is short",
};

static void tell_refused(struct overload *o)
{
	int64_t now_ms = loop_now_ms(o->loop);
	for (unsigned v = ADMISSION_OK + 1; v < ADMISSION_VERDICTS; v++) {
		uint64_t refused = admission_refused(o->admission, v);
		bool is_new = refused != o->refused_told[v];
		if (!is_new || (o->refused_told[v] > 0 &&
				       now_ms - o->refused_told_ms[v] < TELL_MS))
			continue;
		log_write(LOG_WARN, "%llu connections were refused: %s",
			(unsigned long long)(refused - o->refused_told[v]), limit_names[v]);
		o->refused_told[v] = refused;
		o->refused_told_ms[v] = now_ms;
	}
}

static void on_timer(struct timer *t)
{
	struct overload *o = CONTAINER_OF(t, struct overload, timer);
	look_at_memory(o);
	tell_refused(o);
	timer_start(o->loop, t, OVERLOAD_LOOK_MS);
}

/* --- configuration --------------------------------------------------------------------------- */
static unsigned default_connections(const struct overload *o)
{
	uint64_t share = (uint64_t)o->descriptors * DESCRIPTORS_SHARE / 100;
	return share < CONNECTIONS_DEFAULT ? (unsigned)share : CONNECTIONS_DEFAULT;
}

/* What the descriptors do not allow is not promised. */
static unsigned usable_connections(const struct overload *o, uint64_t wanted)
{
	unsigned most = o->descriptors > 2 * ADMISSION_RESERVE
				? o->descriptors - ADMISSION_RESERVE
				: ADMISSION_RESERVE;
	if (wanted <= most)
		return (unsigned)wanted;
	log_write(LOG_WARN,
		"limits.connections is %llu, but only %u files may be open: %u connections are "
		"admitted",
		(unsigned long long)wanted, o->descriptors, most);
	return most;
}

void overload_configure(struct overload *o, const struct plan_node *settings)
{
	const struct plan_node *admission = plan_get(settings, "admission");
	int64_t connections = plan_integer(admission, "connections", default_connections(o));
	struct admission_limits limits = {
		.connections = usable_connections(o, (uint64_t)connections),
		.per_listener = (unsigned)plan_integer(
			admission, "connectionsPerListener", PER_LISTENER_DEFAULT),
		.per_address = (unsigned)plan_integer(
			admission, "connectionsPerAddress", PER_ADDRESS_DEFAULT),
	};
	admission_set_limits(o->admission, &limits);
	o->memory_max = (uint64_t)plan_integer(plan_get(settings, "overload"), "memoryBytes",
		(int64_t)o->system_bytes);
}

static uint64_t system_bytes(void)
{
	uint64_t machine = memory_of_machine();
	uint64_t group = memory_limit_of_cgroup("/proc/self/cgroup", "/sys/fs/cgroup");
	return group > 0 && (machine == 0 || group < machine) ? group : machine;
}

/* --- life ------------------------------------------------------------------------------------ */
struct overload *overload_new(struct loop *loop, unsigned descriptors)
{
	struct overload *o = heap_zalloc(sizeof(*o));
	o->loop = loop;
	o->descriptors = descriptors;
	o->admission = admission_new(descriptors);
	o->statm_fd = open("/proc/self/statm", O_RDONLY | O_CLOEXEC);
	o->system_bytes = system_bytes();
	timer_init(&o->timer, on_timer);
	overload_configure(o, NULL);
	return o;
}

void overload_start(struct overload *o, struct worker_thread **threads, unsigned workers)
{
	o->workers = heap_zalloc(workers * sizeof(*o->workers));
	o->worker_count = workers;
	for (unsigned i = 0; i < workers; i++)
		o->workers[i] = (struct told_worker){.overload = o, .thread = threads[i]};
	o->trimmed_ms = loop_now_ms(o->loop) - TRIM_MS;
	timer_start(o->loop, &o->timer, OVERLOAD_LOOK_MS);
}

void overload_stop(struct overload *o)
{
	if (o)
		timer_stop(&o->timer);
}

void overload_free(struct overload *o)
{
	if (!o)
		return;
	overload_stop(o);
	admission_free(o->admission);
	if (o->statm_fd >= 0)
		close(o->statm_fd);
	free(o->workers);
	free(o);
}

struct admission *overload_admission(struct overload *o)
{
	return o->admission;
}

/* --- reports --------------------------------------------------------------------------------- */
enum pressure overload_pressure(const struct overload *o)
{
	return o->pressure;
}

uint64_t overload_memory_bytes(const struct overload *o)
{
	return memory_resident(o->statm_fd);
}

uint64_t overload_memory_max(const struct overload *o)
{
	return o->memory_max;
}

static void print(struct buffer *b, const char *name, const char *kind, const char *help,
	uint64_t value)
{
	buffer_addf(b, "# HELP %s %s\n# TYPE %s %s\n%s %llu\n", name, help, name, kind, name,
		(unsigned long long)value);
}

void overload_print(const struct overload *o, struct buffer *out)
{
	buffer_add(out, STR("# HELP sluice_connections_refused_total Client connections that a "
			    "limit kept out, by limit\n"
			    "# TYPE sluice_connections_refused_total counter\n"));
	for (unsigned v = ADMISSION_OK + 1; v < ADMISSION_VERDICTS; v++)
		buffer_addf(out, "sluice_connections_refused_total{limit=\"%s\"} %llu\n",
			admission_name(v),
			(unsigned long long)admission_refused(o->admission, v));
	print(out, "sluice_connections_max", "gauge", "Client connections that may be open",
		admission_get_limits(o->admission).connections);
	print(out, "sluice_overload_step", "gauge",
		"Step of the overload ladder: 0 none, 1 trim, 2 close, 3 refuse, 4 reset",
		o->pressure);
	print(out, "sluice_overload_changes_total", "counter",
		"Times that the step of the overload ladder changed", o->changes);
	print(out, "sluice_memory_max_bytes", "gauge",
		"Memory from which on requests are refused; 0: no limit", o->memory_max);
	print(out, "process_resident_memory_bytes", "gauge", "Resident memory",
		overload_memory_bytes(o));
}
