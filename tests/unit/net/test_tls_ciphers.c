/* SPDX-License-Identifier: Apache-2.0 */
/* Names of cipher suites: each stands for itself, and nothing else gets into OpenSSL's lists. */
#include "support.h"

#include "net/tls_ciphers.h"

#include <openssl/ssl.h>

/* What Envoy's ports take, by BoringSSL's names. Whether there is 3DES, OpenSSL's build says. */
static const struct {
	const char *name;
	enum tls_cipher_use use;
} vendor[] = {
	{"ECDHE-ECDSA-AES128-GCM-SHA256", TLS_CIPHER_USABLE},
	{"ECDHE-RSA-AES128-GCM-SHA256", TLS_CIPHER_USABLE},
	{"ECDHE-ECDSA-AES256-GCM-SHA384", TLS_CIPHER_USABLE},
	{"ECDHE-RSA-AES256-GCM-SHA384", TLS_CIPHER_USABLE},
	{"ECDHE-ECDSA-CHACHA20-POLY1305", TLS_CIPHER_USABLE},
	{"ECDHE-RSA-CHACHA20-POLY1305", TLS_CIPHER_USABLE},
	{"ECDHE-ECDSA-AES128-SHA", TLS_CIPHER_USABLE},
	{"ECDHE-RSA-AES128-SHA", TLS_CIPHER_USABLE},
	{"ECDHE-ECDSA-AES256-SHA", TLS_CIPHER_USABLE},
	{"ECDHE-RSA-AES256-SHA", TLS_CIPHER_USABLE},
	{"AES128-GCM-SHA256", TLS_CIPHER_USABLE},
	{"AES256-GCM-SHA384", TLS_CIPHER_USABLE},
	{"AES128-SHA", TLS_CIPHER_USABLE},
	{"AES256-SHA", TLS_CIPHER_USABLE},
	{"PSK-AES128-CBC-SHA", TLS_CIPHER_LEFT_OUT},
	{"PSK-AES256-CBC-SHA", TLS_CIPHER_LEFT_OUT},
	{"ECDHE-PSK-AES128-CBC-SHA", TLS_CIPHER_LEFT_OUT},
	{"ECDHE-PSK-AES256-CBC-SHA", TLS_CIPHER_LEFT_OUT},
	{"ECDHE-PSK-CHACHA20-POLY1305", TLS_CIPHER_LEFT_OUT},
	{"TLS_AES_128_GCM_SHA256", TLS_CIPHER_USABLE},
	{"TLS_AES_256_GCM_SHA384", TLS_CIPHER_USABLE},
	{"TLS_CHACHA20_POLY1305_SHA256", TLS_CIPHER_USABLE},
};

static enum tls_cipher_use judge(const char *name, bool is_server, char why[224])
{
	why[0] = '\0';
	return tls_cipher_judge(str_of(name), is_server, why, 224);
}

START_TEST(every_name_of_the_vendor_is_known)
{
	char why[224];
	for (size_t i = 0; i < sizeof(vendor) / sizeof(vendor[0]); i++)
		for (int is_server = 0; is_server < 2; is_server++) {
			enum tls_cipher_use use = judge(vendor[i].name, is_server, why);
			ck_assert_msg(use == vendor[i].use, "%s: %s", vendor[i].name, why);
			ck_assert_int_eq(why[0] != '\0', use != TLS_CIPHER_USABLE);
		}
	ck_assert_int_ne(judge("DES-CBC3-SHA", true, why), TLS_CIPHER_UNKNOWN);
	ck_assert_int_ne(judge("TLS_RSA_WITH_3DES_EDE_CBC_SHA", true, why), TLS_CIPHER_UNKNOWN);
}
END_TEST

/* Each name of both spellings that OpenSSL has stands for one suite, and a context takes it. */
START_TEST(what_is_usable_is_taken_alone)
{
	struct certificate authority = test_ca(); /* reading the system's takes long */
	SSL_CTX *ctx = SSL_CTX_new(TLS_method());
	ck_assert_int_eq(SSL_CTX_set_cipher_list(ctx, "ALL:COMPLEMENTOFALL"), 1);
	STACK_OF(SSL_CIPHER) *all = SSL_CTX_get_ciphers(ctx);
	int usable = 0;
	for (int i = 0; i < 2 * sk_SSL_CIPHER_num(all); i++) {
		char why[224], message[224] = "";
		const SSL_CIPHER *c = sk_SSL_CIPHER_value(all, i / 2);
		const char *name = i % 2 ? SSL_CIPHER_get_name(c) : SSL_CIPHER_standard_name(c);
		enum tls_cipher_use use = judge(name, false, why);
		ck_assert_msg(use != TLS_CIPHER_UNKNOWN, "%s: %s", name, why);
		struct tls_context *taken = NULL;
		struct tls_client_options o = {
			.ciphers = str_of(name), .trusted_ca_pem = authority.crt};
		enum rc rc = tls_client_context_new(&o, &taken, message, sizeof(message));
		ck_assert_msg((rc == RC_OK) == (use == TLS_CIPHER_USABLE), "%s: %s", name, message);
		tls_context_unref(taken);
		usable += use == TLS_CIPHER_USABLE;
	}
	ck_assert_int_gt(usable, 40);
	SSL_CTX_free(ctx);
}
END_TEST

START_TEST(says_why_a_name_cannot_be_used)
{
	static const struct {
		const char *name, *why; /* its beginning */
		enum tls_cipher_use use;
	} rows[] = {
		{"", "\"\" is no name of a cipher", TLS_CIPHER_UNKNOWN},
		{"!aNULL", "\"!aNULL\" is no name of a cipher", TLS_CIPHER_UNKNOWN},
		{"-ALL", "\"-ALL\" is no name of a cipher", TLS_CIPHER_UNKNOWN},
		{"ECDHE+AESGCM", "\"ECDHE+AESGCM\" is no name of a cipher", TLS_CIPHER_UNKNOWN},
		{"@SECLEVEL=0", "\"@SECLEVEL=0\" is no name of a cipher", TLS_CIPHER_UNKNOWN},
		{"AES128-SHA,AES256-SHA", "\"AES128-SHA,AES256-SHA\" is no name of a cipher",
			TLS_CIPHER_UNKNOWN},
		{"[AES128-SHA|AES256-SHA]", "\"[AES128-SHA|AES256-SHA]\" is no name of a cipher",
			TLS_CIPHER_UNKNOWN},
		{"ALL", "unknown cipher \"ALL\"", TLS_CIPHER_UNKNOWN},
		{"ECDHE-RSA-AES128-GCM-SHA265",
			"unknown cipher \"ECDHE-RSA-AES128-GCM-SHA265\"; did you mean "
			"\"ECDHE-RSA-AES128-GCM-SHA256\"?",
			TLS_CIPHER_UNKNOWN},
		{"tls_aes_128_gcm_sha256",
			"unknown cipher \"tls_aes_128_gcm_sha256\"; did you mean "
			"\"TLS_AES_128_GCM_SHA256\"?",
			TLS_CIPHER_UNKNOWN},
		{"PSK-AES128-CBC-SHA",
			"cipher \"PSK-AES128-CBC-SHA\" is left out: there are no keys",
			TLS_CIPHER_LEFT_OUT},
		{"ADH-AES128-SHA",
			"cipher \"ADH-AES128-SHA\" is left out: it proves or hides "
			"nothing",
			TLS_CIPHER_LEFT_OUT},
		{"DHE-RSA-AES128-GCM-SHA256",
			"cipher \"DHE-RSA-AES128-GCM-SHA256\" is left out: "
			"ports",
			TLS_CIPHER_LEFT_OUT},
	};
	char why[224];
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		ck_assert_int_eq(judge(rows[i].name, true, why), rows[i].use);
		ck_assert_msg(str_starts(str_of(why), str_of(rows[i].why)), "%s", why);
	}
	ck_assert_int_eq(judge("DHE-RSA-AES128-GCM-SHA256", false, why), TLS_CIPHER_USABLE);
}
END_TEST

START_TEST(a_list_needs_one_of_each_version_that_it_names)
{
	static const struct {
		const char *names, *message; /* NULL: it can be used */
	} rows[] = {
		{"", NULL},
		{"AES128-SHA: PSK-AES128-CBC-SHA", NULL},
		{"TLS_AES_128_GCM_SHA256", NULL},
		{"PSK-AES128-CBC-SHA:TLS_AES_128_GCM_SHA256",
			"none of the ciphers of TLS 1.2 can be used"},
		{"PSK-AES128-CBC-SHA:NONE", "unknown cipher \"NONE\""},
		{"AES128-SHA::AES256-SHA",
			"\"\" is no name of a cipher: operators and groups of lists are not taken"},
	};
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		char message[224] = "";
		bool ok = tls_ciphers_check(str_of(rows[i].names), true, message, sizeof(message));
		ck_assert_int_eq(ok, rows[i].message == NULL);
		if (!ok)
			ck_assert_str_eq(message, rows[i].message);
	}
}
END_TEST

UNIT_SUITE(tls_ciphers, every_name_of_the_vendor_is_known, what_is_usable_is_taken_alone,
	says_why_a_name_cannot_be_used, a_list_needs_one_of_each_version_that_it_names)
