/* SPDX-License-Identifier: Apache-2.0 */
/* connection/coarse.h - waiting lazily for idle connections.
 *
 * An idle timer is not restarted when its connection is used: it is left to fire, looks when the
 * connection fell idle, and waits for what is left. What is left is rounded up to eighths of the
 * whole, since the loop has a list per distinct duration. */
#pragma once

#include <stdint.h>

static inline int64_t coarse_wait_ms(int64_t left_ms, int64_t whole_ms)
{
	int64_t step = whole_ms / 8 + 1;
	return (left_ms + step - 1) / step * step;
}
