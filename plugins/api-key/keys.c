/* SPDX-License-Identifier: Apache-2.0 */
#include "keys.h"

#include <string.h>

#define SLOTS_MIN 16

int32_t keys_init(struct keys *k, const struct sluice_call *call, size_t capacity)
{
	const struct sluice_host *host = call->host;
	k->slot_count = SLOTS_MIN;
	while (k->slot_count < 2 * capacity)
		k->slot_count *= 2;
	k->items = host->instance_alloc(call->instance, (capacity + 1) * sizeof(*k->items));
	k->slots = host->instance_alloc(call->instance, k->slot_count * sizeof(*k->slots));
	if (!k->items || !k->slots)
		return SLUICE_E_FULL;
	memset(k->slots, 0, k->slot_count * sizeof(*k->slots));
	return k->crypto->random(k->hash_key, sizeof(k->hash_key));
}

void keys_deinit(struct keys *k, const struct sluice_call *call)
{
	for (size_t i = 0; i < k->count; i++)
		call->host->instance_free(
			call->instance, (void *)(uintptr_t)k->items[i].client_id.p);
	call->host->instance_free(call->instance, k->items);
	call->host->instance_free(call->instance, k->slots);
}

static struct sluice_str view(const uint8_t digest[DIGEST_BYTES])
{
	return (struct sluice_str){(const char *)digest, DIGEST_BYTES};
}

/* The slot of the digest, or the free one where it belongs. */
static size_t slot_of(const struct keys *k, const uint8_t digest[DIGEST_BYTES])
{
	size_t mask = k->slot_count - 1;
	size_t slot = k->crypto->keyed_hash(k->hash_key, view(digest)) & mask;
	while (k->slots[slot] && !k->crypto->constant_time_equal(
					 view(digest), view(k->items[k->slots[slot] - 1].digest)))
		slot = (slot + 1) & mask;
	return slot;
}

int keys_add(struct keys *k, const struct key *key)
{
	size_t slot = slot_of(k, key->digest);
	if (k->slots[slot])
		return 0;
	k->items[k->count++] = *key;
	k->slots[slot] = (uint32_t)k->count;
	return 1;
}

const struct key *keys_find(const struct keys *k, const uint8_t digest[DIGEST_BYTES])
{
	uint32_t at = k->slots[slot_of(k, digest)];
	return at ? &k->items[at - 1] : NULL;
}
