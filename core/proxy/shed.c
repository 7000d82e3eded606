/* SPDX-License-Identifier: Apache-2.0 */
/* Who was idle longest, and who holds most, is found in two passes over what there is, with a
 * histogram between them: no list to be kept up to date by every request, no memory to be had while
 * there is none. */
#include "proxy/shed.h"

#include "base/check.h"
#include "policy/local_stream.h"
#include "proxy/exchange_priv.h"
#include "proxy/listener.h"
#include "proxy/tunnel.h"

/* How often idle connections are looked for: a pass over 25,000 takes a millisecond, and that once
 * in 100 at most. */
#define CONNECTIONS_A_MS 250
/* Under pressure connections may be idle for so long: a browser's next click, not its tab. */
#define IDLE_MS          5000
#define UPSTREAM_IDLE_MS 1000
/* An exchange that holds less is not worth cutting: a head and two blocks. Of a connection that holds
 * as much in all, smaller ones are, too: it may have a hundred streams. */
#define LARGE_BYTES        65536
#define LARGE_SHARED_BYTES 16384
/* The share of its exchanges that a worker cuts in one go. */
#define CUT_SHARE 8
#define BUCKETS   64

struct histogram {
	unsigned counts[BUCKETS];
};

/* The topmost `wanted`: all of the buckets above `lowest`, and `of_lowest` of that one. */
struct choice {
	unsigned lowest, of_lowest;
};

static struct choice choose(const struct histogram *h, unsigned wanted)
{
	unsigned at = BUCKETS - 1;
	while (at > 0 && h->counts[at] < wanted)
		wanted -= h->counts[at--];
	return (struct choice){at, wanted};
}

static bool is_chosen(struct choice *c, unsigned bucket)
{
	if (bucket != c->lowest)
		return bucket > c->lowest;
	if (c->of_lowest == 0)
		return false;
	c->of_lowest--;
	return true;
}

/* --- idle connections ------------------------------------------------------------------------ */
/* By tenths of a second up to 1.5 s, then by seconds. */
static unsigned age_bucket(int64_t ms)
{
	int64_t at = ms < 1600 ? ms / 100 : 15 + ms / 1000;
	return at < BUCKETS ? (unsigned)at : BUCKETS - 1;
}

typedef void server_fn(void *arg, struct http_server *server);

static void each_server(struct proxy_worker *w, server_fn *fn, void *arg)
{
	LIST_FOREACH_SAFE(l, &w->listeners)
	{
		struct link *connections = proxy_listener_connections(proxy_listener_of_link(l));
		LIST_FOREACH_SAFE(c, connections)
		{
			fn(arg, http_server_of_link(c));
		}
	}
}

/* -1: it is not idle. */
static int64_t idle_ms(const struct proxy_worker *w, const struct http_server *server)
{
	int64_t since_ms = http_server_idle_since_ms(server);
	return since_ms < 0 ? -1 : loop_now_ms(w->loop) - since_ms;
}

struct eviction {
	struct proxy_worker *worker;
	struct histogram ages;
	struct choice choice;
};

static void count_age(void *arg, struct http_server *server)
{
	struct eviction *e = arg;
	int64_t ms = idle_ms(e->worker, server);
	if (ms >= 0)
		e->ages.counts[age_bucket(ms)]++;
}

static void evict(void *arg, struct http_server *server)
{
	struct eviction *e = arg;
	int64_t ms = idle_ms(e->worker, server);
	if (ms < 0 || !is_chosen(&e->choice, age_bucket(ms)))
		return;
	e->worker->evicted_count += http_server_evict(server);
}

void shed_idle(struct proxy_worker *w, unsigned count)
{
	int64_t now_ms = loop_now_ms(w->loop);
	/* Never twice in a turn: those that were closed are still counted in it. */
	if (now_ms - w->shed_ms <= w->connections_active / CONNECTIONS_A_MS)
		return;
	w->shed_ms = now_ms;
	struct eviction e = {.worker = w};
	each_server(w, count_age, &e);
	e.choice = choose(&e.ages, count);
	each_server(w, evict, &e);
}

/* --- memory ---------------------------------------------------------------------------------- */
static size_t bytes_held(const struct exchange *e)
{
	size_t n = e->down->in.bytes + e->x.arena->bytes_used + e->local_body.bytes +
		   http_stream_queued(e->down) + tunnel_bytes_held(e);
	for (unsigned d = 0; e->x.chain && d < ARRAY_COUNT(e->x.run); d++)
		n += e->x.run[d].in.bytes + e->x.run[d].held.bytes + e->x.run[d].out.bytes;
	const struct local_stream *written = local_stream_of(&e->x);
	n += written && !written->lies_elsewhere ? written->queue.bytes : 0;
	const struct http_stream *up = e->attempt.up;
	return up ? n + up->in.bytes + http_stream_queued(up) : n;
}

/* Two a doubling. */
static unsigned size_bucket(size_t n)
{
	unsigned log2 = 63 - (unsigned)__builtin_clzll((unsigned long long)n | 1);
	unsigned half = log2 > 0 ? (n >> (log2 - 1)) & 1 : 0;
	unsigned at = log2 * 2 + half;
	return at < 2 * 8 ? 0 : (at - 16 < BUCKETS ? at - 16 : BUCKETS - 1);
}

static bool is_large(const struct exchange *e, size_t n)
{
	return n >= LARGE_BYTES ||
	       (n >= LARGE_SHARED_BYTES && http_stream_queued_of_all(e->down) >= LARGE_BYTES);
}

static void cut_largest(struct proxy_worker *w)
{
	struct histogram sizes = {0};
	LIST_FOREACH(l, &w->exchanges)
	{
		const struct exchange *e = CONTAINER_OF(l, struct exchange, link);
		size_t n = bytes_held(e);
		sizes.counts[size_bucket(n)] += is_large(e, n);
	}
	struct choice choice = choose(&sizes, w->exchanges_active / CUT_SHARE + 1);
	LIST_FOREACH_SAFE(l, &w->exchanges)
	{
		struct exchange *e = CONTAINER_OF(l, struct exchange, link);
		size_t n = bytes_held(e);
		if (!is_large(e, n) || !is_chosen(&choice, size_bucket(n)))
			continue;
		shed_new(e);
		exchange_wake(e);
	}
}

/* --- silent WebSockets ------------------------------------------------------------------------- */
/* They would stay for hours, and none that comes back is let in meanwhile: so it helps. They are told
 * to try again later. */
static void close_silent(struct proxy_worker *w)
{
	struct histogram ages = {0};
	unsigned count = 0;
	LIST_FOREACH(l, &w->exchanges)
	{
		int64_t ms = tunnel_silent_ms(CONTAINER_OF(l, struct exchange, link));
		if (ms < IDLE_MS)
			continue;
		ages.counts[age_bucket(ms)]++;
		count++;
	}
	struct choice choice = choose(&ages, (count + CUT_SHARE - 1) / CUT_SHARE);
	LIST_FOREACH_SAFE(l, &w->exchanges)
	{
		struct exchange *e = CONTAINER_OF(l, struct exchange, link);
		int64_t ms = tunnel_silent_ms(e);
		if (ms < IDLE_MS || !is_chosen(&choice, age_bucket(ms)))
			continue;
		w->overloaded_count++;
		tunnel_close(e, TUNNEL_OVERLOADED, "memory is short, and it was silent");
	}
}

/* --- the ends of responses -------------------------------------------------------------------- */
/* The exchange is over, and the client does not take what is left. */
struct tails {
	struct proxy_worker *worker;
	unsigned count;
};

static bool is_tail(const struct http_server *server)
{
	return http_server_tail(server) >= LARGE_BYTES;
}

static void count_tail(void *arg, struct http_server *server)
{
	struct tails *t = arg;
	t->count += is_tail(server);
}

static void cut_tail(void *arg, struct http_server *server)
{
	struct tails *t = arg;
	if (t->count == 0 || !is_tail(server))
		return;
	t->count--;
	t->worker->overloaded_count++;
	http_server_cut_tail(server);
}

static void cut_tails(struct proxy_worker *w)
{
	struct tails t = {.worker = w};
	each_server(w, count_tail, &t);
	t.count = (t.count + CUT_SHARE - 1) / CUT_SHARE;
	each_server(w, cut_tail, &t);
}

/* --- what the steps give up ------------------------------------------------------------------ */
static void evict_long_idle(void *arg, struct http_server *server)
{
	struct proxy_worker *w = arg;
	if (idle_ms(w, server) >= IDLE_MS)
		w->evicted_count += http_server_evict(server);
}

void shed_memory(struct proxy_worker *w)
{
	if (w->pressure >= PRESSURE_TRIM) {
		each_server(w, evict_long_idle, w);
		upstream_trim(w->upstream, UPSTREAM_IDLE_MS);
		pool_trim(loop_pool(w->loop));
	}
	if (w->pressure >= PRESSURE_REFUSE && w->websockets_active > 0)
		close_silent(w);
	if (w->pressure >= PRESSURE_RESET) {
		cut_largest(w);
		cut_tails(w);
	}
}

void shed_adjust(const struct proxy_worker *w, struct http_server_options *options)
{
	if (w->pressure >= PRESSURE_TRIM && options->keepalive_idle_ms > IDLE_MS)
		options->keepalive_idle_ms = IDLE_MS;
	if (w->pressure >= PRESSURE_CLOSE)
		options->requests_max = 1;
}

void shed_new(struct exchange *e)
{
	e->worker->overloaded_count++;
	e->facts |= FACT_OVERLOAD;
}
