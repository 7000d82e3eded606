/* SPDX-License-Identifier: Apache-2.0 */
#include "net/admission.h"

#include "base/check.h"
#include "base/list.h"
#include "base/memory.h"
#include "crypto/crypto.h"

#include <pthread.h>

/* With 50,000 connections from as many addresses a counter stands at 0.8 on average; 512 KiB in all,
 * of which pages that were never counted in cost nothing. */
#define ROWS        2
#define ROW_BITS    16
#define ROW_SIZE    (1u << ROW_BITS)
#define TICKET_HELD (1ull << 63)

struct admission_port {
	struct link link;
	char *key; /* owned */
	unsigned refs;
	atomic_uint connections;
};

struct admission {
	unsigned descriptors;
	atomic_uint connections_max, per_listener_max, per_address_max;
	atomic_bool is_closed;
	_Alignas(64) atomic_uint connections;
	_Atomic uint64_t refused[ADMISSION_VERDICTS];
	uint8_t key[16];
	pthread_mutex_t lock; /* guards ports */
	struct link ports;
	atomic_uint rows[ROWS][ROW_SIZE];
};

const char *admission_name(enum admission_verdict v)
{
	static const char *const names[ADMISSION_VERDICTS] = {
		"", "connections", "listener", "address", "descriptors", "memory"};
	return names[v];
}

struct admission *admission_new(unsigned descriptors)
{
	struct admission *a = aligned_alloc(64, (sizeof(*a) + 63) & ~(size_t)63);
	CHECK(a);
	memset(a, 0, sizeof(*a));
	a->descriptors = descriptors;
	atomic_init(&a->connections_max, UINT32_MAX);
	pthread_mutex_init(&a->lock, NULL);
	list_init(&a->ports);
	CHECK(random_bytes(a->key, sizeof(a->key)) == RC_OK);
	return a;
}

void admission_free(struct admission *a)
{
	if (!a)
		return;
	CHECK(list_is_empty(&a->ports));
	pthread_mutex_destroy(&a->lock);
	free(a);
}

void admission_set_limits(struct admission *a, const struct admission_limits *limits)
{
	atomic_store(&a->connections_max, limits->connections);
	atomic_store(&a->per_listener_max, limits->per_listener);
	atomic_store(&a->per_address_max, limits->per_address);
}

struct admission_limits admission_get_limits(const struct admission *a)
{
	return (struct admission_limits){
		.connections = atomic_load(&a->connections_max),
		.per_listener = atomic_load(&a->per_listener_max),
		.per_address = atomic_load(&a->per_address_max),
	};
}

void admission_set_closed(struct admission *a, bool is_closed)
{
	atomic_store(&a->is_closed, is_closed);
}

/* --- ports ----------------------------------------------------------------------------------- */
static struct admission_port *find_port(struct admission *a, struct str key)
{
	LIST_FOREACH(l, &a->ports)
	{
		struct admission_port *p = CONTAINER_OF(l, struct admission_port, link);
		if (str_eq(str_of(p->key), key))
			return p;
	}
	return NULL;
}

struct admission_port *admission_port_ref(struct admission *a, struct str key)
{
	pthread_mutex_lock(&a->lock);
	struct admission_port *p = find_port(a, key);
	if (!p) {
		p = heap_zalloc(sizeof(*p));
		p->key = heap_strndup(key);
		list_append(&a->ports, &p->link);
	}
	p->refs++;
	pthread_mutex_unlock(&a->lock);
	return p;
}

void admission_port_unref(struct admission *a, struct admission_port *p)
{
	pthread_mutex_lock(&a->lock);
	bool is_last = --p->refs == 0;
	if (is_last)
		list_remove(&p->link);
	pthread_mutex_unlock(&a->lock);
	if (!is_last)
		return;
	free(p->key);
	free(p);
}

/* --- connections ----------------------------------------------------------------------------- */
static enum admission_verdict refuse(struct admission *a, enum admission_verdict why)
{
	atomic_fetch_add_explicit(&a->refused[why], 1, memory_order_relaxed);
	return why;
}

static unsigned load(const atomic_uint *value)
{
	return atomic_load_explicit(value, memory_order_relaxed);
}

/* Counts first, so that two workers cannot both take the last place. */
static bool take(atomic_uint *counter, unsigned max)
{
	if (atomic_fetch_add_explicit(counter, 1, memory_order_relaxed) < max || max == 0)
		return true;
	atomic_fetch_sub_explicit(counter, 1, memory_order_relaxed);
	return false;
}

static void give_back(atomic_uint *counter)
{
	unsigned was = atomic_fetch_sub_explicit(counter, 1, memory_order_relaxed);
	CHECK(was > 0);
}

/* The kernel hands out the lowest free descriptor: its number tells how many are open. */
static bool is_in_reserve(const struct admission *a, int fd)
{
	return (unsigned)fd + ADMISSION_RESERVE >= a->descriptors;
}

enum admission_verdict admission_enter(struct admission *a, struct admission_port *p, int fd)
{
	if (atomic_load_explicit(&a->is_closed, memory_order_relaxed))
		return refuse(a, ADMISSION_MEMORY);
	if (is_in_reserve(a, fd))
		return refuse(a, ADMISSION_DESCRIPTORS);
	if (!take(&a->connections, load(&a->connections_max)))
		return refuse(a, ADMISSION_CONNECTIONS);
	if (take(&p->connections, load(&a->per_listener_max)))
		return ADMISSION_OK;
	give_back(&a->connections);
	return refuse(a, ADMISSION_LISTENER);
}

void admission_leave(struct admission *a, struct admission_port *p)
{
	give_back(&a->connections);
	give_back(&p->connections);
}

/* Half of the reserve is for what keeps the process in hand. */
int admission_upstream_descriptors(const struct admission *a)
{
	unsigned half = ADMISSION_RESERVE / 2;
	return a->descriptors > 2 * half ? (int)(a->descriptors - half) : (int)half;
}

unsigned admission_excess(const struct admission *a, int newest_fd)
{
	unsigned max = load(&a->connections_max), now = load(&a->connections);
	unsigned usable = a->descriptors > ADMISSION_RESERVE ? a->descriptors - ADMISSION_RESERVE : 1;
	unsigned fds = newest_fd > 0 ? (unsigned)newest_fd : 0;
	unsigned excess = 0, of_fds = 0;
	/* Down to 85 %, so that not every newcomer costs a search. */
	if (now > max - max / 10)
		excess = now - (max - max / 10) + max / 20 + 1;
	if (fds > usable - usable / 10)
		of_fds = fds - (usable - usable / 10) + usable / 20 + 1;
	return excess > of_fds ? excess : of_fds;
}

/* --- addresses ------------------------------------------------------------------------------- */
/* What is counted as one: an IPv4 address, an IPv6 network of 64 bits. Empty: neither. */
static struct str subject_of(const struct address *a)
{
	const struct in6_addr *ip6 = &a->u.v6.sin6_addr;
	if (a->u.sa.sa_family == AF_INET)
		return str_n((const char *)&a->u.v4.sin_addr, 4);
	if (a->u.sa.sa_family != AF_INET6)
		return STR_EMPTY;
	if (IN6_IS_ADDR_V4MAPPED(ip6))
		return str_n((const char *)ip6 + 12, 4);
	return str_n((const char *)ip6, 8);
}

static atomic_uint *counter_of(struct admission *a, admission_ticket t, unsigned row)
{
	return &a->rows[row][(t >> (row * ROW_BITS)) & (ROW_SIZE - 1)];
}

enum admission_verdict admission_enter_address(
	struct admission *a, const struct address *client, admission_ticket *ticket)
{
	unsigned max = load(&a->per_address_max), least = UINT32_MAX;
	struct str subject = subject_of(client);
	*ticket = 0;
	if (subject.n == 0)
		return ADMISSION_OK;
	admission_ticket t = (keyed_hash(a->key, subject) & 0xffffffff) | TICKET_HELD;
	for (unsigned row = 0; row < ROWS; row++) {
		unsigned before = atomic_fetch_add_explicit(
			counter_of(a, t, row), 1, memory_order_relaxed);
		least = before < least ? before : least;
	}
	if (max == 0 || least < max) {
		*ticket = t;
		return ADMISSION_OK;
	}
	admission_leave_address(a, t);
	return refuse(a, ADMISSION_ADDRESS);
}

void admission_leave_address(struct admission *a, admission_ticket ticket)
{
	if (ticket == 0)
		return;
	for (unsigned row = 0; row < ROWS; row++)
		give_back(counter_of(a, ticket, row));
}

/* --- counts ---------------------------------------------------------------------------------- */
unsigned admission_connections(const struct admission *a)
{
	return load(&a->connections);
}

uint64_t admission_refused(const struct admission *a, enum admission_verdict why)
{
	return atomic_load_explicit(&a->refused[why], memory_order_relaxed);
}
