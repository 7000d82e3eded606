/* SPDX-License-Identifier: Apache-2.0 */
#include "exhibit.h"

#include "sluice/stream.h"

static const struct sluice_stream_service *service;
static int closed_count;

static void on_ready(const struct sluice_call *call, sluice_stream stream, void *arg)
{
	(void)stream;
	(void)arg;
	SEE(!"a stream of a few bytes had no room");
}

static void on_closed(const struct sluice_call *call, sluice_stream stream, uint32_t why, void *arg)
{
	SEE(why == SLUICE_STREAM_SENT && arg == &closed_count);
	SEE(service->room(stream) == SLUICE_E_STALE);
	closed_count++;
}

static int32_t request_head(const struct sluice_call *call, struct sluice_exchange *x)
{
	const struct sluice_str fields[] = {SLUICE_STR("x-exhibit"), SLUICE_STR("streams")};
	const struct sluice_stream_options options = {.size = sizeof(options),
		.reason = SLUICE_STR("exhibit_closed"),
		.ready = on_ready,
		.closed = on_closed,
		.arg = &closed_count};
	sluice_stream stream = 0;
	service = call->host->service(SLUICE_STREAM_SERVICE);
	SEE(SLUICE_HAS(service, abort));
	SEE(service->write(12345, SLUICE_STR("x"), 0) == SLUICE_E_STALE);
	if (!is(call->host->fact(x, SLUICE_FACT_PATH), "/answer"))
		return SLUICE_CONTINUE;
	SEE(service->begin(x, 403, fields, 1, &options, &stream) == SLUICE_OK && stream);
	SEE(service->room(stream) == SLUICE_STREAM_CREDIT_BYTES);
	SEE(service->write(stream, SLUICE_STR("closed "), SLUICE_STREAM_WHOLE) == 7);
	SEE(service->write(stream, SLUICE_STR("on Mondays"), 0) == 10);
	SEE(service->end(stream, NULL, 0) == SLUICE_OK);
	SEE(service->abort(stream) == SLUICE_E_INVALID);
	return SLUICE_RESPONDED;
}

static const struct sluice_policy policy = {.size = sizeof(policy),
	.name = "stream",
	.version = "1.0.0",
	.request_head = request_head,
	.response_head = tell};
EXHIBIT("stream", SLUICE_STREAM_SERVICE, NULL)
