/* SPDX-License-Identifier: Apache-2.0 */
#include "interpreter.h"

#include "facilities.h"
#include "library.h"
#include "message.h"
#include "strings.h"
#include "values.h"

#include <luajit.h>
#include <lualib.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#define HOOK_STEPS      1000
#define LOAD_FACTOR     10 /* what the chunk may take, in handlers */
#define BYTES_PER_STEP  32
#define GROWN_BYTES_MIN 4096 /* what is smaller costs less than its instructions */
#define BEYOND_BYTES    (1u << 20)
#define FRAMES_MAX      200
#define RESERVE_BYTES   (48u << 10) /* twice what a new state takes */
/* Of the thread's own stack, by functions of C that call back. */
#define C_STACK_BYTES (256u << 10)
#define BUSY_MAX      8192
/* A quarter of what the gateway's watch would end the process for. */
#define CPU_US_MAX  500000
#define CLOCK_STEPS (2 * HOOK_STEPS)
/* An instruction may look at all of a block (a comparison, a concatenation): where one is larger,
 * the hook comes the more often. */
#define LARGE_BYTES    (256u << 10)
#define HOOK_STEPS_MIN 8

/* What stays on the stack of the state itself. */
enum { AT_COROUTINES = 1, AT_KEPT, AT_ENTRIES };

extern const char prelude_start[], prelude_end[];

static const char TOO_MANY_STEPS[] = "it takes too many instructions";
static const char TOO_MUCH_MEMORY[] = "it takes too much memory";
static const char TOO_LONG[] = "it takes too long";

const char *const handler_names[HANDLER_COUNT] = {
#define X(name) #name,
	HANDLERS(X)
#undef X
};

struct interpreter *interpreter_of(lua_State *L)
{
	void *arg = NULL;
	lua_getallocf(L, &arg);
	return arg;
}

/* --- bounds ---------------------------------------------------------------------------------- */
static void on_count(lua_State *L, lua_Debug *ar);

static void hook_every(struct interpreter *in, int steps)
{
	lua_sethook(in->L, on_count, LUA_MASKCOUNT, steps);
}

/* From now on at every instruction: a loop around pcall must not swallow it. */
static void spend_all(struct interpreter *in, const char *why)
{
	if (!in->spent)
		in->spent = why;
	hook_every(in, 1);
}

static void hook_as_usual(struct interpreter *in)
{
	hook_every(in, in->hook_steps);
}

static void pay(struct interpreter *in, uint64_t steps)
{
	in->steps -= steps < in->steps ? steps : in->steps;
}

/* Garbage is no offence. */
static void relieve(struct interpreter *in, lua_State *L)
{
	in->is_tight = false;
	pay(in, in->bytes_used / (4 * BYTES_PER_STEP));
	lua_gc(L, LUA_GCCOLLECT, 0);
	if (in->bytes_used > in->bytes_max)
		spend_all(in, TOO_MUCH_MEMORY);
	else
		hook_as_usual(in);
}

static int64_t cpu_us(void)
{
	struct timespec t;
	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
	return (int64_t)t.tv_sec * 1000000 + t.tv_nsec / 1000;
}

/* The clock is a system call: most handlers end before it is looked at. */
static void watch_clock(struct interpreter *in, uint64_t steps)
{
	in->unwatched += steps;
	if (in->unwatched < CLOCK_STEPS)
		return;
	in->unwatched = 0;
	int64_t now = cpu_us();
	if (in->cpu_from_us == 0)
		in->cpu_from_us = now;
	else if (now - in->cpu_from_us > CPU_US_MAX)
		spend_all(in, TOO_LONG);
}

/* The innermost line of the script's own text; 0: none. */
static int line_of(lua_State *co)
{
	lua_Debug ar;
	for (int level = 0; level < FRAMES_MAX && lua_getstack(co, level, &ar); level++) {
		lua_getinfo(co, "Sl", &ar);
		if (strcmp(ar.source, "=script") == 0 && ar.currentline > 0)
			return ar.currentline;
	}
	return 0;
}

static int raise_spent(lua_State *L, struct interpreter *in)
{
	if (in->line == 0)
		in->line = line_of(L);
	lua_pushstring(L, in->spent);
	return lua_error(L);
}

static void on_count(lua_State *L, lua_Debug *ar)
{
	struct interpreter *in = interpreter_of(L);
	(void)ar;
	if (in->is_tight && !in->spent)
		relieve(in, L);
	if (!in->spent && in->steps < (uint64_t)in->hook_steps)
		spend_all(in, TOO_MANY_STEPS);
	if (!in->spent)
		watch_clock(in, HOOK_STEPS);
	if (in->spent)
		raise_spent(L, in);
	in->steps -= (uint64_t)in->hook_steps;
}

/* Cannot be caught, either: who knows what is half done. */
static void *refuse(struct interpreter *in)
{
	in->is_broken = true;
	if (in->L)
		spend_all(in, TOO_MUCH_MEMORY);
	return NULL;
}

static void note_largest(struct interpreter *in, size_t bytes)
{
	if (bytes <= in->largest)
		return;
	in->largest = bytes;
	int steps = HOOK_STEPS / (int)(1 + bytes / LARGE_BYTES);
	in->hook_steps = steps < HOOK_STEPS_MIN ? HOOK_STEPS_MIN : steps;
	if (in->L && !in->is_tight && !in->spent && bytes >= LARGE_BYTES)
		hook_as_usual(in);
}

static void *allocate(void *arg, void *p, size_t old_size, size_t new_size)
{
	struct interpreter *in = arg;
	size_t used = in->bytes_used - (p ? old_size : 0) + new_size;
	if (new_size > old_size && used > in->bytes_max) {
		if (in->L && !in->is_tight && !in->spent) {
			in->is_tight = true;
			hook_every(in, 1);
		}
		if (used > in->bytes_max + in->bytes_max / 4 + BEYOND_BYTES)
			return refuse(in);
	}
	void *fresh = memory_resize(&in->memory, p, old_size, new_size);
	if (!fresh && new_size > 0)
		return refuse(in);
	in->bytes_used = used;
	note_largest(in, new_size);
	/* What grows is cleared or moved. */
	if (new_size > old_size && new_size >= GROWN_BYTES_MIN)
		pay(in, new_size / BYTES_PER_STEP);
	return fresh;
}

void interpreter_charge(lua_State *L, uint64_t steps)
{
	struct interpreter *in = interpreter_of(L);
	if (steps <= in->steps && !in->spent) {
		in->steps -= steps;
		watch_clock(in, steps);
	} else {
		spend_all(in, TOO_MANY_STEPS);
	}
	if (in->spent)
		raise_spent(L, in);
}

void interpreter_check_wait(lua_State *L)
{
	if (!lua_isyieldable(L))
		raise_text(L, "attempt to yield across C-call boundary");
}

void interpreter_check_stack(lua_State *L)
{
	const char *here = __builtin_frame_address(0);
	const char *base = interpreter_of(L)->stack_base;
	size_t used = (size_t)(here < base ? base - here : here - base);
	if (used > C_STACK_BYTES)
		raise_text(L, "stack overflow");
}

void interpreter_forgive(struct interpreter *in)
{
	in->spent = NULL;
	in->line = 0;
	in->is_broken = false;
	in->is_tight = false;
	hook_as_usual(in);
}

static void allow(struct interpreter *in, uint64_t steps)
{
	in->steps = steps;
	in->unwatched = 0;
	in->cpu_from_us = 0;
	in->stack_base = __builtin_frame_address(0);
}

/* --- arguments and errors -------------------------------------------------------------------- */
struct sluice_str check_text(lua_State *L, int index)
{
	struct sluice_str text;
	text.p = luaL_checklstring(L, index, &text.n);
	return text;
}

void push_text(lua_State *L, struct sluice_str text)
{
	lua_pushlstring(L, text.p, text.n);
}

int raise_text(lua_State *L, const char *message)
{
	int line = line_of(L);
	if (line > 0)
		lua_pushfstring(L, "script:%d: %s", line, message);
	else
		lua_pushstring(L, message);
	return lua_error(L);
}

/* Without the place in the prelude, which is none of the script's. */
static const char *error_text(const struct interpreter *in, lua_State *co)
{
	if (in->spent)
		return in->spent;
	if (lua_gettop(co) == 0 || lua_type(co, -1) != LUA_TSTRING)
		return "an error that is no text";
	const char *text = lua_tostring(co, -1);
	const char *end = strncmp(text, "prelude:", 8) == 0 ? strstr(text, ": ") : NULL;
	return end ? end + 2 : text;
}

void interpreter_explain(struct interpreter *in, lua_State *co, char *message)
{
	const char *text = error_text(in, co);
	int line = in->spent ? in->line : strncmp(text, "script:", 7) == 0 ? 0 : line_of(co);
	if (line > 0)
		snprintf(message, MESSAGE_BYTES, "script:%d: %s", line, text);
	else
		snprintf(message, MESSAGE_BYTES, "%s", text);
	for (char *p = message; *p; p++)
		if ((unsigned char)*p < 0x20 || *p == 0x7f)
			*p = ' ';
}

/* --- loading --------------------------------------------------------------------------------- */
static void open_libraries(lua_State *L)
{
	static const lua_CFunction libraries[] = {
		luaopen_base, luaopen_string, luaopen_table, luaopen_math};
	static const char *const names[] = {"", LUA_STRLIBNAME, LUA_TABLIBNAME, LUA_MATHLIBNAME};
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		lua_pushcfunction(L, libraries[i]);
		lua_pushstring(L, names[i]);
		lua_call(L, 1, 0);
	}
}

/* Leaves the prelude's function that takes the chunk's result and gives the entries. */
static void run_prelude(lua_State *L, int environment)
{
	if (luaL_loadbufferx(
		    L, prelude_start, (size_t)(prelude_end - prelude_start), "=prelude", "t") != 0)
		lua_error(L);
	lua_newtable(L);
	library_fill_core(L);
	facilities_fill_core(L);
	message_fill_core(L);
	lua_pushvalue(L, environment);
	lua_call(L, 2, 1);
}

static void load_script(lua_State *L, struct sluice_str text, int environment)
{
	if (luaL_loadbufferx(L, text.p, text.n, "=script", "t") != 0)
		lua_error(L);
	lua_pushvalue(L, environment);
	lua_setfenv(L, -2);
}

static void anchor(lua_State *L, int at)
{
	lua_rawseti(L, LUA_REGISTRYINDEX, at);
}

/* Leaves in the registry what stays on the stack of the state. */
static int load(lua_State *L)
{
	struct interpreter *in = interpreter_of(L);
	lua_settop(L, 0);
	open_libraries(L);
	lua_settop(L, 0);
	lua_newtable(L);
	library_open(L, 1);
	strings_open(L, 1);
	values_push(L, in->host, in->settings->config);
	lua_setfield(L, 1, "config");
	facilities_open(L, 1);
	message_open(L, 1);
	run_prelude(L, 1);
	hook_as_usual(in);
	load_script(L, in->settings->script, 1);
	lua_call(L, 0, 1);
	lua_call(L, 1, 1);
	anchor(L, AT_ENTRIES);
	lua_newtable(L);
	anchor(L, AT_COROUTINES);
	lua_newtable(L);
	anchor(L, AT_KEPT);
	return 0;
}

/* When garbage is collected: with a small heap most of the time would go into looking through it.
 */
static void tune_collector(struct interpreter *in)
{
	size_t pause = in->bytes_max / 2 * 100 / (in->bytes_used + 1);
	lua_gc(in->L, LUA_GCSETPAUSE, pause < 150 ? 150 : pause > 800 ? 800 : (int)pause);
}

static bool prepare(struct interpreter *in, char *message)
{
	lua_State *L = in->L;
	luaJIT_setmode(L, 0, LUAJIT_MODE_ENGINE | LUAJIT_MODE_OFF);
	allow(in, in->settings->instructions * LOAD_FACTOR);
	if (lua_cpcall(L, load, NULL) != 0 || in->spent) {
		interpreter_explain(in, L, message);
		return false;
	}
	lua_settop(L, 0);
	for (int at = AT_COROUTINES; at <= AT_ENTRIES; at++)
		lua_rawgeti(L, LUA_REGISTRYINDEX, at);
	tune_collector(in);
	return true;
}

struct interpreter *interpreter_new(const struct sluice_call *call, const struct settings *settings,
	struct settings *declares, char *message)
{
	struct interpreter *in = call->host->instance_alloc(call->instance, sizeof(*in));
	snprintf(message, MESSAGE_BYTES, "no memory for a script");
	if (!in)
		return NULL;
	memset(in, 0, sizeof(*in));
	in->settings = settings;
	in->host = call->host;
	in->instance = call->instance;
	in->declares = declares;
	in->bytes_max = settings->memory_bytes;
	in->hook_steps = HOOK_STEPS;
	in->memory = (struct memory){.host = call->host, .instance = call->instance};
	if (memory_reserve(&in->memory, RESERVE_BYTES))
		in->L = lua_newstate(allocate, in);
	memory_unreserve(&in->memory);
	if (!in->L || !prepare(in, message)) {
		interpreter_close(in);
		interpreter_free(in);
		return NULL;
	}
	return in;
}

void interpreter_close(struct interpreter *in)
{
	lua_State *L = in->L;
	in->L = NULL;
	if (L)
		lua_close(L);
	memory_deinit(&in->memory);
}

void interpreter_free(struct interpreter *in)
{
	in->host->instance_free(in->instance, in);
}

bool interpreter_has(const struct interpreter *in, enum handler handler)
{
	lua_rawgeti(in->L, AT_ENTRIES, (int)handler + 1);
	bool has = lua_isfunction(in->L, -1);
	lua_pop(in->L, 1);
	return has;
}

/* --- coroutines ------------------------------------------------------------------------------ */
/* Anchors the value on top in the table that is anchored `at`. */
static double keep_at(lua_State *L, int at)
{
	struct interpreter *in = interpreter_of(L);
	lua_rawgeti(L, LUA_REGISTRYINDEX, at);
	lua_pushnumber(L, in->serial + 1);
	lua_pushvalue(L, -3);
	lua_rawset(L, -3);
	lua_pop(L, 1);
	return ++in->serial;
}

/* The key is there, so nothing is allocated. */
static void forget_at(struct interpreter *in, int at, double serial)
{
	lua_pushnumber(in->L, serial);
	lua_pushnil(in->L);
	lua_rawset(in->L, at);
}

static int new_coroutine(lua_State *L)
{
	struct coroutine *co = lua_touserdata(L, 1);
	co->L = lua_newthread(L);
	co->serial = keep_at(L, AT_COROUTINES);
	return 0;
}

bool interpreter_begin(struct interpreter *in, enum handler handler, struct coroutine *co)
{
	if (in->idle_count > 0) {
		*co = in->idle[--in->idle_count];
	} else if (in->busy >= BUSY_MAX || lua_cpcall(in->L, new_coroutine, co) != 0) {
		lua_settop(in->L, AT_ENTRIES);
		return false;
	}
	in->busy++;
	lua_rawgeti(in->L, AT_ENTRIES, (int)handler + 1);
	lua_xmove(in->L, co->L, 1);
	return true;
}

void interpreter_allow(struct interpreter *in)
{
	allow(in, in->settings->instructions);
}

int interpreter_run(struct interpreter *in, struct coroutine *co)
{
	in->stack_base = __builtin_frame_address(0);
	return lua_resume(co->L, 0);
}

void interpreter_end(struct interpreter *in, struct coroutine *co)
{
	lua_settop(co->L, 0);
	if (in->idle_count == IDLE_MAX) {
		interpreter_drop(in, co);
		return;
	}
	in->busy--;
	in->idle[in->idle_count++] = *co;
}

void interpreter_drop(struct interpreter *in, struct coroutine *co)
{
	in->busy--;
	if (in->L)
		forget_at(in, AT_COROUTINES, co->serial);
}

/* --- tables of exchanges --------------------------------------------------------------------- */
void interpreter_push_kept(lua_State *L, double serial)
{
	lua_rawgeti(L, LUA_REGISTRYINDEX, AT_KEPT);
	lua_pushnumber(L, serial);
	lua_rawget(L, -2);
	lua_remove(L, -2);
}

double interpreter_keep(lua_State *L)
{
	return keep_at(L, AT_KEPT);
}

void interpreter_forget(struct interpreter *in, double serial)
{
	if (in->L)
		forget_at(in, AT_KEPT, serial);
}
