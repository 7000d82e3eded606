/* SPDX-License-Identifier: Apache-2.0 */
#include "base/utf8.h"

/* The second byte's range narrows for these lead bytes: overlongs, surrogates, above U+10FFFF. */
static bool is_second(unsigned char lead, unsigned char c)
{
	switch (lead) {
	case 0xe0:
		return c >= 0xa0 && c <= 0xbf;
	case 0xed:
		return c >= 0x80 && c <= 0x9f;
	case 0xf0:
		return c >= 0x90 && c <= 0xbf;
	case 0xf4:
		return c >= 0x80 && c <= 0x8f;
	default:
		return c >= 0x80 && c <= 0xbf;
	}
}

static size_t length_of(unsigned char lead)
{
	if (lead < 0x80)
		return 1;
	if (lead >= 0xc2 && lead <= 0xdf)
		return 2;
	if (lead >= 0xe0 && lead <= 0xef)
		return 3;
	return lead >= 0xf0 && lead <= 0xf4 ? 4 : 0;
}

size_t utf8_sequence(struct str s)
{
	if (s.n == 0)
		return 0;
	const unsigned char *p = (const unsigned char *)s.p;
	size_t n = length_of(p[0]);
	if (n == 0 || n > s.n || (n > 1 && !is_second(p[0], p[1])))
		return 0;
	for (size_t i = 2; i < n; i++)
		if (p[i] < 0x80 || p[i] > 0xbf)
			return 0;
	return n;
}

bool utf8_is_valid(struct str s)
{
	for (size_t i = 0; i < s.n;) {
		size_t n = utf8_sequence(str_from(s, i));
		if (n == 0)
			return false;
		i += n;
	}
	return true;
}

size_t utf8_length(struct str s)
{
	size_t count = 0;
	for (size_t i = 0; i < s.n; count++) {
		size_t n = utf8_sequence(str_from(s, i));
		i += n ? n : 1;
	}
	return count;
}

bool utf8_stream_take(struct utf8_stream *u, struct str bytes)
{
	for (size_t i = 0; i < bytes.n; i++) {
		unsigned char c = (unsigned char)bytes.p[i];
		size_t n = u->missing == 0 ? length_of(c) : 1;
		if (n == 0 || (u->missing > 0 && !is_second(u->lead, c)))
			return false;
		u->lead = u->missing == 0 ? c : 0;
		u->missing = (uint8_t)(u->missing == 0 ? n - 1 : u->missing - 1u);
	}
	return true;
}
