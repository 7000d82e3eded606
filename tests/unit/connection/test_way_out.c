/* SPDX-License-Identifier: Apache-2.0 */
/* A forward proxy that is a bare socket, and does not keep to the order of things. */
#include "unit.h"

#include "support.h"

#include <sys/socket.h>
#include <unistd.h>

#define YES "HTTP/1.1 200 Connection established\r\n\r\n"

/* It has been asked for the way. */
static struct rig *begin(void)
{
	struct rig *g = rig_new();
	g->connect = STR("CONNECT up.test:80 HTTP/1.1\r\nHost: up.test:80\r\n\r\n");
	rig_try_to_dial(g);
	rig_turn(g);
	g->fd = accept4(g->listen_fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
	ck_assert_int_ge(g->fd, 0);
	rig_expect(g, "CONNECT up.test:80 ");
	return g;
}

/* Without a turn of ours. */
static void write_now(struct rig *g, const char *text)
{
	ck_assert_int_eq(write(g->fd, text, strlen(text)), (ssize_t)strlen(text));
}

START_TEST(is_open_when_the_proxy_has_said_yes)
{
	struct rig *g = begin();
	rig_send(g, "HTTP/1.1 200 Connection esta");
	ck_assert(!g->is_open);
	rig_send(g, "blished\r\n\r\n");
	ck_assert(g->is_open);
	rig_free(g);
}
END_TEST

/* What is behind it is of the connection that there is then. */
START_TEST(a_yes_with_an_end_behind_it_opens_and_ends)
{
	struct rig *g = begin();
	write_now(g, YES);
	rig_half_close(g);
	ck_assert(g->is_open);
	ck_assert_ptr_null(g->client);
	ck_assert_int_eq(g->closed_rc, RC_OK);
	rig_free(g);
}
END_TEST

START_TEST(a_yes_with_a_reset_behind_it_is_told_once)
{
	struct rig *g = begin();
	write_now(g, YES);
	rig_reset(g);
	ck_assert_ptr_null(g->client);
	rig_free(g);
}
END_TEST

START_TEST(a_yes_with_bytes_behind_it_opens_nothing)
{
	struct rig *g = begin();
	rig_send(g, YES "220 mail\r\n");
	ck_assert(!g->is_open);
	ck_assert_ptr_null(g->client);
	ck_assert_str_eq(g->closed_text, "the forward proxy sent bytes of its own");
	rig_free(g);
}
END_TEST

static struct http_client *to_close;

static void on_closing(struct task *t)
{
	http_client_close(to_close);
}

/* Another attempt has won meanwhile, or nobody waits any more. */
START_TEST(a_yes_comes_too_late_for_who_has_closed)
{
	struct rig *g = begin();
	struct task closing;
	task_init(&closing, on_closing);
	to_close = g->client;
	write_now(g, YES);
	loop_ready(g->loop, &closing); /* behind the answer, before what comes of it */
	rig_turn(g);
	ck_assert(!g->is_open);
	ck_assert_ptr_null(g->client);
	rig_free(g);
}
END_TEST

UNIT_SUITE(way_out, is_open_when_the_proxy_has_said_yes, a_yes_with_an_end_behind_it_opens_and_ends,
	a_yes_with_a_reset_behind_it_is_told_once, a_yes_with_bytes_behind_it_opens_nothing,
	a_yes_comes_too_late_for_who_has_closed)
