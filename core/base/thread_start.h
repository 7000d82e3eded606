/* SPDX-License-Identifier: Apache-2.0 */
/* base/thread_start.h - threads beside the main one. */
#pragma once

#include "base/rc.h"

#include <pthread.h>
#include <stdbool.h>

/* Starts a thread that gets none of the process's signals, which are the main thread's; those that a
 * thread brings upon itself reach it. Ends the process when there is no thread to be had. */
void thread_start(pthread_t *id, void *(*run)(void *arg), void *arg);
/* The same; false with errno when there is none. */
MUST_USE bool thread_try_start(pthread_t *id, void *(*run)(void *arg), void *arg);
