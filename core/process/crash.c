/* SPDX-License-Identifier: Apache-2.0 */
#include "process/crash.h"

#include "base/check.h"
#include "base/memory.h"
#include "policy/breadcrumb.h"

#include <signal.h>
#include <stdio.h>
#include <unistd.h>

#define STACK_BYTES 32768

static const int deadly[] = {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT, SIGTRAP, SIGSYS};
static struct sigaction former[ARRAY_COUNT(deadly)];
static struct trail *common;
static _Thread_local unsigned own_row; /* + 1; 0: none */
static _Thread_local void *own_stack;

static bool is_from_outside(const siginfo_t *info)
{
	bool was_sent =
		info->si_code == SI_USER || info->si_code == SI_QUEUE || info->si_code == SI_TKILL;
	return was_sent && info->si_pid != getpid();
}

/* A fault happens again by itself when the handler returns; a breakpoint is passed by then, and a
 * system call that the sandbox refused is not made again. */
static bool comes_again(int number, const siginfo_t *info)
{
	return info->si_code > 0 && number != SIGTRAP && number != SIGSYS;
}

/* Only what is safe here: atomics, and system calls. The first thread to come is the one. */
static void on_deadly(int number, siginfo_t *info, void *frame)
{
	uint32_t none = TRAIL_END_UNKNOWN;
	uint32_t end = is_from_outside(info) ? TRAIL_END_OUTSIDE : TRAIL_END_FAULT;
	if (atomic_compare_exchange_strong(&common->fatal_end, &none, end))
		atomic_store(&common->fatal_thread, own_row);
	for (size_t i = 0; i < ARRAY_COUNT(deadly); i++)
		if (deadly[i] == number)
			sigaction(number, &former[i], NULL);
	if (!comes_again(number, info))
		raise(number);
}

void crash_init(struct trail *trail)
{
	common = trail;
	for (unsigned c = 0; c < CALLBACK_COUNT && c < TRAIL_CALLBACKS; c++) {
		const char *name = callback_name((enum callback)c);
		snprintf(trail->callbacks[c], sizeof(trail->callbacks[c]), "%s", name);
	}
	struct sigaction action = {
		.sa_sigaction = on_deadly, .sa_flags = SA_SIGINFO | SA_ONSTACK | SA_NODEFER};
	sigemptyset(&action.sa_mask);
	for (size_t i = 0; i < ARRAY_COUNT(deadly); i++)
		CHECK(sigaction(deadly[i], &action, &former[i]) == 0);
}

void crash_thread_enter(struct trail *trail, unsigned row)
{
	own_row = row + 1;
	atomic_store(&trail->threads[row].tid, gettid());
	breadcrumb_set_word(&trail->threads[row].word);
	stack_t present;
	if (sigaltstack(NULL, &present) == 0 && !(present.ss_flags & SS_DISABLE))
		return; /* a sanitizer has given it one */
	own_stack = heap_alloc(STACK_BYTES);
	stack_t stack = {.ss_sp = own_stack, .ss_size = STACK_BYTES};
	CHECK(sigaltstack(&stack, NULL) == 0);
}

void crash_thread_leave(void)
{
	stack_t none = {.ss_flags = SS_DISABLE};
	if (own_stack)
		sigaltstack(&none, NULL);
	free(own_stack);
	own_stack = NULL;
	breadcrumb_set_word(NULL);
}
