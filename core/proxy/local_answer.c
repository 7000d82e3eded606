/* SPDX-License-Identifier: Apache-2.0 */
/* Answers that the gateway gives by itself: fixed text and the request's id, never an upstream's
 * words, a path or a version. */
#include "proxy/exchange_priv.h"

#include "proxy/local_answer.h"

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
			     STR("application/json; charset=UTF-8")) == RC_OK;
	if (e->fault == FAULT_METHOD && e->allowed_methods.n > 0)
		added &= fields_append(&head->fields, STR("Allow"), FIELD_ALLOW,
				 e->allowed_methods) == RC_OK;
	if (!added)
		fields_init(&head->fields, e->x.arena);
}

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
		fill_head(e, local, row->status);
	}
	local->reason = str_of(row->reason);
	e->x.local = local;
}
