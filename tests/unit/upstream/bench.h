/* SPDX-License-Identifier: Apache-2.0 */
/* tests/unit/upstream/bench.h - a worker's upstream beside an origin on the same loop.
 *
 * The origin is our own server role: it answers every request with 200 and "ok", at once or when
 * the test says so. Time is fake, sockets are real. */
#pragma once

#include "connection/server.h"
#include "net/listener.h"
#include "upstream/upstream.h"

#define BENCH_REQUESTS_MAX 16

struct origin {
	struct stream_group *group;
	struct listener *listener;
	struct address address;
	int fd;
	unsigned connections;    /* ever */
	bool holds;              /* requests wait for origin_answer */
	struct tls_context *tls; /* or NULL */
	unsigned handshakes_failed;
	bool closes; /* every answer says close */
	struct http_stream *held[BENCH_REQUESTS_MAX];
	unsigned held_count;
	struct link servers;
	struct http_server_options options;
};

/* One request of the test. */
struct request {
	struct bench *bench;
	struct upstream_wait wait;
	struct arena arena;
	struct http_request head;
	struct http_stream *stream;
	enum rc rc;
	char text[200];
	bool is_told; /* fn came */
	bool reused;
	uint16_t status;
	bool is_whole;
	bool is_reset;
};

struct bench {
	struct loop *loop;
	struct stream_group *group;
	struct upstream *upstream;
	struct origin origin;
};

void bench_init(struct bench *b, const struct resolver_options *resolver);
void bench_deinit(struct bench *b);
/* Turns until nothing more happens. */
void bench_settle(struct bench *b);
/* Turns until *flag. */
void bench_turn_until(struct bench *b, const bool *flag);
/* A service at the origin; `host` NULL: its address. */
struct service *bench_service(
	struct bench *b, const char *host, unsigned connections_max, unsigned waiters_max);

/* Asks for a stream; sends GET / as soon as there is one. */
void ask_start(struct bench *b, struct service *s, bool fresh, struct request *r);
/* Turns until the answer is whole, and gives the stream back. */
void ask_finish(struct request *r);
void ask_deinit(struct request *r);
/* All three. */
void ask_run(struct bench *b, struct service *s, bool fresh, struct request *r);

void origin_answer(struct origin *o);
/* Listens at a UNIX socket instead. */
void origin_move(struct bench *b, const char *path);
struct upstream_stats bench_stats(struct bench *b, struct service *s);
