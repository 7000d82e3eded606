/* SPDX-License-Identifier: Apache-2.0 */
/* services/post.c - messages between the workers of an instance: letters of its inbox. */
#include "sluice/post.h"

#include "base/limits.h"
#include "base/memory.h"
#include "policy/legal.h"
#include "policy/run.h"
#include "services/inbox.h"
#include "services/services_priv.h"

#include <stdlib.h>

enum { OPEN, WORKER, SEND };
static const struct policy_call calls[] = {
	[OPEN] = {"sluice.post/1 open", IN(CONFIGURE)},
	[WORKER] = {"sluice.post/1 worker", IN_WORKER | IN(FRAME)},
	[SEND] = {"sluice.post/1 send", IN_WORKER | IN(FRAME) | IN(JOB)},
};


struct message {
	struct letter letter;
	struct sluice_message given; /* zero beyond what the plugin gave */
	void *arg;
};

/* The SDK's box is the instance's inbox. */
static struct inbox *inbox_in(const struct sluice_post_box *box)
{
	return (struct inbox *)(uintptr_t)box;
}

static void deliver(struct letter *l, struct sluice_instance *i, uint32_t worker)
{
	struct message *m = CONTAINER_OF(l, struct message, letter);
	policy_call_enter(i, CALLBACK_POST, worker);
	m->given.received(policy_call_of(i), policy_worker_data(i, worker), m->arg);
	policy_call_leave();
	free(m);
}

static void drop(struct letter *l)
{
	struct message *m = CONTAINER_OF(l, struct message, letter);
	if (m->given.dropped)
		m->given.dropped(m->arg);
	free(m);
}

static struct letter *letter_new(const struct sluice_message *given, void *arg)
{
	struct message *m = heap_zalloc(sizeof(*m));
	m->letter.deliver = deliver;
	m->letter.drop = drop;
	take_sized(&m->given, sizeof(m->given), given, given->size);
	m->arg = arg;
	return &m->letter;
}

static struct sluice_post_box *open_box(struct sluice_instance *i)
{
	if (!policy_allows(&calls[OPEN], i))
		return NULL;
	return (struct sluice_post_box *)(void *)inbox_of(i);
}

static uint32_t worker_count(const struct sluice_post_box *box)
{
	return box ? inbox_workers(inbox_in(box)) : 0;
}

static bool may_use(const struct policy_call *call, const struct sluice_post_box *box)
{
	struct sluice_instance *i = policy_current();
	if (!policy_allows(call, i))
		return false;
	if (box && inbox_find(i) == inbox_in(box))
		return true;
	policy_refuse(call);
	return false;
}

static int32_t worker(const struct sluice_post_box *box)
{
	if (!may_use(&calls[WORKER], box) || !services_thread.loop)
		return SLUICE_E_WRONG_CALLBACK;
	return (int32_t)services_thread.worker;
}

static int32_t send(
	struct sluice_post_box *box, uint32_t to, const struct sluice_message *message, void *arg)
{
	if (!may_use(&calls[SEND], box))
		return SLUICE_E_WRONG_CALLBACK;
	struct inbox *inbox = inbox_in(box);
	uint32_t first = to == SLUICE_POST_ALL ? 0 : to;
	uint32_t count = to == SLUICE_POST_ALL ? inbox_workers(inbox) : 1;
	if (first >= inbox_workers(inbox) || !message ||
		message->size < offsetof(struct sluice_message, dropped) || !message->received)
		return SLUICE_E_INVALID;
	for (uint32_t w = first; w < first + count; w++)
		if (!inbox_has_room(inbox, w))
			return SLUICE_E_FULL;
	for (uint32_t w = first; w < first + count; w++)
		inbox_send(inbox, w, letter_new(message, arg));
	return SLUICE_OK;
}

const void *services_post_table(void)
{
	static const struct sluice_post_service table = {
		.size = sizeof(table),
		.open = open_box,
		.worker_count = worker_count,
		.worker = worker,
		.send = send,
	};
	return &table;
}
