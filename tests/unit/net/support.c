/* SPDX-License-Identifier: Apache-2.0 */
#include "support.h"

#include "base/memory.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#define CONTEXTS_MAX 16

struct loop *loop;
struct stream_group *group;
_Thread_local struct io io;

static struct side *sides[512];
static size_t side_count;
static struct tls_context *contexts[CONTEXTS_MAX];
static size_t context_count;

/* --- system calls ---------------------------------------------------------------------------- */

static bool is_interrupted(void)
{
	if (io.interrupts <= 0)
		return false;
	io.interrupts--;
	errno = EINTR;
	return true;
}

ssize_t recv(int fd, void *to, size_t n, int flags)
{
	io.recvs++;
	if (is_interrupted())
		return -1;
	if (io.recv_bytes_max && n > io.recv_bytes_max)
		n = io.recv_bytes_max;
	return syscall(SYS_recvfrom, fd, to, n, flags, NULL, NULL);
}

ssize_t send(int fd, const void *p, size_t n, int flags)
{
	io.sends++;
	if (is_interrupted())
		return -1;
	if (io.send_bytes_max && n > io.send_bytes_max)
		n = io.send_bytes_max;
	return syscall(SYS_sendto, fd, p, n, flags, NULL, 0);
}

ssize_t sendmsg(int fd, const struct msghdr *message, int flags)
{
	io.sends++;
	if (is_interrupted())
		return -1;
	struct msghdr part = *message;
	struct iovec first = message->msg_iov[0];
	if (io.send_bytes_max) {
		part.msg_iov = &first;
		part.msg_iovlen = 1;
		if (first.iov_len > io.send_bytes_max)
			first.iov_len = io.send_bytes_max;
	}
	return syscall(SYS_sendmsg, fd, &part, flags);
}

#ifndef SLUICE_SANITIZE
void *__libc_malloc(size_t size);
void *malloc(size_t size);

void *malloc(size_t size)
{
	io.mallocs++;
	return __libc_malloc(size);
}
#endif

/* --- the bench ------------------------------------------------------------------------------- */

void bench_open(void)
{
	loop = loop_new(&(struct loop_options){.fake_clock = true});
	group = stream_group_new(loop);
	io = (struct io){0};
	side_count = context_count = 0;
}

void pump(void)
{
	for (int i = 0; i < 4; i++) {
		int before = io.recvs + io.sends;
		loop_turn(loop, 0);
		if (io.recvs + io.sends != before)
			i = 0;
	}
}

void bench_close(void)
{
	for (size_t i = 0; i < side_count; i++)
		if (sides[i]->stream)
			stream_close(sides[i]->stream, STREAM_CLOSE_NOW);
	loop_turn(loop, 0);
	for (size_t i = 0; i < side_count; i++) {
		ck_assert_int_eq(sides[i]->closed, 1);
		buffer_deinit(&sides[i]->in);
	}
	for (size_t i = 0; i < context_count; i++)
		tls_context_unref(contexts[i]);
	stream_group_free(group);
	ck_assert_uint_eq(pool_bytes_used(loop_pool(loop)), 0);
	loop_free(loop);
}

/* --- sides -------------------------------------------------------------------------------------
 */

/* An assertion that allocates nothing when it holds. */
#define must(cond)                                                                                 \
	do {                                                                                       \
		if (!(cond))                                                                       \
			ck_abort_msg("%s", #cond);                                                 \
	} while (0)

static size_t on_data(struct stream *stream, struct block *block, const char *p, size_t n)
{
	struct side *s = stream_owner(stream);
	must(s->closed == 0);
	must(s->ended == 0);
	must(n > 0);
	must(p >= block->data && p + n <= block->data + block->used);
	s->calls++;
	size_t taken = s->on_data ? s->on_data(s, p, n) : n;
	buffer_add(&s->in, str_n(p, taken));
	return taken;
}

static void on_end(struct stream *stream)
{
	struct side *s = stream_owner(stream);
	must(s->closed == 0);
	s->ended++;
	s->was_truncated = stream_is_truncated(stream);
	if (s->on_end)
		s->on_end(s);
}

static void on_open(struct stream *stream)
{
	struct side *s = stream_owner(stream);
	must(s->calls + s->ended + s->closed == 0);
	s->opened++;
	if (s->on_open)
		s->on_open(s);
}

static void on_drained(struct stream *stream)
{
	struct side *s = stream_owner(stream);
	must(s->closed == 0);
	s->drained++;
}

static void on_close(struct stream *stream, enum rc rc)
{
	struct side *s = stream_owner(stream);
	s->closed++;
	s->rc = rc;
	snprintf(s->error, sizeof(s->error), "%s", stream_error_text(stream));
	s->stream = NULL;
}

static size_t room(struct stream *stream)
{
	struct side *s = stream_owner(stream);
	if (s->room == 0)
		stream_receive(stream, false);
	return s->room;
}

const struct stream_events side_events = {
	.on_data = on_data,
	.room = room,
	.on_end = on_end,
	.on_open = on_open,
	.on_drained = on_drained,
	.on_close = on_close,
};

void side_init(struct side *s)
{
	*s = (struct side){0};
	buffer_init(&s->in, 64 << 20);
	ck_assert_uint_lt(side_count, sizeof(sides) / sizeof(sides[0]));
	sides[side_count++] = s;
}

int side_accept(struct side *s, struct tls_context *tls)
{
	int fds[2];
	struct address peer = {.n = sizeof(peer.u)};
	side_init(s);
	tcp_pair(fds);
	ck_assert_int_eq(getpeername(fds[0], &peer.u.sa, &peer.n), 0);
	s->stream = stream_accept(group, fds[0], &peer, tls, &side_events, s);
	return fds[1];
}

int side_accept_unix(struct side *s)
{
	int fds[2];
	struct address peer = {.n = sizeof(sa_family_t)};
	peer.u.sa.sa_family = AF_UNIX;
	side_init(s);
	ck_assert_int_eq(
		socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, fds), 0);
	s->stream = stream_accept(group, fds[0], &peer, NULL, &side_events, s);
	return fds[1];
}

void side_dial(struct side *s, const struct address *to, struct tls_context *tls, const char *name)
{
	side_init(s);
	s->stream = stream_dial(group, to, 3000, tls, str_of(name), &side_events, s);
}

struct str side_text(const struct side *s)
{
	return buffer_str(&s->in);
}

size_t take_nothing(struct side *s, const char *p, size_t n)
{
	stream_receive(s->stream, false);
	return 0;
}

/* --- sockets -----------------------------------------------------------------------------------
 */

int tcp_listen(struct address *at, int backlog)
{
	ck_assert_int_eq(address_from_ip(STR("127.0.0.1"), 0, at), RC_OK);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(bind(fd, &at->u.sa, at->n), 0);
	ck_assert_int_eq(listen(fd, backlog), 0);
	ck_assert_int_eq(getsockname(fd, &at->u.sa, &at->n), 0);
	return fd;
}

void tcp_pair(int fds[2])
{
	struct address at;
	int listening = tcp_listen(&at, 1);
	fds[1] = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	ck_assert_int_eq(connect(fds[1], &at.u.sa, at.n), 0);
	ck_assert_int_eq(fcntl(fds[1], F_SETFL, O_NONBLOCK), 0);
	fds[0] = accept4(listening, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
	ck_assert_int_ge(fds[0], 0);
	close(listening);
	int on = 1; /* no test waits for a delayed acknowledgement */
	for (int i = 0; i < 2; i++)
		setsockopt(fds[i], IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
}

int read_now(int fd, char *to, size_t max)
{
	ssize_t n = read(fd, to, max);
	if (n >= 0)
		return (int)n;
	return errno == EAGAIN ? -1 : -2;
}

void tell(int fd, const char *text)
{
	ck_assert_int_eq(write(fd, text, strlen(text)), (ssize_t)strlen(text));
}

int read_all(int fd)
{
	static char bytes[1 << 16];
	int sum = 0, n;
	while ((n = read_now(fd, bytes, sizeof(bytes))) > 0)
		sum += n;
	return n == 0 ? sum : n * 1000000 + sum;
}

/* --- contexts ----------------------------------------------------------------------------------
 */

static struct tls_context *keep(struct tls_context *c)
{
	ck_assert_uint_lt(context_count, CONTEXTS_MAX);
	return contexts[context_count++] = c;
}

struct tls_context *server_context(const struct tls_server_options *more)
{
	struct tls_server_options o = more ? *more : (struct tls_server_options){0};
	struct tls_context *c = NULL;
	char message[200] = "";
	if (o.certificate.crt_pem.n == 0) {
		o.certificate.crt_pem = test_leaf().crt;
		o.certificate.key_pem = test_leaf().key;
	}
	enum rc rc = tls_server_context_new(&o, &c, message, sizeof(message));
	ck_assert_msg(rc == RC_OK, "%s", message);
	return keep(c);
}

struct tls_context *client_context(const struct tls_client_options *more)
{
	struct tls_client_options o = more ? *more : (struct tls_client_options){0};
	struct tls_context *c = NULL;
	char message[200] = "";
	if (o.trusted_ca_pem.n == 0)
		o.trusted_ca_pem = test_ca().crt;
	enum rc rc = tls_client_context_new(&o, &c, message, sizeof(message));
	ck_assert_msg(rc == RC_OK, "%s", message);
	return keep(c);
}
