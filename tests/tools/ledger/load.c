/* SPDX-License-Identifier: Apache-2.0 */
/* The client: connections of three kinds, each a small machine, and a line in the ledger for every
 * request. Nothing is ever sent twice. */
#include "ledger.h"

#include "content.h"
#include "reader.h"
#include "wire.h"

#include <arpa/inet.h>
#include <errno.h>
#include <inttypes.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#define OUTCOMES(X)                                                                                \
	X(OK, "ok")                                                                                \
	X(REFUSED, "refused")                                                                      \
	X(UNREACHABLE, "unreachable")                                                              \
	X(RESET, "reset")                                                                          \
	X(EOF, "eof")                                                                              \
	X(PARTIAL, "partial")                                                                      \
	X(TIMEOUT, "timeout")                                                                      \
	X(WRONG_OWNER, "wrong-owner")                                                              \
	X(WRONG_BODY, "wrong-body")                                                                \
	X(STATUS, "status")                                                                        \
	X(MALFORMED, "malformed")                                                                  \
	X(UNFINISHED, "unfinished")

enum outcome {
#define X(name, text) OUTCOME_##name,
	OUTCOMES(X)
#undef X
		OUTCOME_COUNT,
};
static const char *const outcome_names[] = {
#define X(name, text) text,
	OUTCOMES(X)
#undef X
};

enum kind { KEPT, FRESH, STREAM };
enum phase { WAITING, CONNECTING, IDLE, BUSY };

struct connection {
	struct wire wire;
	struct reader reader;
	enum kind kind;
	enum phase phase;
	bool is_reused, got_byte, is_upload_chunked, closes;
	/* The request. */
	uint64_t nonce, upload, upload_at, download, download_at;
	unsigned pause_ms;
	bool is_sent;
	int64_t begun_ms, sent_ms, progress_ms;
	int64_t due_ms; /* the next request, or the next piece */
};

/* New connections that are under way at one time. */
#define FRESH_MAX 4096

static const struct load_options *options;
static FILE *ledger;
static int epoll_fd;
static struct sockaddr_in target;
static uint64_t counts[OUTCOME_COUNT], begun, random_state;
static unsigned busy;
static bool is_over;

static unsigned draw(unsigned below)
{
	random_state ^= random_state << 13;
	random_state ^= random_state >> 7;
	random_state ^= random_state << 17;
	return below ? (unsigned)((random_state >> 16) % below) : 0;
}

/* --- ends ------------------------------------------------------------------------------------ */

static void write_down(const struct connection *c, enum outcome outcome)
{
	counts[outcome]++;
	fprintf(ledger, "%016" PRIx64 "\t%s\t%u\t%s\t%" PRId64 "\t%" PRId64 "\t%" PRId64 "\n",
		c->nonce, outcome_names[outcome], c->reader.status, c->is_reused ? "reused" : "new",
		c->begun_ms, c->is_sent ? c->sent_ms : -1, now_ms());
}

static void rest(struct connection *c, enum phase phase)
{
	c->phase = phase;
	c->due_ms = now_ms() + draw(options->think_ms + 1);
}

/* The request has ended and its connection, too. */
static void fail(struct connection *c, enum outcome outcome)
{
	write_down(c, outcome);
	busy--;
	wire_close(&c->wire);
	rest(c, WAITING);
}

static bool is_mine(const struct connection *c)
{
	char nonce[20];
	snprintf(nonce, sizeof(nonce), "%016" PRIx64, c->nonce);
	return strcmp(c->reader.nonce, nonce) == 0;
}

static enum outcome judge(const struct connection *c)
{
	if (c->reader.status != 200)
		return OUTCOME_STATUS;
	if (!is_mine(c))
		return OUTCOME_WRONG_OWNER;
	bool is_right = c->download_at == c->download && strcmp(c->reader.verdict, "right") == 0;
	return is_right && c->is_sent ? OUTCOME_OK : OUTCOME_WRONG_BODY;
}

static void finish(struct connection *c)
{
	bool stays = c->is_sent && !c->reader.is_close && c->kind != FRESH;
	write_down(c, judge(c));
	busy--;
	if (!stays)
		wire_close(&c->wire);
	rest(c, stays ? IDLE : WAITING);
}

/* --- requests -------------------------------------------------------------------------------- */

static void choose(struct connection *c)
{
	static uint32_t number;
	c->nonce = (uint64_t)options->seed << 32 | number++;
	c->upload = c->download = c->pause_ms = 0;
	if (c->kind == STREAM) {
		c->pause_ms = options->pause_ms;
		*(number % 2 ? &c->upload : &c->download) = options->stream_bytes;
	} else {
		c->download = draw(options->body_bytes + 1);
		if (draw(100) < options->uploads)
			c->upload = draw(options->body_bytes) + 1;
	}
	c->is_upload_chunked = draw(2);
	c->closes = c->kind == FRESH && draw(2);
}

static void write_head(struct connection *c)
{
	unsigned origin_pause = c->download ? c->pause_ms : 0;
	wire_addf(&c->wire, "%s %s/n/%016" PRIx64 "?size=%" PRIu64 "%s&pause=%u HTTP/1.1\r\n",
		c->upload ? "POST" : "GET", options->base, c->nonce, c->download,
		draw(2) ? "&as=chunked" : "", origin_pause);
	wire_addf(&c->wire, "Host: %s\r\n", options->authority);
	if (c->upload && c->is_upload_chunked)
		wire_addf(&c->wire, "Transfer-Encoding: chunked\r\n");
	else if (c->upload)
		wire_addf(&c->wire, "Content-Length: %" PRIu64 "\r\n", c->upload);
	wire_addf(&c->wire, c->closes ? "Connection: close\r\n\r\n" : "\r\n");
}

static void add_piece(struct connection *c)
{
	char piece[PIECE_BYTES];
	uint64_t left = c->upload - c->upload_at;
	size_t n = left < sizeof(piece) ? (size_t)left : sizeof(piece);
	content_write(c->nonce, UPLOAD, c->upload_at, piece, n);
	wire_add_piece(&c->wire, piece, n, c->is_upload_chunked);
	c->upload_at += n;
	c->due_ms = now_ms() + c->pause_ms;
	if (c->upload_at == c->upload && c->is_upload_chunked)
		wire_addf(&c->wire, "0\r\n\r\n");
}

/* A broken connection shows when it is read: there may be an answer on it. */
static void pump(struct connection *c)
{
	while (!c->is_sent && wire_flush(&c->wire, c) && wire_is_empty(&c->wire)) {
		c->progress_ms = now_ms();
		if (c->upload_at == c->upload) {
			c->is_sent = true;
			c->sent_ms = c->progress_ms;
		} else if (c->due_ms <= c->progress_ms) {
			add_piece(c);
		} else {
			break;
		}
	}
}

static void send_request(struct connection *c)
{
	c->phase = BUSY;
	c->upload_at = c->download_at = 0;
	c->is_sent = c->got_byte = false;
	c->due_ms = 0;
	reader_begin(&c->reader, true);
	write_head(c);
	pump(c);
}

static void begin(struct connection *c)
{
	int on = 1;
	choose(c);
	begun++;
	busy++;
	c->begun_ms = c->progress_ms = now_ms();
	c->is_reused = c->phase == IDLE;
	if (c->is_reused) {
		send_request(c);
		return;
	}
	c->reader.status = 0;
	c->is_sent = false;
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (fd < 0)
		die("socket");
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	c->phase = CONNECTING;
	wire_open(&c->wire, epoll_fd, fd, c);
	if (connect(fd, (struct sockaddr *)&target, sizeof(target)) == 0) {
		send_request(c);
	} else if (errno != EINPROGRESS) {
		fail(c, errno == ECONNREFUSED ? OUTCOME_REFUSED : OUTCOME_UNREACHABLE);
	} else {
		/* Writable is connected. */
		struct epoll_event e = {.events = EPOLLIN | EPOLLOUT, .data.ptr = c};
		epoll_ctl(epoll_fd, EPOLL_CTL_MOD, fd, &e);
		c->wire.waits = true;
	}
}

/* --- answers --------------------------------------------------------------------------------- */

static bool take_data(struct connection *c)
{
	const struct reader *r = &c->reader;
	/* Of an answer that is none of the origin's there is nothing to compare. */
	bool is_right = r->status != 200 ||
			content_matches(c->nonce, DOWNLOAD, c->download_at, r->data, r->data_n);
	c->download_at += r->data_n;
	return is_right;
}

static void take_bytes(struct connection *c, const char *p, size_t n)
{
	c->got_byte = true;
	c->progress_ms = now_ms();
	for (size_t at = 0, used; c->phase == BUSY; at += used) {
		switch (reader_feed(&c->reader, p + at, n - at, &used)) {
		case READER_MORE:
			return;
		case READER_HEAD:
			if (c->reader.status < 200)
				reader_begin(&c->reader, true);
			break;
		case READER_DATA:
			if (!take_data(c))
				fail(c, is_mine(c) ? OUTCOME_WRONG_BODY : OUTCOME_WRONG_OWNER);
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
		fail(c, c->got_byte ? OUTCOME_PARTIAL : is_reset ? OUTCOME_RESET : OUTCOME_EOF);
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
	int error = 0;
	socklen_t n = sizeof(error);
	getsockopt(c->wire.fd, SOL_SOCKET, SO_ERROR, &error, &n);
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
	else if (c->phase == BUSY && !c->is_sent && !c->wire.waits && c->due_ms <= now)
		pump(c);
	else if (is_busy && now - c->progress_ms > options->timeout_ms)
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

static void print_summary(double seconds)
{
	printf("{\"seed\": %u, \"seconds\": %.3f, \"requests\": %" PRIu64, options->seed, seconds,
		begun);
	for (int i = 0; i < OUTCOME_COUNT; i++)
		printf(", \"%s\": %" PRIu64, outcome_names[i], counts[i]);
	printf("}\n");
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
	random_state = (uint64_t)o->seed << 20 | 0x5eed;
	ledger = ledger_open(o->ledger);
	epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	target.sin_family = AF_INET;
	target.sin_port = htons((uint16_t)o->port);
	if (inet_pton(AF_INET, o->host, &target.sin_addr) != 1)
		die(o->host);
}

static bool is_due_to_end(int64_t passed_ms)
{
	return ledger_is_stopped || (options->requests && begun >= options->requests) ||
	       (options->seconds > 0 && (double)passed_ms >= options->seconds * 1000);
}

void load_run(const struct load_options *o)
{
	struct epoll_event events[256];
	unsigned count, used = o->keepalive + o->streams;
	prepare(o);
	struct connection *all = make_connections(&count);
	int64_t start_ms = now_ms(), end_ms = 0, now;
	while (now = now_ms(), !is_over || (busy > 0 && now < end_ms + o->drain_ms)) {
		if (!is_over && is_due_to_end(now - start_ms)) {
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
		ledger_tick(ledger);
	}
	for (unsigned i = 0; i < used; i++)
		if (all[i].phase == BUSY || all[i].phase == CONNECTING)
			fail(&all[i], OUTCOME_UNFINISHED);
	ledger_close(ledger);
	print_summary((double)(now_ms() - start_ms) / 1000);
	free(all);
}
