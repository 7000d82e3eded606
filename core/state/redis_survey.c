/* SPDX-License-Identifier: Apache-2.0 */
#include "state/redis_survey.h"

#include "base/memory.h"
#include "state/redis_dial.h"
#include "state/redis_question.h"

#include <stdlib.h>

struct redis_survey {
	struct stream_group *group; /* borrowed, as the resolver */
	struct resolver *resolver;
	struct redis_settings *settings;
	const struct redis_survey_events *events;
	void *owner;
	struct redis_dial *dial; /* under way */
	struct buffer question;
	struct redis_place *places; /* owned, with their texts */
	size_t count, asked;
};

static void survey_free(struct redis_survey *s)
{
	for (size_t i = 0; i < s->count; i++)
		free((char *)(uintptr_t)s->places[i].host.p);
	free(s->places);
	buffer_deinit(&s->question);
	redis_settings_unref(s->settings);
	free(s);
}

void redis_survey_cancel(struct redis_survey *s)
{
	redis_dial_cancel(s->dial);
	survey_free(s);
}

static void ask_next(struct redis_survey *s);

static void on_failed(void *owner, const char *why)
{
	struct redis_survey *s = owner;
	if (s->asked < s->count) {
		ask_next(s);
		return;
	}
	const struct redis_survey_events *events = s->events;
	void *of = s->owner;
	survey_free(s);
	events->failed(of, why);
}

static void on_answered(void *owner, struct redis_pipe *pipe, const struct redis_reply *reply)
{
	struct redis_survey *s = owner;
	struct redis_ranges ranges;
	bool is_map = redis_ranges_begin(&ranges, reply);
	if (is_map)
		s->events->mapped(s->owner, &ranges, s->places[s->asked - 1].host);
	redis_pipe_close(pipe);
	if (is_map)
		survey_free(s);
	else
		on_failed(s, "a node of the cluster knows no map of it");
}

static void ask_next(struct redis_survey *s)
{
	static const struct redis_dial_events events = {on_answered, on_failed};
	const struct redis_settings *o = s->settings;
	const struct redis_place *at = &s->places[s->asked++];
	const struct redis_dial_target target = {.host = at->host,
		.port = at->port,
		.username = o->username,
		.password = o->password,
		.tls = o->tls,
		.connect_ms = o->connect_ms,
		.question = buffer_str(&s->question),
		.question_ms = REDIS_GREETING_MS};
	s->dial = redis_dial_new(s->group, s->resolver, &target, &events, s);
}

struct redis_survey *redis_survey_new(struct stream_group *group, struct resolver *resolver,
	struct redis_settings *settings, const struct redis_place *places, size_t count,
	const struct redis_survey_events *events, void *owner)
{
	static const struct str words[] = {STR("CLUSTER"), STR("SLOTS")};
	struct redis_survey *s = heap_zalloc(sizeof(*s));
	s->group = group;
	s->resolver = resolver;
	s->settings = redis_settings_ref(settings);
	s->events = events;
	s->owner = owner;
	s->count = count;
	s->places = heap_zalloc(count * sizeof(*s->places));
	for (size_t i = 0; i < count; i++) {
		struct str host = places[i].host;
		s->places[i] =
			(struct redis_place){str_n(heap_strndup(host), host.n), places[i].port};
	}
	buffer_init(&s->question, SIZE_MAX);
	redis_command_add(&s->question, words, 2);
	ask_next(s);
	return s;
}
