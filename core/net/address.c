/* SPDX-License-Identifier: Apache-2.0 */
#include "net/address.h"

#include "base/check.h"

#include <arpa/inet.h>
#include <stdio.h>

enum rc address_from_ip(struct str ip, uint16_t port, struct address *out)
{
	char text[INET6_ADDRSTRLEN + 1];
	struct address a = {0};
	if (ip.n >= 2 && ip.p[0] == '[' && ip.p[ip.n - 1] == ']')
		ip = str_slice(ip, 1, ip.n - 2);
	if (ip.n == 0 || ip.n >= sizeof(text) || memchr(ip.p, '\0', ip.n))
		return RC_INVALID;
	memcpy(text, ip.p, ip.n);
	text[ip.n] = '\0';
	if (inet_pton(AF_INET, text, &a.u.v4.sin_addr) == 1) {
		a.u.v4.sin_family = AF_INET;
		a.u.v4.sin_port = htons(port);
		a.n = sizeof(a.u.v4);
	} else if (inet_pton(AF_INET6, text, &a.u.v6.sin6_addr) == 1) {
		a.u.v6.sin6_family = AF_INET6;
		a.u.v6.sin6_port = htons(port);
		a.n = sizeof(a.u.v6);
	} else {
		return RC_INVALID;
	}
	*out = a;
	return RC_OK;
}

enum rc address_from_path(struct str path, struct address *out)
{
	struct address a = {0};
	if (path.n == 0 || path.n >= sizeof(a.u.un.sun_path) || memchr(path.p, '\0', path.n))
		return RC_INVALID;
	a.u.un.sun_family = AF_UNIX;
	memcpy(a.u.un.sun_path, path.p, path.n);
	a.n = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + path.n + 1);
	*out = a;
	return RC_OK;
}

void address_copy(struct address *to, const struct address *from)
{
	to->n = from->n;
	memcpy(&to->u, &from->u, from->n);
}

bool address_eq(const struct address *a, const struct address *b)
{
	if (a->u.sa.sa_family != b->u.sa.sa_family)
		return false;
	switch (a->u.sa.sa_family) {
	case AF_INET:
		return a->u.v4.sin_port == b->u.v4.sin_port &&
		       a->u.v4.sin_addr.s_addr == b->u.v4.sin_addr.s_addr;
	case AF_INET6:
		return a->u.v6.sin6_port == b->u.v6.sin6_port &&
		       a->u.v6.sin6_scope_id == b->u.v6.sin6_scope_id &&
		       memcmp(&a->u.v6.sin6_addr, &b->u.v6.sin6_addr, 16) == 0;
	default:
		return a->n == b->n && memcmp(&a->u, &b->u, a->n) == 0;
	}
}

uint16_t address_port(const struct address *a)
{
	if (a->u.sa.sa_family == AF_INET)
		return ntohs(a->u.v4.sin_port);
	return a->u.sa.sa_family == AF_INET6 ? ntohs(a->u.v6.sin6_port) : 0;
}

void address_set_port(struct address *a, uint16_t port)
{
	if (a->u.sa.sa_family == AF_INET)
		a->u.v4.sin_port = htons(port);
	else if (a->u.sa.sa_family == AF_INET6)
		a->u.v6.sin6_port = htons(port);
}

static struct str unix_text(const struct address *a, char out[ADDRESS_TEXT_BYTES])
{
	size_t head = offsetof(struct sockaddr_un, sun_path);
	size_t n = a->n > head ? strnlen(a->u.un.sun_path, a->n - head) : 0;
	int written = snprintf(out, ADDRESS_TEXT_BYTES, "unix:%.*s", (int)n, a->u.un.sun_path);
	return str_n(out, written < ADDRESS_TEXT_BYTES ? (size_t)written : ADDRESS_TEXT_BYTES - 1);
}

/* Every request's client address comes by here: without snprintf. */
static struct str v4_text(const unsigned char octets[4], char out[ADDRESS_TEXT_BYTES])
{
	char *p = out;
	for (int i = 0; i < 4; i++) {
		unsigned o = octets[i];
		if (o >= 100)
			*p++ = (char)('0' + o / 100);
		if (o >= 10)
			*p++ = (char)('0' + o / 10 % 10);
		*p++ = (char)('0' + o % 10);
		if (i < 3)
			*p++ = '.';
	}
	return str_n(out, (size_t)(p - out));
}

struct str address_ip_text(const struct address *a, char out[ADDRESS_TEXT_BYTES])
{
	if (a->u.sa.sa_family == AF_INET)
		return v4_text((const unsigned char *)&a->u.v4.sin_addr, out);
	if (a->u.sa.sa_family != AF_INET6)
		return unix_text(a, out);
	const struct in6_addr *v6 = &a->u.v6.sin6_addr;
	if (IN6_IS_ADDR_V4MAPPED(v6))
		return v4_text(v6->s6_addr + 12, out);
	CHECK(inet_ntop(AF_INET6, v6, out, ADDRESS_TEXT_BYTES));
	return str_of(out);
}

struct str address_text(const struct address *a, char out[ADDRESS_TEXT_BYTES])
{
	char ip[ADDRESS_TEXT_BYTES];
	struct str text = address_ip_text(a, ip);
	if (a->u.sa.sa_family != AF_INET && a->u.sa.sa_family != AF_INET6)
		return address_ip_text(a, out);
	bool has_colon = str_index(text, ':') < text.n;
	int n = snprintf(out, ADDRESS_TEXT_BYTES, has_colon ? "[%.*s]:%u" : "%.*s:%u",
		STR_ARG(text), address_port(a));
	return str_n(out, (size_t)n);
}
