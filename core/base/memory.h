/* SPDX-License-Identifier: Apache-2.0 */
/* base/memory.h - heap allocation that cannot return NULL.
 *
 * For sizes that we choose: exhaustion is death with a message. A size that the network chooses
 * comes from an arena or buffer with a budget instead. Free with free(). */
#pragma once

#include "base/str.h"

#include <stdlib.h>
#include <string.h>

void *heap_alloc(size_t size) __attribute__((malloc, returns_nonnull));
void *heap_zalloc(size_t size) __attribute__((malloc, returns_nonnull));
void *heap_realloc(void *p, size_t size) __attribute__((returns_nonnull));
/* For what is large and lives shortly, such as a plan's nodes: on huge pages where the system gives
 * them. Touching 34 MiB page by page takes longer than decoding a plan into them. */
void *heap_alloc_large(size_t size) __attribute__((malloc, returns_nonnull));
/* NUL-terminated copies. */
char *heap_strdup(const char *s) __attribute__((returns_nonnull));
char *heap_strndup(struct str s) __attribute__((returns_nonnull));
/* printf into a fresh heap string. */
char *heap_printf(const char *format, ...) __attribute__((format(printf, 1, 2), returns_nonnull));

/* glibc keeps a few of each small size for the thread that freed them, wherever they lie, and each keeps
 * its page from the system. Those of this thread are exchanged for such as lie together. It takes some
 * two thousand calls of the allocator: for when a storm is over. */
void heap_gather(void);

/* What both sides know of a struct that begins with its size (the SDK's): `given` bytes of `from`, and
 * zero beyond them. */
static inline void take_sized(void *to, size_t size, const void *from, size_t given)
{
	memset(to, 0, size);
	memcpy(to, from, given < size ? given : size);
}
