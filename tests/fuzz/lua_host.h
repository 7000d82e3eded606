/* SPDX-License-Identifier: Apache-2.0 */
/* tests/fuzz/lua_host.h - the gateway that a script of fuzz_lua_script.c meets.
 *
 * It counts what it lends, reads all that it is told, and answers as `lua_ways` says. */
#pragma once

#include "lua-script/visit.h"

#define LUA_BLOCKS_MAX 64

/* How it answers: the first byte of the input. */
enum { LUA_LATE = 1, LUA_FAILING = 2, LUA_NO_ROOM = 4, LUA_FULL_BODY = 8, LUA_SMALL_PIECES = 16 };
extern unsigned lua_ways;
extern void *lua_worker; /* the worker's data */
extern const struct sluice_host lua_host;

/* One exchange, and how far it has come. */
struct sluice_exchange {
	void *blocks[LUA_BLOCKS_MAX]; /* owned */
	size_t block_count;
	void *data;
	enum handler at; /* the next handler */
	enum sluice_side side;
	bool is_resumed, is_paused, is_over, has_response, answered, waits_for_time;
	unsigned begun[2], questions[2], calls[2], piece, rounds;
	char property[64];
	size_t property_bytes;
};

/* The memory that it was lent. */
void lua_exchange_free(struct sluice_exchange *x);
/* What instances have not given back, in bytes. */
size_t lua_host_held(void);

/* Whoever is given a text reads it. */
uint64_t lua_read(struct sluice_str s);
int32_t lua_result_of(struct sluice_str s);
int32_t lua_field_next(struct sluice_exchange *x, enum sluice_side side, struct sluice_str name,
	uint32_t *at, struct sluice_str *name_out, struct sluice_str *value);
