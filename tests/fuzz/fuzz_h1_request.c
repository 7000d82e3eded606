/* SPDX-License-Identifier: Apache-2.0 */
/* fuzz: links http base */
/* Any bytes as a client's. Whole and byte by byte they give the same verdict and the same requests;
 * the accepted ones, written anew, read as the same requests and end where they ended. */
#include "h1_transcript.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n);

static void check_pieces(struct str raw, size_t first, size_t piece, const struct buffer *whole)
{
	struct buffer pieces;
	buffer_init(&pieces, 1 << 24);
	struct h1_feeding how = {.ends = true, .first = first, .piece = piece};
	h1_transcribe(&how, raw, &pieces, NULL);
	CHECK(str_eq(buffer_str(whole), buffer_str(&pieces)));
	buffer_deinit(&pieces);
}

/* Everything up to the first error or unfinished message. */
static struct str finished(const struct buffer *transcript)
{
	struct str text = buffer_str(transcript);
	size_t n = 0;
	for (size_t i = 0; i + 4 <= text.n; i++)
		if ((i == 0 || text.p[i - 1] == '\n') &&
			str_starts(str_from(text, i), STR("end\n")))
			n = i + 4;
	return str_slice(text, 0, n);
}

static void check_rewriting(struct str raw)
{
	struct buffer once, twice, rewritten;
	buffer_init(&once, 1 << 24);
	buffer_init(&twice, 1 << 24);
	buffer_init(&rewritten, 1 << 24);
	struct h1_feeding how = {.is_canonical = true};
	h1_transcribe(&how, raw, &once, &rewritten);
	h1_transcribe(&how, buffer_str(&rewritten), &twice, NULL);
	CHECK(str_starts(buffer_str(&twice), finished(&once)));
	buffer_deinit(&once);
	buffer_deinit(&twice);
	buffer_deinit(&rewritten);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
	struct str raw = {(const char *)bytes, n};
	struct buffer whole;
	buffer_init(&whole, 1 << 24);
	struct h1_feeding how = {.ends = true};
	h1_transcribe(&how, raw, &whole, NULL);
	check_pieces(raw, 1, 1, &whole);
	check_pieces(raw, n / 2, 7, &whole);
	check_rewriting(raw);
	buffer_deinit(&whole);
	return 0;
}
