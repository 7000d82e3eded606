/* SPDX-License-Identifier: Apache-2.0 */
/* Services that policies call, as a script has them: they stand where the gateway has the pools of
 * its connections (upstream/call.h), so that all above them is the gateway's own code. */
#include "testing/testing_priv.h"

#include "base/memory.h"
#include "crypto/crypto.h"
#include "policy/target.h"
#include "services/services.h"
#include "upstream/call.h"

#include <stdlib.h>

struct sluice_test_reply {
	struct sluice_test_reply *next;
	struct str service, method, path, body; /* owned; empty: any, but for the body */
	struct str names[8], values[8];         /* owned */
	size_t field_count;
	int status;
	int64_t delay_ms;
	enum sluice_test_failure failure;
};

struct asked {
	struct asked *next;
	struct str service, method, path, body; /* owned */
	struct str *fields;                     /* owned: name, value, ... */
	size_t field_count;
};

/* A call that waits for its answer, on the loop of the test. */
struct testing_pending {
	struct testing_pending *next;
	struct upstream_call *call;
	const struct sluice_test_reply *reply;
	struct timer timer;
};

static struct str own(struct str s)
{
	return str_n(heap_strndup(s), s.n);
}

static void give_up(struct str s)
{
	free((char *)(uintptr_t)s.p);
}

static struct sluice_test *test_of(struct upstream_carrier *c)
{
	return CONTAINER_OF(c, struct sluice_test, carrier);
}

/* --- what is scripted ------------------------------------------------------------------------- */
static bool is_address(const char *service)
{
	return strstr(service, "://") != NULL;
}

static bool is_declared(const struct sluice_test *t, struct str name)
{
	for (const struct sluice_test_reply *r = t->replies; r; r = r->next)
		if (str_eq(r->service, name))
			return true;
	return false;
}

/* The names of services are those of their metrics: "default/auth", "http://auth.example:80". */
static void declare(struct sluice_test *t, const char *service, struct str name)
{
	if (is_address(service) || is_declared(t, name))
		return;
	if (t->is_composed)
		testing_fail("service \"%s\" comes after the first request", service);
	buffer_addf(&t->documents,
		"---\napiVersion: gateway.sluice.dev/v1\nkind: Service\nmetadata: {name: %s}\n"
		"spec: {address: \"http://%s.example\"}\n",
		service, service);
}

struct sluice_test_reply *sluice_test_upstream(struct sluice_test *t, const char *service,
	const char *method, const char *path, int status, const char *body)
{
	struct sluice_test_reply *r = heap_zalloc(sizeof(*r));
	r->service = is_address(service) ? own(str_of(service))
					 : str_of(heap_printf("default/%s", service));
	declare(t, service, r->service);
	r->method = own(str_of(method ? method : ""));
	r->path = own(str_of(path ? path : ""));
	r->body = own(str_of(body ? body : ""));
	r->status = status;
	r->next = t->replies;
	t->replies = r;
	return r;
}

void sluice_test_upstream_field(struct sluice_test_reply *r, const char *name, const char *value)
{
	if (r->field_count == ARRAY_COUNT(r->names)) {
		testing_fail("8 fields are the most of a scripted answer");
		return;
	}
	r->names[r->field_count] = own(str_of(name));
	r->values[r->field_count++] = own(str_of(value));
}

void sluice_test_upstream_delay(struct sluice_test_reply *r, int64_t ms)
{
	r->delay_ms = ms;
}

void sluice_test_upstream_fails(struct sluice_test_reply *r, enum sluice_test_failure how)
{
	r->failure = how;
}

/* --- what was asked --------------------------------------------------------------------------- */
static void record(struct sluice_test *t, const struct upstream_call *c)
{
	const struct http_request *r = &c->request;
	struct asked *a = heap_zalloc(sizeof(*a)), **at = &t->asked;
	a->service = own(service_options(c->service)->name);
	a->method = own(r->method_name);
	a->path = str_of(heap_printf("%.*s%s%.*s", STR_ARG(r->path), r->has_query ? "?" : "",
		STR_ARG(r->query)));
	a->body = own(c->body);
	a->field_count = r->fields.count;
	a->fields = heap_zalloc((2 * a->field_count + 1) * sizeof(*a->fields));
	for (size_t i = 0; i < a->field_count; i++) {
		a->fields[2 * i] = own(r->fields.items[i].name);
		a->fields[2 * i + 1] = own(r->fields.items[i].value);
	}
	while (*at)
		at = &(*at)->next;
	*at = a;
}

static const struct asked *asked_at(struct sluice_test *t, size_t n)
{
	const struct asked *a = t->asked;
	while (a && n-- > 0)
		a = a->next;
	return a;
}

size_t sluice_test_asked(struct sluice_test *t)
{
	size_t n = 0;
	for (const struct asked *a = t->asked; a; a = a->next)
		n++;
	return n;
}

const char *sluice_test_asked_of(struct sluice_test *t, size_t n, enum sluice_test_asked_part part)
{
	const struct asked *a = asked_at(t, n);
	if (!a)
		return NULL;
	const struct str parts[] = {a->service, a->method, a->path, a->body};
	return (unsigned)part < ARRAY_COUNT(parts) ? parts[part].p : NULL;
}

const char *sluice_test_asked_field(struct sluice_test *t, size_t n, const char *name)
{
	const struct asked *a = asked_at(t, n);
	for (size_t i = 0; a && i < a->field_count; i++)
		if (str_eq_nocase(a->fields[2 * i], str_of(name)))
			return a->fields[2 * i + 1].p;
	return NULL;
}

/* --- answers ---------------------------------------------------------------------------------- */
static const struct sluice_test_reply *find(const struct sluice_test *t, const struct upstream_call *c)
{
	const struct http_request *q = &c->request;
	const struct sluice_test_reply *r = t->replies;
	while (r && !(str_eq(r->service, service_options(c->service)->name) &&
			    (r->method.n == 0 || str_eq(r->method, q->method_name)) &&
			    (r->path.n == 0 || str_eq(r->path, q->path))))
		r = r->next;
	return r;
}

static void fail(struct upstream_call *c, enum upstream_call_result result, const char *message)
{
	c->result = result;
	c->message = message;
	c->ended(c);
}

static void answer(struct upstream_call *c, const struct sluice_test_reply *r)
{
	struct http_response *head = arena_zalloc(&c->arena, sizeof(*head));
	bool has_content = r->status != 204 && r->status != 304 && c->request.method != METHOD_HEAD;
	size_t n = has_content ? r->body.n : 0;
	if (n > c->response_bytes_max || !c->takes(c, n)) {
		fail(c, CALL_TOO_LARGE, "the response is larger than it may be");
		return;
	}
	http_response_init(head, &c->arena);
	head->status = (uint16_t)r->status;
	for (size_t i = 0; i < r->field_count; i++)
		if (fields_add(&head->fields, r->names[i], r->values[i]) != RC_OK)
			testing_fail("a field of a scripted answer is none");
	if (n > 0)
		chunk_queue_add_copy(&c->held, r->body);
	c->response = head;
	c->result = CALL_OK;
	call_take_content(c);
	c->ended(c);
}

static void forget(struct sluice_test *t, struct testing_pending *p)
{
	struct testing_pending **at = &t->pending;
	while (*at != p)
		at = &(*at)->next;
	*at = p->next;
	timer_stop(&p->timer);
	free(p);
}

/* Its time has come: the answer's, or that at which the policy waits no longer. */
static void on_due(struct timer *timer)
{
	struct testing_pending *p = CONTAINER_OF(timer, struct testing_pending, timer);
	struct upstream_call *c = p->call;
	const struct sluice_test_reply *r = p->reply;
	bool is_late = r && (r->failure == SLUICE_TEST_SILENT || r->delay_ms >= c->timeout_ms);
	forget(test_of(c->carrier), p);
	if (testing_fault_is_here(FAULT_CALL))
		fail(c, CALL_UNAVAILABLE, "a fault of the test");
	else if (testing_fault_is_here(FAULT_CALL_LATE) || is_late)
		fail(c, CALL_TIMEOUT, "the service did not answer in time");
	else if (!r || r->failure == SLUICE_TEST_REFUSED)
		fail(c, CALL_UNAVAILABLE, "connection refused");
	else if (r->failure == SLUICE_TEST_CUT_OFF)
		fail(c, CALL_UNAVAILABLE, "the service closed the connection");
	else
		answer(c, r);
}

static void begin(struct upstream_carrier *carrier, struct upstream_call *c)
{
	struct sluice_test *t = test_of(carrier);
	struct testing_pending *p = heap_zalloc(sizeof(*p));
	p->call = c;
	p->reply = find(t, c);
	record(t, c);
	if (!p->reply)
		testing_fail("nobody answers %.*s %.*s of service %.*s: sluice_test_upstream",
			STR_ARG(c->request.method_name), STR_ARG(c->request.path),
			STR_ARG(service_options(c->service)->name));
	int64_t after_ms = p->reply ? p->reply->delay_ms : 0;
	bool never = p->reply && p->reply->failure == SLUICE_TEST_SILENT;
	timer_init(&p->timer, on_due);
	p->next = t->pending;
	t->pending = p;
	timer_start(t->loop, &p->timer,
		never || after_ms > c->timeout_ms ? c->timeout_ms : after_ms);
}

static void cancel(struct upstream_call *c)
{
	struct sluice_test *t = test_of(c->carrier);
	struct testing_pending *p = t->pending;
	while (p && p->call != c)
		p = p->next;
	if (p)
		forget(t, p);
}

void testing_carry(struct sluice_test *t)
{
	t->carrier = (struct upstream_carrier){begin, cancel};
	services_worker_carry(&t->carrier);
}

/* --- targets ---------------------------------------------------------------------------------- */
static struct service *service_of(struct sluice_test *t, size_t index)
{
	const struct plan_node *node = plan_at(plan_get(plan_root(t->plan), "services"), index);
	struct str space = plan_string(node, "namespace", STR("default"));
	char *name = heap_printf("%.*s%s%.*s", STR_ARG(space), space.n ? "/" : "",
		STR_ARG(plan_string(node, "name", STR_EMPTY)));
	const struct service_options options = {.name = str_of(name),
		.scheme = plan_string(node, "scheme", STR("http")),
		.host = plan_string(node, "host", STR_EMPTY),
		.port = (uint16_t)plan_integer(node, "port", 0)};
	struct service *s = service_new(&options);
	free(name);
	return s;
}

size_t testing_targets(
	struct sluice_test *t, const struct plan_node *binding, struct target_options **out)
{
	static const uint8_t digest[SHA256_BYTES];
	const struct plan_node *list = plan_get(binding, "targets");
	const struct plan_node *services = plan_get(plan_root(t->plan), "services");
	size_t count = plan_count(list);
	struct target_options *targets = heap_zalloc((count + 1) * sizeof(*targets));
	for (size_t i = 0; i < count; i++) {
		const struct plan_node *node = plan_at(list, i);
		size_t index = (size_t)plan_integer(node, "service", 0);
		struct str path = plan_string(plan_at(services, index), "path", STR_EMPTY);
		targets[i] = (struct target_options){.text = plan_string(node, "text", STR_EMPTY),
			.path = plan_string(node, "path", path),
			.service = service_of(t, index),
			.rewrites_host = true,
			.sha256 = digest};
	}
	*out = targets;
	return count;
}

void testing_targets_free(struct target_options *targets, size_t count)
{
	for (size_t i = 0; i < count; i++)
		service_unref(targets[i].service);
	free(targets);
}

/* --- the end ---------------------------------------------------------------------------------- */
static void free_reply(struct sluice_test_reply *r)
{
	give_up(r->service);
	give_up(r->method);
	give_up(r->path);
	give_up(r->body);
	for (size_t i = 0; i < r->field_count; i++) {
		give_up(r->names[i]);
		give_up(r->values[i]);
	}
	free(r);
}

static void free_asked(struct asked *a)
{
	give_up(a->service);
	give_up(a->method);
	give_up(a->path);
	give_up(a->body);
	for (size_t i = 0; i < 2 * a->field_count; i++)
		give_up(a->fields[i]);
	free(a->fields);
	free(a);
}

void testing_upstreams_free(struct sluice_test *t)
{
	if (t->pending)
		testing_fail("calls to services are under way at the end");
	while (t->pending)
		forget(t, t->pending);
	while (t->replies) {
		struct sluice_test_reply *r = t->replies;
		t->replies = r->next;
		free_reply(r);
	}
	while (t->asked) {
		struct asked *a = t->asked;
		t->asked = a->next;
		free_asked(a);
	}
}
