/* SPDX-License-Identifier: Apache-2.0 */
/* policy/legal.h - in which callbacks a call of the SDK is legal, and what a plugin is told that
 * makes it elsewhere.
 *
 * Whoever offers calls, the host table or a service, has a table of them with the callbacks in which
 * they are legal. A handle counts only if it is the one whose callback runs on this thread, so none
 * is read before that is clear. What is refused is told in the log once per instance and call: a
 * wrong plugin makes it with every request.
 *
 * Threads      any that runs plugin code.
 */
#pragma once

#include "policy/breadcrumb.h"

#include <stdbool.h>
#include <stdint.h>

struct sluice_exchange;
struct sluice_instance;

#define IN(name)    (1u << CALLBACK_##name)
#define IN_HEADS    (IN(REQUEST_HEAD) | IN(RESPONSE_HEAD))
#define IN_BODIES   (IN(REQUEST_BODY) | IN(RESPONSE_BODY))
#define IN_ENDS     (IN(REQUEST_END) | IN(RESPONSE_END))
#define IN_LIVE     (IN_HEADS | IN_BODIES | IN_ENDS)
#define IN_EXCHANGE (IN_LIVE | IN(FRAME) | IN(LOG) | IN(DONE))
#define IN_RESPONSE (IN(RESPONSE_HEAD) | IN(RESPONSE_BODY) | IN(RESPONSE_END))

/* What services call by themselves, on a worker. */
#define IN_CALLED (IN(TIMER) | IN(POST) | IN(JOB_DONE) | IN(ANSWER) | IN(STREAM))
/* On a worker, where something can be begun. */
#define IN_WORKER (IN_LIVE | IN(WORKER_START) | IN_CALLED)

#define IN_INSTANCE                                                                                \
	(IN_EXCHANGE | IN(CONFIGURE) | IN(RELEASE) | IN(WORKER_START) | IN(WORKER_STOP) |          \
		IN_CALLED | IN(JOB) | IN(DROPPED))

/* One call; lives as long as the process. */
struct policy_call {
	const char *name; /* "sluice.work/1 submit" */
	uint32_t legal;   /* IN(...) */
};

/* Whether `call` may be made with that handle now; if not, the plugin is told. Reads nothing of the
 * handle. */
bool policy_allows_exchange(const struct policy_call *call, const struct sluice_exchange *x);
bool policy_allows(const struct policy_call *call, const struct sluice_instance *i);
/* The call is not legal here, or its handle is somebody else's: tells the plugin. Always
 * SLUICE_E_WRONG_CALLBACK. */
int32_t policy_refuse(const struct policy_call *call) __attribute__((cold));
/* The same for a call that is not legal just now, and why: "the request has been sent". */
int32_t policy_refuse_late(const struct policy_call *call, const char *why) __attribute__((cold));
