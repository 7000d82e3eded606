/* SPDX-License-Identifier: Apache-2.0 */
/* http-caching/directives.h - lists of fields, and what their members say.
 *
 * Threads      pure functions of views.
 */
#pragma once

#include "sluice/sluice.h"

/* RFC 9111 1.2.2: what is larger, or overflows, counts as this. */
#define SECONDS_MAX INT64_C(2147483648)

struct directive {
	struct sluice_str name;
	struct sluice_str value; /* without its quotes, pairs with a backslash left as they are */
	int has_value;
};

/* The next member that is not empty, without the spaces around it; a comma in a quoted string parts nothing.
 * 0: there is none. */
int member_next(struct sluice_str *rest, struct sluice_str *member);
/* name, name=token or name="text", without space around the sign. 0: it is none of them; *d then has the name
 * alone, if there is one, for those whose name alone is a reason for care. */
int directive_parse(struct sluice_str member, struct directive *d);
/* Digits only; 0: anything else. */
int seconds_parse(struct sluice_str text, int64_t *seconds);
