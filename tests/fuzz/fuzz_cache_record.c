/* SPDX-License-Identifier: Apache-2.0 */
/* fuzz: links state */
/* What stands in a shared storage under a key: it is no record, or one whose parts lie within it, and which is written
 * as it was read. */
#include "base/check.h"
#include "state/cache_record.h"

#define KEY STR("key")

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n);

static void check_entry(struct cache_entry *e, struct str value)
{
	struct buffer again;
	buffer_init(&again, SIZE_MAX);
	CHECK(str_eq(cache_entry_key(e), KEY));
	CHECK(cache_entry_meta(e).n + cache_entry_group(e).n + cache_body_bytes(e->body) < value.n);
	CHECK(e->stored_ms <= 1000 && e->ends_ms == 1060);
	cache_record_write(&again, e, 1000, 60);
	struct cache_entry *same = cache_record_read(buffer_str(&again), KEY, 1000, 60);
	CHECK(same || 1000 - e->stored_ms > INT64_C(1) << 40); /* two spans that are long */
	CHECK(!same || str_eq(cache_entry_meta(same), cache_entry_meta(e)));
	CHECK(!same || (same->stored_ms == e->stored_ms && again.n == value.n));
	cache_entry_unref(same);
	buffer_deinit(&again);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
	struct str value = str_n((const char *)bytes, n);
	struct cache_entry *e = cache_record_read(value, KEY, 1000, 60);
	if (e)
		check_entry(e, value);
	cache_entry_unref(e);
	return 0;
}
