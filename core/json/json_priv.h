/* SPDX-License-Identifier: Apache-2.0 */
/* json/json_priv.h - what the files of this folder share. */
#pragma once

#include "json/json.h"

static inline bool json_is_number(const struct json_value *v)
{
	return v->type == JSON_INTEGER || v->type == JSON_REAL;
}

/* Exact, whatever mixture of integers and reals: <0, 0, >0. Both are numbers. */
int json_compare_numbers(const struct json_value *a, const struct json_value *b);
/* Equal values have equal hashes. */
uint64_t json_hash(const struct json_value *v);
/* A deep copy into the builder's memory, without origins, for a place of that depth; false when it
 * would be nested beyond JSON_DEPTH_MAX there. */
bool json_copy_tree(
	struct json_builder *b, const struct json_value *v, struct json_value *out, unsigned depth);
