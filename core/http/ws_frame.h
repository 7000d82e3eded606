/* SPDX-License-Identifier: Apache-2.0 */
/* http/ws_frame.h - frames of WebSockets: RFC 6455 section 5, as pure functions of bytes.
 *
 * A head is parsed where it lies, once it is there whole (14 bytes at most), so that whoever only
 * counts frames holds nothing. What a head may be where it stands is judged apart: a tunnel that is
 * only followed takes any, one whose frames somebody looks at takes what the RFC allows. */
#pragma once

#include "base/str.h"

enum ws_opcode {
	WS_CONTINUATION = 0,
	WS_TEXT = 1,
	WS_BINARY = 2,
	WS_CLOSE = 8,
	WS_PING = 9,
	WS_PONG = 10,
};

/* Of a CLOSE (RFC 6455 7.4.1). */
enum ws_status {
	WS_STATUS_GOING_AWAY = 1001,
	WS_STATUS_PROTOCOL = 1002,
	WS_STATUS_NOT_TEXT = 1007,
	WS_STATUS_POLICY = 1008,
	WS_STATUS_TOO_BIG = 1009,
	WS_STATUS_FAILED = 1011,
	WS_STATUS_RESTART = 1012,
	WS_STATUS_TRY_AGAIN = 1013, /* registered, as the one before, with RFC 6455 11.7 */
};

#define WS_HEAD_BYTES_MAX    14
#define WS_CONTROL_BYTES_MAX 125
/* Of a CLOSE, behind its status. */
#define WS_REASON_BYTES_MAX 123

struct ws_head {
	uint64_t length; /* of the payload */
	uint8_t opcode;
	uint8_t reserved; /* the three bits of extensions */
	bool is_final;
	bool is_masked;
	bool is_overlong; /* the length has a shorter form, or its first bit set */
	uint8_t mask[4];
};

static inline bool ws_is_control(uint8_t opcode)
{
	return opcode & 8;
}

/* The head at the front of `in`: how many bytes it has; 0: it is not there whole. */
size_t ws_head_parse(struct str in, struct ws_head *h);
/* At most WS_HEAD_BYTES_MAX; how many. */
size_t ws_head_write(const struct ws_head *h, char *to);
/* Masks, or takes the mask away. `offset` is that of the first byte in its payload; `to` may be
 * bytes.p. */
void ws_mask(char *to, struct str bytes, const uint8_t mask[4], uint64_t offset);

/* What has come in one direction. Zeroed at the beginning. */
struct ws_sequence {
	uint8_t message; /* the opcode of the message whose fragments come; 0: none */
	bool is_closed;  /* a CLOSE has come: no head behind it is one */
};
/* The next head: NULL, or what is wrong with it, for the log; then the connection has to end with
 * WS_STATUS_PROTOCOL. Not after is_closed. */
const char *ws_sequence_take(struct ws_sequence *s, const struct ws_head *h, bool is_from_client);

/* The payload of a CLOSE: 0 with *status (0: it has none), else what to end with. */
enum ws_status ws_close_parse(struct str payload, uint16_t *status);
/* Whether an endpoint may send it (RFC 6455 7.4, and the registry of IANA). */
bool ws_status_is_sendable(uint32_t status);
/* A whole CLOSE, head and payload, into `to` of WS_CLOSE_BYTES_MAX: how many bytes. `mask` NULL: it
 * is for a client. `reason` has at most WS_REASON_BYTES_MAX. */
#define WS_CLOSE_BYTES_MAX (WS_HEAD_BYTES_MAX + WS_CONTROL_BYTES_MAX)
size_t ws_close_write(uint16_t status, struct str reason, const uint8_t *mask, char *to);
