/* SPDX-License-Identifier: Apache-2.0 */
/* The memories that supervisor and gateways share. */
#include "unit.h"

#include "handover/board.h"

#include <stdio.h>
#include <sys/mman.h>
#include <unistd.h>

START_TEST(a_board_cannot_be_written_by_a_reader)
{
	int fd;
	struct board *own = board_create(&fd);
	ck_assert_ptr_nonnull(own);
	struct board *read = board_map(fd, false);
	atomic_store(&own->restarts, 7);
	ck_assert_uint_eq(atomic_load(&read->restarts), 7);
	ck_assert_int_ne(ftruncate(fd, 0), 0);
	board_unmap(own);
	board_unmap(read);
	close(fd);
}
END_TEST

START_TEST(another_memory_is_no_board_and_no_trail)
{
	int fd = memfd_create("other", MFD_CLOEXEC);
	ck_assert_ptr_null(board_map(fd, false));
	ck_assert_int_eq(ftruncate(fd, sizeof(struct trail)), 0);
	ck_assert_ptr_null(trail_map(fd));
	ck_assert_int_eq(ftruncate(fd, sizeof(struct board)), 0);
	ck_assert_ptr_null(board_map(fd, false));
	close(fd);
}
END_TEST

START_TEST(quarantines_come_and_go_by_label)
{
	int fd;
	struct board *b = board_create(&fd);
	struct trail_suspect one = {.key = 11}, two = {.key = 12};
	snprintf(one.label, sizeof(one.label), "default/a:x");
	snprintf(two.label, sizeof(two.label), "default/b:x");
	ck_assert_int_eq(board_quarantine_add(b, &one, 1), BOARD_HOLDS_BINDING);
	ck_assert_int_eq(board_quarantine_add(b, &one, 2), BOARD_HOLDS_BINDING); /* already */
	ck_assert_int_eq(board_quarantine_add(b, &two, 3), BOARD_HOLDS_BINDING);
	ck_assert_uint_eq(atomic_load(&b->quarantined), 2);
	ck_assert(board_holds(b, 11) && board_holds(b, 12) && !board_holds(b, 13));
	ck_assert(!board_holds(b, 0));
	ck_assert_uint_eq(board_quarantine_lift(b, STR("default/c:x")), 0);
	ck_assert_uint_eq(board_quarantine_lift(b, STR("default/a:x")), 1);
	ck_assert(!board_holds(b, 11) && board_holds(b, 12));
	for (uint64_t key = 100; key < 100 + BOARD_QUARANTINE_MAX - 1; key++) {
		one.key = key;
		ck_assert_int_eq(board_quarantine_add(b, &one, 4), BOARD_HOLDS_BINDING);
	}
	one.key = 999;
	ck_assert_int_eq(board_quarantine_add(b, &one, 5), BOARD_IS_FULL);
	ck_assert_ptr_null(board_quarantine_merge(b, 6)); /* nobody knows whose they are */
	ck_assert_uint_eq(atomic_load(&b->quarantined), BOARD_QUARANTINE_MAX);
	board_unmap(b);
	close(fd);
}
END_TEST

/* Of plugin 1000 + n. */
static enum board_held hold(struct board *b, uint64_t key, uint64_t plugin)
{
	struct trail_suspect s = {.key = key, .plugin_key = 1000 + plugin};
	snprintf(s.label, sizeof(s.label), "binding %d", (int)key);
	snprintf(s.plugin, sizeof(s.plugin), "plugin:%d", (int)plugin);
	return board_quarantine_add(b, &s, 1);
}

START_TEST(many_bindings_of_one_plugin_are_the_plugin)
{
	int fd;
	struct board *b = board_create(&fd);
	ck_assert_int_eq(hold(b, 900, 2), BOARD_HOLDS_BINDING);
	for (uint64_t key = 1; key <= BOARD_OF_PLUGIN_MAX; key++)
		ck_assert_int_eq(hold(b, key, 1), BOARD_HOLDS_BINDING);
	ck_assert(!board_holds(b, 1001));
	ck_assert_int_eq(hold(b, 99, 1), BOARD_HOLDS_PLUGIN);
	ck_assert(board_holds(b, 1001) && board_holds(b, 900) && !board_holds(b, 1));
	ck_assert(board_holds_either(b, 3, 1001) && !board_holds_either(b, 3, 1003));
	ck_assert_uint_eq(atomic_load(&b->quarantined), 2);
	ck_assert_int_eq(hold(b, 100, 1), BOARD_HOLDS_PLUGIN);
	ck_assert_uint_eq(board_quarantine_lift(b, STR("plugin:1")), 1);
	ck_assert(!board_holds(b, 1001));
	board_unmap(b);
	close(fd);
}
END_TEST

START_TEST(a_full_quarantine_makes_room_by_the_worst_plugin)
{
	int fd;
	struct board *b = board_create(&fd);
	for (uint64_t i = 0; i < BOARD_QUARANTINE_MAX - 3; i++)
		ck_assert_int_eq(hold(b, 1 + i, 100 + i), BOARD_HOLDS_BINDING);
	for (uint64_t i = 0; i < 3; i++)
		ck_assert_int_eq(hold(b, 500 + i, 7), BOARD_HOLDS_BINDING);
	ck_assert_int_eq(hold(b, 800, 8), BOARD_IS_FULL);
	ck_assert_str_eq(board_quarantine_merge(b, 1), "plugin:7");
	ck_assert(board_holds(b, 1007) && board_holds(b, 1) && !board_holds(b, 501));
	ck_assert_int_eq(hold(b, 800, 8), BOARD_HOLDS_BINDING);
	ck_assert_int_eq(hold(b, 801, 9), BOARD_HOLDS_BINDING);
	ck_assert_int_eq(hold(b, 802, 10), BOARD_IS_FULL);
	ck_assert_ptr_null(board_quarantine_merge(b, 1));
	/* One more of a plugin that has an entry takes that for the whole plugin. */
	ck_assert_int_eq(hold(b, 810, 8), BOARD_HOLDS_PLUGIN);
	ck_assert(board_holds(b, 1008));
	board_unmap(b);
	close(fd);
}
END_TEST

static struct trail *a_trail(unsigned row, uint64_t word)
{
	struct trail *t = trail_private();
	snprintf(t->callbacks[0], sizeof(t->callbacks[0]), "request_head");
	t->labels[5].key = 55;
	t->labels[5].plugin = 4;
	t->labels[4].key = 44;
	snprintf(t->labels[5].text, sizeof(t->labels[5].text), "default/a:x");
	snprintf(t->labels[4].text, sizeof(t->labels[4].text), "plugin:x");
	atomic_store(&t->threads[row].word, word);
	atomic_store(&t->fatal_thread, row + 1);
	atomic_store(&t->fatal_end, TRAIL_END_FAULT);
	return t;
}

START_TEST(the_suspect_is_whom_the_dead_thread_ran)
{
	struct trail *t = a_trail(2, 5 << 8 | 1);
	struct trail_suspect s;
	trail_read_suspect(t, &s);
	ck_assert_uint_eq(s.key, 55);
	ck_assert_str_eq(s.label, "default/a:x");
	ck_assert_str_eq(s.callback, "request_head");
	ck_assert_uint_eq(s.plugin_key, 44);
	ck_assert_str_eq(s.plugin, "plugin:x");
	atomic_store(&t->threads[2].word, 0); /* no plugin code ran */
	trail_read_suspect(t, &s);
	ck_assert_uint_eq(s.key, 0);
	atomic_store(&t->threads[2].word, 5 << 8 | 1);
	atomic_store(&t->fatal_end, TRAIL_END_OUTSIDE);
	trail_read_suspect(t, &s);
	ck_assert_uint_eq(s.key, 0);
	trail_unmap(t);
}
END_TEST

/* A gateway that has lost its mind may have written anything. */
START_TEST(a_trail_full_of_rubbish_is_read_safely)
{
	struct trail *t = trail_private();
	struct trail_suspect s;
	memset((char *)t->callbacks, 'x', sizeof(t->callbacks));
	memset((char *)t->labels, 'y', 64 * sizeof(t->labels[0]));
	for (unsigned i = 0; i < 4096; i++) {
		atomic_store(&t->fatal_end, i % 8);
		atomic_store(&t->fatal_thread, i * 37 % 512);
		for (unsigned row = 0; row < TRAIL_THREADS; row++)
			atomic_store(&t->threads[row].word,
				(uint64_t)i * 0x9e3779b97f4a7c15 >> (i % 40));
		trail_read_suspect(t, &s);
		ck_assert_uint_lt(strlen(s.label), sizeof(s.label));
		ck_assert_uint_lt(strlen(s.callback), sizeof(s.callback));
	}
	trail_unmap(t);
}
END_TEST

UNIT_SUITE(memory, a_board_cannot_be_written_by_a_reader, another_memory_is_no_board_and_no_trail,
	quarantines_come_and_go_by_label, many_bindings_of_one_plugin_are_the_plugin,
	a_full_quarantine_makes_room_by_the_worst_plugin, the_suspect_is_whom_the_dead_thread_ran,
	a_trail_full_of_rubbish_is_read_safely)
