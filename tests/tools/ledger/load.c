/* SPDX-License-Identifier: Apache-2.0 */
/* The client of HTTP/1.1: connections of three kinds, each a small machine. */
#include "ledger.h"

#include "asked.h"
#include "content.h"
#include "reader.h"
#include "wire.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

enum kind { KEPT, FRESH, STREAM };
enum phase { WAITING, CONNECTING, IDLE, BUSY };

struct connection {
	struct wire wire;
	struct reader reader;
	enum kind kind;
	enum phase phase;
	bool is_upload_chunked, closes;
	struct asked asked;
	int64_t due_ms; /* the next request, or the next piece */
};

/* New connections that are under way at one time. */
#define FRESH_MAX 4096

static const struct load_options *options;
static int epoll_fd;
static struct sockaddr_in target;
static bool is_over;

/* --- ends ------------------------------------------------------------------------------------ */

static void rest(struct connection *c, enum phase phase)
{
	c->phase = phase;
	c->due_ms = now_ms() + draw(options->think_ms + 1);
}

/* The request has ended and its connection, too. */
static void fail(struct connection *c, enum outcome outcome)
{
	asked_end(&c->asked, outcome);
	wire_close(&c->wire);
	rest(c, WAITING);
}

static void finish(struct connection *c)
{
	bool stays = c->asked.is_sent && !c->reader.is_close && c->kind != FRESH;
	asked_end(&c->asked, asked_judge(&c->asked));
	if (!stays)
		wire_close(&c->wire);
	rest(c, stays ? IDLE : WAITING);
}

/* --- requests -------------------------------------------------------------------------------- */

static void write_head(struct connection *c)
{
	char path[512];
	asked_target(&c->asked, path, sizeof(path));
	wire_addf(&c->wire, "%s %s HTTP/1.1\r\n", c->asked.upload ? "POST" : "GET", path);
	wire_addf(&c->wire, "Host: %s\r\n", options->authority);
	if (c->asked.upload && c->is_upload_chunked)
		wire_addf(&c->wire, "Transfer-Encoding: chunked\r\n");
	else if (c->asked.upload)
		wire_addf(&c->wire, "Content-Length: %" PRIu64 "\r\n", c->asked.upload);
	wire_addf(&c->wire, c->closes ? "Connection: close\r\n\r\n" : "\r\n");
}

static void add_piece(struct connection *c)
{
	char piece[PIECE_BYTES];
	uint64_t left = c->asked.upload - c->asked.upload_at;
	size_t n = left < sizeof(piece) ? (size_t)left : sizeof(piece);
	content_write(c->asked.nonce, UPLOAD, c->asked.upload_at, piece, n);
	wire_add_piece(&c->wire, piece, n, c->is_upload_chunked);
	c->asked.upload_at += n;
	c->due_ms = now_ms() + c->asked.pause_ms;
	if (c->asked.upload_at == c->asked.upload && c->is_upload_chunked)
		wire_addf(&c->wire, "0\r\n\r\n");
}

/* A broken connection shows when it is read: there may be an answer on it. */
static void pump(struct connection *c)
{
	while (!c->asked.is_sent && wire_flush(&c->wire, c) && wire_is_empty(&c->wire)) {
		c->asked.progress_ms = now_ms();
		if (c->asked.upload_at == c->asked.upload) {
			c->asked.is_sent = true;
			c->asked.sent_ms = c->asked.progress_ms;
		} else if (c->due_ms <= c->asked.progress_ms) {
			add_piece(c);
		} else {
			break;
		}
	}
}

static void send_request(struct connection *c)
{
	c->phase = BUSY;
	c->due_ms = 0;
	reader_begin(&c->reader, true);
	write_head(c);
	pump(c);
}

static void begin(struct connection *c)
{
	asked_begin(&c->asked, c->kind == STREAM, c->phase == IDLE);
	c->is_upload_chunked = draw(2);
	c->closes = c->kind == FRESH && draw(2);
	if (c->phase == IDLE) {
		send_request(c);
		return;
	}
	c->phase = CONNECTING;
	int error = wire_dial(&c->wire, epoll_fd, &target, c);
	if (error == 0)
		send_request(c);
	else if (error != EINPROGRESS)
		fail(c, error == ECONNREFUSED ? OUTCOME_REFUSED : OUTCOME_UNREACHABLE);
}

/* --- answers --------------------------------------------------------------------------------- */

static void take_head(struct connection *c)
{
	const struct reader *r = &c->reader;
	c->asked.status = r->status;
	memcpy(c->asked.owner, r->nonce, sizeof(r->nonce));
	memcpy(c->asked.verdict, r->verdict, sizeof(r->verdict));
	if (r->status < 200)
		reader_begin(&c->reader, true);
}

static void take_bytes(struct connection *c, const char *p, size_t n)
{
	c->asked.got_byte = true;
	c->asked.progress_ms = now_ms();
	for (size_t at = 0, used; c->phase == BUSY; at += used) {
		switch (reader_feed(&c->reader, p + at, n - at, &used)) {
		case READER_MORE:
			return;
		case READER_HEAD:
			take_head(c);
			break;
		case READER_DATA:
			if (!asked_take(&c->asked, c->reader.data, c->reader.data_n))
				fail(c, asked_blame(&c->asked));
			break;
		case READER_END:
			if (at + used < n)
				fail(c, OUTCOME_MALFORMED); /* more than was asked for */
			else
				finish(c);
			break;
		case READER_BAD:
			fail(c, OUTCOME_MALFORMED);
			break;
		}
	}
}

static void on_end(struct connection *c, bool is_reset)
{
	if (c->phase == IDLE) {
		wire_close(&c->wire);
		rest(c, WAITING);
	} else if (c->phase == BUSY) {
		fail(c, c->asked.got_byte ? OUTCOME_PARTIAL
			: is_reset        ? OUTCOME_RESET
					  : OUTCOME_EOF);
	}
}

static void on_readable(struct connection *c)
{
	char bytes[65536];
	ssize_t n = recv(c->wire.fd, bytes, sizeof(bytes), 0);
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n <= 0)
		on_end(c, n < 0);
	else if (c->phase == BUSY)
		take_bytes(c, bytes, (size_t)n);
	else
		on_end(c, true); /* bytes that nobody asked for */
}

static void on_connected(struct connection *c)
{
	int error = wire_error(&c->wire);
	if (error)
		fail(c, error == ECONNREFUSED ? OUTCOME_REFUSED : OUTCOME_UNREACHABLE);
	else
		send_request(c);
}

static void on_event(struct connection *c, uint32_t events)
{
	if (c->wire.fd < 0)
		return;
	if (c->phase == CONNECTING) {
		on_connected(c);
		return;
	}
	if (events & EPOLLOUT && c->phase == BUSY)
		pump(c);
	if (events & (EPOLLIN | EPOLLHUP | EPOLLERR))
		on_readable(c);
}

/* --- the loop -------------------------------------------------------------------------------- */

static void turn(struct connection *c, int64_t now)
{
	bool is_busy = c->phase == BUSY || c->phase == CONNECTING;
	if (!is_busy && c->kind != FRESH && !is_over && c->due_ms <= now)
		begin(c);
	else if (c->phase == BUSY && !c->asked.is_sent && !c->wire.waits && c->due_ms <= now)
		pump(c);
	else if (is_busy && now - c->asked.progress_ms > options->timeout_ms)
		fail(c, OUTCOME_TIMEOUT);
}

/* As many new connections as the rate has made due; what finds no room is not made up for. `used`
 * are looked at, and grow as far as is needed. */
static void begin_fresh(struct connection *all, unsigned *used, unsigned count, int64_t now)
{
	static int64_t last_ms;
	static double due;
	if (last_ms)
		due += (double)(now - last_ms) * options->rate / 1000;
	last_ms = now;
	for (unsigned i = options->keepalive + options->streams; i < count && due >= 1; i++) {
		if (all[i].phase != WAITING)
			continue;
		begin(&all[i]);
		due -= 1;
		if (i >= *used)
			*used = i + 1;
	}
	if (due > 1)
		due = 1;
}

static struct connection *make_connections(unsigned *count)
{
	unsigned fresh = options->rate ? FRESH_MAX : 0;
	*count = options->keepalive + options->streams + fresh;
	struct connection *all = calloc(*count ? *count : 1, sizeof(*all));
	if (!all)
		die("memory");
	for (unsigned i = 0; i < *count; i++) {
		all[i].wire.fd = -1;
		all[i].kind = i < options->keepalive                      ? KEPT
			      : i < options->keepalive + options->streams ? STREAM
									  : FRESH;
	}
	return all;
}

static void prepare(const struct load_options *o)
{
	options = o;
	asked_open(o);
	epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	target = wire_address(o->host, o->port);
}

void load_run(const struct load_options *o)
{
	struct epoll_event events[256];
	unsigned count, used = o->keepalive + o->streams;
	prepare(o);
	struct connection *all = make_connections(&count);
	int64_t end_ms = 0, now;
	while (now = now_ms(), !is_over || (asked_busy() > 0 && now < end_ms + o->drain_ms)) {
		if (!is_over && asked_is_enough()) {
			is_over = true;
			end_ms = now;
		}
		for (unsigned i = 0; i < used; i++)
			turn(&all[i], now);
		if (!is_over)
			begin_fresh(all, &used, count, now);
		int n = epoll_wait(epoll_fd, events, 256, 1);
		for (int i = 0; i < n; i++)
			on_event(events[i].data.ptr, events[i].events);
		asked_tick();
	}
	for (unsigned i = 0; i < used; i++)
		if (all[i].phase == BUSY || all[i].phase == CONNECTING)
			fail(&all[i], OUTCOME_UNFINISHED);
	asked_close();
	free(all);
}
