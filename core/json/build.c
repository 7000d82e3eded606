/* SPDX-License-Identifier: Apache-2.0 */
#include "json/json_priv.h"

#include "base/memory.h"

#include <stdlib.h>

#define BLOCK_BYTES 4096
#define ALIGN       16

struct block {
	struct block *next;
	_Alignas(ALIGN) char bytes[];
};

struct json_builder {
	struct block *blocks; /* owned; the newest first */
	char *at;             /* free bytes of the newest ordinary block */
	size_t room;
};

struct json_builder *json_builder_new(void)
{
	return heap_zalloc(sizeof(struct json_builder));
}

void json_builder_free(struct json_builder *b)
{
	if (!b)
		return;
	for (struct block *next, *block = b->blocks; block; block = next) {
		next = block->next;
		free(block);
	}
	free(b);
}

static char *new_block(struct json_builder *b, size_t size)
{
	struct block *block = heap_alloc(sizeof(*block) + size);
	block->next = b->blocks;
	b->blocks = block;
	return block->bytes;
}

void *json_builder_alloc(struct json_builder *b, size_t size)
{
	size = (size + ALIGN - 1) & ~(size_t)(ALIGN - 1);
#ifdef SLUICE_SANITIZE
	/* A heap block each, so that a sanitizer sees an overrun. */
	return new_block(b, size);
#endif
	if (size > BLOCK_BYTES / 4)
		return new_block(b, size);
	if (size > b->room) {
		b->at = new_block(b, BLOCK_BYTES);
		b->room = BLOCK_BYTES;
	}
	char *p = b->at;
	b->at += size;
	b->room -= size;
	return p;
}

struct str json_builder_copy(struct json_builder *b, struct str s)
{
	char *p = json_builder_alloc(b, s.n + 1);
	if (s.n > 0)
		memcpy(p, s.p, s.n);
	p[s.n] = '\0';
	return str_n(p, s.n);
}

static bool copy_array(
	struct json_builder *b, const struct json_value *v, struct json_value *out, unsigned depth)
{
	uint32_t count = v->u.array.count;
	struct json_value *items = json_builder_alloc(b, count * sizeof(*items));
	for (uint32_t i = 0; i < count; i++)
		if (!json_copy_tree(b, &v->u.array.items[i], &items[i], depth + 1))
			return false;
	out->u.array.items = items;
	return true;
}

static bool copy_object(
	struct json_builder *b, const struct json_value *v, struct json_value *out, unsigned depth)
{
	uint32_t count = v->u.object.count;
	struct json_member *members = json_builder_alloc(b, count * sizeof(*members));
	for (uint32_t i = 0; i < count; i++) {
		const struct json_member *m = &v->u.object.members[i];
		members[i] = (struct json_member){.key = json_builder_copy(b, m->key)};
		if (!json_copy_tree(b, &m->value, &members[i].value, depth + 1))
			return false;
	}
	out->u.object.members = members;
	return true;
}

bool json_copy_tree(
	struct json_builder *b, const struct json_value *v, struct json_value *out, unsigned depth)
{
	*out = *v;
	out->origin = NULL;
	if (depth > JSON_DEPTH_MAX)
		return false;
	if (v->type == JSON_STRING)
		out->u.string = json_builder_copy(b, v->u.string);
	if (v->type == JSON_ARRAY)
		return copy_array(b, v, out, depth);
	return v->type != JSON_OBJECT || copy_object(b, v, out, depth);
}
