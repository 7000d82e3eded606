/* SPDX-License-Identifier: Apache-2.0 */
/* Breadcrumbs with labels, and what the supervisor's list makes of their keys. */
#include "unit.h"

#include "handover/board.h"
#include "policy/breadcrumb.h"
#include "policy/quarantine.h"

#include <stdio.h>
#include <unistd.h>

START_TEST(numbers_have_labels_and_come_back)
{
	struct trail_label labels[4] = {0};
	breadcrumb_set_labels(labels, 4);
	uint32_t a = breadcrumb_take(11, 0, STR("default/a:x"));
	uint32_t b = breadcrumb_take(12, 0, STR("default/b:x"));
	uint32_t c = breadcrumb_take(13, 0, STR("default/c:x"));
	ck_assert(a && b && c && a != b && b != c);
	ck_assert_uint_eq(labels[b].key, 12);
	ck_assert_str_eq(labels[b].text, "default/b:x");
	ck_assert_uint_eq(breadcrumb_take(14, 0, STR("one too many")), 0);
	breadcrumb_give_back(b);
	breadcrumb_give_back(0);
	breadcrumb_give_back(99);
	ck_assert_uint_eq(labels[b].key, 0);
	ck_assert_uint_eq(breadcrumb_take(15, 0, STR("default/d:x")), b);
	breadcrumb_set_labels(NULL, 0);
	ck_assert_uint_eq(breadcrumb_take(16, 0, STR("nowhere to")), 0);
}
END_TEST

START_TEST(a_long_name_is_cut)
{
	struct trail_label labels[2] = {0};
	char name[300];
	memset(name, 'n', sizeof(name));
	breadcrumb_set_labels(labels, 2);
	ck_assert_uint_eq(breadcrumb_take(1, 0, str_n(name, sizeof(name))), 1);
	ck_assert_uint_eq(strlen(labels[1].text), TRAIL_LABEL_BYTES - 1);
	breadcrumb_set_labels(NULL, 0);
}
END_TEST

START_TEST(a_change_of_anything_is_another_key)
{
	struct instance_key key = {.plugin_sha256 = {1}, .config_sha256 = {3}};
	uint64_t own = quarantine_key_of_instance(&key);
	ck_assert_uint_eq(own, quarantine_key_of_instance(&key));
	struct instance_key other = key;
	other.plugin_sha256[0] = 9;
	ck_assert_uint_ne(own, quarantine_key_of_instance(&other));
	other = key;
	other.config_sha256[0] = 9;
	ck_assert_uint_ne(own, quarantine_key_of_instance(&other));
	ck_assert_uint_ne(own, quarantine_key_of_plugin(key.plugin_sha256));
}
END_TEST

START_TEST(the_list_is_read_as_the_supervisor_writes_it)
{
	int fd;
	struct board *board = board_create(&fd);
	struct trail_suspect suspect = {.key = 77};
	snprintf(suspect.label, sizeof(suspect.label), "default/a:x");
	ck_assert(!quarantine_is_on() && !quarantine_holds(77));
	quarantine_set_board(board);
	ck_assert(!quarantine_is_on());
	ck_assert_int_eq(board_quarantine_add(board, &suspect, 1), BOARD_HOLDS_BINDING);
	ck_assert(quarantine_is_on() && quarantine_holds(77) && !quarantine_holds(78));
	board_quarantine_lift(board, STR("default/a:x"));
	ck_assert(!quarantine_is_on() && !quarantine_holds(77));
	quarantine_set_board(NULL);
	board_unmap(board);
	close(fd);
}
END_TEST

UNIT_SUITE(quarantine, numbers_have_labels_and_come_back, a_long_name_is_cut,
	a_change_of_anything_is_another_key, the_list_is_read_as_the_supervisor_writes_it)
