/* SPDX-License-Identifier: Apache-2.0 */
#include "build/build_priv.h"

#include "net/certificates.h"

#include <stdio.h>
#include <time.h>

#define ALPN_MAX   4
#define OTHERS_MAX 3

static bool is_spoken(struct str protocol, bool h2)
{
	return str_eq(protocol, STR("http/1.1")) || (h2 && str_eq(protocol, STR("h2")));
}

/* Protocols of the list that this gateway does not speak are not offered. */
static size_t alpn_of(const struct plan_node *tls, bool h2, struct str out[ALPN_MAX])
{
	const struct plan_node *list = plan_get(tls, "alpn");
	size_t n = 0;
	for (size_t i = 0; i < plan_count(list) && n < ALPN_MAX; i++) {
		const struct plan_node *item = plan_at(list, i);
		if (item->type == PLAN_STRING && is_spoken(item->u.string, h2))
			out[n++] = item->u.string;
	}
	return n;
}

static struct tls_certificate certificate_of(const struct plan_node *node)
{
	return (struct tls_certificate){
		.crt_pem = plan_string(node, "crt", STR_EMPTY),
		.key_pem = plan_string(node, "key", STR_EMPTY),
		.key_passphrase = plan_string(node, "passphrase", STR_EMPTY),
		.ocsp = plan_string(node, "ocsp", STR_EMPTY),
	};
}

static const struct plan_node *place_of(const struct plan_node *of)
{
	const struct plan_node *certificate = plan_get(of, "certificate");
	return certificate ? certificate : of;
}

static bool refuse(struct build_tls_mistake *m, const struct plan_node *at, const char *what)
{
	m->at = at;
	if (what)
		snprintf(m->message, sizeof(m->message), "%s", what);
	return false;
}

/* Files that could not be read when the plan was made: of its certificates, or any of the settings. */
#define MISSING_MAX (2 + OTHERS_MAX)

static size_t missing_of(const struct plan_node *of, const struct plan_node *out[MISSING_MAX])
{
	const struct plan_node *all[MISSING_MAX] = {plan_get(of, "certificate"), of};
	const struct plan_node *others = plan_get(of, "others");
	size_t n = 0;
	for (size_t i = 0; i < plan_count(others) && i < OTHERS_MAX; i++)
		all[2 + i] = plan_at(others, i);
	for (size_t i = 0; i < MISSING_MAX; i++) {
		const struct plan_node *mistake = plan_get(all[i], "mistake");
		if (mistake && mistake->type == PLAN_STRING)
			out[n++] = mistake;
	}
	return n;
}

static bool are_files_there(const struct plan_node *of, struct build_tls_mistake *m)
{
	const struct plan_node *missing[MISSING_MAX];
	if (missing_of(of, missing) == 0)
		return true;
	m->at = missing[0];
	snprintf(m->message, sizeof(m->message), "%.*s", STR_ARG(missing[0]->u.string));
	return false;
}

static void tell_missing(
	struct build *b, const struct plan_node *of, const struct build_tls_mistake *told)
{
	const struct plan_node *missing[MISSING_MAX];
	size_t n = missing_of(of, missing);
	for (size_t i = 0; i < n; i++)
		if (missing[i] != told->at)
			diagnostics_add(b->diagnostics, SEVERITY_ERROR, missing[i]->position, "tls",
				"%.*s", STR_ARG(missing[i]->u.string));
}

void build_tls_missing(
	struct build *b, const struct plan_node *tls, const struct build_tls_mistake *told)
{
	const struct plan_node *names = plan_get(tls, "names");
	tell_missing(b, tls, told);
	for (size_t i = 0; i < plan_count(names); i++)
		tell_missing(b, plan_at(names, i), told);
}

/* A file that is empty, since somebody is about to write it, does not mean that there is none:
 * without a list nobody is revoked, and without authorities the system's count. */
static bool are_texts_there(const struct plan_node *of, struct build_tls_mistake *m)
{
	const struct {
		const struct plan_node *node;
		const char *what;
	} rows[] = {{plan_get(of, "trustedCA"), "trustedCA is empty"},
		{plan_get(of, "crl"), "the revocation list (crl) is empty"},
		{plan_get(plan_get(of, "certificate"), "crt"), "the certificate (crt) is empty"}};
	for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
		const struct plan_node *node = rows[i].node;
		if (node && node->type == PLAN_STRING && node->u.string.n == 0)
			return refuse(m, node, rows[i].what);
	}
	return true;
}

static bool is_whole(const struct plan_node *of, struct build_tls_mistake *m)
{
	return are_files_there(of, m) && are_texts_there(of, m);
}

/* --- towards clients ------------------------------------------------------------------------- */

/* A plan of an older gateway has the flag alone; what nobody knows is taken for the strictest. */
static enum tls_client_certificate clients_of(const struct plan_node *of)
{
	bool is_required = plan_bool(of, "requireClientCertificate", false);
	struct str how =
		plan_string(of, "clientCertificate", is_required ? STR("required") : STR("none"));
	if (str_eq(how, STR("none")))
		return TLS_CLIENT_CERTIFICATE_NONE;
	return str_eq(how, STR("optional")) ? TLS_CLIENT_CERTIFICATE_OPTIONAL
					    : TLS_CLIENT_CERTIFICATE_REQUIRED;
}

/* Both where nothing is said, and HTTP/1.1 where nothing of what is said can be. */
static size_t alpn_of_port(const struct plan_node *tls, bool h2, struct str out[ALPN_MAX])
{
	size_t n = alpn_of(tls, h2, out);
	bool is_said = n > 0;
	if (!is_said && h2)
		out[n++] = STR("h2");
	if (!is_said)
		out[n++] = STR("http/1.1");
	return n;
}

/* --- X-Forwarded-Client-Cert --- */

static const char *const modes[] = {
	[CLIENT_CERT_SANITIZE] = "SANITIZE",
	[CLIENT_CERT_FORWARD_ONLY] = "FORWARD_ONLY",
	[CLIENT_CERT_APPEND_FORWARD] = "APPEND_FORWARD",
	[CLIENT_CERT_SANITIZE_SET] = "SANITIZE_SET",
	[CLIENT_CERT_ALWAYS_FORWARD_ONLY] = "ALWAYS_FORWARD_ONLY",
};

enum client_cert_mode build_client_cert_mode(const struct plan_node *tls)
{
	struct str text = plan_string(tls, "forwardClientCertDetails", STR_EMPTY);
	for (size_t i = 0; i < ARRAY_COUNT(modes); i++)
		if (str_eq(text, str_of(modes[i])))
			return (enum client_cert_mode)i;
	return CLIENT_CERT_SANITIZE;
}

unsigned build_client_cert_details(const struct plan_node *tls)
{
	static const struct {
		const char *name;
		enum client_cert_detail detail;
	} rows[] = {{"cert", CLIENT_CERT_CERT}, {"chain", CLIENT_CERT_CHAIN},
		{"subject", CLIENT_CERT_SUBJECT}, {"uri", CLIENT_CERT_URI},
		{"dns", CLIENT_CERT_DNS}};
	const struct plan_node *wanted = plan_get(tls, "setCurrentClientCertDetails");
	unsigned details = 0;
	for (size_t i = 0; i < ARRAY_COUNT(rows); i++)
		details |= plan_bool(wanted, rows[i].name, false) ? rows[i].detail : 0;
	return details;
}

/* What holds for all names of a port. */
struct port {
	const struct plan_node *tls;
	const struct build_tls_port *to;
	struct buffer ciphers;
};

/* `of`: the port itself, or one of its names; versions and ciphers are always the port's. */
static struct tls_context *context_of(const struct port *port, const struct plan_node *of,
	struct str scope, struct build_tls_mistake *m)
{
	const struct plan_node *tls = port->tls;
	struct str alpn[ALPN_MAX];
	size_t alpn_count = alpn_of_port(tls, port->to->h2, alpn);
	struct tls_certificate others[OTHERS_MAX];
	const struct plan_node *more = plan_get(of, "others");
	const struct tls_certificate *blamed = NULL;
	size_t other_count = 0;
	for (; other_count < plan_count(more) && other_count < OTHERS_MAX; other_count++)
		others[other_count] = certificate_of(plan_at(more, other_count));
	struct tls_server_options options = {
		.certificate = certificate_of(plan_get(of, "certificate")),
		.others = others,
		.other_count = other_count,
		.min_version = plan_string(tls, "minversion", STR_EMPTY),
		.max_version = plan_string(tls, "maxversion", STR_EMPTY),
		.ciphers = buffer_str(&port->ciphers),
		.alpn = alpn,
		.alpn_count = alpn_count,
		.client_certificate = clients_of(of),
		.trusted_ca_pem = plan_string(of, "trustedCA", STR_EMPTY),
		.crl_pem = plan_string(of, "crl", STR_EMPTY),
		.depth = (int)plan_integer(of, "depth", 0),
		.session_scope = scope,
		.tickets = port->to->tickets,
		.keeps_chain = (build_client_cert_details(tls) & CLIENT_CERT_CHAIN) != 0,
		.blamed = &blamed,
	};
	struct tls_context *context = NULL;
	if (is_whole(of, m) &&
		tls_server_context_new(&options, &context, m->message, sizeof(m->message)) != RC_OK)
		refuse(m,
			blamed && blamed != &options.certificate
				? plan_at(more, (size_t)(blamed - others))
				: place_of(of),
			NULL);
	return context;
}

static bool add_names(struct tls_context *port, const struct plan_node *hosts,
	struct tls_context *context, struct build_tls_mistake *m)
{
	for (size_t i = 0; i < plan_count(hosts); i++) {
		const struct plan_node *host = plan_at(hosts, i);
		struct str name = host->type == PLAN_STRING ? host->u.string : STR_EMPTY;
		enum rc rc = tls_context_add_name(port, name, context);
		if (rc != RC_OK)
			return refuse(m, host,
				rc == RC_EXISTS ? "the host is another certificate's"
						: "not a host name");
	}
	return true;
}

static bool add_entry(struct tls_context *context, const struct port *port,
	const struct plan_node *entry, struct build_tls_mistake *m)
{
	const struct plan_node *hosts = plan_get(entry, "hosts");
	struct buffer scope;
	buffer_init(&scope, SIZE_MAX);
	buffer_add(&scope, port->to->key);
	plan_canonical(hosts, &scope);
	struct tls_context *own = context_of(port, entry, buffer_str(&scope), m);
	buffer_deinit(&scope);
	bool ok = own && add_names(context, hosts, own, m);
	tls_context_unref(own);
	return ok;
}

static bool add_entries(
	struct tls_context *context, const struct port *port, struct build_tls_mistake *m)
{
	const struct plan_node *names = plan_get(port->tls, "names");
	for (size_t i = 0; i < plan_count(names); i++)
		if (!add_entry(context, port, plan_at(names, i), m))
			return false;
	if (plan_bool(port->tls, "strictSni", false))
		tls_context_be_strict(context, plan_bool(port->tls, "servesNameless", true));
	return true;
}

struct tls_context *build_tls_server(
	const struct plan_node *tls, const struct build_tls_port *to, struct build_tls_mistake *m)
{
	struct port port = {.tls = tls, .to = to};
	struct tls_context *context = NULL;
	buffer_init(&port.ciphers, SIZE_MAX);
	if (build_ciphers(tls, true, &port.ciphers, m))
		context = context_of(&port, tls, to->key, m);
	if (context && !add_entries(context, &port, m)) {
		tls_context_unref(context);
		context = NULL;
	}
	buffer_deinit(&port.ciphers);
	return context;
}

/* Certificates come and go, and clients stay; under other terms they do not. */
void build_tls_terms(const struct plan_node *tls, uint8_t out[SHA256_BYTES])
{
	static const char *const certificates[] = {"certificate", "others", "names",
		"forwardClientCertDetails", "setCurrentClientCertDetails", NULL};
	const struct plan_node *names = plan_get(tls, "names");
	struct buffer terms;
	buffer_init(&terms, SIZE_MAX);
	plan_canonical_without(tls, certificates, &terms);
	for (size_t i = 0; i < plan_count(names); i++)
		plan_canonical_without(plan_at(names, i), certificates, &terms);
	sha256(buffer_str(&terms), out);
	buffer_deinit(&terms);
}

/* --- towards services ------------------------------------------------------------------------ */

/* By prior knowledge nothing else will do; else as listed, and where nothing is, what there is. */
static size_t client_alpn_of(
	const struct plan_node *tls, enum http_client_protocol protocol, struct str *out)
{
	bool is_listed = plan_count(plan_get(tls, "alpn")) > 0;
	if (protocol == HTTP_CLIENT_1)
		return alpn_of(tls, false, out);
	out[0] = STR("h2");
	out[1] = STR("http/1.1");
	if (protocol == HTTP_CLIENT_2)
		return 1;
	return is_listed && alpn_of(tls, false, out + 1) == 0 ? 1 : 2;
}

struct tls_context *build_tls_client(const struct plan_node *tls,
	enum http_client_protocol protocol, struct build_tls_mistake *m)
{
	struct str alpn[ALPN_MAX + 1];
	struct buffer ciphers;
	buffer_init(&ciphers, SIZE_MAX);
	bool ok = is_whole(tls, m) && build_ciphers(tls, false, &ciphers, m);
	struct tls_client_options options = {
		.skip_validation = plan_bool(tls, "skipValidation", false),
		.trusted_ca_pem = plan_string(tls, "trustedCA", STR_EMPTY),
		.certificate = certificate_of(plan_get(tls, "certificate")),
		.min_version = plan_string(tls, "minversion", STR_EMPTY),
		.max_version = plan_string(tls, "maxversion", STR_EMPTY),
		.ciphers = buffer_str(&ciphers),
		.alpn = alpn,
		.alpn_count = client_alpn_of(tls, protocol, alpn),
	};
	struct tls_context *context = NULL;
	if (ok &&
		tls_client_context_new(&options, &context, m->message, sizeof(m->message)) != RC_OK)
		refuse(m, place_of(tls), NULL);
	buffer_deinit(&ciphers);
	return context;
}

/* --- what can be used, and is questionable -----------------------------------------------------
 */

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

static void warn_of_certificate(
	struct build *b, const struct plan_node *certificate, const struct plan_node *hosts)
{
	const struct plan_node *crt = plan_get(certificate, "crt");
	struct warning w = {b->diagnostics, crt, "certificate.crt"};
	if (!crt || crt->type != PLAN_STRING)
		return;
	certificates_check_chain(crt->u.string, time(NULL), warn, &w);
	w = (struct warning){b->diagnostics, plan_get(certificate, "ocsp"), "certificate.ocspFile"};
	if (w.at && w.at->type == PLAN_STRING)
		certificates_check_ocsp(crt->u.string, w.at->u.string, time(NULL), warn, &w);
	w.path = "hosts";
	for (size_t i = 0; i < plan_count(hosts); i++) {
		w.at = plan_at(hosts, i);
		if (w.at->type == PLAN_STRING)
			certificates_check_host(crt->u.string, w.at->u.string, warn, &w);
	}
}

static void warn_of(struct build *b, const struct plan_node *of)
{
	const struct plan_node *authorities = plan_get(of, "trustedCA");
	const struct plan_node *hosts = plan_get(of, "hosts"), *others = plan_get(of, "others");
	const struct plan_node *crl = plan_get(of, "crl");
	struct warning w = {b->diagnostics, authorities, "trustedCA"};
	warn_of_certificate(b, plan_get(of, "certificate"), hosts);
	for (size_t i = 0; i < plan_count(others); i++)
		warn_of_certificate(b, plan_at(others, i), hosts);
	if (authorities && authorities->type == PLAN_STRING)
		certificates_check_authorities(authorities->u.string, time(NULL), warn, &w);
	w = (struct warning){b->diagnostics, crl, "crl"};
	if (crl && crl->type == PLAN_STRING)
		certificates_check_revocations(crl->u.string, time(NULL), warn, &w);
}

void build_tls_warnings(struct build *b, const struct plan_node *tls, bool is_server)
{
	const struct plan_node *names = plan_get(tls, "names");
	build_ciphers_warn(b, tls, is_server);
	warn_of(b, tls);
	for (size_t i = 0; i < plan_count(names); i++)
		warn_of(b, plan_at(names, i));
}
