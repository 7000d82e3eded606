/* SPDX-License-Identifier: Apache-2.0 */
/* client-id-enforcement - client applications that have a contract with the API.
 *
 * One answer for all that is wrong with the credentials: nobody learns which ids there are. */
#include "util/authorization.h"
#include "util/client_contract.h"

#include "sluice/crypto.h"
#include "sluice/request.h"
#include "sluice/text.h"

#define BASIC_BYTES_MAX 8192

struct state {
	const struct sluice_crypto_service *crypto;
	struct client_contract client;
	int is_basic; /* HTTP basic authentication; the expressions are not asked */
	int32_t refused;
};

/* --- configuration --------------------------------------------------------------------------- */
static int32_t basic_init(struct state *s, const struct sluice_call *call)
{
	const struct sluice_request_service *request = call->host->service(SLUICE_REQUEST_SERVICE);
	s->is_basic = 1;
	s->client.contracts = call->host->service(SLUICE_CONTRACTS_SERVICE);
	if (!SLUICE_HAS(request, secret_define))
		return SLUICE_E_UNSUPPORTED;
	return request->secret_define(
		call->instance, SLUICE_PART_HEADER, SLUICE_STR("authorization"));
}

static void release(const struct sluice_call *call)
{
	struct state *s = call->state;
	client_contract_deinit(&s->client, call);
	call->host->instance_free(call->instance, s);
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
		.refused = host->counter_define(call->instance, SLUICE_STR("client_id_refused"),
			SLUICE_STR("Requests without the credentials of a client that has a "
				   "contract")),
	};
	struct sluice_str origin = host->value_string(
		host->value_get(
			config, SLUICE_STR("credentialsOriginHasHttpBasicAuthenticationHeader")),
		SLUICE_STR("customExpression"));
	int32_t rc = sluice_equal(origin, SLUICE_STR("httpBasicAuthenticationHeader"))
			     ? basic_init(s, call)
			     : client_contract_init(&s->client, call, config);
	if (rc == SLUICE_OK) {
		*out = s;
		return rc;
	}
	struct sluice_call own = *call;
	own.state = s;
	release(&own);
	return rc;
}

/* --- exchanges ------------------------------------------------------------------------------- */
/* By id and secret of RFC 7617. */
static int32_t find_basic(
	const struct sluice_call *call, struct sluice_exchange *x, struct sluice_contract *contract)
{
	const struct state *s = call->state;
	struct sluice_str token;
	int32_t rc = authorization_get(call->host, x, SLUICE_STR("basic"), &token);
	if (rc != SLUICE_OK || token.n > BASIC_BYTES_MAX)
		return SLUICE_E_NOT_FOUND;
	char *pair = call->host->exchange_alloc(x, token.n / 4 * 3 + 1);
	if (!pair)
		return SLUICE_E_FULL;
	int64_t n = s->crypto->base64_decode(token, pair);
	if (n < 1)
		return SLUICE_E_NOT_FOUND;
	struct sluice_str secret = {pair, (size_t)n};
	struct sluice_str id = sluice_cut(&secret, ':');
	return secret.p ? client_contract_prove(&s->client, x, id, secret, contract)
			: SLUICE_E_NOT_FOUND;
}

static int32_t refuse(const struct sluice_call *call, struct sluice_exchange *x, int32_t rc)
{
	const struct state *s = call->state;
	if (rc == SLUICE_E_NOT_FOUND)
		call->host->counter_add(call->instance, s->refused, 1);
	return client_contract_refuse(call, x, rc,
		s->is_basic ? SLUICE_STR("Basic realm=\"sluice\", charset=\"UTF-8\"")
			    : SLUICE_STR("Client-ID-Enforcement"));
}

static int32_t request_head(const struct sluice_call *call, struct sluice_exchange *x)
{
	const struct state *s = call->state;
	struct sluice_contract contract = {.size = sizeof(contract)};
	int32_t rc = s->is_basic ? find_basic(call, x, &contract)
				 : client_contract_find(&s->client, call, x, &contract);
	if (rc != SLUICE_OK)
		return refuse(call, x, rc);
	rc = client_contract_tell(call, x, &contract);
	return rc == SLUICE_OK ? SLUICE_CONTINUE : SLUICE_FAIL;
}

static const struct sluice_policy policy = {
	.size = sizeof(policy),
	.name = "client-id-enforcement",
	.version = "1.0.0",
	.configure = configure,
	.release = release,
	.request_head = request_head,
};

const struct sluice_plugin *sluice_plugin_v1(void)
{
	static const struct sluice_policy *const policies[] = {&policy};
	static const char *const services[] = {SLUICE_CONTRACTS_SERVICE, SLUICE_CRYPTO_SERVICE,
		SLUICE_EXPR_SERVICE, SLUICE_REQUEST_SERVICE, NULL};
	static const struct sluice_plugin plugin = {
		.size = sizeof(plugin),
		.abi_major = SLUICE_ABI_MAJOR,
		.abi_minor = SLUICE_ABI_MINOR,
		.policy_count = 1,
		.name = "client-id-enforcement",
		.version = "1.0.0",
		.policies = policies,
		.requires_services = services,
	};
	return &plugin;
}
