/* SPDX-License-Identifier: Apache-2.0 */
/* A policy that does what its configuration says: what the harness has to find, and what it has to
 * leave alone. */
#include "sluice/sluice.h"
#include "sluice/state.h"
#include "sluice/work.h"

#include <fcntl.h>
#include <string.h>
#include <unistd.h>

struct state {
	struct sluice_str does;
	const struct sluice_work_service *service;
	struct sluice_work *work;
	const struct sluice_state_service *stores;
	struct sluice_state *store;
	struct sluice_exchange *kept;
	sluice_token token;
	void *leak;
	char generation; /* how many configurations there were, as a digit */
};

static int does(const struct state *s, const char *what)
{
	return s->does.n == strlen(what) && memcmp(s->does.p, what, s->does.n) == 0;
}

static int32_t configure(const struct sluice_call *call, const struct sluice_value *config,
	void *previous, void **state)
{
	const struct sluice_host *host = call->host;
	struct state *s = host->instance_alloc(call->instance, sizeof(*s));
	if (!s)
		return SLUICE_E_FULL;
	memset(s, 0, sizeof(*s));
	s->generation = '1';
	if (previous)
		s->generation = (char)(((struct state *)previous)->generation + 1);
	s->does = host->value_string(host->value_get(config, SLUICE_STR("does")), SLUICE_STR(""));
	s->service = host->service(SLUICE_WORK_SERVICE);
	s->work = s->service->open(call->instance, 10);
	*state = s;
	s->stores = host->service(SLUICE_STATE_SERVICE);
	if (does(s, "count") && !(s->store = s->stores->open(call->instance,
					  &(const struct sluice_state_options){
						  .size = sizeof(struct sluice_state_options),
						  .entries_max = 10,
						  .bytes_max = 65536})))
		return SLUICE_E_FULL;
	if (does(s, "leak"))
		s->leak = host->instance_alloc(call->instance, 100);
	if (does(s, "read"))
		close(open("/dev/null", O_RDONLY));
	return SLUICE_OK;
}

static void release(const struct sluice_call *call)
{
	call->host->instance_free(call->instance, call->state);
}

static int32_t worker_start(const struct sluice_call *call, void **worker_data)
{
	(void)worker_data;
	return does(call->state, "fail to start") ? SLUICE_E_FULL : SLUICE_OK;
}

static void run_job(const struct sluice_call *call, void *arg)
{
	(void)call;
	(void)arg;
	usleep(1000); /* here it may */
}

static int32_t pause_once(
	const struct sluice_host *host, struct sluice_exchange *x, struct state *s)
{
	s->token = host->pause(x, 5000);
	if (!s->token)
		return SLUICE_FAIL;
	host->resume(s->token);
	if (does(s, "resume twice"))
		host->resume(s->token);
	return SLUICE_PAUSE;
}

/* One request, whoever it is of. */
static int32_t count(const struct sluice_host *host, struct sluice_exchange *x, struct state *s)
{
	const struct sluice_question question = {.size = sizeof(question),
		.kind = SLUICE_COUNT,
		.key = SLUICE_STR("all"),
		.delta = 1,
		.limit = 1,
		.for_ms = 60000};
	struct sluice_answer a = {.size = sizeof(a)};
	int32_t rc = host->resumed(x) ? s->stores->take(x, s->store, &a)
				      : s->stores->ask(x, s->store, &question, &a);
	if (rc == SLUICE_PENDING)
		return host->wait(x, 5000);
	return rc == SLUICE_OK && a.result == SLUICE_OK ? SLUICE_CONTINUE : SLUICE_FAIL;
}

/* By TLS, with the claim that a test gave it, and with none of a request before. */
static int is_new_client(const struct sluice_host *host, struct sluice_exchange *x)
{
	struct sluice_str json;
	return host->fact(x, SLUICE_FACT_TLS_VERSION).n > 0 &&
	       host->claim_get(x, SLUICE_STR("given"), &json) == SLUICE_OK &&
	       host->claim_get(x, SLUICE_STR("found"), &json) == SLUICE_E_NOT_FOUND &&
	       host->claim_set(x, SLUICE_STR("found"), SLUICE_STR("1")) == SLUICE_OK &&
	       host->violation(x, SLUICE_STR("seen"), SLUICE_STR(""), SLUICE_STR("")) == SLUICE_OK;
}

static int32_t request_head(const struct sluice_call *call, struct sluice_exchange *x)
{
	static const struct sluice_job job = {.size = sizeof(job), .run = run_job};
	const struct sluice_host *host = call->host;
	struct state *s = call->state;
	struct sluice_str ignored;
	if (does(s, "count"))
		return count(host, x, s);
	if (host->resumed(x))
		return SLUICE_CONTINUE;
	if (does(s, "tell"))
		host->property_set(
			x, SLUICE_STR("generation"), (struct sluice_str){&s->generation, 1});
	if (s->kept && does(s, "use after done"))
		host->field_get(s->kept, SLUICE_REQUEST, SLUICE_STR("host"), &ignored);
	s->kept = x;
	if (does(s, "sleep"))
		usleep(1);
	if (does(s, "look at the client") && !is_new_client(host, x))
		return SLUICE_FAIL;
	if (does(s, "invent a token"))
		host->resume(12345);
	if (does(s, "set the status"))
		host->status_set(x, 200);
	if (does(s, "open late"))
		s->service->open(call->instance, 10);
	if (does(s, "resume") || does(s, "resume twice"))
		return pause_once(host, x, s);
	if (does(s, "wait for a job")) {
		if (s->service->begin(x, s->work, &job, s) != SLUICE_OK)
			return SLUICE_FAIL;
		return host->wait(x, 5000);
	}
	if (does(s, "wait in vain"))
		return host->pause(x, 5000) ? SLUICE_PAUSE : SLUICE_FAIL;
	if (does(s, "allocate")) {
		char *memory = host->exchange_alloc(x, 16);
		return memory && host->exchange_alloc(x, 16) ? SLUICE_CONTINUE : SLUICE_FAIL;
	}
	return SLUICE_CONTINUE;
}

/* Every piece of a body, in brackets. */
static int32_t request_body(
	const struct sluice_call *call, struct sluice_exchange *x, const struct sluice_body *body)
{
	const struct sluice_host *host = call->host;
	if (!does(call->state, "bracket") || body->bytes.n == 0)
		return SLUICE_CONTINUE;
	host->body_replace(x, SLUICE_STR("["));
	host->body_replace(x, body->bytes);
	return host->body_replace(x, SLUICE_STR("]")) == SLUICE_OK ? SLUICE_CONTINUE : SLUICE_FAIL;
}

const struct sluice_plugin *sluice_plugin_v1(void)
{
	static const struct sluice_policy policy = {.size = sizeof(policy),
		.name = "misuse",
		.version = "1.0.0",
		.configure = configure,
		.release = release,
		.worker_start = worker_start,
		.request_head = request_head,
		.request_body = request_body};
	static const struct sluice_policy *const policies[] = {&policy};
	static const char *const requires_services[] = {SLUICE_WORK_SERVICE, NULL};
	static const struct sluice_plugin plugin = {.size = sizeof(plugin),
		.abi_major = SLUICE_ABI_MAJOR,
		.abi_minor = SLUICE_ABI_MINOR,
		.policy_count = 1,
		.name = "misuse",
		.version = "1.0.0",
		.policies = policies,
		.requires_services = requires_services};
	return &plugin;
}
