/* SPDX-License-Identifier: Apache-2.0 */
#include "policy/chain_build.h"

#include "base/limits.h"
#include "base/memory.h"
#include "policy/chain_facts.h"
#include "policy/policy_priv.h"

#include <stdlib.h>

enum rc body_mode_parse(struct str name, enum body_mode *mode)
{
	static const char *const names[] = {"none", "observe", "stream", "buffer"};
	for (size_t i = 0; i < ARRAY_COUNT(names); i++) {
		if (str_eq(name, str_of(names[i]))) {
			*mode = (enum body_mode)i;
			return RC_OK;
		}
	}
	return RC_INVALID;
}

static void binding_init(
	struct chain_binding *b, const struct chain_binding_options *o, uint16_t index)
{
	const struct sluice_policy *p = o->instance->policy;
	b->instance = instance_ref(o->instance);
	b->bit = (uint64_t)1 << index;
	b->index = index;
	b->skip_on_error = o->skip_on_error;
#define TAKE(NAME, name) (o->instance->omitted >> CALLBACK_##NAME & 1 ? NULL : p->name)
	b->head[CHAIN_REQUEST] = TAKE(REQUEST_HEAD, request_head);
	b->head[CHAIN_RESPONSE] = TAKE(RESPONSE_HEAD, response_head);
	b->body[CHAIN_REQUEST] = TAKE(REQUEST_BODY, request_body);
	b->body[CHAIN_RESPONSE] = TAKE(RESPONSE_BODY, response_body);
	b->end[CHAIN_REQUEST] = TAKE(REQUEST_END, request_end);
	b->end[CHAIN_RESPONSE] = TAKE(RESPONSE_END, response_end);
	b->log = TAKE(LOG, log);
	b->frame = TAKE(FRAME, frame);
#undef TAKE
	b->done = p->done;
	for (int d = 0; d < 2; d++) {
		b->contract[d] = o->body[d];
		if (!b->contract[d].bytes_max)
			b->contract[d].bytes_max = LIMIT_BUFFERED_BODY_BYTES;
		if (b->contract[d].mode == BODY_NONE)
			b->body[d] = NULL;
		if (!b->body[d])
			b->contract[d].mode = BODY_NONE;
	}
}

/* As many places as there may be entries: a list is never longer than the chain. */
static void list_add(struct chain_list *list, const struct chain_binding *b)
{
	list->items[list->count++] = b;
}

static void walk_add(struct chain_walk *w, const struct chain_binding *b, enum chain_direction d)
{
	enum body_mode mode = b->contract[d].mode;
	if (b->head[d] || mode == BODY_BUFFER)
		list_add(&w->heads, b);
	if (mode != BODY_NONE)
		list_add(&w->bodies, b);
	if (b->end[d])
		list_add(&w->ends, b);
	if (mode != BODY_NONE || b->end[d])
		w->body_or_end |= b->bit;
	if (mode == BODY_STREAM)
		w->streams |= b->bit;
	if (mode == BODY_BUFFER)
		w->collects |= b->bit;
}

#define LISTS 8

static void each_list(struct chain *c, struct chain_list *lists[LISTS])
{
	size_t n = 0;
	for (int d = 0; d < 2; d++) {
		lists[n++] = &c->walk[d].heads;
		lists[n++] = &c->walk[d].bodies;
		lists[n++] = &c->walk[d].ends;
	}
	lists[n++] = &c->logs;
	lists[n++] = &c->dones;
}

static void fill(struct chain *c)
{
	for (size_t i = 0; i < c->count; i++) {
		const struct chain_binding *b = &c->bindings[i];
		walk_add(&c->walk[CHAIN_REQUEST], b, CHAIN_REQUEST);
		if (b->instance->secrets)
			c->secretive |= b->bit;
		if (b->frame)
			c->frames |= b->bit;
		if (b->log)
			list_add(&c->logs, b);
		if (b->done)
			list_add(&c->dones, b);
	}
	for (size_t i = c->count; i-- > 0;)
		walk_add(&c->walk[CHAIN_RESPONSE], &c->bindings[i], CHAIN_RESPONSE);
}

/* The lists of a draft stand behind the bindings of the chain that stays: one block, so that a
 * request that walks them finds them on the lines beside it. */
static void settle_lists(struct chain *c, const struct chain_list *const drafts[LISTS],
	const struct chain_binding **room)
{
	struct chain_list *lists[LISTS];
	each_list(c, lists);
	for (size_t i = 0; i < LISTS; i++) {
		lists[i]->items = room;
		lists[i]->count = drafts[i]->count;
		for (size_t k = 0; k < drafts[i]->count; k++)
			*room++ = &c->bindings[drafts[i]->items[k]->index];
	}
}

static struct chain *settle(struct chain *draft)
{
	struct chain_list *lists[LISTS];
	size_t bindings = draft->count * sizeof(draft->bindings[0]), items = 0;
	each_list(draft, lists);
	for (size_t i = 0; i < LISTS; i++)
		items += lists[i]->count;
	size_t size = sizeof(*draft) + bindings + items * sizeof(lists[0]->items[0]);
	struct chain *c = aligned_alloc(64, (size + 63) & ~(size_t)63);
	CHECK(c);
	memcpy(c, draft, sizeof(*draft) + bindings);
	settle_lists(c, (const struct chain_list *const *)lists,
		(const struct chain_binding **)(void *)((char *)c->bindings + bindings));
	return c;
}

enum rc chain_new(const struct chain_binding_options *bindings, size_t count, struct chain **out)
{
	if (count > LIMIT_BINDINGS_PER_CHAIN)
		return RC_FULL;
	struct chain *draft = heap_zalloc(sizeof(*draft) + count * sizeof(draft->bindings[0]));
	const struct chain_binding **places =
		heap_alloc(LISTS * count * sizeof(const struct chain_binding *));
	struct chain_list *lists[LISTS];
	draft->count = (uint16_t)count;
	each_list(draft, lists);
	for (size_t i = 0; i < LISTS; i++)
		lists[i]->items = places + i * count;
	for (size_t i = 0; i < count; i++)
		binding_init(&draft->bindings[i], &bindings[i], (uint16_t)i);
	fill(draft);
	*out = settle(draft);
	free(places);
	free(draft);
	return RC_OK;
}

void chain_free(struct chain *chain)
{
	if (!chain)
		return;
	for (size_t i = 0; i < chain->count; i++)
		instance_unref(chain->bindings[i].instance);
	chain_facts_free(chain->facts);
	free(chain);
}

size_t chain_count(const struct chain *chain)
{
	return chain->count;
}

const struct plugin *chain_plugin(const struct chain *chain, size_t i)
{
	return chain->bindings[i].instance->plugin;
}

const struct chain_binding *chain_binding_at(const struct chain *chain, size_t i)
{
	return i < chain->count ? &chain->bindings[i] : NULL;
}

struct sluice_instance *chain_binding_instance(const struct chain_binding *b)
{
	return b->instance;
}

size_t chain_binding_count(const struct chain *chain)
{
	return chain->count;
}

bool chain_wants_body(const struct chain *chain, enum chain_direction d)
{
	return chain->walk[d].body_or_end != 0;
}

struct str chain_binding_id(const struct chain_binding *b)
{
	return instance_binding(b->instance);
}

struct str chain_binding_policy(const struct chain_binding *b)
{
	return instance_policy(b->instance);
}

unsigned chain_binding_index(const struct chain_binding *b)
{
	return b->index;
}
