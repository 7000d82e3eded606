/* SPDX-License-Identifier: Apache-2.0 */
/* A folder to a plan, as the gateway gets it. (tests/config has what is said about mistakes.) */
#include "config/config.h"

#include "base/limits.h"
#include "base/memory.h"
#include "plan/plan.h"
#include "unit.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static struct plan *plan;
static struct diagnostics diagnostics;

static const char *one_variable(const char *name)
{
	return strcmp(name, "WAIT") == 0 ? "2.5" : NULL;
}

static enum rc compile_path(const char *path)
{
	const char *paths[] = {path};
	struct config_options options = {.paths = paths, .path_count = 1, .getenv = one_variable};
	struct buffer bytes;
	char message[200];
	plan = NULL;
	diagnostics_init(&diagnostics);
	buffer_init(&bytes, LIMIT_PLAN_BYTES);
	enum rc rc = config_compile(&options, &bytes, &diagnostics);
	if (rc == RC_OK)
		ck_assert_msg(
			plan_decode(buffer_str(&bytes), &plan, message, sizeof(message)) == RC_OK,
			"%s", message);
	buffer_deinit(&bytes);
	return rc;
}

static enum rc compile_text(const char *text)
{
	const char *top = getenv("TMPDIR");
	char *path = heap_printf("%s/sluice-XXXXXX.yaml", top ? top : P_tmpdir);
	int fd = mkstemps(path, 5);
	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(write(fd, text, strlen(text)), (ssize_t)strlen(text));
	close(fd);
	enum rc rc = compile_path(path);
	unlink(path);
	free(path);
	return rc;
}

static void done(void)
{
	plan_free(plan);
	diagnostics_deinit(&diagnostics);
}

static const struct plan_node *first(const char *list)
{
	return plan_at(plan_get(plan_root(plan), list), 0);
}

static const char SHOP[] = "apiVersion: gateway.sluice.dev/v1\n"
			   "kind: ApiInstance\n"
			   "metadata: {name: shop}\n"
			   "spec:\n"
			   "  address: http://127.0.0.1:8081/shop/\n"
			   "  services: {up: {address: \"http://h:1\"}}\n"
			   "  policies:\n"
			   "    - policyRef: {name: response-timeout}\n"
			   "      config: {timeout: $WAIT}\n";

START_TEST(makes_a_plan_whose_nodes_know_their_places)
{
	ck_assert_int_eq(compile_text(SHOP), RC_OK);
	ck_assert_uint_eq(diagnostics.count, 0);
	const struct plan_node *api = first("apis");
	assert_str(plan_string(api, "basePath", STR_EMPTY), "/shop");
	ck_assert_int_eq(plan_integer(api, "listener", -1), 0);
	const struct plan_node *timeout = plan_get(api, "responseTimeoutMs");
	ck_assert_int_eq(timeout->u.integer, 2500);
	ck_assert_uint_eq(timeout->position.line, 9);
	ck_assert_uint_eq(timeout->position.column, 25);
	ck_assert_uint_eq(api->position.line, 1);
	ck_assert_uint_eq(plan_count(plan_get(plan_root(plan), "files")), 1);
	done();
}
END_TEST

START_TEST(stubs_what_is_wrong_and_says_why)
{
	ck_assert_int_eq(compile_text("kind: ApiInstance\n"
				      "metadata: {name: shop}\n"
				      "spec: {address: \"http://127.0.0.1:1\", polices: []}\n"),
		RC_OK);
	ck_assert_uint_eq(diagnostics.errors, 2);
	const struct plan_node *error = plan_get(first("apis"), "error");
	struct str message = plan_string(error, "message", STR_EMPTY);
	ck_assert(str_find(message, STR(":1: missing field \"apiVersion\"")) < message.n);
	const struct plan_node *finding = first("diagnostics");
	assert_str(plan_string(finding, "severity", STR_EMPTY), "error");
	assert_str(plan_string(finding, "subject", STR_EMPTY), "default/shop");
	done();
}
END_TEST

START_TEST(says_when_something_could_not_be_read)
{
	ck_assert_int_eq(compile_text("a: [\n"), RC_OK);
	ck_assert(plan_bool(plan_root(plan), "incomplete", false));
	done();
	ck_assert_int_eq(compile_path("/nonexistent/sluice"), RC_NOT_FOUND);
	ck_assert_uint_eq(diagnostics.errors, 1);
	done();
}
END_TEST

START_TEST(makes_the_same_bytes_of_the_same_files)
{
	ck_assert_int_eq(compile_text(SHOP), RC_OK);
	struct buffer first, second;
	buffer_init(&first, 65536);
	buffer_init(&second, 65536);
	plan_canonical(plan_get(plan_root(plan), "apis"), &first);
	done();
	ck_assert_int_eq(compile_text(SHOP), RC_OK);
	plan_canonical(plan_get(plan_root(plan), "apis"), &second);
	done();
	ck_assert(first.n > 0 && str_eq(buffer_str(&first), buffer_str(&second)));
	buffer_deinit(&first);
	buffer_deinit(&second);
}
END_TEST

UNIT_SUITE(config, makes_a_plan_whose_nodes_know_their_places, stubs_what_is_wrong_and_says_why,
	says_when_something_could_not_be_read, makes_the_same_bytes_of_the_same_files)
