/* SPDX-License-Identifier: Apache-2.0 */
/* Content is a row of members (gzip) or frames (zstd), or one stream (brotli). What comes out is
 * judged after each 16 KiB, before it goes anywhere: a bomb is found when it has cost that much,
 * whatever its head promises. Empty members cost what their bytes cost, so nothing counts them. */
#define ZSTD_STATIC_LINKING_ONLY /* memory of one's own */
#include "decoder.h"

#include <brotli/decode.h>
#include <zlib.h>
#include <zstd.h>

#define OUT_BYTES           16384
#define ZSTD_WINDOW_LOG_MAX 23
#define ZSTD_MAGIC_BYTES    4

/* Stands in front of each block that a library takes. */
union block {
	size_t bytes;
	_Alignas(16) char fill[16];
};

struct decoder {
	const struct sluice_host *host;
	struct sluice_instance *instance;
	struct decoder_bounds bounds;
	int64_t bytes_in, bytes_out;
	size_t memory; /* that the library holds */
	enum coding coding;
	int is_hungry;  /* it asked for more than it may have */
	int is_starved; /* the instance has no more */
	int is_between; /* at the end of a member, where the content may end */
	unsigned magic; /* of a zstd frame, as far as it has come */
	int magic_n;    /* its bytes */
	union {
		z_stream gzip;
		BrotliDecoderState *br;
		ZSTD_DCtx *zstd;
	};
};

/* --- memory ---------------------------------------------------------------------------------- */
static void *take(void *opaque, size_t n)
{
	struct decoder *d = opaque;
	if (n > DECODER_BYTES_MAX - d->memory) {
		d->is_hungry = 1;
		return NULL;
	}
	union block *block = d->host->instance_alloc(d->instance, sizeof(*block) + n);
	if (!block) {
		d->is_starved = 1;
		return NULL;
	}
	block->bytes = n;
	d->memory += n;
	return block + 1;
}

static void give_back(void *opaque, void *p)
{
	struct decoder *d = opaque;
	if (!p)
		return;
	union block *block = (union block *)p - 1;
	d->memory -= block->bytes;
	d->host->instance_free(d->instance, block);
}

static void *take_items(void *opaque, unsigned count, unsigned size)
{
	return take(opaque, (size_t)count * size);
}

/* --- beginning and end ----------------------------------------------------------------------- */
static int begin(struct decoder *d)
{
	switch (d->coding) {
	case CODING_GZIP:
		d->gzip = (z_stream){.zalloc = take_items, .zfree = give_back, .opaque = d};
		/* 16: the wrapper is gzip's, and no other. */
		return inflateInit2(&d->gzip, 15 + 16) == Z_OK;
	case CODING_BR:
		d->br = BrotliDecoderCreateInstance(take, give_back, d);
		return d->br != NULL;
	default:
		d->zstd = ZSTD_createDCtx_advanced((ZSTD_customMem){take, give_back, d});
		return d->zstd && !ZSTD_isError(ZSTD_DCtx_setParameter(
					  d->zstd, ZSTD_d_windowLogMax, ZSTD_WINDOW_LOG_MAX));
	}
}

struct decoder *decoder_new(
	const struct sluice_call *call, enum coding coding, struct decoder_bounds bounds)
{
	struct decoder *d = call->host->instance_alloc(call->instance, sizeof(*d));
	if (!d)
		return NULL;
	*d = (struct decoder){.host = call->host,
		.instance = call->instance,
		.bounds = bounds,
		.coding = coding,
		.is_between = 1};
	if (begin(d))
		return d;
	decoder_free(d);
	return NULL;
}

void decoder_free(struct decoder *d)
{
	if (!d)
		return;
	if (d->coding == CODING_GZIP)
		inflateEnd(&d->gzip);
	else if (d->coding == CODING_BR && d->br)
		BrotliDecoderDestroyInstance(d->br);
	else if (d->coding == CODING_ZSTD)
		ZSTD_freeDCtx(d->zstd);
	d->host->instance_free(d->instance, d);
}

/* --- one round: some in, some out ------------------------------------------------------------ */
/* How many bytes came out; < 0: it is damaged, or there is no memory. *again: call once more. */
static ptrdiff_t round_gzip(struct decoder *d, struct sluice_str *in, char *out, int *again)
{
	z_stream *z = &d->gzip;
	if (d->is_between && d->bytes_out + d->bytes_in > 0 && inflateReset(z) != Z_OK)
		return -1;
	z->next_in = (Bytef *)(uintptr_t)in->p;
	z->avail_in = (uInt)in->n;
	z->next_out = (Bytef *)out;
	z->avail_out = OUT_BYTES;
	int rc = inflate(z, Z_NO_FLUSH);
	if (rc != Z_OK && rc != Z_STREAM_END && rc != Z_BUF_ERROR)
		return -1;
	*in = (struct sluice_str){(const char *)z->next_in, z->avail_in};
	d->is_between = rc == Z_STREAM_END;
	*again = in->n > 0 || (!d->is_between && z->avail_out == 0);
	return OUT_BYTES - (ptrdiff_t)z->avail_out;
}

static ptrdiff_t round_br(struct decoder *d, struct sluice_str *in, char *out, int *again)
{
	const uint8_t *from = (const uint8_t *)in->p;
	uint8_t *to = (uint8_t *)out;
	size_t room = OUT_BYTES;
	if (d->is_between && BrotliDecoderIsFinished(d->br))
		return -1; /* there is but one */
	BrotliDecoderResult r =
		BrotliDecoderDecompressStream(d->br, &in->n, &from, &room, &to, NULL);
	if (r == BROTLI_DECODER_RESULT_ERROR)
		return -1;
	in->p = (const char *)from;
	d->is_between = r == BROTLI_DECODER_RESULT_SUCCESS;
	*again = in->n > 0 || r == BROTLI_DECODER_RESULT_NEEDS_MORE_OUTPUT;
	return OUT_BYTES - (ptrdiff_t)room;
}

/* The library also knows frames from before RFC 8878, by decoders that take memory past our bounds:
 * it looks for them where four bytes begin what it is given, so that a magic number goes in byte by
 * byte. Returns how many bytes may go in now, 0: this is no frame. */
static size_t look_at_magic(struct decoder *d, struct sluice_str in)
{
	if (d->is_between)
		d->magic_n = 0;
	if (d->magic_n == ZSTD_MAGIC_BYTES || in.n == 0)
		return in.n;
	d->magic = d->magic >> 8 | (unsigned)(unsigned char)in.p[0] << 24;
	if (++d->magic_n < ZSTD_MAGIC_BYTES || d->magic == ZSTD_MAGICNUMBER)
		return 1;
	return (d->magic & ZSTD_MAGIC_SKIPPABLE_MASK) == ZSTD_MAGIC_SKIPPABLE_START;
}

static ptrdiff_t round_zstd(struct decoder *d, struct sluice_str *in, char *out, int *again)
{
	ZSTD_inBuffer from = {in->p, look_at_magic(d, *in), 0};
	ZSTD_outBuffer to = {out, OUT_BYTES, 0};
	if (from.size == 0 && in->n > 0)
		return -1;
	size_t left = ZSTD_decompressStream(d->zstd, &to, &from);
	if (ZSTD_isError(left))
		return -1;
	in->p += from.pos;
	in->n -= from.pos;
	d->is_between = left == 0;
	*again = in->n > 0 || (!d->is_between && to.pos == OUT_BYTES);
	return (ptrdiff_t)to.pos;
}

static ptrdiff_t round_any(struct decoder *d, struct sluice_str *in, char *out, int *again)
{
	switch (d->coding) {
	case CODING_GZIP:
		return round_gzip(d, in, out, again);
	case CODING_BR:
		return round_br(d, in, out, again);
	default:
		return round_zstd(d, in, out, again);
	}
}

/* --- bounds ---------------------------------------------------------------------------------- */
static enum decoder_result judge(const struct decoder *d)
{
	if (d->bytes_out > d->bounds.bytes_max)
		return DECODER_TOO_LARGE;
	if (d->bytes_out > DECODER_FREE_BYTES && d->bytes_out / d->bounds.ratio_max > d->bytes_in)
		return DECODER_TOO_DENSE;
	return DECODER_OK;
}

static enum decoder_result failure(const struct decoder *d)
{
	if (d->is_hungry)
		return DECODER_HUNGRY;
	return d->is_starved ? DECODER_STOPPED : DECODER_DAMAGED;
}

enum decoder_result decoder_put(
	struct decoder *d, struct sluice_str bytes, int end, decoder_sink *sink, void *arg)
{
	char out[OUT_BYTES];
	int again = bytes.n > 0;
	while (again) {
		size_t before = bytes.n;
		ptrdiff_t n = round_any(d, &bytes, out, &again);
		if (n < 0)
			return failure(d);
		d->bytes_in += (int64_t)(before - bytes.n);
		d->bytes_out += n;
		enum decoder_result r = judge(d);
		if (r != DECODER_OK)
			return r;
		if (n > 0 && sink(arg, (struct sluice_str){out, (size_t)n}) != SLUICE_OK)
			return DECODER_STOPPED;
		/* Neither taken nor given: it would go on so. */
		if (n == 0 && before == bytes.n && again)
			return DECODER_DAMAGED;
	}
	return end && !d->is_between ? DECODER_DAMAGED : DECODER_OK;
}
