/* SPDX-License-Identifier: Apache-2.0 */
#include "state/cache_record.h"

/* Other processors' order of bytes, and other forms, read otherwise. */
#define MAGIC       0x31726163u
#define SPAN_MS_MAX (INT64_C(1) << 40)

struct head {
	uint32_t magic, key_n, group_n, meta_n;
	int64_t age_ms, for_ms;
};

static void piece_add(struct buffer *out, struct str s)
{
	if (s.n)
		buffer_add(out, s);
}

void cache_record_write(
	struct buffer *out, const struct cache_entry *e, int64_t now_ms, int64_t for_ms)
{
	const struct head h = {.magic = MAGIC,
		.key_n = e->key_n,
		.group_n = e->group_n,
		.meta_n = e->meta_n,
		.age_ms = now_ms > e->stored_ms ? now_ms - e->stored_ms : 0,
		.for_ms = for_ms};
	buffer_add(out, str_n((const char *)&h, sizeof(h)));
	piece_add(out, str_n(e->bytes, (size_t)e->key_n + e->group_n + e->meta_n));
	for (const struct cache_piece *p = cache_body_pieces(e->body); p; p = p->next)
		piece_add(out, str_n(p->data, p->n));
}

static bool head_take(struct str *value, struct head *h)
{
	if (value->n < sizeof(*h))
		return false;
	memcpy(h, value->p, sizeof(*h));
	*value = str_from(*value, sizeof(*h));
	return h->magic == MAGIC && h->age_ms >= 0 && h->age_ms <= SPAN_MS_MAX && h->for_ms >= 0 &&
	       h->for_ms <= SPAN_MS_MAX && (uint64_t)h->key_n + h->group_n + h->meta_n <= value->n;
}

struct cache_entry *cache_record_read(
	struct str value, struct str key, int64_t now_ms, int64_t remaining_ms)
{
	struct head h;
	if (!head_take(&value, &h) || !str_eq(str_n(value.p, h.key_n), key))
		return NULL;
	struct str group = str_n(value.p + h.key_n, h.group_n);
	struct str meta = str_n(group.p + h.group_n, h.meta_n);
	struct cache_body *body = cache_body_new();
	enum rc rc = cache_body_add(body, str_from(value, (size_t)h.key_n + h.group_n + h.meta_n),
		CACHE_RECORD_BYTES_MAX);
	cache_body_settle(body);
	struct cache_entry *e = rc == RC_OK ? cache_entry_new(key, group, meta, body) : NULL;
	cache_body_unref(body);
	if (!e)
		return NULL;
	int64_t lain_ms = h.for_ms > remaining_ms ? h.for_ms - remaining_ms : 0;
	e->stored_ms = now_ms - h.age_ms - lain_ms;
	e->ends_ms = now_ms + remaining_ms;
	return e;
}
