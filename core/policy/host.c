/* SPDX-License-Identifier: Apache-2.0 */
/* policy/host.c - the table that plugins get, and the calls that are about nothing but the run. */
#include "policy/chain.h"

#include "base/memory.h"
#include "policy/host_priv.h"
#include "policy/observer.h"
#include "policy/operation.h"
#include "policy/pause.h"

#include <stdlib.h>

#define PROPERTY_NAME_BYTES_MAX 64
#define PAUSE_MS_MAX            600000
/* What one callback may put in the place of the bytes at hand, unless its contract allows more. */
#define REPLACE_BYTES_MAX (4u << 20)

const struct policy_call host_calls[HOST_CALL_COUNT] = {
#define X(name, legal) [HOST_##name] = {#name, (legal)},
	HOST_CALLS(X)
#undef X
};

/* --- memory ---------------------------------------------------------------------------------- */
static void *exchange_alloc(struct sluice_exchange *x, size_t size)
{
	if (!host_allows(x, HOST_exchange_alloc)) {
		host_refuse(HOST_exchange_alloc);
		return NULL;
	}
	return arena_alloc(x->arena, size);
}

/* In front of each block of an instance; keeps 16-byte alignment. */
union block_head {
	size_t size;
	_Alignas(16) char align[16];
};

void *host_instance_alloc(struct sluice_instance *i, size_t size)
{
	if (size > i->bytes_max)
		return NULL;
	size_t total = size + sizeof(union block_head);
	size_t before = atomic_fetch_add_explicit(&i->bytes_used, total, memory_order_relaxed);
	union block_head *head = before + total <= i->bytes_max ? malloc(total) : NULL;
	if (!head) {
		atomic_fetch_sub_explicit(&i->bytes_used, total, memory_order_relaxed);
		return NULL;
	}
	head->size = total;
	return head + 1;
}

void host_instance_free(struct sluice_instance *i, void *p)
{
	if (!p)
		return;
	union block_head *head = (union block_head *)p - 1;
	atomic_fetch_sub_explicit(&i->bytes_used, head->size, memory_order_relaxed);
	free(head);
}

/* --- time ------------------------------------------------------------------------------------ */
static int64_t now_ms(struct sluice_exchange *x)
{
	return host_allows(x, HOST_now_ms) ? loop_now_ms(x->loop) : host_refuse(HOST_now_ms);
}

static int64_t wall_ms(struct sluice_exchange *x)
{
	return host_allows(x, HOST_wall_ms) ? loop_wall_us(x->loop) / 1000
					    : host_refuse(HOST_wall_ms);
}

/* --- waiting --------------------------------------------------------------------------------- */
static sluice_token host_pause(struct sluice_exchange *x, uint32_t deadline_ms)
{
	if (!host_allows(x, HOST_pause)) {
		host_refuse(HOST_pause);
		return 0;
	}
	if (deadline_ms < 1 || deadline_ms > PAUSE_MS_MAX)
		return 0;
	return chain_pause(x, deadline_ms);
}

static int32_t host_resume(sluice_token token)
{
	return pause_resume(token) == RC_OK ? SLUICE_OK : SLUICE_E_STALE;
}

static int32_t host_wait(struct sluice_exchange *x, uint32_t deadline_ms)
{
	if (!host_allows(x, HOST_wait)) {
		host_refuse(HOST_wait);
		return SLUICE_FAIL;
	}
	if (!operations_await(x)) {
		host_refuse_late(HOST_wait, "this binding has begun nothing here");
		return SLUICE_FAIL;
	}
	if (deadline_ms < 1 || deadline_ms > PAUSE_MS_MAX || !chain_pause(x, deadline_ms))
		return SLUICE_FAIL;
	x->run[x->direction].waits = true;
	return SLUICE_PAUSE;
}

static int32_t host_resumed(struct sluice_exchange *x)
{
	return host_allows(x, HOST_resumed) ? x->is_resumed : host_refuse(HOST_resumed);
}

/* --- bodies ---------------------------------------------------------------------------------- */
static bool may_replace(const struct sluice_exchange *x)
{
	enum body_mode mode = x->current->contract[x->direction].mode;
	if (x->direction == CHAIN_RESPONSE && !x->response->has_content)
		return false;
	/* A head without content has gone ahead of a streamed body. */
	return mode == BODY_BUFFER ||
	       (mode == BODY_STREAM && (x->direction == CHAIN_RESPONSE ||
					       x->request->content_length != CONTENT_LENGTH_NONE));
}

static int32_t body_replace(struct sluice_exchange *x, struct sluice_str bytes)
{
	if (!host_allows(x, HOST_body_replace))
		return host_refuse(HOST_body_replace);
	if (!may_replace(x))
		return SLUICE_E_INVALID;
	struct chain_body *body = x->run[x->direction].body;
	size_t max = x->current->contract[x->direction].bytes_max;
	if (max < REPLACE_BYTES_MAX)
		max = REPLACE_BYTES_MAX;
	if (bytes.n > max || body->replaced.bytes > max - bytes.n)
		return SLUICE_E_FULL;
	if (bytes.n)
		chunk_queue_add_copy(&body->replaced, str_in(bytes));
	body->was_replaced = true;
	return SLUICE_OK;
}

static int32_t body_pass(struct sluice_exchange *x)
{
	if (!host_allows(x, HOST_body_pass))
		return host_refuse(HOST_body_pass);
	x->run[x->direction].let_by |= x->current->bit;
	return SLUICE_OK;
}

static int32_t response_pass(struct sluice_exchange *x)
{
	if (!host_allows(x, HOST_response_pass))
		return host_refuse(HOST_response_pass);
	x->takes[CHAIN_RESPONSE] &= ~x->current->bit;
	return SLUICE_OK;
}

/* --- shared along the chain ------------------------------------------------------------------ */
static struct chain_property *property_find(const struct sluice_exchange *x, struct str name)
{
	struct chain_property *p = x->properties;
	while (p && !str_eq(p->name, name))
		p = p->next;
	return p;
}

static int32_t property_set(
	struct sluice_exchange *x, struct sluice_str name, struct sluice_str value)
{
	if (!host_allows(x, HOST_property_set))
		return host_refuse(HOST_property_set);
	if (name.n == 0 || name.n > PROPERTY_NAME_BYTES_MAX)
		return SLUICE_E_INVALID;
	struct str copy = arena_copy(x->arena, str_in(value));
	if (value.n && !copy.n)
		return SLUICE_E_FULL;
	struct chain_property *p = property_find(x, str_in(name));
	if (!p) {
		p = arena_alloc(x->arena, sizeof(*p));
		struct str own = arena_copy(x->arena, str_in(name));
		if (!p || !own.n)
			return SLUICE_E_FULL;
		p->name = own;
		p->next = x->properties;
		x->properties = p;
	}
	p->value = copy;
	return SLUICE_OK;
}

static int32_t property_get(
	struct sluice_exchange *x, struct sluice_str name, struct sluice_str *value)
{
	if (!host_allows(x, HOST_property_get))
		return host_refuse(HOST_property_get);
	const struct chain_property *p = property_find(x, str_in(name));
	if (!p)
		return SLUICE_E_NOT_FOUND;
	*value = str_out(p->value);
	return SLUICE_OK;
}

/* Leaves *to as it is when nothing is given; false: no memory. */
static bool take_part(struct sluice_exchange *x, struct str *to, struct sluice_str given)
{
	if (!given.n)
		return true;
	struct str copy = arena_copy(x->arena, str_in(given));
	if (!copy.n)
		return false;
	*to = copy;
	return true;
}

static int32_t authenticate(struct sluice_exchange *x, struct sluice_str principal,
	struct sluice_str client_id, struct sluice_str client_name)
{
	if (!host_allows(x, HOST_authenticate))
		return host_refuse(HOST_authenticate);
	bool ok = take_part(x, &x->principal, principal) &&
		  take_part(x, &x->client_id, client_id) &&
		  take_part(x, &x->client_name, client_name);
	return ok ? SLUICE_OK : SLUICE_E_FULL;
}

/* --- data of a binding ----------------------------------------------------------------------- */
static void data_set(struct sluice_exchange *x, void *data)
{
	if (!host_allows(x, HOST_data_set)) {
		host_refuse(HOST_data_set);
		return;
	}
	if (!x->data)
		x->data = arena_zalloc(x->arena, x->chain->count * sizeof(*x->data));
	if (x->data)
		x->data[x->current->index] = data;
}

static void *data_get(struct sluice_exchange *x)
{
	if (!host_allows(x, HOST_data_get)) {
		host_refuse(HOST_data_get);
		return NULL;
	}
	return x->data ? x->data[x->current->index] : NULL;
}

static void *worker_data(struct sluice_exchange *x)
{
	if (!host_allows(x, HOST_worker_data)) {
		host_refuse(HOST_worker_data);
		return NULL;
	}
	const struct sluice_instance *i = x->current->instance;
	return x->worker < i->workers ? i->worker_data[x->worker] : NULL;
}

/* --- callbacks that an instance has no use for ----------------------------------------------- */
_Static_assert(SLUICE_OMIT_REQUEST_HEAD == IN(REQUEST_HEAD) && SLUICE_OMIT_LOG == IN(LOG),
	"the SDK's bits are those of enum callback");

static int32_t callbacks_omit(struct sluice_instance *i, uint32_t callbacks)
{
	if (!host_allows_instance(i, HOST_callbacks_omit))
		return host_refuse(HOST_callbacks_omit);
	if (callbacks >= SLUICE_OMIT_FRAME << 1)
		return SLUICE_E_INVALID;
	i->omitted |= callbacks & ~(uint32_t)SLUICE_OMIT_FRAME;
	i->omitted |= callbacks & SLUICE_OMIT_FRAME ? IN(FRAME) : 0;
	return SLUICE_OK;
}

/* --- the table ------------------------------------------------------------------------------- */
const struct sluice_host *host_own_table(void)
{
	static const struct sluice_host table = {
		.size = sizeof(table),
		.abi_major = SLUICE_ABI_MAJOR,
		.abi_minor = SLUICE_ABI_MINOR,
		.service = host_service,
		.log = host_log,
		.counter_define = host_counter_define,
		.counter_add = host_counter_add,
		.exchange_alloc = exchange_alloc,
		.instance_alloc = host_instance_alloc,
		.instance_free = host_instance_free,
		.value_type = host_value_type,
		.value_get = host_value_get,
		.value_at = host_value_at,
		.value_count = host_value_count,
		.value_bool = host_value_bool,
		.value_integer = host_value_integer,
		.value_real = host_value_real,
		.value_string = host_value_string,
		.config_error = host_config_error,
		.fact = host_fact,
		.status = host_status,
		.status_set = host_status_set,
		.now_ms = now_ms,
		.wall_ms = wall_ms,
		.field_get = host_field_get,
		.field_next = host_field_next,
		.field_set = host_field_set,
		.field_add = host_field_add,
		.field_remove = host_field_remove,
		.path_set = host_path_set,
		.respond = host_respond,
		.respond_error = host_respond_error,
		.pause = host_pause,
		.resume = host_resume,
		.resumed = host_resumed,
		.body_replace = body_replace,
		.property_set = property_set,
		.property_get = property_get,
		.authenticate = authenticate,
		.data_set = data_set,
		.data_get = data_get,
		.worker_data = worker_data,
		.value_wipe = host_value_wipe,
		.body_pass = body_pass,
		.field_prepare = host_field_prepare,
		.field_set_prepared = host_field_set_prepared,
		.callbacks_omit = callbacks_omit,
		.body_length = host_body_length,
		.wait = host_wait,
		.target = host_target,
		.label_get = host_label_get,
		.label_next = host_label_next,
		.claim_set = host_claim_set,
		.claim_get = host_claim_get,
		.claim_next = host_claim_next,
		.method_set = host_method_set,
		.violation = host_violation,
		.reroute = host_reroute,
		.claims_prepare = host_claims_prepare,
		.claims_set_prepared = host_claims_set_prepared,
		.length_declared = host_length_declared,
		.response_pass = response_pass,
	};
	return &table;
}
