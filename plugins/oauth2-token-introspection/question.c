/* SPDX-License-Identifier: Apache-2.0 */
#include "question.h"

#include "sluice/text.h"

#include <stdio.h>

#define ANSWER_BYTES_MAX 65536

/* --- what is remembered ---------------------------------------------------------------------- */
static struct sluice_str key_of(
	const struct settings *s, struct sluice_str token, uint8_t digests[64])
{
	memcpy(digests, s->asked, 32);
	s->crypto->sha256(token, digests + 32);
	return (struct sluice_str){(const char *)digests, 64};
}

int32_t question_recall(const struct settings *s, struct sluice_exchange *x,
	struct sluice_str token, struct sluice_str *answer)
{
	uint8_t digests[64];
	struct sluice_cached cached = {.size = sizeof(cached)};
	if (!s->cache)
		return SLUICE_E_NOT_FOUND;
	int32_t rc = s->caches->find(x, s->cache, key_of(s, token, digests), &cached);
	if (rc != SLUICE_OK)
		return SLUICE_E_NOT_FOUND;
	*answer = cached.meta;
	return rc;
}

void question_remember(const struct settings *s, const struct sluice_call *call,
	struct sluice_exchange *x, struct sluice_str token, struct sluice_str answer,
	const struct jose_value *claims)
{
	uint8_t digests[64];
	const struct jose_value *exp = jose_get(claims, "exp");
	double left_ms = jose_number(exp) * 1000 - (double)call->host->wall_ms(x);
	int64_t for_ms = exp ? s->remember_ms : s->remember_endless_ms;
	if (exp && left_ms < (double)for_ms)
		for_ms = (int64_t)left_ms;
	const struct sluice_cache_item item = {.size = sizeof(item),
		.key = key_of(s, token, digests),
		.meta = answer,
		.for_ms = for_ms};
	if (s->cache && for_ms > 0)
		s->caches->put(call, s->cache, &item, SLUICE_STR(""));
}

/* --- the server ------------------------------------------------------------------------------ */
/* As a form has it (RFC 7662 section 2.1): all but letters, digits and -._~ as %XX. */
static struct sluice_str form_of(
	const struct sluice_call *call, struct sluice_exchange *x, struct sluice_str token)
{
	static const char hex[] = "0123456789ABCDEF", name[] = "token=";
	char *text = call->host->exchange_alloc(x, sizeof(name) + 3 * token.n);
	size_t n = sizeof(name) - 1;
	if (!text)
		return (struct sluice_str){NULL, 0};
	memcpy(text, name, n);
	for (size_t i = 0; i < token.n; i++) {
		unsigned char c = (unsigned char)token.p[i],
			      lower = (unsigned char)sluice_lower((char)c);
		if ((lower >= 'a' && lower <= 'z') || (c >= '0' && c <= '9') ||
			memchr("-._~", c, 4)) {
			text[n++] = (char)c;
			continue;
		}
		text[n++] = '%';
		text[n++] = hex[c >> 4];
		text[n++] = hex[c & 15];
	}
	return (struct sluice_str){text, n};
}

/* --- its answer ------------------------------------------------------------------------------ */
static void fail(const struct sluice_call *call, struct inquiry *q, enum inquiry_result result,
	struct sluice_str why)
{
	call->host->log(call->instance, NULL, SLUICE_LOG_WARN, why);
	inquiry_settle(q, result, SLUICE_STR(""));
}

static void on_answer(
	const struct sluice_call *call, const struct sluice_http_response *r, void *arg)
{
	struct inquiry *q = arg;
	char why[80];
	if (r->result != SLUICE_OK) {
		fail(call, q, r->result == SLUICE_E_FULL ? INQUIRY_UNUSABLE : INQUIRY_UNAVAILABLE,
			r->message);
	} else if (r->status == 200) {
		inquiry_settle(q, INQUIRY_ANSWERED, r->body);
	} else {
		int n = snprintf(why, sizeof(why),
			"the authorization server answers with status %d", (int)r->status);
		fail(call, q,
			r->status == 429 || r->status >= 500 ? INQUIRY_UNAVAILABLE
							     : INQUIRY_UNUSABLE,
			(struct sluice_str){why, (size_t)n});
	}
}

static int32_t start(const struct settings *s, const struct sluice_call *call,
	struct sluice_exchange *x, struct sluice_str token, struct inquiry *q)
{
	const struct sluice_str fields[] = {SLUICE_STR("authorization"), s->authorization,
		SLUICE_STR("content-type"), SLUICE_STR("application/x-www-form-urlencoded"),
		SLUICE_STR("accept"), SLUICE_STR("application/json")};
	const struct sluice_http_request request = {.size = sizeof(request),
		.timeout_ms = s->timeout_ms,
		.method = SLUICE_STR("POST"),
		.fields = fields,
		.field_count = 3,
		.body = form_of(call, x, token),
		.response_bytes_max = ANSWER_BYTES_MAX};
	if (!request.body.p)
		return SLUICE_E_FULL;
	return s->http->start(call, s->server, &request, on_answer, q);
}

struct inquiry *question_ask(const struct settings *s, const struct sluice_call *call,
	struct sluice_exchange *x, struct sluice_str token)
{
	uint8_t digest[32];
	int asks;
	s->crypto->sha256(token, digest);
	struct inquiry *q = inquiry_join(s->inquiries, digest, s->remember_ms > 0, &asks);
	if (q && !asks)
		call->host->counter_add(call->instance, s->remembered, 1);
	if (q && asks && start(s, call, x, token, q) != SLUICE_OK)
		inquiry_settle(q, INQUIRY_UNAVAILABLE, SLUICE_STR(""));
	return q;
}
