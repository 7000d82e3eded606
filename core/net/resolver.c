/* SPDX-License-Identifier: Apache-2.0 */
/* c-ares asks; keeping, coalescing and giving up are done here, by name.
 *
 * An answer that c-ares brings is only recorded and handed out from the ready list: no callback of
 * ours runs inside c-ares, which must not be re-entered while it walks its own lists. c-ares goes
 * on asking after our deadline: what comes late still fills the cache. */
#include "net/resolver.h"

#include "base/list.h"
#include "base/map.h"
#include "base/memory.h"
#include "net/address_choice.h"
#include "net/dns_channel.h"
#include "net/hosts.h"

#include <arpa/nameser.h>
#include <netdb.h>
#include <stdlib.h>

#define NAME_BYTES_MAX 254 /* 253 and a final dot */

/* A name: what is known, and the question when one is under way. */
struct name {
	struct link link; /* of the resolver's names, least recently used first */
	struct resolver *resolver;
	struct link waiters;   /* struct resolver_query */
	struct timer deadline; /* of the waiters */
	struct task done;
	struct address *addresses; /* owned */
	struct srv_records
		*records; /* owned: in their place, where it is these that are asked for */
	size_t count;     /* 0: no answer is known */
	int64_t expires_ms;
	int64_t stale_ms; /* `addresses` are of no use after that */
	int64_t retry_ms; /* after a failure: not asked again before */
	enum rc rc;       /* of the last question; RC_AGAIN: never answered */
	bool is_asking;
	bool asks_records;
	struct str key; /* owned: lower case, NUL-terminated; of records behind RECORDS_MARK */
};

/* No name has one. */
#define RECORDS_MARK '\n'

struct resolver_query {
	struct link link; /* of its name's waiters */
	resolver_fn *fn;
	resolver_records_fn *records_fn; /* in its place */
	void *owner;
};

/* What is told; a copy, since whoever is told may ask again and so push the name out. */
struct told {
	size_t count;
	struct address addresses[RESOLVER_ADDRESSES_MAX];
	struct srv_records records;
};

struct resolver {
	struct loop *loop;
	struct dns_channel channel;
	struct hosts *hosts;
	struct map names; /* struct name, owned */
	struct link used;
	bool is_freed;
	bool is_changing; /* answers are of a channel that is no more */
	struct resolver_times times;
	char *servers; /* owned: separated by commas; "": those of the machine */
};

/* --- answers ------------------------------------------------------------------------------------
 */

static enum rc rc_of(int status)
{
	switch (status) {
	case ARES_SUCCESS:
		return RC_OK;
	case ARES_ENODATA:
	case ARES_ENOTFOUND:
	case ARES_EBADNAME:
		return RC_NOT_FOUND;
	case ARES_ETIMEOUT:
		return RC_TIMEOUT;
	default:
		return RC_IO;
	}
}

static void note_answer(struct name *n, size_t count, int64_t ttl_ms)
{
	const struct resolver_times *times = &n->resolver->times;
	ttl_ms = ttl_ms > times->ttl_max_ms ? times->ttl_max_ms : ttl_ms;
	ttl_ms = ttl_ms < times->ttl_min_ms ? times->ttl_min_ms : ttl_ms;
	n->rc = RC_OK;
	n->count = count;
	n->expires_ms = loop_now_ms(n->resolver->loop) + ttl_ms;
	n->stale_ms = n->expires_ms + times->stale_ms;
}

static void keep_addresses(struct name *n, const struct ares_addrinfo *info)
{
	struct address found[RESOLVER_ADDRESSES_MAX];
	size_t count = 0;
	int64_t ttl_ms = n->resolver->times.ttl_max_ms;
	for (const struct ares_addrinfo_node *node = info->nodes; node; node = node->ai_next) {
		struct address a = {.n = node->ai_addrlen};
		if (node->ai_addrlen > sizeof(a.u))
			continue;
		memcpy(&a.u, node->ai_addr, node->ai_addrlen);
		address_set_port(&a, 0);
		count = address_choice_add(found, count, RESOLVER_ADDRESSES_MAX, &a);
		int64_t own_ms = (int64_t)node->ai_ttl * 1000;
		ttl_ms = own_ms < ttl_ms ? own_ms : ttl_ms;
	}
	free(n->addresses);
	n->addresses = heap_alloc((count + 1) * sizeof(struct address));
	memcpy(n->addresses, found, count * sizeof(struct address));
	note_answer(n, count, ttl_ms);
}

static void keep_records(struct name *n, const struct srv_records *records)
{
	if (!n->records)
		n->records = heap_alloc(sizeof(*records));
	*n->records = *records;
	note_answer(n, records->count, (int64_t)records->ttl_s * 1000);
}

static void forget_answer(struct name *n)
{
	free(n->addresses);
	free(n->records);
	n->addresses = NULL;
	n->records = NULL;
	n->count = 0;
}

static void note_failure(struct name *n, enum rc rc)
{
	n->rc = rc;
	n->retry_ms = loop_now_ms(n->resolver->loop) + n->resolver->times.retry_ms;
}

/* False: of a channel that is no more. */
static bool note_end(struct name *n)
{
	n->is_asking = false;
	n->resolver->channel.asking--;
	return !n->resolver->is_changing;
}

static void hand_out(struct name *n)
{
	if (!n->resolver->is_freed)
		loop_ready(n->resolver->loop, &n->done);
}

/* Inside c-ares: only notes. */
static void on_answer(void *arg, int status, int timeouts, struct ares_addrinfo *info)
{
	struct name *n = arg;
	if (!note_end(n))
		return;
	if (status == ARES_SUCCESS && info && info->nodes) {
		keep_addresses(n, info);
	} else {
		enum rc rc = rc_of(status);
		/* The name is gone. That it merely has no addresses may be a half answer. */
		if (status == ARES_ENOTFOUND)
			forget_answer(n);
		note_failure(n, rc == RC_OK ? RC_NOT_FOUND : rc);
	}
	if (info)
		ares_freeaddrinfo(info);
	hand_out(n);
}

/* Likewise. */
static void on_records(void *arg, int status, int timeouts, unsigned char *bytes, int size)
{
	struct name *n = arg;
	struct srv_records records;
	enum rc rc = rc_of(status);
	if (!note_end(n))
		return;
	if (rc == RC_OK)
		rc = srv_records_parse(str_n((const char *)bytes, (size_t)size), &records);
	if (rc == RC_OK) {
		keep_records(n, &records);
	} else {
		if (rc == RC_NOT_FOUND)
			forget_answer(n);
		note_failure(n, rc == RC_INVALID ? RC_IO : rc);
	}
	hand_out(n);
}

static bool has_fresh(const struct name *n, int64_t now_ms)
{
	return n->count > 0 && now_ms < n->expires_ms;
}

static bool has_stale(const struct name *n, int64_t now_ms)
{
	return n->count > 0 && now_ms < n->stale_ms;
}

static void copy_answer(const struct name *n, enum rc rc, struct told *to)
{
	to->count = rc == RC_OK ? n->count : 0;
	if (to->count == 0)
		return;
	if (n->asks_records)
		to->records = *n->records;
	else
		memcpy(to->addresses, n->addresses, n->count * sizeof(to->addresses[0]));
}

static void tell(const struct resolver_query *q, enum rc rc, const struct told *told)
{
	if (q->records_fn)
		q->records_fn(q->owner, rc, told->count > 0 ? &told->records : NULL);
	else
		q->fn(q->owner, rc, told->addresses, told->count);
}

/* Whoever is called may ask and cancel, so `n` may be gone and the list shorter afterwards. */
static void tell_waiters(struct name *n, enum rc rc)
{
	struct told told;
	struct link now, *l;
	copy_answer(n, rc, &told);
	list_init(&now);
	list_move_all(&now, &n->waiters);
	timer_stop(&n->deadline);
	while ((l = list_pop(&now))) {
		struct resolver_query *query = CONTAINER_OF(l, struct resolver_query, link);
		struct resolver_query q = *query;
		free(query);
		tell(&q, rc, &told);
	}
}

static void conclude(struct name *n)
{
	bool usable = n->rc == RC_OK || has_stale(n, loop_now_ms(n->resolver->loop));
	tell_waiters(n, usable ? RC_OK : n->rc);
}

static void on_done(struct task *t)
{
	conclude(CONTAINER_OF(t, struct name, done));
}

static void on_deadline(struct timer *t)
{
	struct name *n = CONTAINER_OF(t, struct name, deadline);
	note_failure(n, RC_TIMEOUT);
	conclude(n);
}

/* --- names --------------------------------------------------------------------------------------
 */

static void name_free(struct name *n)
{
	list_remove(&n->link);
	task_cancel(&n->done);
	timer_stop(&n->deadline);
	forget_answer(n);
	free((void *)n->key.p);
	free(n);
}

static void make_room(struct resolver *r)
{
	LIST_FOREACH(l, &r->used)
	{
		struct name *n = CONTAINER_OF(l, struct name, link);
		if (n->is_asking || !list_is_empty(&n->waiters))
			continue;
		map_remove(&r->names, n->key);
		name_free(n);
		return;
	}
}

static struct name *name_get(struct resolver *r, struct str key)
{
	struct name *n = map_get(&r->names, key);
	if (n) {
		list_remove(&n->link);
		list_append(&r->used, &n->link);
		return n;
	}
	if (r->names.count >= RESOLVER_NAMES_MAX)
		make_room(r);
	n = heap_zalloc(sizeof(*n));
	n->resolver = r;
	n->rc = RC_AGAIN;
	n->key = str_n(heap_strndup(key), key.n);
	n->asks_records = key.p[0] == RECORDS_MARK;
	list_init(&n->waiters);
	timer_init(&n->deadline, on_deadline);
	task_init(&n->done, on_done);
	list_append(&r->used, &n->link);
	map_put(&r->names, key, n);
	return n;
}

static void start_asking(struct resolver *r, struct name *n)
{
	struct ares_addrinfo_hints hints = {.ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM};
	if (n->is_asking)
		return;
	n->is_asking = true;
	dns_channel_begin(&r->channel);
	if (n->asks_records)
		ares_search(r->channel.ares, n->key.p + 1, ns_c_in, ns_t_srv, on_records, n);
	else
		ares_getaddrinfo(r->channel.ares, n->key.p, NULL, &hints, on_answer, n);
}

static struct resolver_query *wait_for(
	struct resolver *r, struct name *n, const struct resolver_query *as)
{
	struct resolver_query *q = heap_alloc(sizeof(*q));
	*q = *as;
	list_append(&n->waiters, &q->link);
	if (!timer_is_running(&n->deadline))
		timer_start(r->loop, &n->deadline, r->times.timeout_ms);
	return q;
}

/* --- asking -------------------------------------------------------------------------------------
 */

/* What needs no name server; the number of addresses. */
static size_t look_nearby(struct resolver *r, struct str name, struct address *out)
{
	if (address_from_ip(name, 0, out) == RC_OK)
		return 1;
	size_t count =
		hosts_find(r->hosts, loop_now_ms(r->loop), name, out, RESOLVER_ADDRESSES_MAX);
	if (count > 0)
		return count;
	/* RFC 6761 6.3: names under localhost never leave the machine. */
	if (!str_eq(name, STR("localhost")) && !str_ends(name, STR(".localhost")))
		return 0;
	bool ok = address_from_ip(STR("127.0.0.1"), 0, &out[0]) == RC_OK &&
		  address_from_ip(STR("::1"), 0, &out[1]) == RC_OK;
	CHECK(ok);
	return 2;
}

/* In lower case, without a final dot; false when it cannot be a name. */
static bool normalize(struct str name, char out[NAME_BYTES_MAX], struct str *key)
{
	if (name.n == 0 || name.n > NAME_BYTES_MAX)
		return false;
	for (size_t i = 0; i < name.n; i++) {
		if ((unsigned char)name.p[i] <= ' ' || name.p[i] == 0x7f)
			return false;
		out[i] = ascii_lower(name.p[i]);
	}
	*key = str_n(out, name.n);
	return true;
}

static struct str without_final_dot(struct str name)
{
	return name.n > 1 && name.p[name.n - 1] == '.' ? str_slice(name, 0, name.n - 1) : name;
}

static void answer_known(const struct name *n, enum rc rc, const struct resolver_query *as)
{
	struct told told;
	copy_answer(n, rc, &told);
	tell(as, rc, &told);
}

static void ask_name(struct resolver *r, struct name *n, const struct resolver_query *as,
	struct resolver_query **query)
{
	int64_t now_ms = loop_now_ms(r->loop);
	bool has_failed = n->rc != RC_OK && n->rc != RC_AGAIN;
	bool may_ask = !has_failed || now_ms >= n->retry_ms;
	if (has_fresh(n, now_ms)) {
		answer_known(n, RC_OK, as);
	} else if (has_failed && has_stale(n, now_ms)) {
		if (may_ask)
			start_asking(r, n);
		answer_known(n, RC_OK, as);
	} else if (!may_ask) {
		answer_known(n, n->rc, as);
	} else {
		*query = wait_for(r, n, as);
		start_asking(r, n);
	}
}

void resolver_ask(struct resolver *r, struct str name, resolver_fn *fn, void *owner,
	struct resolver_query **query)
{
	struct address nearby[RESOLVER_ADDRESSES_MAX];
	char lower[NAME_BYTES_MAX];
	struct str key;
	*query = NULL;
	if (!normalize(name, lower, &key)) {
		fn(owner, RC_NOT_FOUND, NULL, 0);
		return;
	}
	size_t count = look_nearby(r, without_final_dot(key), nearby);
	if (count > 0)
		fn(owner, RC_OK, nearby, count);
	else
		ask_name(r, name_get(r, key), &(struct resolver_query){.fn = fn, .owner = owner},
			query);
}

/* The key of a name's records. */
static bool normalize_records(struct str name, char out[NAME_BYTES_MAX + 1], struct str *key)
{
	out[0] = RECORDS_MARK;
	if (!normalize(name, out + 1, key))
		return false;
	*key = str_n(out, key->n + 1);
	return true;
}

void resolver_ask_records(struct resolver *r, struct str name, resolver_records_fn *fn, void *owner,
	struct resolver_query **query)
{
	char lower[NAME_BYTES_MAX + 1];
	struct resolver_query as = {.records_fn = fn, .owner = owner};
	struct str key;
	*query = NULL;
	if (normalize_records(name, lower, &key))
		ask_name(r, name_get(r, key), &as, query);
	else
		fn(owner, RC_NOT_FOUND, NULL);
}

static int fresh_ms(const struct resolver *r, const struct name *n)
{
	if (!n)
		return RESOLVER_NEARBY_MS;
	int64_t until_ms = n->rc == RC_OK ? n->expires_ms : n->retry_ms;
	int64_t ms = until_ms - loop_now_ms(r->loop);
	return ms > RESOLVER_FRESH_MIN_MS ? (int)ms : RESOLVER_FRESH_MIN_MS;
}

int resolver_fresh_ms(const struct resolver *r, struct str name)
{
	char lower[NAME_BYTES_MAX];
	struct str key;
	return fresh_ms(r, normalize(name, lower, &key) ? map_get(&r->names, key) : NULL);
}

int resolver_records_fresh_ms(const struct resolver *r, struct str name)
{
	char lower[NAME_BYTES_MAX + 1];
	struct str key;
	return fresh_ms(r, normalize_records(name, lower, &key) ? map_get(&r->names, key) : NULL);
}

void resolver_cancel(struct resolver_query *query)
{
	list_remove(&query->link);
	free(query);
}

/* --- life ---------------------------------------------------------------------------------------
 */

static void take_options(struct resolver *r, const struct resolver_options *o)
{
	static const struct resolver_times usual = RESOLVER_TIMES_DEFAULT;
	r->times = o->times.timeout_ms > 0 ? o->times : usual;
	free(r->servers);
	r->servers = heap_strndup(o->servers);
	dns_channel_open(&r->channel, r->servers, r->times.timeout_ms);
}

static bool is_as_it_is(const struct resolver *r, const struct resolver_options *o)
{
	static const struct resolver_times usual = RESOLVER_TIMES_DEFAULT;
	const struct resolver_times *times = o->times.timeout_ms > 0 ? &o->times : &usual;
	return str_eq(str_of(r->servers), o->servers) &&
	       memcmp(&r->times, times, sizeof(*times)) == 0;
}

/* Other servers may know better; what the former ones have said serves while these fail. */
static void ask_anew(struct resolver *r, struct name *n)
{
	int64_t now_ms = loop_now_ms(r->loop);
	if (n->expires_ms > now_ms)
		n->expires_ms = now_ms;
	n->rc = RC_AGAIN;
	if (!list_is_empty(&n->waiters))
		start_asking(r, n);
}

void resolver_set(struct resolver *r, const struct resolver_options *options)
{
	size_t at = 0;
	const struct map_entry *e;
	if (is_as_it_is(r, options))
		return;
	r->is_changing = true;
	dns_channel_close(&r->channel);
	r->is_changing = false;
	take_options(r, options);
	while ((e = map_next(&r->names, &at)))
		ask_anew(r, e->value);
}

struct resolver *resolver_new(struct loop *loop, const struct resolver_options *options)
{
	struct resolver *r = heap_zalloc(sizeof(*r));
	struct resolver_options o = options ? *options : (struct resolver_options){0};
	char *hosts_file = heap_strndup(o.hosts_file.n ? o.hosts_file : STR("/etc/hosts"));
	r->loop = loop;
	r->hosts = hosts_new(hosts_file);
	free(hosts_file);
	map_init(&r->names);
	list_init(&r->used);
	dns_channel_init(&r->channel, loop);
	take_options(r, &o);
	return r;
}

void resolver_free(struct resolver *r)
{
	size_t at = 0;
	const struct map_entry *e;
	r->is_freed = true;
	while ((e = map_next(&r->names, &at)))
		tell_waiters(e->value, RC_CLOSED);
	dns_channel_close(&r->channel);
	while (!list_is_empty(&r->used))
		name_free(CONTAINER_OF(r->used.next, struct name, link));
	map_deinit(&r->names);
	hosts_free(r->hosts);
	free(r->servers);
	free(r);
}
