/* SPDX-License-Identifier: Apache-2.0 */
#include "admin/request.h"

#include "loop/loop.h"
#include "observe/log.h"

#define ANSWER_BYTES_MAX (64u << 20)
/* How long a client may take to send a body, which nobody wants. */
#define BODY_MS 10000

typedef void answer_fn(void *owner, struct admin_answer *a);

struct resource {
	struct str path;
	enum http_method method; /* GET has HEAD with it */
	struct str allow;
	size_t offset; /* of its function in struct admin_source */
	bool is_public;
};

#define RESOURCE(path, method, allow, name, is_public)                                             \
	{                                                                                          \
		STR(path), METHOD_##method, STR(allow), offsetof(struct admin_source, name),       \
			is_public                                                                  \
	}

static const struct resource resources[] = {
	RESOURCE("/status", GET, "GET, HEAD", status, false),
	RESOURCE("/dump", GET, "GET, HEAD", dump, false),
	RESOURCE("/metrics", GET, "GET, HEAD", metrics, true),
	RESOURCE("/probes/readiness", GET, "GET, HEAD", readiness, true),
	RESOURCE("/probes/liveness", GET, "GET, HEAD", liveness, true),
	RESOURCE("/reload", POST, "POST", reload, false),
	RESOURCE("/caches", GET, "GET, HEAD", caches, false),
	RESOURCE("/caches/purge", POST, "POST", purge, false),
	RESOURCE("/log-level", GET, "GET, HEAD, PUT", log_level, false),
	RESOURCE("/log-level", PUT, "GET, HEAD, PUT", set_log_level, false),
	RESOURCE("/quarantine/lift", POST, "POST", lift, false),
	RESOURCE("/trace", POST, "POST", trace, false),
};

/* An answer that goes on. */
struct admin_stream {
	bool is_taken, is_ended;
	void (*closed)(void *owner);
	void *owner;
};

struct admin_request {
	struct admin_answerer answerer;
	struct loop *loop;
	struct http_stream *stream;
	struct task task;
	struct timer late;
	struct admin_stream goes_on;
	bool is_dead; /* the client is gone, or takes too long */
};

struct str admin_error_body(
	void *owner, uint16_t status, const char *text, struct arena *arena, struct fields *fields)
{
	if (fields_append(fields, STR("Content-Type"), FIELD_CONTENT_TYPE,
		    STR("application/json; charset=UTF-8")) != RC_OK)
		return STR_EMPTY;
	return arena_printf(arena, "{\"error\": \"%s\"}\n", text);
}

static bool is_allowed(const struct resource *r, enum http_method method)
{
	return method == r->method || (method == METHOD_HEAD && r->method == METHOD_GET);
}

/* The one of that method, where the path has several. */
static const struct resource *find(const struct admin_request *q, const struct http_request *asked)
{
	const struct resource *found = NULL;
	for (size_t i = 0; i < sizeof(resources) / sizeof(resources[0]); i++) {
		const struct resource *r = &resources[i];
		bool is_here =
			str_eq(r->path, asked->path) && (q->answerer.is_private || r->is_public);
		if (is_here && (!found || is_allowed(r, asked->method)))
			found = r;
	}
	return found;
}

static void refuse(struct admin_answer *a, uint16_t status, const char *text)
{
	a->status = status;
	a->content_type = "application/json; charset=UTF-8";
	buffer_addf(&a->body, "{\"error\": \"%s\"}\n", text);
}

static void fill(const struct admin_request *q, const struct resource *r, struct admin_answer *a)
{
	if (!r) {
		refuse(a, 404, "no such resource");
		return;
	}
	if (!is_allowed(r, q->stream->request->method)) {
		refuse(a, 405, "the method is not allowed here");
		return;
	}
	answer_fn *const *fn = (answer_fn *const *)((const char *)q->answerer.source + r->offset);
	(*fn)(q->answerer.owner, a);
	if (a->body.failed) {
		log_write(LOG_WARN, "the answer to %.*s is larger than %u MiB: 500",
			STR_ARG(r->path), ANSWER_BYTES_MAX >> 20);
		buffer_reset(&a->body);
		refuse(a, 500, "the answer is too large");
	}
}

static void add_field(
	struct http_response *head, struct str name, enum field_id id, struct str value)
{
	/* The arena is fresh: three short fields fit. */
	enum rc rc = fields_append(&head->fields, name, id, value);
	CHECK(rc == RC_OK);
}

static void give(struct admin_request *q, const struct resource *r, struct admin_answer *a)
{
	struct http_stream *s = q->stream;
	struct http_response head;
	struct chunk_queue body;
	http_response_init(&head, s->arena);
	chunk_queue_init(&body, loop_pool(q->loop));
	head.status = a->status;
	head.reason = http_reason(a->status);
	head.version_major = head.version_minor = 1;
	bool goes_on = q->goes_on.is_taken;
	head.content_length = goes_on ? CONTENT_LENGTH_UNKNOWN : (int64_t)a->body.n;
	head.has_content = s->request->method != METHOD_HEAD && (goes_on || a->body.n > 0);
	add_field(&head, STR("Content-Type"), FIELD_CONTENT_TYPE, str_of(a->content_type));
	add_field(&head, STR("Cache-Control"), FIELD_OTHER, STR("no-store"));
	if (a->status == 405)
		add_field(&head, STR("Allow"), FIELD_ALLOW, r->allow);
	http_stream_send_response(s, &head, !head.has_content);
	if (head.has_content) {
		chunk_queue_add_copy(&body, buffer_str(&a->body));
		http_stream_send_data(s, &body, !goes_on);
	}
	chunk_queue_clear(&body);
}

static void answer(struct admin_request *q)
{
	struct admin_answer a = {.status = 500, .content_type = "text/plain"};
	const struct resource *r = find(q, q->stream->request);
	a.query = q->stream->request->query;
	a.stream = &q->goes_on;
	buffer_init(&a.body, ANSWER_BYTES_MAX);
	fill(q, r, &a);
	give(q, r, &a);
	buffer_deinit(&a.body);
}

/* --- an answer that goes on ------------------------------------------------------------------ */
struct admin_stream *admin_stream_take(
	struct admin_answer *a, void (*closed)(void *owner), void *owner)
{
	*a->stream = (struct admin_stream){.is_taken = true, .closed = closed, .owner = owner};
	return a->stream;
}

static void send_more(struct admin_request *q, struct str text, bool end)
{
	struct chunk_queue body;
	chunk_queue_init(&body, loop_pool(q->loop));
	if (text.n > 0)
		chunk_queue_add_copy(&body, text);
	http_stream_send_data(q->stream, &body, end);
	chunk_queue_clear(&body);
}

bool admin_stream_send(struct admin_stream *s, struct str text)
{
	struct admin_request *q = CONTAINER_OF(s, struct admin_request, goes_on);
	if (q->is_dead || !http_stream_can_send(q->stream))
		return false;
	send_more(q, text, false);
	return true;
}

void admin_stream_end(struct admin_stream *s)
{
	struct admin_request *q = CONTAINER_OF(s, struct admin_request, goes_on);
	s->is_ended = true;
	if (!q->is_dead)
		send_more(q, STR_EMPTY, true);
	loop_ready(q->loop, &q->task);
}

/* Whether there is nothing more to come. */
static bool is_over(struct admin_request *q)
{
	struct admin_stream *s = &q->goes_on;
	if (!s->is_taken || s->is_ended)
		return true;
	if (!q->is_dead)
		return false;
	s->closed(s->owner);
	return true;
}

/* The events only wake: a stream is not released from inside one. */
static void run(struct task *t)
{
	struct admin_request *q = CONTAINER_OF(t, struct admin_request, task);
	struct http_stream *s = q->stream;
	size_t n = s->in.bytes;
	if (n > 0 && !q->is_dead) {
		chunk_queue_clear(&s->in);
		http_stream_credit(s, n);
	}
	if (!q->is_dead && !s->in_ended)
		return;
	timer_stop(&q->late);
	if (!q->is_dead && !q->goes_on.is_taken)
		answer(q);
	if (!is_over(q))
		return;
	http_stream_release(s);
	pool_put(loop_pool(q->loop), q, sizeof(*q));
}

static void on_data(struct http_stream *s)
{
	struct admin_request *q = s->owner;
	loop_ready(q->loop, &q->task);
}

static void on_reset(struct http_stream *s, enum http_reset why, const char *detail)
{
	struct admin_request *q = s->owner;
	q->is_dead = true;
	loop_ready(q->loop, &q->task);
}

static void on_late(struct timer *t)
{
	struct admin_request *q = CONTAINER_OF(t, struct admin_request, late);
	http_stream_reset(q->stream, HTTP_RESET_TIMEOUT);
	q->is_dead = true;
	loop_ready(q->loop, &q->task);
}

static const struct http_stream_events events = {
	.on_data = on_data,
	.on_writable = on_data,
	.on_reset = on_reset,
};

void admin_request_begin(
	const struct admin_answerer *answerer, struct loop *loop, struct http_stream *s)
{
	struct admin_request *q = pool_get(loop_pool(loop), sizeof(*q));
	*q = (struct admin_request){.answerer = *answerer, .loop = loop, .stream = s};
	task_init(&q->task, run);
	timer_init(&q->late, on_late);
	timer_start(loop, &q->late, BODY_MS);
	s->events = &events;
	s->owner = q;
	loop_ready(loop, &q->task);
}
