/* SPDX-License-Identifier: Apache-2.0 */
/* base/list.h - intrusive doubly linked list.
 *
 * A link that is on no list points to itself, so list_remove may be called twice. */
#pragma once

#include "base/check.h"

#include <stdbool.h>

struct link {
	struct link *next;
	struct link *prev;
};

static inline void list_init(struct link *l)
{
	l->next = l->prev = l;
}

static inline bool list_is_empty(const struct link *list)
{
	return list->next == list;
}

static inline void list_append(struct link *list, struct link *l)
{
	l->prev = list->prev;
	l->next = list;
	list->prev->next = l;
	list->prev = l;
}

static inline void list_prepend(struct link *list, struct link *l)
{
	list_append(list->next, l);
}

static inline void list_remove(struct link *l)
{
	l->prev->next = l->next;
	l->next->prev = l->prev;
	l->next = l->prev = l;
}

/* Removes and returns the first, or NULL. */
static inline struct link *list_pop(struct link *list)
{
	struct link *first = list->next;
	if (first == list)
		return NULL;
	list_remove(first);
	return first;
}

/* Moves all of `from` to the end of `list`. */
static inline void list_move_all(struct link *list, struct link *from)
{
	if (list_is_empty(from))
		return;
	from->next->prev = list->prev;
	list->prev->next = from->next;
	from->prev->next = list;
	list->prev = from->prev;
	list_init(from);
}

#define LIST_FOREACH(it, list) for (struct link *it = (list)->next; it != (list); it = it->next)
#define LIST_FOREACH_SAFE(it, list)                                                                \
	for (struct link *it = (list)->next, *it##_next = it->next; it != (list);                  \
		it = it##_next, it##_next = it->next)
