/* SPDX-License-Identifier: Apache-2.0 */
/* process/composer.h - having a folder compiled to a plan, in a process of its own.
 *
 * The child is sluice-compile: it reads YAML and runs Lua under limits of memory, time and
 * descriptors, and writes the plan's binary form into a file in memory (plan_bytes.h). That the
 * plan is whole it tells by a byte in a pipe, whose end is the child's. Nothing that it reads is
 * parsed here.
 *
 * Threads      the main loop. One composition at a time; asking while one runs queues one more. */
#pragma once

#include "loop/loop.h"
#include "process/plan_bytes.h"

struct composer;

struct composer_options {
	const char *program; /* path of sluice-compile */
	const char *config_dir;
	const char *const *plugin_dirs;
	size_t plugin_dir_count;
	bool strict;
	const char *state_dir; /* for what one composition leaves to the next; or NULL */
	int deadline_ms;       /* then the child is killed */
};

/* `plan` is the plan's bytes, now the owner's, or empty with `error` saying why there is none. */
typedef void composer_fn(void *owner, struct plan_bytes plan, const char *error);

/* Options are borrowed for the composer's life. */
struct composer *composer_new(
	struct loop *loop, const struct composer_options *options, composer_fn *fn, void *owner);
void composer_start(struct composer *c);
/* When the composition that runs, or ran last, was begun: it has seen what was saved before. */
int64_t composer_began_wall_us(const struct composer *c);
/* Kills a child under way. */
void composer_free(struct composer *c);
