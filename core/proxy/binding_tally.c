/* SPDX-License-Identifier: Apache-2.0 */
#include "proxy/binding_tally.h"

#include "base/check.h"
#include "base/limits.h"
#include "base/memory.h"
#include "observe/log.h"
#include "policy/chain_build.h"
#include "proxy/tally_key.h"

#include <stdlib.h>

void binding_tally_init(struct binding_tally *t)
{
	*t = (struct binding_tally){.unsampled = BINDING_SAMPLE};
	map_init(&t->by_key);
	list_init(&t->pending);
}

void binding_tally_deinit(struct binding_tally *t)
{
	while (t->rows) {
		struct binding_row *r = t->rows;
		t->rows = r->next;
		free((char *)r->api.p);
		free((char *)r->policy.p);
		free((char *)r->binding.p);
		free(r);
	}
	map_deinit(&t->by_key);
}

/* --- rows ------------------------------------------------------------------------------------ */
static void add(_Atomic uint64_t *to, uint64_t n)
{
	uint64_t v = atomic_load_explicit(to, memory_order_relaxed);
	atomic_store_explicit(to, v + n, memory_order_relaxed);
}

static struct binding_row *make_row(struct binding_tally *t, struct str key, struct str api,
	struct str policy, struct str binding)
{
	struct binding_row *r = heap_zalloc(sizeof(*r));
	r->api = tally_own(api);
	r->policy = tally_own(policy);
	r->binding = tally_own(binding);
	r->next = t->rows;
	t->rows = r;
	t->row_count++;
	map_put(&t->by_key, key, r);
	return r;
}

static struct binding_row *find_row(
	struct binding_tally *t, struct str api, struct str policy, struct str binding)
{
	struct tally_key room;
	struct str key = tally_key_make(&room, api, policy, binding);
	struct binding_row *r = map_get(&t->by_key, key);
	if (r || t->row_count < LIMIT_BINDINGS_MEASURED - 1)
		return r ? r : make_row(t, key, api, policy, binding);
	struct str other = STR("other");
	r = map_get(&t->by_key, other);
	if (r)
		return r;
	log_write(LOG_WARN,
		"metrics: %d bindings have series of their own on a worker; those that run now "
		"for the first time count under \"other\"",
		LIMIT_BINDINGS_MEASURED - 1);
	return make_row(t, other, other, other, other);
}

/* The API remembers the row of each of its bindings. */
static struct binding_row *row_of(
	struct binding_tally *t, const struct api *api, struct api_worker *own, unsigned i)
{
	if (!own->rows)
		own->rows = heap_zalloc(chain_binding_count(api->chain) * sizeof(*own->rows));
	if (!own->rows[i]) {
		const struct chain_binding *b = chain_binding_at(api->chain, i);
		own->rows[i] = find_row(t, tally_label(str_of(api->id)),
			tally_label(chain_binding_policy(b)), tally_label(chain_binding_id(b)));
	}
	return own->rows[i];
}

/* --- runs ------------------------------------------------------------------------------------ */
static unsigned take_lowest(uint64_t *mask)
{
	unsigned i = (unsigned)__builtin_ctzll(*mask);
	*mask &= *mask - 1;
	return i;
}

void binding_tally_settle_api(struct api_worker *own)
{
	if (own->ran_mask == 0)
		return;
	for (uint64_t mask = own->ran_mask; mask;)
		add(&own->rows[take_lowest(&mask)]->counts[BINDING_RUNS], own->ran_count);
	own->ran_mask = own->ran_count = 0;
	list_remove(&own->pending);
}

void binding_tally_settle(struct binding_tally *t)
{
	LIST_FOREACH_SAFE(l, &t->pending)
	binding_tally_settle_api(CONTAINER_OF(l, struct api_worker, pending));
}

void binding_tally_ran_others(
	struct binding_tally *t, const struct api *api, struct api_worker *own, uint64_t begun)
{
	binding_tally_settle_api(own);
	for (uint64_t mask = begun; mask;)
		row_of(t, api, own, take_lowest(&mask));
	own->ran_mask = begun;
	own->ran_count = 1;
	list_append(&t->pending, &own->pending);
}

void binding_tally_add(struct binding_tally *t, const struct api *api, struct api_worker *own,
	unsigned binding, enum binding_count what)
{
	add(&row_of(t, api, own, binding)->counts[what], 1);
}

/* --- times ----------------------------------------------------------------------------------- */
static void observe(struct binding_row *r, uint64_t ns)
{
#define X(seconds) (uint64_t)((seconds)*1e9),
	static const uint64_t bounds[] = {BINDING_BOUNDS(X)};
#undef X
	_Static_assert(ARRAY_COUNT(bounds) == BINDING_BUCKETS - 1, "one more for what is longer");
	unsigned i = 0;
	while (i < ARRAY_COUNT(bounds) && ns > bounds[i])
		i++;
	add(&r->buckets[i], 1);
	add(&r->sum_ns, ns);
}

void binding_tally_watched(struct binding_tally *t, const struct api *api, struct api_worker *own,
	uint64_t begun, const struct chain_watch *watch)
{
	while (begun) {
		unsigned i = take_lowest(&begun);
		observe(row_of(t, api, own, i), watch->ns[i]);
	}
}

void binding_row_read(const struct binding_row *r, struct binding_numbers *out)
{
	for (unsigned i = 0; i < BINDING_COUNT_KINDS; i++)
		out->counts[i] = atomic_load_explicit(&r->counts[i], memory_order_relaxed);
	for (unsigned i = 0; i < BINDING_BUCKETS; i++)
		out->buckets[i] = atomic_load_explicit(&r->buckets[i], memory_order_relaxed);
	out->sum_us = atomic_load_explicit(&r->sum_ns, memory_order_relaxed) / 1000;
}
