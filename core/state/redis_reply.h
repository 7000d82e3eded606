/* SPDX-License-Identifier: Apache-2.0 */
/* state/redis_reply.h - what a Redis server says (RESP 2), as a list of values.
 *
 * hiredis's reader finds where values begin and end; they are kept in one buffer and one array that
 * the next reply uses again, instead of hiredis's tree of allocations.
 *
 * Invariants   P1  a reply has at most REDIS_VALUES_MAX values and `bytes_max` bytes, whatever the
 *                  server announces: nothing is allocated for what has not come.
 *              P2  once RC_INVALID, always RC_INVALID: where the next reply begins is not known.
 *
 * Ownership    whoever made the reader; values lie in it.
 * Threads      one. */
#pragma once

#include "base/str.h"

/* What a cluster says of its slots has some thirty for each range of them. */
#define REDIS_VALUES_MAX 65536

enum redis_kind { REDIS_TEXT, REDIS_STATUS, REDIS_ERROR, REDIS_INTEGER, REDIS_NIL, REDIS_LIST };

struct redis_value {
	enum redis_kind kind;
	int64_t integer; /* INTEGER; LIST: how many it has, which stand behind it */
	struct str text; /* TEXT, STATUS, ERROR */
};

struct redis_reply {
	const struct redis_value *values; /* a list, then what it has, each with what it has */
	size_t count;                     /* at least 1 */
};

struct redis_reader;
struct redis_reader *redis_reader_new(size_t bytes_max);
void redis_reader_free(struct redis_reader *r);
/* Then call redis_reader_next until it says RC_AGAIN. */
void redis_reader_feed(struct redis_reader *r, struct str bytes);
/* RC_OK: the next reply, which lasts until the next call of any of these; RC_AGAIN: more is to come;
 * RC_INVALID: this is no RESP 2, or too much of it. */
MUST_USE enum rc redis_reader_next(struct redis_reader *r, struct redis_reply *reply);
