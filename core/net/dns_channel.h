/* SPDX-License-Identifier: Apache-2.0 */
/* net/dns_channel.h - c-ares on a loop: its sockets, and its clock while questions are under way.
 *
 * For the resolver alone, which asks by `ares`. On the loop's thread. */
#pragma once

#include "base/list.h"
#include "loop/loop.h"

#include <ares.h>

struct dns_channel {
	struct loop *loop; /* borrowed */
	ares_channel ares;
	struct link sockets; /* struct ares_watch, owned */
	struct timer tick;
	size_t asking; /* questions under way: whoever is answered takes one off */
};

void dns_channel_init(struct dns_channel *c, struct loop *loop);
/* `servers`: addresses with ports, separated by commas, asked for whole names; "": those of the
 * machine, with its search list. All of them have answered or failed within `timeout_ms`. */
void dns_channel_open(struct dns_channel *c, const char *servers, int timeout_ms);
/* Questions that are under way are answered first, by c-ares' ARES_EDESTRUCTION. May be opened again. */
void dns_channel_close(struct dns_channel *c);
/* Before each question. */
void dns_channel_begin(struct dns_channel *c);
