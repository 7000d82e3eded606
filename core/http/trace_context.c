/* SPDX-License-Identifier: Apache-2.0 */
#include "http/trace_context.h"

/* "00-" trace-id "-" parent-id "-" flags */
#define PARENT_BYTES 55
#define MEMBERS_MAX  32
/* W3C asks for 512 at least; what a field may hold anyway is taken (base/limits.h). */
#define STATE_BYTES_MAX 8192

static bool is_hex(struct str s)
{
	for (size_t i = 0; i < s.n; i++) {
		bool is_digit = s.p[i] >= '0' && s.p[i] <= '9';
		if (!is_digit && !(s.p[i] >= 'a' && s.p[i] <= 'f'))
			return false;
	}
	return true;
}

static bool is_zero(struct str s)
{
	for (size_t i = 0; i < s.n; i++)
		if (s.p[i] != '0')
			return false;
	return true;
}

bool traceparent_is_valid(struct str value, struct str *trace_id)
{
	if (value.n < PARENT_BYTES)
		return false;
	struct str version = str_slice(value, 0, 2), id = str_slice(value, 3, TRACE_ID_BYTES);
	struct str parent = str_slice(value, 36, 16), flags = str_slice(value, 53, 2);
	bool has_dashes = value.p[2] == '-' && value.p[35] == '-' && value.p[52] == '-';
	if (!has_dashes || !is_hex(version) || !is_hex(id) || !is_hex(parent) || !is_hex(flags))
		return false;
	if (is_zero(id) || is_zero(parent) || str_eq(version, STR("ff")))
		return false;
	bool is_ours = is_zero(version);
	if (value.n > PARENT_BYTES && (is_ours || value.p[PARENT_BYTES] != '-'))
		return false;
	*trace_id = id;
	return true;
}

static bool is_key_byte(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_' || c == '-' ||
	       c == '*' || c == '/';
}

/* Level 2 lets a key begin with a digit and makes no more of "tenant@system". */
static bool is_key(struct str key)
{
	unsigned ats = 0;
	if (key.n == 0 || key.n > 256 || !is_key_byte(key.p[0]))
		return false;
	for (size_t i = 0; i < key.n; i++) {
		ats += key.p[i] == '@';
		if (key.p[i] != '@' && !is_key_byte(key.p[i]))
			return false;
	}
	return ats <= 1 && key.p[key.n - 1] != '@';
}

static bool is_value(struct str value)
{
	if (value.n == 0 || value.n > 256)
		return false;
	for (size_t i = 0; i < value.n; i++)
		if (value.p[i] < 0x20 || value.p[i] > 0x7e || value.p[i] == '=')
			return false;
	return true;
}

bool tracestate_is_valid(struct str value)
{
	unsigned members = 0;
	if (value.n > STATE_BYTES_MAX)
		return false;
	for (struct str rest = value; rest.p;) {
		struct str member = str_trim(str_cut(&rest, ','));
		if (member.n == 0)
			continue;
		struct str state = member, key = str_cut(&state, '=');
		if (!is_key(key) || !is_value(state) || ++members > MEMBERS_MAX)
			return false;
	}
	return members > 0;
}
