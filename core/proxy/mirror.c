/* SPDX-License-Identifier: Apache-2.0 */
/* The head is copied when it goes out, as the request's upstream got it: before, it is the
 * exchange's alone. */
#include "proxy/mirror.h"

#include "base/limits.h"
#include "proxy/exchange_priv.h"

struct mirror {
	struct link link; /* in mirrors.under_way, once it is sent */
	struct proxy_worker *worker;
	/* Borrowed from the API, while it is the exchange's. */
	const struct route_mirror *to;
	const char *own_path;      /* of the request's own service; NULL: it has none */
	struct chunk_queue kept;   /* of the body */
	bool is_spilled;           /* it was more than is kept */
	struct upstream_call call; /* once it is sent */
};

/* How much of an answer is read, so that its connection may serve again. */
#define ANSWER_BYTES_MAX (1u << 20)

/* --- life ------------------------------------------------------------------------------------ */

void mirrors_init(struct mirrors *m, struct upstream *upstream)
{
	*m = (struct mirrors){.count = 0};
	list_init(&m->under_way);
	upstream_calls_init(&m->calls, upstream);
}

static void let_go(struct mirror *m, enum mirror_end end)
{
	struct proxy_worker *w = m->worker;
	w->mirrors.count--;
	w->mirrors.ended[end]++;
	chunk_queue_clear(&m->kept);
	pool_put(loop_pool(w->loop), m, sizeof(*m));
}

static void finish(struct mirror *m, enum mirror_end end)
{
	list_remove(&m->link);
	call_deinit(&m->call);
	let_go(m, end);
}

void mirrors_end(struct mirrors *m)
{
	LIST_FOREACH_SAFE(l, &m->under_way)
	{
		struct mirror *each = CONTAINER_OF(l, struct mirror, link);
		call_cancel(&each->call);
		finish(each, MIRROR_FAILED);
	}
}

/* --- as long as the request is on its way ---------------------------------------------------- */

void mirror_want(struct exchange *e, const struct route_mirror *to, const char *own_path)
{
	struct proxy_worker *w = e->worker;
	const struct http_request *r = e->down->request;
	if (r->upgrade.n > 0 || r->is_connect ||
		prng_next(&w->prng) % ROUTE_MIRROR_ALL >= to->millionths)
		return;
	if (w->mirrors.count >= LIMIT_MIRRORS || w->pressure != PRESSURE_NONE) {
		w->mirrors.ended[MIRROR_OMITTED]++;
		return;
	}
	struct mirror *m = pool_get(loop_pool(w->loop), sizeof(*m));
	m->worker = w;
	m->to = to;
	m->own_path = own_path;
	m->is_spilled = false;
	chunk_queue_init(&m->kept, loop_pool(w->loop));
	w->mirrors.count++;
	e->mirror = m;
}

/* Copied: slices would keep a whole block of the worker's for each few bytes of a slow client. */
void mirror_keep(struct exchange *e, const struct chunk_queue *q)
{
	struct mirror *m = e->mirror;
	if (m->is_spilled)
		return;
	if (m->kept.bytes + q->bytes > MIRROR_BODY_BYTES) {
		m->is_spilled = true;
		chunk_queue_clear(&m->kept);
		return;
	}
	for (const struct chunk *c = q->head; c; c = c->next)
		chunk_queue_add_copy(&m->kept, str_n(c->p, c->n));
}

void mirror_drop(struct exchange *e)
{
	struct mirror *m = e->mirror;
	e->mirror = NULL;
	let_go(m, MIRROR_OMITTED);
}

/* --- the copy -------------------------------------------------------------------------------- */

/* As it goes behind the mirror's address: without what the path of the request's own service has put
 * before it. */
static struct str path_of(const struct mirror *m, struct str path, struct arena *a)
{
	const char *before = m->to->path;
	struct str own = m->own_path ? str_of(m->own_path) : STR_EMPTY;
	if (str_eq(path, STR("*")))
		return STR("*");
	bool is_behind =
		own.n > 0 && str_starts(path, own) && (path.n == own.n || path.p[own.n] == '/');
	if (is_behind)
		path = str_from(path, own.n);
	if (path.n == 0 && !before)
		return STR("/");
	return arena_concat(a, before ? str_of(before) : STR_EMPTY, path);
}

static void copy_fields(struct fields *to, const struct fields *from, struct arena *a)
{
	enum rc rc = RC_OK;
	to->max = from->max + 1;
	fields_reserve(to, from->count + 1);
	for (uint32_t i = 0; i < from->count && rc == RC_OK; i++) {
		const struct field *f = &from->items[i];
		rc = fields_append(to, arena_copy(a, f->name), f->id, arena_copy(a, f->value));
	}
	if (rc == RC_OK)
		rc = fields_append(to, STR("x-sluice-mirrored"), FIELD_OTHER, STR("1"));
	/* A part of a request is none. */
	a->failed |= rc != RC_OK;
}

static void copy_head(const struct exchange *e, struct mirror *m)
{
	const struct http_request *from = e->down->request;
	struct http_request *to = &m->call.request;
	struct arena *a = &m->call.arena;
	to->method = from->method;
	to->method_name = arena_copy(a, from->method_name);
	to->path = path_of(m, from->path, a);
	to->query = arena_copy(a, from->query);
	to->has_query = from->has_query;
	to->authority = m->to->rewrites_host ? service_authority(m->call.service)
					     : arena_copy(a, e->authority_received);
	to->scheme = service_options(m->call.service)->tls ? STR("https") : STR("http");
	to->version_major = to->version_minor = 1;
	copy_fields(&to->fields, &from->fields, a);
}

static void copy_body(struct mirror *m, int64_t declared)
{
	size_t n = m->kept.bytes;
	if (n == 0 && declared == CONTENT_LENGTH_NONE)
		return;
	char *p = arena_alloc(&m->call.arena, n);
	if (!p)
		return;
	chunk_queue_peek(&m->kept, p, n);
	m->call.body = str_n(p, n);
	m->call.request.content_length = (int64_t)n;
}

static void on_ended(struct upstream_call *c)
{
	struct mirror *m = CONTAINER_OF(c, struct mirror, call);
	bool is_answered = c->result == CALL_OK || c->result == CALL_TOO_LARGE;
	finish(m, is_answered ? MIRROR_ANSWERED : MIRROR_FAILED);
}

static void begin_call(struct exchange *e, struct mirror *m)
{
	struct proxy_worker *w = m->worker;
	struct service *s = m->to->service;
	struct upstream_call *c = &m->call;
	int ms = service_options(s)->response_timeout_ms;
	call_init(c, w->loop, s, LIMIT_CALL_HEAD_BYTES + MIRROR_BODY_BYTES);
	list_append(&w->mirrors.under_way, &m->link);
	copy_head(e, m);
	copy_body(m, e->down->request->content_length);
	if (c->arena.failed) {
		finish(m, MIRROR_OMITTED);
		return;
	}
	chunk_queue_clear(&m->kept);
	c->timeout_ms = ms > 0 ? ms : LIMIT_UPSTREAM_RESPONSE_MS;
	c->response_bytes_max = ANSWER_BYTES_MAX;
	c->is_copy = true;
	c->ended = on_ended;
	call_begin(&w->mirrors.calls.carrier, c);
}

void mirror_send(struct exchange *e)
{
	struct mirror *m = e->mirror;
	e->mirror = NULL;
	if (m->is_spilled)
		let_go(m, MIRROR_OMITTED);
	else
		begin_call(e, m);
}
