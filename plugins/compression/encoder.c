/* SPDX-License-Identifier: Apache-2.0 */
/* The three libraries differ in names and in nothing else that matters here: bytes in, bytes out,
 *and a flush. Their windows are kept small: 128 KiB find nearly all that repeats in what an API
 *answers, and a stream that lasts for hours holds what it has. Measured, for one that is long
 *enough:
 *
 *	coding	window	 memory (default, most)	 64 KiB of text (default, most)
 *	gzip	 32 KiB	 0.3 MiB		 3 ms
 *	br	128 KiB	 0.8 MiB, 3.7 MiB	 1 ms, 8 ms
 *	zstd	128 KiB	 1.1 MiB		 0.5 ms, 2 ms
 */
#define ZSTD_STATIC_LINKING_ONLY /* memory of one's own */
#include "encoder.h"

#include <stdlib.h>

#include <brotli/encode.h>
#include <zlib.h>
#include <zstd.h>

#define OUT_BYTES 16384

struct encoder {
	const struct sluice_host *host;
	struct sluice_instance *instance;
	enum coding coding;
	union {
		z_stream gzip;
		BrotliEncoderState *br;
		ZSTD_CCtx *zstd;
	};
};

/* --- memory ---------------------------------------------------------------------------------- */
static void *take(void *opaque, size_t n)
{
	struct encoder *e = opaque;
	return e->host->instance_alloc(e->instance, n);
}

static void give_back(void *opaque, void *p)
{
	struct encoder *e = opaque;
	e->host->instance_free(e->instance, p);
}

static void *take_items(void *opaque, unsigned count, unsigned size)
{
	return take(opaque, (size_t)count * size);
}

/* Stands in front of each block of brotli's. */
union block {
	int is_counted; /* it is the instance's */
	_Alignas(16) char fill[16];
};

/* libbrotlienc ends the process when it gets no memory in the middle of a stream. So one that has
 * begun gets it in any case; when the instance's is spent none begins, which bounds how much that
 * is. */
static void *take_surely(void *opaque, size_t n)
{
	struct encoder *e = opaque;
	union block *block = take(e, sizeof(*block) + n);
	int is_counted = block != NULL;
	if (!block)
		block = malloc(sizeof(*block) + n);
	if (!block)
		return NULL;
	block->is_counted = is_counted;
	return block + 1;
}

static void give_back_surely(void *opaque, void *p)
{
	if (!p)
		return;
	union block *block = (union block *)p - 1;
	if (block->is_counted)
		give_back(opaque, block);
	else
		free(block);
}

/* The binary logarithm of a window that holds `length` bytes, within bounds. */
static int window_log(int64_t length, int least, int most)
{
	int log = least;
	while (log < most && (length < 0 || length > (int64_t)1 << log))
		log++;
	return log;
}

/* --- beginnings ------------------------------------------------------------------------------ */
static int begin_gzip(struct encoder *e, int level, int64_t length)
{
	int window = window_log(length, 9, 15);
	int table = window > 10 ? window - 7 : 3;
	e->gzip = (z_stream){.zalloc = take_items, .zfree = give_back, .opaque = e};
	/* 16: the wrapper is gzip's. */
	return deflateInit2(&e->gzip, level, Z_DEFLATED, window + 16, table, Z_DEFAULT_STRATEGY) ==
	       Z_OK;
}

static int begin_br(struct encoder *e, int level, int64_t length)
{
	e->br = BrotliEncoderCreateInstance(take_surely, give_back_surely, e);
	return e->br && BrotliEncoderSetParameter(e->br, BROTLI_PARAM_QUALITY, (uint32_t)level) &&
	       BrotliEncoderSetParameter(
		       e->br, BROTLI_PARAM_LGWIN, (uint32_t)window_log(length, 10, 17));
}

static int set_zstd(struct encoder *e, ZSTD_cParameter parameter, int value)
{
	return !ZSTD_isError(ZSTD_CCtx_setParameter(e->zstd, parameter, value));
}

static int begin_zstd(struct encoder *e, int level, int64_t length)
{
	int window = window_log(length, 10, 17), table = window < 15 ? window : 15;
	e->zstd = ZSTD_createCCtx_advanced((ZSTD_customMem){take, give_back, e});
	return e->zstd && set_zstd(e, ZSTD_c_compressionLevel, level) &&
	       set_zstd(e, ZSTD_c_windowLog, window) && set_zstd(e, ZSTD_c_hashLog, table) &&
	       set_zstd(e, ZSTD_c_chainLog, table);
}

static int begin(struct encoder *e, const struct encoder_levels *levels, int64_t length)
{
	switch (e->coding) {
	case CODING_GZIP:
		return begin_gzip(e, levels->gzip, length);
	case CODING_BR:
		return begin_br(e, levels->br, length);
	default:
		return begin_zstd(e, levels->zstd, length);
	}
}

struct encoder *encoder_new(const struct sluice_call *call, enum coding coding,
	const struct encoder_levels *levels, int64_t length)
{
	struct encoder *e = call->host->instance_alloc(call->instance, sizeof(*e));
	if (!e)
		return NULL;
	*e = (struct encoder){.host = call->host, .instance = call->instance, .coding = coding};
	if (begin(e, levels, length))
		return e;
	encoder_free(e);
	return NULL;
}

void encoder_free(struct encoder *e)
{
	if (!e)
		return;
	if (e->coding == CODING_GZIP)
		deflateEnd(&e->gzip);
	else if (e->coding == CODING_BR)
		BrotliEncoderDestroyInstance(e->br);
	else
		ZSTD_freeCCtx(e->zstd);
	e->host->instance_free(e->instance, e);
}

/* --- one round: some in, some out ------------------------------------------------------------ */
/* How many bytes came out; < 0: no memory. *again: there is more to come of this step. */
static ptrdiff_t round_gzip(
	struct encoder *e, struct sluice_str *in, enum encoder_step step, char *out, int *again)
{
	static const int how[] = {Z_NO_FLUSH, Z_SYNC_FLUSH, Z_FINISH};
	z_stream *z = &e->gzip;
	z->next_in = (Bytef *)(uintptr_t)in->p;
	z->avail_in = (uInt)in->n;
	z->next_out = (Bytef *)out;
	z->avail_out = OUT_BYTES;
	int rc = deflate(z, how[step]);
	/* Z_BUF_ERROR: a flush that found nothing to do. */
	if (rc != Z_OK && rc != Z_STREAM_END && rc != Z_BUF_ERROR)
		return -1;
	*in = (struct sluice_str){(const char *)z->next_in, z->avail_in};
	*again = z->avail_in > 0 || z->avail_out == 0;
	return OUT_BYTES - (ptrdiff_t)z->avail_out;
}

static ptrdiff_t round_br(
	struct encoder *e, struct sluice_str *in, enum encoder_step step, char *out, int *again)
{
	static const BrotliEncoderOperation how[] = {
		BROTLI_OPERATION_PROCESS, BROTLI_OPERATION_FLUSH, BROTLI_OPERATION_FINISH};
	const uint8_t *from = (const uint8_t *)in->p;
	uint8_t *to = (uint8_t *)out;
	size_t room = OUT_BYTES;
	if (!BrotliEncoderCompressStream(e->br, how[step], &in->n, &from, &room, &to, NULL))
		return -1;
	in->p = (const char *)from;
	*again = in->n > 0 || BrotliEncoderHasMoreOutput(e->br);
	return OUT_BYTES - (ptrdiff_t)room;
}

static ptrdiff_t round_zstd(
	struct encoder *e, struct sluice_str *in, enum encoder_step step, char *out, int *again)
{
	static const ZSTD_EndDirective how[] = {ZSTD_e_continue, ZSTD_e_flush, ZSTD_e_end};
	ZSTD_inBuffer from = {in->p, in->n, 0};
	ZSTD_outBuffer to = {out, OUT_BYTES, 0};
	size_t left = ZSTD_compressStream2(e->zstd, &to, &from, how[step]);
	if (ZSTD_isError(left))
		return -1;
	in->p += from.pos;
	in->n -= from.pos;
	*again = in->n > 0 || (step != ENCODER_FLOW && left > 0);
	return (ptrdiff_t)to.pos;
}

static ptrdiff_t round_any(
	struct encoder *e, struct sluice_str *in, enum encoder_step step, char *out, int *again)
{
	switch (e->coding) {
	case CODING_GZIP:
		return round_gzip(e, in, step, out, again);
	case CODING_BR:
		return round_br(e, in, step, out, again);
	default:
		return round_zstd(e, in, step, out, again);
	}
}

int32_t encoder_put(struct encoder *e, struct sluice_str bytes, enum encoder_step step,
	encoder_sink *sink, void *arg)
{
	char out[OUT_BYTES];
	int again = 1;
	while (again) {
		ptrdiff_t n = round_any(e, &bytes, step, out, &again);
		if (n < 0)
			return SLUICE_E_FULL;
		int32_t rc = n ? sink(arg, (struct sluice_str){out, (size_t)n}) : SLUICE_OK;
		if (rc != SLUICE_OK)
			return rc;
	}
	return SLUICE_OK;
}
