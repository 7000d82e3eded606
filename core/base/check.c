/* SPDX-License-Identifier: Apache-2.0 */
#include "base/check.h"

#include <stdio.h>
#include <stdlib.h>

void check_failed(const char *file, int line, const char *cond)
{
	fprintf(stderr, "%s:%d: CHECK failed: %s\n", file, line, cond);
	abort();
}
