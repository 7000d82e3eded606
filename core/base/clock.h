/* SPDX-License-Identifier: Apache-2.0 */
/* base/clock.h - time as read from the operating system, and its text forms.
 *
 * Only `loop` reads these per turn; everything else asks its loop, so that tests can lie. */
#pragma once

#include "base/str.h"

/* CLOCK_MONOTONIC in nanoseconds. */
int64_t clock_monotonic_ns(void);
/* Processor time of the calling thread in nanoseconds. */
int64_t clock_thread_ns(void);
/* CLOCK_REALTIME in microseconds since 1970. */
int64_t clock_wall_us(void);

/* IMF-fixdate (RFC 9110 5.6.7), exactly 29 bytes, no NUL. */
#define CLOCK_HTTP_DATE_BYTES 29
void clock_http_date(int64_t wall_us, char out[CLOCK_HTTP_DATE_BYTES]);
/* RFC 3339 in UTC with milliseconds, "2026-01-31T09:30:00.123Z", exactly 24 bytes, no NUL. */
#define CLOCK_RFC3339_BYTES 24
void clock_rfc3339(int64_t wall_us, char out[CLOCK_RFC3339_BYTES]);
