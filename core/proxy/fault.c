/* SPDX-License-Identifier: Apache-2.0 */
#include "proxy/fault.h"

#include "base/check.h"

static const struct fault_row rows[FAULT_COUNT] = {
#define X(code, side, status, reason, message)                                                     \
	[FAULT_##code] = {FAULT_SIDE_##side, status, reason, message},
	FAULTS(X)
#undef X
};

const struct fault_row *fault_row(enum fault f)
{
	CHECK(f < FAULT_COUNT);
	return &rows[f];
}
