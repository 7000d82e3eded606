/* SPDX-License-Identifier: Apache-2.0 */
#include "unit.h"

#include "support.h"

#include "base/limits.h"
#include "policy/secrets.h"

#include <stdio.h>

/* --- names ----------------------------------------------------------------------------------- */
static int32_t name_all(struct probe *p, const struct sluice_call *call)
{
	static const struct {
		enum secret_part part;
		const char *name;
	} rows[] = {{SECRET_QUERY, "key"}, {SECRET_HEADER, "X-Key"}, {SECRET_COOKIE, "session"}};
	for (size_t i = 0; i < ARRAY_COUNT(rows); i++)
		ck_assert_int_eq(
			policy_secret_add(call->instance, rows[i].part, str_of(rows[i].name)),
			RC_OK);
	return SLUICE_OK;
}

static int32_t name_header(struct probe *p, const struct sluice_call *call)
{
	ck_assert_int_eq(policy_secret_add(call->instance, SECRET_HEADER, STR("x-other")), RC_OK);
	return SLUICE_OK;
}

static int32_t name_wrongly(struct probe *p, const struct sluice_call *call)
{
	char name[8];
	ck_assert_int_eq(policy_secret_add(call->instance, 0, STR("a")), RC_INVALID);
	ck_assert_int_eq(policy_secret_add(call->instance, 4, STR("a")), RC_INVALID);
	ck_assert_int_eq(policy_secret_add(call->instance, SECRET_QUERY, STR_EMPTY), RC_INVALID);
	for (int i = 0; i < LIMIT_SECRETS_PER_INSTANCE; i++) {
		snprintf(name, sizeof(name), "n%d", i);
		ck_assert_int_eq(
			policy_secret_add(call->instance, SECRET_QUERY, str_of(name)), RC_OK);
	}
	ck_assert_int_eq(policy_secret_add(call->instance, SECRET_QUERY, STR("more")), RC_FULL);
	return SLUICE_OK;
}

static struct bench *bench_with(int32_t (*configure)(struct probe *, const struct sluice_call *))
{
	struct bench *b = bench_new();
	struct probe *a = bench_probe(b);
	a->on[CALLBACK_REQUEST_HEAD] = probe_pass;
	struct probe *names = bench_probe(b);
	names->on[CALLBACK_REQUEST_HEAD] = probe_pass;
	names->configure = configure;
	bench_start(b);
	return b;
}

START_TEST(a_chain_knows_whether_it_has_secrets)
{
	static const struct {
		int32_t (*configure)(struct probe *, const struct sluice_call *);
		bool has, hides_queries;
	} rows[] = {{NULL, false, false}, {name_all, true, true}, {name_header, true, false},
		{name_wrongly, true, true}};
	for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
		struct bench *b = bench_with(rows[i].configure);
		ck_assert_int_eq(chain_has_secrets(b->chain), rows[i].has);
		ck_assert_int_eq(chain_hides_queries(b->chain), rows[i].hides_queries);
		bench_free(b);
	}
}
END_TEST

/* --- what is hidden -------------------------------------------------------------------------- */
static void ask(struct bench *b, const char *target)
{
	struct str query = str_of(target);
	b->request.target = str_of(target);
	str_cut(&query, '?');
	b->request.query = query;
	b->x.secrets = NULL;
}

static void assert_masked(struct bench *b, const char *text, const char *expected)
{
	struct buffer out;
	buffer_init(&out, 1000);
	struct str got = secrets_masked(&b->x, str_of(text), &out);
	ck_assert_msg(str_eq(got, str_of(expected)), "%.*s, expected %s", STR_ARG(got), expected);
	buffer_deinit(&out);
}

START_TEST(the_target_and_texts_show_no_secret)
{
	struct bench *b = bench_with(name_all);
	ask(b, "/a?x=1&KEY=top%2Dsecret&y=top-secret");
	ck_assert_int_eq(
		fields_add(&b->request.fields, STR("x-key"), STR("Bearer abcdefghij")), RC_OK);
	ck_assert_int_eq(fields_add(&b->request.fields, STR("Cookie"),
				 STR("a=b; Session = 0123456789 ; c=d")),
		RC_OK);
	chain_hide_secrets(&b->x, b->chain);
	assert_str(b->request.target, "/a?x=1&KEY=***&y=top-secret");
	assert_str(b->request.query, "x=1&KEY=top%2Dsecret&y=top-secret");
	assert_masked(b, "nothing", "nothing");
	assert_masked(b, "", "");
	assert_masked(b, "/a?x=1&KEY=top%2Dsecret, which is top-secret!",
		"/a?x=1&KEY=***, which is ***!");
	assert_masked(b, "Bearer abcdefghij", "***");
	assert_masked(b, "abcdefghijabcdefghi", "***abcdefghi");
	assert_masked(b, "a=b; Session = 0123456789 ; c=d", "a=b; Session = *** ; c=d");
	bench_free(b);
}
END_TEST

START_TEST(the_longest_of_secrets_is_taken_out)
{
	struct bench *b = bench_with(name_all);
	ask(b, "/a?key=abcdefgh&key=abcdefgh-and-more&key=short");
	chain_hide_secrets(&b->x, b->chain);
	assert_str(b->request.target, "/a?key=***&key=***&key=***");
	assert_masked(b, "abcdefgh abcdefgh-and-more short", "*** *** short");
	bench_free(b);
}
END_TEST

START_TEST(a_text_that_cannot_be_masked_is_not_shown)
{
	struct bench *b = bench_with(name_all);
	char target[4096] = "/?";
	for (int i = 0; i <= LIMIT_SECRETS_PER_EXCHANGE; i++)
		snprintf(target + strlen(target), sizeof(target) - strlen(target),
			"&key=secret-%d-secret", i);
	ask(b, target);
	chain_hide_secrets(&b->x, b->chain);
	assert_masked(b, "secret-32-secret",
		"not shown: the request has more secrets than can be taken out");
	struct buffer small;
	ask(b, "/?key=abcdefgh");
	chain_hide_secrets(&b->x, b->chain);
	buffer_init(&small, 4);
	assert_str(secrets_masked(&b->x, STR("12345 abcdefgh"), &small), "not shown: too long");
	buffer_deinit(&small);
	while (arena_alloc(&b->arena, 64))
		;
	ask(b, "/?key=abcdefgh");
	chain_hide_secrets(&b->x, b->chain);
	assert_str(b->request.target, "/");
	assert_masked(
		b, "abcdefgh", "not shown: the request has more secrets than can be taken out");
	/* A name that cannot be decoded may be a secret's. */
	ask(b, "/?k%65y=abcdefgh");
	chain_hide_secrets(&b->x, b->chain);
	assert_str(b->request.target, "/");
	assert_masked(
		b, "abcdefgh", "not shown: the request has more secrets than can be taken out");
	bench_free(b);
}
END_TEST

UNIT_SUITE(secrets, a_chain_knows_whether_it_has_secrets, the_target_and_texts_show_no_secret,
	the_longest_of_secrets_is_taken_out, a_text_that_cannot_be_masked_is_not_shown)
