/* SPDX-License-Identifier: Apache-2.0 */
#include "settings.h"

#include "sluice/request.h"
#include "sluice/text.h"

/* Of an answer that is remembered: a bound for the store, most are a tenth of it. */
#define ENTRY_BYTES       4096
#define CACHE_BYTES_LEAST 1048576
#define ENDLESS_S         600
#define DAY_S             86400

static const struct sluice_value *get(
	const struct sluice_call *call, const struct sluice_value *config, const char *name)
{
	return call->host->value_get(config, (struct sluice_str){name, strlen(name)});
}

static int64_t integer(const struct sluice_call *call, const struct sluice_value *config,
	const char *name, int64_t fallback)
{
	return call->host->value_integer(get(call, config, name), fallback);
}

static int is_set(
	const struct sluice_call *call, const struct sluice_value *config, const char *name)
{
	return call->host->value_bool(get(call, config, name), 0);
}

static struct sluice_str text_of(
	const struct sluice_call *call, const struct sluice_value *config, const char *name)
{
	return call->host->value_string(get(call, config, name), SLUICE_STR(""));
}

/* --- parts ----------------------------------------------------------------------------------- */
static int32_t read_server(
	struct settings *s, const struct sluice_call *call, const struct sluice_value *config)
{
	const struct sluice_value *at = get(call, config, "authorizationValue");
	const struct sluice_request_service *request = call->host->service(SLUICE_REQUEST_SERVICE);
	s->server = call->host->target(call->instance, get(call, config, "introspectionURL"));
	s->authorization = call->host->value_string(at, SLUICE_STR(""));
	s->timeout_ms = (uint32_t)integer(call, config, "authenticationTimeout", 10000);
	if (!call->host->field_prepare(
		    call->instance, SLUICE_STR("authorization"), s->authorization)) {
		call->host->config_error(
			call->instance, at, SLUICE_STR("no value that a field may have"));
		return SLUICE_E_INVALID;
	}
	if (!s->server)
		return SLUICE_E_INVALID;
	if (!SLUICE_HAS(request, secret_define))
		return SLUICE_E_UNSUPPORTED;
	return request->secret_define(
		call->instance, SLUICE_PART_HEADER, SLUICE_STR("authorization"));
}

/* The store outlives configurations. */
static int32_t read_asked(
	struct settings *s, const struct sluice_call *call, const struct sluice_value *config)
{
	struct sluice_str url = text_of(call, config, "introspectionURL");
	size_t n = url.n + 1 + s->authorization.n;
	char *text = call->host->instance_alloc(call->instance, n);
	if (!text)
		return SLUICE_E_FULL;
	memcpy(text, url.p, url.n);
	text[url.n] = '\0';
	memcpy(text + url.n + 1, s->authorization.p, s->authorization.n);
	s->crypto->sha256((struct sluice_str){text, n}, s->asked);
	call->host->instance_free(call->instance, text);
	return SLUICE_OK;
}

static int32_t read_cache(
	struct settings *s, const struct sluice_call *call, const struct sluice_value *config)
{
	int64_t most_s = integer(call, config, "maxFederationExpirationTime", DAY_S);
	int64_t entries =
		integer(call, config, "maxCacheEntries", integer(call, config, "maxCacheSize", 0));
	most_s = integer(call, config, "validatedTokenTTL", most_s < 0 ? DAY_S : most_s);
	s->remember_ms = most_s * 1000;
	s->remember_endless_ms = (most_s < ENDLESS_S ? most_s : ENDLESS_S) * 1000;
	if (entries == 0 || most_s == 0)
		return SLUICE_OK;
	const struct sluice_cache_options options = {.size = sizeof(options),
		.bytes_max = (uint64_t)entries * ENTRY_BYTES + CACHE_BYTES_LEAST,
		.entry_bytes_max = 1,
		.entries_max = (uint32_t)entries};
	s->cache = s->caches->open(call->instance, &options);
	return s->cache ? SLUICE_OK : SLUICE_E_FULL;
}

static int32_t read_scopes(
	struct settings *s, const struct sluice_call *call, const struct sluice_value *config)
{
	struct sluice_str rest = text_of(call, config, "scopes");
	s->is_any_scope =
		sluice_equal(text_of(call, config, "scopeValidationCriteria"), SLUICE_STR("OR"));
	s->scopes =
		call->host->instance_alloc(call->instance, (rest.n / 2 + 1) * sizeof(*s->scopes));
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
	struct settings *s = host->instance_alloc(call->instance, sizeof(*s));
	if (!s)
		return SLUICE_E_FULL;
	*s = (struct settings){
		.tells_upstream = is_set(call, config, "exposeHeaders"),
		.is_client_free = is_set(call, config, "skipClientIdValidation"),
		.is_by_username =
			sluice_equal(text_of(call, config, "consumerBy"), SLUICE_STR("username")),
		.refused = host->counter_define(call->instance, SLUICE_STR("token_refused"),
			SLUICE_STR("Requests without a token that is active and allowed")),
		.remembered = host->counter_define(call->instance, SLUICE_STR("token_remembered"),
			SLUICE_STR("Requests whose token the server was not asked for")),
	};
	find_services(s, host);
	int32_t rc = read_server(s, call, config);
	if (rc == SLUICE_OK)
		rc = read_asked(s, call, config);
	if (rc == SLUICE_OK)
		rc = read_cache(s, call, config);
	if (rc == SLUICE_OK)
		rc = read_scopes(s, call, config);
	if (rc == SLUICE_OK)
		*out = s;
	else
		settings_free(call, s);
	return rc;
}

void settings_free(const struct sluice_call *call, struct settings *s)
{
	call->host->instance_free(call->instance, s->scopes);
	call->host->instance_free(call->instance, s);
}
