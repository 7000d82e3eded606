/* SPDX-License-Identifier: Apache-2.0 */
/* OCSP stapling: an authority's word about a certificate (RFC 6960), sent with it to clients that
 * ask.
 *
 * The response comes from a file that somebody else keeps fresh. It is passed on as it is: who has
 * to believe it are the clients. What they could not use, since it is of another certificate or out
 * of date, they are not sent, so that a forgotten file costs the staple and nothing else. */
#include "base/memory.h"
#include "crypto/crypto.h"
#include "net/tls_priv.h"

#include <openssl/err.h>
#include <openssl/ocsp.h>

#include <stdlib.h>
#include <time.h>

/* How far clocks may differ. */
#define SKEW_S 300

struct tls_staple {
	struct tls_staple *next;
	const X509 *leaf; /* borrowed from the context */
	time_t until;     /* 0: it says of no end */
	int n;
	unsigned char der[];
};

static bool is_about(const OCSP_CERTID *id, X509 *leaf, const X509 *issuer)
{
	ASN1_INTEGER *serial = NULL;
	ASN1_OBJECT *digest = NULL;
	OCSP_id_get0_info(NULL, &digest, NULL, &serial, (OCSP_CERTID *)(uintptr_t)id);
	if (ASN1_INTEGER_cmp(serial, X509_get0_serialNumber(leaf)) != 0)
		return false;
	const EVP_MD *md = issuer ? EVP_get_digestbyobj(digest) : NULL;
	OCSP_CERTID *own = md ? OCSP_cert_to_id(md, leaf, issuer) : NULL;
	bool is_same = !own || OCSP_id_cmp(own, id) == 0;
	OCSP_CERTID_free(own);
	return is_same;
}

static OCSP_SINGLERESP *find(OCSP_BASICRESP *basic, X509 *leaf, const X509 *issuer)
{
	for (int i = 0; i < OCSP_resp_count(basic); i++) {
		OCSP_SINGLERESP *one = OCSP_resp_get0(basic, i);
		if (is_about(OCSP_SINGLERESP_get0_id(one), leaf, issuer))
			return one;
	}
	return NULL;
}

static time_t time_of(const ASN1_GENERALIZEDTIME *at)
{
	struct tm tm;
	return at && ASN1_TIME_to_tm(at, &tm) ? timegm(&tm) : 0;
}

static const char *judge(OCSP_SINGLERESP *one, time_t now, time_t *until)
{
	ASN1_GENERALIZEDTIME *from = NULL, *to = NULL;
	if (!one)
		return "is of another certificate";
	int status = OCSP_single_get0_status(one, NULL, NULL, &from, &to);
	*until = time_of(to);
	if (time_of(from) > now + SKEW_S)
		return "is not valid yet";
	if (to && *until <= now)
		return "is out of date";
	if (status == V_OCSP_CERTSTATUS_REVOKED)
		return "says that the certificate is revoked";
	return status == V_OCSP_CERTSTATUS_GOOD ? NULL : "does not know the certificate";
}

const char *tls_ocsp_problem(
	struct str der, X509 *leaf, const X509 *issuer, time_t now, time_t *until)
{
	const unsigned char *p = (const unsigned char *)der.p;
	OCSP_RESPONSE *response = d2i_OCSP_RESPONSE(NULL, &p, (long)der.n);
	bool is_whole = response && p == (const unsigned char *)der.p + der.n &&
			OCSP_response_status(response) == OCSP_RESPONSE_STATUS_SUCCESSFUL;
	OCSP_BASICRESP *basic = is_whole ? OCSP_response_get1_basic(response) : NULL;
	const char *problem = basic ? judge(find(basic, leaf, issuer), now, until)
				    : "is no successful OCSP response";
	OCSP_BASICRESP_free(basic);
	OCSP_RESPONSE_free(response);
	ERR_clear_error();
	return problem;
}

/* --- the handshake --------------------------------------------------------------------------- */

static int on_status(SSL *ssl, void *arg)
{
	const struct tls_context *c = arg;
	const X509 *leaf = SSL_get_certificate(ssl);
	const struct tls_staple *s = c->staples;
	while (s && s->leaf != leaf)
		s = s->next;
	if (!s || (s->until && s->until <= time(NULL)))
		return SSL_TLSEXT_ERR_NOACK;
	unsigned char *copy = OPENSSL_memdup(s->der, (size_t)s->n);
	if (!copy)
		return SSL_TLSEXT_ERR_NOACK;
	SSL_set_tlsext_status_ocsp_resp(ssl, copy, s->n);
	return SSL_TLSEXT_ERR_OK;
}

struct str tls_ocsp_decode(struct str base64)
{
	size_t n;
	char *out = heap_alloc(base64.n / 4 * 3 + 1);
	if (base64_decode(base64, out, &n) == RC_OK)
		return str_n(out, n);
	free(out);
	return STR_EMPTY;
}

static void keep(struct tls_context *c, const X509 *leaf, struct str der, time_t until)
{
	struct tls_staple *s = heap_alloc(sizeof(*s) + der.n);
	*s = (struct tls_staple){.next = c->staples, .leaf = leaf, .until = until, .n = (int)der.n};
	memcpy(s->der, der.p, der.n);
	c->staples = s;
	SSL_CTX_set_tlsext_status_cb(c->ctx, on_status);
	SSL_CTX_set_tlsext_status_arg(c->ctx, c);
}

void tls_staple_add(struct tls_context *c, struct str base64)
{
	STACK_OF(X509) *chain = NULL;
	X509 *leaf = SSL_CTX_get0_certificate(c->ctx);
	time_t until = 0;
	SSL_CTX_get0_chain_certs(c->ctx, &chain);
	const X509 *issuer = sk_X509_num(chain) > 0 ? sk_X509_value(chain, 0) : NULL;
	struct str der = tls_ocsp_decode(base64);
	if (der.n > 0 && leaf && !tls_ocsp_problem(der, leaf, issuer, time(NULL), &until))
		keep(c, leaf, der, until);
	free((void *)(uintptr_t)der.p);
}

void tls_staples_free(struct tls_staple *staples)
{
	while (staples) {
		struct tls_staple *next = staples->next;
		free(staples);
		staples = next;
	}
}
