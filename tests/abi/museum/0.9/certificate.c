/* SPDX-License-Identifier: Apache-2.0 */
/* A client without a certificate: who the others are, unit tests and integration tests ask. */
#include "exhibit.h"

#include "sluice/tls.h"

static int32_t request_head(const struct sluice_call *call, struct sluice_exchange *x)
{
	const struct sluice_tls_service *t = call->host->service(SLUICE_TLS_SERVICE);
	struct sluice_certificate certificate = {.size = sizeof(certificate)};
	struct sluice_str value;
	uint32_t at = 0, kind = 0;
	SEE(SLUICE_HAS(t, client_certificate_der));
	SEE(t->client_certificate(x, &certificate) == SLUICE_E_NOT_FOUND);
	SEE(t->client_name_next(x, &at, &kind, &value) == SLUICE_E_NOT_FOUND);
	SEE(t->client_certificate_der(x, &value) == SLUICE_E_NOT_FOUND);
	return answer(call, x);
}

static const struct sluice_policy policy = {.size = sizeof(policy),
	.name = "certificate",
	.version = "1.0.0",
	.request_head = request_head,
	.response_head = tell};
EXHIBIT("certificate", SLUICE_TLS_SERVICE, NULL)
