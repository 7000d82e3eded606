/* SPDX-License-Identifier: Apache-2.0 */
#include "negotiate.h"

#include "sluice/text.h"

static const char *const names[CODING_COUNT] = {"identity", "gzip", "br", "zstd"};

static int is_name(struct sluice_str name, const char *text)
{
	return sluice_equal_nocase(name, (struct sluice_str){text, strlen(text)});
}

enum coding coding_of(struct sluice_str name)
{
	for (unsigned i = 0; i < CODING_COUNT; i++)
		if (is_name(name, names[i]))
			return (enum coding)i;
	return is_name(name, "x-gzip") ? CODING_GZIP : CODING_COUNT;
}

struct sluice_str coding_name(enum coding coding)
{
	return (struct sluice_str){names[coding], strlen(names[coding])};
}

/* ( "0" [ "." 0*3DIGIT ] ) / ( "1" [ "." 0*3("0") ] ) in thousandths; 0 of anything else. */
static int weight_of(struct sluice_str text)
{
	if (text.n == 0 || text.n > 5 || (text.p[0] != '0' && text.p[0] != '1'))
		return 0;
	int weight = (text.p[0] - '0') * 1000, unit = 100;
	if (text.n > 1 && text.p[1] != '.')
		return 0;
	for (size_t i = 2; i < text.n; i++, unit /= 10) {
		if (text.p[i] < '0' || text.p[i] > '9')
			return 0;
		weight += (text.p[i] - '0') * unit;
	}
	return weight > 1000 ? 0 : weight;
}

/* What stands behind the name of a coding: nothing, or its weight. */
static int parameters_weight(struct sluice_str rest)
{
	if (!rest.p)
		return 1000;
	struct sluice_str value = sluice_trim(rest);
	struct sluice_str key = sluice_cut(&value, '=');
	if (!value.p || !sluice_equal_nocase(sluice_trim(key), SLUICE_STR("q")))
		return 0;
	return weight_of(sluice_trim(value));
}

void acceptance_init(struct acceptance *a)
{
	for (unsigned i = 0; i < CODING_COUNT; i++)
		a->weight[i] = -1;
	a->others = -1;
}

void acceptance_add(struct acceptance *a, struct sluice_str value)
{
	while (value.p) {
		struct sluice_str rest = sluice_cut(&value, ',');
		struct sluice_str name = sluice_trim(sluice_cut(&rest, ';'));
		int weight = parameters_weight(rest);
		enum coding coding = coding_of(name);
		if (sluice_equal(name, SLUICE_STR("*")))
			a->others = weight;
		else if (coding != CODING_COUNT)
			a->weight[coding] = weight;
	}
}

size_t acceptance_keep(
	struct sluice_str value, unsigned codings, char *out, size_t n, size_t bytes_max)
{
	while (value.p) {
		struct sluice_str entry = sluice_trim(sluice_cut(&value, ',')), rest = entry;
		enum coding coding = coding_of(sluice_trim(sluice_cut(&rest, ';')));
		if (coding == CODING_IDENTITY || !(codings >> coding & 1) ||
			entry.n + 2 > bytes_max - n)
			continue;
		memcpy(out + n, ", ", n ? 2 : 0);
		n += n ? 2 : 0;
		memcpy(out + n, entry.p, entry.n);
		n += entry.n;
	}
	return n;
}

static int weight_in(const struct acceptance *a, enum coding coding)
{
	return a->weight[coding] >= 0 ? a->weight[coding] : a->others;
}

enum coding acceptance_choose(
	const struct acceptance *a, const enum coding *offered, size_t offered_count)
{
	enum coding best = CODING_IDENTITY;
	/* Unnamed, the content as it is is taken, but anything that is named is liked better. */
	int best_weight = a->weight[CODING_IDENTITY] > 0 ? a->weight[CODING_IDENTITY] - 1 : 0;
	for (size_t i = 0; i < offered_count; i++) {
		int weight = weight_in(a, offered[i]);
		if (weight <= best_weight)
			continue;
		best = offered[i];
		best_weight = weight;
	}
	return best;
}
