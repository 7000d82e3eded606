/* SPDX-License-Identifier: Apache-2.0 */
/* The writer keeps the tree as it is told, with strings by number in the order of their coming.
 * Finishing sorts the strings, walks the tree level by level, and looks for keys that repeat by the
 * same marks as decoding does. */
#include "plan/plan_priv.h"

#include "base/check.h"
#include "base/limits.h"
#include "base/memory.h"

#include <math.h>
#include <stdlib.h>

void plan_writer_fail(struct plan_writer *w, enum rc rc)
{
	if (w->rc == RC_OK)
		w->rc = rc;
}

static size_t length_of(const struct plan_writer *w)
{
	return PLAN_HEADER_BYTES + (size_t)w->string_count * 4 + w->byte_count +
	       (size_t)w->draft_count * PLAN_NODE_BYTES;
}

/* --- strings --------------------------------------------------------------------------------- */

struct str plan_writer_string(const struct plan_writer *w, uint32_t number)
{
	return str_n(w->bytes + w->strings[number].at, w->strings[number].n);
}

static uint32_t *slot_of(const struct plan_writer *w, struct str s)
{
	uint32_t mask = w->slot_count - 1;
	uint32_t i = (uint32_t)plan_hash_bytes(s) & mask;
	while (w->slots[i] != PLAN_NONE && !str_eq(plan_writer_string(w, w->slots[i]), s))
		i = (i + 1) & mask;
	return &w->slots[i];
}

static void grow_slots(struct plan_writer *w)
{
	w->slot_count = w->slot_count ? w->slot_count * 2 : 1024;
	w->slots = heap_realloc(w->slots, w->slot_count * sizeof(uint32_t));
	memset(w->slots, 0xff, w->slot_count * sizeof(uint32_t));
	for (uint32_t i = 0; i < w->string_count; i++)
		*slot_of(w, plan_writer_string(w, i)) = i;
}

static uint32_t add_string(struct plan_writer *w, struct str s)
{
	if (w->byte_capacity - w->byte_count <= s.n) {
		w->byte_capacity = (w->byte_capacity + s.n + 4096) * 2;
		w->bytes = heap_realloc(w->bytes, w->byte_capacity);
	}
	if (w->string_count == w->string_capacity) {
		w->string_capacity = w->string_capacity ? w->string_capacity * 2 : 512;
		w->strings = heap_realloc(w->strings, w->string_capacity * sizeof(w->strings[0]));
	}
	if (s.n > 0)
		memcpy(w->bytes + w->byte_count, s.p, s.n);
	w->bytes[w->byte_count + s.n] = '\0';
	w->strings[w->string_count].at = (uint32_t)w->byte_count;
	w->strings[w->string_count].n = (uint32_t)s.n;
	w->byte_count += s.n + 1;
	return w->string_count++;
}

uint32_t plan_writer_intern(struct plan_writer *w, struct str s)
{
	if (w->rc != RC_OK)
		return 0;
	if (s.n > LIMIT_PLAN_BYTES - length_of(w)) {
		plan_writer_fail(w, RC_FULL);
		return 0;
	}
	if ((w->string_count + 1) * 2 > w->slot_count)
		grow_slots(w);
	uint32_t *slot = slot_of(w, s);
	if (*slot == PLAN_NONE)
		*slot = add_string(w, s);
	return *slot;
}

/* --- the tree -------------------------------------------------------------------------------- */

struct plan_writer *plan_writer_new(void)
{
	struct plan_writer *w = heap_zalloc(sizeof(*w));
	CHECK(plan_writer_intern(w, STR_EMPTY) == 0);
	return w;
}

void plan_writer_free(struct plan_writer *w)
{
	if (!w)
		return;
	free(w->drafts);
	free(w->bytes);
	free(w->strings);
	free(w->slots);
	free(w);
}

/* Where it has no place of its own, that of its parent. */
static void set_position(struct plan_writer *w, struct draft *d)
{
	const struct draft *parent = w->depth ? &w->drafts[w->open[w->depth - 1].draft] : NULL;
	if (d->file || !parent)
		return;
	d->file = parent->file;
	d->line = parent->line;
	d->column = parent->column;
}

/* Whether a value with that key may stand here. */
static bool is_allowed(const struct plan_writer *w, bool has_key)
{
	if (w->depth == 0)
		return w->draft_count == 0 && !has_key;
	enum plan_type list = w->drafts[w->open[w->depth - 1].draft].type;
	return (list == PLAN_OBJECT) == has_key;
}

static void link_child(struct plan_writer *w, uint32_t child)
{
	if (w->depth == 0)
		return;
	struct open_list *list = &w->open[w->depth - 1];
	struct draft *parent = &w->drafts[list->draft];
	if (list->last == PLAN_NONE)
		parent->first = child;
	else
		w->drafts[list->last].next = child;
	list->last = child;
	parent->value++;
}

void plan_writer_add(struct plan_writer *w, struct draft draft)
{
	if (w->rc == RC_OK && length_of(w) > LIMIT_PLAN_BYTES - PLAN_NODE_BYTES)
		plan_writer_fail(w, RC_FULL);
	if (w->rc != RC_OK)
		return;
	if (w->draft_count == w->draft_capacity) {
		w->draft_capacity = w->draft_capacity ? w->draft_capacity * 2 : 256;
		w->drafts = heap_realloc(w->drafts, w->draft_capacity * sizeof(struct draft));
	}
	struct draft *d = &w->drafts[w->draft_count];
	*d = draft;
	d->first = d->next = PLAN_NONE;
	set_position(w, d);
	w->target_count += d->type == PLAN_TARGET;
	link_child(w, w->draft_count++);
}

void plan_writer_open(struct plan_writer *w, struct draft draft)
{
	plan_writer_add(w, draft);
	if (w->depth == PLAN_DEPTH_MAX)
		plan_writer_fail(w, RC_INVALID);
	if (w->rc == RC_OK)
		w->open[w->depth++] = (struct open_list){w->draft_count - 1, PLAN_NONE};
}

static struct draft draft_of(struct plan_writer *w, const char *key, struct position at,
	enum plan_type type, uint64_t value)
{
	struct draft d = {.type = type, .value = value};
	if (w->rc == RC_OK && !is_allowed(w, key != NULL))
		plan_writer_fail(w, RC_INVALID);
	if (at.file && at.file[0]) {
		d.file = plan_writer_intern(w, str_of(at.file));
		d.line = at.line;
		d.column = at.column < PLAN_COLUMN_MAX ? at.column : PLAN_COLUMN_MAX;
	}
	d.key = key ? plan_writer_intern(w, str_of(key)) : 0;
	return d;
}

static void add(struct plan_writer *w, const char *key, struct position at, enum plan_type type,
	uint64_t value)
{
	plan_writer_add(w, draft_of(w, key, at, type, value));
}

void plan_write_null(struct plan_writer *w, const char *key, struct position at)
{
	add(w, key, at, PLAN_NULL, 0);
}

void plan_write_bool(struct plan_writer *w, const char *key, struct position at, bool value)
{
	add(w, key, at, PLAN_BOOL, value);
}

void plan_write_integer(struct plan_writer *w, const char *key, struct position at, int64_t value)
{
	add(w, key, at, PLAN_INTEGER, (uint64_t)value);
}

void plan_write_real(struct plan_writer *w, const char *key, struct position at, double value)
{
	uint64_t bits;
	memcpy(&bits, &value, sizeof(bits));
	if (!isfinite(value))
		plan_writer_fail(w, RC_INVALID);
	add(w, key, at, PLAN_REAL, bits);
}

void plan_write_string(struct plan_writer *w, const char *key, struct position at, struct str value)
{
	add(w, key, at, PLAN_STRING, plan_writer_intern(w, value));
}

void plan_open_array(struct plan_writer *w, const char *key, struct position at)
{
	plan_writer_open(w, draft_of(w, key, at, PLAN_ARRAY, 0));
}

void plan_open_object(struct plan_writer *w, const char *key, struct position at)
{
	plan_writer_open(w, draft_of(w, key, at, PLAN_OBJECT, 0));
}

void plan_close(struct plan_writer *w)
{
	if (w->depth == 0)
		plan_writer_fail(w, RC_INVALID);
	if (w->rc == RC_OK)
		w->depth--;
}

/* --- finishing ------------------------------------------------------------------------------- */

struct layout {
	uint32_t *level;  /* drafts, level by level */
	uint32_t *sorted; /* numbers of strings, in order */
	uint32_t *rank;   /* by number of a string: its place in that order */
};

static int by_string(const void *x, const void *y, void *owner)
{
	const struct plan_writer *w = owner;
	return str_compare(plan_writer_string(w, *(const uint32_t *)x), plan_writer_string(w, *(const uint32_t *)y));
}

static void sort_strings(struct plan_writer *w, struct layout *l)
{
	for (uint32_t i = 0; i < w->string_count; i++)
		l->sorted[i] = i;
	qsort_r(l->sorted, w->string_count, sizeof(uint32_t), by_string, w);
	for (uint32_t i = 0; i < w->string_count; i++)
		l->rank[l->sorted[i]] = i;
}

/* False when an object has a key twice. */
static bool sort_drafts(const struct plan_writer *w, struct layout *l)
{
	uint32_t *keyed_in = heap_alloc(w->string_count * sizeof(uint32_t));
	memset(keyed_in, 0xff, w->string_count * sizeof(uint32_t));
	uint32_t claimed = 1;
	bool is_fine = true;
	l->level[0] = 0;
	for (uint32_t i = 0; i < claimed && is_fine; i++) {
		const struct draft *d = &w->drafts[l->level[i]];
		for (uint32_t c = d->first; c != PLAN_NONE; c = w->drafts[c].next) {
			l->level[claimed++] = c;
			uint32_t *in = &keyed_in[w->drafts[c].key];
			is_fine = is_fine && (d->type != PLAN_OBJECT || *in != i);
			*in = i;
		}
	}
	free(keyed_in);
	return is_fine;
}

static void put_node(const struct draft *d, const uint32_t *rank, char *to)
{
	uint64_t value = d->type == PLAN_STRING ? rank[d->value] : d->value;
	plan_store32(to + PLAN_NODE_KEY, rank[d->key]);
	plan_store32(to + PLAN_NODE_FILE, rank[d->file]);
	plan_store32(to + PLAN_NODE_LINE, d->line);
	plan_store32(to + PLAN_NODE_COLUMN, d->column << 8 | (uint32_t)d->type);
	plan_store64(to + PLAN_NODE_VALUE, value);
}

static void put_all(const struct plan_writer *w, const struct layout *l, char *to, size_t length)
{
	memcpy(to, PLAN_MAGIC, 8);
	plan_store32(to + PLAN_AT_VERSION, PLAN_VERSION);
	plan_store32(to + PLAN_AT_LENGTH, (uint32_t)length);
	plan_store32(to + PLAN_AT_STRING_COUNT, w->string_count);
	plan_store32(to + PLAN_AT_NODE_COUNT, w->draft_count);
	plan_store32(to + PLAN_AT_STRING_BYTES, (uint32_t)w->byte_count);
	char *at = to + PLAN_HEADER_BYTES;
	for (uint32_t i = 0; i < w->string_count; i++, at += 4)
		plan_store32(at, w->strings[l->sorted[i]].n);
	for (uint32_t i = 0; i < w->string_count; i++) {
		struct str s = plan_writer_string(w, l->sorted[i]);
		memcpy(at, s.p, s.n + 1);
		at += s.n + 1;
	}
	for (uint32_t i = 0; i < w->draft_count; i++, at += PLAN_NODE_BYTES)
		put_node(&w->drafts[l->level[i]], l->rank, at);
	plan_store64(to + PLAN_AT_CHECKSUM, plan_checksum(str_n(to, length)));
}

void plan_write_copy(struct plan_writer *w, const char *key, const struct plan_node *n)
{
	switch (n->type) {
	case PLAN_NULL:
		plan_write_null(w, key, n->position);
		return;
	case PLAN_BOOL:
		plan_write_bool(w, key, n->position, n->u.boolean);
		return;
	case PLAN_INTEGER:
		plan_write_integer(w, key, n->position, n->u.integer);
		return;
	case PLAN_REAL:
		plan_write_real(w, key, n->position, n->u.real);
		return;
	case PLAN_STRING:
		plan_write_string(w, key, n->position, n->u.string);
		return;
	case PLAN_ARRAY:
		plan_open_array(w, key, n->position);
		break;
	case PLAN_OBJECT:
		plan_open_object(w, key, n->position);
		break;
	}
	for (size_t i = 0; i < plan_count(n); i++) {
		const struct plan_node *child = plan_at(n, i);
		/* Strings of a decoded plan end in NUL. */
		plan_write_copy(w, n->type == PLAN_OBJECT ? child->key.p : NULL, child);
	}
	plan_close(w);
}

enum rc plan_writer_finish(struct plan_writer *w, struct buffer *out)
{
	if (w->rc != RC_OK)
		return w->rc;
	if (w->depth > 0 || w->draft_count == 0 || w->target_count > 0)
		return RC_INVALID;
	struct layout l = {
		.level = heap_alloc(w->draft_count * sizeof(uint32_t)),
		.sorted = heap_alloc(w->string_count * sizeof(uint32_t)),
		.rank = heap_alloc(w->string_count * sizeof(uint32_t)),
	};
	size_t length = length_of(w);
	enum rc rc = sort_drafts(w, &l) ? RC_OK : RC_INVALID;
	char *to = rc == RC_OK ? buffer_reserve(out, length) : NULL;
	if (to) {
		sort_strings(w, &l);
		put_all(w, &l, to, length);
		buffer_commit(out, length);
	} else if (rc == RC_OK) {
		rc = RC_FULL;
	}
	free(l.level);
	free(l.sorted);
	free(l.rank);
	return rc;
}

enum rc plan_copy(const struct plan_node *n, size_t bytes_max, struct plan **out)
{
	struct plan_writer *w = plan_writer_new();
	if (n) {
		plan_write_copy(w, NULL, n);
	} else {
		plan_open_object(w, NULL, (struct position){0});
		plan_close(w);
	}
	struct buffer bytes;
	buffer_init(&bytes, bytes_max);
	enum rc rc = plan_writer_finish(w, &bytes);
	char message[160];
	if (rc == RC_OK)
		rc = plan_decode(buffer_str(&bytes), out, message, sizeof(message));
	buffer_deinit(&bytes);
	plan_writer_free(w);
	return rc;
}
