/* SPDX-License-Identifier: Apache-2.0 */
/* A service that is declared and not offered. */
#include "unit.h"

#include "rig.h"

#include "sluice/frames.h"

START_TEST(a_plugin_that_requires_frames_is_refused_by_name)
{
	static const char *const services[] = {SLUICE_FRAMES_SERVICE, NULL};
	static const struct sluice_policy policy = {
		.size = sizeof(policy), .name = "framing", .version = "1.0.0"};
	static const struct sluice_policy *const policies[] = {&policy};
	static const struct sluice_plugin plugin = {.size = sizeof(plugin),
		.abi_major = SLUICE_ABI_MAJOR,
		.abi_minor = SLUICE_ABI_MINOR,
		.policy_count = 1,
		.name = "framing",
		.version = "1.0.0",
		.policies = policies,
		.requires_services = services};
	static const uint8_t sha256[32] = {1};
	struct rig *r = rig_new(1);
	char message[300] = "";
	struct plugin *made = NULL;
	ck_assert_ptr_null(registry_service(r->registry, SLUICE_FRAMES_SERVICE));
	ck_assert_int_ne(registry_add_plugin(r->registry, &plugin, sha256, &made, message, sizeof(message)),
		RC_OK);
	ck_assert_ptr_nonnull(strstr(message, "sluice.frames/1"));
	rig_free(r);
}
END_TEST

UNIT_SUITE(frames, a_plugin_that_requires_frames_is_refused_by_name)
