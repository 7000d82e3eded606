/* SPDX-License-Identifier: Apache-2.0 */
/* crypto/certificate.h - what stands in an X.509 certificate, as text. */
#pragma once

#include "base/arena.h"

/* Of a subjectAltName (RFC 5280 section 4.2.1.6): those that have a text. */
enum certificate_name_kind {
	CERTIFICATE_DNS,
	CERTIFICATE_URI,
	CERTIFICATE_EMAIL,
	CERTIFICATE_ADDRESS
};

struct certificate_name {
	enum certificate_name_kind kind;
	struct str value; /* an address as text; of others, what holds control characters is left out */
};

/* All in the arena. */
struct certificate_facts {
	struct str subject, issuer; /* RFC 2253, UTF-8; control characters escaped */
	struct str common_name;     /* the subject's most specific; STR_EMPTY: it has none */
	struct str serial;          /* hexadecimal, upper case */
	struct str fingerprint;     /* SHA-256 of the whole, hexadecimal, lower case */
	int64_t not_before_s, not_after_s; /* since 1970 */
	const struct certificate_name *names;
	size_t name_count;
};

/* RC_INVALID: that is not one certificate and nothing else. RC_FULL: the arena is spent. Any thread. */
MUST_USE enum rc certificate_read(
	struct str der, struct arena *arena, struct certificate_facts *out);
