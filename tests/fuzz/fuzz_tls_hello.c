/* SPDX-License-Identifier: Apache-2.0 */
/* fuzz: links net loop handover crypto observe base */
/* fuzz: packages libssl libcrypto */
/* Any bytes as the begin of a TLS connection to a port with names, strict or not. Whatever comes,
 * nobody gets in without the rest of a handshake, and nothing of it stays. */
#include "base/check.h"
#include "base/pool.h"
#include "net/stream.h"
#include "net/tls.h"

#include <openssl/pem.h>
#include <openssl/x509.h>

#include <sys/socket.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n);

/* --- ports ----------------------------------------------------------------------------------- */

static char crt[2048], key[2048];

static void write_text(BIO *bio, char *to, size_t size)
{
	int n = BIO_read(bio, to, (int)size - 1);
	CHECK(n > 0);
	to[n] = '\0';
	BIO_free(bio);
}

static void make_certificate(void)
{
	EVP_PKEY *own = EVP_EC_gen("P-256");
	X509 *x = X509_new();
	ASN1_INTEGER_set(X509_get_serialNumber(x), 1);
	X509_gmtime_adj(X509_getm_notBefore(x), 0);
	X509_gmtime_adj(X509_getm_notAfter(x), 86400);
	X509_set_pubkey(x, own);
	CHECK(X509_sign(x, own, EVP_sha256()) > 0);
	BIO *a = BIO_new(BIO_s_mem()), *b = BIO_new(BIO_s_mem());
	PEM_write_bio_X509(a, x);
	PEM_write_bio_PrivateKey(b, own, NULL, NULL, 0, NULL, NULL);
	write_text(a, crt, sizeof(crt));
	write_text(b, key, sizeof(key));
	X509_free(x);
	EVP_PKEY_free(own);
}

static struct tls_context *context_new(void)
{
	static const struct str alpn[] = {{"h2", 2}, {"http/1.1", 8}};
	struct tls_server_options o = {
		.certificate = {.crt_pem = str_of(crt), .key_pem = str_of(key)},
		.alpn = alpn,
		.alpn_count = 2};
	struct tls_context *c;
	char message[200];
	CHECK(tls_server_context_new(&o, &c, message, sizeof(message)) == RC_OK);
	return c;
}

static struct tls_context *port_new(bool is_strict)
{
	struct tls_context *port = context_new(), *named = context_new();
	CHECK(tls_context_add_name(port, STR("shop.test"), named) == RC_OK);
	CHECK(tls_context_add_name(port, STR("*.shop.test"), named) == RC_OK);
	if (is_strict)
		tls_context_be_strict(port, false);
	tls_context_unref(named);
	return port;
}

/* --- a connection ---------------------------------------------------------------------------- */

static int closed;

static size_t on_data(struct stream *s, struct block *block, const char *p, size_t n)
{
	CHECK(!"data without a handshake");
	return n;
}

static void on_nothing(struct stream *s)
{
}

static void on_close(struct stream *s, enum rc rc)
{
	closed++;
}

static const struct stream_events events = {
	.on_data = on_data,
	.on_end = on_nothing,
	.on_open = on_nothing,
	.on_drained = on_nothing,
	.on_close = on_close,
};

static void connect_with(
	struct loop *loop, struct stream_group *group, struct tls_context *port, struct str bytes)
{
	int fds[2];
	struct address peer = {.n = sizeof(sa_family_t)};
	peer.u.sa.sa_family = AF_UNIX;
	CHECK(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, fds) == 0);
	struct stream *s = stream_accept(group, fds[0], &peer, port, &events, NULL);
	ssize_t sent = write(fds[1], bytes.p, bytes.n);
	closed = 0;
	for (int i = 0; i < 4; i++)
		loop_turn(loop, 0);
	if (!closed)
		stream_close(s, STREAM_CLOSE_NOW);
	loop_turn(loop, 0);
	CHECK(closed == 1 && sent <= (ssize_t)bytes.n);
	close(fds[1]);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
	static struct tls_context *ports[2];
	static struct loop *loop;
	static struct stream_group *group;
	if (!loop) {
		make_certificate();
		loop = loop_new(&(struct loop_options){.fake_clock = true});
		group = stream_group_new(loop);
		ports[0] = port_new(false);
		ports[1] = port_new(true);
	}
	for (int i = 0; i < 2; i++)
		connect_with(loop, group, ports[i], str_n((const char *)bytes, n));
	return 0;
}
