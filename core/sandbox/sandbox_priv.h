/* SPDX-License-Identifier: Apache-2.0 */
/* sandbox/sandbox_priv.h - the two fences. */
#pragma once

#include "sandbox/sandbox.h"

/* landlock.c: `paths` NULL: nothing is writable or executable. Sets *abi to 0 without Landlock. */
MUST_USE enum rc landlock_enter(const struct sandbox_paths *paths, int *abi);
/* seccomp.c: sets *has to false on machines whose call numbers it does not know. */
MUST_USE enum rc seccomp_enter_gateway(enum sandbox_mode mode, bool *has);
MUST_USE enum rc seccomp_enter_compile(enum sandbox_mode mode, bool *has);
