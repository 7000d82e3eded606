/* SPDX-License-Identifier: Apache-2.0 */
/* hostile - a policy that does what no policy may, when it is told to: what the gateway promises
 * about each is tested with it.
 *
 * In request_head it does what the field x-hostile asks for; in configure, in worker_start and in
 * load, what the configuration (or $SLUICE_HOSTILE_LOAD) asks for. */
#include "sluice/sluice.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static volatile int sink;

static void fall_down(volatile int *deeper)
{
	volatile int here[4096];
	here[0] = *deeper + 1;
	if (here[0] > 0) /* always, long before it overflows */
		fall_down(here);
	sink = here[0];
}

static void spin(void)
{
	for (;;)
		sink++;
}

static int is(struct sluice_str word, const char *name)
{
	return word.n == strlen(name) && memcmp(word.p, name, word.n) == 0;
}

static void *crash_alone(void *arg)
{
	abort();
}

/* In a thread of its own, where no callback runs that could be accused. */
static void crash_elsewhere(void)
{
	pthread_t thread;
	if (pthread_create(&thread, NULL, crash_alone, NULL) == 0)
		pthread_join(thread, NULL);
}

static void misbehave(struct sluice_str how)
{
	volatile int zero = 0, *volatile nowhere = NULL;
	if (is(how, "null"))
		*nowhere = 1;
	else if (is(how, "divide"))
		sink = 7 / zero;
	else if (is(how, "abort"))
		abort();
	else if (is(how, "stack"))
		fall_down(&zero);
	else if (is(how, "loop"))
		spin();
	else if (is(how, "sleep"))
		sleep(3600);
	else if (is(how, "nap"))
		usleep(1500000);
	else if (is(how, "thread"))
		crash_elsewhere();
	else if (is(how, "exit"))
		_exit(7);
}

static int32_t configure(const struct sluice_call *call, const struct sluice_value *config,
	void *previous, void **out)
{
	const struct sluice_host *host = call->host;
	misbehave(host->value_string(
		host->value_get(config, SLUICE_STR("configure")), SLUICE_STR("")));
	return SLUICE_OK;
}

static int32_t request_head(const struct sluice_call *call, struct sluice_exchange *x)
{
	struct sluice_str how;
	if (call->host->field_get(x, SLUICE_REQUEST, SLUICE_STR("x-hostile"), &how) != SLUICE_OK)
		return SLUICE_CONTINUE;
	if (is(how, "fail"))
		return SLUICE_FAIL;
	/* Nobody resumes it: the deadline ends it. */
	if (is(how, "pause"))
		return call->host->pause(x, 20) ? SLUICE_PAUSE : SLUICE_FAIL;
	misbehave(how);
	return SLUICE_CONTINUE;
}

static int32_t load(const struct sluice_host *host)
{
	const char *how = getenv("SLUICE_HOSTILE_LOAD");
	if (how)
		misbehave((struct sluice_str){how, strlen(how)});
	return SLUICE_OK;
}

static const struct sluice_policy policy = {
	.size = sizeof(policy),
	.name = "hostile",
	.version = "1.0.0",
	.configure = configure,
	.request_head = request_head,
};

const struct sluice_plugin *sluice_plugin_v1(void)
{
	static const struct sluice_policy *const policies[] = {&policy};
	static const struct sluice_plugin plugin = {
		.size = sizeof(plugin),
		.abi_major = SLUICE_ABI_MAJOR,
		.abi_minor = SLUICE_ABI_MINOR,
		.policy_count = 1,
		.name = "hostile",
		.version = "1.0.0",
		.policies = policies,
		.load = load,
	};
	return &plugin;
}
