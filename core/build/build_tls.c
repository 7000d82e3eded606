/* SPDX-License-Identifier: Apache-2.0 */
#include "build/build_priv.h"

#include "net/certificates.h"

#include <time.h>

#define ALPN_MAX 4

/* HTTP/1.1 is what this gateway speaks; other protocols of the list are not offered. */
static size_t alpn_of(const struct plan_node *tls, struct str out[ALPN_MAX])
{
	const struct plan_node *list = plan_get(tls, "alpn");
	size_t n = 0;
	for (size_t i = 0; i < plan_count(list) && n < ALPN_MAX; i++) {
		const struct plan_node *item = plan_at(list, i);
		if (item->type == PLAN_STRING && str_eq(item->u.string, STR("http/1.1")))
			out[n++] = item->u.string;
	}
	return n;
}

struct tls_context *build_tls_server(
	const struct plan_node *tls, char *message, size_t message_size)
{
	const struct plan_node *certificate = plan_get(tls, "certificate");
	struct str alpn[ALPN_MAX] = {STR("http/1.1")};
	size_t alpn_count = alpn_of(tls, alpn);
	struct tls_server_options options = {
		.certificate_pem = plan_string(certificate, "crt", STR_EMPTY),
		.key_pem = plan_string(certificate, "key", STR_EMPTY),
		.key_passphrase = plan_string(certificate, "passphrase", STR_EMPTY),
		.min_version = plan_string(tls, "minversion", STR_EMPTY),
		.max_version = plan_string(tls, "maxversion", STR_EMPTY),
		.ciphers = plan_string(tls, "ciphers", STR_EMPTY),
		.alpn = alpn,
		.alpn_count = alpn_count ? alpn_count : 1,
		.requires_client_certificate = plan_bool(tls, "requireClientCertificate", false),
		.trusted_ca_pem = plan_string(tls, "trustedCA", STR_EMPTY),
	};
	struct tls_context *context = NULL;
	if (tls_server_context_new(&options, &context, message, message_size) != RC_OK)
		return NULL;
	return context;
}

struct tls_context *build_tls_client(
	const struct plan_node *tls, char *message, size_t message_size)
{
	const struct plan_node *certificate = plan_get(tls, "certificate");
	struct str alpn[ALPN_MAX];
	struct tls_client_options options = {
		.skip_validation = plan_bool(tls, "skipValidation", false),
		.trusted_ca_pem = plan_string(tls, "trustedCA", STR_EMPTY),
		.certificate_pem = plan_string(certificate, "crt", STR_EMPTY),
		.key_pem = plan_string(certificate, "key", STR_EMPTY),
		.key_passphrase = plan_string(certificate, "passphrase", STR_EMPTY),
		.min_version = plan_string(tls, "minversion", STR_EMPTY),
		.max_version = plan_string(tls, "maxversion", STR_EMPTY),
		.ciphers = plan_string(tls, "ciphers", STR_EMPTY),
		.alpn = alpn,
		.alpn_count = alpn_of(tls, alpn),
	};
	struct tls_context *context = NULL;
	if (tls_client_context_new(&options, &context, message, message_size) != RC_OK)
		return NULL;
	return context;
}

/* --- what can be used, and is questionable ----------------------------------------------------- */
struct warning {
	struct diagnostics *diagnostics;
	const struct plan_node *at;
	const char *path;
};

static void warn(void *arg, const char *message)
{
	const struct warning *w = arg;
	diagnostics_add(w->diagnostics, SEVERITY_WARNING, w->at->position, w->path, "%s", message);
}

void build_tls_warnings(struct build *b, const struct plan_node *tls)
{
	const struct plan_node *crt = plan_get(plan_get(tls, "certificate"), "crt");
	const struct plan_node *authorities = plan_get(tls, "trustedCA");
	struct warning w = {b->diagnostics, crt, "certificate.crt"};
	if (crt && crt->type == PLAN_STRING)
		certificates_check_chain(crt->u.string, time(NULL), warn, &w);
	w = (struct warning){b->diagnostics, authorities, "trustedCA"};
	if (authorities && authorities->type == PLAN_STRING)
		certificates_check_authorities(authorities->u.string, time(NULL), warn, &w);
}

const struct plan_node *build_tls_place(const struct plan_node *tls)
{
	const struct plan_node *certificate = plan_get(tls, "certificate");
	return certificate ? certificate : tls;
}
