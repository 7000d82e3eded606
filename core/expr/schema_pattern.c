/* SPDX-License-Identifier: Apache-2.0 */
#include "expr/schema_pattern.h"

#include "expr/regex.h"

/* core/json says "no regular expression: " before it. */
static void cut_kind(char *message)
{
	static const char kind[] = "invalid regular expression: ";
	size_t n = sizeof(kind) - 1;
	if (strncmp(message, kind, n) == 0)
		memmove(message, message + n, strlen(message + n) + 1);
}

void *schema_pattern_new(void *arg, struct str pattern, char *message, size_t message_size)
{
	struct regex *r = NULL;
	size_t offset = 0;
	if (regex_new(pattern, 0, &r, &offset, message, message_size) == RC_OK)
		return r;
	cut_kind(message);
	return NULL;
}

enum rc schema_pattern_match(void *arg, void *pattern, struct str subject)
{
	size_t from, to;
	return regex_search(pattern, subject, 0, &from, &to, NULL);
}

void schema_pattern_free(void *arg, void *pattern)
{
	regex_free(pattern);
}
