/* SPDX-License-Identifier: Apache-2.0 */
#include "unit.h"

#include "support.h"

#include "base/memory.h"

#include <dirent.h>
#include <regex.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

struct json_document *json_of(const char *text)
{
	struct json_document *d = NULL;
	struct json_error error;
	char *copy = heap_strdup(text);
	for (char *p = copy; *p; p++)
		if (*p == '\'')
			*p = '"';
	if (json_parse(str_of(copy), &d, &error) != RC_OK)
		ck_abort_msg("%s: %s at %zu", text, error.message, error.offset);
	free(copy);
	return d;
}

bool has_shared(const char *folder)
{
	struct stat st;
	char *path = heap_printf("%s/%s", SHARED_DATA, folder);
	bool is_there = stat(path, &st) == 0;
	if (!is_there)
		printf("skipped: there is no %s\n", path);
	free(path);
	return is_there;
}

struct str read_shared(const char *folder, const char *name)
{
	char *path = heap_printf("%s/%s/%s", SHARED_DATA, folder, name);
	FILE *f = fopen(path, "rb");
	struct stat st;
	if (!f || fstat(fileno(f), &st) != 0)
		ck_abort_msg("the test data is not there: %s", path);
	char *bytes = heap_alloc((size_t)st.st_size);
	size_t n = fread(bytes, 1, (size_t)st.st_size, f);
	ck_assert_uint_eq(n, (size_t)st.st_size);
	fclose(f);
	free(path);
	return str_n(bytes, n);
}

static int is_json(const struct dirent *entry)
{
	return str_ends(str_of(entry->d_name), STR(".json"));
}

size_t shared_names(const char *folder, char ***names)
{
	char *path = heap_printf("%s/%s", SHARED_DATA, folder);
	struct dirent **entries;
	int n = scandir(path, &entries, is_json, alphasort);
	if (n <= 0)
		ck_abort_msg("the test data is not there: %s", path);
	*names = heap_alloc((size_t)n * sizeof(**names));
	for (int i = 0; i < n; i++) {
		(*names)[i] = heap_strdup(entries[i]->d_name);
		free(entries[i]);
	}
	free(entries);
	free(path);
	return (size_t)n;
}

void free_names(char **names, size_t count)
{
	for (size_t i = 0; i < count; i++)
		free(names[i]);
	free(names);
}

/* --- hooks ----------------------------------------------------------------------------------- */
static void *pattern_new(void *arg, struct str pattern, char *message, size_t message_size)
{
	regex_t *regex = heap_alloc(sizeof(*regex));
	char *text = heap_strndup(pattern);
	int wrong = regcomp(regex, text, REG_EXTENDED | REG_NOSUB);
	free(text);
	if (wrong) {
		regerror(wrong, regex, message, message_size);
		free(regex);
		return NULL;
	}
	return regex;
}

/* Gives up on subjects that begin with "slow". */
static enum rc pattern_match(void *arg, void *pattern, struct str subject)
{
	if (str_starts(subject, STR("slow")))
		return RC_FULL;
	char *text = heap_strndup(subject);
	bool matches = regexec(pattern, text, 0, NULL, 0) == 0;
	free(text);
	return matches ? RC_OK : RC_NOT_FOUND;
}

static void pattern_free(void *arg, void *pattern)
{
	regfree(pattern);
	free(pattern);
}

static bool format_exists(void *arg, struct str format)
{
	return !str_eq(format, STR("unknown"));
}

static bool format_check(
	void *arg, struct str format, struct str value, char *message, size_t message_size)
{
	snprintf(message, message_size, "upper case");
	for (size_t i = 0; i < value.n && str_eq(format, STR("upper")); i++)
		if (value.p[i] >= 'a' && value.p[i] <= 'z')
			return false;
	return true;
}

const struct schema_hooks test_hooks = {
	pattern_new, pattern_match, pattern_free, format_exists, format_check, NULL};

struct schema *schema_of(const char *text)
{
	struct json_document *d = json_of(text);
	struct schema *s = NULL;
	char message[200];
	if (schema_new(json_root(d), &test_hooks, &s, message, sizeof(message)) != RC_OK)
		ck_abort_msg("%s: %s", text, message);
	json_free(d);
	return s;
}
