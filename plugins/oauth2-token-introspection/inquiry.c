/* SPDX-License-Identifier: Apache-2.0 */
#include "inquiry.h"

#include <pthread.h>
#include <string.h>

#define ROWS          256
#define WAITERS_FIRST 4

struct inquiry {
	struct inquiries *all;
	struct inquiry *next; /* in its row */
	uint8_t digest[32];
	size_t users;
	enum inquiry_result result;
	int is_listed, was_read;
	char *answer; /* owned */
	size_t answer_bytes;
	sluice_token *waiting; /* owned */
	size_t waiting_count, waiting_room;
};

struct inquiries {
	const struct sluice_host *host;
	struct sluice_instance *instance; /* borrowed: whose it is */
	pthread_mutex_t lock;             /* of all that is in the inquiries */
	struct inquiry *rows[ROWS];
};

/* --- all of them ----------------------------------------------------------------------------- */
struct inquiries *inquiries_new(const struct sluice_call *call)
{
	struct inquiries *all = call->host->instance_alloc(call->instance, sizeof(*all));
	if (!all)
		return NULL;
	*all = (struct inquiries){.host = call->host, .instance = call->instance};
	pthread_mutex_init(&all->lock, NULL);
	return all;
}

void inquiries_free(const struct sluice_call *call, struct inquiries *all)
{
	if (!all)
		return;
	pthread_mutex_destroy(&all->lock);
	call->host->instance_free(call->instance, all);
}

static struct inquiry **find(struct inquiries *all, const uint8_t digest[32])
{
	struct inquiry **at = &all->rows[digest[0] % ROWS];
	while (*at && memcmp((*at)->digest, digest, 32) != 0)
		at = &(*at)->next;
	return at;
}

static void *room(struct inquiries *all, size_t bytes)
{
	return all->host->instance_alloc(all->instance, bytes);
}

/* --- joining --------------------------------------------------------------------------------- */
/* Of two users: who asks, and who joins. */
static struct inquiry *inquiry_new(struct inquiries *all, const uint8_t digest[32])
{
	struct inquiry *q = room(all, sizeof(*q));
	if (!q)
		return NULL;
	*q = (struct inquiry){.all = all, .users = 2};
	memcpy(q->digest, digest, 32);
	return q;
}

struct inquiry *inquiry_join(
	struct inquiries *all, const uint8_t digest[32], int is_shared, int *asks)
{
	struct inquiry **at, *q = NULL;
	pthread_mutex_lock(&all->lock);
	at = find(all, digest);
	if (is_shared && *at) {
		q = *at;
		q->users++;
		*asks = 0;
	} else if ((q = inquiry_new(all, digest))) {
		*asks = 1;
		q->is_listed = is_shared;
		if (is_shared)
			*at = q;
	}
	pthread_mutex_unlock(&all->lock);
	return q;
}

static int make_room(struct inquiry *q)
{
	size_t more = q->waiting_room ? 2 * q->waiting_room : WAITERS_FIRST;
	if (q->waiting_count < q->waiting_room)
		return 1;
	sluice_token *waiting =
		more <= INQUIRY_WAITERS_MAX ? room(q->all, more * sizeof(*waiting)) : NULL;
	if (!waiting)
		return 0;
	if (q->waiting_count)
		memcpy(waiting, q->waiting, q->waiting_count * sizeof(*waiting));
	q->all->host->instance_free(q->all->instance, q->waiting);
	q->waiting = waiting;
	q->waiting_room = more;
	return 1;
}

int32_t inquiry_await(struct inquiry *q, sluice_token token)
{
	int32_t rc = 0;
	pthread_mutex_lock(&q->all->lock);
	if (q->result == INQUIRY_OPEN && !make_room(q)) {
		rc = SLUICE_E_FULL;
	} else if (q->result == INQUIRY_OPEN) {
		q->waiting[q->waiting_count++] = token;
		rc = 1;
	}
	pthread_mutex_unlock(&q->all->lock);
	return rc;
}

/* --- the end --------------------------------------------------------------------------------- */
/* With the lock: what came, and nobody joins any more. */
static void close_down(struct inquiry *q, enum inquiry_result result, struct sluice_str answer)
{
	if (result == INQUIRY_ANSWERED && answer.n && !(q->answer = room(q->all, answer.n)))
		result = INQUIRY_UNAVAILABLE;
	if (q->answer) {
		memcpy(q->answer, answer.p, answer.n);
		q->answer_bytes = answer.n;
	}
	q->result = result;
	if (q->is_listed)
		*find(q->all, q->digest) = q->next;
}

void inquiry_settle(struct inquiry *q, enum inquiry_result result, struct sluice_str answer)
{
	pthread_mutex_lock(&q->all->lock);
	close_down(q, result, answer);
	pthread_mutex_unlock(&q->all->lock);
	for (size_t i = 0; i < q->waiting_count; i++)
		q->all->host->resume(q->waiting[i]);
	inquiry_leave(q);
}

enum inquiry_result inquiry_read(struct inquiry *q, struct sluice_str *answer, int *is_first)
{
	pthread_mutex_lock(&q->all->lock);
	enum inquiry_result result = q->result;
	*answer = (struct sluice_str){q->answer ? q->answer : "", q->answer_bytes};
	*is_first = result != INQUIRY_OPEN && !q->was_read;
	q->was_read |= *is_first;
	pthread_mutex_unlock(&q->all->lock);
	return result;
}

void inquiry_leave(struct inquiry *q)
{
	struct inquiries *all = q->all;
	pthread_mutex_lock(&all->lock);
	size_t users = --q->users;
	pthread_mutex_unlock(&all->lock);
	if (users)
		return;
	all->host->instance_free(all->instance, q->answer);
	all->host->instance_free(all->instance, q->waiting);
	all->host->instance_free(all->instance, q);
}
