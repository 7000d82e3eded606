/* SPDX-License-Identifier: Apache-2.0 */
#include "cache_status.h"

#include "sluice/text.h"
#include "util/decimal.h"

#define DETAIL_BYTES_MAX 64

/* All that can be said takes less than CACHE_STATUS_BYTES_MAX. */
static size_t text_add(char *out, size_t n, const char *text)
{
	size_t length = strlen(text);
	memcpy(out + n, text, length);
	return n + length;
}

static size_t number_add(char *out, size_t n, const char *name, int64_t number)
{
	char room[DECIMAL_BYTES_MAX];
	uint64_t size = number < 0 ? -(uint64_t)number : (uint64_t)number;
	struct sluice_str digits = decimal(size, room);
	n = text_add(out, text_add(out, n, name), number < 0 ? "-" : "");
	memcpy(out + n, digits.p, digits.n);
	return n + digits.n;
}

static size_t detail_add(char *out, size_t n, struct sluice_str detail)
{
	if (detail.n == 0 || detail.n > DETAIL_BYTES_MAX || !sluice_is_token(detail))
		return n;
	n = text_add(out, n, "; detail=\"");
	memcpy(out + n, detail.p, detail.n);
	return text_add(out, n + detail.n, "\"");
}

/* Of nearly all hits there is nothing else to say. */
static size_t hit_write(char *out, int64_t ttl_s)
{
	static const char start[] = "sluice; hit; ttl=";
	char room[DECIMAL_BYTES_MAX];
	struct sluice_str digits = decimal((uint64_t)ttl_s, room);
	memcpy(out, start, sizeof(start) - 1);
	memcpy(out + sizeof(start) - 1, digits.p, digits.n);
	return sizeof(start) - 1 + digits.n;
}

size_t cache_status_write(char out[CACHE_STATUS_BYTES_MAX], const struct cache_status *status)
{
	if (status->forward == FORWARD_NOT && status->has_ttl && status->ttl_s >= 0 &&
		status->detail.n == 0)
		return hit_write(out, status->ttl_s);
	static const char *const forwards[] = {"; hit", "; fwd=bypass", "; fwd=method",
		"; fwd=uri-miss", "; fwd=vary-miss", "; fwd=request", "; fwd=stale"};
	size_t n = text_add(out, 0, "sluice");
	n = text_add(out, n, forwards[status->forward]);
	if (status->forward != FORWARD_NOT && status->forward_status)
		n = number_add(out, n, "; fwd-status=", status->forward_status);
	if (status->has_ttl)
		n = number_add(out, n, "; ttl=", status->ttl_s);
	if (status->forward != FORWARD_NOT && status->is_stored)
		n = text_add(out, n, "; stored");
	if (status->forward != FORWARD_NOT && status->is_collapsed)
		n = text_add(out, n, "; collapsed");
	return detail_add(out, n, status->detail);
}
