/* SPDX-License-Identifier: Apache-2.0 */
/* net/tls_priv.h - what the TLS filter needs of a context. */
#pragma once

#include "net/tls.h"

#include <openssl/ssl.h>

struct tls_context {
	_Atomic unsigned refs;
	SSL_CTX *ctx;        /* owned */
	unsigned char *alpn; /* owned: protocols in wire form */
	unsigned alpn_length;
	bool verifies;
};

/* The newest error of OpenSSL's queue as a sentence; empties the queue. */
void tls_error_text(char *text, size_t size, const char *fallback);
