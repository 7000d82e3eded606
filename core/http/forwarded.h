/* SPDX-License-Identifier: Apache-2.0 */
/* http/forwarded.h - the lists in which proxies say for whom they ask, read from the right.
 *
 * Each proxy adds its peer at the right end, so only that end can be believed, and whatever a
 * client made up stands at the left: a mistake there must not spoil what stands behind it. Hence
 * both lists are taken apart from their last element backwards.
 */
#pragma once

#include "base/str.h"

enum forwarded_step {
	FORWARDED_END, /* the list is empty */
	FORWARDED_HOP,
	FORWARDED_MALFORMED, /* nothing before it can be believed */
};

struct forwarded_hop {
	struct str node;  /* an IP literal without brackets and port */
	struct str proto; /* "" when absent; as written */
	struct str host;  /* likewise */
};

/* Takes the last element off an X-Forwarded-For list: an IP literal, with a port or without. Views
 * into the list. */
enum forwarded_step forwarded_for_pop(struct str *list, struct forwarded_hop *hop);
/* The same of a Forwarded list (RFC 7239). A node that is no address ("unknown", "_hidden") and an
 * element without `for` are FORWARDED_MALFORMED. */
enum forwarded_step forwarded_pop(struct str *list, struct forwarded_hop *hop);
