/* SPDX-License-Identifier: Apache-2.0 */
#include "util/content.h"

#include "sluice/text.h"

int content_equal(struct sluice_str a, struct sluice_str b)
{
	return sluice_equal_nocase(a, b);
}

static int ends(struct sluice_str s, struct sluice_str suffix)
{
	return s.n >= suffix.n &&
	       content_equal((struct sluice_str){s.p + s.n - suffix.n, suffix.n}, suffix);
}

/* Takes what stands before the next `separator` outside of a quoted string. */
static struct sluice_str cut(struct sluice_str *rest, char separator)
{
	size_t i = 0;
	for (int quoted = 0; i < rest->n && (quoted || rest->p[i] != separator); i++) {
		if (rest->p[i] == '"')
			quoted = !quoted;
		else if (quoted && rest->p[i] == '\\' && i + 1 < rest->n)
			i++;
	}
	struct sluice_str part = {rest->p, i};
	size_t taken = i < rest->n ? i + 1 : i;
	rest->p += taken;
	rest->n -= taken;
	return part;
}

struct sluice_str content_essence(struct sluice_str content_type)
{
	return sluice_trim(cut(&content_type, ';'));
}

/* Up to the first blank. */
static struct sluice_str first_word(struct sluice_str s)
{
	size_t n = 0;
	while (n < s.n && s.p[n] != ' ' && s.p[n] != '\t')
		n++;
	return (struct sluice_str){s.p, n};
}

uint32_t content_kind_of(struct sluice_str content_type)
{
	struct sluice_str type = first_word(content_essence(content_type));
	if (content_equal(type, SLUICE_STR("application/json")) ||
		content_equal(type, SLUICE_STR("text/json")) || ends(type, SLUICE_STR("+json")))
		return CONTENT_JSON;
	if (content_equal(type, SLUICE_STR("application/xml")) ||
		content_equal(type, SLUICE_STR("text/xml")) || ends(type, SLUICE_STR("+xml")))
		return CONTENT_XML;
	if (content_equal(type, SLUICE_STR("application/x-www-form-urlencoded")))
		return CONTENT_FORM;
	if (sluice_starts_nocase(type, SLUICE_STR("multipart/")))
		return CONTENT_MULTIPART;
	return sluice_starts_nocase(type, SLUICE_STR("text/")) ? CONTENT_TEXT : CONTENT_OTHER;
}

uint32_t content_kinds(
	const struct sluice_host *host, struct sluice_exchange *x, enum sluice_side side)
{
	struct sluice_str value;
	uint32_t kinds = 0, at = 0;
	while (host->field_next(x, side, SLUICE_STR("content-type"), &at, NULL, &value) ==
		SLUICE_OK)
		while (value.n) {
			struct sluice_str type = sluice_trim(cut(&value, ','));
			if (type.n)
				kinds |= content_kind_of(type);
		}
	return kinds;
}

int content_is_encoded(
	const struct sluice_host *host, struct sluice_exchange *x, enum sluice_side side)
{
	struct sluice_str value;
	uint32_t at = 0;
	while (host->field_next(x, side, SLUICE_STR("content-encoding"), &at, NULL, &value) ==
		SLUICE_OK)
		while (value.n) {
			struct sluice_str coding = sluice_trim(cut(&value, ','));
			if (coding.n && !content_equal(coding, SLUICE_STR("identity")))
				return 1;
		}
	return 0;
}

static struct sluice_str unquoted(struct sluice_str s)
{
	if (s.n >= 2 && s.p[0] == '"' && s.p[s.n - 1] == '"')
		return (struct sluice_str){s.p + 1, s.n - 2};
	return s;
}

struct sluice_str content_parameter(struct sluice_str content_type, struct sluice_str name)
{
	cut(&content_type, ';');
	while (content_type.n) {
		struct sluice_str value = cut(&content_type, ';');
		struct sluice_str key = sluice_trim(cut(&value, '='));
		value = sluice_trim(value);
		if (content_equal(key, name))
			return unquoted(value);
	}
	return SLUICE_STR("");
}

static int is_listed(struct sluice_str charset, const char *const *charsets)
{
	for (; *charsets; charsets++)
		if (content_equal(charset, (struct sluice_str){*charsets, strlen(*charsets)}))
			return 1;
	return 0;
}

/* All that are named: of two, the upstream might believe either. */
static int are_listed(struct sluice_str content_type, const char *const *charsets)
{
	cut(&content_type, ';');
	while (content_type.n) {
		struct sluice_str value = cut(&content_type, ';');
		struct sluice_str key = sluice_trim(cut(&value, '='));
		value = unquoted(sluice_trim(value));
		if (content_equal(key, SLUICE_STR("charset")) && value.n &&
			!is_listed(value, charsets))
			return 0;
	}
	return 1;
}

int content_charset_is(const struct sluice_host *host, struct sluice_exchange *x,
	enum sluice_side side, const char *const *charsets)
{
	struct sluice_str value;
	uint32_t at = 0;
	while (host->field_next(x, side, SLUICE_STR("content-type"), &at, NULL, &value) ==
		SLUICE_OK)
		while (value.n)
			if (!are_listed(cut(&value, ','), charsets))
				return 0;
	return 1;
}
