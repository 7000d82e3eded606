/* SPDX-License-Identifier: Apache-2.0 */
/* config/script.h - running a user's script, which nobody has to trust.
 *
 * Each script gets a Lua state of its own, without the JIT, with what lua/sluice/sandbox.lua makes
 * its globals: nothing that reads files, runs text, knows the time or an address. It can change
 * nothing; it leaves a list of what it asks for.
 *
 *   steps    a budget of all scripts of a configuration together, counted in virtual instructions;
 *            what library functions do in C is charged by the bytes and elements that they see
 *   memory   per script; a request beyond the soft bound goes through and ends the script at its
 *            next instruction, so that the message has a line; beyond the hard one it is refused
 *
 * Either end cannot be caught: once a budget is spent, every further instruction raises again, and
 * the script has failed whatever it returned.
 *
 * Threads      one. */
#pragma once

#include <lua.h>
#include <stdint.h>

/* Interpreted, about half a second. A script that looks at each of 10,000 APIs and binds two policies
 * to it takes a tenth. */
#define SCRIPT_STEPS_MAX         100000000u
#define SCRIPT_BYTES_MAX        ((size_t)96 << 20)
#define SCRIPT_BYTES_BEYOND     ((size_t)16 << 20)
#define SCRIPT_MESSAGE_BYTES_MAX 1000

/* For lua/sluice/scripts.lua: run_script(file, text, world) -> actions; or nil, message, line. The
 * steps that are left are upvalue 1, a light userdata: uint64_t. */
int script_run(lua_State *L);
