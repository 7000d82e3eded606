/* SPDX-License-Identifier: Apache-2.0 */
/* The policy answer-cache: what was answered to a GET is the answer for some seconds, for
 * everybody.
 *
 * For data that is public and the same for all. Whatever might not be (a request with credentials
 * or cookies, a response that varies, sets cookies or forbids it) is neither stored nor answered
 * from here; a cache after RFC 9111 is another policy. */
#include <sluice/cache.h>
#include <sluice/sluice.h>
#include <sluice/text.h>

#include <stdio.h>
#include <string.h>

static const struct sluice_cache_service *cache;

/* One binding, as it is configured. */
struct binding {
	struct sluice_cache *store;
	int64_t for_ms;
	int32_t hits; /* counter */
};

/* One exchange whose answer may come from the store, or go there. */
struct lookup {
	struct sluice_str key;
	int is_hit;
};

/* --- what counts ----------------------------------------------------------------------------- */
static int has_field(const struct sluice_host *host, struct sluice_exchange *x,
	enum sluice_side side, struct sluice_str name)
{
	struct sluice_str value;
	return host->field_get(x, side, name, &value) == SLUICE_OK;
}

static int has_any(const struct sluice_host *host, struct sluice_exchange *x, enum sluice_side side,
	const struct sluice_str *names, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (has_field(host, x, side, names[i]))
			return 1;
	return 0;
}

static int is_public_request(const struct sluice_host *host, struct sluice_exchange *x)
{
	static const struct sluice_str personal[] = {{"authorization", 13}, {"cookie", 6},
		{"range", 5}, {"if-match", 8}, {"if-none-match", 13}, {"if-modified-since", 17},
		{"if-unmodified-since", 19}, {"cache-control", 13}};
	return sluice_equal(host->fact(x, SLUICE_FACT_METHOD), SLUICE_STR("GET")) &&
	       host->body_length(x, SLUICE_REQUEST) == 0 &&
	       host->fact(x, SLUICE_FACT_PRINCIPAL).n == 0 &&
	       host->fact(x, SLUICE_FACT_CLIENT_ID).n == 0 &&
	       !has_any(host, x, SLUICE_REQUEST, personal, sizeof(personal) / sizeof(*personal));
}

static int is_public_response(const struct sluice_host *host, struct sluice_exchange *x)
{
	static const struct sluice_str particular[] = {{"set-cookie", 10}, {"vary", 4},
		{"cache-control", 13}, {"expires", 7}, {"pragma", 6}, {"content-encoding", 16},
		{"www-authenticate", 16}};
	/* A policy behind this one may have found out meanwhile who it is for. */
	return host->status(x) == 200 && host->fact(x, SLUICE_FACT_PRINCIPAL).n == 0 &&
	       host->fact(x, SLUICE_FACT_CLIENT_ID).n == 0 &&
	       !has_any(host, x, SLUICE_RESPONSE, particular,
		       sizeof(particular) / sizeof(*particular));
}

/* Nothing of one part can be taken for another's: the lengths stand in front. */
static struct sluice_str key_of(const struct sluice_host *host, struct sluice_exchange *x)
{
	struct sluice_str authority = host->fact(x, SLUICE_FACT_AUTHORITY);
	struct sluice_str path = host->fact(x, SLUICE_FACT_PATH);
	struct sluice_str query = host->fact(x, SLUICE_FACT_QUERY);
	size_t room = authority.n + path.n + query.n + 64;
	char *text = room < 8192 ? host->exchange_alloc(x, room) : NULL;
	if (!text)
		return (struct sluice_str){NULL, 0};
	int n = snprintf(text, room, "%zu,%zu:%.*s%.*s%.*s", authority.n, path.n, (int)authority.n,
		authority.p, (int)path.n, path.p, (int)query.n, query.p);
	return (struct sluice_str){text, (size_t)n};
}

/* --- callbacks ------------------------------------------------------------------------------- */
static int32_t load(const struct sluice_host *host)
{
	cache = (const struct sluice_cache_service *)host->service(SLUICE_CACHE_SERVICE);
	return SLUICE_OK; /* it is there: requires_services names it */
}

static int32_t configure(const struct sluice_call *call, const struct sluice_value *config,
	void *previous, void **state)
{
	const struct sluice_host *host = call->host;
	const struct sluice_cache_options options = {
		.size = sizeof(options),
		.bytes_max = (uint64_t)host->value_integer(
			host->value_get(config, SLUICE_STR("maxBytes")), 67108864),
		.entry_bytes_max = 65536,
		.entries_max = 100000,
	};
	struct binding *b = host->instance_alloc(call->instance, sizeof(*b));
	(void)previous;
	if (!b)
		return SLUICE_E_FULL;
	*state = b;
	b->for_ms = 1000 * host->value_integer(host->value_get(config, SLUICE_STR("seconds")), 0);
	b->store = cache->open(call->instance, &options);
	b->hits = host->counter_define(call->instance, SLUICE_STR("cached_answers"),
		SLUICE_STR("Requests that were answered from the store"));
	return b->store && b->hits >= 0 ? SLUICE_OK : SLUICE_E_FULL;
}

static void release(const struct sluice_call *call)
{
	call->host->instance_free(call->instance, call->state);
}

static int32_t answer(const struct sluice_call *call, struct sluice_exchange *x, struct lookup *l,
	const struct sluice_cached *found)
{
	const struct binding *b = call->state;
	char age[24];
	int n = snprintf(age, sizeof(age), "%lld", (long long)(found->age_ms / 1000));
	const struct sluice_str fields[] = {
		{"content-type", 12}, found->meta, {"age", 3}, {age, (size_t)n}};
	const struct sluice_cache_answer a = {
		.size = sizeof(a),
		.status = 200,
		.fields = found->meta.n ? fields : fields + 2,
		.field_count = found->meta.n ? 2 : 1,
		.reason = SLUICE_STR("cached"),
	};
	l->is_hit = 1;
	if (cache->respond(x, found->entry, &a) != SLUICE_OK)
		return SLUICE_FAIL;
	call->host->counter_add(call->instance, b->hits, 1);
	return SLUICE_RESPONDED;
}

/* What cannot be looked up goes to the upstream: nothing is refused here. */
static int32_t request_head(const struct sluice_call *call, struct sluice_exchange *x)
{
	const struct sluice_host *host = call->host;
	const struct binding *b = call->state;
	struct sluice_cached found = {.size = sizeof(found)};
	struct lookup *l = host->data_get(x);
	if (!l) {
		l = is_public_request(host, x) ? host->exchange_alloc(x, sizeof(*l)) : NULL;
		if (!l)
			return SLUICE_CONTINUE;
		*l = (struct lookup){.key = key_of(host, x)};
		if (!l->key.n)
			return SLUICE_CONTINUE;
		host->data_set(x, l);
	}
	int32_t rc = host->resumed(x) ? cache->take(x, b->store, &found)
				      : cache->find(x, b->store, l->key, &found);
	if (rc == SLUICE_PENDING)
		return host->wait(x, 1000);
	return rc == SLUICE_OK ? answer(call, x, l, &found) : SLUICE_CONTINUE;
}

static int32_t response_head(const struct sluice_call *call, struct sluice_exchange *x)
{
	const struct sluice_host *host = call->host;
	const struct binding *b = call->state;
	const struct lookup *l = host->data_get(x);
	if (l && !l->is_hit && is_public_response(host, x)) {
		struct sluice_cache_item item = {
			.size = sizeof(item), .key = l->key, .for_ms = b->for_ms};
		if (host->field_get(x, SLUICE_RESPONSE, SLUICE_STR("content-type"), &item.meta) !=
			SLUICE_OK)
			item.meta = SLUICE_STR("");
		if (cache->store_begin(x, b->store, &item) == SLUICE_OK)
			return SLUICE_CONTINUE;
	}
	return host->body_pass(x) == SLUICE_OK ? SLUICE_CONTINUE : SLUICE_FAIL;
}

static int32_t response_body(
	const struct sluice_call *call, struct sluice_exchange *x, const struct sluice_body *body)
{
	const struct binding *b = call->state;
	cache->store_piece(x, b->store, body); /* too large a one is given up, and passes */
	return SLUICE_CONTINUE;
}

const struct sluice_plugin *sluice_plugin_v1(void)
{
	static const char *const services[] = {SLUICE_CACHE_SERVICE, NULL};
	static const struct sluice_policy policy = {
		.size = sizeof(policy),
		.name = "answer-cache",
		.version = "1.0.0",
		.configure = configure,
		.release = release,
		.request_head = request_head,
		.response_head = response_head,
		.response_body = response_body,
	};
	static const struct sluice_policy *const policies[] = {&policy};
	static const struct sluice_plugin plugin = {
		.size = sizeof(plugin),
		.abi_major = SLUICE_ABI_MAJOR,
		.abi_minor = SLUICE_ABI_MINOR,
		.policy_count = 1,
		.name = "answer-cache",
		.version = "1.0.0",
		.policies = policies,
		.requires_services = services,
		.load = load,
	};
	return &plugin;
}
