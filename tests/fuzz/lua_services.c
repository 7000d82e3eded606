/* SPDX-License-Identifier: Apache-2.0 */
#include "lua_services.h"

#include "base/check.h"
#include "base/str.h"
#include "crypto/crypto.h"
#include "lua_host.h"

#include <string.h>

static int32_t any_next(struct sluice_exchange *x, struct sluice_str name, uint32_t *at,
	struct sluice_str *name_out, struct sluice_str *value)
{
	return lua_field_next(x, SLUICE_REQUEST, name, at, name_out, value);
}

static int32_t any_remove(struct sluice_exchange *x, struct sluice_str name)
{
	return lua_result_of(name);
}

static const struct sluice_request_service request_service = {
	.size = sizeof(request_service),
	.query_next = any_next,
	.cookie_next = any_next,
	.query_remove = any_remove,
	.cookie_remove = any_remove,
};

static void answer(struct sluice_answer *a, uint64_t seed)
{
	static const int32_t results[] = {
		SLUICE_OK, SLUICE_E_NOT_FOUND, SLUICE_E_CONFLICT, SLUICE_E_FULL, SLUICE_OK};
	a->result = results[seed % 5];
	a->value = SLUICE_STR("[1,{\"a\":null}]");
	a->version = seed;
	a->count = (int64_t)(seed % 100);
	a->remaining_ms = 1000;
}

static char store; /* all of them */

static struct sluice_state *open_store(
	struct sluice_instance *instance, const struct sluice_state_options *options)
{
	return (struct sluice_state *)(void *)&store;
}

static int32_t ask(struct sluice_exchange *x, struct sluice_state *state,
	const struct sluice_question *q, struct sluice_answer *a)
{
	uint64_t seed = lua_read(q->key) ^ lua_read(q->value);
	if (q->key.n < 1 || q->key.n > 1024 || lua_result_of(q->key) != SLUICE_OK)
		return SLUICE_E_INVALID;
	if (lua_ways & LUA_LATE) {
		x->begun[x->side]++;
		x->questions[x->side]++;
		return SLUICE_PENDING;
	}
	answer(a, seed);
	return SLUICE_OK;
}

static int32_t take(struct sluice_exchange *x, struct sluice_state *state, struct sluice_answer *a)
{
	if (x->questions[x->side] == 0)
		return SLUICE_E_NOT_FOUND;
	answer(a, x->questions[x->side]--);
	return lua_ways & LUA_FAILING ? SLUICE_E_UNAVAILABLE : SLUICE_OK;
}

static const struct sluice_state_service state_service = {
	.size = sizeof(state_service), .open = open_store, .ask = ask, .take = take};

static int32_t http_begin(struct sluice_exchange *x, const struct sluice_target *to,
	const struct sluice_http_request *r)
{
	CHECK(to);
	for (size_t i = 0; i < 2 * r->field_count; i++)
		lua_read(r->fields[i]);
	lua_read(r->method);
	lua_read(r->body);
	if (lua_result_of(r->path) != SLUICE_OK || x->calls[x->side] == SLUICE_HTTP_EXCHANGE_MAX)
		return SLUICE_E_FULL;
	x->begun[x->side]++;
	x->calls[x->side]++;
	return SLUICE_OK;
}

static int32_t http_take(struct sluice_exchange *x, struct sluice_http_response *r)
{
	if (x->calls[x->side] == 0)
		return SLUICE_E_NOT_FOUND;
	bool is_good = x->calls[x->side]-- % 2 || !(lua_ways & LUA_FAILING);
	r->result = is_good ? SLUICE_OK : SLUICE_E_TIMEOUT;
	r->status = is_good ? 200 : 0;
	r->body = is_good ? SLUICE_STR("{\"allow\":true}") : SLUICE_STR("");
	r->message = is_good ? SLUICE_STR("") : SLUICE_STR("not in time");
	r->fields = NULL;
	return SLUICE_OK;
}

static int32_t http_field_next(const struct sluice_http_response *r, struct sluice_str name,
	uint32_t *at, struct sluice_str *name_out, struct sluice_str *value)
{
	return r->status == 0 ? SLUICE_E_NOT_FOUND
			      : lua_field_next(NULL, SLUICE_RESPONSE, name, at, name_out, value);
}

static const struct sluice_http_service http_service = {
	.size = sizeof(http_service),
	.begin = http_begin,
	.take = http_take,
	.field_next = http_field_next,
};

static int32_t equal(struct sluice_str a, struct sluice_str b)
{
	return constant_time_equal((struct str){a.p, a.n}, (struct str){b.p, b.n});
}

static int64_t decode64(struct sluice_str in, char *out)
{
	size_t n;
	return base64_decode((struct str){in.p, in.n}, out, &n) == RC_OK ? (int64_t)n
									 : SLUICE_E_INVALID;
}

static void digest(struct sluice_str in, uint8_t out[32])
{
	sha256((struct str){in.p, in.n}, out);
}

/* No randomness: what is found has to be found again. */
static int32_t no_random(void *out, size_t n)
{
	memset(out, 7, n);
	return SLUICE_OK;
}

static const struct sluice_crypto_service crypto_service = {
	.size = sizeof(crypto_service),
	.constant_time_equal = equal,
	.base64_decode = decode64,
	.sha256 = digest,
	.random = no_random,
};

/* A metric is where its number of series stands. */
static uint32_t series_counts[16];
static size_t metric_count;

void lua_services_reset(void)
{
	metric_count = 0;
}

static struct sluice_metric *metric_define(
	struct sluice_instance *instance, const struct sluice_metric_definition *d)
{
	uint32_t count = 1;
	lua_read(d->name);
	lua_read(d->description);
	for (size_t i = 0; i < d->label_count; i++) {
		lua_read(d->labels[i].name);
		for (size_t j = 0; j < d->labels[i].value_count; j++)
			lua_read(d->labels[i].values[j]);
		count *= (uint32_t)d->labels[i].value_count;
	}
	if (metric_count == 16 || count < 1 || count > SLUICE_SERIES_MAX)
		return NULL;
	series_counts[metric_count] = count;
	return (struct sluice_metric *)(void *)&series_counts[metric_count++];
}

static void metric_add(struct sluice_metric *m, uint32_t series, int64_t n)
{
	CHECK(m && series < *(const uint32_t *)(const void *)m);
}

static void metric_watch(struct sluice_metric *m, uint32_t series, uint64_t micro)
{
	CHECK(m && series < *(const uint32_t *)(const void *)m);
}

static const struct sluice_metrics_service metrics_service = {
	.size = sizeof(metrics_service),
	.define = metric_define,
	.add = metric_add,
	.observe = metric_watch,
};

static int32_t resume_after(struct sluice_exchange *x, sluice_token token, uint32_t after_ms)
{
	CHECK(token == 7 && x->waits_for_time);
	return SLUICE_OK;
}

static const struct sluice_timer_service timer_service = {
	.size = sizeof(timer_service), .resume_after = resume_after};

const void *lua_service(const char *name)
{
	static const struct {
		const char *name;
		const void *table;
	} services[] = {
		{SLUICE_CRYPTO_SERVICE, &crypto_service},
		{SLUICE_HTTP_SERVICE, &http_service},
		{SLUICE_METRICS_SERVICE, &metrics_service},
		{SLUICE_REQUEST_SERVICE, &request_service},
		{SLUICE_STATE_SERVICE, &state_service},
		{SLUICE_TIMER_SERVICE, &timer_service},
	};
	for (size_t i = 0; i < sizeof(services) / sizeof(services[0]); i++)
		if (strcmp(services[i].name, name) == 0)
			return services[i].table;
	return NULL;
}
