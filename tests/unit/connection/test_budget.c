/* SPDX-License-Identifier: Apache-2.0 */
/* What connections cost: memory while idle, allocations while busy, memory for slow peers. */
#include "unit.h"

#include "base/limits.h"
#include "support.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/socket.h>

#define GET "GET / HTTP/1.1\r\nHost: h\r\n\r\n"

#ifndef SLUICE_SANITIZE
/* Counts what goes to the heap; sanitizers have their own malloc, and pools without free lists. */
static unsigned mallocs;
static bool is_counting; /* what Check allocates does not count */

void *__libc_malloc(size_t size);
void *malloc(size_t size)
{
	mallocs += is_counting;
	return __libc_malloc(size);
}

static void exchange(struct rig *g)
{
	g->taken = 0;
	ck_assert_int_eq(send(g->fd, GET, sizeof(GET) - 1, 0), sizeof(GET) - 1);
	is_counting = true;
	loop_turn(g->loop, 0);
	struct probe *p = &g->probes[0];
	struct http_response r;
	http_response_init(&r, p->stream->arena);
	r.status = 200;
	r.reason = STR("OK");
	r.content_length = 5;
	http_stream_send_response(p->stream, &r, false);
	struct chunk_queue q;
	chunk_queue_init(&q, loop_pool(g->loop));
	chunk_queue_add_copy(&q, STR("hello"));
	http_stream_send_data(p->stream, &q, true);
	probe_release(p);
	loop_turn(g->loop, 0);
	is_counting = false;
	char text[512];
	ck_assert_uint_eq(g->taken, 1);
	ck_assert_int_gt(recv(g->fd, text, sizeof(text), 0), 0);
}

START_TEST(a_request_in_steady_state_allocates_nothing)
{
	struct rig *g = rig_new();
	rig_serve(g);
	for (int i = 0; i < 10; i++)
		exchange(g);
	size_t used = pool_bytes_used(loop_pool(g->loop));
	unsigned before = mallocs;
	for (int i = 0; i < 80; i++)
		exchange(g);
	ck_assert_uint_eq(mallocs, before);
	ck_assert_uint_eq(pool_bytes_used(loop_pool(g->loop)), used);
	rig_free(g);
}
END_TEST

static void upstream_exchange(struct rig *g)
{
	static const char answer[] = "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello";
	g->taken = 0;
	struct probe *p = rig_open(g);
	p->is_lazy = true;
	p->has_head = false;
	is_counting = true;
	probe_ask(p, METHOD_GET, "/", CONTENT_LENGTH_NONE, true);
	loop_turn(g->loop, 0);
	is_counting = false;
	ck_assert_int_eq(send(g->fd, answer, sizeof(answer) - 1, 0), sizeof(answer) - 1);
	is_counting = true;
	loop_turn(g->loop, 0);
	is_counting = false;
	ck_assert(p->stream->in_ended);
	probe_release(p);
	arena_reset(&p->arena);
	char text[512];
	ck_assert_int_gt(recv(g->fd, text, sizeof(text), 0), 0);
}

START_TEST(a_request_to_an_upstream_allocates_nothing)
{
	struct rig *g = rig_new();
	rig_dial(g);
	for (int i = 0; i < 10; i++)
		upstream_exchange(g);
	unsigned before = mallocs;
	for (int i = 0; i < 80; i++)
		upstream_exchange(g);
	ck_assert_uint_eq(mallocs, before);
	rig_free(g);
}
END_TEST
#else
START_TEST(a_request_in_steady_state_allocates_nothing)
{
}
END_TEST
START_TEST(a_request_to_an_upstream_allocates_nothing)
{
}
END_TEST
#endif

START_TEST(an_idle_connection_holds_less_than_a_kib)
{
	struct rig *g = rig_new();
	rig_serve(g);
	rig_send(g, GET);
	size_t busy = pool_bytes_used(loop_pool(g->loop));
	probe_answer(rig_taken(g, 0), 200, "hello");
	rig_turn(g);
	/* Beside the worker's one receive block. */
	size_t idle =
		pool_bytes_used(loop_pool(g->loop)) - BLOCK_RECEIVE_BYTES - POOL_LARGE_HEADER_BYTES;
	ck_assert_uint_lt(idle, 1024);
	ck_assert_uint_lt(idle, busy);
	rig_free(g);
}
END_TEST

START_TEST(tiny_chunks_to_a_slow_owner_cost_bounded_memory)
{
	struct rig *g = rig_new();
	g->probes[0].is_lazy = true;
	rig_serve(g);
	rig_send(g, "POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n");
	struct probe *p = rig_taken(g, 0);
	char pieces[6000];
	for (size_t i = 0; i < sizeof(pieces); i += 6)
		memcpy(pieces + i, "1\r\na\r\n", 6);
	size_t peak = 0, sent = 0;
	for (int i = 0; i < 1000; i++) {
		ssize_t n = send(g->fd, pieces, sizeof(pieces), MSG_NOSIGNAL);
		if (n < (ssize_t)sizeof(pieces))
			break;
		sent += (size_t)n;
		rig_turn(g);
		size_t used = pool_bytes_used(loop_pool(g->loop));
		peak = used > peak ? used : peak;
	}
	ck_assert_uint_gt(sent, LIMIT_QUEUE_HIGH_BYTES);
	ck_assert_uint_le(p->stream->in.bytes, LIMIT_QUEUE_HIGH_BYTES);
	ck_assert_uint_lt(peak, 1u << 20);
	rig_free(g);
}
END_TEST

START_TEST(tiny_chunks_to_a_slow_client_cost_bounded_memory)
{
	struct rig *g = rig_new();
	rig_serve(g);
	rig_send(g, GET);
	struct probe *p = rig_taken(g, 0);
	probe_send_head(p, 200, CONTENT_LENGTH_UNKNOWN, false);
	size_t peak = 0;
	int sent = 0;
	for (; sent < 1000000 && http_stream_can_send(p->stream); sent++) {
		probe_send(p, "a", false);
		if (sent % 64 == 0)
			loop_turn(g->loop, 0);
		size_t used = pool_bytes_used(loop_pool(g->loop));
		peak = used > peak ? used : peak;
	}
	ck_assert(!http_stream_can_send(p->stream));
	ck_assert_uint_lt(peak, 1u << 20);
	/* And all of it arrives. */
	probe_send(p, "z", true);
	probe_release(p);
	for (int i = 0; i < 1000 && !strstr(rig_text(g), "1\r\nz\r\n0\r\n\r\n"); i++)
		;
	ck_assert_uint_eq(rig_count(g, "1\r\na\r\n"), (unsigned)sent);
	rig_free(g);
}
END_TEST

UNIT_SUITE(budget, a_request_in_steady_state_allocates_nothing,
	a_request_to_an_upstream_allocates_nothing, an_idle_connection_holds_less_than_a_kib,
	tiny_chunks_to_a_slow_owner_cost_bounded_memory,
	tiny_chunks_to_a_slow_client_cost_bounded_memory)
