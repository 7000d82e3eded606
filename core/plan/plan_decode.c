/* SPDX-License-Identifier: Apache-2.0 */
/* Decoding is one pass over the nodes. `claimed` says how many of them have a parent so far: the
 * children of node i are the next ones that are not claimed.
 *
 * Invariant  i < claimed <= node_count whenever node i is decoded; so no node is its own
 * descendant, every node but the root has one parent, and what is left at the end is garbage. */
#include "plan/plan_priv.h"

#include "base/limits.h"
#include "base/memory.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#define NO_OBJECT UINT32_MAX

struct decoder {
	const char *records; /* borrowed from the input */
	struct plan_node *nodes;
	uint32_t node_count;
	struct str *strings; /* by number */
	uint32_t string_count;
	uint32_t *keyed_in; /* by number of a string: the last object that has it as a key */
	uint32_t claimed;
	uint32_t level_end; /* the first node of the level below the current one */
	unsigned depth;     /* of the current level */
	const char *error;
};

static bool fail(struct decoder *d, const char *error)
{
	d->error = error;
	return false;
}

/* --- strings --------------------------------------------------------------------------------- */

static bool decode_strings(struct decoder *d, const char *lengths, const char *bytes, size_t n)
{
	size_t at = 0;
	for (uint32_t i = 0; i < d->string_count; i++) {
		uint32_t length = plan_load32(lengths + (size_t)i * 4);
		if (length >= n - at || bytes[at + length] != '\0')
			return fail(d, "a string is longer than its table");
		d->strings[i] = str_n(bytes + at, length);
		d->keyed_in[i] = NO_OBJECT;
		at += (size_t)length + 1;
		if (i > 0 && str_compare(d->strings[i - 1], d->strings[i]) >= 0)
			return fail(d, "its strings are out of order");
	}
	return at == n && d->strings[0].n == 0 ? true : fail(d, "its strings have gaps");
}

static bool has_nul(struct str s)
{
	return memchr(s.p, '\0', s.n) != NULL;
}

/* --- nodes ----------------------------------------------------------------------------------- */

/* The children themselves come later, on the level below. */
static bool decode_list(struct decoder *d, uint32_t i, uint64_t count)
{
	struct plan_node *n = &d->nodes[i];
	if (count > d->node_count - d->claimed)
		return fail(d, "a list has more elements than there are");
	if (d->depth >= PLAN_DEPTH_MAX && count > 0)
		return fail(d, "its lists are nested too deeply");
	n->u.list.items = count ? &d->nodes[d->claimed] : NULL;
	n->u.list.count = (uint32_t)count;
	d->claimed += (uint32_t)count;
	return true;
}

static bool decode_value(struct decoder *d, uint32_t i, uint32_t type, uint64_t value)
{
	struct plan_node *n = &d->nodes[i];
	n->type = (enum plan_type)type;
	switch (type) {
	case PLAN_NULL:
		return value == 0 ? true : fail(d, "a null has a value");
	case PLAN_BOOL:
		n->u.boolean = value == 1;
		return value <= 1 ? true : fail(d, "a boolean is neither true nor false");
	case PLAN_INTEGER:
		n->u.integer = (int64_t)value;
		return true;
	case PLAN_REAL:
		memcpy(&n->u.real, &value, sizeof(value));
		return isfinite(n->u.real) ? true : fail(d, "a number is not finite");
	case PLAN_STRING:
		if (value >= d->string_count)
			return fail(d, "a string is missing");
		n->u.string = d->strings[value];
		return true;
	case PLAN_ARRAY:
	case PLAN_OBJECT:
		return decode_list(d, i, value);
	default:
		return fail(d, "a node has an unknown type");
	}
}

static bool decode_position(struct decoder *d, uint32_t i, const char *record)
{
	struct position *at = &d->nodes[i].position;
	uint32_t file = plan_load32(record + PLAN_NODE_FILE);
	at->line = plan_load32(record + PLAN_NODE_LINE);
	at->column = plan_load32(record + PLAN_NODE_COLUMN) >> 8;
	if (file >= d->string_count)
		return fail(d, "a file's name is missing");
	if (file == 0) {
		at->file = NULL;
		return at->line == 0 && at->column == 0 ? true : fail(d, "a position has no file");
	}
	at->file = d->strings[file].p;
	bool is_like_former = i > 0 && d->nodes[i - 1].position.file == at->file;
	return is_like_former || !has_nul(d->strings[file]) ? true
							    : fail(d, "a file's name has a NUL");
}

/* `keys` are those of the children of object `parent`, all of them. */
static bool decode_key(struct decoder *d, uint32_t parent, struct plan_node *child, uint32_t key)
{
	bool is_member = d->nodes[parent].type == PLAN_OBJECT;
	if (key >= d->string_count || (!is_member && key != 0))
		return fail(d, "a key stands where none can be");
	child->key = is_member ? d->strings[key] : STR_EMPTY;
	if (!is_member)
		return true;
	if (d->keyed_in[key] == parent)
		return fail(d, "an object has a key twice");
	if (d->keyed_in[key] == NO_OBJECT && has_nul(child->key))
		return fail(d, "a key has a NUL");
	d->keyed_in[key] = parent;
	return true;
}

/* Keys need their parent, which was decoded a level before. */
static bool decode_keys(struct decoder *d, uint32_t parent)
{
	const struct plan_node *n = &d->nodes[parent];
	if (n->type != PLAN_ARRAY && n->type != PLAN_OBJECT)
		return true;
	for (uint32_t k = 0; k < n->u.list.count; k++) {
		uint32_t i = (uint32_t)(n->u.list.items - d->nodes) + k;
		const char *record = d->records + (size_t)i * PLAN_NODE_BYTES;
		if (!decode_key(d, parent, &d->nodes[i], plan_load32(record + PLAN_NODE_KEY)))
			return false;
		bool has_file = plan_load32(record + PLAN_NODE_FILE) != 0;
		if (n->position.file && !has_file)
			return fail(d, "a position has no file");
	}
	return true;
}

static bool decode_node(struct decoder *d, uint32_t i)
{
	const char *record = d->records + (size_t)i * PLAN_NODE_BYTES;
	uint32_t type = plan_load32(record + PLAN_NODE_COLUMN) & 0xff;
	return decode_position(d, i, record) &&
	       decode_value(d, i, type, plan_load64(record + PLAN_NODE_VALUE)) && decode_keys(d, i);
}

static bool decode_nodes(struct decoder *d)
{
	if (plan_load32(d->records + PLAN_NODE_KEY) != 0)
		return fail(d, "a key stands where none can be");
	d->nodes[0].key = STR_EMPTY;
	d->claimed = 1;
	d->level_end = 1;
	d->depth = 1;
	for (uint32_t i = 0; i < d->node_count; i++) {
		if (i == d->claimed)
			return fail(d, "a node has no parent");
		if (i == d->level_end) {
			d->level_end = d->claimed;
			d->depth++;
		}
		if (!decode_node(d, i))
			return false;
	}
	return true;
}

/* --- the whole ------------------------------------------------------------------------------- */

static enum rc refuse(char *message, size_t message_size, enum rc rc, const char *why)
{
	snprintf(message, message_size, "not a plan that can be read: %s", why);
	return rc;
}

static enum rc check_header(struct str b, char *message, size_t size)
{
	if (b.n < PLAN_HEADER_BYTES || memcmp(b.p, PLAN_MAGIC, 8) != 0)
		return refuse(message, size, RC_INVALID, "it does not begin like one");
	if (plan_load32(b.p + PLAN_AT_VERSION) != PLAN_VERSION) {
		snprintf(message, size,
			"this plan has version %u of the binary form; this build reads versions %u "
			"and %u",
			plan_load32(b.p + PLAN_AT_VERSION), PLAN_VERSION, PLAN_PARTS_VERSION);
		return RC_UNSUPPORTED;
	}
	if (b.n > LIMIT_PLAN_BYTES)
		return refuse(message, size, RC_INVALID, "it is too large");
	if (plan_load32(b.p + PLAN_AT_LENGTH) != b.n)
		return refuse(message, size, RC_INVALID, "it is cut off, or something follows it");
	if (plan_load64(b.p + PLAN_AT_CHECKSUM) != plan_checksum(b))
		return refuse(message, size, RC_INVALID, "its checksum is wrong");
	return RC_OK;
}

uint64_t plan_length(struct str b)
{
	bool is_begun = b.n >= PLAN_AT_CHECKSUM && memcmp(b.p, PLAN_MAGIC, 8) == 0;
	return is_begun ? plan_load32(b.p + PLAN_AT_LENGTH) : 0;
}

bool plan_is_tree(struct str b)
{
	return b.n > PLAN_AT_LENGTH && memcmp(b.p, PLAN_MAGIC, 8) == 0 &&
	       plan_load32(b.p + PLAN_AT_VERSION) == PLAN_VERSION;
}

/* Its members fill the whole exactly. */
static bool is_length_right(struct str b, const struct decoder *d, uint32_t string_bytes)
{
	uint64_t n = PLAN_HEADER_BYTES + (uint64_t)d->string_count * 4 + string_bytes +
		     (uint64_t)d->node_count * PLAN_NODE_BYTES;
	return d->string_count > 0 && d->node_count > 0 && n == b.n;
}

enum rc plan_decode_tree(struct str bytes, struct plan **out, char *message, size_t message_size)
{
	struct decoder d = {0};
	enum rc rc = check_header(bytes, message, message_size);
	if (rc != RC_OK)
		return rc;
	d.string_count = plan_load32(bytes.p + PLAN_AT_STRING_COUNT);
	d.node_count = plan_load32(bytes.p + PLAN_AT_NODE_COUNT);
	uint32_t string_bytes = plan_load32(bytes.p + PLAN_AT_STRING_BYTES);
	if (!is_length_right(bytes, &d, string_bytes))
		return refuse(message, message_size, RC_INVALID, "its counts do not add up");
	const char *lengths = bytes.p + PLAN_HEADER_BYTES;
	const char *strings = lengths + (size_t)d.string_count * 4;
	d.records = strings + string_bytes;
	struct plan *p = heap_zalloc(sizeof(*p));
	p->strings = heap_strndup(str_n(strings, string_bytes));
	p->nodes = heap_alloc_large(d.node_count * sizeof(struct plan_node));
	d.nodes = p->nodes;
	d.strings = heap_alloc(d.string_count * sizeof(struct str));
	d.keyed_in = heap_alloc(d.string_count * sizeof(uint32_t));
	bool is_fine = decode_strings(&d, lengths, p->strings, string_bytes) && decode_nodes(&d);
	free(d.strings);
	free(d.keyed_in);
	if (!is_fine) {
		plan_free(p);
		return refuse(message, message_size, RC_INVALID, d.error);
	}
	p->digest = plan_load64(bytes.p + PLAN_AT_CHECKSUM);
	*out = p;
	return RC_OK;
}

uint64_t plan_digest(const struct plan *p)
{
	return p->digest;
}

void plan_free(struct plan *p)
{
	if (!p)
		return;
	free(p->strings);
	free(p->nodes);
	plan_parts_free(p->parts);
	free(p);
}

const struct plan_node *plan_root(const struct plan *p)
{
	return p->nodes;
}
