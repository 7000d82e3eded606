/* SPDX-License-Identifier: Apache-2.0 */
/* services/regex.c - "sluice.regex/1": expr/regex.h for plugins. */
#include "sluice/regex.h"

#include "base/utf8.h"
#include "expr/regex.h"
#include "policy/legal.h"
#include "policy/run.h"
#include "services/services_priv.h"

#include <stdio.h>

_Static_assert(SLUICE_REGEX_GROUPS_MAX == REGEX_GROUPS_MAX, "promised to plugins");
_Static_assert(SLUICE_REGEX_BYTES_MAX == REGEX_BYTES_MAX, "promised to plugins");
_Static_assert((int)SLUICE_REGEX_WHOLE == REGEX_WHOLE &&
		       (int)SLUICE_REGEX_IGNORE_CASE == REGEX_IGNORE_CASE,
	"promised to plugins");

#define FLAGS_KNOWN (SLUICE_REGEX_WHOLE | SLUICE_REGEX_IGNORE_CASE)

static const struct policy_call call_compile = {"sluice.regex/1 compile", IN(CONFIGURE)};

struct sluice_regex {
	struct regex *regex; /* owned */
};

/* --- compiling ------------------------------------------------------------------------------- */
/* Characters count from 1. */
static void report(struct sluice_instance *i, const struct sluice_value *at, struct str pattern,
	size_t offset, const char *why)
{
	char message[300];
	size_t before = utf8_length(str_slice(pattern, 0, offset));
	int n = pattern.n > REGEX_BYTES_MAX ? snprintf(message, sizeof(message), "%s", why)
					    : snprintf(message, sizeof(message),
						      "%s at character %zu", why, before + 1);
	policy_config_error(i, at, str_n(message, (size_t)n));
}

static struct sluice_regex *compile(struct sluice_instance *i, struct sluice_str pattern,
	uint32_t flags, const struct sluice_value *at)
{
	if (!policy_allows(&call_compile, i))
		return NULL;
	if (flags & ~(uint32_t)FLAGS_KNOWN) {
		policy_config_error(i, at, STR("the policy asks for an unknown kind of pattern"));
		return NULL;
	}
	struct sluice_regex *r = policy_alloc(i, sizeof(*r));
	if (!r) {
		policy_config_error(i, at, STR("the policy has no memory left"));
		return NULL;
	}
	char message[240];
	size_t offset;
	if (regex_new(str_in(pattern), flags, &r->regex, &offset, message, sizeof(message)) ==
		RC_OK)
		return r;
	report(i, at, str_in(pattern), offset, message);
	policy_free(i, r);
	return NULL;
}

static void release(struct sluice_instance *i, struct sluice_regex *r)
{
	if (!r)
		return;
	regex_free(r->regex);
	policy_free(i, r);
}

static uint32_t group_count(const struct sluice_regex *r)
{
	return regex_group_count(r->regex);
}

/* --- matching -------------------------------------------------------------------------------- */
static int32_t give(const struct sluice_regex *r, enum rc rc, const struct str *from,
	struct sluice_str *groups, size_t group_max)
{
	if (rc != RC_OK)
		return rc == RC_NOT_FOUND ? SLUICE_E_NOT_FOUND : SLUICE_E_FULL;
	unsigned count = groups ? regex_group_count(r->regex) : 0;
	for (size_t i = 0; groups && i < group_max; i++)
		groups[i] = str_out(i < count ? from[i] : STR_EMPTY);
	return SLUICE_OK;
}

static int32_t match(const struct sluice_regex *r, struct sluice_str subject,
	struct sluice_str *groups, size_t group_max)
{
	struct str found[REGEX_GROUPS_MAX];
	enum rc rc = regex_match(r->regex, str_in(subject), groups ? found : NULL);
	return give(r, rc, found, groups, group_max);
}

static int32_t search(const struct sluice_regex *r, struct sluice_str subject, size_t start,
	size_t *from, size_t *to, struct sluice_str *groups, size_t group_max)
{
	struct str found[REGEX_GROUPS_MAX];
	enum rc rc =
		regex_search(r->regex, str_in(subject), start, from, to, groups ? found : NULL);
	return give(r, rc, found, groups, group_max);
}

const void *services_regex_table(void)
{
	static const struct sluice_regex_service table = {
		.size = sizeof(table),
		.compile = compile,
		.free = release,
		.group_count = group_count,
		.match = match,
		.search = search,
	};
	return &table;
}
