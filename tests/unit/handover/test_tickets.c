/* SPDX-License-Identifier: Apache-2.0 */
#include "unit.h"

#include "handover/tickets.h"

#define HOUR_US ((int64_t)3600 * 1000000)

START_TEST(the_newest_seals_and_the_one_before_opens)
{
	static struct ticket_ring ring;
	struct ticket_key all[7];
	bool is_newest;
	ck_assert_ptr_null(ticket_ring_newest(&ring));
	for (int i = 0; i < 7; i++) {
		ck_assert_int_eq(ticket_ring_rotate(&ring, i), RC_OK);
		all[i] = *ticket_ring_newest(&ring);
		for (int k = 0; k <= i; k++) {
			const struct ticket_key *found =
				ticket_ring_find(&ring, all[k].name, &is_newest);
			ck_assert_int_eq(found != NULL, k >= i - 1);
			if (found)
				ck_assert_int_eq(is_newest, k == i);
		}
		for (int k = 0; k < i; k++)
			ck_assert_int_ne(memcmp(&all[k], &all[i], sizeof(all[i])), 0);
	}
}
END_TEST

START_TEST(keys_are_due_by_the_clock_and_when_it_was_set_back)
{
	static struct ticket_ring ring;
	ck_assert_int_eq(ticket_ring_due_ms(&ring, 0), 0);
	ck_assert_int_eq(ticket_ring_rotate(&ring, 100 * HOUR_US), RC_OK);
	ck_assert_int_eq(ticket_ring_due_ms(&ring, 100 * HOUR_US), 12 * 3600000);
	ck_assert_int_eq(ticket_ring_due_ms(&ring, 111 * HOUR_US), 3600000);
	ck_assert_int_eq(ticket_ring_due_ms(&ring, 112 * HOUR_US), 0);
	ck_assert_int_eq(ticket_ring_due_ms(&ring, 99 * HOUR_US), 0);
}
END_TEST

UNIT_SUITE(tickets, the_newest_seals_and_the_one_before_opens,
	keys_are_due_by_the_clock_and_when_it_was_set_back)
