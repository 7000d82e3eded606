/* SPDX-License-Identifier: Apache-2.0 */
#include "crypto/crypto.h"

static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/* Of each character what it stands for, and in which of both alphabets. Tokens are 1,000 characters: a look
 * costs a third of what comparisons do. */
enum { STANDARD = 0x40, URL = 0x80, BOTH = STANDARD | URL, VALUE = 0x3f };
#define EIGHT(first, value)                                                                        \
	[first] = BOTH | (value), [(first) + 1] = BOTH | ((value) + 1),                            \
	[(first) + 2] = BOTH | ((value) + 2), [(first) + 3] = BOTH | ((value) + 3),                \
	[(first) + 4] = BOTH | ((value) + 4), [(first) + 5] = BOTH | ((value) + 5),                \
	[(first) + 6] = BOTH | ((value) + 6), [(first) + 7] = BOTH | ((value) + 7)
static const uint8_t values[256] = {EIGHT('A', 0), EIGHT('I', 8),
	EIGHT('Q', 16), ['Y'] = BOTH | 24, ['Z'] = BOTH | 25, EIGHT('a', 26), EIGHT('i', 34),
	EIGHT('q', 42), ['y'] = BOTH | 50, ['z'] = BOTH | 51,
	EIGHT('0', 52), ['8'] = BOTH | 60, ['9'] = BOTH | 61, ['+'] = STANDARD | 62,
	['/'] = STANDARD | 63, ['-'] = URL | 62, ['_'] = URL | 63};

static uint8_t value_of(char c)
{
	return values[(unsigned char)c];
}

/* Groups of four characters to three bytes each; false when one is not of that alphabet. */
static bool decode_whole(const char *in, size_t groups, unsigned alphabet_bit, char *out)
{
	for (; groups > 0; groups--, in += 4, out += 3) {
		unsigned a = value_of(in[0]), b = value_of(in[1]), c = value_of(in[2]),
			 d = value_of(in[3]);
		if (!(a & b & c & d & alphabet_bit))
			return false;
		uint32_t bits =
			(a & VALUE) << 18 | (b & VALUE) << 12 | (c & VALUE) << 6 | (d & VALUE);
		out[0] = (char)(bits >> 16);
		out[1] = (char)(bits >> 8);
		out[2] = (char)bits;
	}
	return true;
}

/* The two or three characters behind them. False also when bits that no byte takes are set: each text has one
 * encoding only. */
static bool decode_rest(const char *in, size_t n, unsigned alphabet_bit, char *out)
{
	uint32_t bits = 0;
	unsigned all = alphabet_bit;
	for (size_t i = 0; i < n; i++) {
		unsigned value = value_of(in[i]);
		all &= value;
		bits |= (value & VALUE) << (18 - 6 * i);
	}
	for (size_t i = 0; i + 1 < n; i++)
		out[i] = (char)(bits >> (16 - 8 * i));
	return all && (bits & (n == 2 ? 0xffffu : 0xffu)) == 0;
}

static enum rc decode(struct str in, unsigned alphabet_bit, char *out, size_t *n)
{
	size_t groups = in.n / 4, rest = in.n % 4;
	if (rest == 1 || !decode_whole(in.p, groups, alphabet_bit, out) ||
		(rest && !decode_rest(in.p + 4 * groups, rest, alphabet_bit, out + 3 * groups)))
		return RC_INVALID;
	*n = 3 * groups + (rest ? rest - 1 : 0);
	return RC_OK;
}

enum rc base64_decode(struct str in, char *out, size_t *n)
{
	if (in.n % 4 != 0)
		return RC_INVALID;
	for (int pad = 0; pad < 2 && in.n > 0 && in.p[in.n - 1] == '='; pad++)
		in.n--;
	return decode(in, STANDARD, out, n);
}

enum rc base64url_decode(struct str in, char *out, size_t *n)
{
	return decode(in, URL, out, n);
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
