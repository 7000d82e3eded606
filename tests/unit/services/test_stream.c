/* SPDX-License-Identifier: Apache-2.0 */
#include "unit.h"

#include "rig.h"

#include "base/buffer.h"
#include "policy/local_stream.h"

#include "sluice/sse.h"
#include "sluice/stream.h"
#include "sluice/timer.h"

static const struct sluice_stream_service *service;
static const struct sluice_timer_service *timers;
static sluice_stream stream;
static struct sluice_stream_options options;
static int32_t status;
static const struct sluice_str *fields;
static size_t field_count;
static int ready_count, closed_count, done_count;
static uint32_t closed_why;
static void (*on_timer)(void);

static void ready(const struct sluice_call *call, sluice_stream s, void *arg)
{
	ck_assert_uint_eq(s, stream);
	ck_assert_ptr_eq(arg, &ready_count);
	ready_count++;
}

static void closed(const struct sluice_call *call, sluice_stream s, uint32_t why, void *arg)
{
	ck_assert_uint_eq(s, stream);
	ck_assert_ptr_eq(arg, &ready_count);
	ck_assert_int_eq(service->write(s, SLUICE_STR("late"), 0), SLUICE_E_STALE);
	ck_assert_int_eq(service->room(s), SLUICE_E_STALE);
	ck_assert_int_eq(service->end(s, NULL, 0), SLUICE_E_STALE);
	ck_assert_int_eq(service->abort(s), SLUICE_E_STALE);
	ck_assert_int_eq(done_count, 0);
	closed_count++;
	closed_why = why;
}

static int32_t configure(const struct sluice_call *call, const struct sluice_value *config,
	void *previous, void **out)
{
	service = call->host->service(SLUICE_STREAM_SERVICE);
	timers = call->host->service(SLUICE_TIMER_SERVICE);
	return SLUICE_OK;
}

static int32_t answer(const struct sluice_call *call, struct sluice_exchange *x)
{
	ck_assert_int_eq(
		service->begin(x, status, fields, field_count, &options, &stream), SLUICE_OK);
	ck_assert_uint_ne(stream, 0);
	return SLUICE_RESPONDED;
}

static int32_t answer_and_go_on(const struct sluice_call *call, struct sluice_exchange *x)
{
	answer(call, x);
	return SLUICE_CONTINUE;
}

static int32_t answer_twice(const struct sluice_call *call, struct sluice_exchange *x)
{
	answer(call, x);
	ck_assert_int_eq(call->host->respond(x, 418, NULL, 0, SLUICE_STR("short"), SLUICE_STR("")),
		SLUICE_OK);
	return SLUICE_RESPONDED;
}

static int32_t misuse(const struct sluice_call *call, struct sluice_exchange *x)
{
	const struct sluice_str framing[] = {
		SLUICE_STR("content-length"), SLUICE_STR("7"), SLUICE_STR("a b"), SLUICE_STR("c")};
	struct sluice_stream_options o = options;
	ck_assert_int_eq(service->begin(x, 200, NULL, 0, NULL, &stream), SLUICE_E_INVALID);
	ck_assert_int_eq(service->begin(x, 200, NULL, 0, &o, NULL), SLUICE_E_INVALID);
	ck_assert_int_eq(service->begin(x, 199, NULL, 0, &o, &stream), SLUICE_E_INVALID);
	ck_assert_int_eq(service->begin(x, 200, NULL, 1, &o, &stream), SLUICE_E_INVALID);
	ck_assert_int_eq(service->begin(x, 200, framing, 1, &o, &stream), SLUICE_E_INVALID);
	ck_assert_int_eq(service->begin(x, 200, framing + 2, 1, &o, &stream), SLUICE_E_INVALID);
	ck_assert_int_eq(service->begin(NULL, 200, NULL, 0, &o, &stream), SLUICE_E_WRONG_CALLBACK);
	o.size = 8;
	ck_assert_int_eq(service->begin(x, 200, NULL, 0, &o, &stream), SLUICE_E_INVALID);
	ck_assert_int_eq(service->write(0, SLUICE_STR("x"), 0), SLUICE_E_STALE);
	ck_assert_int_eq(service->write(stream + 7, SLUICE_STR("x"), 0), SLUICE_E_STALE);
	ck_assert_int_eq(
		service->write((uint64_t)1 << 56 | 1, SLUICE_STR("x"), 0), SLUICE_E_WRONG_CALLBACK);
	return SLUICE_CONTINUE;
}

static void done(const struct sluice_call *call, struct sluice_exchange *x)
{
	done_count++;
	ck_assert_int_eq(
		service->begin(x, 200, NULL, 0, &options, &stream), SLUICE_E_WRONG_CALLBACK);
	ck_assert_int_eq(service->write(stream, SLUICE_STR("x"), 0), SLUICE_E_WRONG_CALLBACK);
}

static void fired(const struct sluice_call *call, void *arg)
{
	on_timer();
}

/* Whatever a test has the plugin do happens in a timer of it. */
static int32_t worker_start(const struct sluice_call *call, void **data)
{
	ck_assert_ptr_nonnull(timers->start(call, 100, fired, NULL));
	return SLUICE_OK;
}

typedef int32_t head(const struct sluice_call *call, struct sluice_exchange *x);
static struct sluice_policy policy;

static struct visit *begin_with(head *fn, head *response_head, bool skips)
{
	policy = (struct sluice_policy){
		.size = sizeof(policy),
		.name = "writing",
		.version = "1.0.0",
		.configure = configure,
		.worker_start = worker_start,
		.request_head = fn,
		.response_head = response_head,
		.done = done,
	};
	options = (struct sluice_stream_options){.size = sizeof(options),
		.reason = SLUICE_STR("counts"),
		.ready = ready,
		.closed = closed,
		.arg = &ready_count};
	status = 200;
	fields = NULL;
	field_count = 0;
	ready_count = closed_count = done_count = 0;
	struct rig *r = rig_new(1);
	rig_bind(r, rig_policy(r, &policy), "writing", "{}")->skip_on_error = skips;
	struct visit *v = visit_new(r, 0);
	visit_begin(v);
	return v;
}

static struct visit *begin(head *fn)
{
	return begin_with(fn, NULL, false);
}

static void end(struct visit *v)
{
	struct rig *r = v->rig;
	visit_free(v);
	rig_free(r);
}

static void answered(struct visit *v)
{
	ck_assert_int_eq(chain_step(&v->x, CHAIN_REQUEST), CHAIN_RESPONDED);
	ck_assert_ptr_nonnull(v->x.local->stream);
	v->x.response = &v->x.local->head;
	loop_turn(v->loop, 0);
	ck_assert_int_eq(closed_count, 0);
}

static void in_timer(struct visit *v, void (*fn)(void))
{
	on_timer = fn;
	loop_fake_advance(v->loop, 200);
	loop_turn(v->loop, 0);
}

/* The proxy's part: takes what is written, as text. */
static const char *taken(struct visit *v)
{
	static char text[4096];
	struct local_stream *s = v->x.local->stream;
	size_t n = s->queue.bytes;
	ck_assert_uint_lt(n, sizeof(text));
	chunk_queue_peek(&s->queue, text, n);
	text[n] = '\0';
	chunk_queue_drop(&s->queue, n);
	s->changed(s);
	return text;
}

static void write_hello(void)
{
	ck_assert_int_eq(service->write(stream, SLUICE_STR("hello "), 0), 6);
	ck_assert_int_eq(service->write(stream, SLUICE_STR("world"), SLUICE_STREAM_WHOLE), 5);
	ck_assert_int_eq(service->write(stream, SLUICE_STR(""), 0), 0);
	ck_assert_int_eq(service->write(stream, SLUICE_STR("x"), 2), SLUICE_E_INVALID);
}

static void end_it(void)
{
	const struct sluice_str early[] = {SLUICE_STR("content-type"), SLUICE_STR("text/plain")};
	const struct sluice_str trailer[] = {SLUICE_STR("x-checksum"), SLUICE_STR("0")};
	ck_assert_int_eq(service->end(stream, early, 1), SLUICE_E_INVALID);
	ck_assert_int_eq(service->end(stream, NULL, 1), SLUICE_E_INVALID);
	ck_assert_int_eq(service->end(stream, trailer, 1), SLUICE_OK);
	ck_assert_int_eq(service->end(stream, NULL, 0), SLUICE_E_INVALID);
	ck_assert_int_eq(service->abort(stream), SLUICE_E_INVALID);
	ck_assert_int_eq(service->write(stream, SLUICE_STR("x"), 0), SLUICE_E_INVALID);
	ck_assert_int_eq(service->room(stream), 0);
}

START_TEST(is_written_from_a_timer_and_ends)
{
	const struct sluice_str type[] = {
		SLUICE_STR("content-type"), SLUICE_STR("text/event-stream")};
	struct visit *v = begin(answer);
	fields = type;
	field_count = 1;
	answered(v);
	ck_assert_uint_eq(v->x.response->status, 200);
	ck_assert_int_eq(v->x.response->content_length, CONTENT_LENGTH_UNKNOWN);
	assert_str(v->x.local->reason, "counts");
	assert_str(visit_answered(v, "Content-Type"), "text/event-stream");
	in_timer(v, write_hello);
	ck_assert_int_ge(v->wakes, 1);
	ck_assert_str_eq(taken(v), "hello world");
	ck_assert(!v->x.local->stream->ended);
	end(v);
	ck_assert_int_eq(closed_count, 1);
	ck_assert_int_eq(done_count, 1);
}
END_TEST

START_TEST(closes_as_sent_when_all_was_taken)
{
	struct visit *v = begin(answer);
	answered(v);
	in_timer(v, end_it);
	ck_assert(v->x.local->stream->ended);
	ck_assert_uint_eq(v->x.local->stream->trailers->count, 1);
	ck_assert_int_eq(closed_count, 0);
	visit_end(v);
	ck_assert_int_eq(closed_count, 1);
	ck_assert_uint_eq(closed_why, SLUICE_STREAM_SENT);
	end(v);
}
END_TEST

static char much[SLUICE_STREAM_CREDIT_BYTES + 1];

static void fill(void)
{
	struct sluice_str all = {much, sizeof(much)};
	ck_assert_int_eq(service->room(stream), SLUICE_STREAM_CREDIT_BYTES);
	ck_assert_int_eq(service->write(stream, all, SLUICE_STREAM_WHOLE), SLUICE_E_INVALID);
	ck_assert_int_eq(service->write(stream, all, 0), SLUICE_STREAM_CREDIT_BYTES);
	ck_assert_int_eq(service->room(stream), 0);
	ck_assert_int_eq(service->write(stream, SLUICE_STR("x"), 0), SLUICE_E_FULL);
	ck_assert_int_eq(
		service->write(stream, SLUICE_STR("x"), SLUICE_STREAM_WHOLE), SLUICE_E_FULL);
}

static void take_n(struct visit *v, size_t n)
{
	struct local_stream *s = v->x.local->stream;
	chunk_queue_drop(&s->queue, n);
	s->changed(s);
	loop_turn(v->loop, 0);
}

START_TEST(is_told_once_when_there_is_room_again)
{
	struct visit *v = begin(answer);
	answered(v);
	in_timer(v, fill);
	take_n(v, 100);
	ck_assert_int_eq(ready_count, 0);
	take_n(v, SLUICE_STREAM_CREDIT_BYTES / 2);
	ck_assert_int_eq(ready_count, 1);
	take_n(v, 1000);
	ck_assert_int_eq(ready_count, 1);
	end(v);
}
END_TEST

static void fill_and_add_little(void)
{
	struct sluice_str most = {much, SLUICE_STREAM_CREDIT_BYTES - 10};
	ck_assert_int_eq(service->write(stream, most, 0), SLUICE_STREAM_CREDIT_BYTES - 10);
	ck_assert_int_eq(service->write(stream, SLUICE_STR("more than ten"), SLUICE_STREAM_WHOLE),
		SLUICE_E_FULL);
	ck_assert_int_eq(service->write(stream, SLUICE_STR("little"), SLUICE_STREAM_WHOLE), 6);
	ck_assert_int_eq(service->write(stream, SLUICE_STR(""), 0), 0);
}

START_TEST(what_fits_meanwhile_takes_no_ready_away)
{
	struct visit *v = begin(answer);
	answered(v);
	in_timer(v, fill_and_add_little);
	take_n(v, SLUICE_STREAM_CREDIT_BYTES / 2);
	ck_assert_int_eq(ready_count, 1);
	end(v);
}
END_TEST

static void abort_it(void)
{
	ck_assert_int_eq(service->write(stream, SLUICE_STR("half"), 0), 4);
	ck_assert_int_eq(service->abort(stream), SLUICE_OK);
	ck_assert_int_eq(service->abort(stream), SLUICE_E_INVALID);
	ck_assert_int_eq(service->write(stream, SLUICE_STR("x"), 0), SLUICE_E_INVALID);
}

START_TEST(what_is_given_up_is_told_to_the_proxy)
{
	struct visit *v = begin(answer);
	answered(v);
	int wakes = v->wakes;
	in_timer(v, abort_it);
	ck_assert(v->x.local->stream->aborted);
	ck_assert_int_gt(v->wakes, wakes);
	visit_end(v);
	ck_assert_uint_eq(closed_why, SLUICE_STREAM_ABORTED);
	end(v);
}
END_TEST

static int32_t break_down(const struct sluice_call *call, struct sluice_exchange *x)
{
	return SLUICE_FAIL;
}

static void write_all(void)
{
	write_hello();
	ck_assert_int_eq(service->end(stream, NULL, 0), SLUICE_OK);
}

/* Its queue goes with its operations: nobody may take the rest for a whole answer. */
START_TEST(who_fails_while_it_answers_is_not_skipped)
{
	for (int skips = 0; skips < 2; skips++) {
		struct visit *v = begin_with(answer, break_down, skips);
		answered(v);
		in_timer(v, write_all);
		ck_assert_int_eq(chain_step(&v->x, CHAIN_RESPONSE), CHAIN_FAILED);
		ck_assert_ptr_nonnull(v->x.fault_binding);
		ck_assert_int_eq(closed_count, 1);
		ck_assert_uint_eq(closed_why, SLUICE_STREAM_CUT);
		end(v);
	}
}
END_TEST

START_TEST(a_lost_one_is_closed_at_once)
{
	static const struct {
		enum local_stream_loss loss;
		uint32_t why;
	} rows[] = {
		{LOCAL_STREAM_CLIENT_GONE, SLUICE_STREAM_CLIENT_GONE},
		{LOCAL_STREAM_CUT, SLUICE_STREAM_CUT},
		{LOCAL_STREAM_REPLACED, SLUICE_STREAM_REPLACED},
	};
	for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
		struct visit *v = begin(answer);
		answered(v);
		local_stream_lose(v->x.local->stream, rows[i].loss);
		local_stream_lose(v->x.local->stream, LOCAL_STREAM_CUT);
		ck_assert_int_eq(closed_count, 0);
		loop_turn(v->loop, 0);
		ck_assert_int_eq(closed_count, 1);
		ck_assert_uint_eq(closed_why, rows[i].why);
		end(v);
		ck_assert_int_eq(closed_count, 1);
	}
}
END_TEST

START_TEST(what_did_not_become_the_answer_is_closed)
{
	struct visit *v = begin(answer_and_go_on);
	ck_assert_int_eq(chain_step(&v->x, CHAIN_REQUEST), CHAIN_MORE);
	loop_turn(v->loop, 0);
	ck_assert_uint_eq(closed_why, SLUICE_STREAM_REPLACED);
	ck_assert_int_eq(closed_count, 1);
	end(v);
	v = begin(answer_twice);
	ck_assert_int_eq(chain_step(&v->x, CHAIN_REQUEST), CHAIN_RESPONDED);
	ck_assert_uint_eq(v->x.local->head.status, 418);
	ck_assert_ptr_null(v->x.local->stream);
	visit_end(v); /* before anybody has looked */
	ck_assert_uint_eq(closed_why, SLUICE_STREAM_REPLACED);
	ck_assert_int_eq(closed_count, 1);
	end(v);
}
END_TEST

static void write_for_nobody(void)
{
	struct sluice_str all = {much, sizeof(much)};
	ck_assert_int_eq(service->write(stream, all, 0), SLUICE_STREAM_CREDIT_BYTES);
	ck_assert_int_eq(service->write(stream, SLUICE_STR("x"), 0), 1);
	ck_assert_int_eq(service->end(stream, NULL, 0), SLUICE_OK);
}

START_TEST(an_answer_without_content_drops_what_is_written)
{
	for (int i = 0; i < 2; i++) {
		struct visit *v = begin(answer);
		status = i == 0 ? 204 : 200;
		if (i == 1)
			v->request.method = METHOD_HEAD;
		answered(v);
		ck_assert(v->x.local->stream->ended);
		in_timer(v, write_for_nobody);
		ck_assert_uint_eq(v->x.local->stream->queue.bytes, 0);
		visit_end(v);
		ck_assert_uint_eq(closed_why, SLUICE_STREAM_SENT);
		end(v);
	}
}
END_TEST

static void write_ten(void)
{
	ck_assert_int_eq(service->write(stream, SLUICE_STR("12345678901"), 0), SLUICE_E_INVALID);
	ck_assert_int_eq(service->write(stream, SLUICE_STR("123456789"), 0), 9);
	ck_assert_int_eq(service->end(stream, NULL, 0), SLUICE_E_INVALID);
	ck_assert_int_eq(service->room(stream), 1);
	ck_assert_int_eq(service->write(stream, SLUICE_STR("0"), 0), 1);
	ck_assert_int_eq(service->write(stream, SLUICE_STR("1"), 0), SLUICE_E_INVALID);
	ck_assert_int_eq(service->end(stream, NULL, 0), SLUICE_OK);
}

START_TEST(a_length_that_was_promised_is_kept)
{
	struct visit *v = begin(answer);
	options.length = 10;
	answered(v);
	ck_assert_int_eq(v->x.response->content_length, 10);
	in_timer(v, write_ten);
	ck_assert_str_eq(taken(v), "1234567890");
	end(v);
}
END_TEST

START_TEST(misuse_is_refused)
{
	struct visit *v = begin(misuse);
	stream = 0;
	ck_assert_int_eq(chain_step(&v->x, CHAIN_REQUEST), CHAIN_MORE);
	ck_assert_int_eq(service->write(stream, SLUICE_STR("x"), 0), SLUICE_E_WRONG_CALLBACK);
	end(v);
	ck_assert_int_eq(closed_count, 0);
}
END_TEST

static sluice_stream former;

static void write_both(void)
{
	ck_assert_int_eq(service->write(former, SLUICE_STR("x"), 0), SLUICE_E_STALE);
	ck_assert_int_eq(service->abort(former), SLUICE_E_STALE);
	write_hello();
}

/* It had the same slot. */
START_TEST(a_handle_of_a_former_stream_is_stale)
{
	struct visit *v = begin(answer);
	answered(v);
	former = stream;
	visit_begin(v);
	closed_count = done_count = 0;
	answered(v);
	ck_assert_uint_ne(stream, former);
	ck_assert_uint_eq(stream >> 32, former >> 32);
	in_timer(v, write_both);
	ck_assert_str_eq(taken(v), "hello world");
	end(v);
}
END_TEST

/* --- events ---------------------------------------------------------------------------------- */
#define STR_OF(s) str_n((s).p, (s).n)

START_TEST(an_event_has_a_line_for_each_line)
{
	char bytes[200];
	struct sluice_sse e = sluice_sse_begin(bytes, sizeof(bytes));
	sluice_sse_comment(&e, SLUICE_STR("hi\nthere"));
	sluice_sse_retry(&e, 2500);
	sluice_sse_id(&e, SLUICE_STR("7"));
	sluice_sse_event(&e, SLUICE_STR("count"));
	sluice_sse_data(&e, SLUICE_STR("a\r\nb\rc\n\nd\n"));
	sluice_sse_data(&e, SLUICE_STR(""));
	struct sluice_str text = sluice_sse_end(&e);
	assert_str(STR_OF(text),
		": hi\n: there\nretry: 2500\nid: 7\nevent: count\n"
		"data: a\ndata: b\ndata: c\ndata: \ndata: d\ndata: \ndata: \n\n");
}
END_TEST

START_TEST(what_cannot_stand_in_an_event_spoils_it)
{
	static const struct sluice_str wrong[] = {{"a\nb", 3}, {"a\rb", 3}, {"a\0b", 3}};
	char bytes[64];
	for (size_t i = 0; i < ARRAY_COUNT(wrong); i++) {
		struct sluice_sse e = sluice_sse_begin(bytes, sizeof(bytes));
		sluice_sse_id(&e, wrong[i]);
		sluice_sse_data(&e, SLUICE_STR("x"));
		ck_assert_uint_eq(sluice_sse_end(&e).n, 0);
		e = sluice_sse_begin(bytes, sizeof(bytes));
		sluice_sse_event(&e, wrong[i]);
		ck_assert_uint_eq(sluice_sse_end(&e).n, 0);
	}
	for (size_t room = 0; room < 10; room++) {
		struct sluice_sse e = sluice_sse_begin(bytes, room);
		sluice_sse_data(&e, SLUICE_STR("ab"));
		ck_assert_uint_eq(sluice_sse_end(&e).n, room < 10 ? 0 : 10);
		ck_assert_uint_le(e.n, room);
	}
	struct sluice_sse e = sluice_sse_begin(bytes, 10);
	sluice_sse_data(&e, SLUICE_STR("ab"));
	ck_assert_uint_eq(sluice_sse_end(&e).n, 10);
}
END_TEST

UNIT_SUITE(stream, is_written_from_a_timer_and_ends, closes_as_sent_when_all_was_taken,
	is_told_once_when_there_is_room_again, what_fits_meanwhile_takes_no_ready_away,
	what_is_given_up_is_told_to_the_proxy, who_fails_while_it_answers_is_not_skipped,
	a_lost_one_is_closed_at_once, what_did_not_become_the_answer_is_closed,
	an_answer_without_content_drops_what_is_written, a_length_that_was_promised_is_kept,
	misuse_is_refused, a_handle_of_a_former_stream_is_stale,
	an_event_has_a_line_for_each_line, what_cannot_stand_in_an_event_spoils_it)
