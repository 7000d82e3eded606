/* SPDX-License-Identifier: Apache-2.0 */
#include "package/zstd_frame.h"

#include "base/check.h"

#include <stdio.h>

#include <zstd.h>

#define LEVEL 19

void zstd_compress(struct str bytes, struct buffer *out)
{
	size_t room = ZSTD_compressBound(bytes.n);
	char *to = buffer_reserve(out, room);
	if (!to)
		return;
	ZSTD_CCtx *context = ZSTD_createCCtx();
	CHECK(context);
	size_t ok = ZSTD_CCtx_setParameter(context, ZSTD_c_compressionLevel, LEVEL);
	CHECK(!ZSTD_isError(ok));
	ok = ZSTD_CCtx_setParameter(context, ZSTD_c_checksumFlag, 1);
	CHECK(!ZSTD_isError(ok));
	size_t n = ZSTD_compress2(context, to, room, bytes.p, bytes.n);
	CHECK(!ZSTD_isError(n));
	ZSTD_freeCCtx(context);
	buffer_commit(out, n);
}

static enum rc fail(char *message, size_t message_size, const char *why)
{
	snprintf(message, message_size, "%s", why);
	return RC_INVALID;
}

enum rc zstd_decompress(struct str frame, struct buffer *out, char *message, size_t message_size)
{
	size_t all = ZSTD_findFrameCompressedSize(frame.p, frame.n);
	if (ZSTD_isError(all))
		return fail(message, message_size, "is not compressed by zstd, or cut short");
	if (all != frame.n)
		return fail(message, message_size, "goes on behind its end");
	/* The size is the sender's word, and only as good as its limit. */
	unsigned long long size = ZSTD_getFrameContentSize(frame.p, frame.n);
	if (size == ZSTD_CONTENTSIZE_UNKNOWN || size == ZSTD_CONTENTSIZE_ERROR ||
		size > out->bytes_max)
		return fail(message, message_size, "is larger than a pack may be, or does not say");
	char *to = buffer_reserve(out, size);
	size_t n = to ? ZSTD_decompress(to, size, frame.p, frame.n) : 0;
	if (!to || ZSTD_isError(n) || n != size)
		return fail(message, message_size, "is damaged: it cannot be decompressed");
	buffer_commit(out, n);
	return RC_OK;
}
