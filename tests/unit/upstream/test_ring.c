/* SPDX-License-Identifier: Apache-2.0 */
#include "unit.h"

#include "upstream/ring.h"

#include <stdio.h>
#include <stdlib.h>

#define MEMBERS 5
#define KEYS    20000

static const char *const names[MEMBERS] = {
	"10.0.0.1:80", "10.0.0.2:80", "10.0.0.3:80", "10.0.0.4:80", "10.0.0.5:80"};

static struct ring *ring_of(unsigned count, unsigned first_weight, bool is_maglev)
{
	struct ring_member members[MEMBERS];
	for (unsigned i = 0; i < count; i++)
		members[i] = (struct ring_member){str_of(names[i]), i == 0 ? first_weight : 1, i};
	return ring_new(members, count, is_maglev);
}

/* `arg`: bits of those who may not. */
static bool may(void *arg, unsigned member)
{
	return !(*(unsigned *)arg >> member & 1);
}

static int find(const struct ring *r, unsigned key, unsigned out)
{
	char text[16];
	snprintf(text, sizeof(text), "user-%u", key);
	return ring_find(r, ring_hash(str_of(text)), may, &out);
}

START_TEST(shares_follow_the_weights)
{
	for (int is_maglev = 0; is_maglev < 2; is_maglev++) {
		unsigned counts[MEMBERS] = {0};
		struct ring *r = ring_of(4, 3, is_maglev);
		for (unsigned k = 0; k < KEYS; k++)
			counts[find(r, k, 0)]++;
		for (unsigned i = 0; i < 4; i++) {
			unsigned share = counts[i] * 6 / (i == 0 ? 3 : 1);
			ck_assert_msg(share > KEYS * 8 / 10 && share < KEYS * 12 / 10,
				"maglev %d: member %u has %u", is_maglev, i, counts[i]);
		}
		ring_free(r);
	}
}
END_TEST

START_TEST(who_may_not_loses_its_keys_and_nobody_else_does)
{
	for (int is_maglev = 0; is_maglev < 2; is_maglev++) {
		struct ring *r = ring_of(4, 1, is_maglev);
		for (unsigned k = 0; k < 2000; k++) {
			int before = find(r, k, 0), without = find(r, k, 1 << 2);
			ck_assert_int_ne(without, 2);
			if (before != 2)
				ck_assert_int_eq(without, before);
		}
		ck_assert_int_eq(find(r, 1, 0xf), -1);
		ring_free(r);
	}
}
END_TEST

START_TEST(another_member_moves_few_keys)
{
	for (int is_maglev = 0; is_maglev < 2; is_maglev++) {
		unsigned moved = 0;
		struct ring *four = ring_of(4, 1, is_maglev), *five = ring_of(5, 1, is_maglev);
		for (unsigned k = 0; k < KEYS; k++)
			moved += find(four, k, 0) != find(five, k, 0);
		/* A fifth has to; Maglev moves a few more. */
		ck_assert_uint_gt(moved, KEYS * 12 / 100);
		ck_assert_uint_lt(moved, KEYS * 40 / 100);
		ring_free(four);
		ring_free(five);
	}
}
END_TEST

UNIT_SUITE(ring, shares_follow_the_weights, who_may_not_loses_its_keys_and_nobody_else_does,
	another_member_moves_few_keys)
