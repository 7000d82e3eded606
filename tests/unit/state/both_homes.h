/* SPDX-License-Identifier: Apache-2.0 */
/* tests/unit/state/both_homes.h - the two places in which policies' memory lives, to be asked the same: a store in
 * this process, and a redis-server. */
#pragma once

#include "base/prng.h"
#include "state/redis_server.h"
#include "state/store.h"

static struct redis_server server;
static struct arena arena;
static struct pool *pool;
static struct state_store *store;
static struct prng prng;

static inline void both_begin(void)
{
	pool = pool_new();
	arena_init(&arena, pool, 16 << 20);
	store = state_store_new(1000, 1 << 20);
	prng = (struct prng){{7, 11, 13, 17}}; /* the same each time */
	redis_server_begin(&server);
}

static inline void both_end(void)
{
	redis_server_end(&server);
	state_store_free(store);
	arena_reset(&arena);
	pool_free(pool);
}

static inline unsigned draw(unsigned n)
{
	return (unsigned)(prng_next(&prng) % n);
}

static inline struct sluice_answer ask_memory_at(const struct sluice_question *q, int64_t now_ms)
{
	struct sluice_answer a = {.size = sizeof(a)};
	state_store_ask(store, now_ms, q, &arena, &a);
	return a;
}

static inline enum rc try_redis(const struct sluice_question *q, uint64_t version,
	enum redis_script script, struct sluice_answer *a)
{
	const struct redis_scope scope = {STR("tenant:gateway"), STR("binding")};
	struct buffer b;
	buffer_init(&b, SIZE_MAX);
	redis_question_add(&b, scope, q, version, script);
	struct redis_reply reply = redis_server_ask(&server, &b);
	return redis_answer_take(&reply, &arena, a);
}
