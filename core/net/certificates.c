/* SPDX-License-Identifier: Apache-2.0 */
#include "net/certificates.h"

#include "base/memory.h"
#include "net/tls_priv.h"

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include <stdio.h>
#include <stdlib.h>

#define CERTIFICATES_MAX 1000
#define SUBJECT_BYTES    160

struct look {
	certificates_fn *fn;
	void *arg;
	time_t now;
	const char *noun; /* NULL: they are certificates */
	unsigned number;  /* of the certificate, from 1 */
	X509 *certificate;
	char subject[SUBJECT_BYTES];
};

static void tell(const struct look *l, const char *what)
{
	char message[400];
	snprintf(message, sizeof(message), "%s %u (%s) %s", l->noun ? l->noun : "certificate",
		l->number, l->subject, what);
	l->fn(l->arg, message);
}

static void tell_time(const struct look *l, const char *what, const ASN1_TIME *at)
{
	struct tm tm;
	char when[32] = "?", text[120];
	if (ASN1_TIME_to_tm(at, &tm))
		strftime(when, sizeof(when), "%Y-%m-%dT%H:%M:%SZ", &tm);
	snprintf(text, sizeof(text), "%s %s", what, when);
	tell(l, text);
}

static void check_validity(struct look *l)
{
	const ASN1_TIME *from = X509_get0_notBefore(l->certificate);
	const ASN1_TIME *to = X509_get0_notAfter(l->certificate);
	if (X509_cmp_time(from, &l->now) > 0)
		tell_time(l, "is not valid before", from);
	if (X509_cmp_time(to, &l->now) < 0)
		tell_time(l, "has expired:", to);
}

static X509 *next(BIO *bio, struct look *l)
{
	if (!bio || l->number == CERTIFICATES_MAX)
		return NULL;
	l->certificate = PEM_read_bio_X509(bio, NULL, NULL, NULL);
	ERR_clear_error();
	if (!l->certificate)
		return NULL;
	l->number++;
	X509_NAME_oneline(X509_get_subject_name(l->certificate), l->subject, sizeof(l->subject));
	return l->certificate;
}

static BIO *bio_of(struct str pem)
{
	return pem.n > 0 ? BIO_new_mem_buf(pem.p, (int)pem.n) : NULL;
}

void certificates_check_chain(struct str pem, time_t now, certificates_fn *fn, void *arg)
{
	struct look l = {.fn = fn, .arg = arg, .now = now};
	BIO *bio = bio_of(pem);
	X509 *former = NULL, *certificate;
	while ((certificate = next(bio, &l))) {
		check_validity(&l);
		if (former && X509_check_issued(certificate, former) != X509_V_OK)
			tell(&l, "did not issue the one before it: a chain goes from the leaf "
				 "upwards");
		X509_free(former);
		former = certificate;
	}
	X509_free(former);
	BIO_free(bio);
	ERR_clear_error();
}

void certificates_check_authorities(struct str pem, time_t now, certificates_fn *fn, void *arg)
{
	struct look l = {.fn = fn, .arg = arg, .now = now};
	BIO *bio = bio_of(pem);
	X509 *certificate;
	while ((certificate = next(bio, &l))) {
		check_validity(&l);
		if (X509_check_ca(certificate) == 0)
			tell(&l, X509_check_issued(certificate, certificate) == X509_V_OK
					 ? "is no authority (basicConstraints): it vouches for "
					   "itself alone"
					 : "is no authority (basicConstraints): it vouches for "
					   "nobody");
		X509_free(certificate);
	}
	BIO_free(bio);
	ERR_clear_error();
}

void certificates_check_revocations(struct str pem, time_t now, certificates_fn *fn, void *arg)
{
	struct look l = {.fn = fn, .arg = arg, .now = now, .noun = "revocation list"};
	BIO *bio = bio_of(pem);
	X509_CRL *list;
	while (bio && l.number++ < CERTIFICATES_MAX &&
		(list = PEM_read_bio_X509_CRL(bio, NULL, NULL, NULL))) {
		const ASN1_TIME *from = X509_CRL_get0_lastUpdate(list);
		const ASN1_TIME *to = X509_CRL_get0_nextUpdate(list);
		X509_NAME_oneline(X509_CRL_get_issuer(list), l.subject, sizeof(l.subject));
		if (X509_cmp_time(from, &now) > 0)
			tell_time(&l, "lets no client in before", from);
		if (to && X509_cmp_time(to, &now) < 0)
			tell_time(&l, "is out of date and lets no client in:", to);
		X509_CRL_free(list);
	}
	BIO_free(bio);
	ERR_clear_error();
}

void certificates_check_host(struct str pem, struct str host, certificates_fn *fn, void *arg)
{
	struct look l = {.fn = fn, .arg = arg};
	BIO *bio = bio_of(pem);
	X509 *leaf = next(bio, &l);
	char text[SUBJECT_BYTES];
	/* A wildcard is asked for by a name that only it can have. */
	bool is_wildcard = str_starts(host, STR("*."));
	char *name = is_wildcard ? heap_printf("sluice-any%.*s", STR_ARG(str_from(host, 1)))
				 : heap_strndup(host);
	if (leaf &&
		X509_check_host(leaf, name, 0, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS, NULL) != 1) {
		snprintf(text, sizeof(text), "is not for %.*s", STR_ARG(host));
		tell(&l, text);
	}
	free(name);
	X509_free(leaf);
	BIO_free(bio);
	ERR_clear_error();
}

void certificates_check_ocsp(
	struct str pem, struct str ocsp, time_t now, certificates_fn *fn, void *arg)
{
	struct look l = {.fn = fn, .arg = arg};
	char message[160];
	time_t until;
	BIO *bio = bio_of(pem);
	X509 *leaf = next(bio, &l), *issuer = leaf ? next(bio, &l) : NULL;
	struct str der = tls_ocsp_decode(ocsp);
	const char *problem = leaf ? tls_ocsp_problem(der, leaf, issuer, now, &until) : NULL;
	if (problem) {
		snprintf(message, sizeof(message), "it %s, and is not stapled", problem);
		fn(arg, message);
	}
	free((void *)(uintptr_t)der.p);
	X509_free(issuer);
	X509_free(leaf);
	BIO_free(bio);
	ERR_clear_error();
}
