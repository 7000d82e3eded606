/* SPDX-License-Identifier: Apache-2.0 */
/* fuzz: links http base */
/* Any bytes as an upstream's; the first byte says what was asked. Whole and byte by byte they give
 * the same verdict and the same responses; a first response written anew reads as itself. */
#include "h1_transcript.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n);

static void transcribe(struct h1_feeding how, size_t first, size_t piece, struct str raw,
	struct buffer *out, struct buffer *rewritten)
{
	how.first = first;
	how.piece = piece;
	buffer_init(out, 1 << 24);
	h1_transcribe(&how, raw, out, rewritten);
}

static void check_pieces(struct h1_feeding how, struct str raw)
{
	struct buffer whole, single, seven;
	transcribe(how, 0, 0, raw, &whole, NULL);
	transcribe(how, 1, 1, raw, &single, NULL);
	transcribe(how, raw.n / 2, 7, raw, &seven, NULL);
	CHECK(str_eq(buffer_str(&whole), buffer_str(&single)));
	CHECK(str_eq(buffer_str(&whole), buffer_str(&seven)));
	buffer_deinit(&whole);
	buffer_deinit(&single);
	buffer_deinit(&seven);
}

/* Up to the first "end" line. */
static struct str first_of(const struct buffer *transcript)
{
	struct str text = buffer_str(transcript);
	size_t n = str_find(text, STR("\nend\n"));
	return n < text.n ? str_slice(text, 0, n) : STR_EMPTY;
}

static void check_rewriting(struct h1_feeding how, struct str raw)
{
	struct buffer once, twice, rewritten;
	how.is_canonical = true;
	how.ends = true;
	buffer_init(&rewritten, 1 << 24);
	transcribe(how, 0, 0, raw, &once, &rewritten);
	transcribe(how, 0, 0, buffer_str(&rewritten), &twice, NULL);
	CHECK(str_starts(buffer_str(&twice), first_of(&once)));
	buffer_deinit(&once);
	buffer_deinit(&twice);
	buffer_deinit(&rewritten);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
	static const enum http_method methods[] = {
		METHOD_GET, METHOD_HEAD, METHOD_CONNECT, METHOD_POST};
	if (n == 0)
		return 0;
	struct h1_feeding how = {
		.is_response = true,
		.method = methods[bytes[0] & 3],
		.upgrade_asked = bytes[0] & 4,
		.ends = bytes[0] & 8,
	};
	struct str raw = {(const char *)bytes + 1, n - 1};
	check_pieces(how, raw);
	check_rewriting(how, raw);
	return 0;
}
