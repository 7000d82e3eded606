/* SPDX-License-Identifier: Apache-2.0 */
#include "http/h2_scan.h"

#define HEAD_BYTES       9
#define DEPENDENCY_BYTES 4
#define TYPE_DATA        0
#define TYPE_PRIORITY    2
#define TYPE_LAST        9
#define PRIORITY_BYTES   5

void h2_scan_init(struct h2_scan *s, uint32_t skip)
{
	*s = (struct h2_scan){.skip = skip};
}

static uint32_t u31_at(const uint8_t *p)
{
	return (uint32_t)(p[0] & 0x7f) << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

static uint32_t length_of(const struct h2_scan *s)
{
	return (uint32_t)s->head[0] << 16 | (uint32_t)s->head[1] << 8 | s->head[2];
}

/* Of a priority the stream that it depends on is wanted, too. */
static uint8_t wanted(const struct h2_scan *s)
{
	bool is_priority =
		s->n >= HEAD_BYTES && s->head[3] == TYPE_PRIORITY && length_of(s) == PRIORITY_BYTES;
	return is_priority ? HEAD_BYTES + DEPENDENCY_BYTES : HEAD_BYTES;
}

static enum h2_scan_event judge(const struct h2_scan *s)
{
	uint32_t stream = u31_at(s->head + 5);
	if (s->head[3] > TYPE_LAST)
		return H2_SCAN_UNKNOWN;
	if (s->head[3] == TYPE_DATA)
		return H2_SCAN_DATA;
	if (s->head[3] != TYPE_PRIORITY)
		return H2_SCAN_MORE;
	bool depends_on_itself = s->n > HEAD_BYTES && u31_at(s->head + HEAD_BYTES) == stream;
	return stream == 0 || depends_on_itself ? H2_SCAN_BAD_PRIORITY : H2_SCAN_MORE;
}

static void advance(struct str *in, size_t n)
{
	in->p += n;
	in->n -= n;
}

enum h2_scan_event h2_scan_next(struct h2_scan *s, struct str *in)
{
	while (in->n > 0) {
		uint32_t step = s->skip < in->n ? s->skip : (uint32_t)in->n;
		s->skip -= step;
		advance(in, step);
		while (in->n > 0 && s->n < wanted(s)) {
			s->head[s->n++] = (uint8_t)in->p[0];
			advance(in, 1);
		}
		if (s->n < HEAD_BYTES || s->n < wanted(s))
			return H2_SCAN_MORE;
		enum h2_scan_event event = judge(s);
		s->stream = (int32_t)u31_at(s->head + 5);
		s->skip = length_of(s) - (s->n - HEAD_BYTES);
		s->n = 0;
		if (event != H2_SCAN_MORE)
			return event;
	}
	return H2_SCAN_MORE;
}
