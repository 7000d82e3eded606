/* SPDX-License-Identifier: Apache-2.0 */
/* tests/fuzz/plugin_host.h - what a plugin's own parsers ask of the gateway, without one.
 *
 * Memory is the heap's, so that a sanitizer sees each block; what is not given back is a leak. The
 * exchange has a target, a query, and one Content-Type. */
#pragma once

#include "base/check.h"
#include "base/str.h"

#include "sluice/sluice.h"

#include <stdlib.h>
#include <string.h>

/* A plugin never meets the gateway's symbols elsewhere; CMakeLists.txt says the same to its
 * sources. */
#define str_cut plugin_str_cut

#define EXCHANGE_BLOCKS_MAX 4096

static struct {
	void *blocks[EXCHANGE_BLOCKS_MAX]; /* owned */
	size_t block_count;
	struct sluice_str target, query, content_type; /* content_type.p NULL: none */
} fuzz_exchange;

static void *fuzz_instance_alloc(struct sluice_instance *instance, size_t size)
{
	return malloc(size ? size : 1);
}

static void fuzz_instance_free(struct sluice_instance *instance, void *p)
{
	free(p);
}

static void *fuzz_exchange_alloc(struct sluice_exchange *x, size_t size)
{
	if (fuzz_exchange.block_count == EXCHANGE_BLOCKS_MAX)
		return NULL;
	return fuzz_exchange.blocks[fuzz_exchange.block_count++] = malloc(size ? size : 1);
}

static struct sluice_str fuzz_fact(struct sluice_exchange *x, enum sluice_fact which)
{
	if (which == SLUICE_FACT_TARGET)
		return fuzz_exchange.target;
	return which == SLUICE_FACT_QUERY ? fuzz_exchange.query : SLUICE_STR("");
}

static int32_t fuzz_field_next(struct sluice_exchange *x, enum sluice_side side,
	struct sluice_str name, uint32_t *at, struct sluice_str *name_out, struct sluice_str *value)
{
	if (*at > 0 || !fuzz_exchange.content_type.p)
		return SLUICE_E_NOT_FOUND;
	*at = 1;
	if (name_out)
		*name_out = SLUICE_STR("content-type");
	*value = fuzz_exchange.content_type;
	return SLUICE_OK;
}

static int32_t fuzz_field_get(struct sluice_exchange *x, enum sluice_side side,
	struct sluice_str name, struct sluice_str *value)
{
	uint32_t at = 0;
	return fuzz_field_next(x, side, name, &at, NULL, value);
}

static const struct sluice_host fuzz_host = {
	.size = sizeof(fuzz_host),
	.instance_alloc = fuzz_instance_alloc,
	.instance_free = fuzz_instance_free,
	.exchange_alloc = fuzz_exchange_alloc,
	.fact = fuzz_fact,
	.field_next = fuzz_field_next,
	.field_get = fuzz_field_get,
};

static const struct sluice_call fuzz_call = {.size = sizeof(fuzz_call), .host = &fuzz_host};

static __attribute__((unused)) void fuzz_exchange_end(void)
{
	while (fuzz_exchange.block_count)
		free(fuzz_exchange.blocks[--fuzz_exchange.block_count]);
	memset(&fuzz_exchange, 0, sizeof(fuzz_exchange));
}
