/* SPDX-License-Identifier: Apache-2.0 */
/* tests/unit/net/support.h - streams that write down what happens to them, sockets to talk to them,
 * and system calls that can be counted and cut short.
 *
 *   bench_open();
 *   struct side s;
 *   int peer = side_accept(&s, NULL);
 *   ck_assert_int_eq(write(peer, "hi", 2), 2);
 *   pump();
 *   assert_str(side_text(&s), "hi");
 */
#pragma once

#include "unit.h"

#include "base/buffer.h"
#include "base/pool.h"
#include "net/stream.h"
#include "net/tls.h"

struct side {
	struct stream *stream; /* NULL after on_close */
	struct buffer in;
	int opened, ended, drained, closed;
	bool was_truncated;
	enum rc rc;
	char error[160];
	/* what on_data does; 0: takes everything */
	size_t (*on_data)(struct side *s, const char *p, size_t n);
	void (*on_open)(struct side *s);
	void (*on_end)(struct side *s);
	int calls;   /* of on_data */
	size_t room; /* 0: and receiving is switched off */
	void *arg;
};

extern struct loop *loop; /* with a fake clock */
extern struct stream_group *group;
extern const struct stream_events side_events;

void bench_open(void);
/* Closes what is open and checks that nothing is left. */
void bench_close(void);
/* Turns until two turns in a row brought nothing. */
void pump(void);

void side_init(struct side *s);
/* An accepted TCP stream; the peer's descriptor, non-blocking. */
int side_accept(struct side *s, struct tls_context *tls);
/* The same over a UNIX socket pair. */
int side_accept_unix(struct side *s);
void side_dial(struct side *s, const struct address *to, struct tls_context *tls, const char *name);
struct str side_text(const struct side *s);
/* An on_data that takes nothing and stops receiving. */
size_t take_nothing(struct side *s, const char *p, size_t n);

/* Two connected TCP sockets, non-blocking. */
void tcp_pair(int fds[2]);
/* A listening TCP socket on 127.0.0.1, non-blocking. */
int tcp_listen(struct address *at, int backlog);
/* What can be read now, at most `max`; -1: nothing yet, 0: end, -2: reset. */
int read_now(int fd, char *to, size_t max);
/* How much came, at the end of it all; negative: there is no end yet. */
int read_all(int fd);
void tell(int fd, const char *text);

/* System calls of this thread; limits of 0 are none. */
struct io {
	int recvs, sends;
	size_t recv_bytes_max, send_bytes_max;
	int interrupts; /* so many calls fail with EINTR first */
	int mallocs;    /* not under a sanitizer */
};
extern _Thread_local struct io io;

/* --- certificates ---------------------------------------------------------------------------- */

struct certificate {
	struct str crt, key; /* PEM, for as long as the test runs */
};
struct certificate_options {
	const struct certificate *issuer; /* NULL: its own */
	const char *names;                /* "DNS:a.test,IP:127.0.0.1"; NULL: none */
	bool is_authority;
	bool is_expired;
	bool is_rsa;            /* else P-256 */
	unsigned rsa_bits;      /* 0: 2048 */
	const char *passphrase; /* of the key; NULL: none */
};
struct certificate certificate_make(const struct certificate_options *o);
/* An authority, and a certificate of it for shop.test, *.wild.test and 127.0.0.1. */
struct certificate test_ca(void);
struct certificate test_leaf(void);
/* PEM of what an authority has revoked; `revoked` NULL: nothing. Old: its next one is overdue. */
struct str test_crl(
	const struct certificate *issuer, const struct certificate *revoked, bool is_old);
/* Contexts of them; `more` may set further options. They end with the bench. */
struct tls_context *server_context(const struct tls_server_options *more);
struct tls_context *client_context(const struct tls_client_options *more);
