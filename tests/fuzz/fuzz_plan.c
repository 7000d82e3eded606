/* SPDX-License-Identifier: Apache-2.0 */
/* fuzz: links plan base */
/* Reading trusts no byte, and what was read is a plan: written again it reads as the same one.
 *
 *   first byte even   the rest is a binary form, with parts or without, whose lengths and checksums
 *                     are put right
 *   first byte odd    the rest are calls of the writer; what it takes reads back call by call */
#include "base/check.h"
#include "base/limits.h"
#include "base/memory.h"
#include "plan/plan_parts.h"
#include "plan/plan_priv.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n);

static bool is_same(const struct plan_node *a, const struct plan_node *b)
{
	const char *x = a->position.file, *y = b->position.file;
	if (a->type != b->type || !str_eq(a->key, b->key) || !x != !y || (x && strcmp(x, y) != 0) ||
		a->position.line != b->position.line || a->position.column != b->position.column)
		return false;
	switch (a->type) {
	case PLAN_NULL:
		return true;
	case PLAN_BOOL:
		return a->u.boolean == b->u.boolean;
	case PLAN_INTEGER:
		return a->u.integer == b->u.integer;
	case PLAN_REAL:
		return memcmp(&a->u.real, &b->u.real, sizeof(double)) == 0;
	case PLAN_STRING:
		return str_eq(a->u.string, b->u.string);
	default:
		break;
	}
	if (plan_count(a) != plan_count(b))
		return false;
	for (size_t i = 0; i < plan_count(a); i++)
		if (!is_same(plan_at(a, i), plan_at(b, i)))
			return false;
	return true;
}

static void encode(const struct plan_node *root, struct buffer *out)
{
	struct plan_writer *w = plan_writer_new();
	buffer_init(out, LIMIT_PLAN_BYTES);
	plan_write_copy(w, NULL, root);
	CHECK(plan_writer_finish(w, out) == RC_OK);
	plan_writer_free(w);
}

static void check_canonical(const struct plan_node *a, const struct plan_node *b)
{
	struct buffer first, second;
	buffer_init(&first, SIZE_MAX);
	buffer_init(&second, SIZE_MAX);
	plan_canonical(a, &first);
	plan_canonical(b, &second);
	CHECK(str_eq(buffer_str(&first), buffer_str(&second)));
	buffer_deinit(&first);
	buffer_deinit(&second);
}

static void check_plan(const struct plan *p)
{
	struct buffer once, twice, text;
	struct plan *again;
	char message[160];
	encode(plan_root(p), &once);
	CHECK(plan_decode(buffer_str(&once), &again, message, sizeof(message)) == RC_OK);
	CHECK(is_same(plan_root(p), plan_root(again)));
	check_canonical(plan_root(p), plan_root(again));
	encode(plan_root(again), &twice);
	CHECK(str_eq(buffer_str(&once), buffer_str(&twice)));
	buffer_init(&text, 1 << 20);
	plan_print_json(plan_root(p), NULL, NULL, &text);
	plan_free(again);
	buffer_deinit(&once);
	buffer_deinit(&twice);
	buffer_deinit(&text);
}

static void seal_tree(char *p, size_t n)
{
	if (n < PLAN_HEADER_BYTES)
		return;
	plan_store32(p + PLAN_AT_LENGTH, (uint32_t)n);
	plan_store64(p + PLAN_AT_CHECKSUM, plan_checksum(str_n(p, n)));
}

static void seal_parts(char *p, size_t n)
{
	if (n < PLAN_PARTS_HEADER_BYTES)
		return;
	uint64_t tree = plan_load32(p + PLAN_PARTS_AT_TREE_BYTES);
	uint64_t end = PLAN_PARTS_HEADER_BYTES + tree + plan_load32(p + PLAN_PARTS_AT_TABLE_BYTES);
	if (end > n)
		return;
	seal_tree(p + PLAN_PARTS_HEADER_BYTES, (size_t)tree);
	plan_store32(p + PLAN_AT_LENGTH, (uint32_t)n);
	plan_store64(p + PLAN_AT_CHECKSUM, plan_parts_checksum(str_n(p, n), (size_t)end));
}

/* Part by part, as a gateway reads it: what one tree of all holds is what they hold. */
static void read_parts(const struct plan *p)
{
	for (uint32_t i = 0; i < plan_part_count(p); i++)
		for (uint32_t k = 0; k < plan_part_at(p, i)->fragment_count; k++) {
			struct plan *fragment;
			if (plan_part_decode(plan_part_at(p, i), k, &fragment) != RC_OK)
				continue;
			check_plan(fragment);
			plan_free(fragment);
		}
}

static void read_form(struct str in)
{
	struct plan *p, *opened;
	char message[160];
	char *copy = heap_strndup(in);
	if (plan_has_parts(in))
		seal_parts(copy, in.n);
	else
		seal_tree(copy, in.n);
	struct str sealed = str_n(copy, in.n);
	bool is_open = plan_open(sealed, &opened, message, sizeof(message)) == RC_OK;
	if (plan_decode(sealed, &p, message, sizeof(message)) == RC_OK) {
		CHECK(is_open && plan_digest(p) == plan_digest(opened));
		check_plan(p);
		plan_free(p);
	}
	if (is_open) {
		read_parts(opened);
		plan_free(opened);
	}
	free(copy);
}

/* --- calls of the writer -----------------------------------------------------------------------
 */

#define CALLS_MAX 512

struct call {
	enum plan_type type;
	char key[3];
	bool has_key;
	struct str value;
};

static struct call calls[CALLS_MAX];
static size_t call_count;

static void check_calls(const struct plan_node *n, bool is_member, size_t *at)
{
	const struct call *c = &calls[(*at)++];
	CHECK(*at <= call_count && c->type == n->type && c->has_key == is_member);
	CHECK(str_eq(n->key, is_member ? str_of(c->key) : STR_EMPTY));
	if (n->type == PLAN_STRING)
		CHECK(str_eq(n->u.string, c->value));
	if (n->type == PLAN_INTEGER)
		CHECK(n->u.integer == (int64_t)c->value.n);
	for (size_t i = 0; i < plan_count(n); i++)
		check_calls(plan_at(n, i), n->type == PLAN_OBJECT, at);
}

static void write_call(struct plan_writer *w, const struct call *c)
{
	const char *key = c->has_key ? c->key : NULL;
	struct position at = {c->value.n % 2 ? "f.yaml" : NULL, (uint32_t)c->value.n, 3};
	switch (c->type) {
	case PLAN_INTEGER:
		plan_write_integer(w, key, at, (int64_t)c->value.n);
		break;
	case PLAN_STRING:
		plan_write_string(w, key, at, c->value);
		break;
	case PLAN_ARRAY:
		plan_open_array(w, key, at);
		break;
	case PLAN_OBJECT:
		plan_open_object(w, key, at);
		break;
	default:
		plan_write_null(w, key, at);
	}
}

/* Each call takes three bytes: what, key, length of the value, which follows it. */
static void write_calls(struct plan_writer *w, struct str in)
{
	call_count = 0;
	while (in.n >= 3 && call_count < CALLS_MAX) {
		unsigned what = (unsigned char)in.p[0];
		struct call *c = &calls[call_count];
		if (what % 8 == 7) {
			plan_close(w);
			in = str_from(in, 1);
			continue;
		}
		c->type = what % 8 == 0 || what % 8 == 3 || what % 8 == 1
				  ? PLAN_NULL
				  : (enum plan_type)(what % 8);
		c->has_key = what & 8;
		memcpy(c->key, (char[]){'k', in.p[1], '\0'}, 3);
		c->value = str_slice(in, 3, (unsigned char)in.p[2]);
		in = str_from(in, 3 + c->value.n);
		write_call(w, c);
		call_count++;
	}
}

static void run_writer(struct str in)
{
	struct plan_writer *w = plan_writer_new();
	struct buffer out;
	struct plan *p;
	char message[160];
	buffer_init(&out, LIMIT_PLAN_BYTES);
	write_calls(w, in);
	if (plan_writer_finish(w, &out) == RC_OK) {
		size_t at = 0;
		CHECK(plan_decode(buffer_str(&out), &p, message, sizeof(message)) == RC_OK);
		check_calls(plan_root(p), false, &at);
		CHECK(at == call_count);
		check_plan(p);
		plan_free(p);
	}
	plan_writer_free(w);
	buffer_deinit(&out);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
	if (n == 0)
		return 0;
	struct str rest = {(const char *)bytes + 1, n - 1};
	if (bytes[0] % 2)
		run_writer(rest);
	else
		read_form(rest);
	return 0;
}
