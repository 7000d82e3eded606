/* SPDX-License-Identifier: Apache-2.0 */
#include "upstream/ring.h"

#include "base/check.h"
#include "base/memory.h"

#include <stdlib.h>

#define MEMBERS_MAX 250
/* Shares are within a tenth of the weights with 100 points each. */
#define POINTS_EACH 100
#define POINTS_MIN  1024
/* A prime, of which each endpoint should have 100 times as many slots as there are endpoints. */
#define SLOTS 65537
/* How often another slot is looked at when an endpoint may not be asked. */
#define LOOKS_MAX 128

struct point {
	uint64_t at;
	uint8_t member;
};

struct ring {
	struct point *points; /* owned, ascending; NULL of Maglev */
	unsigned point_count;
	uint8_t *slots; /* owned; NULL of a ring */
};

/* Spreads what differs in its low bits alone (the finalizer of MurmurHash3, Appleby). */
static uint64_t mix(uint64_t h)
{
	h ^= h >> 33;
	h *= UINT64_C(0xff51afd7ed558ccd);
	h ^= h >> 33;
	h *= UINT64_C(0xc4ceb9fe1a85ec53);
	return h ^ h >> 33;
}

uint64_t ring_hash(struct str key)
{
	return mix(str_hash(key));
}

/* --- the ring -------------------------------------------------------------------------------- */

static int compare_points(const void *a, const void *b)
{
	const struct point *x = a, *y = b;
	if (x->at != y->at)
		return x->at < y->at ? -1 : 1;
	return (int)x->member - (int)y->member;
}

static unsigned points_of(const struct ring_member *m, uint64_t weights, uint64_t wanted)
{
	uint64_t n = (m->weight * wanted + weights / 2) / weights;
	return n > 0 ? (unsigned)n : 1;
}

static void make_points(struct ring *r, const struct ring_member *members, unsigned count)
{
	uint64_t weights = 0, wanted = (uint64_t)count * POINTS_EACH;
	if (wanted < POINTS_MIN)
		wanted = POINTS_MIN;
	for (unsigned i = 0; i < count; i++)
		weights += members[i].weight;
	r->points = heap_alloc((wanted + 2 * (size_t)count) * sizeof(*r->points));
	for (unsigned i = 0; i < count; i++) {
		uint64_t seed = ring_hash(members[i].name);
		unsigned n = points_of(&members[i], weights, wanted);
		for (unsigned k = 0; k < n; k++)
			r->points[r->point_count++] =
				(struct point){mix(seed + k), (uint8_t)members[i].index};
	}
	qsort(r->points, r->point_count, sizeof(*r->points), compare_points);
}

static int find_point(const struct ring *r, uint64_t hash, ring_fn *may, void *arg)
{
	unsigned low = 0, high = r->point_count;
	while (low < high) {
		unsigned middle = low + (high - low) / 2;
		if (r->points[middle].at < hash)
			low = middle + 1;
		else
			high = middle;
	}
	for (unsigned i = 0; i < r->point_count; i++) {
		unsigned member = r->points[(low + i) % r->point_count].member;
		if (may(arg, member))
			return (int)member;
	}
	return -1;
}

/* --- Maglev ---------------------------------------------------------------------------------- */

/* A member's order of the slots: offset, offset + skip, ... */
struct taker {
	uint32_t next, skip;
	uint64_t credit; /* of its weight; the heaviest takes one in each round */
};

static void take_slot(uint8_t *slots, bool *is_taken, struct taker *t, unsigned member)
{
	while (is_taken[t->next])
		t->next = (t->next + t->skip) % SLOTS;
	is_taken[t->next] = true;
	slots[t->next] = (uint8_t)member;
}

static void make_slots(struct ring *r, const struct ring_member *members, unsigned count)
{
	struct taker takers[MEMBERS_MAX];
	bool *is_taken = heap_zalloc(SLOTS);
	unsigned heaviest = 1, filled = 0;
	r->slots = heap_alloc(SLOTS);
	for (unsigned i = 0; i < count; i++) {
		uint64_t hash = ring_hash(members[i].name);
		takers[i] = (struct taker){.next = (uint32_t)(hash % SLOTS),
			.skip = (uint32_t)(mix(hash) % (SLOTS - 1)) + 1};
		if (members[i].weight > heaviest)
			heaviest = members[i].weight;
	}
	while (filled < SLOTS)
		for (unsigned i = 0; i < count && filled < SLOTS; i++) {
			takers[i].credit += members[i].weight;
			if (takers[i].credit < heaviest)
				continue;
			takers[i].credit -= heaviest;
			take_slot(r->slots, is_taken, &takers[i], members[i].index);
			filled++;
		}
	free(is_taken);
}

static int find_slot(const struct ring *r, uint64_t hash, ring_fn *may, void *arg)
{
	for (unsigned i = 0; i < LOOKS_MAX; i++) {
		unsigned member = r->slots[hash % SLOTS];
		if (may(arg, member))
			return (int)member;
		hash = mix(hash + 1);
	}
	return -1;
}

/* --------------------------------------------------------------------------------------------- */

struct ring *ring_new(const struct ring_member *members, unsigned count, bool is_maglev)
{
	struct ring *r = heap_zalloc(sizeof(*r));
	CHECK(count > 0 && count <= MEMBERS_MAX);
	if (is_maglev)
		make_slots(r, members, count);
	else
		make_points(r, members, count);
	return r;
}

void ring_free(struct ring *r)
{
	if (!r)
		return;
	free(r->points);
	free(r->slots);
	free(r);
}

int ring_find(const struct ring *r, uint64_t hash, ring_fn *may, void *arg)
{
	return r->points ? find_point(r, hash, may, arg) : find_slot(r, hash, may, arg);
}
