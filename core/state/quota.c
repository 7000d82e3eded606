/* SPDX-License-Identifier: Apache-2.0 */
#include "state/quota.h"

#include "util/quota_algorithm.h"

#define PERIOD_MS_MAX 31622400000
/* Of what is left, so much may be taken ahead at once. */
#define AHEAD_PART 8

static const struct algorithm *algorithm_of(const struct sluice_question *q)
{
	static const struct algorithm *const all[] = {
		[SLUICE_QUOTA_FIXED] = &algorithm_fixed_window,
		[SLUICE_QUOTA_SLIDING] = &algorithm_sliding_window,
		[SLUICE_QUOTA_EVEN] = &algorithm_gcra,
	};
	return all[q->quota];
}

static struct window_limit limit_of(const struct sluice_question *q, size_t i)
{
	const struct sluice_quota_limit *l = &q->limits[i];
	return (struct window_limit){(uint64_t)l->most, l->period_ms, (uint64_t)l->burst};
}

static void *account_at(const struct sluice_question *q, struct quota_accounts *a, size_t i)
{
	return (char *)a->words + i * algorithm_of(q)->bytes;
}

static bool limit_is_valid(const struct sluice_quota_limit *l, uint32_t kind)
{
	int64_t most = kind == SLUICE_QUOTA_FIXED ? SLUICE_COUNT_MAX : ALGORITHM_REQUESTS_MAX;
	int64_t burst_min = kind == SLUICE_QUOTA_EVEN, burst_max = burst_min ? l->most : 0;
	return l->most >= 1 && l->most <= most && l->period_ms >= 1 &&
	       l->period_ms <= PERIOD_MS_MAX && l->burst >= burst_min && l->burst <= burst_max;
}

bool quota_is_valid(const struct sluice_question *q)
{
	if (q->quota > SLUICE_QUOTA_EVEN || !q->limits || q->limit_count < 1 ||
		q->limit_count > SLUICE_QUOTA_LIMITS_MAX || q->delta < 0 ||
		q->delta > SLUICE_COUNT_MAX || q->more < 0 || q->more > SLUICE_COUNT_MAX ||
		(q->more > 0 && q->quota != SLUICE_QUOTA_FIXED))
		return false;
	for (size_t i = 0; i < q->limit_count; i++)
		if (!limit_is_valid(&q->limits[i], q->quota))
			return false;
	return true;
}

size_t quota_bytes(const struct sluice_question *q)
{
	return q->limit_count * algorithm_of(q)->bytes;
}

void quota_open(const struct sluice_question *q, struct quota_accounts *to, int64_t now_ms)
{
	for (size_t i = 0; i < q->limit_count; i++)
		algorithm_of(q)->open(account_at(q, to, i), now_ms);
}

/* A limit that was lowered has nothing left. */
static void window_cut(struct fixed_window *w, const struct window_limit *limit)
{
	if (w->used > limit->requests_max)
		w->used = limit->requests_max;
}

static bool all_have(
	const struct sluice_question *q, struct quota_accounts *accounts, int64_t now_ms)
{
	bool is_allowed = true;
	for (size_t i = 0; i < q->limit_count; i++) {
		const struct window_limit limit = limit_of(q, i);
		void *account = account_at(q, accounts, i);
		if (q->quota == SLUICE_QUOTA_FIXED)
			window_cut(account, &limit);
		if (!algorithm_of(q)->has(&limit, account, now_ms, (uint64_t)q->delta))
			is_allowed = false;
	}
	return is_allowed;
}

/* Fixed windows that all have `delta`. */
static int64_t ahead_of(const struct sluice_question *q, struct quota_accounts *accounts)
{
	int64_t ahead = q->more;
	for (size_t i = 0; ahead > 0 && i < q->limit_count; i++) {
		const struct fixed_window *w = account_at(q, accounts, i);
		int64_t left = q->limits[i].most - (int64_t)w->used - q->delta;
		ahead = left / AHEAD_PART < ahead ? left / AHEAD_PART : ahead;
	}
	return ahead;
}

static bool is_nearer(const struct quota *q, const struct sluice_answer *a)
{
	int64_t left = (int64_t)q->remaining;
	return left < a->count || (left == a->count && q->reset_ms > a->remaining_ms);
}

bool quota_spend(const struct sluice_question *q, struct quota_accounts *accounts, int64_t now_ms,
	struct sluice_answer *a)
{
	bool is_allowed = all_have(q, accounts, now_ms);
	a->spent = is_allowed ? q->delta + ahead_of(q, accounts) : 0;
	uint64_t cost = (uint64_t)(is_allowed ? a->spent : q->delta);
	a->count = INT64_MAX;
	for (size_t i = 0; i < q->limit_count; i++) {
		const struct window_limit limit = limit_of(q, i);
		struct quota told = algorithm_of(q)->take(
			&limit, account_at(q, accounts, i), now_ms, cost, is_allowed);
		if (!is_nearer(&told, a))
			continue;
		a->index = (uint32_t)i;
		a->count = (int64_t)told.remaining;
		a->remaining_ms = told.reset_ms;
	}
	return is_allowed;
}

int64_t quota_end_ms(const struct sluice_question *q, const struct quota_accounts *accounts)
{
	int64_t end = INT64_MIN;
	for (size_t i = 0; i < q->limit_count; i++) {
		const struct window_limit limit = limit_of(q, i);
		const void *account = (const char *)accounts->words + i * algorithm_of(q)->bytes;
		int64_t e = algorithm_of(q)->end_ms(&limit, account);
		end = e > end ? e : end;
	}
	return end;
}
