/* SPDX-License-Identifier: Apache-2.0 */
#include "unit.h"

#include "base/chunk.h"
#include "base/prng.h"

static struct pool *pool;
static struct chunk_queue q;

static void begin(void)
{
	pool = pool_new();
	chunk_queue_init(&q, pool);
}

static void end(void)
{
	chunk_queue_clear(&q);
	ck_assert_uint_eq(pool_bytes_used(pool), 0);
	pool_free(pool);
}

static void assert_queue(const struct chunk_queue *queue, const char *text)
{
	char bytes[4096];
	size_t sum = 0;
	ck_assert_uint_eq(queue->bytes, strlen(text));
	chunk_queue_peek(queue, bytes, queue->bytes);
	ck_assert_mem_eq(bytes, text, queue->bytes);
	for (const struct chunk *c = queue->head; c; c = c->next) {
		sum += c->n;
		if (!c->next)
			ck_assert_ptr_eq(c, queue->tail);
	}
	ck_assert_uint_eq(sum, queue->bytes);
}

static struct block *filled(const char *text)
{
	struct block *b = block_new(pool, strlen(text));
	memcpy(b->data, text, strlen(text));
	b->used = (uint32_t)strlen(text);
	return b;
}

START_TEST(blocks_come_in_three_sizes)
{
	static const size_t sizes[] = {0, 1, 4000, 4096, 16384, 16385, 65536};
	begin();
	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		struct block *b = block_new(pool, sizes[i]);
		ck_assert_uint_ge(b->capacity, sizes[i]);
		memset(b->data, 1, b->capacity);
		block_unref(b);
	}
	end();
}
END_TEST

static int let_go_count;

static void let_go(void *owner)
{
	ck_assert_str_eq(owner, "somebody else's bytes");
	let_go_count++;
}

START_TEST(foreign_bytes_are_let_go_with_their_last_slice)
{
	static char bytes[] = "somebody else's bytes";
	struct chunk_queue other;
	begin();
	chunk_queue_init(&other, pool);
	let_go_count = 0;
	struct block *b = block_new_foreign(pool, let_go, bytes);
	chunk_queue_add_slice(&q, b, bytes, 8);
	chunk_queue_add_slice(&q, b, bytes + 8, 8);
	block_unref(b);
	chunk_queue_move_n(&other, &q, 12);
	chunk_queue_add_copy(&q, STR("!"));
	assert_queue(&other, "somebody els");
	assert_queue(&q, "e's !");
	chunk_queue_clear(&q);
	ck_assert_int_eq(let_go_count, 0);
	chunk_queue_clear(&other);
	ck_assert_int_eq(let_go_count, 1);
	end();
}
END_TEST

START_TEST(slices_share_and_hold_their_block)
{
	begin();
	struct block *b = filled("hello world");
	chunk_queue_add_slice(&q, b, b->data + 6, 5);
	chunk_queue_add_slice(&q, b, b->data, 5);
	chunk_queue_add_slice(&q, b, b->data, 0);
	ck_assert_uint_eq(b->refs, 3);
	block_unref(b);
	assert_queue(&q, "worldhello");
	chunk_queue_drop(&q, 5);
	ck_assert_uint_eq(b->refs, 1);
	end();
}
END_TEST

START_TEST(copies_fill_the_room_behind_the_last_chunk)
{
	begin();
	chunk_queue_add_copy(&q, STR("ab"));
	chunk_queue_add_copy(&q, STR("cd"));
	ck_assert_ptr_eq(q.head, q.tail);
	assert_queue(&q, "abcd");
	chunk_queue_drop(&q, 3);
	chunk_queue_add_copy(&q, STR("ef"));
	ck_assert_ptr_eq(q.head, q.tail);
	assert_queue(&q, "def");
	end();
}
END_TEST

START_TEST(copies_never_write_where_another_slice_may_look)
{
	begin();
	chunk_queue_add_copy(&q, STR("ab"));
	struct block *b = block_ref(q.tail->block);
	chunk_queue_add_copy(&q, STR("cd"));
	ck_assert_ptr_ne(q.head, q.tail);
	block_unref(b);
	assert_queue(&q, "abcd");
	end();
}
END_TEST

START_TEST(copies_of_any_size_arrive)
{
	static const size_t sizes[] = {0, 1, 4071, 4072, 4073, 65535, 65536, 65537, 200000};
	static char in[200000], out[200000];
	for (size_t i = 0; i < sizeof(in); i++)
		in[i] = (char)(i * 7);
	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		begin();
		chunk_queue_add_copy(&q, str_n(in, sizes[i]));
		ck_assert_uint_eq(q.bytes, sizes[i]);
		chunk_queue_peek(&q, out, sizes[i]);
		ck_assert_int_eq(memcmp(in, out, sizes[i]), 0);
		end();
	}
}
END_TEST

START_TEST(static_bytes_need_no_block)
{
	begin();
	chunk_queue_add_static(&q, STR("abc"));
	chunk_queue_add_static(&q, STR_EMPTY);
	chunk_queue_add_copy(&q, STR("d"));
	assert_queue(&q, "abcd");
	end();
}
END_TEST

START_TEST(formats_in_place_behind_a_fresh_block)
{
	begin();
	chunk_queue_add_block(&q, block_new(pool, 100));
	ck_assert(!chunk_queue_is_empty(&q));
	ck_assert_uint_eq(q.bytes, 0);
	memcpy(q.tail->block->data, "xyz", 3);
	q.tail->block->used += 3;
	q.tail->n += 3;
	q.bytes += 3;
	chunk_queue_add_copy(&q, STR("!"));
	ck_assert_ptr_eq(q.head, q.tail);
	assert_queue(&q, "xyz!");
	end();
}
END_TEST

START_TEST(moves_every_part_of_a_queue)
{
	for (size_t n = 0; n <= 8; n++) {
		struct chunk_queue to;
		char all[9];
		begin();
		chunk_queue_init(&to, pool);
		chunk_queue_add_static(&q, STR("abc"));
		chunk_queue_add_copy(&q, STR("de"));
		chunk_queue_add_static(&q, STR("fgh"));
		chunk_queue_move_n(&to, &q, n);
		ck_assert_uint_eq(to.bytes, n);
		ck_assert_uint_eq(q.bytes, 8 - n);
		chunk_queue_move(&to, &q);
		ck_assert(chunk_queue_is_empty(&q));
		chunk_queue_peek(&to, all, 8);
		ck_assert_mem_eq(all, "abcdefgh", 8);
		chunk_queue_move(&to, &q); /* nothing */
		chunk_queue_clear(&to);
		end();
	}
}
END_TEST

START_TEST(moving_passes_over_a_chunk_that_was_reserved_and_never_filled)
{
	struct chunk_queue to;
	begin();
	chunk_queue_init(&to, pool);
	chunk_queue_add_block(&q, block_new(pool, 10));
	chunk_queue_add_static(&q, STR("ab"));
	chunk_queue_move_n(&to, &q, 1);
	assert_queue(&to, "a");
	chunk_queue_clear(&to);
	end();
}
END_TEST

START_TEST(any_order_of_operations_keeps_the_bytes)
{
	struct prng r = {{1, 2, 3, 4}};
	struct chunk_queue other;
	char model[2][4096];
	size_t n[2] = {0, 0};
	begin();
	chunk_queue_init(&other, pool);
	struct chunk_queue *queues[2] = {&q, &other};
	for (int step = 0; step < 3000; step++) {
		size_t i = prng_next(&r) & 1, size = prng_next(&r) % 40;
		char text[40];
		memset(text, 'a' + step % 26, size);
		size_t part = n[i] ? prng_next(&r) % (n[i] + 1) : 0;
		switch (prng_next(&r) % 3) {
		case 0:
			if (n[i] + size > 2000)
				break;
			chunk_queue_add_copy(queues[i], str_n(text, size));
			memcpy(model[i] + n[i], text, size);
			n[i] += size;
			break;
		case 1:
			chunk_queue_drop(queues[i], part);
			memmove(model[i], model[i] + part, n[i] - part);
			n[i] -= part;
			break;
		default:
			if (n[!i] + part > 2000)
				break;
			chunk_queue_move_n(queues[!i], queues[i], part);
			memcpy(model[!i] + n[!i], model[i], part);
			n[!i] += part;
			memmove(model[i], model[i] + part, n[i] - part);
			n[i] -= part;
		}
		model[0][n[0]] = model[1][n[1]] = '\0';
		assert_queue(&q, model[0]);
		assert_queue(&other, model[1]);
	}
	chunk_queue_clear(&other);
	end();
}
END_TEST

UNIT_SUITE(chunk, foreign_bytes_are_let_go_with_their_last_slice,
	blocks_come_in_three_sizes, slices_share_and_hold_their_block,
	copies_fill_the_room_behind_the_last_chunk, copies_never_write_where_another_slice_may_look,
	copies_of_any_size_arrive, static_bytes_need_no_block,
	formats_in_place_behind_a_fresh_block, moves_every_part_of_a_queue,
	moving_passes_over_a_chunk_that_was_reserved_and_never_filled,
	any_order_of_operations_keeps_the_bytes)
