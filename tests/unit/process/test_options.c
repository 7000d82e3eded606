/* SPDX-License-Identifier: Apache-2.0 */
#include "unit.h"

#include "process/options.h"

#include <stdlib.h>

#define PARSE(o, ...)                                                                              \
	parse(o, sizeof((const char *[]){__VA_ARGS__}) / sizeof(char *),                           \
		(const char *[]){__VA_ARGS__})

static enum options_verdict parse(struct run_options *o, size_t count, const char **arguments)
{
	char *argv[16];
	for (size_t i = 0; i < count; i++)
		argv[i] = (char *)(uintptr_t)arguments[i];
	return run_options_parse((int)count, argv, o);
}

START_TEST(takes_values_behind_a_space_or_an_equals_sign)
{
	struct run_options o;
	ck_assert_int_eq(PARSE(&o, "--config", "a", "--state=s", "--workers=3", "--plugins", "p",
				 "--plugins=q", "--log-level", "warn", "--access-log=-"),
		OPTIONS_RUN);
	ck_assert_str_eq(o.config_dir, "a");
	ck_assert_str_eq(o.state_dir, "s");
	ck_assert_uint_eq(o.workers, 3);
	ck_assert_uint_eq(o.plugin_dir_count, 2);
	ck_assert_str_eq(o.plugin_dirs[1], "q");
	ck_assert_str_eq(o.log_level, "warn");
	ck_assert_str_eq(o.access_log, "-");
}
END_TEST

START_TEST(has_defaults)
{
	struct run_options o;
	ck_assert_int_eq(PARSE(&o, "--config", "a"), OPTIONS_RUN);
	ck_assert_uint_ge(o.workers, 1);
	ck_assert_str_eq(o.access_log, "off");
	ck_assert_ptr_null(o.state_dir);
	ck_assert_ptr_null(o.log_level);
}
END_TEST

START_TEST(refuses_what_it_does_not_know)
{
	struct run_options o;
	ck_assert_int_eq(PARSE(&o, "--config"), OPTIONS_BAD);
	ck_assert_int_eq(PARSE(&o, "--confg", "a"), OPTIONS_BAD);
	ck_assert_int_eq(PARSE(&o, "--config", "a", "more"), OPTIONS_BAD);
	ck_assert_int_eq(PARSE(&o, "--config", "a", "--workers", "0"), OPTIONS_BAD);
	ck_assert_int_eq(PARSE(&o, "--config", "a", "--workers", "257"), OPTIONS_BAD);
	ck_assert_int_eq(PARSE(&o, "--config", "a", "--workers", "2x"), OPTIONS_BAD);
	ck_assert_int_eq(PARSE(&o, "--config", "a", "--log-level", "loud"), OPTIONS_BAD);
	ck_assert_int_eq(PARSE(&o, "--state", "s"), OPTIONS_BAD);
	ck_assert_int_eq(PARSE(&o, "--config", "a", "--strict=false"), OPTIONS_BAD);
	ck_assert_int_eq(PARSE(&o, "--config", "a", "--standby=no"), OPTIONS_BAD);
}
END_TEST

START_TEST(shows_help_when_asked_among_others)
{
	struct run_options o;
	ck_assert_int_eq(PARSE(&o, "--workers", "2", "--help"), OPTIONS_HELP);
}
END_TEST

START_TEST(takes_workers_from_the_environment_behind_the_option)
{
	struct run_options o;
	setenv("FLEX_SERVICE_ENVOY_CONCURRENCY", "5", 1);
	ck_assert_int_eq(PARSE(&o, "--config", "a"), OPTIONS_RUN);
	ck_assert_uint_eq(o.workers, 5);
	setenv("SLUICE_WORKERS", "4", 1);
	ck_assert_int_eq(PARSE(&o, "--config", "a"), OPTIONS_RUN);
	ck_assert_uint_eq(o.workers, 4);
	ck_assert_int_eq(PARSE(&o, "--config", "a", "--workers=3"), OPTIONS_RUN);
	ck_assert_uint_eq(o.workers, 3);
	setenv("SLUICE_WORKERS", "many", 1);
	ck_assert_int_eq(PARSE(&o, "--config", "a"), OPTIONS_BAD);
	unsetenv("SLUICE_WORKERS");
	unsetenv("FLEX_SERVICE_ENVOY_CONCURRENCY");
}
END_TEST

UNIT_SUITE(options, takes_values_behind_a_space_or_an_equals_sign,
	takes_workers_from_the_environment_behind_the_option, has_defaults,
	refuses_what_it_does_not_know, shows_help_when_asked_among_others)
