/* SPDX-License-Identifier: Apache-2.0 */
/* hostile - a policy that does what no policy may, when it is told to: what the gateway promises
 * about each is tested with it.
 *
 * In request_head it does what the field x-hostile asks for; in configure, in worker_start and in
 * load, what the configuration (or $SLUICE_HOSTILE_LOAD) asks for; with "job:" before it, in a job that
 * the exchange waits for. What misuses the host's calls answers with what they returned. */
#include "sluice/sluice.h"
#include "sluice/work.h"

#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <unistd.h>

static volatile int sink;

static void fall_down(volatile int *deeper)
{
	volatile int here[4096];
	here[0] = *deeper + 1;
	if (here[0] > 0) /* always, long before it overflows */
		fall_down(here);
	sink = here[0];
}

static void spin(void)
{
	for (;;)
		sink++;
}

static int is(struct sluice_str word, const char *name)
{
	return word.n == strlen(name) && memcmp(word.p, name, word.n) == 0;
}

static void *crash_alone(void *arg)
{
	abort();
}

/* In a thread of its own, where no callback runs that could be accused. */
static void crash_elsewhere(void)
{
	pthread_t thread;
	if (pthread_create(&thread, NULL, crash_alone, NULL) == 0)
		pthread_join(thread, NULL);
}

/* Through a volatile, or the compiler sees what it is and leaves it out. */
static void free_twice(void)
{
	void *volatile p = malloc(64);
	free(p);
	free(p);
}

/* What a write below its start does to a block. */
static void overflow(void)
{
	volatile size_t *p = malloc(2000);
	p[-1] = 0x4141414141414141;
	free((void *)p);
}

/* In the folder where it runs. */
static void write_a_file(void)
{
	FILE *f = fopen("hostile-was-here", "w");
	if (f)
		fclose(f);
}

static void multiply(void)
{
	for (int i = 0; i < 64; i++)
		if (fork() == 0)
			sleep(20);
}

/* Past what a handler or an alarm would do about it. */
static void outlast(void)
{
	sigset_t all;
	sigfillset(&all);
	pthread_sigmask(SIG_BLOCK, &all, NULL);
	for (;;)
		sleep(3600);
}

static void chatter(void)
{
	for (int i = 0; i < 10000; i++)
		puts("what a policy prints while somebody looks for a mistake in it");
	fflush(stdout);
}

/* What a process can do to others of its user. */
static void attack_others(void)
{
	kill(getppid(), SIGKILL);
	syscall(SYS_tgkill, getppid(), getppid(), SIGKILL);
}

/* What a file that was cut does to whoever has it mapped. */
static void touch_nothing_mapped(void)
{
	int fd = memfd_create("hostile", 0);
	volatile char *p = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if ((void *)p != MAP_FAILED)
		p[0] = 1;
}

static void break_here(void)
{
#if defined(__x86_64__)
	__asm__ volatile("int3");
#else
	raise(SIGTRAP);
#endif
}

static void set_alarm(void)
{
	struct itimerval soon = {.it_value = {.tv_usec = 1}};
	setitimer(ITIMER_REAL, &soon, NULL);
	sleep(1);
}

/* Signals of all kinds, and other ends. */
static void fall(struct sluice_str how)
{
	if (is(how, "trap"))
		break_here();
	else if (is(how, "bus"))
		touch_nothing_mapped();
	else if (is(how, "illegal"))
		__builtin_trap();
	else if (is(how, "refused-call"))
		ptrace(PTRACE_TRACEME, 0, NULL, NULL);
	else if (is(how, "alarm"))
		set_alarm();
}

static void misbehave(struct sluice_str how)
{
	fall(how);
	volatile int zero = 0, *volatile nowhere = NULL;
	if (is(how, "null"))
		*nowhere = 1;
	else if (is(how, "divide"))
		sink = 7 / zero;
	else if (is(how, "abort"))
		abort();
	else if (is(how, "stack"))
		fall_down(&zero);
	else if (is(how, "loop"))
		spin();
	else if (is(how, "sleep"))
		sleep(3600);
	else if (is(how, "nap"))
		usleep(1500000);
	else if (is(how, "doze"))
		sleep(5);
	else if (is(how, "thread"))
		crash_elsewhere();
	else if (is(how, "exit"))
		_exit(7);
	else if (is(how, "free-twice"))
		free_twice();
	else if (is(how, "overflow"))
		overflow();
	else if (is(how, "file"))
		write_a_file();
	else if (is(how, "fork"))
		multiply();
	else if (is(how, "outlast"))
		outlast();
	else if (is(how, "chatter"))
		chatter();
	else if (is(how, "kill"))
		attack_others();
}

/* --- misuse of the host's calls -------------------------------------------------------------- */
/* Of a binding. One worker at a time: the tests ask one after the other. */
struct state {
	sluice_token last_token;
	struct sluice_exchange *last_exchange;
	const struct sluice_work_service *work_service;
	struct sluice_work *work;
};

static __attribute__((format(printf, 3, 4))) int32_t tell(
	const struct sluice_call *call, struct sluice_exchange *x, const char *format, ...)
{
	char text[128];
	va_list args;
	va_start(args, format);
	int n = vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	call->host->respond(x, 200, NULL, 0, (struct sluice_str){text, (size_t)n}, SLUICE_STR("told"));
	return SLUICE_RESPONDED;
}

/* Takes memory until it gets none, and gives nothing back. */
static int32_t leak(const struct sluice_call *call, struct sluice_exchange *x)
{
	int pieces = 0;
	while (call->host->instance_alloc(call->instance, 8u << 20))
		pieces++;
	return tell(call, x, "%d", pieces * 8);
}

static int32_t leak_of_exchange(const struct sluice_call *call, struct sluice_exchange *x)
{
	int pieces = 0;
	while (pieces < 1000000 && call->host->exchange_alloc(x, 4096))
		pieces++;
	call->host->field_set(x, SLUICE_REQUEST, SLUICE_STR("x-more"), SLUICE_STR("than there is"));
	return tell(call, x, "%s", pieces < 1000000 ? "refused" : "no end");
}

struct elsewhere {
	const struct sluice_call *call;
	struct sluice_exchange *x;
	int32_t get, set, respond, own;
	sluice_token token;
};

static void *use_elsewhere(void *arg)
{
	struct elsewhere *e = arg;
	const struct sluice_host *host = e->call->host;
	struct sluice_str value;
	e->get = host->field_get(e->x, SLUICE_REQUEST, SLUICE_STR("host"), &value);
	e->set = host->field_set(e->x, SLUICE_REQUEST, SLUICE_STR("a"), SLUICE_STR("b"));
	e->respond = host->respond(
		e->x, 200, NULL, 0, SLUICE_STR("from elsewhere"), SLUICE_STR("elsewhere"));
	e->token = host->pause(e->x, 1000);
	host->data_set(e->x, e);
	host->log(e->call->instance, e->x, SLUICE_LOG_ERROR, SLUICE_STR("from elsewhere"));
	/* The two that are for any thread. */
	void *p = host->instance_alloc(e->call->instance, 100);
	e->own = p != NULL;
	host->instance_free(e->call->instance, p);
	return NULL;
}

static int32_t wrong_thread(const struct sluice_call *call, struct sluice_exchange *x)
{
	struct elsewhere e = {.call = call, .x = x};
	pthread_t thread;
	if (pthread_create(&thread, NULL, use_elsewhere, &e) != 0)
		return SLUICE_FAIL;
	pthread_join(thread, NULL);
	return tell(call, x, "%d %d %d %d %d %d", e.get, e.set, e.respond, e.token != 0,
		call->host->data_get(x) != NULL, e.own);
}

static int32_t resume_twice(
	const struct sluice_call *call, struct sluice_exchange *x, struct state *state)
{
	const struct sluice_host *host = call->host;
	if (host->resumed(x))
		return tell(call, x, "resumed, again %d", host->resume(state->last_token));
	state->last_token = host->pause(x, 5000);
	int32_t first = host->resume(state->last_token), second = host->resume(state->last_token);
	return first == SLUICE_OK && second == SLUICE_E_STALE ? SLUICE_PAUSE : SLUICE_FAIL;
}

static int32_t pause_twice(const struct sluice_call *call, struct sluice_exchange *x)
{
	sluice_token first = call->host->pause(x, 5000), second = call->host->pause(x, 5000);
	return tell(call, x, "%d %d", first != 0, second != 0);
}

/* A token whose callback went on without waiting. */
static int32_t pause_and_go(
	const struct sluice_call *call, struct sluice_exchange *x, struct state *state)
{
	state->last_token = call->host->pause(x, 5000);
	return SLUICE_CONTINUE;
}

static int32_t use_after_end(
	const struct sluice_call *call, struct sluice_exchange *x, struct state *state)
{
	const struct sluice_host *host = call->host;
	struct sluice_exchange *old = state->last_exchange;
	struct sluice_str value;
	/* The next exchange may have the place of the former one, and then it is this one. */
	if (!old || old == x)
		return tell(call, x, "same");
	return tell(call, x, "%d %d %d",
		host->field_get(old, SLUICE_REQUEST, SLUICE_STR("host"), &value),
		host->respond(old, 200, NULL, 0, SLUICE_STR("late"), SLUICE_STR("late")),
		host->exchange_alloc(old, 10) != NULL);
}

static int32_t answer_twice(const struct sluice_call *call, struct sluice_exchange *x)
{
	call->host->respond(x, 201, NULL, 0, SLUICE_STR("first"), SLUICE_STR("first"));
	call->host->respond(x, 202, NULL, 0, SLUICE_STR("second"), SLUICE_STR("second"));
	return SLUICE_RESPONDED;
}

static int32_t answer_and_go(const struct sluice_call *call, struct sluice_exchange *x)
{
	call->host->respond(x, 201, NULL, 0, SLUICE_STR("dropped"), SLUICE_STR("dropped"));
	return SLUICE_CONTINUE;
}

static int32_t misuse(const struct sluice_call *call, struct sluice_exchange *x, struct sluice_str how)
{
	struct state *state = call->state;
	if (is(how, "leak"))
		return leak(call, x);
	if (is(how, "leak-of-exchange"))
		return leak_of_exchange(call, x);
	if (is(how, "wrong-thread"))
		return wrong_thread(call, x);
	if (is(how, "resume-twice"))
		return resume_twice(call, x, state);
	if (is(how, "resume-last"))
		return tell(call, x, "%d", call->host->resume(state->last_token));
	if (is(how, "resume-nothing"))
		return tell(call, x, "%d %d", call->host->resume(0),
			call->host->resume(UINT64_MAX));
	if (is(how, "pause-twice"))
		return pause_twice(call, x);
	if (is(how, "pause-and-go"))
		return pause_and_go(call, x, state);
	if (is(how, "wait-for-nothing"))
		return SLUICE_PAUSE;
	if (is(how, "remember"))
		state->last_exchange = x;
	if (is(how, "use-after-end"))
		return use_after_end(call, x, state);
	if (is(how, "answer-twice"))
		return answer_twice(call, x);
	if (is(how, "answer-and-go"))
		return answer_and_go(call, x);
	if (is(how, "answer-without"))
		return SLUICE_RESPONDED;
	if (is(how, "any-verdict"))
		return 99;
	return SLUICE_CONTINUE;
}

/* --- jobs ------------------------------------------------------------------------------------ */
/* `arg` is the word, with its end. */
static void run_job(const struct sluice_call *call, void *arg)
{
	misbehave((struct sluice_str){arg, strlen(arg)});
}

static void drop_job(const struct sluice_call *call, void *arg)
{
	call->host->log(call->instance, NULL, SLUICE_LOG_INFO, SLUICE_STR("a job was dropped"));
	call->host->instance_free(call->instance, arg);
}

static int32_t begin_job(const struct sluice_call *call, struct sluice_exchange *x, struct sluice_str how)
{
	static const struct sluice_job job = {
		.size = sizeof(job), .run = run_job, .dropped = drop_job};
	const struct state *state = call->state;
	char *word = call->host->instance_alloc(call->instance, how.n + 1);
	if (!word)
		return SLUICE_FAIL;
	memcpy(word, how.p, how.n);
	word[how.n] = '\0';
	if (state->work_service->begin(x, state->work, &job, word) == SLUICE_OK)
		return call->host->wait(x, 10000);
	call->host->instance_free(call->instance, word);
	return SLUICE_FAIL;
}

static int32_t end_job(const struct sluice_call *call, struct sluice_exchange *x)
{
	const struct state *state = call->state;
	char *word = state->work_service->take(x, state->work);
	int32_t verdict = word ? tell(call, x, "done: %s", word) : SLUICE_FAIL;
	call->host->instance_free(call->instance, word);
	return verdict;
}

static int32_t configure(const struct sluice_call *call, const struct sluice_value *config,
	void *previous, void **out)
{
	const struct sluice_host *host = call->host;
	misbehave(host->value_string(
		host->value_get(config, SLUICE_STR("configure")), SLUICE_STR("")));
	struct state *state = host->instance_alloc(call->instance, sizeof(*state));
	if (!state)
		return SLUICE_E_FULL;
	*state = (struct state){.work_service = host->service(SLUICE_WORK_SERVICE)};
	state->work = state->work_service->open(call->instance, 100);
	*out = state;
	return SLUICE_OK;
}

static void release(const struct sluice_call *call)
{
	call->host->instance_free(call->instance, call->state);
}

static int32_t request_head(const struct sluice_call *call, struct sluice_exchange *x)
{
	struct sluice_str how;
	if (call->host->field_get(x, SLUICE_REQUEST, SLUICE_STR("x-hostile"), &how) != SLUICE_OK)
		return SLUICE_CONTINUE;
	if (how.n > 4 && memcmp(how.p, "job:", 4) == 0)
		return call->host->resumed(x)
			       ? end_job(call, x)
			       : begin_job(call, x, (struct sluice_str){how.p + 4, how.n - 4});
	if (is(how, "fail"))
		return SLUICE_FAIL;
	/* Nobody resumes it: the deadline ends it. */
	if (is(how, "pause"))
		return call->host->pause(x, 20) ? SLUICE_PAUSE : SLUICE_FAIL;
	misbehave(how);
	return misuse(call, x, how);
}

static int32_t load(const struct sluice_host *host)
{
	const char *how = getenv("SLUICE_HOSTILE_LOAD");
	if (how)
		misbehave((struct sluice_str){how, strlen(how)});
	return SLUICE_OK;
}

static const struct sluice_policy policy = {
	.size = sizeof(policy),
	.name = "hostile",
	.version = "1.0.0",
	.configure = configure,
	.release = release,
	.request_head = request_head,
};

const struct sluice_plugin *sluice_plugin_v1(void)
{
	static const struct sluice_policy *const policies[] = {&policy};
	static const struct sluice_plugin plugin = {
		.size = sizeof(plugin),
		.abi_major = SLUICE_ABI_MAJOR,
		.abi_minor = SLUICE_ABI_MINOR,
		.policy_count = 1,
		.name = "hostile",
		.version = "1.0.0",
		.policies = policies,
		.load = load,
	};
	return &plugin;
}
