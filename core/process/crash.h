/* SPDX-License-Identifier: Apache-2.0 */
/* process/crash.h - a thread that dies says so in the trail, for whoever survives.
 *
 * The handler of the deadly signals runs on a stack of its own (the thread's may be what is spent),
 * writes which thread it is, and lets the signal have its way: the former handler (a sanitizer's),
 * or death. A signal that another process sent accuses no thread. */
#pragma once

#include "handover/trail.h"


void crash_init(struct trail *trail);
/* The calling thread writes its breadcrumbs into that row from now on. */
void crash_thread_enter(struct trail *trail, unsigned row);
void crash_thread_leave(void);
