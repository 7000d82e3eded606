/* SPDX-License-Identifier: Apache-2.0 */
/* api-key - a known key in a header, a query parameter or a cookie tells who the client is.
 *
 * A key that comes twice is refused, since the upstream might believe the other one. */
#include "keys.h"

#include "sluice/request.h"
#include "sluice/text.h"
#include "util/config_complain.h"

#define REALM            " realm=\"sluice\""
#define NAME_BYTES_MAX   128
#define SCHEME_BYTES_MAX 32

enum place { IN_HEADER, IN_QUERY, IN_COOKIE };

struct state {
	const struct sluice_request_service *request;
	struct keys keys;
	enum place place;
	struct sluice_str name;   /* in name_text: keys_read wipes the configuration */
	struct sluice_str scheme; /* at the start of challenge; may be empty */
	char name_text[NAME_BYTES_MAX];
	char challenge[SCHEME_BYTES_MAX + sizeof(REALM)];
	size_t challenge_bytes;
	int forwards_key;
	int32_t refused;
};

/* --- configuration --------------------------------------------------------------------------- */
static int is_gateways_own(struct sluice_str name)
{
	static const char *const names[] = {"host", "connection", "content-length",
		"transfer-encoding", "keep-alive", "proxy-connection", "te", "trailer", "upgrade",
		"expect"};
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (sluice_equal_nocase(name, (struct sluice_str){names[i], strlen(names[i])}))
			return 1;
	return 0;
}

static enum place place_of(struct sluice_str text)
{
	if (sluice_equal(text, SLUICE_STR("query")))
		return IN_QUERY;
	return sluice_equal(text, SLUICE_STR("cookie")) ? IN_COOKIE : IN_HEADER;
}

/* Also of keys that are refused, which may be mistyped ones, and of requests that others answer. */
static int32_t hide(const struct state *s, const struct sluice_call *call)
{
	static const uint32_t parts[] = {
		[IN_HEADER] = SLUICE_PART_HEADER,
		[IN_QUERY] = SLUICE_PART_QUERY,
		[IN_COOKIE] = SLUICE_PART_COOKIE,
	};
	if (!SLUICE_HAS(s->request, secret_define))
		return SLUICE_E_UNSUPPORTED;
	return s->request->secret_define(call->instance, parts[s->place], s->name);
}

static int32_t name_init(
	struct state *s, const struct sluice_call *call, const struct sluice_value *config)
{
	const struct sluice_value *at = call->host->value_get(config, SLUICE_STR("name"));
	struct sluice_str name = call->host->value_string(at, SLUICE_STR("x-api-key"));
	if (name.n == 0 || name.n > NAME_BYTES_MAX ||
		(s->place != IN_QUERY && !sluice_is_token(name)))
		return config_complain(
			call, at, SLUICE_STR("this is no name of a field or cookie"));
	if (s->place == IN_HEADER && is_gateways_own(name))
		return config_complain(
			call, at, SLUICE_STR("the gateway itself writes this field"));
	memcpy(s->name_text, name.p, name.n);
	s->name = (struct sluice_str){s->name_text, name.n};
	return hide(s, call) == SLUICE_OK
		       ? SLUICE_OK
		       : config_complain(call, at,
				 SLUICE_STR("this gateway cannot keep it out of its records"));
}

static int32_t scheme_init(
	struct state *s, const struct sluice_call *call, const struct sluice_value *config)
{
	const struct sluice_value *at = call->host->value_get(config, SLUICE_STR("scheme"));
	struct sluice_str scheme = call->host->value_string(at, SLUICE_STR(""));
	if (scheme.n && s->place != IN_HEADER)
		return config_complain(
			call, at, SLUICE_STR("only a header has a word before the key"));
	if (scheme.n > SCHEME_BYTES_MAX || (scheme.n && !sluice_is_token(scheme)))
		return config_complain(call, at, SLUICE_STR("this is no authentication scheme"));
	struct sluice_str shown = scheme.n ? scheme : SLUICE_STR("ApiKey");
	memcpy(s->challenge, shown.p, shown.n);
	memcpy(s->challenge + shown.n, REALM, sizeof(REALM) - 1);
	s->challenge_bytes = shown.n + sizeof(REALM) - 1;
	s->scheme = (struct sluice_str){s->challenge, scheme.n};
	return SLUICE_OK;
}

static void release(const struct sluice_call *call)
{
	struct state *s = call->state;
	keys_deinit(&s->keys, call);
	call->host->instance_free(call->instance, s);
}

static int32_t configure(const struct sluice_call *call, const struct sluice_value *config,
	void *previous, void **out)
{
	const struct sluice_host *host = call->host;
	struct state *s = host->instance_alloc(call->instance, sizeof(*s));
	if (!s)
		return SLUICE_E_FULL;
	*s = (struct state){
		.request = host->service(SLUICE_REQUEST_SERVICE),
		.keys = {.crypto = host->service(SLUICE_CRYPTO_SERVICE)},
		.forwards_key =
			host->value_bool(host->value_get(config, SLUICE_STR("forwardKey")), 0),
		.refused = host->counter_define(call->instance, SLUICE_STR("api_key_refused"),
			SLUICE_STR("Requests without a valid API key")),
	};
	s->place = place_of(host->value_string(
		host->value_get(config, SLUICE_STR("in")), SLUICE_STR("header")));
	int32_t name = name_init(s, call, config);
	int32_t scheme = scheme_init(s, call, config);
	int32_t keys = keys_read(&s->keys, call, config);
	if (name == SLUICE_OK && scheme == SLUICE_OK && keys == SLUICE_OK) {
		*out = s;
		return SLUICE_OK;
	}
	struct sluice_call own = *call;
	own.state = s;
	release(&own);
	return keys != SLUICE_OK ? keys : SLUICE_E_INVALID;
}

/* --- exchanges ------------------------------------------------------------------------------- */
static int32_t value_next(const struct sluice_call *call, struct sluice_exchange *x, uint32_t *at,
	struct sluice_str *value)
{
	const struct state *s = call->state;
	switch (s->place) {
	case IN_QUERY:
		return s->request->query_next(x, s->name, at, NULL, value);
	case IN_COOKIE:
		return s->request->cookie_next(x, s->name, at, NULL, value);
	default:
		return call->host->field_next(x, SLUICE_REQUEST, s->name, at, NULL, value);
	}
}

/* What stands behind the scheme; an empty view for anything else. */
static struct sluice_str behind_scheme(const struct state *s, struct sluice_str value)
{
	size_t n = s->scheme.n;
	struct sluice_str word = {value.p, n};
	if (n == 0)
		return value;
	if (value.n <= n || value.p[n] != ' ' || !sluice_equal_nocase(word, s->scheme))
		return SLUICE_STR("");
	return sluice_trim((struct sluice_str){value.p + n, value.n - n});
}

/* SLUICE_OK, SLUICE_E_NOT_FOUND, SLUICE_E_INVALID (it comes twice), or what went wrong. */
static int32_t key_given(
	const struct sluice_call *call, struct sluice_exchange *x, struct sluice_str *key)
{
	struct sluice_str second;
	uint32_t at = 0;
	int32_t rc = value_next(call, x, &at, key);
	if (rc != SLUICE_OK)
		return rc;
	rc = value_next(call, x, &at, &second);
	if (rc != SLUICE_E_NOT_FOUND)
		return rc == SLUICE_OK ? SLUICE_E_INVALID : rc;
	*key = behind_scheme(call->state, *key);
	return key->n ? SLUICE_OK : SLUICE_E_NOT_FOUND;
}

static int32_t key_remove(const struct sluice_call *call, struct sluice_exchange *x)
{
	const struct state *s = call->state;
	if (s->forwards_key)
		return SLUICE_OK;
	switch (s->place) {
	case IN_QUERY:
		return s->request->query_remove(x, s->name);
	case IN_COOKIE:
		return s->request->cookie_remove(x, s->name);
	default:
		return call->host->field_remove(x, SLUICE_REQUEST, s->name);
	}
}

static int32_t refuse(const struct sluice_call *call, struct sluice_exchange *x, int32_t status,
	struct sluice_str message, struct sluice_str reason)
{
	const struct state *s = call->state;
	const struct sluice_str fields[] = {
		SLUICE_STR("WWW-Authenticate"), {s->challenge, s->challenge_bytes}};
	call->host->counter_add(call->instance, s->refused, 1);
	sluice_tell_violation(call->host, x, reason);
	int32_t rc = call->host->respond_error(
		x, status, fields, status == 401 ? 1 : 0, message, reason);
	return rc == SLUICE_OK ? SLUICE_RESPONDED : SLUICE_FAIL;
}

/* The client learns as little from a key that has expired as from any other. */
static int32_t refuse_key(
	const struct sluice_call *call, struct sluice_exchange *x, struct sluice_str reason)
{
	return refuse(call, x, 401, SLUICE_STR("The API key is not valid"), reason);
}

static int32_t request_head(const struct sluice_call *call, struct sluice_exchange *x)
{
	const struct sluice_host *host = call->host;
	const struct state *s = call->state;
	struct sluice_str text;
	uint8_t digest[DIGEST_BYTES];
	int32_t rc = key_given(call, x, &text);
	if (rc == SLUICE_E_NOT_FOUND)
		return refuse(call, x, 401, SLUICE_STR("An API key is required"),
			SLUICE_STR("api_key_missing"));
	if (rc == SLUICE_E_INVALID)
		return refuse(call, x, 400, SLUICE_STR("The API key is given more than once"),
			SLUICE_STR("api_key_ambiguous"));
	if (rc != SLUICE_OK)
		return SLUICE_FAIL;
	s->keys.crypto->sha256(text, digest);
	const struct key *key = keys_find(&s->keys, digest);
	if (!key)
		return refuse_key(call, x, SLUICE_STR("api_key_unknown"));
	if (host->wall_ms(x) >= key->expires_ms)
		return refuse_key(call, x, SLUICE_STR("api_key_expired"));
	if (host->authenticate(x, SLUICE_STR(""), key->client_id, key->client_name) != SLUICE_OK)
		return SLUICE_FAIL;
	return key_remove(call, x) >= 0 ? SLUICE_CONTINUE : SLUICE_FAIL;
}

static const struct sluice_policy policy = {
	.size = sizeof(policy),
	.name = "api-key",
	.version = "1.0.0",
	.configure = configure,
	.release = release,
	.request_head = request_head,
};

const struct sluice_plugin *sluice_plugin_v1(void)
{
	static const struct sluice_policy *const policies[] = {&policy};
	static const char *const services[] = {SLUICE_CRYPTO_SERVICE, SLUICE_REQUEST_SERVICE, NULL};
	static const struct sluice_plugin plugin = {
		.size = sizeof(plugin),
		.abi_major = SLUICE_ABI_MAJOR,
		.abi_minor = SLUICE_ABI_MINOR,
		.policy_count = 1,
		.name = "api-key",
		.version = "1.0.0",
		.policies = policies,
		.requires_services = services,
	};
	return &plugin;
}
