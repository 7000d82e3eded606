/* SPDX-License-Identifier: Apache-2.0 */
#include "supervise/allow.h"

#include <arpa/inet.h>
#include <stdio.h>

static bool parse_ip(struct str text, struct allow_entry *e)
{
	static const uint8_t zero[16];
	char copy[64];
	if (text.n > 2 && text.p[0] == '[' && text.p[text.n - 1] == ']') {
		e->family = AF_INET6;
		text = str_slice(text, 1, text.n - 2);
	} else {
		e->family = AF_INET;
	}
	if (text.n >= sizeof(copy))
		return false;
	snprintf(copy, sizeof(copy), "%.*s", STR_ARG(text));
	if (inet_pton(e->family, copy, e->ip) != 1)
		return false;
	e->is_any = memcmp(e->ip, zero, e->family == AF_INET ? 4 : 16) == 0;
	return true;
}

static bool parse_ports(struct str text, struct allow_entry *e)
{
	uint64_t first, last;
	struct str rest = text;
	struct str head = str_cut(&rest, '-');
	if (str_to_u64(head, 65535, &first) != RC_OK)
		return false;
	last = first;
	if (rest.p && str_to_u64(rest, 65535, &last) != RC_OK)
		return false;
	e->first = (uint16_t)first;
	e->last = (uint16_t)last;
	return first > 0 && first <= last;
}

bool allow_add(struct allow_list *l, const char *text)
{
	struct allow_entry e = {0};
	const char *colon = strrchr(text, ':');
	if (!colon || l->count == ALLOW_ENTRIES_MAX)
		return false;
	if (!parse_ip(str_n(text, (size_t)(colon - text)), &e) ||
		!parse_ports(str_of(colon + 1), &e))
		return false;
	l->entries[l->count++] = e;
	return true;
}

static bool is_within(const struct allow_entry *e, int family, const void *ip, uint16_t port)
{
	if (port < e->first || port > e->last)
		return false;
	if (e->is_any)
		return e->family == AF_INET6 || family == AF_INET;
	return e->family == family && memcmp(e->ip, ip, family == AF_INET ? 4 : 16) == 0;
}

bool allow_has(const struct allow_list *l, const struct sockaddr *at, socklen_t n)
{
	const struct sockaddr_in *v4 = (const void *)at;
	const struct sockaddr_in6 *v6 = (const void *)at;
	bool is_v4 = at->sa_family == AF_INET && n >= sizeof(*v4);
	bool is_v6 = at->sa_family == AF_INET6 && n >= sizeof(*v6);
	if (!is_v4 && !is_v6)
		return false;
	const void *ip = is_v4 ? (const void *)&v4->sin_addr : (const void *)&v6->sin6_addr;
	uint16_t port = ntohs(is_v4 ? v4->sin_port : v6->sin6_port);
	for (size_t i = 0; i < l->count; i++)
		if (is_within(&l->entries[i], at->sa_family, ip, port))
			return true;
	return l->count == 0;
}
