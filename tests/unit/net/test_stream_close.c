/* SPDX-License-Identifier: Apache-2.0 */
/* Plain streams: closing, and lingering behind it. */
#include "support.h"

#include "base/limits.h"

#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

static struct side a;

START_TEST(closing_is_told_once_at_the_end_of_the_turn)
{
	bench_open();
	int peer = side_accept(&a, NULL);
	stream_send_copy(a.stream, STR("dropped"));
	stream_close(a.stream, STREAM_CLOSE_NOW);
	ck_assert_int_eq(a.closed, 0);
	stream_close(a.stream, STREAM_CLOSE_RESET);
	stream_send_copy(a.stream, STR("ignored"));
	stream_send_end(a.stream);
	stream_receive(a.stream, false);
	stream_reserve(a.stream, 10);
	stream_commit(a.stream, 10);
	stream_reserve(a.stream, 10);
	ck_assert_uint_eq(stream_pending(a.stream), 0);
	loop_turn(loop, 0);
	ck_assert_int_eq(a.closed, 1);
	ck_assert_int_eq(a.rc, RC_OK);
	ck_assert_int_eq(read_all(peer), 0);
	close(peer);
	bench_close();
}
END_TEST

static size_t close_now(struct side *s, const char *p, size_t n)
{
	stream_close(s->stream, STREAM_CLOSE_NOW);
	return 0;
}

static size_t close_flushing(struct side *s, const char *p, size_t n)
{
	stream_send_copy(s->stream, STR("refused"));
	stream_close(s->stream, STREAM_CLOSE_FLUSH);
	return 0;
}

START_TEST(closing_within_on_data_is_the_last_of_it)
{
	bench_open();
	int peer = side_accept(&a, NULL);
	a.on_data = close_now;
	tell(peer, "xyz");
	close(peer);
	pump();
	ck_assert_int_eq(a.calls, 1);
	ck_assert_int_eq(a.ended, 0);
	ck_assert_int_eq(a.closed, 1);
	bench_close();
}
END_TEST

START_TEST(closing_with_a_residue_lets_it_go)
{
	bench_open();
	int peer = side_accept(&a, NULL);
	a.on_data = take_nothing;
	tell(peer, "xyz");
	pump();
	stream_receive(a.stream, true); /* would be offered again */
	stream_close(a.stream, STREAM_CLOSE_NOW);
	pump();
	ck_assert_int_eq(a.calls, 1);
	close(peer);
	bench_close();
}
END_TEST

START_TEST(a_flushing_close_sends_ends_and_waits_for_the_peer)
{
	bench_open();
	int peer = side_accept(&a, NULL);
	a.on_data = close_flushing;
	tell(peer, "question");
	pump();
	tell(peer, "more of it");
	pump();
	ck_assert_int_eq(read_all(peer), 7);
	ck_assert_int_eq(a.closed, 0); /* lingers, so that nothing is reset */
	ck_assert_int_eq(a.calls, 1);
	close(peer);
	pump();
	ck_assert_int_eq(a.closed, 1);
	ck_assert_int_eq(a.rc, RC_OK);
	ck_assert_int_eq(a.ended, 0);
	bench_close();
}
END_TEST

/* However long it drips: what is queued is much, and each look finds that some was taken. */
START_TEST(a_flushing_close_has_an_end_for_who_takes_little)
{
	static char much[32 << 20], taken[256 << 10];
	bench_open();
	int peer = side_accept_unix(&a), looks = 0;
	stream_send_copy(a.stream, str_n(much, sizeof(much)));
	stream_close(a.stream, STREAM_CLOSE_FLUSH);
	for (pump(); !a.closed && looks < 1000; looks++) {
		ck_assert_int_gt(read_now(peer, taken, sizeof(taken)), 0);
		loop_fake_advance(loop, LIMIT_FLUSH_IDLE_MS - 1000);
		pump();
	}
	ck_assert_int_eq(a.closed, 1);
	ck_assert_int_ge(looks, LIMIT_FLUSH_MS / (LIMIT_FLUSH_IDLE_MS - 1000));
	ck_assert_int_le(
		looks, 2 + (LIMIT_FLUSH_MS + LIMIT_FLUSH_IDLE_MS) / (LIMIT_FLUSH_IDLE_MS - 1000));
	close(peer);
	bench_close();
}
END_TEST

START_TEST(a_flushing_close_ends_at_once_when_the_peer_has_ended)
{
	bench_open();
	int peer = side_accept(&a, NULL);
	shutdown(peer, SHUT_WR);
	pump();
	ck_assert_int_eq(a.ended, 1);
	stream_send_copy(a.stream, STR("bye"));
	stream_close(a.stream, STREAM_CLOSE_FLUSH);
	pump();
	ck_assert_int_eq(a.closed, 1);
	ck_assert_int_eq(read_all(peer), 3);
	close(peer);
	bench_close();
}
END_TEST

START_TEST(an_end_closes_without_waiting_for_the_peer)
{
	bench_open();
	for (int i = 0; i < 2; i++) {
		int peer = side_accept(&a, NULL);
		stream_send_copy(a.stream, STR("bye"));
		stream_close(a.stream, i == 0 ? STREAM_CLOSE_END : STREAM_CLOSE_FLUSH);
		pump();
		ck_assert_int_eq(a.closed, i == 0);
		if (i == 1)
			stream_close(a.stream, STREAM_CLOSE_END);
		pump();
		ck_assert_int_eq(a.closed, 1);
		ck_assert_int_eq(a.rc, RC_OK);
		ck_assert_int_eq(read_all(peer), 3);
		close(peer);
	}
	bench_close();
}
END_TEST

START_TEST(tells_whether_something_has_come)
{
	bench_open();
	int peer = side_accept(&a, NULL);
	ck_assert(!stream_has_input(a.stream));
	tell(peer, "question");
	ck_assert(stream_has_input(a.stream));
	pump();
	ck_assert(!stream_has_input(a.stream));
	stream_close(a.stream, STREAM_CLOSE_NOW);
	ck_assert(!stream_has_input(a.stream));
	close(peer);
	bench_close();
}
END_TEST

START_TEST(a_flushing_close_after_our_end_lingers_and_ends_too)
{
	for (int peer_ends_first = 0; peer_ends_first < 2; peer_ends_first++) {
		bench_open();
		int peer = side_accept(&a, NULL);
		stream_send_copy(a.stream, STR("bye"));
		stream_send_end(a.stream);
		if (peer_ends_first)
			shutdown(peer, SHUT_WR);
		pump();
		stream_close(a.stream, STREAM_CLOSE_FLUSH);
		ck_assert_int_eq(a.closed, 0);
		pump();
		ck_assert_int_eq(a.closed, peer_ends_first);
		loop_fake_advance(loop, LIMIT_LINGER_MS);
		pump();
		ck_assert_int_eq(a.closed, 1);
		ck_assert_int_eq(read_all(peer), 3);
		close(peer);
		bench_close();
	}
}
END_TEST

START_TEST(lingering_has_a_limit_in_time)
{
	bench_open();
	int peer = side_accept(&a, NULL);
	stream_close(a.stream, STREAM_CLOSE_FLUSH);
	pump();
	loop_fake_advance(loop, LIMIT_LINGER_MS - 1);
	pump();
	ck_assert_int_eq(a.closed, 0);
	loop_fake_advance(loop, 1);
	pump();
	ck_assert_int_eq(a.closed, 1);
	close(peer);
	bench_close();
}
END_TEST

START_TEST(lingering_has_a_limit_in_bytes)
{
	static char bytes[1 << 16];
	bench_open();
	int peer = side_accept(&a, NULL);
	stream_close(a.stream, STREAM_CLOSE_FLUSH);
	bool is_stopped = false;
	for (int i = 0; i < 1000 && !is_stopped; i++) {
		is_stopped = write(peer, bytes, sizeof(bytes)) <= 0;
		pump();
	}
	ck_assert(is_stopped); /* it stopped reading */
	ck_assert_int_eq(a.closed, 0);
	loop_fake_advance(loop, LIMIT_LINGER_MS);
	pump();
	ck_assert_int_eq(a.closed, 1);
	close(peer);
	bench_close();
}
END_TEST

/* Nothing comes behind its end: what it had sent before is read to that, and not waited for. */
START_TEST(lingering_ends_with_the_peer_whatever_it_has_sent)
{
	static char bytes[LIMIT_LINGER_BYTES / 4];
	bench_open();
	int peer = side_accept(&a, NULL);
	stream_send_copy(a.stream, STR("bye"));
	stream_close(a.stream, STREAM_CLOSE_FLUSH);
	for (int i = 0; i < 7; i++, pump()) /* of which it leaves two unread */
		ck_assert_int_eq(write(peer, bytes, sizeof(bytes)), sizeof(bytes));
	ck_assert(stream_has_input(a.stream));
	ck_assert_int_eq(a.closed, 0);
	shutdown(peer, SHUT_WR);
	pump();
	ck_assert_int_eq(a.closed, 1);
	ck_assert_int_eq(a.rc, RC_OK);
	ck_assert_int_eq(read_all(peer), 3); /* and no reset */
	close(peer);
	bench_close();
}
END_TEST

START_TEST(a_slow_reader_of_the_last_bytes_gets_them_all)
{
	enum { TOTAL = 12 << 20 };
	static char bytes[TOTAL];
	int got = 0, n;
	bench_open();
	int peer = side_accept(&a, NULL);
	stream_send_copy(a.stream, str_n(bytes, TOTAL));
	stream_close(a.stream, STREAM_CLOSE_FLUSH);
	pump();
	while ((n = read_now(peer, bytes, 1 << 18)) != 0) {
		struct pollfd p = {.fd = peer, .events = POLLIN};
		int before = got >> 20;
		got += n > 0 ? n : 0;
		pump();
		if (n < 0)
			ck_assert_int_eq(
				poll(&p, 1, 10000), 1); /* the kernel's clock is not ours */
		else if (got >> 20 != before)
			loop_fake_advance(loop, LIMIT_FLUSH_IDLE_MS / 2);
	}
	ck_assert_int_eq(got, TOTAL);
	close(peer);
	pump();
	ck_assert_int_eq(a.closed, 1);
	bench_close();
}
END_TEST

START_TEST(a_peer_that_takes_nothing_is_given_up)
{
	enum { TOTAL = 12 << 20 };
	static char bytes[TOTAL];
	bench_open();
	int peer = side_accept(&a, NULL);
	stream_send_copy(a.stream, str_n(bytes, TOTAL));
	stream_close(a.stream, STREAM_CLOSE_FLUSH);
	pump();
	loop_fake_advance(loop, LIMIT_FLUSH_IDLE_MS - 1);
	pump();
	ck_assert_int_eq(a.closed, 0);
	loop_fake_advance(loop, 1);
	pump();
	ck_assert_int_eq(a.closed, 1);
	ck_assert_int_eq(a.rc, RC_OK);
	close(peer);
	bench_close();
}
END_TEST

START_TEST(a_flushing_close_may_be_made_harder)
{
	bench_open();
	int peer = side_accept(&a, NULL);
	stream_close(a.stream, STREAM_CLOSE_FLUSH);
	pump();
	stream_close(a.stream, STREAM_CLOSE_FLUSH);
	pump();
	ck_assert_int_eq(a.closed, 0);
	stream_close(a.stream, STREAM_CLOSE_NOW);
	pump();
	ck_assert_int_eq(a.closed, 1);
	close(peer);
	bench_close();
}
END_TEST

START_TEST(a_reset_reaches_the_peer)
{
	char c;
	bench_open();
	int peer = side_accept(&a, NULL);
	stream_send_copy(a.stream, STR("dropped"));
	stream_close(a.stream, STREAM_CLOSE_RESET);
	pump();
	ck_assert_int_eq(read_now(peer, &c, 1), -2);
	ck_assert_int_eq(a.rc, RC_OK);
	close(peer);
	bench_close();
}
END_TEST

UNIT_SUITE(stream_close, closing_is_told_once_at_the_end_of_the_turn,
	closing_within_on_data_is_the_last_of_it, closing_with_a_residue_lets_it_go,
	a_flushing_close_sends_ends_and_waits_for_the_peer,
	a_flushing_close_has_an_end_for_who_takes_little,
	a_flushing_close_ends_at_once_when_the_peer_has_ended,
	an_end_closes_without_waiting_for_the_peer, tells_whether_something_has_come,
	a_flushing_close_after_our_end_lingers_and_ends_too, lingering_has_a_limit_in_time,
	lingering_has_a_limit_in_bytes, lingering_ends_with_the_peer_whatever_it_has_sent,
	a_slow_reader_of_the_last_bytes_gets_them_all, a_peer_that_takes_nothing_is_given_up,
	a_flushing_close_may_be_made_harder, a_reset_reaches_the_peer)
