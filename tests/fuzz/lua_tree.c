/* SPDX-License-Identifier: Apache-2.0 */
#include "lua_tree.h"

#include <string.h>

struct sluice_value {
	enum sluice_value_type type;
	const char *key;
	int64_t integer;
	struct sluice_str text;
	const struct sluice_value *members;
	size_t count;
};

enum sluice_value_type value_type(const struct sluice_value *v)
{
	return v ? v->type : SLUICE_NULL;
}

const struct sluice_value *value_at(const struct sluice_value *v, size_t i, struct sluice_str *key)
{
	if (!v || i >= v->count)
		return NULL;
	if (key && v->members[i].key)
		*key = (struct sluice_str){v->members[i].key, strlen(v->members[i].key)};
	return &v->members[i];
}

const struct sluice_value *value_get(const struct sluice_value *v, struct sluice_str key)
{
	struct sluice_str name;
	const struct sluice_value *member;
	for (size_t i = 0; (member = value_at(v, i, &name)); i++)
		if (name.n == key.n && memcmp(name.p, key.p, key.n) == 0)
			return member;
	return NULL;
}

size_t value_count(const struct sluice_value *v)
{
	return v ? v->count : 0;
}

int32_t value_bool(const struct sluice_value *v, int32_t fallback)
{
	return value_type(v) == SLUICE_BOOL ? v->integer != 0 : fallback;
}

int64_t value_integer(const struct sluice_value *v, int64_t fallback)
{
	return value_type(v) == SLUICE_INTEGER ? v->integer : fallback;
}

double value_real(const struct sluice_value *v, double fallback)
{
	return fallback;
}

struct sluice_str value_string(const struct sluice_value *v, struct sluice_str fallback)
{
	return value_type(v) == SLUICE_STRING ? v->text : fallback;
}

const struct sluice_value *lua_tree(struct sluice_str script, bool has_whole_bodies)
{
	static const struct sluice_value list[] = {
		{.type = SLUICE_INTEGER, .integer = 7}, {.type = SLUICE_NULL}};
	static const struct sluice_value own[] = {
		{.type = SLUICE_STRING, .key = "key", .text = {"secret", 6}},
		{.type = SLUICE_BOOL, .key = "on", .integer = 1},
		{.type = SLUICE_ARRAY, .key = "list", .members = list, .count = 2}};
	static const struct sluice_value judge[] = {
		{.type = SLUICE_STRING, .key = "judge", .text = {"http://judge", 12}}};
	static struct sluice_value mode[] = {{.type = SLUICE_STRING, .key = "mode"}};
	static struct sluice_value members[] = {
		{.type = SLUICE_STRING, .key = "script"},
		{.type = SLUICE_OBJECT, .key = "config", .members = own, .count = 3},
		{.type = SLUICE_OBJECT, .key = "targets", .members = judge, .count = 1},
		{.type = SLUICE_OBJECT, .key = "requestBody", .members = mode, .count = 1},
		{.type = SLUICE_OBJECT, .key = "responseBody", .members = mode, .count = 1},
		{.type = SLUICE_INTEGER, .key = "instructions", .integer = LUA_STEPS},
		{.type = SLUICE_INTEGER, .key = "memoryBytes", .integer = LUA_MEMORY_BYTES},
	};
	static const struct sluice_value config = {.type = SLUICE_OBJECT,
		.members = members,
		.count = sizeof(members) / sizeof(members[0])};
	mode[0].text = has_whole_bodies ? SLUICE_STR("buffer") : SLUICE_STR("stream");
	members[0].text = script;
	return &config;
}
