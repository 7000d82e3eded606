/* SPDX-License-Identifier: Apache-2.0 */
#include "util/jose_claims.h"

#include "sluice/text.h"

/* Beyond it a double tells no seconds any more; the year 285,428,751. */
#define TIME_MAX 9007199254740992.0

/* A NumericDate, which may have a fraction. 0: it is none. */
static int time_read(const struct jose_value *v, double *at)
{
	*at = jose_number(v);
	return jose_type_of(v) == JOSE_NUMBER && *at >= 0 && *at <= TIME_MAX;
}

static const char *times_problem(
	const struct jose_value *claims, const struct jose_claims_rules *rules, int64_t now_s)
{
	const struct jose_value *exp = jose_get(claims, "exp"), *nbf = jose_get(claims, "nbf"),
				*iat = jose_get(claims, "iat");
	double now = (double)now_s, skew = (double)rules->skew_s, at;
	if (!exp && rules->is_exp_required)
		return "it has no exp";
	if (!nbf && rules->is_nbf_required)
		return "it has no nbf";
	if (exp && !time_read(exp, &at))
		return "its exp is no time";
	if (exp && now >= at + skew)
		return "it has expired";
	if (nbf && !time_read(nbf, &at))
		return "its nbf is no time";
	if (nbf && now + skew < at)
		return "it is not valid yet";
	if (iat && !time_read(iat, &at))
		return "its iat is no time";
	return iat && now + skew < at ? "it was issued in the future" : NULL;
}

static int is_among(struct sluice_str s, const struct sluice_str *list, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (sluice_equal(s, list[i]))
			return 1;
	return 0;
}

/* Of one text, or of a list of texts; *is_ours: one of them is for us. */
static int audience_read(
	const struct jose_value *aud, const struct jose_claims_rules *rules, int *is_ours)
{
	struct sluice_str only = jose_text(aud);
	*is_ours = only.p && is_among(only, rules->audiences, rules->audience_count);
	if (only.p || jose_type_of(aud) != JOSE_LIST)
		return only.p != NULL;
	for (size_t i = 0; i < jose_count(aud); i++) {
		struct sluice_str one = jose_text(jose_at(aud, i));
		if (!one.p)
			return 0;
		*is_ours |= is_among(one, rules->audiences, rules->audience_count);
	}
	return 1;
}

static const char *parties_problem(
	const struct jose_value *claims, const struct jose_claims_rules *rules)
{
	const struct jose_value *aud = jose_get(claims, "aud"), *iss = jose_get(claims, "iss");
	struct sluice_str issuer = jose_text(iss);
	int is_ours = 0;
	if (iss && !issuer.p)
		return "its iss is no text";
	if (rules->issuers && (!iss || !is_among(issuer, rules->issuers, rules->issuer_count)))
		return "it is of another issuer";
	if (!aud)
		return rules->is_aud_required ? "it has no aud" : NULL;
	if (!audience_read(aud, rules, &is_ours))
		return "its aud is no text, and no list of texts";
	return rules->audiences && !is_ours ? "it is for another audience" : NULL;
}

const char *jose_claims_problem(
	const struct jose_value *claims, const struct jose_claims_rules *rules, int64_t now_s)
{
	const struct jose_value *sub = jose_get(claims, "sub");
	if (sub && jose_type_of(sub) != JOSE_TEXT)
		return "its sub is no text";
	const char *problem = times_problem(claims, rules, now_s);
	return problem ? problem : parties_problem(claims, rules);
}
