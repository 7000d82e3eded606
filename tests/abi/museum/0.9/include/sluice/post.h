/* SPDX-License-Identifier: Apache-2.0 */
/* sluice/post.h - the service "sluice.post/1": messages between the workers of an instance.
 *
 * What one worker has learnt (a token that was revoked, a key that was fetched) the others learn by
 * a message: data of a worker stays its own, and needs no lock.
 */
#ifndef SLUICE_POST_H
#define SLUICE_POST_H

#include "sluice/sluice.h"

#ifdef __cplusplus
extern "C" {
#endif

#define SLUICE_POST_SERVICE "sluice.post/1"

/* For `worker`: each of them, the sender's own included. */
#define SLUICE_POST_ALL UINT32_MAX

struct sluice_post_box; /* of an instance; lives until its `release` has returned */

struct sluice_message {
	uint32_t size;
	uint32_t reserved;
	/* On the worker that it is for, outside of any exchange: timers, posts and the instance's
	 * memory are at hand, and `worker_data`, what worker_start gave there. */
	void (*received)(const struct sluice_call *call, void *worker_data, void *arg);
	/* Instead of it, when the instance has stopped there, or never starts: to give back what
	 * `arg` holds. Any thread, nothing of the instance is at hand. NULL: nothing to give back.
	 */
	void (*dropped)(void *arg);
};

struct sluice_post_service {
	uint32_t size;
	uint32_t reserved;

	/* `configure` only. The same box for each call. NULL when refused. */
	struct sluice_post_box *(*open)(struct sluice_instance *instance);
	/* How many workers there are, numbered from 0. Any time, any thread. */
	uint32_t (*worker_count)(const struct sluice_post_box *box);
	/* The number of the worker that runs this callback, one of those of `send`;
	 * SLUICE_E_WRONG_CALLBACK elsewhere, in jobs too. */
	int32_t (*worker)(const struct sluice_post_box *box);
	/* worker_start, exchange callbacks up to response_end, what services call on a worker, and
	 * jobs (sluice/work.h): `message` is copied, and `arg` is given up: one of the two
	 * functions gets it, once, for each worker it goes to. In the order of sending between two
	 * threads; never before the caller has returned. SLUICE_E_INVALID: no such worker, or a
	 * message without `received`; SLUICE_E_FULL: 65,536 wait there; SLUICE_E_WRONG_CALLBACK:
	 * `arg` is still the caller's in all of them. */
	int32_t (*send)(struct sluice_post_box *box, uint32_t worker,
		const struct sluice_message *message, void *arg);
};

#ifdef __cplusplus
}
#endif
#endif
