/* SPDX-License-Identifier: Apache-2.0 */
#include "testing/testing_priv.h"

/* Each point of a kind that the run without a fault has; a run with one may have others behind it.
 */
static unsigned sweep(
	void (*scenario)(void *arg), void *arg, enum testing_fault kind, unsigned points)
{
	for (unsigned at = 0; at < points; at++) {
		testing_fault_plan(kind, at);
		scenario(arg);
	}
	return points;
}

unsigned sluice_test_faults(void (*scenario)(void *arg), void *arg)
{
	unsigned points[FAULT_TIME + 1], runs = 1;
	testing_fault_plan(FAULT_NONE, 0);
	scenario(arg);
	for (int kind = FAULT_ALLOCATION; kind <= FAULT_TIME; kind++)
		points[kind] = testing_fault_points((enum testing_fault)kind);
	for (int kind = FAULT_ALLOCATION; kind <= FAULT_TIME; kind++)
		runs += sweep(scenario, arg, (enum testing_fault)kind, points[kind]);
	testing_fault_plan(FAULT_NONE, 0);
	return runs;
}
