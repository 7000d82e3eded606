/* SPDX-License-Identifier: Apache-2.0 */
#include "exhibit.h"

#include "sluice/request.h"

static int32_t configure(const struct sluice_call *call, const struct sluice_value *config,
	void *previous, void **state)
{
	const struct sluice_request_service *r = call->host->service(SLUICE_REQUEST_SERVICE);
	(void)config;
	(void)previous;
	*state = NULL;
	SEE(SLUICE_HAS(r, query_add));
	SEE(r->secret_define(call->instance, SLUICE_PART_HEADER, SLUICE_STR("x-key")) == SLUICE_OK);
	SEE(r->secret_define(call->instance, SLUICE_PART_QUERY, SLUICE_STR("key")) == SLUICE_OK);
	SEE(r->secret_define(call->instance, SLUICE_PART_COOKIE, SLUICE_STR("key")) == SLUICE_OK);
	SEE(r->secret_define(call->instance, 9, SLUICE_STR("key")) == SLUICE_E_INVALID);
	return SLUICE_OK;
}

static int32_t request_head(const struct sluice_call *call, struct sluice_exchange *x)
{
	const struct sluice_request_service *r = call->host->service(SLUICE_REQUEST_SERVICE);
	const struct sluice_str page = SLUICE_STR("page"), a = SLUICE_STR("a"), all = {0};
	struct sluice_str name, value;
	uint32_t at = 0;
	int32_t verdict = answer(call, x);
	if (verdict != SLUICE_CONTINUE)
		return verdict;
	SEE(r->query_next(x, page, &at, NULL, &value) == SLUICE_OK && is(value, "2"));
	SEE(r->query_next(x, page, &at, &name, &value) == SLUICE_OK && is(value, "3"));
	SEE(is(name, "page"));
	SEE(r->query_next(x, page, &at, NULL, &value) == SLUICE_E_NOT_FOUND);
	at = 0;
	SEE(r->cookie_next(x, all, &at, &name, &value) == SLUICE_OK && is(name, "a"));
	SEE(r->cookie_next(x, all, &at, &name, &value) == SLUICE_OK && is(value, "2"));
	SEE(r->cookie_remove(x, a) == 1);
	at = 0;
	SEE(r->query_raw_next(x, &at, &name, &value) == SLUICE_OK && is(value, "2"));
	SEE(r->query_set(x, SLUICE_STR("q"), SLUICE_STR("a b")) == SLUICE_OK);
	SEE(r->query_add(x, SLUICE_STR("q"), SLUICE_STR("c")) == SLUICE_OK);
	SEE(is(call->host->fact(x, SLUICE_FACT_QUERY), "page=2&page=3&q=a%20b&q=c"));
	SEE(r->query_remove(x, SLUICE_STR("q")) == 2);
	SEE(r->query_redact(x, page) == 2);
	SEE(r->query_remove(x, page) == 2);
	SEE(call->host->fact(x, SLUICE_FACT_QUERY).n == 0);
	return SLUICE_CONTINUE;
}

static const struct sluice_policy policy = {.size = sizeof(policy),
	.name = "request",
	.version = "1.0.0",
	.configure = configure,
	.request_head = request_head,
	.response_head = tell};
EXHIBIT("request", SLUICE_REQUEST_SERVICE, NULL)
