/* SPDX-License-Identifier: Apache-2.0 */
#include "state/redis_dial.h"

#include "base/memory.h"
#include "state/redis_question.h"

#include <inttypes.h>
#include <stdio.h>

#define ADDRESSES_MAX 8
#define WHY_BYTES     256

struct redis_dial {
	struct stream_group *group; /* borrowed */
	struct redis_dial_target target;
	const struct redis_dial_events *events;
	void *owner;
	struct resolver_query *query; /* NULL: none is under way */
	struct address addresses[ADDRESSES_MAX];
	size_t count, tried;
	struct redis_pipe *pipe; /* owned; NULL: none */
	unsigned greetings;      /* whose replies have not come */
	bool is_asking;
	struct timer timer; /* of a greeting, or the question */
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
	const struct redis_dial_target *s = &d->target;
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
		str_n(number, (size_t)snprintf(number, sizeof(number), "%u", d->target.database))};
	if (d->target.database)
		greeting_add(d, out, words, 2);
}

static void ask(struct redis_dial *d)
{
	redis_pipe_send(d->pipe, d->target.question);
	d->is_asking = true;
	timer_start(loop_of(d), &d->timer, d->target.question_ms);
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
		ask(d);
	buffer_deinit(&out);
}

/* --- what comes ------------------------------------------------------------------------------ */
static void answered(struct redis_dial *d, const struct redis_reply *reply)
{
	const struct redis_dial_events *events = d->events;
	struct redis_pipe *pipe = d->pipe;
	void *owner = d->owner;
	d->pipe = NULL;
	dial_free(d);
	events->answered(owner, pipe, reply);
}

static bool is_good(const struct redis_dial *d, const struct redis_value *v)
{
	struct str bears = d->target.bears;
	return v->kind != REDIS_ERROR || (d->is_asking && bears.n && str_starts(v->text, bears));
}

static void on_reply(void *owner, const struct redis_reply *reply)
{
	struct redis_dial *d = owner;
	const struct redis_value *v = &reply->values[0];
	if (!is_good(d, v))
		address_failed(d, "it says", v->text);
	else if (d->is_asking)
		answered(d, reply);
	else if (--d->greetings == 0)
		ask(d);
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
	address_failed(d, d->is_asking ? "it is too slow" : "it does not answer", STR_EMPTY);
}

/* --- addresses ------------------------------------------------------------------------------- */
static void connect_to_next(struct redis_dial *d)
{
	const struct redis_dial_target *s = &d->target;
	const struct redis_pipe_target target = {.address = d->addresses[d->tried++],
		.connect_ms = s->connect_ms,
		.tls = s->tls,
		.server_name = s->host};
	d->greetings = 0;
	d->is_asking = false;
	d->pipe = redis_pipe_dial(d->group, &target, &pipe_events, d);
	timer_start(loop_of(d), &d->timer, REDIS_GREETING_MS);
}

static void on_resolved(void *owner, enum rc rc, const struct address *addresses, size_t count)
{
	struct redis_dial *d = owner;
	d->query = NULL;
	if (rc != RC_OK) {
		snprintf(d->why, sizeof(d->why), "the name %.*s could not be resolved: %s",
			STR_ARG(d->target.host), rc_name(rc));
		loop_ready(loop_of(d), &d->failed);
		return;
	}
	d->count = count < ADDRESSES_MAX ? count : ADDRESSES_MAX;
	for (size_t i = 0; i < d->count; i++) {
		d->addresses[i] = addresses[i];
		address_set_port(&d->addresses[i], d->target.port);
	}
	connect_to_next(d);
}

struct redis_dial *redis_dial_new(struct stream_group *group, struct resolver *resolver,
	const struct redis_dial_target *target, const struct redis_dial_events *events, void *owner)
{
	struct redis_dial *d = heap_zalloc(sizeof(*d));
	struct resolver_query *query;
	d->group = group;
	d->target = *target;
	d->events = events;
	d->owner = owner;
	timer_init(&d->timer, on_timer);
	task_init(&d->failed, on_failed);
	resolver_ask(resolver, target->host, on_resolved, d, &query);
	d->query = query;
	return d;
}
