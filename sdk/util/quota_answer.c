/* SPDX-License-Identifier: Apache-2.0 */
#include "util/quota_answer.h"

#include "util/decimal.h"

#include <inttypes.h>
#include <stdio.h>

static int64_t seconds_up(int64_t ms)
{
	return (ms + 999) / 1000;
}

int32_t quota_refuse(const struct sluice_call *call, struct sluice_exchange *x,
	const struct quota *quota, struct sluice_str reason)
{
	char digits[DECIMAL_BYTES_MAX];
	int64_t seconds = seconds_up(quota->reset_ms);
	const struct sluice_str fields[] = {
		SLUICE_STR("Retry-After"), decimal(seconds > 1 ? (uint64_t)seconds : 1, digits)};
	sluice_tell_violation(call->host, x, reason);
	int32_t rc = call->host->respond_error(
		x, 429, fields, 1, SLUICE_STR("Quota has been exceeded"), reason);
	return rc == SLUICE_OK ? SLUICE_RESPONDED : SLUICE_FAIL;
}

static void expose(const struct sluice_call *call, struct sluice_exchange *x,
	struct sluice_str name, uint64_t value)
{
	char digits[DECIMAL_BYTES_MAX];
	call->host->field_set(x, SLUICE_RESPONSE, name, decimal(value, digits));
}

void quota_expose(
	const struct sluice_call *call, struct sluice_exchange *x, const struct quota *quota)
{
	expose(call, x, SLUICE_STR("x-ratelimit-limit"), quota->limit);
	expose(call, x, SLUICE_STR("x-ratelimit-remaining"), quota->remaining);
	expose(call, x, SLUICE_STR("x-ratelimit-reset"), (uint64_t)quota->reset_ms);
}

void quota_expose_fields(const struct sluice_call *call, struct sluice_exchange *x,
	const struct quota *quota, struct sluice_str policies)
{
	char text[80];
	int n = snprintf(text, sizeof(text), "\"%" PRIu32 "\";r=%" PRIu64 ";t=%" PRId64,
		quota->index + 1, quota->remaining, seconds_up(quota->reset_ms));
	call->host->field_set(x, SLUICE_RESPONSE, SLUICE_STR("RateLimit-Policy"), policies);
	call->host->field_set(
		x, SLUICE_RESPONSE, SLUICE_STR("RateLimit"), (struct sluice_str){text, (size_t)n});
}
