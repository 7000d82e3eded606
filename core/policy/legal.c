/* SPDX-License-Identifier: Apache-2.0 */
#include "policy/legal.h"

#include "base/memory.h"
#include "policy/host_priv.h"
#include "policy/observer.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

static const struct policy_observer nobody, *observer = &nobody;

void policy_observe(const struct policy_observer *o)
{
	observer = o ? o : &nobody;
}

const struct sluice_host *host_table(void)
{
	return observer->host ? observer->host : host_own_table();
}

/* --- told once ------------------------------------------------------------------------------- */
/* As many as a plugin makes different calls in wrong places. */
struct policy_refusal {
	struct policy_refusal *next;
	const struct policy_call *call;
};

/* Of the lists of all instances: who comes here has made a mistake, and can wait. */
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

static bool is_first_refusal(struct sluice_instance *i, const struct policy_call *call)
{
	pthread_mutex_lock(&lock);
	const struct policy_refusal *r = i->refusals;
	while (r && r->call != call)
		r = r->next;
	if (!r) {
		struct policy_refusal *added = heap_alloc(sizeof(*added));
		*added = (struct policy_refusal){.next = i->refusals, .call = call};
		i->refusals = added;
	}
	pthread_mutex_unlock(&lock);
	return !r;
}

void instance_refusals_free(struct sluice_instance *i)
{
	while (i->refusals) {
		struct policy_refusal *next = i->refusals->next;
		free(i->refusals);
		i->refusals = next;
	}
}

/* --- telling --------------------------------------------------------------------------------- */
void policy_complain(struct sluice_instance *i, const struct sluice_exchange *x,
	enum sluice_log_level level, struct str message)
{
	if (observer->complaint)
		observer->complaint(observer->arg, message);
	if (i)
		policy_log(i, x, level, message);
}

/* A test hears of every one. */
static bool is_to_be_told(struct sluice_instance *i, const struct policy_call *call)
{
	return (i && is_first_refusal(i, call)) || observer->complaint;
}

int32_t policy_refuse(const struct policy_call *call)
{
	struct sluice_instance *i = policy_thread.instance;
	char text[512];
	if (!is_to_be_told(i, call))
		return SLUICE_E_WRONG_CALLBACK;
	int n = i ? snprintf(text, sizeof(text),
			    "%s is not legal in %s for this handle; it is in:", call->name,
			    callback_name(policy_thread.callback))
		  : snprintf(text, sizeof(text), "%s outside of any callback", call->name);
	for (unsigned c = 0; i && c < CALLBACK_COUNT; c++)
		if (call->legal >> c & 1)
			n += snprintf(text + n, sizeof(text) - (size_t)n, " %s",
				callback_name((enum callback)c));
	policy_complain(i, policy_thread.exchange, SLUICE_LOG_ERROR, str_n(text, (size_t)n));
	return SLUICE_E_WRONG_CALLBACK;
}

int32_t policy_refuse_late(const struct policy_call *call, const char *why)
{
	struct sluice_instance *i = policy_thread.instance;
	char text[192];
	if (!is_to_be_told(i, call))
		return SLUICE_E_WRONG_CALLBACK;
	int n = snprintf(text, sizeof(text), "%s is refused in %s: %s", call->name,
		callback_name(policy_thread.callback), why);
	policy_complain(i, policy_thread.exchange, SLUICE_LOG_ERROR, str_n(text, (size_t)n));
	return SLUICE_E_WRONG_CALLBACK;
}

/* --- asking ---------------------------------------------------------------------------------- */
bool policy_allows_exchange(const struct policy_call *call, const struct sluice_exchange *x)
{
	const struct policy_thread *t = &policy_thread;
	if (LIKELY(x && t->exchange == x && (call->legal >> t->callback & 1)))
		return true;
	policy_refuse(call);
	return false;
}

bool policy_allows(const struct policy_call *call, const struct sluice_instance *i)
{
	const struct policy_thread *t = &policy_thread;
	if (LIKELY(i && t->instance == i && (call->legal >> t->callback & 1)))
		return true;
	policy_refuse(call);
	return false;
}
