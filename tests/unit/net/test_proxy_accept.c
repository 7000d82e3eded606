/* SPDX-License-Identifier: Apache-2.0 */
#include "support.h"

#include "base/limits.h"
#include "net/proxy_accept.h"

#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define LINE "PROXY TCP4 192.0.2.7 198.51.100.9 56324 443\r\n"

static struct {
	int calls, fd;
	enum rc rc;
	struct address client;
} got;

static void on_header(void *owner, enum rc rc, int fd, const struct address *client)
{
	got.calls++;
	got.rc = rc;
	got.fd = fd;
	got.client = *client;
}

/* The balancer's descriptor. */
static int begin(struct proxy_accept **a)
{
	int fds[2];
	struct address peer;
	bench_open();
	memset(&got, 0, sizeof(got));
	tcp_pair(fds);
	ck_assert_int_eq(address_from_ip(STR("10.0.0.1"), 4711, &peer), RC_OK);
	struct proxy_accept *made = proxy_accept_new(loop, fds[0], &peer, on_header, NULL);
	if (a)
		*a = made;
	return fds[1];
}

static void end(int fd)
{
	close(fd);
	if (got.calls > 0 && got.fd >= 0)
		close(got.fd);
	bench_close();
}

static void say(int fd, const char *bytes, size_t n)
{
	ck_assert_int_eq(write(fd, bytes, n), (ssize_t)n);
	pump();
}

static void assert_client(const char *expected)
{
	char text[ADDRESS_TEXT_BYTES];
	struct str client = address_text(&got.client, text);
	ck_assert_msg(str_eq(client, str_of(expected)), "%.*s", STR_ARG(client));
}

START_TEST(takes_the_header_and_no_more)
{
	char rest[16];
	int fd = begin(NULL);
	say(fd, LINE "GET /", strlen(LINE) + 5);
	ck_assert_int_eq(got.calls, 1);
	ck_assert_int_eq(got.rc, RC_OK);
	assert_client("192.0.2.7:56324");
	ck_assert_int_eq(recv(got.fd, rest, sizeof(rest), 0), 5);
	ck_assert_int_eq(memcmp(rest, "GET /", 5), 0);
	end(fd);
}
END_TEST

START_TEST(takes_it_byte_by_byte)
{
	int fd = begin(NULL);
	for (size_t i = 0; i < strlen(LINE); i++) {
		ck_assert_int_eq(got.calls, 0);
		say(fd, LINE + i, 1);
	}
	ck_assert_int_eq(got.calls, 1);
	assert_client("192.0.2.7:56324");
	end(fd);
}
END_TEST

START_TEST(keeps_the_peer_where_nobody_is_told_of)
{
	int fd = begin(NULL);
	say(fd, "PROXY UNKNOWN\r\n", 15);
	ck_assert_int_eq(got.rc, RC_OK);
	assert_client("10.0.0.1:4711");
	end(fd);
}
END_TEST

START_TEST(closes_what_does_not_begin_with_one)
{
	int fd = begin(NULL);
	say(fd, "GET / HTTP/1.1\r\n\r\n", 18);
	ck_assert_int_eq(got.calls, 1);
	ck_assert_int_eq(got.rc, RC_INVALID);
	ck_assert_int_eq(got.fd, -1);
	assert_client("10.0.0.1:4711");
	end(fd);
}
END_TEST

START_TEST(closes_what_ends_before_it)
{
	int fd = begin(NULL);
	say(fd, "PROXY", 5);
	shutdown(fd, SHUT_WR);
	pump();
	ck_assert_int_eq(got.rc, RC_CLOSED);
	end(fd);
}
END_TEST

START_TEST(closes_what_takes_too_long)
{
	int fd = begin(NULL);
	loop_fake_advance(loop, LIMIT_PROXY_HEADER_MS - 100);
	say(fd, "PROXY", 5); /* buys no time */
	ck_assert_int_eq(got.calls, 0);
	loop_fake_advance(loop, 200);
	pump();
	ck_assert_int_eq(got.calls, 1);
	ck_assert_int_eq(got.rc, RC_TIMEOUT);
	end(fd);
}
END_TEST

START_TEST(can_be_hurried)
{
	struct proxy_accept *a;
	int fd = begin(&a);
	proxy_accept_hurry(a, 1000);
	loop_fake_advance(loop, 500);
	proxy_accept_hurry(a, 1000); /* no more time than before */
	loop_fake_advance(loop, 600);
	pump();
	ck_assert_int_eq(got.rc, RC_TIMEOUT);
	end(fd);
}
END_TEST

START_TEST(can_be_given_up)
{
	char c;
	struct proxy_accept *a;
	int fd = begin(&a);
	say(fd, "PROXY", 5);
	proxy_accept_free(a);
	pump();
	ck_assert_int_eq(got.calls, 0);
	ck_assert_int_eq(recv(fd, &c, 1, 0), 0);
	end(fd);
}
END_TEST

UNIT_SUITE(proxy_accept, takes_the_header_and_no_more, takes_it_byte_by_byte,
	keeps_the_peer_where_nobody_is_told_of, closes_what_does_not_begin_with_one,
	closes_what_ends_before_it, closes_what_takes_too_long, can_be_hurried, can_be_given_up)
