/* SPDX-License-Identifier: Apache-2.0 */
/* services/state.c - stores as policies ask them.
 *
 * A store is known by its policy and a name, or the binding's id: it lasts while anybody holds it,
 * across generations. One in memory answers at once; when it is told to be late (for tests of
 * policies), answers come with the loop's next turn, by the way that those of the shared storage
 * come. */
#include "sluice/state.h"

#include "base/buffer.h"
#include "base/map.h"
#include "base/memory.h"
#include "policy/instance.h"
#include "policy/legal.h"
#include "policy/operation.h"
#include "policy/run.h"
#include "services/services_priv.h"
#include "state/quota.h"
#include "state/redis_home.h"
#include "state/store.h"

#include <stdatomic.h>
#include <stdlib.h>

#define NAME_BYTES_MAX  64
#define KEY_BYTES_MAX   1024
#define VALUE_BYTES_MAX (1u << 20)
#define FOR_MS_MAX      31622400000
#define ENTRIES_MAX     10000000
#define STORE_BYTES_MIN (1u << 10)
#define STORE_BYTES_MAX (1u << 30)

enum { OPEN, ASK, TAKE, START, IS_SHARED, REPLICAS };
static const struct policy_call calls[] = {
	[OPEN] = {"sluice.state/1 open", IN(CONFIGURE)},
	[ASK] = {"sluice.state/1 ask", IN_LIVE},
	[TAKE] = {"sluice.state/1 take", IN_LIVE},
	[START] = {"sluice.state/1 start", IN_WORKER},
	[IS_SHARED] = {"sluice.state/1 is_shared", IN_WORKER},
	[REPLICAS] = {"sluice.state/1 replicas", IN_WORKER},
};

struct named_store {
	struct str key;      /* owned */
	struct link holders; /* the newest first, whose limits count */
	_Atomic uint32_t entries_max;
	_Atomic uint64_t bytes_max;
	struct state_store *_Atomic store; /* owned; NULL: nothing was asked here */
};

struct sluice_state {
	struct policy_companion companion;
	struct sluice_instance *instance; /* borrowed: it goes with it */
	struct named_store *named;
	struct link holder; /* in named->holders */
	uint32_t entries_max;
	uint64_t bytes_max;
	bool may_be_shared;
	struct link started[]; /* by worker: questions of the instance, under way */
};

static struct map stores; /* by key; main thread */
static const char kind;
static services_store_fn *_Atomic store_by;

void services_store_by(services_store_fn *fn)
{
	atomic_store(&store_by, fn);
}

enum services_store services_store_now(void)
{
	services_store_fn *fn = atomic_load_explicit(&store_by, memory_order_relaxed);
	return fn ? fn() : STORE_AT_ONCE;
}

/* --- questions ------------------------------------------------------------------------------- */
static bool has_valid_time(const struct sluice_question *q)
{
	int64_t least = q->kind == SLUICE_PUT ? 0 : 1;
	bool counts = q->kind == SLUICE_PUT || q->kind == SLUICE_COUNT || q->kind == SLUICE_LOCK;
	return !counts || (q->for_ms >= least && q->for_ms <= FOR_MS_MAX);
}

/* Takes what the plugin gave of a question; false: it breaks its contract. */
static bool question_take(const struct sluice_question *given, struct sluice_question *q)
{
	if (!given || given->size < offsetof(struct sluice_question, value))
		return false;
	take_sized(q, sizeof(*q), given, given->size);
	if (q->kind == SLUICE_GET)
		q->version = 0; /* policies get the value whatever it is */
	return q->kind <= SLUICE_SPEND && q->key.n >= 1 && q->key.n <= KEY_BYTES_MAX &&
	       q->value.n <= VALUE_BYTES_MAX && has_valid_time(q) &&
	       !(q->kind == SLUICE_UNLOCK && q->version == SLUICE_VERSION_ANY) &&
	       (q->kind != SLUICE_SPEND || quota_is_valid(q));
}

static void answer_give(struct sluice_answer *to, const struct sluice_answer *a)
{
	uint32_t size = to->size;
	take_sized(to, size, a, size < sizeof(*a) ? size : sizeof(*a));
	to->size = size;
}

static bool answer_is_whole(const struct sluice_answer *a)
{
	return a && a->size >= offsetof(struct sluice_answer, value);
}

static bool is_own(const struct policy_call *call, const struct sluice_state *s)
{
	if (s && s->instance == policy_current())
		return true;
	policy_refuse(call);
	return false;
}

static void store_limit(struct named_store *n, struct state_store *s)
{
	state_store_limit(s, atomic_load(&n->entries_max), atomic_load(&n->bytes_max));
}

/* Two workers may make it at once: one of theirs stays. Limits that change meanwhile are seen here, or the
 * store by who changes them. */
static struct state_store *store_make(struct named_store *n)
{
	struct state_store *there = NULL, *made = state_store_new(atomic_load(&n->entries_max),
						  atomic_load(&n->bytes_max));
	if (!atomic_compare_exchange_strong(&n->store, &there, made)) {
		state_store_free(made);
		return there;
	}
	store_limit(n, made);
	return made;
}

static void store_ask(const struct sluice_state *s, const struct sluice_question *q,
	struct arena *arena, struct sluice_answer *a)
{
	struct state_store *store = atomic_load_explicit(&s->named->store, memory_order_acquire);
	*a = (struct sluice_answer){.size = sizeof(*a)};
	state_store_ask(store ? store : store_make(s->named), loop_now_ms(services_thread.loop), q,
		arena, a);
}

static bool is_elsewhere(const struct sluice_state *s)
{
	return s->may_be_shared && services_thread.storage;
}

static int32_t is_shared(const struct sluice_state *s)
{
	return is_own(&calls[IS_SHARED], s) && is_elsewhere(s);
}

static uint32_t replicas(const struct sluice_state *s)
{
	if (!is_own(&calls[REPLICAS], s) || !is_elsewhere(s))
		return 1;
	return redis_home_settings(services_thread.storage)->replicas;
}

/* --- answers that come later ----------------------------------------------------------------- */
struct late {
	struct operation operation;
	struct task task;
	struct redis_asked asked; /* of the shared storage */
	struct sluice_state *state;
	struct sluice_answer answer;
	int32_t rc;
};

static void late_end(struct task *t)
{
	operation_end(&CONTAINER_OF(t, struct late, task)->operation);
}

static int32_t result_of(const struct redis_asked *a)
{
	return a->rc == RC_OK ? SLUICE_OK : SLUICE_E_UNAVAILABLE;
}

static void late_answered(struct redis_asked *a)
{
	struct late *l = CONTAINER_OF(a, struct late, asked);
	l->rc = result_of(a);
	l->answer = a->answer;
	operation_end(&l->operation);
}

/* In the exchange's arena: there is nothing else to be given back. */
static void late_leave(struct operation *op)
{
	struct late *l = CONTAINER_OF(op, struct late, operation);
	task_cancel(&l->task);
	redis_home_cancel(&l->asked);
}

static struct late *late_new(struct sluice_exchange *x, struct sluice_state *s)
{
	struct late *l = arena_zalloc(x->arena, sizeof(*l));
	if (!l)
		return NULL;
	l->state = s;
	l->asked = (struct redis_asked){.arena = x->arena, .ended = late_answered};
	task_init(&l->task, late_end);
	return l;
}

static int32_t ask_late(
	struct sluice_exchange *x, struct sluice_state *s, const struct sluice_question *q)
{
	struct late *l = late_new(x, s);
	if (!l)
		return SLUICE_E_FULL;
	store_ask(s, q, x->arena, &l->answer);
	operation_begin(&l->operation, x, late_leave);
	loop_ready_next(x->loop, &l->task);
	return SLUICE_PENDING;
}

static int32_t ask_shared(
	struct sluice_exchange *x, struct sluice_state *s, const struct sluice_question *q)
{
	struct late *l = late_new(x, s);
	if (!l)
		return SLUICE_E_FULL;
	if (!redis_home_ask(services_thread.storage, &l->asked, s->named->key, q))
		return SLUICE_E_UNAVAILABLE;
	operation_begin(&l->operation, x, late_leave);
	return SLUICE_PENDING;
}

static int32_t ask(struct sluice_exchange *x, struct sluice_state *s,
	const struct sluice_question *given, struct sluice_answer *answer)
{
	struct sluice_question q;
	struct sluice_answer a;
	if (!policy_allows_exchange(&calls[ASK], x) || !is_own(&calls[ASK], s))
		return SLUICE_E_WRONG_CALLBACK;
	if (!question_take(given, &q) || !answer_is_whole(answer))
		return SLUICE_E_INVALID;
	enum services_store how = services_store_now();
	if (how == STORE_UNAVAILABLE)
		return SLUICE_E_UNAVAILABLE;
	if (how == STORE_LATE)
		return ask_late(x, s, &q);
	if (is_elsewhere(s))
		return ask_shared(x, s, &q);
	store_ask(s, &q, x->arena, &a);
	answer_give(answer, &a);
	return SLUICE_OK;
}

static int32_t take(struct sluice_exchange *x, struct sluice_state *s, struct sluice_answer *answer)
{
	struct late *first = NULL;
	if (!policy_allows_exchange(&calls[TAKE], x) || !is_own(&calls[TAKE], s))
		return SLUICE_E_WRONG_CALLBACK;
	if (!answer_is_whole(answer))
		return SLUICE_E_INVALID;
	for (struct operation *op = x->operations; op; op = op->next) {
		struct late *l = CONTAINER_OF(op, struct late, operation);
		if (op->leave == late_leave && operation_is_own(op, x) && l->state == s)
			first = l;
	}
	if (!first)
		return SLUICE_E_NOT_FOUND;
	if (first->operation.is_pending)
		return SLUICE_PENDING;
	operation_take(&first->operation);
	if (first->rc == SLUICE_OK)
		answer_give(answer, &first->answer);
	return first->rc;
}

/* --- questions of an instance ---------------------------------------------------------------- */
struct started {
	struct link link;
	struct task task;
	struct redis_asked asked; /* of the shared storage */
	struct arena arena;       /* of the value */
	struct sluice_instance *instance;
	uint32_t worker;
	struct sluice_answer answer;
	int32_t rc;
	sluice_answer_fn *fn;
	void *arg;
};

static void started_end(struct started *s, int32_t rc)
{
	struct sluice_instance *i = s->instance;
	list_remove(&s->link);
	task_cancel(&s->task);
	redis_home_cancel(&s->asked);
	policy_call_enter(i, CALLBACK_ANSWER, s->worker);
	s->fn(policy_call_of(i), &s->answer, rc, s->arg);
	policy_call_leave();
	arena_reset(&s->arena);
	policy_free(i, s);
}

static void started_answer(struct task *t)
{
	struct started *s = CONTAINER_OF(t, struct started, task);
	started_end(s, s->rc);
}

static void started_answered(struct redis_asked *a)
{
	struct started *s = CONTAINER_OF(a, struct started, asked);
	s->answer = a->answer;
	started_end(s, result_of(a));
}

/* The answer, or why there is none, is to come with the next turn; or from elsewhere. */
static void started_ask(
	struct started *s, const struct sluice_state *state, const struct sluice_question *q)
{
	struct services_thread *here = &services_thread;
	bool can_be = services_store_now() != STORE_UNAVAILABLE, is_far = is_elsewhere(state);
	if (can_be && is_far && redis_home_ask(here->storage, &s->asked, state->named->key, q))
		return;
	if (can_be && !is_far)
		store_ask(state, q, &s->arena, &s->answer);
	else
		s->rc = SLUICE_E_UNAVAILABLE;
	loop_ready_next(here->loop, &s->task);
}

static int32_t start(const struct sluice_call *call, struct sluice_state *state,
	const struct sluice_question *given, sluice_answer_fn *fn, void *arg)
{
	struct sluice_question q;
	struct services_thread *here = &services_thread;
	if (!policy_allows(&calls[START], call ? call->instance : NULL) ||
		!is_own(&calls[START], state) || !here->loop)
		return SLUICE_E_WRONG_CALLBACK;
	if (!question_take(given, &q) || !fn)
		return SLUICE_E_INVALID;
	if (policy_is_stopping(call->instance))
		return SLUICE_E_UNAVAILABLE;
	struct started *s = policy_alloc(call->instance, sizeof(*s));
	if (!s)
		return SLUICE_E_FULL;
	*s = (struct started){
		.instance = call->instance, .worker = here->worker, .fn = fn, .arg = arg};
	s->asked = (struct redis_asked){.arena = &s->arena, .ended = started_answered};
	arena_init(&s->arena, loop_pool(here->loop), 2 * VALUE_BYTES_MAX);
	task_init(&s->task, started_answer);
	list_append(&state->started[here->worker], &s->link);
	started_ask(s, state, &q);
	return SLUICE_OK;
}

/* --- life ------------------------------------------------------------------------------------ */
static void named_apply_limits(struct named_store *n)
{
	const struct sluice_state *newest =
		CONTAINER_OF(n->holders.next, struct sluice_state, holder);
	atomic_store(&n->entries_max, newest->entries_max);
	atomic_store(&n->bytes_max, newest->bytes_max);
	struct state_store *store = atomic_load(&n->store);
	if (store)
		store_limit(n, store);
}

static void named_let_go(struct named_store *n, struct sluice_state *holder)
{
	list_remove(&holder->holder);
	if (!list_is_empty(&n->holders)) {
		named_apply_limits(n);
		return;
	}
	map_remove(&stores, n->key);
	if (stores.count == 0)
		map_deinit(&stores);
	state_store_free(atomic_load(&n->store));
	free((char *)(uintptr_t)n->key.p);
	free(n);
}

static void on_worker_stop(struct policy_companion *c, uint32_t worker)
{
	struct sluice_state *s = CONTAINER_OF(c, struct sluice_state, companion);
	while (!list_is_empty(&s->started[worker]))
		started_end(CONTAINER_OF(s->started[worker].next, struct started, link),
			SLUICE_E_UNAVAILABLE);
}

static void on_release(struct policy_companion *c)
{
	struct sluice_state *s = CONTAINER_OF(c, struct sluice_state, companion);
	named_let_go(s->named, s);
	free(s);
}

static struct named_store *named_of(struct sluice_instance *i, const struct sluice_state_options *o)
{
	struct buffer b;
	buffer_init(&b, SIZE_MAX);
	struct str policy = instance_policy(i);
	struct str own = o->name.n ? str_in(o->name) : instance_binding(i);
	buffer_addf(&b, "%.*s%c%.*s", STR_ARG(policy), o->name.n ? '@' : ' ', STR_ARG(own));
	struct named_store *n = map_get(&stores, buffer_str(&b));
	if (!n) {
		n = heap_zalloc(sizeof(*n));
		n->key = str_n(heap_strndup(buffer_str(&b)), buffer_str(&b).n);
		list_init(&n->holders);
		map_put(&stores, n->key, n);
	}
	buffer_deinit(&b);
	return n;
}

static void named_hold(struct named_store *n, struct sluice_state *holder)
{
	holder->named = n;
	list_prepend(&n->holders, &holder->holder);
	named_apply_limits(n);
}

static bool options_take(const struct sluice_state_options *given, struct sluice_state_options *o)
{
	if (!given || given->size < offsetof(struct sluice_state_options, shared))
		return false;
	take_sized(o, sizeof(*o), given, given->size);
	return o->name.n <= NAME_BYTES_MAX && o->entries_max >= 1 &&
	       o->entries_max <= ENTRIES_MAX && o->bytes_max >= STORE_BYTES_MIN &&
	       o->bytes_max <= STORE_BYTES_MAX;
}

static struct sluice_state *open_state(
	struct sluice_instance *i, const struct sluice_state_options *given)
{
	struct sluice_state_options o;
	if (!policy_allows(&calls[OPEN], i))
		return NULL;
	if (!options_take(given, &o)) {
		policy_log_line(i, NULL, SLUICE_LOG_ERROR,
			STR("a store's options are out of their ranges (sluice/state.h)"));
		return NULL;
	}
	uint32_t workers = policy_workers(i);
	struct sluice_state *s = heap_zalloc(sizeof(*s) + workers * sizeof(s->started[0]));
	s->companion = (struct policy_companion){
		.kind = &kind, .worker_stop = on_worker_stop, .release = on_release};
	for (uint32_t w = 0; w < workers; w++)
		list_init(&s->started[w]);
	s->instance = i;
	s->entries_max = o.entries_max;
	s->bytes_max = o.bytes_max;
	s->may_be_shared = o.shared != 0;
	named_hold(named_of(i, &o), s);
	policy_accompany(i, &s->companion);
	return s;
}

const void *services_state_table(void)
{
	static const struct sluice_state_service table = {
		.size = sizeof(table),
		.open = open_state,
		.ask = ask,
		.take = take,
		.start = start,
		.is_shared = is_shared,
		.replicas = replicas,
	};
	return &table;
}
