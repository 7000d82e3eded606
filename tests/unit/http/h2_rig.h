/* SPDX-License-Identifier: Apache-2.0 */
/* tests/unit/http/h2_rig.h - a session of each role, in memory, and what each was told, as text. */
#pragma once

#include "base/buffer.h"
#include "http/h2_session.h"
#include "unit.h"

#define RIG_STREAMS 256

struct rig_stream {
	struct h2_stream h;
	struct arena arena;
	struct http_request request;
	struct http_response response;
	struct chunk_queue in;
};

struct rig_side {
	struct rig *rig;
	struct h2_session *session;
	struct rig_stream streams[RIG_STREAMS];
	unsigned stream_count;
	struct buffer log;
	bool refuses; /* no stream is taken */
};

struct rig {
	struct pool *pool;
	struct rig_side client, server;
	struct block *block;
	int64_t now_ms;
};

struct rig *rig_new(void);
struct rig *rig_new_with(const struct h2_settings *settings, const struct h2_budgets *budgets);
void rig_free(struct rig *r);
/* Bytes go to and fro until neither side has any. */
void rig_run(struct rig *r);
/* Bytes for the server, as if from a client that we have no session of; its SETTINGS come first. */
void rig_greet(struct rig *r);
bool rig_feed(struct rig *r, struct str bytes);
/* What the server has to say goes nowhere. */
void rig_drop_output(struct rig *r);

/* A request from the client's side; `fields` are name, value pairs, NULL at the end. */
struct rig_stream *rig_ask(struct rig *r, const char *method, const char *path, int64_t length,
	const char *const *fields);
void rig_send(struct rig *r, struct rig_stream *s, struct str bytes, bool end);
void rig_answer(struct rig_stream *s, uint16_t status, const char *body);
/* What a side was told since it was asked last. */
struct str rig_told(struct rig_side *side);
#define assert_told(side, literal) assert_str(rig_told(side), literal)

/* Frames by hand, appended to b. */
void put_frame(struct buffer *b, unsigned type, unsigned flags, uint32_t id, struct str payload);
void put_u32(struct buffer *b, uint32_t value);
/* "GET http://h/" in HPACK's static table. */
#define A_GET STR("\x82\x84\x86\x41\x01h")
