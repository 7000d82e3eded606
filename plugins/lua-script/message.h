/* SPDX-License-Identifier: Apache-2.0 */
/* lua-script/message.h - `request`, `response`, `vars`, `auth`, `exchange`.
 *
 * There is one of each in a state, and they mean the exchange whose handler runs: nothing is made
 * for a request, and nothing can be held beyond it. */
#pragma once

#include "interpreter.h"

#define FIELDS_MAX 64
struct message_fields {
	struct sluice_str
		pairs[2 * FIELDS_MAX]; /* name, value, ...; they lie on the stack of Lua */
	size_t count;                  /* of pairs */
};
/* From {name = text or number or list of these} at the index; nil: none. Leaves values on the
 * stack. */
void message_take_fields(lua_State *L, int index, struct message_fields *fields);
/* In functions that Lua calls. */
void message_open(lua_State *L, int environment);
/* What the prelude alone has, into the table on top. */
void message_fill_core(lua_State *L);
struct visit;
/* Bits of enum handler. */
#define IN_HANDLER(name) (1u << HANDLER_##name)
#define IN_HEADS         (IN_HANDLER(request_head) | IN_HANDLER(response_head))
#define IN_BODIES        (IN_HANDLER(request_body) | IN_HANDLER(response_body))
#define IN_LIVE          (IN_HANDLER(log) - 1u)
/* The visit, unless its handler is none of these: then raises. */
struct visit *message_visit(lua_State *L, unsigned handlers, const char *what);
/* Raises unless it is SLUICE_OK or more. */
void message_check(lua_State *L, int32_t rc, const char *what);
