/* SPDX-License-Identifier: Apache-2.0 */
#include "upstream/sticky.h"

#include "base/arena.h"
#include "crypto/crypto.h"
#include "upstream/balancer.h"

void sticky_token(struct str key, struct str endpoint, char token[STICKY_TOKEN_BYTES])
{
	uint8_t digest[SHA256_BYTES];
	char hex[2 * SHA256_BYTES];
	hmac_sha256(key.n > 0 ? key : STR("sluice: sticky"), endpoint, digest);
	sha256_hex(digest, hex);
	memcpy(token, hex, STICKY_TOKEN_BYTES);
}

static struct endpoint *endpoint_of(const struct balancer *b, struct str token)
{
	if (token.n != STICKY_TOKEN_BYTES)
		return NULL;
	for (unsigned i = 0; i < b->count; i++) {
		struct endpoint *e = &b->endpoints[i];
		if (endpoint_is_present(e) && memcmp(e->token, token.p, STICKY_TOKEN_BYTES) == 0)
			return e;
	}
	return NULL;
}

/* RFC 6265 5.4: "a=1; b=2", and no value has a semicolon. One name may stand there twice, for two
 * paths: the first that means something is taken. */
struct endpoint *sticky_find(const struct balancer *b, const struct fields *request)
{
	const struct field *f;
	uint32_t at = 0;
	while ((f = fields_next_id(request, FIELD_COOKIE, STR("cookie"), &at))) {
		struct str rest = f->value;
		while (rest.n > 0) {
			struct str value = str_trim(str_cut(&rest, ';'));
			struct str name = str_cut(&value, '=');
			bool is_it = str_eq(name, b->options.sticky.cookie);
			struct endpoint *found = is_it ? endpoint_of(b, value) : NULL;
			if (found)
				return found;
		}
	}
	return NULL;
}

enum rc sticky_tell(
	const struct balancer *b, const struct endpoint *e, bool is_https, struct fields *response)
{
	const struct sticky_options *o = &b->options.sticky;
	bool is_secure = o->secure == STICKY_SECURE_ALWAYS ||
			 (o->secure == STICKY_SECURE_AS_REQUEST && is_https);
	struct str text = arena_printf(response->arena, "%.*s=%.*s%.*s%s", STR_ARG(o->cookie),
		STICKY_TOKEN_BYTES, e->token, STR_ARG(o->attributes), is_secure ? "; Secure" : "");
	return fields_add_id(response, FIELD_SET_COOKIE, STR("Set-Cookie"), text);
}
