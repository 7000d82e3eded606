/* SPDX-License-Identifier: Apache-2.0 */
#include "base/rc.h"

#include "base/check.h"

const char *rc_name(enum rc rc)
{
	static const char *const names[] = {"ok", "again", "full", "invalid", "unsupported",
		"not found", "exists", "closed", "refused", "timeout", "i/o"};
	return (unsigned)rc < ARRAY_COUNT(names) ? names[rc] : "unknown";
}
