/* SPDX-License-Identifier: Apache-2.0 */
/* fuzz: links base */
/* fuzz: compiles plugins/ip-lists/ranges.c */
/* "LIST;ADDRESS": the sealed set contains the address exactly when one of the entries, alone in a
 * set, does. An address is the same with a port, with brackets, and as a mapped one. */
#include "plugin_host.h"

#include "ip-lists/ranges.h"

#include <stdio.h>

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n);

static int is_same(const struct address *a, const struct address *b)
{
	return a->high == b->high && a->low == b->low && a->is_ip6 == b->is_ip6;
}

static int set_has(struct sluice_str list, const struct address *a, int32_t *rc)
{
	struct ranges r = {0};
	size_t bad = 0;
	*rc = ranges_add(&r, &fuzz_call, list, &bad);
	CHECK(*rc != SLUICE_E_INVALID || bad >= 1);
	ranges_seal(&r);
	int has = *rc == SLUICE_OK && ranges_contain(&r, a);
	for (int t = 0; t < 2; t++)
		for (size_t i = 1; i < r.tables[t].count; i++) {
			const struct range *one = &r.tables[t].items[i - 1], *next = one + 1;
			CHECK(one->to_high < next->from_high ||
				(one->to_high == next->from_high && one->to_low < next->from_low));
		}
	ranges_deinit(&r, &fuzz_call);
	return has;
}

static int is_separator(char c)
{
	return c == ' ' || c == '\t' || c == '\r' || c == '\n' || c == ',';
}

/* One by one; of a list without comments. */
static void compare(struct sluice_str list, const struct address *a)
{
	int32_t rc, one_rc;
	int has = set_has(list, a, &rc), any = 0, bad = 0;
	for (size_t i = 0; i < list.n;) {
		size_t from = i;
		while (i < list.n && !is_separator(list.p[i]))
			i++;
		if (i > from) {
			any |= set_has((struct sluice_str){list.p + from, i - from}, a, &one_rc);
			bad |= one_rc != SLUICE_OK;
		}
		i += i < list.n;
	}
	CHECK(bad ? rc == SLUICE_E_INVALID : has == any);
}

static void check_address(struct sluice_str text, const struct address *a)
{
	char other[200];
	struct address b;
	int is_bare = !memchr(text.p, '[', text.n) && !memchr(text.p, ' ', text.n) &&
		      !memchr(text.p, '\t', text.n);
	int has_colon = memchr(text.p, ':', text.n) != NULL,
	    has_dot = memchr(text.p, '.', text.n) != NULL;
	if (!is_bare || (has_colon && has_dot))
		return;
	int n = has_colon ? snprintf(other, sizeof(other), "[%.*s]:80", (int)text.n, text.p)
			  : snprintf(other, sizeof(other), "%.*s:80", (int)text.n, text.p);
	CHECK(address_parse((struct sluice_str){other, (size_t)n}, &b) && is_same(a, &b));
	if (has_colon)
		return;
	n = snprintf(other, sizeof(other), "::ffff:%.*s", (int)text.n, text.p);
	CHECK(address_parse((struct sluice_str){other, (size_t)n}, &b) && is_same(a, &b));
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
	const char *text = (const char *)bytes;
	const char *end = n && n <= 4096 ? memchr(text, ';', n) : NULL;
	struct address a;
	if (!end)
		return 0;
	struct sluice_str list = {text, (size_t)(end - text)};
	struct sluice_str address = {end + 1, n - list.n - 1};
	if (!address_parse(address, &a)) {
		a = (struct address){.low = 0x7f000001};
	} else {
		CHECK(a.is_ip6 || (a.high == 0 && a.low <= UINT32_MAX));
		check_address(address, &a);
	}
	if (!list.n || !memchr(list.p, '#', list.n))
		compare(list, &a);
	else {
		int32_t rc;
		set_has(list, &a, &rc);
	}
	return 0;
}
