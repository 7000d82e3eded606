/* SPDX-License-Identifier: Apache-2.0 */
#include "unit.h"

#include "net/address.h"

START_TEST(reads_and_writes_literals)
{
	static const struct {
		const char *in, *ip, *text; /* ip NULL: refused */
	} rows[] = {
		{"192.0.2.1", "192.0.2.1", "192.0.2.1:80"},
		{"0.0.0.0", "0.0.0.0", "0.0.0.0:80"},
		{"255.255.255.255", "255.255.255.255", "255.255.255.255:80"},
		{"10.9.100.99", "10.9.100.99", "10.9.100.99:80"},
		{"::1", "::1", "[::1]:80"},
		{"[::1]", "::1", "[::1]:80"},
		{"2001:DB8::0:1", "2001:db8::1", "[2001:db8::1]:80"},
		{"::ffff:192.0.2.7", "192.0.2.7", "192.0.2.7:80"},
		{"::", "::", "[::]:80"},
		{"", NULL, NULL},
		{"[]", NULL, NULL},
		{"[", NULL, NULL},
		{"[::1", NULL, NULL},
		{"256.0.0.1", NULL, NULL},
		{"1.2.3", NULL, NULL},
		{"1.2.3.4.5", NULL, NULL},
		{"01.2.3.4", NULL, NULL},
		{"1.2.3.4 ", NULL, NULL},
		{"localhost", NULL, NULL},
		{"fe80::1%eth0", NULL, NULL},
		{"1:2:3:4:5:6:7:8:9", NULL, NULL},
		{"0000:0000:0000:0000:0000:0000:0000:0000:0000:0000:0000", NULL, NULL},
	};
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct address a;
		char out[ADDRESS_TEXT_BYTES];
		enum rc rc = address_from_ip(str_of(rows[i].in), 80, &a);
		ck_assert_msg(rc == (rows[i].ip ? RC_OK : RC_INVALID), "%s", rows[i].in);
		if (rc != RC_OK)
			continue;
		struct str ip = address_ip_text(&a, out);
		ck_assert_msg(str_eq(ip, str_of(rows[i].ip)), "%.*s", STR_ARG(ip));
		struct str text = address_text(&a, out);
		ck_assert_msg(str_eq(text, str_of(rows[i].text)), "%.*s", STR_ARG(text));
	}
}
END_TEST

START_TEST(a_literal_with_a_nul_is_refused)
{
	struct address a;
	ck_assert_int_eq(address_from_ip(STR("127.0.0.1\0x"), 80, &a), RC_INVALID);
}
END_TEST

START_TEST(paths_have_a_longest_length)
{
	struct address a;
	char path[200], out[ADDRESS_TEXT_BYTES];
	memset(path, 'x', sizeof(path));
	ck_assert_int_eq(address_from_path(STR_EMPTY, &a), RC_INVALID);
	ck_assert_int_eq(address_from_path(STR("a\0b"), &a), RC_INVALID);
	ck_assert_int_eq(address_from_path(str_n(path, 108), &a), RC_INVALID);
	ck_assert_int_eq(address_from_path(str_n(path, 107), &a), RC_OK);
	ck_assert_uint_eq(address_text(&a, out).n, 5 + 107);
	ck_assert_int_eq(address_from_path(STR("run/s"), &a), RC_OK);
	assert_str(address_text(&a, out), "unix:run/s");
	assert_str(address_ip_text(&a, out), "unix:run/s");
	ck_assert_uint_eq(address_port(&a), 0);
}
END_TEST

START_TEST(compares_family_host_and_port)
{
	struct address a, b;
	ck_assert_int_eq(address_from_ip(STR("127.0.0.1"), 80, &a), RC_OK);
	b = a;
	ck_assert(address_eq(&a, &b));
	address_set_port(&b, 81);
	ck_assert_uint_eq(address_port(&b), 81);
	ck_assert(!address_eq(&a, &b));
	ck_assert_int_eq(address_from_ip(STR("127.0.0.2"), 80, &b), RC_OK);
	ck_assert(!address_eq(&a, &b));
	ck_assert_int_eq(address_from_ip(STR("::1"), 80, &a), RC_OK);
	ck_assert(!address_eq(&a, &b));
	b = a;
	ck_assert(address_eq(&a, &b));
	address_set_port(&b, 65535);
	ck_assert_uint_eq(address_port(&b), 65535);
	ck_assert(!address_eq(&a, &b));
	ck_assert_int_eq(address_from_path(STR("x"), &a), RC_OK);
	ck_assert_int_eq(address_from_path(STR("x"), &b), RC_OK);
	ck_assert(address_eq(&a, &b));
	ck_assert_int_eq(address_from_path(STR("y"), &b), RC_OK);
	ck_assert(!address_eq(&a, &b));
}
END_TEST

UNIT_SUITE(address, reads_and_writes_literals, a_literal_with_a_nul_is_refused,
	paths_have_a_longest_length, compares_family_host_and_port)
