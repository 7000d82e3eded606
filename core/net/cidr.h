/* SPDX-License-Identifier: Apache-2.0 */
/* net/cidr.h - sets of address prefixes: who is meant by "10.0.0.0/8".
 *
 * Invariants   C1  an IPv4 address, also one that is mapped into IPv6, is only ever in an IPv4
 *                  prefix (or one that is mapped as well), so that "::/0" means every IPv6 address.
 * Ownership    a set owns its items; the address asked about is borrowed.
 */
#pragma once

#include "net/address.h"

struct cidr {
	unsigned char bytes[16]; /* IPv4 as ::ffff:a.b.c.d */
	unsigned bits;           /* of those 128 */
};

struct cidr_set {
	struct cidr *items; /* owned */
	size_t count;
};

/* "192.0.2.0/24", "2001:db8::/32", or one address. Bits behind the prefix do not count. RC_INVALID
 * for anything else. */
MUST_USE enum rc cidr_parse(struct str text, struct cidr *out);
MUST_USE enum rc cidr_set_add(struct cidr_set *s, struct str text);
void cidr_set_deinit(struct cidr_set *s);
/* False for UNIX sockets, and for no address. */
bool cidr_set_contains(const struct cidr_set *s, const struct address *a);
