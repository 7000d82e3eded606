/* SPDX-License-Identifier: Apache-2.0 */
#include "process/ports.h"

#include "base/memory.h"

#include <unistd.h>

struct port {
	struct address address;
	struct port_sockets sockets; /* owned */
};

void ports_init(struct ports *p, unsigned workers, struct supervision *supervision)
{
	map_init(&p->by_key);
	p->workers = workers;
	p->supervision = supervision;
}

static void port_free(struct ports *p, struct port *port)
{
	for (unsigned i = 0; i < port->sockets.count; i++)
		close(port->sockets.fds[i]);
	supervision_release(p->supervision, &port->address, WIRE_REQUESTS);
	free(port->sockets.fds);
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

enum rc ports_open(struct ports *p, struct str key, const struct address *at,
	struct port_sockets *sockets, const char **why)
{
	struct port *port = map_get(&p->by_key, key);
	if (!port) {
		struct port_sockets opened;
		enum rc rc = supervision_listen(p->supervision, at, WIRE_REQUESTS, p->workers,
			&opened.fds, &opened.count, why);
		if (rc != RC_OK)
			return rc;
		port = heap_zalloc(sizeof(*port));
		*port = (struct port){*at, opened};
		map_put(&p->by_key, key, port);
	}
	*sockets = port->sockets;
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
		port_free(p, map_remove(&p->by_key, entry->key));
}
