/* SPDX-License-Identifier: Apache-2.0 */
#include "exhibit.h"

#include "sluice/http.h"

struct state {
	const struct sluice_http_service *service;
	const struct sluice_target *target;
	int told;
};

static const struct sluice_str fields[] = {{"x-from", 6}, {"museum", 6}};
static const struct sluice_http_request question = {.size = sizeof(question),
	.timeout_ms = 1000,
	.method = {"POST", 4},
	.path = {"/ask?a=b", 8},
	.fields = fields,
	.field_count = 1,
	.body = {"who", 3},
	.response_bytes_max = 100};

static int32_t configure(const struct sluice_call *call, const struct sluice_value *config,
	void *previous, void **state)
{
	const struct sluice_host *host = call->host;
	struct state *s = host->instance_alloc(call->instance, sizeof(*s));
	(void)previous;
	if (!s)
		return SLUICE_E_FULL;
	memset(s, 0, sizeof(*s));
	s->service = host->service(SLUICE_HTTP_SERVICE);
	SEE(SLUICE_HAS(s->service, field_next));
	s->target = host->target(call->instance, host->value_get(config, SLUICE_STR("service")));
	SEE(s->target);
	*state = s;
	return SLUICE_OK;
}

static void release(const struct sluice_call *call)
{
	call->host->instance_free(call->instance, call->state);
}

static void see_response(const struct sluice_call *call, const struct sluice_http_response *r)
{
	struct state *s = call->state;
	struct sluice_str name, value;
	uint32_t at = 0;
	SEE(r->result == SLUICE_OK && r->status == 201);
	SEE(is(r->body, "told") && r->message.n == 0 && r->fields);
	SEE(s->service->field_get(r, SLUICE_STR("X-Kind"), &value) == SLUICE_OK &&
		is(value, "exhibit"));
	SEE(s->service->field_get(r, SLUICE_STR("x-none"), &value) == SLUICE_E_NOT_FOUND);
	while (s->service->field_next(r, SLUICE_STR(""), &at, &name, &value) == SLUICE_OK)
		SEE(!is(name, "x-kind") || is(value, "exhibit"));
	SEE(at > 0);
}

static void told(
	const struct sluice_call *call, const struct sluice_http_response *response, void *arg)
{
	struct state *s = call->state;
	SEE(arg == s);
	see_response(call, response);
	s->told++;
}

static int32_t worker_start(const struct sluice_call *call, void **worker_data)
{
	struct state *s = call->state;
	*worker_data = s;
	SEE(s->service->start(call, s->target, &question, told, s) == SLUICE_OK);
	return SLUICE_OK;
}

static int32_t request_head(const struct sluice_call *call, struct sluice_exchange *x)
{
	struct state *s = call->state;
	struct sluice_http_response r = {.size = sizeof(r)};
	if (call->host->resumed(x)) {
		SEE(s->service->take(x, &r) == SLUICE_OK);
		see_response(call, &r);
		SEE(s->service->take(x, &r) == SLUICE_OK);
		SEE(s->service->take(x, &r) == SLUICE_E_NOT_FOUND);
		return answer(call, x);
	}
	struct sluice_http_request wrong = question;
	wrong.method = SLUICE_STR("CONNECT");
	SEE(s->service->begin(x, s->target, &wrong) == SLUICE_E_INVALID);
	SEE(s->service->begin(x, s->target, &question) == SLUICE_OK);
	SEE(s->service->begin(x, s->target, &question) == SLUICE_OK);
	SEE(s->service->take(x, &r) == SLUICE_PENDING);
	return call->host->wait(x, 5000);
}

static const struct sluice_policy policy = {.size = sizeof(policy),
	.name = "http",
	.version = "1.0.0",
	.configure = configure,
	.release = release,
	.worker_start = worker_start,
	.request_head = request_head,
	.response_head = tell};
EXHIBIT("http", SLUICE_HTTP_SERVICE, NULL)
