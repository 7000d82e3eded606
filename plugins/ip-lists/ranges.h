/* SPDX-License-Identifier: Apache-2.0 */
/* ip-lists/ranges.h - IP addresses, and sets of them.
 *
 * A set is two sorted tables of ranges, one for each family, searched by halving: 17 steps for
 * 100,000 ranges. An IPv4-mapped IPv6 address is the IPv4 address.
 *
 * Invariants   R1  after ranges_seal the ranges of a table neither overlap nor touch.
 * Ownership    on the account of the instance that fills it.
 * Threads      immutable once sealed.
 */
#ifndef IP_LISTS_RANGES_H
#define IP_LISTS_RANGES_H

#include "sluice/sluice.h"

struct address {
	uint64_t high, low; /* an IPv4 address is the low 32 bits */
	int is_ip6;
};

struct range {
	uint64_t from_high, from_low, to_high, to_low; /* both included */
};

struct range_table {
	struct range *items; /* owned */
	size_t count, capacity;
};

struct ranges {
	struct range_table tables[2]; /* IPv4, IPv6 */
};

/* An address as fields and logs write it: with or without port, IPv6 with or without brackets.
 * 0: it is none. */
int address_parse(struct sluice_str text, struct address *out);

/* Adds all that a text lists. SLUICE_E_INVALID and in *bad which one (from 1) is none;
 * SLUICE_E_NOT_FOUND: it lists nothing; SLUICE_E_FULL. */
int32_t ranges_add(
	struct ranges *r, const struct sluice_call *call, struct sluice_str text, size_t *bad);
/* Once, after the last addition. */
void ranges_seal(struct ranges *r);
int ranges_contain(const struct ranges *r, const struct address *a);
void ranges_deinit(struct ranges *r, const struct sluice_call *call);

#endif
