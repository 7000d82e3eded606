/* SPDX-License-Identifier: Apache-2.0 */
/* generation/instance_set.h - the policy instances that live, by binding.
 *
 * The set holds one reference to each; chains hold the others. When only the set's is left, no
 * exchange can reach the instance any more, and it may be stopped on the workers and released.
 *
 * Finding takes the same time among ten and among a hundred thousand.
 *
 * Invariant    S1  every item stands once in each of the two tables.
 * Threads      the main thread. */
#pragma once

#include "policy/instance.h"

struct instance_set_entry;

struct instance_set {
	struct sluice_instance **items; /* owned; refs; in the order of their coming */
	size_t count;
	size_t capacity;
	struct instance_set_entry *by_key, *by_binding; /* owned: see instance_set.c */
	size_t slot_count;                              /* of each; a power of two, or 0 */
};

void instance_set_init(struct instance_set *s);
/* Everything must have been taken. */
void instance_set_deinit(struct instance_set *s);
/* Takes over the caller's reference. */
void instance_set_add(struct instance_set *s, struct sluice_instance *i);
/* The one with that key; NULL. */
struct sluice_instance *instance_set_find(
	const struct instance_set *s, const struct instance_key *key);
/* The newest of that binding, for `previous`; NULL. */
struct sluice_instance *instance_set_find_binding(const struct instance_set *s, struct str binding);
/* Removes those that nobody else holds, and hands each to `fn`, with its reference. */
typedef void instance_set_fn(void *arg, struct sluice_instance *unused);
void instance_set_sweep(struct instance_set *s, instance_set_fn *fn, void *arg);
