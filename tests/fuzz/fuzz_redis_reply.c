/* SPDX-License-Identifier: Apache-2.0 */
/* fuzz: links state base */
/* Any bytes as what a Redis server says: as a whole and byte by byte they are the same replies,
 * each of them one whole tree within its bounds, and an answer or none, a map of a cluster or none,
 * and a word that another node is to be asked or none. */
#include "base/check.h"
#include "state/redis_question.h"
#include "state/redis_slots.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n);

#define BYTES_MAX 65536

static uint64_t seen_add(uint64_t seen, const void *p, size_t n)
{
	const unsigned char *bytes = p;
	for (size_t i = 0; i < n; i++)
		seen = (seen ^ bytes[i]) * 1099511628211u;
	return seen;
}

static uint64_t reply_check(const struct redis_reply *r, uint64_t seen)
{
	int64_t missing = 1;
	size_t bytes = 0;
	CHECK(r->count >= 1 && r->count <= REDIS_VALUES_MAX);
	for (size_t i = 0; i < r->count; i++) {
		const struct redis_value *v = &r->values[i];
		CHECK(missing > 0);
		missing += (v->kind == REDIS_LIST ? v->integer : 0) - 1;
		bytes += v->text.n;
		seen = seen_add(seen, &v->kind, sizeof(v->kind));
		seen = seen_add(seen, &v->integer, sizeof(v->integer));
		seen = seen_add(seen, v->text.p, v->text.n);
	}
	CHECK(missing == 0 && bytes <= BYTES_MAX);
	return seen;
}

static void answer_check(const struct redis_reply *r)
{
	static struct pool *pool;
	struct arena arena;
	struct sluice_answer a;
	if (!pool)
		pool = pool_new();
	arena_init(&arena, pool, BYTES_MAX);
	if (redis_answer_take(r, &arena, &a) == RC_OK)
		CHECK(a.value.n <= BYTES_MAX && a.result <= SLUICE_OK);
	arena_reset(&arena);
}

static void map_check(const struct redis_reply *r)
{
	struct redis_ranges ranges;
	struct redis_range range;
	int64_t count = 0;
	bool is_map = redis_ranges_begin(&ranges, r);
	while (redis_ranges_next(&ranges, &range)) {
		CHECK(range.first <= range.last && range.last < REDIS_SLOTS);
		CHECK(range.host.n < REDIS_HOST_BYTES);
		count++;
	}
	CHECK(count == (is_map ? r->values[0].integer : 0));
}

static void turn_check(const struct redis_reply *r)
{
	struct redis_turn turn;
	if (r->values[0].kind != REDIS_ERROR || !redis_turn_read(r->values[0].text, &turn))
		return;
	CHECK(turn.slot < REDIS_SLOTS && turn.host.n < REDIS_HOST_BYTES);
	CHECK((turn.port == 0) == (turn.kind == REDIS_TURN_NOWHERE));
}

static uint64_t read_all(struct str in, size_t piece)
{
	struct redis_reader *reader = redis_reader_new(BYTES_MAX);
	struct redis_reply reply;
	uint64_t seen = 14695981039346656037u;
	enum rc rc = RC_AGAIN;
	for (size_t at = 0; at < in.n && rc == RC_AGAIN; at += piece) {
		redis_reader_feed(reader, str_n(in.p + at, in.n - at < piece ? in.n - at : piece));
		while ((rc = redis_reader_next(reader, &reply)) == RC_OK) {
			seen = reply_check(&reply, seen);
			answer_check(&reply);
			map_check(&reply);
			turn_check(&reply);
		}
	}
	redis_reader_free(reader);
	return seen_add(seen, &rc, sizeof(rc));
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
	struct str in = {(const char *)bytes, n < BYTES_MAX ? n : BYTES_MAX};
	if (in.n)
		CHECK(read_all(in, in.n) == read_all(in, 1));
	return 0;
}
