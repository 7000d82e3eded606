/* SPDX-License-Identifier: Apache-2.0 */
#include "lookup.h"

#include "sluice/text.h"

#define KEY_BYTES_MAX 8192
/* A length in a key takes less. */
#define PART_BYTES   10
#define INDEX_FOR_MS INT64_C(31536000000)

/* --- keys ------------------------------------------------------------------------------------ */
static int key_alloc(const struct sluice_call *call, struct sluice_exchange *x, size_t bytes_max,
	struct cache_key *k)
{
	*k = (struct cache_key){
		.bytes_max = bytes_max, .p = call->host->exchange_alloc(x, bytes_max)};
	return k->p != NULL;
}

static struct sluice_str key_end(const struct cache_key *k)
{
	int is_whole = !k->is_full && k->n <= KEY_BYTES_MAX;
	return is_whole ? (struct sluice_str){k->p, k->n} : (struct sluice_str){NULL, 0};
}

static struct origin origin_of(const struct sluice_call *call, struct sluice_exchange *x)
{
	return (struct origin){call->host->fact(x, SLUICE_FACT_SCHEME),
		call->host->fact(x, SLUICE_FACT_AUTHORITY)};
}

int origin_keep(struct origin *origin, const struct sluice_call *call, struct sluice_exchange *x)
{
	struct origin now = origin_of(call, x);
	struct sluice_str texts[] = {now.scheme, now.authority};
	struct field_pairs pair = {texts, 1, 1};
	if (!fields_copy(call->host, x, &pair))
		return 0;
	*origin = (struct origin){texts[0], texts[1]};
	return 1;
}

/* Scheme and authority in any case: no configuration leaves them out. Both are in lower case. */
static struct sluice_str target_key(const struct sluice_call *call, struct sluice_exchange *x,
	const struct origin *origin, const struct sluice_str *parts, size_t count)
{
	size_t bytes = origin->scheme.n + origin->authority.n + (count + 2) * PART_BYTES;
	struct cache_key k;
	for (size_t i = 0; i < count; i++)
		bytes += parts[i].n;
	if (!key_alloc(call, x, bytes, &k))
		return (struct sluice_str){NULL, 0};
	cache_key_add(&k, origin->scheme);
	cache_key_add(&k, origin->authority);
	for (size_t i = 0; i < count; i++)
		cache_key_add(&k, parts[i]);
	return key_end(&k);
}

struct sluice_str lookup_key_of(const struct sluice_call *call, struct sluice_exchange *x,
	const struct origin *origin, struct sluice_str path, struct sluice_str query)
{
	const struct settings *s = call->state;
	const struct sluice_str parts[] = {path, query};
	return s->key ? (struct sluice_str){NULL, 0} : target_key(call, x, origin, parts, 2);
}

static struct sluice_str own_key(const struct sluice_call *call, struct sluice_exchange *x)
{
	const struct settings *s = call->state;
	struct origin origin = origin_of(call, x);
	struct sluice_str text;
	if (!s->key)
		return lookup_key_of(call, x, &origin, call->host->fact(x, SLUICE_FACT_PATH),
			call->host->fact(x, SLUICE_FACT_QUERY));
	if (s->expr->to_string(s->key, x, NULL, &text) != SLUICE_OK)
		return (struct sluice_str){NULL, 0};
	return target_key(call, x, &origin, &text, 1);
}

static void part_add(struct cache_key *k, struct sluice_str part)
{
	if (part.n)
		cache_key_add(k, part);
	else
		cache_key_add_absent(k);
}

/* Who asks, if an authentication policy has told. 0: no memory. */
static int who_init(struct lookup *l, const struct sluice_call *call, struct sluice_exchange *x)
{
	struct sluice_str principal = call->host->fact(x, SLUICE_FACT_PRINCIPAL);
	struct sluice_str client = call->host->fact(x, SLUICE_FACT_CLIENT_ID);
	struct cache_key k;
	if (principal.n + client.n == 0)
		return 1;
	if (!key_alloc(call, x, principal.n + client.n + 2 * PART_BYTES, &k))
		return 0;
	part_add(&k, principal);
	part_add(&k, client);
	l->who = key_end(&k);
	return l->who.p != NULL;
}

int lookup_init(struct lookup *l, const struct sluice_call *call, struct sluice_exchange *x)
{
	*l = (struct lookup){.target = own_key(call, x)};
	lookup_restart(l);
	return l->target.p && who_init(l, call, x);
}

void lookup_restart(struct lookup *l)
{
	l->key = l->target;
	l->is_target = 1;
	l->is_pending = l->has_index = l->has_free = l->is_found = 0;
	l->tried = 0;
	l->variant = (struct sluice_str){"", 0};
}

/* The key of one of the places. 0: no memory, or too long. */
static int place_key(
	struct lookup *l, const struct sluice_call *call, struct sluice_exchange *x, unsigned place)
{
	const char byte = (char)place;
	const struct sluice_str generation = {
		(const char *)&l->index.generation, sizeof(l->index.generation)};
	struct cache_key k;
	if (!key_alloc(call, x, l->target.n + l->who.n + generation.n + 1 + 4 * PART_BYTES, &k))
		return 0;
	cache_key_add(&k, l->target);
	cache_key_add(&k, generation);
	part_add(&k, l->who);
	cache_key_add(&k, (struct sluice_str){&byte, 1});
	l->key = key_end(&k);
	return l->key.p != NULL;
}

/* --- what chooses ---------------------------------------------------------------------------- */
static void variant_add_field(const struct sluice_call *call, struct sluice_exchange *x,
	const struct field_pairs *request, struct sluice_str name, struct cache_key *k)
{
	size_t bytes = 1;
	for (size_t i = 0; i < request->count; i++)
		if (sluice_equal_nocase(request->items[i * 2], name))
			bytes += request->items[i * 2 + 1].n * 2 + 2;
	struct variant_value value = {
		.text = call->host->exchange_alloc(x, bytes), .bytes_max = bytes};
	k->is_full |= value.text == NULL;
	for (size_t i = 0; i < request->count && value.text; i++)
		if (sluice_equal_nocase(request->items[i * 2], name))
			variant_value_add(&value, name, request->items[i * 2 + 1]);
	variant_value_key(&value, k);
}

/* Into l->variant. 0: no memory. */
static int variant_init(struct lookup *l, const struct sluice_call *call, struct sluice_exchange *x,
	const struct field_pairs *request, const struct vary *vary)
{
	size_t bytes = PART_BYTES;
	struct cache_key k;
	for (size_t i = 0; i < request->count; i++)
		bytes += request->items[i * 2 + 1].n * 2 + 2;
	for (size_t i = 0; i < vary->count; i++)
		bytes += vary->names[i].n + 2 * PART_BYTES;
	if (!key_alloc(call, x, bytes, &k))
		return 0;
	vary_key_names(vary, &k);
	for (size_t i = 0; i < vary->count; i++)
		variant_add_field(call, x, request, vary->names[i], &k);
	l->variant = (struct sluice_str){k.p, k.n};
	return !k.is_full;
}

static unsigned place_of(const struct lookup *l, unsigned i)
{
	return (unsigned)((text_hash(l->variant) + i) % VARIANT_PLACES);
}

/* --- the walk -------------------------------------------------------------------------------- */
/* 0: it is no answer. */
static int found_read(struct lookup *l, const struct sluice_call *call, struct sluice_exchange *x,
	const struct sluice_cached *c)
{
	l->begun_ms = call->host->now_ms(x) - c->age_ms;
	return kept_read(c->meta, l->begun_ms, &l->kept);
}

static void found_take(struct lookup *l, const struct sluice_cached *c)
{
	l->found = *c;
	l->is_found = 1;
}

/* What stands under the target itself. 1: there is a place to ask for. */
static int target_next(struct lookup *l, const struct sluice_call *call, struct sluice_exchange *x,
	const struct field_pairs *request, const struct sluice_cached *c)
{
	struct vary vary = {.count = 0};
	l->is_target = 0;
	if (!c)
		return 0;
	if (!index_read(c->meta, &l->index)) {
		if (l->who.n == 0 && found_read(l, call, x, c))
			found_take(l, c);
		return 0;
	}
	vary_add(&vary, l->index.names);
	l->has_index = !vary.is_any && variant_init(l, call, x, request, &vary);
	return l->has_index && place_key(l, call, x, place_of(l, 0));
}

static int place_next(struct lookup *l, const struct sluice_call *call, struct sluice_exchange *x,
	const struct sluice_cached *c)
{
	unsigned place = place_of(l, l->tried++);
	if (c && found_read(l, call, x, c) && sluice_equal(l->kept.variant, l->variant)) {
		found_take(l, c);
		return 0;
	}
	/* An empty one, else the one that was stored first. */
	int64_t age_ms = c ? c->age_ms : INT64_MAX;
	if (!l->has_free || age_ms > l->oldest_ms) {
		l->has_free = 1;
		l->free_place = place;
		l->oldest_ms = age_ms;
	}
	int is_only = l->index.names.n == 0;
	return !is_only && l->tried < PLACES_TRIED && place_key(l, call, x, place_of(l, l->tried));
}

int32_t lookup_step(struct lookup *l, const struct sluice_call *call, struct sluice_exchange *x,
	const struct field_pairs *request)
{
	const struct settings *s = call->state;
	for (;;) {
		struct sluice_cached c = {.size = sizeof(c)};
		int32_t rc = l->is_pending ? s->store->take(x, s->cache, &c)
					   : s->store->find(x, s->cache, l->key, &c);
		l->is_pending = rc == SLUICE_PENDING;
		if (rc != SLUICE_OK && rc != SLUICE_E_NOT_FOUND)
			return rc;
		const struct sluice_cached *there = rc == SLUICE_OK ? &c : NULL;
		int goes_on = l->is_target ? target_next(l, call, x, request, there)
					   : place_next(l, call, x, there);
		if (!goes_on)
			return SLUICE_OK;
	}
}

/* --- a place for an answer ------------------------------------------------------------------- */
/* The names of both, as one text. 0: no memory. */
static int index_name_all(const struct vary *vary, const struct sluice_call *call,
	struct sluice_exchange *x, struct index_record *index)
{
	size_t bytes = 1;
	for (size_t i = 0; i < vary->count; i++)
		bytes += vary->names[i].n + 1;
	char *text = call->host->exchange_alloc(x, bytes), *at = text;
	for (size_t i = 0; text && i < vary->count; i++) {
		if (i)
			*at++ = ',';
		memcpy(at, vary->names[i].p, vary->names[i].n);
		at += vary->names[i].n;
	}
	index->names = (struct sluice_str){text, (size_t)(at - text)};
	return text != NULL;
}

static int index_put(
	const struct lookup *l, const struct sluice_call *call, struct sluice_exchange *x)
{
	const struct settings *s = call->state;
	size_t bytes = index_bytes(&l->index);
	char *meta = call->host->exchange_alloc(x, bytes);
	if (!meta)
		return 0;
	index_write(meta, &l->index);
	const struct sluice_cache_item item = {.size = sizeof(item),
		.key = l->target,
		.meta = {meta, bytes},
		.for_ms = INDEX_FOR_MS};
	return s->store->put(call, s->cache, &item, (struct sluice_str){"", 0}) == SLUICE_OK;
}

/* An index by more names: what stood under the former one is found no more. Its generation is drawn: no other has had
 * it, in any process, nor before a restart. */
static int index_renew(struct lookup *l, const struct sluice_call *call, struct sluice_exchange *x,
	const struct field_pairs *request, const struct vary *all)
{
	const struct settings *s = call->state;
	return s->crypto->random(&l->index.generation, sizeof(l->index.generation)) == SLUICE_OK &&
	       index_name_all(all, call, x, &l->index) && variant_init(l, call, x, request, all) &&
	       place_key(l, call, x, place_of(l, 0)) && index_put(l, call, x);
}

int lookup_settle(struct lookup *l, const struct sluice_call *call, struct sluice_exchange *x,
	const struct field_pairs *request, const struct vary *vary)
{
	struct vary all = {.count = 0};
	if (!l->has_index && l->who.n == 0 && vary->count == 0) {
		l->key = l->target;
		return 1;
	}
	if (l->has_index)
		vary_add(&all, l->index.names);
	size_t before = all.count;
	for (size_t i = 0; i < vary->count; i++)
		vary_add(&all, vary->names[i]);
	if (all.is_any)
		return 0;
	if (!l->has_index || all.count > before)
		return index_renew(l, call, x, request, &all);
	/* Where it was found, or where there is room for it. */
	return l->is_found || (l->has_free && place_key(l, call, x, l->free_place));
}
