/* SPDX-License-Identifier: Apache-2.0 */
#include "state/redis_dial.h"

#include "base/memory.h"
#include "state/redis_question.h"

#include <inttypes.h>
#include <stdio.h>

#define ADDRESSES_MAX 8
#define WHY_BYTES     256

struct redis_dial {
	struct stream_group *group;            /* borrowed */
	const struct redis_settings *settings; /* borrowed */
	const struct redis_dial_events *events;
	void *owner;
	struct resolver_query *query; /* NULL: none is under way */
	struct address addresses[ADDRESSES_MAX];
	size_t count, tried;
	struct redis_pipe *pipe; /* owned; NULL: none */
	unsigned greetings;      /* whose replies have not come */
	bool is_probing;
	struct timer timer; /* of a greeting, or the probe */
	struct task failed; /* what cannot even begin is told later */
	char why[WHY_BYTES];
};

static struct loop *loop_of(const struct redis_dial *d)
{
	return stream_group_loop(d->group);
}

/* --- ends ------------------------------------------------------------------------------------ */
static void dial_free(struct redis_dial *d)
{
	if (d->query)
		resolver_cancel(d->query);
	if (d->pipe)
		redis_pipe_close(d->pipe);
	timer_stop(&d->timer);
	task_cancel(&d->failed);
	free(d);
}

void redis_dial_cancel(struct redis_dial *d)
{
	dial_free(d);
}

static void fail(struct redis_dial *d)
{
	const struct redis_dial_events *events = d->events;
	void *owner = d->owner;
	char why[WHY_BYTES];
	memcpy(why, d->why, sizeof(why));
	dial_free(d);
	events->failed(owner, why);
}

static void on_failed(struct task *t)
{
	fail(CONTAINER_OF(t, struct redis_dial, failed));
}

static void connect_to_next(struct redis_dial *d);

/* Of the address that was tried last; another one may be better. */
static void address_failed(struct redis_dial *d, const char *why, struct str more)
{
	char text[ADDRESS_TEXT_BYTES];
	struct str at = address_text(&d->addresses[d->tried - 1], text);
	snprintf(d->why, sizeof(d->why), "%.*s: %s%s%.*s", STR_ARG(at), why, more.n ? ": " : "",
		STR_ARG(more));
	if (d->pipe)
		redis_pipe_close(d->pipe);
	d->pipe = NULL;
	timer_stop(&d->timer);
	if (d->tried < d->count)
		connect_to_next(d);
	else
		fail(d);
}

/* --- what is said ---------------------------------------------------------------------------- */
static void greeting_add(
	struct redis_dial *d, struct buffer *out, const struct str *words, size_t n)
{
	redis_command_add(out, words, n);
	d->greetings++;
}

static void auth_add(struct redis_dial *d, struct buffer *out)
{
	const struct redis_settings *s = d->settings;
	const struct str named[] = {STR("AUTH"), s->username, s->password};
	const struct str nameless[] = {STR("AUTH"), s->password};
	if (s->username.n)
		greeting_add(d, out, named, 3);
	else if (s->password.n)
		greeting_add(d, out, nameless, 2);
}

static void select_add(struct redis_dial *d, struct buffer *out)
{
	char number[16];
	const struct str words[] = {STR("SELECT"),
		str_n(number,
			(size_t)snprintf(number, sizeof(number), "%u", d->settings->database))};
	if (d->settings->database)
		greeting_add(d, out, words, 2);
}

/* The script is something that it can answer, and has to have. */
static void probe(struct redis_dial *d)
{
	struct buffer out;
	buffer_init(&out, SIZE_MAX);
	redis_script_add(&out);
	redis_pipe_send(d->pipe, buffer_str(&out));
	buffer_deinit(&out);
	d->is_probing = true;
	timer_start(loop_of(d), &d->timer, d->settings->answer_ms);
}

static void on_open(void *owner)
{
	struct redis_dial *d = owner;
	struct buffer out;
	buffer_init(&out, SIZE_MAX);
	auth_add(d, &out);
	select_add(d, &out);
	if (d->greetings)
		redis_pipe_send(d->pipe, buffer_str(&out));
	else
		probe(d);
	buffer_deinit(&out);
}

/* --- what comes ------------------------------------------------------------------------------ */
static void reached(struct redis_dial *d)
{
	const struct redis_dial_events *events = d->events;
	struct redis_pipe *pipe = d->pipe;
	void *owner = d->owner;
	d->pipe = NULL;
	dial_free(d);
	events->reached(owner, pipe);
}

/* Who may not load scripts may still be allowed to run them. */
static bool is_good(const struct redis_dial *d, const struct redis_value *v)
{
	return v->kind != REDIS_ERROR || (d->is_probing && str_starts(v->text, STR("NOPERM")));
}

static void on_reply(void *owner, const struct redis_reply *reply)
{
	struct redis_dial *d = owner;
	const struct redis_value *v = &reply->values[0];
	if (!is_good(d, v))
		address_failed(d, "it says", v->text);
	else if (d->is_probing)
		reached(d);
	else if (--d->greetings == 0)
		probe(d);
}

static void on_closed(void *owner, const char *why)
{
	struct redis_dial *d = owner;
	d->pipe = NULL;
	address_failed(d, why, STR_EMPTY);
}

static const struct redis_pipe_events pipe_events = {
	.on_open = on_open,
	.on_reply = on_reply,
	.on_closed = on_closed,
};

static void on_timer(struct timer *t)
{
	struct redis_dial *d = CONTAINER_OF(t, struct redis_dial, timer);
	address_failed(d, d->is_probing ? "it is too slow" : "it does not answer", STR_EMPTY);
}

/* --- addresses ------------------------------------------------------------------------------- */
static void connect_to_next(struct redis_dial *d)
{
	const struct redis_settings *s = d->settings;
	const struct redis_pipe_target target = {.address = d->addresses[d->tried++],
		.connect_ms = s->connect_ms,
		.tls = s->tls,
		.server_name = s->host};
	d->greetings = 0;
	d->is_probing = false;
	d->pipe = redis_pipe_dial(d->group, &target, &pipe_events, d);
	timer_start(loop_of(d), &d->timer, REDIS_GREETING_MS);
}

static void on_resolved(void *owner, enum rc rc, const struct address *addresses, size_t count)
{
	struct redis_dial *d = owner;
	d->query = NULL;
	if (rc != RC_OK) {
		snprintf(d->why, sizeof(d->why), "the name %.*s could not be resolved: %s",
			STR_ARG(d->settings->host), rc_name(rc));
		loop_ready(loop_of(d), &d->failed);
		return;
	}
	d->count = count < ADDRESSES_MAX ? count : ADDRESSES_MAX;
	for (size_t i = 0; i < d->count; i++) {
		d->addresses[i] = addresses[i];
		address_set_port(&d->addresses[i], d->settings->port);
	}
	connect_to_next(d);
}

struct redis_dial *redis_dial_new(struct stream_group *group, struct resolver *resolver,
	const struct redis_settings *settings, const struct redis_dial_events *events, void *owner)
{
	struct redis_dial *d = heap_zalloc(sizeof(*d));
	struct resolver_query *query;
	d->group = group;
	d->settings = settings;
	d->events = events;
	d->owner = owner;
	timer_init(&d->timer, on_timer);
	task_init(&d->failed, on_failed);
	resolver_ask(resolver, settings->host, on_resolved, d, &query);
	d->query = query;
	return d;
}
