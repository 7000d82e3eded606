/* SPDX-License-Identifier: Apache-2.0 */
/* The way to a Redis server, by a clock of the test's: the server says what the test lets it say. */
#include "state/redis_link.h"
#include "unit.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define LOADED     "$40\r\n0123456789012345678901234567890123456789\r\n"
#define NO_SCRIPT  "-NOSCRIPT No matching script.\r\n"
#define COUNTED(n) "*5\r\n$2\r\nok\r\n$1\r\n0\r\n:" #n "\r\n:1000\r\n$0\r\n\r\n"

static struct loop *loop;
static struct stream_group *group;
static struct resolver *resolver;
static struct redis_settings *settings;
static struct redis_link *link_;
static struct arena arena;
static int listening, peer; /* -1: none */
static char said[65536];

static void pump(void)
{
	for (int i = 0; i < 8; i++)
		loop_turn(loop, 0);
}

static void listen_now(void)
{
	struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t n = sizeof(at);
	listening = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	ck_assert_int_eq(bind(listening, (struct sockaddr *)&at, sizeof(at)), 0);
	ck_assert_int_eq(listen(listening, 8), 0);
	ck_assert_int_eq(getsockname(listening, (struct sockaddr *)&at, &n), 0);
	settings->port = ntohs(at.sin_port);
}

static void begin(void)
{
	loop = loop_new(&(struct loop_options){.fake_clock = true});
	group = stream_group_new(loop);
	resolver = resolver_new(loop, &(struct resolver_options){0});
	arena_init(&arena, loop_pool(loop), 1 << 20);
	settings = redis_settings_new();
	settings->host = str_n(strdup("127.0.0.1"), 9);
	settings->prefix = str_n(strdup("t:g"), 3);
	peer = -1;
	listen_now();
}

static void link_up(void)
{
	link_ = redis_link_new(group, resolver, settings, NULL, NULL, NULL);
}

static void end(void)
{
	if (link_)
		redis_link_free(link_);
	link_ = NULL;
	pump();
	redis_settings_unref(settings);
	resolver_free(resolver);
	arena_reset(&arena);
	stream_group_free(group);
	loop_free(loop);
	close(peer);
	close(listening);
}

/* --- the server ------------------------------------------------------------------------------ */
static bool is_called(void)
{
	pump();
	int fd = accept4(listening, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
	if (fd < 0)
		return false;
	close(peer);
	peer = fd;
	return true;
}

/* What has come since the last time. */
static const char *heard(void)
{
	pump();
	ssize_t n = read(peer, said, sizeof(said) - 1);
	said[n > 0 ? n : 0] = 0;
	return said;
}

static void say(const char *text)
{
	ck_assert_int_eq(write(peer, text, strlen(text)), (ssize_t)strlen(text));
	pump();
}

static bool is_hung_up(void)
{
	char byte;
	pump();
	return read(peer, &byte, 1) == 0;
}

static bool is_up(void)
{
	return redis_link_stats(link_)->is_up;
}

static void come_up(void)
{
	ck_assert(is_called());
	ck_assert_ptr_nonnull(strstr(heard(), "LOAD"));
	say(LOADED);
	ck_assert(is_up());
}

/* Lets time pass until it dials again. */
static void await_call(void)
{
	for (int i = 0; !is_called(); i++) {
		ck_assert_int_lt(i, 200);
		loop_fake_advance(loop, 10);
	}
}

/* --- who asks -------------------------------------------------------------------------------- */
struct asking {
	struct redis_asked asked;
	int ended, number; /* in which order */
};

static int ended;

static void on_end(struct redis_asked *a)
{
	struct asking *self = CONTAINER_OF(a, struct asking, asked);
	self->ended++;
	self->number = ++ended;
}

static bool ask(struct asking *a)
{
	const struct sluice_question q = {.size = sizeof(q),
		.kind = SLUICE_COUNT,
		.key = {"key", 3},
		.delta = 1,
		.for_ms = 1000};
	*a = (struct asking){.asked = {.arena = &arena, .ended = on_end}};
	return redis_link_ask(link_, &a->asked, STR("binding"), &q);
}

static void assert_answered(const struct asking *a, int64_t count)
{
	ck_assert_int_eq(a->ended, 1);
	ck_assert_int_eq(a->asked.rc, RC_OK);
	ck_assert_int_eq(a->asked.answer.result, SLUICE_OK);
	ck_assert_int_eq(a->asked.answer.count, count);
}

static void assert_failed(const struct asking *a, enum rc rc)
{
	ck_assert_int_eq(a->ended, 1);
	ck_assert_int_eq(a->asked.rc, rc);
}

/* --- questions ------------------------------------------------------------------------------- */
START_TEST(questions_are_asked_together_and_answered_in_their_order)
{
	struct asking a, b;
	begin();
	link_up();
	come_up();
	ck_assert(ask(&a) && ask(&b));
	ck_assert_int_eq(a.ended, 0);
	ck_assert_ptr_nonnull(strstr(strstr(heard(), "EVALSHA") + 1, "EVALSHA"));
	ck_assert_ptr_nonnull(strstr(said, "t:g:binding:"));
	say(COUNTED(1) COUNTED(2));
	assert_answered(&a, 1);
	assert_answered(&b, 2);
	ck_assert_int_eq(b.number, a.number + 1);
	end();
}
END_TEST

START_TEST(the_first_questions_wait_for_the_connection)
{
	struct asking a;
	begin();
	link_up();
	ck_assert(ask(&a));
	ck_assert(is_called());
	ck_assert_ptr_null(strstr(heard(), "EVALSHA"));
	say(LOADED);
	ck_assert_ptr_nonnull(strstr(heard(), "EVALSHA"));
	say(COUNTED(7));
	assert_answered(&a, 7);
	end();
}
END_TEST

START_TEST(who_says_who_it_is_does_so_first)
{
	begin();
	settings->username = str_n(strdup("gw"), 2);
	settings->password = str_n(strdup("pass"), 4);
	settings->database = 3;
	link_up();
	ck_assert(is_called());
	ck_assert_str_eq(heard(), "*3\r\n$4\r\nAUTH\r\n$2\r\ngw\r\n$4\r\npass\r\n"
				  "*2\r\n$6\r\nSELECT\r\n$1\r\n3\r\n");
	say("+OK\r\n");
	ck_assert_str_eq(heard(), "");
	say("+OK\r\n");
	ck_assert_ptr_nonnull(strstr(heard(), "LOAD"));
	say("-NOPERM no permissions to run the 'script' command\r\n");
	ck_assert(is_up());
	end();
}
END_TEST

START_TEST(who_is_refused_hangs_up_and_comes_back)
{
	begin();
	settings->password = str_n(strdup("wrong"), 5);
	link_up();
	ck_assert(is_called());
	ck_assert_ptr_nonnull(strstr(heard(), "AUTH"));
	say("-WRONGPASS invalid username-password pair\r\n");
	ck_assert(!is_up());
	ck_assert(is_hung_up());
	await_call();
	end();
}
END_TEST

START_TEST(a_server_that_has_forgotten_the_script_gets_it)
{
	struct asking a, b;
	begin();
	link_up();
	come_up();
	ck_assert(ask(&a) && ask(&b));
	heard();
	say(NO_SCRIPT COUNTED(5));
	assert_answered(&b, 5);
	ck_assert_ptr_nonnull(strstr(heard(), "$4\r\nEVAL\r\n"));
	say(COUNTED(6));
	assert_answered(&a, 6);
	end();
}
END_TEST

START_TEST(a_server_that_wants_no_script_gets_it_once)
{
	struct asking a;
	begin();
	link_up();
	come_up();
	ck_assert(ask(&a));
	heard();
	say(NO_SCRIPT);
	ck_assert_ptr_nonnull(strstr(heard(), "$4\r\nEVAL\r\n"));
	say(NO_SCRIPT);
	assert_failed(&a, RC_INVALID);
	ck_assert_str_eq(heard(), "");
	ck_assert(is_up());
	end();
}
END_TEST

START_TEST(an_answer_that_nobody_wants_is_passed_over)
{
	struct asking a, b;
	begin();
	link_up();
	come_up();
	ck_assert(ask(&a) && ask(&b));
	redis_link_cancel(&a.asked);
	say(COUNTED(1) COUNTED(2));
	ck_assert_int_eq(a.ended, 0);
	assert_answered(&b, 2);
	redis_link_cancel(&b.asked);
	end();
}
END_TEST

/* RD5 of the threat model. */
START_TEST(what_is_too_much_is_refused)
{
	static struct asking all[REDIS_WAITING_MAX + 1];
	begin();
	link_up();
	come_up();
	for (size_t i = 0; i < REDIS_WAITING_MAX; i++)
		ck_assert(ask(&all[i]));
	ck_assert(!ask(&all[REDIS_WAITING_MAX]));
	say(COUNTED(1));
	ck_assert(ask(&all[REDIS_WAITING_MAX]));
	end();
	ck_assert_int_eq(all[REDIS_WAITING_MAX].ended, 1);
}
END_TEST

/* --- trouble --------------------------------------------------------------------------------- */
START_TEST(who_is_late_costs_those_that_wait_and_no_others)
{
	struct asking a, b, later;
	begin();
	link_up();
	come_up();
	ck_assert(ask(&a));
	loop_fake_advance(loop, REDIS_ANSWER_MS - 20);
	ck_assert(ask(&b));
	loop_fake_advance(loop, 10);
	ck_assert_int_eq(a.ended, 0);
	loop_fake_advance(loop, 20);
	assert_failed(&a, RC_TIMEOUT);
	assert_failed(&b, RC_TIMEOUT);
	ck_assert(!ask(&later));
	ck_assert(!is_up());
	await_call();
	ck_assert(!ask(&later));
	heard();
	say(LOADED);
	ck_assert(ask(&later));
	say(COUNTED(3));
	assert_answered(&later, 3);
	end();
}
END_TEST

START_TEST(who_is_slow_stays_down)
{
	struct asking a;
	begin();
	link_up();
	for (int i = 0; i < 4; i++) {
		await_call();
		ck_assert_ptr_nonnull(strstr(heard(), "LOAD"));
		loop_fake_advance(loop, REDIS_ANSWER_MS + 10);
		ck_assert(is_hung_up());
		ck_assert(!ask(&a));
	}
	end();
}
END_TEST

START_TEST(pauses_grow)
{
	int waited = 0;
	begin();
	link_up();
	for (int i = 0; i < 8; i++) {
		for (waited = 0; !is_called(); waited += 10)
			loop_fake_advance(loop, 10);
		ck_assert_int_le(waited, REDIS_PAUSE_MAX_MS + 20);
		heard();
		say("-LOADING Redis is loading the dataset in memory\r\n");
		ck_assert(is_hung_up());
	}
	ck_assert_int_ge(waited, REDIS_PAUSE_MAX_MS / 2);
	end();
}
END_TEST

/* Takes whoever comes, and says nothing to anybody. */
static void be_silent_for(int ms)
{
	for (; ms > 0; ms -= 10) {
		is_called();
		loop_fake_advance(loop, 10);
	}
}

/* Says what is expected of it; for how long it does so before it is up. */
static int ms_until_up(void)
{
	int ms = 0;
	for (; !is_up(); ms += 10) {
		is_called();
		const char *question = heard();
		if (strstr(question, "AUTH"))
			say("+OK\r\n");
		if (strstr(question, "LOAD") || strstr(heard(), "LOAD"))
			say(LOADED);
		else
			loop_fake_advance(loop, 10);
	}
	return ms;
}

START_TEST(who_is_back_is_asked_again_in_time_whenever_that_is)
{
	int longest = 0;
	begin();
	settings->password = str_n(strdup("pass"), 4);
	link_up();
	for (int i = 0; i < 40; i++) {
		ms_until_up();
		close(peer);
		peer = -1;
		be_silent_for(12000 + i * 50);
		ck_assert(!is_up());
		int ms = ms_until_up();
		ck_assert_int_le(ms, REDIS_BACK_MS);
		longest = ms > longest ? ms : longest;
	}
	ck_assert_int_gt(longest, REDIS_PAUSE_MAX_MS / 2);
	end();
}
END_TEST

START_TEST(a_connection_that_breaks_fails_those_that_wait)
{
	struct asking a;
	begin();
	link_up();
	come_up();
	ck_assert(ask(&a));
	close(peer);
	peer = -1;
	pump();
	assert_failed(&a, RC_CLOSED);
	ck_assert_uint_eq(redis_link_stats(link_)->broken, 1);
	await_call();
	end();
}
END_TEST

static void assert_hangs_up_after(const char *text, enum rc rc)
{
	struct asking a;
	begin();
	link_up();
	come_up();
	ck_assert(ask(&a));
	heard();
	say(text);
	assert_failed(&a, rc);
	ck_assert(is_hung_up());
	await_call();
	end();
}

START_TEST(what_makes_no_sense_ends_the_connection)
{
	assert_hangs_up_after("HTTP/1.1 400 Bad Request\r\n\r\n", RC_CLOSED);
	assert_hangs_up_after(
		"-READONLY You can't write against a read only replica.\r\n", RC_REFUSED);
	assert_hangs_up_after("-LOADING Redis is loading the dataset in memory\r\n", RC_REFUSED);
}
END_TEST

START_TEST(an_answer_without_a_question_ends_the_connection)
{
	begin();
	link_up();
	come_up();
	say(COUNTED(1));
	ck_assert(is_hung_up());
	end();
}
END_TEST

/* The test's server is two Sentinels, and the master. */
static void watched_by_two(void)
{
	settings->sentinel_count = 2;
	settings->sentinels = calloc(2, sizeof(*settings->sentinels));
	for (int i = 0; i < 2; i++)
		settings->sentinels[i] =
			(struct redis_place){str_n(strdup("127.0.0.1"), 9), settings->port};
	settings->master = str_n(strdup("mine"), 4);
	settings->sentinel_password = str_n(strdup("psst"), 4);
}

START_TEST(sentinels_tell_where_the_server_is)
{
	char place[64], port[8];
	struct asking a;
	begin();
	watched_by_two();
	link_up();
	ck_assert(is_called());
	ck_assert_ptr_nonnull(strstr(heard(), "psst"));
	say("+OK\r\n");
	ck_assert_ptr_nonnull(strstr(heard(), "get-master-addr-by-name\r\n$4\r\nmine"));
	say("*-1\r\n");
	ck_assert(is_called());
	heard();
	say("+OK\r\n");
	heard();
	snprintf(port, sizeof(port), "%u", settings->port);
	snprintf(place, sizeof(place), "*2\r\n$9\r\n127.0.0.1\r\n$%zu\r\n%s\r\n", strlen(port),
		port);
	say(place);
	come_up();
	ck_assert(ask(&a));
	heard();
	say(COUNTED(2));
	assert_answered(&a, 2);
	end();
}
END_TEST

START_TEST(sentinels_that_know_nothing_are_asked_again)
{
	static const char *const answers[] = {"*-1\r\n", "*2\r\n$1\r\na\r\n$1\r\n0\r\n",
		"-ERR unknown command\r\n", "*0\r\n", ":1\r\n"};
	begin();
	watched_by_two();
	link_up();
	for (size_t i = 0; i < sizeof(answers) / sizeof(answers[0]); i++) {
		await_call();
		heard();
		say("+OK\r\n");
		heard();
		say(answers[i]);
		ck_assert(!is_up());
		ck_assert(is_hung_up());
	}
	await_call();
	end();
}
END_TEST

static void free_link(void *owner)
{
	redis_link_free(owner);
	link_ = NULL;
}

START_TEST(who_retires_answers_what_it_was_asked)
{
	struct asking a, later;
	begin();
	link_up();
	come_up();
	ck_assert(ask(&a));
	redis_link_retire(link_, free_link, link_);
	ck_assert(!ask(&later));
	heard();
	ck_assert_ptr_nonnull(link_);
	say(COUNTED(4));
	assert_answered(&a, 4);
	ck_assert_ptr_null(link_);
	ck_assert(is_hung_up());
	end();
}
END_TEST

UNIT_SUITE(redis_link, questions_are_asked_together_and_answered_in_their_order,
	the_first_questions_wait_for_the_connection, who_says_who_it_is_does_so_first,
	who_is_refused_hangs_up_and_comes_back, a_server_that_has_forgotten_the_script_gets_it,
	a_server_that_wants_no_script_gets_it_once, an_answer_that_nobody_wants_is_passed_over,
	what_is_too_much_is_refused, who_is_late_costs_those_that_wait_and_no_others,
	who_is_slow_stays_down, pauses_grow, who_is_back_is_asked_again_in_time_whenever_that_is,
	a_connection_that_breaks_fails_those_that_wait, what_makes_no_sense_ends_the_connection,
	an_answer_without_a_question_ends_the_connection, sentinels_tell_where_the_server_is,
	sentinels_that_know_nothing_are_asked_again, who_retires_answers_what_it_was_asked)
