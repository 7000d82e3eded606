/* SPDX-License-Identifier: Apache-2.0 */
/* memory.h - memory on the instance's account: what lives as long as it, and texts that grow.
 *
 * Threads      a pool is the main thread's; a text is whose it is.
 */
#pragma once

#include "sluice/sluice.h"

/* Freed as one. */
struct pool {
	const struct sluice_host *host;
	struct sluice_instance *instance;
	void *blocks; /* owned: a list */
	char *at;     /* free bytes of the newest */
	size_t room;
};
/* Zeroed, aligned to 16; NULL: the instance's budget is spent. */
void *pool_alloc(struct pool *p, size_t size);
/* NULL pointer in the view when there is no memory. A NUL stands behind the copy. */
struct sluice_str pool_copy(struct pool *p, struct sluice_str s);
void pool_free(struct pool *p);

/* Once `failed`, it stays so and takes nothing more. */
struct text {
	const struct sluice_host *host;
	struct sluice_instance *instance;
	char *p; /* owned */
	size_t n, capacity, max;
	int failed;
};
void text_init(struct text *t, const struct sluice_call *call, size_t max);
void text_deinit(struct text *t);
void text_add(struct text *t, struct sluice_str s);
void text_add_char(struct text *t, char c);
/* As a JSON string. */
void text_add_json(struct text *t, struct sluice_str s);
static inline struct sluice_str text_str(const struct text *t)
{
	return (struct sluice_str){t->p ? t->p : "", t->n};
}

int str_equal(struct sluice_str a, struct sluice_str b);
/* Takes what stands before the next `c`; *s is empty with a NULL pointer behind the last. */
struct sluice_str str_cut(struct sluice_str *s, char c);
/* Whether that is a number as JSON writes them, in all of `s`. */
int str_is_number(struct sluice_str s);
