/* SPDX-License-Identifier: Apache-2.0 */
/* http-basic-authentication - one user name and password (RFC 7617).
 *
 * Base64 with padding writes a pair in one way alone, so that what clients send can be compared as
 * it is. Kept is not the password but a tag: two keyed hashes under keys drawn at random, 128 bits.
 * Who does not know the keys cannot tell how near a guess came, neither by its time nor by trying
 * prefixes. */
#include "util/authorization.h"

#include "sluice/crypto.h"
#include "sluice/request.h"
#include "sluice/sluice.h"

#include <string.h>

#define REALM "Basic realm=\"sluice\", charset=\"UTF-8\""

#define KEY_BYTES 16

struct tag {
	uint64_t a, b;
};

struct state {
	const struct sluice_crypto_service *crypto;
	uint8_t keys[2 * KEY_BYTES];
	struct tag expected; /* of base64(username:password) */
	struct sluice_str username;
	int32_t refused;
};

/* --- configuration --------------------------------------------------------------------------- */
static struct tag tag_of(const struct state *s, struct sluice_str token)
{
	return (struct tag){s->crypto->keyed_hash(s->keys, token),
		s->crypto->keyed_hash(s->keys + KEY_BYTES, token)};
}

/* The three bytes from `in` on as four characters; bytes beyond `end` are padding. */
static void base64_group(const char *in, const char *end, char out[4])
{
	static const char digits[] =
		"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
	uint32_t bits = 0;
	for (int i = 0; i < 3; i++)
		bits = bits << 8 | (in + i < end ? (unsigned char)in[i] : 0);
	for (int i = 0; i < 4; i++)
		out[i] = digits[bits >> (18 - 6 * i) & 63];
	for (long missing = 3 - (end - in); missing > 0; missing--)
		out[4 - missing] = '=';
}

static void wipe(void *p, size_t n)
{
	volatile char *at = p;
	while (n--)
		*at++ = 0;
}

/* The tag of what a client that knows both would send; memory that held them is wiped. */
static int32_t expect(const struct sluice_call *call, struct state *s, struct sluice_str password)
{
	size_t n = s->username.n + 1 + password.n, coded = (n + 2) / 3 * 4;
	char *pair = call->host->instance_alloc(call->instance, n + coded);
	if (!pair)
		return SLUICE_E_FULL;
	memcpy(pair, s->username.p, s->username.n);
	pair[s->username.n] = ':';
	memcpy(pair + s->username.n + 1, password.p, password.n);
	for (size_t i = 0; i < n; i += 3)
		base64_group(pair + i, pair + n, pair + n + i / 3 * 4);
	int32_t rc = s->crypto->random(s->keys, sizeof(s->keys));
	s->expected = tag_of(s, (struct sluice_str){pair + n, coded});
	wipe(pair, n + coded);
	call->host->instance_free(call->instance, pair);
	return rc;
}

static void release(const struct sluice_call *call)
{
	struct state *s = call->state;
	wipe(s, sizeof(*s));
	call->host->instance_free(call->instance, s);
}

/* A line of the log may be worded with the field. */
static int32_t hide(const struct sluice_call *call)
{
	const struct sluice_request_service *request = call->host->service(SLUICE_REQUEST_SERVICE);
	if (!SLUICE_HAS(request, secret_define))
		return SLUICE_E_UNSUPPORTED;
	return request->secret_define(
		call->instance, SLUICE_PART_HEADER, SLUICE_STR("authorization"));
}

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
	*s = (struct state){
		.crypto = host->service(SLUICE_CRYPTO_SERVICE),
		.username = username,
		.refused =
			host->counter_define(call->instance, SLUICE_STR("authentication_failures"),
				SLUICE_STR("Requests refused by HTTP basic authentication")),
	};
	int32_t rc = hide(call);
	if (rc == SLUICE_OK)
		rc = expect(call, s, password);
	if (rc == SLUICE_OK) {
		*out = s;
		return rc;
	}
	struct sluice_call own = *call;
	own.state = s;
	release(&own);
	return rc;
}

/* --- exchanges ------------------------------------------------------------------------------- */
/* Whether the one Authorization field holds the credentials. Its time depends on the length of what
 * was sent alone. */
static int is_proven(const struct sluice_call *call, struct sluice_exchange *x)
{
	const struct state *s = call->state;
	struct sluice_str token;
	if (authorization_get(call->host, x, SLUICE_STR("basic"), &token) != SLUICE_OK)
		return 0;
	struct tag given = tag_of(s, token);
	return ((given.a ^ s->expected.a) | (given.b ^ s->expected.b)) == 0;
}

static int32_t request_head(const struct sluice_call *call, struct sluice_exchange *x)
{
	const struct sluice_host *host = call->host;
	const struct state *s = call->state;
	if (is_proven(call, x)) {
		int32_t rc = host->authenticate(x, s->username, SLUICE_STR(""), SLUICE_STR(""));
		return rc == SLUICE_OK ? SLUICE_CONTINUE : SLUICE_FAIL;
	}
	host->counter_add(call->instance, s->refused, 1);
	const struct sluice_str fields[] = {SLUICE_STR("WWW-Authenticate"), SLUICE_STR(REALM)};
	sluice_tell_violation(host, x, SLUICE_STR("unauthenticated"));
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
	static const char *const services[] = {SLUICE_CRYPTO_SERVICE, SLUICE_REQUEST_SERVICE, NULL};
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
