/* SPDX-License-Identifier: Apache-2.0 */
#include "state/redis_reply.h"
#include "unit.h"

#include "base/buffer.h"

#include <stdio.h>

static struct redis_reader *reader;
static struct redis_reply reply;

static void write_value(struct buffer *b, const struct redis_value **v)
{
	static const char letters[] = {'"', '+', '-', ':', '_', '['};
	const struct redis_value *own = (*v)++;
	buffer_add_char(b, letters[own->kind]);
	if (own->kind == REDIS_INTEGER)
		buffer_add_i64(b, own->integer);
	buffer_add(b, own->text);
	if (own->kind != REDIS_LIST)
		return;
	for (int64_t i = 0; i < own->integer; i++)
		write_value(b, v);
	buffer_add_char(b, ']');
}

/* All replies within `in`, given in pieces of `piece` bytes, as one text; "!" where it breaks. */
static void assert_read(struct str in, size_t piece, const char *expected)
{
	struct buffer b;
	enum rc rc = RC_AGAIN;
	buffer_init(&b, SIZE_MAX);
	reader = redis_reader_new(1000);
	for (size_t at = 0; at < in.n && rc == RC_AGAIN; at += piece) {
		size_t n = in.n - at < piece ? in.n - at : piece;
		redis_reader_feed(reader, str_n(in.p + at, n));
		while ((rc = redis_reader_next(reader, &reply)) == RC_OK) {
			const struct redis_value *v = reply.values;
			write_value(&b, &v);
			ck_assert_ptr_eq(v, reply.values + reply.count);
		}
	}
	if (rc == RC_INVALID) {
		buffer_add_char(&b, '!');
		ck_assert_int_eq(redis_reader_next(reader, &reply), RC_INVALID);
	}
	ck_assert_msg(str_eq(buffer_str(&b), str_of(expected)), "by %zu: \"%.*s\", expected \"%s\"",
		piece, STR_ARG(buffer_str(&b)), expected);
	redis_reader_free(reader);
	buffer_deinit(&b);
}

static void assert_reads(const char *in, const char *expected)
{
	for (size_t piece = 1; piece <= strlen(in); piece++)
		assert_read(str_of(in), piece, expected);
}

START_TEST(values_are_read_however_they_come)
{
	assert_reads("+OK\r\n", "+OK");
	assert_reads("-NOSCRIPT none\r\n:-42\r\n", "-NOSCRIPT none:-42");
	assert_reads("$4\r\na\r\nb\r\n$-1\r\n$0\r\n\r\n*-1\r\n", "\"a\r\nb_\"_");
	assert_reads("*0\r\n*2\r\n*2\r\n:1\r\n$1\r\nx\r\n*1\r\n+y\r\n:7\r\n", "[][[:1\"x][+y]]:7");
}
END_TEST

START_TEST(what_is_no_reply_breaks_it_for_good)
{
	assert_reads("+OK\r\n?\r\n+OK\r\n", "+OK!");
	assert_reads("HTTP/1.1 400 Bad Request\r\n", "!");
	assert_reads("*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n:1\r\n", "!");
}
END_TEST

START_TEST(nothing_is_kept_of_what_is_too_large)
{
	char text[3000] = "$2000\r\n";
	assert_reads("*1000000000\r\n", "!");
	assert_reads("*65536\r\n", "!");
	memset(text + 7, 'x', 2000);
	assert_read(str_n(text, 2007), 100, "!");
	size_t n = 0;
	n += (size_t)snprintf(text, sizeof(text), "*3\r\n");
	for (int i = 0; i < 3; i++)
		n += (size_t)snprintf(text + n, sizeof(text) - n, "$400\r\n%0400d\r\n", 0);
	assert_read(str_n(text, n), 100, "!");
}
END_TEST

UNIT_SUITE(redis_reply, values_are_read_however_they_come, what_is_no_reply_breaks_it_for_good,
	nothing_is_kept_of_what_is_too_large)
