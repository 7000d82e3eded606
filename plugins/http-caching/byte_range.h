/* SPDX-License-Identifier: Apache-2.0 */
/* http-caching/byte_range.h - a part of a stored answer (RFC 9110 14).
 *
 * Threads      pure functions.
 */
#pragma once

#include "sluice/sluice.h"

enum range_kind {
	RANGE_WHOLE, /* none, several, another unit, or no range at all: the field is ignored */
	RANGE_PART,
	RANGE_UNSATISFIABLE /* 416 */
};

struct byte_range {
	uint64_t offset, length; /* of RANGE_PART; length > 0 */
};

enum range_kind byte_range_parse(
	struct sluice_str value, uint64_t complete_length, struct byte_range *range);

/* "bytes 18446744073709551615-18446744073709551615/18446744073709551615" */
#define CONTENT_RANGE_BYTES_MAX 72
/* Content-Range; of RANGE_UNSATISFIABLE the length alone. How many bytes. */
size_t content_range_write(char out[CONTENT_RANGE_BYTES_MAX], enum range_kind kind,
	const struct byte_range *range, uint64_t complete_length);
