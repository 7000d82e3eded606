/* SPDX-License-Identifier: Apache-2.0 */
#include "vary.h"

#include "directives.h"
#include "sluice/text.h"

static int name_order(struct sluice_str a, struct sluice_str b)
{
	size_t n = a.n < b.n ? a.n : b.n;
	for (size_t i = 0; i < n; i++) {
		unsigned char x = (unsigned char)sluice_lower(a.p[i]);
		unsigned char y = (unsigned char)sluice_lower(b.p[i]);
		if (x != y)
			return x < y ? -1 : 1;
	}
	return (a.n > b.n) - (a.n < b.n);
}

static void name_add(struct vary *v, struct sluice_str name)
{
	size_t at = 0;
	while (at < v->count && name_order(v->names[at], name) < 0)
		at++;
	if (at < v->count && name_order(v->names[at], name) == 0)
		return;
	if (v->count == VARY_NAMES_MAX) {
		v->is_any = 1;
		return;
	}
	memmove(v->names + at + 1, v->names + at, (v->count - at) * sizeof(v->names[0]));
	v->names[at] = name;
	v->count++;
}

void vary_add(struct vary *v, struct sluice_str value)
{
	struct sluice_str name;
	while (member_next(&value, &name)) {
		if (!sluice_is_token(name) || sluice_equal(name, SLUICE_STR("*")))
			v->is_any = 1;
		else
			name_add(v, name);
	}
}

void vary_key_names(const struct vary *v, struct cache_key *k)
{
	for (size_t i = 0; i < v->count; i++)
		cache_key_add_lower(k, v->names[i]);
	cache_key_add_absent(k);
}

/* Whose spaces around commas mean nothing; of other fields they may (User-Agent, Cookie). */
static int is_list(struct sluice_str name)
{
	static const char *const names[] = {
		"accept", "accept-charset", "accept-encoding", "accept-language"};
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (sluice_equal_nocase(name, (struct sluice_str){names[i], strlen(names[i])}))
			return 1;
	return 0;
}

/* Each part behind a line feed, which no field can have: whatever the parts are, they stay apart. */
static void text_add(struct variant_value *value, struct sluice_str text, int is_lower)
{
	if (value->is_full || text.n + 1 > value->bytes_max - value->n) {
		value->is_full = 1;
		return;
	}
	value->text[value->n++] = '\n';
	for (size_t i = 0; i < text.n; i++)
		value->text[value->n++] = is_lower ? sluice_lower(text.p[i]) : text.p[i];
}

void variant_value_add(struct variant_value *value, struct sluice_str name, struct sluice_str line)
{
	struct sluice_str member;
	value->is_present = 1;
	if (!is_list(name)) {
		text_add(value, sluice_trim(line), 0);
		return;
	}
	/* Media types have parameters that tell upper from lower case. */
	int is_lower = name.n > sizeof("accept") - 1;
	while (member_next(&line, &member))
		text_add(value, member, is_lower);
}

void variant_value_key(const struct variant_value *value, struct cache_key *k)
{
	if (value->is_full)
		k->is_full = 1;
	if (value->is_present)
		cache_key_add(k, (struct sluice_str){value->text, value->n});
	else
		cache_key_add_absent(k);
}
