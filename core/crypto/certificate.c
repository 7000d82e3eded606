/* SPDX-License-Identifier: Apache-2.0 */
#include "crypto/certificate.h"

#include "crypto/crypto.h"

#include <openssl/err.h>
#include <openssl/x509v3.h>

#include <arpa/inet.h>
#include <time.h>

/* As RFC 2253 writes names, but with UTF-8 as it is. */
#define NAME_FLAGS ((unsigned long)(XN_FLAG_RFC2253 & ~ASN1_STRFLGS_ESC_MSB))

static struct str distinguished_name(const X509_NAME *name, struct arena *arena)
{
	struct str text = STR_EMPTY;
	char *p;
	BIO *bio = BIO_new(BIO_s_mem());
	if (bio && X509_NAME_print_ex(bio, name, 0, NAME_FLAGS) >= 0) {
		long n = BIO_get_mem_data(bio, &p);
		text = arena_copy(arena, str_n(p, n > 0 ? (size_t)n : 0));
	}
	BIO_free(bio);
	return text;
}

static bool is_printable(struct str s)
{
	for (size_t i = 0; i < s.n; i++)
		if ((unsigned char)s.p[i] < ' ' || s.p[i] == 0x7f)
			return false;
	return s.n > 0;
}

/* The last in order is the most specific. */
static struct str common_name(const X509_NAME *name, struct arena *arena)
{
	int at = -1, last = -1;
	while ((at = X509_NAME_get_index_by_NID(name, NID_commonName, at)) >= 0)
		last = at;
	if (last < 0)
		return STR_EMPTY;
	unsigned char *p;
	int n = ASN1_STRING_to_UTF8(&p, X509_NAME_ENTRY_get_data(X509_NAME_get_entry(name, last)));
	if (n < 0)
		return STR_EMPTY;
	struct str text = str_n((const char *)p, (size_t)n);
	text = is_printable(text) ? arena_copy(arena, text) : STR_EMPTY;
	OPENSSL_free(p);
	return text;
}

static struct str serial(const ASN1_INTEGER *number, struct arena *arena)
{
	BIGNUM *n = ASN1_INTEGER_to_BN(number, NULL);
	char *hex = n ? BN_bn2hex(n) : NULL;
	struct str text = hex ? arena_copy(arena, str_of(hex)) : STR_EMPTY;
	OPENSSL_free(hex);
	BN_free(n);
	return text;
}

static struct str fingerprint(struct str der, struct arena *arena)
{
	uint8_t digest[SHA256_BYTES];
	char hex[SHA256_BYTES * 2];
	sha256(der, digest);
	sha256_hex(digest, hex);
	return arena_copy(arena, str_n(hex, sizeof(hex)));
}

static int64_t seconds(const ASN1_TIME *at)
{
	struct tm tm;
	return ASN1_TIME_to_tm(at, &tm) ? (int64_t)timegm(&tm) : 0;
}

/* --- subjectAltName -------------------------------------------------------------------------- */
static struct str address_text(const ASN1_OCTET_STRING *bytes, struct arena *arena)
{
	char text[INET6_ADDRSTRLEN];
	int n = ASN1_STRING_length(bytes);
	if ((n != 4 && n != 16) ||
		!inet_ntop(n == 4 ? AF_INET : AF_INET6, ASN1_STRING_get0_data(bytes), text,
			sizeof(text)))
		return STR_EMPTY;
	return arena_copy(arena, str_of(text));
}

static struct str name_text(const ASN1_STRING *s, struct arena *arena)
{
	struct str text = str_n(
		(const char *)ASN1_STRING_get0_data(s), (size_t)ASN1_STRING_length(s));
	return is_printable(text) ? arena_copy(arena, text) : STR_EMPTY;
}

/* An empty value: nothing to be told. */
static struct certificate_name name_read(const GENERAL_NAME *name, struct arena *arena)
{
	switch (name->type) {
	case GEN_DNS:
		return (struct certificate_name){CERTIFICATE_DNS, name_text(name->d.dNSName, arena)};
	case GEN_URI:
		return (struct certificate_name){CERTIFICATE_URI,
			name_text(name->d.uniformResourceIdentifier, arena)};
	case GEN_EMAIL:
		return (struct certificate_name){
			CERTIFICATE_EMAIL, name_text(name->d.rfc822Name, arena)};
	case GEN_IPADD:
		return (struct certificate_name){
			CERTIFICATE_ADDRESS, address_text(name->d.iPAddress, arena)};
	default:
		return (struct certificate_name){CERTIFICATE_DNS, STR_EMPTY};
	}
}

static void read_names(X509 *x, struct arena *arena, struct certificate_facts *f)
{
	GENERAL_NAMES *names = X509_get_ext_d2i(x, NID_subject_alt_name, NULL, NULL);
	int count = names ? sk_GENERAL_NAME_num(names) : 0;
	struct certificate_name *list =
		count > 0 ? arena_alloc(arena, (size_t)count * sizeof(*list)) : NULL;
	for (int i = 0; list && i < count; i++) {
		struct certificate_name name = name_read(sk_GENERAL_NAME_value(names, i), arena);
		if (name.value.n)
			list[f->name_count++] = name;
	}
	f->names = list;
	GENERAL_NAMES_free(names);
}

enum rc certificate_read(struct str der, struct arena *arena, struct certificate_facts *out)
{
	const unsigned char *at = (const unsigned char *)der.p;
	X509 *x = der.n > 0 && der.n <= INT32_MAX ? d2i_X509(NULL, &at, (long)der.n) : NULL;
	enum rc rc = RC_INVALID;
	if (x && at == (const unsigned char *)der.p + der.n) {
		struct certificate_facts f = {
			.subject = distinguished_name(X509_get_subject_name(x), arena),
			.issuer = distinguished_name(X509_get_issuer_name(x), arena),
			.common_name = common_name(X509_get_subject_name(x), arena),
			.serial = serial(X509_get0_serialNumber(x), arena),
			.fingerprint = fingerprint(der, arena),
			.not_before_s = seconds(X509_get0_notBefore(x)),
			.not_after_s = seconds(X509_get0_notAfter(x)),
		};
		read_names(x, arena, &f);
		rc = arena->failed ? RC_FULL : RC_OK;
		if (rc == RC_OK)
			*out = f;
	}
	X509_free(x);
	ERR_clear_error();
	return rc;
}
