/* SPDX-License-Identifier: Apache-2.0 */
/* Output that is made when it is due: all of it comes, whatever the socket takes at a time. */
#include "support.h"

#include "base/limits.h"

#include <unistd.h>

enum { TOTAL = 8 << 20 };

static struct side a;
static size_t made;

static char pattern(size_t i)
{
	return (char)(i * 31 + i / 251);
}

/* As much as may be queued, and somewhat more at times: frames are not cut. */
static bool on_produce(struct stream *s)
{
	char piece[10000];
	while (made < TOTAL && stream_pending(s) < LIMIT_QUEUE_HIGH_BYTES) {
		size_t n = TOTAL - made < sizeof(piece) ? TOTAL - made : sizeof(piece);
		for (size_t i = 0; i < n; i++)
			piece[i] = pattern(made + i);
		stream_send_copy(s, str_n(piece, n));
		made += n;
	}
	return made < TOTAL;
}

static void assert_all_comes(int peer, size_t read_max)
{
	static char got[1 << 20];
	size_t at = 0;
	made = 0;
	stream_want_produce(a.stream);
	pump();
	for (int idle = 0; at < TOTAL && idle < 3;) {
		int n = read_now(peer, got, read_max);
		idle = n > 0 ? 0 : idle + 1;
		for (int i = 0; i < n; i++)
			if (got[i] != pattern(at + (size_t)i))
				ck_abort_msg("byte %zu differs", at + (size_t)i);
		at += n > 0 ? (size_t)n : 0;
		pump();
	}
	ck_assert_uint_eq(at, TOTAL);
}

static int accept_producer(void)
{
	static struct stream_events events;
	int peer = side_accept(&a, NULL);
	events = side_events;
	events.on_produce = on_produce;
	stream_set_events(a.stream, &events, &a);
	return peer;
}

START_TEST(all_comes_to_a_slow_reader)
{
	bench_open();
	int peer = accept_producer();
	assert_all_comes(peer, 5000);
	close(peer);
	bench_close();
}
END_TEST

/* Then the socket takes at once what had to wait: it has room for more, and tells no edge. */
START_TEST(all_comes_to_a_reader_that_reads_much_at_a_time)
{
	bench_open();
	int peer = accept_producer();
	assert_all_comes(peer, 1 << 20);
	close(peer);
	bench_close();
}
END_TEST

UNIT_SUITE(
	stream_produce, all_comes_to_a_slow_reader, all_comes_to_a_reader_that_reads_much_at_a_time)
