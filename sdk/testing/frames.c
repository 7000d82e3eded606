/* SPDX-License-Identifier: Apache-2.0 */
/* WebSockets: frames in, through the policies, and what went on out. */
#include "testing/testing_priv.h"

#include "base/limits.h"
#include "base/memory.h"
#include "http/ws_frame.h"
#include "policy/frames.h"

#include "sluice/frames.h"

#include <stdlib.h>

#define FRAME_BYTES_MAX (64u << 20)

struct passed {
	struct passed *next;
	uint8_t opcode;
	bool is_final;
	struct buffer bytes;
};

struct testing_frames {
	struct passed *first[2], *last[2]; /* owned: by direction, the oldest first */
	struct passed *shown;              /* owned: whose bytes the test was given last */
	uint8_t message[2];                /* that is not whole */
	int close_status[2];
	bool is_closed;
};

static enum chain_direction direction_to(enum sluice_test_peer to)
{
	return to == SLUICE_TEST_UPSTREAM ? CHAIN_REQUEST : CHAIN_RESPONSE;
}

static void on_pass(void *owner, enum chain_direction d, const struct frame_piece *p)
{
	struct testing_frames *f = owner;
	if (p->is_first) {
		struct passed *made = heap_zalloc(sizeof(*made));
		made->opcode = p->opcode;
		made->is_final = p->is_final;
		buffer_init(&made->bytes, FRAME_BYTES_MAX);
		if (f->last[d])
			f->last[d]->next = made;
		else
			f->first[d] = made;
		f->last[d] = made;
	}
	buffer_add(&f->last[d]->bytes, p->bytes);
}

static bool can_take(void *owner, enum chain_direction d)
{
	const struct testing_frames *f = owner;
	return !f->is_closed;
}

static const struct frames_events events = {.pass = on_pass, .can_take = can_take};

static void passed_free(struct passed *p)
{
	if (p)
		buffer_deinit(&p->bytes);
	free(p);
}

void testing_frames_free(struct testing_frames *f, struct sluice_exchange *x)
{
	if (!f)
		return;
	frames_free(x);
	for (int d = 0; d < 2; d++) {
		while (f->first[d]) {
			struct passed *p = f->first[d];
			f->first[d] = p->next;
			passed_free(p);
		}
	}
	passed_free(f->shown);
	free(f);
}

void sluice_test_upgrade(struct sluice_test_exchange *t)
{
	struct testing_frames **f = testing_frames_of(t);
	struct sluice_exchange *x = testing_view_of(t);
	if (*f || sluice_test_outcome(t) != SLUICE_TEST_PASSED) {
		testing_fail("there is no request that could have been upgraded");
		return;
	}
	*f = heap_zalloc(sizeof(**f));
	if (chain_wants_frames(x) && !frames_begin(x, &events, *f))
		testing_fail("the exchange has no room for frames");
}

/* Of a connection that the policies ended. */
static void note_close(struct testing_frames *f, const struct frames_close *c)
{
	f->is_closed = true;
	for (int d = 0; d < 2; d++)
		f->close_status[d] = c->has_failed      ? WS_STATUS_FAILED
				     : c->is_too_large  ? WS_STATUS_TOO_BIG
				     : c->status[d] > 0 ? c->status[d]
							: WS_STATUS_GOING_AWAY;
}

static void feed(struct testing_frames *f, struct sluice_exchange *x, enum chain_direction d,
	const struct frame_piece *p)
{
	if (!x->frames)
		on_pass(f, d, p);
	else if (!frames_take(x, d, p))
		note_close(f, frames_closing(x));
}

/* A message's frames are of one opcode: the gateway lets no other sequence through. */
static uint8_t message_of(
	struct testing_frames *f, enum chain_direction d, uint32_t opcode, int is_final)
{
	bool goes_on = opcode == WS_CONTINUATION;
	if (ws_is_control((uint8_t)opcode))
		return (uint8_t)opcode;
	if (goes_on != (f->message[d] != 0))
		testing_fail("no gateway lets this frame follow the one before");
	uint8_t message = goes_on ? f->message[d] : (uint8_t)opcode;
	f->message[d] = is_final ? 0 : message;
	return message;
}

int sluice_test_frame_send(struct sluice_test_exchange *t, enum sluice_test_peer from,
	uint32_t opcode, int is_final, const void *bytes, size_t n)
{
	struct testing_frames *f = *testing_frames_of(t);
	enum chain_direction d = from == SLUICE_TEST_CLIENT ? CHAIN_REQUEST : CHAIN_RESPONSE;
	if (!f) {
		testing_fail("there is no WebSocket: sluice_test_upgrade comes before");
		return 0;
	}
	size_t split = testing_gateway_of(t)->split;
	struct frame_piece p = {.length = n,
		.opcode = (uint8_t)opcode,
		.message = message_of(f, d, opcode, is_final),
		.is_final = is_final != 0,
		.is_first = true};
	bool is_whole = split == 0 || ws_is_control(p.opcode);
	if (p.opcode == WS_CLOSE && ws_close_parse(str_n(bytes, n), &p.close_status) != 0)
		testing_fail("no gateway lets this CLOSE pass");
	do {
		size_t left = n - p.offset;
		p.bytes = str_n(
			(const char *)bytes + p.offset, is_whole || left < split ? left : split);
		p.is_last = p.bytes.n == left;
		if (!f->is_closed)
			feed(f, testing_view_of(t), d, &p);
		p.offset += p.bytes.n;
		p.is_first = false;
	} while (!p.is_last);
	return !f->is_closed;
}

int sluice_test_frame_next(
	struct sluice_test_exchange *t, enum sluice_test_peer to, struct sluice_test_frame *frame)
{
	struct testing_frames *f = *testing_frames_of(t);
	enum chain_direction d = direction_to(to);
	struct passed *p = f ? f->first[d] : NULL;
	if (!p)
		return 0;
	f->first[d] = p->next;
	if (!p->next)
		f->last[d] = NULL;
	passed_free(f->shown);
	f->shown = p;
	buffer_add_char(&p->bytes, '\0');
	*frame = (struct sluice_test_frame){.size = frame->size,
		.opcode = p->opcode,
		.is_final = p->is_final,
		.bytes = {p->bytes.p, p->bytes.n - 1}};
	return 1;
}

int sluice_test_close_status(struct sluice_test_exchange *t, enum sluice_test_peer to)
{
	const struct testing_frames *f = *testing_frames_of(t);
	return f ? f->close_status[direction_to(to)] : 0;
}
