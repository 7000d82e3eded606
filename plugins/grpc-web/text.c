/* SPDX-License-Identifier: Apache-2.0 */
#include "text.h"

static int digit_of(char c)
{
	if (c >= 'A' && c <= 'Z')
		return c - 'A';
	if (c >= 'a' && c <= 'z')
		return c - 'a' + 26;
	if (c >= '0' && c <= '9')
		return c - '0' + 52;
	return c == '+' ? 62 : c == '/' ? 63 : -1;
}

/* How many bytes there are in it; SLUICE_E_INVALID. */
static int decode_group(const char digits[TEXT_GROUP_DIGITS], char *out)
{
	int pads = digits[3] != '=' ? 0 : digits[2] != '=' ? 1 : 2;
	unsigned bits = 0;
	for (int i = 0; i < TEXT_GROUP_DIGITS; i++) {
		int digit = i >= TEXT_GROUP_DIGITS - pads ? 0 : digit_of(digits[i]);
		if (digit < 0)
			return SLUICE_E_INVALID;
		bits = bits << 6 | (unsigned)digit;
	}
	for (int i = 0; i < TEXT_GROUP_BYTES - pads; i++)
		out[i] = (char)(bits >> (16 - 8 * i));
	return TEXT_GROUP_BYTES - pads;
}

int64_t text_decode(struct text_group *g, struct sluice_str in, char *out)
{
	int64_t n = 0;
	for (size_t i = 0; i < in.n; i++) {
		g->digits[g->n++] = in.p[i];
		if (g->n < TEXT_GROUP_DIGITS)
			continue;
		int got = decode_group(g->digits, out + n);
		if (got < 0)
			return got;
		n += got;
		g->n = 0;
	}
	return n;
}

void text_encode(const char *bytes, size_t n, char out[TEXT_GROUP_DIGITS])
{
	static const char digits[] =
		"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
	unsigned bits = 0;
	for (size_t i = 0; i < TEXT_GROUP_BYTES; i++)
		bits = bits << 8 | (i < n ? (unsigned char)bytes[i] : 0);
	for (size_t i = 0; i < TEXT_GROUP_DIGITS; i++)
		out[i] = i <= n ? digits[bits >> (18 - 6 * i) & 63] : '=';
}
