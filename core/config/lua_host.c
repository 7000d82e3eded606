/* SPDX-License-Identifier: Apache-2.0 */
/* What the Lua modules ask of C: lua/sluice/ gets these functions in the table `host`. */
#include "config/lua_priv.h"

#include "base/check.h"
#include "base/limits.h"
#include "base/memory.h"
#include "base/nearest.h"
#include "base/utf8.h"
#include "crypto/secret_digest.h"
#include "expr/expr.h"
#include "expr/regex.h"
#include "http/uri.h"
#include "json/json.h"
#include "plan/plan_limits.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#define CANDIDATES_MAX 4096

static struct str check_str(lua_State *L, int index)
{
	size_t n;
	const char *p = luaL_checklstring(L, index, &n);
	return str_n(p, n);
}

static struct lua_host *host_of(lua_State *L)
{
	return lua_touserdata(L, lua_upvalueindex(1));
}

/* The texts of the table at 2, at most `most`; the table keeps them alive. */
static const char **check_names(lua_State *L, size_t most, size_t *count)
{
	luaL_checktype(L, 2, LUA_TTABLE);
	size_t n = lua_objlen(L, 2);
	n = n > most ? most : n;
	const char **names = lua_newuserdata(L, (n + 1) * sizeof(*names));
	for (size_t i = 0; i < n; i++) {
		lua_rawgeti(L, 2, (int)i + 1);
		names[i] = luaL_checkstring(L, -1);
		lua_pop(L, 1);
	}
	*count = n;
	return names;
}

/* nearest(word, names) -> name or nil */
static int nearest(lua_State *L)
{
	size_t n;
	struct str word = check_str(L, 1);
	const char **names = check_names(L, CANDIDATES_MAX, &n);
	const char *found = nearest_name(word, names, n);
	if (found)
		lua_pushstring(L, found);
	else
		lua_pushnil(L);
	return 1;
}

/* all_nearest(word, names) -> those that are equally near: for what has to be closed, so of any
 * number */
static int all_nearest(lua_State *L)
{
	size_t n;
	int count = 0;
	struct str word = check_str(L, 1);
	const char **names = check_names(L, SIZE_MAX / sizeof(*names) - 1, &n);
	bool *is_near = lua_newuserdata(L, n + 1);
	nearest_names(word, names, n, is_near);
	lua_newtable(L);
	for (size_t i = 0; i < n; i++) {
		if (!is_near[i])
			continue;
		lua_pushstring(L, names[i]);
		lua_rawseti(L, -2, ++count);
	}
	return 1;
}

/* Characters before the byte offset, for columns. */
static lua_Integer characters_before(struct str text, size_t offset)
{
	return (lua_Integer)utf8_length(str_slice(text, 0, offset));
}

/* regex(pattern) -> true, groups; or nil, message, characters before the mistake */
static int regex(lua_State *L)
{
	struct str pattern = check_str(L, 1);
	char message[256] = "";
	size_t offset = 0;
	struct regex *r = NULL;
	if (regex_new(pattern, REGEX_WHOLE, &r, &offset, message, sizeof(message)) == RC_OK) {
		lua_pushboolean(L, 1);
		lua_pushinteger(L, (lua_Integer)regex_group_count(r));
		regex_free(r);
		return 2;
	}
	lua_pushnil(L);
	lua_pushstring(L, message);
	lua_pushinteger(L, characters_before(pattern, offset));
	return 3;
}

/* uses_payload(text): whether it is an expression that names the body */
static int uses_payload(lua_State *L)
{
	struct str text = check_str(L, 1);
	struct expr *e = NULL;
	struct expr_error error;
	bool uses = false;
	if (expr_is_expression(text) &&
		expr_compile(str_slice(text, 2, text.n - 3), 0, &e, &error) == RC_OK) {
		uses = (expr_uses(e) & (1u << EXPR_PAYLOAD)) != 0;
		expr_free(e);
	}
	lua_pushboolean(L, uses);
	return 1;
}

/* expression(text) -> true; or nil and what is wrong */
static int expression(lua_State *L)
{
	struct str text = check_str(L, 1);
	struct expr *e = NULL;
	struct expr_error error = {.message = "it stands between #[ and ]"};
	if (!expr_is_expression(text) ||
		expr_compile(str_slice(text, 2, text.n - 3), 0, &e, &error) != RC_OK) {
		lua_pushnil(L);
		lua_pushstring(L, error.message);
		return 2;
	}
	expr_free(e);
	lua_pushboolean(L, 1);
	return 1;
}

/* getenv(name) -> text or nil */
static int environment(lua_State *L)
{
	const char *name = luaL_checkstring(L, 1);
	struct lua_host *host = host_of(L);
	const char *value = host->getenv ? host->getenv(name) : getenv(name);
	if (host->lookups)
		lookups_add(host->lookups, LOOKUP_VARIABLE, name, value != NULL, str_of(value));
	if (value)
		lua_pushstring(L, value);
	else
		lua_pushnil(L);
	return 1;
}

/* The path to open of the file that messages call `name`. */
static const char *path_of_source(const struct lua_host *host, const char *name)
{
	for (size_t i = 0; host->sources && i < host->sources->count; i++)
		if (strcmp(host->sources->items[i].name, name) == 0)
			return host->sources->items[i].path;
	return name;
}

static char *resolve_path(const struct lua_host *host, const char *from, const char *path)
{
	const char *base = path_of_source(host, from);
	const char *slash = strrchr(base, '/');
	if (path[0] == '/' || !slash)
		return heap_strdup(path);
	return heap_printf("%.*s/%s", (int)(slash - base), base, path);
}

/* read_file(from, path, watched) -> text; or nil, reason. Relative paths start at the folder of
 * `from`. Watched: the gateway shall read the folder again when the file changes. */
static int read_file(lua_State *L)
{
	const char *from = luaL_checkstring(L, 1);
	const char *path = luaL_checkstring(L, 2);
	char *full = resolve_path(host_of(L), from, path);
	char *bytes = NULL, reason[200];
	size_t size = 0;
	enum rc rc = file_read(full, INCLUDED_FILE_BYTES_MAX, &bytes, &size);
	bool is_found = rc == RC_OK;
	if (!is_found)
		file_read_reason(rc, INCLUDED_FILE_BYTES_MAX, reason, sizeof(reason));
	struct lookups *lookups = host_of(L)->lookups, *includes = host_of(L)->includes;
	if (lookups)
		lookups_add(lookups, LOOKUP_FILE, full, is_found,
			is_found ? str_n(bytes, size) : str_of(reason));
	if (includes && lua_toboolean(L, 3))
		lookups_add(includes, LOOKUP_FILE, full, false, STR_EMPTY);
	free(full);
	if (!is_found) {
		lua_pushnil(L);
		lua_pushstring(L, reason);
		return 2;
	}
	lua_pushlstring(L, bytes, size);
	free(bytes);
	return 1;
}

/* check_json(text) -> true; or nil, message */
static int check_json(lua_State *L)
{
	struct json_document *document;
	struct json_error error;
	if (json_parse(check_str(L, 1), &document, &error) == RC_OK) {
		json_free(document);
		lua_pushboolean(L, true);
		return 1;
	}
	lua_pushnil(L);
	lua_pushfstring(L, "line %d: %s", (int)error.line, error.message);
	return 2;
}

/* ip_version(text) -> 4, 6 or nil */
static int ip_version(lua_State *L)
{
	const char *text = luaL_checkstring(L, 1);
	unsigned char bits[16];
	if (inet_pton(AF_INET, text, bits) == 1)
		lua_pushinteger(L, 4);
	else if (inet_pton(AF_INET6, text, bits) == 1)
		lua_pushinteger(L, 6);
	else
		lua_pushnil(L);
	return 1;
}

/* An address with the bits of IPv6, in which IPv4 is ::ffff:0:0/96; the length of that, or -1. */
static int ip_bits(const char *text, struct in6_addr *out)
{
	static const unsigned char mapped[12] = {[10] = 0xff, [11] = 0xff};
	if (inet_pton(AF_INET6, text, out) == 1)
		return 0;
	memcpy(out->s6_addr, mapped, sizeof(mapped));
	return inet_pton(AF_INET, text, out->s6_addr + sizeof(mapped)) == 1 ? 96 : -1;
}

/* ip_within(address, network, bits) -> whether it is one of these addresses; false of what is no address */
static int ip_within(lua_State *L)
{
	struct in6_addr ip, network;
	int before = ip_bits(luaL_checkstring(L, 2), &network);
	lua_Integer bits = luaL_checkinteger(L, 3) + before;
	bool is_within = ip_bits(luaL_checkstring(L, 1), &ip) >= 0 && before >= 0 && bits >= 0 &&
			 bits <= 128;
	for (lua_Integer i = 0; is_within && i < bits; i += 8) {
		unsigned mask = bits - i >= 8 ? 0xff : 0xff00u >> (bits - i);
		is_within = ((ip.s6_addr[i / 8] ^ network.s6_addr[i / 8]) & mask & 0xff) == 0;
	}
	lua_pushboolean(L, is_within);
	return 1;
}

/* canonical_ip(text) -> the one way to write that address: "::1" of "0:0::1", "10.0.0.1" of
 * "::ffff:10.0.0.1", which the kernel takes for the same; or nil */
static int canonical_ip(lua_State *L)
{
	const char *ip = luaL_checkstring(L, 1);
	char text[INET6_ADDRSTRLEN];
	struct in6_addr v6;
	struct in_addr v4;
	if (inet_pton(AF_INET6, ip, &v6) == 1) {
		bool is_mapped = IN6_IS_ADDR_V4MAPPED(&v6);
		const void *bits = is_mapped ? v6.s6_addr + 12 : v6.s6_addr;
		lua_pushstring(
			L, inet_ntop(is_mapped ? AF_INET : AF_INET6, bits, text, sizeof(text)));
	} else if (inet_pton(AF_INET, ip, &v4) == 1) {
		lua_pushstring(L, inet_ntop(AF_INET, &v4, text, sizeof(text)));
	} else {
		lua_pushnil(L);
	}
	return 1;
}

/* canonical_path(path) -> path, or nil when requests can have no such path */
static int canonical_path(lua_State *L)
{
	struct str path = check_str(L, 1), out;
	struct pool *pool = pool_new();
	struct arena arena;
	arena_init(&arena, pool, 65536);
	if (uri_canonical_path(path, &arena, 0, &out) == RC_OK)
		lua_pushlstring(L, out.p, out.n);
	else
		lua_pushnil(L);
	arena_reset(&arena);
	pool_free(pool);
	return 1;
}

/* limit_default(name) -> what holds where the documents' field of that name is not set, or nil */
static int limit_default(lua_State *L)
{
	static const struct {
		const char *name;
		double value;
	} others[] = {
		{"upstreamConnectSeconds", LIMIT_CONNECT_MS / 1000.0},
		{"upstreamResponseSeconds", LIMIT_UPSTREAM_RESPONSE_MS / 1000.0},
		{"upstreamConnectionIdleSeconds", LIMIT_UPSTREAM_IDLE_MS / 1000.0},
		{"streamIdleSeconds", LIMIT_STREAM_IDLE_MS / 1000.0},
	};
	struct str name = check_str(L, 1);
	for (int id = 0; id < PLAN_LIMIT_COUNT; id++) {
		const struct plan_limit_row *row = plan_limit_row((enum plan_limit)id);
		if (!str_eq(name, str_of(row->name)) || row->fallback == PLAN_UNLIMITED)
			continue;
		bool is_time = str_ends(str_of(row->member), STR("Ms"));
		lua_pushnumber(L, (lua_Number)row->fallback / (is_time ? 1000 : 1));
		return 1;
	}
	for (size_t i = 0; i < ARRAY_COUNT(others); i++)
		if (str_eq(name, str_of(others[i].name))) {
			lua_pushnumber(L, others[i].value);
			return 1;
		}
	return 0;
}

/* to_base64(bytes) -> text */
static int to_base64(lua_State *L)
{
	struct str in = check_str(L, 1);
	char *out = heap_alloc((in.n + 2) / 3 * 4 + 1);
	lua_pushlstring(L, out, base64_encode(in, out));
	free(out);
	return 1;
}

/* base64(text) -> decoded, or nil. White space between lines is taken out before. */
static int base64(lua_State *L)
{
	struct str in = check_str(L, 1);
	char *out = lua_newuserdata(L, in.n / 4 * 3 + 3);
	size_t n = 0;
	if (base64_decode(in, out, &n) != RC_OK)
		return 0;
	lua_pushlstring(L, out, n);
	return 1;
}

/* secret_digest(owner, name, secret) -> 64 digits: crypto/secret_digest.h */
static int digest_secret(lua_State *L)
{
	uint8_t digest[SHA256_BYTES];
	char hex[SHA256_BYTES * 2];
	secret_digest(check_str(L, 1), check_str(L, 2), check_str(L, 3), digest);
	sha256_hex(digest, hex);
	lua_pushlstring(L, hex, sizeof(hex));
	return 1;
}

/* scalar(text) -> type, value as a plain scalar of YAML would have; or nil */
static int scalar(lua_State *L)
{
	struct str text = check_str(L, 1);
	struct node n = {0};
	const char *message;
	if (!scalar_resolve(text, &n, &message))
		return 0;
	switch (n.type) {
	case NODE_BOOL:
		lua_pushliteral(L, "boolean");
		lua_pushboolean(L, n.u.boolean);
		return 2;
	case NODE_INTEGER:
		lua_pushliteral(L, "integer");
		lua_pushnumber(L, (lua_Number)n.u.integer);
		return 2;
	case NODE_REAL:
		lua_pushliteral(L, "real");
		lua_pushnumber(L, n.u.real);
		return 2;
	default:
		return 0;
	}
}

void lua_register_host(lua_State *L, struct lua_host *host)
{
	static const luaL_Reg functions[] = {
		{"nearest", nearest},
		{"all_nearest", all_nearest},
		{"regex", regex},
		{"uses_payload", uses_payload},
		{"expression", expression},
		{"getenv", environment},
		{"read_file", read_file},
		{"check_json", check_json},
		{"ip_version", ip_version},
		{"canonical_ip", canonical_ip},
		{"ip_within", ip_within},
		{"canonical_path", canonical_path},
		{"limit_default", limit_default},
		{"base64", base64},
		{"to_base64", to_base64},
		{"secret_digest", digest_secret},
		{"scalar", scalar},
		{NULL, NULL},
	};
	for (const luaL_Reg *f = functions; f->name; f++) {
		lua_pushlightuserdata(L, host);
		lua_pushcclosure(L, f->func, 1);
		lua_setfield(L, -2, f->name);
	}
}
