/* SPDX-License-Identifier: Apache-2.0 */
#include "settings.h"

#include "util/config_complain.h"
#include "util/config_read.h"
#include "util/expr_secret.h"

#include "sluice/request.h"
#include "sluice/text.h"

#include <stdlib.h>

#define HS_ALL (1u << SLUICE_HS256 | 1u << SLUICE_HS384 | 1u << SLUICE_HS512)

/* --- the tree -------------------------------------------------------------------------------- */
struct reading {
	struct config_reader from;
	struct settings *s;
	int32_t rc; /* the first that is not SLUICE_OK */
};

static void note(struct reading *r, int32_t rc)
{
	if (r->rc == SLUICE_OK)
		r->rc = rc;
}

static void complain(struct reading *r, const struct sluice_value *at, const char *message)
{
	note(r, config_complain(r->from.call, at ? at : r->from.config,
			(struct sluice_str){message, strlen(message)}));
}

static void *array_new(struct reading *r, size_t count, size_t size)
{
	void *array =
		r->from.call->host->instance_alloc(r->from.call->instance, (count + 1) * size);
	if (array)
		memset(array, 0, (count + 1) * size);
	else
		note(r, SLUICE_E_FULL);
	return array;
}

/* A text, or the items of a list of them: NULL behind the last. */
static const struct sluice_value *item(
	const struct reading *r, const struct sluice_value *at, size_t i)
{
	if (r->from.call->host->value_type(at) == SLUICE_ARRAY)
		return r->from.call->host->value_at(at, i, NULL);
	return i == 0 ? at : NULL;
}

/* --- the token ------------------------------------------------------------------------------- */
static struct sluice_expr *compile(struct reading *r, const char *name)
{
	const struct sluice_value *at = config_get(&r->from, name);
	struct sluice_expr *e = r->s->expr->compile(r->from.call->instance, at);
	if (!e)
		note(r, SLUICE_E_INVALID);
	else if (r->s->expr->uses(e) & SLUICE_EXPR_PAYLOAD)
		complain(r, at, "payload is not at hand when the token is looked for");
	return e;
}

static void read_token(struct reading *r)
{
	const struct sluice_request_service *request =
		r->from.call->host->service(SLUICE_REQUEST_SERVICE);
	r->s->token_bytes_max = (size_t)config_integer(&r->from, "maxTokenBytes", 8192);
	r->s->cache_entries = (size_t)config_integer(&r->from, "tokenCacheEntries", 10000);
	if (!config_is_text(&r->from, "jwtOrigin", "customExpression")) {
		note(r, SLUICE_HAS(request, secret_define)
				? request->secret_define(r->from.call->instance, SLUICE_PART_HEADER,
					  SLUICE_STR("authorization"))
				: SLUICE_E_UNSUPPORTED);
		return;
	}
	r->s->token = compile(r, "jwtExpression");
	if (r->s->token && r->s->expr->uses(r->s->token) & SLUICE_EXPR_CONSTANT)
		complain(r, config_get(&r->from, "jwtExpression"),
			"every request would have the same");
	if (r->s->token)
		note(r, expr_secret_hide(r->from.call, config_get(&r->from, "jwtExpression")));
}

/* --- algorithms ------------------------------------------------------------------------------ */
static uint32_t algorithm_of(struct reading *r)
{
	static const struct {
		const char *name;
		uint32_t shortest;
	} methods[] = {{"hmac", SLUICE_HS256}, {"es", SLUICE_ES256}, {"rsa", SLUICE_RS256}};
	size_t i = 0;
	while (i < 2 && !config_is_text(&r->from, "signingMethod", methods[i].name))
		i++;
	int64_t length = config_integer(&r->from, "signingKeyLength", 256);
	return methods[i].shortest + (length == 512 ? 2 : length == 384 ? 1 : 0);
}

static void read_algorithms(struct reading *r)
{
	const struct sluice_host *host = r->from.call->host;
	const struct sluice_value *list = config_get(&r->from, "signingAlgorithms"), *one;
	struct settings *s = r->s;
	for (size_t i = 0; (one = host->value_at(list, i, NULL)); i++)
		s->algorithms |= 1u
				 << jose_algorithm_named(host->value_string(one, SLUICE_STR("")));
	if (list && config_get(&r->from, "signingMethod"))
		complain(r, list, "either these or signingMethod says how tokens are signed");
	if (!list)
		s->algorithms = 1u << algorithm_of(r);
	s->is_secret = (s->algorithms & HS_ALL) != 0;
	if (s->is_secret && (s->algorithms & ~HS_ALL))
		complain(r, list, "HS has secrets, and the others have public keys: not both");
	s->is_unsigned = config_is_text(&r->from, "signingMethod", "none");
	if (s->is_unsigned)
		host->log(r->from.call->instance, NULL, SLUICE_LOG_WARN,
			SLUICE_STR("signingMethod none: signatures are not looked at, and anybody "
				   "can write a token"));
}

/* --- keys ------------------------------------------------------------------------------------ */
/* Whether a key of the set fits one of the algorithms. */
static int is_fitting(const struct settings *s)
{
	for (size_t i = 0; i < s->keys.count; i++)
		for (uint32_t a = SLUICE_HS256; a <= SLUICE_EDDSA; a++)
			if (s->algorithms & 1u << a &&
				s->crypto->key_fits(s->keys.items[i].key, a) == 1)
				return 1;
	return 0;
}

static void read_text_key(struct reading *r)
{
	const struct sluice_value *at = config_get(&r->from, "textKey");
	struct sluice_str text = config_text(&r->from, "textKey");
	struct settings *s = r->s;
	const char *why;
	if (text.n == 0)
		complain(r, at, "jwtKeyOrigin text asks for textKey");
	else if (key_text_read(s->crypto, text, s->is_secret, &s->keys, &why) != SLUICE_OK)
		complain(r, at, why);
	else if (!is_fitting(s))
		complain(r, at,
			s->is_secret ? "it is shorter than the digest of the signing method"
				     : "it is of another kind than the signing method asks for");
}

static void read_site(struct reading *r, const struct sluice_value *at, int is_issuer)
{
	struct settings *s = r->s;
	struct key_site *site = &s->sites[s->site_count];
	site->timeout_ms =
		(uint32_t)config_integer(&r->from, "jwksServiceConnectionTimeout", 10000);
	int32_t rc = key_site_init(site, r->from.call, at, is_issuer);
	note(r, rc);
	if (rc == SLUICE_OK)
		s->site_count++;
}

static struct sluice_metric *define_fetches(struct reading *r)
{
	static const struct sluice_str outcomes[] = {{"ok", 2}, {"failed", 6}};
	static const struct sluice_label labels[] = {{{"outcome", 7}, outcomes, 2}};
	const struct sluice_metrics_service *metrics =
		r->from.call->host->service(SLUICE_METRICS_SERVICE);
	const struct sluice_metric_definition fetches = {.size = sizeof(fetches),
		.kind = SLUICE_COUNTER,
		.name = SLUICE_STR("jwt_key_fetches"),
		.description = SLUICE_STR("Times that a key set was asked for"),
		.labels = labels,
		.label_count = 1};
	return metrics->define(r->from.call->instance, &fetches);
}

static void read_sites(struct reading *r)
{
	const struct sluice_value *list = config_get(&r->from, "jwksUrl"), *at;
	r->s->ttl_ms = config_integer(&r->from, "jwksServiceTimeToLive", 60) * 60000;
	for (size_t i = 0; i + 1 < KEY_SITES_MAX && (at = item(r, list, i)); i++)
		read_site(r, at, 0);
	if (r->from.call->host->value_count(list) >= KEY_SITES_MAX)
		complain(r, list, "at most eight addresses");
	if ((at = config_get(&r->from, "discoveryUrl")))
		read_site(r, at, 1);
	if (!list && !at)
		complain(r, NULL, "jwtKeyOrigin jwks asks for jwksUrl or discoveryUrl");
	const struct sluice_work_service *work = r->from.call->host->service(SLUICE_WORK_SERVICE);
	struct sluice_metric *fetches = define_fetches(r);
	struct sluice_work *copying = work->open(r->from.call->instance, KEY_SITES_MAX);
	for (size_t i = 0; i < r->s->site_count; i++) {
		r->s->sites[i].fetches = fetches;
		r->s->sites[i].copying = copying;
	}
	if (!copying)
		note(r, SLUICE_E_FULL);
}

static void read_keys(struct reading *r)
{
	struct settings *s = r->s;
	if (s->is_unsigned)
		return;
	if (config_is_text(&r->from, "jwtKeyOrigin", "jwks")) {
		s->origin = KEYS_OF_SITES;
		read_sites(r);
	} else if (!config_is_text(&r->from, "jwtKeyOrigin", "customExpression")) {
		read_text_key(r);
	} else {
		s->origin = KEYS_OF_EXPRESSION;
		if (!config_get(&r->from, "customKeyExpression"))
			complain(r, NULL,
				"jwtKeyOrigin customExpression asks for customKeyExpression");
		else
			s->key = compile(r, "customKeyExpression");
	}
}

/* --- claims ---------------------------------------------------------------------------------- */
static void read_audiences(struct reading *r)
{
	struct sluice_str rest = config_text(&r->from, "supportedAudiences"), one;
	struct settings *s = r->s;
	size_t count = 1;
	if (!config_is_set(&r->from, "validateAudClaim"))
		return;
	for (size_t i = 0; i < rest.n; i++)
		count += rest.p[i] == ',';
	s->audiences = array_new(r, count, sizeof(*s->audiences));
	while (s->audiences && rest.p) {
		one = sluice_trim(sluice_cut(&rest, ','));
		if (one.n)
			s->audiences[s->registered.audience_count++] = one;
	}
	if (s->registered.audience_count == 0)
		complain(r, config_get(&r->from, "supportedAudiences"),
			"validateAudClaim asks for audiences");
	s->registered.audiences = s->audiences;
	s->registered.is_aud_required = config_is_set(&r->from, "mandatoryAudClaim");
}

/* Without any, an issuer that tells its keys is the one that may sign. */
static void read_issuers(struct reading *r)
{
	const struct sluice_value *list = config_get(&r->from, "issuer"), *at;
	struct settings *s = r->s;
	size_t count = list ? r->from.call->host->value_count(list) + 1 : 1;
	s->issuers = array_new(r, count, sizeof(*s->issuers));
	if (!s->issuers)
		return;
	for (size_t i = 0; i < count && (at = item(r, list, i)); i++)
		s->issuers[s->registered.issuer_count++] =
			r->from.call->host->value_string(at, SLUICE_STR(""));
	if (!list && s->site_count == 1 && s->sites[0].is_issuer)
		s->issuers[s->registered.issuer_count++] = s->sites[0].address;
	if (s->registered.issuer_count)
		s->registered.issuers = s->issuers;
}

static void read_rules(struct reading *r, const char *name, int is_mandatory)
{
	const struct sluice_value *list = config_get(&r->from, name), *at;
	for (size_t i = 0; r->s->rules && (at = r->from.call->host->value_at(list, i, NULL)); i++)
		note(r, claim_rule_init(
				&r->s->rules[r->s->rule_count++], r->from.call, at, is_mandatory));
}

static void read_claims(struct reading *r)
{
	const struct sluice_host *host = r->from.call->host;
	struct settings *s = r->s;
	size_t count = host->value_count(config_get(&r->from, "mandatoryCustomClaims")) +
		       host->value_count(config_get(&r->from, "nonMandatoryCustomClaims"));
	s->registered.skew_s = config_integer(&r->from, "clockSkewSeconds", 60);
	s->registered.is_exp_required = config_is_set(&r->from, "mandatoryExpClaim");
	s->registered.is_nbf_required = config_is_set(&r->from, "mandatoryNbfClaim");
	read_audiences(r);
	read_issuers(r);
	if (!config_is_set(&r->from, "validateCustomClaim"))
		return;
	s->rules = array_new(r, count, sizeof(*s->rules));
	read_rules(r, "mandatoryCustomClaims", 1);
	read_rules(r, "nonMandatoryCustomClaims", 0);
}

static void read_headers(struct reading *r)
{
	const struct sluice_value *list = config_get(&r->from, "claimsToHeaders"), *at;
	struct settings *s = r->s;
	s->headers = array_new(r, r->from.call->host->value_count(list), sizeof(*s->headers));
	for (size_t i = 0; s->headers && (at = r->from.call->host->value_at(list, i, NULL)); i++)
		note(r, claim_header_init(&s->headers[s->header_count++], r->from.call, at));
}

/* --- all of it ------------------------------------------------------------------------------- */
int32_t settings_new(
	const struct sluice_call *call, const struct sluice_value *config, struct settings **out)
{
	const struct sluice_host *host = call->host;
	struct settings *s = host->instance_alloc(call->instance, sizeof(*s));
	struct reading r = {.from = {call, config}, .s = s};
	if (!s)
		return SLUICE_E_FULL;
	*s = (struct settings){
		.crypto = host->service(SLUICE_CRYPTO_SERVICE),
		.expr = host->service(SLUICE_EXPR_SERVICE),
		.refused = host->counter_define(call->instance, SLUICE_STR("jwt_refused"),
			SLUICE_STR("Requests without a token that is right")),
		.remembered = host->counter_define(call->instance, SLUICE_STR("jwt_remembered"),
			SLUICE_STR("Requests whose token's signature was known to be right")),
	};
	read_token(&r);
	read_algorithms(&r);
	read_keys(&r);
	read_claims(&r);
	read_headers(&r);
	s->is_client_free = config_is_set(&r.from, "skipClientIdValidation");
	s->is_client_claim =
		config_is_text(&r.from, "clientIdExpression", "#[vars.claimSet.client_id]");
	note(&r, client_contract_init(&s->client, call, config));
	if (r.rc == SLUICE_OK)
		*out = s;
	else
		settings_free(call, s);
	return r.rc;
}

void settings_free(const struct sluice_call *call, struct settings *s)
{
	const struct sluice_host *host = call->host;
	for (size_t i = 0; i < s->rule_count; i++)
		claim_rule_deinit(&s->rules[i], call);
	for (size_t i = 0; i < s->header_count; i++)
		claim_header_deinit(&s->headers[i], call);
	if (s->keys.crypto)
		jose_keys_deinit(&s->keys);
	s->expr->free(call->instance, s->token);
	s->expr->free(call->instance, s->key);
	client_contract_deinit(&s->client, call);
	host->instance_free(call->instance, s->audiences);
	host->instance_free(call->instance, s->issuers);
	host->instance_free(call->instance, s->rules);
	host->instance_free(call->instance, s->headers);
	host->instance_free(call->instance, s);
}
