/* SPDX-License-Identifier: Apache-2.0 */
#include "proxy/trace_priv.h"

#include "base/clock.h"
#include "base/memory.h"
#include "proxy/listener.h"
#include "proxy/tracer.h"

#include <stdlib.h>

struct tracer *trace_tracer(const struct trace *t)
{
	return t->tracer;
}

struct str trace_text(const struct trace *t)
{
	return buffer_str(&t->text);
}

void trace_free(struct trace *t)
{
	if (t->is_admitted)
		tracer_leave(t->tracer);
	tracer_unref(t->tracer);
	free(t->request.items);
	free(t->response.items);
	buffer_deinit(&t->choice);
	buffer_deinit(&t->text);
	free(t);
}

/* --- begin ----------------------------------------------------------------------------------- */
static bool has_header(const struct trace_filter *f, const struct http_request *r)
{
	uint32_t at = 0;
	const struct field *field;
	while ((field = fields_next(&r->fields, str_of(f->header), &at)))
		if (!f->value || str_eq(field->value, str_of(f->value)))
			return true;
	return false;
}

static bool has_path(const struct trace_filter *f, struct str path, struct str rest)
{
	return regex_match(f->path, path, NULL) == RC_OK ||
	       regex_match(f->path, rest.n > 0 ? rest : STR("/"), NULL) == RC_OK;
}

/* On a copy: looking the API up may change the path. */
static bool is_wanted(const struct exchange *e, const struct trace_filter *f)
{
	struct http_request request = *e->down->request;
	const struct generation_listener *serves = proxy_listener_serves(e->listener);
	struct route_match match = {.rest = request.path};
	if (f->header && !has_header(f, &request))
		return false;
	if (!f->api && !f->path)
		return true;
	bool is_known = serves && request.method != METHOD_CONNECT &&
			route_table_take(serves->routes, &request, e->x.arena, &match) == RC_OK;
	if (f->api && !(is_known && trace_filter_means(f, str_of(serves->apis[match.api]->id))))
		return false;
	return !f->path || has_path(f, request.path, match.rest);
}

void trace_begin(struct exchange *e)
{
	struct tracer *tracer = e->worker->tracer;
	if (atomic_load_explicit(&tracer->left, memory_order_relaxed) <= 0 ||
		!is_wanted(e, &tracer->filter))
		return;
	struct trace *t = heap_zalloc(sizeof(*t));
	t->watch.ran = trace_on_ran;
	t->watch.asked = trace_on_asked;
	t->tracer = tracer_ref(tracer);
	t->begun_ns = clock_monotonic_ns();
	int64_t before_us = t->begun_ns / 1000 - e->down->started_us;
	t->before_us = before_us > 0 ? before_us : 0;
	buffer_init(&t->text, TRACE_BYTES_MAX);
	buffer_init(&t->choice, TRACE_BYTES_MAX / 4);
	buffer_add(&t->text, STR("{\"events\":["));
	trace_remember(&t->request, &e->down->request->fields);
	e->trace = t;
	e->x.watch = &t->watch;
}

static void give_up(struct exchange *e)
{
	trace_free(e->trace);
	e->trace = NULL;
	e->x.watch = NULL;
}

/* Who the client is, is known behind the head's step. */
static bool is_admitted(const struct exchange *e, struct trace *t)
{
	struct address client;
	const struct trace_filter *f = &t->tracer->filter;
	if (f->clients.count > 0 && (address_from_ip(e->x.client_address, 0, &client) != RC_OK ||
					    !cidr_set_contains(&f->clients, &client)))
		return false;
	return t->is_admitted = tracer_admit(t->tracer, loop_now_ms(e->worker->loop));
}

void trace_look(struct exchange *e)
{
	struct trace *t = e->trace;
	if (!t || (e->request_state == REQUEST_HEAD && e->response_state != RESPONSE_DONE))
		return;
	if (!t->is_admitted) {
		if (!is_admitted(e, t)) {
			give_up(e);
			return;
		}
		t->request_state = REQUEST_ROUTE;
		trace_look_at_head(e, t);
	}
	trace_look_at_news(e, t);
}

/* --- end ------------------------------------------------------------------------------------- */
static void hand_over(struct exchange *e)
{
	struct trace *t = e->trace;
	e->trace = NULL;
	e->x.watch = NULL;
	loop_post(t->tracer->main_loop, t->tracer->deliver, t);
}

static void close_text(struct exchange *e, bool is_whole)
{
	struct trace *t = e->trace;
	t->text.bytes_max += RECORD_BYTES_MAX;
	buffer_add_char(&t->text, ']');
	if (t->is_cut)
		buffer_add(&t->text, STR(",\"cut\":true"));
	if (!is_whole)
		buffer_add(&t->text, STR(",\"unfinished\":true"));
	trace_add_key(t, "record");
	access_record_tell(e, &t->text);
	buffer_add(&t->text, STR("}\n"));
}

void trace_end(struct exchange *e)
{
	trace_look(e);
	if (!e->trace)
		return;
	if (!e->trace->is_admitted) {
		give_up(e);
		return;
	}
	close_text(e, true);
	hand_over(e);
}

static void end_unfinished(struct exchange *e, const struct tracer *of)
{
	if (!e->trace || e->trace->tracer != of)
		return;
	if (!e->trace->is_admitted) {
		give_up(e);
		return;
	}
	close_text(e, false);
	hand_over(e);
}

void trace_set(struct proxy_worker *w, struct tracer *t)
{
	struct tracer *former = w->tracer;
	w->tracer = t ? tracer_ref(t) : NULL;
	if (!former)
		return;
	LIST_FOREACH(l, &w->exchanges)
	end_unfinished(CONTAINER_OF(l, struct exchange, link), former);
	tracer_unref(former);
}
