/* SPDX-License-Identifier: Apache-2.0 */
#include "unit.h"

#include "rig.h"

#include "policy/local_stream.h"
#include "services/services.h"

#include "sluice/cache.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

static enum services_store store_late(void)
{
	return STORE_LATE;
}

/* A small caching policy: the key is the path; what is found is answered. */
static const struct sluice_cache_service *service;
static struct sluice_cache *cache;
static struct sluice_cache_options options;
static struct sluice_cached found;
static uint64_t offset, length;
static int32_t piece_rc, stored_status;
static int waited;

static int32_t configure(const struct sluice_call *call, const struct sluice_value *config,
	void *previous, void **out)
{
	struct sluice_cache_options wrong = options;
	service = call->host->service(SLUICE_CACHE_SERVICE);
	ck_assert_ptr_null(service->open(call->instance, NULL));
	wrong.entry_bytes_max = wrong.bytes_max + 1;
	ck_assert_ptr_null(service->open(call->instance, &wrong));
	wrong = options;
	wrong.entries_max = 0;
	ck_assert_ptr_null(service->open(call->instance, &wrong));
	cache = service->open(call->instance, &options);
	ck_assert_ptr_nonnull(cache);
	return SLUICE_OK;
}

static int32_t request_head(const struct sluice_call *call, struct sluice_exchange *x)
{
	const struct sluice_host *host = call->host;
	struct sluice_str path = host->fact(x, SLUICE_FACT_PATH);
	found = (struct sluice_cached){.size = sizeof(found)};
	int32_t rc = host->resumed(x) ? service->take(x, cache, &found)
				      : service->find(x, cache, path, &found);
	if (rc == SLUICE_PENDING) {
		waited++;
		ck_assert_int_eq(service->take(x, cache, &found), SLUICE_PENDING);
		return host->wait(x, 1000);
	}
	ck_assert_int_eq(service->take(x, cache, &found), SLUICE_E_NOT_FOUND);
	if (rc == SLUICE_E_NOT_FOUND)
		return SLUICE_CONTINUE;
	ck_assert_int_eq(rc, SLUICE_OK);
	const struct sluice_str fields[] = {SLUICE_STR("x-cache"), SLUICE_STR("hit")};
	const struct sluice_cache_answer a = {.size = sizeof(a),
		.status = stored_status,
		.fields = fields,
		.field_count = 1,
		.reason = SLUICE_STR("cached"),
		.offset = offset,
		.length = length};
	rc = service->respond(x, found.entry, &a);
	if (offset > found.length) {
		ck_assert_int_eq(rc, SLUICE_E_INVALID);
		return SLUICE_FAIL;
	}
	ck_assert_int_eq(rc, SLUICE_OK);
	return SLUICE_RESPONDED;
}

static struct sluice_cache_item item_of(struct sluice_str key)
{
	return (struct sluice_cache_item){.size = sizeof(struct sluice_cache_item),
		.key = key,
		.group = SLUICE_STR("things"),
		.meta = SLUICE_STR("etag-1"),
		.for_ms = 60000};
}

static int32_t response_head(const struct sluice_call *call, struct sluice_exchange *x)
{
	const struct sluice_cache_item item = item_of(call->host->fact(x, SLUICE_FACT_PATH));
	struct sluice_cache_item wrong = item;
	wrong.for_ms = 0;
	ck_assert_int_eq(service->store_begin(x, cache, &wrong), SLUICE_E_INVALID);
	ck_assert_int_eq(service->store_begin(x, cache, NULL), SLUICE_E_INVALID);
	ck_assert_int_eq(service->store_abandon(x, cache), SLUICE_E_NOT_FOUND);
	ck_assert_int_eq(service->store_begin(x, cache, &item), SLUICE_OK);
	ck_assert_int_eq(service->store_begin(x, cache, &item), SLUICE_E_CONFLICT);
	return SLUICE_CONTINUE;
}

static int32_t response_body(
	const struct sluice_call *call, struct sluice_exchange *x, const struct sluice_body *body)
{
	ck_assert_int_eq(service->store_piece(x, cache, NULL), SLUICE_E_INVALID);
	int32_t rc = service->store_piece(x, cache, body);
	if (rc != SLUICE_OK)
		piece_rc = rc;
	return SLUICE_CONTINUE;
}

static struct sluice_policy policy;

static struct visit *begin(void)
{
	policy = (struct sluice_policy){
		.size = sizeof(policy),
		.name = "caching",
		.version = "1.0.0",
		.configure = configure,
		.request_head = request_head,
		.response_head = response_head,
		.response_body = response_body,
	};
	options = (struct sluice_cache_options){.size = sizeof(options),
		.bytes_max = 1 << 20,
		.entry_bytes_max = 1000,
		.entries_max = 100};
	offset = length = 0;
	piece_rc = SLUICE_OK;
	stored_status = 200;
	waited = 0;
	struct rig *r = rig_new(2);
	rig_bind(r, rig_policy(r, &policy), "caching", "{}")->body[CHAIN_RESPONSE].mode =
		BODY_OBSERVE;
	struct visit *v = visit_new(r, 0);
	visit_begin(v);
	return v;
}

static void end(struct visit *v)
{
	struct rig *r = v->rig;
	services_store_by(NULL);
	visit_free(v);
	rig_free(r);
}

/* A miss, with that body in two pieces. */
static void fill(struct visit *v, const char *body)
{
	ck_assert_int_eq(chain_step(&v->x, CHAIN_REQUEST), CHAIN_MORE);
	v->x.response = &v->response;
	chunk_queue_add_copy(&v->x.run[CHAIN_RESPONSE].in, str_n(body, 2));
	ck_assert_int_eq(chain_step(&v->x, CHAIN_RESPONSE), CHAIN_MORE);
	ck_assert_int_eq(visit_give(v, CHAIN_RESPONSE, body + 2), CHAIN_DONE);
	visit_begin(v);
}

static const char *hit(struct visit *v)
{
	static char text[4096];
	ck_assert_int_eq(chain_step(&v->x, CHAIN_REQUEST), CHAIN_RESPONDED);
	struct local_stream *s = v->x.local->stream;
	v->x.response = &v->x.local->head;
	assert_str(v->x.local->reason, "cached");
	assert_str(visit_answered(v, "x-cache"), "hit");
	ck_assert(s->ended);
	size_t n = s->queue.bytes;
	chunk_queue_peek(&s->queue, text, n);
	text[n] = '\0';
	return text;
}

START_TEST(what_passed_is_answered_from_then_on)
{
	struct visit *v = begin();
	fill(v, "hello world");
	ck_assert_str_eq(hit(v), "hello world");
	ck_assert_int_eq(v->x.local->head.content_length, 11);
	ck_assert_uint_eq(found.length, 11);
	ck_assert_int_eq(found.remaining_ms, 60000);
	end(v);
}
END_TEST

START_TEST(a_part_of_it_is_sent)
{
	static const struct {
		uint64_t offset, length;
		const char *expected;
	} rows[] = {
		{0, 5, "hello"}, {6, 0, "world"}, {6, 100, "world"}, {4, 3, "o w"}, {11, 0, ""}};
	struct visit *v = begin();
	fill(v, "hello world");
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		offset = rows[i].offset;
		length = rows[i].length;
		ck_assert_str_eq(hit(v), rows[i].expected);
		ck_assert_int_eq(
			v->x.local->head.content_length, (int64_t)strlen(rows[i].expected));
		visit_begin(v);
	}
	offset = 12;
	ck_assert_int_eq(chain_step(&v->x, CHAIN_REQUEST), CHAIN_FAILED);
	end(v);
}
END_TEST

START_TEST(head_and_304_have_no_body)
{
	struct visit *v = begin();
	fill(v, "hello world");
	v->request.method = METHOD_HEAD;
	ck_assert_str_eq(hit(v), "");
	ck_assert_int_eq(v->x.local->head.content_length, 11);
	visit_begin(v);
	stored_status = 304;
	ck_assert_str_eq(hit(v), "");
	end(v);
}
END_TEST

START_TEST(a_response_that_breaks_off_is_forgotten)
{
	struct visit *v = begin();
	ck_assert_int_eq(chain_step(&v->x, CHAIN_REQUEST), CHAIN_MORE);
	v->x.response = &v->response;
	chunk_queue_add_copy(&v->x.run[CHAIN_RESPONSE].in, STR("half"));
	ck_assert_int_eq(chain_step(&v->x, CHAIN_RESPONSE), CHAIN_MORE);
	visit_begin(v);
	ck_assert_int_eq(chain_step(&v->x, CHAIN_REQUEST), CHAIN_MORE);
	end(v);
}
END_TEST

START_TEST(a_body_that_is_too_large_is_given_up)
{
	char text[1200];
	struct visit *v = begin();
	memset(text, 'x', sizeof(text));
	text[sizeof(text) - 1] = '\0';
	fill(v, text);
	ck_assert_int_eq(piece_rc, SLUICE_E_FULL);
	ck_assert_int_eq(chain_step(&v->x, CHAIN_REQUEST), CHAIN_MORE);
	end(v);
}
END_TEST

/* It lies with the exchange: the store is empty meanwhile. */
START_TEST(what_is_being_sent_outlives_its_place)
{
	struct visit *v = begin();
	fill(v, "hello world");
	ck_assert_int_eq(chain_step(&v->x, CHAIN_REQUEST), CHAIN_RESPONDED);
	struct chunk_queue sent;
	chunk_queue_init(&sent, loop_pool(v->loop));
	chunk_queue_move(&sent, &v->x.local->stream->queue);
	visit_begin(v);
	loop_fake_advance(v->loop, 61000);
	ck_assert_int_eq(chain_step(&v->x, CHAIN_REQUEST), CHAIN_MORE);
	char text[12] = "";
	chunk_queue_peek(&sent, text, 11);
	ck_assert_str_eq(text, "hello world");
	chunk_queue_clear(&sent);
	end(v);
}
END_TEST

START_TEST(the_same_policy_waits_for_a_late_answer)
{
	struct visit *v = begin();
	services_store_by(store_late);
	ck_assert_int_eq(chain_step(&v->x, CHAIN_REQUEST), CHAIN_PAUSED);
	loop_turn(v->loop, 0);
	loop_turn(v->loop, 0);
	fill(v, "hello world");
	ck_assert_int_eq(chain_step(&v->x, CHAIN_REQUEST), CHAIN_PAUSED);
	loop_turn(v->loop, 0);
	loop_turn(v->loop, 0);
	ck_assert_str_eq(hit(v), "hello world");
	ck_assert_int_eq(waited, 2);
	visit_begin(v);
	ck_assert_int_eq(chain_step(&v->x, CHAIN_REQUEST), CHAIN_PAUSED);
	visit_end(v); /* with the question under way */
	end(v);
}
END_TEST

/* Its clock is behind that of the worker which has stored it. */
static void *other_worker(void *arg)
{
	struct visit *v = visit_new(arg, 1);
	visit_begin(v);
	ck_assert_str_eq(hit(v), "hello world");
	visit_free(v);
	return NULL;
}

START_TEST(what_another_worker_has_just_stored_is_not_of_tomorrow)
{
	pthread_t other;
	struct visit *v = begin();
	loop_fake_advance(v->loop, 5);
	fill(v, "hello world");
	ck_assert_int_eq(pthread_create(&other, NULL, other_worker, v->rig), 0);
	pthread_join(other, NULL);
	ck_assert_int_eq(found.age_ms, 0);
	ck_assert_str_eq(hit(v), "hello world");
	ck_assert_int_eq(found.age_ms, 0);
	end(v);
}
END_TEST

START_TEST(what_ends_while_its_answer_is_on_the_way_has_nothing_left)
{
	struct visit *v = begin();
	fill(v, "hello world");
	loop_fake_advance(v->loop, 59950);
	services_store_by(store_late);
	ck_assert_int_eq(chain_step(&v->x, CHAIN_REQUEST), CHAIN_PAUSED);
	loop_turn(v->loop, 0);
	loop_fake_advance(v->loop, 100);
	ck_assert_str_eq(hit(v), "hello world");
	ck_assert_int_eq(found.age_ms, 60050);
	ck_assert_int_eq(found.remaining_ms, 0);
	end(v);
}
END_TEST

/* --- fields that lie in the meta data -------------------------------------------------------- */
#define HEAD_META                                                                                  \
	"EtagaX-A1X-B2bad name3tail that makes room for some marks, each of which takes some "     \
	"bytes of it"
enum { FIELDS_ALL, FIELDS_FEWER, FIELDS_BEHIND, FIELDS_WRONG };
static int which_fields;

/* Etag, X-A, X-B and "bad name", as they lie in what was found. */
static size_t fields_at(struct sluice_str *to, const char *meta)
{
	const struct sluice_str all[] = {{meta, 4}, {meta + 4, 1}, {meta + 5, 3}, {meta + 8, 1},
		{meta + 9, 3}, {meta + 12, 1}, {meta + 13, 8}, {meta + 21, 1}};
	static const unsigned char rows[][4] = {{0, 1, 2}, {0, 2, 9}, {2, 0, 1}, {0, 3, 9}};
	size_t n = 0;
	for (size_t i = 0; i < 3 && rows[which_fields][i] < 4; i++, n++) {
		to[2 * n] = all[2 * rows[which_fields][i]];
		to[2 * n + 1] = all[2 * rows[which_fields][i] + 1];
	}
	to[2 * n] = SLUICE_STR("x-cache");
	to[2 * n + 1] = SLUICE_STR("hit");
	return n + 1;
}

static int32_t answer_from_meta(const struct sluice_call *call, struct sluice_exchange *x)
{
	struct sluice_cache_item item = item_of(SLUICE_STR("/head"));
	struct sluice_str fields[8];
	struct sluice_cached c = {.size = sizeof(c)};
	item.meta = SLUICE_STR(HEAD_META);
	if (service->find(x, cache, item.key, &c) != SLUICE_OK) {
		ck_assert_int_eq(service->put(call, cache, &item, SLUICE_STR("b")), SLUICE_OK);
		ck_assert_int_eq(service->find(x, cache, item.key, &c), SLUICE_OK);
	}
	const struct sluice_cache_answer a = {.size = sizeof(a),
		.status = stored_status,
		.fields = fields,
		.field_count = fields_at(fields, c.meta.p)};
	int32_t rc = service->respond(x, c.entry, &a);
	ck_assert_int_eq(rc, which_fields == FIELDS_WRONG ? SLUICE_E_INVALID : SLUICE_OK);
	return rc == SLUICE_OK ? SLUICE_RESPONDED : SLUICE_FAIL;
}

static void assert_answer(struct visit *v, int fields, const char *expected)
{
	char text[200] = "";
	which_fields = fields;
	visit_begin(v);
	ck_assert_int_eq(chain_step(&v->x, CHAIN_REQUEST), CHAIN_RESPONDED);
	const struct fields *f = &v->x.local->head.fields;
	for (uint32_t i = 0; i < f->count; i++) {
		size_t n = strlen(text);
		snprintf(text + n, sizeof(text) - n, "%.*s:%.*s ", STR_ARG(f->items[i].name),
			STR_ARG(f->items[i].value));
		ck_assert_int_eq(f->items[i].id, field_id_of(f->items[i].name));
		ck_assert(fields_may_have(f, f->items[i].id, f->items[i].name));
	}
	ck_assert_str_eq(text, expected);
}

static struct visit *begin_from_meta(void)
{
	struct visit *v = begin();
	struct rig *r = v->rig;
	visit_free(v);
	rig_free(r);
	policy.request_head = answer_from_meta;
	policy.response_body = NULL;
	r = rig_new(1);
	rig_bind(r, rig_policy(r, &policy), "caching", "{}");
	return visit_new(r, 0);
}

START_TEST(fields_of_the_meta_data_are_the_same_each_time)
{
	struct visit *v = begin_from_meta();
	for (int i = 0; i < 3; i++)
		assert_answer(v, FIELDS_ALL, "Etag:a X-A:1 X-B:2 x-cache:hit ");
	assert_answer(v, FIELDS_FEWER, "Etag:a X-B:2 x-cache:hit ");
	assert_answer(v, FIELDS_BEHIND, "X-B:2 Etag:a X-A:1 x-cache:hit ");
	assert_answer(v, FIELDS_ALL, "Etag:a X-A:1 X-B:2 x-cache:hit ");
	end(v);
}
END_TEST

START_TEST(what_an_answer_left_out_is_checked_when_it_comes)
{
	struct visit *v = begin_from_meta();
	assert_answer(v, FIELDS_FEWER, "Etag:a X-B:2 x-cache:hit ");
	for (int i = 0; i < 2; i++)
		assert_answer(v, FIELDS_ALL, "Etag:a X-A:1 X-B:2 x-cache:hit ");
	stored_status = 304;
	assert_answer(v, FIELDS_FEWER, "Etag:a X-B:2 x-cache:hit ");
	which_fields = FIELDS_WRONG;
	for (int i = 0; i < 2; i++) {
		visit_begin(v);
		ck_assert_int_eq(chain_step(&v->x, CHAIN_REQUEST), CHAIN_FAILED);
	}
	end(v);
}
END_TEST

/* --- without the policy above ---------------------------------------------------------------- */
static int32_t use_all(const struct sluice_call *call, struct sluice_exchange *x)
{
	struct sluice_cache_item item = item_of(SLUICE_STR("/k1"));
	struct sluice_cached c = {.size = sizeof(c)}, tiny = {.size = 8};
	struct sluice_str bytes;
	const struct sluice_cache_answer a = {.size = sizeof(a), .status = 200};
	ck_assert_int_eq(service->put(call, cache, &item, SLUICE_STR("one")), SLUICE_OK);
	item.key = SLUICE_STR("/k2");
	ck_assert_int_eq(service->put(call, cache, &item, SLUICE_STR("two")), SLUICE_OK);
	item.key = SLUICE_STR("");
	ck_assert_int_eq(service->put(call, cache, &item, SLUICE_STR("x")), SLUICE_E_INVALID);
	ck_assert_int_eq(service->find(x, cache, SLUICE_STR(""), &c), SLUICE_E_INVALID);
	ck_assert_int_eq(service->find(x, cache, SLUICE_STR("/k1"), &tiny), SLUICE_E_INVALID);
	ck_assert_int_eq(service->find(x, NULL, SLUICE_STR("/k1"), &c), SLUICE_E_WRONG_CALLBACK);
	ck_assert_int_eq(service->find(x, cache, SLUICE_STR("/k1"), &c), SLUICE_OK);
	ck_assert_int_eq(service->read(x, c.entry, 1, &bytes), SLUICE_OK);
	assert_str(str_n(bytes.p, bytes.n), "ne");
	ck_assert_int_eq(service->read(x, c.entry, 3, &bytes), SLUICE_OK);
	ck_assert_uint_eq(bytes.n, 0);
	ck_assert_int_eq(service->touch(x, c.entry, SLUICE_STR("etag-2"), 90000), SLUICE_OK);
	ck_assert_int_eq(service->touch(x, c.entry, SLUICE_STR("x"), 90000), SLUICE_E_CONFLICT);
	ck_assert_int_eq(service->touch(x, c.entry, SLUICE_STR("x"), 0), SLUICE_E_INVALID);
	struct sluice_cache_entry *older = c.entry;
	ck_assert_int_eq(service->find(x, cache, SLUICE_STR("/k1"), &c), SLUICE_OK);
	assert_str(str_n(c.meta.p, c.meta.n), "etag-2");
	ck_assert_ptr_ne(c.entry, older);
	ck_assert_int_eq(service->respond(x, (struct sluice_cache_entry *)(void *)&bytes, &a),
		SLUICE_E_INVALID);
	ck_assert_int_eq(service->respond(x, NULL, &a), SLUICE_E_INVALID);
	ck_assert_int_eq(service->respond(x, c.entry, NULL), SLUICE_E_INVALID);
	ck_assert_int_eq(service->remove(call, cache, SLUICE_STR("/k1")), SLUICE_OK);
	ck_assert_int_eq(service->remove(call, cache, SLUICE_STR("/k1")), SLUICE_E_NOT_FOUND);
	ck_assert_int_eq(service->remove_group(call, cache, SLUICE_STR("")), SLUICE_E_INVALID);
	ck_assert_int_eq(service->remove_group(call, cache, SLUICE_STR("things")), 1);
	ck_assert_int_eq(service->put(call, cache, &(struct sluice_cache_item){0}, SLUICE_STR("x")),
		SLUICE_E_INVALID);
	item.key = SLUICE_STR("/k3");
	ck_assert_int_eq(service->put(call, cache, &item, SLUICE_STR("three")), SLUICE_OK);
	ck_assert_int_eq(service->remove_prefix(call, cache, SLUICE_STR("/k")), 1);
	return SLUICE_CONTINUE;
}

START_TEST(calls_do_what_they_say_and_refuse_the_rest)
{
	struct visit *v = begin();
	struct rig *r = v->rig;
	visit_free(v);
	rig_free(r);
	policy.request_head = use_all;
	policy.response_body = NULL;
	r = rig_new(1);
	rig_bind(r, rig_policy(r, &policy), "caching", "{}");
	v = visit_new(r, 0);
	visit_begin(v);
	ck_assert_int_eq(chain_step(&v->x, CHAIN_REQUEST), CHAIN_MORE);
	end(v);
}
END_TEST

/* Two bindings that store the same response in one store. */
static struct {
	struct sluice_instance *instance;
	struct sluice_cache *cache;
	int32_t rc;
} holders[2];
static int holder_count;

static int32_t configure_shared(const struct sluice_call *call, const struct sluice_value *config,
	void *previous, void **out)
{
	service = call->host->service(SLUICE_CACHE_SERVICE);
	options.name = SLUICE_STR("shared");
	options.bytes_max = options.entry_bytes_max = 65536;
	holders[holder_count].instance = call->instance;
	holders[holder_count].cache = service->open(call->instance, &options);
	ck_assert_ptr_nonnull(holders[holder_count++].cache);
	return SLUICE_OK;
}

static int holder_of(const struct sluice_call *call)
{
	return holders[0].instance == call->instance ? 0 : 1;
}

static int32_t begin_shared(const struct sluice_call *call, struct sluice_exchange *x)
{
	const struct sluice_cache_item item = item_of(SLUICE_STR("/k"));
	ck_assert_int_eq(service->store_begin(x, holders[holder_of(call)].cache, &item), SLUICE_OK);
	return SLUICE_CONTINUE;
}

static int32_t piece_shared(
	const struct sluice_call *call, struct sluice_exchange *x, const struct sluice_body *body)
{
	int i = holder_of(call);
	holders[i].rc = service->store_piece(x, holders[i].cache, body);
	return SLUICE_CONTINUE;
}

static struct visit *begin_two(void)
{
	end(begin());
	policy.configure = configure_shared;
	policy.request_head = NULL;
	policy.response_head = begin_shared;
	policy.response_body = piece_shared;
	holder_count = 0;
	struct rig *r = rig_new(1);
	for (int i = 0; i < 2; i++)
		rig_bind(r, rig_policy(r, &policy), "caching", "{}")->body[CHAIN_RESPONSE].mode =
			BODY_OBSERVE;
	struct visit *v = visit_new(r, 0);
	visit_begin(v);
	return v;
}

START_TEST(what_is_under_way_is_bounded_as_the_store_is)
{
	static char half[40000];
	struct visit *v = begin_two();
	for (int i = 0; i < 2; i++) {
		ck_assert_int_eq(chain_step(&v->x, CHAIN_REQUEST), CHAIN_MORE);
		v->x.response = &v->response;
		chunk_queue_add_copy(&v->x.run[CHAIN_RESPONSE].in, str_n(half, sizeof(half)));
		ck_assert_int_eq(chain_step(&v->x, CHAIN_RESPONSE), CHAIN_MORE);
		ck_assert_int_eq(holders[1].rc, SLUICE_OK); /* the first on the way back */
		ck_assert_int_eq(holders[0].rc, SLUICE_E_FULL);
		ck_assert_int_eq(visit_give(v, CHAIN_RESPONSE, "end"), CHAIN_DONE);
		ck_assert_int_eq(holders[1].rc, SLUICE_OK);
		ck_assert_int_eq(holders[0].rc, SLUICE_E_NOT_FOUND);
		visit_begin(v);
	}
	end(v);
}
END_TEST

static uint64_t metric(struct rig *r, const char *name, enum metric_kind kind)
{
	struct metric_family *f = metrics_family(r->metrics, name, "", kind, NULL, 0);
	const struct metric_label labels[] = {
		{STR("policy"), STR("caching")}, {STR("cache"), STR("default/0")}};
	struct metric_series *s = metrics_series(f, labels, 2);
	uint64_t value = metric_series_value(s);
	metric_series_unref(s);
	return value;
}

START_TEST(is_counted)
{
	struct visit *v = begin();
	fill(v, "hello world");
	hit(v);
	struct rig *r = v->rig;
	ck_assert_uint_eq(metric(r, "sluice_cache_hits_total", METRIC_COUNTER), 1);
	ck_assert_uint_eq(metric(r, "sluice_cache_misses_total", METRIC_COUNTER), 1);
	ck_assert_uint_eq(metric(r, "sluice_cache_stores_total", METRIC_COUNTER), 1);
	ck_assert_uint_eq(metric(r, "sluice_cache_evictions_total", METRIC_COUNTER), 0);
	ck_assert_uint_eq(metric(r, "sluice_cache_entries", METRIC_GAUGE), 1);
	ck_assert_uint_gt(metric(r, "sluice_cache_bytes", METRIC_GAUGE), 11);
	end(v);
}
END_TEST

UNIT_SUITE(cache, what_passed_is_answered_from_then_on, a_part_of_it_is_sent,
	head_and_304_have_no_body, a_response_that_breaks_off_is_forgotten,
	a_body_that_is_too_large_is_given_up, what_is_being_sent_outlives_its_place,
	the_same_policy_waits_for_a_late_answer,
	what_another_worker_has_just_stored_is_not_of_tomorrow,
	what_ends_while_its_answer_is_on_the_way_has_nothing_left,
	fields_of_the_meta_data_are_the_same_each_time,
	what_an_answer_left_out_is_checked_when_it_comes,
	calls_do_what_they_say_and_refuse_the_rest, what_is_under_way_is_bounded_as_the_store_is,
	is_counted)
