/* SPDX-License-Identifier: Apache-2.0 */
/* ip-lists - the policies ip-allowlist and ip-blocklist.
 *
 * What cannot be told denies: no address, a text that is none, a list with one such entry. A text
 * may be a list, as of X-Forwarded-For, of which a client can write the first entries itself: so on
 * an allowlist all of them have to be, and on a blocklist none. */
#include "ranges.h"

#include "sluice/expr.h"
#include "sluice/text.h"
#include "util/config_complain.h"

#include <stdio.h>

#define ERRORS_MAX 20

struct state {
	const struct sluice_expr_service *expr;
	struct sluice_expr *address; /* NULL: what the gateway knows */
	struct ranges ranges;
	int is_allowlist;
	int32_t refused;
};

/* --- configuration --------------------------------------------------------------------------- */
/* The text may be a file's that was not meant: it is not shown. */
static int32_t complain_entry(
	const struct sluice_call *call, const struct sluice_value *at, size_t number)
{
	char text[160];
	int n = snprintf(text, sizeof(text),
		"entry %zu is no address, CIDR block, range or leading octets (192.168.)", number);
	return config_complain(call, at, (struct sluice_str){text, (size_t)n});
}

static int32_t ips_init(
	const struct sluice_call *call, struct state *s, const struct sluice_value *config)
{
	const struct sluice_host *host = call->host;
	const struct sluice_value *list = host->value_get(config, SLUICE_STR("ips"));
	size_t count = host->value_count(list), errors = 0;
	if (!count)
		return config_complain(
			call, list ? list : config, SLUICE_STR("ips has at least one entry"));
	for (size_t i = 0; i < count && errors < ERRORS_MAX; i++) {
		const struct sluice_value *entry = host->value_at(list, i, NULL);
		struct sluice_str text = host->value_string(entry, SLUICE_STR(""));
		size_t bad;
		int32_t rc = ranges_add(&s->ranges, call, text, &bad);
		if (rc == SLUICE_E_FULL)
			return config_complain(call, list, SLUICE_STR("too many addresses"));
		if (rc == SLUICE_OK)
			continue;
		/* A blocklist that lost its text would let everybody in. */
		if (rc == SLUICE_E_NOT_FOUND)
			config_complain(call, entry, SLUICE_STR("there is no address in it"));
		else
			complain_entry(call, entry, bad);
		errors++;
	}
	ranges_seal(&s->ranges);
	return errors ? SLUICE_E_INVALID : SLUICE_OK;
}

/* The vendor's default. The gateway writes that field itself: what it says about the client is what
 * the gateway knows, also where a trusted proxy stands in between and the field is a list. */
static int is_default(struct sluice_str text)
{
	return sluice_equal(text, SLUICE_STR("#[attributes.headers['x-forwarded-for']]")) ||
	       sluice_equal(text, SLUICE_STR("#[attributes.headers[\"x-forwarded-for\"]]"));
}

static int32_t address_init(
	const struct sluice_call *call, struct state *s, const struct sluice_value *config)
{
	const struct sluice_host *host = call->host;
	const struct sluice_value *at = host->value_get(config, SLUICE_STR("ipExpression"));
	if (host->value_type(at) == SLUICE_NULL ||
		is_default(host->value_string(at, SLUICE_STR(""))))
		return SLUICE_OK;
	s->address = s->expr->compile(call->instance, at);
	if (!s->address)
		return SLUICE_E_INVALID;
	if (s->expr->uses(s->address) & SLUICE_EXPR_PAYLOAD)
		return config_complain(
			call, at, SLUICE_STR("payload is not at hand when the address is judged"));
	return SLUICE_OK;
}

static void release(const struct sluice_call *call)
{
	struct state *s = call->state;
	s->expr->free(call->instance, s->address);
	ranges_deinit(&s->ranges, call);
	call->host->instance_free(call->instance, s);
}

static int32_t configure(const struct sluice_call *call, const struct sluice_value *config,
	int is_allowlist, void **out)
{
	const struct sluice_host *host = call->host;
	struct state *s = host->instance_alloc(call->instance, sizeof(*s));
	if (!s)
		return SLUICE_E_FULL;
	*s = (struct state){
		.expr = host->service(SLUICE_EXPR_SERVICE),
		.is_allowlist = is_allowlist,
		.refused = host->counter_define(call->instance, SLUICE_STR("ip_refused"),
			SLUICE_STR("Requests refused by their address")),
	};
	int32_t ips = ips_init(call, s, config);
	int32_t address = address_init(call, s, config);
	if (ips == SLUICE_OK && address == SLUICE_OK) {
		*out = s;
		return SLUICE_OK;
	}
	struct sluice_call own = *call;
	own.state = s;
	release(&own);
	return ips != SLUICE_OK ? ips : address;
}

static int32_t configure_allowlist(const struct sluice_call *call,
	const struct sluice_value *config, void *previous, void **out)
{
	return configure(call, config, 1, out);
}

static int32_t configure_blocklist(const struct sluice_call *call,
	const struct sluice_value *config, void *previous, void **out)
{
	return configure(call, config, 0, out);
}

/* --- exchanges ------------------------------------------------------------------------------- */
/* NULL: it passes; else the reason why not. */
static const char *judge(const struct state *s, struct sluice_str text)
{
	do {
		struct address a;
		if (!address_parse(sluice_cut(&text, ','), &a))
			return "ip_unknown";
		if (ranges_contain(&s->ranges, &a) != s->is_allowlist)
			return s->is_allowlist ? "ip_not_allowed" : "ip_blocked";
	} while (text.p);
	return NULL;
}

static int32_t client_address(
	const struct sluice_call *call, struct sluice_exchange *x, struct sluice_str *text)
{
	const struct state *s = call->state;
	if (!s->address) {
		*text = call->host->fact(x, SLUICE_FACT_CLIENT_ADDRESS);
		return SLUICE_OK;
	}
	int32_t rc = s->expr->to_string(s->address, x, NULL, text);
	if (rc == SLUICE_E_NOT_FOUND) {
		*text = SLUICE_STR("");
		return SLUICE_OK;
	}
	if (rc != SLUICE_OK)
		call->host->log(call->instance, x, SLUICE_LOG_ERROR, s->expr->error());
	return rc;
}

static int32_t request_head(const struct sluice_call *call, struct sluice_exchange *x)
{
	const struct state *s = call->state;
	struct sluice_str text;
	if (client_address(call, x, &text) != SLUICE_OK)
		return SLUICE_FAIL;
	const char *reason = judge(s, text);
	if (!reason)
		return SLUICE_CONTINUE;
	call->host->counter_add(call->instance, s->refused, 1);
	const struct sluice_str word = {reason, strlen(reason)};
	sluice_tell_violation(call->host, x, word);
	int32_t rc = call->host->respond_error(
		x, 403, NULL, 0, SLUICE_STR("The address of the client is not allowed"), word);
	return rc == SLUICE_OK ? SLUICE_RESPONDED : SLUICE_FAIL;
}

static const struct sluice_policy allowlist = {
	.size = sizeof(allowlist),
	.name = "ip-allowlist",
	.version = "1.0.0",
	.configure = configure_allowlist,
	.release = release,
	.request_head = request_head,
};

static const struct sluice_policy blocklist = {
	.size = sizeof(blocklist),
	.name = "ip-blocklist",
	.version = "1.0.0",
	.configure = configure_blocklist,
	.release = release,
	.request_head = request_head,
};

const struct sluice_plugin *sluice_plugin_v1(void)
{
	static const struct sluice_policy *const policies[] = {&allowlist, &blocklist};
	static const char *const services[] = {SLUICE_EXPR_SERVICE, NULL};
	static const struct sluice_plugin plugin = {
		.size = sizeof(plugin),
		.abi_major = SLUICE_ABI_MAJOR,
		.abi_minor = SLUICE_ABI_MINOR,
		.policy_count = 2,
		.name = "ip-lists",
		.version = "1.0.0",
		.policies = policies,
		.requires_services = services,
	};
	return &plugin;
}
