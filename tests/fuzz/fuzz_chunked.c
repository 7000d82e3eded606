/* SPDX-License-Identifier: Apache-2.0 */
/* fuzz: links http base */
/* Any bytes as chunked content. Whole and byte by byte they give the same verdict, data and
 * trailers, and the data is what a plain reading of the chunks gives. */
#include "h1_transcript.h"

#include "http/scan.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n);

static const char head[] = "POST / HTTP/1.1\r\nhost: h\r\ntransfer-encoding: chunked\r\n\r\n";

/* The data of well-formed chunks without extensions, up to the last chunk; false: not these. */
static bool read_plainly(struct str in, struct buffer *data)
{
	for (;;) {
		size_t size = 0, digits = 0;
		while (digits < in.n && digits < 7 && hex_value(in.p[digits]) >= 0)
			size = size << 4 | (size_t)hex_value(in.p[digits++]);
		in = str_from(in, digits);
		if (digits == 0 || !str_starts(in, STR("\r\n")))
			return false;
		in = str_from(in, 2);
		if (size == 0)
			return str_starts(in, STR("\r\n"));
		if (in.n < size + 2 || !str_starts(str_from(in, size), STR("\r\n")))
			return false;
		buffer_add(data, str_slice(in, 0, size));
		in = str_from(in, size + 2);
	}
}

static void transcribe(struct str raw, size_t first, size_t piece, struct buffer *out)
{
	struct h1_feeding how = {.first = first, .piece = piece, .ends = true};
	buffer_init(out, 1 << 24);
	h1_transcribe(&how, raw, out, NULL);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
	struct str content = {(const char *)bytes, n};
	struct buffer raw, whole, single, halves, data, expected;
	buffer_init(&raw, 1 << 24);
	buffer_add(&raw, STR(head));
	buffer_add(&raw, content);
	transcribe(buffer_str(&raw), 0, 0, &whole);
	transcribe(buffer_str(&raw), 1, 1, &single);
	transcribe(buffer_str(&raw), sizeof(head) - 1 + n / 2, 0, &halves);
	CHECK(str_eq(buffer_str(&whole), buffer_str(&single)));
	CHECK(str_eq(buffer_str(&whole), buffer_str(&halves)));

	buffer_init(&data, 1 << 24);
	if (read_plainly(content, &data)) {
		buffer_init(&expected, 1 << 24);
		buffer_add(&expected, STR("POST / at h chunked\n"));
		if (data.n > 0) {
			buffer_add(&expected, STR("body "));
			buffer_add(&expected, buffer_str(&data));
			buffer_add_char(&expected, '\n');
		}
		buffer_add(&expected, STR("end keep-alive\n"));
		CHECK(str_starts(buffer_str(&whole), buffer_str(&expected)));
		buffer_deinit(&expected);
	}
	buffer_deinit(&data);
	buffer_deinit(&raw);
	buffer_deinit(&whole);
	buffer_deinit(&single);
	buffer_deinit(&halves);
	return 0;
}
