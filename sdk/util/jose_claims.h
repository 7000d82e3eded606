/* SPDX-License-Identifier: Apache-2.0 */
/* util/jose_claims.h - whether the registered claims of a token allow its use now and here (RFC 7519 section 4.1).
 *
 * Texts are compared byte by byte. A claim of another type than its own is refused, whether or not a rule is about it.
 *
 * Threads      pure.
 */
#pragma once

#include "util/jose_value.h"

struct jose_claims_rules {
	int64_t skew_s; /* how far two clocks may be apart */
	int is_exp_required, is_nbf_required;
	/* One of them has to be among the token's; NULL: any will do, and none. */
	const struct sluice_str *audiences;
	size_t audience_count;
	int is_aud_required; /* else a token without one is taken */
	const struct sluice_str
		*issuers; /* its `iss` is one of them; NULL: any will do, and none */
	size_t issuer_count;
};

/* NULL: they do. Else what is wrong, in a few words. `now_s` is seconds since 1970. An `iat` of the future is refused:
 * one of the clocks cannot be relied on. */
const char *jose_claims_problem(
	const struct jose_value *claims, const struct jose_claims_rules *rules, int64_t now_s);
