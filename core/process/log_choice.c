/* SPDX-License-Identifier: Apache-2.0 */
#include "process/log_choice.h"

#include "base/clock.h"
#include "http/uri.h"

/* One duration for every end, whatever was asked: a loop knows few. */
#define LOOK_MS 1000

enum log_level log_choice_level(const struct log_choice *c)
{
	return c->is_asked ? c->asked : c->configured;
}

static void settle(struct log_choice *c)
{
	log_set_level(log_choice_level(c));
}

static void on_look(struct timer *t)
{
	struct log_choice *c = CONTAINER_OF(t, struct log_choice, timer);
	int64_t left_ms = c->until_ms - loop_now_ms(c->loop);
	if (left_ms > 0) {
		timer_start(c->loop, t, left_ms < LOOK_MS ? left_ms : LOOK_MS);
		return;
	}
	log_choice_take_back(c);
	log_write(LOG_WARN, "the time is over: the log's level is %s again",
		log_level_name(c->configured));
}

void log_choice_init(struct log_choice *c, struct loop *loop, const char *option)
{
	*c = (struct log_choice){.loop = loop, .configured = LOG_INFO};
	c->is_pinned = option && log_level_parse(str_of(option), &c->configured) == RC_OK;
	timer_init(&c->timer, on_look);
	settle(c);
}

void log_choice_stop(struct log_choice *c)
{
	timer_stop(&c->timer);
}

void log_choice_configure(struct log_choice *c, enum log_level level)
{
	if (c->is_pinned)
		return;
	c->configured = level;
	settle(c);
}

void log_choice_ask(struct log_choice *c, enum log_level level, unsigned seconds)
{
	log_choice_take_back(c);
	c->is_asked = true;
	c->asked = level;
	if (seconds > 0) {
		c->until_ms = loop_now_ms(c->loop) + (int64_t)seconds * 1000;
		c->until_wall_us = loop_wall_us(c->loop) + (int64_t)seconds * 1000000;
		timer_start(c->loop, &c->timer, LOOK_MS);
	}
	settle(c);
}

void log_choice_take_back(struct log_choice *c)
{
	timer_stop(&c->timer);
	c->is_asked = false;
	c->until_ms = 0;
	settle(c);
}

void log_choice_print(const struct log_choice *c, struct buffer *out)
{
	buffer_addf(out, "\"level\":\"%s\",\"configured\":\"%s\"",
		log_level_name(log_choice_level(c)), log_level_name(c->configured));
	if (!c->is_asked || c->until_ms == 0)
		return;
	char until[CLOCK_RFC3339_BYTES];
	clock_rfc3339(c->until_wall_us, until);
	buffer_addf(out, ",\"until\":\"%.*s\"", (int)sizeof(until), until);
}

/* --- as a request asks ------------------------------------------------------------------------ */
static bool parse_seconds(struct str s, unsigned *seconds)
{
	unsigned n = 0;
	for (size_t i = 0; i < s.n; i++) {
		if (s.p[i] < '0' || s.p[i] > '9' || n > LOG_CHOICE_SECONDS_MAX)
			return false;
		n = n * 10 + (unsigned)(s.p[i] - '0');
	}
	*seconds = n;
	return n > 0 && n <= LOG_CHOICE_SECONDS_MAX;
}

static enum rc refuse(const char **why, const char *text)
{
	*why = text;
	return RC_INVALID;
}

enum rc log_choice_obey(struct log_choice *c, struct str query, const char **why)
{
	struct str name, value, wanted = STR_EMPTY;
	enum log_level level;
	unsigned seconds = 0;
	while (uri_query_next(&query, &name, &value)) {
		if (str_eq(name, STR("level")))
			wanted = value;
		else if (!str_eq(name, STR("seconds")))
			return refuse(why, "a log level takes level and seconds alone");
		else if (!parse_seconds(value, &seconds))
			return refuse(why, "seconds is a number from 1 to 86400");
	}
	if (str_eq(wanted, STR("configured")) && seconds == 0)
		log_choice_take_back(c);
	else if (log_level_parse(wanted, &level) == RC_OK)
		log_choice_ask(c, level, seconds);
	else
		return refuse(why, "level is debug, info, warn, error, or configured (without "
				   "seconds)");
	return RC_OK;
}
