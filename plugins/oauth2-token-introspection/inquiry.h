/* SPDX-License-Identifier: Apache-2.0 */
/* inquiry.h - one question about a token, and all requests that wait for what comes of it.
 *
 * Whoever needs an answer joins the inquiry about the token that is under way, or is told to ask. When it is settled all
 * who wait are resumed, and each reads the same result. What asks outlives the request that began it: a client that
 * goes away takes nothing from the others.
 *
 * Invariants   Q1  of a token at most one inquiry that can be joined is under way.
 *              Q2  an inquiry is settled exactly once, by who asks.
 * Ownership    counted: of who asks until it is settled, and of each request that joined until it leaves.
 * Threads      any; the lock of the instance's inquiries is held for a few instructions, and over no resuming.
 */
#pragma once

#include "sluice/sluice.h"

/* Requests that wait for one answer. */
#define INQUIRY_WAITERS_MAX 1024

enum inquiry_result {
	INQUIRY_OPEN, /* not settled */
	INQUIRY_ANSWERED,
	INQUIRY_UNAVAILABLE, /* no answer came */
	INQUIRY_UNUSABLE     /* one came that says nothing */
};

struct inquiries; /* of an instance */
struct inquiry;

/* `configure` and `release`; NULL: no memory. */
struct inquiries *inquiries_new(const struct sluice_call *call);
void inquiries_free(const struct sluice_call *call, struct inquiries *all); /* NULL: nothing */

/* The inquiry under way about the token of that digest, to be left; with `*asks` the caller asks and settles it. Without
 * `is_shared` it is one that nobody else joins. NULL: no memory. */
struct inquiry *inquiry_join(
	struct inquiries *all, const uint8_t digest[32], int is_shared, int *asks);
/* 1: the token will be resumed. 0: it is settled already; SLUICE_E_FULL: too many wait. */
int32_t inquiry_await(struct inquiry *q, sluice_token token);
/* `answer` is copied. */
void inquiry_settle(struct inquiry *q, enum inquiry_result result, struct sluice_str answer);
/* The answer is a view until the caller leaves. *is_first: nobody has read it before. */
enum inquiry_result inquiry_read(struct inquiry *q, struct sluice_str *answer, int *is_first);
void inquiry_leave(struct inquiry *q);
