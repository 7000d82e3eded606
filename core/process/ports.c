/* SPDX-License-Identifier: Apache-2.0 */
#include "process/ports.h"

#include "base/memory.h"

#include <unistd.h>

#define BACKLOG 4096

struct port {
	int *fds; /* owned: one per worker */
};

void ports_init(struct ports *p, unsigned workers)
{
	map_init(&p->by_key);
	p->workers = workers;
}

static void port_free(struct port *port, unsigned workers)
{
	for (unsigned i = 0; i < workers; i++)
		close(port->fds[i]);
	free(port->fds);
	free(port);
}

static bool is_never_used(void *arg, struct str key)
{
	return false;
}

void ports_close_all(struct ports *p)
{
	ports_close_unused(p, is_never_used, NULL);
}

void ports_deinit(struct ports *p)
{
	ports_close_all(p);
	map_deinit(&p->by_key);
}

enum rc ports_open(struct ports *p, struct str key, const struct address *at, int **fds)
{
	struct port *port = map_get(&p->by_key, key);
	if (!port) {
		int *opened = heap_zalloc(p->workers * sizeof(int));
		enum rc rc = listen_open(at, (int)p->workers, BACKLOG, opened);
		if (rc != RC_OK) {
			free(opened);
			return rc;
		}
		port = heap_zalloc(sizeof(*port));
		port->fds = opened;
		map_put(&p->by_key, key, port);
	}
	*fds = port->fds;
	return RC_OK;
}

static const struct map_entry *find_unused(
	struct ports *p, bool (*is_used)(void *arg, struct str key), void *arg)
{
	size_t at = 0;
	const struct map_entry *entry;
	while ((entry = map_next(&p->by_key, &at)))
		if (!is_used(arg, entry->key))
			return entry;
	return NULL;
}

void ports_close_unused(struct ports *p, bool (*is_used)(void *arg, struct str key), void *arg)
{
	const struct map_entry *entry;
	while ((entry = find_unused(p, is_used, arg)))
		port_free(map_remove(&p->by_key, entry->key), p->workers);
}
