/* SPDX-License-Identifier: Apache-2.0 */
/* Quotas in both homes: the script is told the time, and spends what memory spends. */
#include "state/both_homes.h"

#include "state/quota.h"
#include "state/redis_script.h"

#define QUESTIONS 1500
#define START_MS  1700000000000

/* --- a clock of the test's ------------------------------------------------------------------- */
/* What is sent has the script between its first "$" of a text and its key: it is replaced by one that looks at another
 * clock, and never lets a key expire. */
static struct sluice_answer ask_redis_at(const struct sluice_question *q, int64_t now_ms)
{
	const struct redis_scope scope = {STR("tenant:gateway"), STR("binding")};
	struct str text = redis_script_text(SLUICE_SPEND);
	struct buffer b, with_clock, sent;
	char head[64];
	buffer_init(&b, SIZE_MAX);
	buffer_init(&with_clock, SIZE_MAX);
	buffer_init(&sent, SIZE_MAX);
	redis_question_add(&b, scope, q, 1, REDIS_SCRIPT_WHOLE);
	buffer_addf(&with_clock,
		"local real = redis\n"
		"local redis = {call = function(name, ...)\n"
		"if name == 'TIME' then return {'%lld', '%lld'} end\n"
		"if name == 'PEXPIREAT' then return 1 end\n"
		"return real.call(name, ...) end}\n%.*s",
		(long long)(now_ms / 1000), (long long)(now_ms % 1000 * 1000), STR_ARG(text));
	const char *at = memmem(b.p, b.n, text.p, text.n);
	ck_assert_ptr_nonnull(at);
	int n = snprintf(head, sizeof(head), "$%zu\r\n", text.n);
	buffer_add(&sent, str_n(b.p, (size_t)(at - b.p) - (size_t)n));
	buffer_addf(&sent, "$%zu\r\n", with_clock.n);
	buffer_add(&sent, buffer_str(&with_clock));
	buffer_add(&sent, str_n(at + text.n, b.n - (size_t)(at - b.p) - text.n));
	buffer_deinit(&b);
	buffer_deinit(&with_clock);
	struct redis_reply reply = redis_server_ask(&server, &sent);
	struct sluice_answer a = {0};
	ck_assert_msg(redis_answer_take(&reply, &arena, &a) == RC_OK, "it says %.*s",
		STR_ARG(reply.values[0].text));
	return a;
}

/* --- the same questions ---------------------------------------------------------------------- */
static const struct sluice_quota_limit limits_of[][3] = {
	[SLUICE_QUOTA_FIXED] = {{30, 1000, 0}, {90, 3700, 0}, {400, 20000, 0}},
	[SLUICE_QUOTA_SLIDING] = {{7, 1000, 0}, {20, 3, 0}, {40, 20001, 0}},
	[SLUICE_QUOTA_EVEN] = {{7, 1000, 3}, {40, 7001, 40}, {4000000000, 31536000000, 9}},
};

static struct sluice_question draw_question(void)
{
	static const char *const keys[] = {"a", "b", "c", "d", "e", "f"};
	static const int64_t costs[] = {0, 1, 1, 1, 2, 3, 9, SLUICE_COUNT_MAX};
	unsigned which = draw(6);
	return (struct sluice_question){.size = sizeof(struct sluice_question),
		.kind = SLUICE_SPEND,
		.key = {keys[which], 1},
		.delta = costs[draw(8)],
		.more = which % 3 == SLUICE_QUOTA_FIXED && draw(2) ? costs[draw(8)] : 0,
		.limits = limits_of[which % 3],
		.limit_count = which < 3 ? 3 : 1,
		.quota = which % 3};
}

START_TEST(both_homes_spend_the_same)
{
	int64_t now_ms = START_MS;
	unsigned allowed = 0, refused = 0;
	both_begin();
	for (unsigned i = 0; i < QUESTIONS; i++) {
		struct sluice_question q = draw_question();
		struct sluice_answer m = ask_memory_at(&q, now_ms), r = ask_redis_at(&q, now_ms);
		ck_assert(quota_is_valid(&q));
		ck_assert_msg(m.result == r.result && m.count == r.count && m.index == r.index &&
				      m.spent == r.spent && m.remaining_ms == r.remaining_ms,
			"%u, kind %u, cost %lld: %d, %lld left of %u, more in %lld; Redis %d, "
			"%lld, %u, %lld",
			i, q.quota, (long long)q.delta, m.result, (long long)m.count, m.index,
			(long long)m.remaining_ms, r.result, (long long)r.count, r.index,
			(long long)r.remaining_ms);
		allowed += m.result == SLUICE_OK;
		refused += m.result == SLUICE_E_CONFLICT;
		now_ms += draw(4) ? draw(60) : draw(5000);
	}
	ck_assert_uint_gt(allowed, QUESTIONS / 4);
	ck_assert_uint_gt(refused, QUESTIONS / 8);
	both_end();
}
END_TEST

START_TEST(no_more_than_an_eighth_is_taken_ahead)
{
	const struct sluice_quota_limit limits[] = {{100, 60000, 0}, {41, 60000, 0}};
	struct sluice_question q = {.size = sizeof(q),
		.kind = SLUICE_SPEND,
		.key = {"k", 1},
		.delta = 1,
		.more = 50,
		.limits = limits,
		.limit_count = 2};
	static const int64_t spent[] = {6, 5, 4};
	both_begin();
	for (size_t i = 0; i < 3; i++) {
		ck_assert_int_eq(ask_memory_at(&q, START_MS).spent, spent[i]);
		ck_assert_int_eq(ask_redis_at(&q, START_MS).spent, spent[i]);
	}
	q.delta = 27;
	ck_assert_int_eq(ask_memory_at(&q, START_MS).spent, 0);
	ck_assert_int_eq(ask_redis_at(&q, START_MS).spent, 0);
	q.delta = 0;
	ck_assert_int_eq(ask_memory_at(&q, START_MS).spent, 3);
	ck_assert_int_eq(ask_redis_at(&q, START_MS).spent, 3);
	both_end();
}
END_TEST

START_TEST(a_limit_that_was_lowered_has_nothing_left)
{
	const struct sluice_quota_limit many = {10, 60000, 0}, few = {4, 60000, 0};
	both_begin();
	for (uint32_t kind = SLUICE_QUOTA_FIXED; kind <= SLUICE_QUOTA_SLIDING; kind++) {
		struct sluice_question q = {.size = sizeof(q),
			.kind = SLUICE_SPEND,
			.key = {kind ? "a" : "b", 1},
			.delta = 8,
			.limits = &many,
			.limit_count = 1,
			.quota = kind};
		ck_assert_int_eq(ask_memory_at(&q, START_MS).count, 2);
		ck_assert_int_eq(ask_redis_at(&q, START_MS).count, 2);
		q.limits = &few;
		q.delta = 1;
		struct sluice_answer m = ask_memory_at(&q, START_MS),
				     r = ask_redis_at(&q, START_MS);
		ck_assert_int_eq(m.result, SLUICE_E_CONFLICT);
		ck_assert_int_eq(r.result, SLUICE_E_CONFLICT);
		ck_assert_int_eq(m.count, 0);
		ck_assert_int_eq(r.count, 0);
	}
	both_end();
}
END_TEST

START_TEST(a_key_of_another_sort_is_refused)
{
	struct sluice_question spend = {.size = sizeof(spend),
		.kind = SLUICE_SPEND,
		.key = {"k", 1},
		.delta = 1,
		.limits = limits_of[SLUICE_QUOTA_EVEN],
		.limit_count = 1,
		.quota = SLUICE_QUOTA_EVEN};
	both_begin();
	ck_assert_int_eq(ask_memory_at(&spend, START_MS).result, SLUICE_OK);
	ck_assert_int_eq(ask_redis_at(&spend, START_MS).result, SLUICE_OK);
	spend.limit_count = 2;
	ck_assert_int_eq(ask_memory_at(&spend, START_MS).result, SLUICE_E_INVALID);
	ck_assert_int_eq(ask_redis_at(&spend, START_MS).result, SLUICE_E_INVALID);
	spend.quota = SLUICE_QUOTA_FIXED;
	spend.limits = limits_of[SLUICE_QUOTA_FIXED];
	spend.limit_count = 1;
	ck_assert_int_eq(ask_memory_at(&spend, START_MS).result, SLUICE_E_INVALID);
	ck_assert_int_eq(ask_redis_at(&spend, START_MS).result, SLUICE_E_INVALID);
	both_end();
}
END_TEST

/* --- the server's clock ---------------------------------------------------------------------- */
static struct sluice_answer ask_redis(const struct sluice_question *q)
{
	struct sluice_answer a;
	ck_assert_int_eq(try_redis(q, 1, REDIS_SCRIPT_WHOLE, &a), RC_OK);
	return a;
}

START_TEST(quota_comes_back_by_the_clock_of_the_server)
{
	static const struct sluice_quota_limit limits[] = {{5, 40, 0}, {5, 40, 0}, {5, 40, 5}};
	both_begin();
	for (uint32_t kind = 0; kind <= SLUICE_QUOTA_EVEN; kind++) {
		const char *key = &"abc"[kind];
		struct sluice_question q = {.size = sizeof(q),
			.kind = SLUICE_SPEND,
			.key = {key, 1},
			.delta = 5,
			.limits = &limits[kind],
			.limit_count = 1,
			.quota = kind};
		ck_assert_int_eq(ask_redis(&q).result, SLUICE_OK);
		struct sluice_answer a;
		do {
			a = ask_redis(&q);
			ck_assert_int_le(a.remaining_ms, 50);
		} while (a.result == SLUICE_E_CONFLICT);
		ck_assert_int_eq(a.result, SLUICE_OK);
	}
	both_end();
}
END_TEST

START_TEST(keys_end_with_their_quota)
{
	const struct sluice_quota_limit limit = {5, 20, 0};
	const struct str size[] = {STR("DBSIZE")};
	struct sluice_question q = {.size = sizeof(q),
		.kind = SLUICE_SPEND,
		.key = {"k", 1},
		.delta = 1,
		.limits = &limit,
		.limit_count = 1,
		.quota = SLUICE_QUOTA_SLIDING};
	int64_t left;
	both_begin();
	ck_assert_int_eq(ask_redis(&q).result, SLUICE_OK);
	do {
		struct buffer b;
		buffer_init(&b, SIZE_MAX);
		redis_command_add(&b, size, 1);
		left = redis_server_ask(&server, &b).values[0].integer;
	} while (left > 0);
	both_end();
}
END_TEST

UNIT_SUITE(redis_quota, both_homes_spend_the_same, no_more_than_an_eighth_is_taken_ahead,
	a_limit_that_was_lowered_has_nothing_left, a_key_of_another_sort_is_refused,
	quota_comes_back_by_the_clock_of_the_server, keys_end_with_their_quota)
