/* SPDX-License-Identifier: Apache-2.0 */
#include "supervise/groups.h"

#include "base/check.h"
#include "base/memory.h"
#include "handover/sockets.h"

#include <errno.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

void groups_init(struct groups *g)
{
	list_init(&g->list);
	g->count = 0;
}

static struct group *group_of(struct link *l)
{
	return CONTAINER_OF(l, struct group, link);
}

static void group_close(struct groups *g, struct group *group)
{
	list_remove(&group->link);
	g->count--;
	for (uint32_t i = 0; i < group->count; i++)
		close(group->fds[i]);
	free(group->fds);
	free(group);
}

void groups_deinit(struct groups *g)
{
	LIST_FOREACH_SAFE(l, &g->list)
	group_close(g, group_of(l));
}

static bool is_same(const struct wire_address *a, const struct wire_address *b)
{
	return a->n == b->n && a->purpose == b->purpose && memcmp(&a->at, &b->at, a->n) == 0;
}

static struct group *find(struct groups *g, const struct wire_address *at)
{
	LIST_FOREACH(l, &g->list)
	if (is_same(&group_of(l)->address, at))
		return group_of(l);
	return NULL;
}

struct group *groups_adopt(struct groups *g, const struct wire_address *at, uint32_t holders,
	const int *fds, uint32_t count)
{
	struct group *group = heap_zalloc(sizeof(*group));
	*group = (struct group){.address = *at, .holders = holders, .count = count};
	group->fds = heap_zalloc(count * sizeof(int));
	memcpy(group->fds, fds, count * sizeof(int));
	list_append(&g->list, &group->link);
	g->count++;
	return group;
}

/* The supervisor needs some descriptors itself, to start the gateway that follows. */
static int keep_reserve(const int *fds, uint32_t count)
{
	struct rlimit limit;
	bool is_scarce = false;
	if (getrlimit(RLIMIT_NOFILE, &limit) != 0)
		return 0;
	for (uint32_t i = 0; i < count; i++)
		is_scarce |= (rlim_t)fds[i] + GROUPS_RESERVE >= limit.rlim_cur;
	for (uint32_t i = 0; is_scarce && i < count; i++)
		close(fds[i]);
	return is_scarce ? EMFILE : 0;
}

static int open_new(struct groups *g, const struct wire_listen *wanted, struct group **out)
{
	int fds[GROUP_SOCKETS_MAX];
	const struct sockaddr *at = (const void *)&wanted->address.at;
	if (g->count == GROUPS_MAX)
		return EMFILE;
	int error =
		sockets_open(at, wanted->address.n, (int)wanted->count, (int)wanted->backlog, fds);
	if (error == 0)
		error = keep_reserve(fds, wanted->count);
	if (error == 0)
		*out = groups_adopt(g, &wanted->address, 0, fds, wanted->count);
	return error;
}

static int widen(struct group *group, const struct wire_listen *wanted)
{
	int fds[GROUP_SOCKETS_MAX];
	uint32_t more = wanted->count - group->count;
	const struct sockaddr *at = (const void *)&wanted->address.at;
	int error = sockets_add(at, wanted->address.n, (int)more, (int)wanted->backlog, fds);
	if (error == 0)
		error = keep_reserve(fds, more);
	if (error)
		return error;
	group->fds = heap_realloc(group->fds, wanted->count * sizeof(int));
	memcpy(group->fds + group->count, fds, more * sizeof(int));
	group->count = wanted->count;
	return 0;
}

int groups_open(struct groups *g, const struct allow_list *allow, const struct wire_listen *wanted,
	unsigned seat, struct group **out)
{
	const struct sockaddr *at = (const void *)&wanted->address.at;
	if (wanted->count == 0 || wanted->count > GROUP_SOCKETS_MAX || wanted->backlog > 65535)
		return EINVAL;
	if (at->sa_family != AF_INET && at->sa_family != AF_INET6)
		return EAFNOSUPPORT;
	if (!allow_has(allow, at, wanted->address.n))
		return GROUP_NOT_ALLOWED;
	struct group *group = find(g, &wanted->address);
	int error = 0;
	if (!group)
		error = open_new(g, wanted, &group);
	else if (group->count < wanted->count)
		error = widen(group, wanted);
	if (error)
		return error;
	group->holders |= 1u << seat;
	*out = group;
	return 0;
}

void groups_release(struct groups *g, const struct wire_address *at, unsigned seat)
{
	struct group *group = find(g, at);
	if (!group || !(group->holders & 1u << seat))
		return;
	group->holders &= ~(1u << seat);
	if (group->holders == 0)
		group_close(g, group);
}

void groups_forget(struct groups *g, unsigned seat)
{
	LIST_FOREACH(l, &g->list)
	group_of(l)->holders &= ~(1u << seat);
}

void groups_sweep(struct groups *g)
{
	LIST_FOREACH_SAFE(l, &g->list)
	{
		if (group_of(l)->holders == 0)
			group_close(g, group_of(l));
	}
}
