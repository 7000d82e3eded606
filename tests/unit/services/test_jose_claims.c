/* SPDX-License-Identifier: Apache-2.0 */
#include "unit.h"

#include "util/jose_claims.h"

#define COUNT(rows) (sizeof(rows) / sizeof((rows)[0]))
#define NOW         1000000

struct row {
	const char *claims;
	const char *problem; /* NULL: none */
};

static void assert_rows(const struct row *rows, size_t n, const struct jose_claims_rules *rules)
{
	for (size_t i = 0; i < n; i++) {
		struct jose_value *claims;
		struct sluice_str text = {rows[i].claims, strlen(rows[i].claims)};
		ck_assert_msg(jose_object_read(text, &claims) == SLUICE_OK, "row %zu", i);
		const char *problem = jose_claims_problem(claims, rules, NOW);
		ck_assert_msg(rows[i].problem ? problem && strcmp(problem, rows[i].problem) == 0
					      : !problem,
			"row %zu: %s", i, problem ? problem : "(none)");
		jose_object_free(claims);
	}
}

START_TEST(times_count_up_to_the_skew)
{
	static const struct row rows[] = {
		{"{}", NULL},
		{"{\"exp\":1000000}", NULL},
		{"{\"exp\":999941}", NULL},
		{"{\"exp\":999940.5}", NULL},
		{"{\"exp\":999940}", "it has expired"},
		{"{\"exp\":0}", "it has expired"},
		{"{\"exp\":-1}", "its exp is no time"},
		{"{\"exp\":\"2000000\"}", "its exp is no time"},
		{"{\"exp\":null}", "its exp is no time"},
		{"{\"exp\":true}", "its exp is no time"},
		{"{\"exp\":[2000000]}", "its exp is no time"},
		{"{\"exp\":9223372036854775807}", "its exp is no time"},
		{"{\"exp\":1e300}", "its exp is no time"},
		{"{\"exp\":9007199254740992}", NULL},
		{"{\"nbf\":1000060}", NULL},
		{"{\"nbf\":1000060.5}", "it is not valid yet"},
		{"{\"nbf\":1000061}", "it is not valid yet"},
		{"{\"nbf\":\"0\"}", "its nbf is no time"},
		{"{\"iat\":1000060}", NULL},
		{"{\"iat\":1000061}", "it was issued in the future"},
		{"{\"iat\":{}}", "its iat is no time"},
	};
	assert_rows(rows, COUNT(rows), &(struct jose_claims_rules){.skew_s = 60});
}
END_TEST

START_TEST(what_is_required_has_to_be_there)
{
	static const struct row rows[] = {
		{"{\"exp\":1000001,\"nbf\":1000000,\"aud\":[]}", NULL},
		{"{\"nbf\":1000000,\"aud\":\"a\"}", "it has no exp"},
		{"{\"exp\":1000001,\"aud\":\"a\"}", "it has no nbf"},
		{"{\"exp\":1000001,\"nbf\":1000000}", "it has no aud"},
		{"{\"exp\":1000000,\"nbf\":1000000,\"aud\":\"a\"}", "it has expired"},
		{"{\"exp\":1000001,\"nbf\":1000001,\"aud\":\"a\"}", "it is not valid yet"},
	};
	assert_rows(rows, COUNT(rows),
		&(struct jose_claims_rules){
			.is_exp_required = 1, .is_nbf_required = 1, .is_aud_required = 1});
}
END_TEST

START_TEST(parties_are_compared_byte_by_byte)
{
	static const struct sluice_str ours[] = {{"https://a", 9}, {"b", 1}};
	static const struct row rows[] = {
		{"{\"iss\":\"b\"}", NULL},
		{"{\"iss\":\"https://a\",\"aud\":\"b\"}", NULL},
		{"{\"iss\":\"b\",\"aud\":[\"x\",\"https://a\"]}", NULL},
		{"{\"iss\":\"b\",\"aud\":[]}", "it is for another audience"},
		{"{\"iss\":\"b\",\"aud\":[\"https://a/\",\"https://A\",\"\"]}",
			"it is for another audience"},
		{"{\"iss\":\"b\",\"aud\":\"https://a.evil\"}", "it is for another audience"},
		{"{\"iss\":\"b\",\"aud\":[\"b\",7]}", "its aud is no text, and no list of texts"},
		{"{\"iss\":\"b\",\"aud\":null}", "its aud is no text, and no list of texts"},
		{"{\"iss\":\"b\",\"aud\":{\"b\":1}}", "its aud is no text, and no list of texts"},
		{"{}", "it is of another issuer"},
		{"{\"iss\":\"\"}", "it is of another issuer"},
		{"{\"iss\":\"B\"}", "it is of another issuer"},
		{"{\"iss\":[\"b\"]}", "its iss is no text"},
		{"{\"iss\":\"b\",\"sub\":7}", "its sub is no text"},
	};
	assert_rows(rows, COUNT(rows),
		&(struct jose_claims_rules){.audiences = ours,
			.audience_count = 2,
			.issuers = ours,
			.issuer_count = 2});
}
END_TEST

UNIT_SUITE(jose_claims, times_count_up_to_the_skew, what_is_required_has_to_be_there,
	parties_are_compared_byte_by_byte)
