/* SPDX-License-Identifier: Apache-2.0 */
/* The form: three counts, the lengths of the strings, their bytes, and the nodes in the order in which
 * they were written, each list before what is in it. Strings have the numbers of their coming, so that
 * nothing has to be sorted; putting a fragment into a plan looks each of them up once. */
#include "plan/plan_fragment.h"

#include "plan/plan_priv.h"

#include "base/memory.h"

#include <stdlib.h>

enum {
	AT_STRING_COUNT = 0,
	AT_NODE_COUNT = 4,
	AT_STRING_BYTES = 8,
	HEADER_BYTES = 12,
};

uint64_t plan_sum(struct str bytes)
{
	return plan_hash_bytes(bytes);
}

/* --- making ---------------------------------------------------------------------------------- */

void plan_write_target(struct plan_writer *w, const char *key, struct position at, struct str name)
{
	plan_write_string(w, key, at, name);
	if (w->rc != RC_OK)
		return;
	w->drafts[w->draft_count - 1].type = PLAN_TARGET;
	w->target_count++;
}

void plan_writer_each_target(const struct plan_writer *w, plan_target_seen_fn *seen, void *arg)
{
	for (uint32_t i = 0; i < w->draft_count && w->target_count > 0; i++) {
		const struct draft *d = &w->drafts[i];
		if (d->type == PLAN_TARGET)
			seen(arg, plan_writer_string(w, d->key),
				plan_writer_string(w, (uint32_t)d->value));
	}
}

static void put_node(const struct draft *d, char *to)
{
	plan_store32(to + PLAN_NODE_KEY, d->key);
	plan_store32(to + PLAN_NODE_FILE, d->file);
	plan_store32(to + PLAN_NODE_LINE, d->line);
	plan_store32(to + PLAN_NODE_COLUMN, d->column << 8 | (uint32_t)d->type);
	plan_store64(to + PLAN_NODE_VALUE, d->value);
}

static void start_anew(struct plan_writer *w)
{
	w->draft_count = w->depth = w->target_count = 0;
	w->string_count = 0;
	w->byte_count = 0;
	w->rc = RC_OK;
	memset(w->slots, 0xff, w->slot_count * sizeof(uint32_t));
	plan_writer_intern(w, STR_EMPTY);
}

enum rc plan_writer_take_fragment(struct plan_writer *w, struct buffer *out)
{
	enum rc rc = w->rc;
	if (rc == RC_OK && (w->depth > 0 || w->draft_count == 0))
		rc = RC_INVALID;
	size_t n = HEADER_BYTES + (size_t)w->string_count * 4 + w->byte_count +
		   (size_t)w->draft_count * PLAN_NODE_BYTES;
	char *to = rc == RC_OK ? buffer_reserve(out, n) : NULL;
	if (rc == RC_OK && !to)
		rc = RC_FULL;
	if (to) {
		plan_store32(to + AT_STRING_COUNT, w->string_count);
		plan_store32(to + AT_NODE_COUNT, w->draft_count);
		plan_store32(to + AT_STRING_BYTES, (uint32_t)w->byte_count);
		char *at = to + HEADER_BYTES;
		for (uint32_t i = 0; i < w->string_count; i++, at += 4)
			plan_store32(at, w->strings[i].n);
		memcpy(at, w->bytes, w->byte_count);
		at += w->byte_count;
		for (uint32_t i = 0; i < w->draft_count; i++, at += PLAN_NODE_BYTES)
			put_node(&w->drafts[i], at);
		buffer_commit(out, n);
	}
	start_anew(w);
	return rc;
}

/* --- putting into a plan --------------------------------------------------------------------- */

struct reader {
	struct plan_writer *writer;
	plan_target_fn *resolve;
	void *arg;
	const char *nodes;
	uint32_t node_count;
	uint32_t string_count;
	struct {
		struct str text;
		uint32_t number; /* in the writer; PLAN_NONE: not yet */
	} * strings;             /* owned; by number in the fragment */
};

/* False: the parts do not fill the whole. */
static bool take_strings(struct reader *r, struct str bytes)
{
	if (bytes.n < HEADER_BYTES)
		return false;
	r->string_count = plan_load32(bytes.p + AT_STRING_COUNT);
	r->node_count = plan_load32(bytes.p + AT_NODE_COUNT);
	uint64_t string_bytes = plan_load32(bytes.p + AT_STRING_BYTES);
	uint64_t n = HEADER_BYTES + (uint64_t)r->string_count * 4 + string_bytes +
		     (uint64_t)r->node_count * PLAN_NODE_BYTES;
	if (n != bytes.n || r->string_count == 0 || r->node_count == 0)
		return false;
	const char *lengths = bytes.p + HEADER_BYTES, *at = lengths + (size_t)r->string_count * 4;
	r->nodes = at + string_bytes;
	r->strings = heap_alloc(r->string_count * sizeof(r->strings[0]));
	for (uint32_t i = 0; i < r->string_count; i++) {
		uint32_t length = plan_load32(lengths + (size_t)i * 4);
		if (length >= (uint64_t)(r->nodes - at))
			return false;
		r->strings[i].text = str_n(at, length);
		r->strings[i].number = PLAN_NONE;
		at += (size_t)length + 1;
	}
	return at == r->nodes && r->strings[0].text.n == 0;
}

/* Those of targets never come into the plan. */
static uint32_t number_of(struct reader *r, uint32_t i)
{
	if (r->strings[i].number == PLAN_NONE)
		r->strings[i].number = plan_writer_intern(r->writer, r->strings[i].text);
	return r->strings[i].number;
}

static bool is_list(uint32_t type)
{
	return type == PLAN_ARRAY || type == PLAN_OBJECT;
}

/* False: it names a string that is not there, or a target that nobody knows. */
static bool take_value(struct reader *r, struct draft *d, uint64_t value)
{
	d->value = value;
	if (d->type != PLAN_STRING && d->type != PLAN_TARGET)
		return true;
	if (value >= r->string_count)
		return false;
	if (d->type == PLAN_STRING) {
		d->value = number_of(r, (uint32_t)value);
		return true;
	}
	struct str key = plan_writer_string(r->writer, d->key);
	int64_t found = r->resolve(r->arg, key, r->strings[value].text);
	d->type = PLAN_INTEGER;
	d->value = (uint64_t)found;
	return found >= 0;
}

/* The next value; of a list, how many are in it. */
static bool take_node(struct reader *r, uint32_t i, uint64_t *children)
{
	const char *record = r->nodes + (size_t)i * PLAN_NODE_BYTES;
	uint32_t key = plan_load32(record + PLAN_NODE_KEY);
	uint32_t file = plan_load32(record + PLAN_NODE_FILE);
	uint32_t tail = plan_load32(record + PLAN_NODE_COLUMN);
	uint64_t value = plan_load64(record + PLAN_NODE_VALUE);
	if (key >= r->string_count || file >= r->string_count || (tail & 0xff) > PLAN_TARGET)
		return false;
	struct draft d = {
		.type = (enum plan_type)(tail & 0xff),
		.key = number_of(r, key),
		.file = number_of(r, file),
		.line = plan_load32(record + PLAN_NODE_LINE),
		.column = tail >> 8,
	};
	*children = is_list(d.type) ? value : 0;
	if (is_list(d.type)) {
		plan_writer_open(r->writer, d);
		return true;
	}
	bool is_fine = take_value(r, &d, value);
	plan_writer_add(r->writer, d);
	return is_fine;
}

static bool take_nodes(struct reader *r)
{
	uint64_t left[PLAN_DEPTH_MAX + 1] = {1}; /* to come, of each open list */
	unsigned depth = 0;
	for (uint32_t i = 0; i < r->node_count; i++) {
		uint64_t children;
		if (left[depth] == 0 || !take_node(r, i, &children) || r->writer->rc != RC_OK)
			return false;
		left[depth]--;
		uint32_t tail = plan_load32(
			r->nodes + (size_t)i * PLAN_NODE_BYTES + PLAN_NODE_COLUMN);
		if (is_list(tail & 0xff))
			left[++depth] = children;
		while (depth > 0 && left[depth] == 0) {
			plan_close(r->writer);
			depth--;
		}
	}
	return depth == 0 && left[0] == 0;
}

void plan_write_fragment(
	struct plan_writer *w, struct str fragment, plan_target_fn *resolve, void *arg)
{
	struct reader r = {.writer = w, .resolve = resolve, .arg = arg};
	if (w->rc != RC_OK)
		return;
	if (!take_strings(&r, fragment) || !take_nodes(&r))
		plan_writer_fail(w, RC_INVALID);
	free(r.strings);
}
