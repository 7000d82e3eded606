/* SPDX-License-Identifier: Apache-2.0 */
#include "http/h2_budget.h"

/* So many streams are remembered, at most. */
#define SHARE_ENDED_MAX 1000

void h2_bucket_init(struct h2_bucket *b, uint32_t burst, uint32_t per_second)
{
	int64_t milli = (int64_t)burst * 1000;
	*b = (struct h2_bucket){
		.milli = milli, .burst_milli = milli, .at_ms = -1, .per_second = per_second};
}

static void refill(struct h2_bucket *b, int64_t now_ms)
{
	int64_t passed_ms = b->at_ms < 0 ? 0 : now_ms - b->at_ms;
	b->at_ms = now_ms;
	if (passed_ms <= 0)
		return;
	int64_t missing = b->burst_milli - b->milli;
	bool is_full = b->per_second > 0 && passed_ms >= missing / b->per_second + 1;
	b->milli += is_full ? missing : passed_ms * b->per_second;
}

bool h2_bucket_take(struct h2_bucket *b, int64_t now_ms, uint32_t tokens)
{
	refill(b, now_ms);
	int64_t milli = (int64_t)tokens * 1000;
	if (b->milli < milli) {
		b->milli = 0;
		return false;
	}
	b->milli -= milli;
	return true;
}

unsigned h2_bucket_used_percent(const struct h2_bucket *b)
{
	if (b->burst_milli == 0)
		return 100;
	return (unsigned)((b->burst_milli - b->milli) * 100 / b->burst_milli);
}

bool h2_share_note(struct h2_share *s, bool is_premature)
{
	if (s->ended >= SHARE_ENDED_MAX) {
		s->ended /= 2;
		s->premature /= 2;
	}
	s->ended++;
	s->premature += is_premature;
	return s->ended < s->ended_min ||
	       (uint64_t)s->premature * 100 <= (uint64_t)s->ended * s->percent_max;
}
