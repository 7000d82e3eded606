/* SPDX-License-Identifier: Apache-2.0 */
/* services/cache.c - stores of bodies as policies use them.
 *
 * What an exchange has found, and what it stores, are operations of it, so that they are given up
 * at its end at the latest. A body that is sent is a local answer that is written already: slices
 * of foreign blocks, from where the store has it.
 *
 * Invariants   C1  of each entry that an exchange has found it holds one reference until it ends,
 * or the binding has failed. */
#include "sluice/cache.h"

#include "base/buffer.h"
#include "policy/local_stream.h"
#include "services/cache_capture.h"
#include "services/cache_found.h"
#include "services/cache_head.h"
#include "services/services_priv.h"

enum { OPEN, RESPOND, READ, TOUCH, PUT, REMOVE, REMOVE_GROUP, REMOVE_PREFIX };
static const struct policy_call calls[] = {
	[OPEN] = {"sluice.cache/1 open", IN(CONFIGURE)},
	[RESPOND] = {"sluice.cache/1 respond", IN_LIVE},
	[READ] = {"sluice.cache/1 read", IN_LIVE},
	[TOUCH] = {"sluice.cache/1 touch", IN_LIVE},
	[PUT] = {"sluice.cache/1 put", IN_WORKER},
	[REMOVE] = {"sluice.cache/1 remove", IN_WORKER},
	[REMOVE_GROUP] = {"sluice.cache/1 remove_group", IN_WORKER},
	[REMOVE_PREFIX] = {"sluice.cache/1 remove_prefix", IN_WORKER},
};

/* --- opening --------------------------------------------------------------------------------- */
static struct sluice_cache *open_cache(
	struct sluice_instance *i, const struct sluice_cache_options *given)
{
	struct sluice_cache_options o;
	if (!policy_allows(&calls[OPEN], i))
		return NULL;
	if (named_cache_options_take(given, &o))
		return named_cache_open(i, &o);
	policy_log_line(i, NULL, SLUICE_LOG_ERROR,
		STR("a cache's options are out of their ranges (sluice/cache.h)"));
	return NULL;
}

/* --- what was found -------------------------------------------------------------------------- */
static int32_t read_body(struct sluice_exchange *x, struct sluice_cache_entry *entry,
	uint64_t offset, struct sluice_str *bytes)
{
	if (!policy_allows_exchange(&calls[READ], x))
		return SLUICE_E_WRONG_CALLBACK;
	const struct sluice_cache_entry *f = cache_found_of(&calls[READ], x, entry);
	if (!f || !bytes)
		return SLUICE_E_INVALID;
	const struct cache_piece *p = cache_body_pieces(f->entry->body);
	for (; p && offset >= p->n; p = p->next)
		offset -= p->n;
	*bytes = p ? (struct sluice_str){p->data + offset, p->n - offset}
		   : (struct sluice_str){"", 0};
	return SLUICE_OK;
}

/* --- answering ------------------------------------------------------------------------------- */
/* In the exchange's arena. */
struct answer {
	struct operation operation;
	struct local_stream body;
};

static void answer_leave(struct operation *op)
{
	chunk_queue_clear(&CONTAINER_OF(op, struct answer, operation)->body.queue);
}

/* All of it was written before it was given. */
static void nothing_changed(struct local_stream *s)
{
}

static void let_go_of_body(void *owner)
{
	cache_body_unref(owner);
}

static void add_slices(
	struct chunk_queue *q, struct cache_body *body, uint64_t offset, uint64_t length)
{
	struct block *block = block_new_foreign(q->pool, let_go_of_body, cache_body_ref(body));
	for (const struct cache_piece *p = cache_body_pieces(body); p && length > 0; p = p->next) {
		if (offset >= p->n) {
			offset -= p->n;
			continue;
		}
		size_t n = p->n - (size_t)offset;
		n = n < length ? n : (size_t)length;
		chunk_queue_add_slice(q, block, p->data + offset, n);
		offset = 0;
		length -= n;
	}
	block_unref(block);
}

static bool answer_is_valid(const struct sluice_cache_answer *a, uint64_t bytes)
{
	return a && a->size >= sizeof(*a) && a->offset <= bytes && (a->fields || !a->field_count);
}

static int32_t respond(struct sluice_exchange *x, struct sluice_cache_entry *entry,
	const struct sluice_cache_answer *a)
{
	struct local_response *local;
	if (!policy_allows_exchange(&calls[RESPOND], x))
		return SLUICE_E_WRONG_CALLBACK;
	if (x->response_sent)
		return policy_refuse_late(&calls[RESPOND], "the response has been sent");
	const struct sluice_cache_entry *f = cache_found_of(&calls[RESPOND], x, entry);
	if (!f || !answer_is_valid(a, cache_body_bytes(f->entry->body)))
		return SLUICE_E_INVALID;
	uint64_t rest = cache_body_bytes(f->entry->body) - a->offset;
	uint64_t length = a->length > 0 && a->length < rest ? a->length : rest;
	struct answer *made = arena_zalloc(x->arena, sizeof(*made));
	if (!made)
		return SLUICE_E_FULL;
	made->body.length = length;
	made->body.changed = nothing_changed;
	made->body.lies_elsewhere = true;
	int32_t rc = local_stream_make(x, a->status, str_in(a->reason), &made->body, &local);
	if (rc == SLUICE_OK)
		rc = cache_head_fill(&local->head.fields, f->entry, a);
	if (rc != SLUICE_OK)
		return rc;
	local_stream_give(x, local);
	if (local->head.has_content)
		local->head.content_length = (int64_t)length;
	if (!made->body.discards)
		add_slices(&made->body.queue, f->entry->body, a->offset, length);
	made->body.written = length;
	made->body.ended = true;
	operation_begin(&made->operation, x, answer_leave);
	operation_end(&made->operation);
	return SLUICE_OK;
}

static int32_t touch(struct sluice_exchange *x, struct sluice_cache_entry *entry,
	struct sluice_str meta, int64_t for_ms)
{
	if (!policy_allows_exchange(&calls[TOUCH], x))
		return SLUICE_E_WRONG_CALLBACK;
	const struct sluice_cache_entry *f = cache_found_of(&calls[TOUCH], x, entry);
	if (!f || !cache_terms_are_valid(meta, for_ms))
		return SLUICE_E_INVALID;
	return named_cache_touch(f->cache, f->entry, str_in(meta), loop_now_ms(x->loop) + for_ms);
}

/* --- without an exchange --------------------------------------------------------------------- */
static bool may_change(const struct policy_call *what, const struct sluice_call *call,
	const struct sluice_cache *cache)
{
	return policy_allows(what, call ? call->instance : NULL) && cache_is_own(what, cache) &&
	       services_thread.loop;
}

static int32_t put(const struct sluice_call *call, struct sluice_cache *cache,
	const struct sluice_cache_item *given, struct sluice_str bytes)
{
	struct sluice_cache_item item;
	if (!may_change(&calls[PUT], call, cache))
		return SLUICE_E_WRONG_CALLBACK;
	if (!cache_item_take(given, &item))
		return SLUICE_E_INVALID;
	struct cache_body *body = cache_body_new();
	int32_t result = SLUICE_E_FULL;
	if (cache_body_add(body, str_in(bytes), cache->options.entry_bytes_max) == RC_OK)
		result = named_cache_put(cache, loop_now_ms(services_thread.loop), &item, body,
			cache_found_seen(cache, str_in(item.key)));
	cache_body_unref(body);
	return result;
}

static int32_t remove_one(
	const struct sluice_call *call, struct sluice_cache *cache, struct sluice_str key)
{
	if (!may_change(&calls[REMOVE], call, cache))
		return SLUICE_E_WRONG_CALLBACK;
	return named_cache_remove(cache, str_in(key)) ? SLUICE_OK : SLUICE_E_NOT_FOUND;
}

static int64_t remove_group(
	const struct sluice_call *call, struct sluice_cache *cache, struct sluice_str group)
{
	if (!may_change(&calls[REMOVE_GROUP], call, cache))
		return SLUICE_E_WRONG_CALLBACK;
	if (group.n == 0)
		return SLUICE_E_INVALID;
	return (int64_t)named_cache_remove_group(cache, str_in(group));
}

static int64_t remove_prefix(
	const struct sluice_call *call, struct sluice_cache *cache, struct sluice_str prefix)
{
	if (!may_change(&calls[REMOVE_PREFIX], call, cache))
		return SLUICE_E_WRONG_CALLBACK;
	return (int64_t)named_cache_remove_prefix(cache, str_in(prefix));
}

const void *services_cache_table(void)
{
	static const struct sluice_cache_service table = {
		.size = sizeof(table),
		.open = open_cache,
		.find = cache_find_for,
		.take = cache_take_found,
		.respond = respond,
		.read = read_body,
		.touch = touch,
		.store_begin = cache_store_begin,
		.store_piece = cache_store_piece,
		.store_abandon = cache_store_abandon,
		.put = put,
		.remove = remove_one,
		.remove_group = remove_group,
		.remove_prefix = remove_prefix,
	};
	return &table;
}
