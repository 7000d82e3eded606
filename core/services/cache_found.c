/* SPDX-License-Identifier: Apache-2.0 */
#include "services/cache_found.h"

#include "services/services_priv.h"

enum { FIND, TAKE };
static const struct policy_call calls[] = {
	[FIND] = {"sluice.cache/1 find", IN_LIVE},
	[TAKE] = {"sluice.cache/1 take", IN_LIVE},
};

static void found_leave(struct operation *op)
{
	struct sluice_cache_entry *f = CONTAINER_OF(op, struct sluice_cache_entry, operation);
	task_cancel(&f->task);
	if (f->far)
		far_look_cancel(f->far);
	f->far = NULL;
	cache_entry_unref(f->entry);
	f->entry = NULL;
}

static void on_far(void *owner, struct cache_entry *e, uint64_t seen)
{
	struct sluice_cache_entry *f = owner;
	f->far = NULL;
	f->entry = e;
	f->seen = seen;
	named_cache_count_found(f->cache->named, e != NULL);
	operation_end(&f->operation);
}

/* Whether the shared storage is asked; what stands here is compared with what stands there. */
static bool asks_far(struct sluice_cache_entry *f, struct str key, int64_t now_ms)
{
	const struct sluice_cache *c = f->cache;
	if (!far_cache_is_there(c))
		return false;
	f->key = arena_copy(f->operation.exchange->arena, key);
	if (f->entry && far_cache_trusts(c, f->entry, now_ms)) {
		f->seen = far_cache_version(f->entry);
		return false;
	}
	f->far = far_look_begin(c, key, f->entry, on_far, f);
	if (f->far)
		f->entry = NULL;
	return f->far;
}

static void found_late(struct task *t)
{
	operation_end(&CONTAINER_OF(t, struct sluice_cache_entry, task)->operation);
}

/* Each worker's clock is as old as its turn, so that of another may be ahead; and an entry may end
 * while its answer is on the way. */
static int64_t at_least_none(int64_t ms)
{
	return ms > 0 ? ms : 0;
}

static int32_t give(struct sluice_cache_entry *f, struct sluice_cached *to)
{
	f->is_given = true;
	const struct cache_entry *e = f->entry;
	if (!e)
		return SLUICE_E_NOT_FOUND;
	int64_t now_ms = loop_now_ms(f->operation.exchange->loop);
	*to = (struct sluice_cached){
		.size = to->size,
		.entry = f,
		.meta = str_out(cache_entry_meta(e)),
		.length = cache_body_bytes(e->body),
		.age_ms = at_least_none(now_ms - e->stored_ms),
		.remaining_ms = at_least_none(e->ends_ms - now_ms),
	};
	return SLUICE_OK;
}

static bool is_cached_whole(const struct sluice_cached *c)
{
	return c && c->size >= sizeof(*c);
}

int32_t cache_find_for(struct sluice_exchange *x, struct sluice_cache *cache, struct sluice_str key,
	struct sluice_cached *cached)
{
	if (!cache_may_ask(&calls[FIND], x, cache))
		return SLUICE_E_WRONG_CALLBACK;
	if (!is_cached_whole(cached) || !cache_key_is_valid(key))
		return SLUICE_E_INVALID;
	enum services_store how = services_store_now();
	if (how == STORE_UNAVAILABLE)
		return SLUICE_E_UNAVAILABLE;
	struct sluice_cache_entry *f = arena_zalloc(x->arena, sizeof(*f));
	if (!f)
		return SLUICE_E_FULL;
	f->cache = cache;
	f->seen = SLUICE_VERSION_ANY;
	f->entry = named_cache_look(cache->named, loop_now_ms(x->loop), str_in(key));
	task_init(&f->task, found_late);
	operation_begin(&f->operation, x, found_leave);
	if (asks_far(f, str_in(key), loop_now_ms(x->loop)))
		return SLUICE_PENDING;
	named_cache_count_found(cache->named, f->entry != NULL);
	if (how == STORE_LATE) {
		loop_ready_next(x->loop, &f->task);
		return SLUICE_PENDING;
	}
	operation_end(&f->operation);
	return give(f, cached);
}

static struct sluice_cache_entry *found_of(struct operation *op)
{
	return op->leave == found_leave ? CONTAINER_OF(op, struct sluice_cache_entry, operation)
					: NULL;
}

int32_t cache_take_found(
	struct sluice_exchange *x, struct sluice_cache *cache, struct sluice_cached *cached)
{
	struct sluice_cache_entry *oldest = NULL;
	if (!cache_may_ask(&calls[TAKE], x, cache))
		return SLUICE_E_WRONG_CALLBACK;
	if (!is_cached_whole(cached))
		return SLUICE_E_INVALID;
	for (struct operation *op = x->operations; op; op = op->next) {
		struct sluice_cache_entry *f = found_of(op);
		if (f && operation_is_own(op, x) && f->cache == cache && !f->is_given)
			oldest = f;
	}
	if (!oldest)
		return SLUICE_E_NOT_FOUND;
	return oldest->operation.is_pending ? SLUICE_PENDING : give(oldest, cached);
}

struct sluice_cache_entry *cache_found_of(const struct policy_call *call, struct sluice_exchange *x,
	const struct sluice_cache_entry *given)
{
	for (struct operation *op = x->operations; op; op = op->next) {
		struct sluice_cache_entry *f = found_of(op);
		if (f && f == given && op->binding == x->current && f->entry)
			return f;
	}
	policy_refuse(call);
	return NULL;
}

uint64_t cache_found_seen(const struct sluice_cache *cache, struct str key)
{
	const struct sluice_exchange *x = policy_exchange();
	if (!x || !cache->is_shared)
		return SLUICE_VERSION_ANY;
	for (struct operation *op = x->operations; op; op = op->next) {
		const struct sluice_cache_entry *f = found_of(op);
		if (f && f->cache == cache && f->key.n > 0 && str_eq(f->key, key))
			return f->seen;
	}
	return SLUICE_VERSION_ANY;
}
