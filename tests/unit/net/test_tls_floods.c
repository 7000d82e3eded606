/* SPDX-License-Identifier: Apache-2.0 */
/* What a peer may make OpenSSL say without end, and does not read. */
#include "raw.h"

#include "base/limits.h"
#include "net/stream_priv.h"

#include <openssl/evp.h>
#include <openssl/kdf.h>
#include <openssl/params.h>

#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

static struct side a;

/* --- updates of keys ------------------------------------------------------------------------- */

/* Each asks for an answer; a peer that reads none of them must not fill our memory (OpenSSL gives
 * one for all, with what is sent next). */
START_TEST(key_updates_without_end_are_bounded)
{
	bench_open();
	struct raw r = raw_connect(&a);
	int small = 4096;
	setsockopt(a.stream->fd, SOL_SOCKET, SO_SNDBUF, &small, sizeof(small));
	setsockopt(r.fd, SOL_SOCKET, SO_RCVBUF, &small, sizeof(small));
	bool stuck = false;
	for (int i = 0; i < 200000 && !stuck; i++) {
		if (SSL_key_update(r.ssl, SSL_KEY_UPDATE_REQUESTED) != 1 ||
			SSL_do_handshake(r.ssl) != 1) {
			loop_turn(loop, 0);
			stuck = SSL_do_handshake(r.ssl) != 1;
		}
		if (i % 16 == 0)
			loop_turn(loop, 0);
	}
	ck_assert_uint_lt(stream_pending(a.stream), 2 * LIMIT_QUEUE_HIGH_BYTES);
	raw_close(&r);
	bench_close();
}
END_TEST

START_TEST(goes_on_once_the_answers_to_key_updates_are_read)
{
	char got[64];
	bench_open();
	struct raw r = raw_connect(&a);
	for (int i = 0; i < 100; i++) {
		ck_assert_int_eq(SSL_key_update(r.ssl, SSL_KEY_UPDATE_REQUESTED), 1);
		ck_assert_int_eq(SSL_do_handshake(r.ssl), 1);
		pump();
	}
	ck_assert_int_eq(SSL_write(r.ssl, "question", 8), 8);
	pump();
	assert_str(side_text(&a), "question");
	stream_send_copy(a.stream, STR("answer"));
	pump();
	ck_assert_int_eq(SSL_read(r.ssl, got, sizeof(got)), 6);
	raw_close(&r);
	bench_close();
}
END_TEST

/* --- greetings ------------------------------------------------------------------------------- */

/* Of TLS 1.2, AES-128-GCM: what it takes to write records that OpenSSL would not. */
struct forge {
	EVP_CIPHER_CTX *cipher;
	uint8_t nonce[12]; /* the fixed part, and that of a record */
	uint64_t sequence;
};

static char key_log[256];

static void keep_key(const SSL *ssl, const char *line)
{
	snprintf(key_log, sizeof(key_log), "%s", line);
}

/* The client's key and fixed part of the nonce (RFC 5246 6.3, RFC 5288 3). */
static void derive(SSL *ssl, uint8_t block[40])
{
	uint8_t master[48], seed[13 + 64] = "key expansion";
	const char *hex = strrchr(key_log, ' ') + 1;
	size_t n;
	ck_assert_int_eq(OPENSSL_hexstr2buf_ex(master, sizeof(master), &n, hex, '\0'), 1);
	SSL_get_server_random(ssl, seed + 13, 32);
	SSL_get_client_random(ssl, seed + 45, 32);
	EVP_KDF *kdf = EVP_KDF_fetch(NULL, "TLS1-PRF", NULL);
	EVP_KDF_CTX *c = EVP_KDF_CTX_new(kdf);
	char digest[] = "SHA256";
	OSSL_PARAM parameters[] = {OSSL_PARAM_construct_utf8_string("digest", digest, 0),
		OSSL_PARAM_construct_octet_string("secret", master, n),
		OSSL_PARAM_construct_octet_string("seed", seed, sizeof(seed)),
		OSSL_PARAM_construct_end()};
	ck_assert_int_eq(EVP_KDF_derive(c, block, 40, parameters), 1);
	EVP_KDF_CTX_free(c);
	EVP_KDF_free(kdf);
}

static void forge_begin(struct forge *f, SSL *ssl)
{
	uint8_t block[40]; /* both keys, both fixed parts */
	derive(ssl, block);
	f->cipher = EVP_CIPHER_CTX_new();
	EVP_EncryptInit_ex(f->cipher, EVP_aes_128_gcm(), NULL, block, NULL);
	memcpy(f->nonce, block + 32, 4);
	f->sequence = 1; /* behind its Finished */
}

/* A ClientHello of nothing, in a record; its length. */
static size_t forge_hello(struct forge *f, uint8_t to[64])
{
	static const uint8_t hello[4] = {1, 0, 0, 0};
	uint8_t data[13] = {[8] = 22, 3, 3, 0, sizeof(hello)};
	int n;
	for (int i = 0; i < 8; i++)
		f->nonce[4 + i] = data[i] = (uint8_t)(f->sequence >> (56 - 8 * i));
	f->sequence++;
	memcpy(to, (const uint8_t[]){22, 3, 3, 0, 8 + sizeof(hello) + 16}, 5);
	memcpy(to + 5, f->nonce + 4, 8);
	EVP_EncryptInit_ex(f->cipher, NULL, NULL, NULL, f->nonce);
	EVP_EncryptUpdate(f->cipher, NULL, &n, data, sizeof(data));
	EVP_EncryptUpdate(f->cipher, to + 13, &n, hello, sizeof(hello));
	EVP_EncryptFinal_ex(f->cipher, to + 17, &n);
	EVP_CIPHER_CTX_ctrl(f->cipher, EVP_CTRL_AEAD_GET_TAG, 16, to + 17);
	return 33;
}

/* Each is answered that nothing is negotiated anew; a peer that reads none of that must not fill our
 * memory. */
START_TEST(hellos_without_end_are_bounded)
{
	enum { EACH = 33, AT_ONCE = 1000 };
	static uint8_t records[EACH * AT_ONCE];
	bench_open();
	struct raw r = {.ctx = SSL_CTX_new(TLS_client_method())};
	struct forge f;
	SSL_CTX_set_keylog_callback(r.ctx, keep_key);
	SSL_CTX_set_max_proto_version(r.ctx, TLS1_2_VERSION);
	SSL_CTX_set_cipher_list(r.ctx, "ECDHE-ECDSA-AES128-GCM-SHA256");
	raw_shake_hands(&r, &a);
	forge_begin(&f, r.ssl);
	size_t most = 0;
	for (int i = 0; i < 1000 && !a.closed; i++) {
		for (size_t k = 0; k < AT_ONCE; k++)
			if (forge_hello(&f, records + k * EACH) != EACH)
				ck_abort();
		for (size_t at = 0; at < sizeof(records) && !a.closed; pump()) {
			ssize_t n = write(r.fd, records + at, sizeof(records) - at);
			at += n > 0 ? (size_t)n : 0;
			if (!a.closed && stream_pending(a.stream) > most)
				most = stream_pending(a.stream);
		}
	}
	ck_assert_uint_lt(most, 4 * LIMIT_QUEUE_HIGH_BYTES);
	ck_assert_int_eq(a.closed, 1);
	ck_assert_str_eq(a.error, "the peer asks on and reads no answer");
	EVP_CIPHER_CTX_free(f.cipher);
	raw_close(&r);
	bench_close();
}
END_TEST

UNIT_SUITE(tls_floods, key_updates_without_end_are_bounded,
	goes_on_once_the_answers_to_key_updates_are_read, hellos_without_end_are_bounded)
