/* SPDX-License-Identifier: Apache-2.0 */
/* oauth2-token-introspection - access tokens that an authorization server knows.
 *
 * Also openidconnect-access-token-enforcement, which has other names for the same. */
#include "identity.h"
#include "question.h"

#include "util/authorization.h"
#include "util/client_contract.h"
#include "util/jose_claims.h"

#include "sluice/request.h"
#include "sluice/text.h"

#include <stdio.h>

#define TOKEN_BYTES_MAX 8192

/* --- life ------------------------------------------------------------------------------------ */
static int32_t configure(const struct sluice_call *call, const struct sluice_value *config,
	void *previous, void **state)
{
	struct settings *s;
	int32_t rc = settings_new(call, config, &s);
	if (rc == SLUICE_OK)
		*state = s;
	return rc;
}

static void release(const struct sluice_call *call)
{
	settings_free(call, call->state);
}

/* --- answers --------------------------------------------------------------------------------- */
static int32_t refuse(const struct sluice_call *call, struct sluice_exchange *x, int32_t status,
	struct sluice_str challenge, struct sluice_str message, struct sluice_str reason)
{
	const struct settings *s = call->state;
	const struct sluice_str fields[] = {SLUICE_STR("WWW-Authenticate"), challenge};
	if (status < 500)
		sluice_tell_violation(call->host, x, reason);
	call->host->counter_add(call->instance, s->refused, 1);
	int32_t rc =
		call->host->respond_error(x, status, fields, challenge.n ? 1 : 0, message, reason);
	return rc == SLUICE_OK ? SLUICE_RESPONDED : SLUICE_FAIL;
}

static int32_t refuse_token(const struct sluice_call *call, struct sluice_exchange *x)
{
	return refuse(call, x, 401, SLUICE_STR("Bearer error=\"invalid_token\""),
		SLUICE_STR("The token is not active"), SLUICE_STR("token_inactive"));
}

static int32_t refuse_request(const struct sluice_call *call, struct sluice_exchange *x)
{
	return refuse(call, x, 400, SLUICE_STR("Bearer error=\"invalid_request\""),
		SLUICE_STR("The request has no token that can be read"),
		SLUICE_STR("token_unreadable"));
}

static int32_t refuse_scopes(const struct sluice_call *call, struct sluice_exchange *x)
{
	return refuse(call, x, 403, SLUICE_STR("Bearer error=\"insufficient_scope\""),
		SLUICE_STR("The token's scopes do not allow this"), SLUICE_STR("token_scopes"));
}

static int32_t refuse_client(const struct sluice_call *call, struct sluice_exchange *x)
{
	return refuse(call, x, 403, SLUICE_STR(""),
		SLUICE_STR("The client has no contract with the API"),
		SLUICE_STR("client_unknown"));
}

static int32_t cannot_tell(const struct sluice_call *call, struct sluice_exchange *x)
{
	return refuse(call, x, 503, SLUICE_STR(""), SLUICE_STR("The token cannot be judged now"),
		SLUICE_STR("token_server_unavailable"));
}

static int32_t bad_answer(const struct sluice_call *call, struct sluice_exchange *x)
{
	return refuse(call, x, 500, SLUICE_STR(""), SLUICE_STR("The token cannot be judged"),
		SLUICE_STR("token_server_answer"));
}

/* --- judging --------------------------------------------------------------------------------- */
static int32_t tell(const struct sluice_call *call, struct sluice_exchange *x,
	const struct jose_value *claims, struct sluice_str answer)
{
	const struct settings *s = call->state;
	struct sluice_contract contract = {.size = sizeof(contract)};
	struct sluice_str id = identity_client(s, claims);
	if (!s->is_client_free) {
		if (s->contracts->find(x, id, &contract) != SLUICE_OK)
			return refuse_client(call, x);
		if (client_contract_tell(call, x, &contract) != SLUICE_OK)
			return SLUICE_FAIL;
	}
	int32_t rc = SLUICE_OK;
	if (s->tells_upstream)
		rc = identity_tell_upstream(call, x, claims);
	if (rc == SLUICE_OK)
		rc = identity_tell(call, x, claims, answer, id, contract.client_name);
	if (rc == SLUICE_E_INVALID)
		return bad_answer(call, x);
	return rc == SLUICE_OK ? SLUICE_CONTINUE : SLUICE_FAIL;
}

/* Of an answer that says more than whether the token is active, the times count, too. */
static int32_t judge(const struct sluice_call *call, struct sluice_exchange *x,
	const struct jose_value *claims, struct sluice_str token, struct sluice_str answer,
	int is_new)
{
	const struct settings *s = call->state;
	static const struct jose_claims_rules rules = {.skew_s = 0};
	const struct jose_value *active = jose_get(claims, "active");
	if (jose_type_of(active) != JOSE_BOOLEAN)
		return bad_answer(call, x);
	if (!jose_is_true(active) ||
		jose_claims_problem(claims, &rules, call->host->wall_ms(x) / 1000))
		return refuse_token(call, x);
	if (is_new)
		question_remember(s, call, x, token, answer, claims);
	if (!identity_has_scopes(s, claims))
		return refuse_scopes(call, x);
	return tell(call, x, claims, answer);
}

static int32_t read_answer(const struct sluice_call *call, struct sluice_exchange *x,
	struct sluice_str token, struct sluice_str answer, int is_new)
{
	struct jose_value *claims;
	if (jose_object_read(answer, &claims) != SLUICE_OK) {
		call->host->log(call->instance, x, SLUICE_LOG_WARN,
			SLUICE_STR("the authorization server's answer is no JSON object"));
		return bad_answer(call, x);
	}
	int32_t decision = judge(call, x, claims, token, answer, is_new);
	jose_object_free(claims);
	return decision;
}

/* --- the chain ------------------------------------------------------------------------------- */
/* b64token of RFC 6750 section 2.1. */
static int is_token(struct sluice_str text)
{
	for (size_t i = 0; i < text.n; i++) {
		char c = sluice_lower(text.p[i]);
		if (!(c >= 'a' && c <= 'z') && !(c >= '0' && c <= '9') &&
			(c == '\0' || !strchr("-._~+/=", c)))
			return 0;
	}
	return text.n <= TOKEN_BYTES_MAX;
}

static int32_t ask(
	const struct sluice_call *call, struct sluice_exchange *x, struct sluice_str token)
{
	const struct settings *s = call->state;
	struct inquiry *q = question_ask(s, call, x, token);
	if (!q)
		return SLUICE_FAIL;
	call->host->data_set(x, q);
	sluice_token waiting = call->host->pause(x, s->timeout_ms + 5000);
	if (!waiting)
		return SLUICE_FAIL;
	if (inquiry_await(q, waiting) != 1)
		call->host->resume(waiting);
	return SLUICE_PAUSE;
}

static int32_t take(
	const struct sluice_call *call, struct sluice_exchange *x, struct sluice_str token)
{
	struct sluice_str answer;
	int is_first;
	switch (inquiry_read(call->host->data_get(x), &answer, &is_first)) {
	case INQUIRY_ANSWERED:
		return read_answer(call, x, token, answer, is_first);
	case INQUIRY_UNUSABLE:
		return bad_answer(call, x);
	default: /* too many waited: it is open */
		return cannot_tell(call, x);
	}
}

static int32_t request_head(const struct sluice_call *call, struct sluice_exchange *x)
{
	const struct settings *s = call->state;
	struct sluice_str token, answer;
	int32_t rc = authorization_get(call->host, x, SLUICE_STR("bearer"), &token);
	if (rc == SLUICE_E_NOT_FOUND)
		return refuse(call, x, 401, SLUICE_STR("Bearer"),
			SLUICE_STR("The request has no token"), SLUICE_STR("token_missing"));
	if (rc != SLUICE_OK || !is_token(token))
		return refuse_request(call, x);
	if (call->host->resumed(x))
		return take(call, x, token);
	if (question_recall(s, x, token, &answer) != SLUICE_OK)
		return ask(call, x, token);
	call->host->counter_add(call->instance, s->remembered, 1);
	return read_answer(call, x, token, answer, 0);
}

static void done(const struct sluice_call *call, struct sluice_exchange *x)
{
	struct inquiry *q = call->host->data_get(x);
	if (q)
		inquiry_leave(q);
}

static const struct sluice_policy introspection = {
	.size = sizeof(introspection),
	.name = "oauth2-token-introspection",
	.version = "1.0.0",
	.configure = configure,
	.release = release,
	.request_head = request_head,
	.done = done,
};

static const struct sluice_policy openidconnect = {
	.size = sizeof(openidconnect),
	.name = "openidconnect-access-token-enforcement",
	.version = "1.0.0",
	.configure = configure,
	.release = release,
	.request_head = request_head,
	.done = done,
};

const struct sluice_plugin *sluice_plugin_v1(void)
{
	static const struct sluice_policy *const policies[] = {&introspection, &openidconnect};
	static const char *const services[] = {SLUICE_CACHE_SERVICE, SLUICE_CONTRACTS_SERVICE,
		SLUICE_CRYPTO_SERVICE, SLUICE_HTTP_SERVICE, SLUICE_REQUEST_SERVICE, NULL};
	static const struct sluice_plugin plugin = {
		.size = sizeof(plugin),
		.abi_major = SLUICE_ABI_MAJOR,
		.abi_minor = SLUICE_ABI_MINOR,
		.policy_count = 2,
		.name = "oauth2-token-introspection",
		.version = "1.0.0",
		.policies = policies,
		.requires_services = services,
	};
	return &plugin;
}
