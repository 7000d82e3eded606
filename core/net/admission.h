/* SPDX-License-Identifier: Apache-2.0 */
/* net/admission.h - which clients may connect: how many in all, on one listener, from one address.
 *
 * Shared by all workers, touched when a connection comes and when it goes, never by a request.
 *
 * Addresses are counted in two rows of counters, each chosen by a keyed hash of its own; an address
 * is over its limit when both of its counters are. So memory is fixed, nothing is ever evicted, and
 * an innocent address shares both counters with a flooding one once in 4 thousand million. IPv6 counts
 * by /64, what one customer gets.
 *
 * Invariants   M1  every ADMISSION_OK of an enter is followed by exactly one leave, and likewise for addresses.
 * Threads      any; atomic counters. Limits: set by the main thread, seen by the next connection. */
#pragma once

#include "net/address.h"

#include <stdatomic.h>

/* Descriptors that no client may take: admin, upstreams, logs, reading the configuration. */
#define ADMISSION_RESERVE 64

enum admission_verdict {
	ADMISSION_OK,
	ADMISSION_CONNECTIONS, /* in all */
	ADMISSION_LISTENER,
	ADMISSION_ADDRESS,
	ADMISSION_DESCRIPTORS, /* the process has no more */
	ADMISSION_MEMORY,      /* overload: nobody new */
	ADMISSION_VERDICTS,
};

/* "connections", "listener", "address", "descriptors", "memory". */
const char *admission_name(enum admission_verdict v);

struct admission_limits {
	unsigned connections; /* >= 1 */
	unsigned per_listener;
	unsigned per_address; /* 0: no limit; likewise per_listener */
};

struct admission;
/* The connections of one listener, on all workers. */
struct admission_port;

/* `descriptors`: how many the process may have open. */
struct admission *admission_new(unsigned descriptors);
/* No port is referred to any more. NULL is harmless. */
void admission_free(struct admission *a);
void admission_set_limits(struct admission *a, const struct admission_limits *limits);
struct admission_limits admission_get_limits(const struct admission *a);
/* Overload: from now on nobody new comes in. */
void admission_set_closed(struct admission *a, bool is_closed);

/* Made by the first worker that listens on `key`. Takes a lock: for when listeners come and go. */
struct admission_port *admission_port_ref(struct admission *a, struct str key);
void admission_port_unref(struct admission *a, struct admission_port *p);

/* A connection with this descriptor has come. Other than ADMISSION_OK: not counted, but among the
 * refused. */
enum admission_verdict admission_enter(
	struct admission *a, struct admission_port *p, int fd);
void admission_leave(struct admission *a, struct admission_port *p);

/* Where an address is counted; 0: nowhere. */
typedef uint64_t admission_ticket;
enum admission_verdict admission_enter_address(
	struct admission *a, const struct address *client, admission_ticket *ticket);
void admission_leave_address(struct admission *a, admission_ticket ticket);

/* Upstream connections may have descriptors below this number. */
int admission_upstream_descriptors(const struct admission *a);

/* How many idle connections ought to go so that new ones find room: 0 below 90 % of the limit, and
 * below 90 % of the descriptors. */
unsigned admission_excess(const struct admission *a, int newest_fd);

unsigned admission_connections(const struct admission *a);
uint64_t admission_refused(const struct admission *a, enum admission_verdict why);
