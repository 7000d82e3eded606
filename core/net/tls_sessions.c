/* SPDX-License-Identifier: Apache-2.0 */
/* Sessions that servers offer us, for the next connection to the same name with the same settings:
 * a context is of one service, and whom it believes is part of it. What was verified then counts.
 *
 * The newest is taken first. One of TLS 1.3 is used once (RFC 8446 C.4); one of TLS 1.2 as often as
 * the server likes. */
#include "base/memory.h"
#include "net/tls_priv.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#define SESSIONS_MAX 32

struct kept_session {
	char *name;           /* owned; NULL: none is kept here */
	SSL_SESSION *session; /* ref */
};

struct tls_sessions {
	pthread_mutex_t lock;                    /* of handshakes on all workers */
	struct kept_session items[SESSIONS_MAX]; /* a ring */
	unsigned next;
};

static void forget(struct kept_session *k)
{
	free(k->name);
	SSL_SESSION_free(k->session);
	*k = (struct kept_session){0};
}

/* 1: the reference is ours. */
static int on_session(SSL *ssl, SSL_SESSION *session)
{
	struct tls_sessions *all = SSL_CTX_get_app_data(SSL_get_SSL_CTX(ssl));
	const char *name = SSL_get_app_data(ssl);
	if (!name || !SSL_SESSION_is_resumable(session))
		return 0;
	pthread_mutex_lock(&all->lock);
	struct kept_session *k = &all->items[all->next++ % SESSIONS_MAX];
	forget(k);
	*k = (struct kept_session){heap_strdup(name), session};
	pthread_mutex_unlock(&all->lock);
	return 1;
}

static bool is_used_once(const SSL_SESSION *session)
{
	return SSL_SESSION_get_protocol_version(session) >= TLS1_3_VERSION;
}

static SSL_SESSION *take(struct tls_sessions *all, const char *name)
{
	SSL_SESSION *found = NULL;
	pthread_mutex_lock(&all->lock);
	for (unsigned i = 1; !found && i <= SESSIONS_MAX; i++) {
		struct kept_session *k = &all->items[(all->next - i) % SESSIONS_MAX];
		if (!k->name || strcmp(k->name, name) != 0)
			continue;
		found = k->session;
		SSL_SESSION_up_ref(found);
		if (is_used_once(found))
			forget(k);
	}
	pthread_mutex_unlock(&all->lock);
	return found;
}

void tls_sessions_resume(SSL *ssl, const char *name)
{
	struct tls_sessions *all = SSL_CTX_get_app_data(SSL_get_SSL_CTX(ssl));
	SSL_SESSION *session = take(all, name);
	SSL_set_app_data(ssl, (void *)(uintptr_t)name);
	if (session)
		SSL_set_session(ssl, session);
	SSL_SESSION_free(session);
}

struct tls_sessions *tls_sessions_new(SSL_CTX *ctx)
{
	struct tls_sessions *all = heap_zalloc(sizeof(*all));
	pthread_mutex_init(&all->lock, NULL);
	SSL_CTX_set_app_data(ctx, all);
	SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL);
	SSL_CTX_sess_set_new_cb(ctx, on_session);
	return all;
}

void tls_sessions_free(struct tls_sessions *all)
{
	if (!all)
		return;
	for (size_t i = 0; i < SESSIONS_MAX; i++)
		forget(&all->items[i]);
	pthread_mutex_destroy(&all->lock);
	free(all);
}
