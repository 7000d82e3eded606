/* SPDX-License-Identifier: Apache-2.0 */
#include "unit.h"

#include "process/log_choice.h"

static struct loop *loop;
static struct log_choice choice;

static void begin(const char *option)
{
	struct loop_options options = {.fake_clock = true, .fake_wall_us = 1800000000000000};
	loop = loop_new(&options);
	log_choice_init(&choice, loop, option);
}

static void end(void)
{
	log_choice_stop(&choice);
	loop_free(loop);
	log_set_level(LOG_INFO);
}

static void expect_level(enum log_level level)
{
	ck_assert_int_eq(log_choice_level(&choice), level);
	ck_assert(log_is_on(level));
	ck_assert(level == LOG_DEBUG || !log_is_on(level - 1));
}

static enum rc obey(const char *query)
{
	const char *why = NULL;
	enum rc rc = log_choice_obey(&choice, str_of(query), &why);
	ck_assert((rc == RC_OK) == (why == NULL));
	return rc;
}

START_TEST(the_command_line_stands_above_the_plan)
{
	begin("warn");
	log_choice_configure(&choice, LOG_DEBUG);
	expect_level(LOG_WARN);
	end();
	begin(NULL);
	log_choice_configure(&choice, LOG_DEBUG);
	expect_level(LOG_DEBUG);
	end();
}
END_TEST

START_TEST(what_is_asked_stands_above_both)
{
	begin("warn");
	log_choice_ask(&choice, LOG_DEBUG, 0);
	log_choice_configure(&choice, LOG_ERROR);
	loop_fake_advance(loop, 100000000);
	expect_level(LOG_DEBUG);
	log_choice_take_back(&choice);
	expect_level(LOG_WARN);
	end();
}
END_TEST

START_TEST(its_time_ends_to_the_second)
{
	begin(NULL);
	log_choice_ask(&choice, LOG_ERROR, 300);
	loop_fake_advance(loop, 299500);
	expect_level(LOG_ERROR);
	log_choice_configure(&choice, LOG_DEBUG);
	loop_fake_advance(loop, 600);
	expect_level(LOG_DEBUG);
	/* A second wish replaces the first, with its end. */
	log_choice_ask(&choice, LOG_ERROR, 5);
	log_choice_ask(&choice, LOG_WARN, 0);
	loop_fake_advance(loop, 10000);
	expect_level(LOG_WARN);
	end();
}
END_TEST

START_TEST(a_wrong_wish_changes_nothing)
{
	begin(NULL);
	ck_assert_int_eq(obey("level=debug&seconds=60"), RC_OK);
	ck_assert_int_eq(obey("level=error&seconds=x"), RC_INVALID);
	ck_assert_int_eq(obey("level=error&seconds="), RC_INVALID);
	ck_assert_int_eq(obey("level=error&seconds=86401"), RC_INVALID);
	ck_assert_int_eq(obey("level=fatal"), RC_INVALID);
	ck_assert_int_eq(obey("levels=error"), RC_INVALID);
	ck_assert_int_eq(obey("level=configured&seconds=1"), RC_INVALID);
	expect_level(LOG_DEBUG);
	ck_assert_int_eq(obey("level=error&seconds=86400"), RC_OK);
	expect_level(LOG_ERROR);
	ck_assert_int_eq(obey("level=configured"), RC_OK);
	expect_level(LOG_INFO);
	end();
}
END_TEST

START_TEST(says_how_it_stands)
{
	struct buffer b;
	buffer_init(&b, 1000);
	begin(NULL);
	log_choice_print(&choice, &b);
	ck_assert(str_eq(buffer_str(&b), STR("\"level\":\"info\",\"configured\":\"info\"")));
	buffer_reset(&b);
	log_choice_ask(&choice, LOG_DEBUG, 60);
	log_choice_print(&choice, &b);
	buffer_add_char(&b, '\0');
	ck_assert_str_eq(b.p, "\"level\":\"debug\",\"configured\":\"info\","
			      "\"until\":\"2027-01-15T08:01:00.000Z\"");
	buffer_deinit(&b);
	end();
}
END_TEST

UNIT_SUITE(log_choice, the_command_line_stands_above_the_plan, what_is_asked_stands_above_both,
	its_time_ends_to_the_second, a_wrong_wish_changes_nothing, says_how_it_stands)
