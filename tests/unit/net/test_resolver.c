/* SPDX-License-Identifier: Apache-2.0 */
/* A name server in this process, on loopback sockets, that answers what the test has written down.
 * The loop's clock is fake; c-ares looks at the real one, for its retries alone. */
#include "unit.h"

#include "base/pool.h"
#include "net/resolver.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#define ROWS_MAX        8
#define REPLY_BYTES_MAX 4096

enum { NOERROR = 0, SERVFAIL = 2, NXDOMAIN = 3 };

/* What the server says about a name. */
struct row {
	const char *name;
	const char *v4, *v6; /* separated by spaces */
	uint32_t ttl;
	int rcode;
	bool is_silent;
	bool is_truncated; /* over UDP */
};

static struct row rows[ROWS_MAX];
static int udp, tcp, connection;
static int questions, tcp_questions;
static struct loop *loop;
static struct resolver *resolver;
static char hosts_path[64];

/* What came back. */
struct asked {
	struct resolver_query *query;
	int calls;
	enum rc rc;
	struct address addresses[RESOLVER_ADDRESSES_MAX];
	size_t count;
	struct asked *cancels, *asks;
	const char *asks_for;
};

/* --- the server ------------------------------------------------------------------------------ */

static size_t read_name(const unsigned char *q, size_t n, char *name)
{
	size_t at = 12, out = 0;
	while (at < n && q[at] != 0) {
		size_t length = q[at++];
		ck_assert_uint_le(at + length, n);
		for (size_t i = 0; i < length; i++)
			name[out++] = (char)q[at++];
		name[out++] = '.';
	}
	name[out ? out - 1 : 0] = '\0';
	return at + 1;
}

static const struct row *row_of(const char *name)
{
	for (size_t i = 0; i < ROWS_MAX; i++)
		if (rows[i].name && strcasecmp(rows[i].name, name) == 0)
			return &rows[i];
	return NULL;
}

static size_t add_record(unsigned char *to, int family, const char *text, uint32_t ttl)
{
	bool is_v6 = family == AF_INET6;
	unsigned char head[12] = {0xc0, 12, 0, is_v6 ? 28 : 1, 0, 1, (unsigned char)(ttl >> 24),
		(unsigned char)(ttl >> 16), (unsigned char)(ttl >> 8), (unsigned char)ttl, 0,
		is_v6 ? 16 : 4};
	memcpy(to, head, sizeof(head));
	ck_assert_int_eq(inet_pton(family, text, to + sizeof(head)), 1);
	return sizeof(head) + (is_v6 ? 16 : 4);
}

/* 0: says nothing. */
static size_t answer(const unsigned char *q, size_t n, bool over_tcp, unsigned char *out)
{
	char name[256];
	size_t end = read_name(q, n, name) + 4;
	const struct row *row = row_of(name);
	questions++;
	if (row && row->is_silent)
		return 0;
	int type = q[end - 3];
	bool cut = row && row->is_truncated && !over_tcp;
	memcpy(out, q, end);
	out[2] = (unsigned char)(0x81 | (cut ? 2 : 0));
	out[3] = (unsigned char)(0x80 | (row ? row->rcode : NXDOMAIN));
	memset(out + 6, 0, 6);
	size_t at = end;
	const char *list = !row || cut ? NULL : type == 28 ? row->v6 : row->v4;
	struct str texts = str_of(list);
	while (texts.n > 0 && row->rcode == NOERROR) {
		char text[64];
		struct str one = str_cut(&texts, ' ');
		snprintf(text, sizeof(text), "%.*s", STR_ARG(one));
		at += add_record(out + at, type == 28 ? AF_INET6 : AF_INET, text, row->ttl);
		out[7]++;
	}
	return at;
}

static void serve_udp(void)
{
	unsigned char q[512], reply[REPLY_BYTES_MAX];
	struct sockaddr_in from;
	socklen_t from_n = sizeof(from);
	ssize_t n;
	while ((n = recvfrom(udp, q, sizeof(q), 0, (struct sockaddr *)&from, &from_n)) > 0) {
		size_t size = answer(q, (size_t)n, false, reply);
		if (size > 0)
			sendto(udp, reply, size, 0, (struct sockaddr *)&from, from_n);
	}
}

static void serve_tcp(void)
{
	static unsigned char q[1024];
	static size_t have;
	unsigned char reply[REPLY_BYTES_MAX];
	if (connection < 0) {
		int on = 1;
		connection = accept4(tcp, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
		/* Else the second part of an answer would wait for an acknowledgement of the first.
		 */
		setsockopt(connection, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
		have = 0;
	}
	ssize_t n = connection < 0 ? -1 : read(connection, q + have, sizeof(q) - have);
	have += n > 0 ? (size_t)n : 0;
	while (have >= 2 && have >= 2u + (q[0] << 8 | q[1])) {
		size_t length = (size_t)(q[0] << 8 | q[1]);
		size_t size = answer(q + 2, length, true, reply + 2);
		tcp_questions++;
		reply[0] = (unsigned char)(size >> 8);
		reply[1] = (unsigned char)size;
		/* In two parts, so that an edge-triggered reader has to come back. */
		ck_assert_int_eq(write(connection, reply, 20), 20);
		ck_assert_int_eq(
			write(connection, reply + 20, size + 2 - 20), (ssize_t)size + 2 - 20);
		have -= length + 2;
		memmove(q, q + length + 2, have);
	}
	if (n == 0) {
		close(connection);
		connection = -1;
	}
}

/* Both sides, until nothing moves any more. */
static void serve(void)
{
	for (int i = 0; i < 20; i++) {
		int before = questions;
		serve_udp();
		serve_tcp();
		loop_turn(loop, 0);
		if (questions != before)
			i = 0;
	}
}

/* --- the bench ------------------------------------------------------------------------------- */

static uint16_t open_server(void)
{
	struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t n = sizeof(at);
	int bound = -1;
	connection = -1;
	for (int i = 0; i < 50 && bound != 0; i++) { /* the same port for both must be free */
		at.sin_port = 0;
		udp = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
		tcp = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
		ck_assert_int_eq(bind(udp, (struct sockaddr *)&at, sizeof(at)), 0);
		ck_assert_int_eq(getsockname(udp, (struct sockaddr *)&at, &n), 0);
		bound = bind(tcp, (struct sockaddr *)&at, sizeof(at));
		if (bound != 0) {
			close(udp);
			close(tcp);
		}
	}
	ck_assert_int_eq(bound, 0);
	ck_assert_int_eq(listen(tcp, 4), 0);
	return ntohs(at.sin_port);
}

static void write_hosts(const char *text)
{
	int fd = open(hosts_path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
	ck_assert_int_eq(write(fd, text, strlen(text)), (ssize_t)strlen(text));
	close(fd);
}

static void bench_open(void)
{
	char servers[32];
	const char *top = getenv("TMPDIR");
	memset(rows, 0, sizeof(rows));
	questions = tcp_questions = 0;
	snprintf(hosts_path, sizeof(hosts_path), "%.40s/hosts-XXXXXX", top ? top : P_tmpdir);
	close(mkstemp(hosts_path));
	snprintf(servers, sizeof(servers), "127.0.0.1:%u", open_server());
	loop = loop_new(&(struct loop_options){.fake_clock = true});
	resolver = resolver_new(loop, &(struct resolver_options){.servers = str_of(servers),
					      .hosts_file = str_of(hosts_path)});
}

static void bench_close(void)
{
	if (resolver)
		resolver_free(resolver);
	loop_free(loop);
	close(udp);
	close(tcp);
	if (connection >= 0)
		close(connection);
	unlink(hosts_path);
}

static void ask(struct asked *a, const char *name);

static void on_answer(void *owner, enum rc rc, const struct address *addresses, size_t count)
{
	struct asked *a = owner;
	a->calls++;
	a->rc = rc;
	a->count = count;
	a->query = NULL;
	ck_assert_int_eq(rc == RC_OK, count > 0);
	if (count > 0)
		memcpy(a->addresses, addresses, count * sizeof(*addresses));
	if (a->cancels)
		resolver_cancel(a->cancels->query);
	if (a->asks)
		ask(a->asks, a->asks_for);
	if (count > 0) /* still there, whatever was asked meanwhile */
		ck_assert_mem_eq(a->addresses, addresses, count * sizeof(*addresses));
}

static void ask(struct asked *a, const char *name)
{
	resolver_ask(resolver, str_of(name), on_answer, a, &a->query);
	ck_assert_int_eq(a->query == NULL, a->calls > 0);
}

/* Of what is known, or to be cancelled: a later answer would go to memory that is gone. */
static struct asked asked(const char *name)
{
	struct asked a = {0};
	ask(&a, name);
	return a;
}

static void assert_first(const struct asked *a, const char *ip)
{
	char text[ADDRESS_TEXT_BYTES];
	ck_assert_int_eq(a->calls, 1);
	ck_assert_int_eq(a->rc, RC_OK);
	struct str got = address_ip_text(&a->addresses[0], text);
	ck_assert_msg(str_eq(got, str_of(ip)), "%.*s is not %s", STR_ARG(got), ip);
	ck_assert_uint_eq(address_port(&a->addresses[0]), 0);
}

static void assert_failed(const struct asked *a, enum rc rc)
{
	ck_assert_int_eq(a->calls, 1);
	ck_assert_int_eq(a->rc, rc);
	ck_assert_uint_eq(a->count, 0);
}

/* Asks, serves, and expects an answer. */
static struct asked resolved(const char *name)
{
	struct asked a = {0};
	ask(&a, name);
	if (a.calls == 0)
		serve();
	ck_assert_int_eq(a.calls, 1);
	return a;
}

/* --- without a server ------------------------------------------------------------------------ */

START_TEST(literals_and_localhost_are_answered_at_once)
{
	static const struct {
		const char *name, *ip;
		size_t count;
	} known[] = {{"192.0.2.1", "192.0.2.1", 1}, {"::1", "::1", 1},
		{"[2001:db8::1]", "2001:db8::1", 1}, {"localhost", "127.0.0.1", 2},
		{"LOCALHOST.", "127.0.0.1", 2}, {"shop.localhost", "127.0.0.1", 2}};
	bench_open();
	for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
		struct asked a = asked(known[i].name);
		assert_first(&a, known[i].ip);
		ck_assert_uint_eq(a.count, known[i].count);
	}
	ck_assert_int_eq(questions, 0);
	bench_close();
}
END_TEST

START_TEST(what_cannot_be_a_name_is_not_found_at_once)
{
	char longest[256];
	memset(longest, 'x', sizeof(longest));
	const struct str names[] = {
		STR_EMPTY, STR("a b"), STR("a\0b"), STR("a\n"), str_n(longest, 255)};
	bench_open();
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		struct asked a = {0};
		resolver_ask(resolver, names[i], on_answer, &a, &a.query);
		assert_failed(&a, RC_NOT_FOUND);
	}
	bench_close();
}
END_TEST

START_TEST(the_hosts_file_comes_first)
{
	bench_open();
	write_hosts("# comment\n"
		    "192.0.2.7\tshop.test  Shop # and more\n"
		    "nonsense ignored.test\n"
		    "\n"
		    "  2001:db8::7 shop.test\r\n"
		    "192.0.2.8 last.test");
	struct asked a = asked("shop.test");
	assert_first(&a, "192.0.2.7");
	ck_assert_uint_eq(a.count, 2);
	a = asked("SHOP");
	assert_first(&a, "192.0.2.7");
	a = asked("last.test.");
	assert_first(&a, "192.0.2.8");
	ck_assert_int_eq(questions, 0);
	a = resolved("ignored.test");
	assert_failed(&a, RC_NOT_FOUND);
	bench_close();
}
END_TEST

START_TEST(the_hosts_file_may_change)
{
	bench_open();
	write_hosts("192.0.2.7 shop.test localhost\n");
	struct asked a = asked("shop.test");
	assert_first(&a, "192.0.2.7");
	a = asked("localhost");
	assert_first(&a, "192.0.2.7");
	write_hosts("192.0.2.77 shop.test\n");
	loop_fake_advance(loop, 5000);
	a = asked("shop.test");
	assert_first(&a, "192.0.2.77");
	a = asked("localhost");
	assert_first(&a, "127.0.0.1");
	unlink(hosts_path);
	loop_fake_advance(loop, 5000);
	rows[0] = (struct row){.name = "shop.test", .v4 = "192.0.2.9", .ttl = 60};
	a = resolved("shop.test");
	assert_first(&a, "192.0.2.9");
	bench_close();
}
END_TEST

/* --- answers ------------------------------------------------------------------------------------
 */

START_TEST(asks_for_both_families_and_keeps_the_answer_for_its_time)
{
	bench_open();
	rows[0] = (struct row){
		.name = "shop.test", .v4 = "127.0.0.3 127.0.0.4", .v6 = "2001:db8::3", .ttl = 60};
	struct asked a = resolved("shop.test");
	ck_assert_int_eq(a.rc, RC_OK);
	ck_assert_uint_eq(a.count, 3);
	ck_assert_int_eq(questions, 2);
	loop_fake_advance(loop, 59999);
	a = asked("Shop.Test");
	ck_assert_uint_eq(a.count, 3);
	ck_assert_int_eq(questions, 2);
	loop_fake_advance(loop, 1);
	rows[0].v4 = "127.0.0.5";
	rows[0].v6 = NULL;
	a = resolved("shop.test");
	assert_first(&a, "127.0.0.5");
	ck_assert_uint_eq(a.count, 1);
	ck_assert_int_eq(questions, 4);
	bench_close();
}
END_TEST

START_TEST(times_are_kept_between_a_second_and_an_hour)
{
	bench_open();
	rows[0] = (struct row){.name = "short.test", .v4 = "127.0.0.3", .ttl = 0};
	rows[1] = (struct row){.name = "long.test", .v4 = "127.0.0.4", .ttl = 1000000};
	struct asked a = resolved("short.test");
	a = resolved("long.test");
	ck_assert_int_eq(questions, 4);
	loop_fake_advance(loop, 999);
	a = asked("short.test");
	assert_first(&a, "127.0.0.3");
	loop_fake_advance(loop, 1);
	a = resolved("short.test");
	ck_assert_int_eq(questions, 6);
	loop_fake_advance(loop, 3600000 - 1001);
	a = asked("long.test");
	assert_first(&a, "127.0.0.4");
	loop_fake_advance(loop, 1);
	a = resolved("long.test");
	ck_assert_int_eq(questions, 8);
	bench_close();
}
END_TEST

START_TEST(one_question_answers_all_who_ask)
{
	bench_open();
	rows[0] = (struct row){.name = "shop.test", .v4 = "127.0.0.3", .ttl = 60};
	struct asked a = {0}, b = {0}, c = {0};
	ask(&a, "shop.test");
	ask(&b, "SHOP.test");
	ask(&c, "shop.test");
	resolver_cancel(b.query);
	serve();
	assert_first(&a, "127.0.0.3");
	assert_first(&c, "127.0.0.3");
	ck_assert_int_eq(b.calls, 0);
	ck_assert_int_eq(questions, 2);
	bench_close();
}
END_TEST

START_TEST(a_question_that_nobody_waits_for_still_fills_the_cache)
{
	bench_open();
	rows[0] = (struct row){.name = "shop.test", .v4 = "127.0.0.3", .ttl = 60};
	struct asked a = asked("shop.test");
	resolver_cancel(a.query);
	serve();
	a = asked("shop.test");
	assert_first(&a, "127.0.0.3");
	bench_close();
}
END_TEST

START_TEST(whoever_is_answered_may_cancel_and_ask)
{
	bench_open();
	rows[0] = (struct row){.name = "shop.test", .v4 = "127.0.0.3", .ttl = 60};
	rows[1] = (struct row){.name = "more.test", .v4 = "127.0.0.4", .ttl = 60};
	struct asked a = {0}, b = {0}, c = {0};
	a.cancels = &b;
	a.asks = &c;
	a.asks_for = "more.test";
	ask(&a, "shop.test");
	ask(&b, "shop.test");
	serve();
	assert_first(&a, "127.0.0.3");
	ck_assert_int_eq(b.calls, 0);
	assert_first(&c, "127.0.0.4");
	bench_close();
}
END_TEST

START_TEST(a_truncated_answer_is_asked_for_again_over_tcp)
{
	static char many[2048];
	size_t n = 0;
	for (int i = 0; i < 40; i++)
		n += (size_t)snprintf(
			many + n, sizeof(many) - n, "%s127.0.1.%d", i ? " " : "", i + 1);
	bench_open();
	rows[0] = (struct row){.name = "many.test", .v4 = many, .ttl = 60, .is_truncated = true};
	struct asked a = resolved("many.test");
	ck_assert_int_eq(a.rc, RC_OK);
	ck_assert_uint_eq(a.count, RESOLVER_ADDRESSES_MAX);
	ck_assert_int_ge(tcp_questions, 1);
	bench_close();
}
END_TEST

START_TEST(a_name_without_addresses_is_not_found)
{
	bench_open();
	rows[0] = (struct row){.name = "empty.test", .ttl = 60};
	struct asked a = resolved("empty.test");
	assert_failed(&a, RC_NOT_FOUND);
	bench_close();
}
END_TEST

/* --- failures
 * ------------------------------------------------------------------------------------- */

START_TEST(a_missing_name_is_remembered_for_a_second)
{
	bench_open();
	struct asked a = resolved("none.test");
	assert_failed(&a, RC_NOT_FOUND);
	int before = questions;
	a = asked("none.test");
	assert_failed(&a, RC_NOT_FOUND);
	ck_assert_int_eq(questions, before);
	loop_fake_advance(loop, RESOLVER_RETRY_MS);
	rows[0] = (struct row){.name = "none.test", .v4 = "127.0.0.3", .ttl = 60};
	a = resolved("none.test");
	assert_first(&a, "127.0.0.3");
	bench_close();
}
END_TEST

START_TEST(a_silent_server_ends_in_a_timeout_and_a_late_answer_still_counts)
{
	bench_open();
	rows[0] = (struct row){.name = "shop.test", .v4 = "127.0.0.3", .ttl = 60};
	struct asked a = {0}, b;
	ask(&a, "shop.test");
	loop_fake_advance(loop, RESOLVER_TIMEOUT_MS - 1);
	loop_turn(loop, 0);
	ck_assert_int_eq(a.calls, 0);
	loop_fake_advance(loop, 1);
	loop_turn(loop, 0);
	assert_failed(&a, RC_TIMEOUT);
	b = asked("shop.test"); /* remembered */
	assert_failed(&b, RC_TIMEOUT);
	serve(); /* now it speaks */
	b = asked("shop.test");
	assert_first(&b, "127.0.0.3");
	ck_assert_int_eq(questions, 2);
	bench_close();
}
END_TEST

START_TEST(a_failing_server_leaves_the_old_answer_standing)
{
	bench_open();
	rows[0] = (struct row){.name = "shop.test", .v4 = "127.0.0.3", .ttl = 10};
	struct asked a = resolved("shop.test");
	rows[0].rcode = SERVFAIL;
	loop_fake_advance(loop, 10000);
	a = asked("shop.test");
	ck_assert_int_eq(a.calls, 0); /* waits for the failure */
	resolver_cancel(a.query);
	a = resolved("shop.test");
	assert_first(&a, "127.0.0.3");
	int before = questions;
	a = asked("shop.test"); /* nobody waits any more */
	assert_first(&a, "127.0.0.3");
	serve();
	ck_assert_int_eq(questions, before);
	loop_fake_advance(loop, RESOLVER_RETRY_MS);
	a = asked("shop.test");
	assert_first(&a, "127.0.0.3");
	serve();
	ck_assert_int_gt(questions, before); /* asked behind their backs */
	rows[0].rcode = NOERROR;
	rows[0].v4 = "127.0.0.4";
	loop_fake_advance(loop, RESOLVER_RETRY_MS);
	a = asked("shop.test");
	assert_first(&a, "127.0.0.3");
	serve();
	a = asked("shop.test");
	assert_first(&a, "127.0.0.4");
	bench_close();
}
END_TEST

START_TEST(an_old_answer_does_not_stand_for_ever)
{
	bench_open();
	rows[0] = (struct row){.name = "shop.test", .v4 = "127.0.0.3", .ttl = 10};
	struct asked a = resolved("shop.test");
	rows[0].rcode = SERVFAIL;
	loop_fake_advance(loop, 10000 + RESOLVER_STALE_MS - 1);
	a = resolved("shop.test");
	assert_first(&a, "127.0.0.3");
	loop_fake_advance(loop, RESOLVER_RETRY_MS);
	a = resolved("shop.test");
	assert_failed(&a, RC_IO);
	bench_close();
}
END_TEST

START_TEST(a_silent_server_leaves_the_old_answer_standing)
{
	bench_open();
	rows[0] = (struct row){.name = "shop.test", .v4 = "127.0.0.3", .ttl = 10};
	struct asked a = resolved("shop.test");
	rows[0].is_silent = true;
	loop_fake_advance(loop, 10000);
	a = (struct asked){0};
	ask(&a, "shop.test");
	loop_fake_advance(loop, RESOLVER_TIMEOUT_MS);
	loop_turn(loop, 0);
	assert_first(&a, "127.0.0.3");
	bench_close();
}
END_TEST

START_TEST(a_name_that_is_gone_is_gone)
{
	bench_open();
	rows[0] = (struct row){.name = "shop.test", .v4 = "127.0.0.3", .ttl = 10};
	struct asked a = resolved("shop.test");
	rows[0].rcode = NXDOMAIN;
	loop_fake_advance(loop, 10000);
	a = resolved("shop.test");
	assert_failed(&a, RC_NOT_FOUND);
	bench_close();
}
END_TEST

START_TEST(freeing_ends_questions_under_way)
{
	bench_open();
	struct asked a = {0}, b = {0}, c = {0};
	b.cancels = &c;
	ask(&a, "a.test");
	ask(&b, "b.test");
	ask(&c, "b.test");
	resolver_free(resolver);
	resolver = NULL;
	assert_failed(&a, RC_CLOSED);
	assert_failed(&b, RC_CLOSED);
	ck_assert_int_eq(c.calls, 0);
	loop_turn(loop, 0);
	bench_close();
}
END_TEST

START_TEST(the_memory_of_names_is_bounded)
{
	bench_open();
	rows[0] = (struct row){.name = "kept.test", .v4 = "127.0.0.3", .ttl = 3600};
	struct asked a = resolved("kept.test");
	for (int i = 0; i < RESOLVER_NAMES_MAX + 10; i++) {
		char name[32];
		snprintf(name, sizeof(name), "n%d.test", i);
		a = resolved(name);
		if (i % 1000 == 0) { /* used, so it is not the one that goes */
			a = asked("kept.test");
			assert_first(&a, "127.0.0.3");
		}
	}
	int before = questions;
	a = asked("kept.test");
	assert_first(&a, "127.0.0.3");
	ck_assert_int_eq(questions, before);
	bench_close();
}
END_TEST

/* --- other servers ---------------------------------------------------------------------------- */

static struct resolver_options options_now(char servers[32])
{
	struct sockaddr_in at;
	socklen_t n = sizeof(at);
	ck_assert_int_eq(getsockname(udp, (struct sockaddr *)&at, &n), 0);
	snprintf(servers, 32, "127.0.0.1:%u", ntohs(at.sin_port));
	return (struct resolver_options){.servers = str_of(servers)};
}

START_TEST(what_is_set_as_it_was_asks_nobody_again)
{
	char servers[32];
	bench_open();
	rows[0] = (struct row){.name = "shop.test", .v4 = "127.0.0.3", .ttl = 60};
	struct asked a = resolved("shop.test");
	struct resolver_options o = options_now(servers);
	resolver_set(resolver, &o);
	a = asked("shop.test");
	assert_first(&a, "127.0.0.3");
	ck_assert_int_eq(questions, 2);
	bench_close();
}
END_TEST

START_TEST(a_question_under_way_goes_to_the_new_servers)
{
	char servers[32];
	struct asked a = {0};
	bench_open();
	rows[0] = (struct row){.name = "shop.test", .v4 = "127.0.0.3", .ttl = 60};
	struct resolver_options mute = {.servers = STR("127.0.0.1:9")}, o = options_now(servers);
	resolver_set(resolver, &mute);
	ask(&a, "shop.test");
	resolver_set(resolver, &o);
	ck_assert_int_eq(a.calls, 0);
	serve();
	assert_first(&a, "127.0.0.3");
	bench_close();
}
END_TEST

START_TEST(times_may_be_others)
{
	char servers[32];
	bench_open();
	rows[0] = (struct row){.name = "shop.test", .v4 = "127.0.0.3", .ttl = 60};
	struct asked a = resolved("shop.test");
	struct resolver_options o = options_now(servers);
	o.times = (struct resolver_times){.timeout_ms = 500, .retry_ms = 5000, .ttl_max_ms = 2000};
	resolver_set(resolver, &o);
	rows[0].v4 = "127.0.0.4";
	a = resolved("shop.test"); /* others may know better */
	assert_first(&a, "127.0.0.4");
	loop_fake_advance(loop, 2000);
	rows[0].rcode = SERVFAIL;
	a = resolved("shop.test"); /* nothing stands after its time */
	assert_failed(&a, RC_IO);
	rows[0].rcode = NOERROR;
	loop_fake_advance(loop, 4999);
	a = asked("shop.test");
	assert_failed(&a, RC_IO);
	bench_close();
}
END_TEST

UNIT_SUITE(resolver, what_is_set_as_it_was_asks_nobody_again,
	a_question_under_way_goes_to_the_new_servers, times_may_be_others,
	literals_and_localhost_are_answered_at_once, what_cannot_be_a_name_is_not_found_at_once,
	the_hosts_file_comes_first, the_hosts_file_may_change,
	asks_for_both_families_and_keeps_the_answer_for_its_time,
	times_are_kept_between_a_second_and_an_hour, one_question_answers_all_who_ask,
	a_question_that_nobody_waits_for_still_fills_the_cache,
	whoever_is_answered_may_cancel_and_ask, a_truncated_answer_is_asked_for_again_over_tcp,
	a_name_without_addresses_is_not_found, a_missing_name_is_remembered_for_a_second,
	a_silent_server_ends_in_a_timeout_and_a_late_answer_still_counts,
	a_failing_server_leaves_the_old_answer_standing, an_old_answer_does_not_stand_for_ever,
	a_silent_server_leaves_the_old_answer_standing, a_name_that_is_gone_is_gone,
	freeing_ends_questions_under_way, the_memory_of_names_is_bounded)
