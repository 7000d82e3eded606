/* SPDX-License-Identifier: Apache-2.0 */
#include "state/redis_home.h"

#include "base/memory.h"
#include "base/prng.h"
#include "observe/log.h"
#include "state/redis_survey.h"

#include <stdio.h>
#include <stdlib.h>

#define TURNS_MAX    4 /* a cluster that sends round and round */
#define PLACES_MAX   20
#define NODES_ASKED  4 /* of those that are up, before the settings' */
#define PAUSE_MS     400
#define PAUSE_MAX_MS REDIS_PAUSE_MAX_MS
#define PAUSE_STEPS  4 /* a pause is drawn from so many: each has a list of the loop's */
#define LOOK_MS      LOOP_TICK_MS
#define WHY_BYTES    256

struct redis_node {
	struct link link;
	struct redis_home *home;
	struct redis_link *way;
	struct redis_place place; /* owned text */
	bool is_listed;           /* it has a slot, by the newest map */
};

struct redis_home {
	struct stream_group *group; /* borrowed, as the resolver */
	struct resolver *resolver;
	struct redis_settings *settings;
	struct redis_node *only; /* NULL: it is a cluster */
	struct link nodes, leaving;
	size_t node_count;
	struct redis_node **slots; /* owned; of a cluster */
	bool has_map, is_young;    /* the first survey has not ended: questions may wait for it */
	bool is_retiring;
	void (*on_retired)(struct redis_home *h);
	/* --- the next map */
	struct redis_survey *survey; /* under way; NULL: none */
	struct timer pause;
	unsigned failures, surveys;
	struct prng prng;
	char why[WHY_BYTES]; /* there is none, as was logged; "": nothing was */
	/* --- those that wait for the first */
	struct link waiting;
	size_t waiting_count;
	struct timer look;
	struct task retired;
	struct buffer key;
	struct redis_link_stats
		gone; /* of nodes that are not there any more; and what no node had */
	uint64_t maps;
};

static struct loop *loop_of(const struct redis_home *h)
{
	return stream_group_loop(h->group);
}

/* --- those that wait for a map --------------------------------------------------------------- */
static struct redis_asked *waiting_take(struct redis_home *h, struct link *l)
{
	struct redis_asked *a = CONTAINER_OF(l, struct redis_asked, in_line);
	list_remove(&a->in_line);
	a->home = NULL;
	h->waiting_count--;
	return a;
}

static void asked_fail(struct redis_asked *a, enum rc rc)
{
	a->rc = rc;
	a->ended(a);
}

static void fail_waiting(struct redis_home *h, enum rc rc)
{
	timer_stop(&h->look);
	while (!list_is_empty(&h->waiting))
		asked_fail(waiting_take(h, h->waiting.next), rc);
}

static void on_look(struct timer *t)
{
	struct redis_home *h = CONTAINER_OF(t, struct redis_home, look);
	while (!list_is_empty(&h->waiting)) {
		struct redis_asked *a = CONTAINER_OF(h->waiting.next, struct redis_asked, in_line);
		if (a->until_ms > loop_now_ms(loop_of(h))) {
			timer_start(loop_of(h), &h->look, LOOK_MS);
			return;
		}
		h->gone.late++;
		asked_fail(waiting_take(h, &a->in_line), RC_TIMEOUT);
	}
}

static bool wait_for_map(struct redis_home *h, struct redis_asked *a, struct str scope,
	const struct sluice_question *q)
{
	a->scope = scope;
	a->is_asking = false;
	if (!h->is_young || h->waiting_count == REDIS_WAITING_MAX || !redis_asked_keep(a, q))
		return false;
	h->gone.asked++;
	a->until_ms = loop_now_ms(loop_of(h)) + h->settings->answer_ms;
	a->home = h;
	list_append(&h->waiting, &a->in_line);
	h->waiting_count++;
	if (!timer_is_running(&h->look))
		timer_start(loop_of(h), &h->look, LOOK_MS);
	return true;
}

/* --- nodes ------------------------------------------------------------------------------------ */
static void node_free(struct redis_node *n)
{
	redis_link_stats_add(&n->home->gone, redis_link_stats(n->way));
	list_remove(&n->link);
	redis_link_free(n->way);
	free((char *)(uintptr_t)n->place.host.p);
	free(n);
}

static void retire_when_idle(struct redis_home *h)
{
	if (h->is_retiring && list_is_empty(&h->nodes) && list_is_empty(&h->leaving))
		loop_ready(loop_of(h), &h->retired);
}

static void node_left(void *owner)
{
	struct redis_node *n = owner;
	struct redis_home *h = n->home;
	node_free(n);
	retire_when_idle(h);
}

/* No slot leads to it any more. */
static void node_leave(struct redis_node *n)
{
	struct redis_home *h = n->home;
	list_remove(&n->link);
	list_append(&h->leaving, &n->link);
	h->node_count--;
	redis_link_retire(n->way, node_left, n);
}

static bool on_refused(void *owner, struct redis_asked *a, struct str error);
static void on_down(void *owner);

static const struct redis_link_events node_events = {
	.refused = on_refused,
	.down = on_down,
};

/* NULL: there are too many. */
static struct redis_node *node_at(struct redis_home *h, struct str host, uint16_t port)
{
	LIST_FOREACH(l, &h->nodes)
	{
		struct redis_node *n = CONTAINER_OF(l, struct redis_node, link);
		if (n->place.port == port && str_eq(n->place.host, host))
			return n;
	}
	if (h->node_count == REDIS_NODES_MAX)
		return NULL;
	struct redis_node *n = heap_zalloc(sizeof(*n));
	n->home = h;
	n->place = (struct redis_place){str_n(heap_strndup(host), host.n), port};
	list_append(&h->nodes, &n->link);
	h->node_count++;
	n->way = redis_link_new(h->group, h->resolver, h->settings, &n->place, &node_events, n);
	return n;
}

/* --- maps ------------------------------------------------------------------------------------- */
/* Soon enough for who waits, and not all gateways of a cluster in one moment. */
static void survey_later(struct redis_home *h)
{
	int64_t most = PAUSE_MS;
	if (h->is_retiring || h->survey || timer_is_running(&h->pause))
		return;
	for (unsigned i = 0; i < h->failures && most < PAUSE_MAX_MS; i++)
		most *= 2;
	int64_t drawn = 1 + (int64_t)(prng_next(&h->prng) % PAUSE_STEPS);
	timer_start(loop_of(h), &h->pause, most * drawn / PAUSE_STEPS);
}

/* Slots that no range has keep nobody. */
static void slots_set(struct redis_home *h, struct redis_ranges *ranges, struct str asked)
{
	struct redis_range range;
	memset(h->slots, 0, REDIS_SLOTS * sizeof(struct redis_node *));
	while (redis_ranges_next(ranges, &range)) {
		struct str host = range.host.n ? range.host : asked;
		struct redis_node *n = range.port ? node_at(h, host, range.port) : NULL;
		if (n)
			n->is_listed = true;
		for (unsigned slot = range.first; slot <= range.last; slot++)
			h->slots[slot] = n;
	}
}

static void nodes_unlist(struct redis_home *h)
{
	LIST_FOREACH(l, &h->nodes)
	CONTAINER_OF(l, struct redis_node, link)->is_listed = false;
}

static void unlisted_leave(struct redis_home *h)
{
	LIST_FOREACH_SAFE(l, &h->nodes)
	{
		struct redis_node *n = CONTAINER_OF(l, struct redis_node, link);
		if (!n->is_listed)
			node_leave(n);
	}
}

static struct redis_node *node_for(
	struct redis_home *h, struct str scope, const struct sluice_question *q)
{
	const struct redis_scope whole = {h->settings->prefix, scope};
	return h->slots[redis_question_slot(&h->key, whole, q)];
}

static void ask_waiting(struct redis_home *h)
{
	timer_stop(&h->look);
	while (!list_is_empty(&h->waiting)) {
		struct redis_asked *a = waiting_take(h, h->waiting.next);
		struct redis_node *n = node_for(h, a->scope, &a->question);
		if (n)
			redis_link_ask_again(n->way, a);
		else
			asked_fail(a, RC_CLOSED);
	}
}

static void on_mapped(void *owner, struct redis_ranges *ranges, struct str host)
{
	struct redis_home *h = owner;
	h->survey = NULL;
	h->failures = 0;
	h->maps++;
	nodes_unlist(h);
	slots_set(h, ranges, host);
	unlisted_leave(h);
	if (!h->has_map || h->why[0])
		log_write(LOG_INFO, "shared storage: the cluster has %zu nodes", h->node_count);
	h->why[0] = 0;
	h->has_map = true;
	h->is_young = false;
	ask_waiting(h);
}

/* Said once for each reason. */
static void on_unmapped(void *owner, const char *why)
{
	struct redis_home *h = owner;
	h->survey = NULL;
	h->failures++;
	if (strcmp(h->why, why) != 0)
		log_write(LOG_WARN, "shared storage: no map of the cluster: %s", why);
	snprintf(h->why, sizeof(h->why), "%s", why);
	h->is_young = false;
	survey_later(h);
	fail_waiting(h, RC_CLOSED);
}

static size_t places_up(struct redis_home *h, struct redis_place *out)
{
	size_t count = 0, skipped = h->node_count ? h->surveys % h->node_count : 0;
	for (int round = 0; round < 2; round++) {
		size_t at = 0;
		LIST_FOREACH(l, &h->nodes)
		{
			struct redis_node *n = CONTAINER_OF(l, struct redis_node, link);
			bool has_turn = (at++ < skipped) == (round == 1);
			if (has_turn && count < NODES_ASKED && redis_link_stats(n->way)->is_up)
				out[count++] = n->place;
		}
	}
	return count;
}

/* Each survey begins with another one. */
static void survey_now(struct redis_home *h)
{
	static const struct redis_survey_events events = {on_mapped, on_unmapped};
	const struct redis_settings *s = h->settings;
	struct redis_place places[PLACES_MAX];
	size_t count = places_up(h, places);
	for (size_t i = 0; i < s->node_count && count < PLACES_MAX; i++)
		places[count++] = s->nodes[(h->surveys + i) % s->node_count];
	h->surveys++;
	h->survey = redis_survey_new(h->group, h->resolver, h->settings, places, count, &events, h);
}

static void on_pause(struct timer *t)
{
	survey_now(CONTAINER_OF(t, struct redis_home, pause));
}

/* --- what nodes say --------------------------------------------------------------------------- */
static void on_down(void *owner)
{
	struct redis_node *n = owner;
	survey_later(n->home);
}

/* NULL: nobody can be asked. */
static struct redis_node *turn_to(struct redis_node *from, const struct redis_turn *turn)
{
	struct redis_home *h = from->home;
	if (turn->kind == REDIS_TURN_NOWHERE || h->is_retiring)
		return NULL;
	struct redis_node *to =
		node_at(h, turn->host.n ? turn->host : from->place.host, turn->port);
	if (to && turn->kind == REDIS_TURN_MOVED)
		h->slots[turn->slot] = to;
	return to;
}

static bool on_refused(void *owner, struct redis_asked *a, struct str error)
{
	struct redis_node *from = owner;
	struct redis_turn turn;
	if (!redis_turn_read(error, &turn))
		return false;
	if (turn.kind != REDIS_TURN_ASK)
		survey_later(from->home);
	struct redis_node *to = turn_to(from, &turn);
	if (!to || !a->is_kept || a->turns == TURNS_MAX)
		return false;
	a->turns++;
	a->is_asking = turn.kind == REDIS_TURN_ASK;
	redis_link_ask_again(to->way, a);
	return true;
}

/* --- questions -------------------------------------------------------------------------------- */
static bool ask_node(struct redis_home *h, struct redis_asked *a, struct str scope,
	const struct sluice_question *q)
{
	struct redis_node *n = h->only ? h->only : node_for(h, scope, q);
	if (n)
		return redis_link_ask(n->way, a, scope, q);
	h->gone.refused++;
	survey_later(h);
	return false;
}

bool redis_home_ask(struct redis_home *h, struct redis_asked *a, struct str scope,
	const struct sluice_question *q)
{
	a->home = NULL;
	a->link = NULL;
	a->turns = 0;
	if (h->is_retiring)
		return false;
	if (h->only || h->has_map)
		return ask_node(h, a, scope, q);
	bool waits = wait_for_map(h, a, scope, q);
	if (!waits)
		h->gone.refused++;
	return waits;
}

void redis_home_cancel(struct redis_asked *a)
{
	if (a->home)
		waiting_take(a->home, &a->in_line);
	redis_link_cancel(a);
}

/* --- life ------------------------------------------------------------------------------------- */
static void on_retired(struct task *t)
{
	struct redis_home *h = CONTAINER_OF(t, struct redis_home, retired);
	h->on_retired(h);
}

static void begin_alone(struct redis_home *h)
{
	struct redis_node *n = heap_zalloc(sizeof(*n));
	n->home = h;
	n->is_listed = true;
	list_append(&h->nodes, &n->link);
	h->node_count = 1;
	n->way = redis_link_new(h->group, h->resolver, h->settings, NULL, NULL, NULL);
	h->only = n;
}

struct redis_home *redis_home_new(
	struct stream_group *group, struct resolver *resolver, struct redis_settings *settings)
{
	struct redis_home *h = heap_zalloc(sizeof(*h));
	h->group = group;
	h->resolver = resolver;
	h->settings = redis_settings_ref(settings);
	list_init(&h->nodes);
	list_init(&h->leaving);
	list_init(&h->waiting);
	prng_seed(&h->prng);
	timer_init(&h->pause, on_pause);
	timer_init(&h->look, on_look);
	task_init(&h->retired, on_retired);
	buffer_init(&h->key, SIZE_MAX);
	if (settings->node_count == 0) {
		begin_alone(h);
		return h;
	}
	h->is_young = true;
	h->slots = heap_zalloc(REDIS_SLOTS * sizeof(struct redis_node *));
	survey_now(h);
	return h;
}

static void surveys_end(struct redis_home *h)
{
	timer_stop(&h->pause);
	if (h->survey)
		redis_survey_cancel(h->survey);
	h->survey = NULL;
	fail_waiting(h, RC_CLOSED);
}

void redis_home_retire(struct redis_home *h, void (*ended)(struct redis_home *h))
{
	h->is_retiring = true;
	h->on_retired = ended;
	surveys_end(h);
	LIST_FOREACH_SAFE(l, &h->nodes)
	node_leave(CONTAINER_OF(l, struct redis_node, link));
	retire_when_idle(h);
}

void redis_home_free(struct redis_home *h)
{
	h->is_retiring = true;
	surveys_end(h);
	list_move_all(&h->leaving, &h->nodes);
	while (!list_is_empty(&h->leaving))
		node_free(CONTAINER_OF(h->leaving.next, struct redis_node, link));
	task_cancel(&h->retired);
	buffer_deinit(&h->key);
	redis_settings_unref(h->settings);
	free(h->slots);
	free(h);
}

const struct redis_settings *redis_home_settings(const struct redis_home *h)
{
	return h->settings;
}

struct redis_home_stats redis_home_stats(const struct redis_home *h)
{
	struct redis_home_stats s = {.links = h->gone, .maps = h->maps};
	LIST_FOREACH(l, &h->nodes)
	{
		const struct redis_node *n = CONTAINER_OF(l, struct redis_node, link);
		const struct redis_link_stats *own = redis_link_stats(n->way);
		redis_link_stats_add(&s.links, own);
		s.nodes += n->is_listed;
		s.nodes_up += n->is_listed && own->is_up;
	}
	LIST_FOREACH(l, &h->leaving)
	redis_link_stats_add(
		&s.links, redis_link_stats(CONTAINER_OF(l, struct redis_node, link)->way));
	s.links.is_up = s.nodes > 0 && s.nodes_up == s.nodes;
	return s;
}
