/* SPDX-License-Identifier: Apache-2.0 */
/* process/plan_file.h - the plan that serves, kept out of memory.
 *
 * Nobody but `sluicectl dump` needs a plan once it is built, and that of 10,000 APIs takes 50 MB
 * decoded. Its binary form goes into a file without a name in the state folder; where that cannot
 * be made (a full disk), it stays in memory.
 *
 * Threads      the main thread. */
#pragma once

#include "plan/plan.h"
#include "process/plan_bytes.h"

struct plan_file;

/* Copies `bytes`. */
struct plan_file *plan_file_new(const char *state_dir, const struct plan_bytes *bytes);
/* NULL is harmless. */
void plan_file_free(struct plan_file *f);
/* Decodes it: the caller frees the plan. NULL: it cannot be read back, `message` says why. */
struct plan *plan_file_read(const struct plan_file *f, char *message, size_t message_size);
