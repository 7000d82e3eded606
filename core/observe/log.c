/* SPDX-License-Identifier: Apache-2.0 */
#include "observe/log.h"

#include "base/check.h"
#include "base/clock.h"
#include "base/utf8.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <unistd.h>

/* A message or a field's value is cut there; a line whose fields do not fit goes without them. */
#define TEXT_BYTES_MAX 4096
#define LINE_BYTES_MAX 65536
/* How long standard error is waited for, and what a pipe takes without blocking once it is
 * writable. */
#define STUCK_MS   100
#define PIPE_BYTES 4096

static const char *const level_names[] = {"debug", "info", "warn", "error"};
static _Atomic int lowest_level = LOG_INFO;

/* Everything below `lock` is guarded by it. */
static struct {
	pthread_mutex_t lock;
	bool is_queueing;
	struct buffer queue;
	size_t lines;
	void (*notify)(void *arg);
	void *notify_arg;
	uint64_t dropped;
} the_log = {.lock = PTHREAD_MUTEX_INITIALIZER};

enum rc log_level_parse(struct str name, enum log_level *level)
{
	for (size_t i = 0; i < ARRAY_COUNT(level_names); i++)
		if (str_eq(name, str_of(level_names[i]))) {
			*level = (enum log_level)i;
			return RC_OK;
		}
	return RC_INVALID;
}

const char *log_level_name(enum log_level level)
{
	return level_names[level];
}

void log_set_level(enum log_level level)
{
	atomic_store_explicit(&lowest_level, (int)level, memory_order_relaxed);
}

bool log_is_on(enum log_level level)
{
	return (int)level >= atomic_load_explicit(&lowest_level, memory_order_relaxed);
}

/* At most TEXT_BYTES_MAX bytes, never ending inside of a UTF-8 sequence. */
static struct str cut(struct str s)
{
	if (s.n <= TEXT_BYTES_MAX)
		return s;
	s.n = TEXT_BYTES_MAX;
	for (size_t back = 1; back <= 3; back++) {
		unsigned char c = (unsigned char)s.p[s.n - back];
		if (c >= 0xc0)
			return utf8_sequence(str_from(s, s.n - back)) ? s : str_n(s.p, s.n - back);
		if (c < 0x80)
			break;
	}
	return s;
}

static void put_line(struct buffer *line, enum log_level level, struct str message,
	const struct log_field *fields, size_t count)
{
	char time[CLOCK_RFC3339_BYTES];
	clock_rfc3339(clock_wall_us(), time);
	buffer_add(line, STR("{\"time\":\""));
	buffer_add(line, str_n(time, sizeof(time)));
	buffer_add(line, STR("\",\"level\":\""));
	buffer_add(line, str_of(level_names[level]));
	buffer_add(line, STR("\",\"message\":"));
	buffer_add_json(line, cut(message));
	for (size_t i = 0; i < count; i++) {
		if (fields[i].value.n == 0)
			continue;
		buffer_add_char(line, ',');
		buffer_add_json(line, str_of(fields[i].name));
		buffer_add_char(line, ':');
		buffer_add_json(line, cut(fields[i].value));
	}
	buffer_add(line, STR("}\n"));
}

/* So that a reader who has stopped holds nobody up: a supervisor has others to care for. */
static bool is_taken(void)
{
	struct pollfd p = {.fd = STDERR_FILENO, .events = POLLOUT};
	return poll(&p, 1, STUCK_MS) > 0;
}

static bool write_in_time(struct str s)
{
	while (s.n > 0) {
		if (!is_taken())
			return false;
		ssize_t n = write(STDERR_FILENO, s.p, s.n < PIPE_BYTES ? s.n : PIPE_BYTES);
		if (n < 0 && errno != EINTR && errno != EAGAIN)
			return false;
		if (n > 0)
			s = str_from(s, (size_t)n);
	}
	return true;
}

/* Under the lock. True when whoever drains the queue has to be told. */
static bool put_out(struct str line)
{
	if (!the_log.is_queueing) {
		the_log.dropped += !write_in_time(line);
		return false;
	}
	if (line.n > the_log.queue.bytes_max - the_log.queue.n) {
		the_log.dropped++;
		return false;
	}
	buffer_add(&the_log.queue, line);
	return the_log.lines++ == 0 && the_log.notify;
}

void log_write_fields(
	enum log_level level, struct str message, const struct log_field *fields, size_t count)
{
	if (!log_is_on(level))
		return;
	struct buffer line;
	buffer_init(&line, LINE_BYTES_MAX);
	put_line(&line, level, message, fields, count);
	if (line.failed) {
		buffer_reset(&line);
		put_line(&line, level, message, NULL, 0);
	}
	pthread_mutex_lock(&the_log.lock);
	bool must_notify = put_out(buffer_str(&line));
	void (*notify)(void *arg) = the_log.notify;
	void *arg = the_log.notify_arg;
	pthread_mutex_unlock(&the_log.lock);
	buffer_deinit(&line);
	if (must_notify)
		notify(arg);
}

void log_write(enum log_level level, const char *format, ...)
{
	if (!log_is_on(level))
		return;
	char text[TEXT_BYTES_MAX + 8]; /* over the maximum, so that `cut` sees it */
	va_list args;
	va_start(args, format);
	int n = vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	if (n < 0)
		n = 0;
	size_t kept = (size_t)n < sizeof(text) ? (size_t)n : sizeof(text) - 1;
	log_write_fields(level, str_n(text, kept), NULL, 0);
}

void log_start_queue(size_t bytes_max, void (*notify)(void *arg), void *arg)
{
	pthread_mutex_lock(&the_log.lock);
	CHECK(!the_log.is_queueing);
	buffer_init(&the_log.queue, bytes_max);
	the_log.notify = notify;
	the_log.notify_arg = arg;
	the_log.is_queueing = true;
	pthread_mutex_unlock(&the_log.lock);
}

void log_stop_queue(void)
{
	pthread_mutex_lock(&the_log.lock);
	if (the_log.is_queueing && !write_in_time(buffer_str(&the_log.queue)))
		the_log.dropped += the_log.lines;
	buffer_deinit(&the_log.queue);
	the_log.lines = 0;
	the_log.notify = NULL;
	the_log.is_queueing = false;
	pthread_mutex_unlock(&the_log.lock);
}

/* The longest prefix of whole lines within n bytes. */
static struct str whole_lines(struct str s, size_t n, size_t *lines)
{
	size_t end = 0;
	*lines = 0;
	s = str_slice(s, 0, n);
	for (size_t at; (at = str_index(str_from(s, end), '\n')) < s.n - end; end += at + 1)
		++*lines;
	return str_n(s.p, end);
}

size_t log_take(struct buffer *out)
{
	pthread_mutex_lock(&the_log.lock);
	size_t room = out->failed ? 0 : out->bytes_max - out->n;
	size_t lines = the_log.lines;
	struct str taken = buffer_str(&the_log.queue);
	if (taken.n > room)
		taken = whole_lines(taken, room, &lines);
	buffer_add(out, taken);
	if (taken.n > 0)
		buffer_drain(&the_log.queue, taken.n);
	the_log.lines -= lines;
	pthread_mutex_unlock(&the_log.lock);
	return lines;
}

uint64_t log_dropped(void)
{
	pthread_mutex_lock(&the_log.lock);
	uint64_t dropped = the_log.dropped;
	pthread_mutex_unlock(&the_log.lock);
	return dropped;
}
