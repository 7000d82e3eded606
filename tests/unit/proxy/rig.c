/* SPDX-License-Identifier: Apache-2.0 */
#include "rig.h"

#include "plan_text.h"
#include "policy/support.h"

#include "base/memory.h"
#include "build/build.h"
#include "json/json.h"
#include "proxy/exchange.h"
#include "proxy/listener.h"
#include "upstream/upstream_priv.h"

#include <stdio.h>
#include <unistd.h>

/* --- the scripted pools ------------------------------------------------------------------------
 */

struct scripted_upstream scripted;
static struct rig *rig_at_hand;
static struct upstream_pool waiting_room;

static void serve(struct rig *g, struct upstream_wait *w)
{
	struct wire *s = wire_new(g, HTTP_ROLE_CLIENT);
	struct http_response *response = arena_alloc(w->arena, sizeof(*response));
	s->s.arena = w->arena;
	s->s.response = response ? response : &s->spare;
	s->s.events = w->events;
	s->s.owner = w->owner;
	scripted.latest = s;
	w->fn(w, RC_OK, &s->s, scripted.reused && !w->fresh, "");
}

void upstream_wait_init(struct upstream_wait *w)
{
	*w = (struct upstream_wait){0};
	list_init(&w->link);
}

void upstream_open(struct upstream *u, struct service *s, struct upstream_wait *w)
{
	scripted.opens++;
	scripted.fresh_opens += w->fresh;
	if (scripted.holds) {
		ck_assert_ptr_null(scripted.waiting);
		scripted.waiting = w;
		w->pool = &waiting_room;
	} else if (scripted.rc != RC_OK) {
		w->fn(w, scripted.rc, NULL, false, scripted.text);
	} else {
		serve(rig_at_hand, w);
	}
}

bool upstream_is_crowded(struct upstream *u, struct service *s)
{
	return scripted.is_crowded;
}

void upstream_trim(struct upstream *u, int64_t idle_ms)
{
	scripted.trims++;
}

void upstream_cancel(struct upstream_wait *w)
{
	if (!w->pool)
		return;
	w->pool = NULL;
	scripted.cancels++;
	scripted.waiting = NULL;
}

static struct upstream_wait *take_waiting(void)
{
	struct upstream_wait *w = scripted.waiting;
	ck_assert_ptr_nonnull(w);
	scripted.waiting = NULL;
	w->pool = NULL;
	return w;
}

void upstream_serve(struct rig *g)
{
	serve(g, take_waiting());
	rig_turn(g);
}

void upstream_refuse(struct rig *g, enum rc rc, const char *text)
{
	struct upstream_wait *w = take_waiting();
	w->fn(w, rc, NULL, false, text);
	rig_turn(g);
}

struct upstream *upstream_new(struct stream_group *group, const struct resolver_options *resolver)
{
	return NULL;
}

void upstream_free(struct upstream *u)
{
	ck_assert_ptr_null(scripted.waiting);
}

void upstream_set_resolver(struct upstream *u, const struct resolver_options *resolver)
{
}

void upstream_forget(struct upstream *u, struct service *s)
{
}

/* --- the rig -----------------------------------------------------------------------------------
 */

/* The chain's entries are those of the API at /shop. */
static const char plan_format[] =
	"{'version': 1, 'plugins': [],"
	" 'services': [{'name': 'up', 'namespace': 'default', 'scheme': 'http',"
	"  'host': 'up.example', 'port': 8000, 'responseTimeoutMs': 15000}],"
	" 'listeners': [{'address': '127.0.0.1', 'port': 8081}],"
	" 'apis': [{'name': 'shop', 'namespace': 'default', 'listener': 0, 'basePath': '/shop',"
	"   'streamIdleTimeoutMs': 60000, 'limits': {'requestMs': 0, 'requestBodyBytesPerSecond': "
	"0,"
	"     'responseBytesPerSecond': 0, 'upstreamIdleMs': 0}, 'chain': [%s],"
	"   'routes': [{'name': 'r', 'rules': [{'path': '/items.*'}],"
	"     'destinations': [{'service': 0}]},"
	"    {'name': 's', 'rules': [{'path': '/only', 'methods': 'PUT|DELETE'}],"
	"     'destinations': [{'service': 0}]}]},"
	"  {'name': 'own', 'namespace': 'default', 'listener': 0, 'basePath': '/own',"
	"   'responseTimeoutMs': 700, 'limits': {'requestBodyBytes': 1000}, 'chain': [],"
	"   'routes': [{'name': 'r', 'destinations': [{'service': 0}]}]},"
	"  {'name': 'paced', 'namespace': 'default', 'listener': 0, 'basePath': '/paced',"
	"   'responseTimeoutMs': 60000, 'limits': {'requestMs': 30000, 'upstreamIdleMs': 20000},"
	"   'chain': [], 'routes': [{'name': 'r', 'destinations': [{'service': 0}]}]},"
	"  {'name': 'bad', 'namespace': 'default', 'listener': 0, 'basePath': '/bad',"
	"   'error': {'message': 'policy x: no plugin provides it'}, 'chain': [], 'routes': []}]}";

static void on_retired(void *owner, unsigned worker, struct api *api)
{
	struct rig *g = owner;
	g->retired[g->retired_count++] = api;
}

static const struct proxy_worker_events worker_events = {.api_retired = on_retired};

static struct plan *plan_with(const char *chain)
{
	char *text = heap_printf(plan_format, chain);
	struct plan *made = plan_text(text);
	free(text);
	return made;
}

static struct generation *build(struct rig *g, uint64_t number)
{
	struct diagnostics diagnostics;
	struct generation *made = NULL;
	diagnostics_init(&diagnostics);
	struct build_options options = {
		.registry = g->bench->registry,
		.instances = g->instances,
		.state_dir = "/nonexistent",
		.workers = 1,
		.number = number,
		.metrics = g->metrics,
	};
	ck_assert_int_eq(build_generation(&options, plan_with(""), &diagnostics, &made), RC_OK);
	diagnostics_deinit(&diagnostics);
	made->listeners[0].fds = g->fds;
	made->listeners[0].fd_count = made->listeners[0].worker_count = 1;
	return made;
}

struct api *rig_api(struct rig *g, const char *id)
{
	for (size_t i = 0; i < g->generation->api_count; i++)
		if (strcmp(g->generation->apis[i]->id, id) == 0)
			return g->generation->apis[i];
	ck_abort_msg("no API %s", id);
	return NULL;
}

/* The chain is the bench's, which frees it; rules are judged for as many bindings. */
static void use_probes(struct rig *g)
{
	static const char entries[] = "{'id': 'a'}, {'id': 'b'}, {'id': 'c'}, {'id': 'd'}";
	char chain[sizeof(entries)], message[200] = "";
	size_t n = g->bench->probe_count;
	ck_assert_uint_le(n, 4);
	snprintf(chain, sizeof(chain), "%.*s", (int)(n * 13), entries);
	struct plan *plan = plan_with(chain);
	const struct plan_node *root = plan_root(plan);
	struct api *api = rig_api(g, "default/shop");
	chain_free(api->chain);
	route_api_free(api->routes);
	api->chain = g->bench->chain;
	struct route_services services = route_services_of_plan(plan_get(root, "services"));
	enum rc rc = route_api_new(plan_at(plan_get(root, "apis"), 0), &services, &api->routes,
		message, sizeof(message));
	ck_assert_msg(rc == RC_OK, "%s", message);
	plan_free(plan);
}

struct rig *rig_new(struct bench *bench)
{
	struct rig *g = heap_zalloc(sizeof(*g));
	struct address any;
	rig_at_hand = g;
	scripted = (struct scripted_upstream){.rc = RC_OK};
	g->bench = bench ? bench : bench_new();
	bench_start(g->bench);
	g->loop = g->bench->loop;
	g->metrics = metrics_new(1);
	g->instances = heap_alloc(sizeof(*g->instances));
	instance_set_init(g->instances);
	g->records = record_ring_new(1 << 20);
	buffer_init(&g->lines, 1 << 20);
	ck_assert_int_eq(address_from_ip(STR("192.0.2.7"), 4711, &g->peer), RC_OK);
	ck_assert_int_eq(address_from_ip(STR("127.0.0.1"), 0, &any), RC_OK);
	ck_assert_int_eq(listen_open(&any, 1, 16, g->fds), RC_OK);
	g->generation = build(g, 1);
	use_probes(g);
	proxy_worker_init(&g->worker, 0, g->loop, g->records, NULL, &worker_events, g);
	proxy_worker_swap(&g->worker, g->generation);
	return g;
}

static void check_credit(struct rig *g)
{
	for (unsigned i = 0; i < g->wire_count; i++) {
		const struct wire *w = g->wires[i];
		if (!w->is_released && !w->is_dead)
			ck_assert_uint_eq(w->uncredited, w->s.in.bytes);
	}
}

void rig_turn(struct rig *g)
{
	for (int i = 0; i < 4; i++)
		loop_turn(g->loop, 0);
	check_credit(g);
}

void rig_advance(struct rig *g, int64_t ms)
{
	loop_fake_advance(g->loop, ms);
	rig_turn(g);
}

void rig_free(struct rig *g)
{
	proxy_worker_close(&g->worker);
	rig_turn(g);
	ck_assert(proxy_worker_is_idle(&g->worker));
	ck_assert_uint_eq(rig_record_count(g), g->worker.exchange_count + g->worker.refused_count +
						       g->worker.handshake_failed_count);
	for (unsigned i = 0; i < g->wire_count; i++)
		wire_free(g->wires[i]);
	proxy_worker_deinit(&g->worker);
	rig_api(g, "default/shop")->chain = NULL;
	generation_free(g->generation);
	instance_set_deinit(g->instances);
	free(g->instances);
	metrics_free(g->metrics);
	record_ring_free(g->records);
	buffer_deinit(&g->lines);
	close(g->fds[0]);
	bench_free(g->bench);
	free(g);
}

struct wire *rig_prepare(struct rig *g, const char *line, int64_t length)
{
	struct wire *w = wire_new(g, HTTP_ROLE_SERVER);
	struct http_request *r = &w->request;
	const char *space = strchr(line, ' ');
	w->s.arena = &w->arena;
	w->s.request = r;
	http_request_init(r, &w->arena);
	r->method_name = arena_copy(&w->arena, str_n(line, (size_t)(space - line)));
	r->method = http_method_of(r->method_name);
	r->target = r->path = arena_copy(&w->arena, str_of(space + 1));
	r->authority = STR("api.example");
	r->scheme = STR("http");
	r->version_major = r->version_minor = 1;
	r->content_length = length;
	w->s.in_ended = length == CONTENT_LENGTH_NONE;
	w->s.bytes_received = 100;
	return w;
}

struct proxy_listener *rig_listener(struct rig *g)
{
	return proxy_listener_of_link(g->worker.listeners.next);
}

struct wire *rig_begin(struct rig *g, struct wire *w)
{
	exchange_begin(rig_listener(g), &w->s);
	rig_turn(g);
	return w;
}

struct wire *rig_ask(struct rig *g, const char *line)
{
	return rig_begin(g, rig_prepare(g, line, CONTENT_LENGTH_NONE));
}

struct wire *rig_upload(struct rig *g, const char *line, int64_t length)
{
	return rig_begin(g, rig_prepare(g, line, length));
}

struct wire *rig_upstream(struct rig *g)
{
	ck_assert_msg(scripted.latest != NULL, "no attempt was made");
	return scripted.latest;
}

/* --- records -----------------------------------------------------------------------------------
 */

static void read_records(struct rig *g)
{
	record_ring_read(g->records, &g->lines);
}

unsigned rig_record_count(struct rig *g)
{
	unsigned count = 0;
	read_records(g);
	for (size_t i = 0; i < g->lines.n; i++)
		count += g->lines.p[i] == '\n';
	return count;
}

static struct str last_line(struct rig *g)
{
	read_records(g);
	size_t end = g->lines.n, start;
	ck_assert_msg(end > 0, "there is no record");
	for (start = end - 1; start > 0 && g->lines.p[start - 1] != '\n';)
		start--;
	return str_n(g->lines.p + start, end - 1 - start);
}

const char *rig_record(struct rig *g, const char *member)
{
	static char text[4096];
	struct json_document *d;
	struct json_error error;
	struct buffer b;
	enum rc rc = json_parse(last_line(g), &d, &error);
	ck_assert_msg(rc == RC_OK, "%s", error.message);
	const struct json_value *v = json_get(json_root(d), str_of(member));
	buffer_init(&b, sizeof(text));
	if (v && v->type == JSON_STRING)
		buffer_add(&b, v->u.string);
	else if (v)
		json_write(v, &b);
	snprintf(text, sizeof(text), "%.*s", (int)b.n, b.n ? b.p : "");
	buffer_deinit(&b);
	json_free(d);
	return text;
}

/* --- policies ----------------------------------------------------------------------------------
 */

struct probe *probe_heads(struct bench *b)
{
	struct probe *p = bench_probe(b);
	p->on[CALLBACK_REQUEST_HEAD] = p->on[CALLBACK_RESPONSE_HEAD] = probe_pass;
	p->on[CALLBACK_LOG] = p->on[CALLBACK_DONE] = probe_pass;
	return p;
}

struct probe *probe_buffers(struct bench *b, enum chain_direction d, size_t max)
{
	struct probe *p = probe_heads(b);
	p->on[d == CHAIN_REQUEST ? CALLBACK_REQUEST_BODY : CALLBACK_RESPONSE_BODY] = probe_pass;
	p->body[d] = (struct body_contract){BODY_BUFFER, max};
	return p;
}
