/* SPDX-License-Identifier: Apache-2.0 */
/* What was dropped while an answer was on its way, as http-caching remembers it. */
#include "unit.h"

#include "http-caching/flights.h"

#include <stdio.h>
#include <string.h>

static struct sluice_str key_of(const char *kind, int number)
{
	static char text[40];
	snprintf(text, sizeof(text), "%s/%d", kind, number);
	return (struct sluice_str){text, strlen(text)};
}

static void drop_others(struct flights *f, int count)
{
	for (int i = 0; i < count; i++)
		flights_drop(f, key_of("/other", i));
}

START_TEST(what_was_dropped_behind_the_mark_is_dropped)
{
	struct flights *f = flights_new();
	uint64_t before = flights_mark(f);
	flights_drop(f, key_of("/a", 1));
	uint64_t behind = flights_mark(f);
	ck_assert(flights_is_dropped(f, key_of("/a", 1), before));
	ck_assert(!flights_is_dropped(f, key_of("/a", 1), behind));
	flights_drop(f, (struct sluice_str){NULL, 0});
	ck_assert(flights_is_dropped(f, key_of("/b", 1), behind));
	ck_assert(!flights_is_dropped(f, key_of("/b", 1), flights_mark(f)));
	flights_unref(f);
}
END_TEST

/* As by a client that changes many things while others read. */
START_TEST(what_others_dropped_is_of_no_concern)
{
	struct flights *f = flights_new();
	uint64_t mark = flights_mark(f);
	drop_others(f, 500);
	int dropped = 0;
	for (int i = 0; i < 100; i++)
		dropped += flights_is_dropped(f, key_of("/mine", i), mark);
	ck_assert_int_eq(dropped, 0);
	flights_unref(f);
}
END_TEST

START_TEST(what_is_not_remembered_any_more_counts_as_dropped)
{
	struct flights *f = flights_new();
	uint64_t mark = flights_mark(f);
	flights_drop(f, key_of("/a", 1));
	drop_others(f, 20000);
	ck_assert(flights_is_dropped(f, key_of("/a", 1), mark));
	ck_assert(!flights_is_dropped(f, key_of("/a", 1), flights_mark(f)));
	flights_unref(f);
}
END_TEST

UNIT_SUITE(http_caching_flights, what_was_dropped_behind_the_mark_is_dropped,
	what_others_dropped_is_of_no_concern, what_is_not_remembered_any_more_counts_as_dropped)
