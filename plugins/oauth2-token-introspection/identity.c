/* SPDX-License-Identifier: Apache-2.0 */
#include "identity.h"

#include "sluice/text.h"

#include <stdio.h>
#include <stdlib.h>

#define PREFIX "x-agw-"

/* --- scopes ---------------------------------------------------------------------------------- */
static int is_in_text(struct sluice_str text, struct sluice_str scope)
{
	while (text.p)
		if (sluice_equal(sluice_cut(&text, ' '), scope))
			return 1;
	return 0;
}

static int has_scope(const struct jose_value *have, struct sluice_str scope)
{
	if (jose_type_of(have) == JOSE_TEXT)
		return is_in_text(jose_text(have), scope);
	for (size_t i = 0; i < jose_count(have); i++)
		if (sluice_equal(jose_text(jose_at(have, i)), scope))
			return 1;
	return 0;
}

int identity_has_scopes(const struct settings *s, const struct jose_value *claims)
{
	const struct jose_value *have = jose_get(claims, "scope");
	for (size_t i = 0; i < s->scope_count; i++)
		if (has_scope(have, s->scopes[i]) == s->is_any_scope)
			return s->is_any_scope;
	return s->scope_count == 0 || !s->is_any_scope;
}

/* --- names ----------------------------------------------------------------------------------- */
static struct sluice_str text_of(const struct jose_value *claims, const char *name)
{
	struct sluice_str text = jose_text(jose_get(claims, name));
	return text.p ? text : SLUICE_STR("");
}

struct sluice_str identity_client(const struct settings *s, const struct jose_value *claims)
{
	return text_of(claims, s->is_by_username ? "username" : "client_id");
}

int32_t identity_tell(const struct sluice_call *call, struct sluice_exchange *x,
	const struct jose_value *claims, struct sluice_str answer, struct sluice_str client_id,
	struct sluice_str client_name)
{
	struct sluice_str who = text_of(claims, "sub");
	if (who.n == 0)
		who = text_of(claims, "username");
	int32_t rc = call->host->claim_set(x, SLUICE_STR(""), answer);
	if (rc != SLUICE_OK)
		return rc;
	return call->host->authenticate(x, who.n ? who : client_id, client_id, client_name);
}

/* --- the upstream ---------------------------------------------------------------------------- */
/* One after the other, from the start again: what is taken out moves the rest. */
static int32_t take_out(const struct sluice_call *call, struct sluice_exchange *x)
{
	struct sluice_str name, value;
	uint32_t at = 0;
	while (call->host->field_next(x, SLUICE_REQUEST, SLUICE_STR(""), &at, &name, &value) ==
		SLUICE_OK) {
		if (!sluice_starts_nocase(name, SLUICE_STR(PREFIX)))
			continue;
		char *copy = call->host->exchange_alloc(x, name.n);
		if (!copy)
			return SLUICE_E_FULL;
		memcpy(copy, name.p, name.n);
		call->host->field_remove(x, SLUICE_REQUEST, (struct sluice_str){copy, name.n});
		at = 0;
	}
	return SLUICE_OK;
}

/* Lists and objects have no place in a field. */
static int is_simple(const struct jose_value *v)
{
	enum jose_type type = jose_type_of(v);
	return type == JOSE_TEXT || type == JOSE_NUMBER || type == JOSE_BOOLEAN;
}

static int32_t tell_one(const struct sluice_call *call, struct sluice_exchange *x,
	struct sluice_str member, const struct jose_value *v)
{
	char name[128];
	int n = snprintf(name, sizeof(name), PREFIX "%.*s", (int)member.n, member.p);
	if (n < 0 || (size_t)n >= sizeof(name) || !sluice_is_token(member) || !is_simple(v))
		return SLUICE_OK;
	char *text = jose_write(v);
	if (!text)
		return SLUICE_E_FULL;
	int32_t rc = call->host->field_set(x, SLUICE_REQUEST, (struct sluice_str){name, (size_t)n},
		(struct sluice_str){text, strlen(text)});
	free(text);
	return rc;
}

int32_t identity_tell_upstream(
	const struct sluice_call *call, struct sluice_exchange *x, const struct jose_value *claims)
{
	const struct jose_value *v;
	struct sluice_str name;
	void *at = NULL;
	int32_t rc = take_out(call, x);
	while (rc == SLUICE_OK && jose_next(claims, &at, &name, &v))
		rc = tell_one(call, x, name, v);
	return rc;
}
