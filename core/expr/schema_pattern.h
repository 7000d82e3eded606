/* SPDX-License-Identifier: Apache-2.0 */
/* expr/schema_pattern.h - `pattern` of a JSON Schema as a bounded regular expression, for the hooks of
 * json/schema.h. A pattern may match any part of a text. */
#pragma once

#include "base/str.h"

void *schema_pattern_new(void *arg, struct str pattern, char *message, size_t message_size);
enum rc schema_pattern_match(void *arg, void *pattern, struct str subject);
void schema_pattern_free(void *arg, void *pattern);
