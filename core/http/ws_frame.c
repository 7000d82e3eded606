/* SPDX-License-Identifier: Apache-2.0 */
#include "http/ws_frame.h"

#include "base/utf8.h"

#define FINAL_BIT 0x80
#define MASK_BIT  0x80
/* Lengths that say where the length is. */
#define LENGTH_16 126
#define LENGTH_64 127

static uint64_t read_big_endian(const uint8_t *p, size_t n)
{
	uint64_t value = 0;
	while (n-- > 0)
		value = value << 8 | *p++;
	return value;
}

static void write_big_endian(char *to, uint64_t value, size_t n)
{
	while (n-- > 0) {
		to[n] = (char)(value & 0xff);
		value >>= 8;
	}
}

static size_t length_bytes(uint8_t length)
{
	return length == LENGTH_64 ? 8 : length == LENGTH_16 ? 2 : 0;
}

static bool is_overlong(uint8_t form, uint64_t length)
{
	return (form == LENGTH_16 && length < LENGTH_16) ||
	       (form == LENGTH_64 && (length <= UINT16_MAX || length >> 63));
}

size_t ws_head_parse(struct str in, struct ws_head *h)
{
	const uint8_t *p = (const uint8_t *)in.p;
	if (in.n < 2)
		return 0;
	uint8_t form = p[1] & 0x7f;
	size_t extra = length_bytes(form), mask = p[1] & MASK_BIT ? 4 : 0;
	if (in.n < 2 + extra + mask)
		return 0;
	h->length = extra > 0 ? read_big_endian(p + 2, extra) : form;
	h->opcode = p[0] & 0x0f;
	h->reserved = p[0] >> 4 & 7;
	h->is_final = (p[0] & FINAL_BIT) != 0;
	h->is_masked = mask > 0;
	h->is_overlong = is_overlong(form, h->length);
	memset(h->mask, 0, sizeof(h->mask));
	memcpy(h->mask, p + 2 + extra, mask);
	return 2 + extra + mask;
}

size_t ws_head_write(const struct ws_head *h, char *to)
{
	uint8_t form = h->length > UINT16_MAX  ? LENGTH_64
		       : h->length < LENGTH_16 ? (uint8_t)h->length
					       : LENGTH_16;
	size_t extra = length_bytes(form), mask = h->is_masked ? 4 : 0;
	to[0] = (char)((h->is_final ? FINAL_BIT : 0) | h->reserved << 4 | h->opcode);
	to[1] = (char)((h->is_masked ? MASK_BIT : 0) | form);
	write_big_endian(to + 2, h->length, extra);
	memcpy(to + 2 + extra, h->mask, mask);
	return 2 + extra + mask;
}

/* By words once the mask is turned to where the first byte stands. */
void ws_mask(char *to, struct str bytes, const uint8_t mask[4], uint64_t offset)
{
	uint8_t turned[8];
	uint64_t key, word;
	size_t i = 0;
	for (; i < sizeof(turned); i++)
		turned[i] = mask[(offset + i) & 3];
	memcpy(&key, turned, sizeof(key));
	for (i = 0; i + sizeof(word) <= bytes.n; i += sizeof(word)) {
		memcpy(&word, bytes.p + i, sizeof(word));
		word ^= key;
		memcpy(to + i, &word, sizeof(word));
	}
	for (; i < bytes.n; i++)
		to[i] = (char)((uint8_t)bytes.p[i] ^ turned[i & 7]);
}

/* --- what may follow what -------------------------------------------------------------------- */

static const char *control_mistake(const struct ws_head *h)
{
	if (h->opcode > WS_PONG)
		return "a frame has an opcode that is reserved";
	return !h->is_final || h->length > WS_CONTROL_BYTES_MAX
		       ? "a control frame is fragmented, or longer than 125 bytes"
		       : NULL;
}

static const char *data_mistake(const struct ws_sequence *s, const struct ws_head *h)
{
	if (h->opcode > WS_BINARY)
		return "a frame has an opcode that is reserved";
	if (h->opcode == WS_CONTINUATION)
		return s->message ? NULL : "a frame goes on with a message that has not begun";
	return s->message ? "a message begins inside of another" : NULL;
}

static const char *head_mistake(
	const struct ws_sequence *s, const struct ws_head *h, bool is_from_client)
{
	if (h->reserved)
		return "a frame has bits of an extension that was not negotiated";
	if (h->is_masked != is_from_client)
		return is_from_client ? "a client's frame has no mask"
				      : "a server's frame has a mask";
	if (h->is_overlong)
		return "a frame's length is not in its shortest form";
	return ws_is_control(h->opcode) ? control_mistake(h) : data_mistake(s, h);
}

const char *ws_sequence_take(struct ws_sequence *s, const struct ws_head *h, bool is_from_client)
{
	const char *mistake = head_mistake(s, h, is_from_client);
	if (mistake)
		return mistake;
	if (h->opcode == WS_CLOSE)
		s->is_closed = true;
	else if (!ws_is_control(h->opcode) && h->is_final)
		s->message = 0;
	else if (h->opcode == WS_TEXT || h->opcode == WS_BINARY)
		s->message = h->opcode;
	return NULL;
}

/* --- close ----------------------------------------------------------------------------------- */

bool ws_status_is_sendable(uint32_t status)
{
	return (status >= 1000 && status <= 1003) || (status >= 1007 && status <= 1014) ||
	       (status >= 3000 && status <= 4999);
}

enum ws_status ws_close_parse(struct str payload, uint16_t *status)
{
	*status = 0;
	if (payload.n == 0)
		return 0;
	if (payload.n == 1)
		return WS_STATUS_PROTOCOL;
	uint64_t told = read_big_endian((const uint8_t *)payload.p, 2);
	if (!ws_status_is_sendable((uint32_t)told))
		return WS_STATUS_PROTOCOL;
	if (!utf8_is_valid(str_from(payload, 2)))
		return WS_STATUS_NOT_TEXT;
	*status = (uint16_t)told;
	return 0;
}

size_t ws_close_write(uint16_t status, struct str reason, const uint8_t *mask, char *to)
{
	char payload[WS_CONTROL_BYTES_MAX];
	struct ws_head h = {.opcode = WS_CLOSE, .is_final = true, .length = 2 + reason.n};
	write_big_endian(payload, status, 2);
	if (reason.n > 0)
		memcpy(payload + 2, reason.p, reason.n);
	if (mask) {
		h.is_masked = true;
		memcpy(h.mask, mask, sizeof(h.mask));
	}
	size_t n = ws_head_write(&h, to);
	ws_mask(to + n, str_n(payload, 2 + reason.n), h.mask, 0);
	return n + 2 + reason.n;
}
