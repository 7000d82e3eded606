/* SPDX-License-Identifier: Apache-2.0 */
/* sluice.frames/1 - what a `frame` callback may do with the piece that it is shown; policy/frames.h
 * does it. */
#include "sluice/frames.h"

#include "base/limits.h"
#include "base/utf8.h"
#include "http/ws_frame.h"
#include "policy/frames.h"
#include "policy/legal.h"
#include "policy/run.h"
#include "services/services_priv.h"

enum { FRAME, REPLACE, DROP, INJECT, CLOSE, COLLECT };
static const struct policy_call calls[] = {
	[FRAME] = {"sluice.frames/1 frame", IN(FRAME)},
	[REPLACE] = {"sluice.frames/1 replace", IN(FRAME)},
	[DROP] = {"sluice.frames/1 drop", IN(FRAME)},
	[INJECT] = {"sluice.frames/1 inject", IN(FRAME)},
	[CLOSE] = {"sluice.frames/1 close", IN(FRAME)},
	[COLLECT] = {"sluice.frames/1 collect", IN(CONFIGURE)},
};

static int32_t result_of(enum rc rc)
{
	return rc == RC_OK ? SLUICE_OK : rc == RC_FULL ? SLUICE_E_FULL : SLUICE_E_INVALID;
}

static int32_t frame(struct sluice_exchange *x, struct sluice_frame *out)
{
	enum chain_direction from;
	if (!policy_allows_exchange(&calls[FRAME], x))
		return SLUICE_E_WRONG_CALLBACK;
	if (!out || out->size < sizeof(out->size))
		return SLUICE_E_INVALID;
	const struct frame_piece *p = frames_at_hand(x, &from);
	uint32_t size = out->size < sizeof(*out) ? out->size : (uint32_t)sizeof(*out);
	const struct sluice_frame now = {
		.size = out->size,
		.opcode = p->opcode,
		.message = p->message,
		.from = from == CHAIN_REQUEST ? SLUICE_FRAMES_CLIENT : SLUICE_FRAMES_UPSTREAM,
		.is_final = p->is_final,
		.is_first = p->is_first,
		.length = p->length,
		.offset = p->offset,
		.close_status = p->close_status,
	};
	memcpy(out, &now, size);
	return SLUICE_OK;
}

static int32_t replace(struct sluice_exchange *x, struct sluice_str bytes)
{
	if (!policy_allows_exchange(&calls[REPLACE], x))
		return SLUICE_E_WRONG_CALLBACK;
	return result_of(frames_replace(x, str_in(bytes)));
}

static int32_t drop(struct sluice_exchange *x)
{
	if (!policy_allows_exchange(&calls[DROP], x))
		return SLUICE_E_WRONG_CALLBACK;
	return result_of(frames_drop(x));
}

static bool is_addable(uint32_t opcode, size_t n)
{
	if (opcode == SLUICE_FRAME_PING || opcode == SLUICE_FRAME_PONG)
		return n <= WS_CONTROL_BYTES_MAX;
	return opcode == SLUICE_FRAME_TEXT || opcode == SLUICE_FRAME_BINARY;
}

static int32_t inject(
	struct sluice_exchange *x, uint32_t to, uint32_t opcode, struct sluice_str payload)
{
	enum rc rc = RC_OK;
	if (!policy_allows_exchange(&calls[INJECT], x))
		return SLUICE_E_WRONG_CALLBACK;
	if (to == 0 || to > SLUICE_FRAMES_BOTH || !is_addable(opcode, payload.n))
		return SLUICE_E_INVALID;
	if (to & SLUICE_FRAMES_UPSTREAM)
		rc = frames_inject(x, CHAIN_REQUEST, (uint8_t)opcode, str_in(payload));
	if (rc == RC_OK && to & SLUICE_FRAMES_CLIENT)
		rc = frames_inject(x, CHAIN_RESPONSE, (uint8_t)opcode, str_in(payload));
	return result_of(rc);
}

static int32_t close_peers(
	struct sluice_exchange *x, uint32_t to, uint32_t status, struct sluice_str reason)
{
	if (!policy_allows_exchange(&calls[CLOSE], x))
		return SLUICE_E_WRONG_CALLBACK;
	if (to == 0 || to > SLUICE_FRAMES_BOTH || !ws_status_is_sendable(status) ||
		reason.n > WS_REASON_BYTES_MAX || !utf8_is_valid(str_in(reason)))
		return SLUICE_E_INVALID;
	if (to & SLUICE_FRAMES_UPSTREAM)
		frames_close(x, CHAIN_REQUEST, (uint16_t)status, str_in(reason));
	if (to & SLUICE_FRAMES_CLIENT)
		frames_close(x, CHAIN_RESPONSE, (uint16_t)status, str_in(reason));
	return SLUICE_OK;
}

static int32_t collect(struct sluice_instance *instance, uint64_t bytes_max)
{
	if (!policy_allows(&calls[COLLECT], instance))
		return SLUICE_E_WRONG_CALLBACK;
	if (bytes_max == 0 || bytes_max > SLUICE_FRAMES_MESSAGE_BYTES_MAX)
		return SLUICE_E_INVALID;
	policy_collect_messages(instance, (size_t)bytes_max);
	return SLUICE_OK;
}

const void *services_frames_table(void)
{
	static const struct sluice_frames_service table = {
		.size = sizeof(table),
		.frame = frame,
		.replace = replace,
		.drop = drop,
		.inject = inject,
		.close = close_peers,
		.collect = collect,
	};
	return &table;
}
