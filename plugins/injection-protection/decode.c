/* SPDX-License-Identifier: Apache-2.0 */
#include "decode.h"

#include <string.h>

static int hex(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c |= 0x20;
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* Characters beyond ASCII are of no interest here: a question mark each. */
static size_t put_character(unsigned long c, char *out)
{
	*out = c < 0x80 ? (char)c : '?';
	return 1;
}

/* The value of `digits` hexadecimal digits at i; -1 when they are not there. */
static long hex_at(struct sluice_str in, size_t i, size_t digits)
{
	long value = 0;
	if (in.n < digits || i > in.n - digits)
		return -1;
	for (size_t k = 0; k < digits; k++) {
		int digit = hex(in.p[i + k]);
		if (digit < 0)
			return -1;
		value = value << 4 | digit;
	}
	return value;
}

size_t decode_percent(struct sluice_str in, int plus, char *out)
{
	size_t n = 0;
	for (size_t i = 0; i < in.n; i++) {
		char c = in.p[i];
		int is_wide = c == '%' && i + 1 < in.n && (in.p[i + 1] | 0x20) == 'u';
		long value = c != '%' ? -1 : is_wide ? hex_at(in, i + 2, 4) : hex_at(in, i + 1, 2);
		if (value >= 0 && is_wide) {
			n += put_character((unsigned long)value, out + n);
			i += 5;
		} else if (value >= 0) {
			out[n++] = (char)value;
			i += 2;
		} else {
			out[n++] = c == '+' && plus ? ' ' : c;
		}
	}
	return n;
}

size_t decode_json(struct sluice_str in, char *out)
{
	static const char from[] = "\"\\/bfnrt", to[] = "\"\\/\b\f\n\r\t";
	size_t n = 0;
	for (size_t i = 0; i < in.n; i++) {
		char c = in.p[i];
		if (c != '\\' || i + 1 == in.n) {
			out[n++] = c;
			continue;
		}
		c = in.p[++i];
		const char *known = c ? strchr(from, c) : NULL;
		if (known) {
			out[n++] = to[known - from];
		} else if (c == 'u' && i + 4 < in.n) {
			unsigned long value = 0;
			for (int k = 1; k <= 4; k++)
				value = value << 4 | (unsigned)(hex(in.p[i + (size_t)k]) & 15);
			n += put_character(value, out + n);
			i += 4;
		} else {
			out[n++] = c;
		}
	}
	return n;
}

static int take_name(struct sluice_str in, size_t *i, char *c)
{
	static const struct {
		const char *name;
		char c;
	} names[] = {
		{"&lt;", '<'}, {"&gt;", '>'}, {"&amp;", '&'}, {"&quot;", '"'}, {"&apos;", '\''}};
	for (size_t k = 0; k < sizeof(names) / sizeof(names[0]); k++) {
		size_t n = strlen(names[k].name);
		if (in.n - *i < n || memcmp(in.p + *i, names[k].name, n) != 0)
			continue;
		*c = names[k].c;
		*i += n;
		return 1;
	}
	return 0;
}

/* &#60; &#x3c; */
static int take_reference(struct sluice_str in, size_t *i, char *c)
{
	size_t at = *i + 2;
	unsigned long value = 0;
	if (in.n - *i < 4 || in.p[*i + 1] != '#')
		return 0;
	int base = in.p[at] == 'x' ? 16 : 10;
	at += base == 16;
	for (; at < in.n && value < 0x110000; at++) {
		int digit = hex(in.p[at]);
		if (digit < 0 || digit >= base)
			break;
		value = value * (unsigned)base + (unsigned)digit;
	}
	if (at >= in.n || in.p[at] != ';')
		return 0;
	put_character(value, c);
	*i = at + 1;
	return 1;
}

size_t decode_xml(struct sluice_str in, char *out)
{
	size_t n = 0;
	for (size_t i = 0; i < in.n;) {
		char c = in.p[i];
		if (c == '&' && (take_name(in, &i, &c) || take_reference(in, &i, &c)))
			out[n++] = c;
		else
			out[n++] = in.p[i++];
	}
	return n;
}
