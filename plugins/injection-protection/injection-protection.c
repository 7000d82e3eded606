/* SPDX-License-Identifier: Apache-2.0 */
/* injection-protection - values that would become SQL or script where they are put in.
 *
 * The target and the fields are judged at the head; a body is collected when it may hold values. */
#include "inputs.h"
#include "sql.h"
#include "xss.h"

#include "util/content.h"

#include "sluice/regex.h"

#include <stdio.h>
#include <string.h>

struct custom {
	struct sluice_str name; /* a view of the configuration */
	struct sluice_regex *regex;
};

struct state {
	const struct sluice_regex_service *regex;
	struct custom *customs; /* owned */
	size_t custom_count;
	int sql, xss;
	int target, headers, body;
	struct sluice_str header_names; /* a view of the configuration; empty: all */
	int all_types;
	int rejects;
	int32_t attempts;
};

/* --- configuration --------------------------------------------------------------------------- */
static int flag(
	const struct sluice_host *host, const struct sluice_value *config, struct sluice_str name)
{
	return host->value_bool(host->value_get(config, name), 1);
}

static void release(const struct sluice_call *call)
{
	struct state *s = call->state;
	for (size_t i = 0; i < s->custom_count; i++)
		s->regex->free(call->instance, s->customs[i].regex);
	call->host->instance_free(call->instance, s->customs);
	call->host->instance_free(call->instance, s);
}

static int32_t read_customs(
	const struct sluice_call *call, const struct sluice_value *list, struct state *s)
{
	const struct sluice_host *host = call->host;
	size_t count = host->value_count(list);
	int32_t rc = SLUICE_OK;
	if (count == 0)
		return SLUICE_OK;
	s->customs = host->instance_alloc(call->instance, count * sizeof(*s->customs));
	if (!s->customs)
		return SLUICE_E_FULL;
	for (size_t i = 0; i < count; i++) {
		const struct sluice_value *entry = host->value_at(list, i, NULL);
		const struct sluice_value *regex = host->value_get(entry, SLUICE_STR("regex"));
		struct custom *c = &s->customs[s->custom_count];
		c->name = host->value_string(
			host->value_get(entry, SLUICE_STR("name")), SLUICE_STR(""));
		c->regex = s->regex->compile(
			call->instance, host->value_string(regex, SLUICE_STR("")), 0, regex);
		if (c->regex)
			s->custom_count++;
		else
			rc = SLUICE_E_INVALID;
	}
	return rc;
}

static void read_built_in(
	const struct sluice_host *host, const struct sluice_value *list, struct state *s)
{
	s->sql = s->xss = list == NULL;
	for (size_t i = 0; i < host->value_count(list); i++) {
		struct sluice_str name =
			host->value_string(host->value_at(list, i, NULL), SLUICE_STR(""));
		s->sql |= content_equal(name, SLUICE_STR("sql"));
		s->xss |= content_equal(name, SLUICE_STR("xss"));
	}
}

static int32_t configure(const struct sluice_call *call, const struct sluice_value *config,
	void *previous, void **out)
{
	const struct sluice_host *host = call->host;
	struct state *s = host->instance_alloc(call->instance, sizeof(*s));
	if (!s)
		return SLUICE_E_FULL;
	*s = (struct state){
		.regex = host->service(SLUICE_REGEX_SERVICE),
		.target = flag(host, config, SLUICE_STR("protectPathAndQuery")),
		.headers = flag(host, config, SLUICE_STR("protectHeaders")),
		.body = flag(host, config, SLUICE_STR("protectBody")),
		.rejects = flag(host, config, SLUICE_STR("rejectRequests")),
		.all_types = host->value_bool(
			host->value_get(config, SLUICE_STR("checkAllContentTypes")), 0),
		.header_names = host->value_string(
			host->value_get(config, SLUICE_STR("headersToProtect")), SLUICE_STR("")),
	};
	read_built_in(host, host->value_get(config, SLUICE_STR("builtInProtections")), s);
	s->attempts = host->counter_define(call->instance, SLUICE_STR("injection_attempts"),
		SLUICE_STR("Requests in which injection protection found something"));
	int32_t rc =
		read_customs(call, host->value_get(config, SLUICE_STR("customProtections")), s);
	if (rc == SLUICE_OK) {
		*out = s;
		return SLUICE_OK;
	}
	struct sluice_call own = *call;
	own.state = s;
	release(&own);
	return rc;
}

/* --- judging --------------------------------------------------------------------------------- */
/* What was found, and in what. */
struct finding {
	const struct state *state;
	enum input input;
	const char *kind;       /* "sql", "xss", "custom" */
	struct sluice_str name; /* of the shape, or of the operator's protection */
};

static int tell(struct finding *f, enum input input, const char *kind, struct sluice_str name)
{
	f->input = input;
	f->kind = kind;
	f->name = name;
	return 1;
}

/* A search that was given up tells nothing, and so counts as found. */
static int judge_customs(struct finding *f, enum input input, struct sluice_str value)
{
	const struct state *s = f->state;
	for (size_t i = 0; i < s->custom_count; i++)
		if (s->regex->match(s->customs[i].regex, value, NULL, 0) != SLUICE_E_NOT_FOUND)
			return tell(f, input, "custom", s->customs[i].name);
	return 0;
}

static int judge(void *arg, enum input input, struct sluice_str value)
{
	struct finding *f = arg;
	const struct state *s = f->state;
	if (s->custom_count && judge_customs(f, input, value))
		return 1;
	if (input >= INPUT_WHOLE_PATH)
		return 0;
	const char *shape = s->sql ? sql_injection(value) : NULL;
	if (shape)
		return tell(f, input, "sql", (struct sluice_str){shape, strlen(shape)});
	shape = s->xss ? xss_attack(value) : NULL;
	return shape ? tell(f, input, "xss", (struct sluice_str){shape, strlen(shape)}) : 0;
}

/* --- verdicts -------------------------------------------------------------------------------- */
static void log_finding(
	const struct sluice_call *call, struct sluice_exchange *x, const struct finding *f)
{
	static const char *const places[] = {
		"the path", "the query", "a header field", "the body", "the path", "the body"};
	char text[320];
	int n = snprintf(text, sizeof(text), "%s injection in %s: %.*s", f->kind, places[f->input],
		(int)f->name.n, f->name.p);
	call->host->log(call->instance, x, f->state->rejects ? SLUICE_LOG_INFO : SLUICE_LOG_WARN,
		(struct sluice_str){text, n > 0 && n < (int)sizeof(text) ? (size_t)n : 0});
}

static int32_t refuse(const struct sluice_call *call, struct sluice_exchange *x, int32_t status,
	struct sluice_str message, struct sluice_str reason)
{
	const struct sluice_str fields[] = {
		SLUICE_STR("x-injection-protection"), SLUICE_STR("blocked")};
	int32_t rc = call->host->respond_error(x, status, fields, 1, message, reason);
	return rc == SLUICE_OK ? SLUICE_RESPONDED : SLUICE_FAIL;
}

static int32_t settle(
	const struct sluice_call *call, struct sluice_exchange *x, const struct finding *f)
{
	char reason[32];
	int n = snprintf(reason, sizeof(reason), "injection_%s", f->kind);
	call->host->counter_add(call->instance, f->state->attempts, 1);
	log_finding(call, x, f);
	sluice_tell_violation(call->host, x, (struct sluice_str){reason, (size_t)n});
	if (!f->state->rejects)
		return SLUICE_CONTINUE;
	return refuse(call, x, 400, SLUICE_STR("The request was blocked"),
		(struct sluice_str){reason, (size_t)n});
}

/* What this policy reads in one way, the upstream might in another. */
static int32_t refuse_unclear(const struct sluice_call *call, struct sluice_exchange *x)
{
	sluice_tell_violation(call->host, x, SLUICE_STR("injection_unclear"));
	return refuse(call, x, 415, SLUICE_STR("The body cannot be checked as it is written"),
		SLUICE_STR("injection_unclear"));
}

/* --- exchanges ------------------------------------------------------------------------------- */
static int32_t let_body_pass(const struct sluice_call *call, struct sluice_exchange *x)
{
	return call->host->body_pass(x) == SLUICE_OK ? SLUICE_CONTINUE : SLUICE_FAIL;
}

/* Whether the body has to be looked at: it holds values, or says nothing about itself. */
static int32_t judge_body_kind(const struct sluice_call *call, struct sluice_exchange *x)
{
	const struct state *s = call->state;
	uint32_t kinds = content_kinds(call->host, x, SLUICE_REQUEST);
	int is_other = kinds == CONTENT_OTHER && !s->all_types;
	if (!s->body || is_other || call->host->body_length(x, SLUICE_REQUEST) == 0)
		return let_body_pass(call, x);
	int is_encoded = content_is_encoded(call->host, x, SLUICE_REQUEST);
	if (!is_encoded && inputs_head_is_clear(call->host, x, kinds))
		return SLUICE_CONTINUE;
	if (!s->rejects)
		return let_body_pass(call, x);
	if (!is_encoded)
		return refuse_unclear(call, x);
	return refuse(call, x, 415, SLUICE_STR("An encoded body cannot be checked"),
		SLUICE_STR("injection_encoded"));
}

static struct inputs inputs_for(
	const struct sluice_call *call, struct sluice_exchange *x, struct finding *f)
{
	return (struct inputs){.call = call,
		.exchange = x,
		.judge = judge,
		.arg = f,
		.headers = f->state->header_names,
		.all_types = f->state->all_types};
}

static int32_t request_head(const struct sluice_call *call, struct sluice_exchange *x)
{
	const struct state *s = call->state;
	struct finding f = {.state = s};
	struct inputs in = inputs_for(call, x, &f);
	int found = s->target ? inputs_of_target(&in) : 0;
	if (found == 0 && s->headers)
		found = inputs_of_headers(&in);
	inputs_deinit(&in);
	if (found < 0)
		return SLUICE_FAIL;
	if (found == 0)
		return judge_body_kind(call, x);
	int32_t verdict = settle(call, x, &f);
	/* One finding is enough to tell. */
	return verdict == SLUICE_CONTINUE ? let_body_pass(call, x) : verdict;
}

static int32_t request_body(
	const struct sluice_call *call, struct sluice_exchange *x, const struct sluice_body *body)
{
	struct finding f = {.state = call->state};
	struct inputs in = inputs_for(call, x, &f);
	uint32_t kinds = content_kinds(call->host, x, SLUICE_REQUEST);
	if (f.state->rejects && !inputs_body_is_clear(kinds, body->bytes))
		return refuse_unclear(call, x);
	int found = inputs_of_body(&in, kinds, body->bytes);
	inputs_deinit(&in);
	if (found < 0)
		return SLUICE_FAIL;
	return found ? settle(call, x, &f) : SLUICE_CONTINUE;
}

static const struct sluice_policy policy = {
	.size = sizeof(policy),
	.name = "injection-protection",
	.version = "1.0.0",
	.configure = configure,
	.release = release,
	.request_head = request_head,
	.request_body = request_body,
};

const struct sluice_plugin *sluice_plugin_v1(void)
{
	static const struct sluice_policy *const policies[] = {&policy};
	static const char *const services[] = {SLUICE_REGEX_SERVICE, NULL};
	static const struct sluice_plugin plugin = {
		.size = sizeof(plugin),
		.abi_major = SLUICE_ABI_MAJOR,
		.abi_minor = SLUICE_ABI_MINOR,
		.policy_count = 1,
		.name = "injection-protection",
		.version = "1.0.0",
		.policies = policies,
		.requires_services = services,
	};
	return &plugin;
}
