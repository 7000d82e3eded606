/* SPDX-License-Identifier: Apache-2.0 */
#include "client_certificate.h"

#include "rig.h"

#include "sluice/tls.h"

static const struct sluice_tls_service *service;
static int seen;

static int32_t configure(const struct sluice_call *call, const struct sluice_value *config,
	void *previous, void **state)
{
	service = call->host->service(SLUICE_TLS_SERVICE);
	ck_assert_ptr_nonnull(service);
	return SLUICE_OK;
}

static void assert_text(struct sluice_str s, const char *text)
{
	ck_assert_uint_eq(s.n, strlen(text));
	ck_assert_mem_eq(s.p, text, s.n);
}

static void assert_certificate(struct sluice_exchange *x)
{
	struct sluice_certificate c = {.size = sizeof(c)};
	ck_assert_int_eq(service->client_certificate(x, &c), SLUICE_OK);
	ck_assert_uint_eq(c.size, sizeof(c));
	assert_text(c.common_name, "till 7");
	assert_text(c.fingerprint, CLIENT_CERTIFICATE_SHA256);
	ck_assert_int_eq(c.not_after_s, 2111305098);
	struct sluice_certificate older = {
		.size = offsetof(struct sluice_certificate, not_before_s), .not_after_s = 77};
	ck_assert_int_eq(service->client_certificate(x, &older), SLUICE_OK);
	assert_text(older.serial, "0A1B2C3D4E");
	ck_assert_int_eq(older.not_after_s, 77); /* beyond what it said that it knows */
	older.size = 8;
	ck_assert_int_eq(service->client_certificate(x, &older), SLUICE_E_INVALID);
	ck_assert_int_eq(service->client_certificate(x, NULL), SLUICE_E_INVALID);
}

static int32_t look(const struct sluice_call *call, struct sluice_exchange *x)
{
	struct sluice_str name, der;
	uint32_t at = 0, kind, count = 0;
	seen++;
	assert_certificate(x);
	for (; service->client_name_next(x, &at, &kind, &name) == SLUICE_OK; count++)
		if (kind == SLUICE_NAME_URI)
			assert_text(name, "spiffe://shop.example/till/7");
	ck_assert_uint_eq(count, 5);
	at = 0;
	ck_assert_int_eq(service->client_name_next(x, &at, NULL, &name), SLUICE_OK);
	ck_assert_int_eq(service->client_certificate_der(x, &der), SLUICE_OK);
	ck_assert_uint_eq(der.n, client_certificate_der().n);
	return SLUICE_CONTINUE;
}

static int32_t find_none(const struct sluice_call *call, struct sluice_exchange *x)
{
	struct sluice_certificate c = {.size = sizeof(c)};
	struct sluice_str name;
	uint32_t at = 0;
	seen++;
	ck_assert_int_eq(service->client_certificate(x, &c), SLUICE_E_NOT_FOUND);
	ck_assert_int_eq(service->client_name_next(x, &at, NULL, &name), SLUICE_E_NOT_FOUND);
	ck_assert_int_eq(service->client_certificate_der(x, &name), SLUICE_E_NOT_FOUND);
	return SLUICE_CONTINUE;
}

static void log_it(const struct sluice_call *call, struct sluice_exchange *x)
{
	look(call, x);
}

static void run(struct sluice_policy *policy, struct str der)
{
	struct rig *r = rig_new(1);
	rig_bind(r, rig_policy(r, policy), "looking", "{}");
	struct visit *v = visit_new(r, 0);
	seen = 0;
	visit_begin(v);
	v->x.tls_certificate = der;
	ck_assert_int_eq(chain_step(&v->x, CHAIN_REQUEST), CHAIN_MORE);
	struct sluice_certificate c = {.size = sizeof(c)};
	ck_assert_int_eq(service->client_certificate(&v->x, &c), SLUICE_E_WRONG_CALLBACK);
	visit_free(v);
	rig_free(r);
}

static struct sluice_policy policy = {
	.size = sizeof(policy), .name = "looking", .version = "1.0.0", .configure = configure};

START_TEST(tells_who_the_client_is)
{
	policy.request_head = look;
	policy.log = log_it;
	run(&policy, client_certificate_der());
	ck_assert_int_eq(seen, 2);
}
END_TEST

START_TEST(a_client_without_a_certificate_is_nobody)
{
	policy.request_head = find_none;
	run(&policy, STR_EMPTY);
	ck_assert_int_eq(seen, 1);
}
END_TEST

UNIT_SUITE(tls, tells_who_the_client_is, a_client_without_a_certificate_is_nobody)
