/* SPDX-License-Identifier: Apache-2.0 */
/* fuzz: links base */
/* fuzz: compiles plugins/http-caching/kept.c */
/* Meta data that another process has written: what is read of it lies within it, and what is written of that is read
 * alike, unless its tag was none of the fields. */
#include "plugin_host.h"

#include "http-caching/kept.h"
#include "sluice/text.h"

#define PAIRS_MAX 64

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n);

static int is_within(struct sluice_str part, struct sluice_str whole)
{
	return part.n == 0 || (part.p >= whole.p && part.p + part.n <= whole.p + whole.n);
}

static void check_kept(const struct kept *k, struct sluice_str whole)
{
	static char out[1 << 20];
	struct sluice_str items[PAIRS_MAX * 2];
	struct field_pairs fields = {.items = items, .max = PAIRS_MAX};
	struct kept again;
	CHECK(is_within(k->fields, whole) && is_within(k->variant, whole));
	CHECK(is_within(k->validators.tag, whole));
	kept_fields(k, &fields);
	for (size_t i = 0; i < fields.count * 2; i++)
		CHECK(is_within(items[i], whole));
	if (kept_bytes(k, &fields) > sizeof(out))
		return;
	kept_write(out, k, &fields, 5);
	if (!kept_read((struct sluice_str){out, kept_bytes(k, &fields)}, 5, &again))
		return;
	CHECK(again.status == k->status && again.base_ms == k->base_ms);
	CHECK(sluice_equal(again.variant, k->variant));
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
	struct sluice_str whole = {(const char *)bytes, n};
	struct index_record index;
	struct kept k;
	if (kept_read(whole, 1000, &k))
		check_kept(&k, whole);
	if (index_read(whole, &index))
		CHECK(is_within(index.names, whole));
	return 0;
}
