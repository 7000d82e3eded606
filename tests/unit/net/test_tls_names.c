/* SPDX-License-Identifier: Apache-2.0 */
/* Several certificates of one port: which one a client gets, and what is asked of it. */
#include "support.h"

#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>

#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

static struct side servers[4]; /* one for each visit of a bench */
static size_t server_count;

/* What came of a client's visit. */
static struct {
	bool is_open;
	int alert;     /* that the server sent; 0: none */
	char name[64]; /* the first DNS name of the certificate that was shown */
	bool is_rsa;
	bool resumed;
} seen;

static SSL_SESSION *session; /* of the last visit */

static void note_alert(const SSL *ssl, int where, int value)
{
	if ((where & SSL_CB_READ_ALERT) == SSL_CB_READ_ALERT)
		seen.alert = value & 0xff;
}

static void note_certificate(SSL *ssl)
{
	X509 *x = SSL_get0_peer_certificate(ssl);
	GENERAL_NAMES *names = x ? X509_get_ext_d2i(x, NID_subject_alt_name, NULL, NULL) : NULL;
	if (!x || !names)
		return;
	ASN1_STRING *dns = sk_GENERAL_NAME_value(names, 0)->d.dNSName;
	snprintf(seen.name, sizeof(seen.name), "%.*s", ASN1_STRING_length(dns),
		(const char *)ASN1_STRING_get0_data(dns));
	seen.is_rsa = EVP_PKEY_is_a(X509_get0_pubkey(x), "RSA");
	GENERAL_NAMES_free(names);
}

static void use_mine(SSL *ssl, const struct certificate *mine)
{
	BIO *crt = BIO_new_mem_buf(mine->crt.p, (int)mine->crt.n);
	BIO *pem = BIO_new_mem_buf(mine->key.p, (int)mine->key.n);
	X509 *x = PEM_read_bio_X509(crt, NULL, NULL, NULL);
	EVP_PKEY *key = PEM_read_bio_PrivateKey(pem, NULL, NULL, NULL);
	ck_assert_int_eq(SSL_use_certificate(ssl, x), 1);
	ck_assert_int_eq(SSL_use_PrivateKey(ssl, key), 1);
	X509_free(x);
	EVP_PKEY_free(key);
	BIO_free(crt);
	BIO_free(pem);
}

struct visitor {
	const char *name; /* NULL: none */
	const struct certificate *mine;
	const char *signatures; /* NULL: all */
	int version;            /* 0: the newest */
	SSL_SESSION *session;
};

static void begin(void)
{
	bench_open();
	server_count = 0;
}

/* Until a byte of the server has come, which is behind its tickets and all alerts. */
static void visit(struct tls_context *port, const struct visitor *v)
{
	SSL_CTX *ctx = SSL_CTX_new(TLS_client_method());
	SSL *ssl = SSL_new(ctx);
	char byte;
	struct side *a = &servers[server_count++];
	memset(&seen, 0, sizeof(seen));
	int peer = side_accept(a, port);
	SSL_set_fd(ssl, peer);
	SSL_set_info_callback(ssl, note_alert);
	if (v->version)
		SSL_set_max_proto_version(ssl, v->version);
	if (v->name)
		SSL_set_tlsext_host_name(ssl, v->name);
	if (v->signatures)
		ck_assert_int_eq(SSL_set1_sigalgs_list(ssl, v->signatures), 1);
	if (v->mine)
		use_mine(ssl, v->mine);
	if (v->session)
		SSL_set_session(ssl, v->session);
	for (int i = 0; i < 20 && SSL_connect(ssl) != 1; i++)
		pump();
	pump();
	if (a->closed == 0)
		stream_send_copy(a->stream, STR("x"));
	pump();
	seen.is_open = SSL_read(ssl, &byte, 1) == 1;
	seen.resumed = SSL_session_reused(ssl);
	note_certificate(ssl);
	SSL_SESSION_free(session);
	session = SSL_get1_session(ssl);
	SSL_shutdown(ssl);
	SSL_free(ssl);
	SSL_CTX_free(ctx);
	close(peer);
	pump();
}

static struct certificate leaf_for(const char *names, bool is_rsa)
{
	struct certificate ca = test_ca();
	return certificate_make(
		&(struct certificate_options){.issuer = &ca, .names = names, .is_rsa = is_rsa});
}

static struct tls_context *context_for(const char *names)
{
	struct certificate leaf = leaf_for(names, false);
	return server_context(&(struct tls_server_options){
		.certificate = {.crt_pem = leaf.crt, .key_pem = leaf.key}});
}

static void add(struct tls_context *port, const char *host, struct tls_context *c)
{
	ck_assert_int_eq(tls_context_add_name(port, str_of(host), c), RC_OK);
}

START_TEST(exact_names_go_before_wildcards_and_those_before_the_ports_own)
{
	static const struct {
		const char *asked, *shown;
	} rows[] = {
		{"shop.test", "shop.test"},
		{"SHOP.Test", "shop.test"},
		{"shop.test.", "shop.test"},
		{"a.shop.test", "*.shop.test"},
		{"b.shop.test", "b.shop.test"},
		{"a.b.shop.test", "port.test"}, /* a wildcard stands for one label */
		{"test", "port.test"},
		{"other.test", "port.test"},
		{NULL, "port.test"},
	};
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		begin();
		struct tls_context *port = context_for("DNS:port.test");
		add(port, "Shop.test", context_for("DNS:shop.test"));
		add(port, "*.shop.test", context_for("DNS:*.shop.test"));
		add(port, "b.shop.test", context_for("DNS:b.shop.test"));
		visit(port, &(struct visitor){.name = rows[i].asked});
		ck_assert(seen.is_open);
		ck_assert_str_eq(seen.name, rows[i].shown);
		bench_close();
	}
}
END_TEST

START_TEST(names_are_taken_once_and_only_when_they_are_names)
{
	begin();
	struct tls_context *port = context_for("DNS:port.test"), *c = context_for("DNS:shop.test");
	static const char *const wrong[] = {
		"", "*", "*.", ".", "a..b", ".a", "a b", "*.*.test", "a/b", "sh\xc3\xb6p.test"};
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
		ck_assert_int_eq(tls_context_add_name(port, str_of(wrong[i]), c), RC_INVALID);
	add(port, "shop.test", c);
	ck_assert_int_eq(tls_context_add_name(port, STR("SHOP.test"), c), RC_EXISTS);
	add(port, "*.shop.test", c);
	bench_close();
}
END_TEST

START_TEST(a_strict_port_refuses_names_that_nothing_has)
{
	static const struct {
		const char *asked;
		bool serves_nameless, ok;
	} rows[] = {
		{"shop.test", true, true},
		{"port.test", true, true}, /* its own certificate is for it */
		{"other.test", true, false},
		{NULL, true, true},
		{"shop.test", false, true},
		{"port.test", false, false},
		{NULL, false, false},
	};
	for (size_t i = 0; i < 2 * sizeof(rows) / sizeof(rows[0]); i++) {
		begin();
		struct tls_context *port = context_for("DNS:port.test");
		add(port, "shop.test", context_for("DNS:shop.test"));
		tls_context_be_strict(port, rows[i / 2].serves_nameless);
		visit(port, &(struct visitor){.name = rows[i / 2].asked,
				    .version = i % 2 ? TLS1_2_VERSION : 0});
		ck_assert_msg(seen.is_open == rows[i / 2].ok, "row %zu", i / 2);
		if (!rows[i / 2].ok)
			ck_assert_int_eq(seen.alert, SSL_AD_UNRECOGNIZED_NAME);
		bench_close();
	}
}
END_TEST

START_TEST(rsa_and_ec_stand_side_by_side)
{
	struct certificate ec = leaf_for("DNS:shop.test", false),
			   rsa = leaf_for("DNS:shop.test", true);
	struct tls_certificate other = {.crt_pem = rsa.crt, .key_pem = rsa.key};
	struct tls_server_options o = {.certificate = {.crt_pem = ec.crt, .key_pem = ec.key},
		.others = &other,
		.other_count = 1};
	static const struct {
		const char *signatures;
		bool is_rsa;
	} rows[] = {{"ECDSA+SHA256", false}, {"RSA-PSS+SHA256:RSA+SHA256", true}, {NULL, false}};
	for (size_t i = 0; i < 2 * sizeof(rows) / sizeof(rows[0]); i++) {
		begin();
		visit(server_context(&o), &(struct visitor){.signatures = rows[i / 2].signatures,
						  .version = i % 2 ? TLS1_2_VERSION : 0});
		ck_assert_msg(seen.is_open, "row %zu", i);
		ck_assert_int_eq(seen.is_rsa, rows[i / 2].is_rsa);
		bench_close();
	}
	struct tls_context *c = NULL;
	char message[200] = "";
	other = o.certificate;
	ck_assert_int_eq(tls_server_context_new(&o, &c, message, sizeof(message)), RC_INVALID);
	ck_assert_msg(
		str_starts(str_of(message), STR("a second certificate whose key")), "%s", message);
}
END_TEST

/* --- clients' certificates ---------------------------------------------------------------------
 */

static struct tls_context *asking(enum tls_client_certificate how, struct str crl, int depth)
{
	struct certificate leaf = leaf_for("DNS:shop.test", false), ca = test_ca();
	return server_context(&(struct tls_server_options){
		.certificate = {.crt_pem = leaf.crt, .key_pem = leaf.key},
		.client_certificate = how,
		.trusted_ca_pem = ca.crt,
		.crl_pem = crl,
		.depth = depth});
}

START_TEST(a_certificate_that_is_optional_counts_when_it_is_shown)
{
	struct certificate ca = test_ca(), own = certificate_make(&(struct certificate_options){0});
	struct certificate mine = certificate_make(&(struct certificate_options){.issuer = &ca});
	const struct {
		const struct certificate *shown;
		bool ok, has_facts;
	} rows[] = {{NULL, true, false}, {&mine, true, true}, {&own, false, false}};
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		begin();
		struct tls_context *port = asking(TLS_CLIENT_CERTIFICATE_OPTIONAL, STR_EMPTY, 0);
		struct tls_client_options o = {0};
		struct side a, b;
		struct address at;
		if (rows[i].shown)
			o.certificate = (struct tls_certificate){
				.crt_pem = rows[i].shown->crt, .key_pem = rows[i].shown->key};
		int listening = tcp_listen(&at, 4);
		side_dial(&b, &at, client_context(&o), "shop.test");
		side_init(&a);
		a.stream = stream_accept(group,
			accept4(listening, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC), &at, port,
			&side_events, &a);
		pump();
		ck_assert_int_eq(a.opened, rows[i].ok);
		if (rows[i].ok)
			ck_assert_int_eq(stream_tls_certificate(a.stream).n > 0, rows[i].has_facts);
		close(listening);
		bench_close();
	}
}
END_TEST

START_TEST(what_an_authority_has_revoked_is_refused)
{
	struct certificate ca = test_ca();
	struct certificate good = certificate_make(&(struct certificate_options){.issuer = &ca}),
			   bad = certificate_make(&(struct certificate_options){.issuer = &ca});
	struct str now = test_crl(&ca, &bad, false), old = test_crl(&ca, &bad, true);
	const struct {
		struct str crl;
		const struct certificate *shown;
		bool ok;
	} rows[] = {
		{now, &good, true},
		{now, &bad, false},
		{old, &good, false}, /* nobody knows any more */
		{STR_EMPTY, &bad, true},
	};
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		begin();
		visit(asking(TLS_CLIENT_CERTIFICATE_REQUIRED, rows[i].crl, 0),
			&(struct visitor){.mine = rows[i].shown});
		ck_assert_msg(seen.is_open == rows[i].ok, "row %zu", i);
		bench_close();
	}
	struct certificate leaf = test_leaf();
	struct tls_server_options o = {.certificate = {.crt_pem = leaf.crt, .key_pem = leaf.key},
		.client_certificate = TLS_CLIENT_CERTIFICATE_REQUIRED,
		.trusted_ca_pem = ca.crt,
		.crl_pem = ca.crt};
	struct tls_context *c = NULL;
	char message[200] = "";
	ck_assert_int_eq(tls_server_context_new(&o, &c, message, sizeof(message)), RC_INVALID);
	ck_assert_msg(str_starts(str_of(message), STR("the revocation list (crl) cannot")), "%s",
		message);
}
END_TEST

START_TEST(each_name_asks_for_its_own_clients)
{
	struct certificate ca = test_ca();
	struct certificate mine = certificate_make(&(struct certificate_options){.issuer = &ca});
	for (int version = TLS1_2_VERSION; version <= TLS1_3_VERSION; version++) {
		begin();
		struct tls_context *port = context_for("DNS:port.test");
		add(port, "closed.test", asking(TLS_CLIENT_CERTIFICATE_REQUIRED, STR_EMPTY, 0));
		add(port, "open.test", context_for("DNS:open.test"));
		struct visitor v = {.name = "open.test", .version = version};
		visit(port, &v);
		ck_assert(seen.is_open);
		v.session = session; /* of another name: it opens nothing */
		SSL_SESSION_up_ref(v.session);
		v.name = "closed.test";
		visit(port, &v);
		ck_assert(!seen.is_open);
		SSL_SESSION_free(v.session);
		v.session = NULL;
		v.mine = &mine;
		visit(port, &v);
		ck_assert(seen.is_open);
		bench_close();
	}
	SSL_SESSION_free(session);
	session = NULL;
}
END_TEST

START_TEST(a_connection_covers_hosts_of_the_same_clients_alone)
{
	begin();
	struct tls_context *port = context_for("DNS:port.test");
	static const struct {
		const char *name, *host;
		bool covers;
	} rows[] = {
		{"open.test", "open.test", true},
		{"open.test", "OPEN.test:8443", true},
		{"open.test", "anything.test", true},
		{"open.test", "closed.test", false},
		{"open.test", "closed.test:443", false},
		{"open.test", "a.closed.test", false},
		{"", "closed.test", false},
		{"", "[::1]:443", true},
		{"closed.test", "closed.test.", true},
		{"closed.test", "a.closed.test", true},
		{"closed.test", "open.test", false},
		{"closed.test", "", false},
	};
	struct tls_context *closed = asking(TLS_CLIENT_CERTIFICATE_REQUIRED, STR_EMPTY, 0);
	ck_assert(tls_context_covers(port, STR("a"), STR("b")));
	add(port, "open.test", context_for("DNS:open.test"));
	add(port, "closed.test", closed);
	add(port, "*.closed.test", closed);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		ck_assert_msg(tls_context_covers(port, str_of(rows[i].name),
				      str_of(rows[i].host)) == rows[i].covers,
			"row %zu", i);
	bench_close();
}
END_TEST

UNIT_SUITE(tls_names, exact_names_go_before_wildcards_and_those_before_the_ports_own,
	names_are_taken_once_and_only_when_they_are_names,
	a_strict_port_refuses_names_that_nothing_has, rsa_and_ec_stand_side_by_side,
	a_certificate_that_is_optional_counts_when_it_is_shown,
	what_an_authority_has_revoked_is_refused, each_name_asks_for_its_own_clients,
	a_connection_covers_hosts_of_the_same_clients_alone)
