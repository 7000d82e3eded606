/* SPDX-License-Identifier: Apache-2.0 */
/* spike-control - at most so many requests in any window; what comes faster waits for a while.
 *
 * A request that waits holds a place in the queue from its first delay until it goes on, is refused, or its client
 * goes away. The window is this replica's. */
#include "window.h"

#include "sluice/sluice.h"
#include "sluice/timer.h"

/* A pause lasts as long as its delay; this much later something is wrong. */
#define PAUSE_MARGIN_MS 60000

struct state {
	const struct sluice_timer_service *timer;
	struct window *window; /* counted */
	uint32_t delay_ms;
	int64_t attempts_max;
	size_t waiting_max;
	int expose;
	int32_t delayed, refused;
};

/* What a request has that waited, or whose answer tells of the quota. */
struct wait {
	int is_queued;
	int64_t attempts;
	struct quota quota;
};

/* --- configuration --------------------------------------------------------------------------- */
static int64_t integer(
	const struct sluice_call *call, const struct sluice_value *config, struct sluice_str name)
{
	return call->host->value_integer(call->host->value_get(config, name), 0);
}

/* What was granted counts on where the window is the same. */
static int32_t window_init(struct state *s, const struct state *previous,
	const struct sluice_call *call, const struct sluice_value *config)
{
	size_t requests_max = (size_t)integer(call, config, SLUICE_STR("maximumRequests"));
	int64_t period_ms = integer(call, config, SLUICE_STR("timePeriodInMilliseconds"));
	if (requests_max < 1 || period_ms < 1) {
		call->host->config_error(call->instance, config,
			SLUICE_STR("a window has a length, and a request at least"));
		return SLUICE_E_INVALID;
	}
	if (previous && window_is(previous->window, requests_max, period_ms))
		s->window = window_ref(previous->window);
	else
		s->window = window_new(requests_max, period_ms);
	return s->window ? SLUICE_OK : SLUICE_E_FULL;
}

static void release(const struct sluice_call *call)
{
	struct state *s = call->state;
	window_unref(s->window);
	call->host->instance_free(call->instance, s);
}

static int32_t configure(const struct sluice_call *call, const struct sluice_value *config,
	void *previous, void **out)
{
	const struct sluice_host *host = call->host;
	struct state *s = host->instance_alloc(call->instance, sizeof(*s));
	if (!s)
		return SLUICE_E_FULL;
	*s = (struct state){
		.timer = host->service(SLUICE_TIMER_SERVICE),
		.delay_ms = (uint32_t)integer(call, config, SLUICE_STR("delayTimeInMillis")),
		.attempts_max = integer(call, config, SLUICE_STR("delayAttempts")),
		.waiting_max = (size_t)integer(call, config, SLUICE_STR("queuingLimit")),
		.expose = host->value_bool(host->value_get(config, SLUICE_STR("exposeHeaders")), 0),
		.delayed = host->counter_define(call->instance, SLUICE_STR("spike_delayed"),
			SLUICE_STR("Requests that spike control made wait")),
		.refused = host->counter_define(call->instance, SLUICE_STR("spike_refused"),
			SLUICE_STR("Requests refused by spike control")),
	};
	if (!s->expose)
		host->callbacks_omit(call->instance, SLUICE_OMIT_RESPONSE_HEAD);
	int32_t rc = window_init(s, previous, call, config);
	if (rc == SLUICE_OK) {
		*out = s;
		return rc;
	}
	struct sluice_call own = *call;
	own.state = s;
	release(&own);
	return rc;
}

/* --- exchanges ------------------------------------------------------------------------------- */
static void leave_queue(const struct state *s, struct wait *wait)
{
	if (wait && wait->is_queued)
		window_queue_leave(s->window);
	if (wait)
		wait->is_queued = 0;
}

static struct wait *wait_of(const struct sluice_call *call, struct sluice_exchange *x)
{
	struct wait *wait = call->host->data_get(x);
	if (wait)
		return wait;
	wait = call->host->exchange_alloc(x, sizeof(*wait));
	if (wait) {
		*wait = (struct wait){.is_queued = 0};
		call->host->data_set(x, wait);
	}
	return wait;
}

/* Whether it may wait (once more). */
static int joins(const struct sluice_call *call, struct wait *wait)
{
	const struct state *s = call->state;
	if (wait->attempts >= s->attempts_max)
		return 0;
	if (!wait->is_queued) {
		wait->is_queued = window_queue_join(s->window, s->waiting_max);
		if (wait->is_queued)
			call->host->counter_add(call->instance, s->delayed, 1);
	}
	return wait->is_queued;
}

static int32_t delay(const struct sluice_call *call, struct sluice_exchange *x, struct wait *wait)
{
	const struct state *s = call->state;
	sluice_token token = call->host->pause(x, s->delay_ms + PAUSE_MARGIN_MS);
	if (!token || s->timer->resume_after(x, token, s->delay_ms) != SLUICE_OK)
		return SLUICE_FAIL;
	wait->attempts++;
	return SLUICE_PAUSE;
}

static int32_t request_head(const struct sluice_call *call, struct sluice_exchange *x)
{
	const struct state *s = call->state;
	struct quota quota = window_take(s->window, call->host->now_ms(x));
	if (quota.allowed && !s->expose) {
		leave_queue(s, call->host->data_get(x));
		return SLUICE_CONTINUE;
	}
	struct wait *wait = wait_of(call, x);
	if (!wait)
		return SLUICE_FAIL;
	wait->quota = quota;
	if (!quota.allowed && joins(call, wait))
		return delay(call, x, wait);
	leave_queue(s, wait);
	if (quota.allowed)
		return SLUICE_CONTINUE;
	call->host->counter_add(call->instance, s->refused, 1);
	return quota_refuse(call, x, &quota, SLUICE_STR("spike"));
}

/* Also for the 429 of this policy: the walk of an answer begins here. */
static int32_t response_head(const struct sluice_call *call, struct sluice_exchange *x)
{
	const struct wait *wait = call->host->data_get(x);
	if (wait)
		quota_expose(call, x, &wait->quota);
	return SLUICE_CONTINUE;
}

/* A client that went away while it waited. */
static void done(const struct sluice_call *call, struct sluice_exchange *x)
{
	leave_queue(call->state, call->host->data_get(x));
}

static const struct sluice_policy policy = {
	.size = sizeof(policy),
	.name = "spike-control",
	.version = "1.0.0",
	.configure = configure,
	.release = release,
	.request_head = request_head,
	.response_head = response_head,
	.done = done,
};

const struct sluice_plugin *sluice_plugin_v1(void)
{
	static const struct sluice_policy *const policies[] = {&policy};
	static const char *const services[] = {SLUICE_TIMER_SERVICE, NULL};
	static const struct sluice_plugin plugin = {
		.size = sizeof(plugin),
		.abi_major = SLUICE_ABI_MAJOR,
		.abi_minor = SLUICE_ABI_MINOR,
		.policy_count = 1,
		.name = "spike-control",
		.version = "1.0.0",
		.policies = policies,
		.requires_services = services,
	};
	return &plugin;
}
