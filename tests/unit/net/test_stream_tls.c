/* SPDX-License-Identifier: Apache-2.0 */
/* The TLS filter: bytes, back-pressure, ends, and peers that misbehave. */
#include "raw.h"

#include "base/limits.h"
#include "net/stream_priv.h"

#include <malloc.h>
#include <sys/socket.h>
#include <unistd.h>

static struct side a, b;

static void connect_sides(void)
{
	struct address at;
	int listening = tcp_listen(&at, 4);
	side_dial(&b, &at, client_context(NULL), "shop.test");
	side_init(&a);
	int fd = accept4(listening, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
	a.stream = stream_accept(group, fd, &at, server_context(NULL), &side_events, &a);
	close(listening);
	pump();
}

static char pattern(size_t i)
{
	return (char)(i * 31 + i / 251);
}

static void assert_pattern(struct str s)
{
	for (size_t i = 0; i < s.n; i++)
		if (s.p[i] != pattern(i))
			ck_abort_msg("byte %zu differs", i);
}

/* --- many at once -------------------------------------------------------------------------- */

enum { CROWD = 3 * LIMIT_TURN_HANDSHAKES };

/* Greeted, and waiting for an answer. */
static void crowd_connect(struct raw crowd[CROWD], struct side own[CROWD])
{
	struct tls_context *context = server_context(NULL);
	SSL_CTX *ctx = SSL_CTX_new(TLS_client_method());
	for (int i = 0; i < CROWD; i++) {
		crowd[i] = (struct raw){.ctx = ctx, .fd = side_accept(&own[i], context)};
		crowd[i].ssl = SSL_new(ctx);
		SSL_CTX_up_ref(ctx);
		SSL_set_fd(crowd[i].ssl, crowd[i].fd);
		ck_assert_int_lt(SSL_connect(crowd[i].ssl), 1);
	}
	SSL_CTX_free(ctx);
}

static int crowd_answered(const struct raw crowd[CROWD])
{
	int count = 0;
	char c;
	for (int i = 0; i < CROWD; i++)
		count += recv(crowd[i].fd, &c, 1, MSG_PEEK | MSG_DONTWAIT) == 1;
	return count;
}

START_TEST(a_crowd_of_handshakes_leaves_turns_to_who_is_connected)
{
	static struct raw crowd[CROWD];
	static struct side own[CROWD];
	bench_open();
	connect_sides();
	crowd_connect(crowd, own);
	stream_send_copy(b.stream, STR("question"));
	loop_turn(loop, 0);
	ck_assert_int_eq(crowd_answered(crowd), LIMIT_TURN_HANDSHAKES);
	loop_turn(loop, 0);
	ck_assert_int_eq(crowd_answered(crowd), 2 * LIMIT_TURN_HANDSHAKES);
	assert_str(side_text(&a), "question");
	bench_close();
	for (int i = 0; i < CROWD; i++)
		raw_close(&crowd[i]);
}
END_TEST

START_TEST(who_leaves_the_line_of_handshakes_holds_nobody_up)
{
	static struct raw crowd[CROWD];
	static struct side own[CROWD];
	bench_open();
	crowd_connect(crowd, own);
	loop_turn(loop, 0);
	for (int i = LIMIT_TURN_HANDSHAKES; i < CROWD; i += 2)
		stream_close(own[i].stream, STREAM_CLOSE_NOW);
	pump();
	int count = 0;
	for (int i = 0; i < CROWD; i++) {
		count += SSL_connect(crowd[i].ssl) == 1;
		ck_assert_int_eq(own[i].closed, i >= LIMIT_TURN_HANDSHAKES && i % 2 == 0);
	}
	ck_assert_int_eq(count, LIMIT_TURN_HANDSHAKES + (CROWD - LIMIT_TURN_HANDSHAKES) / 2);
	pump();
	for (int i = 0; i < CROWD; i++)
		ck_assert_int_eq(own[i].opened, !own[i].closed);
	bench_close();
	for (int i = 0; i < CROWD; i++)
		raw_close(&crowd[i]);
}
END_TEST

/* --- bytes --------------------------------------------------------------------------------- */

START_TEST(much_goes_both_ways_whole)
{
	enum { TOTAL = 6 << 20 };
	static char bytes[TOTAL];
	bench_open();
	connect_sides();
	ck_assert_int_eq(a.opened + b.opened, 2);
	for (size_t i = 0; i < TOTAL; i++)
		bytes[i] = pattern(i);
	for (size_t at = 0; at < TOTAL; at += TOTAL / 3) { /* odd sizes, several chunks */
		stream_send_copy(a.stream, str_n(bytes + at, TOTAL / 3));
		stream_send_copy(b.stream, str_n(bytes + at, TOTAL / 3));
	}
	ck_assert_uint_gt(stream_pending(a.stream), LIMIT_QUEUE_HIGH_BYTES);
	pump();
	ck_assert_uint_eq(a.in.n, TOTAL);
	ck_assert_uint_eq(b.in.n, TOTAL);
	assert_pattern(side_text(&a));
	assert_pattern(side_text(&b));
	ck_assert_int_eq(a.drained, 1);
	ck_assert_int_eq(b.drained, 1);
	ck_assert_uint_eq(stream_bytes_sent(a.stream), TOTAL);
	bench_close();
}
END_TEST

START_TEST(what_is_queued_before_the_handshake_follows_it)
{
	struct address at;
	bench_open();
	int listening = tcp_listen(&at, 4);
	side_dial(&b, &at, client_context(NULL), "shop.test");
	stream_send_copy(b.stream, STR("early"));
	side_init(&a);
	int fd = accept4(listening, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
	a.stream = stream_accept(group, fd, &at, server_context(NULL), &side_events, &a);
	stream_send_copy(a.stream, STR("greeting"));
	close(listening);
	pump();
	assert_str(side_text(&a), "early");
	assert_str(side_text(&b), "greeting");
	bench_close();
}
END_TEST

/* Input and output cut into single bytes: the handshake and the records must not care. */
START_TEST(any_cut_of_the_wire_will_do)
{
	bench_open();
	struct address at;
	int listening = tcp_listen(&at, 4);
	side_dial(&b, &at, client_context(NULL), "shop.test");
	side_init(&a);
	int fd = accept4(listening, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
	a.stream = stream_accept(group, fd, &at, server_context(NULL), &side_events, &a);
	close(listening);
	io.recv_bytes_max = 1;
	io.send_bytes_max = 3;
	stream_send_copy(b.stream, STR("question"));
	stream_send_copy(a.stream, STR("answer"));
	for (int turn = 0; turn < 20000 && (a.in.n < 8 || b.in.n < 6); turn++) {
		struct stream *both[2] = {a.stream, b.stream};
		for (int i = 0; i < 2; i++) { /* a real socket has no such hidden bytes */
			ck_assert_ptr_nonnull(both[i]);
			both[i]->is_readable = both[i]->is_writable = true;
			loop_ready(loop, &both[i]->task);
			stream_mark_dirty(both[i]);
		}
		io.interrupts = 1;
		loop_turn(loop, 0);
	}
	assert_str(side_text(&a), "question");
	assert_str(side_text(&b), "answer");
	bench_close();
}
END_TEST

START_TEST(small_chunks_share_a_record)
{
	struct chunk_queue q;
	bench_open();
	struct raw r = raw_connect(&a);
	chunk_queue_init(&q, loop_pool(loop));
	for (int i = 0; i < 100; i++)
		chunk_queue_add_static(&q, STR("abc"));
	io.sends = 0;
	stream_send_queue(a.stream, &q);
	loop_turn(loop, 0);
	ck_assert_int_eq(io.sends, 1);
	char got[400];
	ck_assert_int_eq(SSL_read(r.ssl, got, sizeof(got)), 300); /* one record */
	raw_close(&r);
	bench_close();
}
END_TEST

/* --- back-pressure ------------------------------------------------------------------------- */

static size_t take_seven(struct side *s, const char *p, size_t n)
{
	stream_receive(s->stream, false);
	return n < 7 ? n : 7;
}

START_TEST(a_reader_that_stops_and_goes_gets_everything_in_order)
{
	enum { TOTAL = 300000 };
	static char bytes[TOTAL];
	bench_open();
	connect_sides();
	for (size_t i = 0; i < TOTAL; i++)
		bytes[i] = pattern(i);
	a.on_data = take_seven;
	stream_send_copy(b.stream, str_n(bytes, TOTAL));
	stream_send_end(b.stream);
	pump();
	ck_assert_uint_eq(a.in.n, 7);
	for (int i = 0; i < 1000; i++) {
		stream_receive(a.stream, true);
		pump();
	}
	ck_assert_uint_eq(a.in.n, 7 * 1001);
	a.on_data = NULL;
	stream_receive(a.stream, true);
	pump();
	ck_assert_uint_eq(a.in.n, TOTAL);
	assert_pattern(side_text(&a));
	ck_assert_int_eq(a.ended, 1);
	ck_assert(!a.was_truncated);
	bench_close();
}
END_TEST

static int poured;

static size_t pour_out(struct side *s, const char *p, size_t n)
{
	stream_receive(s->stream, false);
	poured += (int)n;
	return n;
}

START_TEST(a_reader_that_stops_after_each_record_does_not_lose_the_next)
{
	static char bytes[5 * 16384];
	bench_open();
	connect_sides();
	poured = 0;
	a.on_data = pour_out;
	stream_send_copy(b.stream, str_n(bytes, sizeof(bytes)));
	pump();
	ck_assert_int_eq(a.calls, 1);
	for (int i = 2; poured < (int)sizeof(bytes); i++) {
		stream_receive(a.stream, true);
		pump();
		ck_assert_int_eq(a.calls, i);
	}
	ck_assert_int_eq(poured, sizeof(bytes));
	bench_close();
}
END_TEST

START_TEST(drained_comes_though_only_encrypted_bytes_were_above_the_mark)
{
	static char bytes[100000];
	bench_open();
	struct raw r = raw_connect(&a);
	while (stream_pending(a.stream) <= LIMIT_QUEUE_HIGH_BYTES) {
		stream_send_copy(a.stream, str_n(bytes, 20000));
		if (stream_pending(a.stream) <= LIMIT_QUEUE_HIGH_BYTES)
			pump();
	}
	for (int i = 0; i < 10000 && stream_pending(a.stream) > 0; i++) {
		SSL_read(r.ssl, bytes, sizeof(bytes));
		pump();
	}
	ck_assert_uint_eq(stream_pending(a.stream), 0);
	ck_assert_int_eq(a.drained, 1);
	raw_close(&r);
	bench_close();
}
END_TEST

/* --- ends ---------------------------------------------------------------------------------- */

START_TEST(close_notify_is_an_end_and_a_bare_fin_is_a_truncation)
{
	for (int polite = 0; polite < 2; polite++) {
		bench_open();
		struct raw r = raw_connect(&a);
		ck_assert_int_eq(SSL_write(r.ssl, "data", 4), 4);
		if (polite)
			SSL_shutdown(r.ssl);
		shutdown(r.fd, SHUT_WR);
		pump();
		assert_str(side_text(&a), "data");
		ck_assert_int_eq(a.ended, 1);
		ck_assert_int_eq(a.was_truncated, !polite);
		ck_assert_int_eq(a.closed, 0);
		raw_close(&r);
		bench_close();
	}
}
END_TEST

START_TEST(ends_with_close_notify_and_fin_and_reads_on)
{
	char got[16];
	bench_open();
	struct raw r = raw_connect(&a);
	stream_send_copy(a.stream, STR("last"));
	stream_send_end(a.stream);
	pump();
	ck_assert_int_eq(SSL_read(r.ssl, got, sizeof(got)), 4);
	int n = SSL_read(r.ssl, got, sizeof(got));
	ck_assert_int_eq(SSL_get_error(r.ssl, n), SSL_ERROR_ZERO_RETURN);
	ck_assert_int_eq(read_now(r.fd, got, sizeof(got)), 0);
	ck_assert_int_eq(SSL_write(r.ssl, "heard", 5), 5);
	pump();
	assert_str(side_text(&a), "heard");
	raw_close(&r);
	bench_close();
}
END_TEST

START_TEST(a_flushing_close_ends_politely)
{
	char got[16];
	bench_open();
	struct raw r = raw_connect(&a);
	stream_send_copy(a.stream, STR("refused"));
	stream_close(a.stream, STREAM_CLOSE_FLUSH);
	pump();
	ck_assert_int_eq(a.closed, 0);
	ck_assert_int_eq(SSL_write(r.ssl, "ignored", 7), 7);
	pump();
	ck_assert_int_eq(SSL_read(r.ssl, got, sizeof(got)), 7);
	ck_assert_int_le(SSL_read(r.ssl, got, sizeof(got)), 0);
	ck_assert(SSL_get_shutdown(r.ssl) & SSL_RECEIVED_SHUTDOWN);
	ck_assert_int_eq(a.calls, 0);
	SSL_shutdown(r.ssl);
	pump();
	ck_assert_int_eq(a.closed, 1);
	ck_assert_int_eq(a.rc, RC_OK);
	raw_close(&r);
	bench_close();
}
END_TEST

static size_t close_within(struct side *s, const char *p, size_t n)
{
	stream_close(s->stream, STREAM_CLOSE_NOW);
	return 0;
}

START_TEST(may_be_closed_within_on_data_with_more_records_at_hand)
{
	static char bytes[60000];
	bench_open();
	struct raw r = raw_connect(&a);
	a.on_data = close_within;
	ck_assert_int_gt(SSL_write(r.ssl, bytes, 16384), 0);
	ck_assert_int_gt(SSL_write(r.ssl, bytes, 16384), 0);
	pump();
	ck_assert_int_eq(a.calls, 1);
	ck_assert_int_eq(a.closed, 1);
	raw_close(&r);
	bench_close();
}
END_TEST

/* --- peers that misbehave -------------------------------------------------------------------- */

START_TEST(plain_text_on_a_tls_port_is_refused)
{
	bench_open();
	int peer = side_accept(&a, server_context(NULL));
	ck_assert_int_eq(write(peer, "GET / HTTP/1.1\r\n\r\n", 18), 18);
	pump();
	ck_assert_int_eq(a.closed, 1);
	ck_assert_int_eq(a.opened + a.calls + a.ended, 0);
	ck_assert_int_eq(a.rc, RC_INVALID);
	ck_assert_str_eq(a.error, "http request");
	close(peer);
	bench_close();
}
END_TEST

START_TEST(an_end_within_the_handshake_is_told)
{
	bench_open();
	int peer = side_accept(&a, server_context(NULL));
	close(peer);
	pump();
	ck_assert_int_eq(a.closed, 1);
	ck_assert_int_eq(a.ended, 0);
	ck_assert_int_eq(a.rc, RC_CLOSED);
	ck_assert_str_eq(a.error, "the peer closed during the TLS handshake");
	bench_close();
}
END_TEST

START_TEST(the_handshake_has_a_limit_in_time)
{
	struct address at;
	bench_open();
	int peer = side_accept(&a, server_context(NULL));
	int listening = tcp_listen(&at, 4);
	side_dial(&b, &at, client_context(NULL), "shop.test");
	pump();
	loop_fake_advance(loop, LIMIT_TLS_HANDSHAKE_MS - 1);
	pump();
	ck_assert_int_eq(a.closed + b.closed, 0);
	loop_fake_advance(loop, 1);
	pump();
	ck_assert_int_eq(a.rc, RC_TIMEOUT);
	ck_assert_int_eq(b.rc, RC_TIMEOUT);
	ck_assert_str_eq(b.error, "the TLS handshake took too long");
	close(peer);
	close(listening);
	bench_close();
}
END_TEST

START_TEST(the_limit_ends_with_the_handshake)
{
	bench_open();
	connect_sides();
	loop_fake_advance(loop, 10 * LIMIT_TLS_HANDSHAKE_MS);
	pump();
	ck_assert_int_eq(a.closed + b.closed, 0);
	bench_close();
}
END_TEST

START_TEST(closing_within_the_handshake_is_quiet)
{
	struct address at;
	bench_open();
	int listening = tcp_listen(&at, 4);
	side_dial(&b, &at, client_context(NULL), "shop.test");
	pump();
	stream_close(b.stream, STREAM_CLOSE_FLUSH);
	pump();
	ck_assert_int_eq(b.closed, 1);
	ck_assert_int_eq(b.rc, RC_OK);
	close(listening);
	bench_close();
}
END_TEST

START_TEST(bytes_that_are_no_record_break_the_stream)
{
	bench_open();
	struct raw r = raw_connect(&a);
	ck_assert_int_eq(SSL_write(r.ssl, "good", 4), 4);
	ck_assert_int_eq(
		write(r.fd, "\x17\x03\x03\x00\x20 and then 32 bytes of no record", 37), 37);
	pump();
	assert_str(side_text(&a), "good");
	ck_assert_int_eq(a.closed, 1);
	ck_assert_int_eq(a.ended, 0);
	ck_assert_int_eq(a.rc, RC_INVALID);
	raw_close(&r);
	bench_close();
}
END_TEST

/* --- memory --------------------------------------------------------------------------------------
 */

START_TEST(an_idle_tls_stream_holds_no_buffer)
{
	bench_open();
	struct raw r = raw_connect(&a);
	SSL_write(r.ssl, "x", 1);
	stream_send_copy(a.stream, STR("y"));
	pump();
	block_unref(group->block);
	group->block = NULL;
	ck_assert_uint_le(pool_bytes_used(loop_pool(loop)), 512);
	raw_close(&r);
	bench_close();
}
END_TEST

#ifndef SLUICE_SANITIZE
/* What our side of `count` handshakes leaves on the heap. */
static size_t heap_after(
	struct side *many, SSL **peers, SSL_CTX *ctx, struct tls_context *server, int count)
{
	size_t ours = 0;
	for (int i = 0; i < count; i++) {
		size_t before = mallinfo2().uordblks;
		int fd = side_accept(&many[i], server);
		ours += mallinfo2().uordblks - before;
		peers[i] = SSL_new(ctx);
		SSL_set_fd(peers[i], fd);
		bool is_done = false;
		for (int k = 0; k < 100 && !is_done; k++) {
			is_done = SSL_connect(peers[i]) == 1;
			before = mallinfo2().uordblks;
			pump();
			ours += mallinfo2().uordblks - before;
		}
	}
	return ours;
}

START_TEST(an_idle_tls_stream_gives_openssl_buffers_back)
{
	enum { COUNT = 100 };
	static struct side many[COUNT + 1];
	SSL_CTX *ctx = SSL_CTX_new(TLS_client_method());
	SSL *peers[COUNT + 1];
	bench_open();
	struct tls_context *server = server_context(NULL);
	heap_after(many, peers, ctx, server, 1); /* what is made once */
	size_t ours = heap_after(many + 1, peers + 1, ctx, server, COUNT);
	/* With buffers kept it is 16 KiB more at the least. From OpenSSL 3.2 on an SSL alone takes
	 * twice as much, and the keys of ML-KEM 6 KiB. */
	size_t bytes_max = OpenSSL_version_num() < 0x30200000L ? 17408 : 34816;
	ck_assert_uint_lt(ours / COUNT, bytes_max);
	for (int i = 0; i <= COUNT; i++) {
		close(SSL_get_fd(peers[i]));
		SSL_free(peers[i]);
	}
	SSL_CTX_free(ctx);
	bench_close();
}
END_TEST
#else
#define an_idle_tls_stream_gives_openssl_buffers_back an_idle_tls_stream_holds_no_buffer
#endif

UNIT_SUITE(stream_tls, a_crowd_of_handshakes_leaves_turns_to_who_is_connected,
	who_leaves_the_line_of_handshakes_holds_nobody_up, much_goes_both_ways_whole,
	what_is_queued_before_the_handshake_follows_it, any_cut_of_the_wire_will_do,
	small_chunks_share_a_record, a_reader_that_stops_and_goes_gets_everything_in_order,
	a_reader_that_stops_after_each_record_does_not_lose_the_next,
	drained_comes_though_only_encrypted_bytes_were_above_the_mark,
	close_notify_is_an_end_and_a_bare_fin_is_a_truncation,
	ends_with_close_notify_and_fin_and_reads_on, a_flushing_close_ends_politely,
	may_be_closed_within_on_data_with_more_records_at_hand, plain_text_on_a_tls_port_is_refused,
	an_end_within_the_handshake_is_told, the_handshake_has_a_limit_in_time,
	the_limit_ends_with_the_handshake, closing_within_the_handshake_is_quiet,
	bytes_that_are_no_record_break_the_stream,

	an_idle_tls_stream_holds_no_buffer, an_idle_tls_stream_gives_openssl_buffers_back)
