/* SPDX-License-Identifier: Apache-2.0 */
/* TLS as a filter: OpenSSL reads from and writes to memory by an own BIO (stream_tls_bio.c). Records
 * are received into one buffer of the group, decrypted into its receive block and handed up like plain
 * bytes; what is queued is encrypted at the flush, small chunks together, and leaves in one writev.
 *
 * Behind a forward proxy that speaks TLS itself there are two sessions, one inside of the other: what
 * is said here of records on the wire is of the outer one then. */
#include "base/buffer.h"
#include "base/check.h"
#include "base/limits.h"
#include "base/memory.h"
#include "net/stream_tls_priv.h"

#include <openssl/err.h>
#include <openssl/x509v3.h>

#include <arpa/inet.h>
#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <sys/socket.h>

#define WIRE_BYTES 65536
/* Of who can pass on little. */
#define TIGHT_WIRE_BYTES 4096
#define RECORD_BYTES     16384
/* Encrypted bytes that may wait for the kernel before more is encrypted. */
#define WIRE_QUEUE_BYTES (2 * LIMIT_DIRTY_STREAM_BYTES)
/* With what OpenSSL says by itself: of that the peer has asked for thousands and read nothing. */
#define WIRE_BYTES_MAX (2 * WIRE_QUEUE_BYTES)

void stream_group_free_tls(struct stream_group *g)
{
	CHECK(list_is_empty(&g->line));
	task_cancel(&g->line_task);
	task_cancel(&g->handshakes_end);
	BIO_free(g->bio);
	free(g->wire);
}

/* For calls that may read or write records: they are this stream's until the next one. */
static SSL *engine(const struct stream *s)
{
	s->group->at_work = s->tls;
	return s->tls->ssl;
}

/* --- life ------------------------------------------------------------------------------------ */

/* Without a name a certificate proves nothing: any of the authority's would do. */
static bool expect_text(struct stream_tls *t, const char *name)
{
	struct in6_addr any;
	bool is_ip = inet_pton(AF_INET, name, &any) == 1 || inet_pton(AF_INET6, name, &any) == 1;
	if (!is_ip && name[0] && !SSL_set_tlsext_host_name(t->ssl, name))
		return false;
	if (!t->context->verifies)
		return true;
	SSL_set_hostflags(t->ssl, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
	if (is_ip)
		return X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(t->ssl), name) == 1;
	return name[0] && SSL_set1_host(t->ssl, name) == 1;
}

static bool expect_name(struct stream_tls *t, struct str name)
{
	if (name.n > 0 && memchr(name.p, '\0', name.n))
		return false;
	if (name.n > 1 && name.p[name.n - 1] == '.') /* RFC 6066 3: without the final dot */
		name.n--;
	t->name = heap_strndup(name);
	bool ok = expect_text(t, t->name);
	ERR_clear_error();
	if (ok)
		tls_sessions_resume(t->ssl, t->name);
	return ok;
}

void stream_tls_start(
	struct stream *s, struct tls_context *context, bool is_server, struct str server_name)
{
	SSL *ssl = SSL_new(context->ctx);
	BIO *bio = ssl ? stream_tls_bio(s->group) : NULL;
	if (!bio) {
		SSL_free(ssl);
		ERR_clear_error();
		stream_fail(s, RC_IO, "there is no memory for TLS");
		return;
	}
	struct stream_tls *t = heap_zalloc(sizeof(*t));
	t->outer = s->tls;
	t->context = tls_context_ref(context);
	t->ssl = ssl;
	SSL_set_bio(t->ssl, bio, bio);
	chunk_queue_init(&t->wire, s->group->pool);
	if (!s->group->wire)
		s->group->wire = heap_alloc(WIRE_BYTES);
	s->tls = t;
	if (is_server) {
		SSL_set_accept_state(t->ssl);
		return;
	}
	SSL_set_connect_state(t->ssl);
	if (!expect_name(t, server_name))
		stream_fail(
			s, RC_INVALID, "there is no valid name to verify the certificate against");
}

static void free_session(struct stream_tls *t)
{
	/* Else OpenSSL takes a session for bad whose connection ended without a word. */
	if (t->is_open && !t->has_failed)
		SSL_set_shutdown(t->ssl, SSL_SENT_SHUTDOWN | SSL_RECEIVED_SHUTDOWN);
	SSL_free(t->ssl);
	tls_context_unref(t->context);
	free(t->name);
	free(t->error);
	chunk_queue_clear(&t->wire);
	if (t->held)
		block_unref(t->held);
	OPENSSL_free(t->certificate);
	free(t->chain);
	free(t);
}

void stream_tls_free(struct stream *s)
{
	struct stream_tls *outer = s->tls->outer;
	free_session(s->tls);
	if (outer)
		free_session(outer);
	s->tls = NULL;
}

size_t stream_tls_pending(const struct stream *s)
{
	return stream_tls_bottom(s->tls)->wire.bytes;
}

void stream_tls_drop_pending(struct stream *s)
{
	chunk_queue_clear(&stream_tls_bottom(s->tls)->wire);
}

/* True when all of it went. */
static bool send_wire(struct stream *s)
{
	return !s->is_closed && !s->is_connecting && !s->is_broken &&
	       stream_write_queue(s, &stream_tls_bottom(s->tls)->wire);
}

/* The alert that OpenSSL queued still goes out, so that the peer learns the reason too. */
static void fail(struct stream *s, const char *fallback)
{
	struct stream_tls *t = s->tls, *outer = t->outer;
	stream_tls_note_error(t, fallback);
	send_wire(s);
	stream_fail(s, RC_INVALID, outer && outer->error ? outer->error : t->error);
}

/* What the last step queued leaves with the flush, together with what on_open may send. */
static void handshake_done(struct stream *s)
{
	s->tls->is_open = true;
	timer_stop(&s->timer);
	stream_open_now(s);
}

/* True when it is done and the stream still stands. */
static bool shake_hands(struct stream *s)
{
	struct stream_tls *t = s->tls;
	ERR_clear_error();
	int result = SSL_do_handshake(engine(s));
	if (result == 1) {
		handshake_done(s);
		return !s->is_closed;
	}
	if (SSL_get_error(t->ssl, result) != SSL_ERROR_WANT_READ)
		fail(s, "the TLS handshake failed");
	else
		send_wire(s);
	return false;
}

/* --- reading --------------------------------------------------------------------------------- */

/* Decrypts one record's worth into the receive block; false when there is no more. */
static bool decrypt(struct stream *s)
{
	struct stream_tls *t = s->tls;
	struct room r = stream_room(s, RECEIVE_ROOM_MAX);
	ERR_clear_error();
	int n = SSL_read(engine(s), r.p, (int)r.n);
	if (n > 0)
		stream_deliver(s, r.block, r.p, (size_t)n);
	stream_room_end(&r);
	if (n > 0)
		return true;
	switch (SSL_get_error(t->ssl, n)) {
	case SSL_ERROR_WANT_READ:
		if (stream_tls_pending(s) > WIRE_BYTES_MAX)
			fail(s, "the peer asks on and reads no answer");
		else if (stream_tls_pending(s) > 0)
			stream_mark_dirty(s); /* what OpenSSL had to say by itself */
		return false;
	case SSL_ERROR_ZERO_RETURN:
		stream_tls_bottom(t)->in_n = 0; /* nothing counts after close_notify */
		stream_deliver_end(s);
		return false;
	default:
		fail(s, "a TLS record is malformed");
		return false;
	}
}

static void drop_held(struct stream_tls *t)
{
	if (t->held)
		block_unref(t->held);
	t->held = NULL;
}

/* Keeps what is left of the records when the owner stopped reading in the middle. */
static void hold(struct stream *s)
{
	struct stream_tls *t = stream_tls_bottom(s->tls);
	if (t->in_n == 0) {
		drop_held(t);
		return;
	}
	if (t->held)
		return; /* t->in points into it already */
	struct block *b = block_new(s->group->pool, t->in_n);
	memcpy(b->data, t->in, t->in_n);
	b->used = (uint32_t)t->in_n;
	t->held = b;
	t->in = b->data;
}

static void wire_ended(struct stream *s)
{
	s->is_readable = false;
	if (!s->tls->is_open) {
		stream_fail(s, RC_CLOSED, "the peer closed during the TLS handshake");
		return;
	}
	s->is_truncated = true;
	stream_deliver_end(s);
}

/* All that it carried is read, and nothing more comes. */
static void follow_outer(struct stream *s)
{
	const struct stream_tls *outer = s->tls->outer;
	if (outer->has_failed)
		fail(s, "");
	else if (outer->has_ended)
		wire_ended(s);
}

/* Works through the records at hand. */
static void process(struct stream *s)
{
	struct stream_tls *t = s->tls;
	if (t->is_open || shake_hands(s))
		while (stream_may_read(s) && decrypt(s))
			;
	if (UNLIKELY(t->outer) && stream_may_read(s))
		follow_outer(s);
	if (!s->is_closed)
		hold(s);
}

/* What the outer session has decrypted already, or how it ended, shows in no event. */
static bool has_records(struct stream_tls *t)
{
	const struct stream_tls *outer = t->outer;
	if (!outer)
		return t->in_n > 0;
	return outer->in_n > 0 || outer->has_ended || outer->has_failed ||
	       SSL_has_pending(outer->ssl);
}

static bool may_receive(const struct stream *s)
{
	return stream_may_read(s) && s->is_readable && stream_tls_bottom(s->tls)->in_n == 0;
}

/* A record is whole only in OpenSSL's memory, which keeps what there is of it. */
static size_t wire_room(struct stream *s)
{
	size_t room = stream_room_bytes(s);
	if (UNLIKELY(room > 0 && s->is_tight))
		return TIGHT_WIRE_BYTES;
	return room < WIRE_BYTES ? room : WIRE_BYTES;
}

/* One receive; false when there is nothing more for now. */
static bool receive(struct stream *s, size_t *budget)
{
	struct stream_tls *t = stream_tls_bottom(s->tls);
	size_t room = wire_room(s);
	if (UNLIKELY(room == 0))
		return false;
	ssize_t n = recv(s->fd, s->group->wire, room, 0);
	if (n < 0 && errno == EINTR)
		return true;
	if (n < 0) {
		s->is_readable = false;
		if (errno != EAGAIN)
			stream_fail_errno(s, errno);
		return false;
	}
	if (n == 0) {
		wire_ended(s);
		return false;
	}
	if ((size_t)n < room && !s->saw_closed)
		stream_note_short(s);
	*budget -= (size_t)n < *budget ? (size_t)n : *budget;
	t->in = s->group->wire;
	t->in_n = (size_t)n;
	process(s);
	return true;
}

static void read_records(struct stream *s)
{
	size_t budget = LIMIT_TURN_BYTES;
	if (has_records(s->tls))
		process(s);
	while (!s->is_closed && may_receive(s)) {
		if (budget == 0) {
			loop_ready_next(s->group->loop, &s->task);
			return;
		}
		if (!receive(s, &budget))
			return;
	}
}

/* --- many handshakes at once: those that are connected come between them --- */

static void count_handshake(struct stream_group *g)
{
	g->handshakes++;
	loop_at_turn_end(g->loop, &g->handshakes_end);
}

static void on_handshakes_end(struct task *t)
{
	struct stream_group *g = CONTAINER_OF(t, struct stream_group, handshakes_end);
	g->handshakes = 0;
	if (!list_is_empty(&g->line))
		loop_ready_next(g->loop, &g->line_task);
}

static void on_line(struct task *t)
{
	struct stream_group *g = CONTAINER_OF(t, struct stream_group, line_task);
	struct link *l;
	while (g->handshakes < LIMIT_TURN_HANDSHAKES && (l = list_pop(&g->line))) {
		struct stream *s = CONTAINER_OF(l, struct stream, unsure);
		s->is_in_line = false;
		if (s->is_closed)
			continue;
		count_handshake(g);
		read_records(s);
	}
}

/* Whether the stream's handshake has its turn; else it has a place in the line. */
static bool may_shake_hands(struct stream *s)
{
	struct stream_group *g = s->group;
	if (s->is_in_line)
		return false;
	if (g->handshakes < LIMIT_TURN_HANDSHAKES && list_is_empty(&g->line)) {
		count_handshake(g);
		return true;
	}
	s->is_in_line = true;
	list_remove(&s->unsure);
	list_append(&g->line, &s->unsure);
	return false;
}

void stream_group_init_tls(struct stream_group *g)
{
	list_init(&g->line);
	task_init(&g->line_task, on_line);
	task_init(&g->handshakes_end, on_handshakes_end);
}

void stream_tls_read(struct stream *s)
{
	if (s->tls->is_open || s->is_dialled || may_shake_hands(s))
		read_records(s);
}

/* --- writing --------------------------------------------------------------------------------- */

/* The next bytes to encrypt: a large chunk as it is, small ones together in `scratch`. */
static struct str next_record(const struct chunk_queue *q, char scratch[RECORD_BYTES])
{
	const struct chunk *c = q->head;
	if (c->n >= RECORD_BYTES || !c->next)
		return str_n(c->p, c->n < RECORD_BYTES ? c->n : RECORD_BYTES);
	size_t n = q->bytes < RECORD_BYTES ? q->bytes : RECORD_BYTES;
	chunk_queue_peek(q, scratch, n);
	return str_n(scratch, n);
}

static bool encrypt(struct stream *s)
{
	char scratch[RECORD_BYTES];
	while (s->out.bytes > 0 && stream_tls_pending(s) < WIRE_QUEUE_BYTES) {
		struct str record = next_record(&s->out, scratch);
		ERR_clear_error();
		int n = SSL_write(engine(s), record.p, (int)record.n);
		if (n <= 0) {
			fail(s, "encrypting failed");
			return false;
		}
		chunk_queue_drop(&s->out, (size_t)n);
		s->bytes_sent += (uint64_t)n;
	}
	if (s->out.bytes == 0)
		chunk_queue_clear(&s->out); /* reserved and never filled */
	return true;
}

static bool is_end_due(const struct stream *s)
{
	return s->end_is_due && !(SSL_get_shutdown(s->tls->ssl) & SSL_SENT_SHUTDOWN);
}

static void end_sessions(struct stream *s)
{
	struct stream_tls *outer = s->tls->outer;
	SSL_shutdown(engine(s));
	s->group->at_work = outer;
	if (outer)
		SSL_shutdown(outer->ssl);
}

void stream_tls_flush(struct stream *s)
{
	struct stream_tls *t = s->tls;
	if (!t->is_open) {
		if (SSL_in_before(t->ssl) && !SSL_is_server(t->ssl))
			shake_hands(s);
		else
			send_wire(s);
		return;
	}
	do {
		if (!encrypt(s))
			return;
		if (s->out.bytes == 0 && is_end_due(s))
			end_sessions(s);
		if (!send_wire(s))
			break;
	} while (s->out.bytes > 0);
}

/* --- facts ----------------------------------------------------------------------------------- */

bool stream_tls_is_inner(const struct stream *s)
{
	return s->tls->outer != NULL;
}

const char *stream_tls_version(const struct stream *s)
{
	return s->tls ? SSL_get_version(s->tls->ssl) : NULL;
}

struct str stream_tls_alpn(const struct stream *s)
{
	const unsigned char *p = NULL;
	unsigned n = 0;
	if (s->tls)
		SSL_get0_alpn_selected(s->tls->ssl, &p, &n);
	return str_n((const char *)p, n);
}

struct str stream_tls_server_name(const struct stream *s)
{
	return s->tls ? str_of(SSL_get_servername(s->tls->ssl, TLSEXT_NAMETYPE_host_name))
		      : STR_EMPTY;
}

/* A context that asks for certificates accepts verified ones alone. */
static void read_certificates(struct stream_tls *t)
{
	X509 *x = SSL_get0_peer_certificate(t->ssl);
	struct buffer chain;
	int n = x ? i2d_X509(x, &t->certificate) : 0;
	if (n <= 0)
		return;
	t->certificate_n = n;
	buffer_init(&chain, INT_MAX);
	if (t->context->keeps_chain && tls_chain_above(t->ssl, &chain)) {
		t->chain = chain.p;
		t->chain_n = (int)chain.n;
	} else {
		buffer_deinit(&chain);
	}
}

struct str stream_tls_certificate(const struct stream *s)
{
	struct stream_tls *t = s->tls;
	if (t && !t->certificate)
		read_certificates(t);
	return t && t->certificate ? str_n((const char *)t->certificate, (size_t)t->certificate_n)
				   : STR_EMPTY;
}

struct str stream_tls_chain(const struct stream *s)
{
	return s->tls && s->tls->chain ? str_n(s->tls->chain, (size_t)s->tls->chain_n) : STR_EMPTY;
}
