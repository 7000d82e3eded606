/* SPDX-License-Identifier: Apache-2.0 */
#include "state/redis_search.h"

#include "base/memory.h"
#include "state/redis_dial.h"
#include "state/redis_question.h"

#include <stdio.h>

#define HOST_BYTES 256
#define WHY_BYTES  256

struct redis_search {
	struct stream_group *group; /* borrowed, as the next two */
	struct resolver *resolver;
	const struct redis_settings *settings;
	const struct redis_search_events *events;
	void *owner;
	struct redis_dial *dial; /* under way */
	struct buffer question;  /* what it asks */
	size_t sentinel, asked;  /* the one at hand; how many had their turn */
	char host[HOST_BYTES];   /* as a Sentinel tells */
};

static void search_free(struct redis_search *s)
{
	buffer_deinit(&s->question);
	free(s);
}

void redis_search_cancel(struct redis_search *s)
{
	redis_dial_cancel(s->dial);
	search_free(s);
}

static void fail(struct redis_search *s, const char *why)
{
	const struct redis_search_events *events = s->events;
	void *owner = s->owner;
	search_free(s);
	events->failed(owner, why);
}

/* --- the server ------------------------------------------------------------------------------ */
static void on_reached(void *owner, struct redis_pipe *pipe, const struct redis_reply *reply)
{
	struct redis_search *s = owner;
	const struct redis_search_events *events = s->events;
	void *of = s->owner;
	(void)reply;
	search_free(s);
	events->reached(of, pipe);
}

static void on_failed(void *owner, const char *why)
{
	fail(owner, why);
}

/* The script is something that it can answer, and has to have. Who may not load scripts may still be
 * allowed to run them. */
static void dial_server(struct redis_search *s, struct str host, uint16_t port)
{
	static const struct redis_dial_events events = {on_reached, on_failed};
	const struct redis_settings *o = s->settings;
	buffer_reset(&s->question);
	redis_script_add(&s->question);
	const struct redis_dial_target target = {.host = host,
		.port = port,
		.username = o->username,
		.password = o->password,
		.database = o->database,
		.tls = o->tls,
		.connect_ms = o->connect_ms,
		.question = buffer_str(&s->question),
		.question_ms = o->answer_ms,
		.bears = STR("NOPERM")};
	s->dial = redis_dial_new(s->group, s->resolver, &target, &events, s);
}

/* --- Sentinels ------------------------------------------------------------------------------- */
static void dial_sentinel(struct redis_search *s);

static void sentinel_failed(void *owner, const char *why)
{
	struct redis_search *s = owner;
	char text[WHY_BYTES];
	if (++s->asked < s->settings->sentinel_count) {
		s->sentinel = (s->sentinel + 1) % s->settings->sentinel_count;
		dial_sentinel(s);
		return;
	}
	snprintf(text, sizeof(text), "Sentinel %s", why);
	fail(s, text);
}

/* {host, port}; nil: it knows no master of that name. */
static bool place_take(struct redis_search *s, const struct redis_reply *reply, uint16_t *port)
{
	const struct redis_value *v = reply->values;
	uint64_t number;
	if (reply->count != 3 || v[0].kind != REDIS_LIST || v[1].kind != REDIS_TEXT ||
		v[2].kind != REDIS_TEXT || v[1].text.n == 0 || v[1].text.n >= sizeof(s->host) ||
		str_to_u64(v[2].text, UINT16_MAX, &number) != RC_OK || number == 0)
		return false;
	snprintf(s->host, sizeof(s->host), "%.*s", STR_ARG(v[1].text));
	*port = (uint16_t)number;
	return true;
}

static void sentinel_answered(void *owner, struct redis_pipe *pipe, const struct redis_reply *reply)
{
	struct redis_search *s = owner;
	uint16_t port;
	bool is_known = place_take(s, reply, &port);
	redis_pipe_close(pipe);
	if (is_known)
		dial_server(s, str_of(s->host), port);
	else
		sentinel_failed(s, "knows no master of that name");
}

static void dial_sentinel(struct redis_search *s)
{
	static const struct redis_dial_events events = {sentinel_answered, sentinel_failed};
	const struct redis_settings *o = s->settings;
	const struct redis_place *at = &o->sentinels[s->sentinel];
	const struct str words[] = {STR("SENTINEL"), STR("get-master-addr-by-name"), o->master};
	buffer_reset(&s->question);
	redis_command_add(&s->question, words, sizeof(words) / sizeof(words[0]));
	const struct redis_dial_target target = {.host = at->host,
		.port = at->port,
		.password = o->sentinel_password,
		.tls = o->tls,
		.connect_ms = o->connect_ms,
		.question = buffer_str(&s->question),
		.question_ms = REDIS_GREETING_MS};
	s->dial = redis_dial_new(s->group, s->resolver, &target, &events, s);
}

struct redis_search *redis_search_new(struct stream_group *group, struct resolver *resolver,
	const struct redis_settings *settings, const struct redis_place *place, unsigned first,
	const struct redis_search_events *events, void *owner)
{
	struct redis_search *s = heap_zalloc(sizeof(*s));
	s->group = group;
	s->resolver = resolver;
	s->settings = settings;
	s->events = events;
	s->owner = owner;
	buffer_init(&s->question, SIZE_MAX);
	if (place) {
		dial_server(s, place->host, place->port);
	} else if (settings->sentinel_count == 0) {
		dial_server(s, settings->host, settings->port);
	} else {
		s->sentinel = first % settings->sentinel_count;
		dial_sentinel(s);
	}
	return s;
}
