/* SPDX-License-Identifier: Apache-2.0 */
/* supervise/allow.h - the addresses and ports that a gateway may have opened.
 *
 * An entry is ADDRESS:PORT or ADDRESS:FIRST-LAST; the address an IP (IPv6 in brackets), where
 * 0.0.0.0 stands for every IPv4 address and [::] for every address. No entry: everything. */
#pragma once

#include "base/str.h"

#include <netinet/in.h>
#include <sys/socket.h>

#define ALLOW_ENTRIES_MAX 64

struct allow_entry {
	int family;
	uint8_t ip[16];
	bool is_any; /* the wildcard of its family */
	uint16_t first, last;
};

struct allow_list {
	struct allow_entry entries[ALLOW_ENTRIES_MAX];
	size_t count;
};

/* false: not of that form, or no room. */
bool allow_add(struct allow_list *l, const char *text);
bool allow_has(const struct allow_list *l, const struct sockaddr *at, socklen_t n);
