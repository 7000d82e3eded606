/* SPDX-License-Identifier: Apache-2.0 */
#include "config/parts.h"

#include "base/check.h"
#include "base/limits.h"
#include "base/memory.h"
#include "crypto/crypto.h"

#include <stdlib.h>

enum {
	AT_FRAGMENT_COUNT = 0,
	AT_ROW_COUNT = 4,
	AT_CONTENT_BYTES = 8,
	AT_TARGET_BYTES = 12,
	AT_SHA256 = 16,
	HEADER_BYTES = AT_SHA256 + SHA256_BYTES,
};

static uint32_t load(const char *p)
{
	uint32_t v;
	memcpy(&v, p, sizeof(v));
	return v;
}

void part_add_count(struct buffer *to, uint32_t count)
{
	buffer_add(to, str_n((const char *)&count, sizeof(count)));
}

/* --- reading --------------------------------------------------------------------------------- */

/* Where each fragment ends stands before them. */
static bool has_fragments(struct str content, uint32_t count)
{
	uint32_t last = 0;
	if (count == 0 || count > content.n / 4)
		return false;
	size_t n = content.n - (size_t)count * 4;
	for (uint32_t i = 0; i < count; i++) {
		uint32_t end = load(content.p + (size_t)i * 4);
		if (end < last || end > n)
			return false;
		last = end;
	}
	return last == n;
}

enum rc part_open(struct part *p, struct str bytes)
{
	if (bytes.n < HEADER_BYTES)
		return RC_INVALID;
	struct part out = {
		.bytes = bytes,
		.fragment_count = load(bytes.p + AT_FRAGMENT_COUNT),
		.row_count = load(bytes.p + AT_ROW_COUNT),
		.sha256 = (const uint8_t *)bytes.p + AT_SHA256,
	};
	uint32_t content = load(bytes.p + AT_CONTENT_BYTES);
	uint32_t targets = load(bytes.p + AT_TARGET_BYTES);
	struct str rest = str_from(bytes, HEADER_BYTES);
	if ((uint64_t)content + targets > rest.n)
		return RC_INVALID;
	out.content = str_slice(rest, 0, content);
	out.targets = str_slice(rest, content, targets);
	out.rows = str_from(rest, (size_t)content + targets);
	if (!has_fragments(out.content, out.fragment_count))
		return RC_INVALID;
	*p = out;
	return RC_OK;
}

void part_deinit(struct part *p)
{
	free(p->owned);
	*p = (struct part){0};
}

struct str part_fragment(const struct part *p, uint32_t number)
{
	if (number >= p->fragment_count)
		return STR_EMPTY;
	const char *ends = p->content.p;
	uint32_t from = number ? load(ends + (size_t)(number - 1) * 4) : 0;
	uint32_t to = load(ends + (size_t)number * 4);
	return str_slice(p->content, (size_t)p->fragment_count * 4 + from, to - from);
}

bool part_read_count(struct str *from, uint32_t *count)
{
	if (from->n < 4)
		return false;
	*count = load(from->p);
	*from = str_from(*from, 4);
	return true;
}

bool part_read_value(struct str *from, struct part_value *out)
{
	uint32_t n;
	if (from->n < 1)
		return false;
	*out = (struct part_value){.is_text = from->p[0] == 's'};
	*from = str_from(*from, 1);
	if (!out->is_text) {
		if (from->n < sizeof(out->number))
			return false;
		memcpy(&out->number, from->p, sizeof(out->number));
		*from = str_from(*from, sizeof(out->number));
		return true;
	}
	if (!part_read_count(from, &n) || n > from->n)
		return false;
	out->text = str_slice(*from, 0, n);
	*from = str_from(*from, n);
	return true;
}

/* --- making ---------------------------------------------------------------------------------- */

void part_maker_init(struct part_maker *m)
{
	*m = (struct part_maker){0};
	buffer_init(&m->ends, LIMIT_PLAN_BYTES);
	buffer_init(&m->fragments, LIMIT_PLAN_BYTES);
	buffer_init(&m->targets, LIMIT_PLAN_BYTES);
	buffer_init(&m->rows, LIMIT_PLAN_BYTES);
}

void part_maker_deinit(struct part_maker *m)
{
	buffer_deinit(&m->ends);
	buffer_deinit(&m->fragments);
	buffer_deinit(&m->targets);
	buffer_deinit(&m->rows);
}

void part_maker_reset(struct part_maker *m)
{
	buffer_reset(&m->ends);
	buffer_reset(&m->fragments);
	buffer_reset(&m->targets);
	buffer_reset(&m->rows);
	m->fragment_count = m->row_count = 0;
}

uint32_t part_maker_end_fragment(struct part_maker *m)
{
	part_add_count(&m->ends, (uint32_t)m->fragments.n);
	return m->fragment_count++;
}

void part_maker_begin_row(struct part_maker *m, uint32_t value_count)
{
	part_add_count(&m->rows, value_count);
	m->row_count++;
}

void part_add_text(struct buffer *to, struct str text)
{
	buffer_add_char(to, 's');
	part_add_count(to, (uint32_t)text.n);
	buffer_add(to, text);
}

void part_add_number(struct buffer *to, double number)
{
	buffer_add_char(to, 'n');
	buffer_add(to, str_n((const char *)&number, sizeof(number)));
}

static void put_header(const struct part_maker *m, char *to, uint32_t content_bytes)
{
	uint32_t target_bytes = (uint32_t)m->targets.n;
	memcpy(to + AT_FRAGMENT_COUNT, &m->fragment_count, 4);
	memcpy(to + AT_ROW_COUNT, &m->row_count, 4);
	memcpy(to + AT_CONTENT_BYTES, &content_bytes, 4);
	memcpy(to + AT_TARGET_BYTES, &target_bytes, 4);
	sha256(str_n(to + HEADER_BYTES, content_bytes), (uint8_t *)to + AT_SHA256);
}

enum rc part_maker_take(struct part_maker *m, struct part *out)
{
	const struct buffer *pieces[] = {&m->ends, &m->fragments, &m->targets, &m->rows};
	size_t n = HEADER_BYTES;
	bool failed = false;
	for (size_t i = 0; i < ARRAY_COUNT(pieces); i++) {
		failed |= pieces[i]->failed;
		n += pieces[i]->n;
	}
	if (failed || n > LIMIT_PLAN_BYTES) {
		part_maker_reset(m);
		return RC_FULL;
	}
	char *bytes = heap_alloc(n), *at = bytes + HEADER_BYTES;
	for (size_t i = 0; i < ARRAY_COUNT(pieces); i++) {
		if (pieces[i]->n > 0)
			memcpy(at, pieces[i]->p, pieces[i]->n);
		at += pieces[i]->n;
	}
	put_header(m, bytes, (uint32_t)(m->ends.n + m->fragments.n));
	part_maker_reset(m);
	enum rc rc = part_open(out, str_n(bytes, n));
	if (rc == RC_OK)
		out->owned = bytes;
	else
		free(bytes);
	return rc;
}
