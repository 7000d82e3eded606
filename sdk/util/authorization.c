/* SPDX-License-Identifier: Apache-2.0 */
#include "util/authorization.h"

#include "sluice/text.h"

/* The one field of that name. */
static int32_t field_get(
	const struct sluice_host *host, struct sluice_exchange *x, struct sluice_str *value)
{
	struct sluice_str name = SLUICE_STR("authorization"), second;
	uint32_t at = 0;
	int32_t rc = host->field_next(x, SLUICE_REQUEST, name, &at, NULL, value);
	if (rc == SLUICE_OK &&
		host->field_next(x, SLUICE_REQUEST, name, &at, NULL, &second) == SLUICE_OK)
		return SLUICE_E_INVALID;
	return rc;
}

int32_t authorization_get(const struct sluice_host *host, struct sluice_exchange *x,
	struct sluice_str scheme, struct sluice_str *credentials)
{
	struct sluice_str field;
	int32_t rc = field_get(host, x, &field);
	if (rc != SLUICE_OK)
		return rc;
	if (field.n <= scheme.n || field.p[scheme.n] != ' ' || !sluice_starts_nocase(field, scheme))
		return SLUICE_E_NOT_FOUND;
	field.p += scheme.n;
	field.n -= scheme.n;
	while (field.n && *field.p == ' ')
		field.p++, field.n--;
	*credentials = field;
	return field.n ? SLUICE_OK : SLUICE_E_NOT_FOUND;
}
