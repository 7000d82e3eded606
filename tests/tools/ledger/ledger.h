/* SPDX-License-Identifier: Apache-2.0 */
/* ledger/ledger.h - the two programs in one: `ledger load` (and `h2-load`) and `ledger origin`. See main.c. */
#pragma once

#include <signal.h>
#include <stdint.h>

extern volatile sig_atomic_t ledger_is_stopped;

struct origin_options {
	const char *host, *ledger;
	int port;
};
void origin_run(const struct origin_options *o);

struct load_options {
	const char *host, *base, *authority, *ledger;
	int port;
	unsigned keepalive, streams; /* connections */
	unsigned rate;               /* new connections a second */
	unsigned multiplex;          /* requests at a time on a connection of HTTP/2 */
	unsigned uploads;            /* per cent of the requests on keep-alive and new ones */
	unsigned think_ms;           /* between two requests on a kept connection, at most */
	unsigned body_bytes;         /* at most, of these requests */
	unsigned stream_bytes;       /* of a stream */
	unsigned pause_ms;           /* between two pieces of a stream */
	unsigned timeout_ms;         /* without progress */
	unsigned drain_ms;           /* after the end, for what is under way */
	double seconds;              /* 0: until SIGTERM */
	uint64_t requests;           /* 0: no end by number */
	uint32_t seed;
};
/* Print a line of JSON at their end. */
void load_run(const struct load_options *o);
void h2_load_run(const struct load_options *o);
