/* SPDX-License-Identifier: Apache-2.0 */
/* http/h2_memory.h - what the library may take for one session.
 *
 * Comes from the thread's pool where it is small, so that a stream in steady state allocates
 * nothing. */
#pragma once

#include "base/pool.h"

#include <stdbool.h>

#include <nghttp2/nghttp2.h>

struct h2_memory {
	nghttp2_mem calls; /* of malloc's kind; their user data is this */
	struct pool *pool; /* borrowed */
	size_t used, max;
	bool failed; /* once the maximum was asked for */
};

void h2_memory_init(struct h2_memory *m, struct pool *pool, size_t max);
