/* SPDX-License-Identifier: Apache-2.0 */
/* The policy certificate-names: clients are known by a name in their certificate, and let in by a
 * list of names.
 *
 * The tls policy of the listener has made sure that an authority vouches for the certificate; which
 * of its clients may come to this API is said here. */
#include <sluice/metrics.h>
#include <sluice/sluice.h>
#include <sluice/text.h>
#include <sluice/tls.h>

#include <string.h>

static const struct sluice_metrics_service *metrics;
static const struct sluice_tls_service *tls;

enum outcome { ADMITTED, NOT_LISTED, NO_CERTIFICATE, OUTCOMES };

/* One binding, as it is configured. */
struct binding {
	const struct sluice_value *names; /* the configuration's: it lasts until release */
	size_t name_count;
	uint32_t kind; /* SLUICE_NAME_* */
	struct sluice_metric *outcomes;
};

/* --- configuration --------------------------------------------------------------------------- */
static int32_t load(const struct sluice_host *host)
{
	metrics = (const struct sluice_metrics_service *)host->service(SLUICE_METRICS_SERVICE);
	tls = (const struct sluice_tls_service *)host->service(SLUICE_TLS_SERVICE);
	return SLUICE_OK; /* they are there: requires_services names them */
}

static struct sluice_metric *define_outcomes(const struct sluice_call *call)
{
	const struct sluice_str values[OUTCOMES] = {
		SLUICE_STR("admitted"), SLUICE_STR("not_listed"), SLUICE_STR("no_certificate")};
	const struct sluice_label labels[] = {{SLUICE_STR("outcome"), values, OUTCOMES}};
	const struct sluice_metric_definition definition = {
		.size = sizeof(definition),
		.kind = SLUICE_COUNTER,
		.name = SLUICE_STR("certificate_checks"),
		.description = SLUICE_STR("Requests by what their client's certificate led to"),
		.labels = labels,
		.label_count = 1,
	};
	return metrics->define(call->instance, &definition);
}

static int32_t configure(const struct sluice_call *call, const struct sluice_value *config,
	void *previous, void **state)
{
	const struct sluice_host *host = call->host;
	struct sluice_str kind =
		host->value_string(host->value_get(config, SLUICE_STR("kind")), SLUICE_STR("dns"));
	struct binding *b = host->instance_alloc(call->instance, sizeof(*b));
	(void)previous;
	if (!b)
		return SLUICE_E_FULL;
	*state = b;
	b->names = host->value_get(config, SLUICE_STR("names"));
	b->name_count = host->value_count(b->names);
	b->kind = sluice_equal(kind, SLUICE_STR("uri")) ? SLUICE_NAME_URI : SLUICE_NAME_DNS;
	b->outcomes = define_outcomes(call);
	return b->outcomes ? SLUICE_OK : SLUICE_E_FULL;
}

static void release(const struct sluice_call *call)
{
	call->host->instance_free(call->instance, call->state);
}

/* --- names ----------------------------------------------------------------------------------- */
/* "*" at the end of a listed name stands for any rest. */
static int is_like(struct sluice_str listed, struct sluice_str name)
{
	if (listed.n == 0 || listed.p[listed.n - 1] != '*')
		return sluice_equal(listed, name);
	return name.n >= listed.n - 1 && memcmp(name.p, listed.p, listed.n - 1) == 0;
}

static int is_listed(
	const struct sluice_host *host, const struct binding *b, struct sluice_str name)
{
	for (size_t i = 0; i < b->name_count; i++)
		if (is_like(host->value_string(host->value_at(b->names, i, NULL), SLUICE_STR("")),
			    name))
			return 1;
	return 0;
}

/* The first of the certificate's names that is listed. */
static int32_t find_name(const struct sluice_host *host, const struct binding *b,
	struct sluice_exchange *x, struct sluice_str *name)
{
	uint32_t at = 0, kind;
	int32_t rc;
	while ((rc = tls->client_name_next(x, &at, &kind, name)) == SLUICE_OK)
		if (kind == b->kind && is_listed(host, b, *name))
			return SLUICE_OK;
	return rc;
}

static int32_t refuse(const struct sluice_call *call, struct sluice_exchange *x,
	enum outcome outcome, struct sluice_str message, struct sluice_str reason)
{
	const struct binding *b = call->state;
	metrics->add(b->outcomes, outcome, 1);
	int32_t rc = call->host->respond_error(x, 403, NULL, 0, message, reason);
	return rc == SLUICE_OK ? SLUICE_RESPONDED : SLUICE_FAIL;
}

static int32_t request_head(const struct sluice_call *call, struct sluice_exchange *x)
{
	const struct sluice_host *host = call->host;
	const struct binding *b = call->state;
	struct sluice_certificate certificate = {.size = sizeof(certificate)};
	struct sluice_str name, none = SLUICE_STR("");
	int32_t rc = tls->client_certificate(x, &certificate);
	if (rc == SLUICE_E_NOT_FOUND)
		return refuse(call, x, NO_CERTIFICATE,
			SLUICE_STR("a client certificate is required"),
			SLUICE_STR("no_certificate"));
	if (rc != SLUICE_OK)
		return SLUICE_FAIL;
	rc = find_name(host, b, x, &name);
	if (rc == SLUICE_E_NOT_FOUND)
		return refuse(call, x, NOT_LISTED,
			SLUICE_STR("no name of the certificate is listed"),
			SLUICE_STR("certificate_not_listed"));
	if (rc != SLUICE_OK || host->authenticate(x, name, none, certificate.common_name) < 0)
		return SLUICE_FAIL;
	metrics->add(b->outcomes, ADMITTED, 1);
	return SLUICE_CONTINUE;
}

const struct sluice_plugin *sluice_plugin_v1(void)
{
	static const char *const services[] = {SLUICE_METRICS_SERVICE, SLUICE_TLS_SERVICE, NULL};
	static const struct sluice_policy policy = {
		.size = sizeof(policy),
		.name = "certificate-names",
		.version = "1.0.0",
		.configure = configure,
		.release = release,
		.request_head = request_head,
	};
	static const struct sluice_policy *const policies[] = {&policy};
	static const struct sluice_plugin plugin = {
		.size = sizeof(plugin),
		.abi_major = SLUICE_ABI_MAJOR,
		.abi_minor = SLUICE_ABI_MINOR,
		.policy_count = 1,
		.name = "certificate-names",
		.version = "1.0.0",
		.policies = policies,
		.requires_services = services,
		.load = load,
	};
	return &plugin;
}
