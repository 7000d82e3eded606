/* SPDX-License-Identifier: Apache-2.0 */
#include "net/proxy_protocol.h"

#include "base/check.h"
#include "base/limits.h"

#include <arpa/inet.h>
#include <stdio.h>

/* --- version 1: a line ----------------------------------------------------------------------- */

/* With its line end. */
#define LINE_BYTES_MAX 107

static const struct str line_start = {"PROXY ", 6};

static bool is_port(struct str s, uint16_t *port)
{
	uint64_t value;
	if (s.n == 0 || s.n > 5 || (s.n > 1 && s.p[0] == '0') ||
		str_to_u64(s, 65535, &value) != RC_OK)
		return false;
	*port = (uint16_t)value;
	return true;
}

static bool take_address(
	struct str ip, struct str port_text, sa_family_t family, struct address *out)
{
	uint16_t port;
	if (ip.n == 0 || ip.p[0] == '[' || !is_port(port_text, &port))
		return false;
	return address_from_ip(ip, port, out) == RC_OK && out->u.sa.sa_family == family;
}

/* What stands between "PROXY " and the line end. */
static bool take_line(struct str line, struct proxy_header *h)
{
	struct str rest = line, protocol = str_cut(&rest, ' ');
	if (str_eq(protocol, STR("UNKNOWN")))
		return true;
	bool is_v4 = str_eq(protocol, STR("TCP4"));
	if (!is_v4 && !str_eq(protocol, STR("TCP6")))
		return false;
	sa_family_t family = is_v4 ? AF_INET : AF_INET6;
	struct str source = str_cut(&rest, ' '), destination = str_cut(&rest, ' ');
	struct str source_port = str_cut(&rest, ' ');
	return rest.p && take_address(source, source_port, family, &h->source) &&
	       take_address(destination, rest, family, &h->destination);
}

static enum proxy_header_event parse_line(struct str in, struct proxy_header *h)
{
	size_t n = in.n < LINE_BYTES_MAX ? in.n : LINE_BYTES_MAX, end = 0;
	while (end < n && in.p[end] >= 0x20 && in.p[end] <= 0x7e)
		end++;
	if (end == n)
		return n == LINE_BYTES_MAX ? PROXY_HEADER_INVALID : PROXY_HEADER_MORE;
	if (in.p[end] != '\r' || end + 1 == LINE_BYTES_MAX)
		return PROXY_HEADER_INVALID;
	if (end + 1 == n)
		return PROXY_HEADER_MORE;
	struct str line = str_slice(in, line_start.n, end - line_start.n);
	h->bytes = end + 2;
	return in.p[end + 1] == '\n' && take_line(line, h) ? PROXY_HEADER_DONE
							   : PROXY_HEADER_INVALID;
}

/* --- version 2: binary ----------------------------------------------------------------------- */

#define FIXED_BYTES 16

static const struct str signature = {"\r\n\r\n\0\r\nQUIT\n", 12};

enum command { COMMAND_LOCAL = 0x20, COMMAND_PROXY = 0x21 };
enum family { FAMILY_UNSPEC = 0x00, FAMILY_TCP4 = 0x11, FAMILY_TCP6 = 0x21, FAMILY_UNIX = 0x31 };

static unsigned byte_at(struct str s, size_t i)
{
	return (unsigned char)s.p[i];
}

static size_t number_at(struct str s, size_t i)
{
	return byte_at(s, i) << 8 | byte_at(s, i + 1);
}

/* Type, length, value: whether they fill what is there. */
static bool are_records(struct str s)
{
	while (s.n > 0) {
		if (s.n < 3 || s.n - 3 < number_at(s, 1))
			return false;
		s = str_from(s, 3 + number_at(s, 1));
	}
	return true;
}

static void take_v4(struct str s, size_t ip, size_t port, struct address *out)
{
	*out = (struct address){.n = sizeof(out->u.v4)};
	out->u.v4.sin_family = AF_INET;
	memcpy(&out->u.v4.sin_addr, s.p + ip, 4);
	memcpy(&out->u.v4.sin_port, s.p + port, 2);
}

static void take_v6(struct str s, size_t ip, size_t port, struct address *out)
{
	*out = (struct address){.n = sizeof(out->u.v6)};
	out->u.v6.sin6_family = AF_INET6;
	memcpy(&out->u.v6.sin6_addr, s.p + ip, 16);
	memcpy(&out->u.v6.sin6_port, s.p + port, 2);
}

/* The part behind the fixed one, whole. */
static bool take_addresses(unsigned family, struct str s, struct proxy_header *h)
{
	size_t n;
	switch (family) {
	case FAMILY_UNSPEC:
		return true; /* whatever stands there */
	case FAMILY_TCP4:
		n = 12;
		break;
	case FAMILY_TCP6:
		n = 36;
		break;
	case FAMILY_UNIX:
		n = 216;
		break;
	default:
		return false; /* datagrams, and what nobody has defined */
	}
	if (s.n < n || !are_records(str_from(s, n)))
		return false;
	if (family == FAMILY_TCP4) {
		take_v4(s, 0, 8, &h->source);
		take_v4(s, 4, 10, &h->destination);
	} else if (family == FAMILY_TCP6) {
		take_v6(s, 0, 32, &h->source);
		take_v6(s, 16, 34, &h->destination);
	}
	return true;
}

static enum proxy_header_event parse_binary(struct str in, struct proxy_header *h)
{
	if (in.n > 12 && byte_at(in, 12) != COMMAND_LOCAL && byte_at(in, 12) != COMMAND_PROXY)
		return PROXY_HEADER_INVALID;
	if (in.n < FIXED_BYTES)
		return PROXY_HEADER_MORE;
	h->bytes = FIXED_BYTES + number_at(in, 14);
	if (h->bytes > LIMIT_PROXY_HEADER_BYTES)
		return PROXY_HEADER_INVALID;
	if (in.n < h->bytes)
		return PROXY_HEADER_MORE;
	if (byte_at(in, 12) == COMMAND_LOCAL)
		return PROXY_HEADER_DONE;
	struct str rest = str_slice(in, FIXED_BYTES, h->bytes - FIXED_BYTES);
	return take_addresses(byte_at(in, 13), rest, h) ? PROXY_HEADER_DONE : PROXY_HEADER_INVALID;
}

/* --------------------------------------------------------------------------------------------- */

static bool may_become(struct str in, struct str start)
{
	size_t n = in.n < start.n ? in.n : start.n;
	return memcmp(in.p, start.p, n) == 0;
}

enum proxy_header_event proxy_header_parse(struct str in, struct proxy_header *out)
{
	struct proxy_header h = {0};
	enum proxy_header_event event = PROXY_HEADER_INVALID;
	if (in.n == 0)
		return PROXY_HEADER_MORE;
	if (may_become(in, line_start))
		event = in.n < line_start.n ? PROXY_HEADER_MORE : parse_line(in, &h);
	else if (may_become(in, signature))
		event = parse_binary(in, &h);
	if (event == PROXY_HEADER_DONE)
		*out = h;
	return event;
}

/* --- writing --------------------------------------------------------------------------------- */

/* AF_INET or AF_INET6, of both; 0: of neither. */
static sa_family_t family_of_both(const struct address *a, const struct address *b)
{
	sa_family_t family = a->n > 0 ? a->u.sa.sa_family : AF_UNSPEC;
	bool is_told = family == AF_INET || family == AF_INET6;
	return is_told && b->n > 0 && b->u.sa.sa_family == family ? family : AF_UNSPEC;
}

static size_t write_line(sa_family_t family, const struct address *source,
	const struct address *destination, char *to)
{
	char from_ip[INET6_ADDRSTRLEN], to_ip[INET6_ADDRSTRLEN];
	if (family == AF_UNSPEC)
		return (size_t)snprintf(to, PROXY_HEADER_WRITTEN_BYTES, "PROXY UNKNOWN\r\n");
	bool is_v4 = family == AF_INET;
	inet_ntop(family, is_v4 ? (const void *)&source->u.v4.sin_addr : &source->u.v6.sin6_addr,
		from_ip, sizeof(from_ip));
	inet_ntop(family,
		is_v4 ? (const void *)&destination->u.v4.sin_addr : &destination->u.v6.sin6_addr,
		to_ip, sizeof(to_ip));
	return (size_t)snprintf(to, PROXY_HEADER_WRITTEN_BYTES, "PROXY TCP%c %s %s %u %u\r\n",
		is_v4 ? '4' : '6', from_ip, to_ip, address_port(source), address_port(destination));
}

static char *put_ip(char *to, const struct address *a)
{
	bool is_v4 = a->u.sa.sa_family == AF_INET;
	size_t n = is_v4 ? sizeof(a->u.v4.sin_addr) : sizeof(a->u.v6.sin6_addr);
	memcpy(to, is_v4 ? (const void *)&a->u.v4.sin_addr : &a->u.v6.sin6_addr, n);
	return to + n;
}

static char *put_port(char *to, const struct address *a)
{
	uint16_t port = htons(address_port(a));
	memcpy(to, &port, sizeof(port));
	return to + sizeof(port);
}

static size_t write_binary(sa_family_t family, const struct address *source,
	const struct address *destination, char *to)
{
	bool is_told = family != AF_UNSPEC;
	char *at = to + signature.n + 4;
	memcpy(to, signature.p, signature.n);
	if (is_told)
		at = put_port(
			put_port(put_ip(put_ip(at, source), destination), source), destination);
	char kind = family == AF_INET ? 0x11 : 0x21;
	to[12] = is_told ? 0x21 : 0x20; /* version 2; PROXY, or LOCAL */
	to[13] = is_told ? kind : 0;
	to[14] = 0;
	to[15] = (char)(at - to - 16);
	return (size_t)(at - to);
}

size_t proxy_header_write(unsigned version, const struct address *source,
	const struct address *destination, char to[PROXY_HEADER_WRITTEN_BYTES])
{
	sa_family_t family = family_of_both(source, destination);
	return version == 1 ? write_line(family, source, destination, to)
			    : write_binary(family, source, destination, to);
}
