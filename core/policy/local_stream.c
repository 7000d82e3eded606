/* SPDX-License-Identifier: Apache-2.0 */
#include "policy/local_stream.h"

#include "policy/host_priv.h"
#include "policy/run.h"

#include "sluice/stream.h"

int32_t local_stream_make(struct sluice_exchange *x, int32_t status, struct str reason,
	struct local_stream *s, struct local_response **out)
{
	struct local_response *local;
	if (!policy_runs_exchange(x) || x->response_sent)
		return SLUICE_E_WRONG_CALLBACK;
	if (!host_may_answer(status, 0, reason.n))
		return SLUICE_E_INVALID;
	struct str own_reason = arena_copy(x->arena, reason);
	int32_t rc = host_answer_make(x, status, NULL, 0, STR_EMPTY, own_reason, &local);
	if (rc != SLUICE_OK || x->arena->failed)
		return rc != SLUICE_OK ? rc : SLUICE_E_FULL;
	chunk_queue_init(&s->queue, loop_pool(x->loop));
	s->discards = !local->head.has_content || http_asked_head(x->request);
	s->ended = s->discards;
	if (local->head.has_content)
		local->head.content_length =
			s->length ? (int64_t)s->length : CONTENT_LENGTH_UNKNOWN;
	local->stream = s;
	*out = local;
	return SLUICE_OK;
}

void local_stream_give(struct sluice_exchange *x, struct local_response *local)
{
	x->answer = local;
}

int32_t local_stream_answer(struct sluice_exchange *x, int32_t status,
	const struct sluice_str *fields, size_t field_count, struct str reason,
	struct local_stream *s, struct local_response **out)
{
	if (field_count && !fields)
		return SLUICE_E_INVALID;
	int32_t rc = local_stream_make(x, status, reason, s, out);
	if (rc == SLUICE_OK)
		rc = host_answer_fields(&(*out)->head.fields, fields, field_count);
	if (rc == SLUICE_OK)
		local_stream_give(x, *out);
	return rc;
}

size_t local_stream_room(const struct local_stream *s)
{
	size_t room = SLUICE_STREAM_CREDIT_BYTES - (s->discards ? 0 : s->queue.bytes);
	bool is_short = s->length > 0 && s->length - s->written < room;
	return is_short ? (size_t)(s->length - s->written) : room;
}

size_t local_stream_write(struct local_stream *s, struct str bytes)
{
	size_t room = local_stream_room(s), n = bytes.n < room ? bytes.n : room;
	s->written += n;
	if (n > 0 && !s->discards)
		chunk_queue_add_copy(&s->queue, str_n(bytes.p, n));
	return n;
}

void local_stream_lose(struct local_stream *s, enum local_stream_loss loss)
{
	if (!s || s->loss != LOCAL_STREAM_KEPT)
		return;
	s->loss = (uint8_t)loss;
	s->changed(s);
}
