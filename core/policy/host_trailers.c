/* SPDX-License-Identifier: Apache-2.0 */
/* policy/host_trailers.c - the fields behind the content, as policies read and change them.
 *
 * They are there once the message is whole; and they have a place only behind content whose length
 * its head does not declare. For a binding that collects the body the head waits, and can still be
 * seen to. */
#include "base/limits.h"
#include "policy/chain.h"
#include "policy/host_priv.h"

static enum chain_direction direction_of(enum sluice_side side)
{
	return side == SLUICE_REQUEST_TRAILERS ? CHAIN_REQUEST : CHAIN_RESPONSE;
}

/* Whether a body callback of that direction runs that has not seen the end. */
static bool is_too_early(const struct sluice_exchange *x, enum chain_direction d)
{
	enum callback body = d == CHAIN_REQUEST ? CALLBACK_REQUEST_BODY : CALLBACK_RESPONSE_BODY;
	return x->callback == body && !x->is_last_piece;
}

const struct fields *host_trailers(const struct sluice_exchange *x, enum sluice_side side)
{
	if (side != SLUICE_REQUEST_TRAILERS && side != SLUICE_RESPONSE_TRAILERS)
		return NULL;
	enum chain_direction d = direction_of(side);
	return is_too_early(x, d) ? NULL : x->trailers[d];
}

static bool is_at_end(const struct sluice_exchange *x, enum chain_direction d)
{
	uint32_t own = d == CHAIN_REQUEST ? IN(REQUEST_BODY) | IN(REQUEST_END)
					  : IN(RESPONSE_BODY) | IN(RESPONSE_END);
	return (own >> x->callback & 1) && !is_too_early(x, d);
}

/* Whether the head waits for this callback, by contract: not only as things have turned out. */
static bool holds_head(const struct sluice_exchange *x, enum chain_direction d)
{
	return (IN_BODIES >> x->callback & 1) && x->current->contract[d].mode == BODY_BUFFER;
}

/* Sees to it that they have a place. */
static bool has_place(struct sluice_exchange *x, enum chain_direction d)
{
	bool is_request = d == CHAIN_REQUEST;
	if (!is_request && !x->response->has_content)
		return false;
	int64_t *length =
		is_request ? &x->request->content_length : &x->response->content_length;
	if (*length >= 0 && holds_head(x, d))
		*length = CONTENT_LENGTH_UNKNOWN;
	return *length == CONTENT_LENGTH_UNKNOWN;
}

static struct fields *own_trailers(struct sluice_exchange *x, enum chain_direction d)
{
	struct fields *own = (struct fields *)(uintptr_t)x->trailers[d];
	if (x->own_trailers >> d & 1)
		return own;
	own = arena_alloc(x->arena, sizeof(*own));
	if (!own)
		return NULL;
	fields_init(own, x->arena);
	if (x->trailers[d])
		*own = *x->trailers[d]; /* the codec is done with it */
	own->max = LIMIT_TRAILER_FIELDS;
	x->trailers[d] = own;
	x->own_trailers |= (uint8_t)(1u << d);
	return own;
}

struct fields *host_trailers_to_change(
	struct sluice_exchange *x, enum host_call call, enum sluice_side side, int32_t *why)
{
	enum chain_direction d = direction_of(side);
	*why = SLUICE_E_INVALID;
	if (!host_allows(x, call)) {
		*why = host_refuse(call);
		return NULL;
	}
	if (side != SLUICE_REQUEST_TRAILERS && side != SLUICE_RESPONSE_TRAILERS)
		return NULL;
	if (!is_at_end(x, d)) {
		*why = policy_refuse_late(&host_calls[call], "the message is not whole yet");
		return NULL;
	}
	if (!has_place(x, d))
		return NULL;
	struct fields *own = own_trailers(x, d);
	if (!own)
		*why = SLUICE_E_FULL;
	return own;
}
