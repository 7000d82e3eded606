/* SPDX-License-Identifier: Apache-2.0 */
#include "base/clock.h"

#include <stdio.h>
#include <time.h>

static int64_t read_ns(clockid_t id)
{
	struct timespec t;
	clock_gettime(id, &t);
	return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

int64_t clock_monotonic_ns(void)
{
	return read_ns(CLOCK_MONOTONIC);
}

int64_t clock_thread_ns(void)
{
	return read_ns(CLOCK_THREAD_CPUTIME_ID);
}

int64_t clock_wall_us(void)
{
	return read_ns(CLOCK_REALTIME) / 1000;
}

/* Rounded down, also before 1970. */
static int64_t floor_div(int64_t value, int64_t by)
{
	return value / by - (value % by < 0);
}

static struct tm broken_down(int64_t wall_us)
{
	time_t seconds = (time_t)floor_div(wall_us, 1000000);
	struct tm tm;
	gmtime_r(&seconds, &tm);
	return tm;
}

void clock_http_date(int64_t wall_us, char out[CLOCK_HTTP_DATE_BYTES])
{
	static const char days[7][4] = {"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};
	static const char months[12][4] = {
		"Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
	struct tm t = broken_down(wall_us);
	char text[64];
	snprintf(text, sizeof(text), "%s, %02d %s %04d %02d:%02d:%02d GMT", days[t.tm_wday],
		t.tm_mday, months[t.tm_mon], (t.tm_year + 1900) % 10000, t.tm_hour, t.tm_min,
		t.tm_sec);
	memcpy(out, text, CLOCK_HTTP_DATE_BYTES);
}

void clock_rfc3339(int64_t wall_us, char out[CLOCK_RFC3339_BYTES])
{
	struct tm t = broken_down(wall_us);
	char text[64];
	snprintf(text, sizeof(text), "%04d-%02d-%02dT%02d:%02d:%02d.%03dZ",
		(t.tm_year + 1900) % 10000, t.tm_mon + 1, t.tm_mday, t.tm_hour, t.tm_min, t.tm_sec,
		(int)((floor_div(wall_us, 1000) % 1000 + 1000) % 1000));
	memcpy(out, text, CLOCK_RFC3339_BYTES);
}
