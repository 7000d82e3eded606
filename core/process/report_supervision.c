/* SPDX-License-Identifier: Apache-2.0 */
/* What the supervisor has to tell, for `status` and the metrics. Nothing without one. */
#include "process/gateway_priv.h"

#include "base/arena.h"
#include "base/clock.h"
#include "base/memory.h"
#include "http/uri.h"

static void add_time(struct buffer *b, const char *key, int64_t wall_us)
{
	char text[CLOCK_RFC3339_BYTES];
	clock_rfc3339(wall_us, text);
	buffer_addf(b, "\"%s\":\"%.*s\"", key, (int)sizeof(text), text);
}

static void add_text(struct buffer *b, const char *key, const char *value)
{
	if (!value[0])
		return;
	buffer_addf(b, ",\"%s\":", key);
	buffer_add_json(b, str_of(value));
}

/* Newest first. */
static void add_crashes(struct buffer *b, const struct board *board)
{
	static const char *const ends[] = {"", "fault", "hang", "outside"};
	uint64_t count = atomic_load(&board->crashes);
	uint64_t kept = count < BOARD_CRASHES_MAX ? count : BOARD_CRASHES_MAX;
	buffer_add(b, STR(",\"lastCrashes\":["));
	for (uint64_t i = 0; i < kept; i++) {
		const struct board_crash *c = &board->last[(count - 1 - i) % BOARD_CRASHES_MAX];
		buffer_addf(b, "%s{", i ? "," : "");
		add_time(b, "time", c->wall_us);
		buffer_addf(b, ",\"pid\":%d,\"signal\":%d,\"exchangesLost\":%u", (int)c->pid,
			(int)c->signal, c->lost);
		add_text(b, "end", ends[c->end & 3]);
		add_text(b, "binding", c->label);
		add_text(b, "callback", c->callback);
		buffer_add_char(b, '}');
	}
	buffer_add_char(b, ']');
}

static void add_quarantined(struct buffer *b, const struct board *board)
{
	const char *comma = "";
	buffer_add(b, STR(",\"quarantined\":["));
	for (size_t i = 0; i < BOARD_QUARANTINE_MAX; i++) {
		const struct board_quarantine *q = &board->quarantine[i];
		if (atomic_load(&q->key) == 0)
			continue;
		buffer_addf(b, "%s{", comma);
		add_time(b, "since", q->since_wall_us);
		add_text(b, "binding", q->label);
		add_text(b, "callback", q->callback);
		buffer_add_char(b, '}');
		comma = ",";
	}
	buffer_add_char(b, ']');
}

void report_supervision(const struct gateway *g, struct buffer *b)
{
	const struct board *board = supervision_board(g->supervision);
	if (!board)
		return;
	buffer_addf(b, ",\"supervisor\":{\"pid\":%d,", (int)board->supervisor_pid);
	add_time(b, "started", board->started_wall_us);
	buffer_addf(b,
		",\"restarts\":%llu,\"crashes\":%llu,\"exchangesLost\":%llu,\"upgrades\":%llu",
		(unsigned long long)atomic_load(&board->restarts),
		(unsigned long long)atomic_load(&board->crashes),
		(unsigned long long)atomic_load(&board->lost),
		(unsigned long long)atomic_load(&board->upgrades));
	add_text(b, "upgradeError", board->upgrade_error);
	add_crashes(b, board);
	add_quarantined(b, board);
	buffer_add_char(b, '}');
}

/* --- lifting --------------------------------------------------------------------------------- */
static bool is_quarantined(const struct board *board, struct str label)
{
	for (size_t i = 0; board && i < BOARD_QUARANTINE_MAX; i++)
		if (atomic_load(&board->quarantine[i].key) != 0 &&
			str_eq(str_of(board->quarantine[i].label), label))
			return true;
	return false;
}

/* The value of binding=, decoded. */
static struct str asked_binding(struct str query, struct arena *arena)
{
	struct str name = STR("binding=");
	return str_starts(query, name) ? uri_query_decode(str_from(query, name.n), arena)
				       : STR_EMPTY;
}

void report_lift(void *owner, struct admin_answer *a)
{
	struct gateway *g = owner;
	struct arena arena;
	arena_init(&arena, loop_pool(g->loop), 4096);
	struct str label = str_slice(asked_binding(a->query, &arena), 0, TRAIL_LABEL_BYTES - 1);
	bool is_known = is_quarantined(supervision_board(g->supervision), label);
	a->status = is_known ? 202 : 404;
	a->content_type = "application/json; charset=UTF-8";
	if (is_known) {
		char *text = heap_strndup(label);
		supervision_lift(g->supervision, text);
		free(text);
		buffer_add(&a->body, STR("{\"lifted\":"));
	} else {
		buffer_add(&a->body,
			STR("{\"error\":\"this binding is not quarantined\",\"binding\":"));
	}
	buffer_add_json(&a->body, label);
	buffer_add(&a->body, STR("}\n"));
	arena_reset(&arena);
}

/* --- metrics --------------------------------------------------------------------------------- */
static void add_metric(
	struct buffer *b, const char *name, const char *help, const char *kind, uint64_t value)
{
	buffer_addf(b, "# HELP %s %s\n# TYPE %s %s\n%s %llu\n", name, help, name, kind, name,
		(unsigned long long)value);
}

void report_supervision_metrics(const struct gateway *g, struct buffer *b)
{
	const struct board *board = supervision_board(g->supervision);
	if (!board)
		return;
	add_metric(b, "sluice_gateway_restarts_total",
		"Gateways that were started because the one before had died", "counter",
		atomic_load(&board->restarts));
	add_metric(b, "sluice_gateway_crashes_total", "Gateways that died", "counter",
		atomic_load(&board->crashes));
	add_metric(b, "sluice_exchanges_lost_total",
		"Requests that were under way in a gateway that died", "counter",
		atomic_load(&board->lost));
	add_metric(b, "sluice_upgrades_total", "Gateways that took over from a running one",
		"counter", atomic_load(&board->upgrades));
	add_metric(b, "sluice_quarantined_bindings",
		"Bindings that do not run because they have crashed the gateway", "gauge",
		atomic_load(&board->quarantined));
}
