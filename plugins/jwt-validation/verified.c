/* SPDX-License-Identifier: Apache-2.0 */
#include "verified.h"

#include <string.h>

#define WAYS 4

struct place {
	uint8_t digest[32];
	uint64_t keys_number; /* 0: nobody's */
};

struct verified {
	size_t rows; /* a power of two */
	uint32_t turn;
	struct place places[];
};

struct verified *verified_new(const struct sluice_call *call, size_t entries)
{
	size_t rows = 1;
	if (entries == 0)
		return NULL;
	while (rows * WAYS < entries)
		rows *= 2;
	size_t bytes = sizeof(struct verified) + rows * WAYS * sizeof(struct place);
	struct verified *v = call->host->instance_alloc(call->instance, bytes);
	if (!v)
		return NULL;
	memset(v, 0, bytes);
	v->rows = rows;
	return v;
}

void verified_free(const struct sluice_call *call, struct verified *v)
{
	call->host->instance_free(call->instance, v);
}

/* Digests are even as they are. */
static size_t row_of(const struct verified *v, const uint8_t digest[32])
{
	uint64_t n;
	memcpy(&n, digest, sizeof(n));
	return (size_t)(n & (v->rows - 1)) * WAYS;
}

int verified_has(const struct verified *v, const uint8_t digest[32], uint64_t keys_number)
{
	if (!v)
		return 0;
	const struct place *row = &v->places[row_of(v, digest)];
	for (size_t i = 0; i < WAYS; i++)
		if (row[i].keys_number == keys_number && memcmp(row[i].digest, digest, 32) == 0)
			return 1;
	return 0;
}

void verified_add(struct verified *v, const uint8_t digest[32], uint64_t keys_number)
{
	if (!v)
		return;
	struct place *row = &v->places[row_of(v, digest)], *to = &row[v->turn++ % WAYS];
	for (size_t i = 0; i < WAYS; i++)
		if (row[i].keys_number < to->keys_number)
			to = &row[i];
	memcpy(to->digest, digest, 32);
	to->keys_number = keys_number;
}
