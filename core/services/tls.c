/* SPDX-License-Identifier: Apache-2.0 */
/* services/tls.c - "sluice.tls/1": the client's certificate, read when somebody first asks. */
#include "sluice/tls.h"

#include "base/memory.h"
#include "crypto/certificate.h"
#include "policy/chain.h"
#include "policy/legal.h"
#include "policy/run.h"
#include "services/services_priv.h"

_Static_assert((int)SLUICE_NAME_DNS == CERTIFICATE_DNS && (int)SLUICE_NAME_URI == CERTIFICATE_URI &&
		       (int)SLUICE_NAME_EMAIL == CERTIFICATE_EMAIL &&
		       (int)SLUICE_NAME_ADDRESS == CERTIFICATE_ADDRESS,
	"the SDK's kinds are those of enum certificate_name_kind");

enum { CLIENT_CERTIFICATE, CLIENT_NAME_NEXT, CLIENT_CERTIFICATE_DER };
static const struct policy_call calls[] = {
	[CLIENT_CERTIFICATE] = {"sluice.tls/1 client_certificate", IN_EXCHANGE},
	[CLIENT_NAME_NEXT] = {"sluice.tls/1 client_name_next", IN_EXCHANGE},
	[CLIENT_CERTIFICATE_DER] = {"sluice.tls/1 client_certificate_der", IN_EXCHANGE},
};

static int32_t facts_of(const struct policy_call *call, struct sluice_exchange *x,
	const struct certificate_facts **out)
{
	if (!policy_allows_exchange(call, x))
		return SLUICE_E_WRONG_CALLBACK;
	if (!x->tls_certificate.n)
		return SLUICE_E_NOT_FOUND;
	if (!x->certificate) {
		struct certificate_facts *f = arena_zalloc(x->arena, sizeof(*f));
		enum rc rc = f ? certificate_read(x->tls_certificate, x->arena, f) : RC_FULL;
		if (rc != RC_OK)
			return rc == RC_FULL ? SLUICE_E_FULL : SLUICE_E_NOT_FOUND;
		x->certificate = f;
	}
	*out = x->certificate;
	return SLUICE_OK;
}

static int32_t client_certificate(struct sluice_exchange *x, struct sluice_certificate *to)
{
	const struct certificate_facts *f;
	int32_t rc = facts_of(&calls[CLIENT_CERTIFICATE], x, &f);
	if (rc != SLUICE_OK)
		return rc;
	if (!to || to->size < offsetof(struct sluice_certificate, not_before_s))
		return SLUICE_E_INVALID;
	const struct sluice_certificate own = {
		.size = to->size,
		.subject = str_out(f->subject),
		.issuer = str_out(f->issuer),
		.common_name = str_out(f->common_name),
		.serial = str_out(f->serial),
		.fingerprint = str_out(f->fingerprint),
		.not_before_s = f->not_before_s,
		.not_after_s = f->not_after_s,
	};
	take_sized(to, to->size, &own, sizeof(own));
	return SLUICE_OK;
}

static int32_t client_name_next(
	struct sluice_exchange *x, uint32_t *at, uint32_t *kind, struct sluice_str *value)
{
	const struct certificate_facts *f;
	int32_t rc = facts_of(&calls[CLIENT_NAME_NEXT], x, &f);
	if (rc != SLUICE_OK)
		return rc;
	if (*at >= f->name_count)
		return SLUICE_E_NOT_FOUND;
	const struct certificate_name *name = &f->names[(*at)++];
	if (kind)
		*kind = name->kind;
	*value = str_out(name->value);
	return SLUICE_OK;
}

static int32_t client_certificate_der(struct sluice_exchange *x, struct sluice_str *der)
{
	if (!policy_allows_exchange(&calls[CLIENT_CERTIFICATE_DER], x))
		return SLUICE_E_WRONG_CALLBACK;
	if (!x->tls_certificate.n)
		return SLUICE_E_NOT_FOUND;
	*der = str_out(x->tls_certificate);
	return SLUICE_OK;
}

const void *services_tls_table(void)
{
	static const struct sluice_tls_service table = {
		.size = sizeof(table),
		.client_certificate = client_certificate,
		.client_name_next = client_name_next,
		.client_certificate_der = client_certificate_der,
	};
	return &table;
}
