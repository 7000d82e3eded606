/* SPDX-License-Identifier: Apache-2.0 */
#include "claims.h"

#include "sluice/text.h"

#include <stdio.h>
#include <stdlib.h>

/* --- paths ----------------------------------------------------------------------------------- */
static char *copy(const struct sluice_call *call, struct sluice_str s)
{
	char *text = call->host->instance_alloc(call->instance, s.n + 1);
	if (text) {
		memcpy(text, s.p, s.n);
		text[s.n] = '\0';
	}
	return text;
}

static int32_t path_init(struct claim_path *path, const struct sluice_call *call,
	const struct sluice_value *item, struct sluice_str member)
{
	const struct sluice_value *at = call->host->value_get(item, member);
	struct sluice_str text = call->host->value_string(at, SLUICE_STR(""));
	if (memchr(text.p, '\0', text.n)) {
		call->host->config_error(call->instance, at, SLUICE_STR("no claim has that name"));
		return SLUICE_E_INVALID;
	}
	path->whole = copy(call, text);
	path->steps = copy(call, text);
	if (!path->whole || !path->steps)
		return SLUICE_E_FULL;
	path->step_count = 1;
	for (size_t i = 0; i < text.n; i++) {
		if (text.p[i] != '.')
			continue;
		path->steps[i] = '\0';
		path->step_count++;
	}
	return SLUICE_OK;
}

static void path_deinit(struct claim_path *path, const struct sluice_call *call)
{
	call->host->instance_free(call->instance, path->whole);
	call->host->instance_free(call->instance, path->steps);
}

const struct jose_value *claim_find(const struct jose_value *claims, const struct claim_path *path)
{
	const struct jose_value *v = jose_get(claims, path->whole);
	const char *step = path->steps;
	if (v)
		return v;
	v = claims;
	for (size_t i = 0; v && i < path->step_count; i++, step += strlen(step) + 1)
		v = jose_get(v, step);
	return v;
}

/* --- rules ----------------------------------------------------------------------------------- */
int32_t claim_rule_init(struct claim_rule *rule, const struct sluice_call *call,
	const struct sluice_value *item, int is_mandatory)
{
	const struct sluice_expr_service *expr = call->host->service(SLUICE_EXPR_SERVICE);
	const struct sluice_value *at = call->host->value_get(item, SLUICE_STR("value"));
	rule->is_mandatory = is_mandatory;
	rule->expr = expr->compile(call->instance, at);
	if (!rule->expr)
		return SLUICE_E_INVALID;
	rule->is_constant = (expr->uses(rule->expr) & SLUICE_EXPR_CONSTANT) != 0;
	if (expr->uses(rule->expr) & SLUICE_EXPR_PAYLOAD) {
		call->host->config_error(call->instance, at,
			SLUICE_STR("payload is not at hand when claims are judged"));
		return SLUICE_E_INVALID;
	}
	return path_init(&rule->path, call, item, SLUICE_STR("key"));
}

void claim_rule_deinit(struct claim_rule *rule, const struct sluice_call *call)
{
	const struct sluice_expr_service *expr = call->host->service(SLUICE_EXPR_SERVICE);
	expr->free(call->instance, rule->expr);
	path_deinit(&rule->path, call);
}

static int is_same(const struct jose_value *claim, struct sluice_str text)
{
	char *have = jose_write(claim);
	int is = have && sluice_equal((struct sluice_str){have, strlen(have)}, text);
	free(have);
	return is;
}

/* The client does not learn which claim it is: whoever tries tokens would. */
static const char *problem(const struct claim_rule *rule, const struct sluice_call *call,
	struct sluice_exchange *x, const char *why)
{
	char line[320];
	int n = snprintf(line, sizeof(line), "%s: %s", why, rule->path.whole);
	if (n > 0)
		call->host->log(call->instance, x, SLUICE_LOG_DEBUG,
			(struct sluice_str){
				line, (size_t)n < sizeof(line) ? (size_t)n : sizeof(line) - 1});
	return why;
}

const char *claim_rule_problem(const struct claim_rule *rule, const struct sluice_call *call,
	struct sluice_exchange *x, const struct jose_value *claims)
{
	const struct sluice_expr_service *expr = call->host->service(SLUICE_EXPR_SERVICE);
	const struct jose_value *claim = claim_find(claims, &rule->path);
	struct sluice_str text;
	int32_t is_true;
	if (!claim)
		return rule->is_mandatory ? problem(rule, call, x, "a claim is not there") : NULL;
	if (rule->is_constant || expr->to_bool(rule->expr, x, NULL, &is_true) != SLUICE_OK) {
		if (expr->to_string(rule->expr, x, NULL, &text) != SLUICE_OK)
			return problem(rule, call, x, "a claim cannot be judged");
		is_true = is_same(claim, text);
	}
	return is_true ? NULL : problem(rule, call, x, "a claim is not as it has to be");
}

/* --- fields ---------------------------------------------------------------------------------- */
int32_t claim_header_init(struct claim_header *header, const struct sluice_call *call,
	const struct sluice_value *item)
{
	const struct sluice_value *at = call->host->value_get(item, SLUICE_STR("header"));
	header->name = call->host->value_string(at, SLUICE_STR(""));
	if (!call->host->field_prepare(call->instance, header->name, SLUICE_STR(""))) {
		call->host->config_error(
			call->instance, at, SLUICE_STR("no field that a policy may set"));
		return SLUICE_E_INVALID;
	}
	return path_init(&header->path, call, item, SLUICE_STR("claim"));
}

void claim_header_deinit(struct claim_header *header, const struct sluice_call *call)
{
	path_deinit(&header->path, call);
}

int32_t claim_header_set(const struct claim_header *header, const struct sluice_call *call,
	struct sluice_exchange *x, const struct jose_value *claims)
{
	const struct jose_value *claim = claim_find(claims, &header->path);
	if (!claim) {
		call->host->field_remove(x, SLUICE_REQUEST, header->name);
		return SLUICE_OK;
	}
	char *text = jose_write(claim);
	if (!text)
		return SLUICE_E_FULL;
	int32_t rc = call->host->field_set(
		x, SLUICE_REQUEST, header->name, (struct sluice_str){text, strlen(text)});
	free(text);
	return rc;
}
