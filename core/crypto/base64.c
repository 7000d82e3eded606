/* SPDX-License-Identifier: Apache-2.0 */
#include "crypto/crypto.h"

static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/* 0 to 63; negative when c is not of the alphabet that ends in the two of `last`. */
static int value_of(char c, const char *last)
{
	if (c >= 'A' && c <= 'Z')
		return c - 'A';
	if (c >= 'a' && c <= 'z')
		return c - 'a' + 26;
	if (c >= '0' && c <= '9')
		return c - '0' + 52;
	if (c == last[0])
		return 62;
	return c == last[1] ? 63 : -1;
}

/* Four characters, of which the last `pad` are not there or '='. False also when bits that no byte
 * takes are set: each text has one encoding only. */
static bool decode_group(const char *in, const char *last, size_t pad, char *out)
{
	uint32_t bits = 0;
	for (size_t i = 0; i < 4; i++) {
		int value = i < 4 - pad ? value_of(in[i], last) : 0;
		if (value < 0)
			return false;
		bits = bits << 6 | (uint32_t)value;
	}
	for (size_t i = 0; i < 3 - pad; i++)
		out[i] = (char)(bits >> (16 - 8 * i));
	return (bits & ((1u << (8 * pad)) - 1)) == 0;
}

enum rc base64_decode(struct str in, char *out, size_t *n)
{
	size_t written = 0;
	if (in.n % 4 != 0)
		return RC_INVALID;
	for (size_t at = 0; at < in.n; at += 4) {
		size_t pad = 0;
		if (at + 4 == in.n && in.p[in.n - 1] == '=')
			pad = in.p[in.n - 2] == '=' ? 2 : 1;
		if (!decode_group(in.p + at, "+/", pad, out + written))
			return RC_INVALID;
		written += 3 - pad;
	}
	*n = written;
	return RC_OK;
}

enum rc base64url_decode(struct str in, char *out, size_t *n)
{
	size_t written = 0;
	if (in.n % 4 == 1)
		return RC_INVALID;
	for (size_t at = 0; at < in.n; at += 4) {
		size_t pad = in.n - at < 4 ? 4 - (in.n - at) : 0;
		if (!decode_group(in.p + at, "-_", pad, out + written))
			return RC_INVALID;
		written += 3 - pad;
	}
	*n = written;
	return RC_OK;
}

size_t base64_encode(struct str in, char *out)
{
	size_t written = 0;
	for (size_t at = 0; at < in.n; at += 3) {
		size_t n = in.n - at < 3 ? in.n - at : 3;
		uint32_t bits = 0;
		for (size_t i = 0; i < 3; i++)
			bits = bits << 8 | (i < n ? (unsigned char)in.p[at + i] : 0u);
		for (size_t i = 0; i < 4; i++) {
			char c = alphabet[bits >> (18 - 6 * i) & 63];
			out[written++] = i <= n ? c : '=';
		}
	}
	return written;
}
