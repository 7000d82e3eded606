/* SPDX-License-Identifier: Apache-2.0 */
/* What nodes of a Redis Cluster say of who has what. */
#include "state/redis_slots.h"
#include "unit.h"

#include "base/buffer.h"

#include <stdio.h>

static unsigned slot_of(const char *key)
{
	return redis_slot_of(str_of(key));
}

START_TEST(slots_are_those_of_the_specification)
{
	ck_assert_uint_eq(slot_of("123456789"), 0x31c3);
	ck_assert_uint_eq(slot_of("foo"), 12182);
	ck_assert_uint_eq(slot_of(""), 0);
	ck_assert_uint_eq(redis_slot_of(STR_EMPTY), 0);
}
END_TEST

START_TEST(what_stands_in_the_first_braces_counts_alone)
{
	ck_assert_uint_eq(slot_of("{user1000}.following"), slot_of("user1000"));
	ck_assert_uint_eq(slot_of("foo{bar}{zap}"), slot_of("bar"));
	ck_assert_uint_eq(slot_of("foo{{bar}}zap"), slot_of("{bar"));
	ck_assert_uint_ne(slot_of("foo{}{bar}"), slot_of("bar"));
	ck_assert_uint_ne(slot_of("foo{bar"), slot_of("bar"));
	ck_assert_uint_ne(slot_of("foo}bar{"), slot_of("bar"));
}
END_TEST

static void assert_turn(const char *error, enum redis_turn_kind kind, unsigned slot,
	const char *host, unsigned port)
{
	struct redis_turn turn;
	ck_assert_msg(redis_turn_read(str_of(error), &turn), "%s", error);
	ck_assert_int_eq(turn.kind, kind);
	ck_assert_uint_eq(turn.slot, slot);
	ck_assert_msg(str_eq(turn.host, str_of(host)), "%s", error);
	ck_assert_uint_eq(turn.port, port);
}

START_TEST(nodes_send_questions_elsewhere)
{
	assert_turn("MOVED 3999 127.0.0.1:6381", REDIS_TURN_MOVED, 3999, "127.0.0.1", 6381);
	assert_turn("ASK 16383 node.example:1", REDIS_TURN_ASK, 16383, "node.example", 1);
	assert_turn("MOVED 0 ::1:6381", REDIS_TURN_MOVED, 0, "::1", 6381);
	assert_turn("ASK 7 2001:db8::1:6381", REDIS_TURN_ASK, 7, "2001:db8::1", 6381);
	assert_turn("MOVED 7 :6381", REDIS_TURN_MOVED, 7, "", 6381);
	assert_turn("MOVED 7 ?:6381", REDIS_TURN_MOVED, 7, "", 6381);
	assert_turn("ASK 7 ?:6381", REDIS_TURN_ASK, 7, "", 6381);
	assert_turn("TRYAGAIN Multiple keys", REDIS_TURN_NOWHERE, 0, "", 0);
	assert_turn("CLUSTERDOWN The cluster is down", REDIS_TURN_NOWHERE, 0, "", 0);
}
END_TEST

START_TEST(what_cannot_be_followed_is_no_turn)
{
	static const char *const errors[] = {"", "MOVED", "MOVED ", "MOVED 1", "MOVED 1 a",
		"MOVED 1 a:", "MOVED 1 a:0", "MOVED 1 a:65536", "MOVED 16384 a:1", "MOVED -1 a:1",
		"MOVED x a:1", "ASK 1 a:b", "ERR MOVED 1 a:1", "ASKING 1 a:1"};
	char error[REDIS_HOST_BYTES + 32];
	struct redis_turn turn;
	for (size_t i = 0; i < sizeof(errors) / sizeof(errors[0]); i++)
		ck_assert_msg(!redis_turn_read(str_of(errors[i]), &turn), "%s", errors[i]);
	snprintf(error, sizeof(error), "MOVED 1 %0*d:1", REDIS_HOST_BYTES, 0);
	ck_assert(!redis_turn_read(str_of(error), &turn));
	ck_assert(!redis_turn_read(str_n("MOVED 1 a\0b:1", 13), &turn));
	ck_assert(!redis_turn_read(STR_EMPTY, &turn));
}
END_TEST

/* The ranges of a reply as one text; "none". */
static void assert_ranges(const char *in, const char *expected)
{
	struct redis_reader *reader = redis_reader_new(4000);
	struct redis_ranges ranges;
	struct redis_range range;
	struct redis_reply reply;
	struct buffer b;
	buffer_init(&b, SIZE_MAX);
	redis_reader_feed(reader, str_of(in));
	ck_assert_int_eq(redis_reader_next(reader, &reply), RC_OK);
	if (!redis_ranges_begin(&ranges, &reply))
		buffer_add(&b, STR("none"));
	while (redis_ranges_next(&ranges, &range))
		buffer_addf(&b, "%u-%u %.*s:%u;", range.first, range.last, STR_ARG(range.host),
			range.port);
	ck_assert_msg(str_eq(buffer_str(&b), str_of(expected)), "%.*s, expected %s",
		STR_ARG(buffer_str(&b)), expected);
	redis_reader_free(reader);
	buffer_deinit(&b);
}

#define NODE(host, port)                                                                           \
	"*4\r\n" host ":" #port "\r\n$2\r\nid\r\n*2\r\n$8\r\nhostname\r\n$1\r\nh\r\n"
#define A "$1\r\na\r\n"

START_TEST(ranges_are_the_masters)
{
	assert_ranges("*2\r\n*4\r\n:0\r\n:9\r\n" NODE(A, 1) NODE("$1\r\nb\r\n", 2) /**/
		"*3\r\n:10\r\n:16383\r\n*2\r\n$1\r\nc\r\n:3\r\n",
		"0-9 a:1;10-16383 c:3;");
	assert_ranges("*1\r\n*3\r\n:5\r\n:5\r\n" NODE("$-1\r\n", 1), "5-5 :1;");
	assert_ranges("*1\r\n*3\r\n:5\r\n:5\r\n" NODE("$0\r\n\r\n", 1), "5-5 :1;");
	assert_ranges("*1\r\n*3\r\n:5\r\n:5\r\n" NODE("$1\r\n?\r\n", 1), "5-5 :1;");
	assert_ranges("*1\r\n*3\r\n:5\r\n:5\r\n" NODE("$3\r\n::1\r\n", 1), "5-5 ::1:1;");
}
END_TEST

START_TEST(what_is_no_map_has_no_ranges)
{
	static const char *const replies[] = {"*0\r\n", "+OK\r\n", "*1\r\n:1\r\n", "*1\r\n*0\r\n",
		"*1\r\n*2\r\n:1\r\n:2\r\n", "*1\r\n*3\r\n:2\r\n:1\r\n" NODE(A, 1),
		"*1\r\n*3\r\n:0\r\n:16384\r\n" NODE(A, 1), "*1\r\n*3\r\n:-1\r\n:1\r\n" NODE(A, 1),
		"*1\r\n*3\r\n:0\r\n:1\r\n*1\r\n" A, "*1\r\n*3\r\n:0\r\n:1\r\n*0\r\n",
		"*1\r\n*3\r\n:0\r\n:1\r\n" NODE(A, 65536),
		"*1\r\n*3\r\n:0\r\n:1\r\n" NODE(":1\r\n", 1),
		"*2\r\n*3\r\n:0\r\n:1\r\n" NODE(A, 1) ":1\r\n"};
	for (size_t i = 0; i < sizeof(replies) / sizeof(replies[0]); i++)
		assert_ranges(replies[i], "none");
}
END_TEST

UNIT_SUITE(redis_slots, slots_are_those_of_the_specification,
	what_stands_in_the_first_braces_counts_alone, nodes_send_questions_elsewhere,
	what_cannot_be_followed_is_no_turn, ranges_are_the_masters, what_is_no_map_has_no_ranges)
