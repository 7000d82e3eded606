/* SPDX-License-Identifier: Apache-2.0 */
#include "exhibit.h"

#include "sluice/regex.h"

struct state {
	const struct sluice_regex_service *service;
	struct sluice_regex *whole, *part;
};

static int32_t configure(const struct sluice_call *call, const struct sluice_value *config,
	void *previous, void **state)
{
	const struct sluice_host *host = call->host;
	const struct sluice_value *at = host->value_get(config, SLUICE_STR("pattern"));
	struct state *s = host->instance_alloc(call->instance, sizeof(*s));
	(void)previous;
	if (!s)
		return SLUICE_E_FULL;
	s->service = host->service(SLUICE_REGEX_SERVICE);
	SEE(SLUICE_HAS(s->service, search));
	s->whole = s->service->compile(
		call->instance, host->value_string(at, SLUICE_STR("")), SLUICE_REGEX_WHOLE, at);
	s->part = s->service->compile(
		call->instance, SLUICE_STR("ERS/([0-9])"), SLUICE_REGEX_IGNORE_CASE, at);
	SEE(s->whole && s->part);
	*state = s;
	return SLUICE_OK;
}

static void release(const struct sluice_call *call)
{
	struct state *s = call->state;
	s->service->free(call->instance, s->whole);
	s->service->free(call->instance, s->part);
	call->host->instance_free(call->instance, s);
}

static int32_t request_head(const struct sluice_call *call, struct sluice_exchange *x)
{
	struct state *s = call->state;
	const struct sluice_regex_service *r = s->service;
	struct sluice_str groups[3], path = SLUICE_STR("/orders/7");
	size_t from = 0, to = 0;
	SEE(r->group_count(s->whole) == 2);
	SEE(r->match(s->whole, path, groups, 3) == SLUICE_OK);
	SEE(is(groups[0], "orders") && is(groups[1], "7") && groups[2].n == 0);
	SEE(r->match(s->whole, SLUICE_STR("/orders/7/x"), NULL, 0) == SLUICE_E_NOT_FOUND);
	SEE(r->search(s->part, path, 0, &from, &to, groups, 1) == SLUICE_OK);
	SEE(from == 4 && to == 9 && is(groups[0], "7"));
	SEE(r->search(s->part, path, 5, &from, &to, NULL, 0) == SLUICE_E_NOT_FOUND);
	return answer(call, x);
}

static const struct sluice_policy policy = {.size = sizeof(policy),
	.name = "regex",
	.version = "1.0.0",
	.configure = configure,
	.release = release,
	.request_head = request_head,
	.response_head = tell};
EXHIBIT("regex", SLUICE_REGEX_SERVICE, NULL)
