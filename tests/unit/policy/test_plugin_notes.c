/* SPDX-License-Identifier: Apache-2.0 */
#include "unit.h"

#include "policy/plugin_notes.h"

#include "sluice/sluice.h"

static char message[300];

static int32_t head(const struct sluice_call *call, struct sluice_exchange *exchange)
{
	return SLUICE_CONTINUE;
}

/* Two policies, of which the second has the plugin's version. */
static struct plugin *add(struct registry *r)
{
	static const struct sluice_policy a = {
		.size = sizeof(a), .name = "a", .version = "1.0.0", .request_head = head};
	static const struct sluice_policy b = {
		.size = sizeof(b), .name = "b", .request_head = head};
	static const struct sluice_policy *const policies[] = {&a, &b};
	static const struct sluice_plugin descriptor = {.size = sizeof(descriptor),
		.abi_major = SLUICE_ABI_MAJOR,
		.abi_minor = 3,
		.policy_count = 2,
		.name = "both",
		.version = "2.0.0",
		.policies = policies};
	const uint8_t sha256[32] = {7};
	struct plugin *p;
	ck_assert_int_eq(
		registry_add_plugin(r, &descriptor, sha256, &p, message, sizeof(message)), RC_OK);
	return p;
}

static void assert_policy(
	const struct plugin *p, const char *name, const char *version, const char *said)
{
	message[0] = '\0';
	enum rc rc =
		plugin_check_policy(p, str_of(name), str_of(version), message, sizeof(message));
	ck_assert_str_eq(message, said);
	ck_assert_int_eq(rc, said[0] ? RC_INVALID : RC_OK);
}

START_TEST(the_code_has_what_the_definition_says)
{
	struct registry *r = registry_new();
	struct plugin *p = add(r);
	assert_policy(p, "a", "1.0.0", "");
	assert_policy(p, "a", "", "");
	assert_policy(p, "b", "2.0.0", "");
	assert_policy(p, "a", "1.0.1",
		"its policy.yaml says version 1.0.1 of the policy a, and its code 1.0.0");
	assert_policy(p, "b", "1.0.0",
		"its policy.yaml says version 1.0.0 of the policy b, and its code 2.0.0");
	assert_policy(p, "c", "1.0.0",
		"its policy.yaml defines the policy c, and its code has none of that name; it has "
		"a, b");
	registry_free(r);
}
END_TEST

static enum rc check_plan(const struct plugin *p, const char *abi, const char *version)
{
	const struct position at = {0};
	struct plan_writer *w = plan_writer_new();
	struct buffer bytes;
	struct plan *plan;
	plan_open_object(w, NULL, at);
	plan_write_string(w, "abi", at, str_of(abi));
	plan_open_array(w, "policies", at);
	plan_write_string(w, NULL, at, STR("a"));
	plan_close(w);
	plan_open_object(w, "versions", at);
	plan_write_string(w, "a", at, str_of(version));
	plan_close(w);
	plan_close(w);
	buffer_init(&bytes, 4096);
	ck_assert_int_eq(plan_writer_finish(w, &bytes), RC_OK);
	ck_assert_int_eq(plan_decode(buffer_str(&bytes), &plan, message, sizeof(message)), RC_OK);
	message[0] = '\0';
	enum rc rc = plugin_check_notes(p, plan_root(plan), message, sizeof(message));
	plan_free(plan);
	plan_writer_free(w);
	buffer_deinit(&bytes);
	return rc;
}

START_TEST(a_plan_carries_what_the_notes_say)
{
	struct registry *r = registry_new();
	struct plugin *p = add(r);
	ck_assert_int_eq(check_plan(p, "0.3", "1.0.0"), RC_OK);
	ck_assert_int_eq(check_plan(p, "0.3", "1.0.2"), RC_INVALID);
	ck_assert_ptr_nonnull(strstr(message, "says version 1.0.2 of the policy a"));
	ck_assert_int_eq(check_plan(p, "0.9", "1.0.0"), RC_INVALID);
	ck_assert_str_eq(message,
		"its note says plugin ABI 0.9, and its descriptor 0.3 (ABI_MINOR of "
		"sluice_add_plugin is to be its abi_minor)");
	registry_free(r);
}
END_TEST

UNIT_SUITE(plugin_notes, the_code_has_what_the_definition_says, a_plan_carries_what_the_notes_say)
