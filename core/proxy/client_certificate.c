/* SPDX-License-Identifier: Apache-2.0 */
#include "proxy/client_certificate.h"

#include "base/check.h"
#include "crypto/certificate.h"
#include "crypto/crypto.h"

#include <string.h>

/* A text in the arena that grows at its end. */
struct text {
	struct arena *arena;
	struct str s;
};

static void add(struct text *t, struct str more)
{
	t->s = arena_concat(t->arena, t->s, more);
}

static void add_pair(struct text *t, const char *key, struct str value)
{
	add(t, arena_printf(t->arena, "%s%s=", t->s.n > 0 ? ";" : "", key));
	add(t, value);
}

static bool is_plain(struct str value)
{
	for (size_t i = 0; i < value.n; i++)
		if (strchr(",;=\"\\ ", value.p[i]))
			return false;
	return value.n > 0;
}

static struct str quoted(struct arena *arena, struct str value)
{
	char *out = arena_alloc(arena, 2 * value.n + 2), *to = out;
	if (!out)
		return STR_EMPTY;
	*to++ = '"';
	for (size_t i = 0; i < value.n; i++) {
		if (value.p[i] == '"' || value.p[i] == '\\')
			*to++ = '\\';
		*to++ = value.p[i];
	}
	*to++ = '"';
	return str_n(out, (size_t)(to - out));
}

/* --- whole certificates ---------------------------------------------------------------------- */

#define PEM_LINE_BYTES 64

static bool is_unreserved(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
	       (c && strchr("-._~", c) != NULL);
}

static char *encode(char *to, struct str in)
{
	static const char digits[] = "0123456789ABCDEF";
	for (size_t i = 0; i < in.n; i++) {
		unsigned char c = (unsigned char)in.p[i];
		if (is_unreserved(in.p[i])) {
			*to++ = in.p[i];
			continue;
		}
		*to++ = '%';
		*to++ = digits[c >> 4];
		*to++ = digits[c & 15];
	}
	return to;
}

/* URL-encoded PEM of one certificate. */
static struct str pem_of(struct arena *arena, struct str der)
{
	struct str begin = STR("-----BEGIN CERTIFICATE-----\n");
	struct str end = STR("-----END CERTIFICATE-----\n"), line_end = STR("\n");
	size_t n = (der.n + 2) / 3 * 4;
	char *base64 = arena_alloc(arena, n);
	char *out = arena_alloc(arena, 3 * (n + n / PEM_LINE_BYTES + 1 + begin.n + end.n));
	if (!base64 || !out)
		return STR_EMPTY;
	struct str rest = str_n(base64, base64_encode(der, base64));
	char *to = encode(out, begin);
	while (rest.n > 0) {
		struct str line = str_slice(rest, 0, PEM_LINE_BYTES);
		to = encode(encode(to, line), line_end);
		rest = str_from(rest, line.n);
	}
	to = encode(to, end);
	return str_n(out, (size_t)(to - out));
}

/* The length of the DER item (X.690 8.1.3) that `der` begins with, which OpenSSL has written. */
static size_t item_bytes(struct str der)
{
	const unsigned char *p = (const unsigned char *)der.p;
	size_t n = 0, count = der.n > 1 ? p[1] & 0x7f : 0;
	if (der.n < 2)
		return der.n;
	if (!(p[1] & 0x80))
		return 2 + count < der.n ? 2 + count : der.n;
	for (size_t i = 0; i < count && 2 + i < der.n; i++)
		n = n << 8 | p[2 + i];
	return n < der.n - 2 - count ? 2 + count + n : der.n;
}

static void add_chain(struct text *t, const struct http_stream *s)
{
	struct text all = {t->arena, pem_of(t->arena, s->tls_certificate)};
	struct str rest = s->tls_chain;
	while (rest.n > 0 && !t->arena->failed) {
		size_t n = item_bytes(rest);
		add(&all, pem_of(t->arena, str_slice(rest, 0, n)));
		rest = str_from(rest, n);
	}
	add_pair(t, "Chain", quoted(t->arena, all.s));
}

/* --------------------------------------------------------------------------------------------- */

static void add_names(struct text *t, const struct certificate_facts *facts,
	enum certificate_name_kind kind, const char *key)
{
	for (size_t i = 0; i < facts->name_count; i++) {
		struct str value = facts->names[i].value;
		if (facts->names[i].kind == kind)
			add_pair(t, key, is_plain(value) ? value : quoted(t->arena, value));
	}
}

static struct str element(
	const struct generation_listener *port, const struct http_stream *s, struct arena *arena)
{
	struct text t = {arena, STR_EMPTY};
	struct certificate_facts facts = {0};
	unsigned details = port->client_cert_details;
	struct str by = port->tls ? tls_context_uri(port->tls, s->tls_server_name) : STR_EMPTY;
	if (certificate_read(s->tls_certificate, arena, &facts) != RC_OK)
		return STR_EMPTY;
	if (by.n > 0)
		add_pair(&t, "By", is_plain(by) ? by : quoted(arena, by));
	add_pair(&t, "Hash", facts.fingerprint);
	if (details & CLIENT_CERT_CERT)
		add_pair(&t, "Cert", quoted(arena, pem_of(arena, s->tls_certificate)));
	if (details & CLIENT_CERT_CHAIN)
		add_chain(&t, s);
	if (details & CLIENT_CERT_SUBJECT)
		add_pair(&t, "Subject", quoted(arena, facts.subject));
	if (details & CLIENT_CERT_URI)
		add_names(&t, &facts, CERTIFICATE_URI, "URI");
	if (details & CLIENT_CERT_DNS)
		add_names(&t, &facts, CERTIFICATE_DNS, "DNS");
	return t.s;
}

struct str client_certificate_field(const struct generation_listener *port,
	const struct http_stream *s, struct str received, struct arena *arena)
{
	enum client_cert_mode mode = port->client_cert_mode;
	if (mode == CLIENT_CERT_ALWAYS_FORWARD_ONLY)
		return received;
	if (mode == CLIENT_CERT_SANITIZE || s->tls_certificate.n == 0)
		return STR_EMPTY;
	if (mode == CLIENT_CERT_FORWARD_ONLY)
		return received;
	struct str own = element(port, s, arena);
	if (mode == CLIENT_CERT_SANITIZE_SET || received.n == 0)
		return own;
	return arena_concat(arena, arena_concat(arena, received, STR(",")), own);
}
