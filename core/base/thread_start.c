/* SPDX-License-Identifier: Apache-2.0 */
#include "base/thread_start.h"

#include "base/check.h"

#include <errno.h>
#include <signal.h>

bool thread_try_start(pthread_t *id, void *(*run)(void *arg), void *arg)
{
	/* A fault whose signal is blocked kills without a word. */
	static const int own[] = {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT, SIGTRAP, SIGSYS};
	sigset_t all, former;
	sigfillset(&all);
	for (size_t i = 0; i < ARRAY_COUNT(own); i++)
		sigdelset(&all, own[i]);
	pthread_sigmask(SIG_SETMASK, &all, &former);
	int error = pthread_create(id, NULL, run, arg);
	pthread_sigmask(SIG_SETMASK, &former, NULL);
	errno = error;
	return error == 0;
}

void thread_start(pthread_t *id, void *(*run)(void *arg), void *arg)
{
	bool has_started = thread_try_start(id, run, arg);
	CHECK(has_started);
}
