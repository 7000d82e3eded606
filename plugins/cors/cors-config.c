/* SPDX-License-Identifier: Apache-2.0 */
#include "cors.h"

#include "sluice/text.h"
#include "util/config_complain.h"

#include <stdio.h>
#include <stdlib.h>

/* --- lists ----------------------------------------------------------------------------------- */
static int32_t strings_init(struct strings *list, const struct sluice_call *call, size_t capacity)
{
	if (capacity == 0)
		return SLUICE_OK;
	list->items = call->host->instance_alloc(call->instance, capacity * sizeof(*list->items));
	return list->items ? SLUICE_OK : SLUICE_E_FULL;
}

/* "a, b, c" */
static int32_t join(
	const struct strings *list, const struct sluice_call *call, struct sluice_str *out)
{
	size_t n = 0;
	*out = (struct sluice_str){NULL, 0};
	for (size_t i = 0; i < list->count; i++)
		n += list->items[i].n + 2;
	if (n == 0)
		return SLUICE_OK;
	char *text = call->host->instance_alloc(call->instance, n);
	if (!text)
		return SLUICE_E_FULL;
	n = 0;
	for (size_t i = 0; i < list->count; i++) {
		if (i > 0)
			text[n++] = ',', text[n++] = ' ';
		memcpy(text + n, list->items[i].p, list->items[i].n);
		n += list->items[i].n;
	}
	*out = (struct sluice_str){text, n};
	return SLUICE_OK;
}

/* Names of fields; a "*" sets *any and is no name. */
static int32_t names_init(struct strings *list, const struct sluice_call *call,
	const struct sluice_value *names, int *any)
{
	const struct sluice_host *host = call->host;
	size_t count = host->value_count(names);
	int32_t rc = strings_init(list, call, count);
	for (size_t i = 0; i < count && rc == SLUICE_OK; i++) {
		const struct sluice_value *at = host->value_at(names, i, NULL);
		struct sluice_str name = host->value_string(at, SLUICE_STR(""));
		if (!sluice_is_token(name))
			return config_complain(call, at, SLUICE_STR("this is no field name"));
		if (sluice_equal(name, SLUICE_STR("*")))
			*any = 1;
		else
			list->items[list->count++] = name;
	}
	return rc;
}

/* --- groups ---------------------------------------------------------------------------------- */
/* Without any: what browsers send across origins without asking. */
static int32_t methods_init(
	struct group *g, const struct sluice_call *call, const struct sluice_value *methods)
{
	static const struct sluice_str simple[] = {{"GET", 3}, {"HEAD", 4}, {"POST", 4}};
	const struct sluice_host *host = call->host;
	size_t count = host->value_count(methods);
	int32_t rc = strings_init(&g->methods, call, count ? count : 3);
	for (size_t i = 0; i < 3 && count == 0 && rc == SLUICE_OK; i++)
		g->methods.items[g->methods.count++] = simple[i];
	for (size_t i = 0; i < count && rc == SLUICE_OK; i++) {
		const struct sluice_value *method = host->value_at(methods, i, NULL);
		const struct sluice_value *at = host->value_get(method, SLUICE_STR("methodName"));
		struct sluice_str name = host->value_string(at, SLUICE_STR(""));
		if (!sluice_is_token(name) || memchr(name.p, '*', name.n))
			return config_complain(
				call, at ? at : method, SLUICE_STR("this is no method"));
		if (host->value_bool(host->value_get(method, SLUICE_STR("isAllowed")), 1))
			g->methods.items[g->methods.count++] = name;
	}
	return rc;
}

static int32_t exposed_init(struct group *g, const struct sluice_call *call,
	const struct sluice_value *names, int has_credentials)
{
	int any = 0;
	int32_t rc = names_init(&g->exposed, call, names, &any);
	if (rc != SLUICE_OK || !any)
		return rc;
	if (has_credentials)
		return config_complain(call, names,
			SLUICE_STR(
				"\"*\" means nothing to browsers with supportCredentials: name the "
				"fields"));
	g->exposed.items[0] = SLUICE_STR("*");
	g->exposed.count = 1;
	return SLUICE_OK;
}

static int32_t group_init(struct group *g, const struct sluice_call *call,
	const struct sluice_value *config, int has_credentials)
{
	const struct sluice_host *host = call->host;
	int64_t seconds =
		host->value_integer(host->value_get(config, SLUICE_STR("accessControlMaxAge")), 30);
	if (seconds < -1 || seconds > 31536000)
		return config_complain(
			call, config, SLUICE_STR("accessControlMaxAge is at most a year"));
	int n = snprintf(g->max_age, sizeof(g->max_age), "%d", (int)seconds);
	g->max_age_bytes = (size_t)n;
	int32_t rc = methods_init(g, call, host->value_get(config, SLUICE_STR("allowedMethods")));
	if (rc == SLUICE_OK)
		rc = names_init(&g->headers, call, host->value_get(config, SLUICE_STR("headers")),
			&g->any_header);
	if (rc == SLUICE_OK)
		rc = exposed_init(g, call, host->value_get(config, SLUICE_STR("exposedHeaders")),
			has_credentials);
	if (rc == SLUICE_OK)
		rc = join(&g->methods, call, &g->allow_methods);
	if (rc == SLUICE_OK)
		rc = join(&g->headers, call, &g->allow_headers);
	return rc == SLUICE_OK ? join(&g->exposed, call, &g->expose_headers) : rc;
}

static void group_deinit(struct group *g, const struct sluice_call *call)
{
	void *owned[] = {g->methods.items, g->headers.items, g->exposed.items,
		(void *)(uintptr_t)g->allow_methods.p, (void *)(uintptr_t)g->allow_headers.p,
		(void *)(uintptr_t)g->expose_headers.p};
	for (size_t i = 0; i < sizeof(owned) / sizeof(owned[0]); i++)
		call->host->instance_free(call->instance, owned[i]);
}

/* --- origins --------------------------------------------------------------------------------- */
static int is_in(char c, const char *others)
{
	char l = sluice_lower(c);
	return (l >= 'a' && l <= 'z') || (c >= '0' && c <= '9') || (c && strchr(others, c));
}

static size_t span(struct sluice_str s, const char *others)
{
	size_t n = 0;
	while (n < s.n && is_in(s.p[n], others))
		n++;
	return n;
}

static struct sluice_str skip(struct sluice_str s, size_t n)
{
	return (struct sluice_str){s.p + n, s.n - n};
}

/* ":1" to ":65535", or nothing. */
static int is_port(struct sluice_str s)
{
	unsigned port = 0;
	for (size_t i = 1; i < s.n; i++) {
		if (s.p[i] < '0' || s.p[i] > '9' || i > 5)
			return 0;
		port = port * 10 + (unsigned)(s.p[i] - '0');
	}
	return s.n == 0 || (s.p[0] == ':' && port >= 1 && port <= 65535 && s.p[1] != '0');
}

/* scheme://host[:port]; `host_at` and `port_at` get where the last two begin. */
static int is_origin(struct sluice_str s, size_t *host_at, size_t *port_at)
{
	size_t scheme = span(s, "+-.");
	struct sluice_str rest = skip(s, scheme);
	if (scheme == 0 || rest.n < 4 || memcmp(rest.p, "://", 3) != 0)
		return 0;
	rest = skip(rest, 3);
	size_t host = 0;
	if (rest.p[0] == '[') {
		host = 1 + span(skip(rest, 1), ":.");
		host = host < rest.n && rest.p[host] == ']' ? host + 1 : 0;
	} else {
		host = span(rest, "-._");
	}
	*host_at = scheme + 3;
	*port_at = *host_at + host;
	return host > 0 && is_port(skip(rest, host));
}

/* Browsers leave out the port that the scheme implies. */
static int is_default_port(struct sluice_str scheme, struct sluice_str port)
{
	return (sluice_equal_nocase(scheme, SLUICE_STR("http")) &&
		       sluice_equal(port, SLUICE_STR(":80"))) ||
	       (sluice_equal_nocase(scheme, SLUICE_STR("https")) &&
		       sluice_equal(port, SLUICE_STR(":443")));
}

/* The origin as browsers send it. */
static int32_t origin_text(const struct sluice_call *call, const struct sluice_value *at,
	struct sluice_str text, struct sluice_str *out)
{
	size_t host_at, port_at;
	if (!is_origin(text, &host_at, &port_at))
		return config_complain(call, at,
			SLUICE_STR("an origin is scheme://host or scheme://host:port, without "
				   "path, or "
				   "\"*\""));
	struct sluice_str scheme = {text.p, host_at - 3};
	if (is_default_port(scheme, skip(text, port_at)))
		text.n = port_at;
	char *copy = call->host->instance_alloc(call->instance, text.n);
	if (!copy)
		return SLUICE_E_FULL;
	for (size_t i = 0; i < text.n; i++)
		copy[i] = sluice_lower(text.p[i]);
	*out = (struct sluice_str){copy, text.n};
	return SLUICE_OK;
}

static int32_t origin_add(struct cors *c, const struct sluice_call *call,
	const struct sluice_value *at, const struct group *group)
{
	struct sluice_str text = call->host->value_string(at, SLUICE_STR(""));
	if (!sluice_equal(text, SLUICE_STR("*"))) {
		struct origin *o = &c->origins[c->origin_count];
		o->group = group;
		int32_t rc = origin_text(call, at, text, &o->text);
		c->origin_count += rc == SLUICE_OK;
		return rc;
	}
	if (c->has_credentials)
		return config_complain(call, at,
			SLUICE_STR("\"*\" with supportCredentials: any site could act as its "
				   "visitor"));
	if (!c->star.group)
		c->star = (struct origin){SLUICE_STR("*"), group};
	return SLUICE_OK;
}

static int compare_text(struct sluice_str a, struct sluice_str b)
{
	size_t n = a.n < b.n ? a.n : b.n;
	int order = n ? memcmp(a.p, b.p, n) : 0;
	return order ? order : (a.n > b.n) - (a.n < b.n);
}

/* Of the same origin in two groups the first counts. */
static int compare_origins(const void *a, const void *b)
{
	const struct origin *x = a, *y = b;
	int order = compare_text(x->text, y->text);
	return order ? order : (x->group > y->group) - (x->group < y->group);
}

static void origins_seal(struct cors *c, const struct sluice_call *call)
{
	size_t kept = 0;
	if (c->origin_count)
		qsort(c->origins, c->origin_count, sizeof(*c->origins), compare_origins);
	for (size_t i = 0; i < c->origin_count; i++) {
		struct origin o = c->origins[i];
		if (kept && sluice_equal(c->origins[kept - 1].text, o.text))
			call->host->instance_free(call->instance, (void *)(uintptr_t)o.text.p);
		else
			c->origins[kept++] = o;
	}
	c->origin_count = kept;
}

const struct origin *cors_find(const struct cors *c, struct sluice_str origin)
{
	size_t from = 0, to = c->origin_count;
	while (from < to) {
		size_t middle = from + (to - from) / 2;
		int order = compare_text(origin, c->origins[middle].text);
		if (order == 0)
			return &c->origins[middle];
		if (order < 0)
			to = middle;
		else
			from = middle + 1;
	}
	return c->star.group ? &c->star : NULL;
}

/* --- the whole ------------------------------------------------------------------------------- */
static int32_t add_group(
	struct cors *c, const struct sluice_call *call, const struct sluice_value *config)
{
	const struct sluice_value *list = call->host->value_get(config, SLUICE_STR("origins"));
	struct group *g = &c->groups[c->group_count++];
	*g = (struct group){0};
	int32_t rc = group_init(g, call, config, c->has_credentials);
	if (call->host->value_count(list) == 0)
		rc = config_complain(call, config, SLUICE_STR("a group has at least one origin"));
	for (size_t i = 0; i < call->host->value_count(list); i++) {
		const struct sluice_value *at = call->host->value_at(list, i, NULL);
		int32_t added = origin_add(c, call, at, g);
		rc = rc == SLUICE_OK ? added : rc;
	}
	return rc;
}

static int32_t init_public(
	struct cors *c, const struct sluice_call *call, const struct sluice_value *config)
{
	const struct sluice_host *host = call->host;
	const struct sluice_value *groups = host->value_get(config, SLUICE_STR("originGroups"));
	if (host->value_count(groups))
		return config_complain(call, groups,
			SLUICE_STR("a public resource is for all origins: with originGroups, "
				   "publicResource is false"));
	if (c->has_credentials)
		return config_complain(call,
			host->value_get(config, SLUICE_STR("supportCredentials")),
			SLUICE_STR(
				"a public resource cannot support credentials: any site could act "
				"as its visitor"));
	c->groups = host->instance_alloc(call->instance, sizeof(*c->groups));
	if (!c->groups)
		return SLUICE_E_FULL;
	c->groups[0] = (struct group){
		.max_age = "30", .max_age_bytes = 2, .any_method = 1, .any_header = 1};
	c->group_count = 1;
	c->star = (struct origin){SLUICE_STR("*"), c->groups};
	return SLUICE_OK;
}

static int32_t init_groups(
	struct cors *c, const struct sluice_call *call, const struct sluice_value *groups)
{
	const struct sluice_host *host = call->host;
	size_t count = host->value_count(groups), origins = 0;
	for (size_t i = 0; i < count; i++)
		origins += host->value_count(
			host->value_get(host->value_at(groups, i, NULL), SLUICE_STR("origins")));
	c->groups = host->instance_alloc(call->instance, (count + 1) * sizeof(*c->groups));
	c->origins = host->instance_alloc(call->instance, (origins + 1) * sizeof(*c->origins));
	if (!c->groups || !c->origins)
		return SLUICE_E_FULL;
	int32_t rc = SLUICE_OK;
	for (size_t i = 0; i < count; i++) {
		int32_t added = add_group(c, call, host->value_at(groups, i, NULL));
		rc = rc == SLUICE_OK ? added : rc;
	}
	origins_seal(c, call);
	return rc;
}

int32_t cors_init(struct cors *c, const struct sluice_call *call, const struct sluice_value *config)
{
	const struct sluice_host *host = call->host;
	c->has_credentials =
		host->value_bool(host->value_get(config, SLUICE_STR("supportCredentials")), 0);
	c->forwards_plain_options =
		host->value_bool(host->value_get(config, SLUICE_STR("forwardPlainOptions")), 0);
	if (host->value_bool(host->value_get(config, SLUICE_STR("publicResource")), 1))
		return init_public(c, call, config);
	return init_groups(c, call, host->value_get(config, SLUICE_STR("originGroups")));
}

void cors_deinit(struct cors *c, const struct sluice_call *call)
{
	for (size_t i = 0; i < c->group_count; i++)
		group_deinit(&c->groups[i], call);
	for (size_t i = 0; i < c->origin_count; i++)
		call->host->instance_free(call->instance, (void *)(uintptr_t)c->origins[i].text.p);
	call->host->instance_free(call->instance, c->groups);
	call->host->instance_free(call->instance, c->origins);
}
