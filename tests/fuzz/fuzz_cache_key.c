/* SPDX-License-Identifier: Apache-2.0 */
/* fuzz: links base */
/* fuzz: compiles plugins/http-caching/cache_key.c plugins/http-caching/vary.c */
/* fuzz: compiles plugins/http-caching/directives.c */
/* "NAMES;NAMES" and so on: parts that semicolons end, in two lists that a line feed parts. The keys of the two are
 * equal exactly when the lists are; the names of Vary have one key whatever their order. */
#include "plugin_host.h"

#include "http-caching/vary.h"
#include "sluice/text.h"

#define KEY_BYTES_MAX 8192

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n);

static void list_key(struct cache_key *k, struct sluice_str list)
{
	while (list.p) {
		struct sluice_str part = sluice_cut(&list, ';');
		if (sluice_equal(part, SLUICE_STR("-")))
			cache_key_add_absent(k);
		else
			cache_key_add(k, part);
	}
}

/* Forwards, and backwards by the commas. */
static void check_order(struct sluice_str names)
{
	struct vary forwards = {.count = 0}, backwards = {.count = 0};
	char one[KEY_BYTES_MAX], other[KEY_BYTES_MAX];
	struct cache_key a = {.p = one, .bytes_max = sizeof(one)};
	struct cache_key b = {.p = other, .bytes_max = sizeof(other)};
	struct sluice_str rest = names;
	vary_add(&forwards, names);
	for (size_t i = names.n; i-- > 0;) {
		if (names.p[i] == '"')
			return;
		if (names.p[i] != ',')
			continue;
		vary_add(&backwards, (struct sluice_str){names.p + i + 1, rest.n - i - 1});
		rest.n = i;
	}
	vary_add(&backwards, rest);
	CHECK(forwards.is_any == backwards.is_any);
	if (forwards.is_any)
		return;
	vary_key_names(&forwards, &a);
	vary_key_names(&backwards, &b);
	CHECK(!a.is_full && a.n == b.n && memcmp(a.p, b.p, a.n) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
	char one[KEY_BYTES_MAX], other[KEY_BYTES_MAX];
	struct cache_key a = {.p = one, .bytes_max = sizeof(one)};
	struct cache_key b = {.p = other, .bytes_max = sizeof(other)};
	if (n < 1 || n > 2048)
		return 0;
	struct sluice_str second = {(const char *)bytes, n};
	struct sluice_str first = sluice_cut(&second, '\n');
	check_order(first);
	list_key(&a, first);
	list_key(&b, second.p ? second : SLUICE_STR(""));
	CHECK(!a.is_full && !b.is_full);
	int is_same = a.n == b.n && memcmp(a.p, b.p, a.n) == 0;
	CHECK(is_same == sluice_equal(first, second));
	return 0;
}
