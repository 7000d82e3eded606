/* SPDX-License-Identifier: Apache-2.0 */
#include "exhibit.h"

#include "sluice/cache.h"

struct state {
	const struct sluice_cache_service *service;
	struct sluice_cache *cache;
};

static int32_t configure(const struct sluice_call *call, const struct sluice_value *config,
	void *previous, void **state)
{
	const struct sluice_host *host = call->host;
	const struct sluice_cache_options options = {.size = sizeof(options),
		.bytes_max = 1u << 20,
		.entry_bytes_max = 1u << 16,
		.entries_max = 100};
	struct state *s = host->instance_alloc(call->instance, sizeof(*s));
	(void)config;
	(void)previous;
	if (!s)
		return SLUICE_E_FULL;
	s->service = host->service(SLUICE_CACHE_SERVICE);
	SEE(SLUICE_HAS(s->service, remove_prefix));
	s->cache = s->service->open(call->instance, &options);
	SEE(s->cache);
	*state = s;
	return SLUICE_OK;
}

static void release(const struct sluice_call *call)
{
	call->host->instance_free(call->instance, call->state);
}

static struct sluice_cache_item item_of(struct sluice_str key)
{
	return (struct sluice_cache_item){.size = sizeof(struct sluice_cache_item),
		.key = key,
		.group = SLUICE_STR("orders"),
		.meta = SLUICE_STR("text/plain"),
		.for_ms = 60000};
}

static void see_entry(const struct sluice_call *call, struct sluice_exchange *x)
{
	struct state *s = call->state;
	struct sluice_cached c = {.size = sizeof(c)};
	struct sluice_str bytes;
	SEE(s->service->find(x, s->cache, SLUICE_STR("a"), &c) == SLUICE_OK);
	SEE(is(c.meta, "text/plain") && c.length == 4 && c.age_ms == 0 && c.remaining_ms == 60000);
	SEE(s->service->read(x, c.entry, 1, &bytes) == SLUICE_OK && is(bytes, "tor"));
	SEE(s->service->touch(x, c.entry, SLUICE_STR("text/html"), 1000) == SLUICE_OK);
	SEE(s->service->find(x, s->cache, SLUICE_STR("a"), &c) == SLUICE_OK &&
		is(c.meta, "text/html") && c.remaining_ms == 1000);
	SEE(s->service->take(x, s->cache, &c) == SLUICE_E_NOT_FOUND);
}

static void see_store(const struct sluice_call *call, struct sluice_exchange *x)
{
	struct state *s = call->state;
	struct sluice_cached c = {.size = sizeof(c)};
	struct sluice_cache_item a = item_of(SLUICE_STR("a")), b = item_of(SLUICE_STR("b"));
	SEE(s->service->find(x, s->cache, SLUICE_STR("none"), &c) == SLUICE_E_NOT_FOUND);
	SEE(s->service->put(call, s->cache, &a, SLUICE_STR("stor")) == SLUICE_OK);
	SEE(s->service->put(call, s->cache, &b, SLUICE_STR("more")) == SLUICE_OK);
	see_entry(call, x);
	SEE(s->service->remove_prefix(call, s->cache, SLUICE_STR("b")) == 1);
	SEE(s->service->remove(call, s->cache, SLUICE_STR("b")) == SLUICE_E_NOT_FOUND);
	SEE(s->service->remove_group(call, s->cache, SLUICE_STR("orders")) >= 1);
	SEE(s->service->remove(call, s->cache, SLUICE_STR("a")) == SLUICE_E_NOT_FOUND);
}

/* The answer comes from the store. */
static int32_t request_head(const struct sluice_call *call, struct sluice_exchange *x)
{
	static const struct sluice_str fields[] = {{"x-exhibit", 9}, {"answers", 7}};
	const struct sluice_cache_answer stored = {.size = sizeof(stored),
		.status = 403,
		.fields = fields,
		.field_count = 1,
		.reason = SLUICE_STR("exhibit_closed"),
		.offset = 1,
		.length = 2};
	struct state *s = call->state;
	struct sluice_cached c = {.size = sizeof(c)};
	struct sluice_cache_item closed = item_of(SLUICE_STR("closed"));
	see_store(call, x);
	if (!is(call->host->fact(x, SLUICE_FACT_PATH), "/answer"))
		return SLUICE_CONTINUE;
	SEE(s->service->put(call, s->cache, &closed, SLUICE_STR("closed on Mondays")) == SLUICE_OK);
	SEE(s->service->find(x, s->cache, closed.key, &c) == SLUICE_OK);
	SEE(s->service->respond(x, c.entry, &stored) == SLUICE_OK);
	return SLUICE_RESPONDED;
}

static int32_t response_head(const struct sluice_call *call, struct sluice_exchange *x)
{
	struct state *s = call->state;
	const struct sluice_cache_item item = item_of(SLUICE_STR("response"));
	if (call->host->status(x) == 200) {
		SEE(s->service->store_begin(x, s->cache, &item) == SLUICE_OK);
		SEE(s->service->store_begin(x, s->cache, &item) == SLUICE_E_CONFLICT);
		SEE(s->service->store_abandon(x, s->cache) == SLUICE_OK);
		SEE(s->service->store_begin(x, s->cache, &item) == SLUICE_OK);
	}
	return tell(call, x);
}

static int32_t response_body(
	const struct sluice_call *call, struct sluice_exchange *x, const struct sluice_body *body)
{
	struct state *s = call->state;
	struct sluice_cached c = {.size = sizeof(c)};
	if (call->host->status(x) != 200)
		return SLUICE_CONTINUE;
	SEE(s->service->store_piece(x, s->cache, body) == SLUICE_OK);
	if (body->end)
		SEE(s->service->find(x, s->cache, SLUICE_STR("response"), &c) == SLUICE_OK &&
			c.length == 4);
	return SLUICE_CONTINUE;
}

static const struct sluice_policy policy = {.size = sizeof(policy),
	.name = "cache",
	.version = "1.0.0",
	.configure = configure,
	.release = release,
	.request_head = request_head,
	.response_head = response_head,
	.response_body = response_body};
EXHIBIT("cache", SLUICE_CACHE_SERVICE, NULL)
