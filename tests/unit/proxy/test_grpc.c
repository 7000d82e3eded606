/* SPDX-License-Identifier: Apache-2.0 */
/* What is a call, what its timeout is, and how a failure is put. */
#include "unit.h"

#include "base/pool.h"
#include "proxy/grpc.h"

static struct pool *pool;
static struct arena arena;

static void set_up(void)
{
	pool = pool_new();
	arena_init(&arena, pool, 1u << 16);
}

static void tear_down(void)
{
	arena_reset(&arena);
	pool_free(pool);
}

START_TEST(knows_calls_by_their_content_type)
{
	static const struct {
		const char *type;
		enum grpc_kind kind;
	} rows[] = {
		{"application/grpc", GRPC_NATIVE},
		{"application/grpc+proto", GRPC_NATIVE},
		{"Application/GRPC;x=y", GRPC_NATIVE},
		{"application/grpc-web", GRPC_WEB},
		{"application/grpc-web+proto", GRPC_WEB},
		{"application/grpc-web-text", GRPC_WEB},
		{"application/grpc-web-text+proto; charset=x", GRPC_WEB},
		{"application/grpcx", GRPC_NONE},
		{"application/grpc-webx", GRPC_NONE},
		{"application/grp", GRPC_NONE},
		{"application/json", GRPC_NONE},
		{"", GRPC_NONE},
	};
	set_up();
	for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
		struct fields f;
		fields_init(&f, &arena);
		ck_assert_int_eq(grpc_kind_of(&f), GRPC_NONE);
		ck_assert_int_eq(fields_add(&f, STR("content-type"), str_of(rows[i].type)), RC_OK);
		ck_assert_msg(grpc_kind_of(&f) == rows[i].kind, "%s", rows[i].type);
	}
	tear_down();
}
END_TEST

START_TEST(reads_timeouts)
{
	static const struct {
		const char *text;
		int64_t ms;
	} rows[] = {
		{"1H", 3600000},
		{"2M", 120000},
		{"3S", 3000},
		{"250m", 250},
		{"1500u", 2},
		{"1n", 1},
		{"1000001n", 2},
		{"0m", 0},
		{"99999999H", 359999996400000},
		{"100000000S", -1},
		{"", -1},
		{"m", -1},
		{"10", -1},
		{"1x", -1},
		{"-1S", -1},
		{"1.5S", -1},
		{" 1S", -1},
	};
	for (size_t i = 0; i < ARRAY_COUNT(rows); i++)
		ck_assert_msg(grpc_timeout_ms(str_of(rows[i].text)) == rows[i].ms, "%s: %lld",
			rows[i].text, (long long)grpc_timeout_ms(str_of(rows[i].text)));
}
END_TEST

START_TEST(maps_http_as_grpc_says)
{
	static const struct {
		uint16_t http;
		enum grpc_status status;
	} rows[] = {{400, 13}, {401, 16}, {403, 7}, {404, 12}, {429, 14}, {502, 14}, {503, 14},
		{504, 14}, {500, 2}, {405, 2}, {418, 2}};
	for (size_t i = 0; i < ARRAY_COUNT(rows); i++)
		ck_assert_int_eq(grpc_status_of_http(rows[i].http), rows[i].status);
}
END_TEST

START_TEST(escapes_messages)
{
	set_up();
	assert_str(grpc_message(&arena, STR("plain: text")), "plain: text");
	assert_str(grpc_message(&arena, STR("100%\n\xc3\xbc\x7f")), "100%25%0A%C3%BC%7F");
	assert_str(grpc_message(&arena, STR_EMPTY), "");
	tear_down();
}
END_TEST

/* Three messages, one of them empty, in pieces of every size; what has gone on is not seen again. */
START_TEST(follows_messages_whatever_their_pieces)
{
	static const char bytes[] = "\0\0\0\0\2ok\0\0\0\0\0\1\0\0\1\0";
	static const bool whole_behind[] = {[0] = true, [7] = true, [12] = true};
	struct chunk_queue q;
	set_up();
	for (size_t piece = 1; piece < sizeof(bytes); piece++) {
		struct grpc_frames f = {.is_known = true};
		chunk_queue_init(&q, pool);
		for (size_t at = 0, n; at < sizeof(bytes) - 1; at += n) {
			n = sizeof(bytes) - 1 - at < piece ? sizeof(bytes) - 1 - at : piece;
			chunk_queue_add_copy(&q, str_n(bytes + at, n));
			grpc_frames_take(&f, &q, n);
			size_t to = at + n;
			bool whole = to < ARRAY_COUNT(whole_behind) && whole_behind[to];
			ck_assert_msg(grpc_frames_are_whole(&f) == whole, "%zu by %zu", to, piece);
			if (at % 2)
				chunk_queue_clear(&q);
		}
		ck_assert_uint_eq(f.left, 256);
		ck_assert_uint_eq(f.seen, sizeof(bytes) - 1);
		chunk_queue_clear(&q);
	}
	tear_down();
}
END_TEST

START_TEST(what_was_not_seen_is_not_known)
{
	struct chunk_queue q;
	set_up();
	chunk_queue_init(&q, pool);
	struct grpc_frames f = {.is_known = true};
	grpc_frames_take(&f, &q, 5);
	ck_assert(!grpc_frames_are_whole(&f));
	tear_down();
}
END_TEST

UNIT_SUITE(grpc, follows_messages_whatever_their_pieces, what_was_not_seen_is_not_known,
	knows_calls_by_their_content_type, reads_timeouts, maps_http_as_grpc_says, escapes_messages)
