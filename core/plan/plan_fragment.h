/* SPDX-License-Identifier: Apache-2.0 */
/* plan/plan_fragment.h - a subtree of a plan in a form of its own, to be put into plans later.
 *
 * What is not known while it is made (the number of a service among all services) is a *target*: a
 * member whose value is a name, which becomes an integer when the fragment is put into a plan.
 *
 * The form is that of this build and this machine: it is kept for a while, never passed on. Reading
 * one trusts no byte of it all the same.
 */
#pragma once

#include "plan/plan.h"

/* As plan_write_string; plan_writer_finish refuses a tree that has one. */
void plan_write_target(
	struct plan_writer *w, const char *key, struct position at, struct str name);
/* Appends the tree written so far; the writer is as new, with the memory that it has. RC_INVALID as
 * plan_writer_finish, but for keys that repeat, which show in the plan; RC_FULL: `out` is. */
MUST_USE enum rc plan_writer_take_fragment(struct plan_writer *w, struct buffer *out);

typedef void plan_target_seen_fn(void *arg, struct str key, struct str name);
/* Those of the tree written so far, in the order in which plan_write_fragment asks for them. */
void plan_writer_each_target(const struct plan_writer *w, plan_target_seen_fn *seen, void *arg);

/* A checksum against damage, not against malice: 20 MB take 8 ms. */
uint64_t plan_sum(struct str bytes);

/* The number that a target stands for; below 0 makes plan_writer_finish fail. */
typedef int64_t plan_target_fn(void *arg, struct str key, struct str name);
/* As an element of the innermost open array. What is no fragment makes plan_writer_finish fail. */
void plan_write_fragment(
	struct plan_writer *w, struct str fragment, plan_target_fn *resolve, void *arg);
