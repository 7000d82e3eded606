/* SPDX-License-Identifier: Apache-2.0 */
#include "eligible.h"

#include "sluice/text.h"
#include "util/content.h"

/* --- media types ----------------------------------------------------------------------------- */
int32_t media_types_init(
	const struct sluice_call *call, const struct sluice_value *list, struct media_types *types)
{
	const struct sluice_host *host = call->host;
	types->count = host->value_count(list);
	types->items = host->instance_alloc(
		call->instance, (types->count + 1) * sizeof(struct sluice_str));
	if (!types->items)
		return SLUICE_E_FULL;
	for (size_t i = 0; i < types->count; i++)
		types->items[i] = host->value_string(host->value_at(list, i, NULL), SLUICE_STR(""));
	return SLUICE_OK;
}

void media_types_deinit(const struct sluice_call *call, struct media_types *types)
{
	call->host->instance_free(call->instance, types->items);
}

static int ends(struct sluice_str s, struct sluice_str suffix)
{
	return s.n >= suffix.n &&
	       sluice_equal_nocase((struct sluice_str){s.p + s.n - suffix.n, suffix.n}, suffix);
}

static int fits(struct sluice_str type, struct sluice_str pattern)
{
	if (pattern.p[0] == '*')
		return ends(type, (struct sluice_str){pattern.p + 1, pattern.n - 1});
	if (pattern.p[pattern.n - 1] != '*')
		return sluice_equal_nocase(type, pattern);
	pattern.n--;
	return type.n >= pattern.n &&
	       sluice_equal_nocase((struct sluice_str){type.p, pattern.n}, pattern);
}

static struct sluice_str media_type(const struct sluice_host *host, struct sluice_exchange *x)
{
	struct sluice_str value = {"", 0};
	host->field_get(x, SLUICE_RESPONSE, SLUICE_STR("content-type"), &value);
	return content_essence(value);
}

static int is_of(const struct media_types *types, struct sluice_str type)
{
	for (size_t i = 0; i < types->count; i++)
		if (fits(type, types->items[i]))
			return 1;
	return 0;
}

int is_event_stream(const struct sluice_host *host, struct sluice_exchange *x)
{
	return sluice_equal_nocase(media_type(host, x), SLUICE_STR("text/event-stream"));
}

/* --- what may be changed --------------------------------------------------------------------- */
static int has(const struct sluice_host *host, struct sluice_exchange *x, enum sluice_side side,
	struct sluice_str name)
{
	struct sluice_str value;
	return host->field_get(x, side, name, &value) == SLUICE_OK;
}

static int forbids_transform(const struct sluice_host *host, struct sluice_exchange *x)
{
	struct sluice_str value;
	uint32_t at = 0;
	while (host->field_next(x, SLUICE_RESPONSE, SLUICE_STR("cache-control"), &at, NULL,
		       &value) == SLUICE_OK)
		while (value.n)
			if (sluice_equal_nocase(sluice_trim(sluice_cut(&value, ',')),
				    SLUICE_STR("no-transform")))
				return 1;
	return 0;
}

/* Digests and signatures are of the content as it came. */
static int is_sealed(const struct sluice_host *host, struct sluice_exchange *x)
{
	static const struct sluice_str seals[] = {{"content-digest", 14}, {"repr-digest", 11},
		{"digest", 6}, {"content-md5", 11}, {"signature", 9}};
	for (size_t i = 0; i < sizeof(seals) / sizeof(seals[0]); i++)
		if (has(host, x, SLUICE_RESPONSE, seals[i]))
			return 1;
	return 0;
}

int is_compressible(const struct sluice_host *host, struct sluice_exchange *x,
	const struct media_types *types, int64_t bytes_min)
{
	int32_t status = host->status(x);
	int64_t length = host->body_length(x, SLUICE_RESPONSE);
	if (status == 206 || (length >= 0 && length < bytes_min))
		return 0;
	if (has(host, x, SLUICE_RESPONSE, SLUICE_STR("content-range")) ||
		content_is_encoded(host, x, SLUICE_RESPONSE))
		return 0;
	return is_of(types, media_type(host, x)) && !forbids_transform(host, x) &&
	       !is_sealed(host, x);
}

/* --- secrets --------------------------------------------------------------------------------- */
int has_credentials(const struct sluice_host *host, struct sluice_exchange *x)
{
	return has(host, x, SLUICE_REQUEST, SLUICE_STR("authorization")) ||
	       has(host, x, SLUICE_REQUEST, SLUICE_STR("cookie")) ||
	       has(host, x, SLUICE_RESPONSE, SLUICE_STR("set-cookie")) ||
	       host->fact(x, SLUICE_FACT_PRINCIPAL).n > 0 ||
	       host->fact(x, SLUICE_FACT_CLIENT_ID).n > 0;
}
