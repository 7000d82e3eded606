/* SPDX-License-Identifier: Apache-2.0 */
/* Both homes of what policies remember are asked the same questions, and answer the same. */
#include "state/both_homes.h"

#define QUESTIONS 800
#define FOR_MS    600000
/* How far the clocks of both may be apart. */
#define APART_MS 300000

static enum rc try(
	const struct sluice_question *q, enum redis_script script, struct sluice_answer *a)
{
	return try_redis(q, prng_next(&prng) >> 1 | 1, script, a);
}

static struct sluice_answer ask_redis(const struct sluice_question *q)
{
	struct sluice_answer a;
	enum rc rc = try(q, REDIS_SCRIPT_NAMED, &a);
	if (rc == RC_NOT_FOUND)
		rc = try(q, REDIS_SCRIPT_WHOLE, &a);
	ck_assert_int_eq(rc, RC_OK);
	return a;
}

/* --- the same questions ---------------------------------------------------------------------- */
static const char *const keys[] = {"a", "b", "c", "d"};
static const char *const values[] = {"", "one", "two\r\n"};
static const int64_t numbers[] = {0, 1, 2, -1, -3, 5, SLUICE_COUNT_MAX, INT64_MAX, INT64_MIN};

static struct sluice_question draw_question(void)
{
	const char *key = keys[draw(4)], *value = values[draw(3)];
	struct sluice_question q = {.size = sizeof(q),
		.kind = draw(SLUICE_UNLOCK + 1),
		.key = {key, strlen(key)},
		.value = {value, strlen(value)},
		.delta = numbers[draw(sizeof(numbers) / sizeof(numbers[0]))],
		.limit = draw(2) ? 0 : 4,
		.for_ms = FOR_MS};
	if (q.kind == SLUICE_PUT && draw(3) == 0)
		q.for_ms = 0;
	return q;
}

struct answers {
	struct sluice_answer memory, redis;
};

static void compare(const struct answers *n, size_t i, uint32_t kind)
{
	const struct sluice_answer *m = &n->memory, *r = &n->redis;
	ck_assert_msg(
		m->result == r->result, "%zu: a %u: %d, Redis %d", i, kind, m->result, r->result);
	ck_assert_msg(m->count == r->count, "%zu: a %u: count %lld, Redis %lld", i, kind,
		(long long)m->count, (long long)r->count);
	ck_assert_msg((m->version == 0) == (r->version == 0), "%zu: a %u: version", i, kind);
	ck_assert(str_eq(str_n(m->value.p, m->value.n), str_n(r->value.p, r->value.n)));
	ck_assert_int_eq(m->remaining_ms == 0, r->remaining_ms == 0);
	ck_assert_int_ge(r->remaining_ms, m->remaining_ms ? m->remaining_ms - APART_MS : 0);
	ck_assert_int_le(r->remaining_ms, m->remaining_ms);
}

/* Versions are told apart, and known again, where the other home does so. */
static void compare_versions(const struct answers *all, size_t i)
{
	for (size_t j = i < 50 ? 0 : i - 50; j < i; j++)
		ck_assert_int_eq(all[i].memory.version == all[j].memory.version,
			all[i].redis.version == all[j].redis.version);
}

/* As another question was answered, often the last one that told a version of this key: without it
 * locks would stay. */
static const struct answers *draw_former(
	const struct answers *all, size_t i, const struct answers *of_key)
{
	if (i == 0 || draw(2))
		return of_key;
	return &all[i - 1 - draw(i < 12 ? (unsigned)i : 12)];
}

/* What a kind of question was answered: done, another version, another sort. */
static bool was_seen[SLUICE_UNLOCK + 1][3];

static void see(uint32_t kind, int32_t result)
{
	was_seen[kind][0] |= result == SLUICE_OK;
	was_seen[kind][1] |= result == SLUICE_E_CONFLICT || kind == SLUICE_GET;
	was_seen[kind][2] |= result == SLUICE_E_INVALID;
}

START_TEST(both_homes_answer_the_same)
{
	static struct answers all[QUESTIONS], of_keys[4];
	both_begin();
	for (size_t i = 0; i < QUESTIONS; i++) {
		struct sluice_question q = draw_question(), to_redis = q;
		struct answers *of_key = &of_keys[q.key.p[0] - 'a'];
		const struct answers *former = draw_former(all, i, of_key);
		q.version = former->memory.version;
		to_redis.version = former->redis.version;
		if (q.kind != SLUICE_UNLOCK && draw(2) == 0)
			q.version = to_redis.version = SLUICE_VERSION_ANY;
		all[i] = (struct answers){ask_memory_at(&q, 1000), ask_redis(&to_redis)};
		compare(&all[i], i, q.kind);
		compare_versions(all, i);
		see(q.kind, all[i].memory.result);
		if (all[i].memory.version)
			*of_key = all[i];
	}
	for (unsigned kind = 0; kind <= SLUICE_UNLOCK; kind++)
		ck_assert_msg(was_seen[kind][0] && was_seen[kind][1] && was_seen[kind][2],
			"of %u not everything was seen", kind);
	both_end();
}
END_TEST

/* --- what is Redis's own --------------------------------------------------------------------- */
static struct sluice_question count_of(const char *key, int64_t delta, int64_t for_ms)
{
	return (struct sluice_question){.size = sizeof(struct sluice_question),
		.kind = SLUICE_COUNT,
		.key = {key, strlen(key)},
		.delta = delta,
		.for_ms = for_ms};
}

START_TEST(a_server_without_the_script_gets_it)
{
	const struct sluice_question q = count_of("k", 1, FOR_MS);
	const struct str flush[] = {STR("SCRIPT"), STR("FLUSH")};
	struct sluice_answer a;
	both_begin();
	for (int64_t i = 0; i < 2; i++) {
		ck_assert_int_eq(try(&q, REDIS_SCRIPT_NAMED, &a), RC_NOT_FOUND);
		ck_assert_int_eq(try(&q, REDIS_SCRIPT_WHOLE, &a), RC_OK);
		ck_assert_int_eq(try(&q, REDIS_SCRIPT_NAMED, &a), RC_OK);
		ck_assert_int_eq(a.count, 2 * i + 2);
		redis_server_say(&server, flush, 2);
	}
	both_end();
}
END_TEST

/* RD4 of the threat model: gateways' clocks need not agree. */
START_TEST(a_window_ends_by_the_clock_of_the_server)
{
	struct sluice_question q = count_of("k", 5, 30);
	both_begin();
	ck_assert_int_eq(ask_redis(&q).count, 5);
	q.delta = 0;
	while (ask_redis(&q).count == 5)
		;
	q.delta = 1;
	ck_assert_int_eq(ask_redis(&q).count, 1);
	both_end();
}
END_TEST

START_TEST(a_full_server_refuses_and_loses_nothing)
{
	const struct str full[] = {STR("CONFIG"), STR("SET"), STR("maxmemory"), STR("1")};
	struct sluice_question q = {.size = sizeof(q),
		.kind = SLUICE_PUT,
		.key = {"k", 1},
		.value = {"old", 3},
		.version = SLUICE_VERSION_ANY};
	both_begin();
	ck_assert_int_eq(ask_redis(&q).result, SLUICE_OK);
	redis_server_say(&server, full, 4);
	q.value = (struct sluice_str){"new", 3};
	ck_assert_int_eq(ask_redis(&q).result, SLUICE_E_FULL);
	q.kind = SLUICE_GET;
	struct sluice_answer a = ask_redis(&q);
	assert_str(str_n(a.value.p, a.value.n), "old");
	q.kind = SLUICE_REMOVE;
	ck_assert_int_eq(ask_redis(&q).result, SLUICE_OK);
	ck_assert_int_eq(ask_redis(&q).result, SLUICE_E_NOT_FOUND);
	both_end();
}
END_TEST

START_TEST(an_error_is_no_answer)
{
	const struct redis_value error = {.kind = REDIS_ERROR, .text = STR("READONLY a replica")};
	const struct redis_reply reply = {&error, 1};
	struct sluice_answer a;
	ck_assert_int_eq(redis_answer_take(&reply, &arena, &a), RC_REFUSED);
	const struct redis_value status = {.kind = REDIS_STATUS, .text = STR("OK")};
	const struct redis_reply other = {&status, 1};
	ck_assert_int_eq(redis_answer_take(&other, &arena, &a), RC_INVALID);
}
END_TEST

UNIT_SUITE(redis_question, both_homes_answer_the_same, a_server_without_the_script_gets_it,
	a_window_ends_by_the_clock_of_the_server, a_full_server_refuses_and_loses_nothing,
	an_error_is_no_answer)
