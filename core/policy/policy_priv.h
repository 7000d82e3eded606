/* SPDX-License-Identifier: Apache-2.0 */
/* policy/policy_priv.h - what the files of this folder share. */
#pragma once

#include "base/list.h"
#include "observe/metrics.h"
#include "policy/breadcrumb.h"
#include "policy/chain_build.h"
#include "policy/instance.h"
#include "policy/registry.h"
#include "policy/target.h"

#include "sluice/sluice.h"

/* --- the thread ------------------------------------------------------------------------------ */
/* Which plugin code runs on this thread. A host call is legal only for what stands here, so a
 * handle that is used on another thread, or after its exchange has gone, is refused unread. */
struct policy_thread {
	struct sluice_exchange *exchange; /* whose callback runs */
	struct sluice_instance *instance; /* whose callback runs */
	enum callback callback;           /* valid while instance is set */
	uint32_t worker;                  /* of a callback without an exchange */
	uint32_t sequence;
	breadcrumb_word *word; /* NULL: own, from the first callback on */
	breadcrumb_word own;
};
extern _Thread_local struct policy_thread policy_thread;

/* --- the registry ---------------------------------------------------------------------------- */
struct metrics *registry_metrics(const struct registry *r);
struct loop *registry_loop(const struct registry *r);

/* --- plugins --------------------------------------------------------------------------------- */
struct plugin {
	struct plugin *next;
	struct registry *registry;              /* borrowed */
	const struct sluice_plugin *descriptor; /* the plugin's own */
	struct sluice_plugin head;              /* copy, zero beyond what it gave */
	struct sluice_policy *policies;         /* owned copies, zero beyond what they gave */
	size_t policy_count;
	uint8_t sha256[32];
	uint32_t label; /* its number in breadcrumbs; 0: none */
};
const struct sluice_policy *plugin_policy(const struct plugin *p, struct str name);

/* What plugins get. */
const struct sluice_host *host_table(void);

/* A field that a policy prepared; the bytes stand behind it. */
struct sluice_field {
	struct sluice_field *next;
	struct field field; /* value.p NULL: the name alone */
	char bytes[];
};

/* --- instances ------------------------------------------------------------------------------- */
struct sluice_instance {
	struct sluice_call call;            /* what its callbacks get; call.instance is itself */
	const struct sluice_policy *policy; /* borrowed from the plugin */
	struct plugin *plugin;
	struct instance_key key;
	struct plan *plan; /* owned: the configuration */
	/* These stand behind the struct, in one block with it. */
	char *binding;
	char *config_path;
	char *subject;
	uint32_t refs;
	_Atomic uint32_t holds; /* by whoever may let go on another thread; one for all of `refs` */
	uint32_t breadcrumb;
	uint32_t omitted; /* bit per enum callback that it has no use for */
	uint32_t label;   /* the same, when it was taken for this instance */
	uint64_t quarantine_key;
	uint64_t plugin_quarantine_key;
	uint32_t workers;
	void **worker_data;              /* by worker; in the block, too */
	bool *worker_started;            /* by worker; likewise */
	struct diagnostics *diagnostics; /* borrowed, during configure */
	size_t config_errors;
	size_t bytes_max;
	_Atomic size_t bytes_used;
	struct policy_refusal *refusals;  /* owned: list; calls that were told; policy/legal.c */
	struct link *attached;            /* by worker; likewise; struct policy_attachment */
	struct metric_series **counters;  /* owned: by handle, refs; grown in configure */
	int32_t counter_count;
	struct sluice_field *fields; /* owned: list, on the instance's account */
	struct secret_name *secrets; /* owned: list, likewise; policy/secrets.h */
	struct policy_companion *companions; /* owned: list; run.h */
	size_t message_bytes_max; /* frames come as whole messages; 0: as they come */
	struct sluice_target *targets;       /* owned; in the order of the plan */
	size_t target_count;
};

void instance_refusals_free(struct sluice_instance *i);

/* target.c */
void instance_targets_take(
	struct sluice_instance *i, const struct target_options *options, size_t count);
void instance_targets_free(struct sluice_instance *i);
void instance_key_add_target(struct buffer *content, const struct target_options *o);

/* Releases and frees: nobody refers to it any more. Main thread. */
void instance_end(struct sluice_instance *i);

/* --- chains ---------------------------------------------------------------------------------- */
typedef int32_t head_fn(const struct sluice_call *call, struct sluice_exchange *x);
typedef int32_t body_fn(
	const struct sluice_call *call, struct sluice_exchange *x, const struct sluice_body *body);
typedef void last_fn(const struct sluice_call *call, struct sluice_exchange *x);

struct chain_binding {
	struct sluice_instance *instance; /* ref */
	uint64_t bit;                     /* 1 << index */
	uint16_t index;                   /* in request order */
	bool skip_on_error;
	struct body_contract contract[2];
	head_fn *head[2];
	body_fn *body[2]; /* NULL when the contract is none */
	head_fn *end[2];
	last_fn *log, *done;
	body_fn *frame;
};

struct chain_list {
	const struct chain_binding **items; /* behind the chain's bindings; in walking order */
	uint16_t count;
};

/* One direction. */
struct chain_walk {
	struct chain_list heads;  /* with a head callback, or a body to collect */
	struct chain_list bodies; /* with a body callback */
	struct chain_list ends;
	uint64_t body_or_end; /* bits of bindings that want the body to come by */
	uint64_t streams;     /* bits of bindings that may replace what passes */
	uint64_t collects;    /* bits of bindings that want it whole */
};

struct chain {
	uint16_t count;
	struct chain_walk walk[2];
	struct chain_list logs, dones;
	uint64_t secretive; /* bits of bindings that have named secrets */
	uint64_t frames;    /* bits of bindings that look at frames */
	struct chain_facts *facts; /* owned; NULL: none were told; policy/chain_facts.h */
	struct chain_binding bindings[];
};

/* What a direction needs once a body callback runs. In the arena. */
struct chain_body {
	struct chunk_queue piece;    /* at hand of the binding at `at` */
	struct chunk_queue passed;   /* what that binding has let through */
	struct chunk_queue replaced; /* by body_replace, in the callback that runs or waits */
	uint16_t at;                 /* in the walk's bodies */
	bool is_open;                /* a piece is on its way */
	bool piece_end;              /* it is the segment's last */
	bool was_replaced;
	char *whole; /* owned: the collected body when it is in several chunks */
};

struct chain_property {
	struct chain_property *next;
	struct str name, value;
};

/* --- entering plugin code -------------------------------------------------------------------- */
static inline breadcrumb_word *policy_word(struct policy_thread *t)
{
	if (UNLIKELY(!t->word))
		t->word = &t->own;
	return t->word;
}

static inline uint64_t policy_crumb(
	struct policy_thread *t, uint32_t binding, enum callback callback)
{
	return (uint64_t)++t->sequence << 32 | (uint64_t)binding << 8 | (uint64_t)(callback + 1);
}

static inline void policy_mark(uint32_t binding, enum callback callback)
{
	struct policy_thread *t = &policy_thread;
	atomic_store_explicit(
		policy_word(t), policy_crumb(t, binding, callback), memory_order_relaxed);
}

/* Into the same callback of one instance after the other: what is the same for all of them is told
 * once, and what is not takes a dozen instructions. */
static inline void policy_enter_many(struct sluice_exchange *x, enum callback callback)
{
	struct policy_thread *t = &policy_thread;
	t->exchange = x;
	t->callback = callback;
	policy_word(t);
}
static inline void policy_enter_next(struct sluice_instance *i, enum callback callback)
{
	struct policy_thread *t = &policy_thread;
	t->instance = i;
	atomic_store_explicit(t->word, policy_crumb(t, i->breadcrumb, callback), memory_order_relaxed);
}

/* `i` is NULL while a plugin is loaded. */
static inline void policy_enter(
	struct sluice_exchange *x, struct sluice_instance *i, enum callback callback)
{
	policy_thread.exchange = x;
	policy_thread.callback = callback;
	policy_thread.instance = i;
	policy_mark(i ? i->breadcrumb : 0, callback);
}

/* A plugin's own code, before there is an instance. */
static inline void policy_enter_plugin(uint32_t breadcrumb)
{
	policy_thread.exchange = NULL;
	policy_thread.callback = CALLBACK_LOAD;
	policy_thread.instance = NULL;
	policy_mark(breadcrumb, CALLBACK_LOAD);
}

static inline void policy_leave(void)
{
	struct policy_thread *t = &policy_thread;
	t->exchange = NULL;
	t->instance = NULL;
	atomic_store_explicit(policy_word(t), 0, memory_order_relaxed);
}
