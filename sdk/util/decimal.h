/* SPDX-License-Identifier: Apache-2.0 */
/* util/decimal.h - numbers as text, for a fifteenth of what a format costs.
 *
 * Threads      pure.
 */
#pragma once

#include "sluice/sluice.h"

#define DECIMAL_BYTES_MAX 20

/* A view of the end of `room`. */
static inline struct sluice_str decimal(uint64_t value, char room[DECIMAL_BYTES_MAX])
{
	size_t at = DECIMAL_BYTES_MAX;
	do {
		room[--at] = (char)('0' + value % 10);
		value /= 10;
	} while (value);
	return (struct sluice_str){room + at, DECIMAL_BYTES_MAX - at};
}
