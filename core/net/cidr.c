/* SPDX-License-Identifier: Apache-2.0 */
#include "net/cidr.h"

#include "base/memory.h"

#include <stdlib.h>

#define MAPPED_BITS 96

static const unsigned char mapped[12] = {[10] = 0xff, [11] = 0xff};

static bool is_mapped(const unsigned char bytes[16])
{
	return memcmp(bytes, mapped, sizeof(mapped)) == 0;
}

static bool bytes_of(const struct address *a, unsigned char bytes[16])
{
	if (a->n == 0)
		return false;
	if (a->u.sa.sa_family == AF_INET6) {
		memcpy(bytes, &a->u.v6.sin6_addr, 16);
		return true;
	}
	memcpy(bytes, mapped, sizeof(mapped));
	memcpy(bytes + sizeof(mapped), &a->u.v4.sin_addr, 4);
	return a->u.sa.sa_family == AF_INET;
}

enum rc cidr_parse(struct str text, struct cidr *out)
{
	struct str rest = text, ip = str_cut(&rest, '/');
	struct address a;
	struct cidr c = {0};
	if (ip.n == 0 || ip.p[0] == '[' || address_from_ip(ip, 0, &a) != RC_OK ||
		!bytes_of(&a, c.bytes))
		return RC_INVALID;
	bool is_v4 = a.u.sa.sa_family == AF_INET;
	uint64_t bits = is_v4 ? 32 : 128;
	if (rest.p && (rest.n > 3 || str_to_u64(rest, bits, &bits) != RC_OK))
		return RC_INVALID;
	c.bits = (unsigned)bits + (is_v4 ? MAPPED_BITS : 0);
	*out = c;
	return RC_OK;
}

enum rc cidr_set_add(struct cidr_set *s, struct str text)
{
	struct cidr c;
	if (cidr_parse(text, &c) != RC_OK)
		return RC_INVALID;
	s->items = heap_realloc(s->items, (s->count + 1) * sizeof(*s->items));
	s->items[s->count++] = c;
	return RC_OK;
}

void cidr_set_deinit(struct cidr_set *s)
{
	free(s->items);
	*s = (struct cidr_set){0};
}

static bool holds(const struct cidr *c, const unsigned char bytes[16])
{
	if (is_mapped(bytes) && c->bits < MAPPED_BITS)
		return false;
	unsigned whole = c->bits / 8, left = c->bits % 8;
	if (memcmp(c->bytes, bytes, whole) != 0)
		return false;
	return left == 0 || (c->bytes[whole] ^ bytes[whole]) >> (8 - left) == 0;
}

bool cidr_set_contains(const struct cidr_set *s, const struct address *a)
{
	unsigned char bytes[16];
	if (s->count == 0 || !bytes_of(a, bytes))
		return false;
	for (size_t i = 0; i < s->count; i++)
		if (holds(&s->items[i], bytes))
			return true;
	return false;
}
