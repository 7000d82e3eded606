/* SPDX-License-Identifier: Apache-2.0 */
/* tests/unit/json/support.h - JSON for tests, and files of the shared test data. */
#pragma once

#include "json/json.h"
#include "json/schema.h"

/* Of a literal in which ' stands for ", so that tests stay readable; fails the test when it is
 * none. */
struct json_document *json_of(const char *text);
/* The bytes of a file, or a failed test that names it; free() them. */
struct str read_shared(const char *folder, const char *name);
/* Whether this checkout has the public suite beside it; when not, says that it is skipped. */
bool has_shared(const char *folder);
/* Names of the files in a folder of the shared data, sorted; free_names frees them. Fails the test
 * when the folder is absent. */
size_t shared_names(const char *folder, char ***names);
void free_names(char **names, size_t count);

/* Patterns are libc's extended regular expressions; every format but "unknown" exists and is
 * "upper" only in the format `upper`. */
extern const struct schema_hooks test_hooks;

/* Schemas as literals in which ' stands for ". */
struct schema *schema_of(const char *text);
