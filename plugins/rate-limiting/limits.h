/* SPDX-License-Identifier: Apache-2.0 */
/* rate-limiting/limits.h - the limits of a binding, as its configuration has them.
 *
 * Threads      the one that configures.
 */
#ifndef RATE_LIMITING_LIMITS_H
#define RATE_LIMITING_LIMITS_H

#include "util/quota_algorithm.h"

#define WINDOWS_MAX 16
/* RateLimit-Policy of sixteen limits. */
#define LIMITS_TEXT_MAX 1280

struct limits {
	const struct algorithm *algorithm;
	size_t count;
	struct window_limit windows[WINDOWS_MAX];
};

/* SLUICE_E_INVALID: every mistake was told at its place. */
int32_t limits_read(
	const struct sluice_call *call, const struct sluice_value *config, struct limits *limits);
/* RateLimit-Policy: each limit's quota, and its period where that is of whole seconds; named by
 * numbers from 1. The length. */
size_t limits_text(const struct limits *limits, char out[LIMITS_TEXT_MAX]);

#endif
