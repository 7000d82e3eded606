/* SPDX-License-Identifier: Apache-2.0 */
#include "digests.h"

#include <string.h>

#define DIGEST_BYTES 32
#define BLOCK_BYTES  64 /* of SHA-256, for RFC 2104 */
#define RANDOM_MAX   4096
/* What a byte costs, in steps of some 10 ns: a quarter. */
#define BYTES_PER_STEP 4

static const struct sluice_crypto_service *crypto_of(lua_State *L)
{
	return interpreter_of(L)->settings->crypto;
}

static int sha256(lua_State *L)
{
	uint8_t digest[DIGEST_BYTES];
	struct sluice_str text = check_text(L, 1);
	interpreter_charge(L, 50 + text.n / BYTES_PER_STEP);
	crypto_of(L)->sha256(text, digest);
	lua_pushlstring(L, (char *)digest, sizeof(digest));
	return 1;
}

/* hmac_sha256(key, text), RFC 2104 */
static int hmac_sha256(lua_State *L)
{
	uint8_t key_block[BLOCK_BYTES] = {0}, outer[BLOCK_BYTES + DIGEST_BYTES],
		digest[DIGEST_BYTES];
	struct sluice_str key = check_text(L, 1), text = check_text(L, 2);
	interpreter_charge(L, 150 + (text.n + key.n) / BYTES_PER_STEP);
	if (key.n > BLOCK_BYTES)
		crypto_of(L)->sha256(key, key_block);
	else
		memcpy(key_block, key.p, key.n);
	char *inner = lua_newuserdata(L, BLOCK_BYTES + text.n);
	for (size_t i = 0; i < BLOCK_BYTES; i++) {
		inner[i] = (char)(key_block[i] ^ 0x36);
		outer[i] = key_block[i] ^ 0x5c;
	}
	memcpy(inner + BLOCK_BYTES, text.p, text.n);
	crypto_of(L)->sha256((struct sluice_str){inner, BLOCK_BYTES + text.n}, outer + BLOCK_BYTES);
	crypto_of(L)->sha256((struct sluice_str){(char *)outer, sizeof(outer)}, digest);
	lua_pushlstring(L, (char *)digest, sizeof(digest));
	return 1;
}

/* equal(a, b): its time does not tell where they differ */
static int equal(lua_State *L)
{
	struct sluice_str a = check_text(L, 1), b = check_text(L, 2);
	interpreter_charge(L, a.n / BYTES_PER_STEP);
	lua_pushboolean(L, crypto_of(L)->constant_time_equal(a, b));
	return 1;
}

static int random_bytes(lua_State *L)
{
	char bytes[RANDOM_MAX];
	lua_Number n = luaL_checknumber(L, 1);
	if (!(n >= 1 && n <= RANDOM_MAX))
		return raise_text(L, "crypto.random: expected 1 to 4096 bytes");
	interpreter_charge(L, 100 + (uint64_t)n / BYTES_PER_STEP);
	if (crypto_of(L)->random(bytes, (size_t)n) != SLUICE_OK)
		return raise_text(L, "crypto.random: there is none");
	lua_pushlstring(L, bytes, (size_t)n);
	return 1;
}

static int hex(lua_State *L)
{
	static const char digits[] = "0123456789abcdef";
	struct sluice_str text = check_text(L, 1);
	interpreter_charge(L, text.n / BYTES_PER_STEP);
	char *out = lua_newuserdata(L, 2 * text.n + 1);
	for (size_t i = 0; i < text.n; i++) {
		out[2 * i] = digits[(unsigned char)text.p[i] >> 4];
		out[2 * i + 1] = digits[(unsigned char)text.p[i] & 15];
	}
	lua_pushlstring(L, out, 2 * text.n);
	return 1;
}

/* --- base64 (RFC 4648) ----------------------------------------------------------------------- */
static const char plain[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/* Section 5, by section 4: without padding. */
static size_t to_url(char *p, size_t n)
{
	while (n > 0 && p[n - 1] == '=')
		n--;
	for (size_t i = 0; i < n; i++)
		p[i] = (char)(p[i] == '+' ? '-' : p[i] == '/' ? '_' : p[i]);
	return n;
}

static size_t encode(struct sluice_str in, char *out)
{
	size_t n = 0;
	for (size_t i = 0; i < in.n; i += 3) {
		const unsigned char *p = (const unsigned char *)in.p + i;
		size_t left = in.n - i;
		unsigned bits = (unsigned)p[0] << 16 | (left > 1 ? (unsigned)p[1] << 8 : 0) |
				(left > 2 ? p[2] : 0);
		out[n++] = plain[bits >> 18];
		out[n++] = plain[bits >> 12 & 63];
		out[n++] = (char)(left > 1 ? plain[bits >> 6 & 63] : '=');
		out[n++] = (char)(left > 2 ? plain[bits & 63] : '=');
	}
	return n;
}

/* Upvalue 1: whether it is the alphabet for URLs. */
static int base64_encode(lua_State *L)
{
	struct sluice_str text = check_text(L, 1);
	interpreter_charge(L, text.n / BYTES_PER_STEP);
	char *out = lua_newuserdata(L, (text.n + 2) / 3 * 4 + 1);
	size_t n = encode(text, out);
	lua_pushlstring(L, out, lua_toboolean(L, lua_upvalueindex(1)) ? to_url(out, n) : n);
	return 1;
}

/* False: what has '+' or '/' is not for URLs, nor is padding. */
static bool from_url(struct sluice_str in, char *out, size_t padded)
{
	for (size_t i = 0; i < in.n; i++) {
		if (strchr("+/=", in.p[i]))
			return false;
		out[i] = (char)(in.p[i] == '-' ? '+' : in.p[i] == '_' ? '/' : in.p[i]);
	}
	memset(out + in.n, '=', padded - in.n);
	return true;
}

/* -> bytes, or nil */
static int base64_decode(lua_State *L)
{
	struct sluice_str text = check_text(L, 1);
	interpreter_charge(L, text.n / BYTES_PER_STEP);
	if (lua_toboolean(L, lua_upvalueindex(1))) {
		size_t padded = (text.n + 3) / 4 * 4;
		char *copy = lua_newuserdata(L, padded + 1);
		if (text.n % 4 == 1 || !from_url(text, copy, padded)) {
			lua_pushnil(L);
			return 1;
		}
		text = (struct sluice_str){copy, padded};
	}
	char *out = lua_newuserdata(L, text.n / 4 * 3 + 1);
	int64_t n = crypto_of(L)->base64_decode(text, out);
	if (n >= 0)
		lua_pushlstring(L, out, (size_t)n);
	else
		lua_pushnil(L);
	return 1;
}

static void set_base64(lua_State *L, const char *name, lua_CFunction fn, int is_url)
{
	lua_pushboolean(L, is_url);
	lua_pushcclosure(L, fn, 1);
	lua_setfield(L, -2, name);
}

void digests_push(lua_State *L)
{
	static const luaL_Reg functions[] = {{"sha256", sha256}, {"hmac_sha256", hmac_sha256},
		{"equal", equal}, {"random", random_bytes}, {"hex", hex}, {NULL, NULL}};
	lua_newtable(L);
	luaL_register(L, NULL, functions);
	set_base64(L, "base64", base64_encode, 0);
	set_base64(L, "base64_decode", base64_decode, 0);
	set_base64(L, "base64url", base64_encode, 1);
	set_base64(L, "base64url_decode", base64_decode, 1);
}
