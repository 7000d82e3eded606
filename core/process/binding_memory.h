/* SPDX-License-Identifier: Apache-2.0 */
/* process/binding_memory.h - what the bindings that serve hold of the heap.
 *
 * Threads      the main thread. */
#pragma once

#include "base/buffer.h"
#include "generation/generation.h"

/* The gauge sluice_binding_memory_bytes, read at this moment: what each plugin took with
 * instance_alloc for a binding and has not given back. Beyond LIMIT_BINDINGS_MEASURED bindings the
 * rest is one row, "other". NULL: nothing serves. */
void binding_memory_print(const struct generation *current, struct buffer *out);
