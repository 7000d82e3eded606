/* SPDX-License-Identifier: Apache-2.0 */
#include "http/field_role.h"

#include "base/check.h"
#include "http/h1.h"

const uint8_t field_roles[FIELD_COUNT] = {
	[FIELD_HOST] = ROLE_HOST,
	[FIELD_CONNECTION] = ROLE_CONNECTION,
	[FIELD_CONTENT_LENGTH] = ROLE_LENGTH,
	[FIELD_TRANSFER_ENCODING] = ROLE_CODING,
	[FIELD_KEEP_ALIVE] = ROLE_HOP,
	[FIELD_PROXY_CONNECTION] = ROLE_HOP,
	[FIELD_TE] = ROLE_HOP,
	[FIELD_TRAILER] = ROLE_HOP,
	[FIELD_PROXY_AUTHENTICATE] = ROLE_HOP,
	[FIELD_PROXY_AUTHORIZATION] = ROLE_HOP,
	[FIELD_UPGRADE] = ROLE_UPGRADE,
	[FIELD_EXPECT] = ROLE_EXPECT,
	[FIELD_AUTHORIZATION] = ROLE_SINGLE,
	[FIELD_CONTENT_TYPE] = ROLE_SINGLE,
	[FIELD_ORIGIN] = ROLE_SINGLE,
};

/* Names with '_' for '-' that are refused, beside all with a role of their own. */
static const bool is_owned[FIELD_COUNT] = {
	[FIELD_FORWARDED] = true,
	[FIELD_VIA] = true,
	[FIELD_X_FORWARDED_FOR] = true,
	[FIELD_X_FORWARDED_PROTO] = true,
	[FIELD_X_FORWARDED_HOST] = true,
	[FIELD_X_FORWARDED_PORT] = true,
	[FIELD_X_REAL_IP] = true,
	[FIELD_X_REQUEST_ID] = true,
};

bool field_is_twin(struct str name)
{
	char plain[32];
	if (name.n > sizeof(plain))
		return false;
	for (size_t i = 0; i < name.n; i++)
		plain[i] = name.p[i] == '_' ? '-' : name.p[i];
	enum field_id id = field_id_of(str_n(plain, name.n));
	return id != FIELD_OTHER && (field_roles[id] != ROLE_PASS || is_owned[id]);
}

bool field_is_owned(struct str name)
{
	return str_eq_nocase(str_slice(name, 0, 12), STR("x-forwarded-")) ||
	       str_eq_nocase(str_slice(name, 0, 9), STR("x-sluice-")) ||
	       str_eq_nocase(name, STR("tracestate"));
}

/* Of the fields that the gateway knows by name only these may come there. */
static const bool is_known_trailer[FIELD_COUNT] = {
	[FIELD_ETAG] = true,
};

/* And these, unknown by id, may not. */
static const struct str late_names[] = {
	{"age", 3},
	{"cache-control", 13},
	{"content-range", 13},
	{"expires", 7},
	{"if-match", 8},
	{"if-modified-since", 17},
	{"if-none-match", 13},
	{"if-range", 8},
	{"if-unmodified-since", 19},
	{"max-forwards", 12},
	{"pragma", 6},
	{"vary", 4},
	{"warning", 7},
};

static bool is_late(struct str name)
{
	for (size_t i = 0; i < ARRAY_COUNT(late_names); i++)
		if (str_eq_nocase(name, late_names[i]))
			return true;
	return false;
}

bool h1_may_trail(struct str name, enum field_id id)
{
	if (id != FIELD_OTHER)
		return is_known_trailer[id];
	return !field_is_twin(name) && !is_late(name) && !field_is_owned(name);
}
