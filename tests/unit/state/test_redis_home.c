/* SPDX-License-Identifier: Apache-2.0 */
/* The way to a Redis Cluster, by a clock of the test's: nodes know the map that the test gives them, and answer
 * questions when it lets them. */
#include "state/redis_home.h"
#include "state/redis_slots.h"
#include "unit.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define NODES      3
#define PEERS      64
#define LOADED     "$40\r\n0123456789012345678901234567890123456789\r\n"
#define COUNTED(n) "*5\r\n$2\r\nok\r\n$1\r\n0\r\n:" #n "\r\n:1000\r\n$0\r\n\r\n"

struct node {
	int listening, port;
	int peers[PEERS];
	int count, way; /* the connection that questions come by; -1: none */
	int surveys;
	bool is_silent; /* says nothing of the map */
	char said[16384];
};

static struct loop *loop;
static struct stream_group *group;
static struct resolver *resolver;
static struct redis_settings *settings;
static struct redis_home *home;
static struct arena arena;
static struct node nodes[NODES];
static char map[512];
static unsigned slot; /* of the question */

static const struct sluice_question question = {.size = sizeof(question),
	.kind = SLUICE_COUNT,
	.key = {"key", 3},
	.delta = 1,
	.for_ms = 1000};

/* --- nodes ----------------------------------------------------------------------------------- */
static void say_to(int fd, const char *text)
{
	ck_assert_int_eq(write(fd, text, strlen(text)), (ssize_t)strlen(text));
}

static void hear(struct node *n, int fd)
{
	static char in[16384];
	ssize_t got = read(fd, in, sizeof(in) - 1);
	in[got > 0 ? got : 0] = 0;
	if (strstr(in, "SLOTS")) {
		n->surveys++;
		if (!n->is_silent)
			say_to(fd, map);
	} else if (strstr(in, "LOAD")) {
		n->way = fd;
		say_to(fd, LOADED);
	} else {
		size_t at = strlen(n->said);
		snprintf(n->said + at, sizeof(n->said) - at, "%s", in);
	}
}

static void serve(struct node *n)
{
	int fd;
	while (n->count < PEERS && n->listening >= 0 &&
		(fd = accept4(n->listening, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC)) >= 0)
		n->peers[n->count++] = fd;
	for (int i = 0; i < n->count; i++)
		hear(n, n->peers[i]);
}

static void pump(void)
{
	for (int i = 0; i < 12; i++) {
		loop_turn(loop, 0);
		for (int k = 0; k < NODES; k++)
			serve(&nodes[k]);
	}
}

static void pass(int ms)
{
	for (; ms > 0; ms -= 10) {
		loop_fake_advance(loop, 10);
		pump();
	}
}

/* By both families: IPv6 alone has the loopback address of IPv4 within another one. */
static void node_begin(struct node *n)
{
	struct sockaddr_in6 at = {.sin6_family = AF_INET6, .sin6_addr = in6addr_any};
	socklen_t size = sizeof(at);
	*n = (struct node){.way = -1};
	n->listening = socket(AF_INET6, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	ck_assert_int_eq(
		setsockopt(n->listening, IPPROTO_IPV6, IPV6_V6ONLY, &(int){0}, sizeof(int)), 0);
	ck_assert_int_eq(bind(n->listening, (struct sockaddr *)&at, sizeof(at)), 0);
	ck_assert_int_eq(listen(n->listening, 8), 0);
	ck_assert_int_eq(getsockname(n->listening, (struct sockaddr *)&at, &size), 0);
	n->port = ntohs(at.sin6_port);
}

static void node_end(struct node *n)
{
	for (int i = 0; i < n->count; i++)
		close(n->peers[i]);
	n->count = 0;
	n->way = -1;
	if (n->listening >= 0)
		close(n->listening);
	n->listening = -1;
}

/* What node `of` was asked since the last time. */
static bool is_asked(int of, const char *what)
{
	static char said[sizeof(nodes[0].said)];
	pump();
	memcpy(said, nodes[of].said, sizeof(said));
	nodes[of].said[0] = 0;
	return strstr(said, what) != NULL;
}

static void say(int of, const char *text)
{
	pump();
	ck_assert_int_ge(nodes[of].way, 0);
	say_to(nodes[of].way, text);
	pump();
}

static void turn_to(int of, const char *word, const char *host, int to)
{
	char text[64];
	snprintf(text, sizeof(text), "-%s %u %s:%d\r\n", word, slot, host, nodes[to].port);
	say(of, text);
}

static void turn(int of, const char *word, int to)
{
	turn_to(of, word, "127.0.0.1", to);
}

/* All slots are `node`'s, but for the question's, which is `of_it`. */
static void map_is(const char *host, int node, int of_it)
{
	static const char range[] = "*3\r\n:%u\r\n:%u\r\n*2\r\n$%zu\r\n%s\r\n:%d\r\n";
	size_t n = (size_t)snprintf(map, sizeof(map), "*3\r\n");
	n += (size_t)snprintf(
		map + n, sizeof(map) - n, range, 0, slot - 1, strlen(host), host, nodes[node].port);
	n += (size_t)snprintf(
		map + n, sizeof(map) - n, range, slot, slot, strlen(host), host, nodes[of_it].port);
	snprintf(map + n, sizeof(map) - n, range, slot + 1, REDIS_SLOTS - 1, strlen(host), host,
		nodes[node].port);
}

/* --- life ------------------------------------------------------------------------------------ */
static void begin(size_t addresses)
{
	struct buffer room;
	loop = loop_new(&(struct loop_options){.fake_clock = true});
	group = stream_group_new(loop);
	resolver = resolver_new(loop, &(struct resolver_options){0});
	arena_init(&arena, loop_pool(loop), 1 << 20);
	settings = redis_settings_new();
	settings->prefix = str_n(strdup("t:g"), 3);
	settings->nodes = calloc(addresses, sizeof(*settings->nodes));
	settings->node_count = addresses;
	for (int i = 0; i < NODES; i++)
		node_begin(&nodes[i]);
	for (size_t i = 0; i < addresses; i++)
		settings->nodes[i] = (struct redis_place){
			str_n(strdup("127.0.0.1"), 9), (uint16_t)nodes[i].port};
	buffer_init(&room, SIZE_MAX);
	slot = redis_question_slot(
		&room, (struct redis_scope){STR("t:g"), STR("binding")}, &question);
	buffer_deinit(&room);
	map_is("127.0.0.1", 0, 1);
}

static void home_begin(void)
{
	home = redis_home_new(group, resolver, settings);
}

static void end(void)
{
	if (home)
		redis_home_free(home);
	home = NULL;
	for (int i = 0; i < NODES; i++)
		node_end(&nodes[i]);
	for (int i = 0; i < 8; i++)
		loop_turn(loop, 0);
	redis_settings_unref(settings);
	resolver_free(resolver);
	arena_reset(&arena);
	stream_group_free(group);
	loop_free(loop);
}

struct asking {
	struct redis_asked asked;
	int ended;
};

static void on_end(struct redis_asked *a)
{
	CONTAINER_OF(a, struct asking, asked)->ended++;
}

static bool ask(struct asking *a)
{
	*a = (struct asking){.asked = {.arena = &arena, .ended = on_end}};
	return redis_home_ask(home, &a->asked, STR("binding"), &question);
}

static void assert_answered(const struct asking *a, int64_t count)
{
	ck_assert_int_eq(a->ended, 1);
	ck_assert_int_eq(a->asked.rc, RC_OK);
	ck_assert_int_eq(a->asked.answer.count, count);
}

static void assert_failed(const struct asking *a, enum rc rc)
{
	ck_assert_int_eq(a->ended, 1);
	ck_assert_int_eq(a->asked.rc, rc);
}

static struct redis_home_stats stats(void)
{
	return redis_home_stats(home);
}

static void begin_mapped(void)
{
	begin(1);
	home_begin();
	pump();
	ck_assert_uint_eq(stats().maps, 1);
}

/* --- maps ------------------------------------------------------------------------------------ */
START_TEST(the_first_questions_wait_for_the_map)
{
	struct asking a, b;
	begin(1);
	home_begin();
	ck_assert(ask(&a) && ask(&b));
	redis_home_cancel(&b.asked);
	ck_assert(is_asked(1, "EVALSHA"));
	ck_assert(!is_asked(0, "EVALSHA"));
	say(1, COUNTED(1));
	assert_answered(&a, 1);
	ck_assert_int_eq(b.ended, 0);
	ck_assert_uint_eq(stats().nodes, 2);
	ck_assert(stats().links.is_up);
	end();
}
END_TEST

START_TEST(who_waits_for_a_map_does_so_as_long_as_for_an_answer)
{
	struct asking a;
	begin(1);
	nodes[0].is_silent = true;
	home_begin();
	ck_assert(ask(&a));
	pass(REDIS_ANSWER_MS - 20);
	ck_assert_int_eq(a.ended, 0);
	pass(40);
	assert_failed(&a, RC_TIMEOUT);
	pass(1000);
	ck_assert(!ask(&a));
	ck_assert(!stats().links.is_up);
	end();
}
END_TEST

START_TEST(addresses_are_asked_until_one_tells)
{
	struct asking a;
	begin(3);
	node_end(&nodes[0]);
	nodes[1].is_silent = true;
	map_is("127.0.0.1", 2, 2);
	home_begin();
	pass(1100);
	ck_assert_uint_eq(stats().maps, 1);
	ck_assert_int_eq(nodes[1].surveys, 1);
	ck_assert(ask(&a));
	say(2, COUNTED(4));
	assert_answered(&a, 4);
	end();
}
END_TEST

START_TEST(what_is_no_map_is_asked_for_again_but_seldom)
{
	struct asking a;
	begin(1);
	snprintf(map, sizeof(map), "*0\r\n");
	home_begin();
	ck_assert(ask(&a));
	pump();
	assert_failed(&a, RC_CLOSED);
	pass(10000);
	ck_assert_int_lt(nodes[0].surveys, PEERS);
	ck_assert_int_ge(nodes[0].surveys, 10);
	end();
}
END_TEST

static void assert_found_by(const char *host)
{
	struct asking a;
	begin(1);
	map_is(host, 0, 1);
	home_begin();
	ck_assert(ask(&a));
	ck_assert(is_asked(1, "EVALSHA"));
	turn_to(1, "MOVED", host, 2);
	ck_assert(is_asked(2, "EVALSHA"));
	say(2, COUNTED(1));
	assert_answered(&a, 1);
	end();
}

START_TEST(a_node_without_a_host_is_where_it_was_asked)
{
	assert_found_by("");
	assert_found_by("?");
}
END_TEST

START_TEST(a_node_may_have_an_address_of_ipv6)
{
	char text[REDIS_PLACE_BYTES];
	assert_found_by("::1");
	const struct redis_place other = {STR("2001:db8::1"), 7000}, named = {STR("a"), 1};
	ck_assert_str_eq(redis_place_text(&other, text), "[2001:db8::1]:7000");
	ck_assert_str_eq(redis_place_text(&named, text), "a:1");
}
END_TEST

START_TEST(a_node_that_has_no_slot_any_more_answers_what_it_was_asked)
{
	struct asking a, b;
	begin_mapped();
	ck_assert(ask(&a) && ask(&b));
	map_is("127.0.0.1", 0, 0);
	turn(1, "MOVED", 0);
	pass(400);
	ck_assert_uint_eq(stats().maps, 2);
	ck_assert_uint_eq(stats().nodes, 1);
	end();
	ck_assert_int_eq(a.ended + b.ended, 2);
}
END_TEST

/* --- turns ----------------------------------------------------------------------------------- */
START_TEST(a_slot_that_has_moved_is_asked_for_there_from_then_on)
{
	struct asking a, b;
	begin_mapped();
	ck_assert(ask(&a));
	turn(1, "MOVED", 2);
	ck_assert(is_asked(2, "EVALSHA"));
	say(2, COUNTED(1));
	assert_answered(&a, 1);
	ck_assert(ask(&b));
	ck_assert(is_asked(2, "EVALSHA"));
	say(2, COUNTED(2));
	assert_answered(&b, 2);
	ck_assert_uint_eq(stats().links.turned, 1);
	ck_assert_uint_eq(stats().links.asked, 2);
	ck_assert_uint_eq(stats().links.answered, 2);
	end();
}
END_TEST

START_TEST(a_slot_on_its_way_is_asked_for_there_with_a_word_before)
{
	struct asking a, b;
	begin_mapped();
	ck_assert(ask(&a));
	turn(1, "ASK", 2);
	ck_assert(is_asked(2, "$6\r\nASKING\r\n*11\r\n$7\r\nEVALSHA"));
	say(2, "+OK\r\n-NOSCRIPT No matching script.\r\n");
	ck_assert(is_asked(2, "$6\r\nASKING\r\n*11\r\n$4\r\nEVAL\r\n"));
	say(2, "+OK\r\n" COUNTED(3));
	assert_answered(&a, 3);
	ck_assert(is_asked(1, "EVALSHA"));
	ck_assert(ask(&b));
	ck_assert(is_asked(1, "EVALSHA"));
	say(1, COUNTED(9));
	assert_answered(&b, 9);
	pass(500);
	ck_assert_uint_eq(stats().maps, 1);
	end();
}
END_TEST

START_TEST(many_that_are_turned_away_fetch_one_map)
{
	struct asking all[20];
	begin_mapped();
	for (int i = 0; i < 20; i++)
		ck_assert(ask(&all[i]));
	for (int i = 0; i < 20; i++)
		turn(1, "MOVED", 2);
	pass(410);
	ck_assert_uint_eq(stats().maps, 2);
	end();
}
END_TEST

START_TEST(who_is_sent_round_and_round_gives_up)
{
	struct asking a;
	begin_mapped();
	ck_assert(ask(&a));
	for (int i = 0; i < 4; i++)
		turn(i % 2 ? 2 : 1, "MOVED", i % 2 ? 1 : 2);
	ck_assert_int_eq(a.ended, 0);
	turn(1, "MOVED", 2);
	assert_failed(&a, RC_REFUSED);
	end();
}
END_TEST

START_TEST(a_turn_gives_no_more_time)
{
	struct asking a;
	begin_mapped();
	ck_assert(ask(&a));
	pass(REDIS_ANSWER_MS - 20);
	turn(1, "ASK", 2);
	ck_assert_int_eq(a.ended, 0);
	pass(40);
	assert_failed(&a, RC_TIMEOUT);
	end();
}
END_TEST

START_TEST(who_cannot_decide_says_so_and_is_asked_on)
{
	struct asking a, b;
	begin_mapped();
	ck_assert(ask(&a));
	say(1, "-CLUSTERDOWN The cluster is down\r\n");
	assert_failed(&a, RC_REFUSED);
	ck_assert(ask(&b));
	say(1, COUNTED(1));
	assert_answered(&b, 1);
	pass(400);
	ck_assert_uint_eq(stats().maps, 2);
	end();
}
END_TEST

START_TEST(a_node_that_is_down_costs_its_own_slots)
{
	struct asking a, b;
	begin_mapped();
	ck_assert(ask(&a));
	pump();
	node_end(&nodes[1]);
	pump();
	assert_failed(&a, RC_CLOSED);
	ck_assert(!ask(&b));
	ck_assert_uint_eq(stats().nodes_up, 1);
	ck_assert(!stats().links.is_up);
	map_is("127.0.0.1", 0, 2);
	pass(400);
	ck_assert(ask(&b));
	ck_assert(is_asked(2, "EVALSHA"));
	say(2, COUNTED(5));
	assert_answered(&b, 5);
	ck_assert(stats().links.is_up);
	end();
}
END_TEST

static void free_home(struct redis_home *h)
{
	redis_home_free(h);
	home = NULL;
}

START_TEST(who_retires_answers_what_it_was_asked)
{
	struct asking a, later;
	begin_mapped();
	ck_assert(ask(&a));
	redis_home_retire(home, free_home);
	ck_assert(!ask(&later));
	say(1, COUNTED(4));
	assert_answered(&a, 4);
	ck_assert_ptr_null(home);
	end();
}
END_TEST

START_TEST(who_retires_before_it_has_a_map_is_free_at_once)
{
	struct asking a;
	begin(1);
	home_begin();
	ck_assert(ask(&a));
	redis_home_retire(home, free_home);
	assert_failed(&a, RC_CLOSED);
	pump();
	ck_assert_ptr_null(home);
	end();
}
END_TEST

UNIT_SUITE(redis_home, the_first_questions_wait_for_the_map,
	who_waits_for_a_map_does_so_as_long_as_for_an_answer, addresses_are_asked_until_one_tells,
	what_is_no_map_is_asked_for_again_but_seldom, a_node_without_a_host_is_where_it_was_asked,
	a_node_may_have_an_address_of_ipv6,
	a_node_that_has_no_slot_any_more_answers_what_it_was_asked,
	a_slot_that_has_moved_is_asked_for_there_from_then_on,
	a_slot_on_its_way_is_asked_for_there_with_a_word_before,
	many_that_are_turned_away_fetch_one_map, who_is_sent_round_and_round_gives_up,
	a_turn_gives_no_more_time, who_cannot_decide_says_so_and_is_asked_on,
	a_node_that_is_down_costs_its_own_slots, who_retires_answers_what_it_was_asked,
	who_retires_before_it_has_a_map_is_free_at_once)
