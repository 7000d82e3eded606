/* SPDX-License-Identifier: Apache-2.0 */
/* The policy contract-quota: clients come with an id and a secret, and have what their contract's
 * tier gives them.
 *
 * Contracts are the operator's documents; the policy finds them in memory. The windows of a tier
 * are counters of a store, all of which have to take the request. */
#include <sluice/contracts.h>
#include <sluice/crypto.h>
#include <sluice/sluice.h>
#include <sluice/state.h>

#include <string.h>

#define WINDOWS_MAX  8
#define DIGEST_BYTES 32

static const struct sluice_contracts_service *contracts;
static const struct sluice_crypto_service *crypto;
static const struct sluice_state_service *counters;

/* One binding, as it is configured. */
struct binding {
	struct sluice_str id_field, secret_field; /* the configuration's: they last until release */
	struct sluice_state *store;
};

/* What was asked for one request. */
struct asked {
	size_t count;
	uint32_t pending; /* bit per window: its answer comes later */
	struct sluice_answer answers[WINDOWS_MAX];
};

/* --- configuration --------------------------------------------------------------------------- */
static int32_t load(const struct sluice_host *host)
{
	contracts =
		(const struct sluice_contracts_service *)host->service(SLUICE_CONTRACTS_SERVICE);
	crypto = (const struct sluice_crypto_service *)host->service(SLUICE_CRYPTO_SERVICE);
	counters = (const struct sluice_state_service *)host->service(SLUICE_STATE_SERVICE);
	return SLUICE_OK; /* they are there: requires_services names them */
}

static int32_t configure(const struct sluice_call *call, const struct sluice_value *config,
	void *previous, void **state)
{
	const struct sluice_host *host = call->host;
	const struct sluice_state_options options = {
		.size = sizeof(options), .entries_max = 1000000, .bytes_max = 256u << 20};
	struct binding *b = host->instance_alloc(call->instance, sizeof(*b));
	(void)previous;
	if (!b)
		return SLUICE_E_FULL;
	*state = b;
	b->id_field = host->value_string(
		host->value_get(config, SLUICE_STR("idField")), SLUICE_STR("client_id"));
	b->secret_field = host->value_string(
		host->value_get(config, SLUICE_STR("secretField")), SLUICE_STR("client_secret"));
	b->store = counters->open(call->instance, &options);
	return b->store ? SLUICE_OK : SLUICE_E_FULL;
}

static void release(const struct sluice_call *call)
{
	call->host->instance_free(call->instance, call->state);
}

/* --- answers --------------------------------------------------------------------------------- */
static int32_t refuse(const struct sluice_call *call, struct sluice_exchange *x, int32_t status,
	struct sluice_str message, struct sluice_str reason)
{
	int32_t rc = call->host->respond_error(x, status, NULL, 0, message, reason);
	return rc == SLUICE_OK ? SLUICE_RESPONDED : SLUICE_FAIL;
}

/* --- who it is ------------------------------------------------------------------------------- */
/* The client's contract, if id and secret are right. An unknown id takes as long as a wrong secret.
 */
static int32_t authenticate(
	const struct sluice_call *call, struct sluice_exchange *x, struct sluice_contract *contract)
{
	const struct sluice_host *host = call->host;
	const struct binding *b = call->state;
	struct sluice_str id, secret;
	if (host->field_get(x, SLUICE_REQUEST, b->id_field, &id) != SLUICE_OK ||
		host->field_get(x, SLUICE_REQUEST, b->secret_field, &secret) != SLUICE_OK)
		return SLUICE_E_NOT_FOUND;
	int32_t is_right = contracts->secret_matches(x, id, secret);
	int32_t rc = contracts->find(x, id, contract);
	if (rc != SLUICE_OK || is_right < 0)
		return rc != SLUICE_OK ? rc : is_right;
	return is_right ? host->authenticate(x, contract->client_id, contract->client_id,
				  contract->client_name)
			: SLUICE_E_NOT_FOUND;
}

/* --- what it has ----------------------------------------------------------------------------- */
struct key {
	char bytes[1 + DIGEST_BYTES];
};

/* One counter for each window of each client. An id may be longer than a key; a digest of it tells
 * one client from another whatever its length. */
static struct sluice_str key_of(struct key *to, size_t window, struct sluice_str client)
{
	uint8_t digest[DIGEST_BYTES];
	crypto->sha256(client, digest);
	to->bytes[0] = (char)('0' + window);
	memcpy(to->bytes + 1, digest, sizeof(digest));
	return (struct sluice_str){to->bytes, sizeof(to->bytes)};
}

/* Asks all windows at once. A store in this process answers here; one elsewhere, later. */
static int32_t ask(const struct binding *b, struct sluice_exchange *x,
	const struct sluice_contract *contract, struct asked *asked)
{
	for (size_t i = 0; i < asked->count; i++) {
		struct key key;
		const struct sluice_question question = {
			.size = sizeof(question),
			.kind = SLUICE_COUNT,
			.key = key_of(&key, i, contract->client_id),
			.delta = 1,
			.limit = contract->limits[i].requests_max,
			.for_ms = contract->limits[i].period_ms,
		};
		asked->answers[i].size = sizeof(asked->answers[i]);
		int32_t rc = counters->ask(x, b->store, &question, &asked->answers[i]);
		if (rc == SLUICE_PENDING)
			asked->pending |= 1u << i;
		else if (rc != SLUICE_OK)
			return rc;
	}
	return asked->pending ? SLUICE_PENDING : SLUICE_OK;
}

/* Answers come in the order of the questions. */
static int32_t take(const struct binding *b, struct sluice_exchange *x, struct asked *asked)
{
	int32_t rc = SLUICE_OK;
	for (size_t i = 0; rc == SLUICE_OK && i < asked->count; i++)
		if (asked->pending >> i & 1)
			rc = counters->take(x, b->store, &asked->answers[i]);
	return rc;
}

static int32_t judge(
	const struct sluice_call *call, struct sluice_exchange *x, const struct asked *asked)
{
	for (size_t i = 0; i < asked->count; i++)
		if (asked->answers[i].result == SLUICE_E_CONFLICT)
			return refuse(call, x, 429, SLUICE_STR("the contract's limit is reached"),
				SLUICE_STR("contract_limit"));
		else if (asked->answers[i].result != SLUICE_OK)
			return SLUICE_FAIL;
	return SLUICE_CONTINUE;
}

/* --- callbacks ------------------------------------------------------------------------------- */
static struct asked *asked_new(const struct sluice_host *host, struct sluice_exchange *x, size_t n)
{
	struct asked *asked = n <= WINDOWS_MAX ? host->exchange_alloc(x, sizeof(*asked)) : NULL;
	if (!asked)
		return NULL;
	memset(asked, 0, sizeof(*asked));
	asked->count = n;
	host->data_set(x, asked);
	return asked;
}

static int32_t request_head(const struct sluice_call *call, struct sluice_exchange *x)
{
	const struct sluice_host *host = call->host;
	const struct binding *b = call->state;
	struct sluice_contract contract = {.size = sizeof(contract)};
	struct asked *asked = host->data_get(x);
	int32_t rc;
	if (host->resumed(x)) {
		rc = take(b, x, asked);
		return rc == SLUICE_OK ? judge(call, x, asked) : SLUICE_FAIL;
	}
	rc = authenticate(call, x, &contract);
	if (rc == SLUICE_E_NOT_FOUND)
		return refuse(call, x, 401, SLUICE_STR("no such client, or a wrong secret"),
			SLUICE_STR("unknown_client"));
	asked = rc == SLUICE_OK ? asked_new(host, x, contract.limit_count) : NULL;
	if (!asked)
		return SLUICE_FAIL;
	rc = ask(b, x, &contract, asked);
	if (rc == SLUICE_PENDING)
		return host->wait(x, 1000);
	return rc == SLUICE_OK ? judge(call, x, asked) : SLUICE_FAIL;
}

const struct sluice_plugin *sluice_plugin_v1(void)
{
	static const char *const services[] = {
		SLUICE_CONTRACTS_SERVICE, SLUICE_CRYPTO_SERVICE, SLUICE_STATE_SERVICE, NULL};
	static const struct sluice_policy policy = {
		.size = sizeof(policy),
		.name = "contract-quota",
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
		.name = "contract-quota",
		.version = "1.0.0",
		.policies = policies,
		.requires_services = services,
		.load = load,
	};
	return &plugin;
}
