/* SPDX-License-Identifier: Apache-2.0 */
/* The cheap and telling parts of a rule come first: its path, then host and headers; methods last,
 * since a rule that fails by them alone is a 405. */
#include "route/rule.h"

#include "base/check.h"
#include "base/memory.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>

/* --- compiling ------------------------------------------------------------------------------- */

struct report {
	size_t rule; /* index, for the message */
	bool folds_case;
	char *message;
	size_t size;
};

static enum rc refuse_type(const struct report *r, const char *field, const char *expected)
{
	snprintf(r->message, r->size, "rules[%zu].%s: expected %s", r->rule, field, expected);
	return RC_INVALID;
}

static enum rc compile(
	const struct report *r, const char *field, struct str pattern, struct regex **out)
{
	char why[160] = "";
	size_t offset = 0;
	if (regex_new(pattern, REGEX_WHOLE, out, &offset, why, sizeof(why)) == RC_OK)
		return RC_OK;
	snprintf(r->message, r->size, "rules[%zu].%s: \"%.*s\", at byte %zu: %s", r->rule, field,
		STR_ARG(pattern), offset, why);
	return RC_INVALID;
}

/* NULL when the field is absent, or matches everything anyway. */
static enum rc compile_field(
	const struct report *r, const struct plan_node *rule, const char *field, struct regex **out)
{
	const struct plan_node *n = plan_get(rule, field);
	if (!n || n->type == PLAN_NULL)
		return RC_OK;
	if (n->type != PLAN_STRING)
		return refuse_type(r, field, "a regular expression");
	if (str_eq(n->u.string, STR(".*")))
		return RC_OK;
	return compile(r, field, n->u.string, out);
}

/* What is compared is in lower case; a pattern that has upper case is to match without regard to
 * it. */
static enum rc compile_folded(
	const struct report *r, const struct plan_node *rule, const char *field, struct regex **out)
{
	struct str pattern = plan_string(rule, field, STR_EMPTY);
	bool has_upper = false;
	for (size_t i = 0; i < pattern.n; i++)
		has_upper = has_upper || isupper((unsigned char)pattern.p[i]);
	if (!has_upper)
		return compile_field(r, rule, field, out);
	char *text = heap_printf("(?i)%.*s", STR_ARG(pattern));
	enum rc rc = compile(r, field, str_of(text), out);
	free(text);
	return rc;
}

static enum rc compile_headers(
	const struct report *r, const struct plan_node *node, struct rule *rule)
{
	const struct plan_node *list = plan_get(node, "headers");
	if (list && list->type != PLAN_OBJECT && list->type != PLAN_NULL)
		return refuse_type(r, "headers", "an object of names and regular expressions");
	rule->headers = heap_zalloc(plan_count(list) * sizeof(struct rule_header));
	for (size_t i = 0; i < plan_count(list); i++) {
		const struct plan_node *n = plan_at(list, i);
		struct rule_header *h = &rule->headers[rule->header_count++];
		h->name = heap_strndup(n->key);
		h->name_bytes = n->key.n;
		if (n->type != PLAN_STRING)
			return refuse_type(r, "headers", "a regular expression for each name");
		enum rc rc = compile(r, "headers", n->u.string, &h->value);
		if (rc != RC_OK)
			return rc;
	}
	return RC_OK;
}

static bool is_plain_list(struct str pattern)
{
	char before = '|';
	for (size_t i = 0; i < pattern.n; i++) {
		char c = pattern.p[i];
		if (!isalpha((unsigned char)c) && c != '-' && (c != '|' || before == '|'))
			return false;
		before = c;
	}
	return before != '|';
}

static enum rc rule_init(const struct report *r, const struct plan_node *node, struct rule *rule)
{
	if (node->type != PLAN_OBJECT) {
		snprintf(r->message, r->size, "rules[%zu]: expected an object", r->rule);
		return RC_INVALID;
	}
	struct str methods = plan_string(node, "methods", STR_EMPTY);
	if (is_plain_list(methods))
		rule->methods_listed = heap_strndup(methods);
	enum rc rc = r->folds_case ? compile_folded(r, node, "path", &rule->path)
				   : compile_field(r, node, "path", &rule->path);
	if (rc == RC_OK)
		rc = compile_field(r, node, "methods", &rule->methods);
	if (rc == RC_OK)
		rc = compile_folded(r, node, "host", &rule->host);
	return rc == RC_OK ? compile_headers(r, node, rule) : rc;
}

static void rule_deinit(struct rule *rule)
{
	regex_free(rule->path);
	regex_free(rule->methods);
	regex_free(rule->host);
	for (size_t i = 0; i < rule->header_count; i++) {
		free(rule->headers[i].name);
		regex_free(rule->headers[i].value);
	}
	free(rule->headers);
	free(rule->methods_listed);
}

/* The first rule asks for nothing: the others never come into play. */
static bool matches_always(const struct rule_list *l)
{
	const struct rule *first = l->rules;
	return l->count > 0 && !first->path && !first->methods && !first->host &&
	       first->header_count == 0;
}

enum rc rule_list_init(struct rule_list *out, const struct plan_node *rules, bool folds_case,
	char *message, size_t message_size)
{
	*out = (struct rule_list){0};
	if (rules && rules->type != PLAN_ARRAY && rules->type != PLAN_NULL) {
		snprintf(message, message_size, "rules: expected a list");
		return RC_INVALID;
	}
	if (plan_count(rules) == 0)
		return RC_OK;
	out->rules = heap_zalloc(plan_count(rules) * sizeof(struct rule));
	for (size_t i = 0; i < plan_count(rules); i++) {
		struct report r = {i, folds_case, message, message_size};
		enum rc rc = rule_init(&r, plan_at(rules, i), &out->rules[out->count++]);
		if (rc == RC_OK)
			continue;
		rule_list_deinit(out);
		return rc;
	}
	if (matches_always(out))
		rule_list_deinit(out);
	return RC_OK;
}

void rule_list_deinit(struct rule_list *l)
{
	for (size_t i = 0; i < l->count; i++)
		rule_deinit(&l->rules[i]);
	free(l->rules);
	*l = (struct rule_list){0};
}

/* --- matching -------------------------------------------------------------------------------- */

/* "host" of "host:port"; "[v6]" of "[v6]:port". */
static struct str without_port(struct str authority)
{
	size_t i = authority.n;
	while (i > 0 && authority.p[i - 1] >= '0' && authority.p[i - 1] <= '9')
		i--;
	return i > 0 && authority.p[i - 1] == ':' ? str_n(authority.p, i - 1) : authority;
}

/* As received, or without the port. */
static enum rc match_authority(const struct regex *pattern, struct str authority)
{
	enum rc rc = regex_match(pattern, authority, NULL);
	struct str host = without_port(authority);
	return rc == RC_NOT_FOUND && host.n < authority.n ? regex_match(pattern, host, NULL) : rc;
}

static enum rc match_header(const struct rule_header *h, const struct http_request *request)
{
	struct str name = {h->name, h->name_bytes};
	if (str_eq_nocase(name, STR("host")))
		return request->authority.n ? match_authority(h->value, request->authority)
					    : RC_NOT_FOUND;
	uint32_t at = 0;
	const struct field *field;
	while ((field = fields_next(&request->fields, name, &at))) {
		enum rc rc = regex_match(h->value, field->value, NULL);
		if (rc != RC_NOT_FOUND)
			return rc;
	}
	return RC_NOT_FOUND;
}

static enum rc match_path(const struct rule *rule, struct str path, struct rule_groups *groups)
{
	if (groups)
		groups->count = 0;
	if (!rule->path)
		return RC_OK;
	if (!groups)
		return regex_match(rule->path, path, NULL);
	groups->count = regex_group_count(rule->path);
	return regex_match(rule->path, path, groups->count ? groups->items : NULL);
}

enum rc rule_match(const struct rule *rule, const struct http_request *request, struct str path,
	struct rule_groups *groups)
{
	enum rc rc = match_path(rule, path, groups);
	if (rc == RC_OK && rule->host)
		rc = match_authority(rule->host, request->authority);
	for (size_t i = 0; rc == RC_OK && i < rule->header_count; i++)
		rc = match_header(&rule->headers[i], request);
	if (rc != RC_OK || !rule->methods)
		return rc;
	rc = regex_match(rule->methods, request->method_name, NULL);
	return rc == RC_NOT_FOUND ? RC_REFUSED : rc;
}

enum rc rule_list_match(const struct rule_list *l, const struct http_request *request,
	struct str path, struct rule_groups *groups)
{
	enum rc result = RC_NOT_FOUND;
	if (groups)
		groups->count = 0;
	if (l->count == 0)
		return RC_OK;
	for (size_t i = 0; i < l->count; i++) {
		enum rc rc = rule_match(&l->rules[i], request, path, groups);
		if (rc == RC_OK || rc == RC_FULL)
			return rc;
		if (rc == RC_REFUSED)
			result = RC_REFUSED;
	}
	return result;
}

/* --- telling --------------------------------------------------------------------------------- */

/* In the order of judging. */
enum nearness { FAILS_PATH, FAILS_HOST, FAILS_HEADERS, FAILS_METHODS, EXCEEDS_LIMIT, MATCHES };

static enum nearness nearness_of(
	const struct rule *rule, const struct http_request *request, struct str path)
{
	enum rc rc = rule_match(rule, request, path, NULL);
	if (rc == RC_OK)
		return MATCHES;
	if (rc != RC_NOT_FOUND)
		return rc == RC_REFUSED ? FAILS_METHODS : EXCEEDS_LIMIT;
	if (match_path(rule, path, NULL) != RC_OK)
		return FAILS_PATH;
	return rule->host && match_authority(rule->host, request->authority) != RC_OK
		       ? FAILS_HOST
		       : FAILS_HEADERS;
}

const char *rule_list_verdict(
	const struct rule_list *l, const struct http_request *request, struct str path)
{
	static const char *const names[] = {"path", "host", "headers", "methods", "limit", "taken"};
	enum nearness nearest = l->count > 0 ? FAILS_PATH : MATCHES;
	for (size_t i = 0; i < l->count && nearest != MATCHES; i++) {
		enum nearness n = nearness_of(&l->rules[i], request, path);
		nearest = n > nearest ? n : nearest;
	}
	return names[nearest];
}
