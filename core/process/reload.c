/* SPDX-License-Identifier: Apache-2.0 */
/* From a change in the folder to a generation that serves.
 *
 *   file_watch or POST /reload -> composer -> plan -> activation -> report
 *
 * One composition and one activation at a time. A plan that comes while an activation runs waits; a
 * newer one replaces it. */
#include "process/gateway_priv.h"

#include "base/clock.h"
#include "base/limits.h"
#include "base/memory.h"
#include "plan/plan_diagnostics.h"
#include "plan/plan_parts.h"
#include "services/caches.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

/* Quiet for so long, a folder counts as saved: half of what editors and kubectl need. */
#define QUIET_MS            50
#define COMPOSE_DEADLINE_MS 30000

static void begin(struct gateway *g)
{
	g->reading_wall_us = loop_wall_us(g->loop);
	composer_start(g->composer);
}

void reload_now(struct gateway *g)
{
	if (g->state > GATEWAY_SERVING)
		return;
	retry_settle(&g->retry);
	begin(g);
}

static void on_change(void *arg)
{
	reload_now(arg);
}

static void on_retry(void *arg)
{
	begin(arg);
}

static void retry_reading(struct gateway *g)
{
	int64_t wait_ms = retry_later(&g->retry);
	log_write(LOG_WARN, "the configuration is read again in %d s", (int)(wait_ms / 1000));
}

static void set_outcome(
	struct gateway *g, int64_t began_wall_us, bool is_accepted, const char *error)
{
	free(g->outcome.error);
	g->outcome = (struct reload_outcome){
		.wall_us = clock_wall_us(),
		.began_wall_us = began_wall_us,
		.is_accepted = is_accepted,
		.error = error ? heap_strdup(error) : NULL,
	};
	metric_add(g->reloads[is_accepted], 1);
}

/* --- what was found -------------------------------------------------------------------------- */

static void take_problems_of_plan(struct gateway *g, const struct plan *plan)
{
	diagnostics_deinit(&g->problems);
	diagnostics_init(&g->problems);
	plan_read_diagnostics(plan_root(plan), &g->problems);
}

static void add_problems(struct gateway *g, const struct diagnostics *more)
{
	for (size_t i = 0; i < more->count; i++) {
		const struct diagnostic *d = &more->items[i];
		diagnostics_add_for(
			&g->problems, d->subject, d->severity, d->position, d->path, d->message);
	}
}

static void log_problem(const struct diagnostic *d)
{
	char place[512] = "";
	if (d->position.file)
		snprintf(place, sizeof(place), "%s:%u:%u: ", d->position.file, d->position.line,
			d->position.column);
	char *text = heap_printf("%s%s%s%s", place, d->path, d->path[0] ? ": " : "", d->message);
	struct log_field field = {"api", str_of(d->subject)};
	log_write_fields(
		d->severity == SEVERITY_ERROR ? LOG_ERROR : LOG_WARN, str_of(text), &field, 1);
	free(text);
}

static void log_problems(const struct gateway *g)
{
	for (size_t i = 0; i < g->problems.count; i++)
		log_problem(&g->problems.items[i]);
	if (g->problems.dropped > 0)
		log_write(LOG_ERROR, "%zu more problems are not shown", g->problems.dropped);
}

/* --- activation ------------------------------------------------------------------------------ */

static void take_probe(struct gateway *g, const struct plan_node *listener, int64_t port)
{
	port = plan_integer(listener, "port", port);
	if (plan_bool(listener, "enabled", false) && port > 0 &&
		address_from_ip(plan_string(listener, "address", STR("0.0.0.0")), (uint16_t)port,
			&g->probes[g->probe_count]) == RC_OK)
		g->probe_count++;
}

static void take_probes(struct gateway *g, const struct plan_node *settings)
{
	g->probe_count = 0;
	take_probe(g, plan_get(settings, "probe"), 3000);
	take_probe(g, plan_get(settings, "metrics"), 0);
}

void reload_open_probe(struct gateway *g)
{
	if (admin_listen_tcp(g->admin, g->probes, g->probe_count) != RC_OK)
		log_write(LOG_ERROR, "the probe listener cannot be opened: %s", strerror(errno));
}

/* Of the whole process: they take effect with the APIs that came with them, or not at all. */
static void apply_settings(struct gateway *g, const struct plan_node *settings)
{
	enum log_level level = LOG_INFO;
	struct str name = plan_string(settings, "logLevel", STR("info"));
	if (log_level_parse(name, &level) == RC_OK)
		log_choice_configure(&g->log_choice, level);
	overload_configure(g->overload, settings);
	take_probes(g, settings);
	if (!supervision_stands_by(g->supervision))
		reload_open_probe(g);
}

/* Whom a crash without a suspect accuses: what is being built, then what serves. */
static void set_plan_of_trail(struct gateway *g, uint64_t digest)
{
	atomic_store(&supervision_trail(g->supervision)->plan, digest);
}

/* The problems of the folder stay to be seen when a saved plan takes its place. */
static void activate(struct gateway *g, struct offer *offer)
{
	struct plan *plan = offer->plan;
	offer_deinit(&g->activating);
	g->activating = *offer;
	g->activating.plan = NULL;
	*offer = (struct offer){0};
	if (!g->activating.is_saved)
		take_problems_of_plan(g, plan);
	g->is_strict = plan_bool(plan_root(plan), "strict", false);
	const struct plan_node *settings = plan_get(plan_root(plan), "settings");
	if (plan_copy(settings, LIMIT_PLAN_BYTES, &g->activating.settings) != RC_OK)
		log_write(LOG_ERROR, "the settings of the configuration cannot be kept");
	set_plan_of_trail(g, g->activating.is_closed ? 0 : plan_digest(plan));
	activation_start(g->activation, plan, g->activating.is_closed ? g->fallback_why : NULL);
	plan_bytes_rest(&g->activating.bytes); /* it is built */
}

/* A plan that has crashed the gateway too often is passed over. */
static bool next_saved(struct gateway *g, struct offer *offer)
{
	const struct trail_orders *orders = &supervision_trail(g->supervision)->orders;
	while (last_good_offer(g->last_good, offer) == RC_OK) {
		if (!trail_avoids(orders, plan_digest(offer->plan)))
			return true;
		offer_deinit(offer);
	}
	return false;
}

static void tell_saved(const struct gateway *g, const struct offer *offer)
{
	char saved[CLOCK_RFC3339_BYTES];
	clock_rfc3339(offer->saved.saved_wall_us, saved);
	log_write(LOG_ERROR, "%s: %s, saved at %.*s", g->fallback_why,
		offer->is_closed
			? "every API of the last good configuration answers 503 (fallback: closed)"
			: "the last good configuration is served instead",
		(int)sizeof(saved), saved);
}

static const char unread[] = "the folder has not been read yet";
static const char unusable[] = "the folder cannot be used";
static const char crashing[] = "the folder's configuration has crashed the gateway too often";

/* Without anything that serves, and nothing usable in the folder. `fallback: closed` leaves of what
 * was saved the listeners, which answer; no policy of it runs: nothing of it is to be avoided. */
static bool serve_last_good(struct gateway *g, const char *why)
{
	struct offer offer;
	if (activation_current(g->activation))
		return false;
	bool may = last_good_may_serve(g->last_good);
	if (!may)
		last_good_order(g->last_good, PLAN_NEWEST_FIRST);
	if (may ? !next_saved(g, &offer) : last_good_offer(g->last_good, &offer) != RC_OK)
		return false;
	offer.is_closed = !may;
	g->fallback_why = why;
	tell_saved(g, &offer);
	activate(g, &offer);
	return true;
}

/* What was resumed serves on: since when, nobody has to be told. */
static void stay_with_saved(struct gateway *g, const char *why)
{
	if (g->fallback_why == unread)
		g->fallback_why = why;
}

static const char *why_last_good(const struct gateway *g)
{
	return trail_avoids_any(&supervision_trail(g->supervision)->orders) ? crashing : unusable;
}

/* --- what serves ----------------------------------------------------------------------------- */
static void on_prove_timer(struct timer *t)
{
	struct gateway *g = CONTAINER_OF(t, struct gateway, prove_timer);
	last_good_prove(g->last_good);
}

static void now_serves(struct gateway *g, const struct generation *generation)
{
	bool is_closed = g->activating.is_closed;
	g->serves_saved = g->activating.is_saved && !is_closed;
	g->serves_closed = is_closed;
	g->saved = g->activating.saved;
	plan_file_free(g->current_file);
	g->current_file = plan_file_new(g->state_dir, &g->activating.bytes);
	if (!is_closed)
		last_good_take(g->last_good, generation, &g->activating);
	timer_start(g->loop, &g->prove_timer, (int64_t)g->options->crash_window_s * 1000);
	if (g->state == GATEWAY_STARTING)
		g->state = GATEWAY_SERVING;
}

static size_t count_stubs(const struct generation *generation)
{
	size_t n = 0;
	for (size_t i = 0; i < generation->api_count; i++)
		n += generation->apis[i]->error != NULL;
	return n;
}

static void tell_serving(
	struct gateway *g, const struct generation *generation, size_t stubs, bool is_saved)
{
	struct wire_serving serving = {
		.plan = generation->plan_digest,
		.generation = generation->number,
		.apis = (uint32_t)generation->api_count,
		.stubs = (uint32_t)stubs,
		.is_last_good = is_saved,
	};
	supervision_serving(g->supervision, &serving);
}

/* Later, since what calls belongs to what ends. */
static void give_up_later(struct gateway *g)
{
	bool nothing_serves = !activation_current(g->activation) && g->state == GATEWAY_STARTING;
	if (g->is_strict && nothing_serves)
		loop_post(g->loop, gateway_give_up, g);
}

static void on_activated(
	void *owner, const struct generation *generation, const struct diagnostics *found)
{
	struct gateway *g = owner;
	bool is_saved = g->activating.is_saved;
	add_problems(g, found);
	log_problems(g);
	if (!is_saved) {
		set_outcome(g, g->activating.began_wall_us, generation != NULL, NULL);
		if (activation_lacked(g->activation))
			retry_reading(g);
		else
			retry_settle(&g->retry);
	}
	if (generation) {
		size_t stubs = count_stubs(generation);
		log_write(stubs ? LOG_WARN : LOG_INFO,
			"generation %llu serves: %zu APIs on %zu ports, %zu of them answer 503",
			(unsigned long long)generation->number, generation->api_count,
			generation->listener_count, stubs);
		if (g->activating.settings)
			apply_settings(g, plan_root(g->activating.settings));
		now_serves(g, generation);
		tell_serving(g, generation, stubs, is_saved);
		/* What is removed now was removed by somebody, and is not merely missing. */
		if (!is_saved && stubs == 0)
			services_caches_sweep();
	} else {
		const char *why = is_saved ? "the saved configuration is refused"
					   : "the configuration is refused";
		const struct generation *current = activation_current(g->activation);
		set_plan_of_trail(g, current ? current->plan_digest : 0);
		log_write(LOG_ERROR, "%s; what served before serves on", why);
		supervision_refused(g->supervision, why);
		if (!is_saved)
			stay_with_saved(g, unusable);
	}
	offer_deinit(&g->activating);
	give_back_soon(&g->give_back); /* what opening and building took is over */
	if (g->pending.plan)
		activate(g, &g->pending);
	else if (generation || !serve_last_good(g, why_last_good(g))) {
		give_up_later(g);
		gateway_settled(g);
	}
}

/* "incomplete": a file could not be read. */
static bool is_incomplete(const struct plan *plan)
{
	return plan_bool(plan_root(plan), "incomplete", false);
}

/* After a crash: what served then serves again before the folder is read, and so does what is good
 * when the folder's plan is to be avoided. */
static void resume(struct gateway *g)
{
	const struct trail_orders *orders = &supervision_trail(g->supervision)->orders;
	struct offer offer;
	if (trail_avoids_any(orders))
		last_good_order(g->last_good, PLAN_PROVEN_FIRST);
	if (orders->resume_plan &&
		last_good_find(g->last_good, orders->resume_plan, &offer) == RC_OK) {
		g->fallback_why = trail_avoids_any(orders) ? crashing : unread;
		activate(g, &offer);
	} else if (trail_avoids_any(orders)) {
		serve_last_good(g, crashing);
	}
}

/* The folder says what was resumed, and all of it was to be had: nothing is to be built. */
static bool is_resumed(const struct gateway *g, const struct plan *plan)
{
	const struct generation *current = activation_current(g->activation);
	return g->serves_saved && current && plan_digest(plan) == current->plan_digest &&
	       count_stubs(current) == 0 && !activation_lacked(g->activation);
}

static void confirm(struct gateway *g, struct offer *offer)
{
	const struct generation *current = activation_current(g->activation);
	take_problems_of_plan(g, offer->plan);
	log_problems(g);
	set_outcome(g, offer->began_wall_us, true, NULL);
	retry_settle(&g->retry);
	g->serves_saved = false;
	tell_serving(g, current, 0, false);
	offer_deinit(offer);
}

/* It has crashed the gateway too often, and something else serves. */
static bool is_avoided(const struct gateway *g, const struct plan *plan)
{
	const struct trail_orders *orders = &supervision_trail(g->supervision)->orders;
	return trail_avoids(orders, plan_digest(plan)) &&
	       (activation_current(g->activation) || activation_is_busy(g->activation));
}

static void refuse_avoided(struct gateway *g, struct offer *offer)
{
	bool is_closed = g->serves_closed || g->activating.is_closed;
	const char *why =
		is_closed ? "this configuration has crashed the gateway too often; no API is "
			    "served until the folder changes"
			  : "this configuration has crashed the gateway too often; the last "
			    "good one serves until the folder changes";
	log_write(LOG_ERROR, "%s", why);
	take_problems_of_plan(g, offer->plan);
	set_outcome(g, offer->began_wall_us, false, why);
	supervision_refused(g->supervision, why);
	retry_settle(&g->retry);
	offer_deinit(offer);
}

/* Also of a plan that is refused: what is wrong may be a file that is half written. */
static void watch_includes(struct gateway *g, const struct plan *plan)
{
	const struct plan_node *list = plan_get(plan_root(plan), "includes");
	file_list_begin(g->includes, g->reading_wall_us);
	for (size_t i = 0; i < plan_count(list); i++) {
		const struct plan_node *path = plan_at(list, i);
		if (path->type == PLAN_STRING)
			file_list_add(g->includes, path->u.string);
	}
}

static void on_plan(void *owner, struct plan_bytes bytes, const char *error)
{
	struct gateway *g = owner;
	char message[160] = "";
	struct offer offer = {.began_wall_us = composer_began_wall_us(g->composer)};
	if (!error) {
		offer.bytes = bytes;
		if (plan_open(plan_bytes_str(&bytes), &offer.plan, message, sizeof(message)) !=
			RC_OK)
			error = message;
	}
	if (error) {
		log_write(LOG_ERROR, "the configuration cannot be read: %s", error);
		set_outcome(g, offer.began_wall_us, false, error);
		offer_deinit(&offer);
		supervision_refused(g->supervision, error);
		retry_reading(g);
		stay_with_saved(g, unusable);
		if (!activation_is_busy(g->activation))
			serve_last_good(g, unusable);
		return;
	}
	watch_includes(g, offer.plan);
	if (is_avoided(g, offer.plan)) {
		refuse_avoided(g, &offer);
		return;
	}
	if (!activation_is_busy(g->activation) && is_resumed(g, offer.plan)) {
		confirm(g, &offer);
		return;
	}
	if (activation_is_busy(g->activation)) {
		offer_deinit(&g->pending);
		g->pending = offer;
		return;
	}
	if (is_incomplete(offer.plan) && !activation_current(g->activation)) {
		take_problems_of_plan(g, offer.plan);
		if (serve_last_good(g, unusable)) {
			set_outcome(g, offer.began_wall_us, false,
				"a file of the folder cannot be read");
			retry_reading(g);
			offer_deinit(&offer);
			return;
		}
	}
	activate(g, &offer);
}

static void define_metrics(struct gateway *g)
{
	static const char *const results[] = {"refused", "accepted"};
	struct metric_family *f = metrics_family(g->metrics, "sluice_reloads_total",
		"Times that the configuration was read, by what came of it", METRIC_COUNTER, NULL,
		0);
	for (size_t i = 0; i < 2; i++) {
		struct metric_label label = {STR("result"), str_of(results[i])};
		struct metric_series *s = metrics_series(f, &label, 1);
		g->reloads[i] = metric_series_cell(s, g->workers);
	}
}

/* A folder that cannot be watched costs nothing but this comfort. */
static void watch_plugins(struct gateway *g)
{
	g->plugin_watches = heap_zalloc(g->plugin_dir_count * sizeof(struct plugin_watch *));
	for (size_t i = 0; i < g->plugin_dir_count; i++) {
		g->plugin_watches[i] = plugin_watch_new(g->loop, g->plugin_dirs[i], on_change, g);
		if (!g->plugin_watches[i])
			log_write(LOG_WARN,
				"cannot watch %s: %s; plugins that change there are seen when the "
				"configuration is read next",
				g->plugin_dirs[i], strerror(errno));
	}
}

bool reload_start(struct gateway *g)
{
	define_metrics(g);
	timer_init(&g->prove_timer, on_prove_timer);
	retry_init(&g->retry, g->loop, on_retry, g);
	struct activation_options activation = {
		.loop = g->loop,
		.threads = g->threads,
		.workers = g->workers,
		.ports = &g->ports,
		.registry = g->registry,
		.metrics = g->metrics,
		.services = g->services,
		.state_dir = g->state_dir,
		.tickets = supervision_tickets(g->supervision),
		.give_back = &g->give_back,
	};
	g->activation = activation_new(&activation, on_activated, g);
	g->last_good = last_good_new(g->state_dir);
	g->composer_options.config_dir = g->options->config_dir;
	g->composer_options.plugin_dirs = g->plugin_dirs;
	g->composer_options.plugin_dir_count = g->plugin_dir_count;
	g->composer_options.deadline_ms = COMPOSE_DEADLINE_MS;
	g->composer_options.strict = g->options->strict;
	g->composer_options.state_dir = g->state_dir;
	g->composer = composer_new(g->loop, &g->composer_options, on_plan, g);
	g->watch = file_watch_new(g->loop, g->options->config_dir, QUIET_MS, on_change, g);
	if (!g->watch) {
		fprintf(stderr, "sluice run: cannot watch %s: %s\n", g->options->config_dir,
			strerror(errno));
		return false;
	}
	g->includes = file_list_new(g->loop, on_change, g);
	watch_plugins(g);
	resume(g);
	begin(g);
	return true;
}

void reload_stop(struct gateway *g)
{
	if (g->watch)
		file_watch_free(g->watch);
	g->watch = NULL;
	file_list_free(g->includes);
	g->includes = NULL;
	for (size_t i = 0; g->plugin_watches && i < g->plugin_dir_count; i++)
		plugin_watch_free(g->plugin_watches[i]);
	free(g->plugin_watches);
	g->plugin_watches = NULL;
	composer_free(g->composer);
	g->composer = NULL;
	retry_settle(&g->retry);
	timer_stop(&g->prove_timer);
	offer_deinit(&g->pending);
	plan_file_free(g->current_file);
	g->current_file = NULL;
}
