/* SPDX-License-Identifier: Apache-2.0 */
#include "sluicectl/top.h"

#include "base/clock.h"
#include "json/json.h"
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
	struct json_document *status; /* owned; NULL: not read */
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
static int judge(struct top *t, enum rc rc, const struct admin_answer *answer)
{
	if (rc != RC_OK)
		return EXIT_UNREACHABLE;
	if (answer->status == 200)
		return EXIT_SHOWN;
	snprintf(t->error, sizeof(t->error), "the gateway answers %ld", answer->status);
	return EXIT_REFUSED;
}

static int read_metrics(struct top *t)
{
	struct admin_answer answer;
	enum rc rc = admin_request(t->socket_path, ADMIN_GET, "/metrics", 10, &answer, t->error);
	int code = judge(t, rc, &answer);
	if (code == EXIT_SHOWN) {
		traffic_deinit(&t->before);
		t->before = t->after;
		traffic_read(&t->after, buffer_str(&answer.body), now_us());
	}
	buffer_deinit(&answer.body);
	return code;
}

static int read_status(struct top *t)
{
	struct admin_answer answer;
	struct json_error error;
	enum rc rc = admin_request(t->socket_path, ADMIN_GET, "/status", 10, &answer, t->error);
	int code = judge(t, rc, &answer);
	if (code == EXIT_SHOWN) {
		json_free(t->status);
		t->status = NULL;
		/* What cannot be read is not shown; the figures are there. */
		if (json_parse(buffer_str(&answer.body), &t->status, &error) != RC_OK)
			t->status = NULL;
	}
	buffer_deinit(&answer.body);
	return code;
}

static int read_next(struct top *t)
{
	int code = read_metrics(t);
	return code == EXIT_SHOWN ? read_status(t) : code;
}

/* --- what the status tells ------------------------------------------------------------------- */
static const struct json_value *member(const struct top *t, const char *key)
{
	return t->status ? json_get(json_root(t->status), str_of(key)) : NULL;
}

static size_t count_of(const struct json_value *list)
{
	return list && list->type == JSON_ARRAY ? list->u.array.count : 0;
}

static struct str text_of(const struct json_value *v, const char *key)
{
	const struct json_value *m = json_get(v, str_of(key));
	return m && m->type == JSON_STRING ? m->u.string : STR_EMPTY;
}

static long long number_of(const struct json_value *v, const char *key)
{
	const struct json_value *m = json_get(v, str_of(key));
	return m && m->type == JSON_INTEGER ? m->u.integer : 0;
}

/* A service's circuit breaker, or NULL. */
static const struct json_value *breaker_of(const struct top *t, const char *service)
{
	const struct json_value *services = member(t, "services");
	for (size_t i = 0; i < count_of(services); i++) {
		const struct json_value *s = &services->u.array.items[i];
		if (!str_eq(text_of(s, "name"), str_of(service)))
			continue;
		const struct json_value *b = json_get(s, STR("circuitBreaker"));
		return b && b->type == JSON_OBJECT ? b : NULL;
	}
	return NULL;
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
		const struct json_value *breaker = services ? breaker_of(t, r->row->name) : NULL;
		if (breaker) {
			buffer_add(b, STR(",\"circuitBreaker\":"));
			json_write(breaker, b);
		}
		buffer_add_char(b, '}');
	}
	buffer_add_char(b, ']');
	free(rates);
}

static void add_workers(struct buffer *b, const struct top *t)
{
	buffer_add(b, STR(",\"workers\":["));
	for (size_t i = 0; i < t->after.worker_count; i++) {
		const struct traffic_worker *w = &t->after.workers[i];
		buffer_addf(b,
			"%s{\"worker\":%zu,\"connections\":%.0f,\"exchanges\":%.0f,\"cpuShare\":%."
			"4f",
			i > 0 ? "," : "", i, w->connections, w->exchanges,
			traffic_cpu_share(&t->before, &t->after, i));
		add_ms(b, "lagMs", 1000 * w->lag_seconds);
		buffer_add_char(b, '}');
	}
	buffer_add_char(b, ']');
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
	add_workers(b, t);
	buffer_add(b, STR(",\"problems\":"));
	if (member(t, "problems"))
		json_write(member(t, "problems"), b);
	else
		buffer_add(b, STR("[]"));
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

/* What a gateway reports does not drive the terminal. */
static void put_safe(struct buffer *b, struct str s)
{
	for (size_t i = 0; i < s.n; i++) {
		unsigned char c = (unsigned char)s.p[i];
		bool is_c1 = c == 0xc2 && i + 1 < s.n && (unsigned char)s.p[i + 1] < 0xa0;
		buffer_add_char(b, c < 0x20 || c == 0x7f || is_c1 ? '?' : (char)c);
		i += is_c1;
	}
}

/* "maxRequests 3/10"; "!": nothing more goes through. */
static void put_breaker(struct buffer *b, const struct json_value *breaker)
{
	for (uint32_t i = 0; breaker && i < breaker->u.object.count; i++) {
		const struct json_member *m = &breaker->u.object.members[i];
		long long taken = number_of(&m->value, "taken"), max = number_of(&m->value, "max");
		buffer_add(b, STR("  "));
		put_safe(b, m->key);
		buffer_addf(b, " %lld/%lld%s", taken, max, taken >= max ? "!" : "");
	}
}

static void put_workers(struct buffer *b, const struct top *t, size_t rows_max)
{
	size_t count = t->after.worker_count;
	buffer_addf(b, "\n%-30s %9s %9s %6s %8s\n", "WORKER", "CONN", "REQUESTS", "CPU%", "LAG MS");
	for (size_t i = 0; i < count && i < rows_max; i++) {
		const struct traffic_worker *w = &t->after.workers[i];
		buffer_addf(b, "%-30zu %9.0f %9.0f %6.1f %8.3f\n", i, w->connections, w->exchanges,
			100 * traffic_cpu_share(&t->before, &t->after, i), 1000 * w->lag_seconds);
	}
	if (count > rows_max)
		buffer_addf(b, "... and %zu more\n", count - rows_max);
}

/* Cut to a line of a usual terminal. */
static void put_problem(struct buffer *b, const struct json_value *p)
{
	struct str file = text_of(p, "file"), path = text_of(p, "path");
	put_safe(b, text_of(p, "severity"));
	buffer_add(b, STR(": "));
	put_safe(b, file);
	if (file.n > 0)
		buffer_addf(b, ":%lld:%lld: ", number_of(p, "line"), number_of(p, "column"));
	put_safe(b, path);
	buffer_add(b, path.n > 0 ? STR(": ") : STR(""));
	put_safe(b, text_of(p, "message"));
	buffer_add_char(b, '\n');
}

static void put_problems(struct buffer *b, const struct top *t, size_t rows_max)
{
	const struct json_value *problems = member(t, "problems");
	size_t count = count_of(problems);
	if (count > 0)
		buffer_add(b, STR("\nPROBLEMS of the last reading\n"));
	for (size_t i = 0; i < count && i < rows_max; i++)
		put_problem(b, &problems->u.array.items[i]);
	if (count > rows_max)
		buffer_addf(b, "... and %zu more: sluicectl status\n", count - rows_max);
}

static void put_table(struct buffer *b, const struct top *t, bool services, size_t rows_max)
{
	size_t count;
	struct traffic_rate *rates =
		traffic_rates(&t->before, &t->after, services, t->order, &count);
	buffer_addf(b, "\n%-30s %9s %6s %8s %8s %8s%s\n", services ? "SERVICE" : "API", "REQ/S",
		"ERR%", "P50 MS", "P95 MS", "P99 MS",
		services ? " ACTIVE  WAIT  CONN  IDLE  CIRCUIT BREAKER" : "");
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
		put_breaker(b, services ? breaker_of(t, r->row->name) : NULL);
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
	put_workers(b, t, rows_max);
	put_problems(b, t, rows_max);
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
	/* Four tables, each with an empty line, a head, and a line for what is left out. */
	return size.ws_row > 22 ? (size.ws_row - 14u) / 4 : 2;
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
	json_free(t.status);
	return code;
}
