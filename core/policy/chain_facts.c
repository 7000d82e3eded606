/* SPDX-License-Identifier: Apache-2.0 */
#include "policy/chain_facts.h"

#include "base/memory.h"
#include "plan/plan.h"
#include "policy/policy_priv.h"

#include <stdlib.h>

struct binding_facts {
	struct str stage;
	struct chain_labels labels;
};

/* Behind it the labels, then the texts. */
struct chain_facts {
	struct chain_labels labels;
	struct binding_facts bindings[];
};

/* --- how much it is -------------------------------------------------------------------------- */
struct extent {
	size_t labels, bytes;
};

static void add_labels(struct extent *e, const struct plan_node *map)
{
	for (size_t i = 0; i < plan_count(map); i++) {
		const struct plan_node *value = plan_at(map, i);
		e->labels++;
		e->bytes += value->key.n + (value->type == PLAN_STRING ? value->u.string.n : 0);
	}
}

static struct extent extent_of(const struct plan_node *api)
{
	struct extent e = {0};
	const struct plan_node *chain = plan_get(api, "chain");
	add_labels(&e, plan_get(api, "labels"));
	for (size_t i = 0; i < plan_count(chain); i++) {
		const struct plan_node *binding = plan_at(chain, i);
		e.bytes += plan_string(binding, "stage", STR_EMPTY).n;
		add_labels(&e, plan_get(binding, "labels"));
	}
	return e;
}

/* --- taking it ------------------------------------------------------------------------------- */
struct room {
	struct chain_label *labels;
	char *text;
};

static struct str take_text(struct room *room, struct str s)
{
	struct str copy = str_n(room->text, s.n);
	if (s.n > 0)
		memcpy(room->text, s.p, s.n);
	room->text += s.n;
	return copy;
}

static struct chain_labels take_labels(struct room *room, const struct plan_node *map)
{
	struct chain_labels labels = {.items = room->labels};
	for (size_t i = 0; i < plan_count(map); i++) {
		const struct plan_node *value = plan_at(map, i);
		struct str text = value->type == PLAN_STRING ? value->u.string : STR_EMPTY;
		labels.items[labels.count].name = take_text(room, value->key);
		labels.items[labels.count++].value = take_text(room, text);
	}
	room->labels += labels.count;
	return labels;
}

void chain_tell_facts(struct chain *chain, const struct plan_node *api)
{
	struct extent e = extent_of(api);
	size_t head = sizeof(struct chain_facts) + chain->count * sizeof(struct binding_facts);
	struct chain_facts *f =
		heap_zalloc(head + e.labels * sizeof(struct chain_label) + e.bytes);
	struct room room = {.labels = (struct chain_label *)(void *)((char *)f + head)};
	room.text = (char *)(room.labels + e.labels);
	f->labels = take_labels(&room, plan_get(api, "labels"));
	for (size_t i = 0; i < chain->count; i++) {
		const struct plan_node *binding = plan_at(plan_get(api, "chain"), i);
		f->bindings[i].stage = take_text(&room, plan_string(binding, "stage", STR_EMPTY));
		f->bindings[i].labels = take_labels(&room, plan_get(binding, "labels"));
	}
	chain->facts = f;
}

void chain_facts_free(struct chain_facts *facts)
{
	free(facts);
}

/* --- telling it ------------------------------------------------------------------------------ */
struct chain_labels chain_api_labels(const struct chain *chain)
{
	return chain->facts ? chain->facts->labels : (struct chain_labels){0};
}

struct chain_labels chain_binding_labels(const struct chain *chain, unsigned binding)
{
	return chain->facts ? chain->facts->bindings[binding].labels : (struct chain_labels){0};
}

struct str chain_binding_stage(const struct chain *chain, unsigned binding)
{
	return chain->facts ? chain->facts->bindings[binding].stage : STR_EMPTY;
}
