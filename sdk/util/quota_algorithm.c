/* SPDX-License-Identifier: Apache-2.0 */
#include "util/quota_algorithm.h"

#include <string.h>

/* --- fixed windows --------------------------------------------------------------------------- */
static void window_open(void *account, int64_t now_ms)
{
	*(struct fixed_window *)account = (struct fixed_window){.start_ms = now_ms};
}

static int64_t window_end_ms(const struct window_limit *limit, const void *account)
{
	return ((const struct fixed_window *)account)->start_ms + limit->period_ms;
}

const struct algorithm algorithm_fixed_window = {
	.name = "fixedWindow",
	.bytes = sizeof(struct fixed_window),
	.open = window_open,
	.has = fixed_window_has,
	.take = fixed_window_take,
	.end_ms = window_end_ms,
};

/* --- sliding window -------------------------------------------------------------------------- */
#define PIECES 16

/* Of the pieces that a period touches the first and the last may lie in it by half: one more. */
struct sliding {
	int64_t newest; /* number of the piece that runs, counted from the clock's 0 */
	uint32_t total;
	uint32_t used[PIECES + 1]; /* of piece n at n modulo its length */
};

static int64_t piece_ms(const struct window_limit *limit)
{
	return (limit->period_ms + PIECES - 1) / PIECES;
}

/* How many pieces a period of whole milliseconds touches at most. */
static int64_t pieces_kept(const struct window_limit *limit)
{
	int64_t ms = piece_ms(limit);
	return (limit->period_ms - 1 + ms - 1) / ms + 1;
}

static uint32_t *piece_at(struct sliding *s, int64_t n)
{
	return &s->used[n % (PIECES + 1)];
}

static void sliding_open(void *account, int64_t now_ms)
{
	(void)now_ms;
	memset(account, 0, sizeof(struct sliding));
}

static void sliding_advance(const struct window_limit *limit, struct sliding *s, int64_t now_ms)
{
	int64_t kept = pieces_kept(limit);
	int64_t newest = now_ms / piece_ms(limit);
	if (newest >= s->newest + kept)
		*s = (struct sliding){.newest = newest};
	for (; s->newest < newest; s->newest++) {
		uint32_t *left = piece_at(s, s->newest + 1 - kept + PIECES + 1);
		s->total -= *left;
		*left = 0;
	}
}

/* A limit that was lowered has nothing left. */
static uint64_t sliding_left(const struct window_limit *limit, const struct sliding *s)
{
	return limit->requests_max > s->total ? limit->requests_max - s->total : 0;
}

static int sliding_has(
	const struct window_limit *limit, void *account, int64_t now_ms, uint64_t cost)
{
	struct sliding *s = account;
	sliding_advance(limit, s, now_ms);
	return cost <= sliding_left(limit, s);
}

/* Until `missing` have left, or all; there are some. */
static int64_t sliding_wait_ms(
	const struct window_limit *limit, struct sliding *s, int64_t now_ms, uint64_t missing)
{
	int64_t kept = pieces_kept(limit), last = s->newest;
	uint64_t left = 0;
	for (int64_t n = s->newest - kept + 1; n <= s->newest && left < missing; n++) {
		uint32_t used = *piece_at(s, n + PIECES + 1);
		left += used;
		last = used ? n : last;
	}
	int64_t wait = (last + kept) * piece_ms(limit) - now_ms;
	int64_t longest = kept * piece_ms(limit);
	return wait > longest ? longest : wait;
}

static struct quota sliding_take(const struct window_limit *limit, void *account, int64_t now_ms,
	uint64_t cost, int is_allowed)
{
	struct sliding *s = account;
	if (is_allowed) {
		*piece_at(s, s->newest) += (uint32_t)cost;
		s->total += (uint32_t)cost;
	}
	uint64_t remaining = sliding_left(limit, s);
	uint64_t missing = cost > remaining && !is_allowed ? cost - remaining : 1;
	return (struct quota){
		.allowed = is_allowed,
		.limit = limit->requests_max,
		.remaining = remaining,
		.reset_ms = s->total ? sliding_wait_ms(limit, s, now_ms, missing) : 0,
	};
}

static int64_t sliding_end_ms(const struct window_limit *limit, const void *account)
{
	const struct sliding *s = account;
	return (s->newest + pieces_kept(limit)) * piece_ms(limit);
}

const struct algorithm algorithm_sliding_window = {
	.name = "slidingWindow",
	.bytes = sizeof(struct sliding),
	.open = sliding_open,
	.has = sliding_has,
	.take = sliding_take,
	.end_ms = sliding_end_ms,
};

/* --- GCRA (ITU-T I.371, as a virtual schedule) ----------------------------------------------- */
#define NS_PER_MS 1000000

struct schedule {
	int64_t seen_ms;
	int64_t arrival_ns; /* when all that was taken would have come, had it come evenly */
};

static int64_t interval_ns(const struct window_limit *limit)
{
	int64_t most = (int64_t)limit->requests_max;
	return (limit->period_ms * NS_PER_MS + most - 1) / most;
}

/* How far the schedule is ahead of the clock. */
static int64_t ahead_ns(const struct schedule *s)
{
	int64_t ns = s->arrival_ns - s->seen_ms * NS_PER_MS;
	return ns > 0 ? ns : 0;
}

static void schedule_open(void *account, int64_t now_ms)
{
	*(struct schedule *)account =
		(struct schedule){.seen_ms = now_ms, .arrival_ns = now_ms * NS_PER_MS};
}

static uint64_t schedule_remaining(const struct window_limit *limit, const struct schedule *s)
{
	int64_t interval = interval_ns(limit);
	int64_t free_ns = (int64_t)limit->burst * interval - ahead_ns(s);
	return free_ns > 0 ? (uint64_t)(free_ns / interval) : 0;
}

static int schedule_has(
	const struct window_limit *limit, void *account, int64_t now_ms, uint64_t cost)
{
	struct schedule *s = account;
	s->seen_ms = now_ms > s->seen_ms ? now_ms : s->seen_ms;
	return cost <= schedule_remaining(limit, s);
}

/* Until `wanted` fit at once, or the burst. */
static int64_t schedule_wait_ms(
	const struct window_limit *limit, const struct schedule *s, uint64_t wanted)
{
	uint64_t fit = wanted < limit->burst ? wanted : limit->burst;
	int64_t ns = ahead_ns(s) - (int64_t)(limit->burst - fit) * interval_ns(limit);
	return ns > 0 ? (ns + NS_PER_MS - 1) / NS_PER_MS : 0;
}

static struct quota schedule_take(const struct window_limit *limit, void *account, int64_t now_ms,
	uint64_t cost, int is_allowed)
{
	struct schedule *s = account;
	if (is_allowed)
		s->arrival_ns =
			s->seen_ms * NS_PER_MS + ahead_ns(s) + (int64_t)cost * interval_ns(limit);
	uint64_t remaining = schedule_remaining(limit, s);
	uint64_t wanted = cost > remaining && !is_allowed ? cost : remaining + 1;
	return (struct quota){
		.allowed = is_allowed,
		.limit = limit->burst,
		.remaining = remaining,
		.reset_ms = schedule_wait_ms(limit, s, wanted),
	};
}

static int64_t schedule_end_ms(const struct window_limit *limit, const void *account)
{
	return (((const struct schedule *)account)->arrival_ns + NS_PER_MS - 1) / NS_PER_MS;
}

const struct algorithm algorithm_gcra = {
	.name = "gcra",
	.bytes = sizeof(struct schedule),
	.open = schedule_open,
	.has = schedule_has,
	.take = schedule_take,
	.end_ms = schedule_end_ms,
};
