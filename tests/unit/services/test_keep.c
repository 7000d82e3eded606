/* SPDX-License-Identifier: Apache-2.0 */
#include "unit.h"

#include "rig.h"

#include "base/buffer.h"
#include "policy/run.h"
#include "services/services.h"
#include "state/keep.h"

#include "sluice/keep.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define NAME STR("a")

static char folder[64], kept_dir[80];
static void (*try)(const struct sluice_call *call, const struct sluice_keep_service *keep);

static int32_t configure(const struct sluice_call *call, const struct sluice_value *config,
	void *previous, void **state)
{
	(void)config;
	(void)previous;
	(void)state;
	try(call, call->host->service(SLUICE_KEEP_SERVICE));
	return SLUICE_OK;
}

static const struct sluice_policy policy = {
	.size = sizeof(policy), .name = "keeper", .version = "1.0.0", .configure = configure};

/* In `configure` of a policy. */
static void configure_with(
	void (*fn)(const struct sluice_call *call, const struct sluice_keep_service *keep))
{
	struct rig *r = rig_new(1);
	try = fn;
	rig_bind(r, rig_policy(r, &policy), "keeper", "{}");
	rig_free(r);
}

static void assert_read(const struct sluice_call *call, const struct sluice_keep_service *keep,
	int32_t expected, const char *text)
{
	struct sluice_kept kept = {.size = sizeof(kept)};
	ck_assert_int_eq(keep->read(call, SLUICE_STR("a"), &kept), expected);
	ck_assert_uint_eq(kept.bytes.n, strlen(text));
	ck_assert_int_eq(memcmp(kept.bytes.p ? kept.bytes.p : "", text, kept.bytes.n), 0);
	if (expected == SLUICE_OK)
		ck_assert_int_ge(kept.age_ms, 1000000);
	call->host->instance_free(call->instance, (void *)(uintptr_t)kept.bytes.p);
}

static void begin(void)
{
	snprintf(folder, sizeof(folder), "sluice-keep-XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(folder));
	snprintf(kept_dir, sizeof(kept_dir), "%s/kept", folder);
	services_keep_in(folder);
}

static void end(void)
{
	services_keep_in(NULL);
	rmdir(kept_dir);
	ck_assert_int_eq(rmdir(folder), 0);
}

static void without_folder(const struct sluice_call *call, const struct sluice_keep_service *keep)
{
	assert_read(call, keep, SLUICE_E_UNAVAILABLE, "");
}

static void wrong_calls(const struct sluice_call *call, const struct sluice_keep_service *keep)
{
	static const char long_name[4097];
	struct sluice_kept kept = {.size = sizeof(kept)};
	const struct sluice_str names[] = {{"", 0}, {long_name, sizeof(long_name)}};
	for (size_t i = 0; i < 2; i++)
		ck_assert_int_eq(keep->read(call, names[i], &kept), SLUICE_E_INVALID);
	ck_assert_int_eq(keep->read(call, SLUICE_STR("a"), NULL), SLUICE_E_INVALID);
	kept.size = 8;
	ck_assert_int_eq(keep->read(call, SLUICE_STR("a"), &kept), SLUICE_E_INVALID);
	ck_assert_int_eq(
		keep->write(call, SLUICE_STR("a"), SLUICE_STR("x")), SLUICE_E_WRONG_CALLBACK);
	ck_assert_int_eq(keep->read(NULL, SLUICE_STR("a"), &kept), SLUICE_E_WRONG_CALLBACK);
}

static struct str owner;

static void learn_owner(const struct sluice_call *call, const struct sluice_keep_service *keep)
{
	static char name[64];
	struct str known = policy_plugin_name(call->instance);
	memcpy(name, known.p, known.n);
	owner = str_n(name, known.n);
	assert_read(call, keep, SLUICE_E_NOT_FOUND, "");
}

static void has_text(const struct sluice_call *call, const struct sluice_keep_service *keep)
{
	assert_read(call, keep, SLUICE_OK, "text");
}

static void has_nothing(const struct sluice_call *call, const struct sluice_keep_service *keep)
{
	assert_read(call, keep, SLUICE_E_NOT_FOUND, "");
}

START_TEST(what_is_kept_is_read_with_its_age)
{
	configure_with(without_folder);
	begin();
	configure_with(wrong_calls);
	configure_with(learn_owner);
	ck_assert_int_eq(keep_write(kept_dir, owner, NAME, STR("text"), 1000), RC_OK);
	configure_with(has_text);
	ck_assert_int_eq(keep_write(kept_dir, owner, NAME, STR("text"), INT64_MAX), RC_OK);
	configure_with(has_nothing); /* it is of the future */
	ck_assert_int_eq(keep_remove(kept_dir, owner, NAME), RC_OK);
	ck_assert_int_eq(keep_write(kept_dir, STR("other"), NAME, STR("text"), 1000), RC_OK);
	configure_with(has_nothing);
	ck_assert_int_eq(keep_remove(kept_dir, STR("other"), NAME), RC_OK);
	end();
}
END_TEST

UNIT_SUITE(keep, what_is_kept_is_read_with_its_age)
