/* SPDX-License-Identifier: Apache-2.0 */
#include "unit.h"

#include "supervise/allow.h"

#include <arpa/inet.h>

static bool has(const struct allow_list *l, const char *ip, uint16_t port)
{
	struct sockaddr_in v4 = {.sin_family = AF_INET, .sin_port = htons(port)};
	struct sockaddr_in6 v6 = {.sin6_family = AF_INET6, .sin6_port = htons(port)};
	if (inet_pton(AF_INET, ip, &v4.sin_addr) == 1)
		return allow_has(l, (const struct sockaddr *)&v4, sizeof(v4));
	ck_assert_int_eq(inet_pton(AF_INET6, ip, &v6.sin6_addr), 1);
	return allow_has(l, (const struct sockaddr *)&v6, sizeof(v6));
}

START_TEST(an_empty_list_allows_everything_that_is_ip)
{
	struct allow_list l = {0};
	struct sockaddr unix_ = {.sa_family = AF_UNIX};
	ck_assert(has(&l, "127.0.0.1", 80) && has(&l, "::1", 65535));
	ck_assert(!allow_has(&l, &unix_, sizeof(unix_)));
}
END_TEST

START_TEST(entries_bound_addresses_and_ports)
{
	struct allow_list l = {0};
	ck_assert(allow_add(&l, "127.0.0.1:8000-8999"));
	ck_assert(allow_add(&l, "[::1]:443"));
	ck_assert(has(&l, "127.0.0.1", 8000) && has(&l, "127.0.0.1", 8999));
	ck_assert(!has(&l, "127.0.0.1", 7999) && !has(&l, "127.0.0.1", 9000));
	ck_assert(!has(&l, "127.0.0.2", 8000) && !has(&l, "0.0.0.0", 8000));
	ck_assert(has(&l, "::1", 443) && !has(&l, "::1", 444) && !has(&l, "::", 443));
}
END_TEST

START_TEST(wildcards_stand_for_their_family)
{
	struct allow_list v4 = {0}, all = {0};
	ck_assert(allow_add(&v4, "0.0.0.0:80"));
	ck_assert(allow_add(&all, "[::]:80"));
	ck_assert(has(&v4, "10.1.2.3", 80) && has(&v4, "0.0.0.0", 80) && !has(&v4, "::1", 80));
	ck_assert(has(&all, "10.1.2.3", 80) && has(&all, "::1", 80) && !has(&all, "::1", 81));
}
END_TEST

START_TEST(what_is_no_entry_is_refused)
{
	static const char *const wrong[] = {"", "80", "127.0.0.1", "127.0.0.1:", "127.0.0.1:0",
		"127.0.0.1:70000", "127.0.0.1:90-80", "127.0.0.1:80-", "::1:80", "[::1]80",
		"[127.0.0.1]:80", "localhost:80", "127.0.0.1:8x", "127.0.0.1:80-90-100",
		"[::::::::::::::::::::::::::::::::::::::::::::::::::::::::::::::::::]:80"};
	struct allow_list l = {0};
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
		ck_assert_msg(!allow_add(&l, wrong[i]), "%s", wrong[i]);
	for (size_t i = 0; i < ALLOW_ENTRIES_MAX; i++)
		ck_assert(allow_add(&l, "127.0.0.1:80"));
	ck_assert(!allow_add(&l, "127.0.0.1:80"));
}
END_TEST

UNIT_SUITE(allow, an_empty_list_allows_everything_that_is_ip, entries_bound_addresses_and_ports,
	wildcards_stand_for_their_family, what_is_no_entry_is_refused)
