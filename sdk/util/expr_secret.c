/* SPDX-License-Identifier: Apache-2.0 */
#include "util/expr_secret.h"

#include "sluice/request.h"
#include "sluice/text.h"

static int is_word_char(char c)
{
	char lower = sluice_lower(c);
	return (lower >= 'a' && lower <= 'z') || (c >= '0' && c <= '9') || c == '_';
}

/* The name behind "headers" or "queryParams": ['name'], ["name"] or .name; an empty view: it is not written down. */
static struct sluice_str name_at(struct sluice_str s)
{
	const char *end;
	s = sluice_trim(s);
	if (s.n && s.p[0] == '.') {
		size_t n = 1;
		while (n < s.n && is_word_char(s.p[n]))
			n++;
		return (struct sluice_str){s.p + 1, n - 1};
	}
	if (!s.n || s.p[0] != '[')
		return SLUICE_STR("");
	s = sluice_trim((struct sluice_str){s.p + 1, s.n - 1});
	if (!s.n || (s.p[0] != '\'' && s.p[0] != '"') || !(end = memchr(s.p + 1, s.p[0], s.n - 1)))
		return SLUICE_STR("");
	return (struct sluice_str){s.p + 1, (size_t)(end - s.p) - 1};
}

static int32_t hide_behind(const struct sluice_call *call, struct sluice_str text,
	struct sluice_str word, uint32_t part)
{
	const struct sluice_request_service *request = call->host->service(SLUICE_REQUEST_SERVICE);
	if (!SLUICE_HAS(request, secret_define))
		return SLUICE_E_UNSUPPORTED;
	int32_t rc = SLUICE_OK;
	for (; rc == SLUICE_OK && text.n >= word.n; text.p++, text.n--) {
		if (memcmp(text.p, word.p, word.n) != 0)
			continue;
		struct sluice_str name =
			name_at((struct sluice_str){text.p + word.n, text.n - word.n});
		if (name.n)
			rc = request->secret_define(call->instance, part, name);
	}
	return rc;
}

/* A line of the log may be worded with them, and the access record has the query. */
int32_t expr_secret_hide(const struct sluice_call *call, const struct sluice_value *at)
{
	struct sluice_str text = call->host->value_string(at, SLUICE_STR(""));
	if (hide_behind(call, text, SLUICE_STR("headers"), SLUICE_PART_HEADER) == SLUICE_OK &&
		hide_behind(call, text, SLUICE_STR("queryParams"), SLUICE_PART_QUERY) == SLUICE_OK)
		return SLUICE_OK;
	call->host->config_error(call->instance, at,
		SLUICE_STR("what it reads cannot be kept out of this gateway's records"));
	return SLUICE_E_INVALID;
}
