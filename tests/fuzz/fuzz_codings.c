/* SPDX-License-Identifier: Apache-2.0 */
/* fuzz: links base */
/* fuzz: compiles plugins/compression/decoder.c plugins/compression/encoder.c */
/* fuzz: compiles plugins/compression/negotiate.c */
/* fuzz: packages zlib libbrotlienc libbrotlidec libzstd */
/* The first byte chooses the coding, how it is cut, and whether the rest is compressed (then it
 * comes back from the encoder and the decoder) or content of that coding (then it says the same
 * whole and in pieces, within its bounds). */
#include "plugin_host.h"

#include "compression/decoder.h"
#include "compression/encoder.h"

#define CONTENT_MAX 200000

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n);

struct content {
	size_t n;
	char p[CONTENT_MAX + 16384];
};

static const struct sluice_call call = {.size = sizeof(call), .host = &fuzz_host};

static int32_t keep(void *arg, struct sluice_str bytes)
{
	struct content *c = arg;
	CHECK(bytes.n > 0 && bytes.n <= sizeof(c->p) - c->n);
	memcpy(c->p + c->n, bytes.p, bytes.n);
	c->n += bytes.n;
	return SLUICE_OK;
}

static enum decoder_result decode(
	enum coding coding, struct sluice_str in, size_t piece, struct content *out)
{
	const struct decoder_bounds bounds = {CONTENT_MAX, 50};
	struct decoder *d = decoder_new(&call, coding, bounds);
	enum decoder_result r = DECODER_OK;
	CHECK(d);
	out->n = 0;
	do {
		size_t k = in.n < piece ? in.n : piece;
		r = decoder_put(d, (struct sluice_str){in.p, k}, k == in.n, keep, out);
		in.p += k;
		in.n -= k;
	} while (in.n && r == DECODER_OK);
	decoder_free(d);
	CHECK(r != DECODER_STOPPED && out->n <= CONTENT_MAX);
	return r;
}

static void encode(
	enum coding coding, struct sluice_str in, size_t piece, int64_t length, struct content *out)
{
	const struct encoder_levels levels = {1, 2, 1};
	struct encoder *e = encoder_new(&call, coding, &levels, length);
	CHECK(e);
	out->n = 0;
	do {
		size_t k = in.n < piece ? in.n : piece;
		enum encoder_step step = k % 2 ? ENCODER_FLOW : ENCODER_FLUSH;
		step = k == in.n ? ENCODER_END : step;
		CHECK(encoder_put(e, (struct sluice_str){in.p, k}, step, keep, out) == SLUICE_OK);
		in.p += k;
		in.n -= k;
	} while (in.n);
	encoder_free(e);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
	static struct content one, other;
	if (n < 1 || n > 4096)
		return 0;
	enum coding coding = (enum coding)(CODING_GZIP + bytes[0] % 3);
	size_t piece = (size_t)bytes[0] / 3 % 40 + 1;
	struct sluice_str text = {(const char *)bytes + 1, n - 1};
	if (bytes[0] & 128) {
		encode(coding, text, piece, piece % 2 ? -1 : (int64_t)text.n, &one);
		CHECK(decode(coding, (struct sluice_str){one.p, one.n}, piece, &other) ==
			DECODER_OK);
		CHECK(other.n == text.n && memcmp(other.p, text.p, text.n) == 0);
		return 0;
	}
	enum decoder_result whole = decode(coding, text, n, &one);
	enum decoder_result parts = decode(coding, text, piece, &other);
	CHECK((whole == DECODER_OK) == (parts == DECODER_OK));
	if (whole == DECODER_OK)
		CHECK(one.n == other.n && memcmp(one.p, other.p, one.n) == 0);
	return 0;
}
