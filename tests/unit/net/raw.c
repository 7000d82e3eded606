/* SPDX-License-Identifier: Apache-2.0 */
#include "raw.h"

#include <unistd.h>

void raw_shake_hands(struct raw *r, struct side *s)
{
	r->fd = side_accept(s, server_context(NULL));
	r->ssl = SSL_new(r->ctx);
	SSL_set_fd(r->ssl, r->fd);
	for (int i = 0; i < 100 && SSL_connect(r->ssl) != 1; i++)
		pump();
	pump();
	ck_assert_int_eq(s->opened, 1);
}

struct raw raw_connect(struct side *s)
{
	struct raw r = {.ctx = SSL_CTX_new(TLS_client_method())};
	raw_shake_hands(&r, s);
	return r;
}

void raw_close(struct raw *r)
{
	SSL_free(r->ssl);
	SSL_CTX_free(r->ctx);
	close(r->fd);
}
