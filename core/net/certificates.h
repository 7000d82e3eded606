/* SPDX-License-Identifier: Apache-2.0 */
/* net/certificates.h - what is questionable about certificates that can be used all the same.
 *
 * Whether somebody accepts them is for the other side to say, so these are warnings: one that is
 * expired or not yet valid, a chain that is out of order, an authority that is none, a name that it
 * is not for; a revocation list that is out of date.
 */
#pragma once

#include "base/str.h"

#include <time.h>

/* One sentence. */
typedef void certificates_fn(void *arg, const char *message);

/* Of PEM texts that are usable (net/tls.h); `now` is what validity counts by. */
void certificates_check_chain(struct str pem, time_t now, certificates_fn *fn, void *arg);
void certificates_check_authorities(struct str pem, time_t now, certificates_fn *fn, void *arg);
void certificates_check_revocations(struct str pem, time_t now, certificates_fn *fn, void *arg);
/* Whether clients can use that OCSP response (base64) for the leaf of `pem`. */
void certificates_check_ocsp(
	struct str pem, struct str ocsp, time_t now, certificates_fn *fn, void *arg);
/* Whether the leaf of `pem` is for that server name, "shop.test" or "*.shop.test". */
void certificates_check_host(struct str pem, struct str host, certificates_fn *fn, void *arg);
