/* SPDX-License-Identifier: Apache-2.0 */
#include "settings.h"

#include "interpreter.h"

#include "sluice/text.h"

#include <string.h>

static const struct sluice_value *get(
	const struct sluice_call *call, const struct sluice_value *config, const char *name)
{
	return call->host->value_get(config, (struct sluice_str){name, strlen(name)});
}

static int32_t complain(
	const struct sluice_call *call, const struct sluice_value *at, const char *message)
{
	call->host->config_error(call->instance, at, (struct sluice_str){message, strlen(message)});
	return SLUICE_E_INVALID;
}

/* --- parts ------------------------------------------------------------------------------------ */
static void take_services(const struct sluice_call *call, struct settings *s)
{
	const struct sluice_host *host = call->host;
	s->host = host;
	s->crypto = host->service(SLUICE_CRYPTO_SERVICE);
	s->expr = host->service(SLUICE_EXPR_SERVICE);
	s->http = host->service(SLUICE_HTTP_SERVICE);
	s->metrics = host->service(SLUICE_METRICS_SERVICE);
	s->request = host->service(SLUICE_REQUEST_SERVICE);
	s->state = host->service(SLUICE_STATE_SERVICE);
	s->timer = host->service(SLUICE_TIMER_SERVICE);
}

static int32_t compile_expressions(
	const struct sluice_call *call, const struct sluice_value *map, struct settings *s)
{
	const struct sluice_host *host = call->host;
	size_t count = host->value_count(map);
	if (count == 0)
		return SLUICE_OK;
	s->expressions = host->instance_alloc(call->instance, count * sizeof(*s->expressions));
	if (!s->expressions)
		return SLUICE_E_FULL;
	for (size_t i = 0; i < count; i++) {
		struct expression *e = &s->expressions[i];
		const struct sluice_value *value = host->value_at(map, i, &e->name);
		e->compiled = s->expr->compile(call->instance, value);
		if (!e->compiled)
			return SLUICE_E_INVALID;
		s->expression_count++;
	}
	return SLUICE_OK;
}

static int32_t find_targets(
	const struct sluice_call *call, const struct sluice_value *map, struct settings *s)
{
	const struct sluice_host *host = call->host;
	size_t count = host->value_count(map);
	if (count == 0)
		return SLUICE_OK;
	if (!s->http || !SLUICE_HAS(host, target))
		return complain(call, map, "this gateway has no sluice.http/1");
	s->targets = host->instance_alloc(call->instance, count * sizeof(*s->targets));
	if (!s->targets)
		return SLUICE_E_FULL;
	for (size_t i = 0; i < count; i++) {
		struct named_target *t = &s->targets[i];
		t->target = host->target(call->instance, host->value_at(map, i, &t->name));
		if (!t->target)
			return SLUICE_E_INVALID;
		s->target_count++;
	}
	return SLUICE_OK;
}

static int32_t open_store(
	const struct sluice_call *call, const struct sluice_value *options, struct settings *s)
{
	const struct sluice_host *host = call->host;
	struct sluice_state_options o = {.size = sizeof(o)};
	o.name = host->value_string(get(call, options, "name"), SLUICE_STR(""));
	o.entries_max = (uint32_t)host->value_integer(get(call, options, "entries"), 100000);
	o.bytes_max = (uint64_t)host->value_integer(get(call, options, "bytes"), 16777216);
	s->store = s->state->open(call->instance, &o);
	return s->store ? SLUICE_OK : complain(call, options, "the store cannot be opened");
}

static uint8_t shows_body(const struct sluice_call *call, const struct sluice_value *body)
{
	struct sluice_str mode =
		call->host->value_string(get(call, body, "mode"), SLUICE_STR("none"));
	return !sluice_equal(mode, SLUICE_STR("none"));
}

static void take_numbers(
	const struct sluice_call *call, const struct sluice_value *config, struct settings *s)
{
	const struct sluice_host *host = call->host;
	s->script = host->value_string(get(call, config, "script"), SLUICE_STR(""));
	s->config = get(call, config, "config");
	s->instructions = (uint64_t)host->value_integer(get(call, config, "instructions"), 1000000);
	s->memory_bytes = (size_t)host->value_integer(get(call, config, "memoryBytes"), 16777216);
	s->wait_ms = (uint32_t)host->value_integer(get(call, config, "waitMs"), 5000);
	s->shows_body[SLUICE_REQUEST] = shows_body(call, get(call, config, "requestBody"));
	s->shows_body[SLUICE_RESPONSE] = shows_body(call, get(call, config, "responseBody"));
}

/* --- the script ------------------------------------------------------------------------------- */
_Static_assert(SLUICE_OMIT_REQUEST_HEAD == 1 << HANDLER_request_head &&
		       SLUICE_OMIT_LOG == 1 << HANDLER_log,
	"handlers stand in the order of the SDK's bits");
#define OMIT_ALL (SLUICE_OMIT_LOG * 2 - 1)

static int32_t check_bodies(
	const struct sluice_call *call, const struct settings *s, const struct sluice_value *script)
{
	if (s->handlers & 1 << HANDLER_request_body && !s->shows_body[SLUICE_REQUEST])
		return complain(call, script,
			"request_body is never called while requestBody.mode is none");
	if (s->handlers & 1 << HANDLER_response_body && !s->shows_body[SLUICE_RESPONSE])
		return complain(call, script,
			"response_body is never called while responseBody.mode is none");
	return SLUICE_OK;
}

/* Runs the chunk once: what is wrong with it is told where it stands, and not by the first request.
 */
static int32_t try_script(
	const struct sluice_call *call, const struct sluice_value *config, struct settings *s)
{
	char message[MESSAGE_BYTES];
	const struct sluice_value *at = get(call, config, "script");
	struct interpreter *in = interpreter_new(call, s, s, message);
	if (!in)
		return complain(call, at, message);
	for (int h = 0; h < HANDLER_COUNT; h++)
		if (interpreter_has(in, (enum handler)h))
			s->handlers |= 1u << h;
	interpreter_close(in);
	interpreter_free(in);
	call->host->callbacks_omit(call->instance, ~s->handlers & OMIT_ALL);
	return check_bodies(call, s, at);
}

/* --- all -------------------------------------------------------------------------------------- */
void settings_free(const struct sluice_call *call, struct settings *s)
{
	const struct sluice_host *host = call->host;
	for (size_t i = 0; i < s->expression_count; i++)
		s->expr->free(call->instance, s->expressions[i].compiled);
	host->instance_free(call->instance, s->expressions);
	host->instance_free(call->instance, s->targets);
	while (s->declared) {
		struct declared *next = s->declared->next;
		host->instance_free(call->instance, s->declared);
		s->declared = next;
	}
	host->instance_free(call->instance, s);
}

int32_t settings_new(
	const struct sluice_call *call, const struct sluice_value *config, struct settings **out)
{
	struct settings *s = call->host->instance_alloc(call->instance, sizeof(*s));
	if (!s)
		return SLUICE_E_FULL;
	memset(s, 0, sizeof(*s));
	take_services(call, s);
	take_numbers(call, config, s);
	int32_t rc = compile_expressions(call, get(call, config, "expressions"), s);
	if (rc == SLUICE_OK)
		rc = find_targets(call, get(call, config, "targets"), s);
	if (rc == SLUICE_OK)
		rc = open_store(call, get(call, config, "state"), s);
	if (rc == SLUICE_OK)
		rc = try_script(call, config, s);
	if (rc != SLUICE_OK) {
		settings_free(call, s);
		return rc;
	}
	*out = s;
	return SLUICE_OK;
}
