/* SPDX-License-Identifier: Apache-2.0 */
#include "services/cache_capture.h"

#include "policy/operation.h"
#include "services/cache_found.h"
#include "services/services_priv.h"

enum { STORE_BEGIN, STORE_PIECE, STORE_ABANDON };
static const struct policy_call calls[] = {
	[STORE_BEGIN] = {"sluice.cache/1 store_begin", IN(RESPONSE_HEAD) | IN(RESPONSE_BODY)},
	[STORE_PIECE] = {"sluice.cache/1 store_piece", IN(RESPONSE_BODY)},
	[STORE_ABANDON] = {"sluice.cache/1 store_abandon", IN_LIVE},
};

/* In the exchange's arena. */
struct capture {
	struct operation operation;
	const struct sluice_cache *cache;
	struct cache_body *body; /* owned */
	struct str key, group, meta;
	int64_t for_ms, begun_ms;
	uint64_t seen;   /* what the shared storage had */
	uint64_t purges; /* when it was begun */
};

static void capture_leave(struct operation *op)
{
	struct capture *c = CONTAINER_OF(op, struct capture, operation);
	named_cache_expect_no_more(c->cache->named, cache_body_bytes(c->body));
	cache_body_unref(c->body);
}

/* What is begun is bounded as what is stored is: slow responses must not hold more than the store may. */
static int32_t capture_add(struct capture *c, struct str bytes)
{
	const struct cache_options *o = &c->cache->options;
	struct named_cache *n = c->cache->named;
	if (!named_cache_expect(n, bytes.n, o->bytes_max))
		return SLUICE_E_FULL;
	if (cache_body_add(c->body, bytes, o->entry_bytes_max) == RC_OK)
		return SLUICE_OK;
	named_cache_expect_no_more(n, bytes.n);
	return SLUICE_E_FULL;
}

static struct capture *capture_of(struct sluice_exchange *x, const struct sluice_cache *cache)
{
	for (struct operation *op = x->operations; op; op = op->next) {
		struct capture *c = CONTAINER_OF(op, struct capture, operation);
		if (op->leave == capture_leave && op->binding == x->current && c->cache == cache)
			return c;
	}
	return NULL;
}

static void capture_end(struct capture *c)
{
	operation_take(&c->operation);
	capture_leave(&c->operation);
}

int32_t cache_store_begin(struct sluice_exchange *x, struct sluice_cache *cache,
	const struct sluice_cache_item *given)
{
	struct sluice_cache_item item;
	if (!cache_may_ask(&calls[STORE_BEGIN], x, cache))
		return SLUICE_E_WRONG_CALLBACK;
	if (!cache_item_take(given, &item))
		return SLUICE_E_INVALID;
	if (capture_of(x, cache))
		return SLUICE_E_CONFLICT;
	struct capture *c = arena_zalloc(x->arena, sizeof(*c));
	struct str key = arena_copy(x->arena, str_in(item.key));
	struct str group = arena_copy(x->arena, str_in(item.group));
	struct str meta = arena_copy(x->arena, str_in(item.meta));
	if (!c || x->arena->failed)
		return SLUICE_E_FULL;
	c->cache = cache;
	c->body = cache_body_new();
	c->key = key;
	c->group = group;
	c->meta = meta;
	c->for_ms = item.for_ms;
	c->begun_ms = loop_now_ms(x->loop);
	c->seen = cache_found_seen(cache, key);
	c->purges = named_cache_purges(cache->named);
	operation_begin(&c->operation, x, capture_leave);
	operation_end(&c->operation);
	return SLUICE_OK;
}

/* A purge counts before it removes: whichever comes first, what was begun before it does not stay. */
static int32_t capture_store(const struct capture *c)
{
	struct named_cache *n = c->cache->named;
	const struct sluice_cache_item item = {.key = str_out(c->key),
		.group = str_out(c->group),
		.meta = str_out(c->meta),
		.for_ms = c->for_ms};
	int32_t result = named_cache_put(c->cache, c->begun_ms, &item, c->body, c->seen);
	if (c->purges == named_cache_purges(n))
		return result;
	named_cache_remove(c->cache, c->key);
	return SLUICE_E_CONFLICT;
}

int32_t cache_store_piece(
	struct sluice_exchange *x, struct sluice_cache *cache, const struct sluice_body *piece)
{
	if (!cache_may_ask(&calls[STORE_PIECE], x, cache))
		return SLUICE_E_WRONG_CALLBACK;
	if (!piece || piece->size < sizeof(*piece))
		return SLUICE_E_INVALID;
	struct capture *c = capture_of(x, cache);
	if (!c)
		return SLUICE_E_NOT_FOUND;
	int32_t result = capture_add(c, str_in(piece->bytes));
	if (result == SLUICE_OK && piece->end)
		result = capture_store(c);
	if (result != SLUICE_OK || piece->end)
		capture_end(c);
	return result;
}

int32_t cache_store_abandon(struct sluice_exchange *x, struct sluice_cache *cache)
{
	if (!cache_may_ask(&calls[STORE_ABANDON], x, cache))
		return SLUICE_E_WRONG_CALLBACK;
	struct capture *c = capture_of(x, cache);
	if (!c)
		return SLUICE_E_NOT_FOUND;
	capture_end(c);
	return SLUICE_OK;
}
