/* SPDX-License-Identifier: Apache-2.0 */
#include "unit.h"

#include "base/check.h"
#include "net/cidr.h"

static bool contains(const char *prefix, const char *ip)
{
	struct cidr_set set = {0};
	struct address a;
	ck_assert_int_eq(cidr_set_add(&set, str_of(prefix)), RC_OK);
	ck_assert_int_eq(address_from_ip(str_of(ip), 1234, &a), RC_OK);
	bool found = cidr_set_contains(&set, &a);
	cidr_set_deinit(&set);
	return found;
}

START_TEST(holds_what_begins_with_its_bits)
{
	static const struct {
		const char *prefix, *ip;
		bool is_in;
	} rows[] = {
		{"10.0.0.0/8", "10.255.255.255", true},
		{"10.0.0.0/8", "11.0.0.0", false},
		{"10.1.2.3/8", "10.9.9.9", true},
		{"192.0.2.128/25", "192.0.2.127", false},
		{"192.0.2.128/25", "192.0.2.128", true},
		{"192.0.2.7", "192.0.2.7", true},
		{"192.0.2.7", "192.0.2.6", false},
		{"192.0.2.6/31", "192.0.2.7", true},
		{"0.0.0.0/0", "203.0.113.9", true},
		{"2001:db8::/33", "2001:db8:7fff::1", true},
		{"2001:db8::/33", "2001:db8:8000::1", false},
		{"::1", "::1", true},
		{"::1/128", "::2", false},
		{"::/0", "2001:db8::1", true},
	};
	for (size_t i = 0; i < ARRAY_COUNT(rows); i++)
		ck_assert_msg(contains(rows[i].prefix, rows[i].ip) == rows[i].is_in, "%s in %s",
			rows[i].ip, rows[i].prefix);
}
END_TEST

START_TEST(families_are_apart_but_for_mapped_addresses)
{
	ck_assert(contains("10.0.0.0/8", "::ffff:10.1.2.3"));
	ck_assert(contains("::ffff:10.0.0.0/104", "10.1.2.3"));
	ck_assert(!contains("::/0", "10.1.2.3"));
	ck_assert(!contains("::/0", "::ffff:10.1.2.3"));
	ck_assert(!contains("0.0.0.0/0", "2001:db8::1"));
}
END_TEST

START_TEST(refuses_what_is_no_prefix)
{
	static const char *const rows[] = {"", "/", "/8", "10.0.0.0/", "10.0.0.0/33", "10.0.0.0/-1",
		"10.0.0.0/8/8", "10.0.0.0/08x", "10.0.0/8", "::/129", "[::1]", "[::1]/64", "localhost",
		"10.0.0.0/0008", "10.0.0.0 /8", "*"};
	for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
		struct cidr_set set = {0};
		ck_assert_msg(
			cidr_set_add(&set, str_of(rows[i])) == RC_INVALID, "\"%s\"", rows[i]);
		ck_assert_uint_eq(set.count, 0);
	}
}
END_TEST

START_TEST(sockets_without_an_address_are_in_none)
{
	struct cidr_set set = {0};
	struct address none = {0}, path;
	ck_assert_int_eq(cidr_set_add(&set, STR("0.0.0.0/0")), RC_OK);
	ck_assert_int_eq(cidr_set_add(&set, STR("::/0")), RC_OK);
	ck_assert_int_eq(address_from_path(STR("/run/x"), &path), RC_OK);
	ck_assert(!cidr_set_contains(&set, &none));
	ck_assert(!cidr_set_contains(&set, &path));
	cidr_set_deinit(&set);
}
END_TEST

UNIT_SUITE(cidr, holds_what_begins_with_its_bits, families_are_apart_but_for_mapped_addresses,
	refuses_what_is_no_prefix, sockets_without_an_address_are_in_none)
