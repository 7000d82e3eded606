/* SPDX-License-Identifier: Apache-2.0 */
/* TLS as a filter: OpenSSL reads from and writes to memory by an own BIO. Records are received into
 * one buffer of the group, decrypted into its receive block and handed up like plain bytes; what is
 * queued is encrypted at the flush, small chunks together, and leaves in one writev. */
#include "base/check.h"
#include "base/limits.h"
#include "base/memory.h"
#include "net/stream_priv.h"
#include "net/tls_priv.h"

#include <openssl/err.h>

#include <arpa/inet.h>
#include <errno.h>
#include <stdlib.h>
#include <sys/socket.h>

#define WIRE_BYTES 65536
#define RECORD_BYTES 16384

struct stream_tls {
	SSL *ssl;                    /* owned */
	struct tls_context *context; /* ref */
	const char *in;              /* records at hand: of the group's wire, or of `held` */
	size_t in_n;
	struct block *held;      /* ref: records that could not be decrypted yet, since nobody reads */
	struct chunk_queue wire; /* encrypted, not yet sent */
	bool is_open;
	char error[160];
};

/* --- the BIO --------------------------------------------------------------------------------- */

static int bio_write(BIO *bio, const char *p, int n)
{
	struct stream_tls *t = BIO_get_data(bio);
	chunk_queue_add_copy(&t->wire, str_n(p, (size_t)n));
	return n;
}

static int bio_read(BIO *bio, char *to, int n)
{
	struct stream_tls *t = BIO_get_data(bio);
	BIO_clear_retry_flags(bio);
	if (t->in_n == 0) {
		BIO_set_retry_read(bio);
		return -1;
	}
	size_t part = (size_t)n < t->in_n ? (size_t)n : t->in_n;
	memcpy(to, t->in, part);
	t->in += part;
	t->in_n -= part;
	return (int)part;
}

static long bio_control(BIO *bio, int command, long number, void *pointer)
{
	return command == BIO_CTRL_FLUSH ? 1 : 0;
}

static int bio_create(BIO *bio)
{
	BIO_set_init(bio, 1);
	return 1;
}

static BIO_METHOD *method;

__attribute__((constructor)) static void make_method(void)
{
	method = BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "sluice stream");
	CHECK(method);
	BIO_meth_set_write(method, bio_write);
	BIO_meth_set_read(method, bio_read);
	BIO_meth_set_ctrl(method, bio_control);
	BIO_meth_set_create(method, bio_create);
}

__attribute__((destructor)) static void free_method(void)
{
	BIO_meth_free(method);
}

/* --- life ------------------------------------------------------------------------------------ */

static void expect_name(struct stream_tls *t, struct str name)
{
	char *text = heap_strndup(name);
	struct in6_addr any;
	bool is_ip = inet_pton(AF_INET, text, &any) == 1 || inet_pton(AF_INET6, text, &any) == 1;
	if (!is_ip)
		SSL_set_tlsext_host_name(t->ssl, text);
	if (t->context->verifies && is_ip)
		X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(t->ssl), text);
	else if (t->context->verifies)
		SSL_set1_host(t->ssl, text);
	free(text);
}

void stream_tls_start(struct stream *s, struct tls_context *context, bool is_server,
	struct str server_name)
{
	struct stream_tls *t = heap_zalloc(sizeof(*t));
	t->context = tls_context_ref(context);
	t->ssl = SSL_new(context->ctx);
	BIO *bio = BIO_new(method);
	CHECK(t->ssl && bio);
	BIO_set_data(bio, t);
	SSL_set_bio(t->ssl, bio, bio);
	chunk_queue_init(&t->wire, s->group->pool);
	if (is_server) {
		SSL_set_accept_state(t->ssl);
	} else {
		SSL_set_connect_state(t->ssl);
		expect_name(t, server_name);
	}
	if (!s->group->wire)
		s->group->wire = heap_alloc(WIRE_BYTES);
	s->tls = t;
}

void stream_tls_free(struct stream *s)
{
	struct stream_tls *t = s->tls;
	SSL_free(t->ssl);
	tls_context_unref(t->context);
	chunk_queue_clear(&t->wire);
	if (t->held)
		block_unref(t->held);
	free(t);
	s->tls = NULL;
}

bool stream_tls_is_open(const struct stream *s)
{
	return s->tls->is_open;
}

size_t stream_tls_pending(const struct stream *s)
{
	return s->tls->wire.bytes;
}

static void send_wire(struct stream *s)
{
	if (!s->is_closed && !s->is_connecting)
		stream_write_queue(s, &s->tls->wire);
}

static void fail_verification(struct stream *s, long result)
{
	struct stream_tls *t = s->tls;
	snprintf(t->error, sizeof(t->error), "certificate verify failed: %s",
		X509_verify_cert_error_string(result));
	ERR_clear_error();
	stream_fail(s, RC_INVALID, t->error);
}

/* An alert that OpenSSL queued still goes out, so that the peer learns the reason too. */
static void fail(struct stream *s, const char *fallback)
{
	struct stream_tls *t = s->tls;
	long verified = SSL_get_verify_result(t->ssl);
	send_wire(s);
	if (s->is_closed)
		return;
	if (!SSL_is_server(t->ssl) && t->context->verifies && verified != X509_V_OK) {
		fail_verification(s, verified);
		return;
	}
	tls_error_text(t->error, sizeof(t->error), fallback);
	stream_fail(s, RC_INVALID, t->error);
}

static bool shake_hands(struct stream *s)
{
	struct stream_tls *t = s->tls;
	ERR_clear_error();
	int result = SSL_do_handshake(t->ssl);
	send_wire(s);
	if (s->is_closed)
		return false;
	if (result == 1) {
		t->is_open = true;
		s->is_open = true;
		if (!s->flushes_to_close)
			timer_stop(&s->timer);
		if (s->events->on_open && !s->flushes_to_close)
			s->events->on_open(s);
		if (!s->is_closed)
			stream_mark_dirty(s);
		return !s->is_closed;
	}
	if (SSL_get_error(t->ssl, result) != SSL_ERROR_WANT_READ)
		fail(s, "the TLS handshake failed");
	return false;
}

/* --- reading --------------------------------------------------------------------------------- */

/* Decrypts one record's worth into the receive block; false when there is no more. */
static bool decrypt(struct stream *s)
{
	struct stream_tls *t = s->tls;
	size_t room;
	char *p = stream_group_room(s->group, &room);
	ERR_clear_error();
	int n = SSL_read(t->ssl, p, (int)room);
	if (n > 0) {
		stream_deliver(s, s->group->block, p, (size_t)n);
		return !s->is_closed;
	}
	switch (SSL_get_error(t->ssl, n)) {
	case SSL_ERROR_WANT_READ:
		send_wire(s); /* a key update or a ticket may have queued something */
		return false;
	case SSL_ERROR_ZERO_RETURN:
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
	struct stream_tls *t = s->tls;
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

static bool wants_plain(const struct stream *s)
{
	return !s->is_closed && s->is_receiving && !s->residue && !s->has_ended;
}

/* Works through the records at hand. False when reading has to stop. */
static bool process(struct stream *s)
{
	struct stream_tls *t = s->tls;
	if (!t->is_open && !shake_hands(s)) {
		if (!s->is_closed)
			hold(s);
		return !s->is_closed && t->in_n == 0;
	}
	while (wants_plain(s) && decrypt(s))
		;
	if (s->is_closed)
		return false;
	hold(s);
	return wants_plain(s);
}

static bool offer_residue_first(struct stream *s)
{
	if (!s->residue)
		return true;
	if (!s->is_receiving)
		return false;
	/* The same bytes again: as if they had just come. */
	struct block *block = s->residue;
	const char *p = s->residue_p;
	size_t n = s->residue_n;
	s->residue = NULL;
	size_t consumed = s->flushes_to_close ? n : s->events->on_data(s, block, p, n);
	if (s->is_closed || consumed == n) {
		block_unref(block);
		return !s->is_closed;
	}
	s->residue = block;
	s->residue_p = p + consumed;
	s->residue_n = (uint32_t)(n - consumed);
	return false;
}

/* A FIN without close_notify: HTTP's own framing tells whether something is missing. */
static void wire_ended(struct stream *s)
{
	if (!s->tls->is_open)
		stream_fail(s, RC_CLOSED, "the peer closed during the TLS handshake");
	else
		stream_deliver_end(s);
}

void stream_tls_read(struct stream *s)
{
	struct stream_tls *t = s->tls;
	size_t budget = LIMIT_TURN_BYTES;
	if (!offer_residue_first(s))
		return;
	if ((t->in_n > 0 || (t->is_open && SSL_has_pending(t->ssl))) && !process(s))
		return;
	while (!s->is_closed && s->is_readable && !s->has_ended && (!t->is_open || wants_plain(s))) {
		if (budget == 0) {
			loop_ready(s->group->loop, &s->ready);
			return;
		}
		ssize_t n = recv(s->fd, s->group->wire, WIRE_BYTES, 0);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0) {
			s->is_readable = false;
			if (errno != EAGAIN)
				stream_fail_errno(s, errno);
			return;
		}
		if (n == 0) {
			s->is_readable = false;
			wire_ended(s);
			return;
		}
		if (n < WIRE_BYTES && !s->saw_closed)
			s->is_readable = false;
		budget -= (size_t)n < budget ? (size_t)n : budget;
		t->in = s->group->wire;
		t->in_n = (size_t)n;
		if (!process(s))
			return;
	}
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
	struct stream_tls *t = s->tls;
	char scratch[RECORD_BYTES];
	while (s->out.bytes > 0 && t->wire.bytes < LIMIT_DIRTY_STREAM_BYTES * 2) {
		struct str record = next_record(&s->out, scratch);
		ERR_clear_error();
		int n = SSL_write(t->ssl, record.p, (int)record.n);
		if (n <= 0) {
			fail(s, "encrypting failed");
			return false;
		}
		chunk_queue_drop(&s->out, (size_t)n);
	}
	return true;
}

void stream_tls_flush(struct stream *s)
{
	struct stream_tls *t = s->tls;
	if (!t->is_open) {
		if (t->wire.bytes == 0)
			shake_hands(s);
		else
			send_wire(s);
		return;
	}
	do {
		if (!encrypt(s))
			return;
		if (!stream_write_queue(s, &t->wire))
			return;
	} while (s->out.bytes > 0);
	if (s->end_is_due && !s->end_is_sent) {
		SSL_shutdown(t->ssl);
		send_wire(s);
	}
}

/* --- facts ----------------------------------------------------------------------------------- */

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
