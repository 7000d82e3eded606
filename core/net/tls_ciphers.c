/* SPDX-License-Identifier: Apache-2.0 */
#include "net/tls_ciphers.h"

#include "base/buffer.h"
#include "base/check.h"
#include "base/memory.h"
#include "base/nearest.h"
#include "net/tls_priv.h"

#include <pthread.h>
#include <stdio.h>

/* TLS 1.2: forward secrecy and AEAD alone; TLS 1.3's three suites are fixed. */
#define DEFAULT_CIPHERS                                                                            \
	"ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-RSA-AES128-GCM-SHA256:ECDHE-ECDSA-AES256-GCM-SHA384:" \
	"ECDHE-RSA-AES256-GCM-SHA384:ECDHE-ECDSA-CHACHA20-POLY1305:ECDHE-RSA-CHACHA20-POLY1305"
#define NEW_CIPHERS                                                                                \
	"TLS_AES_128_GCM_SHA256:TLS_AES_256_GCM_SHA384:TLS_CHACHA20_POLY1305_SHA256:"              \
	"TLS_AES_128_CCM_SHA256:TLS_AES_128_CCM_8_SHA256"
/* Longer than any name, and more than one sentence shows. */
#define NAME_BYTES_MAX 80

/* Suites that gateways of others have, and many builds of OpenSSL have not. */
static const char *const absent[] = {"DES-CBC3-SHA", "TLS_RSA_WITH_3DES_EDE_CBC_SHA"};

/* --- what this OpenSSL has ------------------------------------------------------------------- */

static pthread_once_t once = PTHREAD_ONCE_INIT;
static STACK_OF(SSL_CIPHER) * known,
	*usable;           /* usable: under its security level, without PSK or SRP */
static const char **names; /* of those known, in both spellings */
static size_t name_count;

static void learn(void)
{
	SSL_CTX *ctx = tls_library_context_new(TLS_client_method());
	CHECK(ctx && SSL_CTX_set_min_proto_version(ctx, TLS1_2_VERSION) &&
		SSL_CTX_set_ciphersuites(ctx, NEW_CIPHERS) &&
		SSL_CTX_set_cipher_list(ctx, "ALL:COMPLEMENTOFALL"));
	SSL *ssl = SSL_new(ctx);
	CHECK(ssl);
	known = sk_SSL_CIPHER_dup(SSL_CTX_get_ciphers(ctx));
	usable = SSL_get1_supported_ciphers(ssl);
	CHECK(known && usable);
	names = heap_zalloc((size_t)sk_SSL_CIPHER_num(known) * 2 * sizeof(*names));
	for (int i = 0; i < sk_SSL_CIPHER_num(known); i++) {
		const SSL_CIPHER *c = sk_SSL_CIPHER_value(known, i);
		names[name_count++] = SSL_CIPHER_get_name(c);
		if (SSL_CIPHER_standard_name(c))
			names[name_count++] = SSL_CIPHER_standard_name(c);
	}
	SSL_free(ssl);
	SSL_CTX_free(ctx);
}

static bool has_name(const SSL_CIPHER *c, struct str name)
{
	return str_eq(name, str_of(SSL_CIPHER_get_name(c))) ||
	       str_eq(name, str_of(SSL_CIPHER_standard_name(c)));
}

/* NULL: it has none of that name. */
static const SSL_CIPHER *find(STACK_OF(SSL_CIPHER) * among, struct str name)
{
	for (int i = 0; i < sk_SSL_CIPHER_num(among); i++)
		if (has_name(sk_SSL_CIPHER_value(among, i), name))
			return sk_SSL_CIPHER_value(among, i);
	return NULL;
}

static bool is_absent(struct str name)
{
	for (size_t i = 0; i < sizeof(absent) / sizeof(absent[0]); i++)
		if (str_eq(name, str_of(absent[i])))
			return true;
	return false;
}

/* --- judgements ------------------------------------------------------------------------------ */

static bool is_name(struct str s)
{
	static const char letters[] =
		"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
	size_t i = 0;
	while (i < s.n && s.p[i] && strchr(letters, s.p[i]))
		i++;
	return i == s.n && s.n > 0 && s.n <= NAME_BYTES_MAX && s.p[0] != '-';
}

static enum tls_cipher_use refuse(struct str name, char *why, size_t size)
{
	if (!is_name(name)) {
		snprintf(why, size,
			"\"%.*s\" is no name of a cipher: operators and groups of lists "
			"are not taken",
			(int)(name.n < NAME_BYTES_MAX ? name.n : NAME_BYTES_MAX),
			name.p ? name.p : "");
		return TLS_CIPHER_UNKNOWN;
	}
	const char *near = nearest_name(name, names, name_count);
	snprintf(why, size, "unknown cipher \"%.*s\"%s%s%s", STR_ARG(name),
		near ? "; did you mean \"" : "", near ? near : "", near ? "\"?" : "");
	return TLS_CIPHER_UNKNOWN;
}

static enum tls_cipher_use leave_out(struct str name, const char *because, char *why, size_t size)
{
	snprintf(why, size, "cipher \"%.*s\" is left out: %s", STR_ARG(name), because);
	return TLS_CIPHER_LEFT_OUT;
}

static const char *reason_of(const SSL_CIPHER *c)
{
	int kx = SSL_CIPHER_get_kx_nid(c), auth = SSL_CIPHER_get_auth_nid(c);
	bool is_psk = kx == NID_kx_psk || kx == NID_kx_dhe_psk || kx == NID_kx_ecdhe_psk ||
		      kx == NID_kx_rsa_psk;
	if (is_psk)
		return "there are no keys that both sides know beforehand";
	if (auth == NID_auth_null || SSL_CIPHER_get_bits(c, NULL) == 0)
		return "it proves or hides nothing";
	return "OpenSSL's security level, or what it is built with, rules it out";
}

enum tls_cipher_use tls_cipher_judge(struct str name, bool is_server, char *why, size_t size)
{
	pthread_once(&once, learn);
	const SSL_CIPHER *c = is_name(name) ? find(known, name) : NULL;
	if (!c && is_absent(name))
		return leave_out(name, "this OpenSSL is built without it", why, size);
	if (!c)
		return refuse(name, why, size);
	if (!find(usable, name))
		return leave_out(name, reason_of(c), why, size);
	if (is_server && SSL_CIPHER_get_kx_nid(c) == NID_kx_dhe)
		return leave_out(
			name, "ports have no parameters for finite fields (DHE)", why, size);
	return TLS_CIPHER_USABLE;
}

/* --- lists ----------------------------------------------------------------------------------- */

/* OpenSSL keeps the suites of 1.3 apart. */
struct lists {
	struct {
		struct buffer names; /* OpenSSL's own */
		bool is_named;       /* also by what is left out */
	} of_12, of_13;
};

static bool is_new(struct str name)
{
	return str_starts(name, STR("TLS_")) && str_find(name, STR("_WITH_")) == name.n;
}

static void add(struct lists *l, struct str name)
{
	struct buffer *list = is_new(name) ? &l->of_13.names : &l->of_12.names;
	if (list->n > 0)
		buffer_add_char(list, ':');
	buffer_add(list, str_of(SSL_CIPHER_get_name(find(known, name))));
}

static bool sort(struct lists *l, struct str all, bool is_server, char *message, size_t size)
{
	while (all.n > 0) {
		struct str name = str_trim(str_cut(&all, ':'));
		enum tls_cipher_use use = tls_cipher_judge(name, is_server, message, size);
		if (use == TLS_CIPHER_UNKNOWN)
			return false;
		*(is_new(name) ? &l->of_13.is_named : &l->of_12.is_named) = true;
		if (use == TLS_CIPHER_USABLE)
			add(l, name);
	}
	bool is_12_empty = l->of_12.is_named && l->of_12.names.n == 0;
	bool is_13_empty = l->of_13.is_named && l->of_13.names.n == 0;
	if (is_12_empty || is_13_empty)
		snprintf(message, size, "none of the ciphers of TLS %s can be used",
			is_12_empty ? "1.2" : "1.3");
	return !is_12_empty && !is_13_empty;
}

static void lists_init(struct lists *l)
{
	*l = (struct lists){0};
	buffer_init(&l->of_12.names, SIZE_MAX);
	buffer_init(&l->of_13.names, SIZE_MAX);
}

static void lists_deinit(struct lists *l)
{
	buffer_deinit(&l->of_12.names);
	buffer_deinit(&l->of_13.names);
}

bool tls_ciphers_check(struct str all, bool is_server, char *message, size_t size)
{
	struct lists l;
	lists_init(&l);
	bool ok = sort(&l, all, is_server, message, size);
	lists_deinit(&l);
	return ok;
}

static bool set(SSL_CTX *ctx, struct lists *l)
{
	buffer_add_char(&l->of_12.names, '\0');
	buffer_add_char(&l->of_13.names, '\0');
	const char *old_names = l->of_12.names.p, *new_names = l->of_13.names.p;
	return SSL_CTX_set_cipher_list(ctx, old_names[0] ? old_names : DEFAULT_CIPHERS) &&
	       (!new_names[0] || SSL_CTX_set_ciphersuites(ctx, new_names));
}

int tls_set_ciphers(SSL_CTX *ctx, bool is_server, struct str all, char *message, size_t size)
{
	struct lists l;
	lists_init(&l);
	bool ok = sort(&l, all, is_server, message, size);
	if (ok && !set(ctx, &l))
		ok = tls_refuse(message, size, "the ciphers cannot be used");
	lists_deinit(&l);
	return ok;
}
