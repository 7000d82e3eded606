/* SPDX-License-Identifier: Apache-2.0 */
#include "lua_host.h"

#include "base/check.h"
#include "base/str.h"
#include "lua_services.h"
#include "lua_tree.h"

#include <stdlib.h>
#include <string.h>

/* Of the current state, a retired one, and one that is being made: each with what it may have beyond
 * its bound, and what the allocator keeps for small blocks. */
#define HELD_BYTES_MAX (3 * 4 * LUA_MEMORY_BYTES)

unsigned lua_ways;
void *lua_worker;

/* --- memory and views ------------------------------------------------------------------------ */
static size_t held; /* bytes of the instance */

static void *instance_alloc(struct sluice_instance *instance, size_t size)
{
	CHECK(held + size <= HELD_BYTES_MAX);
	size_t *p = malloc(size + 16);
	CHECK(p);
	*p = size;
	held += size;
	return p + 2;
}

static void instance_free(struct sluice_instance *instance, void *p)
{
	if (!p)
		return;
	size_t *block = (size_t *)p - 2;
	held -= *block;
	free(block);
}

size_t lua_host_held(void)
{
	return held;
}

static void *exchange_alloc(struct sluice_exchange *x, size_t size)
{
	if (x->block_count == LUA_BLOCKS_MAX || lua_ways & LUA_NO_ROOM)
		return NULL;
	return x->blocks[x->block_count++] = malloc(size ? size : 1);
}

void lua_exchange_free(struct sluice_exchange *x)
{
	while (x->block_count)
		free(x->blocks[--x->block_count]);
}

uint64_t lua_read(struct sluice_str s)
{
	return s.n ? str_hash((struct str){s.p, s.n}) : 0;
}

int32_t lua_result_of(struct sluice_str s)
{
	return lua_ways & LUA_FAILING && lua_read(s) % 3 == 0 ? SLUICE_E_INVALID : SLUICE_OK;
}

/* --- the configuration ----------------------------------------------------------------------- */
static void config_error(
	struct sluice_instance *instance, const struct sluice_value *at, struct sluice_str message)
{
	CHECK(message.n > 0);
	lua_read(message);
}

static const struct sluice_target *target(
	struct sluice_instance *instance, const struct sluice_value *at)
{
	return (const struct sluice_target *)(const void *)at;
}

static int32_t callbacks_omit(struct sluice_instance *instance, uint32_t callbacks)
{
	return SLUICE_OK;
}

/* --- messages -------------------------------------------------------------------------------- */
static void log_line(struct sluice_instance *instance, struct sluice_exchange *x,
	enum sluice_log_level level, struct sluice_str message)
{
	lua_read(message);
}

static struct sluice_str fact(struct sluice_exchange *x, enum sluice_fact which)
{
	return which == SLUICE_FACT_PRINCIPAL ? SLUICE_STR("") : SLUICE_STR("/orders/7");
}

static int32_t status(struct sluice_exchange *x)
{
	return x->has_response ? 200 : 0;
}

static int32_t status_set(struct sluice_exchange *x, int32_t code)
{
	return code >= 200 && code <= 599 ? SLUICE_OK : SLUICE_E_INVALID;
}

static int64_t now_ms(struct sluice_exchange *x)
{
	return 1000 + (int64_t)x->rounds * 600000;
}

int32_t lua_field_next(struct sluice_exchange *x, enum sluice_side side, struct sluice_str name,
	uint32_t *at, struct sluice_str *name_out, struct sluice_str *value)
{
	lua_read(name);
	if (*at >= 3)
		return SLUICE_E_NOT_FOUND;
	if (name_out)
		*name_out = SLUICE_STR("X-Tenant");
	*value = *at == 1 ? SLUICE_STR("") : SLUICE_STR("blue-7");
	++*at;
	return SLUICE_OK;
}

static int32_t field_get(struct sluice_exchange *x, enum sluice_side side, struct sluice_str name,
	struct sluice_str *value)
{
	*value = SLUICE_STR("blue-7");
	return lua_read(name) % 2 ? SLUICE_OK : SLUICE_E_NOT_FOUND;
}

static int32_t field_set(struct sluice_exchange *x, enum sluice_side side, struct sluice_str name,
	struct sluice_str value)
{
	lua_read(name);
	return lua_result_of(value);
}

static int32_t field_remove(
	struct sluice_exchange *x, enum sluice_side side, struct sluice_str name)
{
	return lua_result_of(name);
}

static int32_t path_set(struct sluice_exchange *x, struct sluice_str path, struct sluice_str query)
{
	lua_read(query);
	return lua_result_of(path);
}

static int32_t respond(struct sluice_exchange *x, int32_t code, const struct sluice_str *fields,
	size_t count, struct sluice_str body, struct sluice_str reason)
{
	for (size_t i = 0; i < 2 * count; i++)
		lua_read(fields[i]);
	lua_read(body);
	lua_read(reason);
	x->answered = code >= 200 && code <= 599;
	return x->answered ? SLUICE_OK : SLUICE_E_INVALID;
}

static int32_t body_replace(struct sluice_exchange *x, struct sluice_str bytes)
{
	return lua_result_of(bytes);
}

static int32_t body_pass(struct sluice_exchange *x)
{
	return SLUICE_OK;
}

static int64_t body_length(struct sluice_exchange *x, enum sluice_side side)
{
	return side == SLUICE_REQUEST ? 14 : -1;
}

static int32_t property_set(
	struct sluice_exchange *x, struct sluice_str name, struct sluice_str value)
{
	lua_read(name);
	if (name.n > 64)
		return SLUICE_E_INVALID;
	x->property_bytes = value.n < sizeof(x->property) ? value.n : sizeof(x->property);
	if (x->property_bytes)
		memcpy(x->property, value.p, x->property_bytes);
	return lua_result_of(value);
}

static int32_t property_get(
	struct sluice_exchange *x, struct sluice_str name, struct sluice_str *value)
{
	*value = (struct sluice_str){x->property, x->property_bytes};
	return lua_read(name) % 2 ? SLUICE_OK : SLUICE_E_NOT_FOUND;
}

static int32_t authenticate(struct sluice_exchange *x, struct sluice_str principal,
	struct sluice_str id, struct sluice_str name)
{
	lua_read(principal);
	lua_read(id);
	return lua_result_of(name);
}

static void data_set(struct sluice_exchange *x, void *data)
{
	x->data = data;
}

static void *data_get(struct sluice_exchange *x)
{
	return x->data;
}

static void *worker_data(struct sluice_exchange *x)
{
	return lua_worker;
}

/* --- waiting --------------------------------------------------------------------------------- */
static sluice_token pause_exchange(struct sluice_exchange *x, uint32_t deadline_ms)
{
	CHECK(deadline_ms >= 1 && deadline_ms <= 600000);
	x->waits_for_time = true;
	return 7;
}

static int32_t resumed(struct sluice_exchange *x)
{
	return x->is_resumed;
}

static int32_t wait_for(struct sluice_exchange *x, uint32_t deadline_ms)
{
	CHECK(deadline_ms >= 1 && deadline_ms <= 600000);
	if (x->begun[x->side] == 0)
		return SLUICE_FAIL;
	x->begun[x->side] = 0;
	return SLUICE_PAUSE;
}

/* --------------------------------------------------------------------------------------------- */
const struct sluice_host lua_host = {
	.size = sizeof(lua_host),
	.service = lua_service,
	.log = log_line,
	.exchange_alloc = exchange_alloc,
	.instance_alloc = instance_alloc,
	.instance_free = instance_free,
	.value_type = value_type,
	.value_get = value_get,
	.value_at = value_at,
	.value_count = value_count,
	.value_bool = value_bool,
	.value_integer = value_integer,
	.value_real = value_real,
	.value_string = value_string,
	.config_error = config_error,
	.fact = fact,
	.status = status,
	.status_set = status_set,
	.now_ms = now_ms,
	.wall_ms = now_ms,
	.field_get = field_get,
	.field_next = lua_field_next,
	.field_set = field_set,
	.field_add = field_set,
	.field_remove = field_remove,
	.path_set = path_set,
	.respond = respond,
	.pause = pause_exchange,
	.resumed = resumed,
	.body_replace = body_replace,
	.property_set = property_set,
	.property_get = property_get,
	.authenticate = authenticate,
	.data_set = data_set,
	.data_get = data_get,
	.worker_data = worker_data,
	.body_pass = body_pass,
	.callbacks_omit = callbacks_omit,
	.body_length = body_length,
	.wait = wait_for,
	.target = target,
};
