/* SPDX-License-Identifier: Apache-2.0 */
/* Who serves next. A crash is answered at once: by the one that stands by, or by a new gateway. An
 * upgrade starts a successor beside the gateway that serves, and changes over only when it serves
 * no worse; until then, and if it never does, the old one is not touched. */
#include "supervise/supervisor_priv.h"

#include "base/exit_code.h"
#include "observe/log.h"
#include "supervise/notify.h"

#include <signal.h>
#include <stdio.h>
#include <sys/wait.h>

/* Younger than this, a death counts as one in a row. */
#define QUICK_MS        1000
#define QUICK_FREE      3
#define BACK_OFF_MS     50
#define BACK_OFF_MS_MAX 5000

/* --- changing over --------------------------------------------------------------------------- */
/* Who cannot be told will never accept. */
static void activate(struct seat *seat)
{
	bool is_told = seat_tell(seat, WIRE_ACTIVATE);
	seat->is_activating = true;
	seat->deadline_ms = supervisor_now_ms() + (is_told ? ACTIVATION_MS : 0);
}

/* NULL: the successor may take over. Else why not, "" while it may still get better. */
static const char *judge(const struct seat *next, const struct seat *now, char text[160])
{
	if (!now || !now->has_served)
		return NULL;
	if (next->serving.is_last_good && !now->serving.is_last_good)
		return "";
	if (next->serving.stubs <= now->serving.stubs)
		return NULL;
	snprintf(text, 160, "%u of its %u APIs would answer 503, %u of %u do now",
		next->serving.stubs, next->serving.apis, now->serving.stubs, now->serving.apis);
	return text;
}

static void abandon_successor(struct supervisor *s, struct seat *seat, const char *why)
{
	seat_end(s, seat);
	upgrade_failed(s, why);
}

void succession_served(struct supervisor *s, struct seat *seat)
{
	char text[160];
	if (!s->has_served)
		notify_send("READY=1");
	s->has_served = true;
	if (seat->state == SEAT_ACTIVE)
		groups_sweep(&s->groups);
	/* The folder has changed. */
	if (!seat->serving.is_last_good && !trail_avoids(&s->orders, seat->serving.plan))
		memset(s->orders.avoid_plans, 0, sizeof(s->orders.avoid_plans));
	if (seat->state == SEAT_WARMING)
		seat->state = SEAT_WARM;
	if (!seat->is_successor || seat->is_activating)
		return;
	const char *why = judge(seat, seat_active(s), text);
	if (!why)
		activate(seat);
	else if (why[0])
		abandon_successor(s, seat, why);
}

void succession_refused(struct supervisor *s, struct seat *seat, const char *why)
{
	if (seat->is_successor && !seat->is_activating)
		abandon_successor(s, seat, why);
}

void succession_took_over(struct supervisor *s, struct seat *seat)
{
	if (!seat->is_activating)
		return;
	struct seat *former = seat_active(s);
	if (former != seat)
		seat_end(s, former);
	seat->state = SEAT_ACTIVE;
	seat->is_activating = false;
	seat->deadline_ms = 0;
	if (seat->is_successor) {
		seat->is_successor = s->is_upgrading = false;
		s->board->upgrade_error[0] = '\0';
		atomic_fetch_add(&s->board->upgrades, 1);
		log_write(LOG_INFO, "gateway %d serves in the place of the former one",
			(int)seat->pid);
	}
	s->standby_at_ms = 0;
}

/* --- deaths ---------------------------------------------------------------------------------- */
static void log_death(const struct seat *seat, const struct board_crash *c)
{
	char message[160], pid[16], lost[16];
	if (c->signal)
		snprintf(message, sizeof(message), "the gateway died by signal %d (%s)%s",
			c->signal, strsignal(c->signal),
			c->end == TRAIL_END_HANG ? ": a thread ran too long" : "");
	else
		snprintf(message, sizeof(message), "the gateway ended unasked");
	snprintf(pid, sizeof(pid), "%d", (int)seat->pid);
	snprintf(lost, sizeof(lost), "%u", c->lost);
	struct log_field fields[] = {
		{"gateway", str_of(pid)},
		{"binding", str_of(c->label)},
		{"callback", str_of(c->callback)},
		{"exchangesLost", str_of(lost)},
	};
	log_write_fields(LOG_ERROR, str_of(message), fields, 4);
}

static void tell_quarantined(const char *what, const char *who)
{
	struct log_field field = {"binding", str_of(who)};
	log_write_fields(LOG_ERROR, str_of(what), &field, 1);
}

/* Those that have been so before stay, or two that crash would take turns. */
static void set_aside(struct supervisor *s, uint64_t plan)
{
	uint64_t *plans = s->orders.avoid_plans;
	if (!trail_avoids(&s->orders, plan)) {
		memmove(plans + 1, plans, (TRAIL_AVOIDED - 1) * sizeof(*plans));
		plans[0] = plan;
	}
	log_write(LOG_ERROR,
		"the gateway has crashed too often with this configuration: it is set aside until "
		"the folder changes");
}

static const char of_plugin[] =
	"a plugin has crashed the gateway too often, in several bindings: it is "
	"quarantined as a whole, and all its APIs answer 503";

/* Fails closed, also when there is no room for one more: then for a whole plugin, or else with
 * another configuration. */
static void quarantine(struct supervisor *s, const struct trail_suspect *suspect, uint64_t plan)
{
	int64_t now_us = supervisor_wall_us();
	enum board_held held = board_quarantine_add(s->board, suspect, now_us);
	const char *merged =
		held == BOARD_IS_FULL ? board_quarantine_merge(s->board, now_us) : NULL;
	if (merged) {
		tell_quarantined(of_plugin, merged);
		held = board_quarantine_add(s->board, suspect, now_us);
	}
	if (held == BOARD_HOLDS_BINDING) {
		tell_quarantined("a binding has crashed the gateway too often: it is quarantined, "
				 "and its APIs answer 503",
			suspect->label);
	} else if (held == BOARD_HOLDS_PLUGIN) {
		tell_quarantined(of_plugin, suspect->plugin);
	} else {
		tell_quarantined(
			"a binding has crashed the gateway too often, and the quarantine is "
			"full: lift what is mended (sluicectl quarantine lift)",
			suspect->label);
		if (plan)
			set_aside(s, plan);
	}
}

/* Its bindings took turns. */
static void quarantine_plugin(struct supervisor *s, const struct trail_suspect *suspect)
{
	if (board_quarantine_plugin(s->board, suspect, supervisor_wall_us()))
		tell_quarantined(of_plugin, suspect->plugin);
	else
		quarantine(s, suspect, 0);
}

static void decide(struct supervisor *s, const struct trail_suspect *suspect, uint64_t plan)
{
	struct crash crash = {supervisor_now_ms(), suspect->key, plan, suspect->plugin_key};
	switch (crash_log_add(&s->crashes, &crash, s->options.crash_budget,
		(int64_t)s->options.crash_window_s * 1000)) {
	case CRASH_QUARANTINE:
		quarantine(s, suspect, plan);
		break;
	case CRASH_QUARANTINE_PLUGIN:
		quarantine_plugin(s, suspect);
		break;
	case CRASH_AVOID_PLAN:
		set_aside(s, plan);
		break;
	case CRASH_NOTED:
		break;
	}
}

/* The system had not enough for it, which may pass. */
static bool lacks(int status)
{
	return WIFEXITED(status) && WEXITSTATUS(status) == EXIT_LACKS;
}

/* A death without a word is its own when nobody else can have brought it: it exited, with a code
 * that says so, or by a signal that it would have heard itself, had nothing taken its handler away,
 * or by one of a clock that something in it has set. */
static bool is_its_own(const struct trail_suspect *suspect, int status)
{
	if (suspect->end != TRAIL_END_UNKNOWN)
		return suspect->end != TRAIL_END_OUTSIDE;
	if (WIFEXITED(status))
		return WEXITSTATUS(status) != 0 && !lacks(status);
	int signal = WTERMSIG(status);
	return signal == SIGSEGV || signal == SIGBUS || signal == SIGFPE || signal == SIGILL ||
	       signal == SIGABRT || signal == SIGSYS || signal == SIGTRAP || signal == SIGALRM ||
	       signal == SIGVTALRM || signal == SIGPROF;
}

static void note_crash(struct supervisor *s, const struct seat *seat, int status)
{
	struct trail_suspect suspect;
	trail_read_suspect(seat->trail, &suspect);
	struct board_crash crash = {
		.wall_us = supervisor_wall_us(),
		.pid = seat->pid,
		.signal = WIFSIGNALED(status) ? WTERMSIG(status) : 0,
		.end = suspect.end,
		.lost = (uint32_t)trail_exchanges(seat->trail),
	};
	memcpy(crash.label, suspect.label, sizeof(crash.label));
	memcpy(crash.callback, suspect.callback, sizeof(crash.callback));
	board_crash_add(s->board, &crash);
	atomic_fetch_add(&s->board->lost, crash.lost);
	log_death(seat, &crash);
	if (is_its_own(&suspect, status))
		decide(s, &suspect, atomic_load(&seat->trail->plan));
}

/* Nothing at first: a crash is answered at once. */
static int64_t back_off_ms(struct supervisor *s, const struct seat *seat)
{
	int64_t age = supervisor_now_ms() - seat->started_ms;
	s->quick_deaths = seat->has_served && age >= QUICK_MS ? 0 : s->quick_deaths + 1;
	if (s->quick_deaths <= QUICK_FREE)
		return 0;
	unsigned doublings = s->quick_deaths - QUICK_FREE - 1;
	return doublings < 7 ? BACK_OFF_MS << doublings : BACK_OFF_MS_MAX;
}

static bool is_clean(int status)
{
	return WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

/* The first one could not start, and has said why: there is nothing to go on with. */
static bool ends_all(struct supervisor *s, const struct seat *seat, int status)
{
	if (s->has_served || seat->state != SEAT_ACTIVE || !WIFEXITED(status) || lacks(status))
		return false;
	s->exit_code = WEXITSTATUS(status);
	s->is_stopping = true;
	return true;
}

static void answer_death(struct supervisor *s, const struct seat *seat, int status)
{
	if (ends_all(s, seat, status))
		return;
	bool was_asked = seat->state == SEAT_DRAINING || s->is_stopping;
	if (!is_clean(status) || !was_asked)
		note_crash(s, seat, status);
	if (s->is_stopping && !is_clean(status) && !lacks(status))
		s->exit_code = 1;
	if (was_asked)
		return;
	int64_t at = supervisor_now_ms() + back_off_ms(s, seat);
	bool has_plan = seat->has_served && !trail_avoids(&s->orders, seat->serving.plan);
	s->resume_plan = has_plan ? seat->serving.plan : 0;
	if (seat->state == SEAT_ACTIVE || seat->is_activating)
		s->restart_at_ms = at;
	else
		s->standby_at_ms = at;
	if (seat->is_successor)
		upgrade_failed(s, seat->is_activating ? "it died while it took over"
						      : "it died before it served");
}

void succession_ended(struct supervisor *s, struct seat *seat, int status)
{
	seat_hear(s, seat); /* what it said last */
	answer_death(s, seat, status);
	groups_forget(&s->groups, (unsigned)(seat - s->seats));
	seat_clear(seat);
	struct seat *active = seat_active(s);
	if (s->is_stopping || (active && active->state == SEAT_ACTIVE && active->has_served))
		groups_sweep(&s->groups);
}

/* --- what should run ------------------------------------------------------------------------- */
static bool has_room_for_another(const struct supervisor *s)
{
	return seats_alive(s) < GATEWAYS_MAX;
}

/* It warmed up before its plan was to be avoided; or it is still warming up, and was not told. */
static bool is_avoided(const struct supervisor *s, const struct seat *seat)
{
	if (!trail_avoids_any(&s->orders))
		return false;
	return seat->serving.plan ? trail_avoids(&s->orders, seat->serving.plan)
				  : seat->avoids != s->orders.avoid_plans[0];
}

static void settle_active(struct supervisor *s, int64_t now)
{
	struct seat *waiting = seat_waiting(s);
	if (waiting && is_avoided(s, waiting)) {
		seat_end(s, waiting);
	} else if (waiting) {
		activate(waiting);
		return;
	}
	if (now < s->restart_at_ms)
		return;
	bool is_first = s->restart_at_ms == 0;
	if (!seat_start(s, TRAIL_ACTIVE))
		s->restart_at_ms = now + 1000;
	else if (!is_first)
		atomic_fetch_add(&s->board->restarts, 1);
}

static void settle_upgrade(struct supervisor *s, int64_t now)
{
	struct seat *waiting = seat_waiting(s);
	if (s->is_upgrading) {
		if (now >= s->upgrade_until_ms && waiting && waiting->is_successor)
			abandon_successor(s, waiting, "it did not serve in time");
		return;
	}
	if (waiting)
		seat_end(s, waiting); /* the standby of the former program */
	if (!has_room_for_another(s)) {
		if (!s->upgrade_waits)
			log_write(LOG_INFO, "the upgrade waits: former gateways still drain");
		s->upgrade_waits = true;
		return;
	}
	s->upgrade_is_due = s->upgrade_waits = false;
	struct seat *next = seat_start(s, TRAIL_STANDBY);
	if (!next) {
		upgrade_failed(s, "no gateway could be started");
		return;
	}
	next->is_successor = s->is_upgrading = true;
	s->upgrade_until_ms = now + SUCCESSOR_MS;
}

static void settle_standby(struct supervisor *s, int64_t now)
{
	if (now < s->standby_at_ms || seat_waiting(s))
		return;
	if (!has_room_for_another(s) || !seat_start(s, TRAIL_STANDBY))
		s->standby_at_ms = now + 1000;
}

void succession_settle(struct supervisor *s)
{
	int64_t now = supervisor_now_ms();
	if (s->is_stopping)
		return;
	struct seat *active = seat_active(s);
	if (!active) {
		settle_active(s, now);
		return;
	}
	if (active->state != SEAT_ACTIVE || !active->has_served)
		return;
	if (s->upgrade_is_due || s->is_upgrading)
		settle_upgrade(s, now);
	else if (s->options.standby)
		settle_standby(s, now);
}

int64_t succession_next_ms(const struct supervisor *s)
{
	int64_t now = supervisor_now_ms(), next = INT64_MAX;
	const int64_t times[] = {
		s->restart_at_ms, s->standby_at_ms, s->is_upgrading ? s->upgrade_until_ms : 0};
	for (size_t i = 0; i < ARRAY_COUNT(times); i++)
		if (times[i] > now && times[i] < next)
			next = times[i];
	return next;
}
