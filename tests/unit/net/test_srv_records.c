/* SPDX-License-Identifier: Apache-2.0 */
#include "unit.h"

#include "net/srv_records.h"

#include <stdlib.h>

/* A literal with its NULs. */
#define ROW(literal) literal, sizeof(literal) - 1

/* Number and flags, a question, `n` answers, and nothing else. */
#define HEAD(n)  "\x12\x34\x81\x80\0\1\0" n "\0\0\0\0"
#define QUESTION "\5_http\4_tcp\4shop\4test\0\0\x21\0\1" /* its name stands at 12 */
#define SRV(ttl) "\xc0\x0c\0\x21\0\1" ttl
#define NUMBERS  "\0\1\0\2\x1f\x90" /* priority 1, weight 2, port 8080 */
#define TARGET   "\1A\4Shop\4test\0"

static enum rc parse(const char *bytes, size_t n, struct srv_records *out)
{
	/* A heap block of its own, so that a read behind it shows. */
	char *copy = malloc(n ? n : 1);
	memcpy(copy, bytes, n);
	enum rc rc = srv_records_parse(str_n(copy, n), out);
	free(copy);
	return rc;
}

static void assert_invalid(const char *bytes, size_t n)
{
	struct srv_records got;
	ck_assert_int_eq(parse(bytes, n, &got), RC_INVALID);
}

static void assert_target(const char *bytes, size_t n, const char *target)
{
	struct srv_records got;
	ck_assert_int_eq(parse(bytes, n, &got), RC_OK);
	ck_assert_uint_eq(got.count, 1);
	ck_assert_str_eq(got.all[0].target, target);
}

START_TEST(reads_records_with_their_shortest_time)
{
	static const char bytes[] =
		HEAD("\2") QUESTION SRV("\0\0\0\x3c") "\0\x13" NUMBERS TARGET SRV(
			"\0\0\0\x1e") "\0\x0a\0\0\xff\xff\0\x50\1b\xc0\x17";
	struct srv_records got;
	ck_assert_int_eq(parse(ROW(bytes), &got), RC_OK);
	ck_assert_uint_eq(got.count, 2);
	ck_assert_uint_eq(got.ttl_s, 30);
	ck_assert_uint_eq(got.all[0].priority, 1);
	ck_assert_uint_eq(got.all[0].weight, 2);
	ck_assert_uint_eq(got.all[0].port, 8080);
	ck_assert_str_eq(got.all[0].target, "a.shop.test");
	ck_assert_uint_eq(got.all[1].priority, 0);
	ck_assert_uint_eq(got.all[1].weight, 65535);
	ck_assert_uint_eq(got.all[1].port, 80);
	ck_assert_str_eq(got.all[1].target, "b.shop.test");
	for (size_t i = 0; i < sizeof(bytes) - 1; i++)
		ck_assert_msg(parse(bytes, i, &got) == RC_INVALID, "cut at %zu", i);
}
END_TEST

START_TEST(passes_over_aliases_but_for_their_time)
{
	struct srv_records got;
	ck_assert_int_eq(
		parse(ROW(HEAD("\2") QUESTION "\xc0\x0c\0\5\0\1\0\0\0\5\0\4\1x\xc0\x17\1x"
					      "\xc0\x17\0\x21\0\1\0\0\0\x3c\0\x13" NUMBERS TARGET),
			&got),
		RC_OK);
	ck_assert_uint_eq(got.count, 1);
	ck_assert_uint_eq(got.ttl_s, 5);
}
END_TEST

START_TEST(a_time_with_the_highest_bit_is_none)
{
	struct srv_records got;
	ck_assert_int_eq(
		parse(ROW(HEAD("\1") QUESTION SRV("\x80\0\0\0") "\0\x13" NUMBERS TARGET), &got),
		RC_OK);
	ck_assert_uint_eq(got.ttl_s, 0);
}
END_TEST

START_TEST(where_nobody_serves_there_is_nothing)
{
	struct srv_records got;
	static const char no_answer[] = HEAD("\0") QUESTION;
	static const char root[] = HEAD("\1") QUESTION SRV("\0\0\0\1") "\0\7" NUMBERS "\0";
	static const char no_port[] =
		HEAD("\1") QUESTION SRV("\0\0\0\1") "\0\x13\0\0\0\0\0\0" TARGET;
	static const char other_class[] =
		HEAD("\1") QUESTION "\xc0\x0c\0\x21\0\3\0\0\0\1\0\x13" NUMBERS TARGET;
	ck_assert_int_eq(parse(ROW(no_answer), &got), RC_NOT_FOUND);
	ck_assert_int_eq(parse(ROW(root), &got), RC_NOT_FOUND);
	ck_assert_int_eq(parse(ROW(no_port), &got), RC_NOT_FOUND);
	ck_assert_int_eq(parse(ROW(other_class), &got), RC_NOT_FOUND);
}
END_TEST

/* The target begins at 0x38. */
START_TEST(refuses_pointers_that_do_not_go_back)
{
#define AT(n, name) HEAD("\1") QUESTION SRV("\0\0\0\1") n NUMBERS name
	assert_target(ROW(AT("\0\x8", "\xc0\x17")), "shop.test");
	assert_target(ROW(AT("\0\x8", "\xc0\x26")), "_http._tcp.shop.test"); /* the owner's own */
	assert_invalid(ROW(AT("\0\x8", "\xc0\x38")));                        /* itself */
	assert_invalid(ROW(AT("\0\xa", "\1a\xc0\x38")));                     /* its own begin */
	assert_invalid(ROW(AT("\0\xa", "\1a\xc0\x3a")));                     /* the pointer */
	assert_invalid(ROW(AT("\0\x8", "\xff\xff")));                        /* nothing */
	assert_invalid(ROW(AT("\0\x9", "\x81\x61\0")));              /* a length of another kind */
	assert_invalid(ROW(AT("\0\x9", "\x41\x61\0")));              /* likewise */
	assert_invalid(ROW("\0\0\0\0\0\1\0\1\0\0\0\0\x40\0\0\0\0")); /* in a question */
}
END_TEST

START_TEST(refuses_targets_that_are_no_host)
{
	assert_target(ROW(AT("\0\xb", "\3a-_\0")), "a-_");
	assert_invalid(ROW(AT("\0\xb", "\3a.b\0")));
	assert_invalid(ROW(AT("\0\xb", "\3a b\0")));
	assert_invalid(ROW(AT("\0\xb", "\3a\0b\0")));
	assert_invalid(ROW(AT("\0\xb", "\3a\nb\0")));
	assert_invalid(ROW(AT("\0\xb", "\3a\xff"
				       "b\0")));
}
END_TEST

START_TEST(refuses_data_of_another_length)
{
	assert_invalid(ROW(AT("\0\xa", "\3abc\0")));
	assert_invalid(ROW(AT("\0\xc", "\3abc\0\0")));
	assert_invalid(ROW(AT("\0\xff", "\3abc\0")));
	assert_invalid(ROW(AT("\0\5", "\0")));
}
END_TEST

/* `labels` of 63 bytes and one of `last`. */
static enum rc parse_long(size_t labels, size_t last)
{
	static const char head[] = HEAD("\1") QUESTION SRV("\0\0\0\1");
	char bytes[sizeof(head) + 400];
	size_t n = sizeof(head) - 1 + 2, begin = n;
	struct srv_records got;
	memcpy(bytes, head, sizeof(head) - 1);
	memcpy(bytes + n, NUMBERS, 6);
	n += 6;
	for (size_t i = 0; i <= labels; i++) {
		size_t length = i < labels ? 63 : last;
		bytes[n++] = (char)length;
		memset(bytes + n, 'a', length);
		n += length;
	}
	bytes[n++] = 0;
	bytes[begin - 2] = (char)((n - begin) >> 8);
	bytes[begin - 1] = (char)(n - begin);
	enum rc rc = parse(bytes, n, &got);
	if (rc == RC_OK)
		ck_assert_uint_eq(strlen(got.all[0].target), labels * 64 + last);
	return rc;
}

START_TEST(targets_have_the_length_of_a_name_at_most)
{
	ck_assert_int_eq(parse_long(3, 61), RC_OK);
	ck_assert_int_eq(parse_long(3, 62), RC_INVALID);
	ck_assert_int_eq(parse_long(5, 1), RC_INVALID);
}
END_TEST

/* The lowest priority is the answer's first, or its last. */
static void parse_many(bool is_rising, struct srv_records *got)
{
	static const char record[] = SRV("\0\0\0\1") "\0\x13" NUMBERS TARGET;
	char bytes[4096];
	size_t n = sizeof(HEAD("\x40") QUESTION) - 1;
	memcpy(bytes, HEAD("\x40") QUESTION, n);
	for (int i = 0; i < 64; i++, n += sizeof(record) - 1) {
		memcpy(bytes + n, record, sizeof(record) - 1);
		bytes[n + 13] = (char)(is_rising ? i : 63 - i);
	}
	ck_assert_int_eq(parse(bytes, n, got), RC_OK);
}

START_TEST(of_many_those_of_the_lowest_priorities_stay)
{
	for (int is_rising = 0; is_rising < 2; is_rising++) {
		uint64_t seen = 0;
		struct srv_records got;
		parse_many(is_rising, &got);
		ck_assert_uint_eq(got.count, SRV_RECORDS_MAX);
		for (size_t i = 0; i < got.count; i++)
			seen |= UINT64_C(1) << got.all[i].priority;
		ck_assert_uint_eq(seen, UINT32_MAX);
	}
}
END_TEST

UNIT_SUITE(srv_records, reads_records_with_their_shortest_time,
	passes_over_aliases_but_for_their_time, a_time_with_the_highest_bit_is_none,
	where_nobody_serves_there_is_nothing, refuses_pointers_that_do_not_go_back,
	refuses_targets_that_are_no_host, refuses_data_of_another_length,
	targets_have_the_length_of_a_name_at_most, of_many_those_of_the_lowest_priorities_stay)
