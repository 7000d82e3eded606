/* SPDX-License-Identifier: Apache-2.0 */
#include "unit.h"

#include "util/quota_algorithm.h"

#define ACCOUNT_WORDS 16

struct trial {
	const struct algorithm *how;
	struct window_limit limit;
	int64_t account[ACCOUNT_WORDS];
};

static struct trial trial(const struct algorithm *how, struct window_limit limit, int64_t now_ms)
{
	struct trial t = {.how = how, .limit = limit};
	ck_assert_uint_le(how->bytes, sizeof(t.account));
	how->open(t.account, now_ms);
	return t;
}

static struct quota take(struct trial *t, int64_t now_ms, uint64_t cost)
{
	int is_allowed = t->how->has(&t->limit, t->account, now_ms, cost);
	return t->how->take(&t->limit, t->account, now_ms, cost, is_allowed);
}

static void assert_quota(struct quota q, int allowed, uint64_t remaining, int64_t reset_ms)
{
	ck_assert_int_eq(q.allowed, allowed);
	ck_assert_uint_eq(q.remaining, remaining);
	ck_assert_int_eq(q.reset_ms, reset_ms);
}

/* --- what each does -------------------------------------------------------------------------- */
START_TEST(a_fixed_window_has_all_back_at_its_end)
{
	struct trial t = trial(&algorithm_fixed_window, (struct window_limit){5, 1000, 0}, 300);
	assert_quota(take(&t, 300, 3), 1, 2, 1000);
	assert_quota(take(&t, 400, 3), 0, 2, 900);
	assert_quota(take(&t, 400, 0), 1, 2, 900);
	assert_quota(take(&t, 1299, 2), 1, 0, 1);
	ck_assert_int_eq(t.how->end_ms(&t.limit, t.account), 1300);
	assert_quota(take(&t, 1300, 6), 0, 5, 1000);
	assert_quota(take(&t, 1300, 5), 1, 0, 1000);
}
END_TEST

/* Pieces of 100 ms; what was used in one is back when the whole of it has left the period. */
START_TEST(a_sliding_window_gives_back_piece_by_piece)
{
	struct trial t = trial(&algorithm_sliding_window, (struct window_limit){5, 1600, 0}, 0);
	assert_quota(take(&t, 150, 2), 1, 3, 1650);
	assert_quota(take(&t, 250, 3), 1, 0, 1550);
	assert_quota(take(&t, 1799, 1), 0, 0, 1);
	assert_quota(take(&t, 1799, 3), 0, 0, 101);
	assert_quota(take(&t, 1799, 6), 0, 0, 101);
	assert_quota(take(&t, 1800, 2), 1, 0, 100);
	assert_quota(take(&t, 1900, 3), 1, 0, 1600);
	ck_assert_int_eq(t.how->end_ms(&t.limit, t.account), 3600);
	assert_quota(take(&t, 3600, 0), 1, 5, 0);
}
END_TEST

/* A request each 200 ms, and three at once after a pause. */
START_TEST(gcra_gives_back_evenly)
{
	struct trial t = trial(&algorithm_gcra, (struct window_limit){5, 1000, 3}, 70);
	for (uint64_t left = 3; left-- > 0;)
		assert_quota(take(&t, 70, 1), 1, left, 200);
	assert_quota(take(&t, 70, 1), 0, 0, 200);
	assert_quota(take(&t, 269, 1), 0, 0, 1);
	assert_quota(take(&t, 270, 1), 1, 0, 200);
	assert_quota(take(&t, 300, 2), 0, 0, 370);
	assert_quota(take(&t, 300, 4), 0, 0, 570);
	ck_assert_int_eq(t.how->end_ms(&t.limit, t.account), 870);
	assert_quota(take(&t, 870, 0), 1, 3, 0);
	ck_assert_uint_eq(take(&t, 870, 0).limit, 3);
}
END_TEST

START_TEST(a_clock_that_lags_gives_nothing_back)
{
	static const struct algorithm *const all[] = {
		&algorithm_fixed_window, &algorithm_sliding_window, &algorithm_gcra};
	for (size_t i = 0; i < 3; i++) {
		struct window_limit limit = {2, 1600, i == 2 ? 2 : 0};
		struct trial t = trial(all[i], limit, 5000);
		ck_assert_int_eq(take(&t, 5000, 1).allowed, 1);
		ck_assert_int_eq(take(&t, 4990, 1).allowed, 1);
		struct quota q = take(&t, 4890, 1);
		ck_assert_int_eq(q.allowed, 0);
		ck_assert_int_le(q.reset_ms, 1700);
	}
}
END_TEST

/* --- what each promises, of many at random times --------------------------------------------- */
#define REQUESTS 2000

static uint32_t random_next(uint32_t *state)
{
	*state = *state * 1664525 + 1013904223;
	return *state >> 8;
}

/* What was allowed, and when. */
static size_t run(struct trial *t, uint32_t seed, int64_t at[REQUESTS], uint64_t cost[REQUESTS])
{
	size_t n = 0;
	int64_t now = 1000 + seed;
	for (int i = 0; i < REQUESTS; i++) {
		uint32_t step = random_next(&seed) % 100;
		now += step < 90 ? step % 4 : (int64_t)(step * (uint64_t)t->limit.period_ms / 80);
		uint64_t c = random_next(&seed) % 4;
		if (!take(t, now, c).allowed)
			continue;
		at[n] = now;
		cost[n++] = c;
	}
	return n;
}

/* The most of any period, wherever it begins. */
static uint64_t most_in(int64_t period_ms, const int64_t *at, const uint64_t *cost, size_t n)
{
	uint64_t sum = 0, most = 0;
	for (size_t first = 0, last = 0; last < n; last++) {
		sum += cost[last];
		while (at[first] <= at[last] - period_ms)
			sum -= cost[first++];
		most = sum > most ? sum : most;
	}
	return most;
}

static const int64_t periods[] = {1, 2, 15, 16, 17, 31, 100, 1600, 1601, 60000};
#define PERIODS (sizeof(periods) / sizeof(periods[0]))
static int64_t at[REQUESTS];
static uint64_t cost[REQUESTS];

START_TEST(no_period_has_more_than_a_sliding_window_allows)
{
	for (size_t i = 0; i < PERIODS; i++)
		for (uint32_t seed = 1; seed < 20; seed++) {
			struct trial t = trial(&algorithm_sliding_window,
				(struct window_limit){3 + seed, periods[i], 0}, 0);
			size_t n = run(&t, seed, at, cost);
			uint64_t most = most_in(periods[i], at, cost, n);
			ck_assert_msg(most <= 3 + seed, "%d ms: %d of %u", (int)periods[i],
				(int)most, 3 + seed);
			ck_assert_msg(periods[i] < 100 || most + 3 > 3 + seed,
				"%d ms: only %d of %u", (int)periods[i], (int)most, 3 + seed);
		}
}
END_TEST

START_TEST(no_period_has_more_than_a_burst_and_the_rate_of_gcra)
{
	for (size_t i = 0; i < PERIODS; i++)
		for (uint32_t seed = 1; seed < 20; seed++) {
			uint64_t burst = 3 + seed % 5;
			struct trial t = trial(&algorithm_gcra,
				(struct window_limit){3 + seed, periods[i], burst}, 0);
			size_t n = run(&t, seed, at, cost);
			uint64_t most = most_in(periods[i], at, cost, n);
			ck_assert_msg(
				most <= 3 + seed + burst, "%d ms: %d", (int)periods[i], (int)most);
			ck_assert_uint_le(most_in(1, at, cost, n),
				burst + (3 + seed) / (uint64_t)periods[i] + 1);
		}
}
END_TEST

/* Asked again when it was told to, what was refused passes; a moment before, it does not. */
START_TEST(the_time_that_is_told_is_the_first_that_helps)
{
	static const struct algorithm *const all[] = {
		&algorithm_fixed_window, &algorithm_sliding_window, &algorithm_gcra};
	for (size_t i = 0; i < 3 * PERIODS; i++) {
		struct window_limit limit = {7, periods[i / 3], i % 3 == 2 ? 4 : 0};
		struct trial t = trial(all[i % 3], limit, 1000);
		uint32_t seed = (uint32_t)i;
		int64_t now = 1000;
		for (int n = 0, refused = 0; refused < 50 && n < 100000; n++) {
			now += random_next(&seed) % 3;
			uint64_t c = 1 + random_next(&seed) % 4;
			struct quota q = take(&t, now, c);
			if (q.allowed)
				continue;
			refused++;
			ck_assert_int_gt(q.reset_ms, 0);
			ck_assert(!t.how->has(&t.limit, t.account, now + q.reset_ms - 1, c));
			now += q.reset_ms;
			ck_assert_msg(take(&t, now, c).allowed, "%s, %d ms", t.how->name,
				(int)limit.period_ms);
		}
	}
}
END_TEST

UNIT_SUITE(algorithm, a_fixed_window_has_all_back_at_its_end,
	a_sliding_window_gives_back_piece_by_piece, gcra_gives_back_evenly,
	a_clock_that_lags_gives_nothing_back, no_period_has_more_than_a_sliding_window_allows,
	no_period_has_more_than_a_burst_and_the_rate_of_gcra,
	the_time_that_is_told_is_the_first_that_helps)
