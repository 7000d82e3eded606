/* SPDX-License-Identifier: Apache-2.0 */
#include "unit.h"

#include "handover/wire.h"

#include <netinet/in.h>
#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

static int ends[2];

static void begin(void)
{
	ck_assert_int_eq(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends), 0);
}

static void end(void)
{
	close(ends[0]);
	close(ends[1]);
}

static enum wire_verdict receive(struct wire_message *m)
{
	int fds[WIRE_FDS_MAX];
	size_t count;
	enum wire_verdict verdict = wire_receive(ends[1], m, fds, &count);
	for (size_t i = 0; i < count; i++)
		close(fds[i]);
	return verdict;
}

static struct wire_message a_listen(void)
{
	struct wire_message m = {.kind = WIRE_LISTEN};
	m.u.listen.address.n = sizeof(struct sockaddr_in);
	m.u.listen.address.at.ss_family = AF_INET;
	m.u.listen.count = 2;
	return m;
}

START_TEST(a_message_comes_as_it_was_sent)
{
	begin();
	struct wire_message out = a_listen(), in;
	ck_assert(wire_send(ends[0], &out, NULL, 0));
	ck_assert_int_eq(receive(&in), WIRE_GOT);
	ck_assert_mem_eq(&in.u.listen, &out.u.listen, sizeof(in.u.listen));
	ck_assert_int_eq(receive(&in), WIRE_NOTHING);
	close(ends[0]);
	ck_assert_int_eq(receive(&in), WIRE_ENDED);
	close(ends[1]);
}
END_TEST

START_TEST(descriptors_come_beside_it_and_close_on_exec)
{
	begin();
	struct wire_message out = {.kind = WIRE_LISTENING}, in;
	int fds[WIRE_FDS_MAX], sent[2] = {ends[0], ends[1]};
	size_t count;
	ck_assert(wire_send(ends[0], &out, sent, 2));
	ck_assert_int_eq(wire_receive(ends[1], &in, fds, &count), WIRE_GOT);
	ck_assert_uint_eq(count, 2);
	for (size_t i = 0; i < count; i++) {
		ck_assert(fcntl(fds[i], F_GETFD) & FD_CLOEXEC);
		close(fds[i]);
	}
	end();
}
END_TEST

/* Every length from nothing to more than the longest, of every kind and some that are none. */
START_TEST(any_other_length_is_refused)
{
	char bytes[sizeof(struct wire_message) + 8];
	begin();
	for (uint32_t kind = 0; kind < WIRE_KINDS + 2; kind++) {
		unsigned taken = 0;
		for (size_t n = 1; n <= sizeof(bytes); n++) {
			struct wire_message good = a_listen();
			memset(bytes, 0, sizeof(bytes));
			memcpy(bytes, &good, sizeof(good));
			memcpy(bytes, &kind, sizeof(kind));
			ck_assert_int_eq(send(ends[0], bytes, n, 0), (ssize_t)n);
			enum wire_verdict v = receive(&good);
			ck_assert(v == WIRE_GOT || v == WIRE_BAD);
			taken += v == WIRE_GOT;
		}
		ck_assert_uint_le(taken, 1);
	}
	end();
}
END_TEST

START_TEST(an_address_out_of_bounds_is_refused)
{
	begin();
	struct wire_message m = a_listen(), in;
	m.u.listen.address.n = sizeof(struct sockaddr_storage) + 1;
	ck_assert(wire_send(ends[0], &m, NULL, 0));
	ck_assert_int_eq(receive(&in), WIRE_BAD);
	m = a_listen();
	m.u.listen.address.purpose = 7;
	ck_assert(wire_send(ends[0], &m, NULL, 0));
	ck_assert_int_eq(receive(&in), WIRE_BAD);
	end();
}
END_TEST

START_TEST(a_text_without_an_end_is_refused)
{
	begin();
	struct wire_message m = {.kind = WIRE_LIFT}, in;
	memset(m.u.lift.text, 'x', sizeof(m.u.lift.text));
	ck_assert(wire_send(ends[0], &m, NULL, 0));
	ck_assert_int_eq(receive(&in), WIRE_BAD);
	end();
}
END_TEST

/* Refused ones are closed: nobody can fill the other side's table with them. */
START_TEST(descriptors_where_none_belong_are_closed)
{
	begin();
	struct wire_message m = a_listen(), in;
	int fds[WIRE_FDS_MAX], next = dup(0);
	size_t count;
	close(next);
	ck_assert(wire_send(ends[0], &m, (int[]){0, 1}, 2));
	ck_assert_int_eq(wire_receive(ends[1], &in, fds, &count), WIRE_BAD);
	ck_assert_uint_eq(count, 0);
	int again = dup(0);
	ck_assert_int_eq(again, next);
	close(again);
	end();
}
END_TEST

UNIT_SUITE(wire, a_message_comes_as_it_was_sent, descriptors_come_beside_it_and_close_on_exec,
	any_other_length_is_refused, an_address_out_of_bounds_is_refused,
	a_text_without_an_end_is_refused, descriptors_where_none_belong_are_closed)
