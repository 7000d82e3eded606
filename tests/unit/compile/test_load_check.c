/* SPDX-License-Identifier: Apache-2.0 */
/* What a program answers that was asked to try a plan: each case has a shell script in the place of the
 * gateway's program. */
#include "compile/load_check.h"

#include "unit.h"

#include "base/memory.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

static struct diagnostics found;

/* What is found when the program is `script`; "" for nothing. Free it with diagnostics_deinit. */
static const char *ask(const char *script, int wait_ms)
{
	char path[] = P_tmpdir "/sluice-unit-XXXXXX";
	int fd = mkstemp(path);
	ck_assert_int_ge(fd, 0);
	ck_assert_int_gt(dprintf(fd, "#!/bin/sh\n%s\n", script), 0);
	ck_assert_int_eq(fchmod(fd, 0700), 0);
	close(fd);
	struct load_check c;
	diagnostics_init(&found);
	load_check_start(&c, path);
	ck_assert_int_eq(c.error, 0);
	if (wait_ms)
		c.wait_ms = wait_ms;
	load_check_finish(&c, STR("a plan"), &found);
	unlink(path);
	ck_assert_uint_le(found.count, 1);
	return found.count ? found.items[0].message : "";
}

START_TEST(tells_whose_policy_ended_it)
{
	ck_assert_str_eq(ask("cat >/dev/null; printf '!default/a:x'", 0),
		"default/a:x: this binding crashed the program that tried it");
	ck_assert_uint_eq(found.errors, 1);
	diagnostics_deinit(&found);
	ck_assert_str_eq(ask("cat >/dev/null; printf '?default/a:x'", 0),
		"default/a:x: this binding was still being tried after 20 s");
	diagnostics_deinit(&found);
}
END_TEST

START_TEST(an_end_without_an_answer_is_an_error)
{
	const char *const scripts[] = {"exit 0", "exec <&-; exit 0", "printf '!'", "printf '?'",
		"cat >/dev/null; kill -9 $$"};
	for (size_t i = 0; i < sizeof(scripts) / sizeof(scripts[0]); i++) {
		ck_assert_str_eq(ask(scripts[i], 0),
			"the policies could not be tried: sluice-gateway ended while it loaded them");
		ck_assert_uint_eq(found.errors, 1);
		diagnostics_deinit(&found);
	}
}
END_TEST

START_TEST(what_is_no_plan_is_an_error)
{
	const char *message = ask("cat; printf 'all is well'", 0);
	ck_assert_ptr_nonnull(strstr(message, "the policies could not be tried: "));
	ck_assert_uint_eq(found.errors, 1);
	diagnostics_deinit(&found);
}
END_TEST

START_TEST(silence_and_floods_come_to_an_end)
{
	ck_assert_str_eq(ask("exec sleep 3", 50),
		"the policies could not be tried: sluice-gateway did not answer in time");
	ck_assert_uint_eq(found.errors, 1);
	diagnostics_deinit(&found);
	ck_assert_str_eq(ask("exec cat /dev/zero 2>/dev/null", 0),
		"the policies could not be tried: sluice-gateway did not come to an end with its "
		"answer");
	diagnostics_deinit(&found);
	/* What goes on for ever, but slowly. */
	ck_assert_str_eq(ask("while printf x 2>/dev/null; do :; done", 50),
		"the policies could not be tried: sluice-gateway did not answer in time");
	diagnostics_deinit(&found);
}
END_TEST

START_TEST(a_program_that_is_not_there_is_named)
{
	struct load_check c;
	diagnostics_init(&found);
	load_check_start(&c, "/nowhere/sluice-gateway");
	load_check_finish(&c, STR("a plan"), &found);
	ck_assert_uint_eq(found.errors, 1);
	ck_assert_ptr_nonnull(strstr(found.items[0].message, "/nowhere/sluice-gateway"));
	diagnostics_deinit(&found);
}
END_TEST

UNIT_SUITE(load_check, tells_whose_policy_ended_it, an_end_without_an_answer_is_an_error,
	what_is_no_plan_is_an_error, silence_and_floods_come_to_an_end,
	a_program_that_is_not_there_is_named)
