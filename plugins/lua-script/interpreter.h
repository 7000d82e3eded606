/* SPDX-License-Identifier: Apache-2.0 */
/* lua-script/interpreter.h - one Lua state of a binding on a worker, in which nobody has to trust
 * the script.
 *
 *   - steps: virtual instructions, counted by a hook every so many; what library functions do in C
 *     is charged by the bytes that they see. The JIT is off: compiled loops call no hook.
 *   - memory: a request beyond the bound goes through, and at the next instruction garbage is
 *     collected; what is too much then ends the handler. Beyond a margin it is refused at once.
 *   - time: what neither counts (a comparison of long texts) ends by the thread's CPU time, far
 *     below where the gateway would end the process. The larger the blocks that there are, the more
 *     often the clock is looked at.
 *
 * None of these can be caught: once a bound is passed, every further instruction raises again. The
 * state is then no longer used for new exchanges (visit.h).
 *
 * A handler runs in a coroutine, so that it can wait; coroutines are used again.
 *
 * Invariants   I1  no call that may raise is made outside of lua_resume, lua_pcall and
 *                  lua_cpcall: an error there would end the process.
 *
 * Ownership    on the account of the instance.
 *
 * Threads      one worker, or `configure`.
 */
#pragma once

#include "memory.h"
#include "settings.h"

#include <lauxlib.h>
#include <lua.h>
#include <stdbool.h>

#define HANDLERS(X)                                                                                \
	X(request_head)                                                                            \
	X(request_body)                                                                            \
	X(request_end)                                                                             \
	X(response_head)                                                                           \
	X(response_body)                                                                           \
	X(response_end)                                                                            \
	X(log)                                                                                     \
	X(worker_start)

enum handler {
#define X(name) HANDLER_##name,
	HANDLERS(X)
#undef X
		HANDLER_COUNT
};
extern const char *const handler_names[HANDLER_COUNT];

#define IDLE_MAX      32
#define MESSAGE_BYTES 512

struct visit;

struct coroutine {
	lua_State *L;
	double serial; /* where it is anchored */
};

struct interpreter {
	lua_State *L; /* owned; NULL: it was closed under its users */
	const struct settings *settings;
	const struct sluice_host *host;
	struct sluice_instance *instance;
	struct settings *declares; /* in `configure`: where declarations go; else NULL */

	struct memory memory;
	size_t bytes_used, bytes_max;
	uint64_t steps;         /* that are left */
	const char *spent;      /* why it has to end; NULL */
	int line;               /* where that was */
	bool is_broken;         /* memory was refused: nobody knows what is half done */
	bool is_tight;          /* garbage has to be collected at the next instruction */
	int hook_steps;         /* between two calls of the hook */
	uint64_t unwatched;     /* steps since the clock was looked at */
	int64_t cpu_from_us;    /* 0: it was not yet */
	size_t largest;         /* block that was ever given, in bytes */
	const char *stack_base; /* of the thread, where a run began */

	struct visit *visit; /* whose handler runs; NULL: none with an exchange */
	unsigned users;      /* exchanges that hold something here */
	double serial;       /* of the last thing that was anchored */
	struct coroutine idle[IDLE_MAX];
	unsigned idle_count, busy;
};

/* Loads the script and runs its chunk. NULL: `message` (MESSAGE_BYTES) says why. `declares` is NULL
 * but in `configure`. */
struct interpreter *interpreter_new(const struct sluice_call *call, const struct settings *settings,
	struct settings *declares, char *message);
/* Gives back what Lua holds; its users find L NULL. */
void interpreter_close(struct interpreter *in);
/* After interpreter_close. */
void interpreter_free(struct interpreter *in);

/* A coroutine that is about to run the handler. False: no memory. */
bool interpreter_begin(struct interpreter *in, enum handler handler, struct coroutine *co);
/* Steps and time for a handler that begins, or goes on after it was away. Not for one that would
 * have waited and need not: nothing but these ends a loop of such. */
void interpreter_allow(struct interpreter *in);
/* Runs it until it ends or waits: a status of lua_resume. */
int interpreter_run(struct interpreter *in, struct coroutine *co);
/* It has ended by itself: it may be used again. */
void interpreter_end(struct interpreter *in, struct coroutine *co);
/* It ended by an error, or nobody wants its end. */
void interpreter_drop(struct interpreter *in, struct coroutine *co);
/* What went wrong in it, as "script:3: message", with one line's worth of text. */
void interpreter_explain(struct interpreter *in, lua_State *co, char *message);
/* After a bound was passed, for those who go on in it. */
void interpreter_forgive(struct interpreter *in);

/* Whether the script has it. */
bool interpreter_has(const struct interpreter *in, enum handler handler);

/* Tables of exchanges, by number. In functions that Lua calls: pushes one; anchors the one on top.
 */
void interpreter_push_kept(lua_State *L, double serial);
double interpreter_keep(lua_State *L);
/* Anywhere. */
void interpreter_forget(struct interpreter *in, double serial);

/* --- for functions that Lua calls ------------------------------------------------------------- */
struct interpreter *interpreter_of(lua_State *L);
/* Pays for what the hook does not see; raises when there is not so much left. */
void interpreter_charge(lua_State *L, uint64_t steps);
/* Before something is begun whose answer has to be waited for: there is no yielding within a
 * function of C. Raises. */
void interpreter_check_wait(lua_State *L);
/* Before a function of C calls back: LuaJIT does not watch the thread's own stack. Raises. */
void interpreter_check_stack(lua_State *L);
/* A text argument as a view; raises when it is none. */
struct sluice_str check_text(lua_State *L, int index);
void push_text(lua_State *L, struct sluice_str text);
/* Raises: the text with the script's line. */
int raise_text(lua_State *L, const char *message);
