/* SPDX-License-Identifier: Apache-2.0 */
/* tests/unit/net/raw.h - OpenSSL as the other end of an accepted stream. */
#pragma once

#include "support.h"

#include <openssl/ssl.h>

struct raw {
	SSL_CTX *ctx; /* owned */
	SSL *ssl;
	int fd;
};

/* With the context that is there. */
void raw_shake_hands(struct raw *r, struct side *s);
struct raw raw_connect(struct side *s);
void raw_close(struct raw *r);
