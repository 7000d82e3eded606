/* SPDX-License-Identifier: Apache-2.0 */
#include "name_server.h"

#include "base/pool.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#define REPLY_BYTES_MAX 8192

enum { TYPE_A = 1, TYPE_AAAA = 28, TYPE_SRV = 33 };

struct names names;
static int udp, tcp, connection;

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

static const struct name_row *row_of(const char *name)
{
	for (size_t i = 0; i < NAME_ROWS_MAX; i++)
		if (names.rows[i].name && strcasecmp(names.rows[i].name, name) == 0)
			return &names.rows[i];
	return NULL;
}

/* All of a record but its data, whose size it tells. */
static size_t add_head(unsigned char *to, int type, uint32_t ttl, size_t n)
{
	unsigned char head[12] = {0xc0, 12, 0, (unsigned char)type, 0, 1,
		(unsigned char)(ttl >> 24), (unsigned char)(ttl >> 16), (unsigned char)(ttl >> 8),
		(unsigned char)ttl, 0, (unsigned char)n};
	memcpy(to, head, sizeof(head));
	return sizeof(head);
}

static size_t add_address(unsigned char *to, int type, const char *text, uint32_t ttl)
{
	bool is_v6 = type == TYPE_AAAA;
	size_t n = is_v6 ? 16 : 4, at = add_head(to, type, ttl, n);
	ck_assert_int_eq(inet_pton(is_v6 ? AF_INET6 : AF_INET, text, to + at), 1);
	return at + n;
}

/* As labels; how long that is. */
static size_t write_name(unsigned char *to, const char *name)
{
	size_t n = 0;
	struct str rest = str_of(name);
	while (rest.n > 0) {
		struct str label = str_cut(&rest, '.');
		to[n++] = (unsigned char)label.n;
		memcpy(to + n, label.p, label.n);
		n += label.n;
	}
	to[n++] = 0;
	return n;
}

static size_t add_service(unsigned char *to, const struct name_service *s, uint32_t ttl)
{
	unsigned char data[6 + 256] = {(unsigned char)(s->priority >> 8),
		(unsigned char)s->priority, (unsigned char)(s->weight >> 8),
		(unsigned char)s->weight, (unsigned char)(s->port >> 8), (unsigned char)s->port};
	size_t n = 6 + write_name(data + 6, s->target), at = add_head(to, TYPE_SRV, ttl, n);
	memcpy(to + at, data, n);
	return at + n;
}

static size_t add_records(unsigned char *out, size_t at, int type, const struct name_row *row)
{
	struct str texts = str_of(type == TYPE_AAAA ? row->v6 : type == TYPE_A ? row->v4 : NULL);
	while (texts.n > 0) {
		char text[64];
		struct str one = str_cut(&texts, ' ');
		snprintf(text, sizeof(text), "%.*s", STR_ARG(one));
		at += add_address(out + at, type, text, row->ttl);
		out[7]++;
	}
	const struct name_service *s = type == TYPE_SRV ? row->services : NULL;
	for (; s && s->target; s++) {
		at += add_service(out + at, s, row->ttl);
		out[7]++;
	}
	return at;
}

/* 0: says nothing. */
static size_t answer(const unsigned char *q, size_t n, bool over_tcp, unsigned char *out)
{
	char name[256];
	size_t end = read_name(q, n, name) + 4;
	const struct name_row *row = row_of(name);
	names.questions++;
	if (row && row->is_silent)
		return 0;
	int type = q[end - 3];
	bool cut = row && row->is_truncated && !over_tcp;
	memcpy(out, q, end);
	out[2] = (unsigned char)(0x81 | (cut ? 2 : 0));
	out[3] = (unsigned char)(0x80 | (row ? row->rcode : NXDOMAIN));
	memset(out + 6, 0, 6);
	return row && !cut && row->rcode == NOERROR ? add_records(out, end, type, row) : end;
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
		names.tcp_questions++;
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

void names_serve(void)
{
	for (int i = 0; i < 20; i++) {
		int before = names.questions;
		serve_udp();
		serve_tcp();
		loop_turn(names.loop, 0);
		if (names.questions != before)
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

void names_write_hosts(const char *text)
{
	int fd = open(names.hosts_path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
	ck_assert_int_eq(write(fd, text, strlen(text)), (ssize_t)strlen(text));
	close(fd);
}

void names_open(void)
{
	char servers[32];
	const char *top = getenv("TMPDIR");
	memset(names.rows, 0, sizeof(names.rows));
	names.questions = names.tcp_questions = 0;
	snprintf(names.hosts_path, sizeof(names.hosts_path), "%.40s/hosts-XXXXXX",
		top ? top : P_tmpdir);
	close(mkstemp(names.hosts_path));
	snprintf(servers, sizeof(servers), "127.0.0.1:%u", open_server());
	names.loop = loop_new(&(struct loop_options){.fake_clock = true});
	names.resolver =
		resolver_new(names.loop, &(struct resolver_options){.servers = str_of(servers),
						 .hosts_file = str_of(names.hosts_path)});
}

void names_close(void)
{
	if (names.resolver)
		resolver_free(names.resolver);
	loop_free(names.loop);
	close(udp);
	close(tcp);
	if (connection >= 0)
		close(connection);
	unlink(names.hosts_path);
}

void on_addresses(void *owner, enum rc rc, const struct address *addresses, size_t count)
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

void ask(struct asked *a, const char *name)
{
	resolver_ask(names.resolver, str_of(name), on_addresses, a, &a->query);
	ck_assert_int_eq(a->query == NULL, a->calls > 0);
}

struct asked asked(const char *name)
{
	struct asked a = {0};
	ask(&a, name);
	return a;
}

void assert_first(const struct asked *a, const char *ip)
{
	char text[ADDRESS_TEXT_BYTES];
	ck_assert_int_eq(a->calls, 1);
	ck_assert_int_eq(a->rc, RC_OK);
	struct str got = address_ip_text(&a->addresses[0], text);
	ck_assert_msg(str_eq(got, str_of(ip)), "%.*s is not %s", STR_ARG(got), ip);
	ck_assert_uint_eq(address_port(&a->addresses[0]), 0);
}

void assert_failed(const struct asked *a, enum rc rc)
{
	ck_assert_int_eq(a->calls, 1);
	ck_assert_int_eq(a->rc, rc);
	ck_assert_uint_eq(a->count, 0);
}

struct asked resolved(const char *name)
{
	struct asked a = {0};
	ask(&a, name);
	if (a.calls == 0)
		names_serve();
	ck_assert_int_eq(a.calls, 1);
	return a;
}

struct resolver_options options_now(char servers[32])
{
	struct sockaddr_in at;
	socklen_t n = sizeof(at);
	ck_assert_int_eq(getsockname(udp, (struct sockaddr *)&at, &n), 0);
	snprintf(servers, 32, "127.0.0.1:%u", ntohs(at.sin_port));
	return (struct resolver_options){.servers = str_of(servers)};
}
