/* SPDX-License-Identifier: Apache-2.0 */
/* The stores of bodies, for whoever runs the gateway. */
#include "http/uri.h"
#include "loop/loop.h"
#include "process/gateway_priv.h"
#include "services/caches.h"

static void add_number(struct buffer *b, const char *name, uint64_t value)
{
	buffer_addf(b, ",\"%s\":%llu", name, (unsigned long long)value);
}

static void add_account(const struct cache_account *account, void *arg)
{
	struct buffer *b = arg;
	if (b->n > 0 && b->p[b->n - 1] == '}')
		buffer_add_char(b, ',');
	buffer_add(b, STR("{\"cache\":"));
	buffer_add_json(b, account->name);
	buffer_add(b, STR(",\"policy\":"));
	buffer_add_json(b, account->policy);
	add_number(b, "entries", account->entries);
	add_number(b, "entriesMax", account->entries_max);
	add_number(b, "bytes", account->bytes);
	add_number(b, "bytesMax", account->bytes_max);
	buffer_add_char(b, '}');
}

void report_caches(void *owner, struct admin_answer *a)
{
	a->status = 200;
	a->content_type = "application/json; charset=UTF-8";
	buffer_add(&a->body, STR("{\"caches\":["));
	services_caches(add_account, &a->body);
	buffer_add(&a->body, STR("]}\n"));
}

/* The value of cache=, decoded. */
static struct str asked_cache(struct str query, struct arena *arena)
{
	struct str name = STR("cache=");
	return str_starts(query, name) ? uri_query_decode(str_from(query, name.n), arena)
				       : STR_EMPTY;
}

void report_purge(void *owner, struct admin_answer *a)
{
	const struct gateway *g = owner;
	struct arena arena;
	arena_init(&arena, loop_pool(g->loop), 4096);
	struct str name = asked_cache(a->query, &arena);
	int64_t entries = services_cache_purge(name);
	a->status = entries < 0 ? 404 : 200;
	a->content_type = "application/json; charset=UTF-8";
	buffer_add(&a->body, entries < 0 ? STR("{\"error\":\"there is no such cache\",\"cache\":")
					 : STR("{\"cache\":"));
	buffer_add_json(&a->body, name);
	if (entries >= 0)
		add_number(&a->body, "dropped", (uint64_t)entries);
	buffer_add(&a->body, STR("}\n"));
	arena_reset(&arena);
}
