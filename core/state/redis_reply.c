/* SPDX-License-Identifier: Apache-2.0 */
#include "state/redis_reply.h"

#include "base/buffer.h"
#include "base/check.h"
#include "base/memory.h"

#include <hiredis/hiredis.h>

#define VALUES_AT_FIRST 16

struct redis_reader {
	redisReader *reader;
	size_t bytes_max;
	struct redis_value *values; /* owned */
	size_t count, capacity;
	struct buffer text; /* of all values, in their order */
	bool is_told;       /* what is kept was given out: the next value begins anew */
};

/* --- what hiredis calls for each value ------------------------------------------------------- */
/* NULL, which hiredis takes for a lack of memory: there are too many. */
static void *value_add(const redisReadTask *task, struct redis_value value)
{
	struct redis_reader *r = task->privdata;
	if (r->count == REDIS_VALUES_MAX)
		return NULL;
	if (r->count == r->capacity) {
		r->capacity = r->capacity ? r->capacity * 2 : VALUES_AT_FIRST;
		r->values = heap_realloc(r->values, r->capacity * sizeof(*r->values));
	}
	r->values[r->count++] = value;
	return r;
}

static void *on_text(const redisReadTask *task, char *p, size_t n)
{
	struct redis_reader *r = task->privdata;
	struct redis_value v = {.kind = REDIS_TEXT, .text = {NULL, n}};
	if (task->type == REDIS_REPLY_STATUS)
		v.kind = REDIS_STATUS;
	else if (task->type == REDIS_REPLY_ERROR)
		v.kind = REDIS_ERROR;
	else if (task->type != REDIS_REPLY_STRING)
		return NULL;
	buffer_add(&r->text, str_n(p, n));
	return r->text.failed ? NULL : value_add(task, v);
}

static void *on_integer(const redisReadTask *task, long long integer)
{
	return value_add(task, (struct redis_value){.kind = REDIS_INTEGER, .integer = integer});
}

static void *on_nil(const redisReadTask *task)
{
	return value_add(task, (struct redis_value){.kind = REDIS_NIL});
}

#if HIREDIS_MAJOR >= 1
typedef size_t list_count;

/* Of RESP 3, which nobody asked for. */
static void *on_double(const redisReadTask *task, double number, char *p, size_t n)
{
	(void)task, (void)number, (void)p, (void)n;
	return NULL;
}

static void *on_bool(const redisReadTask *task, int truth)
{
	(void)task, (void)truth;
	return NULL;
}
#else
typedef int list_count;
#endif

static void *on_list(const redisReadTask *task, list_count n)
{
	if (task->type != REDIS_REPLY_ARRAY || (size_t)n >= REDIS_VALUES_MAX)
		return NULL;
	return value_add(task, (struct redis_value){.kind = REDIS_LIST, .integer = (int64_t)n});
}

/* Values are the reader's. */
static void on_free(void *value)
{
	(void)value;
}

static redisReplyObjectFunctions functions = {
	.createString = on_text,
	.createArray = on_list,
	.createInteger = on_integer,
	.createNil = on_nil,
#if HIREDIS_MAJOR >= 1
	.createDouble = on_double,
	.createBool = on_bool,
#endif
	.freeObject = on_free,
};

/* --- replies --------------------------------------------------------------------------------- */
void redis_reader_feed(struct redis_reader *r, struct str bytes)
{
	/* What fails here fails again when the next reply is asked for. */
	(void)redisReaderFeed(r->reader, bytes.p, bytes.n);
}

/* The buffer may have moved while it grew. */
static void texts_place(struct redis_reader *r)
{
	size_t at = 0;
	for (size_t i = 0; i < r->count; i++) {
		r->values[i].text.p = r->text.p + at;
		at += r->values[i].text.n;
	}
}

enum rc redis_reader_next(struct redis_reader *r, struct redis_reply *reply)
{
	void *whole = NULL;
	if (r->is_told) {
		r->is_told = false;
		r->count = 0;
		buffer_reset(&r->text);
	}
	if (redisReaderGetReply(r->reader, &whole) != REDIS_OK)
		return RC_INVALID;
	if (!whole)
		return r->reader->len - r->reader->pos > r->bytes_max ? RC_INVALID : RC_AGAIN;
	r->is_told = true;
	if (r->text.p)
		texts_place(r);
	*reply = (struct redis_reply){r->values, r->count};
	return RC_OK;
}

/* --- life ------------------------------------------------------------------------------------ */
struct redis_reader *redis_reader_new(size_t bytes_max)
{
	struct redis_reader *r = heap_zalloc(sizeof(*r));
	r->reader = redisReaderCreateWithFunctions(&functions);
	CHECK(r->reader);
	r->reader->privdata = r;
	r->bytes_max = bytes_max;
	buffer_init(&r->text, bytes_max);
	return r;
}

void redis_reader_free(struct redis_reader *r)
{
	redisReaderFree(r->reader);
	buffer_deinit(&r->text);
	free(r->values);
	free(r);
}
