/* SPDX-License-Identifier: Apache-2.0 */
#include "ranges.h"

#include "sluice/text.h"

#include <arpa/inet.h>
#include <stdlib.h>

/* --- addresses ------------------------------------------------------------------------------- */
/* Decimal digits up to `max`, no leading zero: some read 010 as 8. */
static int parse_number(struct sluice_str text, unsigned max, unsigned *value)
{
	unsigned n = 0;
	if (text.n == 0 || text.n > 3 || (text.n > 1 && text.p[0] == '0'))
		return 0;
	for (size_t i = 0; i < text.n; i++) {
		if (text.p[i] < '0' || text.p[i] > '9')
			return 0;
		n = n * 10 + (unsigned)(text.p[i] - '0');
	}
	*value = n;
	return n <= max;
}

/* One to four octets, a dot behind fewer than four allowed; how many, 0: none of that. */
static unsigned parse_octets(struct sluice_str text, uint32_t *value)
{
	unsigned octets = 0, octet;
	*value = 0;
	while (text.p && (text.n || octets == 0)) {
		if (octets == 4 || !parse_number(sluice_cut(&text, '.'), 255, &octet))
			return 0;
		*value = *value << 8 | octet;
		octets++;
	}
	return octets == 4 && text.p ? 0 : octets;
}

static uint64_t big_endian(const unsigned char *bytes)
{
	uint64_t value = 0;
	for (int i = 0; i < 8; i++)
		value = value << 8 | bytes[i];
	return value;
}

static int parse_ip6(struct sluice_str text, struct address *out)
{
	char copy[INET6_ADDRSTRLEN];
	unsigned char bytes[16];
	if (text.n >= sizeof(copy) || memchr(text.p, '\0', text.n))
		return 0;
	memcpy(copy, text.p, text.n);
	copy[text.n] = '\0';
	if (inet_pton(AF_INET6, copy, bytes) != 1)
		return 0;
	*out = (struct address){big_endian(bytes), big_endian(bytes + 8), 1};
	if (out->high == 0 && out->low >> 32 == 0xffff)
		*out = (struct address){.low = out->low & 0xffffffff};
	return 1;
}

static int is_ip6(struct sluice_str text)
{
	return text.n && memchr(text.p, ':', text.n) != NULL;
}

static int parse_whole(struct sluice_str text, struct address *out)
{
	uint32_t value;
	if (is_ip6(text))
		return parse_ip6(text, out);
	if (parse_octets(text, &value) != 4)
		return 0;
	*out = (struct address){.low = value};
	return 1;
}

static int is_port(struct sluice_str text)
{
	for (size_t i = 0; i < text.n; i++)
		if (text.p[i] < '0' || text.p[i] > '9')
			return 0;
	return text.n >= 1 && text.n <= 5;
}

int address_parse(struct sluice_str text, struct address *out)
{
	struct sluice_str rest = sluice_trim(text), host;
	if (rest.n && rest.p[0] == '[') {
		rest.p++, rest.n--;
		host = sluice_cut(&rest, ']');
		if (!rest.p || !is_ip6(host) || (rest.n && rest.p[0] != ':'))
			return 0;
		struct sluice_str port = {rest.p + 1, rest.n - 1};
		return (rest.n == 0 || is_port(port)) && parse_ip6(host, out);
	}
	struct sluice_str whole = rest;
	host = sluice_cut(&rest, ':');
	if (rest.p && host.n && memchr(host.p, '.', host.n))
		return is_port(rest) && parse_whole(host, out);
	return parse_whole(whole, out);
}

/* --- ranges ---------------------------------------------------------------------------------- */
static int is_below(uint64_t a_high, uint64_t a_low, uint64_t b_high, uint64_t b_low)
{
	return a_high < b_high || (a_high == b_high && a_low < b_low);
}

/* The lowest n bits of 128, or of 64 for each half. */
static uint64_t low_bits(unsigned n)
{
	return n >= 64 ? UINT64_MAX : ((uint64_t)1 << n) - 1;
}

/* All addresses that share all but the last `free` bits with it. */
static struct range block(const struct address *a, unsigned free)
{
	uint64_t low = low_bits(free), high = free > 64 ? low_bits(free - 64) : 0;
	return (struct range){a->high & ~high, a->low & ~low, a->high | high, a->low | low};
}

static int parse_block(struct sluice_str host, struct sluice_str bits, struct range *out, int *ip6)
{
	struct address a;
	unsigned prefix;
	if (!parse_whole(host, &a) || !parse_number(bits, is_ip6(host) ? 128 : 32, &prefix))
		return 0;
	/* Of a mapped address the first 96 bits have to stand. */
	if (is_ip6(host) && !a.is_ip6) {
		if (prefix < 96)
			return 0;
		prefix -= 96;
	}
	*out = block(&a, (a.is_ip6 ? 128 : 32) - prefix);
	*ip6 = a.is_ip6;
	return 1;
}

static int parse_span(struct sluice_str first, struct sluice_str last, struct range *out, int *ip6)
{
	struct address a, b;
	if (!parse_whole(sluice_trim(first), &a) || !parse_whole(sluice_trim(last), &b) ||
		a.is_ip6 != b.is_ip6 || is_below(b.high, b.low, a.high, a.low))
		return 0;
	*out = (struct range){a.high, a.low, b.high, b.low};
	*ip6 = a.is_ip6;
	return 1;
}

static int parse_range(struct sluice_str text, struct range *out, int *ip6)
{
	struct sluice_str rest = text, first = sluice_cut(&rest, '/');
	if (rest.p)
		return parse_block(first, rest, out, ip6);
	rest = text;
	first = sluice_cut(&rest, '-');
	if (rest.p)
		return parse_span(first, rest, out, ip6);
	struct address a = {0};
	uint32_t value;
	unsigned octets = is_ip6(text) ? 4 : parse_octets(text, &value);
	if (octets == 0 || (octets == 4 && !parse_whole(text, &a)))
		return 0;
	if (octets < 4)
		a.low = (uint64_t)value << (8 * (4 - octets));
	*out = block(&a, 8 * (4 - octets));
	*ip6 = a.is_ip6;
	return 1;
}

static int32_t table_add(
	struct range_table *t, const struct sluice_call *call, const struct range *range)
{
	if (t->count == t->capacity) {
		size_t capacity = t->capacity ? t->capacity * 2 : 16;
		struct range *items =
			call->host->instance_alloc(call->instance, capacity * sizeof(*items));
		if (!items)
			return SLUICE_E_FULL;
		if (t->count)
			memcpy(items, t->items, t->count * sizeof(*items));
		call->host->instance_free(call->instance, t->items);
		t->items = items;
		t->capacity = capacity;
	}
	t->items[t->count++] = *range;
	return SLUICE_OK;
}

static int is_space(char c)
{
	return c == ' ' || c == '\t' || c == '\r' || c == '\n' || c == ',';
}

/* The next entry of a list: separated by commas and white space, # to the end of its line is a
 * comment. */
static struct sluice_str next_entry(struct sluice_str *text)
{
	struct sluice_str entry;
	for (;;) {
		while (text->n && is_space(*text->p))
			text->p++, text->n--;
		if (!text->n || *text->p != '#')
			break;
		while (text->n && *text->p != '\n')
			text->p++, text->n--;
	}
	entry = (struct sluice_str){text->p, 0};
	while (text->n && !is_space(*text->p) && *text->p != '#')
		text->p++, text->n--, entry.n++;
	return entry;
}

int32_t ranges_add(
	struct ranges *r, const struct sluice_call *call, struct sluice_str text, size_t *bad)
{
	struct sluice_str entry;
	struct range range;
	int ip6;
	for (*bad = 1; (entry = next_entry(&text)).n; (*bad)++) {
		if (!parse_range(entry, &range, &ip6))
			return SLUICE_E_INVALID;
		if (table_add(&r->tables[ip6], call, &range) != SLUICE_OK)
			return SLUICE_E_FULL;
	}
	return *bad == 1 ? SLUICE_E_NOT_FOUND : SLUICE_OK;
}

static int compare(const void *a, const void *b)
{
	const struct range *x = a, *y = b;
	return is_below(y->from_high, y->from_low, x->from_high, x->from_low) -
	       is_below(x->from_high, x->from_low, y->from_high, y->from_low);
}

/* Whether `next`, which does not begin before it, overlaps or touches the range. */
static int continues(const struct range *range, const struct range *next)
{
	uint64_t low = range->to_low + 1, high = range->to_high + (low == 0);
	int is_last = low == 0 && high == 0;
	return is_last || !is_below(high, low, next->from_high, next->from_low);
}

static void table_seal(struct range_table *t)
{
	size_t kept = 0;
	if (t->count)
		qsort(t->items, t->count, sizeof(*t->items), compare);
	for (size_t i = 0; i < t->count; i++) {
		struct range *last = kept ? &t->items[kept - 1] : NULL;
		const struct range *next = &t->items[i];
		if (!last || !continues(last, next)) {
			t->items[kept++] = *next;
		} else if (is_below(last->to_high, last->to_low, next->to_high, next->to_low)) {
			last->to_high = next->to_high;
			last->to_low = next->to_low;
		}
	}
	t->count = kept;
}

void ranges_seal(struct ranges *r)
{
	table_seal(&r->tables[0]);
	table_seal(&r->tables[1]);
}

int ranges_contain(const struct ranges *r, const struct address *a)
{
	const struct range_table *t = &r->tables[a->is_ip6];
	const struct range *from = t->items;
	/* The last range that does not begin behind the address. */
	for (size_t n = t->count; n > 0;) {
		const struct range *middle = from + n / 2;
		if (is_below(a->high, a->low, middle->from_high, middle->from_low)) {
			n /= 2;
		} else {
			from = middle + 1;
			n -= n / 2 + 1;
		}
	}
	return from > t->items && !is_below(from[-1].to_high, from[-1].to_low, a->high, a->low);
}

void ranges_deinit(struct ranges *r, const struct sluice_call *call)
{
	for (int i = 0; i < 2; i++)
		call->host->instance_free(call->instance, r->tables[i].items);
}
