/* SPDX-License-Identifier: Apache-2.0 */
#include "config/record.h"

#include "base/memory.h"
#include "plan/plan_fragment.h"

#include <stdlib.h>

#define MAGIC "sluiceRC"

enum {
	AT_LENGTH = 8,
	AT_CHECKSUM = 16,
	AT_PROGRAM = 24, /* the checksum is of all from here */
	AT_SHARED = AT_PROGRAM + SHA256_BYTES,
	AT_LOOKUP_BYTES = AT_SHARED + SHA256_BYTES,
	AT_COUNT = AT_LOOKUP_BYTES + 4,
	HEADER_BYTES = AT_COUNT + 4,
};

/* As it stands before a name and a part. */
struct entry_head {
	uint32_t name_bytes; /* without the NUL behind it */
	uint32_t part_bytes;
	uint32_t is_settled;
	uint32_t nothing;
	struct file_identity identity;
	uint8_t sha256[SHA256_BYTES];
};

enum rc record_program(uint8_t digest[SHA256_BYTES])
{
	return sha256_file("/proc/self/exe", digest);
}

/* --- reading --------------------------------------------------------------------------------- */

static uint32_t load32(const char *p)
{
	uint32_t v;
	memcpy(&v, p, sizeof(v));
	return v;
}

static uint64_t load64(const char *p)
{
	uint64_t v;
	memcpy(&v, p, sizeof(v));
	return v;
}

static bool is_record(struct str b, const uint8_t program[SHA256_BYTES])
{
	return b.n >= HEADER_BYTES && memcmp(b.p, MAGIC, 8) == 0 &&
	       load64(b.p + AT_LENGTH) == b.n &&
	       memcmp(b.p + AT_PROGRAM, program, SHA256_BYTES) == 0 &&
	       load64(b.p + AT_CHECKSUM) == plan_sum(str_from(b, AT_PROGRAM));
}

static bool take_entry(struct record *r, struct str *rest)
{
	struct entry_head head;
	struct record_entry *e = &r->items[r->count];
	if (rest->n < sizeof(head))
		return false;
	memcpy(&head, rest->p, sizeof(head));
	*rest = str_from(*rest, sizeof(head));
	if ((uint64_t)head.name_bytes + 1 + head.part_bytes > rest->n)
		return false;
	*e = (struct record_entry){
		.name = str_slice(*rest, 0, head.name_bytes),
		.identity = head.identity,
		.is_settled = head.is_settled != 0,
		.part = str_slice(*rest, (size_t)head.name_bytes + 1, head.part_bytes),
	};
	memcpy(e->sha256, head.sha256, SHA256_BYTES);
	*rest = str_from(*rest, (size_t)head.name_bytes + 1 + head.part_bytes);
	map_put(&r->places, e->name, (void *)(uintptr_t)++r->count);
	return true;
}

enum rc record_open(struct record *r, struct str bytes, const uint8_t program[SHA256_BYTES])
{
	if (!is_record(bytes, program))
		return RC_INVALID;
	*r = (struct record){0};
	map_init(&r->places);
	memcpy(r->shared, bytes.p + AT_SHARED, SHA256_BYTES);
	uint32_t count = load32(bytes.p + AT_COUNT), lookup_bytes = load32(bytes.p + AT_LOOKUP_BYTES);
	struct str rest = str_from(bytes, HEADER_BYTES);
	bool is_fine = lookup_bytes <= rest.n && count <= rest.n / sizeof(struct entry_head);
	if (is_fine) {
		r->lookups = str_slice(rest, 0, lookup_bytes);
		rest = str_from(rest, lookup_bytes);
		r->items = heap_alloc((count + 1) * sizeof(r->items[0]));
	}
	while (is_fine && r->count < count)
		is_fine = take_entry(r, &rest);
	if (is_fine && rest.n == 0)
		return RC_OK;
	record_deinit(r);
	return RC_INVALID;
}

void record_deinit(struct record *r)
{
	free(r->items);
	map_deinit(&r->places);
	*r = (struct record){0};
}

const struct record_entry *record_find(const struct record *r, struct str name)
{
	size_t place = (uintptr_t)map_get(&r->places, name);
	return place ? &r->items[place - 1] : NULL;
}

/* --- writing --------------------------------------------------------------------------------- */

static void add_entry(struct buffer *out, const struct source *s, const struct part *p)
{
	struct entry_head head = {
		.name_bytes = (uint32_t)strlen(s->name),
		.part_bytes = (uint32_t)p->bytes.n,
		.is_settled = s->is_settled,
		.identity = s->identity,
	};
	memcpy(head.sha256, s->sha256, SHA256_BYTES);
	buffer_add(out, str_n((const char *)&head, sizeof(head)));
	buffer_add(out, str_n(s->name, (size_t)head.name_bytes + 1));
	buffer_add(out, p->bytes);
}

void record_write(struct buffer *out, const uint8_t program[SHA256_BYTES],
	const uint8_t shared[SHA256_BYTES], const struct lookups *lookups,
	const struct sources *sources, const struct part *parts)
{
	char header[HEADER_BYTES] = MAGIC;
	size_t at = out->n;
	uint32_t count = (uint32_t)sources->count;
	buffer_add(out, str_n(header, sizeof(header)));
	lookups_write(lookups, out);
	uint32_t lookup_bytes = (uint32_t)(out->n - at - HEADER_BYTES);
	for (size_t i = 0; i < sources->count; i++)
		add_entry(out, &sources->items[i], &parts[i]);
	if (out->failed)
		return;
	char *p = out->p + at;
	uint64_t length = out->n - at;
	memcpy(p + AT_LENGTH, &length, sizeof(length));
	memcpy(p + AT_PROGRAM, program, SHA256_BYTES);
	memcpy(p + AT_SHARED, shared, SHA256_BYTES);
	memcpy(p + AT_LOOKUP_BYTES, &lookup_bytes, sizeof(lookup_bytes));
	memcpy(p + AT_COUNT, &count, sizeof(count));
	uint64_t sum = plan_sum(str_from(str_n(p, length), AT_PROGRAM));
	memcpy(p + AT_CHECKSUM, &sum, sizeof(sum));
}
