/* SPDX-License-Identifier: Apache-2.0 */
#include "sandbox/sandbox_priv.h"

#include "base/check.h"

#include <string.h>
#include <sys/prctl.h>

enum rc sandbox_mode_parse(const char *name, enum sandbox_mode *mode)
{
	static const char *const names[] = {"off", "log", "on", "kill"};
	for (size_t i = 0; i < ARRAY_COUNT(names); i++) {
		if (strcmp(names[i], name) != 0)
			continue;
		*mode = (enum sandbox_mode)i;
		return RC_OK;
	}
	return RC_INVALID;
}

/* Both fences want it: a program with set-user-ID must not gain what we gave up. */
static enum rc forgo_privileges(void)
{
	return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 ? RC_OK : RC_IO;
}

/* Landlock first: its own calls are not among those that seccomp leaves. */
enum rc sandbox_enter_gateway(enum sandbox_mode mode, const struct sandbox_paths *paths,
	struct sandbox_report *report)
{
	*report = (struct sandbox_report){0};
	if (mode == SANDBOX_OFF)
		return RC_OK;
	enum rc rc = forgo_privileges();
	if (rc == RC_OK && mode != SANDBOX_LOG)
		rc = landlock_enter(paths, &report->landlock_abi);
	return rc == RC_OK ? seccomp_enter_gateway(mode, &report->has_seccomp) : rc;
}

enum rc sandbox_enter_compile(enum sandbox_mode mode, struct sandbox_report *report)
{
	*report = (struct sandbox_report){0};
	if (mode == SANDBOX_OFF)
		return RC_OK;
	enum rc rc = forgo_privileges();
	if (rc == RC_OK && mode != SANDBOX_LOG)
		rc = landlock_enter(NULL, &report->landlock_abi);
	return rc == RC_OK ? seccomp_enter_compile(mode, &report->has_seccomp) : rc;
}
