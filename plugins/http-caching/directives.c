/* SPDX-License-Identifier: Apache-2.0 */
#include "directives.h"

#include "sluice/text.h"

/* Where the member ends: at a comma outside of quotes. A string that nothing closes takes the rest. */
static size_t member_length(struct sluice_str s)
{
	int is_quoted = 0;
	size_t i = 0;
	for (; i < s.n && (is_quoted || s.p[i] != ','); i++) {
		if (s.p[i] == '"')
			is_quoted = !is_quoted;
		else if (is_quoted && s.p[i] == '\\' && i + 1 < s.n)
			i++;
	}
	return i;
}

int member_next(struct sluice_str *rest, struct sluice_str *member)
{
	while (rest->n) {
		size_t n = member_length(*rest), skip = n < rest->n ? n + 1 : n;
		*member = sluice_trim((struct sluice_str){rest->p, n});
		rest->p += skip;
		rest->n -= skip;
		if (member->n)
			return 1;
	}
	return 0;
}

/* What stands between quotes that open at its start and close at its end. */
static int unquote(struct sluice_str *text)
{
	for (size_t i = 1; i < text->n; i++) {
		if (text->p[i] == '\\') {
			i++;
		} else if (text->p[i] == '"') {
			int is_last = i == text->n - 1;
			*text = (struct sluice_str){text->p + 1, i - 1};
			return is_last;
		}
	}
	return 0;
}

int directive_parse(struct sluice_str member, struct directive *d)
{
	struct sluice_str value = member, name = sluice_cut(&value, '=');
	*d = (struct directive){.name = sluice_trim(name), .has_value = 0};
	if (!sluice_is_token(name))
		return 0;
	if (!value.p)
		return 1;
	if (value.n && value.p[0] == '"' ? !unquote(&value) : !sluice_is_token(value))
		return 0;
	d->value = value;
	d->has_value = 1;
	return 1;
}

int seconds_parse(struct sluice_str text, int64_t *seconds)
{
	int64_t n = 0;
	for (size_t i = 0; i < text.n; i++) {
		if (text.p[i] < '0' || text.p[i] > '9')
			return 0;
		n = n * 10 + (text.p[i] - '0');
		n = n > SECONDS_MAX ? SECONDS_MAX : n;
	}
	if (text.n == 0)
		return 0;
	*seconds = n;
	return 1;
}
