/* SPDX-License-Identifier: Apache-2.0 */
/* xml-threat-protection - bodies that are no XML, or too much of it, never reach the upstream.
 *
 * A verdict needs the last byte, and no byte may go on before it: the body is collected. */
#include "check.h"

#include "util/content.h"

#include <libxml/parser.h>
#include <stdio.h>

struct state {
	struct xml_limits limits;
	int check_all;
	int32_t threats;
};

/* --- configuration --------------------------------------------------------------------------- */
static int64_t limit(
	const struct sluice_host *host, const struct sluice_value *config, struct sluice_str name)
{
	return host->value_integer(host->value_get(config, name), -1);
}

static int32_t configure(const struct sluice_call *call, const struct sluice_value *config,
	void *previous, void **out)
{
	const struct sluice_host *host = call->host;
	struct state *s = host->instance_alloc(call->instance, sizeof(*s));
	if (!s)
		return SLUICE_E_FULL;
	*s = (struct state){
		.limits =
			{
				.depth = limit(host, config, SLUICE_STR("maxNodeDepth")),
				.attributes = limit(
					host, config, SLUICE_STR("maxAttributeCountPerElement")),
				.children = limit(host, config, SLUICE_STR("maxChildCount")),
				.text_length = limit(host, config, SLUICE_STR("maxTextLength")),
				.attribute_length =
					limit(host, config, SLUICE_STR("maxAttributeLength")),
				.comment_length =
					limit(host, config, SLUICE_STR("maxCommentLength")),
			},
		.check_all = host->value_bool(
			host->value_get(config, SLUICE_STR("checkAllContentTypes")), 0),
	};
	s->threats = host->counter_define(call->instance, SLUICE_STR("xml_threats"),
		SLUICE_STR("Requests refused by XML threat protection"));
	*out = s;
	return SLUICE_OK;
}

static void release(const struct sluice_call *call)
{
	call->host->instance_free(call->instance, call->state);
}

/* --- exchanges ------------------------------------------------------------------------------- */
static int32_t refuse(const struct sluice_call *call, struct sluice_exchange *x, int32_t status,
	struct sluice_str message, struct sluice_str reason)
{
	const struct state *s = call->state;
	const struct sluice_str fields[] = {SLUICE_STR("Accept-Encoding"), SLUICE_STR("identity")};
	call->host->counter_add(call->instance, s->threats, 1);
	sluice_tell_violation(call->host, x, reason);
	int32_t rc = call->host->respond_error(
		x, status, fields, status == 415 ? 1 : 0, message, reason);
	return rc == SLUICE_OK ? SLUICE_RESPONDED : SLUICE_FAIL;
}

static int32_t request_head(const struct sluice_call *call, struct sluice_exchange *x)
{
	const struct sluice_host *host = call->host;
	const struct state *s = call->state;
	if (!s->check_all && !(content_kinds(host, x, SLUICE_REQUEST) & CONTENT_XML))
		return host->body_pass(x) == SLUICE_OK ? SLUICE_CONTINUE : SLUICE_FAIL;
	if (content_is_encoded(host, x, SLUICE_REQUEST))
		return refuse(call, x, 415, SLUICE_STR("An encoded body cannot be checked"),
			SLUICE_STR("xml_encoded"));
	return SLUICE_CONTINUE;
}

static int32_t refuse_verdict(const struct sluice_call *call, struct sluice_exchange *x,
	enum xml_verdict verdict, long line)
{
	static const char *const messages[] = {
		[XML_MALFORMED] = "The body is no well-formed XML",
		[XML_DOCTYPE] = "The XML has a document type declaration",
		[XML_CHARSET] = "The XML has to be in UTF-8, US-ASCII or ISO-8859-1",
		[XML_DEPTH] = "The XML exceeds maxNodeDepth",
		[XML_ATTRIBUTES] = "The XML exceeds maxAttributeCountPerElement",
		[XML_CHILDREN] = "The XML exceeds maxChildCount",
		[XML_TEXT_LENGTH] = "The XML exceeds maxTextLength",
		[XML_ATTRIBUTE_LENGTH] = "The XML exceeds maxAttributeLength",
		[XML_COMMENT_LENGTH] = "The XML exceeds maxCommentLength",
		[XML_NAMESPACES] = "The XML has too many namespaces",
	};
	static const char *const reasons[] = {[XML_MALFORMED] = "xml_invalid",
		[XML_DOCTYPE] = "xml_doctype",
		[XML_CHARSET] = "xml_charset"};
	char text[96];
	const char *reason = verdict <= XML_CHARSET ? reasons[verdict] : "xml_threat";
	int n = verdict == XML_MALFORMED || verdict > XML_CHARSET
			? snprintf(text, sizeof(text), "%s: line %ld", messages[verdict], line)
			: snprintf(text, sizeof(text), "%s", messages[verdict]);
	return refuse(call, x, 400, (struct sluice_str){text, (size_t)n},
		(struct sluice_str){reason, __builtin_strlen(reason)});
}

/* Of the first Content-Type field; of two that differ, one has to be told by the document. */
static struct sluice_str charset_of(const struct sluice_host *host, struct sluice_exchange *x)
{
	struct sluice_str type, second;
	uint32_t at = 0;
	struct sluice_str name = SLUICE_STR("content-type");
	if (host->field_next(x, SLUICE_REQUEST, name, &at, NULL, &type) != SLUICE_OK)
		return SLUICE_STR("");
	struct sluice_str charset = content_parameter(type, SLUICE_STR("charset"));
	while (host->field_next(x, SLUICE_REQUEST, name, &at, NULL, &second) == SLUICE_OK)
		if (!content_equal(charset, content_parameter(second, SLUICE_STR("charset"))))
			return SLUICE_STR("?");
	return charset;
}

static int32_t request_body(
	const struct sluice_call *call, struct sluice_exchange *x, const struct sluice_body *body)
{
	const struct state *s = call->state;
	long line;
	if (body->bytes.n == 0)
		return SLUICE_CONTINUE;
	enum xml_verdict v = xml_check(&s->limits, body->bytes, charset_of(call->host, x), &line);
	if (v == XML_FINE)
		return SLUICE_CONTINUE;
	return v == XML_MEMORY ? SLUICE_FAIL : refuse_verdict(call, x, v, line);
}

static int32_t load(const struct sluice_host *host)
{
	xmlInitParser(); /* its tables, before there are threads */
	return SLUICE_OK;
}

static const struct sluice_policy policy = {
	.size = sizeof(policy),
	.name = "xml-threat-protection",
	.version = "1.0.0",
	.configure = configure,
	.release = release,
	.request_head = request_head,
	.request_body = request_body,
};

const struct sluice_plugin *sluice_plugin_v1(void)
{
	static const struct sluice_policy *const policies[] = {&policy};
	static const struct sluice_plugin plugin = {
		.size = sizeof(plugin),
		.abi_major = SLUICE_ABI_MAJOR,
		.abi_minor = SLUICE_ABI_MINOR,
		.policy_count = 1,
		.name = "xml-threat-protection",
		.version = "1.0.0",
		.policies = policies,
		.load = load,
	};
	return &plugin;
}
