/* SPDX-License-Identifier: Apache-2.0 */
#include "sluicectl/top.h"

#include "base/clock.h"
#include "sluicectl/admin_client.h"
#include "sluicectl/traffic.h"

#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <unistd.h>

#define INTERVAL_MS 1000
#define ROWS_MAX    20 /* where the terminal does not tell its height */

enum { EXIT_SHOWN = 0, EXIT_REFUSED = 1, EXIT_UNREACHABLE = 3 };

struct top {
	const char *socket_path;
	struct traffic_reading before, after;
	enum traffic_order order;
	bool is_paused;
	char error[ADMIN_ERROR_BYTES];
};

static volatile sig_atomic_t is_ended;

static void on_end(int signal)
{
	is_ended = 1;
}

static int64_t now_us(void)
{
	return clock_monotonic_ns() / 1000;
}

/* --- reading --------------------------------------------------------------------------------- */
static int read_next(struct top *t)
{
	struct admin_answer answer;
	enum rc rc = admin_request(t->socket_path, ADMIN_GET, "/metrics", 10, &answer, t->error);
	int code = rc != RC_OK            ? EXIT_UNREACHABLE
		   : answer.status == 200 ? EXIT_SHOWN
					  : EXIT_REFUSED;
	if (code == EXIT_REFUSED)
		snprintf(t->error, sizeof(t->error), "the gateway answers %ld", answer.status);
	if (code == EXIT_SHOWN) {
		traffic_deinit(&t->before);
		t->before = t->after;
		traffic_read(&t->after, buffer_str(&answer.body), now_us());
	}
	buffer_deinit(&answer.body);
	return code;
}

/* --- as JSON --------------------------------------------------------------------------------- */
static void add_ms(struct buffer *b, const char *key, double ms)
{
	if (ms < 0)
		buffer_addf(b, ",\"%s\":null", key);
	else
		buffer_addf(b, ",\"%s\":%.3f", key, ms);
}

static void add_list(struct buffer *b, const struct top *t, bool services)
{
	size_t count;
	struct traffic_rate *rates =
		traffic_rates(&t->before, &t->after, services, t->order, &count);
	buffer_addf(b, ",\"%s\":[", services ? "services" : "apis");
	for (size_t i = 0; i < count; i++) {
		const struct traffic_rate *r = &rates[i];
		buffer_addf(b, "%s{\"name\":", i > 0 ? "," : "");
		buffer_add_json(b, str_of(r->row->name));
		buffer_addf(b, ",\"requests\":%.0f,\"requestsPerSecond\":%.3f,\"errorRatio\":%.4f",
			r->row->requests, r->per_second, r->error_ratio);
		add_ms(b, "p50Ms", r->p50_ms);
		add_ms(b, "p95Ms", r->p95_ms);
		add_ms(b, "p99Ms", r->p99_ms);
		if (services)
			buffer_addf(b,
				",\"active\":%.0f,\"waiting\":%.0f,\"connections\":%.0f,"
				"\"idle\":%.0f",
				r->row->active, r->row->waiting, r->row->connections, r->row->idle);
		buffer_add_char(b, '}');
	}
	buffer_add_char(b, ']');
	free(rates);
}

static void put_json(struct buffer *b, const struct top *t)
{
	const struct traffic_reading *now = &t->after;
	buffer_addf(b,
		"{\"seconds\":%.3f,\"connections\":%.0f,\"exchanges\":%.0f,\"memoryBytes\":%.0f,"
		"\"configErrors\":%.0f",
		(double)(now->at_us - t->before.at_us) / 1e6, now->connections, now->exchanges,
		now->memory_bytes, now->config_errors);
	add_list(b, t, false);
	add_list(b, t, true);
	buffer_add(b, STR("}\n"));
}

/* --- as text --------------------------------------------------------------------------------- */
static void put_ms(struct buffer *b, double ms)
{
	if (ms < 0)
		buffer_addf(b, " %8s", "-");
	else
		buffer_addf(b, " %8.1f", ms);
}

static void put_table(struct buffer *b, const struct top *t, bool services, size_t rows_max)
{
	size_t count;
	struct traffic_rate *rates =
		traffic_rates(&t->before, &t->after, services, t->order, &count);
	buffer_addf(b, "\n%-30s %9s %6s %8s %8s %8s%s\n", services ? "SERVICE" : "API", "REQ/S",
		"ERR%", "P50 MS", "P95 MS", "P99 MS", services ? " ACTIVE  WAIT  CONN  IDLE" : "");
	for (size_t i = 0; i < count && i < rows_max; i++) {
		const struct traffic_rate *r = &rates[i];
		buffer_addf(b, "%-30.30s %9.1f %6.1f", r->row->name, r->per_second,
			100 * r->error_ratio);
		put_ms(b, r->p50_ms);
		put_ms(b, r->p95_ms);
		put_ms(b, r->p99_ms);
		if (services)
			buffer_addf(b, " %6.0f %5.0f %5.0f %5.0f", r->row->active, r->row->waiting,
				r->row->connections, r->row->idle);
		buffer_add_char(b, '\n');
	}
	if (count > rows_max)
		buffer_addf(b, "... and %zu more\n", count - rows_max);
	free(rates);
}

static void put_text(struct buffer *b, const struct top *t, size_t rows_max)
{
	const struct traffic_reading *now = &t->after;
	buffer_addf(b,
		"%.0f connections, %.0f requests under way, %.1f MiB, %.0f errors in the "
		"configuration\n",
		now->connections, now->exchanges, now->memory_bytes / 1048576, now->config_errors);
	put_table(b, t, false, rows_max);
	put_table(b, t, true, rows_max);
}

/* --- once ------------------------------------------------------------------------------------ */
static int show_once(struct top *t, bool json)
{
	int code = read_next(t);
	if (code == EXIT_SHOWN) {
		poll(NULL, 0, INTERVAL_MS);
		code = read_next(t);
	}
	if (code != EXIT_SHOWN) {
		fprintf(stderr, "sluicectl: %s\n", t->error);
		return code;
	}
	struct buffer b;
	buffer_init(&b, ADMIN_ANSWER_BYTES_MAX);
	if (json)
		put_json(&b, t);
	else
		put_text(&b, t, SIZE_MAX);
	fwrite(b.p, 1, b.n, stdout);
	buffer_deinit(&b);
	return EXIT_SHOWN;
}

/* --- in a terminal --------------------------------------------------------------------------- */
static size_t rows_that_fit(void)
{
	struct winsize size;
	if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) != 0 || size.ws_row == 0)
		return ROWS_MAX;
	return size.ws_row > 12 ? (size.ws_row - 8u) / 2 : 2;
}

static void draw(const struct top *t, bool is_lost)
{
	static const char *const orders[TRAFFIC_ORDERS] = {"requests", "errors", "p99", "name"};
	struct buffer b;
	buffer_init(&b, ADMIN_ANSWER_BYTES_MAX);
	buffer_addf(&b, "\033[H\033[2Jsluicectl top   q quit   s sort: %s   p pause%s\n",
		orders[t->order], t->is_paused ? "d" : "");
	if (is_lost)
		buffer_addf(&b, "%s\n", t->error);
	put_text(&b, t, rows_that_fit());
	fwrite(b.p, 1, b.n, stdout);
	fflush(stdout);
	buffer_deinit(&b);
}

/* Whether to go on. */
static bool take_key(struct top *t)
{
	char key;
	if (read(STDIN_FILENO, &key, 1) != 1 || key == 'q')
		return false;
	if (key == 's')
		t->order = (t->order + 1) % TRAFFIC_ORDERS;
	else if (key == 'p')
		t->is_paused = !t->is_paused;
	return true;
}

/* A gateway that restarts comes back: only one that was never there ends the view. */
static int watch(struct top *t)
{
	int code = read_next(t);
	int64_t due_us = now_us() + INTERVAL_MS * 1000;
	if (code != EXIT_SHOWN) {
		fprintf(stderr, "sluicectl: %s\n", t->error);
		return code;
	}
	while (!is_ended) {
		struct pollfd keys = {.fd = STDIN_FILENO, .events = POLLIN};
		int64_t left_ms = (due_us - now_us()) / 1000;
		left_ms = left_ms < 0 ? 0 : left_ms > INTERVAL_MS ? INTERVAL_MS : left_ms;
		if (poll(&keys, 1, (int)left_ms) > 0 && !take_key(t))
			break;
		if (left_ms == 0) {
			code = t->is_paused ? code : read_next(t);
			due_us = now_us() + INTERVAL_MS * 1000;
		}
		draw(t, code != EXIT_SHOWN);
	}
	return EXIT_SHOWN;
}

static int show_live(struct top *t)
{
	struct termios former, raw;
	struct sigaction action = {.sa_handler = on_end};
	sigaction(SIGINT, &action, NULL);
	sigaction(SIGTERM, &action, NULL);
	sigaction(SIGHUP, &action, NULL);
	if (tcgetattr(STDIN_FILENO, &former) != 0)
		return show_once(t, false);
	raw = former;
	raw.c_lflag &= ~(tcflag_t)(ICANON | ECHO);
	tcsetattr(STDIN_FILENO, TCSANOW, &raw);
	fputs("\033[?1049h\033[?25l", stdout);
	int code = watch(t);
	fputs("\033[?25h\033[?1049l", stdout);
	fflush(stdout);
	tcsetattr(STDIN_FILENO, TCSANOW, &former);
	return code;
}

int top_run(const char *socket_path, bool once, bool json)
{
	struct top t = {.socket_path = socket_path};
	bool is_live = !once && !json && isatty(STDIN_FILENO) && isatty(STDOUT_FILENO);
	int code = is_live ? show_live(&t) : show_once(&t, json);
	traffic_deinit(&t.before);
	traffic_deinit(&t.after);
	return code;
}
