/* SPDX-License-Identifier: Apache-2.0 */
/* fuzz: links http base */
/* Any bytes as frames of a client, or a server (the first bit). What is parsed and is not overlong
 * is written back as the same bytes; a mask twice is none; text in pieces is judged as text in one.
 */
#include "base/check.h"
#include "base/utf8.h"
#include "http/ws_frame.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n);

static void judge_head(struct str head, const struct ws_head *h)
{
	char again[WS_HEAD_BYTES_MAX];
	CHECK(head.n <= WS_HEAD_BYTES_MAX);
	if (h->is_overlong)
		return;
	CHECK(ws_head_write(h, again) == head.n);
	CHECK(memcmp(again, head.p, head.n) == 0);
}

static void judge_payload(const struct ws_head *h, struct str payload)
{
	char text[4096];
	struct utf8_stream u = {0};
	bool is_text = true;
	uint16_t status;
	payload = str_slice(payload, 0, sizeof(text));
	ws_mask(text, payload, h->mask, 0);
	for (size_t i = 0; i < payload.n && is_text; i++)
		is_text = utf8_stream_take(&u, str_n(text + i, 1));
	CHECK((is_text && utf8_stream_is_whole(&u)) == utf8_is_valid(str_n(text, payload.n)));
	if (h->opcode == WS_CLOSE && ws_close_parse(str_n(text, payload.n), &status) == 0)
		CHECK(status == 0 || ws_status_is_sendable(status));
	ws_mask(text, str_n(text, payload.n), h->mask, 0);
	CHECK(payload.n == 0 || memcmp(text, payload.p, payload.n) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
	struct str in = {(const char *)bytes, n};
	struct ws_sequence sequence = {0};
	struct ws_head h;
	if (n == 0)
		return 0;
	in = str_from(in, 1);
	for (size_t head; (head = ws_head_parse(in, &h)) > 0;) {
		judge_head(str_slice(in, 0, head), &h);
		if (ws_sequence_take(&sequence, &h, bytes[0] & 1))
			return 0;
		in = str_from(in, head);
		size_t payload = h.length < in.n ? (size_t)h.length : in.n;
		judge_payload(&h, str_slice(in, 0, payload));
		in = str_from(in, payload);
	}
	return 0;
}
