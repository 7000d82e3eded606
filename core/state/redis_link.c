/* SPDX-License-Identifier: Apache-2.0 */
#include "state/redis_link.h"

#include "base/memory.h"
#include "base/prng.h"
#include "crypto/crypto.h"
#include "observe/log.h"
#include "state/redis_dial.h"
#include "state/redis_search.h"

#include <stdio.h>

#define PAUSE_MIN_MS   40
#define PAUSE_STEPS    4 /* a pause is drawn from so many: each has a list of the loop's */
#define LOOK_MS        LOOP_TICK_MS
#define LOOK_TICKS_MAX 5
#define UNSENT_MAX     (8u << 20)
#define COPIED_MAX     4096 /* a longer value takes the script along */
#define BUFFER_KEPT    (64u << 10)
#define WHY_BYTES      256
#define PLACES         (2 * REDIS_WAITING_MAX) /* each question may have something before it */

_Static_assert((PLACES & (PLACES - 1)) == 0, "places go round by a mask");
_Static_assert(REDIS_GREETING_MS + REDIS_ANSWER_MS + REDIS_PAUSE_MAX_MS < REDIS_BACK_MS,
	"who is back is asked again in time");

struct waiting {
	struct redis_asked *asked; /* NULL: nobody waits for it any more */
	bool is_preface;           /* what comes is no answer to a question */
	bool has_script;           /* it took it along */
	int64_t until_ms;
};

struct redis_link {
	struct stream_group *group; /* borrowed */
	struct resolver *resolver;  /* borrowed */
	struct redis_settings *settings;
	const struct redis_place *place;        /* borrowed; NULL: where the settings say */
	const struct redis_link_events *events; /* NULL: it is alone */
	void *owner;
	struct redis_search *search; /* under way; NULL: none */
	struct redis_pipe *pipe;     /* it is up; NULL: it is not */
	bool is_young; /* the first attempt has not ended: questions may wait for it */
	bool is_retiring;
	unsigned failures; /* since a question was answered */
	unsigned searches; /* ever: the Sentinels have turns */
	struct timer pause, look;
	struct task retired;
	void (*on_retired)(void *owner);
	void *retired_owner;
	struct buffer out; /* of a question; of those that wait for the first connection */
	struct redis_link_stats stats;
	struct prng prng;
	char why[WHY_BYTES];       /* it is down, as was logged; "": nothing was */
	char complaint[WHY_BYTES]; /* of this connection, the last one that was logged */
	uint64_t first, next;      /* places of those that wait */
	struct waiting waiting[PLACES];
};

static struct loop *loop_of(const struct redis_link *l)
{
	return stream_group_loop(l->group);
}

static struct waiting *waiting_at(struct redis_link *l, uint64_t place)
{
	return &l->waiting[place & (PLACES - 1)];
}

static void out_reset(struct redis_link *l)
{
	bool is_large = l->out.capacity > BUFFER_KEPT;
	if (is_large)
		buffer_deinit(&l->out);
	else
		buffer_reset(&l->out);
	if (is_large)
		buffer_init(&l->out, SIZE_MAX);
}

/* --- those that wait ------------------------------------------------------------------------- */
static void asked_end(struct redis_asked *a, enum rc rc)
{
	a->link = NULL;
	a->rc = rc;
	a->ended(a);
}

static void retire_when_idle(struct redis_link *l)
{
	if (l->is_retiring && l->first == l->next)
		loop_ready(loop_of(l), &l->retired);
}

/* They may ask again while they are told; by then it is down. */
static void fail_all(struct redis_link *l, enum rc rc)
{
	timer_stop(&l->look);
	out_reset(l);
	for (uint64_t end = l->next; l->first != end;) {
		struct redis_asked *a = waiting_at(l, l->first++)->asked;
		if (a)
			asked_end(a, rc);
	}
	retire_when_idle(l);
}

static void look_later(struct redis_link *l)
{
	int64_t left = waiting_at(l, l->first)->until_ms - loop_now_ms(loop_of(l));
	int64_t ticks = (left + LOOK_MS - 1) / LOOK_MS;
	if (ticks < 1)
		ticks = 1;
	if (ticks > LOOK_TICKS_MAX)
		ticks = LOOK_TICKS_MAX;
	timer_start(loop_of(l), &l->look, ticks * LOOK_MS);
}

static void wait_for(struct redis_link *l, struct redis_asked *a, struct waiting w)
{
	a->until_ms = w.until_ms;
	a->link = l;
	a->place = l->next;
	*waiting_at(l, l->next++) = w;
	if (!timer_is_running(&l->look))
		look_later(l);
}

/* --- up and down ----------------------------------------------------------------------------- */
static void dial_now(struct redis_link *l);

/* Said once for each reason: a server may be away for long. */
static void say_down(struct redis_link *l, const char *why)
{
	char at[REDIS_PLACE_BYTES];
	if (strcmp(l->why, why) == 0)
		return;
	snprintf(l->why, sizeof(l->why), "%s", why);
	if (l->place)
		log_write(LOG_WARN, "shared storage: node %s cannot be asked: %s",
			redis_place_text(l->place, at), l->why);
	else
		log_write(LOG_WARN, "shared storage cannot be asked: %s", l->why);
}

static void pause_then_dial(struct redis_link *l)
{
	int64_t most = PAUSE_MIN_MS;
	for (unsigned i = 0; i < l->failures && most < REDIS_PAUSE_MAX_MS; i++)
		most *= 2;
	if (most > REDIS_PAUSE_MAX_MS)
		most = REDIS_PAUSE_MAX_MS;
	l->failures++;
	int64_t drawn = (int64_t)(prng_next(&l->prng) % (PAUSE_STEPS + 1));
	timer_start(loop_of(l), &l->pause, most / 2 + most / 2 * drawn / PAUSE_STEPS);
}

static void go_down(struct redis_link *l, enum rc rc, const char *why)
{
	l->is_young = false;
	l->pipe = NULL;
	l->stats.is_up = false;
	if (!l->is_retiring) {
		say_down(l, why);
		pause_then_dial(l);
		if (l->events)
			l->events->down(l->owner);
	}
	fail_all(l, rc);
}

static void break_off(struct redis_link *l, enum rc rc, const char *why)
{
	redis_pipe_close(l->pipe);
	go_down(l, rc, why);
}

static void on_look(struct timer *t)
{
	struct redis_link *l = CONTAINER_OF(t, struct redis_link, look);
	if (l->first == l->next)
		return;
	if (waiting_at(l, l->first)->until_ms > loop_now_ms(loop_of(l))) {
		look_later(l);
		return;
	}
	l->stats.late++;
	if (l->pipe) {
		break_off(l, RC_TIMEOUT, "it did not answer in time");
		return;
	}
	l->is_young = false; /* who comes later need not wait for it */
	fail_all(l, RC_TIMEOUT);
}

/* --- replies --------------------------------------------------------------------------------- */
static uint64_t version_draw(uint32_t kind)
{
	uint64_t version = 0;
	if (kind != SLUICE_PUT && kind != SLUICE_LOCK)
		return 0;
	while (version == 0 || version == SLUICE_VERSION_ANY)
		if (random_bytes(&version, sizeof(version)) != RC_OK)
			return 0;
	return version;
}

static void preface_add(struct redis_link *l, int64_t until_ms)
{
	const struct str asking = STR("ASKING");
	redis_command_add(&l->out, &asking, 1);
	*waiting_at(l, l->next++) = (struct waiting){.is_preface = true, .until_ms = until_ms};
}

static void question_send(struct redis_link *l, struct redis_asked *a,
	const struct sluice_question *q, enum redis_script script, int64_t until_ms)
{
	const struct redis_scope scope = {l->settings->prefix, a->scope};
	if (a->is_asking)
		preface_add(l, until_ms);
	redis_question_add(&l->out, scope, q, version_draw(q->kind), script);
	wait_for(l, a,
		(struct waiting){.asked = a,
			.has_script = script == REDIS_SCRIPT_WHOLE,
			.until_ms = until_ms});
	if (!l->pipe)
		return;
	redis_pipe_send(l->pipe, buffer_str(&l->out));
	out_reset(l);
}

/* A replica that was the master, or a server that knows us no more: another one may be in its place. */
static bool is_misled(const struct redis_value *v)
{
	static const char *const words[] = {"READONLY", "NOAUTH", "MASTERDOWN", "LOADING"};
	for (size_t i = 0; v->kind == REDIS_ERROR && i < sizeof(words) / sizeof(words[0]); i++)
		if (str_starts(v->text, str_of(words[i])))
			return true;
	return false;
}

/* True: the question is somebody else's to ask. */
static bool is_turned_away(struct redis_link *l, struct redis_asked *a, const struct redis_value *v)
{
	if (v->kind != REDIS_ERROR || !a || !l->events)
		return false;
	a->link = NULL;
	if (!l->events->refused(l->owner, a, v->text))
		return false;
	l->stats.turned++;
	return true;
}

static void say_complaint(struct redis_link *l, struct str text)
{
	if (text.n >= WHY_BYTES)
		text.n = WHY_BYTES - 1;
	if (str_eq(text, str_of(l->complaint)))
		return;
	snprintf(l->complaint, sizeof(l->complaint), "%.*s", STR_ARG(text));
	log_write(LOG_WARN, "shared storage does not answer a question: it says: %s", l->complaint);
}

static void on_answer(struct redis_link *l, struct waiting w, const struct redis_reply *reply)
{
	struct redis_asked *a = w.asked;
	l->failures = 0;
	if (is_turned_away(l, a, &reply->values[0]))
		return;
	enum rc rc = a ? redis_answer_take(reply, a->arena, &a->answer) : RC_OK;
	if (rc == RC_NOT_FOUND && w.has_script)
		rc = RC_INVALID;
	if (rc == RC_NOT_FOUND) {
		question_send(l, a, &a->question, REDIS_SCRIPT_WHOLE, w.until_ms);
		return;
	}
	l->stats.answered++;
	l->why[0] = 0;
	if (rc == RC_REFUSED)
		say_complaint(l, reply->values[0].text);
	if (a)
		asked_end(a, rc);
}

static void on_reply(void *owner, const struct redis_reply *reply)
{
	struct redis_link *l = owner;
	const struct redis_value *v = &reply->values[0];
	char why[WHY_BYTES];
	if (l->first == l->next) {
		break_off(l, RC_INVALID, "it says what nobody asked for");
		return;
	}
	if (is_misled(v)) {
		snprintf(why, sizeof(why), "it says: %.*s", STR_ARG(v->text));
		break_off(l, RC_REFUSED, why);
		return;
	}
	struct waiting w = *waiting_at(l, l->first++);
	if (!w.is_preface)
		on_answer(l, w, reply);
	retire_when_idle(l);
}

static void on_closed(void *owner, const char *why)
{
	struct redis_link *l = owner;
	l->stats.broken++;
	go_down(l, RC_CLOSED, why);
}

static const struct redis_pipe_events pipe_events = {
	.on_reply = on_reply,
	.on_closed = on_closed,
};

/* --- dialling -------------------------------------------------------------------------------- */
static void on_reached(void *owner, struct redis_pipe *pipe)
{
	struct redis_link *l = owner;
	l->search = NULL;
	l->pipe = pipe;
	l->is_young = false;
	l->complaint[0] = 0;
	l->stats.is_up = true;
	redis_pipe_hand_over(pipe, &pipe_events, l);
	if (l->out.n)
		redis_pipe_send(pipe, buffer_str(&l->out));
	out_reset(l);
	const struct redis_place alone = {l->settings->host, l->settings->port};
	const struct redis_place *at = l->place ? l->place : &alone;
	char text[REDIS_PLACE_BYTES];
	if (at->host.n)
		log_write(LOG_INFO, "shared storage: connected to %s", redis_place_text(at, text));
	else
		log_write(LOG_INFO, "shared storage: connected");
}

static void on_failed(void *owner, const char *why)
{
	struct redis_link *l = owner;
	l->search = NULL;
	go_down(l, RC_CLOSED, why);
}

static const struct redis_search_events search_events = {
	.reached = on_reached,
	.failed = on_failed,
};

static void dial_now(struct redis_link *l)
{
	l->search = redis_search_new(
		l->group, l->resolver, l->settings, l->place, l->searches++, &search_events, l);
}

static void on_pause(struct timer *t)
{
	dial_now(CONTAINER_OF(t, struct redis_link, pause));
}

/* --- questions ------------------------------------------------------------------------------- */
static bool can_be_asked(const struct redis_link *l)
{
	if (l->is_retiring || l->next - l->first >= REDIS_WAITING_MAX)
		return false;
	if (l->pipe)
		return redis_pipe_unsent(l->pipe) <= UNSENT_MAX;
	return l->is_young && l->out.n <= UNSENT_MAX;
}

static bool limits_keep(struct redis_asked *a, const struct sluice_question *q)
{
	struct str limits = {(const char *)q->limits, q->limit_count * sizeof(q->limits[0])};
	struct str kept = arena_copy(a->arena, limits);
	a->question.limits = (const void *)kept.p;
	return kept.n == limits.n;
}

static bool is_long(const struct sluice_question *q)
{
	return q->kind == SLUICE_PUT && q->value.n > COPIED_MAX;
}

static enum redis_script script_for(const struct sluice_question *q)
{
	return is_long(q) ? REDIS_SCRIPT_WHOLE : REDIS_SCRIPT_NAMED;
}

bool redis_asked_keep(struct redis_asked *a, const struct sluice_question *q)
{
	struct str key = arena_copy(a->arena, str_n(q->key.p, q->key.n));
	struct str value = q->kind == SLUICE_PUT
				   ? arena_copy(a->arena, str_n(q->value.p, q->value.n))
				   : STR_EMPTY;
	a->question = *q;
	a->question.key = (struct sluice_str){key.p, key.n};
	a->question.value = (struct sluice_str){value.p, value.n};
	a->is_kept = key.n == q->key.n && (q->kind != SLUICE_PUT || value.n == q->value.n) &&
		     (q->kind != SLUICE_SPEND || limits_keep(a, q));
	return a->is_kept;
}

/* For a server that does not have the script any more, or is not the one to be asked. Of a long value the
 * script goes along, and only nodes of a cluster send it elsewhere. */
static bool may_go(struct redis_link *l, struct redis_asked *a, const struct sluice_question *q)
{
	a->is_kept = false;
	if (is_long(q) && !l->events)
		return true;
	return redis_asked_keep(a, q) || is_long(q);
}

bool redis_link_ask(struct redis_link *l, struct redis_asked *a, struct str scope,
	const struct sluice_question *q)
{
	a->link = NULL;
	a->scope = scope;
	a->is_asking = false;
	if (!can_be_asked(l) || !may_go(l, a, q)) {
		l->stats.refused++;
		return false;
	}
	l->stats.asked++;
	question_send(l, a, q, script_for(q), loop_now_ms(loop_of(l)) + l->settings->answer_ms);
	return true;
}

void redis_link_ask_again(struct redis_link *l, struct redis_asked *a)
{
	if (can_be_asked(l)) {
		question_send(l, a, &a->question, script_for(&a->question), a->until_ms);
		return;
	}
	l->stats.refused++;
	asked_end(a, RC_CLOSED);
}

void redis_link_cancel(struct redis_asked *a)
{
	if (a->link)
		waiting_at(a->link, a->place)->asked = NULL;
	a->link = NULL;
}

/* --- life ------------------------------------------------------------------------------------ */
static void on_retired(struct task *t)
{
	struct redis_link *l = CONTAINER_OF(t, struct redis_link, retired);
	l->on_retired(l->retired_owner);
}

struct redis_link *redis_link_new(struct stream_group *group, struct resolver *resolver,
	struct redis_settings *settings, const struct redis_place *place,
	const struct redis_link_events *events, void *owner)
{
	struct redis_link *l = heap_zalloc(sizeof(*l));
	l->group = group;
	l->resolver = resolver;
	l->settings = redis_settings_ref(settings);
	l->place = place;
	l->events = events;
	l->owner = owner;
	l->is_young = true;
	buffer_init(&l->out, SIZE_MAX);
	prng_seed(&l->prng);
	timer_init(&l->pause, on_pause);
	timer_init(&l->look, on_look);
	task_init(&l->retired, on_retired);
	dial_now(l);
	return l;
}

void redis_link_retire(struct redis_link *l, void (*ended)(void *owner), void *owner)
{
	l->is_retiring = true;
	l->on_retired = ended;
	l->retired_owner = owner;
	retire_when_idle(l);
}

void redis_link_free(struct redis_link *l)
{
	l->is_retiring = true;
	fail_all(l, RC_CLOSED);
	task_cancel(&l->retired);
	timer_stop(&l->pause);
	if (l->search)
		redis_search_cancel(l->search);
	if (l->pipe)
		redis_pipe_close(l->pipe);
	buffer_deinit(&l->out);
	redis_settings_unref(l->settings);
	free(l);
}

const struct redis_link_stats *redis_link_stats(const struct redis_link *l)
{
	return &l->stats;
}

void redis_link_stats_add(struct redis_link_stats *to, const struct redis_link_stats *s)
{
	to->asked += s->asked;
	to->answered += s->answered;
	to->late += s->late;
	to->broken += s->broken;
	to->refused += s->refused;
	to->turned += s->turned;
}
