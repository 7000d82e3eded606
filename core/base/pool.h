/* SPDX-License-Identifier: Apache-2.0 */
/* base/pool.h - the free lists of one thread.
 *
 * Everything that lives shorter than a connection comes from here, so that a request in steady
 * state allocates nothing: arena pages, counted blocks, chunk nodes, and objects of fixed size.
 *
 * Invariants   P1  what was taken from a pool goes back to the same pool.
 *              P2  the free lists together hold at most POOL_IDLE_BYTES_MAX; the rest is freed.
 *              P3  what nobody took between two calls of pool_age goes, but for a few of each size.
 * Threads      one; never shared. Sanitizer builds keep no free list, so that use after return
 * shows.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

/* A page of an arena: heads of ordinary exchanges fit in one (measured: 1.5 to 3 KiB). */
#define POOL_PAGE_BYTES 4096
/* Objects up to this size, in steps of 16 bytes, have free lists of their own. */
#define POOL_OBJECT_BYTES_MAX 2048
#define POOL_IDLE_BYTES_MAX   (32u << 20)
/* What pool_age leaves of each size whatever happens, so that a request now and then allocates next
 * to nothing. Few: what is kept lies wherever the worst moment has left it, and each may keep a
 * page of the allocator's from the system. 128 KiB of the smallest ones kept 4 MiB. */
#define POOL_KEPT_OBJECTS 4
#define POOL_KEPT_LARGE   1
/* What it frees at most in one call, lest it holds its thread up: a quarter of a millisecond. */
#define POOL_AGE_OBJECTS 2048

struct pool;

struct pool *pool_new(void);
/* Everything taken must have been given back. */
void pool_free(struct pool *pool);

void *pool_page_get(struct pool *pool);
void pool_page_put(struct pool *pool, void *page);

/* An object of `size` <= POOL_OBJECT_BYTES_MAX bytes, not zeroed; give back with the same size. */
void *pool_get(struct pool *pool, size_t size);
void pool_put(struct pool *pool, void *object, size_t size);

/* Large objects, of the two sizes that counted blocks have (base/chunk.h). */
enum pool_large { POOL_LARGE_16K, POOL_LARGE_64K, POOL_LARGE_COUNT };
#define POOL_LARGE_HEADER_BYTES 64
void *pool_large_get(struct pool *pool, enum pool_large size);
void pool_large_put(struct pool *pool, void *object, enum pool_large size);

/* Memory is short: frees what waits to be taken again. */
void pool_trim(struct pool *pool);

/* Frees what has waited untouched since the call before; returns how many bytes. Taking and giving
 * do nothing for it. */
size_t pool_age(struct pool *pool);

/* The little that ageing leaves, and what the allocator keeps for this thread, comes to lie together: for
 * when a storm is over. Lists that have more, or were touched since the last look, stay as they are: so it never
 * takes longer than some 3,000 calls of the allocator. */
void pool_gather(struct pool *pool);

/* Bytes in use (taken and not given back), for statistics and leak tests. */
size_t pool_bytes_used(const struct pool *pool);
/* Bytes that wait to be taken again. */
size_t pool_bytes_idle(const struct pool *pool);
