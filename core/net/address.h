/* SPDX-License-Identifier: Apache-2.0 */
/* net/address.h - socket addresses by value: IPv4, IPv6, UNIX path. */
#pragma once

#include "base/str.h"

#include <sys/socket.h>
#include <sys/un.h>
#include <netinet/in.h>

struct address {
	socklen_t n; /* 0: none */
	union {
		struct sockaddr sa;
		struct sockaddr_in v4;
		struct sockaddr_in6 v6;
		struct sockaddr_un un;
	} u;
};

/* An IP literal (IPv6 with or without brackets) and a port: RC_INVALID when not a literal. */
MUST_USE enum rc address_from_ip(struct str ip, uint16_t port, struct address *out);
/* RC_INVALID when the path is too long for a sockaddr_un (107 bytes), empty, or holds a NUL. */
MUST_USE enum rc address_from_path(struct str path, struct address *out);
/* Reads no more of `from` than it has: it may stand in less memory than a whole one. */
void address_copy(struct address *to, const struct address *from);
bool address_eq(const struct address *a, const struct address *b);
uint16_t address_port(const struct address *a);
void address_set_port(struct address *a, uint16_t port);

#define ADDRESS_TEXT_BYTES 120
/* The IP without port ("::1", "192.0.2.1"; a v4-mapped address as v4), or "unix:PATH". */
struct str address_ip_text(const struct address *a, char out[ADDRESS_TEXT_BYTES]);
/* "192.0.2.1:80", "[::1]:80", "unix:PATH". */
struct str address_text(const struct address *a, char out[ADDRESS_TEXT_BYTES]);
