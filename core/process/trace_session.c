/* SPDX-License-Identifier: Apache-2.0 */
#include "process/trace_session.h"

#include "base/limits.h"
#include "base/memory.h"
#include "base/nearest.h"
#include "base/pool.h"
#include "http/uri.h"
#include "process/gateway_priv.h"
#include "proxy/trace.h"
#include "proxy/tracer.h"

#include <stdio.h>
#include <stdlib.h>

#define COUNT_DEFAULT   10
#define COUNT_MAX       10000
#define SECONDS_DEFAULT 60
#define SECONDS_MAX     3600
#define TICK_MS         1000
#define WHY_BYTES       512

enum session_state { SESSION_BEGINNING, SESSION_ON, SESSION_ENDING };

struct trace_session {
	struct gateway *gateway;
	enum session_state state;
	struct tracer *tracer;       /* ref */
	struct admin_stream *stream; /* NULL: the client is gone */
	struct timer timer;
	unsigned asked; /* workers that have yet to answer */
	unsigned count, seconds;
	int64_t until_ms;
	unsigned told, lost; /* lost: the client did not take them */
	const char *why;     /* it ends */
};

/* --- the question ---------------------------------------------------------------------------- */
struct question {
	struct trace_filter filter;
	unsigned count, seconds;
	char why[WHY_BYTES];
};

static bool take_number(
	struct question *q, const char *name, struct str value, unsigned max, unsigned *out)
{
	uint64_t n;
	if (str_to_u64(value, max, &n) == RC_OK && n > 0) {
		*out = (unsigned)n;
		return true;
	}
	snprintf(q->why, sizeof(q->why), "%s is a number from 1 to %u", name, max);
	return false;
}

static bool take_path(struct question *q, struct str value)
{
	size_t at;
	char why[160];
	regex_free(q->filter.path);
	q->filter.path = NULL;
	if (regex_new(value, REGEX_WHOLE, &q->filter.path, &at, why, sizeof(why)) == RC_OK)
		return true;
	snprintf(q->why, sizeof(q->why), "path is a regular expression; at byte %zu: %s", at, why);
	return false;
}

static bool take_client(struct question *q, struct str value)
{
	if (cidr_set_add(&q->filter.clients, value) == RC_OK)
		return true;
	snprintf(q->why, sizeof(q->why),
		"client is an address such as 192.0.2.7 or a network such as 10.0.0.0/8");
	return false;
}

static bool take_header(struct question *q, struct str value)
{
	struct str rest = value, name = str_trim(str_cut(&rest, ':'));
	if (!field_name_is_valid(name)) {
		snprintf(q->why, sizeof(q->why),
			"header is the name of a field, or name: value for that value alone");
		return false;
	}
	free(q->filter.header);
	free(q->filter.value);
	q->filter.header = heap_strndup(name);
	q->filter.value = rest.p ? heap_strndup(str_trim(rest)) : NULL;
	return true;
}

static bool take(struct question *q, struct str name, struct str value)
{
	if (str_eq(name, STR("api"))) {
		free(q->filter.api);
		q->filter.api = heap_strndup(value);
		return true;
	}
	if (str_eq(name, STR("path")))
		return take_path(q, value);
	if (str_eq(name, STR("client")))
		return take_client(q, value);
	if (str_eq(name, STR("header")))
		return take_header(q, value);
	if (str_eq(name, STR("count")))
		return take_number(q, "count", value, COUNT_MAX, &q->count);
	if (str_eq(name, STR("seconds")))
		return take_number(q, "seconds", value, SECONDS_MAX, &q->seconds);
	snprintf(q->why, sizeof(q->why),
		"a trace takes api, path, client, header, count and seconds alone");
	return false;
}

static bool parse(struct question *q, struct str query)
{
	struct str name, value;
	struct arena arena;
	struct pool *pool = pool_new();
	bool is_good = true;
	arena_init(&arena, pool, LIMIT_EXCHANGE_ARENA_BYTES);
	while (is_good && uri_query_next(&query, &name, &value))
		is_good = take(q, name, uri_query_decode(value, &arena));
	arena_reset(&arena);
	pool_free(pool);
	return is_good;
}

/* A name that no API has is a mistake of the hand, not a wish to wait for one. */
static bool is_known(struct question *q, const struct generation *current)
{
	size_t count = current ? current->api_count : 0;
	const char **names = heap_zalloc((count + 1) * sizeof(*names));
	bool is_there = !q->filter.api;
	for (size_t i = 0; i < count; i++) {
		const char *slash = strchr(current->apis[i]->id, '/');
		names[i] = slash && !strchr(q->filter.api ? q->filter.api : "", '/')
				   ? slash + 1
				   : current->apis[i]->id;
		is_there |= trace_filter_means(&q->filter, str_of(current->apis[i]->id));
	}
	const char *near = is_there ? NULL : nearest_name(str_of(q->filter.api), names, count);
	if (!is_there)
		snprintf(q->why, sizeof(q->why), "no API '%.100s'%s%.100s%s", q->filter.api,
			near ? "; did you mean '" : "", near ? near : "", near ? "'?" : "");
	free(names);
	return is_there;
}

static void refuse(struct admin_answer *a, uint16_t status, const char *why)
{
	a->status = status;
	a->content_type = "application/json; charset=UTF-8";
	buffer_add(&a->body, STR("{\"error\":"));
	buffer_add_json(&a->body, str_of(why));
	buffer_add(&a->body, STR("}\n"));
}

/* --- the workers ----------------------------------------------------------------------------- */
struct errand {
	struct trace_session *session;
	struct worker_thread *thread;
	bool sets;
};

static void advance(struct trace_session *s);

static void errand_done(void *arg)
{
	struct errand *errand = arg;
	struct trace_session *s = errand->session;
	free(errand);
	if (--s->asked == 0)
		advance(s);
}

static void run_errand(void *arg)
{
	struct errand *errand = arg;
	trace_set(&errand->thread->proxy, errand->sets ? errand->session->tracer : NULL);
	loop_post(errand->thread->main_loop, errand_done, errand);
}

static void ask_workers(struct trace_session *s, bool sets)
{
	struct gateway *g = s->gateway;
	for (unsigned i = 0; i < g->workers; i++) {
		struct errand *errand = heap_zalloc(sizeof(*errand));
		*errand = (struct errand){s, g->threads[i], sets};
		s->asked++;
		worker_thread_post(g->threads[i], run_errand, errand);
	}
}

/* --- the end --------------------------------------------------------------------------------- */
static void say(struct trace_session *s, struct str line)
{
	if (s->stream && !admin_stream_send(s->stream, line))
		s->lost++;
}

static void finish(struct trace_session *s)
{
	char line[160];
	snprintf(line, sizeof(line), "{\"end\":\"%s\",\"told\":%u,\"missed\":%u,\"lost\":%u}\n",
		s->why, s->told, atomic_load(&s->tracer->missed), s->lost);
	say(s, str_of(line));
	if (s->stream)
		admin_stream_end(s->stream);
	log_write(LOG_INFO, "the trace of requests has ended (%s): %u told", s->why, s->told);
	s->gateway->trace = NULL;
	tracer_unref(s->tracer);
	free(s);
}

static void end(struct trace_session *s, const char *why)
{
	if (!s->why)
		s->why = why;
	atomic_store(&s->tracer->left, 0);
	timer_stop(&s->timer);
	if (s->state != SESSION_ON)
		return; /* it goes on from there, or has ended */
	s->state = SESSION_ENDING;
	ask_workers(s, false);
}

static void advance(struct trace_session *s)
{
	if (s->state == SESSION_ENDING) {
		finish(s);
		return;
	}
	s->state = SESSION_ON;
	char line[80];
	snprintf(line, sizeof(line), "{\"begin\":true,\"count\":%u,\"seconds\":%u}\n", s->count,
		s->seconds);
	say(s, str_of(line));
	if (s->why)
		end(s, s->why);
}

void trace_session_stop(struct trace_session *s)
{
	if (s)
		end(s, "stopping");
}

/* A client that closes looks like one that has said all it had to say; writing tells them apart. So
 * an empty line goes out now and then. */
static void on_timer(struct timer *t)
{
	struct trace_session *s = CONTAINER_OF(t, struct trace_session, timer);
	int64_t left_ms = s->until_ms - loop_now_ms(s->gateway->loop);
	if (left_ms <= 0) {
		end(s, "time");
		return;
	}
	if (s->stream && s->state == SESSION_ON)
		admin_stream_send(s->stream, STR("\n"));
	timer_start(s->gateway->loop, t, left_ms < TICK_MS ? left_ms : TICK_MS);
}

static void on_closed(void *owner)
{
	struct trace_session *s = owner;
	s->stream = NULL;
	end(s, "client");
}

static void on_story(void *arg)
{
	struct trace *t = arg;
	struct trace_session *s = trace_tracer(t)->owner;
	s->told++;
	say(s, trace_text(t));
	trace_free(t);
	if (s->told >= s->count)
		end(s, "count");
}

/* --- the beginning --------------------------------------------------------------------------- */
static void begin(struct gateway *g, struct admin_answer *a, const struct question *q)
{
	struct trace_session *s = heap_zalloc(sizeof(*s));
	s->gateway = g;
	s->count = q->count;
	s->seconds = q->seconds;
	s->tracer = tracer_new(&q->filter, q->count, g->loop, on_story, s);
	a->status = 200;
	a->content_type = "application/x-ndjson";
	s->stream = admin_stream_take(a, on_closed, s);
	timer_init(&s->timer, on_timer);
	s->until_ms = loop_now_ms(g->loop) + (int64_t)q->seconds * 1000;
	timer_start(g->loop, &s->timer, TICK_MS);
	g->trace = s;
	ask_workers(s, true);
	log_write(LOG_INFO,
		"a trace of requests begins, as asked on the admin socket: %u of them, %u s",
		q->count, q->seconds);
}

void trace_session_answer(void *gateway, struct admin_answer *a)
{
	struct gateway *g = gateway;
	struct question q = {.count = COUNT_DEFAULT, .seconds = SECONDS_DEFAULT};
	if (g->state >= GATEWAY_STOPPING) {
		refuse(a, 503, "the gateway is stopping");
	} else if (g->trace) {
		refuse(a, 409, "somebody traces requests already: one trace at a time");
	} else if (!parse(&q, a->query)) {
		refuse(a, 400, q.why);
	} else if (!is_known(&q, activation_current(g->activation))) {
		refuse(a, 404, q.why);
	} else {
		begin(g, a, &q);
		return;
	}
	trace_filter_deinit(&q.filter);
}
