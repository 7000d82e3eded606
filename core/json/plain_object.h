/* SPDX-License-Identifier: Apache-2.0 */
/* json/plain_object.h - members of an object whose values are written as json_write would, read without a tree.
 *
 * Most objects of machines are such: texts of printable ASCII without escapes, integers of at most 18 digits, lists and
 * objects of those without white space. Of anything else, mistakes among it, json_parse has to say what it is.
 *
 * Invariants   P1  what is taken here is taken by json_parse, and each value is what json_write makes of it.
 * Ownership    views of the text.
 * Threads      pure.
 */
#pragma once

#include "base/str.h"

#define JSON_PLAIN_MEMBERS_MAX 32

struct json_plain_member {
	struct str name, json;
};

/* RC_UNSUPPORTED: that is for json_parse. */
MUST_USE enum rc json_plain_object(
	struct str text, struct json_plain_member members[JSON_PLAIN_MEMBERS_MAX], uint32_t *count);
