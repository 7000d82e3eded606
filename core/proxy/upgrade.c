/* SPDX-License-Identifier: Apache-2.0 */
#include "proxy/upgrade.h"

#include "crypto/crypto.h"

#define WEBSOCKET  STR("websocket")
#define KEY        STR("sec-websocket-key")
#define VERSION    STR("sec-websocket-version")
#define ACCEPT     STR("sec-websocket-accept")
#define ORIGIN     STR("origin")
#define PROTOCOL   STR("sec-websocket-protocol")
#define EXTENSIONS STR("sec-websocket-extensions")

#define KEY_BYTES 24 /* 16 bytes in base64 */
#define GUID      "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"

bool upgrade_is_websocket(const struct exchange *e)
{
	return str_eq_nocase(e->down->request->upgrade, WEBSOCKET);
}

/* --- the request ----------------------------------------------------------------------------- */

static bool list_has(struct str list, struct str token)
{
	while (list.p) {
		struct str element = str_cut(&list, ',');
		if (str_eq_nocase(str_trim(element), token))
			return true;
	}
	return false;
}

/* The first of those that the client would take and the API allows; empty: none. */
static struct str allowed_token(const struct api *api, struct str asked)
{
	struct str allowed = api->upgrades ? str_of(api->upgrades) : WEBSOCKET;
	while (asked.p) {
		struct str token = str_trim(str_cut(&asked, ','));
		if (token.n > 0 && list_has(allowed, token))
			return token;
	}
	return STR_EMPTY;
}

/* The one value of a field that may stand once; NULL: none, or several. */
static const struct field *only(const struct fields *f, struct str name)
{
	uint32_t at = 0;
	const struct field *first = fields_next(f, name, &at);
	return first && !fields_next(f, name, &at) ? first : NULL;
}

static bool is_key(struct str text)
{
	char bytes[KEY_BYTES];
	size_t n = 0;
	return text.n == KEY_BYTES && base64_decode(text, bytes, &n) == RC_OK && n == 16;
}

static bool has_version(const struct fields *f)
{
	const struct field *version = only(f, VERSION);
	return version && str_eq(version->value, STR("13"));
}

/* False: it was refused. */
static bool judge_websocket(struct exchange *e)
{
	const struct fields *f = &e->down->request->fields;
	const struct field *key = only(f, KEY);
	if (!has_version(f))
		exchange_fail(e, FAULT_WEBSOCKET_VERSION, NULL);
	else if (!key || !is_key(key->value))
		exchange_fail(
			e, FAULT_WEBSOCKET_HANDSHAKE, "Sec-WebSocket-Key is no 16 bytes in base64");
	else
		return true;
	return false;
}

/* Whatever of that name the client has sent. */
static bool put_key(struct fields *f)
{
	uint8_t bytes[16];
	char text[KEY_BYTES];
	CHECK(random_bytes(bytes, sizeof(bytes)) == RC_OK);
	size_t n = base64_encode(str_n((const char *)bytes, sizeof(bytes)), text);
	return fields_set(f, KEY, str_n(text, n)) == RC_OK;
}

/* 426 would have to name an Upgrade, which HTTP/2 has not. */
static bool judge_connect(struct exchange *e)
{
	struct http_request *r = e->down->request;
	struct str token = allowed_token(e->api, r->upgrade);
	if (token.n != r->upgrade.n)
		exchange_fail(e, FAULT_PROTOCOL, "the protocol is none of the API's upgrades");
	else if (!upgrade_is_websocket(e))
		return true;
	else if (!has_version(&r->fields))
		exchange_fail(e, FAULT_WEBSOCKET_HANDSHAKE, "Sec-WebSocket-Version is not 13");
	else if (!put_key(&r->fields))
		exchange_fail(e, FAULT_FIELDS, NULL);
	else
		return true;
	return false;
}

static bool judge_upgrade(struct exchange *e)
{
	struct http_request *r = e->down->request;
	bool may_switch = r->version_major == 1 && r->version_minor == 1 &&
			  r->content_length == CONTENT_LENGTH_NONE;
	r->upgrade = may_switch ? allowed_token(e->api, r->upgrade) : STR_EMPTY;
	if (!upgrade_is_websocket(e))
		return true;
	if (r->method == METHOD_GET)
		return judge_websocket(e);
	r->upgrade = STR_EMPTY;
	return true;
}

/* Who is no browser sends none. */
static bool judge_origin(struct exchange *e)
{
	const struct field *f;
	for (uint32_t at = 0; (f = fields_next(&e->down->request->fields, ORIGIN, &at));) {
		if (f->value.n == 0 || !list_has(str_of(e->api->upgrade_origins), f->value)) {
			exchange_fail(e, FAULT_ORIGIN, NULL);
			return false;
		}
	}
	return true;
}

bool upgrade_judge(struct exchange *e)
{
	struct http_request *r = e->down->request;
	if (!(r->is_connect ? judge_connect(e) : judge_upgrade(e)))
		return false;
	return r->upgrade.n == 0 || !e->api->upgrade_origins || judge_origin(e);
}

void upgrade_hide_extensions(struct exchange *e)
{
	if (upgrade_is_websocket(e))
		fields_remove(&e->down->request->fields, EXTENSIONS);
}

/* --- the answer ------------------------------------------------------------------------------ */

static void digest_key(struct str key, uint8_t digest[SHA1_BYTES])
{
	char text[KEY_BYTES + sizeof(GUID)];
	memcpy(text, key.p, KEY_BYTES);
	memcpy(text + KEY_BYTES, GUID, sizeof(GUID) - 1);
	sha1(str_n(text, KEY_BYTES + sizeof(GUID) - 1), digest);
}

static bool accepts(struct str accept, struct str key)
{
	char told[64];
	uint8_t digest[SHA1_BYTES];
	size_t n = 0;
	if (accept.n > sizeof(told) || base64_decode(accept, told, &n) != RC_OK)
		return false;
	digest_key(key, digest);
	return n == sizeof(digest) && memcmp(told, digest, n) == 0;
}

/* A protocol that was offered, or none. */
static bool is_protocol_offered(const struct fields *asked, const struct fields *answered)
{
	const struct field *chosen = fields_get(answered, PROTOCOL), *offer;
	if (!chosen)
		return true;
	for (uint32_t at = 0;
		only(answered, PROTOCOL) && (offer = fields_next(asked, PROTOCOL, &at));)
		if (list_has(offer->value, chosen->value))
			return true;
	return false;
}

static bool answers_key(const struct fields *asked, const struct fields *answered)
{
	const struct field *accept = only(answered, ACCEPT);
	return accept && accepts(accept->value, fields_get(asked, KEY)->value);
}

static const char *websocket_mistake(const struct fields *asked, const struct fields *answered)
{
	if (!is_protocol_offered(asked, answered))
		return "Sec-WebSocket-Protocol was not offered";
	if (fields_get(answered, EXTENSIONS) && !fields_get(asked, EXTENSIONS))
		return "Sec-WebSocket-Extensions were not offered";
	return NULL;
}

const char *upgrade_mistake(const struct exchange *e)
{
	const struct http_request *r = e->down->request;
	const struct http_response *a = e->attempt.up->response;
	const struct field *key = fields_get(&r->fields, KEY);
	bool is_http1 = a->version_major == 1;
	if (is_http1 && !str_eq_nocase(r->upgrade, a->upgrade))
		return "the upstream switches to another protocol than was asked for";
	if (upgrade_is_websocket(e) && (!key || key->value.n != KEY_BYTES))
		return "a policy has taken out the key of the handshake";
	if (is_http1 && upgrade_is_websocket(e) && !answers_key(&r->fields, &a->fields))
		return "Sec-WebSocket-Accept does not answer the key";
	return upgrade_is_websocket(e) ? websocket_mistake(&r->fields, &a->fields) : NULL;
}

bool upgrade_has_extensions(const struct exchange *e)
{
	return fields_get(&e->attempt.up->response->fields, EXTENSIONS) != NULL;
}

/* An upstream by HTTP/2 has seen no key. */
static bool put_accept(const struct fields *asked, struct fields *answered)
{
	uint8_t digest[SHA1_BYTES];
	char text[2 * SHA1_BYTES];
	digest_key(fields_get(asked, KEY)->value, digest);
	size_t n = base64_encode(str_n((const char *)digest, sizeof(digest)), text);
	return fields_set(answered, ACCEPT, str_n(text, n)) == RC_OK;
}

bool upgrade_translate(struct exchange *e)
{
	const struct http_request *r = e->down->request;
	struct http_response *a = e->attempt.up->response;
	a->upgrade = r->upgrade;
	if (r->is_connect)
		fields_remove(&a->fields, ACCEPT);
	else if (a->version_major == 2 && upgrade_is_websocket(e))
		return put_accept(&r->fields, &a->fields);
	return true;
}

bool upgrade_is_false(struct exchange *e, bool is_local)
{
	uint16_t status = e->x.response->status;
	if (status < 200 || status > 299 || e->fault != FAULT_NONE)
		return false;
	exchange_fail(e, is_local ? FAULT_POLICY_FAILED : FAULT_UPSTREAM_PROTOCOL,
		"what asks for another protocol was answered as plain HTTP");
	return true;
}
