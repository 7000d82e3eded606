/* SPDX-License-Identifier: Apache-2.0 */
#include "json.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define DEPTH_MAX      64
#define NUMBER_MAX     64 /* bytes */
#define BYTES_PER_STEP 4
#define EXACT_MAX      9007199254740992.0

/* What marks arrays: a metatable, in the registry under this address's name. */
static const char ARRAY[] = "sluice.json.array";

/* --- reading --------------------------------------------------------------------------------- */
struct reader {
	lua_State *L;
	const char *start, *p, *end;
	const char *message; /* NULL: all is well */
};

static bool read_value(struct reader *r, int depth);

static bool refuse(struct reader *r, const char *message)
{
	if (!r->message)
		r->message = message;
	return false;
}

static void skip_space(struct reader *r)
{
	while (r->p < r->end && (*r->p == ' ' || *r->p == '\t' || *r->p == '\n' || *r->p == '\r'))
		r->p++;
}

static bool take_char(struct reader *r, char c)
{
	skip_space(r);
	if (r->p == r->end || *r->p != c)
		return false;
	r->p++;
	return true;
}

static bool read_word(struct reader *r, const char *word)
{
	size_t n = strlen(word);
	if ((size_t)(r->end - r->p) < n || memcmp(r->p, word, n) != 0)
		return refuse(r, "a value expected");
	r->p += n;
	return true;
}

static bool read_digits(struct reader *r)
{
	const char *from = r->p;
	while (r->p < r->end && *r->p >= '0' && *r->p <= '9')
		r->p++;
	return r->p > from || refuse(r, "a number is not whole");
}

static bool read_number(struct reader *r)
{
	char text[NUMBER_MAX + 1];
	const char *from = r->p;
	if (*r->p == '-')
		r->p++;
	bool is_zero = r->p < r->end && *r->p == '0';
	if (is_zero)
		r->p++;
	else if (!read_digits(r))
		return false;
	if (r->p < r->end && *r->p == '.') {
		r->p++;
		if (!read_digits(r))
			return false;
	}
	if (r->p < r->end && (*r->p == 'e' || *r->p == 'E')) {
		r->p++;
		if (r->p < r->end && (*r->p == '+' || *r->p == '-'))
			r->p++;
		if (!read_digits(r))
			return false;
	}
	size_t n = (size_t)(r->p - from);
	if (n > NUMBER_MAX)
		return refuse(r, "a number is too long");
	memcpy(text, from, n);
	text[n] = '\0';
	double value = strtod(text, NULL);
	if (!isfinite(value))
		return refuse(r, "a number is too large");
	lua_pushnumber(r->L, value);
	return true;
}

static bool read_hex(struct reader *r, unsigned *value)
{
	if (r->end - r->p < 4)
		return refuse(r, "\\u needs four digits");
	*value = 0;
	for (int i = 0; i < 4; i++) {
		char c = *r->p++;
		unsigned digit = c >= '0' && c <= '9'   ? (unsigned)(c - '0')
				 : c >= 'a' && c <= 'f' ? (unsigned)(c - 'a' + 10)
				 : c >= 'A' && c <= 'F' ? (unsigned)(c - 'A' + 10)
							: 16;
		if (digit == 16)
			return refuse(r, "\\u needs four digits");
		*value = *value << 4 | digit;
	}
	return true;
}

static void add_utf8(luaL_Buffer *b, unsigned c)
{
	if (c < 0x80) {
		luaL_addchar(b, (char)c);
		return;
	}
	if (c < 0x800) {
		luaL_addchar(b, (char)(0xc0 | c >> 6));
	} else {
		if (c < 0x10000) {
			luaL_addchar(b, (char)(0xe0 | c >> 12));
		} else {
			luaL_addchar(b, (char)(0xf0 | c >> 18));
			luaL_addchar(b, (char)(0x80 | (c >> 12 & 0x3f)));
		}
		luaL_addchar(b, (char)(0x80 | (c >> 6 & 0x3f)));
	}
	luaL_addchar(b, (char)(0x80 | (c & 0x3f)));
}

/* Behind "\u". */
static bool read_code(struct reader *r, luaL_Buffer *b)
{
	unsigned high, low;
	if (!read_hex(r, &high))
		return false;
	if (high < 0xd800 || high > 0xdfff) {
		add_utf8(b, high);
		return true;
	}
	if (high > 0xdbff || r->end - r->p < 6 || r->p[0] != '\\' || r->p[1] != 'u')
		return refuse(r, "half of a surrogate pair");
	r->p += 2;
	if (!read_hex(r, &low))
		return false;
	if (low < 0xdc00 || low > 0xdfff)
		return refuse(r, "half of a surrogate pair");
	add_utf8(b, 0x10000 + ((high - 0xd800) << 10) + (low - 0xdc00));
	return true;
}

static bool read_escape(struct reader *r, luaL_Buffer *b)
{
	static const char from[] = "\"\\/bfnrt", to[] = "\"\\/\b\f\n\r\t";
	if (r->p == r->end)
		return refuse(r, "a text has no end");
	char c = *r->p++;
	if (c == 'u')
		return read_code(r, b);
	const char *at = c ? strchr(from, c) : NULL;
	if (!at)
		return refuse(r, "an escape that is none");
	luaL_addchar(b, to[at - from]);
	return true;
}

/* Behind its first quote. On failure the stack holds more than it did; the reading ends. */
static bool read_text(struct reader *r)
{
	luaL_Buffer b;
	const char *from = r->p;
	while (r->p < r->end && *r->p != '"' && *r->p != '\\' && (unsigned char)*r->p >= 0x20)
		r->p++;
	if (r->p < r->end && *r->p == '"') { /* nothing escaped: as most are */
		lua_pushlstring(r->L, from, (size_t)(r->p++ - from));
		return true;
	}
	luaL_buffinit(r->L, &b);
	luaL_addlstring(&b, from, (size_t)(r->p - from));
	while (r->p < r->end && *r->p != '"') {
		char c = *r->p++;
		if ((unsigned char)c < 0x20)
			return refuse(r, "a control character in a text");
		if (c != '\\')
			luaL_addchar(&b, c);
		else if (!read_escape(r, &b))
			return false;
	}
	if (r->p == r->end)
		return refuse(r, "a text has no end");
	r->p++;
	luaL_pushresult(&b);
	return true;
}

static bool read_array(struct reader *r, int depth)
{
	int i = 0;
	lua_newtable(r->L);
	luaL_getmetatable(r->L, ARRAY);
	lua_setmetatable(r->L, -2);
	if (take_char(r, ']'))
		return true;
	do {
		if (!read_value(r, depth + 1))
			return false;
		lua_rawseti(r->L, -2, ++i);
	} while (take_char(r, ','));
	return take_char(r, ']') || refuse(r, "expected , or ]");
}

static bool read_member(struct reader *r, int depth)
{
	if (!take_char(r, '"'))
		return refuse(r, "expected a name");
	if (!read_text(r))
		return false;
	lua_pushvalue(r->L, -1);
	lua_rawget(r->L, -3);
	if (!lua_isnil(r->L, -1))
		return refuse(r, "a name comes twice");
	lua_pop(r->L, 1);
	if (!take_char(r, ':'))
		return refuse(r, "expected :");
	if (!read_value(r, depth + 1))
		return false;
	lua_rawset(r->L, -3);
	return true;
}

static bool read_object(struct reader *r, int depth)
{
	lua_newtable(r->L);
	if (take_char(r, '}'))
		return true;
	do {
		if (!read_member(r, depth))
			return false;
	} while (take_char(r, ','));
	return take_char(r, '}') || refuse(r, "expected , or }");
}

static bool read_literal(struct reader *r)
{
	if (*r->p == 'n') {
		lua_pushlightuserdata(r->L, NULL);
		return read_word(r, "null");
	}
	lua_pushboolean(r->L, *r->p == 't');
	return read_word(r, *r->p == 't' ? "true" : "false");
}

static bool read_value(struct reader *r, int depth)
{
	if (depth == DEPTH_MAX)
		return refuse(r, "it is nested too deep");
	luaL_checkstack(r->L, 8, "JSON");
	skip_space(r);
	if (r->p == r->end)
		return refuse(r, "a value expected");
	switch (*r->p) {
	case '{':
		r->p++;
		return read_object(r, depth);
	case '[':
		r->p++;
		return read_array(r, depth);
	case '"':
		r->p++;
		return read_text(r);
	case '-':
	case '0' ... '9':
		return read_number(r);
	default:
		return read_literal(r);
	}
}

/* decode(text) -> value; or nil, message */
static int decode(lua_State *L)
{
	struct sluice_str text = check_text(L, 1);
	struct reader r = {.L = L, .start = text.p, .p = text.p, .end = text.p + text.n};
	interpreter_charge(L, 4 + text.n / BYTES_PER_STEP);
	lua_settop(L, 1);
	if (read_value(&r, 0)) {
		skip_space(&r);
		if (r.p == r.end)
			return 1;
		refuse(&r, "something stands behind the value");
	}
	lua_settop(L, 1);
	lua_pushnil(L);
	lua_pushfstring(L, "byte %d: %s", (int)(r.p - r.start) + 1, r.message);
	return 2;
}

/* --- writing --------------------------------------------------------------------------------- */
struct writer {
	lua_State *L;
	char *p; /* a userdata at index 2 */
	size_t n, size;
};

static void reserve(struct writer *w, size_t n)
{
	if (w->size - w->n >= n)
		return;
	size_t size = (w->n + n) * 2;
	interpreter_charge(w->L, size / BYTES_PER_STEP);
	char *p = lua_newuserdata(w->L, size);
	memcpy(p, w->p, w->n);
	lua_replace(w->L, 2);
	w->p = p;
	w->size = size;
}

static void add(struct writer *w, const char *p, size_t n)
{
	reserve(w, n);
	memcpy(w->p + w->n, p, n);
	w->n += n;
}

static void add_char(struct writer *w, char c)
{
	add(w, &c, 1);
}

static void write_text(struct writer *w, int index)
{
	size_t n;
	char code[8];
	const char *p = lua_tolstring(w->L, index, &n);
	add_char(w, '"');
	for (size_t i = 0; i < n; i++) {
		unsigned char c = (unsigned char)p[i];
		if (c == '"' || c == '\\') {
			add_char(w, '\\');
			add_char(w, (char)c);
		} else if (c < 0x20) {
			snprintf(code, sizeof(code), "\\u%04x", c);
			add(w, code, 6);
		} else {
			add_char(w, (char)c);
		}
	}
	add_char(w, '"');
}

static void write_number(struct writer *w, double value)
{
	char text[40];
	if (!isfinite(value))
		raise_text(w->L, "json.encode: a number that JSON has not");
	bool is_whole = value == floor(value) && fabs(value) <= EXACT_MAX;
	snprintf(text, sizeof(text), is_whole ? "%.0f" : "%.17g", value);
	add(w, text, strlen(text));
}

static void write_value(struct writer *w, int index, int depth);

static bool is_array(lua_State *L, int index)
{
	if (lua_objlen(L, index) > 0)
		return true;
	if (!lua_getmetatable(L, index))
		return false;
	luaL_getmetatable(L, ARRAY);
	bool is_marked = lua_rawequal(L, -1, -2);
	lua_pop(L, 2);
	return is_marked;
}

/* What stands under a name would be lost. */
static void check_array(lua_State *L, int index, int n)
{
	int count = 0;
	interpreter_charge(L, (uint64_t)n);
	for (lua_pushnil(L); lua_next(L, index); lua_pop(L, 1))
		count++;
	if (count != n)
		raise_text(L, "json.encode: a table is a list or has names, not both");
}

static void write_array(struct writer *w, int index, int depth)
{
	int n = (int)lua_objlen(w->L, index);
	check_array(w->L, index, n);
	add_char(w, '[');
	for (int i = 1; i <= n; i++) {
		if (i > 1)
			add_char(w, ',');
		lua_rawgeti(w->L, index, i);
		write_value(w, lua_gettop(w->L), depth + 1);
		lua_pop(w->L, 1);
	}
	add_char(w, ']');
}

static void write_object(struct writer *w, int index, int depth)
{
	bool is_first = true;
	add_char(w, '{');
	for (lua_pushnil(w->L); lua_next(w->L, index); lua_pop(w->L, 1)) {
		int top = lua_gettop(w->L);
		if (lua_type(w->L, top - 1) != LUA_TSTRING)
			raise_text(w->L, "json.encode: the names of an object are texts");
		if (!is_first)
			add_char(w, ',');
		is_first = false;
		write_text(w, top - 1);
		add_char(w, ':');
		write_value(w, top, depth + 1);
	}
	add_char(w, '}');
}

static void write_value(struct writer *w, int index, int depth)
{
	lua_State *L = w->L;
	if (depth == DEPTH_MAX)
		raise_text(L, "json.encode: it is nested too deep");
	luaL_checkstack(L, 8, "JSON");
	interpreter_charge(L, 1);
	switch (lua_type(L, index)) {
	case LUA_TSTRING:
		write_text(w, index);
		return;
	case LUA_TNUMBER:
		write_number(w, lua_tonumber(L, index));
		return;
	case LUA_TBOOLEAN:
		if (lua_toboolean(L, index))
			add(w, "true", 4);
		else
			add(w, "false", 5);
		return;
	case LUA_TTABLE:
		if (is_array(L, index))
			write_array(w, index, depth);
		else
			write_object(w, index, depth);
		return;
	case LUA_TNIL:
	case LUA_TLIGHTUSERDATA:
		add(w, "null", 4);
		return;
	default:
		raise_text(L, "json.encode: a value that JSON has not");
	}
}

/* encode(value) -> text */
static int encode(lua_State *L)
{
	struct writer w = {.L = L, .size = 256};
	luaL_checkany(L, 1);
	lua_settop(L, 1);
	w.p = lua_newuserdata(L, w.size);
	write_value(&w, 1, 0);
	interpreter_charge(L, 4 + w.n / BYTES_PER_STEP);
	lua_pushlstring(L, w.p, w.n);
	return 1;
}

/* array(table): it is one, also when it is empty. */
static int array(lua_State *L)
{
	luaL_checktype(L, 1, LUA_TTABLE);
	lua_settop(L, 1);
	luaL_getmetatable(L, ARRAY);
	lua_setmetatable(L, 1);
	return 1;
}

void json_push(lua_State *L)
{
	static const luaL_Reg functions[] = {
		{"decode", decode}, {"encode", encode}, {"array", array}, {NULL, NULL}};
	luaL_newmetatable(L, ARRAY);
	lua_pop(L, 1);
	lua_newtable(L);
	luaL_register(L, NULL, functions);
	lua_pushlightuserdata(L, NULL);
	lua_setfield(L, -2, "null");
}
