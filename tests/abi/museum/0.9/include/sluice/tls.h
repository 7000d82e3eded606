/* SPDX-License-Identifier: Apache-2.0 */
/* sluice/tls.h - the service "sluice.tls/1": who the client is by its certificate.
 *
 * Where the tls policy asks clients for certificates, whoever gets through has one that an authority
 * of its configuration vouches for. Which of them may do what is for a policy to say.
 */
#ifndef SLUICE_TLS_H
#define SLUICE_TLS_H

#include "sluice/sluice.h"

#ifdef __cplusplus
extern "C" {
#endif

#define SLUICE_TLS_SERVICE "sluice.tls/1"

struct sluice_certificate {
	uint32_t size; /* set by the caller */
	uint32_t reserved;
	struct sluice_str subject, issuer; /* RFC 2253, UTF-8: "CN=till 7,O=Shop" */
	struct sluice_str common_name;     /* of the subject, the most specific; may be empty */
	struct sluice_str serial;          /* hexadecimal, upper case */
	struct sluice_str fingerprint;     /* SHA-256 of the certificate, hexadecimal, lower case */
	int64_t not_before_s, not_after_s; /* since 1970 */
};

/* Names of a certificate's subjectAltName. */
enum { SLUICE_NAME_DNS, SLUICE_NAME_URI, SLUICE_NAME_EMAIL, SLUICE_NAME_ADDRESS };

struct sluice_tls_service {
	uint32_t size;
	uint32_t reserved;

	/* Exchange callbacks. SLUICE_E_NOT_FOUND: the client came without a certificate, or without
	 * TLS; SLUICE_E_FULL: the exchange's memory is spent; SLUICE_E_INVALID: `certificate` is too
	 * short. Texts last as long as the exchange. The first call of an exchange costs 0.1 ms. */
	int32_t (*client_certificate)(
		struct sluice_exchange *exchange, struct sluice_certificate *certificate);
	/* Exchange callbacks. The names of that certificate, one with each call: start with *at = 0.
	 * `kind` (may be NULL) gets SLUICE_NAME_*. SLUICE_E_NOT_FOUND at the end, and as above. Names
	 * of other kinds, and those that hold control characters, are left out. */
	int32_t (*client_name_next)(struct sluice_exchange *exchange, uint32_t *at, uint32_t *kind,
		struct sluice_str *value);
	/* Exchange callbacks. The whole certificate, as DER. */
	int32_t (*client_certificate_der)(
		struct sluice_exchange *exchange, struct sluice_str *der);
};

#ifdef __cplusplus
}
#endif
#endif
