/* SPDX-License-Identifier: Apache-2.0 */
#include "limits.h"

#include "util/config_complain.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

/* A year: so that no sum with a clock overflows. */
#define PERIOD_MS_MAX INT64_C(31536000000)

static int32_t algorithm_read(
	const struct sluice_call *call, const struct sluice_value *config, struct limits *limits)
{
	static const struct algorithm *const all[] = {
		&algorithm_fixed_window, &algorithm_sliding_window, &algorithm_gcra};
	const struct sluice_value *at = call->host->value_get(config, SLUICE_STR("algorithm"));
	struct sluice_str name = call->host->value_string(at, SLUICE_STR("fixedWindow"));
	for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++)
		if (strlen(all[i]->name) == name.n && memcmp(all[i]->name, name.p, name.n) == 0) {
			limits->algorithm = all[i];
			return SLUICE_OK;
		}
	return config_complain(
		call, at, SLUICE_STR("algorithm is one of fixedWindow, slidingWindow and gcra"));
}

static int32_t burst_read(const struct sluice_call *call, const struct sluice_value *entry,
	const struct algorithm *algorithm, struct window_limit *window)
{
	const struct sluice_value *at = call->host->value_get(entry, SLUICE_STR("burst"));
	if (algorithm != &algorithm_gcra)
		return at ? config_complain(call, at, SLUICE_STR("burst is for the algorithm gcra"))
			  : SLUICE_OK;
	int64_t most = (int64_t)window->requests_max;
	int64_t burst = call->host->value_integer(at, at ? 0 : most);
	if (burst < 1 || burst > most)
		return config_complain(call, at, SLUICE_STR("burst is from 1 to maximumRequests"));
	window->burst = (uint64_t)burst;
	return SLUICE_OK;
}

static int32_t window_read(const struct sluice_call *call, const struct sluice_value *entry,
	const struct algorithm *algorithm, struct window_limit *window)
{
	const struct sluice_host *host = call->host;
	const struct sluice_value *max = host->value_get(entry, SLUICE_STR("maximumRequests"));
	const struct sluice_value *period =
		host->value_get(entry, SLUICE_STR("timePeriodInMilliseconds"));
	int64_t requests = host->value_integer(max, 0);
	*window = (struct window_limit){
		.requests_max = (uint64_t)requests, .period_ms = host->value_integer(period, 0)};
	if (requests < 1)
		return config_complain(
			call, max ? max : entry, SLUICE_STR("maximumRequests is at least 1"));
	if (algorithm != &algorithm_fixed_window && requests > ALGORITHM_REQUESTS_MAX)
		return config_complain(call, max,
			SLUICE_STR("maximumRequests is at most 4294967295 with this algorithm"));
	if (window->period_ms < 1 || window->period_ms > PERIOD_MS_MAX)
		return config_complain(call, period ? period : entry,
			SLUICE_STR("timePeriodInMilliseconds is from 1 to a year's"));
	return burst_read(call, entry, algorithm, window);
}

int32_t limits_read(
	const struct sluice_call *call, const struct sluice_value *config, struct limits *limits)
{
	const struct sluice_host *host = call->host;
	const struct sluice_value *list = host->value_get(config, SLUICE_STR("rateLimits"));
	if (algorithm_read(call, config, limits) != SLUICE_OK)
		return SLUICE_E_INVALID;
	limits->count = host->value_count(list);
	if (limits->count < 1 || limits->count > WINDOWS_MAX)
		return config_complain(
			call, list ? list : config, SLUICE_STR("rateLimits has 1 to 16 entries"));
	int32_t rc = SLUICE_OK;
	for (size_t i = 0; i < limits->count; i++)
		if (window_read(call, host->value_at(list, i, NULL), limits->algorithm,
			    &limits->windows[i]) != SLUICE_OK)
			rc = SLUICE_E_INVALID;
	return rc;
}

/* In how many seconds the quota that is told of comes back, by GCRA that of a burst; 0: no whole
 * number of them. */
static uint64_t quota_seconds(const struct window_limit *w)
{
	double ms = (double)w->period_ms;
	if (w->burst)
		ms = ms * (double)w->burst / (double)w->requests_max;
	uint64_t seconds = (uint64_t)(ms / 1000);
	return (double)seconds * 1000 == ms ? seconds : 0;
}

size_t limits_text(const struct limits *limits, char out[LIMITS_TEXT_MAX])
{
	size_t n = 0;
	for (size_t i = 0; i < limits->count; i++) {
		const struct window_limit *w = &limits->windows[i];
		uint64_t seconds = quota_seconds(w);
		n += (size_t)snprintf(out + n, LIMITS_TEXT_MAX - n, "%s\"%zu\";q=%" PRIu64,
			i ? ", " : "", i + 1, w->burst ? w->burst : w->requests_max);
		if (seconds)
			n += (size_t)snprintf(out + n, LIMITS_TEXT_MAX - n, ";w=%" PRIu64, seconds);
	}
	return n;
}
