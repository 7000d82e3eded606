/* SPDX-License-Identifier: Apache-2.0 */
/* header-removal - takes fields out of requests and responses, by name or by regular expression.
 *
 * What is written with letters, digits, hyphens and underscores alone is a name; everything else is
 * a pattern for a whole name. Protected fields cannot be named, and no pattern removes them. */
#include "sluice/regex.h"
#include "sluice/text.h"

#define NAME_BYTES_MAX 256

struct removal {
	struct sluice_str *names; /* owned; views of the configuration */
	size_t name_count;
	struct sluice_regex **patterns; /* owned */
	size_t pattern_count;
};

struct state {
	const struct sluice_regex_service *regex;
	struct removal inbound, outbound;
};

/* --- configuration --------------------------------------------------------------------------- */
static int is_protected(struct sluice_str name)
{
	static const struct sluice_str names[] = {
#define NAME(text) {text, sizeof(text) - 1}
		NAME("accept"), NAME("host"), NAME("content-type"), NAME("content-length"),
		NAME("date"), NAME("transfer-encoding"), NAME("connection"), NAME("keep-alive"),
		NAME("proxy-connection"), NAME("te"), NAME("trailer"), NAME("upgrade"),
		NAME("expect")
#undef NAME
	};
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (sluice_equal_nocase(name, names[i]))
			return 1;
	return 0;
}

static int is_name(struct sluice_str text)
{
	for (size_t i = 0; i < text.n; i++) {
		char c = sluice_lower(text.p[i]);
		if (!(c >= 'a' && c <= 'z') && !(c >= '0' && c <= '9') && c != '-' && c != '_')
			return 0;
	}
	return text.n > 0;
}

static int32_t removal_add(
	const struct sluice_call *call, const struct sluice_value *entry, struct removal *r)
{
	const struct state *s = call->state;
	struct sluice_str text = call->host->value_string(entry, SLUICE_STR(""));
	if (is_name(text)) {
		r->names[r->name_count++] = text;
		if (!is_protected(text))
			return SLUICE_OK;
		call->host->config_error(call->instance, entry,
			SLUICE_STR("this field is protected: it cannot be removed"));
		return SLUICE_E_INVALID;
	}
	struct sluice_regex *pattern = s->regex->compile(
		call->instance, text, SLUICE_REGEX_WHOLE | SLUICE_REGEX_IGNORE_CASE, entry);
	if (!pattern)
		return SLUICE_E_INVALID;
	r->patterns[r->pattern_count++] = pattern;
	return SLUICE_OK;
}

static int32_t removal_init(
	const struct sluice_call *call, const struct sluice_value *entries, struct removal *r)
{
	const struct sluice_host *host = call->host;
	size_t count = host->value_count(entries);
	if (!count)
		return SLUICE_OK;
	r->names = host->instance_alloc(call->instance, count * sizeof(*r->names));
	r->patterns = host->instance_alloc(call->instance, count * sizeof(struct sluice_regex *));
	if (!r->names || !r->patterns)
		return SLUICE_E_FULL;
	int32_t rc = SLUICE_OK;
	for (size_t i = 0; i < count; i++)
		if (removal_add(call, host->value_at(entries, i, NULL), r) != SLUICE_OK)
			rc = SLUICE_E_INVALID;
	return rc;
}

static void removal_deinit(const struct sluice_call *call, struct removal *r)
{
	const struct state *s = call->state;
	for (size_t i = 0; i < r->pattern_count; i++)
		s->regex->free(call->instance, r->patterns[i]);
	call->host->instance_free(call->instance, r->patterns);
	call->host->instance_free(call->instance, r->names);
}

static void release(const struct sluice_call *call)
{
	struct state *s = call->state;
	removal_deinit(call, &s->inbound);
	removal_deinit(call, &s->outbound);
	call->host->instance_free(call->instance, s);
}

static int32_t configure(const struct sluice_call *call, const struct sluice_value *config,
	void *previous, void **out)
{
	const struct sluice_host *host = call->host;
	struct state *s = host->instance_alloc(call->instance, sizeof(*s));
	if (!s)
		return SLUICE_E_FULL;
	*s = (struct state){.regex = host->service(SLUICE_REGEX_SERVICE)};
	struct sluice_call own = *call;
	own.state = s;
	int32_t in = removal_init(
		&own, host->value_get(config, SLUICE_STR("inboundHeaders")), &s->inbound);
	int32_t back = removal_init(
		&own, host->value_get(config, SLUICE_STR("outboundHeaders")), &s->outbound);
	if (host->value_count(host->value_get(config, SLUICE_STR("inboundHeaders"))) == 0)
		host->callbacks_omit(call->instance, SLUICE_OMIT_REQUEST_HEAD);
	if (host->value_count(host->value_get(config, SLUICE_STR("outboundHeaders"))) == 0)
		host->callbacks_omit(call->instance, SLUICE_OMIT_RESPONSE_HEAD);
	if (in == SLUICE_OK && back == SLUICE_OK) {
		*out = s;
		return SLUICE_OK;
	}
	release(&own);
	return in != SLUICE_OK ? in : back;
}

/* --- exchanges ------------------------------------------------------------------------------- */
/* 1: some pattern matches; 0: none does; < 0: that could not be told. */
static int32_t matches(const struct state *s, const struct removal *r, struct sluice_str name)
{
	for (size_t i = 0; i < r->pattern_count; i++) {
		int32_t rc = s->regex->match(r->patterns[i], name, NULL, 0);
		if (rc == SLUICE_OK)
			return !is_protected(name);
		if (rc != SLUICE_E_NOT_FOUND)
			return rc;
	}
	return 0;
}

/* The name of a field that a pattern matches, copied, since removing changes the list; an empty one
 * at the end of the list. */
static int32_t find_match(const struct sluice_call *call, struct sluice_exchange *x,
	enum sluice_side side, const struct removal *r, char copy[NAME_BYTES_MAX],
	struct sluice_str *found)
{
	uint32_t at = 0;
	struct sluice_str name, value;
	*found = (struct sluice_str){copy, 0};
	while (call->host->field_next(x, side, SLUICE_STR(""), &at, &name, &value) == SLUICE_OK) {
		int32_t rc = matches(call->state, r, name);
		if (rc < 0 || name.n > NAME_BYTES_MAX)
			return rc < 0 ? rc : SLUICE_E_FULL;
		if (rc == 0)
			continue;
		memcpy(copy, name.p, name.n);
		found->n = name.n;
		return SLUICE_OK;
	}
	return SLUICE_OK;
}

static int32_t remove_matches(const struct sluice_call *call, struct sluice_exchange *x,
	enum sluice_side side, const struct removal *r)
{
	char copy[NAME_BYTES_MAX];
	struct sluice_str found;
	for (;;) {
		int32_t rc = find_match(call, x, side, r, copy, &found);
		if (rc < 0 || found.n == 0)
			return rc;
		rc = call->host->field_remove(x, side, found);
		if (rc <= 0)
			return rc < 0 ? rc : SLUICE_E_INVALID;
	}
}

/* What is to be hidden must not get through: no pattern decided, no pass. */
static int32_t run(const struct sluice_call *call, struct sluice_exchange *x, enum sluice_side side,
	const struct removal *r)
{
	for (size_t i = 0; i < r->name_count; i++)
		if (call->host->field_remove(x, side, r->names[i]) < 0)
			return SLUICE_FAIL;
	if (r->pattern_count == 0 || remove_matches(call, x, side, r) == SLUICE_OK)
		return SLUICE_CONTINUE;
	call->host->log(call->instance, x, SLUICE_LOG_ERROR,
		SLUICE_STR("a pattern gave up on the name of a field"));
	return SLUICE_FAIL;
}

static int32_t request_head(const struct sluice_call *call, struct sluice_exchange *x)
{
	const struct state *s = call->state;
	return run(call, x, SLUICE_REQUEST, &s->inbound);
}

static int32_t response_head(const struct sluice_call *call, struct sluice_exchange *x)
{
	const struct state *s = call->state;
	return run(call, x, SLUICE_RESPONSE, &s->outbound);
}

static const struct sluice_policy policy = {
	.size = sizeof(policy),
	.name = "header-removal",
	.version = "1.0.0",
	.configure = configure,
	.release = release,
	.request_head = request_head,
	.response_head = response_head,
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
		.name = "header-removal",
		.version = "1.0.0",
		.policies = policies,
		.requires_services = services,
	};
	return &plugin;
}
