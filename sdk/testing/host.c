/* SPDX-License-Identifier: Apache-2.0 */
/* The host table of the gateway, with a few calls that look twice: allocations may fail on purpose,
 * pauses are counted, and a token that is resumed twice fails the test. */
#include "testing/testing_priv.h"

#include "policy/observer.h"
#include "policy/run.h"

#include <pthread.h>

/* Tokens that were resumed lately; a scenario has few of them. */
#define TOKENS_MAX 4096

static struct sluice_host table;
static const struct sluice_host *own;
static struct {
	enum testing_fault kind;
	unsigned at;
	unsigned points[FAULT_TIME + 1];
} faults;
static struct {
	pthread_mutex_t lock;
	sluice_token given[TOKENS_MAX], resumed[TOKENS_MAX];
	size_t given_count, resumed_count;
} tokens = {.lock = PTHREAD_MUTEX_INITIALIZER};

/* --- faults ---------------------------------------------------------------------------------- */
void testing_fault_plan(enum testing_fault kind, unsigned at)
{
	faults.kind = kind;
	faults.at = at;
	for (int i = 0; i <= FAULT_TIME; i++)
		faults.points[i] = 0;
}

unsigned testing_fault_points(enum testing_fault kind)
{
	return faults.points[kind];
}

bool testing_fault_is_here(enum testing_fault kind)
{
	unsigned point = faults.points[kind]++;
	return faults.kind == kind && faults.at == point;
}

bool testing_fault_was_here(enum testing_fault kind)
{
	return faults.kind == kind && faults.at < faults.points[kind];
}

static void *exchange_alloc(struct sluice_exchange *x, size_t size)
{
	return testing_fault_is_here(FAULT_ALLOCATION) ? NULL : own->exchange_alloc(x, size);
}

/* Jobs allocate on their threads, in an order that no run repeats: theirs do not fail. */
static void *instance_alloc(struct sluice_instance *i, size_t size)
{
	bool is_job = policy_runs(i, CALLBACK_JOB) || policy_runs(i, CALLBACK_DROPPED);
	if (!is_job && testing_fault_is_here(FAULT_ALLOCATION))
		return NULL;
	return own->instance_alloc(i, size);
}

/* --- tokens ---------------------------------------------------------------------------------- */
static bool is_among(const sluice_token *all, size_t count, sluice_token token)
{
	for (size_t i = 0; i < count && i < TOKENS_MAX; i++)
		if (all[i] == token)
			return true;
	return false;
}

static void note(sluice_token *all, size_t *count, sluice_token token)
{
	all[(*count)++ % TOKENS_MAX] = token;
}

static sluice_token pause(struct sluice_exchange *x, uint32_t deadline_ms)
{
	sluice_token token = own->pause(x, deadline_ms);
	pthread_mutex_lock(&tokens.lock);
	if (token)
		note(tokens.given, &tokens.given_count, token);
	pthread_mutex_unlock(&tokens.lock);
	return token;
}

static int32_t resume(sluice_token token)
{
	pthread_mutex_lock(&tokens.lock);
	bool is_known = is_among(tokens.given, tokens.given_count, token);
	bool is_second = is_among(tokens.resumed, tokens.resumed_count, token);
	note(tokens.resumed, &tokens.resumed_count, token);
	pthread_mutex_unlock(&tokens.lock);
	if (is_second)
		testing_fail("a token was resumed a second time");
	else if (!is_known)
		testing_fail("a token was resumed that no pause gave");
	return own->resume(token);
}

/* --- the table ------------------------------------------------------------------------------- */
static void on_complaint(void *arg, struct str message)
{
	(void)arg;
	testing_fail("%.*s", STR_ARG(message));
}

void testing_host_install(void)
{
	static const struct policy_observer observer = {.host = &table, .complaint = on_complaint};
	own = host_own_table();
	table = *own;
	table.exchange_alloc = exchange_alloc;
	table.instance_alloc = instance_alloc;
	table.pause = pause;
	table.resume = resume;
	tokens.given_count = tokens.resumed_count = 0;
	policy_observe(&observer);
}
