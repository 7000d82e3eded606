/* SPDX-License-Identifier: Apache-2.0 */
/* Plain streams: breaking, dialling. */
#include "support.h"

#include "base/limits.h"

#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

static struct side a;

static void reset(int fd)
{
	struct linger zero = {.l_onoff = 1};
	setsockopt(fd, SOL_SOCKET, SO_LINGER, &zero, sizeof(zero));
	close(fd);
}

/* --- breaking -------------------------------------------------------------------------------- */

START_TEST(a_reset_by_the_peer_is_told)
{
	bench_open();
	int peer = side_accept(&a, NULL);
	pump();
	reset(peer);
	pump();
	ck_assert_int_eq(a.closed, 1);
	ck_assert_int_eq(a.rc, RC_CLOSED);
	ck_assert_int_eq(a.ended, 0);
	ck_assert_str_eq(a.error, "the peer reset the connection");
	bench_close();
}
END_TEST

START_TEST(a_reset_is_noticed_while_nobody_reads)
{
	bench_open();
	int peer = side_accept(&a, NULL);
	stream_receive(a.stream, false);
	pump();
	reset(peer);
	pump();
	ck_assert_int_eq(a.closed, 1);
	ck_assert_int_eq(a.rc, RC_CLOSED);
	bench_close();
}
END_TEST

/* An upstream's, while its client is slow. */
START_TEST(what_an_upstream_sent_before_its_reset_is_kept_while_nobody_reads)
{
	bench_open();
	struct address at;
	int listener = tcp_listen(&at, 1);
	side_dial(&a, &at, NULL, "");
	pump();
	int peer = accept(listener, NULL, NULL);
	stream_receive(a.stream, false);
	tell(peer, "the answer");
	reset(peer);
	pump();
	ck_assert_int_eq(a.closed, 0);
	stream_send_copy(a.stream, STR("dropped"));
	pump();
	ck_assert_int_eq(a.closed, 0);
	stream_receive(a.stream, true);
	pump();
	assert_str(side_text(&a), "the answer");
	ck_assert_int_eq(a.closed, 1);
	ck_assert_int_eq(a.ended, 0);
	ck_assert_int_eq(a.rc, RC_CLOSED);
	close(listener);
	bench_close();
}
END_TEST

START_TEST(a_reset_is_noticed_after_the_peer_has_ended)
{
	bench_open();
	int peer = side_accept(&a, NULL);
	shutdown(peer, SHUT_WR);
	pump();
	reset(peer);
	pump();
	ck_assert_int_eq(a.closed, 1);
	ck_assert_int_eq(a.rc, RC_CLOSED);
	bench_close();
}
END_TEST

START_TEST(a_reset_is_noticed_that_comes_with_the_peers_end)
{
	bench_open();
	int peer = side_accept(&a, NULL);
	pump();
	shutdown(peer, SHUT_WR);
	reset(peer);
	pump();
	ck_assert_int_eq(a.closed, 1);
	ck_assert_int_eq(a.rc, RC_CLOSED);
	bench_close();
}
END_TEST

static size_t send_on(struct side *s, const char *p, size_t n)
{
	stream_send_copy(s->stream, STR("more"));
	return n;
}

/* A server that answers before it has read the whole request, and resets what still comes. */
START_TEST(an_answer_that_came_before_the_reset_is_handed_up)
{
	for (int turns = 0; turns < 2; turns++) {
		bench_open();
		int peer = side_accept(&a, NULL);
		pump();
		stream_send_copy(a.stream, STR("upload"));
		pump();
		tell(peer, "too large");
		close(peer); /* with unread bytes: a reset */
		stream_send_copy(a.stream, STR("upload"));
		if (turns == 1)
			a.on_data = send_on;
		pump();
		assert_str(side_text(&a), "too large");
		ck_assert_int_eq(a.closed, 1);
		ck_assert_int_eq(a.rc, RC_CLOSED);
		bench_close();
	}
}
END_TEST

START_TEST(an_answer_is_handed_up_though_writing_failed_first)
{
	static char much[LIMIT_DIRTY_STREAM_BYTES];
	bench_open();
	int peer = side_accept(&a, NULL);
	pump();
	stream_send_copy(a.stream, STR("upload"));
	pump();
	tell(peer, "too large");
	close(peer);
	stream_send_copy(a.stream, str_n(much, sizeof(much))); /* goes early, and fails */
	ck_assert_uint_eq(stream_pending(a.stream), 0);
	stream_send_copy(a.stream, STR("dropped"));
	ck_assert_uint_eq(stream_pending(a.stream), 0);
	ck_assert_int_eq(a.calls + a.closed, 0); /* no callback from within sending */
	pump();
	assert_str(side_text(&a), "too large");
	ck_assert_int_eq(a.closed, 1);
	ck_assert_int_eq(a.ended, 0);
	ck_assert_int_eq(a.rc, RC_CLOSED);
	bench_close();
}
END_TEST

/* --- dialling ----------------------------------------------------------------------------------
 */

/* A stream has no more memory for it than it needs. */
START_TEST(tells_whom_it_was_accepted_from)
{
	const char path[] = "/run/a-path-that-is-longer-than-any-address-of-the-internet";
	struct address rows[4];
	ck_assert_int_eq(address_from_ip(STR("192.0.2.7"), 80, &rows[0]), RC_OK);
	ck_assert_int_eq(address_from_ip(STR("[2001:db8::7]"), 443, &rows[1]), RC_OK);
	ck_assert_int_eq(address_from_path(STR(path), &rows[2]), RC_OK);
	rows[3] = (struct address){.n = sizeof(sa_family_t)};
	rows[3].u.sa.sa_family = AF_UNIX;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		char seen_text[ADDRESS_TEXT_BYTES], wanted_text[ADDRESS_TEXT_BYTES];
		struct address seen;
		int fds[2];
		bench_open();
		side_init(&a);
		tcp_pair(fds);
		a.stream = stream_accept(group, fds[0], &rows[i], NULL, &side_events, &a);
		address_copy(&seen, stream_peer(a.stream));
		ck_assert_msg(seen.n == rows[i].n && address_eq(&seen, &rows[i]), "row %zu", i);
		ck_assert(str_eq(address_text(stream_peer(a.stream), seen_text),
			address_text(&rows[i], wanted_text)));
		stream_probe_peer(a.stream);
		close(fds[1]);
		bench_close();
	}
}
END_TEST

START_TEST(dials_and_sends_what_was_queued_before)
{
	struct address at;
	bench_open();
	int listening = tcp_listen(&at, 4);
	side_dial(&a, &at, NULL, "");
	stream_send_copy(a.stream, STR("early"));
	ck_assert_int_eq(a.opened, 0);
	pump();
	ck_assert_int_eq(a.opened, 1);
	int peer = accept4(listening, NULL, NULL, SOCK_NONBLOCK);
	char got[8];
	ck_assert_int_eq(read_now(peer, got, sizeof(got)), 5);
	ck_assert(address_eq(stream_peer(a.stream), &at));
	ck_assert_uint_ne(address_port(stream_local(a.stream)), 0);
	close(peer);
	close(listening);
	bench_close();
}
END_TEST

static void send_and_end(struct side *s)
{
	stream_send_copy(s->stream, STR("hi"));
	stream_send_end(s->stream);
}

START_TEST(open_comes_before_data_and_end)
{
	struct address at;
	char path[64];
	const char *top = getenv("TMPDIR");
	bench_open();
	snprintf(path, sizeof(path), "%.40s/stream-%d", top ? top : P_tmpdir, (int)getpid());
	ck_assert_int_eq(address_from_path(str_of(path), &at), RC_OK);
	int listening = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	ck_assert_int_eq(bind(listening, &at.u.sa, at.n), 0);
	ck_assert_int_eq(listen(listening, 4), 0);
	side_dial(&a, &at, NULL, ""); /* a UNIX socket is connected at once */
	a.on_open = send_and_end;
	ck_assert_int_eq(a.opened, 0);
	int peer = accept4(listening, NULL, NULL, SOCK_NONBLOCK);
	tell(peer, "greeting");
	shutdown(peer, SHUT_WR);
	pump();
	ck_assert_int_eq(a.opened, 1);
	ck_assert_int_eq(a.ended, 1);
	assert_str(side_text(&a), "greeting");
	ck_assert_int_eq(read_all(peer), 2);
	close(peer);
	close(listening);
	unlink(path);
	bench_close();
}
END_TEST

START_TEST(refusal_is_told_by_close_alone)
{
	struct address at;
	bench_open();
	close(tcp_listen(&at, 4)); /* nobody listens there any more */
	side_dial(&a, &at, NULL, "");
	ck_assert_int_eq(a.closed, 0);
	pump();
	ck_assert_int_eq(a.closed, 1);
	ck_assert_int_eq(a.opened, 0);
	ck_assert_int_eq(a.rc, RC_REFUSED);
	ck_assert_str_eq(a.error, "connection refused");
	static struct side b;
	ck_assert_int_eq(address_from_path(STR("no/such/socket"), &at), RC_OK);
	side_dial(&b, &at, NULL, "");
	ck_assert_int_eq(b.closed, 0);
	ck_assert_uint_eq(stream_local(b.stream)->n, 0);
	pump();
	ck_assert_int_eq(b.rc, RC_REFUSED);
	bench_close();
}
END_TEST

/* A full listening queue drops what else wants in. */
START_TEST(connecting_has_a_limit_in_time)
{
	struct address at;
	static struct side fill[4];
	bench_open();
	int listening = tcp_listen(&at, 0);
	for (int i = 0; i < 4; i++)
		side_dial(&fill[i], &at, NULL, "");
	side_dial(&a, &at, NULL, "");
	pump();
	ck_assert_int_eq(a.opened + a.closed, 0);
	loop_fake_advance(loop, 2999);
	pump();
	ck_assert_int_eq(a.closed, 0);
	loop_fake_advance(loop, 1);
	pump();
	ck_assert_int_eq(a.closed, 1);
	ck_assert_int_eq(a.rc, RC_TIMEOUT);
	ck_assert_str_eq(a.error, "connecting took too long");
	close(listening);
	bench_close();
}
END_TEST

START_TEST(may_be_closed_while_it_connects)
{
	struct address at;
	bench_open();
	int listening = tcp_listen(&at, 4);
	side_dial(&a, &at, NULL, "");
	stream_close(a.stream, STREAM_CLOSE_FLUSH);
	pump();
	ck_assert_int_eq(a.closed, 1);
	ck_assert_int_eq(a.opened, 0);
	ck_assert_int_eq(a.rc, RC_OK);
	close(listening);
	bench_close();
}
END_TEST

START_TEST(may_be_closed_before_open_was_told)
{
	struct address at;
	bench_open();
	int fds[2], listening = tcp_listen(&at, 4);
	(void)fds;
	side_dial(&a, &at, NULL, "");
	loop_turn(loop, 0);
	stream_send_copy(a.stream, STR("x"));
	stream_close(a.stream, STREAM_CLOSE_FLUSH);
	pump();
	int peer = accept4(listening, NULL, NULL, SOCK_NONBLOCK);
	ck_assert_int_eq(read_all(peer), 1);
	close(peer);
	pump();
	ck_assert_int_eq(a.closed, 1);
	close(listening);
	bench_close();
}
END_TEST

START_TEST(another_layer_may_take_over)
{
	static struct side b;
	bench_open();
	int peer = side_accept(&a, NULL);
	tell(peer, "first");
	pump();
	side_init(&b);
	b.stream = a.stream;
	stream_set_events(a.stream, &side_events, &b);
	tell(peer, "second");
	pump();
	assert_str(side_text(&a), "first");
	assert_str(side_text(&b), "second");
	a.stream = NULL;
	a.closed = 1; /* not told any more */
	close(peer);
	bench_close();
}
END_TEST

UNIT_SUITE(stream_end, a_reset_by_the_peer_is_told, a_reset_is_noticed_while_nobody_reads,
	what_an_upstream_sent_before_its_reset_is_kept_while_nobody_reads,
	a_reset_is_noticed_after_the_peer_has_ended,
	a_reset_is_noticed_that_comes_with_the_peers_end,
	an_answer_that_came_before_the_reset_is_handed_up,
	an_answer_is_handed_up_though_writing_failed_first, tells_whom_it_was_accepted_from,
	dials_and_sends_what_was_queued_before, open_comes_before_data_and_end,
	refusal_is_told_by_close_alone, connecting_has_a_limit_in_time,
	may_be_closed_while_it_connects, may_be_closed_before_open_was_told,
	another_layer_may_take_over)
