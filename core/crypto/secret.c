/* SPDX-License-Identifier: Apache-2.0 */
#include "crypto/crypto.h"

#include <errno.h>
#include <sys/random.h>

#include <openssl/crypto.h>

bool constant_time_equal(struct str a, struct str b)
{
	return a.n == b.n && (a.n == 0 || CRYPTO_memcmp(a.p, b.p, a.n) == 0);
}

enum rc random_bytes(void *out, size_t n)
{
	char *at = out;
	while (n > 0) {
		ssize_t got = getrandom(at, n, 0);
		if (got < 0 && errno == EINTR)
			continue;
		if (got <= 0)
			return RC_IO;
		at += got;
		n -= (size_t)got;
	}
	return RC_OK;
}

void cleanse(void *p, size_t n)
{
	OPENSSL_cleanse(p, n);
}
