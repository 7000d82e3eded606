/* SPDX-License-Identifier: Apache-2.0 */
#include "unit.h"

#include "policy/loader.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static char message[300];

static enum rc load(struct registry *r, const char *path, uint8_t id, struct plugin **out)
{
	const uint8_t sha256[32] = {id};
	message[0] = '\0';
	return plugin_load(r, path, sha256, out, message, sizeof(message));
}

START_TEST(opens_a_plugin_once)
{
	struct registry *r = registry_new();
	struct plugin *p, *again;
	enum rc rc = load(r, FIXTURES "/good.so", 1, &p);
	ck_assert_msg(rc == RC_OK, "%s", message);
	assert_str(plugin_name(p), "good");
	assert_str(plugin_policy_name(p, 0), "good");
	ck_assert_int_eq(load(r, FIXTURES "/good.so", 1, &again), RC_OK);
	ck_assert_ptr_eq(p, again);
	registry_free(r);
}
END_TEST

START_TEST(refuses_what_is_no_plugin_of_this_gateway)
{
	static const struct {
		const char *path, *words;
	} rows[] = {
		{FIXTURES "/symbolless.so", "sluice_plugin_v1"},
		{FIXTURES "/newer.so", "ABI"},
		{FIXTURES "/absent.so", "absent.so"},
		{"good.so", "folder"},
		{"libc.so.6", "folder"},
		{SOURCE_DIR "/CMakeLists.txt", "CMakeLists.txt"},
	};
	struct registry *r = registry_new();
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct plugin *p = NULL;
		ck_assert_int_eq(load(r, rows[i].path, (uint8_t)(i + 1), &p), RC_INVALID);
		ck_assert_msg(strstr(message, rows[i].words), "%s: %s", rows[i].path, message);
		ck_assert_ptr_null(p);
	}
	registry_free(r);
}
END_TEST

UNIT_SUITE(loader, opens_a_plugin_once, refuses_what_is_no_plugin_of_this_gateway)
