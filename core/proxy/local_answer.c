/* SPDX-License-Identifier: Apache-2.0 */
/* Answers that the gateway gives by itself: fixed text and the request's id, never an upstream's
 * words, a path or a version. */
#include "proxy/exchange_priv.h"

#include "proxy/local_answer.h"

/* The ladder needs some seconds to come down; the clients of an overload must not come back in
 * one. */
#define RETRY_AFTER_SECONDS "5"

/* When even the arena is spent the answer still goes out, without its id. */
static struct local_response spent_answer(uint16_t status)
{
	return (struct local_response){
		.head = {.status = status, .version_major = 1, .version_minor = 1},
		.body = STR("{\"error\": \"exchange memory exhausted\"}\n"),
	};
}

struct str local_answer_body(struct arena *arena, struct str message, struct str request_id)
{
	if (request_id.n == 0)
		return arena_printf(arena, "{\"error\": \"%.*s\"}\n", STR_ARG(message));
	return arena_printf(arena, "{\"error\": \"%.*s\", \"requestId\": \"%.*s\"}\n",
		STR_ARG(message), STR_ARG(request_id));
}

#define JSON_TYPE STR("application/json; charset=UTF-8")

static bool add_version(struct fields *f)
{
	return fields_append(f, STR("Sec-WebSocket-Version"), FIELD_OTHER, STR("13")) == RC_OK;
}

/* What has to be asked for instead (RFC 9110 15.5.22, RFC 6455 4.4). */
static bool add_switch(struct fields *f)
{
	return fields_append(f, STR("Upgrade"), FIELD_UPGRADE, STR("websocket")) == RC_OK &&
	       fields_append(f, STR("Connection"), FIELD_CONNECTION, STR("upgrade")) == RC_OK &&
	       add_version(f);
}

static void fill_head(struct exchange *e, struct local_response *local, uint16_t status)
{
	struct http_response *head = &local->head;
	http_response_init(head, e->x.arena);
	head->status = status;
	head->reason = http_reason(status);
	head->version_major = 1;
	head->version_minor = 1;
	head->content_length = (int64_t)local->body.n;
	bool added = fields_append(&head->fields, STR("Content-Type"), FIELD_CONTENT_TYPE,
			     JSON_TYPE) == RC_OK;
	if (e->fault == FAULT_METHOD && e->allowed_methods.n > 0)
		added &= fields_append(&head->fields, STR("Allow"), FIELD_ALLOW,
				 e->allowed_methods) == RC_OK;
	if (e->fault == FAULT_OVERLOADED)
		added &= fields_append(&head->fields, STR("Retry-After"), FIELD_RETRY_AFTER,
				 STR(RETRY_AFTER_SECONDS)) == RC_OK;
	if (e->fault == FAULT_WEBSOCKET_VERSION)
		added &= add_switch(&head->fields);
	if (e->fault == FAULT_WEBSOCKET_HANDSHAKE)
		added &= add_version(&head->fields);
	if (!added)
		fields_init(&head->fields, e->x.arena);
}

/* --- as the operator worded it --------------------------------------------------------------- */

/* A page, and what is put into it: what grows beyond is answered in our own words. */
#define BODY_BYTES_MAX 262144

static bool render(const struct exchange *e, const struct local_response *local,
	struct buffer *body, struct str *content_type, bool *varies)
{
	const struct error_pages *own = e->api ? e->api->errors : NULL;
	const struct error_pages *common = e->worker->generation->edge.errors;
	const struct fields *accept = &e->down->request->fields;
	const struct error_values values = {
		.status = local->head.status,
		.message = local->message,
		.reason = local->reason,
		.request_id = e->x.request_id,
	};
	return (error_pages_render(own, accept, &values, body, content_type, varies) ||
		       error_pages_render(common, accept, &values, body, content_type, varies)) &&
	       !body->failed;
}

void local_answer_word(struct exchange *e, struct local_response *local)
{
	bool has_pages = (e->api && e->api->errors) || e->worker->generation->edge.errors;
	bool has_content = local->head.status != 204 && local->head.status != 304;
	if (LIKELY(!has_pages) || local->message.n == 0 || !has_content)
		return;
	struct buffer body;
	struct str content_type;
	bool varies;
	buffer_init(&body, BODY_BYTES_MAX);
	if (render(e, local, &body, &content_type, &varies)) {
		struct fields *f = &local->head.fields;
		struct str copy = arena_copy(e->x.arena, buffer_str(&body));
		/* A message may quote what a client sent: it is to be nothing but its type. */
		if (copy.n == body.n && fields_set(f, STR("Content-Type"), content_type) == RC_OK &&
			fields_set(f, STR("X-Content-Type-Options"), STR("nosniff")) == RC_OK) {
			local->body = copy;
			local->head.content_length = (int64_t)copy.n;
			enum rc rc = varies ? fields_add(f, STR("Vary"), STR("Accept")) : RC_OK;
			(void)rc; /* without room it goes without */
		}
	}
	buffer_deinit(&body);
}

static struct str refusal_page(const struct edge *edge, const struct error_values *values,
	struct arena *arena, struct str *content_type)
{
	struct buffer body;
	struct str copy = STR_EMPTY;
	bool varies;
	buffer_init(&body, BODY_BYTES_MAX);
	if (error_pages_render(edge->errors, NULL, values, &body, content_type, &varies) &&
		!body.failed)
		copy = arena_copy(arena, buffer_str(&body));
	buffer_deinit(&body);
	return copy;
}

struct str local_answer_of_refusal(const struct edge *edge, uint16_t status, const char *text,
	struct arena *arena, struct fields *fields)
{
	struct error_values values = {
		.status = status,
		.message = str_of(text),
		.reason = access_record_refusal_reason(status),
	};
	struct str type = JSON_TYPE, body = STR_EMPTY;
	if (edge->errors)
		body = refusal_page(edge, &values, arena, &type);
	if (body.n == 0) {
		type = JSON_TYPE;
		body = local_answer_body(arena, values.message, STR_EMPTY);
	}
	if (fields_append(fields, STR("Content-Type"), FIELD_CONTENT_TYPE, type) != RC_OK)
		return STR_EMPTY;
	if (edge->tells_reason &&
		fields_append(fields, STR("x-sluice-reason"), FIELD_OTHER, values.reason) != RC_OK)
		return STR_EMPTY;
	return body;
}

/* --- as the gateway words it ----------------------------------------------------------------- */

void local_answer_of_fault(struct exchange *e)
{
	const struct fault_row *row = fault_row(e->fault);
	struct local_response *local = arena_zalloc(e->x.arena, sizeof(*local));
	struct str body = local_answer_body(e->x.arena, str_of(row->message), e->x.request_id);
	if (!local || body.n == 0) {
		e->spent_local = spent_answer(row->status);
		local = &e->spent_local;
		fields_init(&local->head.fields, e->x.arena);
		local->head.reason = http_reason(row->status);
		local->head.content_length = (int64_t)local->body.n;
	} else {
		local->body = body;
		local->message = str_of(row->message);
		local->reason = str_of(row->reason);
		fill_head(e, local, row->status);
		local_answer_word(e, local);
	}
	local->reason = str_of(row->reason);
	e->x.local = local;
}
