/* SPDX-License-Identifier: Apache-2.0 */
#include "unit.h"

#include "observe/record.h"

#include <pthread.h>
#include <sched.h>
#include <stdio.h>

#define CAPACITY (4 * (size_t)RECORD_BYTES_MAX)

static bool put(struct record_ring *r, struct str s)
{
	char *to = record_ring_reserve(r, s.n);
	if (!to)
		return false;
	memcpy(to, s.p, s.n);
	record_ring_commit(r, s.n);
	return true;
}

START_TEST(gives_records_back_in_order)
{
	struct record_ring *r = record_ring_new(CAPACITY);
	struct buffer out;
	buffer_init(&out, 1000);
	ck_assert(record_ring_is_empty(r));
	ck_assert(put(r, STR("one\n")));
	ck_assert(put(r, STR("two\n")));
	ck_assert(!record_ring_is_empty(r));
	ck_assert_uint_eq(record_ring_read(r, &out), 2);
	assert_str(buffer_str(&out), "one\ntwo\n");
	ck_assert(record_ring_is_empty(r));
	ck_assert_uint_eq(record_ring_read(r, &out), 0);
	buffer_deinit(&out);
	record_ring_free(r);
}
END_TEST

START_TEST(a_record_may_be_shorter_than_what_was_reserved)
{
	struct record_ring *r = record_ring_new(CAPACITY);
	struct buffer out;
	buffer_init(&out, 1000);
	memcpy(record_ring_reserve(r, RECORD_BYTES_MAX), "short", 5);
	record_ring_commit(r, 5);
	ck_assert(put(r, STR("|next")));
	ck_assert_uint_eq(record_ring_read(r, &out), 2);
	assert_str(buffer_str(&out), "short|next");
	buffer_deinit(&out);
	record_ring_free(r);
}
END_TEST

START_TEST(a_record_of_nothing_is_taken_back)
{
	struct record_ring *r = record_ring_new(CAPACITY);
	struct buffer out;
	buffer_init(&out, 1000);
	ck_assert_ptr_nonnull(record_ring_reserve(r, 100));
	record_ring_commit(r, 0);
	ck_assert(record_ring_is_empty(r));
	ck_assert_uint_eq(record_ring_read(r, &out), 0);
	ck_assert_uint_eq(record_ring_dropped(r), 0);
	buffer_deinit(&out);
	record_ring_free(r);
}
END_TEST

START_TEST(a_full_ring_drops_and_counts_and_goes_on)
{
	struct record_ring *r = record_ring_new(CAPACITY);
	struct buffer out;
	char line[1000];
	size_t kept = 0;
	buffer_init(&out, 2 * CAPACITY);
	memset(line, 'x', sizeof(line));
	while (put(r, str_n(line, sizeof(line))))
		kept++;
	ck_assert_uint_eq(kept, CAPACITY / 1008);
	ck_assert(!put(r, str_n(line, sizeof(line))));
	ck_assert_uint_eq(record_ring_dropped(r), 2);
	ck_assert_uint_eq(record_ring_read(r, &out), kept);
	ck_assert_uint_eq(out.n, kept * sizeof(line));
	ck_assert(put(r, str_n(line, sizeof(line))));
	ck_assert_uint_eq(record_ring_dropped(r), 2);
	buffer_deinit(&out);
	record_ring_free(r);
}
END_TEST

START_TEST(reading_stops_before_what_the_buffer_cannot_hold)
{
	struct record_ring *r = record_ring_new(CAPACITY);
	struct buffer out;
	buffer_init(&out, 7);
	ck_assert(put(r, STR("one\n")));
	ck_assert(put(r, STR("two\n")));
	ck_assert_uint_eq(record_ring_read(r, &out), 1);
	ck_assert(!out.failed);
	assert_str(buffer_str(&out), "one\n");
	buffer_reset(&out);
	ck_assert_uint_eq(record_ring_read(r, &out), 1);
	assert_str(buffer_str(&out), "two\n");
	buffer_deinit(&out);
	record_ring_free(r);
}
END_TEST

static char letter(size_t i)
{
	return (char)('a' + i % 26);
}

static bool is_all(struct str s, char c)
{
	size_t i = 0;
	while (i < s.n && s.p[i] == c)
		i++;
	return i == s.n;
}

/* Records of changing sizes, so that the end of the memory is met at every kind of offset. */
START_TEST(records_stay_whole_around_the_end_of_the_memory)
{
	struct record_ring *r = record_ring_new(CAPACITY);
	struct buffer out;
	size_t sizes[] = {1, 4, 5, 12, 13, 100, 4091, RECORD_BYTES_MAX - 1, RECORD_BYTES_MAX};
	buffer_init(&out, CAPACITY);
	for (size_t i = 0; i < 2000; i++) {
		size_t n = sizes[i * 7 % (sizeof(sizes) / sizeof(sizes[0]))];
		char *to = record_ring_reserve(r, n);
		ck_assert_ptr_nonnull(to);
		memset(to, letter(i), n);
		record_ring_commit(r, n);
		if (i % 2 == 0)
			continue;
		buffer_reset(&out);
		ck_assert_uint_eq(record_ring_read(r, &out), 2);
		ck_assert(is_all(str_n(out.p, out.n - n), letter(i - 1)));
		ck_assert(is_all(str_n(out.p + out.n - n, n), letter(i)));
	}
	ck_assert_uint_eq(record_ring_dropped(r), 0);
	buffer_deinit(&out);
	record_ring_free(r);
}
END_TEST

/* --- two threads ----------------------------------------------------------------------------- */
#define THREAD_RECORDS 50000u

/* Each record is its number, in 8 digits, and up to 40 times the number's letter. */
static void *write_records(void *arg)
{
	struct record_ring *r = arg;
	for (unsigned i = 0; i < THREAD_RECORDS; i++) {
		char *to;
		while (!(to = record_ring_reserve(r, 64)))
			sched_yield();
		int n = snprintf(to, 64, "%08u", i);
		memset(to + n, letter(i), i % 41);
		record_ring_commit(r, (size_t)n + i % 41);
	}
	return NULL;
}

static unsigned check_records(struct str s, unsigned next)
{
	while (s.n > 0) {
		uint64_t number = 0;
		if (str_to_u64(str_slice(s, 0, 8), THREAD_RECORDS, &number) != RC_OK ||
			number != next || !is_all(str_slice(s, 8, next % 41), letter(next)))
			ck_abort_msg("record %u is broken: %.*s", next, STR_ARG(s));
		s = str_from(s, 8 + next % 41);
		next++;
	}
	return next;
}

START_TEST(a_reader_sees_whole_records_while_the_writer_goes_on)
{
	struct record_ring *r = record_ring_new(CAPACITY);
	struct buffer out;
	pthread_t writer;
	unsigned next = 0;
	buffer_init(&out, 4096);
	ck_assert_int_eq(pthread_create(&writer, NULL, write_records, r), 0);
	while (next < THREAD_RECORDS) {
		if (record_ring_read(r, &out) == 0)
			sched_yield();
		next = check_records(buffer_str(&out), next);
		buffer_reset(&out);
	}
	pthread_join(writer, NULL);
	ck_assert(record_ring_is_empty(r));
	buffer_deinit(&out);
	record_ring_free(r);
}
END_TEST

UNIT_SUITE(record, gives_records_back_in_order, a_record_may_be_shorter_than_what_was_reserved,
	a_record_of_nothing_is_taken_back, a_full_ring_drops_and_counts_and_goes_on,
	reading_stops_before_what_the_buffer_cannot_hold,
	records_stay_whole_around_the_end_of_the_memory,
	a_reader_sees_whole_records_while_the_writer_goes_on)
