/* SPDX-License-Identifier: Apache-2.0 */
#include "config/parts.h"

#include "base/check.h"
#include "base/limits.h"
#include "base/memory.h"

#include <stdlib.h>

#define HEADER_BYTES 8

static uint32_t load(const char *p)
{
	uint32_t v;
	memcpy(&v, p, sizeof(v));
	return v;
}

static void add_count(struct buffer *b, uint32_t v)
{
	buffer_add(b, str_n((const char *)&v, sizeof(v)));
}

/* --- reading --------------------------------------------------------------------------------- */

enum rc part_open(struct part *p, struct str bytes)
{
	struct part out = {.bytes = bytes};
	if (bytes.n < HEADER_BYTES)
		return RC_INVALID;
	out.fragment_count = load(bytes.p);
	out.row_count = load(bytes.p + 4);
	out.ends = bytes.p + HEADER_BYTES;
	if (out.fragment_count == 0 || out.fragment_count > (bytes.n - HEADER_BYTES) / 4)
		return RC_INVALID;
	struct str rest = str_from(bytes, HEADER_BYTES + (size_t)out.fragment_count * 4);
	uint32_t last = 0;
	for (uint32_t i = 0; i < out.fragment_count; i++) {
		uint32_t end = load(out.ends + (size_t)i * 4);
		if (end < last || end > rest.n)
			return RC_INVALID;
		last = end;
	}
	out.fragments = str_slice(rest, 0, last);
	out.rows = str_from(rest, last);
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
	uint32_t from = number ? load(p->ends + (size_t)(number - 1) * 4) : 0;
	return str_slice(p->fragments, from, load(p->ends + (size_t)number * 4) - from);
}

bool part_read_count(struct str *rows, uint32_t *count)
{
	if (rows->n < 4)
		return false;
	*count = load(rows->p);
	*rows = str_from(*rows, 4);
	return true;
}

bool part_read_value(struct str *rows, struct part_value *out)
{
	uint32_t n;
	if (rows->n < 1)
		return false;
	*out = (struct part_value){.is_text = rows->p[0] == 's'};
	*rows = str_from(*rows, 1);
	if (!out->is_text) {
		if (rows->n < sizeof(out->number))
			return false;
		memcpy(&out->number, rows->p, sizeof(out->number));
		*rows = str_from(*rows, sizeof(out->number));
		return true;
	}
	if (!part_read_count(rows, &n) || n > rows->n)
		return false;
	out->text = str_slice(*rows, 0, n);
	*rows = str_from(*rows, n);
	return true;
}

/* --- making ---------------------------------------------------------------------------------- */

void part_maker_init(struct part_maker *m)
{
	*m = (struct part_maker){0};
	buffer_init(&m->ends, LIMIT_PLAN_BYTES);
	buffer_init(&m->fragments, LIMIT_PLAN_BYTES);
	buffer_init(&m->rows, LIMIT_PLAN_BYTES);
}

void part_maker_deinit(struct part_maker *m)
{
	buffer_deinit(&m->ends);
	buffer_deinit(&m->fragments);
	buffer_deinit(&m->rows);
}

void part_maker_reset(struct part_maker *m)
{
	buffer_reset(&m->ends);
	buffer_reset(&m->fragments);
	buffer_reset(&m->rows);
	m->fragment_count = m->row_count = 0;
}

uint32_t part_maker_end_fragment(struct part_maker *m)
{
	add_count(&m->ends, (uint32_t)m->fragments.n);
	return m->fragment_count++;
}

void part_maker_begin_row(struct part_maker *m, uint32_t value_count)
{
	add_count(&m->rows, value_count);
	m->row_count++;
}

void part_maker_add_text(struct part_maker *m, struct str text)
{
	buffer_add_char(&m->rows, 's');
	add_count(&m->rows, (uint32_t)text.n);
	buffer_add(&m->rows, text);
}

void part_maker_add_number(struct part_maker *m, double number)
{
	buffer_add_char(&m->rows, 'n');
	buffer_add(&m->rows, str_n((const char *)&number, sizeof(number)));
}

enum rc part_maker_take(struct part_maker *m, struct part *out)
{
	size_t n = HEADER_BYTES + m->ends.n + m->fragments.n + m->rows.n;
	bool failed = m->ends.failed || m->fragments.failed || m->rows.failed;
	if (failed || n > LIMIT_PLAN_BYTES) {
		part_maker_reset(m);
		return RC_FULL;
	}
	char *bytes = heap_alloc(n), *at = bytes + HEADER_BYTES;
	memcpy(bytes, &m->fragment_count, 4);
	memcpy(bytes + 4, &m->row_count, 4);
	const struct buffer *pieces[] = {&m->ends, &m->fragments, &m->rows};
	for (size_t i = 0; i < ARRAY_COUNT(pieces); i++) {
		if (pieces[i]->n > 0)
			memcpy(at, pieces[i]->p, pieces[i]->n);
		at += pieces[i]->n;
	}
	part_maker_reset(m);
	enum rc rc = part_open(out, str_n(bytes, n));
	if (rc == RC_OK)
		out->owned = bytes;
	else
		free(bytes);
	return rc;
}
