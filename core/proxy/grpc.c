/* SPDX-License-Identifier: Apache-2.0 */
#include "proxy/grpc.h"

#include "base/limits.h"
#include "proxy/exchange_priv.h"

/* --- values ---------------------------------------------------------------------------------- */

static bool ends_type(struct str rest)
{
	return rest.n == 0 || rest.p[0] == '+' || rest.p[0] == ';' || rest.p[0] == ' ';
}

static bool has_prefix(struct str text, struct str prefix)
{
	return str_eq_nocase(str_slice(text, 0, prefix.n), prefix);
}

enum grpc_kind grpc_kind_of(const struct fields *f)
{
	static const struct str native = {"application/grpc", 16}, web = {"-web", 4},
				text = {"-text", 5};
	const struct field *type = fields_get_id(f, FIELD_CONTENT_TYPE);
	if (!type || !has_prefix(type->value, native))
		return GRPC_NONE;
	struct str rest = str_from(type->value, native.n);
	if (ends_type(rest))
		return GRPC_NATIVE;
	if (!has_prefix(rest, web))
		return GRPC_NONE;
	rest = str_from(rest, web.n);
	if (has_prefix(rest, text))
		rest = str_from(rest, text.n);
	return ends_type(rest) ? GRPC_WEB : GRPC_NONE;
}

enum grpc_status grpc_status_of_http(uint16_t status)
{
	switch (status) {
	case 400:
		return GRPC_INTERNAL;
	case 401:
		return GRPC_UNAUTHENTICATED;
	case 403:
		return GRPC_PERMISSION_DENIED;
	case 404:
		return GRPC_UNIMPLEMENTED;
	case 429:
	case 502:
	case 503:
	case 504:
		return GRPC_UNAVAILABLE;
	default:
		return GRPC_UNKNOWN;
	}
}

/* In microseconds; 0: no unit. */
static int64_t unit_us(char c)
{
	switch (c) {
	case 'H':
		return 3600000000;
	case 'M':
		return 60000000;
	case 'S':
		return 1000000;
	case 'm':
		return 1000;
	case 'u':
	case 'n':
		return 1;
	default:
		return 0;
	}
}

#define TIMEOUT_DIGITS_MAX 8

int64_t grpc_timeout_ms(struct str text)
{
	int64_t value = 0;
	size_t digits = text.n > 0 ? text.n - 1 : 0;
	int64_t unit = digits > 0 ? unit_us(text.p[digits]) : 0;
	if (digits > TIMEOUT_DIGITS_MAX || unit == 0)
		return -1;
	for (size_t i = 0; i < digits; i++) {
		if (text.p[i] < '0' || text.p[i] > '9')
			return -1;
		value = value * 10 + (text.p[i] - '0');
	}
	if (text.p[digits] == 'n')
		value = (value + 999) / 1000;
	return (value * unit + 999) / 1000;
}

static bool is_plain(unsigned char c)
{
	return c >= 0x20 && c <= 0x7e && c != '%';
}

struct str grpc_message(struct arena *arena, struct str text)
{
	static const char hex[] = "0123456789ABCDEF";
	char *out = arena_alloc(arena, text.n * 3 + 1);
	size_t n = 0;
	for (size_t i = 0; out && i < text.n; i++) {
		unsigned char c = (unsigned char)text.p[i];
		if (is_plain(c)) {
			out[n++] = (char)c;
			continue;
		}
		out[n++] = '%';
		out[n++] = hex[c >> 4];
		out[n++] = hex[c & 15];
	}
	return out ? str_n(out, n) : STR_EMPTY;
}

/* --- exchanges ------------------------------------------------------------------------------- */

void grpc_begin(struct exchange *e)
{
	const struct fields *f = &e->down->request->fields;
	e->grpc = grpc_kind_of(f);
	if (LIKELY(e->grpc == GRPC_NONE))
		return;
	e->grpc_type = fields_get_id(f, FIELD_CONTENT_TYPE)->value;
	e->grpc_frames = (struct grpc_frames){0};
	const struct field *timeout = fields_get(f, STR("grpc-timeout"));
	int64_t ms = timeout ? grpc_timeout_ms(timeout->value) : -1;
	if (ms >= 0)
		e->deadline_ms = e->down->started_us / 1000 + ms;
}

static struct str message_of(const struct local_response *local)
{
	return local->message.n > 0 ? local->message : http_reason(local->head.status);
}

static bool put_status(
	struct exchange *e, struct fields *f, enum grpc_status status, struct str message)
{
	struct str code = arena_printf(e->x.arena, "%d", (int)status);
	return code.n > 0 && fields_set(f, STR("grpc-status"), code) == RC_OK &&
	       fields_set(f, STR("grpc-message"), grpc_message(e->x.arena, message)) == RC_OK;
}

static bool put_words(
	struct exchange *e, struct http_response *head, enum grpc_status status, struct str message)
{
	struct fields *f = &head->fields;
	/* As it was asked for: by now a policy may have translated the request. */
	struct str type = e->grpc == GRPC_WEB ? e->grpc_type : STR("application/grpc");
	return fields_set(f, STR("Content-Type"), type) == RC_OK &&
	       put_status(e, f, status, message);
}

static enum grpc_status status_of_fault(enum fault fault, uint16_t http_status)
{
	return fault == FAULT_DEADLINE ? GRPC_DEADLINE_EXCEEDED : grpc_status_of_http(http_status);
}

void grpc_word(struct exchange *e, struct local_response *local)
{
	struct http_response *head = &local->head;
	bool is_worded = fields_get(&head->fields, STR("grpc-status")) != NULL;
	if (head->status < 300 || local->stream || is_worded)
		return;
	enum grpc_status status = status_of_fault(e->fault, head->status);
	/* Without memory for it the HTTP status stands: clients map it likewise. */
	if (!put_words(e, head, status, message_of(local)))
		return;
	fields_remove(&head->fields, STR("Content-Encoding"));
	head->status = 200;
	head->reason = http_reason(200);
	head->content_length = 0;
	local->body = STR_EMPTY;
}

/* --- answers that break off ------------------------------------------------------------------- */

static void take_bytes(struct grpc_frames *f, struct str in)
{
	while (in.n > 0) {
		size_t n = f->left < in.n ? f->left : in.n;
		f->left -= (uint32_t)n;
		in = str_from(in, n);
		while (in.n > 0 && f->left == 0 && f->head_bytes < GRPC_FRAME_HEAD_BYTES) {
			f->head[f->head_bytes++] = (uint8_t)in.p[0];
			in = str_from(in, 1);
		}
		if (f->head_bytes < GRPC_FRAME_HEAD_BYTES)
			continue;
		f->head_bytes = 0;
		f->left = (uint32_t)f->head[1] << 24 | (uint32_t)f->head[2] << 16 |
			  (uint32_t)f->head[3] << 8 | f->head[4];
	}
}

void grpc_frames_take(struct grpc_frames *f, const struct chunk_queue *q, uint64_t n)
{
	f->seen += n;
	if (n > q->bytes)
		f->is_known = false;
	if (!f->is_known || n == 0)
		return;
	size_t before = q->bytes - (size_t)n;
	for (const struct chunk *c = q->head; c; c = c->next) {
		size_t skipped = before < c->n ? before : c->n;
		before -= skipped;
		take_bytes(f, str_n(c->p + skipped, c->n - skipped));
	}
}

void grpc_follow(struct exchange *e, const struct http_stream *up)
{
	grpc_frames_take(&e->grpc_frames, &up->in, up->body_received - e->grpc_frames.seen);
}

void grpc_take_head(struct exchange *e, const struct http_stream *up)
{
	bool is_native = grpc_kind_of(&up->response->fields) == GRPC_NATIVE;
	e->grpc_frames = (struct grpc_frames){.is_known = is_native};
	grpc_follow(e, up);
}

/* Policies' and the client's own are none of these: what of an answer is theirs to judge does not
 * end well. */
static bool is_ended_by_status(enum fault fault)
{
	return fault == FAULT_UPSTREAM_RESET || fault == FAULT_UPSTREAM_PROTOCOL ||
	       fault == FAULT_UPSTREAM_IDLE || fault == FAULT_DEADLINE || fault == FAULT_SHUTDOWN;
}

bool grpc_end_call(struct exchange *e, enum fault fault)
{
	struct http_stream *up = e->attempt.up;
	if (!up || up->in_ended || e->x.local || !is_ended_by_status(fault) ||
		e->x.trailers[CHAIN_RESPONSE])
		return false;
	struct fields *f = arena_alloc(e->x.arena, sizeof(*f));
	if (!f || !grpc_frames_are_whole(&e->grpc_frames))
		return false;
	const struct fault_row *row = fault_row(fault);
	fields_init(f, e->x.arena);
	if (!put_status(e, f, status_of_fault(fault, row->status), str_of(row->message)))
		return false;
	exchange_take_trailers(e, CHAIN_RESPONSE, f);
	if (!(e->facts & FACT_UPSTREAM_RESET))
		http_stream_reset(up, HTTP_RESET_CANCELLED);
	e->facts |= FACT_UPSTREAM_RESET;
	up->in_ended = true;
	return true;
}

struct str grpc_status_told(const struct exchange *e)
{
	static const struct str name = {"grpc-status", 11};
	const struct fields *trailers = exchange_trailers(e, CHAIN_RESPONSE);
	const struct field *found = e->x.response ? fields_get(&e->x.response->fields, name) : NULL;
	if (!found && trailers)
		found = fields_get(trailers, name);
	return found ? found->value : STR_EMPTY;
}
