/* SPDX-License-Identifier: Apache-2.0 */
/* http/put.h - copies of the short parts that heads are made of. */
#pragma once

#include "base/str.h"

/* Most parts are shorter than a call to memcpy is worth. */
static inline char *put_n(char *to, const char *from, size_t n)
{
	if (n > 16) {
		memcpy(to, from, n);
	} else if (n >= 8) {
		uint64_t first, last;
		memcpy(&first, from, 8);
		memcpy(&last, from + n - 8, 8);
		memcpy(to, &first, 8);
		memcpy(to + n - 8, &last, 8);
	} else if (n >= 4) {
		uint32_t first, last;
		memcpy(&first, from, 4);
		memcpy(&last, from + n - 4, 4);
		memcpy(to, &first, 4);
		memcpy(to + n - 4, &last, 4);
	} else {
		for (size_t i = 0; i < n; i++)
			to[i] = from[i];
	}
	return to + n;
}

static inline char *put(char *to, struct str s)
{
	return put_n(to, s.p, s.n);
}
