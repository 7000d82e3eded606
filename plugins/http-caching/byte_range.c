/* SPDX-License-Identifier: Apache-2.0 */
#include "byte_range.h"

#include "sluice/text.h"

#include <inttypes.h>
#include <stdio.h>

/* Digits; what overflows is as large as can be, so beyond any end. */
static int position_parse(struct sluice_str text, uint64_t *n)
{
	*n = 0;
	for (size_t i = 0; i < text.n; i++) {
		unsigned digit = (unsigned)(text.p[i] - '0');
		if (digit > 9)
			return 0;
		*n = *n > (UINT64_MAX - 9) / 10 ? UINT64_MAX : *n * 10 + digit;
	}
	return text.n > 0;
}

static enum range_kind suffix_parse(struct sluice_str text, uint64_t length, struct byte_range *r)
{
	uint64_t n;
	if (!position_parse(text, &n))
		return RANGE_WHOLE;
	if (n == 0 || length == 0)
		return RANGE_UNSATISFIABLE;
	r->length = n < length ? n : length;
	r->offset = length - r->length;
	return RANGE_PART;
}

enum range_kind byte_range_parse(
	struct sluice_str value, uint64_t complete_length, struct byte_range *range)
{
	struct sluice_str last = value;
	struct sluice_str unit = sluice_trim(sluice_cut(&last, '='));
	if (!last.p || !sluice_equal_nocase(unit, SLUICE_STR("bytes")))
		return RANGE_WHOLE;
	last = sluice_trim(last);
	struct sluice_str first = sluice_trim(sluice_cut(&last, '-'));
	uint64_t from, to = UINT64_MAX;
	if (!last.p)
		return RANGE_WHOLE;
	last = sluice_trim(last);
	if (first.n == 0)
		return suffix_parse(last, complete_length, range);
	if (!position_parse(first, &from) || (last.n && !position_parse(last, &to)) || from > to)
		return RANGE_WHOLE;
	if (from >= complete_length)
		return RANGE_UNSATISFIABLE;
	to = to < complete_length ? to : complete_length - 1;
	*range = (struct byte_range){from, to - from + 1};
	return RANGE_PART;
}

size_t content_range_write(char out[CONTENT_RANGE_BYTES_MAX], enum range_kind kind,
	const struct byte_range *range, uint64_t complete_length)
{
	int n;
	if (kind == RANGE_UNSATISFIABLE)
		n = snprintf(out, CONTENT_RANGE_BYTES_MAX, "bytes */%" PRIu64, complete_length);
	else
		n = snprintf(out, CONTENT_RANGE_BYTES_MAX, "bytes %" PRIu64 "-%" PRIu64 "/%" PRIu64,
			range->offset, range->offset + range->length - 1, complete_length);
	return (size_t)n;
}
