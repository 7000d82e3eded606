/* SPDX-License-Identifier: Apache-2.0 */
#include "handover/tickets.h"

#include <stdatomic.h>
#include <string.h>
#include <sys/random.h>

static const struct ticket_key *key_at(const struct ticket_ring *r, uint32_t number)
{
	return &r->keys[(number - 1) % TICKET_KEYS];
}

enum rc ticket_ring_rotate(struct ticket_ring *r, int64_t wall_us)
{
	uint32_t number = atomic_load(&r->made) + 1;
	struct ticket_key key;
	/* So few bytes come whole, or not at all (getrandom(2)). */
	if (getrandom(&key, sizeof(key), 0) != (ssize_t)sizeof(key))
		return RC_IO;
	r->keys[(number - 1) % TICKET_KEYS] = key;
	r->made_wall_us = wall_us;
	atomic_store_explicit(&r->made, number, memory_order_release);
	explicit_bzero(&key, sizeof(key));
	return RC_OK;
}

int64_t ticket_ring_due_ms(const struct ticket_ring *r, int64_t wall_us)
{
	int64_t age_us = wall_us - r->made_wall_us, life_us = (int64_t)TICKETS_ROTATE_S * 1000000;
	if (atomic_load(&r->made) == 0 || age_us < 0 || age_us >= life_us)
		return 0;
	return (life_us - age_us + 999) / 1000;
}

const struct ticket_key *ticket_ring_newest(const struct ticket_ring *r)
{
	uint32_t made = atomic_load_explicit(&r->made, memory_order_acquire);
	return made > 0 ? key_at(r, made) : NULL;
}

const struct ticket_key *ticket_ring_find(
	const struct ticket_ring *r, const uint8_t name[TICKET_NAME_BYTES], bool *is_newest)
{
	uint32_t made = atomic_load_explicit(&r->made, memory_order_acquire);
	for (uint32_t i = 0; i < 2 && i < made; i++) {
		const struct ticket_key *key = key_at(r, made - i);
		if (memcmp(key->name, name, TICKET_NAME_BYTES) != 0)
			continue;
		*is_newest = i == 0;
		return key;
	}
	return NULL;
}
