/* SPDX-License-Identifier: Apache-2.0 */
#include "unit.h"

#include "base/list.h"

struct item {
	struct link link;
	char name;
};

static struct item items[4];

static void begin(struct link *list)
{
	list_init(list);
	for (int i = 0; i < 4; i++) {
		items[i].name = (char)('a' + i);
		list_init(&items[i].link);
	}
}

static void assert_list(struct link *list, const char *names)
{
	LIST_FOREACH(l, list)
	ck_assert_int_eq(CONTAINER_OF(l, struct item, link)->name, *names++);
	ck_assert_int_eq(*names, '\0');
}

START_TEST(appends_prepends_and_pops)
{
	struct link list;
	begin(&list);
	ck_assert_ptr_null(list_pop(&list));
	list_append(&list, &items[0].link);
	list_append(&list, &items[1].link);
	list_prepend(&list, &items[2].link);
	assert_list(&list, "cab");
	ck_assert_ptr_eq(list_pop(&list), &items[2].link);
	assert_list(&list, "ab");
}
END_TEST

START_TEST(removing_twice_is_harmless)
{
	struct link list;
	begin(&list);
	list_append(&list, &items[0].link);
	list_append(&list, &items[1].link);
	list_remove(&items[0].link);
	list_remove(&items[0].link);
	ck_assert(list_is_empty(&items[0].link));
	assert_list(&list, "b");
}
END_TEST

START_TEST(moves_all_in_order)
{
	struct link a, b;
	begin(&a);
	list_init(&b);
	list_append(&a, &items[0].link);
	list_append(&b, &items[1].link);
	list_append(&b, &items[2].link);
	list_move_all(&a, &b);
	ck_assert(list_is_empty(&b));
	assert_list(&a, "abc");
	list_move_all(&a, &b);
	assert_list(&a, "abc");
	list_move_all(&b, &a);
	assert_list(&b, "abc");
	ck_assert(list_is_empty(&a));
}
END_TEST

START_TEST(may_remove_while_walking)
{
	struct link list;
	begin(&list);
	for (int i = 0; i < 4; i++)
		list_append(&list, &items[i].link);
	LIST_FOREACH_SAFE(l, &list)
	if (CONTAINER_OF(l, struct item, link)->name % 2)
		list_remove(l);
	assert_list(&list, "bd");
}
END_TEST

UNIT_SUITE(list, appends_prepends_and_pops, removing_twice_is_harmless, moves_all_in_order,
	may_remove_while_walking)
