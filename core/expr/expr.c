/* SPDX-License-Identifier: Apache-2.0 */
/* expr/expr.c - an expression from its source to its value. */
#include <stdlib.h>

#include "base/memory.h"
#include "expr/expr_priv.h"

/* --- memory of the tree ---------------------------------------------------------------------- */
#define BLOCK_BYTES 1024

struct expr_block {
	struct expr_block *next;
	size_t used, capacity;
	_Alignas(16) char data[];
};

void *expr_alloc(struct expr *e, size_t size)
{
	size = (size + 15) & ~(size_t)15;
	struct expr_block *block = e->blocks;
	if (!block || block->capacity - block->used < size) {
		size_t capacity = size > BLOCK_BYTES ? size : BLOCK_BYTES;
		block = heap_alloc(sizeof(*block) + capacity);
		*block = (struct expr_block){.next = e->blocks, .capacity = capacity};
		e->blocks = block;
	}
	void *p = block->data + block->used;
	block->used += size;
	return p;
}

struct str expr_copy(struct expr *e, struct str s)
{
	char *p = expr_alloc(e, s.n);
	if (s.n)
		memcpy(p, s.p, s.n);
	return str_n(p, s.n);
}

void expr_free(struct expr *e)
{
	if (!e)
		return;
	for (uint32_t i = 0; i < e->regex_count; i++)
		regex_free(e->regexes[i]);
	free(e->regexes);
	for (struct expr_block *block = e->blocks, *next; block; block = next) {
		next = block->next;
		free(block);
	}
	free(e);
}

/* --- compiling ------------------------------------------------------------------------------- */
bool expr_is_expression(struct str text)
{
	return str_starts(text, STR("#[")) && str_ends(text, STR("]"));
}

static unsigned uses_of(const struct node *n)
{
	unsigned uses = 0;
	if (n->kind == NODE_ROOT || n->kind == NODE_MEMBER)
		uses = 1u << n->u.member.root;
	for (uint32_t i = 0; i < n->count; i++)
		uses |= uses_of(n->args[i]);
	return uses;
}

static bool compile(struct builder *b, unsigned want)
{
	if (b->source.n > EXPR_SOURCE_BYTES_MAX) {
		error_set(b->error, EXPR_SOURCE_BYTES_MAX, "an expression has at most %d bytes",
			EXPR_SOURCE_BYTES_MAX);
		return false;
	}
	struct node *root = parse_source(b);
	if (root && root->kind == NODE_JOIN)
		root = build_fold(b, root, EXPR_BYTES_MAX);
	if (!root)
		return false;
	if (want && !(root->types & want)) {
		error_set_type(
			b->error, root->offset, "its place", OPERAND_ONLY, want, root->types);
		return false;
	}
	b->expr->root = root;
	b->expr->want = want;
	b->expr->uses = uses_of(root);
	return true;
}

enum rc expr_compile(struct str source, unsigned want, struct expr **out, struct expr_error *error)
{
	struct pool *pool = pool_new();
	struct expr *e = heap_zalloc(sizeof(*e));
	/* The tree has views of the source: names, and patterns until they are compiled. */
	struct builder b = {.expr = e, .source = source, .error = error};
	if (source.n <= EXPR_SOURCE_BYTES_MAX)
		b.source = expr_copy(e, source);
	arena_init(&b.scratch, pool, 2 * EXPR_BYTES_MAX);
	bool ok = compile(&b, want);
	arena_reset(&b.scratch);
	pool_free(pool);
	if (!ok) {
		expr_free(e);
		return RC_INVALID;
	}
	*out = e;
	return RC_OK;
}

unsigned expr_uses(const struct expr *e)
{
	return e->uses;
}

bool expr_is_constant(const struct expr *e)
{
	return e->root->kind == NODE_CONSTANT;
}

/* --- evaluating ------------------------------------------------------------------------------ */
enum rc expr_eval(const struct expr *e, const struct expr_scope *scope, struct arena *arena,
	struct expr_value *out, struct expr_error *error)
{
	struct expr_value value;
	struct eval v = {.scope = scope,
		.arena = arena,
		.error = error,
		.steps = EXPR_STEPS_MAX,
		.bytes = EXPR_BYTES_MAX};
	if (!eval_node(&v, e->root, &value))
		return v.rc;
	/* What the scope had no memory for is null now, and means nothing. */
	if (UNLIKELY(arena->failed)) {
		eval_fail_full(&v, "the memory of the exchange is spent");
		return v.rc;
	}
	unsigned type = 1u << value.type;
	if (e->want && !(type & (e->want | NUL))) {
		error_set_type(error, e->root->offset, "its place", OPERAND_ONLY, e->want, type);
		return RC_INVALID;
	}
	*out = value;
	return RC_OK;
}
