/* SPDX-License-Identifier: Apache-2.0 */
#include "kept.h"

#include "sluice/text.h"

/* The first byte tells them apart; others when what follows it changes. */
#define KIND_ANSWER 'b'
#define KIND_INDEX  'j'
/* No time, and no span, is beyond it in either direction: so sums of them do not overflow. */
#define TIME_MAX (INT64_C(1) << 50)

/* Stands at the start of the bytes; copied, since nothing aligns them. */
struct head {
	char kind;
	uint8_t bytes; /* of this; another compiler's may be others */
	int32_t status;
	uint32_t flags;
	uint32_t field_count, field_bytes, variant_n;
	/* Of the entity tag: where it is among the bytes of the fields. */
	uint32_t tag_at, tag_n;
	int64_t seconds[CC_TIMES];
	int64_t lifetime_s, age_s;
	int64_t base_ms; /* since the store began to keep it */
	int64_t last_modified_s, date_s;
};

struct lengths {
	uint32_t name_n, value_n;
};

static size_t pairs_bytes(const struct field_pairs *fields)
{
	size_t n = fields->count * sizeof(struct lengths);
	for (size_t i = 0; i < fields->count * 2; i++)
		n += fields->items[i].n;
	return n;
}

size_t kept_bytes(const struct kept *kept, const struct field_pairs *fields)
{
	return sizeof(struct head) + pairs_bytes(fields) + kept->variant.n;
}

static char *text_write(char *out, struct sluice_str text)
{
	if (text.n)
		memcpy(out, text.p, text.n);
	return out + text.n;
}

/* The tag is a view of one of the values: it stands where that one is written to. */
static char *pairs_write(
	char *out, const struct field_pairs *fields, struct head *h, const char *tag)
{
	const char *start = out;
	for (size_t i = 0; i < fields->count; i++) {
		const struct sluice_str *pair = &fields->items[i * 2];
		struct lengths lengths = {(uint32_t)pair[0].n, (uint32_t)pair[1].n};
		memcpy(out, &lengths, sizeof(lengths));
		out = text_write(out + sizeof(lengths), pair[0]);
		if (tag && tag == pair[1].p)
			h->tag_at = (uint32_t)(out - start);
		out = text_write(out, pair[1]);
	}
	return out;
}

void kept_write(
	char *out, const struct kept *kept, const struct field_pairs *fields, int64_t begun_ms)
{
	struct head h = {.kind = KIND_ANSWER,
		.bytes = sizeof(h),
		.status = kept->status,
		.flags = kept->cc.flags,
		.field_count = (uint32_t)fields->count,
		.field_bytes = (uint32_t)pairs_bytes(fields),
		.variant_n = (uint32_t)kept->variant.n,
		.tag_n = (uint32_t)kept->validators.tag.n,
		.lifetime_s = kept->lifetime_s,
		.age_s = kept->age_s,
		.base_ms = kept->base_ms - begun_ms,
		.last_modified_s = kept->validators.last_modified_s,
		.date_s = kept->validators.date_s};
	memcpy(h.seconds, kept->cc.seconds, sizeof(h.seconds));
	const char *tag = h.tag_n ? kept->validators.tag.p : NULL;
	text_write(pairs_write(out + sizeof(h), fields, &h, tag), kept->variant);
	memcpy(out, &h, sizeof(h));
}

static int are_times(const int64_t *times, size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (times[i] < -TIME_MAX || times[i] > TIME_MAX)
			return 0;
	return 1;
}

static int head_is_whole(const struct head *h, size_t bytes)
{
	const int64_t times[] = {
		h->lifetime_s, h->age_s, h->base_ms, h->last_modified_s, h->date_s};
	return h->bytes == sizeof(*h) &&
	       bytes == sizeof(*h) + (size_t)h->field_bytes + h->variant_n &&
	       h->field_count <= h->field_bytes / sizeof(struct lengths) &&
	       h->tag_at <= h->field_bytes && h->tag_n <= h->field_bytes - h->tag_at &&
	       are_times(times, sizeof(times) / sizeof(times[0])) &&
	       are_times(h->seconds, CC_TIMES);
}

int kept_read(struct sluice_str bytes, int64_t begun_ms, struct kept *kept)
{
	struct head h;
	if (bytes.n < sizeof(h) || bytes.p[0] != KIND_ANSWER)
		return 0;
	memcpy(&h, bytes.p, sizeof(h));
	if (!head_is_whole(&h, bytes.n))
		return 0;
	const char *fields = bytes.p + sizeof(h);
	*kept = (struct kept){.status = h.status,
		.cc.flags = h.flags,
		.lifetime_s = h.lifetime_s,
		.age_s = h.age_s,
		.base_ms = begun_ms + h.base_ms,
		.validators = {{fields + h.tag_at, h.tag_n}, h.last_modified_s, h.date_s},
		.variant = {fields + h.field_bytes, h.variant_n},
		.field_count = h.field_count,
		.fields = {fields, h.field_bytes}};
	memcpy(kept->cc.seconds, h.seconds, sizeof(h.seconds));
	return 1;
}

void kept_fields(const struct kept *kept, struct field_pairs *to)
{
	struct sluice_str rest = kept->fields;
	struct lengths n;
	for (uint32_t i = 0; i < kept->field_count && to->count < to->max; i++) {
		if (rest.n < sizeof(n))
			return;
		memcpy(&n, rest.p, sizeof(n));
		if (rest.n - sizeof(n) < (size_t)n.name_n + n.value_n)
			return;
		struct sluice_str *pair = &to->items[to->count++ * 2];
		pair[0] = (struct sluice_str){rest.p + sizeof(n), n.name_n};
		pair[1] = (struct sluice_str){pair[0].p + n.name_n, n.value_n};
		rest.n -= sizeof(n) + n.name_n + n.value_n;
		rest.p = pair[1].p + n.value_n;
	}
}

int64_t kept_age_s(const struct kept *kept, int64_t now_ms)
{
	/* Each worker's clock is as old as its turn. */
	int64_t here_ms = now_ms > kept->base_ms ? now_ms - kept->base_ms : 0;
	return kept->age_s + here_ms / 1000;
}

size_t index_bytes(const struct index_record *index)
{
	return 1 + sizeof(index->generation) + index->names.n;
}

void index_write(char *out, const struct index_record *index)
{
	*out++ = KIND_INDEX;
	memcpy(out, &index->generation, sizeof(index->generation));
	text_write(out + sizeof(index->generation), index->names);
}

int index_read(struct sluice_str bytes, struct index_record *index)
{
	if (bytes.n < 1 + sizeof(index->generation) || bytes.p[0] != KIND_INDEX)
		return 0;
	memcpy(&index->generation, bytes.p + 1, sizeof(index->generation));
	index->names.p = bytes.p + 1 + sizeof(index->generation);
	index->names.n = bytes.n - 1 - sizeof(index->generation);
	return 1;
}
