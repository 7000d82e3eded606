/* SPDX-License-Identifier: Apache-2.0 */
/* Which of a port's contexts a client gets: by the server name of its hello.
 *
 * The choice is made when the hello has come, before OpenSSL looks at anything in it: a session is
 * then resumed by the rules of the name that the client asks for, and never by another's.
 * (OpenSSL's own callback for server names comes after the resumption.) A hello that is malformed
 * is taken for one without a name; OpenSSL refuses it next. */
#include "base/map.h"
#include "base/memory.h"
#include "net/tls_priv.h"

#include <openssl/x509v3.h>

#include <stdlib.h>

#define HOST_BYTES_MAX 253

struct tls_names {
	struct map exact,
		wildcards; /* refs of contexts; a wildcard by what follows its first dot */
	bool differs;      /* not all of them ask for the same client certificates */
	bool is_strict, serves_nameless;
};

static void free_all(struct map *m)
{
	size_t at = 0;
	const struct map_entry *entry;
	while ((entry = map_next(m, &at)))
		tls_context_unref(entry->value);
	map_deinit(m);
}

void tls_names_free(struct tls_names *names)
{
	if (!names)
		return;
	free_all(&names->exact);
	free_all(&names->wildcards);
	free(names);
}

/* Lower-case, without a final dot; STR_EMPTY: none. */
static struct str normal_name(struct str name, char out[HOST_BYTES_MAX])
{
	if (name.n > 1 && name.p[name.n - 1] == '.')
		name.n--;
	if (name.n > HOST_BYTES_MAX)
		return STR_EMPTY;
	for (size_t i = 0; i < name.n; i++)
		out[i] = ascii_lower(name.p[i]);
	return str_n(out, name.n);
}

static struct tls_context *find(const struct tls_context *port, struct str name)
{
	char text[HOST_BYTES_MAX];
	struct str host = normal_name(name, text);
	struct tls_context *found = map_get(&port->names->exact, host);
	size_t dot = str_index(host, '.');
	if (!found && dot > 0 && dot < host.n)
		found = map_get(&port->names->wildcards, str_from(host, dot + 1));
	return found;
}

/* --- the handshake --------------------------------------------------------------------------- */

/* RFC 6066 3: a list of one name, each with its type and length. */
static struct str name_of(SSL *ssl)
{
	const unsigned char *p;
	size_t n;
	if (!SSL_client_hello_get0_ext(ssl, TLSEXT_TYPE_server_name, &p, &n) || n < 5 ||
		((size_t)p[0] << 8 | p[1]) != n - 2 || p[2] != TLSEXT_NAMETYPE_host_name ||
		((size_t)p[3] << 8 | p[4]) != n - 5)
		return STR_EMPTY;
	return str_n((const char *)p + 5, n - 5);
}

/* Also where the port's own certificate is for it. */
static bool is_served(const struct tls_context *port, struct str name)
{
	const struct tls_names *names = port->names;
	if (!names->is_strict)
		return true;
	if (!names->serves_nameless || name.n == 0)
		return names->serves_nameless;
	X509 *own = SSL_CTX_get0_certificate(port->ctx);
	return own &&
	       X509_check_host(own, name.p, name.n,
		       X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS | X509_CHECK_FLAG_NEVER_CHECK_SUBJECT,
		       NULL) == 1;
}

static void use(SSL *ssl, const struct tls_context *c)
{
	SSL_set_SSL_CTX(ssl, c->ctx);
	SSL_set_verify(ssl, SSL_CTX_get_verify_mode(c->ctx), NULL);
	SSL_set_verify_depth(ssl, SSL_CTX_get_verify_depth(c->ctx));
}

static int on_hello(SSL *ssl, int *alert, void *arg)
{
	struct tls_context *port = arg;
	struct str name = name_of(ssl);
	const struct tls_context *found = name.n > 0 ? find(port, name) : NULL;
	if (!found && !is_served(port, name)) {
		*alert = SSL_AD_UNRECOGNIZED_NAME;
		return SSL_CLIENT_HELLO_ERROR;
	}
	use(ssl, found ? found : port);
	return SSL_CLIENT_HELLO_SUCCESS;
}

/* --- setting up ------------------------------------------------------------------------------ */

static struct tls_names *names_of(struct tls_context *port)
{
	if (port->names)
		return port->names;
	port->names = heap_zalloc(sizeof(*port->names));
	map_init(&port->names->exact);
	map_init(&port->names->wildcards);
	SSL_CTX_set_client_hello_cb(port->ctx, on_hello, port);
	return port->names;
}

static bool is_name(struct str host)
{
	bool has_label = false;
	for (size_t i = 0; i < host.n; i++) {
		char c = host.p[i];
		bool is_fine =
			(c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '_';
		if (!is_fine && (c != '.' || !has_label))
			return false;
		has_label = is_fine;
	}
	return has_label;
}

enum rc tls_context_add_name(struct tls_context *port, struct str host, struct tls_context *c)
{
	char text[HOST_BYTES_MAX];
	struct tls_names *names = names_of(port);
	bool is_wildcard = str_starts(host, STR("*."));
	struct str name = normal_name(is_wildcard ? str_from(host, 2) : host, text);
	struct map *m = is_wildcard ? &names->wildcards : &names->exact;
	if (!is_name(name))
		return RC_INVALID;
	if (map_get(m, name))
		return RC_EXISTS;
	map_put(m, name, tls_context_ref(c));
	names->differs |= c->clients != port->clients;
	return RC_OK;
}

void tls_context_be_strict(struct tls_context *port, bool serves_nameless)
{
	struct tls_names *names = names_of(port);
	names->is_strict = true;
	names->serves_nameless = serves_nameless;
}

/* --- later ----------------------------------------------------------------------------------- */

static struct str without_port(struct str authority)
{
	bool is_ip = authority.n > 0 && authority.p[0] == '[';
	size_t end = is_ip ? str_index(authority, ']') + 1 : str_index(authority, ':');
	return str_slice(authority, 0, end);
}

static const struct tls_context *context_at(const struct tls_context *port, struct str name)
{
	const struct tls_context *found = port->names && name.n > 0 ? find(port, name) : NULL;
	return found ? found : port;
}

struct str tls_context_uri(const struct tls_context *port, struct str server_name)
{
	return str_of(context_at(port, server_name)->uri);
}

bool tls_context_covers(const struct tls_context *port, struct str server_name, struct str host)
{
	return !port->names || !port->names->differs ||
	       context_at(port, server_name)->clients ==
		       context_at(port, without_port(host))->clients;
}
