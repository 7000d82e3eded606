/* SPDX-License-Identifier: Apache-2.0 */
/* generation/instance_set.h - the policy instances that live, by binding.
 *
 * The set holds one reference to each; chains hold the others. When only the set's is left, no
 * exchange can reach the instance any more, and it may be stopped on the workers and released.
 *
 * Threads      the main thread. */
#pragma once

#include "policy/instance.h"

struct instance_set {
	struct sluice_instance **items; /* owned; refs */
	size_t count;
	size_t capacity;
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
/* Removes and returns (with the reference) one that nobody else holds; NULL when there is none. */
struct sluice_instance *instance_set_take_unused(struct instance_set *s);
