/* SPDX-License-Identifier: Apache-2.0 */
#include "process/last_good.h"

#include "base/limits.h"
#include "base/map.h"
#include "base/memory.h"
#include "observe/log.h"
#include "plan/plan_parts.h"

struct last_good {
	char *dir; /* owned */
	struct plan_store *store;
	struct map served; /* names of the APIs that the last good plan serves; values: any */
	bool knows_served; /* `served` has been filled */
	enum plan_order order;
	unsigned next_nth;   /* of last_good_offer */
	uint64_t generation; /* what serves, when it was saved; else 0 */
};

void offer_deinit(struct offer *o)
{
	plan_free(o->plan);
	plan_free(o->settings);
	plan_bytes_free(&o->bytes);
	*o = (struct offer){0};
}

struct last_good *last_good_new(const char *state_dir)
{
	struct last_good *l = heap_zalloc(sizeof(*l));
	l->dir = heap_printf("%s/plans", state_dir);
	l->store = plan_store_new(l->dir);
	map_init(&l->served);
	return l;
}

void last_good_free(struct last_good *l)
{
	if (!l)
		return;
	plan_store_free(l->store);
	map_deinit(&l->served);
	free(l->dir);
	free(l);
}

/* --- loading --------------------------------------------------------------------------------- */
static bool open_plan(const struct last_good *l, unsigned nth, struct offer *o)
{
	char message[160];
	if (plan_open(plan_bytes_str(&o->bytes), &o->plan, message, sizeof(message)) == RC_OK)
		return true;
	log_write(LOG_ERROR, "the saved plan number %u of %s cannot be used: %s", nth + 1, l->dir,
		message);
	return false;
}

static enum rc load(const struct last_good *l, enum plan_order order, unsigned nth, struct offer *o)
{
	struct buffer bytes;
	buffer_init(&bytes, LIMIT_PLAN_BYTES);
	*o = (struct offer){.is_saved = true};
	enum rc rc = plan_store_load(l->dir, order, nth, &bytes, &o->saved);
	if (rc != RC_OK) {
		buffer_deinit(&bytes);
		return rc;
	}
	plan_bytes_take(&o->bytes, &bytes);
	if (open_plan(l, nth, o))
		return RC_OK;
	offer_deinit(o);
	return RC_INVALID;
}

enum rc last_good_offer(struct last_good *l, struct offer *o)
{
	enum rc rc;
	do {
		rc = load(l, l->order, l->next_nth++, o);
	} while (rc == RC_INVALID);
	return rc;
}

enum rc last_good_find(const struct last_good *l, uint64_t digest, struct offer *o)
{
	for (unsigned nth = 0;; nth++) {
		enum rc rc = load(l, PLAN_NEWEST_FIRST, nth, o);
		if (rc == RC_INVALID)
			continue;
		if (rc != RC_OK || plan_digest(o->plan) == digest)
			return rc;
		offer_deinit(o);
	}
}

/* --- judging --------------------------------------------------------------------------------- */
static void fill_from_plan(struct last_good *l, const struct offer *o)
{
	char message[160];
	struct plan *plan = NULL;
	struct str bytes = plan_bytes_str(&o->bytes);
	if (plan_decode(bytes, &plan, message, sizeof(message)) != RC_OK) {
		log_write(LOG_ERROR, "what the last good configuration serves cannot be told: %s",
			message);
		return;
	}
	const struct plan_node *apis = plan_get(plan_root(plan), "apis");
	for (size_t i = 0; i < plan_count(apis); i++) {
		const struct plan_node *api = plan_at(apis, i);
		const struct plan_node *error = plan_get(api, "error");
		if (error && error->type == PLAN_OBJECT)
			continue;
		char *id = heap_printf("%.*s/%.*s",
			STR_ARG(plan_string(api, "namespace", STR("default"))),
			STR_ARG(plan_string(api, "name", STR_EMPTY)));
		map_put(&l->served, str_of(id), l);
		free(id);
	}
	plan_free(plan);
}

static void fill_from_generation(struct last_good *l, const struct generation *g)
{
	map_deinit(&l->served);
	map_init(&l->served);
	for (size_t i = 0; i < g->api_count; i++)
		if (!g->apis[i]->error)
			map_put(&l->served, str_of(g->apis[i]->id), l);
	l->knows_served = true;
}

static enum rc load_newest(const struct last_good *l, struct offer *o)
{
	enum rc rc;
	unsigned nth = 0;
	do {
		rc = load(l, PLAN_NEWEST_FIRST, nth++, o);
	} while (rc == RC_INVALID);
	return rc;
}

/* What a former process saved counts, too; looked at only when it matters. */
static void fill_from_store(struct last_good *l)
{
	struct offer newest;
	l->knows_served = true;
	if (load_newest(l, &newest) != RC_OK)
		return;
	fill_from_plan(l, &newest);
	offer_deinit(&newest);
}

bool last_good_may_serve(const struct last_good *l)
{
	struct offer newest;
	if (load_newest(l, &newest) != RC_OK)
		return true; /* there is none */
	/* What is neither is a mistake of somebody who wanted it otherwise. */
	const struct plan_node *fallback = plan_get(plan_root(newest.plan), "fallback");
	bool may = !fallback || str_eq(plan_string(plan_root(newest.plan), "fallback", STR_EMPTY),
					STR("lastGood"));
	offer_deinit(&newest);
	return may;
}

static const struct api *find_loss(struct last_good *l, const struct generation *g)
{
	for (size_t i = 0; i < g->api_count; i++) {
		if (!g->apis[i]->error)
			continue;
		if (!l->knows_served)
			fill_from_store(l);
		if (map_get(&l->served, str_of(g->apis[i]->id)))
			return g->apis[i];
	}
	return NULL;
}

void last_good_take(struct last_good *l, const struct generation *g, struct offer *o)
{
	l->generation = 0;
	const struct api *loss = find_loss(l, g);
	if (loss) {
		log_write(LOG_WARN,
			"generation %llu is not kept as the last good one: it closes %s, which the "
			"last good one serves",
			(unsigned long long)g->number, loss->id);
		return;
	}
	fill_from_generation(l, g);
	l->generation = g->number;
	plan_bytes_rest(&o->bytes);
	plan_store_save(l->store, g->number, o->bytes);
	o->bytes = (struct plan_bytes){0};
}

void last_good_order(struct last_good *l, enum plan_order order)
{
	if (l->order == order)
		return;
	l->order = order;
	l->next_nth = 0;
}

void last_good_prove(struct last_good *l)
{
	if (l->generation != 0)
		plan_store_prove(l->store, l->generation);
}

struct plan_store_stats last_good_stats(struct last_good *l)
{
	return plan_store_stats(l->store);
}
