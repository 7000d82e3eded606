/* SPDX-License-Identifier: Apache-2.0 */
/* callout - a policy that calls all its services in parallel, and tells the upstream in fields
 * "x-called" what each has answered: its status, its x-kind field and its body; or why there is none. */
#include "sluice/http.h"
#include "sluice/sluice.h"
#include "sluice/text.h"

#include <stdio.h>
#include <string.h>

#define TARGETS_MAX 16

struct callout {
	const struct sluice_target *targets[TARGETS_MAX];
	size_t target_count;
	struct sluice_http_request request;
	int32_t is_quiet, starts;
	char started[128]; /* by worker 0: what came of it */
};

static const struct sluice_http_service *http;

static struct sluice_str text_of(
	const struct sluice_host *host, const struct sluice_value *config, const char *key)
{
	struct sluice_str name = {key, strlen(key)};
	return host->value_string(host->value_get(config, name), SLUICE_STR(""));
}

static int32_t take_target(
	const struct sluice_call *call, const struct sluice_value *at, struct callout *c)
{
	const struct sluice_target *t = call->host->target(call->instance, at);
	if (!t)
		return SLUICE_E_INVALID;
	c->targets[c->target_count++] = t;
	return SLUICE_OK;
}

static int32_t take_targets(
	const struct sluice_call *call, const struct sluice_value *config, struct callout *c)
{
	const struct sluice_host *host = call->host;
	const struct sluice_value *list = host->value_get(config, SLUICE_STR("services"));
	const struct sluice_value *at;
	int32_t rc = SLUICE_OK;
	for (size_t i = 0; i < TARGETS_MAX && (at = host->value_at(list, i, NULL)); i++)
		if (rc == SLUICE_OK)
			rc = take_target(call, at, c);
	if (rc == SLUICE_OK && c->target_count == 0)
		rc = take_target(call, host->value_get(config, SLUICE_STR("fallback")), c);
	return rc;
}

static int32_t configure(const struct sluice_call *call, const struct sluice_value *config,
	void *previous, void **state)
{
	const struct sluice_host *host = call->host;
	struct callout *c = host->instance_alloc(call->instance, sizeof(*c));
	(void)previous;
	if (!c)
		return SLUICE_E_FULL;
	memset(c, 0, sizeof(*c));
	*state = c;
	http = host->service(SLUICE_HTTP_SERVICE);
	int64_t timeout_ms = sluice_duration_ms(text_of(host, config, "timeout"));
	c->request = (struct sluice_http_request){.size = sizeof(c->request),
		.timeout_ms = (uint32_t)timeout_ms,
		.method = text_of(host, config, "method"),
		.path = text_of(host, config, "path"),
		.body = text_of(host, config, "body"),
		.response_bytes_max = (uint64_t)host->value_integer(
			host->value_get(config, SLUICE_STR("bytes")), 0)};
	c->is_quiet = host->value_bool(host->value_get(config, SLUICE_STR("quiet")), 0);
	c->starts = host->value_bool(host->value_get(config, SLUICE_STR("start")), 0);
	return take_targets(call, config, c);
}

static void release(const struct sluice_call *call)
{
	call->host->instance_free(call->instance, call->state);
}

static void on_started(
	const struct sluice_call *call, const struct sluice_http_response *response, void *arg)
{
	struct callout *c = call->state;
	(void)arg;
	snprintf(c->started, sizeof(c->started), "%d %d %.*s", (int)response->result,
		(int)response->status, (int)response->body.n, response->body.p);
}

static int32_t worker_start(const struct sluice_call *call, void **worker_data)
{
	struct callout *c = call->state;
	(void)worker_data;
	if (c->starts)
		http->start(call, c->targets[0], &c->request, on_started, NULL);
	return SLUICE_OK;
}

static void tell(const struct sluice_call *call, struct sluice_exchange *x, const char *text)
{
	call->host->field_add(
		x, SLUICE_REQUEST, SLUICE_STR("x-called"), (struct sluice_str){text, strlen(text)});
}

static void tell_answer(const struct sluice_call *call, struct sluice_exchange *x,
	const struct sluice_http_response *r)
{
	struct sluice_str kind = {"", 0};
	char text[256];
	http->field_get(r, SLUICE_STR("x-kind"), &kind);
	if (r->result == SLUICE_OK)
		snprintf(text, sizeof(text), "%d %.*s %.*s", (int)r->status, (int)kind.n, kind.p,
			r->body.n > 64 ? 64 : (int)r->body.n, r->body.p);
	else
		snprintf(text, sizeof(text), "%d %.*s", (int)r->result, (int)r->message.n,
			r->message.p);
	tell(call, x, text);
}

static int32_t begin_all(
	const struct sluice_call *call, struct sluice_exchange *x, const struct callout *c)
{
	struct sluice_str id = call->host->fact(x, SLUICE_FACT_REQUEST_ID);
	const struct sluice_str fields[] = {SLUICE_STR("x-request-id"), id};
	struct sluice_http_request request = c->request;
	request.fields = fields;
	request.field_count = 1;
	for (size_t i = 0; i < c->target_count; i++)
		if (http->begin(x, c->targets[i], &request) != SLUICE_OK)
			return SLUICE_FAIL;
	return call->host->wait(x, 30000);
}

static int32_t request_head(const struct sluice_call *call, struct sluice_exchange *x)
{
	const struct callout *c = call->state;
	if (c->starts) {
		tell(call, x, c->started);
		return SLUICE_CONTINUE;
	}
	if (!call->host->resumed(x))
		return begin_all(call, x, c);
	struct sluice_http_response r = {.size = sizeof(r)};
	while (http->take(x, &r) == SLUICE_OK)
		if (!c->is_quiet)
			tell_answer(call, x, &r);
	return SLUICE_CONTINUE;
}

static const struct sluice_policy policy = {
	.size = sizeof(policy),
	.name = "callout",
	.version = "1.0.0",
	.configure = configure,
	.release = release,
	.worker_start = worker_start,
	.request_head = request_head,
};

static const struct sluice_policy *const policies[] = {&policy};
static const char *const needs[] = {SLUICE_HTTP_SERVICE, NULL};

const struct sluice_plugin *sluice_plugin_v1(void)
{
	static const struct sluice_plugin plugin = {
		.size = sizeof(plugin),
		.abi_major = SLUICE_ABI_MAJOR,
		.abi_minor = SLUICE_ABI_MINOR,
		.policy_count = 1,
		.name = "callout",
		.version = "1.0.0",
		.policies = policies,
		.requires_services = needs,
	};
	return &plugin;
}
