/* SPDX-License-Identifier: Apache-2.0 */
/* The keys of a configuration. Plain ones are digested, and their text overwritten. */
#include "keys.h"

#include "sluice/text.h"
#include "util/config_complain.h"

#define ERRORS_MAX    20
#define DIGEST_PREFIX "sha256:"
#define KEY_BYTES_MIN 8
#define DAY_MS        INT64_C(86400000)
#define BASE64_DIGEST 44
#define HEX_DIGEST    64

/* --- digests --------------------------------------------------------------------------------- */
static int hex_digit(char c)
{
	c = sluice_lower(c);
	if (c >= '0' && c <= '9')
		return c - '0';
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static int from_hex(struct sluice_str text, uint8_t digest[DIGEST_BYTES])
{
	for (size_t i = 0; i < DIGEST_BYTES; i++) {
		int high = hex_digit(text.p[2 * i]), low = hex_digit(text.p[2 * i + 1]);
		if (high < 0 || low < 0)
			return 0;
		digest[i] = (uint8_t)(high << 4 | low);
	}
	return 1;
}

static int from_base64(const struct keys *k, struct sluice_str text, uint8_t digest[DIGEST_BYTES])
{
	char bytes[BASE64_DIGEST];
	if (k->crypto->base64_decode(text, bytes) != DIGEST_BYTES)
		return 0;
	memcpy(digest, bytes, DIGEST_BYTES);
	return 1;
}

static int32_t digest_of(struct keys *k, const struct sluice_call *call,
	const struct sluice_value *at, uint8_t digest[DIGEST_BYTES])
{
	struct sluice_str text = call->host->value_string(at, SLUICE_STR(""));
	size_t prefix = sizeof(DIGEST_PREFIX) - 1;
	if (text.n < KEY_BYTES_MIN)
		return config_complain(call, at, SLUICE_STR("a key has at least 8 characters"));
	if (memcmp(text.p, DIGEST_PREFIX, prefix) != 0) {
		k->crypto->sha256(text, digest);
		return SLUICE_OK;
	}
	text.p += prefix;
	text.n -= prefix;
	if ((text.n == HEX_DIGEST && from_hex(text, digest)) ||
		(text.n == BASE64_DIGEST && from_base64(k, text, digest)))
		return SLUICE_OK;
	return config_complain(call, at,
		SLUICE_STR("behind sha256: stands a digest of 64 hexadecimal or 44 base64 "
			   "characters"));
}

/* --- times (RFC 3339) ------------------------------------------------------------------------ */
/* `digits` of them, at text->p, which goes on; -1 when there is something else. */
static int take_number(struct sluice_str *text, int digits)
{
	int value = 0;
	if (text->n < (size_t)digits)
		return -1;
	for (int i = 0; i < digits; i++) {
		char c = *text->p++;
		text->n--;
		if (c < '0' || c > '9')
			return -1;
		value = value * 10 + (c - '0');
	}
	return value;
}

static int take_char(struct sluice_str *text, char c)
{
	if (!text->n || sluice_lower(*text->p) != c)
		return 0;
	text->p++;
	text->n--;
	return 1;
}

static int take_between(struct sluice_str *text, int from, int to, int *value)
{
	*value = take_number(text, 2);
	return *value >= from && *value <= to;
}

static int days_in_month(int year, int month)
{
	static const int days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
	int is_leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
	return days[month - 1] + (month == 2 && is_leap);
}

/* Days since 1970-01-01. */
static int64_t days_of(int year, int month, int day)
{
	int64_t past = year - 1;
	int64_t days = past * 365 + past / 4 - past / 100 + past / 400 - 719162;
	for (int m = 1; m < month; m++)
		days += days_in_month(year, m);
	return days + day - 1;
}

static int take_date(struct sluice_str *text, int64_t *ms)
{
	int year = take_number(text, 4), month, day;
	if (year < 1970 || !take_char(text, '-') || !take_between(text, 1, 12, &month) ||
		!take_char(text, '-') || !take_between(text, 1, days_in_month(year, month), &day))
		return 0;
	*ms = days_of(year, month, day) * DAY_MS;
	return 1;
}

/* "Z", "+01:00": what is to be taken off to get UTC. */
static int take_zone(struct sluice_str *text, int64_t *ms)
{
	int hours, minutes, is_west = 0;
	if (take_char(text, 'z')) {
		*ms = 0;
		return 1;
	}
	if (!take_char(text, '+') && !(is_west = take_char(text, '-')))
		return 0;
	if (!take_between(text, 0, 23, &hours) || !take_char(text, ':') ||
		!take_between(text, 0, 59, &minutes))
		return 0;
	*ms = (hours * INT64_C(60) + minutes) * (is_west ? -60000 : 60000);
	return 1;
}

static int take_time(struct sluice_str *text, int64_t *ms)
{
	int hour, minute, second;
	int64_t zone;
	if (!take_between(text, 0, 23, &hour) || !take_char(text, ':') ||
		!take_between(text, 0, 59, &minute) || !take_char(text, ':') ||
		!take_between(text, 0, 60, &second))
		return 0;
	if (take_char(text, '.')) {
		if (take_number(text, 1) < 0)
			return 0;
		while (text->n && *text->p >= '0' && *text->p <= '9')
			take_number(text, 1);
	}
	if (!take_zone(text, &zone))
		return 0;
	*ms = ((hour * INT64_C(60) + minute) * 60 + second) * 1000 - zone;
	return 1;
}

static int32_t expiry_of(
	const struct sluice_call *call, const struct sluice_value *at, int64_t *expires_ms)
{
	*expires_ms = INT64_MAX;
	if (call->host->value_type(at) == SLUICE_NULL)
		return SLUICE_OK;
	struct sluice_str text = call->host->value_string(at, SLUICE_STR(""));
	int64_t time_ms = 0;
	int ok = take_date(&text, expires_ms);
	if (ok && take_char(&text, 't'))
		ok = take_time(&text, &time_ms);
	if (!ok || text.n)
		return config_complain(call, at,
			SLUICE_STR("expected a time such as 2027-01-31T12:00:00Z, or a date"));
	*expires_ms += time_ms;
	return SLUICE_OK;
}

/* --- entries --------------------------------------------------------------------------------- */
/* Copies, since a client may be called as its key: that is overwritten. */
static int32_t client_init(
	struct key *key, const struct sluice_call *call, const struct sluice_value *entry)
{
	const struct sluice_host *host = call->host;
	const struct sluice_value *at = host->value_get(entry, SLUICE_STR("clientId"));
	struct sluice_str id = host->value_string(at, SLUICE_STR(""));
	struct sluice_str name = host->value_string(
		host->value_get(entry, SLUICE_STR("clientName")), SLUICE_STR(""));
	if (id.n == 0)
		return config_complain(call, at ? at : entry, SLUICE_STR("a key has a clientId"));
	char *text = host->instance_alloc(call->instance, id.n + name.n);
	if (!text)
		return SLUICE_E_FULL;
	memcpy(text, id.p, id.n);
	if (name.n)
		memcpy(text + id.n, name.p, name.n);
	key->client_id = (struct sluice_str){text, id.n};
	key->client_name = name.n ? (struct sluice_str){text + id.n, name.n} : key->client_id;
	return SLUICE_OK;
}

static int32_t key_read(
	struct keys *k, const struct sluice_call *call, const struct sluice_value *entry)
{
	const struct sluice_host *host = call->host;
	const struct sluice_value *at = host->value_get(entry, SLUICE_STR("key"));
	struct key key;
	int32_t rc = digest_of(k, call, at ? at : entry, key.digest);
	if (rc == SLUICE_OK)
		rc = expiry_of(
			call, host->value_get(entry, SLUICE_STR("expires")), &key.expires_ms);
	if (rc == SLUICE_OK)
		rc = client_init(&key, call, entry);
	if (rc != SLUICE_OK || keys_add(k, &key))
		return rc;
	host->instance_free(call->instance, (void *)(uintptr_t)key.client_id.p);
	return config_complain(call, at, SLUICE_STR("this key stands in the list already"));
}

int32_t keys_read(struct keys *k, const struct sluice_call *call, const struct sluice_value *config)
{
	const struct sluice_host *host = call->host;
	const struct sluice_value *list = host->value_get(config, SLUICE_STR("keys"));
	size_t count = host->value_count(list);
	int32_t rc = keys_init(k, call, count);
	if (rc != SLUICE_OK)
		return rc;
	if (count == 0)
		return config_complain(
			call, list ? list : config, SLUICE_STR("there is at least one key"));
	int errors = 0;
	for (size_t i = 0; i < count && errors < ERRORS_MAX; i++)
		if (key_read(k, call, host->value_at(list, i, NULL)) != SLUICE_OK)
			errors++;
	/* The tree's texts may share memory: nothing of it is read from here on. */
	for (size_t i = 0; i < count && SLUICE_HAS(host, value_wipe) && !errors; i++)
		host->value_wipe(call->instance,
			host->value_get(host->value_at(list, i, NULL), SLUICE_STR("key")));
	return errors ? SLUICE_E_INVALID : SLUICE_OK;
}
