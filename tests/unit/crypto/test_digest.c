/* SPDX-License-Identifier: Apache-2.0 */
#include "unit.h"

#include "crypto/crypto.h"

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

static void assert_hex(const uint8_t digest[SHA256_BYTES], const char *expected)
{
	char hex[SHA256_BYTES * 2 + 1] = {0};
	sha256_hex(digest, hex);
	ck_assert_str_eq(hex, expected);
}

/* FIPS 180-4, the examples of NIST. */
static const char *const empty_digest =
	"e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
static const char *const abc_digest =
	"ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";

START_TEST(sha256_of_known_texts)
{
	uint8_t digest[SHA256_BYTES];
	sha256(STR_EMPTY, digest);
	assert_hex(digest, empty_digest);
	sha256(STR("abc"), digest);
	assert_hex(digest, abc_digest);
	sha256(STR("abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq"), digest);
	assert_hex(digest, "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1");
}
END_TEST

START_TEST(sha1_of_a_known_text)
{
	static const uint8_t expected[SHA1_BYTES] = {0xa9, 0x99, 0x3e, 0x36, 0x47, 0x06, 0x81, 0x6a,
		0xba, 0x3e, 0x25, 0x71, 0x78, 0x50, 0xc2, 0x6c, 0x9c, 0xd0, 0xd8, 0x9d};
	uint8_t digest[SHA1_BYTES];
	sha1(STR("abc"), digest);
	ck_assert_mem_eq(digest, expected, sizeof(digest));
}
END_TEST

START_TEST(hex_is_read_back_and_nothing_else_is)
{
	uint8_t digest[SHA256_BYTES], again[SHA256_BYTES] = {0};
	char hex[SHA256_BYTES * 2];
	sha256(STR("abc"), digest);
	sha256_hex(digest, hex);
	ck_assert_int_eq(sha256_from_hex(str_n(hex, sizeof(hex)), again), RC_OK);
	ck_assert_mem_eq(digest, again, sizeof(digest));
	hex[0] = 'B';
	ck_assert_int_eq(sha256_from_hex(str_n(hex, sizeof(hex)), again), RC_OK);
	ck_assert_mem_eq(digest, again, sizeof(digest));
	ck_assert_int_eq(sha256_from_hex(str_n(hex, sizeof(hex) - 1), again), RC_INVALID);
	ck_assert_int_eq(sha256_from_hex(STR_EMPTY, again), RC_INVALID);
	hex[63] = 'g';
	ck_assert_int_eq(sha256_from_hex(str_n(hex, sizeof(hex)), again), RC_INVALID);
	ck_assert_mem_eq(digest, again, sizeof(digest));
}
END_TEST

static void assert_file_digest(size_t n)
{
	char path[64];
	char *bytes = malloc(n);
	uint8_t expected[SHA256_BYTES], digest[SHA256_BYTES];
	int fd = memfd_create("file", MFD_CLOEXEC);
	ck_assert_ptr_nonnull(bytes);
	for (size_t i = 0; i < n; i++)
		bytes[i] = (char)(i * 31 >> 3);
	ck_assert_int_eq(write(fd, bytes, n), (ssize_t)n);
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	sha256(str_n(bytes, n), expected);
	ck_assert_int_eq(sha256_file(path, digest), RC_OK);
	ck_assert_mem_eq(digest, expected, sizeof(digest));
	close(fd);
	free(bytes);
}

START_TEST(sha256_of_a_file_is_that_of_its_bytes)
{
	uint8_t digest[SHA256_BYTES];
	ck_assert_int_eq(sha256_file("/dev/null", digest), RC_OK);
	assert_hex(digest, empty_digest);
	assert_file_digest(1);
	assert_file_digest(65536);
	assert_file_digest(200001);
}
END_TEST

START_TEST(a_file_that_cannot_be_read_is_an_io_error)
{
	uint8_t digest[SHA256_BYTES];
	ck_assert_int_eq(sha256_file("/nonexistent", digest), RC_IO);
	ck_assert_int_eq(errno, ENOENT);
	ck_assert_int_eq(sha256_file("/", digest), RC_IO);
	ck_assert_int_eq(errno, EISDIR);
}
END_TEST

/* RFC 4231. */
START_TEST(hmac_of_known_texts)
{
	uint8_t mac[SHA256_BYTES];
	char long_key[131];
	hmac_sha256(STR("Jefe"), STR("what do ya want for nothing?"), mac);
	assert_hex(mac, "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
	memset(long_key, 0xaa, sizeof(long_key));
	hmac_sha256(str_n(long_key, sizeof(long_key)),
		STR("Test Using Larger Than Block-Size Key - Hash Key First"), mac);
	assert_hex(mac, "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54");
	/* An empty key is not the key of before. */
	hmac_sha256(STR_EMPTY, STR_EMPTY, mac);
	assert_hex(mac, "b613679a0814d9ec772f95d778c35fc5ff1697c493715653c6c712144292c5ad");
}
END_TEST

static void *hash_often(void *arg)
{
	bool *same = arg;
	uint8_t first[SHA256_BYTES], digest[SHA256_BYTES], mac[SHA256_BYTES],
		first_mac[SHA256_BYTES];
	sha256(STR("abc"), first);
	hmac_sha256(STR("k"), STR("abc"), first_mac);
	*same = true;
	for (int i = 0; i < 1000; i++) {
		sha256(STR("abc"), digest);
		hmac_sha256(STR("k"), STR("abc"), mac);
		*same = *same && memcmp(first, digest, sizeof(digest)) == 0 &&
			memcmp(first_mac, mac, sizeof(mac)) == 0;
	}
	return NULL;
}

START_TEST(threads_hash_at_the_same_time)
{
	pthread_t threads[3];
	bool same[3];
	for (int i = 0; i < 3; i++)
		ck_assert_int_eq(pthread_create(&threads[i], NULL, hash_often, &same[i]), 0);
	for (int i = 0; i < 3; i++) {
		pthread_join(threads[i], NULL);
		ck_assert(same[i]);
	}
}
END_TEST

UNIT_SUITE(digest, sha1_of_a_known_text, sha256_of_known_texts, hex_is_read_back_and_nothing_else_is,
	sha256_of_a_file_is_that_of_its_bytes, a_file_that_cannot_be_read_is_an_io_error,
	hmac_of_known_texts, threads_hash_at_the_same_time)
