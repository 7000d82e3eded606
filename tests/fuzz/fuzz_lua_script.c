/* SPDX-License-Identifier: Apache-2.0 */
/* fuzz: links crypto base */
/* fuzz: compiles plugins/lua-script/settings.c plugins/lua-script/memory.c plugins/lua-script/interpreter.c plugins/lua-script/visit.c */
/* fuzz: compiles plugins/lua-script/library.c plugins/lua-script/strings.c plugins/lua-script/values.c plugins/lua-script/json.c */
/* fuzz: compiles plugins/lua-script/message.c plugins/lua-script/facilities.c plugins/lua-script/calls.c plugins/lua-script/declared.c */
/* fuzz: compiles plugins/lua-script/stores.c plugins/lua-script/digests.c sdk/util/pattern.c */
/* fuzz: packages luajit */
/* fuzz: embeds plugins/lua-script/prelude.lua */
/* The first byte says how services answer; the rest is a script, with a small budget of steps and
 * memory. It is configured and started, and two exchanges go through all of its handlers, in turns.
 * Whatever it does: it holds no more memory than it may, everything is given back, every view that
 * it hands over can be read, it waits only for what it has begun, and it answers only when it says
 * so. That it ends is the fuzzer's own time limit. */
#include "base/check.h"
#include "base/str.h"
#include "crypto/crypto.h"

#include "lua-script/visit.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n);

__asm__(".pushsection .rodata\n"
	".global prelude_start, prelude_end\n"
	".hidden prelude_start, prelude_end\n"
	"prelude_start:\n"
	".incbin \"" SOURCE_DIR "/plugins/lua-script/prelude.lua\"\n"
	"prelude_end:\n"
	".byte 0\n"
	".popsection\n");

#define SCRIPT_BYTES_MAX 4096
#define STEPS            20000
#define MEMORY_BYTES     (1 << 20)
/* Of the current state, a retired one, and one that is being made: each with what it may have beyond
 * its bound, and what the allocator keeps for small blocks. */
#define HELD_BYTES_MAX (3 * 4 * MEMORY_BYTES)
#define ROUNDS_MAX     8
#define BLOCKS_MAX     64
#define RESPONSE       SLUICE_RESPONSE

enum { LATE = 1, FAILING = 2, NO_ROOM = 4, FULL_BODY = 8, SMALL_PIECES = 16 };
static unsigned ways; /* the first byte */

/* One exchange, and how far it has come. */
struct sluice_exchange {
	void *blocks[BLOCKS_MAX]; /* owned */
	size_t block_count;
	void *data;
	enum handler at; /* the next handler */
	enum sluice_side side;
	bool is_resumed, is_paused, is_over, has_response, answered, waits_for_time;
	unsigned begun[2], questions[2], calls[2], piece, rounds;
	char property[64];
	size_t property_bytes;
};

struct sluice_value {
	enum sluice_value_type type;
	const char *key;
	int64_t integer;
	struct sluice_str text;
	const struct sluice_value *members;
	size_t count;
};

/* --- memory and views ------------------------------------------------------------------------ */
static size_t held;

static void *instance_alloc(struct sluice_instance *instance, size_t size)
{
	CHECK(held + size <= HELD_BYTES_MAX);
	size_t *p = malloc(size + 16);
	CHECK(p);
	*p = size;
	held += size;
	return p + 2;
}

static void instance_free(struct sluice_instance *instance, void *p)
{
	if (!p)
		return;
	size_t *block = (size_t *)p - 2;
	held -= *block;
	free(block);
}

static void *exchange_alloc(struct sluice_exchange *x, size_t size)
{
	if (x->block_count == BLOCKS_MAX || ways & NO_ROOM)
		return NULL;
	return x->blocks[x->block_count++] = malloc(size ? size : 1);
}

/* Whoever is given a text reads it. */
static uint64_t read_all(struct sluice_str s)
{
	return s.n ? str_hash((struct str){s.p, s.n}) : 0;
}

static int32_t result_of(struct sluice_str s)
{
	return ways & FAILING && read_all(s) % 3 == 0 ? SLUICE_E_INVALID : SLUICE_OK;
}

/* --- the configuration's tree ---------------------------------------------------------------- */
static enum sluice_value_type value_type(const struct sluice_value *v)
{
	return v ? v->type : SLUICE_NULL;
}

static const struct sluice_value *value_at(
	const struct sluice_value *v, size_t i, struct sluice_str *key)
{
	if (!v || i >= v->count)
		return NULL;
	if (key && v->members[i].key)
		*key = (struct sluice_str){v->members[i].key, strlen(v->members[i].key)};
	return &v->members[i];
}

static const struct sluice_value *value_get(const struct sluice_value *v, struct sluice_str key)
{
	struct sluice_str name;
	const struct sluice_value *member;
	for (size_t i = 0; (member = value_at(v, i, &name)); i++)
		if (name.n == key.n && memcmp(name.p, key.p, key.n) == 0)
			return member;
	return NULL;
}

static size_t value_count(const struct sluice_value *v)
{
	return v ? v->count : 0;
}

static int32_t value_bool(const struct sluice_value *v, int32_t fallback)
{
	return value_type(v) == SLUICE_BOOL ? v->integer != 0 : fallback;
}

static int64_t value_integer(const struct sluice_value *v, int64_t fallback)
{
	return value_type(v) == SLUICE_INTEGER ? v->integer : fallback;
}

static double value_real(const struct sluice_value *v, double fallback)
{
	return fallback;
}

static struct sluice_str value_string(const struct sluice_value *v, struct sluice_str fallback)
{
	return value_type(v) == SLUICE_STRING ? v->text : fallback;
}

static void config_error(
	struct sluice_instance *instance, const struct sluice_value *at, struct sluice_str message)
{
	CHECK(message.n > 0);
	read_all(message);
}

static const struct sluice_target *target(
	struct sluice_instance *instance, const struct sluice_value *at)
{
	return (const struct sluice_target *)(const void *)at;
}

static int32_t callbacks_omit(struct sluice_instance *instance, uint32_t callbacks)
{
	return SLUICE_OK;
}

/* --- messages -------------------------------------------------------------------------------- */
static void log_line(struct sluice_instance *instance, struct sluice_exchange *x,
	enum sluice_log_level level, struct sluice_str message)
{
	read_all(message);
}

static struct sluice_str fact(struct sluice_exchange *x, enum sluice_fact which)
{
	return which == SLUICE_FACT_PRINCIPAL ? SLUICE_STR("") : SLUICE_STR("/orders/7");
}

static int32_t status(struct sluice_exchange *x)
{
	return x->has_response ? 200 : 0;
}

static int32_t status_set(struct sluice_exchange *x, int32_t code)
{
	return code >= 200 && code <= 599 ? SLUICE_OK : SLUICE_E_INVALID;
}

static int64_t now_ms(struct sluice_exchange *x)
{
	return 1000 + (int64_t)x->rounds * 600000;
}

static int32_t field_next(struct sluice_exchange *x, enum sluice_side side, struct sluice_str name,
	uint32_t *at, struct sluice_str *name_out, struct sluice_str *value)
{
	read_all(name);
	if (*at >= 3)
		return SLUICE_E_NOT_FOUND;
	if (name_out)
		*name_out = SLUICE_STR("X-Tenant");
	*value = *at == 1 ? SLUICE_STR("") : SLUICE_STR("blue-7");
	++*at;
	return SLUICE_OK;
}

static int32_t field_get(struct sluice_exchange *x, enum sluice_side side, struct sluice_str name,
	struct sluice_str *value)
{
	*value = SLUICE_STR("blue-7");
	return read_all(name) % 2 ? SLUICE_OK : SLUICE_E_NOT_FOUND;
}

static int32_t field_set(struct sluice_exchange *x, enum sluice_side side, struct sluice_str name,
	struct sluice_str value)
{
	read_all(name);
	return result_of(value);
}

static int32_t field_remove(
	struct sluice_exchange *x, enum sluice_side side, struct sluice_str name)
{
	return result_of(name);
}

static int32_t path_set(
	struct sluice_exchange *x, struct sluice_str path, struct sluice_str query)
{
	read_all(query);
	return result_of(path);
}

static int32_t respond(struct sluice_exchange *x, int32_t code, const struct sluice_str *fields,
	size_t count, struct sluice_str body, struct sluice_str reason)
{
	for (size_t i = 0; i < 2 * count; i++)
		read_all(fields[i]);
	read_all(body);
	read_all(reason);
	x->answered = code >= 200 && code <= 599;
	return x->answered ? SLUICE_OK : SLUICE_E_INVALID;
}

static int32_t body_replace(struct sluice_exchange *x, struct sluice_str bytes)
{
	return result_of(bytes);
}

static int32_t body_pass(struct sluice_exchange *x)
{
	return SLUICE_OK;
}

static int64_t body_length(struct sluice_exchange *x, enum sluice_side side)
{
	return side == SLUICE_REQUEST ? 14 : -1;
}

static int32_t property_set(
	struct sluice_exchange *x, struct sluice_str name, struct sluice_str value)
{
	read_all(name);
	if (name.n > 64)
		return SLUICE_E_INVALID;
	x->property_bytes = value.n < sizeof(x->property) ? value.n : sizeof(x->property);
	if (x->property_bytes)
		memcpy(x->property, value.p, x->property_bytes);
	return result_of(value);
}

static int32_t property_get(
	struct sluice_exchange *x, struct sluice_str name, struct sluice_str *value)
{
	*value = (struct sluice_str){x->property, x->property_bytes};
	return read_all(name) % 2 ? SLUICE_OK : SLUICE_E_NOT_FOUND;
}

static int32_t authenticate(struct sluice_exchange *x, struct sluice_str principal,
	struct sluice_str id, struct sluice_str name)
{
	read_all(principal);
	read_all(id);
	return result_of(name);
}

static void data_set(struct sluice_exchange *x, void *data)
{
	x->data = data;
}

static void *data_get(struct sluice_exchange *x)
{
	return x->data;
}

static void *worker;

static void *worker_data(struct sluice_exchange *x)
{
	return worker;
}

/* --- waiting --------------------------------------------------------------------------------- */
static sluice_token pause_exchange(struct sluice_exchange *x, uint32_t deadline_ms)
{
	CHECK(deadline_ms >= 1 && deadline_ms <= 600000);
	x->waits_for_time = true;
	return 7;
}

static int32_t resume_after(struct sluice_exchange *x, sluice_token token, uint32_t after_ms)
{
	CHECK(token == 7 && x->waits_for_time);
	return SLUICE_OK;
}

static int32_t resumed(struct sluice_exchange *x)
{
	return x->is_resumed;
}

static int32_t wait_for(struct sluice_exchange *x, uint32_t deadline_ms)
{
	CHECK(deadline_ms >= 1 && deadline_ms <= 600000);
	if (x->begun[x->side] == 0)
		return SLUICE_FAIL;
	x->begun[x->side] = 0;
	return SLUICE_PAUSE;
}

/* --- services -------------------------------------------------------------------------------- */
static int32_t any_next(struct sluice_exchange *x, struct sluice_str name, uint32_t *at,
	struct sluice_str *name_out, struct sluice_str *value)
{
	return field_next(x, SLUICE_REQUEST, name, at, name_out, value);
}

static int32_t any_remove(struct sluice_exchange *x, struct sluice_str name)
{
	return result_of(name);
}

static const struct sluice_request_service request_service = {
	.size = sizeof(request_service),
	.query_next = any_next,
	.cookie_next = any_next,
	.query_remove = any_remove,
	.cookie_remove = any_remove,
};

static void answer(struct sluice_answer *a, uint64_t seed)
{
	static const int32_t results[] = {SLUICE_OK, SLUICE_E_NOT_FOUND, SLUICE_E_CONFLICT,
		SLUICE_E_FULL, SLUICE_OK};
	a->result = results[seed % 5];
	a->value = SLUICE_STR("[1,{\"a\":null}]");
	a->version = seed;
	a->count = (int64_t)(seed % 100);
	a->remaining_ms = 1000;
}

static struct sluice_state *open_store(
	struct sluice_instance *instance, const struct sluice_state_options *options)
{
	return (struct sluice_state *)(void *)&held;
}

static int32_t ask(struct sluice_exchange *x, struct sluice_state *state,
	const struct sluice_question *q, struct sluice_answer *a)
{
	uint64_t seed = read_all(q->key) ^ read_all(q->value);
	if (q->key.n < 1 || q->key.n > 1024 || result_of(q->key) != SLUICE_OK)
		return SLUICE_E_INVALID;
	if (ways & LATE) {
		x->begun[x->side]++;
		x->questions[x->side]++;
		return SLUICE_PENDING;
	}
	answer(a, seed);
	return SLUICE_OK;
}

static int32_t take(
	struct sluice_exchange *x, struct sluice_state *state, struct sluice_answer *a)
{
	if (x->questions[x->side] == 0)
		return SLUICE_E_NOT_FOUND;
	answer(a, x->questions[x->side]--);
	return ways & FAILING ? SLUICE_E_UNAVAILABLE : SLUICE_OK;
}

static const struct sluice_state_service state_service = {
	.size = sizeof(state_service), .open = open_store, .ask = ask, .take = take};

static int32_t http_begin(struct sluice_exchange *x, const struct sluice_target *to,
	const struct sluice_http_request *r)
{
	CHECK(to);
	for (size_t i = 0; i < 2 * r->field_count; i++)
		read_all(r->fields[i]);
	read_all(r->method);
	read_all(r->body);
	if (result_of(r->path) != SLUICE_OK || x->calls[x->side] == SLUICE_HTTP_EXCHANGE_MAX)
		return SLUICE_E_FULL;
	x->begun[x->side]++;
	x->calls[x->side]++;
	return SLUICE_OK;
}

static int32_t http_take(struct sluice_exchange *x, struct sluice_http_response *r)
{
	if (x->calls[x->side] == 0)
		return SLUICE_E_NOT_FOUND;
	bool is_good = x->calls[x->side]-- % 2 || !(ways & FAILING);
	r->result = is_good ? SLUICE_OK : SLUICE_E_TIMEOUT;
	r->status = is_good ? 200 : 0;
	r->body = is_good ? SLUICE_STR("{\"allow\":true}") : SLUICE_STR("");
	r->message = is_good ? SLUICE_STR("") : SLUICE_STR("not in time");
	r->fields = NULL;
	return SLUICE_OK;
}

static int32_t http_field_next(const struct sluice_http_response *r, struct sluice_str name,
	uint32_t *at, struct sluice_str *name_out, struct sluice_str *value)
{
	return r->status == 0 ? SLUICE_E_NOT_FOUND
			      : field_next(NULL, RESPONSE, name, at, name_out, value);
}

static const struct sluice_http_service http_service = {
	.size = sizeof(http_service),
	.begin = http_begin,
	.take = http_take,
	.field_next = http_field_next,
};

static int32_t equal(struct sluice_str a, struct sluice_str b)
{
	return constant_time_equal((struct str){a.p, a.n}, (struct str){b.p, b.n});
}

static int64_t decode64(struct sluice_str in, char *out)
{
	size_t n;
	return base64_decode((struct str){in.p, in.n}, out, &n) == RC_OK ? (int64_t)n
									 : SLUICE_E_INVALID;
}

static void digest(struct sluice_str in, uint8_t out[32])
{
	sha256((struct str){in.p, in.n}, out);
}

/* No randomness: what is found has to be found again. */
static int32_t no_random(void *out, size_t n)
{
	memset(out, 7, n);
	return SLUICE_OK;
}

static const struct sluice_crypto_service crypto_service = {
	.size = sizeof(crypto_service),
	.constant_time_equal = equal,
	.base64_decode = decode64,
	.sha256 = digest,
	.random = no_random,
};

/* A metric is where its number of series stands. */
static uint32_t series_counts[16];
static size_t metric_count;

static struct sluice_metric *metric_define(
	struct sluice_instance *instance, const struct sluice_metric_definition *d)
{
	uint32_t count = 1;
	read_all(d->name);
	read_all(d->description);
	for (size_t i = 0; i < d->label_count; i++) {
		read_all(d->labels[i].name);
		for (size_t j = 0; j < d->labels[i].value_count; j++)
			read_all(d->labels[i].values[j]);
		count *= (uint32_t)d->labels[i].value_count;
	}
	if (metric_count == 16 || count < 1 || count > SLUICE_SERIES_MAX)
		return NULL;
	series_counts[metric_count] = count;
	return (struct sluice_metric *)(void *)&series_counts[metric_count++];
}

static void metric_add(struct sluice_metric *m, uint32_t series, int64_t n)
{
	CHECK(m && series < *(const uint32_t *)(const void *)m);
}

static void metric_watch(struct sluice_metric *m, uint32_t series, uint64_t micro)
{
	CHECK(m && series < *(const uint32_t *)(const void *)m);
}

static const struct sluice_metrics_service metrics_service = {
	.size = sizeof(metrics_service),
	.define = metric_define,
	.add = metric_add,
	.observe = metric_watch,
};

static const struct sluice_timer_service timer_service = {
	.size = sizeof(timer_service), .resume_after = resume_after};

static const void *service(const char *name)
{
	static const struct {
		const char *name;
		const void *table;
	} services[] = {
		{SLUICE_CRYPTO_SERVICE, &crypto_service},
		{SLUICE_HTTP_SERVICE, &http_service},
		{SLUICE_METRICS_SERVICE, &metrics_service},
		{SLUICE_REQUEST_SERVICE, &request_service},
		{SLUICE_STATE_SERVICE, &state_service},
		{SLUICE_TIMER_SERVICE, &timer_service},
	};
	for (size_t i = 0; i < sizeof(services) / sizeof(services[0]); i++)
		if (strcmp(services[i].name, name) == 0)
			return services[i].table;
	return NULL;
}

static const struct sluice_host host = {
	.size = sizeof(host),
	.service = service,
	.log = log_line,
	.exchange_alloc = exchange_alloc,
	.instance_alloc = instance_alloc,
	.instance_free = instance_free,
	.value_type = value_type,
	.value_get = value_get,
	.value_at = value_at,
	.value_count = value_count,
	.value_bool = value_bool,
	.value_integer = value_integer,
	.value_real = value_real,
	.value_string = value_string,
	.config_error = config_error,
	.fact = fact,
	.status = status,
	.status_set = status_set,
	.now_ms = now_ms,
	.wall_ms = now_ms,
	.field_get = field_get,
	.field_next = field_next,
	.field_set = field_set,
	.field_add = field_set,
	.field_remove = field_remove,
	.path_set = path_set,
	.respond = respond,
	.pause = pause_exchange,
	.resumed = resumed,
	.body_replace = body_replace,
	.property_set = property_set,
	.property_get = property_get,
	.authenticate = authenticate,
	.data_set = data_set,
	.data_get = data_get,
	.worker_data = worker_data,
	.body_pass = body_pass,
	.callbacks_omit = callbacks_omit,
	.body_length = body_length,
	.wait = wait_for,
	.target = target,
};

/* --- exchanges ------------------------------------------------------------------------------- */
static int32_t run(const struct sluice_call *call, struct sluice_exchange *x)
{
	const struct settings *s = call->state;
	struct sluice_body piece = {.size = sizeof(piece), .end = 1, .bytes = SLUICE_STR("{\"item\": [7]}\n")};
	bool is_body = x->at == HANDLER_request_body || x->at == HANDLER_response_body;
	if (!(s->handlers & 1u << x->at))
		return SLUICE_CONTINUE;
	if (is_body && ways & SMALL_PIECES && x->piece < 2) {
		piece.end = 0;
		piece.bytes.n = 3;
	}
	x->side = x->at < HANDLER_response_head ? SLUICE_REQUEST : SLUICE_RESPONSE;
	x->answered = false;
	x->waits_for_time = false;
	return visit_run(call, x, x->at, is_body ? &piece : NULL);
}

static void go_to(struct sluice_exchange *x, enum handler at)
{
	x->at = at;
	x->piece = 0;
	x->has_response = at >= HANDLER_response_head;
}

static void go_on(struct sluice_exchange *x)
{
	bool is_body = x->at == HANDLER_request_body || x->at == HANDLER_response_body;
	if (is_body && ways & SMALL_PIECES && x->piece < 2)
		x->piece++;
	else
		go_to(x, (enum handler)(x->at + 1));
}

/* The end of an exchange, however it came about. */
static void finish(const struct sluice_call *call, struct sluice_exchange *x)
{
	const struct settings *s = call->state;
	x->is_resumed = false;
	x->at = HANDLER_log;
	if (s->handlers & 1u << HANDLER_log)
		visit_run(call, x, HANDLER_log, NULL);
	visit_done(call, x);
	while (x->block_count)
		free(x->blocks[--x->block_count]);
	x->is_over = true;
}

/* One callback. Who waits too often goes away. */
static void step(const struct sluice_call *call, struct sluice_exchange *x)
{
	bool was_in_request = x->at < HANDLER_response_head;
	int32_t verdict = run(call, x);
	x->is_resumed = verdict == SLUICE_PAUSE;
	if (verdict == SLUICE_PAUSE) {
		x->rounds++;
	} else if (verdict == SLUICE_RESPONDED) {
		CHECK(x->answered);
		go_to(x, was_in_request ? HANDLER_response_head : HANDLER_log);
	} else if (verdict == SLUICE_CONTINUE) {
		go_on(x);
	} else {
		CHECK(verdict == SLUICE_FAIL);
		go_to(x, HANDLER_log);
	}
	if (x->at == HANDLER_log || x->rounds == ROUNDS_MAX)
		finish(call, x);
}

static void serve(const struct sluice_call *call)
{
	struct sluice_exchange two[2] = {{.at = HANDLER_request_head}, {.at = HANDLER_request_head}};
	while (!two[0].is_over || !two[1].is_over)
		for (size_t i = 0; i < 2; i++)
			if (!two[i].is_over)
				step(call, &two[i]);
}

/* Lives until `release`. */
static const struct sluice_value *tree(struct sluice_str script)
{
	static const struct sluice_value list[] = {
		{.type = SLUICE_INTEGER, .integer = 7}, {.type = SLUICE_NULL}};
	static const struct sluice_value own[] = {
		{.type = SLUICE_STRING, .key = "key", .text = {"secret", 6}},
		{.type = SLUICE_BOOL, .key = "on", .integer = 1},
		{.type = SLUICE_ARRAY, .key = "list", .members = list, .count = 2}};
	static const struct sluice_value judge[] = {
		{.type = SLUICE_STRING, .key = "judge", .text = {"http://judge", 12}}};
	static struct sluice_value mode[] = {{.type = SLUICE_STRING, .key = "mode"}};
	static struct sluice_value members[] = {
		{.type = SLUICE_STRING, .key = "script"},
		{.type = SLUICE_OBJECT, .key = "config", .members = own, .count = 3},
		{.type = SLUICE_OBJECT, .key = "targets", .members = judge, .count = 1},
		{.type = SLUICE_OBJECT, .key = "requestBody", .members = mode, .count = 1},
		{.type = SLUICE_OBJECT, .key = "responseBody", .members = mode, .count = 1},
		{.type = SLUICE_INTEGER, .key = "instructions", .integer = STEPS},
		{.type = SLUICE_INTEGER, .key = "memoryBytes", .integer = MEMORY_BYTES},
	};
	static const struct sluice_value config = {.type = SLUICE_OBJECT,
		.members = members,
		.count = sizeof(members) / sizeof(members[0])};
	mode[0].text = ways & FULL_BODY ? SLUICE_STR("buffer") : SLUICE_STR("stream");
	members[0].text = script;
	return &config;
}

static int32_t configure(struct sluice_call *call, struct sluice_str script)
{
	struct settings *s = NULL;
	int32_t rc = settings_new(call, tree(script), &s);
	call->state = s;
	return rc;
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
	struct sluice_call call = {.size = sizeof(call), .host = &host};
	if (n < 1 || n > SCRIPT_BYTES_MAX)
		return 0;
	ways = bytes[0];
	metric_count = 0;
	char *exact = malloc(n);
	CHECK(exact);
	memcpy(exact, bytes + 1, n - 1);
	if (configure(&call, (struct sluice_str){exact, n - 1}) == SLUICE_OK) {
		if (visit_worker_start(&call, &worker) == SLUICE_OK) {
			serve(&call);
			visit_worker_stop(&call, worker);
		}
		settings_free(&call, call.state);
	}
	CHECK(held == 0);
	free(exact);
	return 0;
}
