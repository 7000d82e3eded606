/* SPDX-License-Identifier: Apache-2.0 */
/* How OpenSSL comes by records, and gets rid of them: those on the wire by the memory of a stream, those
 * of a session inside of another one by that one.
 *
 * The group has one BIO for all its streams (one of its own costs each 208 bytes): whoever calls what
 * may read or write says for whom, by `at_work`. */
#include "base/check.h"
#include "base/memory.h"
#include "net/stream_tls_priv.h"

#include <openssl/err.h>

static struct stream_tls *at_work(BIO *bio)
{
	const struct stream_group *g = BIO_get_data(bio);
	return g->at_work;
}

/* --- the wire -------------------------------------------------------------------------------- */

/* 0: nothing is there now. */
static int read_wire(struct stream_tls *t, char *to, int n)
{
	size_t part = (size_t)n < t->in_n ? (size_t)n : t->in_n;
	if (part == 0)
		return 0;
	memcpy(to, t->in, part);
	t->in += part;
	t->in_n -= part;
	return (int)part;
}

/* --- the session outside --------------------------------------------------------------------- */

void stream_tls_note_error(struct stream_tls *t, const char *fallback)
{
	char text[160];
	long verified = SSL_get_verify_result(t->ssl);
	bool is_about_peer = SSL_is_server(t->ssl) || t->context->verifies;
	t->has_failed = true;
	if (is_about_peer && verified != X509_V_OK) {
		snprintf(text, sizeof(text), "certificate verify failed: %s",
			X509_verify_cert_error_string(verified));
		ERR_clear_error();
	} else {
		tls_error_text(text, sizeof(text), fallback);
	}
	if (!t->error) /* the stream may point to it */
		t->error = heap_strdup(text);
}

static void note_end(struct stream_tls *outer, int result)
{
	int error = SSL_get_error(outer->ssl, result);
	if (error == SSL_ERROR_ZERO_RETURN) {
		outer->has_ended = true;
		outer->in_n = 0; /* nothing counts after close_notify */
	} else if (error != SSL_ERROR_WANT_READ) {
		stream_tls_note_error(outer, "a TLS record of the tunnel is malformed");
	}
}

/* The inner session only sees that there is nothing: how the outer one ended is told by its flags. */
static int read_outer(BIO *bio, struct stream_tls *t, char *to, int n)
{
	struct stream_group *g = BIO_get_data(bio);
	struct stream_tls *outer = t->outer;
	if (outer->has_ended || outer->has_failed)
		return 0;
	ERR_clear_error();
	g->at_work = outer;
	int got = SSL_read(outer->ssl, to, n);
	g->at_work = t;
	if (got <= 0)
		note_end(outer, got);
	return got > 0 ? got : 0;
}

static int write_outer(BIO *bio, struct stream_tls *t, const char *p, int n)
{
	struct stream_group *g = BIO_get_data(bio);
	struct stream_tls *outer = t->outer;
	g->at_work = outer;
	int sent = SSL_write(outer->ssl, p, n);
	g->at_work = t;
	if (sent <= 0)
		stream_tls_note_error(outer, "encrypting for the tunnel failed");
	return sent > 0 ? sent : -1;
}

/* --- the BIO --------------------------------------------------------------------------------- */

static int bio_write(BIO *bio, const char *p, int n)
{
	struct stream_tls *t = at_work(bio);
	if (t->outer)
		return write_outer(bio, t, p, n);
	chunk_queue_add_copy(&t->wire, str_n(p, (size_t)n));
	return n;
}

static int bio_read(BIO *bio, char *to, int n)
{
	struct stream_tls *t = at_work(bio);
	int got = t->outer ? read_outer(bio, t, to, n) : read_wire(t, to, n);
	BIO_clear_retry_flags(bio); /* the outer session has the same BIO */
	if (got > 0)
		return got;
	BIO_set_retry_read(bio);
	return -1;
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

/* Lives as long as the process: threads may still be at it when it exits. */
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

BIO *stream_tls_bio(struct stream_group *g)
{
	if (!g->bio) {
		g->bio = BIO_new(method);
		if (g->bio)
			BIO_set_data(g->bio, g);
	}
	if (g->bio)
		BIO_up_ref(g->bio);
	return g->bio;
}
