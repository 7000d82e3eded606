/* SPDX-License-Identifier: Apache-2.0 */
/* http/query_mask.h - request targets without what is secret in their query.
 *
 * Only the part behind the first '?' is looked at; names stay as they came.
 */
#pragma once

#include "base/arena.h"
#include "base/str.h"

/* `*` for the value of every parameter, for where nobody knows which of them are secret. What does
 * not fit into `room` bytes of `out` is cut off. */
struct str query_mask_all(struct str target, char *out, size_t room);

/* Whether the value of the parameter with this name (decoded) is secret. Asked twice of each. */
typedef bool query_secret_fn(void *arg, struct str name);
/* `***` for the values of those that are, and how many were; `target` itself where there is none.
 * When the arena is spent: what stands in front of the query, and -1. */
struct str query_mask(struct str target, query_secret_fn *is_secret, void *arg, struct arena *arena,
	int32_t *masked);
