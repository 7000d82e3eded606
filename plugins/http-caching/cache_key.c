/* SPDX-License-Identifier: Apache-2.0 */
/* A length stands in groups of seven bits, the high bit set in all but the last: no length is the beginning of
 * another one. It counts from 1; 0 is what is absent. */
#include "cache_key.h"

#include "sluice/text.h"

static void byte_add(struct cache_key *k, unsigned byte)
{
	if (k->n == k->bytes_max)
		k->is_full = 1;
	else
		k->p[k->n++] = (char)byte;
}

static void length_add(struct cache_key *k, uint64_t n)
{
	for (; n >= 128; n >>= 7)
		byte_add(k, 128u | (n & 127u));
	byte_add(k, (unsigned)n);
}

void cache_key_add(struct cache_key *k, struct sluice_str part)
{
	length_add(k, (uint64_t)part.n + 1);
	if (k->is_full || part.n > k->bytes_max - k->n) {
		k->is_full = 1;
		return;
	}
	if (part.n)
		memcpy(k->p + k->n, part.p, part.n);
	k->n += part.n;
}

void cache_key_add_lower(struct cache_key *k, struct sluice_str part)
{
	cache_key_add(k, part);
	for (size_t i = k->is_full ? k->n : k->n - part.n; i < k->n; i++)
		k->p[i] = sluice_lower(k->p[i]);
}

void cache_key_add_absent(struct cache_key *k)
{
	byte_add(k, 0);
}
