/* SPDX-License-Identifier: Apache-2.0 */
/* proxy/tunnel_priv.h - what tunnel.c and what it calls share. */
#pragma once

#include "proxy/tunnel.h"

static inline struct http_stream *tunnel_from(const struct exchange *e, enum chain_direction d)
{
	return d == CHAIN_REQUEST ? e->down : e->attempt.up;
}

static inline struct http_stream *tunnel_to(const struct exchange *e, enum chain_direction d)
{
	return d == CHAIN_REQUEST ? e->attempt.up : e->down;
}

/* Judges a head that has come whole, the first two bytes of a CLOSE with it; false: the tunnel is
 * closing, and the frame goes nowhere. */
bool tunnel_take_head(struct exchange *e, enum chain_direction d, const struct ws_head *h,
	struct str payload_begin);

/* Random, so that no client can choose what stands on the wire towards an upstream (RFC 6455 10.3);
 * NULL towards a client. */
const uint8_t *tunnel_mask_for(enum chain_direction d, uint8_t mask[4]);

/* --- tunnel_frames.c --- */
/* False: no memory. */
bool tunnel_frames_begin(struct exchange *e);
/* What has come through the policies and on, or only the rest of the frame at hand; whether
 * anything moved. */
bool tunnel_frames_take(struct exchange *e, enum chain_direction d, bool only_rest);
