/* SPDX-License-Identifier: Apache-2.0 */
/* fuzz: links crypto base */
/* fuzz: compiles plugins/lua-script/settings.c plugins/lua-script/memory.c plugins/lua-script/interpreter.c plugins/lua-script/visit.c */
/* fuzz: compiles plugins/lua-script/library.c plugins/lua-script/strings.c plugins/lua-script/values.c plugins/lua-script/json.c */
/* fuzz: compiles plugins/lua-script/message.c plugins/lua-script/facilities.c plugins/lua-script/calls.c plugins/lua-script/declared.c */
/* fuzz: compiles plugins/lua-script/stores.c plugins/lua-script/digests.c sdk/util/pattern.c */
/* fuzz: compiles tests/fuzz/lua_host.c tests/fuzz/lua_services.c tests/fuzz/lua_tree.c */
/* fuzz: packages luajit */
/* fuzz: embeds plugins/lua-script/prelude.lua */
/* The first byte says how services answer; the rest is a script, with a small budget of steps and
 * memory. It is configured and started, and two exchanges go through all of its handlers, in turns.
 * Whatever it does: it holds no more memory than it may, everything is given back, every view that
 * it hands over can be read, it waits only for what it has begun, and it answers only when it says
 * so. That it ends is the fuzzer's own time limit. */
#include "base/check.h"
#include "lua_host.h"
#include "lua_services.h"
#include "lua_tree.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n);

__asm__(".pushsection .rodata\n"
	".global prelude_start, prelude_end\n"
	".hidden prelude_start, prelude_end\n"
	"prelude_start:\n"
	".incbin \"" SOURCE_DIR "/plugins/lua-script/prelude.lua\"\n"
	"prelude_end:\n"
	".byte 0\n"
	".popsection\n");

#define SCRIPT_BYTES_MAX 4096
#define ROUNDS_MAX       8

static int32_t run(const struct sluice_call *call, struct sluice_exchange *x)
{
	const struct settings *s = call->state;
	struct sluice_body piece = {.size = sizeof(piece), .end = 1, .bytes = SLUICE_STR("{\"item\": [7]}\n")};
	bool is_body = x->at == HANDLER_request_body || x->at == HANDLER_response_body;
	if (!(s->handlers & 1u << x->at))
		return SLUICE_CONTINUE;
	if (is_body && lua_ways & LUA_SMALL_PIECES && x->piece < 2) {
		piece.end = 0;
		piece.bytes.n = 3;
	}
	x->side = x->at < HANDLER_response_head ? SLUICE_REQUEST : SLUICE_RESPONSE;
	x->answered = false;
	x->waits_for_time = false;
	return visit_run(call, x, x->at, is_body ? &piece : NULL);
}

static void go_to(struct sluice_exchange *x, enum handler at)
{
	x->at = at;
	x->piece = 0;
	x->has_response = at >= HANDLER_response_head;
}

static void go_on(struct sluice_exchange *x)
{
	bool is_body = x->at == HANDLER_request_body || x->at == HANDLER_response_body;
	if (is_body && lua_ways & LUA_SMALL_PIECES && x->piece < 2)
		x->piece++;
	else
		go_to(x, (enum handler)(x->at + 1));
}

/* The end of an exchange, however it came about. */
static void finish(const struct sluice_call *call, struct sluice_exchange *x)
{
	const struct settings *s = call->state;
	x->is_resumed = false;
	x->at = HANDLER_log;
	if (s->handlers & 1u << HANDLER_log)
		visit_run(call, x, HANDLER_log, NULL);
	visit_done(call, x);
	lua_exchange_free(x);
	x->is_over = true;
}

/* One callback. Who waits too often goes away. */
static void step(const struct sluice_call *call, struct sluice_exchange *x)
{
	bool was_in_request = x->at < HANDLER_response_head;
	int32_t verdict = run(call, x);
	x->is_resumed = verdict == SLUICE_PAUSE;
	if (verdict == SLUICE_PAUSE) {
		x->rounds++;
	} else if (verdict == SLUICE_RESPONDED) {
		CHECK(x->answered);
		go_to(x, was_in_request ? HANDLER_response_head : HANDLER_log);
	} else if (verdict == SLUICE_CONTINUE) {
		go_on(x);
	} else {
		CHECK(verdict == SLUICE_FAIL);
		go_to(x, HANDLER_log);
	}
	if (x->at == HANDLER_log || x->rounds == ROUNDS_MAX)
		finish(call, x);
}

static void serve(const struct sluice_call *call)
{
	struct sluice_exchange two[2] = {{.at = HANDLER_request_head}, {.at = HANDLER_request_head}};
	while (!two[0].is_over || !two[1].is_over)
		for (size_t i = 0; i < 2; i++)
			if (!two[i].is_over)
				step(call, &two[i]);
}

static int32_t configure(struct sluice_call *call, struct sluice_str script)
{
	struct settings *s = NULL;
	int32_t rc = settings_new(call, lua_tree(script, lua_ways & LUA_FULL_BODY), &s);
	call->state = s;
	return rc;
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
	struct sluice_call call = {.size = sizeof(call), .host = &lua_host};
	if (n < 1 || n > SCRIPT_BYTES_MAX)
		return 0;
	lua_ways = bytes[0];
	lua_services_reset();
	char *exact = malloc(n);
	CHECK(exact);
	memcpy(exact, bytes + 1, n - 1);
	if (configure(&call, (struct sluice_str){exact, n - 1}) == SLUICE_OK) {
		if (visit_worker_start(&call, &lua_worker) == SLUICE_OK) {
			serve(&call);
			visit_worker_stop(&call, lua_worker);
		}
		settings_free(&call, call.state);
	}
	CHECK(lua_host_held() == 0);
	free(exact);
	return 0;
}
