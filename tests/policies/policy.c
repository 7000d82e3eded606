/* SPDX-License-Identifier: Apache-2.0 */
#include "policy.h"

static void on_failure(void *arg, const char *message)
{
	(void)arg;
	ck_abort_msg("%s", message);
}

struct visit *visit_try(const char *plugin, const char *policy, const char *config)
{
	char path[1024];
	struct visit *v = calloc(1, sizeof(*v));
	ck_assert_ptr_nonnull(v);
	snprintf(path, sizeof(path), PLUGINS "/%s.so", plugin);
	sluice_test_on_failure(on_failure, NULL);
	v->t = sluice_test_new(path);
	sluice_test_bind(v->t, policy, config);
	return v;
}

struct visit *visit_policy(const char *plugin, const char *policy, const char *config)
{
	struct visit *v = visit_try(plugin, policy, config);
	ck_assert_str_eq(sluice_test_problems(v->t), "");
	return v;
}

void visit_leave(struct visit *v)
{
	sluice_test_free(v->t);
	free(v);
}

void visit_begin(struct visit *v, const char *method, const char *target)
{
	if (v->x)
		sluice_test_end(v->x);
	v->x = sluice_test_request(v->t, method, target);
}

void visit_field(struct visit *v, enum sluice_side side, const char *name, const char *value)
{
	sluice_test_add(v->x, side, name, value);
}

enum sluice_test_outcome visit_send(struct visit *v, const char *body)
{
	return sluice_test_send(v->x, body);
}

enum sluice_test_outcome visit_reply(struct visit *v, const char *body)
{
	return sluice_test_answer(v->x, 200, body);
}

static const char *or_none(const char *text)
{
	return text ? text : "";
}

const char *visit_sent(struct visit *v, const char *name)
{
	return or_none(sluice_test_field(v->x, SLUICE_REQUEST, name));
}

const char *visit_answered(struct visit *v, const char *name)
{
	return or_none(sluice_test_field(v->x, SLUICE_RESPONSE, name));
}

void visit_assert_answer(struct visit *v, int status, const char *reason)
{
	ck_assert_int_eq(sluice_test_outcome(v->x), SLUICE_TEST_ANSWERED);
	ck_assert_int_eq(sluice_test_status(v->x), status);
	ck_assert_str_eq(sluice_test_reason(v->x), reason);
	/* Whatever a policy refuses a client for is a violation, by the same word. */
	if (status >= 400 && status < 500)
		ck_assert_str_eq(or_none(sluice_test_violation(v->x)), reason);
}

void assert_refused(const char *plugin, const char *policy, const char *config, const char *path,
	const char *text)
{
	struct visit *v = visit_try(plugin, policy, config);
	const char *problems = sluice_test_problems(v->t);
	size_t n = strlen(path);
	bool is_there = strncmp(problems, path, n) == 0 && problems[n] == ':';
	ck_assert_msg(is_there && (!text || strstr(problems, text)),
		"%s: expected %s: %s, found %s", config, path, or_none(text), problems);
	visit_leave(v);
}

void assert_faults(void (*scenario)(void *arg), void *arg)
{
	ck_assert_uint_gt(sluice_test_faults(scenario, arg), 1);
}
