/* SPDX-License-Identifier: Apache-2.0 */
#include "cache_control.h"

#include "directives.h"
#include "sluice/text.h"

static const struct flag_name {
	const char *name;
	uint32_t flag;
} flags[] = {
	{"no-store", CC_NO_STORE},
	{"no-cache", CC_NO_CACHE},
	{"private", CC_PRIVATE},
	{"public", CC_PUBLIC},
	{"must-revalidate", CC_MUST_REVALIDATE},
	{"proxy-revalidate", CC_MUST_REVALIDATE},
	{"must-understand", CC_MUST_UNDERSTAND},
	{"immutable", CC_IMMUTABLE},
	{"no-transform", CC_NO_TRANSFORM},
	{"only-if-cached", CC_ONLY_IF_CACHED},
};

static const char *const times[CC_TIMES] = {
	[CC_MAX_AGE] = "max-age",
	[CC_S_MAXAGE] = "s-maxage",
	[CC_STALE_WHILE_REVALIDATE] = "stale-while-revalidate",
	[CC_STALE_IF_ERROR] = "stale-if-error",
	[CC_MAX_STALE] = "max-stale",
	[CC_MIN_FRESH] = "min-fresh",
};

void cache_control_init(struct cache_control *cc)
{
	*cc = (struct cache_control){.flags = 0};
	for (unsigned i = 0; i < CC_TIMES; i++)
		cc->seconds[i] = -1;
}

static int is_name(struct sluice_str name, const char *text)
{
	return sluice_equal_nocase(name, (struct sluice_str){text, strlen(text)});
}

enum cache_control_time cache_control_time_of(struct sluice_str name)
{
	unsigned i = 0;
	while (i < CC_TIMES && !is_name(name, times[i]))
		i++;
	return (enum cache_control_time)i;
}

uint32_t cache_control_flag_of(struct sluice_str name)
{
	for (size_t i = 0; i < sizeof(flags) / sizeof(flags[0]); i++)
		if (is_name(name, flags[i].name))
			return flags[i].flag;
	return 0;
}

static void time_add(struct cache_control *cc, enum cache_control_time t, const struct directive *d)
{
	int64_t *seconds = &cc->seconds[t], n = 0;
	if (t == CC_MAX_STALE && !d->has_value) {
		cc->flags |= CC_ANY_STALE;
		return;
	}
	/* The larger of two min-fresh keeps less. What is no number asks for an answer that is fresh for ever. */
	if (!seconds_parse(d->value, &n))
		n = t == CC_MIN_FRESH ? SECONDS_MAX : 0;
	if (*seconds < 0 || (t == CC_MIN_FRESH ? n > *seconds : n < *seconds))
		*seconds = n;
}

/* 0: there is no room, or it is no list of names. */
static int fields_add(struct cache_control *cc, struct sluice_str list)
{
	struct sluice_str rest = list, name;
	size_t n = 0;
	while (member_next(&rest, &name)) {
		if (!sluice_is_token(name))
			return 0;
		n++;
	}
	if (n == 0 || cc->field_lists == CACHE_CONTROL_LISTS_MAX)
		return 0;
	cc->fields[cc->field_lists++] = list;
	return 1;
}

static void member_add(struct cache_control *cc, struct sluice_str member)
{
	struct directive d;
	int is_well_formed = directive_parse(member, &d);
	enum cache_control_time t = cache_control_time_of(d.name);
	uint32_t flag = cache_control_flag_of(d.name);
	cc->flags |= CC_PRESENT;
	if (t != CC_TIMES)
		time_add(cc, t, &d);
	else if ((flag & (CC_NO_CACHE | CC_PRIVATE)) && d.has_value && fields_add(cc, d.value))
		return;
	else if (is_well_formed ||
		 (flag & (CC_NO_STORE | CC_NO_CACHE | CC_PRIVATE | CC_MUST_REVALIDATE)))
		cc->flags |= flag;
}

void cache_control_add(struct cache_control *cc, struct sluice_str value)
{
	struct sluice_str member;
	while (member_next(&value, &member))
		member_add(cc, member);
}

int cache_control_withholds(const struct cache_control *cc, struct sluice_str field)
{
	for (size_t i = 0; i < cc->field_lists; i++) {
		struct sluice_str rest = cc->fields[i], name;
		while (member_next(&rest, &name))
			if (sluice_equal_nocase(name, field))
				return 1;
	}
	return 0;
}
