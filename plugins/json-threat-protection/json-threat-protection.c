/* SPDX-License-Identifier: Apache-2.0 */
/* json-threat-protection - bodies that are no JSON, or too much of it, never reach the upstream.
 *
 * A verdict needs the last byte, and no byte may go on before it: the body is collected. */
#include "scan.h"

#include "util/content.h"

#include <stdio.h>

struct state {
	const struct sluice_crypto_service *crypto;
	struct scan_limits limits;
	int check_all;
	int32_t threats;
};

/* --- configuration --------------------------------------------------------------------------- */
static int64_t limit(
	const struct sluice_host *host, const struct sluice_value *config, struct sluice_str name)
{
	return host->value_integer(host->value_get(config, name), -1);
}

static int flag(
	const struct sluice_host *host, const struct sluice_value *config, struct sluice_str name)
{
	return host->value_bool(host->value_get(config, name), 0);
}

static int32_t configure(const struct sluice_call *call, const struct sluice_value *config,
	void *previous, void **out)
{
	const struct sluice_host *host = call->host;
	struct state *s = host->instance_alloc(call->instance, sizeof(*s));
	if (!s)
		return SLUICE_E_FULL;
	*s = (struct state){
		.crypto = host->service(SLUICE_CRYPTO_SERVICE),
		.limits =
			{
				.depth = limit(host, config, SLUICE_STR("maxContainerDepth")),
				.entries = limit(host, config, SLUICE_STR("maxObjectEntryCount")),
				.name_length =
					limit(host, config, SLUICE_STR("maxObjectEntryNameLength")),
				.elements = limit(host, config, SLUICE_STR("maxArrayElementCount")),
				.string_length =
					limit(host, config, SLUICE_STR("maxStringValueLength")),
				.number_length = limit(host, config, SLUICE_STR("maxNumberLength")),
				.unique_names =
					flag(host, config, SLUICE_STR("rejectDuplicateNames")),
			},
		.check_all = flag(host, config, SLUICE_STR("checkAllContentTypes")),
	};
	s->threats = host->counter_define(call->instance, SLUICE_STR("json_threats"),
		SLUICE_STR("Requests refused by JSON threat protection"));
	*out = s;
	return SLUICE_OK;
}

static void release(const struct sluice_call *call)
{
	call->host->instance_free(call->instance, call->state);
}

static int32_t worker_start(const struct sluice_call *call, void **worker_data)
{
	const struct state *s = call->state;
	struct scanner *scanner = call->host->instance_alloc(call->instance, sizeof(*scanner));
	if (!scanner)
		return SLUICE_E_FULL;
	if (scanner_init(scanner, call, s->crypto) != 0) {
		call->host->instance_free(call->instance, scanner);
		return SLUICE_E_RUNTIME;
	}
	*worker_data = scanner;
	return SLUICE_OK;
}

static void worker_stop(const struct sluice_call *call, void *worker_data)
{
	scanner_deinit(worker_data);
	call->host->instance_free(call->instance, worker_data);
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
	static const char *const charsets[] = {"utf-8", "utf8", "us-ascii", NULL};
	const struct sluice_host *host = call->host;
	const struct state *s = call->state;
	if (!s->check_all && !(content_kinds(host, x, SLUICE_REQUEST) & CONTENT_JSON))
		return host->body_pass(x) == SLUICE_OK ? SLUICE_CONTINUE : SLUICE_FAIL;
	if (content_is_encoded(host, x, SLUICE_REQUEST))
		return refuse(call, x, 415, SLUICE_STR("An encoded body cannot be checked"),
			SLUICE_STR("json_encoded"));
	if (!content_charset_is(host, x, SLUICE_REQUEST, charsets))
		return refuse(call, x, 400, SLUICE_STR("JSON is UTF-8, whatever its charset"),
			SLUICE_STR("json_charset"));
	return SLUICE_CONTINUE;
}

static int32_t refuse_verdict(const struct sluice_call *call, struct sluice_exchange *x,
	enum scan_verdict verdict, size_t at)
{
	static const char *const limits[] = {
		[SCAN_DEPTH] = "maxContainerDepth",
		[SCAN_ENTRIES] = "maxObjectEntryCount",
		[SCAN_NAME_LENGTH] = "maxObjectEntryNameLength",
		[SCAN_ELEMENTS] = "maxArrayElementCount",
		[SCAN_STRING_LENGTH] = "maxStringValueLength",
		[SCAN_NUMBER_LENGTH] = "maxNumberLength",
	};
	char text[96];
	int n;
	if (verdict == SCAN_INVALID)
		n = snprintf(text, sizeof(text), "The body is no valid JSON: byte %zu", at);
	else if (verdict == SCAN_DUPLICATE)
		n = snprintf(text, sizeof(text), "The JSON repeats a name: byte %zu", at);
	else
		n = snprintf(
			text, sizeof(text), "The JSON exceeds %s: byte %zu", limits[verdict], at);
	return refuse(call, x, 400, (struct sluice_str){text, (size_t)n},
		verdict == SCAN_INVALID ? SLUICE_STR("json_invalid") : SLUICE_STR("json_threat"));
}

static int32_t request_body(
	const struct sluice_call *call, struct sluice_exchange *x, const struct sluice_body *body)
{
	const struct state *s = call->state;
	size_t at;
	if (body->bytes.n == 0)
		return SLUICE_CONTINUE;
	enum scan_verdict v = scan(call->host->worker_data(x), &s->limits, body->bytes, &at);
	if (v == SCAN_OK)
		return SLUICE_CONTINUE;
	return v == SCAN_MEMORY ? SLUICE_FAIL : refuse_verdict(call, x, v, at);
}

static const struct sluice_policy policy = {
	.size = sizeof(policy),
	.name = "json-threat-protection",
	.version = "1.0.0",
	.configure = configure,
	.release = release,
	.worker_start = worker_start,
	.worker_stop = worker_stop,
	.request_head = request_head,
	.request_body = request_body,
};

const struct sluice_plugin *sluice_plugin_v1(void)
{
	static const struct sluice_policy *const policies[] = {&policy};
	static const char *const services[] = {SLUICE_CRYPTO_SERVICE, NULL};
	static const struct sluice_plugin plugin = {
		.size = sizeof(plugin),
		.abi_major = SLUICE_ABI_MAJOR,
		.abi_minor = SLUICE_ABI_MINOR,
		.policy_count = 1,
		.name = "json-threat-protection",
		.version = "1.0.0",
		.policies = policies,
		.requires_services = services,
	};
	return &plugin;
}
