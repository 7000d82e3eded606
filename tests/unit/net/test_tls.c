/* SPDX-License-Identifier: Apache-2.0 */
/* TLS: what a context takes, who is believed, what is agreed on. */
#include "support.h"

#include "base/limits.h"
#include "handover/tickets.h"

#include <openssl/ssl.h>

#include <unistd.h>

static struct side a, b; /* server and client */
static int listening = -1;

static void connect_sides(struct tls_context *server, struct tls_context *client, const char *name)
{
	struct address at;
	listening = tcp_listen(&at, 4);
	side_dial(&b, &at, client, name);
	side_init(&a);
	int fd = accept4(listening, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
	ck_assert_int_ge(fd, 0);
	a.stream = stream_accept(group, fd, &at, server, &side_events, &a);
	pump();
	close(listening);
}

START_TEST(agrees_on_everything_and_carries_bytes)
{
	static const struct str server_alpn[] = {{"h2", 2}, {"http/1.1", 8}};
	static const struct str client_alpn[] = {{"http/1.1", 8}, {"h2", 2}};
	bench_open();
	connect_sides(
		server_context(&(struct tls_server_options){.alpn = server_alpn, .alpn_count = 2}),
		client_context(&(struct tls_client_options){.alpn = client_alpn, .alpn_count = 2}),
		"shop.test");
	ck_assert_str_eq(b.error, "");
	ck_assert_int_eq(a.opened, 1);
	ck_assert_int_eq(b.opened, 1);
	ck_assert_str_eq(stream_tls_version(a.stream), "TLSv1.3");
	assert_str(stream_tls_alpn(a.stream), "h2"); /* the server's order */
	assert_str(stream_tls_alpn(b.stream), "h2");
	assert_str(stream_tls_server_name(a.stream), "shop.test");
	stream_send_copy(b.stream, STR("question"));
	pump();
	stream_send_copy(a.stream, STR("answer"));
	pump();
	assert_str(side_text(&a), "question");
	assert_str(side_text(&b), "answer");
	ck_assert_uint_eq(stream_bytes_sent(b.stream), 8);
	ck_assert_uint_eq(stream_bytes_received(a.stream), 8);
	ck_assert_uint_eq(stream_bytes_sent(a.stream), 6);
	bench_close();
}
END_TEST

START_TEST(plain_streams_have_no_tls_facts)
{
	bench_open();
	int peer = side_accept(&a, NULL);
	ck_assert_ptr_null(stream_tls_version(a.stream));
	ck_assert_uint_eq(stream_tls_alpn(a.stream).n, 0);
	ck_assert_uint_eq(stream_tls_server_name(a.stream).n, 0);
	close(peer);
	bench_close();
}
END_TEST

/* --- whom the client believes
 * ---------------------------------------------------------------------- */

START_TEST(believes_names_that_the_certificate_has)
{
	static const struct {
		const char *name;
		bool ok;
	} rows[] = {
		{"shop.test", true},
		{"SHOP.test", true},
		{"shop.test.", true},
		{"other.test", false},
		{"sub.shop.test", false},
		{"a.wild.test", true},
		{"a.b.wild.test", false},
		{"wild.test", false},
		{"127.0.0.1", true},
		{"127.0.0.2", false},
		{"::1", false},
		{"", false},
	};
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		bench_open();
		connect_sides(server_context(NULL), client_context(NULL), rows[i].name);
		ck_assert_msg(b.opened == rows[i].ok, "%s: %s", rows[i].name, b.error);
		ck_assert_int_eq(b.closed, !rows[i].ok);
		ck_assert_int_eq(a.opened <= rows[i].ok, 1);
		if (!rows[i].ok)
			ck_assert_int_eq(b.rc, RC_INVALID);
		bench_close();
	}
}
END_TEST

START_TEST(names_with_a_nul_are_not_cut_short)
{
	struct address at;
	bench_open();
	int fd = tcp_listen(&at, 4);
	side_init(&b);
	b.stream = stream_dial(group, &at, 3000, client_context(NULL), STR("shop.test\0.evil.test"),
		&side_events, &b);
	pump();
	ck_assert_int_eq(b.closed, 1);
	ck_assert_int_eq(b.rc, RC_INVALID);
	close(fd);
	bench_close();
}
END_TEST

START_TEST(says_why_it_does_not_believe)
{
	struct certificate ca = test_ca(), stranger, expired, own, partial;
	struct certificate other_ca =
		certificate_make(&(struct certificate_options){.is_authority = true});
	stranger = certificate_make(
		&(struct certificate_options){.issuer = &other_ca, .names = "DNS:shop.test"});
	expired = certificate_make(&(struct certificate_options){
		.issuer = &ca, .names = "DNS:shop.test", .is_expired = true});
	own = certificate_make(&(struct certificate_options){.names = "DNS:shop.test"});
	partial = certificate_make(
		&(struct certificate_options){.issuer = &ca, .names = "DNS:sh*.wild.test"});
	const struct {
		struct certificate *shown;
		const char *name, *error;
	} rows[] = {
		{&stranger, "shop.test",
			"certificate verify failed: unable to get local issuer certificate"},
		{&expired, "shop.test", "certificate verify failed: certificate has expired"},
		{&own, "shop.test", "certificate verify failed: self-signed certificate"},
		{&partial, "shop.wild.test", "certificate verify failed: hostname mismatch"},
	};
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		bench_open();
		struct tls_server_options o = {.certificate.crt_pem = rows[i].shown->crt,
			.certificate.key_pem = rows[i].shown->key};
		connect_sides(server_context(&o), client_context(NULL), rows[i].name);
		ck_assert_int_eq(b.opened, 0);
		ck_assert_int_eq(b.rc, RC_INVALID);
		ck_assert_str_eq(b.error, rows[i].error);
		ck_assert_int_eq(a.closed, 1); /* told by the alert */
		ck_assert_int_eq(a.rc, RC_INVALID);
		bench_close();
	}
}
END_TEST

START_TEST(skipping_validation_takes_anybody)
{
	struct certificate own = certificate_make(&(struct certificate_options){0});
	bench_open();
	struct tls_server_options o = {
		.certificate.crt_pem = own.crt, .certificate.key_pem = own.key};
	connect_sides(server_context(&o),
		client_context(&(struct tls_client_options){.skip_validation = true}), "");
	ck_assert_int_eq(b.opened, 1);
	ck_assert_int_eq(a.opened, 1);
	bench_close();
}
END_TEST

START_TEST(follows_a_chain)
{
	struct certificate ca = test_ca(), middle, leaf;
	middle = certificate_make(
		&(struct certificate_options){.issuer = &ca, .is_authority = true});
	leaf = certificate_make(
		&(struct certificate_options){.issuer = &middle, .names = "DNS:shop.test"});
	for (int with_chain = 0; with_chain < 2; with_chain++) {
		struct buffer chain;
		buffer_init(&chain, 1 << 16);
		buffer_add(&chain, leaf.crt);
		if (with_chain)
			buffer_add(&chain, middle.crt);
		bench_open();
		struct tls_server_options o = {
			.certificate.crt_pem = buffer_str(&chain), .certificate.key_pem = leaf.key};
		connect_sides(server_context(&o), client_context(NULL), "shop.test");
		ck_assert_int_eq(b.opened, with_chain);
		bench_close();
		buffer_deinit(&chain);
	}
}
END_TEST

/* --- whom the server believes --------------------------------------------------------------------
 */

START_TEST(asks_for_a_client_certificate_when_told)
{
	struct certificate ca = test_ca(), mine, stranger;
	struct certificate other_ca =
		certificate_make(&(struct certificate_options){.is_authority = true});
	mine = certificate_make(&(struct certificate_options){.issuer = &ca});
	stranger = certificate_make(&(struct certificate_options){.issuer = &other_ca});
	const struct {
		const struct certificate *shown;
		bool ok;
	} rows[] = {{&mine, true}, {&stranger, false}, {NULL, false}};
	for (size_t i = 0; i < 2 * sizeof(rows) / sizeof(rows[0]); i++) {
		size_t row = i / 2;
		struct tls_client_options o = {.max_version = i % 2 ? STR("1.2") : STR("1.3")};
		if (rows[row].shown) {
			o.certificate.crt_pem = rows[row].shown->crt;
			o.certificate.key_pem = rows[row].shown->key;
		}
		bench_open();
		connect_sides(server_context(&(struct tls_server_options){
				      .client_certificate = TLS_CLIENT_CERTIFICATE_REQUIRED,
				      .trusted_ca_pem = ca.crt}),
			client_context(&o), "shop.test");
		ck_assert_int_eq(a.opened, rows[row].ok);
		ck_assert_int_eq(a.closed, !rows[row].ok);
		if (!rows[row].ok) {
			ck_assert_int_eq(b.closed, 1); /* with 1.3 perhaps after it was open */
			ck_assert_int_eq(a.rc, RC_INVALID);
			ck_assert_str_ne(a.error, "");
		}
		bench_close();
	}
}
END_TEST

/* --- versions and ciphers
 * -------------------------------------------------------------------------- */

START_TEST(versions_must_meet)
{
	static const struct {
		const char *server_min, *server_max, *client_min, *client_max, *version;
	} rows[] = {
		{"", "", "", "", "TLSv1.3"},
		{"1.2", "1.2", "", "", "TLSv1.2"},
		{"", "", "1.2", "1.2", "TLSv1.2"},
		{"1.3", "", "", "", "TLSv1.3"},
		{"TLSv1.3", "TLSv1.3", "", "", "TLSv1.3"},
		{"1.3", "", "", "1.2", NULL},
		{"", "1.2", "1.3", "", NULL},
	};
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		bench_open();
		struct tls_server_options server = {.min_version = str_of(rows[i].server_min),
			.max_version = str_of(rows[i].server_max)};
		struct tls_client_options client = {.min_version = str_of(rows[i].client_min),
			.max_version = str_of(rows[i].client_max)};
		connect_sides(server_context(&server), client_context(&client), "shop.test");
		if (rows[i].version) {
			ck_assert_str_eq(stream_tls_version(b.stream), rows[i].version);
		} else {
			ck_assert_int_eq(a.rc, RC_INVALID);
			ck_assert_int_eq(b.rc, RC_INVALID);
			ck_assert_str_ne(b.error, "");
		}
		bench_close();
	}
}
END_TEST

START_TEST(ciphers_of_both_versions_may_stand_in_one_list)
{
	bench_open();
	struct tls_server_options o = {
		.ciphers = STR("TLS_CHACHA20_POLY1305_SHA256:ECDHE-ECDSA-AES256-GCM-SHA384")};
	connect_sides(server_context(&o), client_context(NULL), "shop.test");
	ck_assert_int_eq(b.opened, 1);
	bench_close();
	bench_open();
	struct tls_client_options old = {.max_version = STR("1.2")};
	connect_sides(server_context(&o), client_context(&old), "shop.test");
	ck_assert_int_eq(b.opened, 1);
	bench_close();
	bench_open();
	old.ciphers = STR("ECDHE-ECDSA-AES128-GCM-SHA256");
	connect_sides(server_context(&o), client_context(&old), "shop.test");
	ck_assert_int_eq(b.opened, 0);
	bench_close();
}
END_TEST

START_TEST(ciphers_may_have_the_names_of_the_rfcs)
{
	struct tls_client_options old = {
		.max_version = STR("1.2"), .ciphers = STR("ECDHE-ECDSA-AES256-GCM-SHA384")};
	const struct {
		const char *ciphers;
		int opened;
	} rows[] = {{"TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384", 1},
		{"TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256", 0},
		{"TLS_AES_128_GCM_SHA256:TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384", 1}};
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		bench_open();
		struct tls_server_options o = {.ciphers = str_of(rows[i].ciphers)};
		connect_sides(server_context(&o), client_context(&old), "shop.test");
		ck_assert_int_eq(b.opened, rows[i].opened);
		bench_close();
	}
}
END_TEST

/* --- what a context refuses
 * ------------------------------------------------------------------------- */

START_TEST(refuses_unusable_server_settings_with_a_sentence)
{
	struct certificate leaf = test_leaf(), ca = test_ca();
	struct certificate locked = certificate_make(&(struct certificate_options){
		.issuer = &ca, .names = "DNS:x", .passphrase = "secret"});
	struct certificate weak = certificate_make(&(struct certificate_options){
		.issuer = &ca, .names = "DNS:x", .is_rsa = true, .rsa_bits = 2047});
	static const struct str empty_name[] = {{"", 0}};
	struct buffer above;
	buffer_init(&above, 1 << 16);
	buffer_add(&above, leaf.crt);
	buffer_add(&above, weak.crt);
	char half[400];
	memcpy(half, leaf.crt.p, sizeof(half));
	struct buffer torn;
	buffer_init(&torn, 1 << 16);
	buffer_add(&torn, leaf.crt);
	buffer_add(&torn, str_n(half, sizeof(half)));
	const struct {
		struct tls_server_options o;
		const char *message; /* its beginning */
	} rows[] = {
		{{.certificate.key_pem = leaf.key}, "the certificate (crt) cannot be used"},
		{{.certificate.crt_pem = STR("nonsense"), .certificate.key_pem = leaf.key},
			"the certificate (crt) cannot be used"},
		{{.certificate.crt_pem = str_n(half, sizeof(half)),
			 .certificate.key_pem = leaf.key},
			"the certificate (crt) cannot be used"},
		{{.certificate.crt_pem = buffer_str(&torn), .certificate.key_pem = leaf.key},
			"the certificate (crt) cannot be used"},
		{{.certificate.crt_pem = weak.crt, .certificate.key_pem = weak.key},
			"the certificate (crt) has a key that is too weak: RSA of 2047 bits, where "
			"RSA needs 2048"},
		{{.certificate.crt_pem = buffer_str(&above), .certificate.key_pem = leaf.key},
			"the certificate (crt) has a key that is too weak"},
		{{.certificate.crt_pem = leaf.crt}, "the private key (key) cannot be used"},
		{{.certificate.crt_pem = leaf.crt, .certificate.key_pem = STR("nonsense")},
			"the private key (key) cannot be used"},
		{{.certificate.crt_pem = leaf.crt, .certificate.key_pem = ca.key},
			"the private key"},
		{{.certificate.crt_pem = locked.crt, .certificate.key_pem = locked.key},
			"the private key (key) is encrypted, and there is no keyPassphrase"},
		{{.certificate.crt_pem = locked.crt,
			 .certificate.key_pem = locked.key,
			 .certificate.key_passphrase = STR("wrong")},
			"the private key (key) cannot be used"},
		{{.certificate.crt_pem = leaf.crt,
			 .certificate.key_pem = leaf.key,
			 .min_version = STR("1.1")},
			"TLS versions are 1.2 and 1.3"},
		{{.certificate.crt_pem = leaf.crt,
			 .certificate.key_pem = leaf.key,
			 .min_version = STR("1.3"),
			 .max_version = STR("1.2")},
			"minversion is above maxversion"},
		{{.certificate.crt_pem = leaf.crt,
			 .certificate.key_pem = leaf.key,
			 .ciphers = STR("NONE-SUCH")},
			"unknown cipher \"NONE-SUCH\""},
		{{.certificate.crt_pem = leaf.crt,
			 .certificate.key_pem = leaf.key,
			 .ciphers = STR("TLS_NONE_SUCH")},
			"unknown cipher \"TLS_NONE_SUCH\""},
		{{.certificate = {leaf.crt, leaf.key, STR_EMPTY, STR_EMPTY},
			 .ciphers = STR("TLS_NONE_WITH_SUCH")},
			"unknown cipher \"TLS_NONE_WITH_SUCH\""},
		{{.certificate.crt_pem = leaf.crt,
			 .certificate.key_pem = leaf.key,
			 .alpn = empty_name,
			 .alpn_count = 1},
			"a protocol of alpn has 1 to 255 bytes"},
		{{.certificate.crt_pem = leaf.crt,
			 .certificate.key_pem = leaf.key,
			 .client_certificate = TLS_CLIENT_CERTIFICATE_REQUIRED},
			"client certificates need a trustedCA"},
		{{.certificate.crt_pem = leaf.crt,
			 .certificate.key_pem = leaf.key,
			 .client_certificate = TLS_CLIENT_CERTIFICATE_REQUIRED,
			 .trusted_ca_pem = STR("nonsense")},
			"trustedCA cannot be used"},
	};
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct tls_context *c = NULL;
		char message[200] = "";
		ck_assert_int_eq(tls_server_context_new(&rows[i].o, &c, message, sizeof(message)),
			RC_INVALID);
		ck_assert_ptr_null(c);
		ck_assert_msg(str_starts(str_of(message), str_of(rows[i].message)), "row %zu: %s",
			i, message);
	}
	struct tls_server_options right = {.certificate.crt_pem = locked.crt,
		.certificate.key_pem = locked.key,
		.certificate.key_passphrase = STR("secret")};
	bench_open();
	server_context(&right);
	bench_close();
	buffer_deinit(&torn);
	buffer_deinit(&above);
}
END_TEST

START_TEST(refuses_unusable_client_settings_with_a_sentence)
{
	struct certificate leaf = test_leaf();
	const struct {
		struct tls_client_options o;
		const char *message;
	} rows[] = {
		{{.trusted_ca_pem = STR("nonsense")}, "trustedCA cannot be used"},
		{{.certificate.crt_pem = leaf.crt}, "the private key (key) cannot be used"},
		{{.max_version = STR("x")}, "TLS versions are 1.2 and 1.3"},
		{{.ciphers = STR("!")}, "\"!\" is no name of a cipher"},
		{{.ciphers = STR("PSK-AES128-CBC-SHA")},
			"none of the ciphers of TLS 1.2 can be used"},
		{{.ciphers = STR("ECDHE-RSA-AES128-GCM-SHA256:NO-SUCH")},
			"unknown cipher \"NO-SUCH\""},
		{{.ciphers = STR("TLS_AES_128_GCM_SHA256: TLS_NO_SUCH")},
			"unknown cipher \"TLS_NO_SUCH\""},
	};
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct tls_context *c = NULL;
		char message[200] = "";
		ck_assert_int_eq(tls_client_context_new(&rows[i].o, &c, message, sizeof(message)),
			RC_INVALID);
		ck_assert_msg(str_starts(str_of(message), str_of(rows[i].message)), "row %zu: %s",
			i, message);
	}
	struct tls_context *system = NULL;
	char message[200] = "";
	ck_assert_int_eq(tls_client_context_new(&(struct tls_client_options){0}, &system, message,
				 sizeof(message)),
		RC_OK);
	tls_context_unref(tls_context_ref(system));
	tls_context_unref(system);
	tls_context_unref(NULL);
}
END_TEST

/* --- sessions
 * ---------------------------------------------------------------------------------------- */

static SSL_SESSION *session;
static const struct ticket_ring *tickets; /* of contexts that are made */
static int version;                       /* of clients; 0: the newest */

/* OpenSSL as the client: whether the server took the session up again. */
static bool visit(struct tls_context *server)
{
	SSL_CTX *ctx = SSL_CTX_new(TLS_client_method());
	SSL *ssl = SSL_new(ctx);
	char byte;
	bench_open();
	int peer = side_accept(&a, server);
	SSL_set_fd(ssl, peer);
	if (version)
		SSL_set_max_proto_version(ssl, version);
	if (session)
		SSL_set_session(ssl, session);
	for (int i = 0; i < 100 && SSL_connect(ssl) != 1; i++)
		pump();
	ck_assert(SSL_is_init_finished(ssl));
	stream_send_copy(a.stream, STR("x"));
	pump();
	ck_assert_int_eq(SSL_read(ssl, &byte, 1), 1); /* takes the tickets, too */
	bool resumed = SSL_session_reused(ssl);
	SSL_SESSION_free(session);
	session = SSL_get1_session(ssl);
	SSL_shutdown(ssl); /* or the session counts as bad */
	SSL_free(ssl);
	SSL_CTX_free(ctx);
	close(peer);
	bench_close();
	return resumed;
}

static struct tls_context *new_server(const char *ca_text)
{
	struct certificate leaf = test_leaf(), ca = test_ca();
	struct tls_server_options o = {
		.certificate.crt_pem = leaf.crt, .certificate.key_pem = leaf.key};
	char message[200] = "";
	struct tls_context *c = NULL;
	o.tickets = tickets;
	if (ca_text) {
		o.client_certificate = TLS_CLIENT_CERTIFICATE_REQUIRED;
		o.trusted_ca_pem = ca.crt;
	}
	ck_assert_int_eq(tls_server_context_new(&o, &c, message, sizeof(message)), RC_OK);
	return c;
}

START_TEST(sessions_survive_with_their_key_and_for_one_rotation)
{
	static struct ticket_ring ring, other;
	ck_assert_int_eq(ticket_ring_rotate(&ring, 0), RC_OK);
	ck_assert_int_eq(ticket_ring_rotate(&other, 0), RC_OK);
	tickets = &ring;
	struct tls_context *old = new_server(NULL), *next = new_server(NULL);
	tickets = &other;
	struct tls_context *stranger = new_server(NULL);
	for (version = TLS1_2_VERSION; version <= TLS1_3_VERSION; version++) {
		ck_assert(!visit(old));
		ck_assert(visit(old));
		ck_assert(visit(next));
		ck_assert_int_eq(ticket_ring_rotate(&ring, 0), RC_OK);
		ck_assert(visit(next)); /* which brings a ticket of the new key */
		ck_assert_int_eq(ticket_ring_rotate(&ring, 0), RC_OK);
		ck_assert(visit(next));
		for (int i = 0; i < 2; i++)
			ck_assert_int_eq(ticket_ring_rotate(&ring, 0), RC_OK);
		ck_assert(!visit(next));
		ck_assert(!visit(stranger));
		SSL_SESSION_free(session);
		session = NULL;
	}
	version = 0;
	tickets = NULL;
	tls_context_unref(old);
	tls_context_unref(next);
	tls_context_unref(stranger);
}
END_TEST

/* A session that was begun without a certificate must not open a port that now asks for one. */
START_TEST(sessions_do_not_survive_a_change_of_who_is_believed)
{
	static struct ticket_ring ring;
	ck_assert_int_eq(ticket_ring_rotate(&ring, 0), RC_OK);
	tickets = &ring;
	struct tls_context *open = new_server(NULL), *closed = new_server("ca");
	tickets = NULL;
	ck_assert(!visit(open));
	SSL_CTX *ctx = SSL_CTX_new(TLS_client_method());
	SSL *ssl = SSL_new(ctx);
	bench_open();
	int peer = side_accept(&a, closed);
	SSL_set_fd(ssl, peer);
	SSL_set_session(ssl, session);
	for (int i = 0; i < 20 && a.closed == 0; i++) {
		SSL_connect(ssl);
		pump();
	}
	ck_assert_int_eq(a.opened, 0);
	ck_assert_int_eq(a.closed, 1);
	ck_assert_int_eq(a.rc, RC_INVALID);
	SSL_free(ssl);
	SSL_CTX_free(ctx);
	close(peer);
	bench_close();
	SSL_SESSION_free(session);
	session = NULL;
	tls_context_unref(open);
	tls_context_unref(closed);
}
END_TEST

UNIT_SUITE(tls, agrees_on_everything_and_carries_bytes, plain_streams_have_no_tls_facts,
	believes_names_that_the_certificate_has, names_with_a_nul_are_not_cut_short,
	says_why_it_does_not_believe, skipping_validation_takes_anybody, follows_a_chain,
	asks_for_a_client_certificate_when_told, versions_must_meet,
	ciphers_of_both_versions_may_stand_in_one_list, ciphers_may_have_the_names_of_the_rfcs,
	refuses_unusable_server_settings_with_a_sentence,
	refuses_unusable_client_settings_with_a_sentence,
	sessions_survive_with_their_key_and_for_one_rotation,
	sessions_do_not_survive_a_change_of_who_is_believed)
