/* SPDX-License-Identifier: Apache-2.0 */
/* Whatever stands in a folder, and whatever is done to it: composing APIs apart gives the plan and
 * the findings of composing the whole, byte by byte. SLUICE_EDITS: how many edits. */
#include "apart_folder.h"
#include "apart_ways.h"

#include <stdlib.h>

#ifdef SLUICE_SANITIZE
#define EDITS_QUICK 30
#else
#define EDITS_QUICK 100
#endif

/* Most records are of the folder before the last edit; some are damaged, or cut off. */
static void harm_record(void)
{
	if (record.n == 0 || !one_in(10))
		return;
	if (one_in(2))
		record.p[below((unsigned)record.n)] ^= (char)(1u << below(8));
	else
		record.n = below((unsigned)record.n);
}

static void try_all_ways(uint64_t n)
{
	struct outcome whole, made, anew;
	compose(&whole, WHOLE, 0);
	compose(&made, APART, 0);
	compare(&whole, &made, "apart", n);
	forget(&made);
	compose(&anew, PARTS, 0);
	compare(&whole, &anew, "in-parts", n);
	harm_record();
	compose(&made, REUSING, n % 3 == 0 ? 0 : -2);
	compare(&whole, &made, "reusing", n);
	ck_assert(str_eq(buffer_str(&anew.with_parts), buffer_str(&made.with_parts)));
	forget(&anew);
	forget(&made);
	forget(&whole);
}

START_TEST(no_way_of_composing_gives_another_plan)
{
	uint64_t edits = EDITS_QUICK;
	const char *asked = getenv("SLUICE_EDITS");
	if (asked)
		ck_assert_int_eq(str_to_u64(str_of(asked), 1000000, &edits), RC_OK);
	buffer_init(&record, SIZE_MAX / 2);
	for (uint64_t n = 0; n < edits; n++) {
		if (n % FOLDER_EDITS == 0)
			open_folder(n);
		try_all_ways(n);
		edit_folder();
		if (n % FOLDER_EDITS == FOLDER_EDITS - 1 || n + 1 == edits)
			close_folder();
	}
	buffer_deinit(&record);
	/* The ways were different ones. */
	ck_assert_uint_gt(apart_total, edits);
	ck_assert_uint_gt(reused_total, edits / 4);
	ck_assert_uint_gt(surveyed_total, edits / 10);
}
END_TEST

UNIT_SUITE(apart, no_way_of_composing_gives_another_plan)
