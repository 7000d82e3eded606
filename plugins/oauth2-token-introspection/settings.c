/* SPDX-License-Identifier: Apache-2.0 */
#include "settings.h"

#include "util/config_complain.h"
#include "util/config_read.h"

#include "sluice/request.h"

/* Of an answer that is remembered: a bound for the store, most are a tenth of it. */
#define ENTRY_BYTES       4096
#define CACHE_BYTES_LEAST 1048576
#define ENDLESS_S         600
#define DAY_S             86400

/* --- parts ----------------------------------------------------------------------------------- */
static int32_t read_server(struct settings *s, const struct config_reader *r)
{
	const struct sluice_value *at = config_get(r, "authorizationValue");
	const struct sluice_request_service *request =
		r->call->host->service(SLUICE_REQUEST_SERVICE);
	s->server = r->call->host->target(r->call->instance, config_get(r, "introspectionURL"));
	s->authorization = r->call->host->value_string(at, SLUICE_STR(""));
	s->timeout_ms = (uint32_t)config_integer(r, "authenticationTimeout", 10000);
	if (!r->call->host->field_prepare(
		    r->call->instance, SLUICE_STR("authorization"), s->authorization))
		return config_complain(r->call, at, SLUICE_STR("no value that a field may have"));
	if (!s->server)
		return SLUICE_E_INVALID;
	if (!SLUICE_HAS(request, secret_define))
		return SLUICE_E_UNSUPPORTED;
	return request->secret_define(
		r->call->instance, SLUICE_PART_HEADER, SLUICE_STR("authorization"));
}

/* The store outlives configurations. */
static int32_t read_asked(struct settings *s, const struct config_reader *r)
{
	struct sluice_str url = config_text(r, "introspectionURL");
	size_t n = url.n + 1 + s->authorization.n;
	char *text = r->call->host->instance_alloc(r->call->instance, n);
	if (!text)
		return SLUICE_E_FULL;
	memcpy(text, url.p, url.n);
	text[url.n] = '\0';
	memcpy(text + url.n + 1, s->authorization.p, s->authorization.n);
	s->crypto->sha256((struct sluice_str){text, n}, s->asked);
	r->call->host->instance_free(r->call->instance, text);
	return SLUICE_OK;
}

static int32_t read_cache(struct settings *s, const struct config_reader *r)
{
	int64_t most_s = config_integer(r, "maxFederationExpirationTime", DAY_S);
	int64_t entries =
		config_integer(r, "maxCacheEntries", config_integer(r, "maxCacheSize", 0));
	most_s = config_integer(r, "validatedTokenTTL", most_s < 0 ? DAY_S : most_s);
	s->remember_ms = most_s * 1000;
	s->remember_endless_ms = (most_s < ENDLESS_S ? most_s : ENDLESS_S) * 1000;
	if (entries == 0 || most_s == 0)
		return SLUICE_OK;
	const struct sluice_cache_options options = {.size = sizeof(options),
		.bytes_max = (uint64_t)entries * ENTRY_BYTES + CACHE_BYTES_LEAST,
		.entry_bytes_max = 1,
		.entries_max = (uint32_t)entries};
	s->cache = s->caches->open(r->call->instance, &options);
	return s->cache ? SLUICE_OK : SLUICE_E_FULL;
}

static int32_t read_scopes(struct settings *s, const struct config_reader *r)
{
	struct sluice_str rest = config_text(r, "scopes");
	s->is_any_scope = config_is_text(r, "scopeValidationCriteria", "OR");
	s->scopes = r->call->host->instance_alloc(
		r->call->instance, (rest.n / 2 + 1) * sizeof(*s->scopes));
	if (!s->scopes)
		return SLUICE_E_FULL;
	while (rest.p) {
		struct sluice_str one = sluice_cut(&rest, ' ');
		if (one.n)
			s->scopes[s->scope_count++] = one;
	}
	return SLUICE_OK;
}

/* --- all of it ------------------------------------------------------------------------------- */
static void find_services(struct settings *s, const struct sluice_host *host)
{
	s->crypto = host->service(SLUICE_CRYPTO_SERVICE);
	s->http = host->service(SLUICE_HTTP_SERVICE);
	s->caches = host->service(SLUICE_CACHE_SERVICE);
	s->contracts = host->service(SLUICE_CONTRACTS_SERVICE);
}

int32_t settings_new(
	const struct sluice_call *call, const struct sluice_value *config, struct settings **out)
{
	const struct sluice_host *host = call->host;
	const struct config_reader r = {call, config};
	int32_t rc = SLUICE_OK;
	struct settings *s = host->instance_alloc(call->instance, sizeof(*s));
	if (!s)
		return SLUICE_E_FULL;
	*s = (struct settings){
		.tells_upstream = config_is_set(&r, "exposeHeaders"),
		.is_client_free = config_is_set(&r, "skipClientIdValidation"),
		.is_by_username = config_is_text(&r, "consumerBy", "username"),
		.refused = host->counter_define(call->instance, SLUICE_STR("token_refused"),
			SLUICE_STR("Requests without a token that is active and allowed")),
		.remembered = host->counter_define(call->instance, SLUICE_STR("token_remembered"),
			SLUICE_STR("Requests whose token the server was not asked for")),
	};
	find_services(s, host);
	s->inquiries = inquiries_new(call);
	if (!s->inquiries)
		rc = SLUICE_E_FULL;
	if (rc == SLUICE_OK)
		rc = read_server(s, &r);
	if (rc == SLUICE_OK)
		rc = read_asked(s, &r);
	if (rc == SLUICE_OK)
		rc = read_cache(s, &r);
	if (rc == SLUICE_OK)
		rc = read_scopes(s, &r);
	if (rc == SLUICE_OK)
		*out = s;
	else
		settings_free(call, s);
	return rc;
}

void settings_free(const struct sluice_call *call, struct settings *s)
{
	inquiries_free(call, s->inquiries);
	call->host->instance_free(call->instance, s->scopes);
	call->host->instance_free(call->instance, s);
}
