/* SPDX-License-Identifier: Apache-2.0 */
/* sandbox/sandbox.h - what a process may still do once it has what it needs.
 *
 * Two fences of the kernel, each as far as it has it: seccomp (which system calls) and Landlock (which
 * files may be written, made and executed). A process that somebody takes over by a mistake in it
 * cannot trace, mount, load code into the kernel, or write outside of its folders. It cannot execute
 * other programs either, but where one of its own has a dynamic loader, that may be executed, and loads
 * whatever can be read: behind the same fences.
 *
 * Both are inherited by children and cannot be left. Enter before the first thread is made: threads
 * that are there already stay outside of Landlock.
 *
 * Threads      before there are any. */
#pragma once

#include "base/rc.h"

#include <stdbool.h>
#include <stddef.h>

#define SANDBOX_PATHS_MAX 16

enum sandbox_mode {
	SANDBOX_OFF,
	SANDBOX_LOG,  /* system calls: nothing is denied, the kernel's audit log has what would be */
	SANDBOX_ON,   /* what is denied fails with EPERM, and stands in the audit log */
	SANDBOX_KILL, /* for tests: a denied system call ends the process by SIGSYS */
};

/* What is not there is passed over. Borrowed for the call. */
struct sandbox_paths {
	const char *writable[SANDBOX_PATHS_MAX]; /* folders: everything below them */
	size_t writable_count;
	const char *executable[SANDBOX_PATHS_MAX]; /* programs; their interpreter comes by itself */
	size_t executable_count;
};

struct sandbox_report {
	int landlock_abi; /* 0: the kernel has none, files are not fenced */
	bool has_seccomp;
};

/* "off", "log", "on", "kill"; RC_INVALID. */
MUST_USE enum rc sandbox_mode_parse(const char *name, enum sandbox_mode *mode);
/* The gateway: the network, threads, files to read, the folders and programs of `paths`.
 * RC_IO with errno: the kernel has a fence and refused to put it up. */
MUST_USE enum rc sandbox_enter_gateway(enum sandbox_mode mode, const struct sandbox_paths *paths,
	struct sandbox_report *report);
/* The compiler: files to read, memory, the descriptors that it has; no network, no process or thread,
 * no program, nothing written but to what is open. */
MUST_USE enum rc sandbox_enter_compile(enum sandbox_mode mode, struct sandbox_report *report);
