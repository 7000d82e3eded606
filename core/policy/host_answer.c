/* SPDX-License-Identifier: Apache-2.0 */
/* policy/host_answer.c - answers that a policy gives instead of the upstream. */
#include "base/limits.h"
#include "policy/chain.h"
#include "policy/host_priv.h"
#include "policy/local_stream.h"

#define ANSWER_BODY_BYTES_MAX   (1u << 20)
#define ANSWER_REASON_BYTES_MAX 64

/* Others follow: of bindings, and the gateway's own. */
#define FIELDS_MORE 8

/* Content-Length is the gateway's; whoever gives one means the body it gives. */
static bool is_framing(int id)
{
#define BIT(id) ((uint64_t)1 << FIELD_##id)
	const uint64_t framing = BIT(CONTENT_LENGTH) | BIT(TRANSFER_ENCODING) | BIT(CONNECTION) |
				 BIT(KEEP_ALIVE) | BIT(TRAILER) | BIT(UPGRADE);
#undef BIT
	return id >= 0 && (framing >> id & 1);
}

int32_t answer_field_add(struct fields *to, struct str name, struct str value)
{
	int id = field_id_check(name);
	if (is_framing(id))
		return SLUICE_E_INVALID;
	enum rc rc = fields_add_id(to, id, name, value);
	return rc == RC_OK ? SLUICE_OK : rc == RC_FULL ? SLUICE_E_FULL : SLUICE_E_INVALID;
}

void answer_fields_reserve(struct fields *to, size_t count)
{
	if (count > 0 && count <= LIMIT_FIELDS)
		fields_reserve(to, (uint32_t)count + FIELDS_MORE);
}

int32_t host_answer_fields(struct fields *to, const struct sluice_str *fields, size_t count)
{
	int32_t rc = SLUICE_OK;
	answer_fields_reserve(to, count);
	for (size_t i = 0; i < count && rc == SLUICE_OK; i++)
		rc = answer_field_add(to, str_in(fields[2 * i]), str_in(fields[2 * i + 1]));
	return rc;
}

static bool status_has_content(int32_t status)
{
	return status != 204 && status != 205 && status != 304;
}

int32_t host_answer_make(struct sluice_exchange *x, int32_t status, const struct sluice_str *fields,
	size_t field_count, struct str body, struct str reason, struct local_response **out)
{
	struct local_response *local = arena_zalloc(x->arena, sizeof(*local));
	if (!local)
		return SLUICE_E_FULL;
	http_response_init(&local->head, x->arena);
	local->head.status = (uint16_t)status;
	local->head.reason = http_reason((uint16_t)status);
	local->head.version_major = 1;
	local->head.version_minor = 1;
	local->head.has_content = status_has_content(status);
	local->head.content_length =
		local->head.has_content ? (int64_t)body.n : CONTENT_LENGTH_NONE;
	local->body = local->head.has_content ? body : STR_EMPTY;
	local->reason = reason;
	*out = local;
	return host_answer_fields(&local->head.fields, fields, field_count);
}

bool host_may_answer(int32_t status, size_t body_bytes, size_t reason_bytes)
{
	return status >= 200 && status <= 599 && body_bytes <= ANSWER_BODY_BYTES_MAX &&
	       reason_bytes <= ANSWER_REASON_BYTES_MAX;
}

static int32_t may_answer(struct sluice_exchange *x, enum host_call call, int32_t status,
	struct sluice_str body, struct sluice_str reason)
{
	if (!host_allows(x, call))
		return host_refuse(call);
	if (x->response_sent)
		return host_refuse_late(call, "the response has been sent");
	return host_may_answer(status, body.n, reason.n) ? SLUICE_OK : SLUICE_E_INVALID;
}

int32_t host_respond(struct sluice_exchange *x, int32_t status, const struct sluice_str *fields,
	size_t field_count, struct sluice_str body, struct sluice_str reason)
{
	int32_t rc = may_answer(x, HOST_respond, status, body, reason);
	if (rc != SLUICE_OK)
		return rc;
	struct str own_body = arena_copy(x->arena, str_in(body));
	struct str own_reason = arena_copy(x->arena, str_in(reason));
	if (x->arena->failed)
		return SLUICE_E_FULL;
	struct local_response *local;
	rc = host_answer_make(x, status, fields, field_count, own_body, own_reason, &local);
	if (rc == SLUICE_OK)
		x->answer = local;
	return rc;
}

static bool needs_no_escape(struct str s)
{
	for (size_t i = 0; i < s.n; i++)
		if (s.p[i] < 0x20 || s.p[i] > 0x7e || s.p[i] == '"' || s.p[i] == '\\')
			return false;
	return true;
}

/* {"error": message} in the arena; empty: no memory. */
static struct str error_body(struct arena *arena, struct str message)
{
	if (needs_no_escape(message)) /* nearly always: nothing comes from the heap */
		return arena_printf(arena, "{\"error\":\"%.*s\"}", STR_ARG(message));
	struct buffer b;
	buffer_init(&b, ANSWER_BODY_BYTES_MAX * 2);
	buffer_add(&b, STR("{\"error\":"));
	buffer_add_json(&b, message);
	buffer_add(&b, STR("}"));
	struct str body = b.failed ? STR_EMPTY : arena_copy(arena, buffer_str(&b));
	buffer_deinit(&b);
	return body;
}

int32_t host_respond_error(struct sluice_exchange *x, int32_t status,
	const struct sluice_str *fields, size_t field_count, struct sluice_str message,
	struct sluice_str reason)
{
	int32_t rc = may_answer(x, HOST_respond_error, status, message, reason);
	if (rc != SLUICE_OK)
		return rc;
	struct str body = error_body(x->arena, str_in(message));
	struct str own_reason = arena_copy(x->arena, str_in(reason));
	if (!body.n || x->arena->failed)
		return SLUICE_E_FULL;
	struct local_response *local;
	rc = host_answer_make(x, status, fields, field_count, body, own_reason, &local);
	if (rc != SLUICE_OK)
		return rc;
	local->message = arena_copy(x->arena, str_in(message));
	if (local->head.has_content && fields_set(&local->head.fields, STR("Content-Type"),
					       STR("application/json; charset=UTF-8")) != RC_OK)
		return SLUICE_E_FULL;
	x->answer = local;
	return SLUICE_OK;
}
