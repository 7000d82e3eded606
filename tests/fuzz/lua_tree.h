/* SPDX-License-Identifier: Apache-2.0 */
/* tests/fuzz/lua_tree.h - the configuration of a script: a small tree, and what a host says of it. */
#pragma once

#include "sluice/sluice.h"

#include <stdbool.h>

/* What the script may take. */
#define LUA_STEPS        20000
#define LUA_MEMORY_BYTES (1 << 20)

/* Until the next one. */
const struct sluice_value *lua_tree(struct sluice_str script, bool has_whole_bodies);

enum sluice_value_type value_type(const struct sluice_value *v);
const struct sluice_value *value_at(const struct sluice_value *v, size_t i, struct sluice_str *key);
const struct sluice_value *value_get(const struct sluice_value *v, struct sluice_str key);
size_t value_count(const struct sluice_value *v);
int32_t value_bool(const struct sluice_value *v, int32_t fallback);
int64_t value_integer(const struct sluice_value *v, int64_t fallback);
double value_real(const struct sluice_value *v, double fallback);
struct sluice_str value_string(const struct sluice_value *v, struct sluice_str fallback);
