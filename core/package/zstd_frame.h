/* SPDX-License-Identifier: Apache-2.0 */
/* package/zstd_frame.h - one frame of Zstandard (RFC 8878) that is all there is. */
#pragma once

#include "base/buffer.h"

/* The same bytes make the same bytes, with one version of libzstd. */
void zstd_compress(struct str bytes, struct buffer *out);
/* RC_INVALID with one sentence: no frame, more than one, one that does not say its size, damaged,
 * or larger than `out` takes. */
MUST_USE enum rc zstd_decompress(
	struct str frame, struct buffer *out, char *message, size_t message_size);
