/* SPDX-License-Identifier: Apache-2.0 */
/* The policy authorizer: other services say whether a request may go on.
 *
 *   known from before? -> (a question to a store) -> go on
 *   else all services at once -> (requests) -> each says 2xx: go on, and remember
 *                                              one says 401 or 403: that is the answer
 *                                              anything else: nobody knows, so it fails
 *
 * The exchange waits in between and holds no thread. Only what was allowed is remembered, under a
 * digest of all that was asked. */
#include <sluice/crypto.h>
#include <sluice/http.h>
#include <sluice/sluice.h>
#include <sluice/state.h>

#include <string.h>

#define SERVICES_MAX 4
#define KEY_BYTES    32

static const struct sluice_crypto_service *crypto;
static const struct sluice_http_service *http;
static const struct sluice_state_service *store;

/* One binding, as it is configured. */
struct binding {
	const struct sluice_target *services[SERVICES_MAX];
	size_t service_count;
	uint32_t timeout_ms;
	int64_t remember_ms; /* 0: not at all */
	struct sluice_state *verdicts;
};

/* One exchange, while it waits. */
struct visit {
	int asks_services; /* else the store */
	uint8_t key[KEY_BYTES];
};

/* --- configuration --------------------------------------------------------------------------- */
static int32_t load(const struct sluice_host *host)
{
	crypto = (const struct sluice_crypto_service *)host->service(SLUICE_CRYPTO_SERVICE);
	http = (const struct sluice_http_service *)host->service(SLUICE_HTTP_SERVICE);
	store = (const struct sluice_state_service *)host->service(SLUICE_STATE_SERVICE);
	return SLUICE_OK; /* they are there: requires_services names them */
}

static int32_t find_services(
	const struct sluice_call *call, const struct sluice_value *list, struct binding *b)
{
	const struct sluice_host *host = call->host;
	b->service_count = host->value_count(list); /* the schema has seen to the maximum */
	for (size_t i = 0; i < b->service_count; i++) {
		b->services[i] = host->target(call->instance, host->value_at(list, i, NULL));
		if (!b->services[i])
			return SLUICE_E_INVALID;
	}
	return SLUICE_OK;
}

static int32_t configure(const struct sluice_call *call, const struct sluice_value *config,
	void *previous, void **state)
{
	const struct sluice_host *host = call->host;
	const struct sluice_state_options options = {
		.size = sizeof(options), .entries_max = 100000, .bytes_max = 32u << 20};
	struct binding *b = host->instance_alloc(call->instance, sizeof(*b));
	(void)previous;
	if (!b)
		return SLUICE_E_FULL;
	*state = b;
	b->timeout_ms = (uint32_t)host->value_integer(
		host->value_get(config, SLUICE_STR("timeoutMilliseconds")), 1000);
	b->remember_ms = 1000 * host->value_integer(
					host->value_get(config, SLUICE_STR("rememberSeconds")), 10);
	b->verdicts = store->open(call->instance, &options);
	if (!b->verdicts)
		return SLUICE_E_FULL;
	return find_services(call, host->value_get(config, SLUICE_STR("services")), b);
}

static void release(const struct sluice_call *call)
{
	call->host->instance_free(call->instance, call->state);
}

/* --- what was allowed before ----------------------------------------------------------------- */
/* A digest of the credential, the method and the path, each behind its length: no two requests that
 * differ in them have one key. */
static int key_of(const struct sluice_call *call, struct sluice_exchange *x,
	struct sluice_str credential, uint8_t key[KEY_BYTES])
{
	const struct sluice_str parts[] = {credential, call->host->fact(x, SLUICE_FACT_METHOD),
		call->host->fact(x, SLUICE_FACT_AUTHORITY), call->host->fact(x, SLUICE_FACT_PATH),
		call->host->fact(x, SLUICE_FACT_QUERY)};
	const size_t count = sizeof(parts) / sizeof(*parts);
	size_t n = 0;
	for (size_t i = 0; i < count; i++)
		n += sizeof(parts[i].n) + parts[i].n;
	char *text = call->host->exchange_alloc(x, n);
	if (!text)
		return 0;
	n = 0;
	for (size_t i = 0; i < count; i++) {
		memcpy(text + n, &parts[i].n, sizeof(parts[i].n));
		memcpy(text + n + sizeof(parts[i].n), parts[i].p, parts[i].n);
		n += sizeof(parts[i].n) + parts[i].n;
	}
	crypto->sha256((struct sluice_str){text, n}, key);
	return 1;
}

static struct sluice_question question_of(const struct visit *v, uint32_t kind)
{
	return (struct sluice_question){.size = sizeof(struct sluice_question),
		.kind = kind,
		.key = {(const char *)v->key, KEY_BYTES}};
}

static void remembered(
	const struct sluice_call *call, const struct sluice_answer *answer, int32_t rc, void *arg)
{
	(void)call, (void)answer, (void)rc, (void)arg; /* then the services are asked again */
}

static void remember(const struct sluice_call *call, const struct visit *v)
{
	const struct binding *b = call->state;
	struct sluice_question q = question_of(v, SLUICE_PUT);
	q.value = SLUICE_STR("1");
	q.version = SLUICE_VERSION_ANY;
	q.for_ms = b->remember_ms;
	if (b->remember_ms)
		store->start(call, b->verdicts, &q, remembered, NULL);
}

/* --- asking the services --------------------------------------------------------------------- */
static int32_t ask_services(
	const struct sluice_call *call, struct sluice_exchange *x, struct visit *v)
{
	const struct sluice_host *host = call->host;
	const struct binding *b = call->state;
	struct sluice_str credential = SLUICE_STR("");
	host->field_get(x, SLUICE_REQUEST, SLUICE_STR("authorization"), &credential);
	const struct sluice_str fields[] = {SLUICE_STR("authorization"), credential,
		SLUICE_STR("x-original-method"), host->fact(x, SLUICE_FACT_METHOD),
		SLUICE_STR("x-original-path"), host->fact(x, SLUICE_FACT_PATH),
		SLUICE_STR("x-request-id"), host->fact(x, SLUICE_FACT_REQUEST_ID)};
	const struct sluice_http_request request = {
		.size = sizeof(request),
		.timeout_ms = b->timeout_ms,
		.fields = fields,
		.field_count = sizeof(fields) / sizeof(*fields) / 2,
		.response_bytes_max = 4096,
	};
	v->asks_services = 1;
	for (size_t i = 0; i < b->service_count; i++)
		if (http->begin(x, b->services[i], &request) != SLUICE_OK)
			return SLUICE_FAIL;
	return host->wait(x, b->timeout_ms + 1000);
}

/* The service's own answer, with its challenge. */
static int32_t refuse(const struct sluice_call *call, struct sluice_exchange *x,
	const struct sluice_http_response *r)
{
	struct sluice_str fields[] = {SLUICE_STR("www-authenticate"), SLUICE_STR("")};
	size_t n = http->field_get(r, fields[0], &fields[1]) == SLUICE_OK;
	int32_t rc = call->host->respond_error(x, r->status, fields, n,
		r->status == 401 ? SLUICE_STR("not authenticated") : SLUICE_STR("not allowed"),
		SLUICE_STR("not_authorized"));
	return rc == SLUICE_OK ? SLUICE_RESPONDED : SLUICE_FAIL;
}

static int32_t hear_services(
	const struct sluice_call *call, struct sluice_exchange *x, const struct visit *v)
{
	const struct binding *b = call->state;
	for (size_t i = 0; i < b->service_count; i++) {
		struct sluice_http_response r = {.size = sizeof(r)};
		if (http->take(x, &r) != SLUICE_OK)
			return SLUICE_FAIL;
		if (r.result == SLUICE_OK && (r.status == 401 || r.status == 403))
			return refuse(call, x, &r);
		if (r.result != SLUICE_OK || r.status < 200 || r.status > 299) {
			call->host->log(call->instance, x, SLUICE_LOG_WARN,
				r.message.n ? r.message : SLUICE_STR("a service gave no verdict"));
			return SLUICE_FAIL;
		}
	}
	remember(call, v);
	return SLUICE_CONTINUE;
}

/* --- callbacks ------------------------------------------------------------------------------- */
static int32_t begin(const struct sluice_call *call, struct sluice_exchange *x)
{
	const struct sluice_host *host = call->host;
	const struct binding *b = call->state;
	struct sluice_str credential = SLUICE_STR("");
	struct sluice_answer answer = {.size = sizeof(answer)};
	struct visit *v = host->exchange_alloc(x, sizeof(*v));
	host->field_get(x, SLUICE_REQUEST, SLUICE_STR("authorization"), &credential);
	if (!v || !key_of(call, x, credential, v->key))
		return SLUICE_FAIL;
	v->asks_services = 0;
	host->data_set(x, v);
	const struct sluice_question q = question_of(v, SLUICE_GET);
	int32_t rc = b->remember_ms ? store->ask(x, b->verdicts, &q, &answer) : SLUICE_E_NOT_FOUND;
	if (rc == SLUICE_PENDING)
		return host->wait(x, b->timeout_ms);
	return rc == SLUICE_OK && answer.result == SLUICE_OK ? SLUICE_CONTINUE
							     : ask_services(call, x, v);
}

static int32_t request_head(const struct sluice_call *call, struct sluice_exchange *x)
{
	const struct binding *b = call->state;
	struct sluice_answer answer = {.size = sizeof(answer)};
	struct visit *v = call->host->data_get(x);
	if (!call->host->resumed(x))
		return begin(call, x);
	if (v->asks_services)
		return hear_services(call, x, v);
	int32_t rc = store->take(x, b->verdicts, &answer);
	return rc == SLUICE_OK && answer.result == SLUICE_OK ? SLUICE_CONTINUE
							     : ask_services(call, x, v);
}

const struct sluice_plugin *sluice_plugin_v1(void)
{
	static const char *const services[] = {
		SLUICE_CRYPTO_SERVICE, SLUICE_HTTP_SERVICE, SLUICE_STATE_SERVICE, NULL};
	static const struct sluice_policy policy = {
		.size = sizeof(policy),
		.name = "authorizer",
		.version = "1.0.0",
		.configure = configure,
		.release = release,
		.request_head = request_head,
	};
	static const struct sluice_policy *const policies[] = {&policy};
	static const struct sluice_plugin plugin = {
		.size = sizeof(plugin),
		.abi_major = SLUICE_ABI_MAJOR,
		.abi_minor = SLUICE_ABI_MINOR,
		.policy_count = 1,
		.name = "authorizer",
		.version = "1.0.0",
		.policies = policies,
		.requires_services = services,
		.load = load,
	};
	return &plugin;
}
