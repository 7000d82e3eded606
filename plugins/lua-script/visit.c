/* SPDX-License-Identifier: Apache-2.0 */
#include "visit.h"

#include <stdio.h>
#include <string.h>

struct worker {
	struct interpreter *current; /* owned; NULL: the next exchange makes one */
	struct interpreter *retired; /* owned, until its last user has gone; NULL */
};

/* --- states of a worker ---------------------------------------------------------------------- */
static void log_line(const struct sluice_call *call, struct sluice_exchange *x, const char *message)
{
	call->host->log(
		call->instance, x, SLUICE_LOG_ERROR, (struct sluice_str){message, strlen(message)});
}

/* The script's worker_start, which cannot wait. */
static bool greet(const struct sluice_call *call, struct interpreter *in)
{
	struct coroutine co;
	char message[MESSAGE_BYTES] = "no memory for a script";
	if (!interpreter_has(in, HANDLER_worker_start))
		return true;
	if (interpreter_begin(in, HANDLER_worker_start, &co)) {
		interpreter_allow(in);
		int status = interpreter_run(in, &co);
		if (status == 0 && !in->spent) {
			interpreter_end(in, &co);
			return true;
		}
		if (status == LUA_YIELD)
			snprintf(message, sizeof(message), "worker_start cannot wait");
		else
			interpreter_explain(in, co.L, message);
		interpreter_drop(in, &co);
	}
	log_line(call, NULL, message);
	return false;
}

static struct interpreter *make(const struct sluice_call *call, struct sluice_exchange *x)
{
	char message[MESSAGE_BYTES];
	struct interpreter *in = interpreter_new(call, call->state, NULL, message);
	if (!in) {
		log_line(call, x, message);
		return NULL;
	}
	if (greet(call, in))
		return in;
	interpreter_close(in);
	interpreter_free(in);
	return NULL;
}

static void let_go(struct worker *w, struct interpreter *in)
{
	if (in->users > 0 || in == w->current)
		return;
	if (in == w->retired)
		w->retired = NULL;
	interpreter_close(in);
	interpreter_free(in);
}

/* No more exchanges begin in it. V2: who still waits in the one before has waited long enough. */
static void retire(struct worker *w, struct interpreter *in)
{
	if (in != w->current) {
		interpreter_forgive(in);
		return;
	}
	w->current = NULL;
	if (in->users == 0) {
		let_go(w, in);
		return;
	}
	if (w->retired)
		interpreter_close(w->retired);
	w->retired = in;
	interpreter_forgive(in);
}

int32_t visit_worker_start(const struct sluice_call *call, void **worker_data)
{
	struct worker *w = call->host->instance_alloc(call->instance, sizeof(*w));
	if (!w)
		return SLUICE_E_FULL;
	*w = (struct worker){.current = make(call, NULL)};
	if (!w->current) {
		call->host->instance_free(call->instance, w);
		return SLUICE_E_INVALID;
	}
	*worker_data = w;
	return SLUICE_OK;
}

/* Its last exchange is over: nobody uses a retired one. */
void visit_worker_stop(const struct sluice_call *call, void *worker_data)
{
	struct worker *w = worker_data;
	struct interpreter *in = w->current;
	w->current = NULL;
	if (in)
		let_go(w, in);
	call->host->instance_free(call->instance, w);
}

/* --- guests ---------------------------------------------------------------------------------- */
struct visit *visit_of(lua_State *L)
{
	struct visit *v = interpreter_of(L)->visit;
	if (!v)
		raise_text(L, "there is no exchange here");
	return v;
}

/* NULL: the exchange's memory is spent. */
static struct guest *guest_of(struct visit *v, struct interpreter *in)
{
	const struct sluice_host *host = v->call->host;
	if (v->guest)
		return v->guest;
	struct guest *g = host->exchange_alloc(v->x, sizeof(*g));
	if (!g)
		return NULL;
	*g = (struct guest){.in = in};
	host->data_set(v->x, g);
	if (host->data_get(v->x) != g)
		return NULL;
	in->users++;
	return v->guest = g;
}

struct guest *visit_guest(lua_State *L, struct visit *v)
{
	struct guest *g = guest_of(v, interpreter_of(L));
	if (!g)
		raise_text(L, "the memory of the exchange is spent");
	return g;
}

void visit_done(const struct sluice_call *call, struct sluice_exchange *x)
{
	struct guest *g = call->host->data_get(x);
	if (!g)
		return;
	for (int side = 0; side < 2; side++)
		if (g->waiting[side].L)
			interpreter_drop(g->in, &g->waiting[side]);
	if (g->kept > 0)
		interpreter_forget(g->in, g->kept);
	g->in->users--;
	let_go(call->host->worker_data(x), g->in);
}

/* --- running --------------------------------------------------------------------------------- */
/* It sleeps: the verdict. CONTINUE: not any more. */
static int32_t sleep_on(const struct visit *v, const struct settings *s)
{
	const struct sluice_host *host = v->call->host;
	int64_t left_ms = v->due_ms ? v->due_ms - host->now_ms(v->x) : 0;
	if (left_ms <= 0)
		return SLUICE_CONTINUE;
	sluice_token token = host->pause(v->x, (uint32_t)left_ms + s->wait_ms);
	if (!token || s->timer->resume_after(v->x, token, (uint32_t)left_ms) != SLUICE_OK)
		return SLUICE_FAIL;
	return SLUICE_PAUSE;
}

/* First for what it has begun, then for its time. CONTINUE: there is nothing to wait for. */
static int32_t await(struct visit *v, const struct settings *s)
{
	if (v->begun == 0)
		return sleep_on(v, s);
	v->begun = 0;
	return v->call->host->wait(v->x, s->wait_ms);
}

static int32_t fail(struct visit *v, struct interpreter *in, struct coroutine *co, const char *why)
{
	char message[MESSAGE_BYTES];
	if (!why)
		interpreter_explain(in, co->L, message);
	log_line(v->call, v->x, why ? why : message);
	interpreter_drop(in, co);
	return SLUICE_FAIL;
}

/* It has yielded and waits; CONTINUE: it may go on at once. */
static int32_t suspend(struct visit *v, struct interpreter *in, struct coroutine *co)
{
	if (v->handler == HANDLER_log)
		return fail(v, in, co, "log cannot wait");
	struct guest *g = guest_of(v, in);
	int32_t verdict = g ? await(v, in->settings) : SLUICE_FAIL;
	if (verdict == SLUICE_FAIL)
		return fail(v, in, co, "the script cannot wait here");
	if (verdict == SLUICE_PAUSE) {
		g->waiting[v->side] = *co;
		g->due_ms[v->side] = v->due_ms;
	}
	return verdict;
}

static void forsake(struct awaited *a)
{
	a->taken_by_none += a->open;
	a->open = 0;
}

/* What the handler has asked and not taken is no answer to the next one's questions. */
static void forsake_all(struct visit *v)
{
	if (!v->guest)
		return;
	forsake(&v->guest->questions[v->side]);
	forsake(&v->guest->calls[v->side]);
}

/* Until the handler ends or has to wait. */
static int32_t proceed(struct visit *v, struct interpreter *in, struct coroutine *co)
{
	for (;;) {
		int status = interpreter_run(in, co);
		if (status > LUA_YIELD || in->spent)
			return fail(v, in, co, NULL);
		if (status == 0) {
			interpreter_end(in, co);
			forsake_all(v);
			return v->verdict == VISIT_GOES_ON ? SLUICE_CONTINUE : v->verdict;
		}
		if (v->verdict != VISIT_GOES_ON) {
			interpreter_drop(in, co);
			forsake_all(v);
			return v->verdict;
		}
		int32_t verdict = suspend(v, in, co);
		if (verdict != SLUICE_CONTINUE)
			return verdict;
		v->due_ms = 0;
	}
}

/* What waited goes on; whoever resumed it, not before its time. */
static int32_t go_on(struct visit *v, struct interpreter *in)
{
	struct coroutine co = v->guest->waiting[v->side];
	v->due_ms = v->guest->due_ms[v->side];
	int32_t verdict = sleep_on(v, in->settings);
	if (verdict == SLUICE_PAUSE)
		return verdict;
	v->guest->waiting[v->side].L = NULL;
	v->due_ms = 0;
	if (verdict == SLUICE_FAIL)
		return fail(v, in, &co, "the script cannot wait here");
	interpreter_allow(in);
	return proceed(v, in, &co);
}

static int32_t begin(struct visit *v, struct interpreter *in)
{
	struct coroutine co;
	if (!interpreter_begin(in, v->handler, &co)) {
		log_line(v->call, v->x, "no memory for a handler, or too many wait");
		return SLUICE_FAIL;
	}
	interpreter_allow(in);
	return proceed(v, in, &co);
}

/* A response that another one takes the place of: its handler will not go on. */
static void abandon(struct visit *v, struct interpreter *in)
{
	struct guest *g = v->guest;
	interpreter_drop(in, &g->waiting[v->side]);
	g->waiting[v->side].L = NULL;
	forsake_all(v);
}

static int32_t run_in(struct visit *v, struct worker *w, struct interpreter *in)
{
	struct visit *outer = in->visit;
	bool is_waiting = v->guest && v->guest->waiting[v->side].L;
	if (is_waiting && !v->call->host->resumed(v->x)) {
		abandon(v, in);
		is_waiting = false;
	}
	in->visit = v;
	int32_t verdict = is_waiting ? go_on(v, in) : begin(v, in);
	in->visit = outer;
	if (in->spent || in->is_broken)
		retire(w, in);
	return verdict;
}

int32_t visit_run(const struct sluice_call *call, struct sluice_exchange *x, enum handler handler,
	const struct sluice_body *body)
{
	struct worker *w = call->host->worker_data(x);
	struct visit v = {
		.call = call,
		.x = x,
		.body = body,
		.handler = handler,
		.side = handler < HANDLER_response_head ? SLUICE_REQUEST : SLUICE_RESPONSE,
		.verdict = VISIT_GOES_ON,
		.guest = call->host->data_get(x),
	};
	if (!w)
		return SLUICE_FAIL;
	if (!v.guest && !w->current)
		w->current = make(call, x);
	struct interpreter *in = v.guest ? v.guest->in : w->current;
	if (!in || !in->L) {
		if (in)
			log_line(call, x, "the state that the exchange had begun in is gone");
		return SLUICE_FAIL;
	}
	return run_in(&v, w, in);
}
