/* SPDX-License-Identifier: Apache-2.0 */
/* jwt-validation - JSON Web Tokens, by keys of the configuration or of key servers.
 *
 * The key says which algorithms it may be used with, the configuration which are taken, and the token only names one of
 * both. Key servers are asked off the path of requests; a request waits only where no key is at hand that could decide. */
#include "settings.h"
#include "verified.h"

#include "util/authorization.h"

#include "sluice/contracts.h"
#include "sluice/crypto.h"
#include "sluice/http.h"
#include "sluice/keep.h"
#include "sluice/request.h"
#include "sluice/text.h"

#include <stdio.h>
#include <stdlib.h>

/* What a worker has of a binding. */
struct worker {
	struct verified *verified; /* NULL: none are remembered */
	struct keyring ring;
	struct jose_last last; /* header */
};

/* One request. */
struct visit {
	const struct sluice_call *call;
	const struct sluice_host *host;
	const struct settings *s;
	struct worker *w;
	struct sluice_exchange *x;
	struct sluice_str token, claims_text;
	const struct jose_value *claims;
	struct jose_value *own_claims;        /* owned: they are not remembered */
	const struct sluice_claims *prepared; /* NULL: the same */
	uint64_t to_remember;                 /* the keys' number; 0: not this token */
	const char *why;                      /* it is refused */
};

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

/* Asks for what is due. */
static void refresh(const struct sluice_call *call, int64_t now_ms)
{
	const struct settings *s = call->state;
	for (size_t i = 0; i < s->site_count; i++)
		if (key_source_claim(s->sites[i].source, now_ms, s->ttl_ms, 0))
			key_site_fetch(call, &s->sites[i]);
}

static int32_t worker_start(const struct sluice_call *call, void **worker_data)
{
	const struct settings *s = call->state;
	struct worker *w = call->host->instance_alloc(call->instance, sizeof(*w));
	if (!w)
		return SLUICE_E_FULL;
	*w = (struct worker){.verified = verified_new(call, s->cache_entries)};
	*worker_data = w;
	refresh(call, key_clock_ms());
	return SLUICE_OK;
}

static void worker_stop(const struct sluice_call *call, void *worker_data)
{
	struct worker *w = worker_data;
	if (!w)
		return;
	keyring_deinit(&w->ring);
	verified_free(call, w->verified);
	call->host->instance_free(call->instance, w);
}

/* --- refusals -------------------------------------------------------------------------------- */
static int32_t respond(const struct visit *v, int32_t status, struct sluice_str challenge,
	struct sluice_str message, const char *reason)
{
	const struct sluice_str fields[] = {SLUICE_STR("WWW-Authenticate"), challenge};
	const struct sluice_str word = {reason, strlen(reason)};
	if (status != 503)
		sluice_tell_violation(v->host, v->x, word);
	v->host->counter_add(v->call->instance, v->s->refused, 1);
	int32_t rc =
		v->host->respond_error(v->x, status, fields, challenge.n ? 1 : 0, message, word);
	return rc == SLUICE_OK ? SLUICE_RESPONDED : SLUICE_FAIL;
}

/* Of what a step returned that was not SLUICE_OK. */
static int32_t refuse(const struct visit *v, int32_t rc)
{
	char challenge[192], message[128];
	switch (rc) {
	case SLUICE_E_NOT_FOUND:
		return respond(v, 400, SLUICE_STR("Bearer"), SLUICE_STR("The request has no token"),
			"jwt_missing");
	case SLUICE_E_CONFLICT:
		return respond(v, 400, SLUICE_STR("Bearer error=\"invalid_request\""),
			SLUICE_STR("The request has two Authorization fields"), "jwt_ambiguous");
	case SLUICE_E_UNAVAILABLE:
		return respond(v, 503, SLUICE_STR(""), SLUICE_STR("The token cannot be judged now"),
			"jwt_keys_unavailable");
	case SLUICE_E_INVALID:
		break;
	default:
		return SLUICE_FAIL;
	}
	int c = snprintf(challenge, sizeof(challenge),
		"Bearer error=\"invalid_token\", error_description=\"%s\"", v->why);
	int m = snprintf(message, sizeof(message), "The token is not valid: %s", v->why);
	return respond(v, 401, (struct sluice_str){challenge, (size_t)c},
		(struct sluice_str){message, (size_t)m}, "jwt_invalid");
}

static int32_t invalid(struct visit *v, const char *why)
{
	v->why = why;
	return SLUICE_E_INVALID;
}

/* --- the token ------------------------------------------------------------------------------- */
static int32_t evaluate(const struct visit *v, const struct sluice_expr *e, struct sluice_str *text)
{
	int32_t rc = v->s->expr->to_string(e, v->x, NULL, text);
	if (rc == SLUICE_E_RUNTIME)
		v->host->log(v->call->instance, v->x, SLUICE_LOG_ERROR, v->s->expr->error());
	return rc;
}

static int32_t find_token(struct visit *v)
{
	int32_t rc = v->s->token
			     ? evaluate(v, v->s->token, &v->token)
			     : authorization_get(v->host, v->x, SLUICE_STR("bearer"), &v->token);
	if (rc == SLUICE_E_INVALID && !v->s->token)
		return SLUICE_E_CONFLICT;
	if (rc == SLUICE_OK && v->token.n == 0)
		return SLUICE_E_NOT_FOUND;
	if (rc == SLUICE_OK && v->token.n > v->s->token_bytes_max)
		return invalid(v, "it is too long");
	return rc;
}

static int32_t read_token(struct visit *v, struct jose_token *token)
{
	char *room = v->host->exchange_alloc(v->x, JOSE_ROOM_BYTES(v->token.n));
	if (!room)
		return SLUICE_E_FULL;
	int32_t rc = jose_token_read(v->s->crypto, &v->w->last, v->token, room, token, &v->why);
	if (rc == SLUICE_OK)
		v->claims_text = token->claims_text;
	return rc;
}

/* --- its signature --------------------------------------------------------------------------- */
static int32_t choose_keys(struct visit *v, struct key_choice *choice)
{
	const struct settings *s = v->s;
	struct sluice_str text;
	int32_t rc;
	switch (s->origin) {
	case KEYS_OF_TEXT:
		*choice = (struct key_choice){.sets = {&s->keys}, .count = 1, .number = 1};
		return SLUICE_OK;
	case KEYS_OF_SITES:
		keyring_choose_sites(
			&v->w->ring, s->sites, s->site_count, key_clock_ms(), s->ttl_ms, choice);
		return SLUICE_OK;
	default:
		rc = evaluate(v, s->key, &text);
		if (rc != SLUICE_OK)
			return rc == SLUICE_E_NOT_FOUND ? invalid(v, "there is no key for it") : rc;
		return keyring_choose_text(
			&v->w->ring, s->crypto, text, s->is_secret, choice, &v->why);
	}
}

static int32_t check(struct visit *v, const struct key_choice *choice)
{
	struct jose_token token;
	int32_t rc = read_token(v, &token);
	if (rc != SLUICE_OK)
		return rc;
	if (v->s->is_unsigned)
		rc = SLUICE_OK;
	else if (token.algorithm == 0 || !(v->s->algorithms & 1u << token.algorithm))
		rc = invalid(v, "its algorithm is not taken here");
	else
		rc = key_choice_check(choice, &token);
	if (rc == SLUICE_E_INVALID && !v->why)
		v->why = "its signature is not right";
	jose_token_deinit(&token);
	return rc;
}

/* SLUICE_E_NOT_FOUND: there is no key for it. */
static int32_t prove(struct visit *v)
{
	struct key_choice choice = {.count = 0};
	if (v->s->is_unsigned)
		return check(v, &choice);
	int32_t rc = choose_keys(v, &choice);
	if (rc != SLUICE_OK)
		return rc;
	const struct verified_token *seen = verified_find(v->w->verified, v->token, choice.number);
	if (seen) {
		v->host->counter_add(v->call->instance, v->s->remembered, 1);
		v->claims_text = seen->claims_text;
		v->claims = seen->claims;
		v->prepared = seen->prepared;
		return SLUICE_OK;
	}
	v->to_remember = choice.number;
	return check(v, &choice);
}

/* --- waiting for keys ------------------------------------------------------------------------ */
/* Two fetches of each site, of which the first may have been broken off. */
static int may_wait(struct visit *v)
{
	uintptr_t waits = (uintptr_t)v->host->data_get(v->x);
	if (waits >= 2 * v->s->site_count)
		return 0;
	v->host->data_set(v->x, (void *)(waits + 1));
	return 1;
}

/* Both steps of an issuer's fetch have their time. */
static int32_t wait_for(struct visit *v, const struct key_site *site)
{
	sluice_token token = v->host->pause(v->x, 2 * site->timeout_ms + 1000);
	if (!token)
		return SLUICE_FAIL;
	int32_t rc = key_source_await(site->source, token);
	if (rc == SLUICE_E_FULL)
		v->host->data_set(v->x, (void *)(uintptr_t)(2 * v->s->site_count));
	if (rc != 1)
		v->host->resume(token);
	return SLUICE_PAUSE;
}

/* SLUICE_PAUSE: keys may come. SLUICE_CONTINUE: none will. */
static int32_t look_again(struct visit *v)
{
	const struct settings *s = v->s;
	int64_t now_ms = key_clock_ms();
	for (size_t i = 0; i < s->site_count; i++)
		if (key_source_claim(s->sites[i].source, now_ms, s->ttl_ms, 1))
			key_site_fetch(v->call, &s->sites[i]);
	for (size_t i = 0; i < s->site_count; i++)
		if (key_source_is_fetching(s->sites[i].source) && may_wait(v))
			return wait_for(v, &s->sites[i]);
	return SLUICE_CONTINUE;
}

static int lacks_keys(const struct visit *v)
{
	const struct settings *s = v->s;
	for (size_t i = 0; i < s->site_count; i++)
		if (!v->w->ring.sets[i])
			return 1;
	return 0;
}

/* --- its claims ------------------------------------------------------------------------------ */
static void remember(struct visit *v)
{
	struct verified_token token = {v->token, v->claims_text, v->own_claims, NULL};
	struct sluice_instance *i = v->call->instance;
	if (v->host->claims_prepare(i, v->claims_text, &token.prepared) != SLUICE_OK)
		token.prepared = NULL;
	if (verified_add(v->call, v->w->verified, &token, v->to_remember)) {
		v->prepared = token.prepared;
		v->own_claims = NULL;
	} else {
		v->host->instance_free(i, token.prepared);
	}
}

static int32_t read_claims(struct visit *v)
{
	if (v->claims)
		return SLUICE_OK;
	if (jose_object_read(v->claims_text, &v->own_claims) != SLUICE_OK)
		return invalid(v, "its claims are no JSON object");
	v->claims = v->own_claims;
	if (v->to_remember && v->w->verified)
		remember(v);
	return SLUICE_OK;
}

static int32_t judge(struct visit *v)
{
	const struct settings *s = v->s;
	int32_t rc = read_claims(v);
	if (rc != SLUICE_OK)
		return rc;
	v->why = jose_claims_problem(v->claims, &s->registered, v->host->wall_ms(v->x) / 1000);
	if (v->why)
		return SLUICE_E_INVALID;
	rc = v->prepared ? v->host->claims_set_prepared(v->x, v->prepared)
			 : v->host->claim_set(v->x, SLUICE_STR(""), v->claims_text);
	if (rc != SLUICE_OK)
		return rc == SLUICE_E_INVALID ? invalid(v, "its claims cannot be read") : rc;
	for (size_t i = 0; i < s->rule_count && !v->why; i++)
		v->why = claim_rule_problem(&s->rules[i], v->call, v->x, v->claims);
	return v->why ? SLUICE_E_INVALID : SLUICE_OK;
}

/* Nothing of a token that is refused is told to anybody. */
static void forget(const struct visit *v)
{
	const struct jose_value *claim;
	struct sluice_str name;
	const struct sluice_str nothing = {NULL, 0};
	void *at = NULL;
	while (jose_next(v->claims, &at, &name, &claim))
		v->host->claim_set(v->x, name, nothing);
}

/* What the expression would say of that claim need not be asked: it would make all claims its own for it. */
static int32_t find_client(const struct visit *v, struct sluice_str *id)
{
	const struct jose_value *claim = jose_get(v->claims, "client_id");
	struct sluice_str said = jose_text(claim);
	if (!v->s->is_client_claim || (claim && !said.p))
		return evaluate(v, v->s->client.id, id);
	if (claim)
		*id = said;
	return claim ? SLUICE_OK : SLUICE_E_NOT_FOUND;
}

static int32_t tell_client(struct visit *v)
{
	struct sluice_contract contract = {.size = sizeof(contract)};
	struct sluice_str id = SLUICE_STR(""), none = SLUICE_STR("");
	struct sluice_str subject = jose_text(jose_get(v->claims, "sub"));
	int32_t rc;
	if (v->s->is_client_free) {
		rc = find_client(v, &id);
		if (rc != SLUICE_OK && rc != SLUICE_E_NOT_FOUND)
			return rc;
	} else {
		rc = client_contract_find(&v->s->client, v->call, v->x, &contract);
		if (rc != SLUICE_OK)
			return rc;
		rc = client_contract_tell(v->call, v->x, &contract);
		if (rc != SLUICE_OK)
			return SLUICE_E_FULL;
	}
	if (!subject.p)
		subject = id;
	return v->host->authenticate(v->x, subject, id, none) == SLUICE_OK ? SLUICE_OK
									   : SLUICE_E_FULL;
}

static int32_t tell_upstream(struct visit *v)
{
	for (size_t i = 0; i < v->s->header_count; i++) {
		int32_t rc = claim_header_set(&v->s->headers[i], v->call, v->x, v->claims);
		if (rc == SLUICE_E_INVALID)
			return invalid(v, "a claim is no value of a field");
		if (rc != SLUICE_OK)
			return rc;
	}
	return SLUICE_OK;
}

/* --- the chain ------------------------------------------------------------------------------- */
static int32_t admit(struct visit *v)
{
	int32_t rc = judge(v), decision = SLUICE_CONTINUE;
	if (rc == SLUICE_OK)
		rc = tell_upstream(v);
	if (rc != SLUICE_OK)
		decision = refuse(v, rc);
	else if ((rc = tell_client(v)) != SLUICE_OK)
		decision = client_contract_refuse(v->call, v->x, rc, SLUICE_STR("Bearer"));
	if (rc != SLUICE_OK)
		forget(v);
	jose_object_free(v->own_claims);
	return decision;
}

static int32_t without_key(struct visit *v)
{
	int32_t decision = v->s->origin == KEYS_OF_SITES ? look_again(v) : SLUICE_CONTINUE;
	if (decision != SLUICE_CONTINUE)
		return decision;
	if (lacks_keys(v))
		return refuse(v, SLUICE_E_UNAVAILABLE);
	v->why = "there is no key for it";
	return refuse(v, SLUICE_E_INVALID);
}

static int32_t request_head(const struct sluice_call *call, struct sluice_exchange *x)
{
	struct visit v = {.call = call,
		.host = call->host,
		.s = call->state,
		.w = call->host->worker_data(x),
		.x = x};
	if (v.s->origin == KEYS_OF_SITES)
		refresh(call, key_clock_ms());
	int32_t rc = find_token(&v);
	if (rc != SLUICE_OK)
		return refuse(&v, rc);
	rc = prove(&v);
	if (rc == SLUICE_E_NOT_FOUND)
		return without_key(&v);
	return rc == SLUICE_OK ? admit(&v) : refuse(&v, rc);
}

static const struct sluice_policy policy = {
	.size = sizeof(policy),
	.name = "jwt-validation",
	.version = "1.0.0",
	.configure = configure,
	.release = release,
	.worker_start = worker_start,
	.worker_stop = worker_stop,
	.request_head = request_head,
};

const struct sluice_plugin *sluice_plugin_v1(void)
{
	static const struct sluice_policy *const policies[] = {&policy};
	static const char *const services[] = {SLUICE_CONTRACTS_SERVICE, SLUICE_CRYPTO_SERVICE,
		SLUICE_EXPR_SERVICE, SLUICE_HTTP_SERVICE, SLUICE_KEEP_SERVICE,
		SLUICE_METRICS_SERVICE, SLUICE_REQUEST_SERVICE, SLUICE_SHARED_SERVICE,
		SLUICE_WORK_SERVICE, NULL};
	static const struct sluice_plugin plugin = {
		.size = sizeof(plugin),
		.abi_major = SLUICE_ABI_MAJOR,
		.abi_minor = SLUICE_ABI_MINOR,
		.policy_count = 1,
		.name = "jwt-validation",
		.version = "1.0.0",
		.policies = policies,
		.requires_services = services,
	};
	return &plugin;
}
