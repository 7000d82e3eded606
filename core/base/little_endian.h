/* SPDX-License-Identifier: Apache-2.0 */
/* base/little_endian.h - numbers in files, the lowest byte first, wherever they stand. */
#pragma once

#include <stdint.h>

/* The lowest `bytes` (at most 8) of `value`. */
static inline void le_put(void *at, uint64_t value, unsigned bytes)
{
	uint8_t *to = at;
	for (unsigned i = 0; i < bytes; i++)
		to[i] = (uint8_t)(value >> (8 * i));
}

static inline uint64_t le_get(const void *at, unsigned bytes)
{
	const uint8_t *from = at;
	uint64_t value = 0;
	for (unsigned i = 0; i < bytes; i++)
		value |= (uint64_t)from[i] << (8 * i);
	return value;
}
