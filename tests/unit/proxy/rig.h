/* SPDX-License-Identifier: Apache-2.0 */
/* tests/unit/proxy/rig.h - a worker of the proxy between streams that the test plays.
 *
 *   struct rig *g = rig_new(NULL);
 *   struct wire *client = rig_ask(g, "GET /shop/items");
 *   struct wire *up = rig_upstream(g);            // the attempt that the exchange has made
 *   wire_answer(up, 200, 5);
 *   wire_say(up, "hello", true);
 *   ck_assert_str_eq(wire_body(client), "hello");
 *   rig_free(g);                                  // checks that nothing is left
 *
 * Every wire checks what its owner does: each byte that was taken is credited once, nothing is sent
 * before the head or behind the end, release comes once and last. The clock is fake. */
#pragma once

#include "base/buffer.h"
#include "connection/http_stream.h"
#include "generation/generation.h"
#include "proxy/worker.h"

#include <check.h>

struct bench; /* policy/support.h */
struct probe;
struct rig;

#define WIRES_MAX 16

/* One end of a stream: the codec is the test. */
struct wire {
	struct http_stream s; /* first, so that it is the stream */
	struct rig *rig;
	struct arena arena; /* server role */
	struct http_request request;
	struct http_response spare;
	size_t uncredited;
	bool is_blocked;      /* the owner may not send */
	size_t outstanding;   /* of what the owner sent, not taken by the peer */
	size_t queued;        /* of that, what our memory holds */
	size_t queued_beside; /* for other streams of the connection */
	uint64_t earlier;     /* what it took of the connection's earlier messages */
	bool is_dead;
	bool is_released;
	bool was_last; /* released: no request was wanted behind this one */
	/* what the owner did */
	struct buffer head; /* "200 OK\nName: value\n...", or "GET /path host\n..." */
	struct buffer body;
	struct buffer trailers;
	int64_t declared; /* content_length of the head sent */
	bool head_sent;
	bool head_ended; /* it said that nothing follows */
	bool out_ended;
	unsigned continues, interims;
	bool was_reset;
	enum http_reset reset_by_owner;
};

struct rig {
	struct bench *bench;
	struct loop *loop; /* the bench's */
	struct metrics *metrics;
	struct instance_set *instances;
	struct generation *generation;
	struct address peer; /* of every wire */
	int fds[1];
	struct proxy_worker worker;
	struct record_ring *records;
	struct buffer lines;
	struct wire *wires[WIRES_MAX];
	unsigned wire_count;
	struct api *retired[8];
	unsigned retired_count;
};

/* What the scripted upstream does with the next wishes. */
struct scripted_upstream {
	bool holds;  /* wishes wait for upstream_serve or upstream_refuse */
	bool reused; /* connections have served before */
	bool is_crowded;
	enum rc rc; /* not RC_OK: refuses at once */
	const char *text;
	unsigned opens, fresh_opens, cancels, trims;
	struct upstream_wait *waiting;
	struct wire *latest;
};
extern struct scripted_upstream scripted;

/* Policies for the bench: whose heads, log and done pass; that also collects a body. */
struct probe *probe_heads(struct bench *b);
struct probe *probe_buffers(struct bench *b, enum chain_direction d, size_t max);

/* With the bench's probes as the chain of the API at /shop; NULL: no policy. */
struct rig *rig_new(struct bench *bench);
/* Ends what is left. */
void rig_free(struct rig *g);
/* Turns until nothing more happens, and checks the credit of all wires. */
void rig_turn(struct rig *g);
void rig_advance(struct rig *g, int64_t ms);
struct api *rig_api(struct rig *g, const char *id);

/* Begins an exchange: "METHOD /path", without content. */
struct wire *rig_ask(struct rig *g, const char *line);
/* With content of that length (CONTENT_LENGTH_UNKNOWN: streamed), which comes by wire_say. */
struct wire *rig_upload(struct rig *g, const char *line, int64_t length);
/* The same in two steps, to change the request before the exchange begins. */
struct wire *rig_prepare(struct rig *g, const char *line, int64_t length);
struct wire *rig_begin(struct rig *g, struct wire *w);
struct proxy_listener *rig_listener(struct rig *g);
/* The stream of the attempt at hand. */
struct wire *rig_upstream(struct rig *g);
void upstream_serve(struct rig *g);
void upstream_refuse(struct rig *g, enum rc rc, const char *text);

struct wire *wire_new(struct rig *g, enum http_role role);
/* It has been released. */
void wire_free(struct wire *w);
/* The peer's side of a wire. */
void wire_answer(struct wire *w, uint16_t status, int64_t length);
void wire_answer_with(
	struct wire *w, uint16_t status, int64_t length, const char *name, const char *value);
void wire_interim(struct wire *w, uint16_t status);
void wire_switch(struct wire *w);
void wire_say(struct wire *w, const char *text, bool end);
void wire_say_bytes(struct wire *w, struct str bytes);
void wire_say_n(struct wire *w, size_t n, bool end);
void wire_end_with_trailer(struct wire *w, const char *name, const char *value);
void wire_reset(struct wire *w, enum http_reset why);
void wire_block(struct wire *w, bool blocked);

/* What the owner sent, NUL-terminated. */
const char *wire_head(struct wire *w);
const char *wire_body(struct wire *w);
unsigned wire_status(struct wire *w);
/* The value of a field of the head sent; "" when absent. Static until the next call. */
const char *wire_field(struct wire *w, const char *name);

/* The latest access record: the value of a member as text ("" when absent). */
const char *rig_record(struct rig *g, const char *member);
unsigned rig_record_count(struct rig *g);

#define assert_record(g, member, expected)                                                         \
	ck_assert_msg(strcmp(rig_record(g, member), expected) == 0,                                \
		"%s is \"%s\", expected "                                                          \
		"\"%s\"",                                                                          \
		member, rig_record(g, member), expected)
