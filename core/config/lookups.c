/* SPDX-License-Identifier: Apache-2.0 */
#include "config/lookups.h"

#include "config/sources.h"

#include "base/memory.h"

#include <stdlib.h>

void lookups_init(struct lookups *l)
{
	*l = (struct lookups){0};
	map_init(&l->places);
}

void lookups_deinit(struct lookups *l)
{
	for (size_t i = 0; i < l->count; i++)
		free(l->items[i].name);
	free(l->items);
	map_deinit(&l->places);
	*l = (struct lookups){0};
}

static void digest_of(bool is_found, struct str answer, uint8_t digest[SHA256_BYTES])
{
	struct buffer b;
	buffer_init(&b, SIZE_MAX / 2);
	buffer_add_char(&b, is_found ? '+' : '-');
	buffer_add(&b, answer);
	sha256(buffer_str(&b), digest);
	buffer_deinit(&b);
}

static void put(struct lookups *l, struct str name, const uint8_t digest[SHA256_BYTES])
{
	size_t place = (uintptr_t)map_get(&l->places, name);
	if (place) {
		l->has_failed |= memcmp(l->items[place - 1].digest, digest, SHA256_BYTES) != 0;
		return;
	}
	if (l->count == LOOKUPS_MAX) {
		l->has_failed = true;
		return;
	}
	if (l->count == l->capacity) {
		l->capacity = l->capacity ? l->capacity * 2 : 16;
		l->items = heap_realloc(l->items, l->capacity * sizeof(l->items[0]));
	}
	struct lookup *item = &l->items[l->count++];
	item->name = heap_strndup(name);
	memcpy(item->digest, digest, SHA256_BYTES);
	map_put(&l->places, str_n(item->name, name.n), (void *)(uintptr_t)l->count);
}

void lookups_add(struct lookups *l, enum lookup_kind kind, const char *name, bool is_found,
	struct str answer)
{
	uint8_t digest[SHA256_BYTES];
	char *full = heap_printf("%c%s", (char)kind, name);
	digest_of(is_found, answer, digest);
	put(l, str_of(full), digest);
	free(full);
}

/* --- kept ------------------------------------------------------------------------------------ */

void lookups_write(const struct lookups *l, struct buffer *out)
{
	for (size_t i = 0; i < l->count; i++) {
		buffer_add(out, str_n(l->items[i].name, strlen(l->items[i].name) + 1));
		buffer_add(out, str_n((const char *)l->items[i].digest, SHA256_BYTES));
	}
}

static void ask_variable(
	const char *name, const char *(*getenv_fn)(const char *), uint8_t digest[SHA256_BYTES])
{
	const char *value = getenv_fn ? getenv_fn(name) : getenv(name);
	digest_of(value != NULL, str_of(value), digest);
}

static void ask_file(const char *path, uint8_t digest[SHA256_BYTES])
{
	char *bytes = NULL, reason[200];
	size_t size = 0;
	enum rc rc = file_read(path, INCLUDED_FILE_BYTES_MAX, &bytes, &size);
	if (rc == RC_OK)
		digest_of(true, str_n(bytes, size), digest);
	else
		digest_of(false,
			str_of(file_read_reason(
				rc, INCLUDED_FILE_BYTES_MAX, reason, sizeof(reason))),
			digest);
	free(bytes);
}

bool lookups_hold(struct lookups *l, struct str written, const char *(*getenv_fn)(const char *))
{
	while (written.n > 0) {
		size_t n = str_index(written, '\0');
		uint8_t digest[SHA256_BYTES];
		if (n == 0 || written.n - n < 1 + SHA256_BYTES)
			return false;
		const char *name = written.p;
		if (name[0] == LOOKUP_VARIABLE)
			ask_variable(name + 1, getenv_fn, digest);
		else
			ask_file(name + 1, digest);
		if (memcmp(digest, written.p + n + 1, SHA256_BYTES) != 0)
			return false;
		put(l, str_n(name, n), digest);
		written = str_from(written, n + 1 + SHA256_BYTES);
	}
	return true;
}
