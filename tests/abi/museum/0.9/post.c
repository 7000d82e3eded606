/* SPDX-License-Identifier: Apache-2.0 */
#include "exhibit.h"

#include "sluice/post.h"
#include "sluice/timer.h"

static struct sluice_post_box *box;
static int received_count, letter;

static const struct sluice_post_service *service(const struct sluice_call *call)
{
	return call->host->service(SLUICE_POST_SERVICE);
}

static int32_t configure(const struct sluice_call *call, const struct sluice_value *config,
	void *previous, void **state)
{
	(void)config;
	(void)previous;
	*state = NULL;
	SEE(SLUICE_HAS(service(call), send));
	box = service(call)->open(call->instance);
	SEE(box && box == service(call)->open(call->instance));
	return SLUICE_OK;
}

static void received(const struct sluice_call *call, void *worker_data, void *arg)
{
	SEE(worker_data == &box && arg == &letter);
	received_count++;
}

static void dropped(void *arg)
{
	(void)arg;
}

static int32_t worker_start(const struct sluice_call *call, void **worker_data)
{
	*worker_data = &box;
	SEE(service(call)->worker(box) >= 0);
	return SLUICE_OK;
}

static int32_t request_head(const struct sluice_call *call, struct sluice_exchange *x)
{
	static const struct sluice_message message = {
		.size = sizeof(message), .received = received, .dropped = dropped};
	const struct sluice_timer_service *timer = call->host->service(SLUICE_TIMER_SERVICE);
	const struct sluice_post_service *post = service(call);
	if (call->host->resumed(x)) {
		SEE(received_count >= 1);
		return answer(call, x);
	}
	uint32_t workers = post->worker_count(box);
	SEE(workers >= 1);
	SEE(post->send(box, SLUICE_POST_ALL, &message, &letter) == SLUICE_OK);
	SEE(post->send(box, workers, &message, &letter) == SLUICE_E_INVALID);
	sluice_token token = call->host->pause(x, 1000);
	return timer->resume_after(x, token, 100) == SLUICE_OK ? SLUICE_PAUSE : SLUICE_FAIL;
}

static const struct sluice_policy policy = {.size = sizeof(policy),
	.name = "post",
	.version = "1.0.0",
	.configure = configure,
	.worker_start = worker_start,
	.request_head = request_head,
	.response_head = tell};
EXHIBIT("post", SLUICE_POST_SERVICE, SLUICE_TIMER_SERVICE, NULL)
