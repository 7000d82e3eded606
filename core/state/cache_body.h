/* SPDX-License-Identifier: Apache-2.0 */
/* state/cache_body.h - bytes that are stored once and given to many.
 *
 * Ownership    counted, with an atomic count.
 * Threads      one while it is made; then any, and nobody changes it. */
#pragma once

#include "base/str.h"

/* A part of a body. */
struct cache_piece {
	struct cache_piece *next;
	size_t n;
	char data[];
};

/* Bytes that several entries, and answers under way, may have. Being made it is its maker's alone. */
struct cache_body;
struct cache_body *cache_body_new(void);
/* RC_FULL: it would grow beyond `bytes_max`. */
MUST_USE enum rc cache_body_add(struct cache_body *b, struct str bytes, uint64_t bytes_max);
/* It grows no more: what its last piece has too much goes back. */
void cache_body_settle(struct cache_body *b);
uint64_t cache_body_bytes(const struct cache_body *b);
/* With what it takes to keep them. */
uint64_t cache_body_cost(const struct cache_body *b);
const struct cache_piece *cache_body_pieces(const struct cache_body *b);
struct cache_body *cache_body_ref(struct cache_body *b);
void cache_body_unref(struct cache_body *b);
