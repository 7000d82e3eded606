/* SPDX-License-Identifier: Apache-2.0 */
/* http-basic-authentication - one user name and password (RFC 7617).
 *
 * Of both only digests are kept, and digests are compared, so that neither the time of a comparison
 * nor a dump of the memory says anything about them. */
#include "sluice/crypto.h"
#include "sluice/sluice.h"

#include <string.h>

#define REALM "Basic realm=\"sluice\", charset=\"UTF-8\""

struct state {
	const struct sluice_crypto_service *crypto;
	uint8_t username[32]; /* SHA-256 */
	uint8_t password[32];
	int32_t refused;
};

static int32_t configure(const struct sluice_call *call, const struct sluice_value *config,
	void *previous, void **out)
{
	const struct sluice_host *host = call->host;
	const struct sluice_value *at = host->value_get(config, SLUICE_STR("username"));
	struct sluice_str username = host->value_string(at, SLUICE_STR(""));
	struct sluice_str password =
		host->value_string(host->value_get(config, SLUICE_STR("password")), SLUICE_STR(""));
	if (username.n == 0 || memchr(username.p, ':', username.n)) {
		host->config_error(call->instance, at,
			SLUICE_STR("a user name is not empty and holds no colon (RFC 7617)"));
		return SLUICE_E_INVALID;
	}
	struct state *s = host->instance_alloc(call->instance, sizeof(*s));
	if (!s)
		return SLUICE_E_FULL;
	s->crypto = host->service(SLUICE_CRYPTO_SERVICE);
	s->crypto->sha256(username, s->username);
	s->crypto->sha256(password, s->password);
	s->refused = host->counter_define(call->instance, SLUICE_STR("authentication_failures"),
		SLUICE_STR("Requests refused by HTTP basic authentication"));
	*out = s;
	return SLUICE_OK;
}

static void release(const struct sluice_call *call)
{
	struct state *s = call->state;
	memset(s, 0, sizeof(*s));
	call->host->instance_free(call->instance, s);
}

static int digest_matches(const struct state *s, struct sluice_str value, const uint8_t digest[32])
{
	uint8_t given[32];
	s->crypto->sha256(value, given);
	return s->crypto->constant_time_equal(
		(struct sluice_str){(const char *)given, sizeof(given)},
		(struct sluice_str){(const char *)digest, 32});
}

/* What stands behind "Basic" and its spaces; an empty view for anything else. */
static struct sluice_str basic_token(struct sluice_str field)
{
	static const char scheme[] = "basic ";
	if (field.n < sizeof(scheme))
		return SLUICE_STR("");
	for (size_t i = 0; i < sizeof(scheme) - 1; i++) {
		char c = field.p[i];
		if ((c >= 'A' && c <= 'Z' ? c | 0x20 : c) != scheme[i])
			return SLUICE_STR("");
	}
	field.p += sizeof(scheme) - 1;
	field.n -= sizeof(scheme) - 1;
	while (field.n && *field.p == ' ')
		field.p++, field.n--;
	return field;
}

/* The one Authorization field. Of two, another party might read the other. */
static int32_t authorization(
	const struct sluice_host *host, struct sluice_exchange *x, struct sluice_str *value)
{
	struct sluice_str name = SLUICE_STR("authorization"), second;
	uint32_t at = 0;
	int32_t rc = host->field_next(x, SLUICE_REQUEST, name, &at, NULL, value);
	if (rc == SLUICE_OK &&
		host->field_next(x, SLUICE_REQUEST, name, &at, NULL, &second) == SLUICE_OK)
		return SLUICE_E_INVALID;
	return rc;
}

/* The user name that the credentials prove; an empty view when they prove none. */
static struct sluice_str verify(const struct sluice_call *call, struct sluice_exchange *x)
{
	const struct state *s = call->state;
	struct sluice_str field;
	if (authorization(call->host, x, &field) != SLUICE_OK)
		return SLUICE_STR("");
	struct sluice_str token = basic_token(field);
	char *plain = token.n ? call->host->exchange_alloc(x, token.n) : NULL;
	int64_t n = plain ? s->crypto->base64_decode(token, plain) : SLUICE_E_INVALID;
	char *colon = n > 0 ? memchr(plain, ':', (size_t)n) : NULL;
	if (!colon)
		return SLUICE_STR("");
	struct sluice_str username = {plain, (size_t)(colon - plain)};
	struct sluice_str password = {colon + 1, (size_t)(plain + n - colon - 1)};
	int ok = digest_matches(s, username, s->username);
	ok &= digest_matches(s, password, s->password);
	memset(colon + 1, 0, password.n);
	return ok ? username : SLUICE_STR("");
}

static int32_t request_head(const struct sluice_call *call, struct sluice_exchange *x)
{
	const struct sluice_host *host = call->host;
	const struct state *s = call->state;
	struct sluice_str username = verify(call, x);
	if (username.n) {
		int32_t rc = host->authenticate(x, username, SLUICE_STR(""), SLUICE_STR(""));
		return rc == SLUICE_OK ? SLUICE_CONTINUE : SLUICE_FAIL;
	}
	host->counter_add(call->instance, s->refused, 1);
	const struct sluice_str fields[] = {SLUICE_STR("WWW-Authenticate"), SLUICE_STR(REALM)};
	int32_t rc = host->respond_error(x, 401, fields, 1,
		SLUICE_STR("Authentication Attempt Failed"), SLUICE_STR("unauthenticated"));
	return rc == SLUICE_OK ? SLUICE_RESPONDED : SLUICE_FAIL;
}

static const struct sluice_policy policy = {
	.size = sizeof(policy),
	.name = "http-basic-authentication",
	.version = "1.0.0",
	.configure = configure,
	.release = release,
	.request_head = request_head,
};

const struct sluice_plugin *sluice_plugin_v1(void)
{
	static const struct sluice_policy *const policies[] = {&policy};
	static const char *const services[] = {SLUICE_CRYPTO_SERVICE, NULL};
	static const struct sluice_plugin plugin = {
		.size = sizeof(plugin),
		.abi_major = SLUICE_ABI_MAJOR,
		.abi_minor = SLUICE_ABI_MINOR,
		.policy_count = 1,
		.name = "http-basic-authentication",
		.version = "1.0.0",
		.policies = policies,
		.requires_services = services,
	};
	return &plugin;
}
