/* SPDX-License-Identifier: Apache-2.0 */
/* Looking an algorithm up by name costs libcrypto more than hashing a short text, and so does a
 * fresh state: the algorithms are looked up once, and every thread keeps its states until it ends.
 */
#include "crypto/crypto.h"
#include "crypto/digest_priv.h"

#include "base/check.h"
#include "base/memory.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdlib.h>
#include <unistd.h>

#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/opensslv.h>
#include <openssl/params.h>

#define FILE_READ_BYTES 65536

unsigned libcrypto_version(void)
{
	return OPENSSL_SHLIB_VERSION;
}

struct digest_states {
	EVP_MD_CTX *md;
	EVP_MAC_CTX *mac;
};

static pthread_once_t once = PTHREAD_ONCE_INIT;
static pthread_key_t end_of_thread;
static EVP_MD *sha1_md, *sha256_md, *sha384_md, *sha512_md;
static EVP_MAC *hmac_mac;
static _Thread_local struct digest_states states;

static void free_states(void *arg)
{
	struct digest_states *s = arg;
	EVP_MD_CTX_free(s->md);
	EVP_MAC_CTX_free(s->mac);
	*s = (struct digest_states){0};
}

static void look_up(void)
{
	sha1_md = EVP_MD_fetch(NULL, "SHA1", NULL);
	sha256_md = EVP_MD_fetch(NULL, "SHA256", NULL);
	sha384_md = EVP_MD_fetch(NULL, "SHA384", NULL);
	sha512_md = EVP_MD_fetch(NULL, "SHA512", NULL);
	hmac_mac = EVP_MAC_fetch(NULL, "HMAC", NULL);
	CHECK(sha1_md && sha256_md && sha384_md && sha512_md && hmac_mac);
	CHECK(pthread_key_create(&end_of_thread, free_states) == 0);
}

static struct digest_states *states_of_thread(void)
{
	if (LIKELY(states.md != NULL))
		return &states;
	pthread_once(&once, look_up);
	states.md = EVP_MD_CTX_new();
	states.mac = EVP_MAC_CTX_new(hmac_mac);
	CHECK(states.md && states.mac);
	CHECK(pthread_setspecific(end_of_thread, &states) == 0);
	return &states;
}

static void digest(const EVP_MD *algorithm, struct str in, uint8_t *out)
{
	EVP_MD_CTX *md = states_of_thread()->md;
	int ok = EVP_DigestInit_ex2(md, algorithm, NULL) && EVP_DigestUpdate(md, in.p, in.n) &&
		 EVP_DigestFinal_ex(md, out, NULL);
	CHECK(ok);
}

const EVP_MD *digest_algorithm(unsigned bytes)
{
	pthread_once(&once, look_up);
	return bytes == 32 ? sha256_md : bytes == 48 ? sha384_md : sha512_md;
}

void digest_write(unsigned bytes, struct str in, uint8_t *out)
{
	digest(digest_algorithm(bytes), in, out);
}

/* The algorithm is there once the thread has its states. */
void sha1(struct str in, uint8_t out[SHA1_BYTES])
{
	states_of_thread();
	digest(sha1_md, in, out);
}

void sha256(struct str in, uint8_t out[SHA256_BYTES])
{
	states_of_thread();
	digest(sha256_md, in, out);
}

static enum rc digest_fd(int fd, EVP_MD_CTX *md)
{
	char *block = heap_alloc(FILE_READ_BYTES);
	ssize_t n = 0;
	CHECK(EVP_DigestInit_ex2(md, sha256_md, NULL));
	do {
		n = read(fd, block, FILE_READ_BYTES);
		if (n > 0)
			CHECK(EVP_DigestUpdate(md, block, (size_t)n));
	} while (n > 0 || (n < 0 && errno == EINTR));
	int saved = errno;
	free(block);
	errno = saved;
	return n < 0 ? RC_IO : RC_OK;
}

enum rc sha256_file(const char *path, uint8_t out[SHA256_BYTES])
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return RC_IO;
	EVP_MD_CTX *md = states_of_thread()->md;
	enum rc rc = digest_fd(fd, md);
	int saved = errno;
	close(fd);
	errno = saved;
	if (rc == RC_OK)
		CHECK(EVP_DigestFinal_ex(md, out, NULL));
	return rc;
}

void sha256_pieces(bool (*next)(void *arg, struct str *piece), void *arg, uint8_t out[SHA256_BYTES])
{
	EVP_MD_CTX *md = states_of_thread()->md;
	struct str piece;
	CHECK(EVP_DigestInit_ex2(md, sha256_md, NULL));
	while (next(arg, &piece))
		CHECK(EVP_DigestUpdate(md, piece.p, piece.n));
	CHECK(EVP_DigestFinal_ex(md, out, NULL));
}

static bool hmac_init(EVP_MAC_CTX *mac, unsigned digest_bytes, struct str key)
{
	char name[] = "SHA256";
	if (digest_bytes != SHA256_BYTES)
		memcpy(name + 3, digest_bytes == 48 ? "384" : "512", 3);
	OSSL_PARAM params[] = {
		OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, name, sizeof(name) - 1),
		OSSL_PARAM_construct_end()};
	/* A NULL key would mean the one of before. */
	const unsigned char *bytes = (const unsigned char *)(key.n ? key.p : "");
	return EVP_MAC_init(mac, bytes, key.n, params) == 1;
}

EVP_MAC_CTX *hmac_new(unsigned digest_bytes, struct str key)
{
	pthread_once(&once, look_up);
	EVP_MAC_CTX *mac = EVP_MAC_CTX_new(hmac_mac);
	CHECK(mac && hmac_init(mac, digest_bytes, key));
	return mac;
}

void hmac_sha256(struct str key, struct str in, uint8_t out[SHA256_BYTES])
{
	EVP_MAC_CTX *mac = states_of_thread()->mac;
	size_t n = 0;
	int ok = hmac_init(mac, SHA256_BYTES, key) &&
		 EVP_MAC_update(mac, (const unsigned char *)in.p, in.n) &&
		 EVP_MAC_final(mac, out, &n, SHA256_BYTES);
	CHECK(ok && n == SHA256_BYTES);
}

void sha256_hex(const uint8_t digest[SHA256_BYTES], char out[SHA256_BYTES * 2])
{
	static const char digits[] = "0123456789abcdef";
	for (size_t i = 0; i < SHA256_BYTES; i++) {
		out[2 * i] = digits[digest[i] >> 4];
		out[2 * i + 1] = digits[digest[i] & 15];
	}
}

static int hex_value(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c = ascii_lower(c);
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

enum rc sha256_from_hex(struct str hex, uint8_t out[SHA256_BYTES])
{
	uint8_t digest[SHA256_BYTES];
	if (hex.n != (size_t)SHA256_BYTES * 2)
		return RC_INVALID;
	for (size_t i = 0; i < SHA256_BYTES; i++) {
		int high = hex_value(hex.p[2 * i]), low = hex_value(hex.p[2 * i + 1]);
		if (high < 0 || low < 0)
			return RC_INVALID;
		digest[i] = (uint8_t)(high << 4 | low);
	}
	memcpy(out, digest, sizeof(digest));
	return RC_OK;
}

void blake2b_512(struct str in, uint8_t out[BLAKE2B_512_BYTES])
{
	CHECK(EVP_Digest(in.p, in.n, out, NULL, EVP_blake2b512(), NULL));
}
