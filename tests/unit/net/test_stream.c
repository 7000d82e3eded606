/* SPDX-License-Identifier: Apache-2.0 */
/* Plain streams: receiving, back-pressure, sending. */
#include "support.h"

#include "base/limits.h"
#include "net/stream_priv.h"

#include <malloc.h>
#include <sys/socket.h>
#include <unistd.h>

static struct side a;

static void assert_reads(int fd, const char *text)
{
	char got[256];
	int n = read_now(fd, got, sizeof(got));
	ck_assert_int_eq(n, (int)strlen(text));
	ck_assert_mem_eq(got, text, strlen(text));
}

static char pattern(size_t i)
{
	return (char)(i * 31 + i / 251);
}

/* Writes as much of the pattern as the socket takes, at most up to `total`; where it is then. */
static size_t pour(int fd, size_t from, size_t total)
{
	char bytes[16384];
	while (from < total) {
		size_t n = total - from < sizeof(bytes) ? total - from : sizeof(bytes);
		for (size_t i = 0; i < n; i++)
			bytes[i] = pattern(from + i);
		ssize_t written = write(fd, bytes, n);
		if (written <= 0)
			break;
		from += (size_t)written;
	}
	return from;
}

static void assert_pattern(struct str s)
{
	for (size_t i = 0; i < s.n; i++)
		if (s.p[i] != pattern(i))
			ck_abort_msg("byte %zu differs", i);
}

/* All of it, and nothing more. */
static size_t take_a_piece(struct side *s, const char *p, size_t n)
{
	(void)p;
	stream_receive(s->stream, false);
	return n;
}

/* --- receiving ---------------------------------------------------------------------------------
 */

START_TEST(hands_up_what_comes)
{
	bench_open();
	int peer = side_accept(&a, NULL);
	tell(peer, "hello ");
	pump();
	tell(peer, "world");
	pump();
	assert_str(side_text(&a), "hello world");
	ck_assert_uint_eq(stream_bytes_received(a.stream), 11);
	ck_assert_int_eq(a.opened, 0); /* plain server streams are open from the start */
	close(peer);
	pump();
	ck_assert_int_eq(a.ended, 1);
	ck_assert_int_eq(a.closed, 0);
	bench_close();
}
END_TEST

/* With edges, a FIN that comes together with the last bytes must not be missed. */
START_TEST(sees_an_end_that_comes_with_the_data)
{
	bench_open();
	int peer = side_accept(&a, NULL);
	tell(peer, "bye");
	close(peer);
	pump();
	assert_str(side_text(&a), "bye");
	ck_assert_int_eq(a.ended, 1);
	ck_assert(!a.was_truncated);
	bench_close();
}
END_TEST

START_TEST(sees_an_end_that_comes_while_nobody_reads)
{
	bench_open();
	int peer = side_accept(&a, NULL);
	stream_receive(a.stream, false);
	tell(peer, "bye");
	close(peer);
	pump();
	ck_assert_int_eq(a.calls + a.ended, 0);
	stream_receive(a.stream, true);
	pump();
	assert_str(side_text(&a), "bye");
	ck_assert_int_eq(a.ended, 1);
	bench_close();
}
END_TEST

START_TEST(a_short_read_is_the_last_of_its_turn)
{
	bench_open();
	int peer = side_accept(&a, NULL);
	pump();
	io.recvs = 0;
	tell(peer, "request");
	pump();
	ck_assert_int_eq(io.recvs, 1);
	close(peer);
	bench_close();
}
END_TEST

/* A page where there is little room, of its own; as much as there is room for; nothing. */
START_TEST(receives_what_there_is_room_for)
{
	static const char bytes[60000];
	bench_open();
	int peer = side_accept(&a, NULL);
	stream_ask_room(a.stream, true);
	pump();
	ck_assert_int_eq(write(peer, bytes, sizeof(bytes)), sizeof(bytes));
	pump();
	ck_assert_uint_eq(a.in.n, 0);
	ck_assert_ptr_null(group->block);
	a.on_data = take_a_piece;
	a.room = 1;
	stream_receive(a.stream, true);
	pump();
	ck_assert_uint_eq(a.in.n, 4096 - sizeof(struct block));
	ck_assert_ptr_null(group->block);
	a.room = 20000;
	stream_receive(a.stream, true);
	pump();
	ck_assert_uint_eq(a.in.n, 4096 - sizeof(struct block) + 20000);
	a.on_data = NULL;
	stream_ask_room(a.stream, false);
	stream_receive(a.stream, true);
	pump();
	ck_assert_uint_eq(a.in.n, sizeof(bytes));
	ck_assert_int_eq(a.calls, 3);
	close(peer);
	bench_close();
}
END_TEST

START_TEST(no_byte_is_lost_or_moved_whatever_the_size_of_reads)
{
	static const size_t sizes[] = {1, 7, 16384, 65536, 0};
	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		bench_open();
		int peer = side_accept(&a, NULL);
		io.recv_bytes_max = sizes[i];
		size_t total = sizes[i] && sizes[i] < 100 ? 5000 : 1 << 20, at = 0;
		while (at < total) {
			at = pour(peer, at, total);
			io.interrupts = 3;
			pump();
			/* What a short read hid has no edge of its own. */
			tell(peer, "");
			stream_receive(a.stream, false);
			a.stream->is_readable = true;
			stream_receive(a.stream, true);
			pump();
		}
		close(peer);
		for (int turn = 0; turn < 6000 && !a.ended; turn++) {
			a.stream->is_readable = true;
			stream_receive(a.stream, false);
			stream_receive(a.stream, true);
			loop_turn(loop, 0);
		}
		ck_assert_uint_eq(a.in.n, total);
		assert_pattern(side_text(&a));
		bench_close();
	}
}
END_TEST

/* --- back-pressure -------------------------------------------------------------------------------
 */

static size_t take_two_then_stop(struct side *s, const char *p, size_t n)
{
	if (n > 2)
		stream_receive(s->stream, false);
	return n < 2 ? n : 2;
}

START_TEST(what_is_left_is_offered_again_before_anything_new)
{
	bench_open();
	int peer = side_accept(&a, NULL);
	a.on_data = take_two_then_stop;
	tell(peer, "abcdef");
	pump();
	assert_str(side_text(&a), "ab");
	tell(peer, "gh");
	pump();
	assert_str(side_text(&a), "ab");
	stream_receive(a.stream, true);
	pump();
	assert_str(side_text(&a), "abcd");
	ck_assert_int_eq(a.calls, 2);
	a.on_data = NULL;
	stream_receive(a.stream, true);
	pump();
	assert_str(side_text(&a), "abcdefgh");
	close(peer);
	bench_close();
}
END_TEST

static size_t stop_and_go(struct side *s, const char *p, size_t n)
{
	stream_receive(s->stream, false);
	stream_receive(s->stream, true);
	return 1;
}

START_TEST(left_while_receiving_is_offered_again_at_once)
{
	bench_open();
	int peer = side_accept(&a, NULL);
	a.on_data = stop_and_go;
	tell(peer, "abc");
	pump();
	loop_turn(loop, 0);
	assert_str(side_text(&a), "abc");
	ck_assert_int_eq(a.calls, 3);
	close(peer);
	bench_close();
}
END_TEST

static size_t take_one(struct side *s, const char *p, size_t n)
{
	return 1;
}

START_TEST(whoever_takes_a_byte_at_a_time_gets_all)
{
	bench_open();
	int peer = side_accept(&a, NULL);
	a.on_data = take_one;
	tell(peer, "abcdefgh");
	pump();
	pump();
	assert_str(side_text(&a), "abcdefgh");
	ck_assert_int_eq(a.calls, 8);
	close(peer);
	bench_close();
}
END_TEST

START_TEST(receiving_is_never_called_back_from_within_the_switch)
{
	bench_open();
	int peer = side_accept(&a, NULL);
	a.on_data = take_nothing;
	tell(peer, "abc");
	pump();
	int calls = a.calls;
	stream_receive(a.stream, true);
	ck_assert_int_eq(a.calls, calls);
	close(peer);
	bench_close();
}
END_TEST

START_TEST(a_small_residue_does_not_pin_a_receive_block)
{
	static struct side many[40];
	int peers[40];
	bench_open();
	for (int i = 0; i < 40; i++) {
		peers[i] = side_accept(&many[i], NULL);
		many[i].on_data = take_nothing;
		tell(peers[i], "left over");
	}
	pump();
	for (int i = 0; i < 40; i++)
		ck_assert_uint_lt(many[i].stream->residue->capacity, BLOCK_RECEIVE_BYTES);
	size_t used = pool_bytes_used(loop_pool(loop));
	ck_assert_uint_lt(used, 40 * (512 + POOL_PAGE_BYTES) + 3 * 65536);
	for (int i = 0; i < 40; i++) {
		many[i].on_data = NULL;
		stream_receive(many[i].stream, true);
	}
	pump();
	for (int i = 0; i < 40; i++) {
		assert_str(side_text(&many[i]), "left over");
		close(peers[i]);
	}
	bench_close();
}
END_TEST

START_TEST(a_peer_that_is_not_read_is_stopped_and_goes_on)
{
	enum { TOTAL = 20 << 20 };
	bench_open();
	int peer = side_accept(&a, NULL);
	stream_receive(a.stream, false);
	size_t at = pour(peer, 0, TOTAL);
	ck_assert_uint_lt(at, TOTAL);
	pump();
	ck_assert_int_eq(a.calls, 0);
	stream_receive(a.stream, true);
	while (at < TOTAL) {
		at = pour(peer, at, TOTAL);
		pump();
	}
	close(peer);
	pump();
	ck_assert_uint_eq(a.in.n, TOTAL);
	assert_pattern(side_text(&a));
	bench_close();
}
END_TEST

START_TEST(one_stream_takes_its_share_of_a_turn_and_no_more)
{
	bench_open();
	int peer = side_accept(&a, NULL);
	int size = 4 << 20;
	setsockopt(a.stream->fd, SOL_SOCKET, SO_RCVBUF, &size, sizeof(size));
	loop_turn(loop, 0);
	size_t sent = pour(peer, 0, 16 << 20);
	ck_assert_uint_gt(sent, 2 * LIMIT_TURN_BYTES);
	loop_turn(loop, 0);
	ck_assert_uint_ge(a.in.n, LIMIT_TURN_BYTES);
	ck_assert_uint_le(a.in.n, LIMIT_TURN_BYTES + BLOCK_RECEIVE_BYTES);
	loop_turn(loop, -1); /* goes on without an edge */
	ck_assert_uint_gt(a.in.n, LIMIT_TURN_BYTES + BLOCK_RECEIVE_BYTES);
	pump();
	assert_pattern(side_text(&a));
	close(peer);
	bench_close();
}
END_TEST

/* --- sending
 * --------------------------------------------------------------------------------------- */

START_TEST(sends_at_the_end_of_the_turn_in_one_call)
{
	struct chunk_queue body;
	bench_open();
	int peer = side_accept(&a, NULL);
	pump();
	io.sends = 0;
	memcpy(stream_reserve(a.stream, 100), "head ", 5);
	stream_commit(a.stream, 5);
	chunk_queue_init(&body, loop_pool(loop));
	chunk_queue_add_static(&body, STR("body"));
	stream_send_queue(a.stream, &body);
	ck_assert(chunk_queue_is_empty(&body));
	stream_send_copy(a.stream, STR(" end"));
	ck_assert_uint_eq(stream_pending(a.stream), 13);
	ck_assert_int_eq(io.sends, 0);
	loop_turn(loop, 0);
	ck_assert_int_eq(io.sends, 1);
	ck_assert_uint_eq(stream_pending(a.stream), 0);
	ck_assert_uint_eq(stream_bytes_sent(a.stream), 13);
	assert_reads(peer, "head body end");
	close(peer);
	bench_close();
}
END_TEST

START_TEST(much_goes_early)
{
	static char bytes[LIMIT_DIRTY_STREAM_BYTES];
	bench_open();
	int peer = side_accept(&a, NULL);
	pump();
	io.sends = 0;
	stream_send_copy(a.stream, str_n(bytes, sizeof(bytes) - 1));
	ck_assert_int_eq(io.sends, 0);
	stream_send_copy(a.stream, STR("x"));
	ck_assert_int_eq(io.sends, 1);
	ck_assert_uint_eq(stream_pending(a.stream), 0);
	close(peer);
	bench_close();
}
END_TEST

static size_t reply(struct side *s, const char *p, size_t n)
{
	stream_send_copy(s->stream, str_n(p, n));
	return n;
}

static int many_calls, many_first, early;
static int many_peers[2 * LIMIT_DIRTY_STREAMS];

/* The first that was answered can be read by its peer before the last one is asked. */
static size_t reply_and_look(struct side *s, const char *p, size_t n)
{
	char c;
	if (many_calls++ == 0)
		many_first = *(int *)s->arg;
	else if (!early && read_now(many_first, &c, 1) == 1)
		early = many_calls;
	return reply(s, p, n);
}

START_TEST(many_dirty_streams_are_flushed_early)
{
	enum { COUNT = 2 * LIMIT_DIRTY_STREAMS };
	static struct side many[COUNT];
	bench_open();
	for (int i = 0; i < COUNT; i++) {
		many_peers[i] = side_accept_unix(&many[i]);
		many[i].arg = &many_peers[i];
	}
	for (int round = 0; round < 3; round++) { /* libevent takes more at once each time */
		for (int i = 0; i < COUNT; i++) {
			tell(many_peers[i], "x");
			many[i].on_data = round == 2 ? reply_and_look : NULL;
		}
		if (round < 2)
			pump();
	}
	loop_turn(loop, 0);
	ck_assert_int_eq(many_calls, COUNT);
	ck_assert_int_eq(early, LIMIT_DIRTY_STREAMS + 1);
	for (int i = 0; i < COUNT; i++)
		close(many_peers[i]);
	bench_close();
}
END_TEST

START_TEST(a_reservation_that_is_not_used_sends_nothing)
{
	bench_open();
	int peer = side_accept(&a, NULL);
	stream_reserve(a.stream, 100);
	stream_commit(a.stream, 0);
	pump();
	ck_assert_uint_eq(stream_pending(a.stream), 0);
	stream_reserve(a.stream, 16384);
	stream_send_copy(a.stream, STR("x"));
	pump();
	assert_reads(peer, "x");
	close(peer);
	bench_close();
}
END_TEST

START_TEST(a_slow_reader_gets_everything_in_order_and_drained_comes_once)
{
	enum { TOTAL = 8 << 20 };
	static char bytes[TOTAL], got[TOTAL];
	bench_open();
	int peer = side_accept(&a, NULL);
	for (size_t i = 0; i < TOTAL; i++)
		bytes[i] = pattern(i);
	stream_send_copy(a.stream, str_n(bytes, TOTAL));
	ck_assert_uint_gt(stream_pending(a.stream), LIMIT_QUEUE_HIGH_BYTES);
	pump();
	ck_assert_int_eq(a.drained, 0);
	size_t at = 0;
	while (at < TOTAL) {
		int n = read_now(peer, got + at, TOTAL - at);
		at += n > 0 ? (size_t)n : 0;
		pump();
	}
	ck_assert_int_eq(a.drained, 1);
	ck_assert_uint_eq(stream_pending(a.stream), 0);
	ck_assert_uint_eq(stream_bytes_sent(a.stream), TOTAL);
	ck_assert_int_eq(memcmp(bytes, got, TOTAL), 0);
	close(peer);
	bench_close();
}
END_TEST

START_TEST(writes_cut_short_anywhere_are_continued)
{
	bench_open();
	int peer = side_accept(&a, NULL);
	io.send_bytes_max = 1;
	for (int i = 0; i < 300; i++)
		stream_send_copy(a.stream, STR("abc"));
	struct chunk_queue q;
	chunk_queue_init(&q, loop_pool(loop));
	for (int i = 0; i < 100; i++)
		chunk_queue_add_static(&q, STR("static"));
	stream_send_queue(a.stream, &q);
	char got[2000];
	size_t at = 0;
	for (int turn = 0; turn < 4000 && at < 1500; turn++) {
		io.interrupts = 1;
		a.stream->is_writable = true; /* the kernel had room: no edge comes */
		stream_mark_dirty(a.stream);
		loop_turn(loop, 0);
		int n = read_now(peer, got + at, sizeof(got) - at);
		at += n > 0 ? (size_t)n : 0;
	}
	ck_assert_uint_eq(at, 1500);
	for (int i = 0; i < 900; i++)
		ck_assert_int_eq(got[i], "abc"[i % 3]);
	for (int i = 0; i < 600; i++)
		ck_assert_int_eq(got[900 + i], "static"[i % 6]);
	close(peer);
	bench_close();
}
END_TEST

START_TEST(more_slices_than_one_call_takes_are_sent)
{
	struct chunk_queue q;
	char got[1000];
	bench_open();
	int peer = side_accept(&a, NULL);
	chunk_queue_init(&q, loop_pool(loop));
	for (int i = 0; i < 500; i++)
		chunk_queue_add_static(&q, i % 2 ? STR("b") : STR("a"));
	stream_send_queue(a.stream, &q);
	loop_turn(loop, 0);
	ck_assert_int_eq(read_now(peer, got, sizeof(got)), 500);
	close(peer);
	bench_close();
}
END_TEST

START_TEST(ends_after_what_is_queued_and_reads_on)
{
	char c;
	bench_open();
	int peer = side_accept(&a, NULL);
	stream_send_copy(a.stream, STR("last"));
	stream_send_end(a.stream);
	stream_send_copy(a.stream, STR("too late"));
	pump();
	assert_reads(peer, "last");
	ck_assert_int_eq(read_now(peer, &c, 1), 0);
	tell(peer, "still heard");
	pump();
	assert_str(side_text(&a), "still heard");
	ck_assert_int_eq(a.closed, 0);
	close(peer);
	pump();
	ck_assert_int_eq(a.ended, 1);
	bench_close();
}
END_TEST

START_TEST(sends_on_after_the_peer_has_ended)
{
	bench_open();
	int peer = side_accept(&a, NULL);
	tell(peer, "question");
	shutdown(peer, SHUT_WR);
	pump();
	ck_assert_int_eq(a.ended, 1);
	stream_send_copy(a.stream, STR("answer"));
	pump();
	assert_reads(peer, "answer");
	close(peer);
	bench_close();
}
END_TEST

/* --- what a request costs ------------------------------------------------------------------------
 */

static struct stream *relay_to[2];

static size_t relay(struct side *s, const char *p, size_t n)
{
	struct stream *to = relay_to[s->arg != NULL];
	struct chunk_queue q;
	chunk_queue_init(&q, loop_pool(loop));
	chunk_queue_add_slice(&q, group->block, p, n);
	memcpy(stream_reserve(to, 64), "head: ", 6);
	stream_commit(to, 6);
	stream_send_queue(to, &q);
	s->in.n = 0;
	return n;
}

START_TEST(a_relayed_request_costs_four_calls_and_no_allocation)
{
	static struct side b;
	char got[256];
	bench_open();
	int client = side_accept(&a, NULL), backend = side_accept(&b, NULL);
	relay_to[0] = b.stream;
	relay_to[1] = a.stream;
	b.arg = &b;
	a.on_data = b.on_data = relay;
	for (int i = 0; i < 20; i++) {
		int mallocs;
		tell(client, "question");
		io.recvs = io.sends = io.mallocs = 0;
		pump();
		mallocs = io.mallocs;
		assert_reads(backend, "head: question");
		tell(backend, "answer");
		io.mallocs = 0;
		pump();
		mallocs += io.mallocs;
		ck_assert_int_eq(read_now(client, got, sizeof(got)), 12);
		ck_assert_int_eq(io.recvs, 2);
		ck_assert_int_eq(io.sends, 2);
		if (i > 2)
			ck_assert_int_eq(mallocs, 0);
	}
	close(client);
	close(backend);
	bench_close();
}
END_TEST

START_TEST(an_idle_stream_holds_no_buffer_and_little_memory)
{
	bench_open();
	int peer = side_accept(&a, NULL);
	a.on_data = reply;
	tell(peer, "x");
	pump();
	ck_assert_uint_le(sizeof(struct stream), 512);
	block_unref(group->block);
	group->block = NULL;
	ck_assert_uint_le(pool_bytes_used(loop_pool(loop)), 512);
	close(peer);
	bench_close();
}
END_TEST

UNIT_SUITE(stream, hands_up_what_comes, sees_an_end_that_comes_with_the_data,
	sees_an_end_that_comes_while_nobody_reads, a_short_read_is_the_last_of_its_turn,
	receives_what_there_is_room_for, no_byte_is_lost_or_moved_whatever_the_size_of_reads,
	what_is_left_is_offered_again_before_anything_new,
	left_while_receiving_is_offered_again_at_once, whoever_takes_a_byte_at_a_time_gets_all,
	receiving_is_never_called_back_from_within_the_switch,
	a_small_residue_does_not_pin_a_receive_block,
	a_peer_that_is_not_read_is_stopped_and_goes_on,
	one_stream_takes_its_share_of_a_turn_and_no_more, sends_at_the_end_of_the_turn_in_one_call,
	much_goes_early, many_dirty_streams_are_flushed_early,
	a_reservation_that_is_not_used_sends_nothing,
	a_slow_reader_gets_everything_in_order_and_drained_comes_once,
	writes_cut_short_anywhere_are_continued, more_slices_than_one_call_takes_are_sent,
	ends_after_what_is_queued_and_reads_on, sends_on_after_the_peer_has_ended,
	a_relayed_request_costs_four_calls_and_no_allocation,
	an_idle_stream_holds_no_buffer_and_little_memory)
