/* SPDX-License-Identifier: Apache-2.0 */
/* Parts of the plan (plan/plan_parts.h). One that the former generation was built from, too, is not
 * decoded: what it was built into is taken over where everything that it leads to is the same.
 *
 * A part is looked for at the place where it would be if nothing but one file had come or gone, and
 * only then by its digest. */
#include "build/build_priv.h"

#include <stdlib.h>

/* --- those of the former generation ---------------------------------------------------------- */

struct by_digest {
	const struct generation *generation;
	uint32_t *slots; /* owned: 1 + number; made when first needed */
	size_t slot_count;
};

static size_t home_of(const struct by_digest *d, const uint8_t sha256[SHA256_BYTES])
{
	uint64_t h;
	memcpy(&h, sha256, sizeof(h));
	return (size_t)h & (d->slot_count - 1);
}

static void fill(struct by_digest *d)
{
	d->slot_count = 16;
	while (d->slot_count < (size_t)d->generation->part_count * 2)
		d->slot_count *= 2;
	d->slots = heap_zalloc(d->slot_count * sizeof(uint32_t));
	for (uint32_t i = 0; i < d->generation->part_count; i++) {
		size_t at = home_of(d, d->generation->parts[i].sha256);
		while (d->slots[at])
			at = (at + 1) & (d->slot_count - 1);
		d->slots[at] = i + 1;
	}
}

static bool has_digest(
	const struct by_digest *d, uint64_t number, const uint8_t sha256[SHA256_BYTES])
{
	return number < d->generation->part_count &&
	       memcmp(d->generation->parts[number].sha256, sha256, SHA256_BYTES) == 0;
}

static const struct generation_part *find(
	struct by_digest *d, uint32_t guess, const uint8_t sha256[SHA256_BYTES])
{
	if (has_digest(d, guess, sha256))
		return &d->generation->parts[guess];
	if (!d->slots)
		fill(d);
	for (size_t at = home_of(d, sha256); d->slots[at]; at = (at + 1) & (d->slot_count - 1))
		if (has_digest(d, d->slots[at] - 1, sha256))
			return &d->generation->parts[d->slots[at] - 1];
	return NULL;
}

static void find_formers(struct build *b)
{
	struct by_digest d = {.generation = b->options->former};
	uint32_t guess = 0;
	for (uint32_t i = 0; d.generation && i < b->generation->part_count; i++) {
		const struct generation_part *found =
			find(&d, guess, b->generation->parts[i].sha256);
		if (found && found->item_count == b->generation->parts[i].item_count)
			b->former_parts[i].part = found;
		guess = found ? (uint32_t)(found - d.generation->parts) + 1 : guess + 1;
	}
	free(d.slots);
}

void build_parts(struct build *b)
{
	struct generation *g = b->generation;
	uint32_t count = plan_part_count(b->plan), items = 0;
	g->part_count = count;
	g->parts = heap_alloc((count + 1) * sizeof(*g->parts));
	for (uint32_t i = 0; i < count; i++) {
		const struct plan_part *part = plan_part_at(b->plan, i);
		memcpy(g->parts[i].sha256, part->sha256, SHA256_BYTES);
		g->parts[i].first_item = items;
		g->parts[i].item_count = part->fragment_count;
		items += part->fragment_count;
	}
	g->items = heap_alloc((items + 1) * sizeof(uint32_t));
	memset(g->items, 0xff, (items + 1) * sizeof(uint32_t));
	b->former_parts = heap_zalloc((count + 1) * sizeof(*b->former_parts));
	find_formers(b);
}

uint32_t build_former_item(const struct build *b, enum plan_list list, uint32_t i)
{
	struct plan_place at = plan_list_place(b->plan, list, i);
	const struct generation_part *p = at.is_in_part ? b->former_parts[at.part].part : NULL;
	return p ? b->options->former->items[p->first_item + at.item] : GENERATION_NONE;
}

void build_note_item(struct build *b, enum plan_list list, uint32_t i, uint32_t number)
{
	struct plan_place at = plan_list_place(b->plan, list, i);
	if (at.is_in_part)
		b->generation->items[b->generation->parts[at.part].first_item + at.item] = number;
}

/* --- nodes ----------------------------------------------------------------------------------- */

static const struct plan_node *refuse(struct build *b)
{
	build_fatal(b, NULL, "", "a part of the plan is damaged");
	return NULL;
}

/* What is known by a digest later has to have it. */
static bool has_its_digest(struct build *b, uint32_t number)
{
	const struct plan_part *part = plan_part_at(b->plan, number);
	uint8_t digest[SHA256_BYTES];
	if (b->former_parts[number].is_checked)
		return true;
	sha256(part->content, digest);
	b->former_parts[number].is_checked = memcmp(digest, part->sha256, SHA256_BYTES) == 0;
	return b->former_parts[number].is_checked;
}

const struct plan_node *build_node_of(struct build *b, enum plan_list list, uint32_t i)
{
	static const char *const names[PLAN_LISTS] = {"services", "apis"};
	struct plan_place at = plan_list_place(b->plan, list, i);
	if (!at.is_in_part)
		return plan_at(plan_get(b->root, names[list]), at.item);
	struct plan **decoded = &b->decoded[list];
	plan_free(*decoded);
	*decoded = NULL;
	if (!has_its_digest(b, at.part) ||
		plan_part_decode(plan_part_at(b->plan, at.part), at.item, decoded) != RC_OK)
		return refuse(b);
	return plan_root(*decoded);
}
