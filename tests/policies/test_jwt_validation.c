/* SPDX-License-Identifier: Apache-2.0 */
#include "policy.h"

#include <openssl/evp.h>
#include <openssl/hmac.h>

#define NAME   "jwt-validation"
#define SECRET "0123456789abcdef0123456789abcdef"
#define HS     "signingMethod: hmac, textKey: " SECRET
#define FREE   ", skipClientIdValidation: true"
#define HEADER "{\"alg\":\"HS256\"}"

/* --- tokens ---------------------------------------------------------------------------------- */
static size_t encode(const void *bytes, size_t n, char *out)
{
	int length = EVP_EncodeBlock((unsigned char *)out, bytes, (int)n);
	for (int i = 0; i < length; i++)
		out[i] = (char)(out[i] == '+' ? '-' : out[i] == '/' ? '_' : out[i]);
	while (length > 0 && out[length - 1] == '=')
		length--;
	out[length] = '\0';
	return (size_t)length;
}

/* By HMAC with SHA-256, whatever the header says; in a buffer of its own. */
static const char *token(const char *header, const char *claims)
{
	static char text[40000];
	unsigned char mac[32];
	size_t n = encode(header, strlen(header), text);
	text[n++] = '.';
	n += encode(claims, strlen(claims), text + n);
	HMAC(EVP_sha256(), SECRET, (int)strlen(SECRET), (const unsigned char *)text, n, mac, NULL);
	text[n++] = '.';
	encode(mac, sizeof(mac), text + n);
	return text;
}

static enum sluice_test_outcome ask(struct visit *v, const char *text)
{
	char *field = NULL;
	visit_begin(v, "GET", "/");
	if (text) {
		field = malloc(strlen(text) + 8);
		snprintf(field, strlen(text) + 8, "Bearer %s", text);
		visit_field(v, REQ, "authorization", field);
	}
	enum sluice_test_outcome outcome = visit_send(v, NULL);
	free(field);
	return outcome;
}

static void assert_invalid(struct visit *v, const char *why)
{
	visit_assert_answer(v, 401, "jwt_invalid");
	const char *challenge = visit_answered(v, "www-authenticate");
	ck_assert_msg(strstr(challenge, why) != NULL, "%s", challenge);
	ck_assert_str_eq(sluice_test_fact(v->x, SLUICE_FACT_PRINCIPAL), "");
	ck_assert_ptr_null(sluice_test_claim(v->x, "sub"));
}

/* --- what a token has to be ------------------------------------------------------------------ */
START_TEST(a_token_of_the_secret_tells_who_it_is)
{
	struct visit *v = visit_policy(NAME, NAME, "{" HS FREE "}");
	ck_assert_int_eq(
		ask(v, token(HEADER, "{\"sub\":\"ann\",\"client_id\":\"shop\",\"n\":1}")), PASSED);
	ck_assert_str_eq(sluice_test_fact(v->x, SLUICE_FACT_PRINCIPAL), "ann");
	ck_assert_str_eq(sluice_test_fact(v->x, SLUICE_FACT_CLIENT_ID), "shop");
	ck_assert_str_eq(sluice_test_claim(v->x, "n"), "1");
	ck_assert_int_eq(ask(v, token(HEADER, "{}")), PASSED);
	ck_assert_str_eq(sluice_test_fact(v->x, SLUICE_FACT_PRINCIPAL), "");
	visit_leave(v);
}
END_TEST

START_TEST(a_request_without_a_token_is_400)
{
	static const char *const fields[] = {NULL, "", "Bearer", "Basic YTpi", "bearer"};
	struct visit *v = visit_policy(NAME, NAME, "{" HS FREE "}");
	for (size_t i = 0; i < COUNT(fields); i++) {
		visit_begin(v, "GET", "/");
		if (fields[i])
			visit_field(v, REQ, "authorization", fields[i]);
		ck_assert_int_eq(visit_send(v, NULL), ANSWERED);
		visit_assert_answer(v, 400, "jwt_missing");
		ck_assert_str_eq(visit_answered(v, "www-authenticate"), "Bearer");
	}
	ck_assert_uint_eq(sluice_test_counter(v->t, 0, "jwt_refused"), COUNT(fields));
	visit_leave(v);
}
END_TEST

/* From a client the gateway takes no two: they come from a policy before this one. */
START_TEST(of_two_tokens_none_counts)
{
	struct visit *v = visit_policy(NAME, NAME, "{" HS FREE "}");
	char field[600];
	snprintf(field, sizeof(field), "Bearer %s", token(HEADER, "{}"));
	visit_begin(v, "GET", "/");
	visit_field(v, REQ, "authorization", field);
	visit_field(v, REQ, "authorization", field);
	ck_assert_int_eq(visit_send(v, NULL), ANSWERED);
	visit_assert_answer(v, 400, "jwt_ambiguous");
	ck_assert_str_eq(visit_answered(v, "www-authenticate"), "Bearer error=\"invalid_request\"");
	visit_leave(v);
}
END_TEST

START_TEST(a_header_asks_for_nothing)
{
	static const struct {
		const char *header, *why;
	} rows[] = {
		{"{\"alg\":\"none\"}", "signature"},
		{"{\"alg\":\"None\"}", "algorithm"},
		{"{\"alg\":\"nOnE\"}", "algorithm"},
		{"{\"alg\":\"hs256\"}", "algorithm"},
		{"{}", "algorithm"},
		{"{\"alg\":[\"HS256\"]}", "algorithm"},
		{"{\"alg\":\"HS512\"}", "not taken here"},
		{"{\"alg\":\"RS256\"}", "not taken here"},
		{"{\"alg\":\"HS256\",\"crit\":[\"exp\"]}", "extension"},
		{"{\"alg\":\"HS256\",\"b64\":false}", "extension"},
		{"{\"alg\":\"HS256\",\"zip\":\"DEF\"}", "extension"},
		{"{\"alg\":\"dir\",\"enc\":\"A128GCM\"}", "algorithm"},
		{"{\"alg\":\"PBES2-HS256+A128KW\",\"p2c\":100000000}", "algorithm"},
		{"{\"alg\":\"HS256\",\"alg\":\"HS256\"}", "no JSON object"},
		{"{\"alg\":\"HS256\"", "no JSON object"},
		{"{\"alg\":\"HS256\",\"kid\":7}", "kid"},
		{"{\"alg\":\"HS256\",\"kid\":\"\\u0000\"}", "no JSON object"},
	};
	struct visit *v = visit_policy(NAME, NAME, "{" HS FREE "}");
	for (size_t i = 0; i < COUNT(rows); i++) {
		ck_assert_msg(
			ask(v, token(rows[i].header, "{}")) == SLUICE_TEST_ANSWERED, "row %zu", i);
		assert_invalid(v, rows[i].why);
	}
	/* keys that a header brings or points to are passed over */
	ck_assert_int_eq(
		ask(v, token("{\"alg\":\"HS256\",\"jku\":\"http://127.0.0.1:1/\",\"jwk\":{},"
			     "\"x5u\":\"http://127.0.0.1:1/\",\"x5c\":[],"
			     "\"kid\":\"../../etc/passwd' or 1=1\"}",
			       "{}")),
		PASSED);
	visit_leave(v);
}
END_TEST

START_TEST(a_token_is_as_it_was_written)
{
	struct visit *v = visit_policy(NAME, NAME, "{" HS FREE "}");
	char good[600], bad[700];
	snprintf(good, sizeof(good), "%s", token(HEADER, "{\"sub\":\"ann\"}"));
	size_t n = strlen(good);
	static const struct {
		const char *before, *behind, *why;
	} rows[] = {{"", "=", "base64url"}, {"", ".", "three parts"}, {".", "", "three parts"},
		{"", "+", "base64url"}, {"", "AAAA", "signature"}, {"", "/", "base64url"}};
	for (size_t i = 0; i < COUNT(rows); i++) {
		snprintf(bad, sizeof(bad), "%s%s%s", rows[i].before, good, rows[i].behind);
		ck_assert_msg(ask(v, bad) == SLUICE_TEST_ANSWERED, "row %zu", i);
		assert_invalid(v, rows[i].why);
	}
	for (size_t i = 0; i < n; i++) {
		snprintf(bad, sizeof(bad), "%s", good);
		bad[i] = (char)(bad[i] == 'A' ? 'B' : 'A');
		ck_assert_msg(ask(v, bad) == SLUICE_TEST_ANSWERED, "byte %zu", i);
		visit_assert_answer(v, 401, "jwt_invalid");
	}
	ck_assert_int_eq(ask(v, good), PASSED);
	visit_leave(v);
}
END_TEST

START_TEST(a_token_has_a_longest)
{
	struct visit *v = visit_policy(NAME, NAME, "{" HS FREE ", maxTokenBytes: 200}");
	char claims[400];
	snprintf(claims, sizeof(claims), "{\"a\":\"%0120d\"}", 0);
	ck_assert_int_eq(ask(v, token(HEADER, claims)), ANSWERED);
	assert_invalid(v, "too long");
	ck_assert_int_eq(ask(v, token(HEADER, "{\"a\":\"0\"}")), PASSED);
	visit_leave(v);
}
END_TEST

/* --- claims ---------------------------------------------------------------------------------- */
START_TEST(registered_claims_are_judged_strictly)
{
	static const struct {
		const char *claims, *why; /* NULL: passes */
	} rows[] = {
		{"{\"exp\":9007199254740991,\"nbf\":0,\"aud\":\"a\",\"iss\":\"i\"}", NULL},
		{"{\"exp\":9007199254740991.5,\"nbf\":0,\"aud\":[\"z\",\"b\"],\"iss\":\"j\"}",
			NULL},
		{"{\"nbf\":0,\"aud\":\"a\",\"iss\":\"i\"}", "no exp"},
		{"{\"exp\":\"9007199254740991\",\"nbf\":0,\"aud\":\"a\",\"iss\":\"i\"}", "no time"},
		{"{\"exp\":-1,\"nbf\":0,\"aud\":\"a\",\"iss\":\"i\"}", "no time"},
		{"{\"exp\":1e300,\"nbf\":0,\"aud\":\"a\",\"iss\":\"i\"}", "no time"},
		{"{\"exp\":null,\"nbf\":0,\"aud\":\"a\",\"iss\":\"i\"}", "no time"},
		{"{\"exp\":1,\"nbf\":0,\"aud\":\"a\",\"iss\":\"i\"}", "expired"},
		{"{\"exp\":NaN,\"nbf\":0,\"aud\":\"a\",\"iss\":\"i\"}", "no JSON"},
		{"{\"exp\":9007199254740991,\"aud\":\"a\",\"iss\":\"i\"}", "no nbf"},
		{"{\"exp\":9007199254740991,\"nbf\":9007199254740991,\"aud\":\"a\",\"iss\":\"i\"}",
			"not valid yet"},
		{"{\"exp\":9007199254740991,\"nbf\":0,\"iat\":9007199254740991,\"aud\":\"a\","
		 "\"iss\":\"i\"}",
			"future"},
		{"{\"exp\":9007199254740991,\"nbf\":0,\"iss\":\"i\"}", "no aud"},
		{"{\"exp\":9007199254740991,\"nbf\":0,\"aud\":\"ab\",\"iss\":\"i\"}", "audience"},
		{"{\"exp\":9007199254740991,\"nbf\":0,\"aud\":[],\"iss\":\"i\"}", "audience"},
		{"{\"exp\":9007199254740991,\"nbf\":0,\"aud\":\"a\"}", "another issuer"},
		{"{\"exp\":9007199254740991,\"nbf\":0,\"aud\":\"a\",\"iss\":\"I\"}",
			"another issuer"},
		{"{\"exp\":9007199254740991,\"nbf\":0,\"aud\":\"a\",\"iss\":\"i\",\"exp\":1}",
			"no JSON"},
		{"[]", "no JSON"},
	};
	struct visit *v = visit_policy(NAME, NAME,
		"{" HS FREE
		", mandatoryExpClaim: true, mandatoryNbfClaim: true, validateAudClaim: true, "
		"mandatoryAudClaim: true, supportedAudiences: 'a, b', issuer: [i, j]}");
	for (size_t i = 0; i < COUNT(rows); i++) {
		enum sluice_test_outcome outcome = ask(v, token(HEADER, rows[i].claims));
		ck_assert_msg((outcome == SLUICE_TEST_PASSED) == !rows[i].why, "row %zu", i);
		if (rows[i].why)
			assert_invalid(v, rows[i].why);
	}
	visit_leave(v);
}
END_TEST

START_TEST(a_remembered_token_ends_all_the_same)
{
	struct visit *v = visit_policy(NAME, NAME, "{" HS FREE ", clockSkewSeconds: 10}");
	char text[700], claims[80];
	ck_assert_int_eq(ask(v, token(HEADER, "{}")), PASSED);
	/* the harness begins at 1,700,000,000 s */
	snprintf(claims, sizeof(claims), "{\"exp\":1700000100}");
	snprintf(text, sizeof(text), "%s", token(HEADER, claims));
	ck_assert_int_eq(ask(v, text), PASSED);
	ck_assert_int_eq(ask(v, text), PASSED);
	ck_assert_uint_eq(sluice_test_counter(v->t, 0, "jwt_remembered"), 1);
	sluice_test_advance(v->t, 111000);
	ck_assert_int_eq(ask(v, text), ANSWERED);
	assert_invalid(v, "expired");
	ck_assert_uint_eq(sluice_test_counter(v->t, 0, "jwt_remembered"), 2);
	visit_leave(v);
}
END_TEST

START_TEST(nothing_is_remembered_where_nothing_shall_be)
{
	struct visit *v = visit_policy(NAME, NAME, "{" HS FREE ", tokenCacheEntries: 0}");
	for (int i = 0; i < 3; i++)
		ck_assert_int_eq(ask(v, token(HEADER, "{}")), PASSED);
	ck_assert_uint_eq(sluice_test_counter(v->t, 0, "jwt_remembered"), 0);
	visit_leave(v);
}
END_TEST

START_TEST(further_claims_are_judged_by_text_and_by_expression)
{
	static const struct {
		const char *claims, *why;
	} rows[] = {
		{"{\"sub\":\"u\",\"role\":\"admin\",\"realm\":{\"level\":7}}", NULL},
		{"{\"sub\":\"u\",\"role\":\"admin\",\"realm.level\":7,\"team\":\"red\"}", NULL},
		{"{\"sub\":\"u\",\"role\":\"admin\",\"realm\":{\"level\":7},\"team\":\"blue\"}",
			"not as it has to be"},
		{"{\"sub\":\"u\",\"role\":\"Admin\",\"realm\":{\"level\":7}}",
			"not as it has to be"},
		{"{\"sub\":\"u\",\"realm\":{\"level\":7}}", "not there"},
		{"{\"sub\":\"u\",\"role\":\"admin\",\"realm\":{\"level\":3}}",
			"not as it has to be"},
		{"{\"sub\":\"u\",\"role\":\"admin\",\"realm\":7}", "not there"},
		{"{\"sub\":\"u\",\"role\":\"admin\",\"realm\":{}}", "not there"},
	};
	struct visit *v = visit_policy(NAME, NAME,
		"{" HS FREE ", validateCustomClaim: true, mandatoryCustomClaims: ["
		"{key: role, value: admin}, {key: realm.level, value: "
		"'#[(vars.claimSet.realm.level "
		"default 7) > 5]'}], nonMandatoryCustomClaims: [{key: team, value: \"#['re' ++ "
		"'d']\"}]}");
	for (size_t i = 0; i < COUNT(rows); i++) {
		enum sluice_test_outcome outcome = ask(v, token(HEADER, rows[i].claims));
		ck_assert_msg((outcome == SLUICE_TEST_PASSED) == !rows[i].why, "row %zu", i);
		if (rows[i].why)
			assert_invalid(v, rows[i].why);
	}
	visit_leave(v);
}
END_TEST

START_TEST(claims_go_to_the_upstream_and_no_clients_field_does)
{
	struct visit *v = visit_policy(NAME, NAME,
		"{" HS FREE
		", claimsToHeaders: [{claim: sub, header: x-user}, {claim: realm.roles, "
		"header: x-roles}]}");
	char field[600];
	snprintf(field, sizeof(field), "Bearer %s",
		token(HEADER, "{\"sub\":\"ann\",\"realm\":{\"roles\":[\"a\",\"b\"]}}"));
	visit_begin(v, "GET", "/");
	visit_field(v, REQ, "authorization", field);
	visit_field(v, REQ, "x-user", "root");
	ck_assert_int_eq(visit_send(v, NULL), PASSED);
	ck_assert_str_eq(visit_sent(v, "x-user"), "ann");
	ck_assert_str_eq(visit_sent(v, "x-roles"), "[\"a\",\"b\"]");
	snprintf(field, sizeof(field), "Bearer %s", token(HEADER, "{}"));
	visit_begin(v, "GET", "/");
	visit_field(v, REQ, "authorization", field);
	visit_field(v, REQ, "x-user", "root");
	ck_assert_int_eq(visit_send(v, NULL), PASSED);
	ck_assert_str_eq(visit_sent(v, "x-user"), "");
	ck_assert_int_eq(ask(v, token(HEADER, "{\"sub\":\"a\\r\\nx-admin: 1\"}")), ANSWERED);
	assert_invalid(v, "no value of a field");
	visit_leave(v);
}
END_TEST

/* --- clients --------------------------------------------------------------------------------- */
START_TEST(a_client_needs_a_contract_unless_none_is_asked_for)
{
	struct visit *v = visit_try(NAME, NAME, "{" HS "}");
	sluice_test_contract(v->t, "{id: shop, name: The shop}", NULL);
	ck_assert_str_eq(sluice_test_problems(v->t), "");
	ck_assert_int_eq(ask(v, token(HEADER, "{\"sub\":\"ann\",\"client_id\":\"shop\"}")), PASSED);
	ck_assert_str_eq(sluice_test_fact(v->x, SLUICE_FACT_PRINCIPAL), "ann");
	ck_assert_str_eq(sluice_test_fact(v->x, SLUICE_FACT_CLIENT_ID), "shop");
	ck_assert_str_eq(sluice_test_fact(v->x, SLUICE_FACT_CLIENT_NAME), "The shop");
	ck_assert_int_eq(ask(v, token(HEADER, "{\"sub\":\"ann\",\"client_id\":\"x\"}")), ANSWERED);
	visit_assert_answer(v, 401, "client_unknown");
	ck_assert_int_eq(ask(v, token(HEADER, "{\"sub\":\"ann\"}")), ANSWERED);
	visit_assert_answer(v, 401, "client_unknown");
	visit_leave(v);
}
END_TEST

/* --- other origins --------------------------------------------------------------------------- */
START_TEST(a_token_and_its_key_come_from_where_expressions_say)
{
	struct visit *v = visit_policy(NAME, NAME,
		"{signingMethod: hmac, skipClientIdValidation: true, jwtOrigin: customExpression, "
		"jwtExpression: '#[attributes.queryParams.jwt]', jwtKeyOrigin: customExpression, "
		"customKeyExpression: \"#[attributes.headers['x-key']]\"}");
	static const struct {
		const char *key, *why;
	} rows[] = {{SECRET, NULL}, {SECRET, NULL}, {SECRET "x", "signature"}, {"short", "no key"},
		{NULL, "no key"}, {SECRET, NULL}};
	char target[700];
	snprintf(target, sizeof(target), "/?jwt=%s", token(HEADER, "{\"sub\":\"ann\"}"));
	for (size_t i = 0; i < COUNT(rows); i++) {
		visit_begin(v, "GET", target);
		if (rows[i].key)
			visit_field(v, REQ, "x-key", rows[i].key);
		enum sluice_test_outcome outcome = visit_send(v, NULL);
		ck_assert_msg((outcome == SLUICE_TEST_PASSED) == !rows[i].why, "row %zu", i);
		if (rows[i].why)
			assert_invalid(v, rows[i].why);
	}
	ck_assert_uint_eq(sluice_test_counter(v->t, 0, "jwt_remembered"), 2);
	visit_begin(v, "GET", "/");
	ck_assert_int_eq(visit_send(v, NULL), ANSWERED);
	visit_assert_answer(v, 400, "jwt_missing");
	visit_leave(v);
}
END_TEST

START_TEST(without_signatures_only_where_that_is_said)
{
	struct visit *v =
		visit_policy(NAME, NAME, "{signingMethod: none, skipClientIdValidation: true}");
	ck_assert_ptr_nonnull(strstr(sluice_test_log(v->t), "signatures are not looked at"));
	/* {"alg":"none"}, {"sub":"ann"} */
	ck_assert_int_eq(ask(v, "eyJhbGciOiJub25lIn0.eyJzdWIiOiJhbm4ifQ."), PASSED);
	ck_assert_str_eq(sluice_test_fact(v->x, SLUICE_FACT_PRINCIPAL), "ann");
	ck_assert_int_eq(ask(v, "eyJhbGciOiJub25lIn0.eyJzdWIiOiJhbm4ifQ"), ANSWERED);
	assert_invalid(v, "three parts");
	visit_leave(v);
}
END_TEST

START_TEST(a_key_may_be_a_json_web_key)
{
	struct visit *v = visit_policy(NAME, NAME,
		"{signingMethod: hmac, skipClientIdValidation: true, textKey: "
		"'{\"keys\":[{\"kty\":\"oct\","
		"\"kid\":\"1\",\"k\":\"MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY\"}]}'}");
	ck_assert_int_eq(ask(v, token("{\"alg\":\"HS256\",\"kid\":\"1\"}", "{}")), PASSED);
	ck_assert_int_eq(ask(v, token(HEADER, "{}")), PASSED);
	ck_assert_int_eq(ask(v, token("{\"alg\":\"HS256\",\"kid\":\"2\"}", "{}")), ANSWERED);
	assert_invalid(v, "no key");
	visit_leave(v);
}
END_TEST

START_TEST(mistakes_are_told_at_their_place)
{
	static const struct {
		const char *config, *path, *text;
	} rows[] = {
		{"{}", "config", "asks for textKey"},
		{"{textKey: ''}", "config.textKey", "asks for textKey"},
		{"{textKey: abc}", "config.textKey", "no public key"},
		{"{signingMethod: hmac, textKey: short}", "config.textKey", "shorter than"},
		{"{signingMethod: hmac, signingKeyLength: 512, textKey: " SECRET "}",
			"config.textKey", "shorter than"},
		{"{jwtKeyOrigin: jwks}", "config", "asks for jwksUrl or discoveryUrl"},
		{"{jwtKeyOrigin: jwks, jwksUrl: 'http://a.example/x,http://b.example/y,'}",
			"config.jwksUrl", "number 3 is none"},
		{"{jwtKeyOrigin: jwks, jwksUrl: 'http://a,http://a,http://a,http://a,http://a,"
		 "http://a,http://a,http://a,http://a'}",
			"config.jwksUrl", "at most eight"},
		{"{jwtKeyOrigin: jwks, jwksUrl: []}", "config.jwksUrl", NULL},
		{"{jwtKeyOrigin: customExpression}", "config", "asks for customKeyExpression"},
		{"{" HS ", signingAlgorithms: [HS256]}", "config.signingAlgorithms", "either"},
		{"{signingAlgorithms: [HS256, RS256], textKey: " SECRET "}",
			"config.signingAlgorithms", "not both"},
		{"{" HS ", validateAudClaim: true}", "config.supportedAudiences", "audiences"},
		{"{" HS ", claimsToHeaders: [{claim: a, header: content-length}]}",
			"config.claimsToHeaders[0].header", "no field"},
		{"{" HS ", validateCustomClaim: true, mandatoryCustomClaims: [{key: a, value: "
		 "'#[payload.a]'}]}",
			"config.mandatoryCustomClaims[0].value", "payload"},
		{"{" HS ", jwtOrigin: customExpression, jwtExpression: x}", "config.jwtExpression",
			"same"},
	};
	for (size_t i = 0; i < COUNT(rows); i++)
		assert_refused(NAME, NAME, rows[i].config, rows[i].path, rows[i].text);
}
END_TEST

/* A token that somebody else wrote never passes. */
static void scenario(void *arg)
{
	(void)arg;
	struct visit *v = visit_try(NAME, NAME,
		"{" HS FREE
		", claimsToHeaders: [{claim: sub, header: x-user}], validateCustomClaim: true, "
		"mandatoryCustomClaims: [{key: sub, value: ann}]}");
	if (!sluice_test_problems(v->t)[0]) {
		ck_assert_int_ne(ask(v, "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJhbm4ifQ.AAAA"), PASSED);
		ck_assert_int_ne(ask(v, token(HEADER, "{\"sub\":\"bob\"}")), PASSED);
		ask(v, token(HEADER, "{\"sub\":\"ann\",\"client_id\":\"c\"}"));
	}
	visit_leave(v);
}

START_TEST(never_fails_open)
{
	assert_faults(scenario, NULL);
}
END_TEST

UNIT_SUITE(jwt_validation, a_token_of_the_secret_tells_who_it_is, a_request_without_a_token_is_400,
	of_two_tokens_none_counts, a_header_asks_for_nothing, a_token_is_as_it_was_written,
	a_token_has_a_longest, registered_claims_are_judged_strictly,
	a_remembered_token_ends_all_the_same, nothing_is_remembered_where_nothing_shall_be,
	further_claims_are_judged_by_text_and_by_expression,
	claims_go_to_the_upstream_and_no_clients_field_does,
	a_client_needs_a_contract_unless_none_is_asked_for,
	a_token_and_its_key_come_from_where_expressions_say,
	without_signatures_only_where_that_is_said, a_key_may_be_a_json_web_key,
	mistakes_are_told_at_their_place, never_fails_open)
