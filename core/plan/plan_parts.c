/* SPDX-License-Identifier: Apache-2.0 */
#include "plan/plan_parts.h"

#include "plan/plan_priv.h"

#include "base/check.h"
#include "base/limits.h"
#include "base/memory.h"
#include "plan/plan_fragment.h"

#include <stdio.h>
#include <stdlib.h>

#define SHA256_BYTES 32

/* In the table. */
enum {
	PART_CONTENT_BYTES = SHA256_BYTES,
	PART_FRAGMENT_COUNT = PART_CONTENT_BYTES + 4,
	PART_TARGET_COUNT = PART_FRAGMENT_COUNT + 4,
	PART_BYTES = PART_TARGET_COUNT + 4,
	FRAGMENT_BYTES = 8, /* list and place; where its targets end */
	TARGET_BYTES = 4,   /* lead and number */
};

#define LIST_BITS 1
#define LEAD_BITS 2

static const char *const list_names[PLAN_LISTS] = {"services", "apis"};
static const char *const lead_keys[PLAN_LEADS] = {"listener", "plugin", "service"};
static const char *const lead_lists[PLAN_LEADS] = {"listeners", "plugins", "services"};

bool plan_lead_of(struct str key, enum plan_lead *lead)
{
	for (size_t i = 0; i < ARRAY_COUNT(lead_keys); i++) {
		if (!str_eq(key, str_of(lead_keys[i])))
			continue;
		*lead = (enum plan_lead)i;
		return true;
	}
	return false;
}

/* --- what is in a table ---------------------------------------------------------------------- */

/* A place in a list, as it is found. */
struct slot {
	uint32_t part; /* PLAN_NONE: it is the tree's */
	uint32_t item;
};

struct plan_parts {
	struct plan_part *items; /* owned */
	uint32_t count;
	struct slot *slots[PLAN_LISTS]; /* owned */
	uint32_t list_count[PLAN_LISTS];
};

struct plan_part_fragment plan_part_fragment(const struct plan_part *part, uint32_t i)
{
	const char *at = part->fragments + (size_t)i * FRAGMENT_BYTES;
	uint32_t where = plan_load32(at);
	return (struct plan_part_fragment){
		.list = where & 1 ? PLAN_APIS : PLAN_SERVICES,
		.place = where >> LIST_BITS,
		.first_target = i > 0 ? plan_load32(at - 4) : 0,
		.end_target = plan_load32(at + 4),
	};
}

uint32_t plan_part_target(const struct plan_part *part, uint32_t i, enum plan_lead *lead)
{
	uint32_t v = plan_load32(part->targets + (size_t)i * TARGET_BYTES);
	*lead = (enum plan_lead)(v & ((1u << LEAD_BITS) - 1));
	return v >> LEAD_BITS;
}

uint32_t plan_part_count(const struct plan *p)
{
	return p->parts ? p->parts->count : 0;
}

const struct plan_part *plan_part_at(const struct plan *p, uint32_t i)
{
	return &p->parts->items[i];
}

uint32_t plan_list_count(const struct plan *p, enum plan_list list)
{
	if (p->parts)
		return p->parts->list_count[list];
	return (uint32_t)plan_count(plan_get(plan_root(p), list_names[list]));
}

struct plan_place plan_list_place(const struct plan *p, enum plan_list list, uint32_t i)
{
	if (!p->parts)
		return (struct plan_place){.item = i};
	struct slot s = p->parts->slots[list][i];
	bool is_in_part = s.part != PLAN_NONE;
	return (struct plan_place){is_in_part, is_in_part ? s.part : 0, s.item};
}

void plan_parts_free(struct plan_parts *parts)
{
	if (!parts)
		return;
	for (size_t i = 0; i < PLAN_LISTS; i++)
		free(parts->slots[i]);
	free(parts->items);
	free(parts);
}

/* --- opening --------------------------------------------------------------------------------- */

struct opener {
	struct plan *plan; /* of the tree */
	struct plan_parts *parts;
	uint32_t lead_count[PLAN_LEADS];
	const char *error;
};

static bool fail(struct opener *o, const char *error)
{
	o->error = error;
	return false;
}

static struct str take(struct str *rest, uint64_t n)
{
	struct str taken = str_slice(*rest, 0, n < rest->n ? (size_t)n : rest->n);
	*rest = str_from(*rest, taken.n);
	return taken;
}

static bool open_part(struct opener *o, struct plan_part *part, struct str *table, struct str *contents)
{
	if (table->n < PART_BYTES)
		return fail(o, "its table of parts is cut off");
	const char *head = take(table, PART_BYTES).p;
	uint32_t content_bytes = plan_load32(head + PART_CONTENT_BYTES);
	part->sha256 = (const uint8_t *)head;
	part->fragment_count = plan_load32(head + PART_FRAGMENT_COUNT);
	part->target_count = plan_load32(head + PART_TARGET_COUNT);
	uint64_t fragment_bytes = (uint64_t)part->fragment_count * FRAGMENT_BYTES;
	uint64_t target_bytes = (uint64_t)part->target_count * TARGET_BYTES;
	if (part->fragment_count == 0 || fragment_bytes + target_bytes > table->n)
		return fail(o, "its table of parts is cut off");
	part->fragments = take(table, fragment_bytes).p;
	part->targets = take(table, target_bytes).p;
	part->content = take(contents, content_bytes);
	return part->content.n == content_bytes ? true : fail(o, "a part of it is missing");
}

static bool open_parts(struct opener *o, uint32_t count, struct str table, struct str contents)
{
	struct plan_parts *parts = o->parts;
	if (count > table.n / PART_BYTES)
		return fail(o, "its table of parts is cut off");
	parts->items = heap_alloc((count + 1) * sizeof(struct plan_part));
	while (parts->count < count)
		if (!open_part(o, &parts->items[parts->count++], &table, &contents))
			return false;
	return table.n == 0 && contents.n == 0 ? true : fail(o, "something follows its parts");
}

/* What is in the tree, and how many fragments there are. */
static bool count_lists(struct opener *o)
{
	const struct plan_node *root = plan_root(o->plan);
	uint64_t counts[PLAN_LISTS];
	for (size_t i = 0; i < PLAN_LISTS; i++) {
		const struct plan_node *list = plan_get(root, list_names[i]);
		if (!list || list->type != PLAN_ARRAY)
			return fail(o, "a list is missing that its parts belong to");
		counts[i] = list->u.list.count;
	}
	for (uint32_t i = 0; i < o->parts->count; i++)
		for (uint32_t k = 0; k < o->parts->items[i].fragment_count; k++)
			counts[plan_part_fragment(&o->parts->items[i], k).list]++;
	for (size_t i = 0; i < PLAN_LISTS; i++) {
		size_t bytes = (counts[i] + 1) * sizeof(struct slot);
		o->parts->list_count[i] = (uint32_t)counts[i];
		o->parts->slots[i] = memset(heap_alloc(bytes), 0xff, bytes);
	}
	for (size_t i = 0; i < PLAN_LEADS; i++)
		o->lead_count[i] = (uint32_t)plan_count(plan_get(root, lead_lists[i]));
	o->lead_count[PLAN_TO_SERVICE] = (uint32_t)counts[PLAN_SERVICES];
	return true;
}

static bool check_targets(struct opener *o, const struct plan_part *part)
{
	for (uint32_t i = 0; i < part->target_count; i++) {
		enum plan_lead lead;
		uint32_t number = plan_part_target(part, i, &lead);
		if (lead >= PLAN_LEADS || number >= o->lead_count[lead])
			return fail(o, "a part of it leads nowhere");
	}
	return true;
}

static bool take_places(struct opener *o, uint32_t part_number)
{
	const struct plan_part *part = &o->parts->items[part_number];
	uint32_t targets = 0;
	for (uint32_t i = 0; i < part->fragment_count; i++) {
		struct plan_part_fragment f = plan_part_fragment(part, i);
		if (f.place >= o->parts->list_count[f.list])
			return fail(o, "a part of it stands nowhere");
		struct slot *slot = &o->parts->slots[f.list][f.place];
		if (slot->part != PLAN_NONE)
			return fail(o, "two parts of it stand at one place");
		if (f.end_target < targets || f.end_target > part->target_count)
			return fail(o, "a part of it has no targets");
		*slot = (struct slot){part_number, i};
		targets = f.end_target;
	}
	return targets == part->target_count ? true : fail(o, "a part of it has no targets");
}

/* What no part has taken is the tree's, in its order; since the counts add up, all of it. */
static void number_rest(struct plan_parts *parts)
{
	for (size_t list = 0; list < PLAN_LISTS; list++) {
		uint32_t next = 0;
		for (uint32_t i = 0; i < parts->list_count[list]; i++)
			if (parts->slots[list][i].part == PLAN_NONE)
				parts->slots[list][i].item = next++;
	}
}

static bool open_all(struct opener *o, uint32_t count, struct str table, struct str contents)
{
	if (!open_parts(o, count, table, contents) || !count_lists(o))
		return false;
	for (uint32_t i = 0; i < count; i++)
		if (!take_places(o, i) || !check_targets(o, &o->parts->items[i]))
			return false;
	number_rest(o->parts);
	return true;
}

static enum rc refuse(char *message, size_t message_size, const char *why)
{
	snprintf(message, message_size, "not a plan that can be read: %s", why);
	return RC_INVALID;
}

static enum rc open_with_parts(struct str b, struct plan **out, char *message, size_t size)
{
	if (b.n < PLAN_PARTS_HEADER_BYTES || b.n > LIMIT_PLAN_BYTES)
		return refuse(message, size, "its length is wrong");
	uint64_t tree_bytes = plan_load32(b.p + PLAN_PARTS_AT_TREE_BYTES);
	uint64_t table_bytes = plan_load32(b.p + PLAN_PARTS_AT_TABLE_BYTES);
	uint64_t contents_at = PLAN_PARTS_HEADER_BYTES + tree_bytes + table_bytes;
	if (plan_load32(b.p + PLAN_AT_LENGTH) != b.n || contents_at > b.n)
		return refuse(message, size, "it is cut off, or something follows it");
	if (plan_load64(b.p + PLAN_AT_CHECKSUM) != plan_parts_checksum(b, (size_t)contents_at))
		return refuse(message, size, "its checksum is wrong");
	struct str tree = str_slice(b, PLAN_PARTS_HEADER_BYTES, (size_t)tree_bytes);
	if (!plan_is_tree(tree))
		return refuse(message, size, "its tree is none");
	struct opener o = {0};
	enum rc rc = plan_decode_tree(tree, &o.plan, message, size);
	if (rc != RC_OK)
		return rc;
	o.plan->parts = o.parts = heap_zalloc(sizeof(*o.parts));
	struct str table = str_slice(b, PLAN_PARTS_HEADER_BYTES + (size_t)tree_bytes, (size_t)table_bytes);
	struct str contents = str_from(b, (size_t)contents_at);
	if (!open_all(&o, plan_load32(b.p + PLAN_PARTS_AT_COUNT), table, contents)) {
		plan_free(o.plan);
		return refuse(message, size, o.error);
	}
	o.plan->digest = plan_load64(b.p + PLAN_AT_CHECKSUM);
	*out = o.plan;
	return RC_OK;
}

bool plan_has_parts(struct str b)
{
	return b.n > PLAN_AT_LENGTH && memcmp(b.p, PLAN_MAGIC, 8) == 0 &&
	       plan_load32(b.p + PLAN_AT_VERSION) == PLAN_PARTS_VERSION;
}

enum rc plan_open(struct str bytes, struct plan **out, char *message, size_t message_size)
{
	return plan_has_parts(bytes) ? open_with_parts(bytes, out, message, message_size)
				     : plan_decode_tree(bytes, out, message, message_size);
}

/* --- decoding -------------------------------------------------------------------------------- */

/* The targets of a fragment, one after the other. */
struct targets {
	const struct plan_part *part;
	uint32_t next, end;
};

static int64_t next_target(void *arg, struct str key, struct str name)
{
	struct targets *t = arg;
	enum plan_lead wanted, lead;
	if (t->next == t->end || !plan_lead_of(key, &wanted))
		return -1;
	uint32_t number = plan_part_target(t->part, t->next++, &lead);
	return lead == wanted ? (int64_t)number : -1;
}

/* Empty: there is none. */
static struct str bytes_of(const struct plan_part *part, uint32_t i)
{
	size_t ends = (size_t)part->fragment_count * 4;
	if (part->content.n < ends)
		return STR_EMPTY;
	struct str all = str_from(part->content, ends);
	uint32_t from = i > 0 ? plan_load32(part->content.p + (size_t)(i - 1) * 4) : 0;
	uint32_t to = plan_load32(part->content.p + (size_t)i * 4);
	return from <= to && to <= all.n ? str_slice(all, from, to - from) : STR_EMPTY;
}

/* False: it has more targets than its bytes, and so belongs to others. */
static bool write_fragment(struct plan_writer *w, const struct plan_part *part, uint32_t i)
{
	struct plan_part_fragment f = plan_part_fragment(part, i);
	struct targets t = {part, f.first_target, f.end_target};
	plan_write_fragment(w, bytes_of(part, i), next_target, &t);
	return t.next == t.end;
}

enum rc plan_part_decode(const struct plan_part *part, uint32_t i, struct plan **out)
{
	char message[160];
	struct plan_writer *w = plan_writer_new();
	struct buffer bytes;
	buffer_init(&bytes, LIMIT_PLAN_BYTES);
	enum rc rc = write_fragment(w, part, i) ? plan_writer_finish(w, &bytes) : RC_INVALID;
	if (rc == RC_OK)
		rc = plan_decode_tree(buffer_str(&bytes), out, message, sizeof(message));
	buffer_deinit(&bytes);
	plan_writer_free(w);
	return rc == RC_OK ? RC_OK : RC_INVALID;
}

static bool write_list(struct plan_writer *w, const struct plan *p, enum plan_list list)
{
	const struct plan_node *in_tree = plan_get(plan_root(p), list_names[list]);
	bool is_fine = true;
	plan_open_array(w, list_names[list], in_tree->position);
	for (uint32_t i = 0; i < plan_list_count(p, list) && is_fine; i++) {
		struct plan_place at = plan_list_place(p, list, i);
		if (at.is_in_part)
			is_fine = write_fragment(w, plan_part_at(p, at.part), at.item);
		else
			plan_write_copy(w, NULL, plan_at(in_tree, at.item));
	}
	plan_close(w);
	return is_fine;
}

static bool write_whole(struct plan_writer *w, const struct plan *p)
{
	const struct plan_node *root = plan_root(p);
	bool is_fine = true;
	plan_open_object(w, NULL, root->position);
	for (size_t i = 0; i < plan_count(root) && is_fine; i++) {
		const struct plan_node *member = plan_at(root, i);
		if (str_eq(member->key, str_of(list_names[PLAN_SERVICES])))
			is_fine = write_list(w, p, PLAN_SERVICES);
		else if (str_eq(member->key, str_of(list_names[PLAN_APIS])))
			is_fine = write_list(w, p, PLAN_APIS);
		else
			plan_write_copy(w, member->key.p, member);
	}
	plan_close(w);
	return is_fine;
}

static enum rc make_whole(const struct plan *opened, struct plan **out)
{
	char message[160];
	struct plan_writer *w = plan_writer_new();
	struct buffer bytes;
	buffer_init(&bytes, LIMIT_PLAN_BYTES);
	enum rc rc = write_whole(w, opened) ? plan_writer_finish(w, &bytes) : RC_INVALID;
	plan_writer_free(w);
	if (rc == RC_OK)
		rc = plan_decode_tree(buffer_str(&bytes), out, message, sizeof(message));
	buffer_deinit(&bytes);
	return rc;
}

enum rc plan_decode(struct str bytes, struct plan **out, char *message, size_t message_size)
{
	struct plan *opened = NULL;
	enum rc rc = plan_open(bytes, &opened, message, message_size);
	if (rc != RC_OK || !opened->parts) {
		*out = rc == RC_OK ? opened : *out;
		return rc;
	}
	struct plan *whole = NULL;
	rc = make_whole(opened, &whole);
	if (rc == RC_OK) {
		whole->digest = opened->digest;
		*out = whole;
	} else {
		refuse(message, message_size, "a part of it is none");
	}
	plan_free(opened);
	return rc;
}

/* --- writing --------------------------------------------------------------------------------- */

static void add32(struct buffer *b, uint64_t v)
{
	char bytes[4];
	plan_store32(bytes, (uint32_t)v);
	buffer_add(b, str_n(bytes, sizeof(bytes)));
}

void plan_parts_init(struct plan_parts_writer *w)
{
	*w = (struct plan_parts_writer){0};
	buffer_init(&w->table, LIMIT_PLAN_BYTES);
	buffer_init(&w->fragments, LIMIT_PLAN_BYTES);
	buffer_init(&w->targets, LIMIT_PLAN_BYTES);
}

void plan_parts_deinit(struct plan_parts_writer *w)
{
	buffer_deinit(&w->table);
	buffer_deinit(&w->fragments);
	buffer_deinit(&w->targets);
	free(w->contents);
	*w = (struct plan_parts_writer){0};
}

/* Where its targets end stands behind it once they are there. */
static void end_fragment(struct plan_parts_writer *w)
{
	if (w->fragment_count > 0)
		add32(&w->fragments, w->target_count);
}

void plan_parts_add_fragment(struct plan_parts_writer *w, enum plan_list list, uint32_t place)
{
	end_fragment(w);
	w->has_failed |= place >= UINT32_MAX >> LIST_BITS;
	add32(&w->fragments, place << LIST_BITS | (list == PLAN_APIS));
	w->fragment_count++;
}

void plan_parts_add_target(struct plan_parts_writer *w, enum plan_lead lead, int64_t number)
{
	w->has_failed |= number < 0 || number >= UINT32_MAX >> LEAD_BITS;
	add32(&w->targets, (uint64_t)number << LEAD_BITS | lead);
	w->target_count++;
}

void plan_parts_add_part(struct plan_parts_writer *w, const uint8_t sha256[32], struct str content)
{
	end_fragment(w);
	w->has_failed |= w->fragment_count == 0;
	if (w->count == w->capacity) {
		w->capacity = w->capacity ? w->capacity * 2 : 64;
		w->contents = heap_realloc(w->contents, w->capacity * sizeof(struct str));
	}
	w->contents[w->count++] = content;
	buffer_add(&w->table, str_n((const char *)sha256, SHA256_BYTES));
	add32(&w->table, content.n);
	add32(&w->table, w->fragment_count);
	add32(&w->table, w->target_count);
	buffer_add(&w->table, buffer_str(&w->fragments));
	buffer_add(&w->table, buffer_str(&w->targets));
	w->has_failed |= w->fragments.failed || w->targets.failed;
	buffer_reset(&w->fragments);
	buffer_reset(&w->targets);
	w->fragment_count = w->target_count = 0;
}

static void put(char **to, struct str bytes)
{
	if (bytes.n > 0)
		memcpy(*to, bytes.p, bytes.n);
	*to += bytes.n;
}

enum rc plan_parts_finish_head(struct plan_parts_writer *w, struct str tree, struct buffer *out)
{
	uint64_t head = PLAN_PARTS_HEADER_BYTES + tree.n + w->table.n, n = head;
	for (uint32_t i = 0; i < w->count; i++)
		n += w->contents[i].n;
	if (w->has_failed)
		return RC_INVALID;
	bool has_room = !w->table.failed && n <= LIMIT_PLAN_BYTES;
	char *p = has_room ? buffer_reserve(out, (size_t)head) : NULL;
	if (!p)
		return RC_FULL;
	char *at = p + PLAN_PARTS_HEADER_BYTES;
	memcpy(p, PLAN_MAGIC, 8);
	plan_store32(p + PLAN_AT_VERSION, PLAN_PARTS_VERSION);
	plan_store32(p + PLAN_AT_LENGTH, (uint32_t)n);
	plan_store32(p + PLAN_PARTS_AT_TREE_BYTES, (uint32_t)tree.n);
	plan_store32(p + PLAN_PARTS_AT_COUNT, w->count);
	plan_store32(p + PLAN_PARTS_AT_TABLE_BYTES, (uint32_t)w->table.n);
	put(&at, tree);
	put(&at, buffer_str(&w->table));
	plan_store64(p + PLAN_AT_CHECKSUM,
		plan_parts_checksum(str_n(p, (size_t)head), (size_t)head));
	buffer_commit(out, (size_t)head);
	return RC_OK;
}

enum rc plan_parts_finish(struct plan_parts_writer *w, struct str tree, struct buffer *out)
{
	enum rc rc = plan_parts_finish_head(w, tree, out);
	for (uint32_t i = 0; rc == RC_OK && i < w->count; i++)
		buffer_add(out, w->contents[i]);
	return rc == RC_OK && out->failed ? RC_FULL : rc;
}
